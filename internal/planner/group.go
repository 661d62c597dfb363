package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// mostAlone is how many new people of one day get an event each. Where there are
// more, they share one (SPEC section 5.3).
const mostAlone = 3

// mostListed bounds the names in the description of an event for many.
const mostListed = 20

// groupKey is the key of the event for the people met first on a day. It is of
// nobody, and what ended it ended the keys of all of them.
func groupKey(d Date) Key { return Key{Rule: FirstMeeting, Evidence: string(d)} }

// ofMany reports whether a key is one that groupKey, importKey or sweepKey made.
func (k Key) ofMany() bool {
	_, isDate := parseDate(Date(k.Evidence))
	return isDate && k == groupKey(Date(k.Evidence)) || k == Key{Rule: NewCards, Evidence: k.Evidence} ||
		k == Key{Rule: CardSweep, Evidence: k.Evidence}
}

// shared is the key under which a candidate would be one of many; zero if there
// is none.
func (p *pass) shared(c *candidate) Key {
	if c.newCard() {
		k, _ := p.importOf(c.at)
		return k
	}
	return groupKey(p.cal.dayOf(c.at).date())
}

// group lets the new people of a day share an event if they are many, or have one
// already, and those of an import always; but for those who have their own. A
// person of whom nothing is known stands for them. Those whom the user plans to
// see to are left out while others are on it.
func (p *pass) group() {
	members, planned, alone := make(map[Key][]*candidate), make(map[Key][]*candidate), make(map[Key]int)
	for _, q := range p.people {
		for _, c := range q.candidates {
			switch k := p.shared(c); {
			case c.Rule != FirstMeeting || c.block != "" || k == Key{}:
			case p.isOpen(c):
				alone[k]++
			case c.newCard() && p.heldByMark(c) != "":
			case !c.who.planned.IsZero():
				planned[k] = append(planned[k], c)
			default:
				members[k] = append(members[k], c)
			}
		}
	}
	for k, all := range members {
		many := len(all) > 1 && len(all)+alone[k] > mostAlone || k.Rule == NewCards
		if !many && len(p.shown[p.within(k)]) == 0 {
			delete(members, k)
		}
	}
	for _, o := range p.open {
		if o.Key.ofMany() && members[o.Key] == nil {
			members[o.Key] = planned[o.Key] // what the user plans ends no event; else nobody is left in it
		}
	}
	keys := make([]Key, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.Evidence, b.Evidence) })
	for _, k := range keys {
		q := &person{Contact: &Contact{}, many: true}
		p.many[k] = q
		p.people = append(p.people, q)
		if len(members[k]) > 0 {
			p.join(q, k, members[k])
		}
	}
}

// join makes one candidate of many.
func (p *pass) join(q *person, k Key, members []*candidate) {
	slices.SortFunc(members, func(a, b *candidate) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.Name, b.Name), strings.Compare(a.Key.String(), b.Key.String()))
	})
	first := members[0]
	c := &candidate{who: q, rule: ruleNamed(k.Rule), at: first.at, words: "first-meetings"}
	c.Key, c.Rule, c.Due, c.Generation = k, k.Rule, first.Due, 1
	if k.Rule == NewCards {
		c.words = "new-cards"
	}
	for _, e := range p.ended[p.within(k)] {
		c.Generation = max(c.Generation, e.Generation+1)
	}
	c.shown.Count = len(members)
	for _, m := range members {
		if m.Due.Before(c.Due) {
			c.Due = m.Due
		}
		if next := p.cal.businessAfter(m.at, 1); k.Rule == NewCards && next.After(c.Due) {
			c.Due = next
		}
		q.strength = max(q.strength, m.who.strength)
		c.Evidence = append(c.Evidence, m.Evidence...)
		c.shown.People = append(c.shown.People, m.shown.Name)
		m.who.party = q
		m.who.candidates = slices.DeleteFunc(m.who.candidates, func(x *candidate) bool { return x == m })
	}
	if over := len(members) - mostListed; over > 0 {
		c.shown.People = append(c.shown.People[:mostListed], fmt.Sprintf("and %d more", over))
	}
	p.word(c)
	q.candidates = []*candidate{c}
}

// isOne gives the evidence by which a person would be one of the many of a key.
func (p *pass) isOne(q *person, k Key) (Evidence, bool) {
	if k.Rule == NewCards {
		came, ok := p.importOf(q.NewCard.At)
		return q.NewCard, ok && came == k
	}
	if len(q.over) == 0 || groupKey(p.cal.dayOf(q.over[0].At).date()) != k {
		return Evidence{}, false
	}
	return q.over[0].Evidence, true
}

// endMany says what ended the event for the people of a day or an import, none of
// whom is left on it: the latest word to one of them, unless others are held back
// by policy.
func (p *pass) endMany(o Open) End {
	end := End{Outcome: Withdrawn, Why: "nobody is left on it"}
	for _, q := range p.people {
		e, is := p.isOne(q, o.Key)
		if !is {
			continue
		}
		for _, c := range q.candidates {
			if c.Rule == FirstMeeting && c.block != "" {
				return End{Outcome: Withdrawn, Why: c.block}
			}
		}
		alone := o
		alone.Key.Evidence = e.ID
		if e := endFirstMeeting(p, q, alone); e.Outcome != Withdrawn && e.Evidence.At.After(end.Evidence.At) {
			end = e
		}
	}
	return end
}
