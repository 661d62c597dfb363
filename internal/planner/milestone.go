package planner

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	milestoneAhead = 7 // days before the day
	milestoneNear  = 3 // days around the day in which a word counts as one to it
)

// occasion is a day on a card in one year.
type occasion struct {
	kind string // "birthday" or "anniversary"
	year int
	day  day
}

func (o occasion) step() string { return o.kind + " " + strconv.Itoa(o.year) }

// occasionOf reads the step of a key, for as long as the day is on a card.
func occasionOf(q *person, step string) (occasion, bool) {
	kind, number, _ := strings.Cut(step, " ")
	year, err := strconv.Atoi(number)
	if err != nil {
		return occasion{}, false
	}
	return q.occasion(kind, year)
}

// milestones are the kinds of days.
var milestones = []string{"birthday", "anniversary"}

func (q *person) occasion(kind string, year int) (occasion, bool) {
	d := q.Birthday
	if kind == "anniversary" {
		d = q.Wedding
	}
	if d.IsZero() || year <= d.Year {
		return occasion{}, false
	}
	on, ok := d.in(year)
	return occasion{kind, year, on}, ok
}

// in is the day in a year: that of 29 February is the 28th where there is none.
func (d DayOf) in(year int) (day, bool) {
	if d.Month == time.February && d.Day == 29 {
		return civil(time.Date(year, time.March, 0, 0, 0, 0, 0, time.UTC)), true
	}
	t := time.Date(year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
	return civil(t), t.Month() == d.Month && t.Day() == d.Day
}

// findMilestone sees the birthday and the anniversary on the card of somebody whom
// the user knows well: the coming ones, and those that are in the calendar.
func findMilestone(p *pass, q *person) []*candidate {
	if !q.isClose() || len(q.Cards) == 0 {
		return nil
	}
	var found []*candidate
	factor, off := p.refused(q, Milestone)
	for _, kind := range milestones {
		all := p.openOccasions(q, kind)
		if next, ok := p.nextOccasion(q, kind, factor); ok && !slices.Contains(all, next) {
			all = append(all, next)
		}
		for _, o := range all {
			if p.wroteFor(q, o) {
				continue
			}
			c := p.milestone(q, o)
			c.block = off
			found = append(found, c)
		}
	}
	return found
}

func (q *person) isClose() bool { return q.Stage >= 2 || q.circle.Name != "" }

func (p *pass) milestone(q *person, o occasion) *candidate {
	due := o.day - milestoneAhead
	if !p.cal.business(due) {
		due = p.cal.back(due, 1)
	}
	e := Evidence{Type: Card, ID: p.cardFor(q, o)} // since when it says so is not known
	c := p.candidate(Milestone, q, e, o.step(), p.cal.at(due, dueTime))
	c.at, c.lapses = p.cal.start(o.day), p.cal.start(o.day+1)
	c.shown.Subject, c.shown.Day = o.kind, o.day.utc().Format("2 January")
	return c
}

// cardFor is the card by which an occasion is known: the one that its key named
// before, whatever other cards there are by now.
func (p *pass) cardFor(q *person, o occasion) string {
	cards := slices.Sorted(slices.Values(q.Cards))
	for _, uid := range cards {
		k := step{Milestone, uid, o.step()}
		if len(p.ended[k]) > 0 || len(p.shown[k]) > 0 {
			return uid
		}
	}
	return cards[0]
}

// nextOccasion is the first that is not over yet; of somebody for whom the interval
// is doubled, the next year is left out.
func (p *pass) nextOccasion(q *person, kind string, factor int) (occasion, bool) {
	first := p.cal.dayOf(p.clock.now).utc().Year() - 1
	for year := first; year < first+4; year++ {
		o, ok := q.occasion(kind, year)
		if !ok || p.clock.reached(p.cal.start(o.day+milestoneNear+1)) {
			continue
		}
		if last := p.lastOccasion(q, kind); factor > 1 && last > 0 && year == last+1 {
			return q.occasion(kind, year+1)
		}
		return o, true
	}
	return occasion{}, false
}

// lastOccasion is the latest year whose key ended for good, 0 if none has.
func (p *pass) lastOccasion(q *person, kind string) int {
	last := 0
	for _, name := range q.names() {
		for _, e := range p.rejected[Milestone][name] {
			if o, ok := occasionOf(q, e.Key.Step); ok && o.kind == kind && e.Outcome != Withdrawn {
				last = max(last, o.year)
			}
		}
	}
	return last
}

// openOccasions are those that the calendar holds, of any year.
func (p *pass) openOccasions(q *person, kind string) []occasion {
	var all []occasion
	for _, o := range p.openOf[q] {
		if o.Key.Rule != Milestone {
			continue
		}
		if x, ok := occasionOf(q, o.Key.Step); ok && x.kind == kind && !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	slices.SortFunc(all, func(a, b occasion) int { return cmp.Compare(a.year, b.year) })
	return all
}

// wroteFor reports whether the last word to them came within three days of the day,
// before it or after.
func (p *pass) wroteFor(q *person, o occasion) bool {
	at := q.LastOut.At
	return !at.Before(p.cal.start(o.day-milestoneNear)) && at.Before(p.cal.start(o.day+milestoneNear+1))
}

// occasionEnd is when an entry about an occasion has had its time: three days after
// the day, or after that to which the user moved it. Zero: the day is not known.
func (p *pass) occasionEnd(q *person, e Open) time.Time {
	o, ok := occasionOf(q, e.Key.Step)
	if !ok {
		return time.Time{}
	}
	last := max(o.day, p.cal.dayOf(e.Start))
	if !e.Again.IsZero() {
		last = max(last, p.cal.dayOf(e.Again))
	}
	return p.cal.start(last + milestoneNear + 1)
}

func endMilestone(p *pass, q *person, o Open) End {
	x, ok := occasionOf(q, o.Key.Step)
	switch {
	case ok && p.wroteFor(q, x):
		return End{Acted, q.LastOut, q.wroteText() + " on " + p.date(q.LastOut.At, o.Slot)}
	case ok && !q.isClose():
		return End{Outcome: Withdrawn, Why: "in no circle any longer"}
	}
	return End{Outcome: Withdrawn, Why: "the day is no longer on a card of theirs"}
}

func missMilestone(p *pass, q *person) string {
	switch {
	case len(q.Cards) == 0 || q.Birthday.IsZero() && q.Wedding.IsZero():
		return "no card of theirs has a birthday or an anniversary"
	case !q.isClose():
		return "they are in no circle, and not among those you know well"
	case !q.LastOut.IsZero():
		return q.wroteText() + " on " + p.full(q.LastOut.At) + ", within three days of the day"
	}
	return ""
}
