package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"syncd/internal/ical"
	"syncd/internal/planner"
)

// Holiday is a civil date, or the path of an iCalendar file whose all-day events
// are holidays.
type Holiday string

// UnmarshalText implements encoding.TextUnmarshaler.
func (h *Holiday) UnmarshalText(text []byte) error {
	if Holiday(text).isFile() {
		return (*Path)(h).UnmarshalText(text)
	}
	if err := (*Date)(h).UnmarshalText(text); err != nil {
		return fmt.Errorf("%q is neither a date, like 2027-01-01, nor a file whose name ends in .ics", text)
	}
	return nil
}

func (*Holiday) wants() string { return "a date, like 2027-01-01, or the path of an .ics file" }

func (h Holiday) isFile() bool { return strings.HasSuffix(strings.ToLower(string(h)), ".ics") }

// checkHolidays looks into the files of holidays.
func (d *decoder) checkHolidays(m *Me) {
	days := map[planner.Date]bool{}
	for i, h := range m.Holidays {
		if !h.isFile() {
			days[planner.Date(h)] = true
			continue
		}
		if err := readHolidays(Path(h), days); err != nil {
			d.fail(fmt.Sprintf("me.holidays[%d]", i), "holidays: %s", err)
		}
	}
	m.HolidayDates = slices.Sorted(maps.Keys(days))
}

// The years in which holidays that recur are looked for. There is no clock here,
// and of one rule a call expands no more than a decade of days.
const (
	firstYear = 2000
	lastYear  = 2099
	decade    = 10
)

// readHolidays adds the days of a file's all-day events. What cannot be read of
// an event costs that event alone.
func readHolidays(path Path, days map[planner.Date]bool) error {
	data, err := readRegular(path)
	if err != nil {
		return err
	}
	cal, err := ical.Parse(data)
	if err != nil {
		return fmt.Errorf("read %s: %w", path, err)
	}
	events, _ := cal.Events()
	for i := range events {
		if events[i].UID == "" { // then it has nothing to do with any other
			events[i].UID = fmt.Sprintf("%s:%d", path, i)
		}
	}
	for year := firstYear; year <= lastYear; year += decade {
		from, to := newYear(year), newYear(year+decade)
		list, _ := ical.ExpandEach(events, from, to, time.UTC)
		for _, i := range list {
			if !i.Start.IsDate() || i.Event.Status == "CANCELLED" {
				continue
			}
			t, end := i.Start.In(time.UTC), i.End.In(time.UTC)
			if t.Before(from) {
				t = from
			}
			for ; t.Before(end) && t.Before(to); t = t.AddDate(0, 0, 1) {
				days[planner.Date(t.Format(time.DateOnly))] = true
			}
		}
	}
	return nil
}

func newYear(year int) time.Time { return time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC) }
