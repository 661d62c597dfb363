package planner

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Plan decides what should be in the calendar at now.
//
// Every contact is asked about by every rule (rules.go). What a rule finds is a
// candidate, and each ends in one of these ways:
//
//	its key ended before, and not by policy      nothing: it never comes back
//	it is in the calendar                        FollowUps, open
//	it is one of many first meetings of a day    they are one candidate from here on
//	the contact or the rule is shut, or it lapsed Held
//	its day is not to be filled yet              FollowUps, waiting
//	a mark of its rule holds it back             Held
//	the contact has another one                  FollowUps, waiting, and Also there
//	over the budget, or no slot                  Held
//	else                                         FollowUps, write
//
// Entries in the calendar that no rule finds any longer are Held with an End.
// An entry with an End counts for no budget; whoever applies the result removes
// those first and writes nothing new where that fails.
func Plan(s Snapshot, policy Policy, now time.Time) Result {
	p := newPass(s, policy, now)
	for _, q := range p.people {
		p.find(q)
	}
	p.group()
	p.sweep()
	p.matchOpen()
	p.release()
	p.place()
	return p.result()
}

// pass is one run of Plan.
type pass struct {
	snapshot Snapshot
	policy   Policy
	cal      *calendar
	clock    *clock
	people   []*person
	byID     map[ContactID]*person
	byWho    map[string]*person
	byName   map[string][]*person // by nameOf
	imports  []span               // in which the cards of an import came
	names    map[string]string    // the present id of mail that has several
	many     map[Key]*person      // stands for the people who share an event
	ended    map[step][]Ended
	rejected map[Rule]map[string][]Ended // by address, for escalation
	open     []Open
	openOf   map[*person][]Open
	shown    map[step][]Open
	ready    []*person       // with something to write
	finished map[string]bool // UIDs of entries that ended in this pass
	out      Result
}

const (
	lapseAfter  = 10        // business days after Due
	lookBack    = 14 * days // age of evidence that the first run still takes up
	forgetAfter = 30 * days // after lapsing it is no longer mentioned
)

// step is a key without its address, since after a merge either address's key
// counts.
type step struct {
	rule           Rule
	evidence, step string
}

func (p *pass) within(k Key) step {
	return step{k.Rule, cmp.Or(p.names[k.Evidence], k.Evidence), k.Step}
}

// learnNames takes note of mail that is known under several ids. An id is of one
// mail only; if it were of two, the smallest name would count.
func (p *pass) learnNames(c *Contact) {
	learn := func(all ...Evidence) {
		for _, e := range all {
			for _, also := range e.Also {
				if known, ok := p.names[also]; !ok || e.ID < known {
					p.names[also] = e.ID
				}
			}
		}
	}
	learn(c.LastOut, c.LastIn, c.Exchanges.Last)
	learn(c.Asked...)
	for _, turns := range [][]Turn{c.Unanswered, c.Outstanding} {
		for i := range turns {
			learn(turns[i].Evidence)
			learn(turns[i].Nudges...)
			learn(turns[i].Asks...)
		}
	}
	for _, promises := range [][]Promise{c.Promises, c.Theirs} {
		for i := range promises {
			learn(promises[i].Evidence)
		}
	}
	for _, i := range c.Introductions {
		learn(i.Evidence)
	}
}

// candidate is a follow-up on its way to a decision.
type candidate struct {
	FollowUp
	rule  *rule
	who   *person
	shown facts
	at    time.Time // of its evidence
	block string    // why it can't be written whatever the day, "" if it can
	held  string    // why it is held in this pass
	until time.Time // when what holds it ends; zero if not known
	words string    // of which template, "" for that of the rule
	uid   string    // of the open entry that it is
	kept  bool      // stands for an open entry whose facts are not known

	dated  bool      // a day is named for it: how old it is does not matter
	lapses time.Time // when its moment has passed; zero: ten business days after Due
}

// newCard reports whether it is about a new card of somebody.
func (c *candidate) newCard() bool { return c.Rule == FirstMeeting && c.shown.Kind == Card }

func newPass(s Snapshot, policy Policy, now time.Time) *pass {
	policy = policy.normal()
	p := &pass{
		snapshot: s,
		policy:   policy,
		cal:      newCalendar(policy, s.Absent...),
		clock:    &clock{now: now},
		byID:     make(map[ContactID]*person),
		byWho:    make(map[string]*person),
		byName:   make(map[string][]*person),
		names:    make(map[string]string),
		many:     make(map[Key]*person),
		ended:    make(map[step][]Ended),
		rejected: make(map[Rule]map[string][]Ended),
		finished: make(map[string]bool),
	}
	if !s.Until.IsZero() {
		p.clock.reached(s.Until)
	}
	for i := range s.Contacts {
		p.learnNames(&s.Contacts[i])
	}
	for _, e := range s.Ended {
		k := p.within(e.Key)
		p.ended[k] = append(p.ended[k], e)
		if p.rejected[e.Key.Rule] == nil {
			p.rejected[e.Key.Rule] = make(map[string][]Ended)
		}
		p.rejected[e.Key.Rule][e.Key.Who] = append(p.rejected[e.Key.Rule][e.Key.Who], e)
	}
	for i := range s.Contacts {
		q := p.newPerson(&s.Contacts[i])
		p.people = append(p.people, q)
		p.byID[q.ID] = q
	}
	slices.SortFunc(p.people, func(a, b *person) int { return strings.Compare(string(a.ID), string(b.ID)) })
	for _, q := range p.people {
		for _, who := range q.names() {
			p.byWho[who] = q
		}
		if name := FullName(q.Name); name != "" {
			p.byName[name] = append(p.byName[name], q)
		}
	}
	p.open = slices.SortedFunc(slices.Values(s.Open), func(a, b Open) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), strings.Compare(a.UID, b.UID), strings.Compare(a.Key.String(), b.Key.String()))
	})
	p.shown, p.openOf = make(map[step][]Open), make(map[*person][]Open)
	for _, o := range p.open {
		k := p.within(o.Key)
		p.shown[k] = append(p.shown[k], o)
		if q := p.owner(o); q != nil {
			p.openOf[q] = append(p.openOf[q], o)
		}
	}
	for _, o := range s.Leaving {
		if q := p.owner(o); q != nil && !o.Touched {
			q.leaving = true
		}
	}
	p.adopt()
	p.findCircles()
	p.findImports()
	return p
}

// owner is the person an open entry is about, nil if nobody.
func (p *pass) owner(o Open) *person {
	if o.Key.ofMany() {
		return p.many[o.Key]
	}
	if q := p.byWho[o.Key.Evidence]; q != nil && o.Key.Rule == FirstMeeting {
		return q // whatever address stood on the card then
	}
	if q := p.byID[o.Contact]; q != nil && (q.has(o.Key.Who) || p.byWho[o.Key.Who] == nil) {
		return q
	}
	return p.byWho[o.Key.Who]
}

// find asks every rule about a person and keeps what has not ended before.
func (p *pass) find(q *person) {
	for i := range rules {
		r := &rules[i]
		for _, c := range p.asked(r, q) {
			c.rule = r
			open := p.isOpen(c)
			if p.settled(c) && !open {
				continue
			}
			if c.block == "" {
				c.block = p.blocked(c)
			}
			if lapsed, forgotten := p.lapse(c); lapsed && !open && !p.isShared(c) {
				if forgotten {
					continue
				}
				c.block = cmp.Or(c.block, "its moment has passed")
			}
			p.word(c)
			q.candidates = append(q.candidates, c)
		}
	}
}

// asked is what a rule sees in a person. Somebody who is no contact is there for
// the one rule about whom a contact introduced (SPEC I11).
func (p *pass) asked(r *rule, q *person) []*candidate {
	if q.Candidate && r.name != IntroReceived {
		return nil
	}
	return r.find(p, q)
}

// settled reports whether the key ended for good. What was withdrawn gets the
// next generation.
func (p *pass) settled(c *candidate) bool {
	c.Generation = 1
	for _, e := range p.endings(c.who, c.Key) {
		if e.Outcome != Withdrawn {
			return true
		}
		c.Generation = max(c.Generation, e.Generation+1)
	}
	if c.newCard() && p.followedUp(c.who) {
		return true
	}
	return c.Rule == FirstMeeting && slices.ContainsFunc(p.ended[p.within(p.shared(c))], func(e Ended) bool { return e.Outcome != Withdrawn })
}

// endings are what became of a key, under whichever of the person's addresses.
func (p *pass) endings(q *person, k Key) []Ended {
	var all []Ended
	for _, e := range p.ended[p.within(k)] {
		if e.Key.Who == k.Who || q.has(e.Key.Who) || q.has(e.Key.Evidence) {
			all = append(all, e)
		}
	}
	return all
}

func (p *pass) isOpen(c *candidate) bool {
	return slices.ContainsFunc(p.shown[p.within(c.Key)], func(o Open) bool { return p.owner(o) == c.who })
}

// isShared reports whether the event for all new people of its day is open.
func (p *pass) isShared(c *candidate) bool {
	return c.Rule == FirstMeeting && len(p.shown[p.within(p.shared(c))]) > 0
}

// blocked says why a candidate is not written whatever the day, "" if it may be.
func (p *pass) blocked(c *candidate) string {
	name := c.Rule
	if c.newCard() && p.shared(c) != (Key{}) {
		name = NewCards
	}
	switch {
	case c.who.shut() != "":
		return c.who.shut()
	case !p.policy.Rules[name].On:
		return "the rule " + string(name) + " is off"
	case c.rule.errand && c.who.errand():
		return "an errand: one thread, no card, never met"
	case c.rule.touch == touchNever && c.who.touch:
		return "in constant touch"
	}
	return ""
}

// lapse reports whether the moment of a candidate has passed, and whether that
// was so long ago that nobody wants to hear of it (SPEC section 5.1, lateness).
func (p *pass) lapse(c *candidate) (lapsed, forgotten bool) {
	if c.rule.patient {
		return false, false
	}
	from := c.Due
	first := p.snapshot.FirstRunAt
	if c.rule.lookBack > 0 && !c.dated && (first.IsZero() || c.Due.Before(first)) {
		end := c.at.Add(c.rule.lookBack)
		if first.IsZero() || end.Before(first) {
			return p.clock.reached(end), p.clock.reached(end.Add(forgetAfter))
		}
		from = first
	}
	end := c.lapses
	if end.IsZero() {
		end = p.lapsesAt(from)
	}
	return p.clock.reached(end), p.clock.reached(end.Add(forgetAfter))
}

// lapsesAt is when the moment of what was due at a time has passed.
func (p *pass) lapsesAt(due time.Time) time.Time {
	return p.cal.start(p.cal.add(p.cal.dayOf(due), lapseAfter) + 1)
}

// result puts the decisions into their order.
func (p *pass) result() Result {
	p.finishPeople()
	slices.SortFunc(p.out.FollowUps, func(a, b FollowUp) int {
		if c := cmp.Or(compareBool(!a.Slot.IsZero(), !b.Slot.IsZero()), a.Slot.Compare(b.Slot), a.Due.Compare(b.Due)); c != 0 {
			return c
		}
		return strings.Compare(a.Key.String(), b.Key.String()) // not for nothing: there may be thousands
	})
	slices.SortFunc(p.out.Held, func(a, b Held) int {
		if c := a.Due.Compare(b.Due); c != 0 {
			return c
		}
		return cmp.Or(strings.Compare(a.Key.String(), b.Key.String()), cmp.Compare(a.Generation, b.Generation))
	})
	p.out.Silent = p.silent()
	p.out.Paused = !p.clock.reached(p.snapshot.Paused)
	p.out.Next = p.clock.next
	return p.out
}
