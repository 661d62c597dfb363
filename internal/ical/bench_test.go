package ical_test

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"syncd/internal/ical"
)

// costly holds the rules that take most of those that are worked out, and of
// those that are given up.
var costly = map[string]string{
	"plain":              "DTSTART:20160104T090000Z\nRRULE:FREQ=WEEKLY;BYDAY=MO,WE",
	"five thousand":      "DTSTART;TZID=Europe/Berlin:20040101T090000\nRRULE:FREQ=DAILY",
	"every second":       "DTSTART;TZID=Europe/Berlin:20040101T090000\nRRULE:FREQ=SECONDLY",
	"never, by seconds":  "DTSTART:20040101T090000Z\nRRULE:FREQ=SECONDLY;INTERVAL=7;BYSECOND=59;BYMINUTE=59;BYHOUR=23;BYMONTHDAY=31;BYMONTH=6,7;BYDAY=MO;BYSETPOS=2",
	"steps over a day":   "DTSTART:20040101T090000Z\nRRULE:FREQ=SECONDLY;INTERVAL=11;BYSECOND=1,2;BYMINUTE=3;BYHOUR=4;BYMONTHDAY=13;BYDAY=FR",
	"half the seconds":   "DTSTART:20040101T090000Z\nRRULE:FREQ=SECONDLY;INTERVAL=98;BYSECOND=1,3,5,7,9,11,13,15,17,19,21,23,25,27,29,31,33,35,37,39,41,43,45,47,49,51,53,55,57,59",
	"counted seconds":    "DTSTART:20250101T090000Z\nRRULE:FREQ=SECONDLY;COUNT=20000000",
	"counted, given up":  "DTSTART:20040101T090000Z\nRRULE:FREQ=SECONDLY;COUNT=200000000",
	"weeks of centuries": "DTSTART:16010101T090000Z\nRRULE:FREQ=DAILY;BYWEEKNO=53;BYMONTH=12;BYMONTHDAY=1;COUNT=9",
	"days of centuries":  "DTSTART:16010101T090000Z\nRRULE:FREQ=DAILY;BYYEARDAY=1,2,3;BYDAY=MO;BYMONTHDAY=30;COUNT=9",
}

// cpu returns the CPU time that the process has taken.
func cpu(tb testing.TB) time.Duration {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkExpand takes objects of one series each, from the costly ones.
func BenchmarkExpand(b *testing.B) {
	for name, lines := range costly {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			events, err := readEvents(calendar(lines))
			if err != nil {
				b.Fatal(err)
			}
			end := time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
			n := 0
			begun := cpu(b)
			for b.Loop() {
				list, err := ical.Expand(events, time.Time{}, end, time.UTC)
				n = len(list)
				if err != nil && n > 0 {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64((cpu(b)-begun).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(n), "instances")
		})
	}
}

// hostile objects are those that cost a careless reader most.
func hostileObjects() map[string]string {
	const size = ical.MaxSize - 200
	fill := func(line string) string {
		return object(start, strings.TrimSuffix(strings.Repeat(line, size/len(line)), "\r\n"))
	}
	var names, calendars strings.Builder
	for i := range size / 44 {
		fmt.Fprintf(&names, "EXDATE;TZID=Area/X%d:20240101T100000\r\n", i)
	}
	for i := range size / 200 {
		fmt.Fprintf(&calendars, "BEGIN:VCALENDAR\nX-WR-TIMEZONE:%[1]d\nBEGIN:VTIMEZONE\nTZID:%[1]d\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETTO:+01\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29\nEND:STANDARD\nEND:VTIMEZONE\nEND:VCALENDAR\n", i)
	}
	return map[string]string{
		"zone names":     object(start, strings.TrimSuffix(names.String(), "\r\n")),
		"calendars":      calendars.String(),
		"one line":       object(start, "DESCRIPTION:"+strings.Repeat("a", size)),
		"folded":         object(start, "DESCRIPTION:"+strings.Repeat("\r\n a", size/4)),
		"parameters":     object(start, "X"+strings.Repeat(";A=1", 100_000)+":1"),
		"values":         object(start, "X;A="+strings.Repeat("1,", size/2)+":1"),
		"open quote":     object(start, "X"+strings.Repeat(`;A="`, size/4)+":1"),
		"short lines":    fill("X:\r\n"),
		"bad lines":      fill("X\r\n"),
		"blank lines":    fill("\r\n"),
		"attendees":      fill("ATTENDEE:mailto:a@example.com\r\n"),
		"excluded dates": object(start, "RRULE:FREQ=DAILY", "EXDATE:20240101T100000Z"+strings.Repeat(",20240101T100000Z", size/17)),
		"components":     object(strings.Repeat("BEGIN:A\r\nEND:A\r\n", size/16)),
		"zones":          "BEGIN:VCALENDAR\n" + strings.Repeat("BEGIN:VTIMEZONE\nTZID:x\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETTO:+01\nRRULE:FREQ=DAILY\nEND:STANDARD\nEND:VTIMEZONE\n", size/140),
	}
}

// What could take quadratic time or memory is read, or refused, with what it
// holds: the test's own time limit is the assertion.
func TestParseHostile(t *testing.T) {
	for name, in := range hostileObjects() {
		c, err := ical.Parse([]byte(in))
		if err != nil {
			t.Errorf("%s, %d octets: %v", name, len(in), err)
			continue
		}
		events, _ := c.Events()
		if want := 1; name != "zones" && name != "components" && name != "calendars" && len(events) != want {
			t.Errorf("%s: %d events, want %d", name, len(events), want)
		}
	}
}

// heap returns how many octets are in use.
func heap() float64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc)
}

// BenchmarkParse reads objects as servers hold them and the most hostile ones.
func BenchmarkParse(b *testing.B) {
	objects := hostileObjects()
	objects["plain"] = object(start, "SUMMARY:Lunch", "DTSTAMP:20240101T000000Z", "ORGANIZER:mailto:a@example.com", "ATTENDEE;CN=\"B, C\";PARTSTAT=ACCEPTED:mailto:b@example.com", "RRULE:FREQ=WEEKLY")
	for name, in := range objects {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			var c *ical.Calendar
			var events []ical.Event
			before := heap()
			begun := cpu(b)
			for b.Loop() {
				var err error
				if c, err = ical.Parse([]byte(in)); err != nil {
					b.Fatal(err)
				}
				events, _ = c.Events()
			}
			b.ReportMetric((heap()-before)/(1<<20), "MiB-kept")
			runtime.KeepAlive(c)
			runtime.KeepAlive(events)
			b.ReportMetric(float64((cpu(b)-begun).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
}
