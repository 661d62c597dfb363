package planner

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

const (
	slotLength = 15 * time.Minute
	slotAhead  = 30 * time.Minute

	repliesPerDay = 2 // reply-owed and awaiting, while another kind waits
	hellosPerDay  = 1 // cadence and dormant, while another kind waits
	hellosPerWeek = 2 // of the automatic circle, and as many to those silent for long

	aheadSpan = 7 * days // events further ahead do not count as open
)

// release sorts every candidate that is not open into held, waiting for its
// day, waiting for another follow-up of the same person, or ready.
func (p *pass) release() {
	for _, q := range p.people {
		for _, c := range q.candidates {
			switch {
			case c.Status == StatusOpen:
			case c.block != "":
				p.hold(c, c.block)
			case !p.clock.reached(p.releaseAt(c.Due)):
				c.Status = StatusWaiting
			default:
				if why := p.heldByMark(c); why != "" {
					p.hold(c, why)
					continue
				}
				c.Status = StatusWaiting
				q.waiting = append(q.waiting, c)
			}
		}
		slices.SortFunc(q.waiting, compareRank)
		if len(q.waiting) > 0 && q.opened == nil && !q.leaving {
			p.ready = append(p.ready, q)
		}
	}
	slices.SortFunc(p.ready, func(a, b *person) int { return compareRank(a.waiting[0], b.waiting[0]) })
}

// compareRank orders by priority, strength and age. Promises, thanks and
// introductions go before others of their priority.
func compareRank(a, b *candidate) int {
	return cmp.Or(cmp.Compare(a.rule.priority, b.rule.priority),
		compareBool(a.rule.touch == touchAlways, b.rule.touch == touchAlways), cmp.Compare(b.who.strength, a.who.strength),
		a.Due.Compare(b.Due), strings.Compare(a.Key.String(), b.Key.String()))
}

// releaseAt is the evening before the day of due, the first moment at which
// that day can be filled.
func (p *pass) releaseAt(due time.Time) time.Time {
	return p.cal.at(p.cal.dayOf(due)-1, p.policy.Evening)
}

// heldByMark applies the marks R and B of the rule, the rest after three mails
// that asked, and what the user planned.
func (p *pass) heldByMark(c *candidate) string {
	q := c.who
	switch {
	case c.rests():
		return askedWhy
	case c.rule.yields() && !q.planned.IsZero():
		c.until = q.plannedUntil
		return q.plannedWhy + p.date(q.planned, c.Due)
	case c.rule.rest && !q.rest.IsZero():
		return q.restWhy
	case c.rule.booked && !q.meeting.IsZero():
		return "you are meeting on " + p.date(q.meeting.At, c.Due)
	case c.rule.sameName:
		why, until := p.sameAs(q, c.shown.Days, c.Due)
		c.until = until
		return why
	case c.newCard():
		why, _ := p.sameAs(q, 0, c.Due)
		return why
	}
	return ""
}

func (p *pass) hold(c *candidate, because string) {
	c.Status, c.held = StatusHeld, because
}

// place writes what the day, the budget and the slots allow.
func (p *pass) place() {
	if len(p.ready) == 0 {
		return
	}
	if why := p.silent(); why != "" {
		for _, q := range p.ready {
			p.hold(q.waiting[0], why)
		}
		return
	}
	today := p.clock.today(p.cal)
	target := today
	if p.clock.reached(p.cal.at(today, p.policy.Evening)) {
		target = today + 1
	}
	if !p.cal.business(target) {
		return
	}
	b := p.newBudget(today, target)
	var later []*candidate
	for _, q := range p.ready {
		c := q.waiting[0]
		if b.crowded(c) {
			later = append(later, c)
			continue
		}
		p.write(b, c)
	}
	// Nothing else is left for the day: the quotas by kind have done their work.
	for _, c := range later {
		p.write(b, c)
	}
}

// silent says why nothing at all is written, "" if it may be.
func (p *pass) silent() string {
	switch {
	case p.snapshot.FirstRunAt.IsZero() || !p.clock.reached(p.snapshot.FirstRunAt):
		return "writing begins when the first scan is complete"
	case !p.clock.reached(p.snapshot.Paused):
		if p.snapshot.Paused.Equal(Forever) {
			return "paused"
		}
		return "paused until " + p.snapshot.Paused.In(p.policy.Zone).Format("2 January 2006 15:04")
	}
	return ""
}

func (p *pass) write(b *budget, c *candidate) {
	if why := b.refuse(c); why != "" {
		p.hold(c, why)
		return
	}
	slot, ok := p.slot(b, c.Due)
	if !ok {
		p.hold(c, "no free time is left on "+p.date(p.cal.at(b.target, dueTime), c.Due))
		return
	}
	c.Status, c.Slot = StatusWrite, slot
	b.spend(c)
	q := c.who
	q.opened = c
	q.waiting = q.waiting[1:]
}

// budget counts what a day still holds (SPEC section 5.3, invariant I5).
type budget struct {
	target   day
	perDay   int
	created  int
	back     bool // the day is the first after a time away
	onDay    int  // with a slot on the day
	perOpen  int
	open     int
	replies  int
	hellos   int
	weekly   int // automatic hellos of the week
	again    int // hellos of the week to those silent for long
	occupied []Interval
}

func (p *pass) newBudget(today, target day) *budget {
	b := &budget{
		target: target, back: p.cal.isReturn(target), perDay: p.policy.PerDay, perOpen: p.policy.OpenAhead,
		occupied: slices.Clone(p.snapshot.Busy),
	}
	written := make(map[Key]bool)
	for _, w := range p.snapshot.Written {
		written[w.Key] = true
		p.count(b, today, w.Key, w.At, w.Slot)
	}
	for _, o := range slices.Concat(p.open, p.snapshot.Leaving) {
		if !written[o.Key] {
			p.count(b, today, o.Key, o.CreatedAt, o.Slot)
		}
		b.occupied = append(b.occupied, Interval{o.Start, o.Start.Add(slotLength)})
		if !o.Taken && !p.finished[o.UID] && p.clock.reached(o.earliest().Add(-aheadSpan)) {
			b.open++
		}
	}
	return b
}

// count enters an event that was created before.
func (p *pass) count(b *budget, today day, k Key, at, slot time.Time) {
	if p.cal.dayOf(at) == today {
		b.created++
	}
	d := p.cal.dayOf(slot)
	if d == b.target {
		b.enter(k.Rule)
	}
	if d.week() == b.target.week() {
		q := p.byWho[k.Who]
		b.greet(k.Rule, q == nil || q.Circle == "")
	}
}

// greet counts what has a quota by the week.
func (b *budget) greet(r Rule, automatic bool) {
	switch {
	case r == Cadence && automatic:
		b.weekly++
	case r == Dormant:
		b.again++
	}
}

func (b *budget) enter(r Rule) {
	b.onDay++
	switch {
	case r.reply():
		b.replies++
	case r.hello():
		b.hellos++
	}
}

func (b *budget) spend(c *candidate) {
	b.created++
	b.open++
	b.enter(c.Rule)
	b.greet(c.Rule, c.who.automatic)
	b.occupied = append(b.occupied, Interval{c.Slot, c.Slot.Add(slotLength)})
}

// crowded reports whether the day holds enough of a kind while another waits.
func (b *budget) crowded(c *candidate) bool {
	return c.Rule.reply() && b.replies >= repliesPerDay || c.Rule.hello() && b.hellos >= hellosPerDay
}

// reply and hello are the kinds of rules with a quota.
func (r Rule) reply() bool { return r == ReplyOwed || r == Awaiting }
func (r Rule) hello() bool { return r == Cadence || r == Dormant }

// refuse says why the budget has no room for a candidate, "" if it has.
func (b *budget) refuse(c *candidate) string {
	switch {
	case b.created >= b.perDay, b.back && b.onDay >= b.perDay: // on return one day's budget, not that of the evening before too
		return "a day has room for " + count(b.perDay, "new event") + "; it comes up another day"
	case b.open >= b.perOpen:
		return "the next seven days have room for " + count(b.perOpen, "event") + "; it comes up when one is gone"
	case c.Rule == Cadence && c.who.automatic && b.weekly >= hellosPerWeek:
		return "two hellos of the automatic circle are enough for a week"
	case c.Rule == Dormant && b.again >= hellosPerWeek:
		return "two hellos to people silent for long are enough for a week; it comes up in another"
	}
	return ""
}

// slot is the first free quarter of an hour of the day, not before due and at
// least 30 minutes ahead.
func (p *pass) slot(b *budget, due time.Time) (time.Time, bool) {
	for at := p.policy.WorkFrom; at+slotLength <= p.policy.WorkTo; at += slotLength {
		s := p.cal.at(b.target, at)
		if s.Before(due) || b.taken(s) {
			continue
		}
		// It may still be chosen when it is 30 minutes ahead to the second.
		if !p.clock.reached(s.Add(time.Second - slotAhead)) {
			return s, true
		}
	}
	return time.Time{}, false
}

func (b *budget) taken(s time.Time) bool {
	return slices.ContainsFunc(b.occupied, func(i Interval) bool {
		return s.Before(i.End) && i.Start.Before(s.Add(slotLength))
	})
}
