package ical

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// Time is a point in a calendar: an instant on a wall clock somewhere, a
// floating time (the same wall clock everywhere), or an all-day civil date.
// The zero Time is none of them. Compare with Equal.
type Time struct {
	wall time.Time // the wall clock, in UTC whatever the zone
	kind kind
	zone *time.Location // of an instant
}

type kind uint8

const (
	none kind = iota
	instant
	floating
	date
)

// At returns the instant t on the wall clock of t's own location.
func At(t time.Time) Time {
	_, offset := t.Zone()
	return Time{wall: t.UTC().Add(time.Duration(offset) * time.Second), kind: instant, zone: t.Location()}
}

// OnDate returns the all-day date.
func OnDate(year int, month time.Month, day int) Time {
	return Time{wall: time.Date(year, month, day, 0, 0, 0, 0, time.UTC), kind: date}
}

// Floating returns a time without a zone, with the wall clock that t shows.
func Floating(t time.Time) Time {
	w := At(t)
	return Time{wall: w.wall, kind: floating}
}

// IsZero reports whether t is no time at all.
func (t Time) IsZero() bool { return t.kind == none }

// IsDate reports whether t is an all-day civil date.
func (t Time) IsDate() bool { return t.kind == date }

// IsFloating reports whether t is a wall clock without a zone.
func (t Time) IsFloating() bool { return t.kind == floating }

// Date returns the civil date that t shows on its own wall clock.
func (t Time) Date() (year int, month time.Month, day int) { return t.wall.Date() }

// Zone returns the zone of an instant, and nil for a date or a floating time.
func (t Time) Zone() *time.Location { return t.zone }

// In returns the instant: an all-day date begins at midnight of loc, a floating
// time is taken on the clock of loc, an instant ignores loc and keeps its zone.
func (t Time) In(loc *time.Location) time.Time {
	switch t.kind {
	case none:
		return time.Time{}
	case instant:
		loc = t.zone
	case floating, date:
	}
	return onClock(t.wall, loc)
}

// Equal reports whether t and u are of the same kind and the same moment;
// instants may differ in their zone.
func (t Time) Equal(u Time) bool {
	if t.kind != u.kind {
		return false
	}
	if t.kind == instant {
		return t.In(nil).Equal(u.In(nil))
	}
	return t.wall.Equal(u.wall)
}

// String returns t as iCalendar writes it, an instant in UTC.
func (t Time) String() string {
	switch t.kind {
	case date:
		return t.wall.Format("20060102")
	case floating:
		return t.wall.Format("20060102T150405")
	case instant:
		return t.In(nil).UTC().Format("20060102T150405Z")
	case none:
	}
	return ""
}

// add returns t with its wall clock moved.
func (t Time) add(d time.Duration) Time {
	t.wall = t.wall.Add(d)
	return t
}

// withWall returns t with another wall clock.
func (t Time) withWall(wall time.Time) Time {
	t.wall = wall
	return t
}

// onClock returns the instant at which the clock of loc shows wall. RFC 5545
// section 3.3.5: of two such instants the first; a time that the clock skips is
// taken with the offset before the gap.
func onClock(wall time.Time, loc *time.Location) time.Time {
	if loc == time.UTC {
		return wall
	}
	_, before := wall.Add(-24 * time.Hour).In(loc).Zone()
	first := wall.Add(-time.Duration(before) * time.Second).In(loc)
	_, got := first.Zone()
	if got == before {
		return first
	}
	_, after := wall.Add(24 * time.Hour).In(loc).Zone()
	second := wall.Add(-time.Duration(after) * time.Second).In(loc)
	if _, got := second.Zone(); got == after {
		return second
	}
	return first
}

var (
	errTime     = errors.New("no valid date or time")
	errDuration = errors.New("no valid duration")
)

// parseTime reads a DATE or DATE-TIME (RFC 5545 sections 3.3.4 and 3.3.5), also
// without seconds and with the separators of ISO 8601. zone is used for a time
// that is not in UTC; nil makes it floating.
func parseTime(s string, zone *time.Location) (Time, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	if strings.ContainsAny(s, "-: ") {
		s = strings.NewReplacer("-", "", ":", "", " ", "").Replace(s)
	}
	utc := strings.HasSuffix(s, "Z")
	s = strings.TrimSuffix(s, "Z")
	day, clock, timed := strings.Cut(s, "T")
	if len(day) != 8 || !digits(day) {
		return Time{}, errTime
	}
	year, month, dom := atoi(day[:4]), atoi(day[4:6]), atoi(day[6:])
	wall := time.Date(year, time.Month(month), dom, 0, 0, 0, 0, time.UTC)
	if wall.Day() != dom || int(wall.Month()) != month || year == 0 {
		return Time{}, errTime
	}
	if !timed {
		return Time{wall: wall, kind: date}, nil
	}
	clock, _, _ = strings.Cut(strings.TrimSuffix(clock, "T"), ".") // 20131009T170000T has been seen
	if len(clock) != 4 && len(clock) != 6 || !digits(clock) {
		return Time{}, errTime
	}
	h, m, sec := atoi(clock[:2]), atoi(clock[2:4]), 0
	if len(clock) == 6 {
		sec = atoi(clock[4:])
	}
	if h > 24 || m > 59 || sec > 60 {
		return Time{}, errTime
	}
	wall = wall.Add(time.Duration(h)*time.Hour + time.Duration(m)*time.Minute + time.Duration(sec)*time.Second)
	switch {
	case utc:
		return Time{wall: wall, kind: instant, zone: time.UTC}, nil
	case zone == nil:
		return Time{wall: wall, kind: floating}, nil
	}
	return Time{wall: wall, kind: instant, zone: zone}, nil
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// atoi reads a short run of digits.
func atoi(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// length is a DURATION: days count on the calendar, the rest on the clock.
type length struct {
	days  int
	exact time.Duration
}

func (l length) addTo(t Time) Time {
	t = t.withWall(t.wall.AddDate(0, 0, l.days))
	if l.exact == 0 {
		return t
	}
	return after(t, l.exact)
}

// after returns t later by an exact time; the wall clock may change its offset
// meanwhile.
func after(t Time, d time.Duration) Time {
	if t.kind != instant {
		return t.add(d)
	}
	return At(t.In(nil).Add(d))
}

// maxDays keeps an absurd duration from overflowing.
const maxDays = 100 * 366

// parseDuration reads a DURATION (RFC 5545 section 3.3.6).
func parseDuration(s string) (length, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	sign := 1
	switch {
	case strings.HasPrefix(s, "-"):
		sign, s = -1, s[1:]
	case strings.HasPrefix(s, "+"):
		s = s[1:]
	}
	s, ok := strings.CutPrefix(s, "P")
	if !ok || s == "" {
		return length{}, errDuration
	}
	var l length
	timed := false
	for s != "" {
		if s[0] == 'T' && !timed {
			timed, s = true, s[1:]
			continue
		}
		i := 0
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		if i == 0 || i > 9 || i == len(s) {
			return length{}, errDuration
		}
		n := sign * atoi(s[:i])
		switch {
		case s[i] == 'W':
			l.days += 7 * n
		case s[i] == 'D':
			l.days += n
		case s[i] == 'H' && timed:
			l.exact += time.Duration(n) * time.Hour
		case s[i] == 'M' && timed:
			l.exact += time.Duration(n) * time.Minute
		case s[i] == 'S' && timed:
			l.exact += time.Duration(n) * time.Second
		default:
			return length{}, errDuration
		}
		s = s[i+1:]
	}
	if max(l.days, -l.days) > maxDays || l.exact.Abs() > maxDays*24*time.Hour {
		return length{}, errDuration
	}
	return l, nil
}
