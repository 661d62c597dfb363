package planner

import (
	"cmp"
	"strconv"
)

const firstWordWithin = 10 // business days after the first meeting, or the card

// secondSteps are the days after the first meeting on which the next step comes up.
var secondSteps = []int{14, 45}

// findSecondStep sees somebody to whom the user wrote after the first meeting, or
// after their card came, and of whom nothing has come since. The second step waits
// until the first has had its time.
func findSecondStep(p *pass, q *person) []*candidate {
	e := p.beginning(q)
	if e.IsZero() || q.carriedOn(e) || !p.wroteSoon(q, e) {
		return nil
	}
	factor, off := p.refused(q, SecondStep)
	for i, n := range secondSteps {
		c := p.candidate(SecondStep, q, e, strconv.Itoa(n), p.cal.after(e.At, n*factor))
		c.block = cmp.Or(off, unfriendly(e.Subject))
		c.shown.Days = n * factor
		if !p.snapshot.Whole && !q.FirstAt.IsZero() && p.clock.reached(q.FirstAt.AddDate(0, historyMonths, 0)) {
			c.block = "you may have met before: not all history is in yet"
		}
		if i == len(secondSteps)-1 || p.isOpen(c) || !p.settled(c) && !p.clock.reached(p.lapsesAt(c.Due)) {
			return []*candidate{c}
		}
	}
	return nil
}

// beginning is the first meeting with a person, or else the card of somebody who was
// not known before it. Zero: there is none.
func (p *pass) beginning(q *person) Evidence {
	switch card := q.NewCard; {
	case len(q.over) > 0 && q.Met <= 1 && (q.LastMet.IsZero() || !q.LastMet.At.Before(q.over[0].At)):
		return q.over[0].Evidence
	case len(q.over) > 0 || !q.met.IsZero() || card.IsZero() || !p.clock.reached(card.At):
		return Evidence{}
	case !q.SeenAt.IsZero() && q.SeenAt.Before(card.At) || !q.FirstAt.IsZero() && q.FirstAt.Before(card.At):
		return Evidence{}
	default:
		return card
	}
}

// carriedOn reports whether there was an exchange after the beginning: a word of
// theirs, or another meeting.
func (q *person) carriedOn(e Evidence) bool {
	return q.LastIn.At.After(e.At) || q.met.At.After(e.At)
}

// wroteSoon reports whether I wrote within ten business days of the beginning. Since
// nothing came from them after it, all days since are of mails of mine.
func (p *pass) wroteSoon(q *person, e Evidence) bool {
	if !q.LastOut.At.After(e.At) {
		return false
	}
	first := p.cal.dayOf(e.At)
	last := p.cal.add(first, firstWordWithin)
	if p.cal.dayOf(q.LastOut.At) <= last {
		return true
	}
	for _, d := range q.days {
		if first < d && d <= last {
			return true
		}
	}
	return false
}

func endSecondStep(p *pass, q *person, o Open) End {
	since := o.since()
	if e := p.beginning(q); e.ID == o.Key.Evidence {
		since = e.At
	}
	if end, ok := p.metThem(q, since); ok {
		return end
	}
	if q.LastIn.At.After(since) {
		return End{Answered, q.LastIn, "they wrote on " + p.date(q.LastIn.At, o.Slot)}
	}
	return End{Outcome: Withdrawn, Why: "your first meeting is another than it seemed"}
}

func missSecondStep(p *pass, q *person) string {
	e := p.beginning(q)
	since := "your first meeting on " + p.full(e.At)
	if e.Type == Card {
		since = "their card of " + p.full(e.At)
	}
	switch {
	case e.IsZero() && len(q.over)+q.Met > 1:
		return "you have met more than once, last on " + p.full(q.met.At)
	case e.IsZero():
		return "no first meeting with them is known, and no new card"
	case q.LastIn.At.After(e.At):
		return p.since(q.LastIn.At, "they wrote", since)
	case q.met.At.After(e.At):
		return p.since(q.met.At, "you met", since)
	}
	return "no mail of yours in the ten business days after " + since + " is known"
}
