package planner

import "time"

// clock is the only way to compare anything with the present. It remembers the
// earliest moment not yet reached that somebody asked about, which is when the
// answer can change.
type clock struct {
	now  time.Time
	next time.Time
}

// reached reports whether t is now or past.
func (c *clock) reached(t time.Time) bool {
	if !t.After(c.now) {
		return true
	}
	if c.next.IsZero() || t.Before(c.next) {
		c.next = t
	}
	return false
}

// today is the civil day of the present, until the next midnight.
func (c *clock) today(cal *calendar) day {
	d := cal.dayOf(c.now)
	c.reached(cal.start(d + 1))
	return d
}
