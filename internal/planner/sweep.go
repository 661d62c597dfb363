package planner

import (
	"cmp"
	"crypto/sha256"
	"slices"
	"strings"
	"time"
)

const (
	sweepPeople = 5
	sweepQuiet  = 180  // days without a word before the month
	sweepSince  = 2026 // a year to count months from: the smaller the count, the less it matters that others come or go
	monthFormat = "2006-01"
)

// sweepKey is the key of the monthly look through five people. It is of nobody, as
// groupKey is.
func sweepKey(month time.Time) Key { return Key{Rule: CardSweep, Evidence: month.Format(monthFormat)} }

// sweep looks through five people a month who have a card or were met, and of whom
// nothing else would remind the user: for this month, the next, and those that are
// in the calendar.
func (p *pass) sweep() {
	var months []time.Time
	if p.policy.Rules[CardSweep].On {
		this := p.cal.dayOf(p.clock.now).utc()
		this = time.Date(this.Year(), this.Month(), 1, 0, 0, 0, 0, time.UTC)
		p.clock.reached(p.cal.start(civil(this.AddDate(0, 1, 0))))
		months = append(months, this, this.AddDate(0, 1, 0))
	}
	for _, o := range p.open {
		month, err := time.Parse(monthFormat, o.Key.Evidence)
		if err == nil && o.Key == sweepKey(month) && !slices.Contains(months, month) {
			months = append(months, month)
		}
	}
	for _, month := range months {
		p.sweepMonth(month)
	}
}

// sweepMonth makes the candidate of a month, if there is anybody for it.
func (p *pass) sweepMonth(month time.Time) {
	q := &person{Contact: &Contact{}, many: true}
	c := &candidate{who: q, rule: ruleNamed(CardSweep), words: string(CardSweep)}
	c.Key, c.Rule, c.Due = sweepKey(month), CardSweep, p.cal.at(p.cal.add(civil(month)-1, 1), dueTime)
	c.at = c.Due
	open := len(p.shown[p.within(c.Key)]) > 0
	if open {
		p.many[c.Key] = q
	}
	if !p.policy.Rules[CardSweep].On {
		return
	}
	people := p.sweepers(month, c.Due)
	lapsed, _ := p.lapse(c)
	if len(people) == 0 || (lapsed || p.settled(c)) && !open {
		return
	}
	for _, one := range people {
		c.Evidence = append(c.Evidence, p.sweepEvidence(one))
		c.shown.People = append(c.shown.People, p.sweepLine(one, p.cal.start(civil(month))))
	}
	c.shown.Count = len(people)
	p.word(c)
	q.candidates = []*candidate{c}
	p.people = append(p.people, q)
}

// sweepers are the five whose turn it is. All who may be listed stand in an order
// that has nothing to do with the month, which takes the next five of them.
func (p *pass) sweepers(month, due time.Time) []*person {
	var all []*person
	for _, q := range p.people {
		if p.maySweep(q, month, due) {
			all = append(all, q)
		}
	}
	if len(all) <= sweepPeople {
		return sortSweepers(all)
	}
	sortSweepers(all)
	first := ((month.Year()-sweepSince)*12 + int(month.Month())) * sweepPeople
	five := make([]*person, sweepPeople)
	for i := range five {
		five[i] = all[((first+i)%len(all)+len(all))%len(all)]
	}
	return five
}

func sortSweepers(all []*person) []*person {
	place := make(map[*person]string, len(all))
	for _, q := range all {
		sum := sha256.Sum256([]byte(q.who))
		place[q] = string(sum[:])
	}
	slices.SortFunc(all, func(a, b *person) int {
		return cmp.Or(strings.Compare(place[a], place[b]), strings.Compare(string(a.ID), string(b.ID)))
	})
	return all
}

// maySweep reports whether somebody is one to look at in a month: met or on a card,
// in no circle, silent for long before it, and with nothing that is in the calendar
// or due by its end. What happens in the course of the month is for the list of the
// next.
func (p *pass) maySweep(q *person, month, due time.Time) bool {
	begins, ends := p.cal.start(civil(month)), p.cal.start(civil(month.AddDate(0, 1, 0)))
	switch {
	case q.many || q.shut() != "" || q.silenced || q.Circle != "" || q.circle.Name != "":
		return false
	case !q.Carded && q.Met == 0 && len(q.over) == 0:
		return false
	case p.spokeNear(q, civil(month)):
		return false
	}
	for _, c := range q.candidates {
		if c.block == "" && c.Due.Before(ends) && c.at.Before(begins) {
			return false
		}
	}
	return !p.entryAround(q, begins, due)
}

// spokeNear reports whether there was a word in the half year before a day, or
// nothing was known of them before it.
func (p *pass) spokeNear(q *person, begin day) bool {
	known := q.Carded && q.NewCard.IsZero()
	near := func(d day) bool {
		known = known || d < begin-sweepQuiet
		return begin-sweepQuiet <= d && d < begin
	}
	for _, at := range []time.Time{q.LastOut.At, q.LastIn.At, q.met.At, q.NewCard.At, q.FirstAt} {
		if !at.IsZero() && near(p.cal.dayOf(at)) {
			return true
		}
	}
	return slices.ContainsFunc(q.days, near) || !known
}

// entryAround reports whether an entry about a person was in the calendar when the
// list of a month was made, or ended there since that month began.
func (p *pass) entryAround(q *person, begins, due time.Time) bool {
	for _, o := range p.openOf[q] {
		if o.CreatedAt.Before(due) {
			return true
		}
	}
	for _, name := range q.names() {
		for _, ended := range p.rejected {
			if slices.ContainsFunc(ended[name], func(e Ended) bool { return !e.At.Before(begins) }) {
				return true
			}
		}
	}
	return false
}

// sweepEvidence is how somebody on the list is known.
func (p *pass) sweepEvidence(q *person) Evidence {
	e := later(q.met, later(q.LastOut, q.LastIn))
	if e.IsZero() && len(q.Cards) > 0 {
		return Evidence{Type: Card, ID: slices.Min(q.Cards)}
	}
	return e
}

// sweepLine names somebody with what was known of them when the month began.
func (p *pass) sweepLine(q *person, begins time.Time) string {
	name := clean(q.Name, nameLength)
	switch last := later(q.LastOut, q.LastIn); {
	case !last.At.Before(begins) || !q.met.At.Before(begins):
		return name
	case q.met.At.After(last.At):
		return name + ", last met on " + p.date(q.met.At, begins)
	case !last.IsZero():
		return name + ", last mail on " + p.date(last.At, begins)
	}
	return name + ", in your address book"
}

func endSweep(*pass, *person, Open) End {
	return End{Outcome: Withdrawn, Why: "nobody is left on the list"}
}

func missSweep(*pass, *person) string {
	return "it is about nobody alone: once a month it lists five people who have no circle and nothing else waiting"
}
