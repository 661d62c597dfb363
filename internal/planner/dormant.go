package planner

import (
	"cmp"
	"slices"
)

const (
	dormantPause     = 365 // days
	dormantExchanges = 2   // or a meeting
	lastStep         = "last"
)

// findDormant sees those who were in touch once and are silent for a year. The
// circle of somebody who has one says hello to them already.
func findDormant(p *pass, q *person) []*candidate {
	switch {
	case !p.policy.Rules[Dormant].On:
		return nil // nobody wants to hear of so many that the rule is off
	case q.silenced:
		return p.lastTouch(q)
	case !p.snapshot.Whole || !q.wereInTouch() || q.hasCadence(p):
		return nil
	}
	factor, off := p.refused(q, Dormant)
	c := p.candidate(Dormant, q, q.exchange, "", p.cal.after(q.lastWord().At, dormantPause*factor))
	if p.isOver(c, q.lastWord(), dormantPause) {
		return nil
	}
	c.block = off
	c.shown.Days, c.shown.Count = dormantPause*factor, q.Exchanges.Count
	return []*candidate{c}
}

// lastTouch is what comes when the rest after three mails that asked is over, once.
func (p *pass) lastTouch(q *person) []*candidate {
	had := func(e Ended) bool {
		return e.Key.Step == lastStep && e.Outcome != Withdrawn && e.At.After(q.LastIn.At) && e.At.After(q.met.At)
	}
	for _, name := range q.names() {
		if slices.ContainsFunc(p.rejected[Dormant][name], had) {
			return nil
		}
	}
	c := p.candidate(Dormant, q, q.asked, lastStep, p.cal.after(q.asked.At, restAfterAsking))
	if p.isOver(c, q.LastOut, restAfterMail) {
		return nil
	}
	c.words = "last-touch"
	c.shown.Days = restAfterAsking
	return []*candidate{c}
}

// wereInTouch reports whether there was more than a word once.
func (q *person) wereInTouch() bool {
	return !q.exchange.IsZero() && (q.Exchanges.Count >= dormantExchanges || q.Met > 0 || len(q.over) > 0)
}

func (q *person) hasCadence(p *pass) bool {
	return q.circle.Name != "" && p.policy.Rules[Cadence].On
}

// inCircle says that a circle says hello to them, "" if none does.
func (q *person) inCircle(p *pass) string {
	if !q.hasCadence(p) {
		return ""
	}
	return "they are in the circle " + clean(q.circle.Name, nameLength)
}

// lastWord is the latest of either side, or a meeting.
func (q *person) lastWord() Evidence { return later(later(q.exchange, q.LastOut), q.LastIn) }

// isOver reports whether a word ended the open entry of a candidate that comes
// after so many days of silence.
func (p *pass) isOver(c *candidate, word Evidence, pause int) bool {
	return slices.ContainsFunc(p.openOf[c.who], func(o Open) bool {
		return p.within(o.Key) == p.within(c.Key) && p.isNews(o, word, pause)
	})
}

// isNews reports whether a word came after an entry was written, or so short before
// that the entry would not have been.
func (p *pass) isNews(o Open, word Evidence, pause int) bool {
	return word.At.After(o.CreatedAt) || !p.clock.reached(p.cal.start(p.cal.dayOf(word.At)+day(pause)-1))
}

func endDormant(p *pass, q *person, o Open) End {
	pause := dormantPause
	if o.Key.Step == lastStep {
		pause = restAfterMail
	}
	word := q.lastWord()
	switch {
	case word.IsZero() || !word.At.After(o.since()) || !p.isNews(o, word, pause):
		return End{Outcome: Withdrawn, Why: cmp.Or(q.inCircle(p), "the last word between you is another than it seemed")}
	case word.ID == q.LastIn.ID:
		return End{Answered, word, "they wrote on " + p.date(word.At, o.Slot)}
	case word.ID == q.met.ID:
		return End{Acted, word, "you met on " + p.date(word.At, o.Slot)}
	}
	return End{Acted, word, "you wrote to them on " + p.date(word.At, o.Slot)}
}

func missDormant(p *pass, q *person) string {
	switch {
	case !p.policy.Rules[Dormant].On:
		return "the rule dormant is off"
	case q.silenced:
		return "your last three mails to them asked for something, and the last touch was in the calendar"
	case !p.snapshot.Whole:
		return "not all history is in yet"
	case !q.wereInTouch():
		return "no two exchanges with them are known, and no meeting"
	case q.hasCadence(p):
		return q.inCircle(p)
	}
	return p.since(q.lastWord().At, "the last word was", "the event")
}
