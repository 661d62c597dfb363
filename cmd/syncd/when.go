package main

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// parseWhen reads what a user types as a later time: see snooze. start is when
// the event is now.
func parseWhen(s string, now, start time.Time, zone *time.Location) (time.Time, error) {
	now, start = now.In(zone), start.In(zone)
	on := func(days int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+days, start.Hour(), start.Minute(), 0, 0, zone)
	}
	to, err := time.Time{}, error(nil)
	word := strings.ToLower(strings.Join(strings.Fields(s), " "))
	if i := strings.LastIndexByte(word, ' '); i > 0 {
		if clock, e := time.Parse("15:04", word[i+1:]); e == nil {
			start = time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, zone)
			word = word[:i]
		}
	}
	if days, ok := parseDays(word, now.Weekday()); ok {
		to = on(days)
	} else if d, e := time.ParseInLocation(time.DateOnly, word, zone); e == nil {
		to = time.Date(d.Year(), d.Month(), d.Day(), start.Hour(), start.Minute(), 0, 0, zone)
	} else if to, err = parseTime(strings.TrimSpace(s), zone); err != nil {
		return to, usageError{fmt.Errorf("%q is no time: write 2026-05-12, 2026-05-12 18:30, 3d, 2w, tomorrow, monday or friday 10:00", s)}
	}
	switch written := to.In(zone).Format("2 January 2006 15:04"); {
	case !to.After(now):
		return to, usageError{fmt.Errorf("%s is over; it has to be a time to come", written)}
	case to.After(now.AddDate(2, 0, 0)):
		return to, usageError{fmt.Errorf("%s is more than two years away, so probably a mistake", written)}
	}
	return to, nil
}

// parseDays reads how many days from now a word means.
func parseDays(word string, today time.Weekday) (days int, ok bool) {
	if word == "tomorrow" {
		return 1, true
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); word == name || word == name[:3] {
			return cmp.Or((int(d-today)+7)%7, 7), true
		}
	}
	for unit, n := range map[string]int{"d": 1, "w": 7} {
		if digits, found := strings.CutSuffix(word, unit); found {
			k, err := strconv.Atoi(digits)
			return k * n, err == nil && k > 0 && k < 10000
		}
	}
	return 0, false
}
