package ical_test

import (
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
