package planner

import (
	"cmp"
	"slices"
	"time"
)

// day counts civil days from 1970-01-01, so that adding days never meets a
// change of the clocks.
type day int

const dateFormat = "2006-01-02"

// The fixed times of day (SPEC section 5.1 and 5.3).
const (
	dueTime     = 9 * time.Hour
	sameDayDue  = 16 * time.Hour
	sameDayEnds = 15 * time.Hour
)

// furthest bounds the search for business days where a policy knows hardly any.
const furthest = 1100

func civil(t time.Time) day {
	y, m, d := t.Date()
	return day(time.Date(y, m, d, 0, 0, 0, 0, time.UTC).Unix() / 86400)
}

func parseDate(d Date) (day, bool) {
	t, err := time.Parse(dateFormat, string(d))
	return civil(t), err == nil
}

func (d day) utc() time.Time { return time.Unix(int64(d)*86400, 0).UTC() }

func (d day) date() Date { return Date(d.utc().Format(dateFormat)) }

// week numbers the weeks that begin on Monday.
func (d day) week() int { return (int(d) + 3) / 7 }

// calendar knows business days (SPEC section 5.4).
type calendar struct {
	zone     *time.Location
	workDays [7]bool
	holidays map[day]bool
	away     []awayDays // sorted, none meets another
}

type awayDays struct{ from, to day }

// newCalendar takes what the policy says, and further days of absence.
func newCalendar(p Policy, absent ...DateRange) *calendar {
	c := &calendar{zone: p.Zone, workDays: p.WorkDays, holidays: make(map[day]bool)}
	for _, h := range p.Holidays {
		if d, ok := parseDate(h); ok {
			c.holidays[d] = true
		}
	}
	var all []awayDays
	for _, r := range slices.Concat(p.Away, absent) {
		from, ok := parseDate(r.From)
		to, ok2 := parseDate(r.To)
		if ok && ok2 && from <= to {
			all = append(all, awayDays{from, to})
		}
	}
	slices.SortFunc(all, func(a, b awayDays) int { return cmp.Compare(a.from, b.from) })
	for _, a := range all {
		if last := len(c.away) - 1; last >= 0 && a.from <= c.away[last].to+1 {
			c.away[last].to = max(c.away[last].to, a.to)
		} else {
			c.away = append(c.away, a)
		}
	}
	return c
}

func (c *calendar) dayOf(t time.Time) day { return civil(t.In(c.zone)) }

// at is a wall-clock time on a day.
func (c *calendar) at(d day, since time.Duration) time.Time {
	y, m, dd := d.utc().Date()
	return time.Date(y, m, dd, 0, int(since/time.Minute), 0, 0, c.zone)
}

// start is the first moment of a day. Where clocks skip midnight, at may name a
// moment of the day before.
func (c *calendar) start(d day) time.Time {
	t := c.at(d, 0)
	for i := 0; i < 8 && c.dayOf(t) < d; i++ {
		t = t.Add(15 * time.Minute)
	}
	return t
}

// wall is the time of day that clocks show at t.
func (c *calendar) wall(t time.Time) time.Duration {
	h, m, s := t.In(c.zone).Clock()
	return time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(s)*time.Second
}

func (c *calendar) business(d day) bool {
	return c.workDays[d.utc().Weekday()] && !c.holidays[d] && !c.isAway(d)
}

func (c *calendar) isAway(d day) bool {
	i, _ := slices.BinarySearchFunc(c.away, d, func(a awayDays, d day) int { return cmp.Compare(a.to, d) })
	return i < len(c.away) && c.away[i].from <= d
}

// isReturn reports whether a business day is the first after a time away.
func (c *calendar) isReturn(d day) bool {
	for d--; !c.business(d); d-- {
		if c.isAway(d) {
			return true
		}
	}
	return false
}

// add is the nth business day after d.
func (c *calendar) add(d day, n int) day {
	for i := 0; n > 0 && i < furthest; i++ {
		d++
		if c.business(d) {
			n--
		}
	}
	return d
}

// back is the nth business day before d.
func (c *calendar) back(d day, n int) day {
	for i := 0; n > 0 && i < furthest; i++ {
		d--
		if c.business(d) {
			n--
		}
	}
	return d
}

// after gives the due time n days after the local date of t.
func (c *calendar) after(t time.Time, n int) time.Time { return c.at(c.dayOf(t)+day(n), dueTime) }

// businessAfter gives the due time n business days after the local date of t.
func (c *calendar) businessAfter(t time.Time, n int) time.Time {
	return c.at(c.add(c.dayOf(t), n), dueTime)
}

// BusinessDay reports whether d is a day on which follow-ups come up. A date
// that does not exist is none.
func (p Policy) BusinessDay(d Date) bool {
	n, ok := parseDate(d)
	return ok && newCalendar(p.normal()).business(n)
}
