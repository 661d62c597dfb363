package planner

import "time"

const (
	restAfterMail   = 10 // days, for rules marked R
	restAfterAsking = 90
	askingMails     = 3 // in a row without a word from them
)

const askedWhy = "your last three mails to them asked for something; this rests until they write"

// findRest finds out until when and why follow-ups rest.
func (p *pass) findRest(q *person) {
	if !q.LastOut.IsZero() {
		q.rest = p.cal.after(q.LastOut.At, restAfterMail)
		q.restWhy = q.wroteText() + " on " + p.date(q.LastOut.At, q.rest)
	}
	asked := 0
	for _, e := range q.Asked {
		if !e.At.After(q.LastIn.At) || !e.At.After(q.met.At) {
			continue
		}
		asked++
		if e.At.After(q.asked.At) || e.At.Equal(q.asked.At) && e.ID > q.asked.ID {
			q.asked = e
		}
	}
	if q.silenced = asked >= askingMails; q.silenced {
		q.restWhy = askedWhy
		if until := p.cal.after(q.asked.At, restAfterAsking); until.After(q.rest) {
			q.rest = until
		}
	}
	if p.clock.reached(q.rest) {
		q.rest = time.Time{}
	}
}

// rests reports whether a candidate is held until they write. The last touch is
// what may still come.
func (c *candidate) rests() bool {
	return c.who.silenced && !c.rule.always() && c.Key.Step != lastStep
}

// findQuiet says why nothing is to be written to a person who asked for that, or
// whose addresses are dead: until a word from them shows otherwise.
func (p *pass) findQuiet(q *person) {
	on := func(e Evidence) string { return "the mail of " + p.full(e.At) }
	switch {
	case !q.Stop.IsZero() && !q.LastIn.At.After(q.Stop.At):
		q.quiet = on(q.Stop) + " asks not to be written to"
	case !q.Dead.IsZero() && !q.LastIn.At.After(q.Dead.At):
		q.quiet = on(q.Dead) + " says that their address is not read any more"
	}
}
