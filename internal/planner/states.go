package planner

import (
	"slices"
	"time"
)

// finishPeople moves every candidate into the result, with the other
// follow-ups of a person named under the one in the calendar, and says where
// everybody stands.
func (p *pass) finishPeople() {
	for _, q := range p.people {
		shown := q.opened
		if shown == nil && len(q.further) > 0 && len(q.waiting) == 0 {
			shown = q.further[0]
		}
		if shown != nil {
			for _, c := range q.waiting {
				shown.Also = append(shown.Also, Line{c.Key, c.Title, c.Due})
			}
		}
		for _, c := range q.further {
			p.emit(c)
		}
		if q.opened != nil {
			p.emit(q.opened)
		}
		for _, c := range q.candidates {
			if c.Status == StatusWaiting || c.Status == StatusHeld {
				p.emit(c)
			}
		}
		if q.circle.Name != "" || q.Circle != "" || q.Met > 0 || len(q.Meetings) > 0 || !q.NewCard.IsZero() {
			p.out.States = append(p.out.States, p.state(q))
		}
	}
}

func (p *pass) emit(c *candidate) {
	switch c.Status {
	case StatusOpen, StatusWrite:
		p.describe(c)
	case StatusHeld:
		p.out.Held = append(p.out.Held, Held{FollowUp: c.FollowUp, HeldBecause: c.held})
		return
	case StatusWaiting:
	}
	p.out.FollowUps = append(p.out.FollowUps, c.FollowUp)
}

// state is where a person stands, the first that applies (SPEC section 3.2).
func (p *pass) state(q *person) State {
	s := State{Contact: q.ID, Circle: q.circle.Name}
	waiting, why := q.prospects()
	switch {
	case q.Muted:
		s.State, s.Why = StateMuted, p.mutedBy(q)
	case q.quiet != "":
		s.State, s.Why = StateMuted, q.quiet
	case q.inCalendar() || q.party != nil && q.party.inCalendar():
		s.State = StateOpen
	case !q.written().IsZero():
		s.State, s.Until = StateWaiting, q.written()
	case q.shut() != "":
		s.State, s.Why = StateClosed, q.shut()
	case !q.rest.IsZero():
		s.State, s.Until, s.Why = StateResting, q.rest, q.restWhy
	case !q.meeting.IsZero():
		s.State, s.Until, s.Why = StateBooked, q.meeting.End, "you are meeting on "+p.date(q.meeting.At, q.meeting.End)
	case !waiting.IsZero():
		s.State, s.Until = StateWaiting, waiting
	default:
		s.State, s.Why = StateClosed, why
	}
	return s
}

// mutedBy says who asked for quiet.
func (p *pass) mutedBy(q *person) string {
	if q.MutedBy.IsZero() {
		return "by the configuration"
	}
	return "by your word of " + p.date(q.MutedBy.At, q.MutedBy.At)
}

// inCalendar reports whether they have an entry there.
func (q *person) inCalendar() bool {
	return q.opened != nil && q.opened.Status == StatusOpen || len(q.further) > 0
}

// written is the slot of what is about to be written for them, or for the people
// they were met with.
func (q *person) written() time.Time {
	for _, one := range []*person{q, q.party} {
		if one != nil && one.opened != nil && one.opened.Status == StatusWrite {
			return one.opened.Slot
		}
	}
	return time.Time{}
}

// prospects gives the earliest due time of what waits for a person or is only
// held back for now, and where there is none, why.
func (q *person) prospects() (due time.Time, why string) {
	all := q.candidates
	if q.party != nil {
		all = slices.Concat(all, q.party.candidates)
	}
	for _, c := range all {
		if c.block != "" || c.rests() {
			continue
		}
		at := c.Due
		if c.until.After(at) {
			at = c.until
		}
		if due.IsZero() || at.Before(due) {
			due = at
		}
	}
	for _, c := range q.candidates {
		if c.block != "" {
			why = c.block // the last rule is the one that would come round again
		}
	}
	switch {
	case q.silenced:
		why = askedWhy
	case why != "":
	case q.touch:
		why = "in constant touch"
	case q.Circle != "" && q.circle.Name == "":
		why = "the circle " + q.Circle + " is not configured"
	case q.circle.Name == "":
		why = "no circle"
	default:
		why = "no mail of yours and no meeting to count from"
	}
	return due, why
}
