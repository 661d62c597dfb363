package planner

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// From how many days before its date, and until how many after it, an event of
// the user's own holds follow-ups about the same person (SPEC section 8.3).
const (
	adoptBefore = 14
	adoptAfter  = 7
)

// Adopted is an event that the user wrote into the follow-up calendar about a
// contact: one occurrence of it. What the user plans needs no event of syncd's.
type Adopted struct {
	UID     string
	Contact ContactID
	Title   string // as the user wrote it
	Start   time.Time
	// Done is what completed it: my mail to them, a meeting, or the user's word.
	// Zero while it is open.
	Done Evidence
}

// Span is the time in which it counts: from the beginning of the fourteenth day
// before its date in the zone, to the end of the seventh after it.
func (a Adopted) Span(zone *time.Location) Interval {
	return newCalendar(Policy{Zone: zone}).span(a)
}

func (c *calendar) span(a Adopted) Interval {
	d := c.dayOf(a.Start)
	return Interval{c.start(d - adoptBefore), c.start(d + adoptAfter + 1)}
}

// adopt gives everybody the first event that the user plans with them now, and
// when the last of those that overlap it has had its time.
func (p *pass) adopt() {
	all := slices.SortedFunc(slices.Values(p.snapshot.Adopted), func(a, b Adopted) int {
		return cmp.Or(a.Start.Compare(b.Start), strings.Compare(a.UID, b.UID), strings.Compare(a.Title, b.Title))
	})
	for _, a := range all {
		q, span := p.byID[a.Contact], p.cal.span(a)
		if q == nil || !a.Done.IsZero() || !p.clock.reached(span.Start) || p.clock.reached(span.End) {
			continue
		}
		if q.planned.IsZero() {
			q.planned = a.Start
			q.plannedWhy = "you planned it yourself: “" + clean(a.Title, subjectLength) + "” on "
		}
		if span.End.After(q.plannedUntil) {
			q.plannedUntil = span.End
		}
	}
}

// yields reports whether a rule leaves the word to an event of the user's own:
// first meetings do, and what is marked R or B.
func (r *rule) yields() bool { return r.name == FirstMeeting || r.rest || r.booked }
