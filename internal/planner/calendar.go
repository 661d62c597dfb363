package planner

import (
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
	away     []awayDays
}

type awayDays struct{ from, to day }

func newCalendar(p Policy) *calendar {
	c := &calendar{zone: p.Zone, workDays: p.WorkDays, holidays: make(map[day]bool)}
	for _, h := range p.Holidays {
		if d, ok := parseDate(h); ok {
			c.holidays[d] = true
		}
	}
	for _, r := range p.Away {
		from, ok := parseDate(r.From)
		to, ok2 := parseDate(r.To)
		if ok && ok2 {
			c.away = append(c.away, awayDays{from, to})
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
	if !c.workDays[d.utc().Weekday()] || c.holidays[d] {
		return false
	}
	for _, a := range c.away {
		if a.from <= d && d <= a.to {
			return false
		}
	}
	return true
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

// AddBusinessDays gives the nth business day after d, whatever day d is.
func (p Policy) AddBusinessDays(d Date, n int) Date {
	from, ok := parseDate(d)
	if !ok {
		return d
	}
	return newCalendar(p.normal()).add(from, n).date()
}
