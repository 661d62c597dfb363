package planner

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// rule is one row of the table in SPEC section 5.1. A new rule is a row here,
// two functions below, and a file of words in text/.
type rule struct {
	name     Rule
	priority int
	rest     bool // R: held until 10 days after my last mail to them
	sameName bool // held while somebody of the same name was in touch
	booked   bool // B: held while a small meeting is booked within 14 days
	errand   bool // E: not for errands
	touch    touch
	lookBack time.Duration // on the first run this age of the evidence decides; 0: it does not
	patient  bool          // never lapses
	fires    string        // on what, in a sentence for the user

	// find gives what the rule sees in a person, whether due or not.
	find func(*pass, *person) []*candidate
	// ended says what became of an open entry that find no longer gives.
	ended func(*pass, *person, Open) End
	// misses says what is missing where find gives nothing; "": what fires says.
	misses func(*pass, *person) string
}

// touch is what a rule does about people in constant touch.
type touch int

const (
	touchNever  touch = iota
	touchLater        // T: 5 business days instead
	touchAlways       // also for them, and in the rest after three mails that asked
)

var rules = []rule{
	{
		fires: "you wrote that you would do something for them, or noted it",
		name:  PromiseMade, priority: 1, touch: touchAlways, lookBack: promiseLookBack,
		find: findPromise, ended: endPromise, misses: missPromise,
	},
	{
		fires: "they introduced somebody to you, with no word from you since",
		name:  Thanks, priority: 1, touch: touchAlways, lookBack: lookBack,
		find: findThanks, ended: endWritten, misses: missThanks,
	},
	{
		fires: "a contact introduced them to you, with no word from you since",
		name:  IntroReceived, priority: 1, touch: touchAlways,
		find: findIntroReceived, ended: endWritten, misses: missIntroReceived,
	},
	{
		fires: "they wrote that they would do something by a day, and have not written since",
		name:  TheirPromise, priority: 3,
		find: findTheirPromise, ended: endTheirPromise, misses: missTheirPromise,
	},
	{
		fires: "you introduced them to somebody, and neither has written to the other",
		name:  IntroGiven, priority: 4, touch: touchAlways,
		find: findIntroGiven, ended: endIntroGiven, misses: missIntroGiven,
	},
	{
		fires: "you wrote to somebody they had introduced to you",
		name:  CloseTheLoop, priority: 5,
		find: findCloseTheLoop, ended: endCloseTheLoop, misses: missCloseTheLoop,
	},
	{
		fires: "someone asks you something, and nobody on your side has answered",
		name:  ReplyOwed, priority: 1, touch: touchLater, lookBack: lookBack,
		find: findReplyOwed, ended: endReplyOwed, misses: missReplyOwed,
	},
	{
		fires: "you met for the first time, or a new card came, with no word from you since",
		name:  FirstMeeting, priority: 2, errand: true, lookBack: lookBack,
		find: findFirstMeeting, ended: endFirstMeeting, misses: missFirstMeeting,
	},
	{
		fires: "your mail asks something, and nobody has answered",
		name:  Awaiting, priority: 2, touch: touchLater, lookBack: lookBack, sameName: true,
		find: findAwaiting, ended: endAwaiting, misses: missAwaiting,
	},
	{
		fires: "a new contact began with at least two exchanges in 30 days, and then went quiet",
		name:  Fade, priority: 3, rest: true, booked: true, errand: true, sameName: true,
		find: findFade, ended: endFade, misses: missFade,
	},
	{
		fires: "a contact with a circle has been quiet for the interval of that circle",
		name:  Cadence, priority: 5, rest: true, booked: true, errand: true, patient: true, sameName: true,
		find: findCadence, ended: endCadence, misses: missCadence,
	},
	{
		fires: "more than ten cards came into the address book within a day",
		name:  NewCards, priority: 2, lookBack: lookBack,
		// What first-meeting finds in their people is gathered under it: see group.
		find:  func(*pass, *person) []*candidate { return nil },
		ended: endFirstMeeting,
	},
	{
		fires: "you wrote soon after a first meeting, or a new card, and no word of theirs has come since",
		name:  SecondStep, priority: 3, rest: true, booked: true, errand: true,
		find: findSecondStep, ended: endSecondStep, misses: missSecondStep,
	},
	{
		fires: "a birthday or an anniversary is on the card of somebody in a circle, or whom you know well",
		name:  Milestone, priority: 4, touch: touchAlways,
		find: findMilestone, ended: endMilestone, misses: missMilestone,
	},
	{
		fires: "you noted a plan or a challenge of theirs",
		name:  HowDidItGo, priority: 5, rest: true, booked: true,
		find: findHowDidItGo, ended: endHowDidItGo, misses: missHowDidItGo,
	},
	{
		fires: "two exchanges or a meeting lie a year or longer back, with no word since",
		name:  Dormant, priority: 6, rest: true, booked: true, errand: true, patient: true, sameName: true,
		find: findDormant, ended: endDormant, misses: missDormant,
	},
	{
		fires: "a month begins: it lists five people you met",
		name:  CardSweep, priority: 6,
		// It is about nobody alone: see sweep.
		find:  func(*pass, *person) []*candidate { return nil },
		ended: endSweep, misses: missSweep,
	},
}

// Rules are the names of all rules, in the order of their priority.
func Rules() []Rule {
	sorted := slices.SortedStableFunc(slices.Values(rules), func(a, b rule) int { return cmp.Compare(a.priority, b.priority) })
	names := make([]Rule, len(sorted))
	for i, r := range sorted {
		names[i] = r.name
	}
	return names
}

const touchDelay = 5 // business days, for rules marked T

// always reports whether a rule speaks also in the rest after three mails that
// asked.
func (r *rule) always() bool { return r.touch == touchAlways || r.name == ReplyOwed }

// first-meeting

func findFirstMeeting(p *pass, q *person) []*candidate {
	if len(q.over) == 0 {
		return findNewCard(p, q)
	}
	m := q.over[0]
	before := q.Met > 1 || (!q.LastMet.IsZero() && q.LastMet.At.Before(m.At))
	if before || q.LastOut.At.After(m.At) || len(q.over) > 1 || len(q.ahead) > 0 {
		return nil
	}
	c := p.candidate(FirstMeeting, q, m.Evidence, "", p.soonAfter(m.End))
	if !p.snapshot.Whole && !q.FirstAt.IsZero() && p.clock.reached(q.FirstAt.AddDate(0, historyMonths, 0)) {
		c.block = "you may have met before: not all history is in yet"
	}
	return []*candidate{c}
}

// soonAfter is the afternoon of a business day for what was early enough, else
// the next one.
func (p *pass) soonAfter(t time.Time) time.Time {
	d := p.cal.dayOf(t)
	if p.cal.business(d) && p.cal.wall(t) < sameDayEnds {
		return p.cal.at(d, sameDayDue)
	}
	return p.cal.at(p.cal.add(d, 1), dueTime)
}

// historyMonths is just short of the 24 months that the first run reads.
const historyMonths = 23

func endFirstMeeting(p *pass, q *person, o Open) End {
	if q.many {
		return p.endMany(o)
	}
	if q.NewCard.ID != "" && q.NewCard.ID == o.Key.Evidence || slices.Contains(q.Cards, o.Key.Evidence) {
		return endNewCard(p, q, o)
	}
	since := o.since()
	all := slices.Concat(q.over, q.ahead)
	i := slices.IndexFunc(all, func(m Encounter) bool { return m.ID == o.Key.Evidence })
	if i >= 0 {
		since = all[i].At
	}
	if end, ok := p.wrote(q, since); ok {
		return end
	}
	for _, m := range all {
		if m.At.After(since) && m.ID != o.Key.Evidence {
			return End{Acted, m.Evidence, "another meeting, on " + p.date(m.At, o.Slot)}
		}
	}
	if i > 0 {
		return End{Withdrawn, all[0].Evidence, "you had met before, on " + p.date(all[0].At, o.Slot)}
	}
	return End{Outcome: Withdrawn, Why: "the meeting is no longer in the calendar"}
}

// fade

const (
	fadeExchanges = 2 // in the first 30 days
	fadeShortest  = 21
	fadeLongest   = 45
	fadeSpan      = 120 // days of a new relation
	fadeBefore    = 14  // days of mail without them, to tell that it is new
	fadePace      = 1.5
)

func findFade(p *pass, q *person) []*candidate {
	e := q.exchange
	if e.IsZero() || q.Exchanges.First.IsZero() || q.Exchanges.Early < fadeExchanges {
		return nil
	}
	last := p.cal.dayOf(e.At)
	// A second mail on the day of an exchange makes no second exchange.
	if later := p.cal.dayOf(q.LastOut.At); later > last {
		return nil
	}
	if later := p.cal.dayOf(q.LastIn.At); later > last {
		return nil
	}
	if p.cal.dayOf(q.TogetherAt) > last { // they meet in the mails of others
		return nil
	}
	rhythm := q.Exchanges.Rhythm
	if rhythm == 0 {
		rhythm = fadeShortest * days
	}
	pause := int(math.Round(fadePace * rhythm.Hours() / 24))
	pause = min(max(pause, fadeShortest), fadeLongest)
	factor, off := p.refused(q, Fade)
	c := p.candidate(Fade, q, e, "", p.cal.after(e.At, pause*factor))
	if p.cal.dayOf(c.Due) > p.cal.dayOf(q.begun())+fadeSpan || p.unsureNew(q) {
		return nil
	}
	c.block = cmp.Or(off, unfriendly(e.Subject))
	c.shown.Days, c.shown.Count = pause*factor, q.Exchanges.Early
	c.shown.Since = p.date(q.begun(), c.Due)
	c.shown.Named = c.shown.Name != "" && strings.Contains(strings.ToLower(c.shown.Subject), strings.ToLower(c.shown.Name))
	c.shown.Pace = q.Exchanges.Rhythm > 0 && pause > fadeShortest && pause < fadeLongest
	return []*candidate{c}
}

// begun is when the first word or meeting with them was.
func (q *person) begun() time.Time {
	if !q.FirstAt.IsZero() && q.FirstAt.Before(q.Exchanges.First) {
		return q.FirstAt
	}
	return q.Exchanges.First
}

// unsureNew reports whether a contact only seems to be new: the mail that is known
// does not go back far enough before they appear in it.
func (p *pass) unsureNew(q *person) bool {
	return !p.snapshot.Begins.IsZero() && p.cal.dayOf(q.begun()) < p.cal.dayOf(p.snapshot.Begins)+fadeBefore
}

func endFade(p *pass, q *person, o Open) End {
	since := o.since()
	if q.exchange.ID == o.Key.Evidence {
		since = q.exchange.At
	} else if !q.exchange.IsZero() && q.exchange.ID != q.LastIn.ID && q.exchange.At.After(since) {
		return End{Acted, q.exchange, "an exchange on " + p.date(q.exchange.At, o.Slot)}
	}
	if end, ok := p.anyWord(q, since, o.Slot); ok {
		return end
	}
	return End{Outcome: Withdrawn, Why: "the last exchange is another than it seemed"}
}

// cadence

func findCadence(p *pass, q *person) []*candidate {
	e := q.anchor()
	if q.circle.Name == "" || e.IsZero() {
		return nil
	}
	factor, off := p.refused(q, Cadence)
	span := spread(q.circle.Interval, q.who) * factor
	// "Not this time": what ended without a word comes again one interval later.
	number, due := 1, p.cal.after(e.At, span)
	for number < maxIntervals {
		k := Key{Cadence, e.ID, p.address(q, e), strconv.Itoa(number)}
		over := slices.DeleteFunc(p.endings(q, k), func(x Ended) bool { return x.Outcome == Withdrawn })
		if len(over) == 0 {
			break
		}
		number++
		last := slices.MaxFunc(over, func(a, b Ended) int { return a.At.Compare(b.At) })
		due = p.cal.after(last.At, span)
	}
	c := p.candidate(Cadence, q, e, strconv.Itoa(number), due)
	c.block = off
	c.shown.Circle, c.shown.Automatic = clean(q.circle.Name, nameLength), q.automatic
	c.shown.Days, c.shown.Number = int(q.circle.Interval/days)*factor, number
	return []*candidate{c}
}

const maxIntervals = 1000

// anchor is what an interval of a circle counts from.
func (q *person) anchor() Evidence { return later(later(q.exchange, q.met), q.LastOut) }

// spread moves an interval by up to a tenth, the same for a person every time,
// so that those met at one event do not come up together for ever.
func spread(interval time.Duration, who string) int {
	sum := sha256.Sum256([]byte(who))
	part := float64(binary.BigEndian.Uint32(sum[:4]))/math.MaxUint32*2 - 1
	return max(1, int(math.Round(float64(interval/days)*(1+part/10))))
}

func endCadence(p *pass, q *person, o Open) End {
	e := q.anchor()
	switch {
	case q.circle.Name == "":
		return End{Outcome: Withdrawn, Why: "in no circle any longer"}
	case e.IsZero() || e.ID == o.Key.Evidence:
		return End{Outcome: Withdrawn, Why: "the interval has been counted anew"}
	case e.ID == q.LastIn.ID:
		return End{Answered, e, "they wrote on " + p.date(e.At, o.Slot)}
	case e.ID == q.met.ID:
		return End{Acted, e, "you met on " + p.date(e.At, o.Slot)}
	}
	return End{Acted, e, "you wrote to them on " + p.date(e.At, o.Slot)}
}

// What rules share.

// candidate begins a follow-up; the rule adds what its words need.
func (p *pass) candidate(r Rule, q *person, e Evidence, step string, due time.Time) *candidate {
	c := &candidate{who: q, at: e.At}
	c.Key = Key{Rule: r, Evidence: e.ID, Who: p.address(q, e), Step: step}
	c.Contact, c.Name, c.Rule, c.Due = q.ID, q.Name, r, due
	c.Evidence = []Evidence{e}
	c.shown = facts{
		Name:    cmp.Or(clean(q.Name, nameLength), c.Key.Who),
		Subject: topic(e.Subject, subjectLength),
		Kind:    e.Type,
		Mine:    e.ID != "" && e.ID == q.LastOut.ID,
		Met:     e.Type == Meeting || e.ID != "" && e.ID == q.met.ID,
		Own:     e.Type == Gesture || e.Type == Note,
		Card:    e.Type == Card,
	}
	if c.shown.Own {
		c.shown.Subject = "" // what the user noted for themselves is no topic
	}
	return c
}

func (p *pass) address(q *person, e Evidence) string { return cmp.Or(e.Address, q.who) }

// unsent says why no rule about replies runs on mail that is in these accounts
// (SPEC I14).
func (p *pass) unsent(accounts []string) string {
	for _, a := range accounts {
		if slices.Contains(p.snapshot.Unsent, a) {
			return "the sent mail of the account " + a + " has not been found"
		}
	}
	return ""
}

func (p *pass) wrote(q *person, since time.Time) (End, bool) {
	if !q.LastOut.At.After(since) {
		return End{}, false
	}
	why := "you wrote to them on "
	if q.Reported {
		why = "by your own word, on "
	}
	return End{Acted, q.LastOut, why + p.date(q.LastOut.At, since)}, true
}

func (p *pass) metThem(q *person, since time.Time) (End, bool) {
	if !q.met.At.After(since) {
		return End{}, false
	}
	return End{Acted, q.met, "you met on " + p.date(q.met.At, since)}, true
}

// anyWord is the first that applies: I wrote, we met, or they wrote.
func (p *pass) anyWord(q *person, since, reference time.Time) (End, bool) {
	if end, ok := p.wrote(q, since); ok {
		return end, true
	}
	if end, ok := p.metThem(q, since); ok {
		return end, true
	}
	if !q.LastIn.At.After(since) {
		return End{}, false
	}
	return End{Answered, q.LastIn, "they wrote on " + p.date(q.LastIn.At, reference)}, true
}

// refused applies escalation: the second dismissal in a row or two expiries
// double the interval, the third dismissal turns the rule off for the person.
func (p *pass) refused(q *person, r Rule) (factor int, off string) {
	var all []Ended
	for _, a := range q.names() {
		all = append(all, p.rejected[r][a]...)
	}
	all = slices.DeleteFunc(all, func(e Ended) bool { return e.Outcome == Withdrawn })
	slices.SortFunc(all, func(a, b Ended) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(a.Key.String(), b.Key.String()))
	})
	row := 0
	for row < len(all) && all[row].Outcome == all[0].Outcome {
		row++
	}
	switch {
	case row >= 3 && all[0].Outcome == Dismissed:
		return 2, letGo
	case row >= 2 && (all[0].Outcome == Dismissed || all[0].Outcome == Expired):
		return 2, ""
	}
	return 1, ""
}
