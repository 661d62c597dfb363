package ical_test

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ical"
)

// calendar wraps several events of the UID 1.
func calendar(events ...string) string {
	s := "BEGIN:VCALENDAR\nVERSION:2.0\n"
	for _, e := range events {
		s += "BEGIN:VEVENT\nUID:1\n" + e + "\nEND:VEVENT\n"
	}
	return s + "END:VCALENDAR\n"
}

// show writes an instance as: original start, start/end, summary.
func show(list []ical.Instance) []string {
	var out []string
	for _, i := range list {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s/%s %s", i.RecurrenceID, i.Start, i.End, i.Event.Summary+i.Event.Status)))
	}
	return out
}

func TestExpand(t *testing.T) {
	const series = "SUMMARY:m\nDTSTART;TZID=Europe/Berlin:20240325T090000\nDTEND;TZID=Europe/Berlin:20240325T100000\nRRULE:FREQ=WEEKLY;COUNT=3"
	const allDay = "SUMMARY:m\nDTSTART;VALUE=DATE:20240330\nDTEND;VALUE=DATE:20240401\nRRULE:FREQ=WEEKLY;COUNT=2"
	tests := map[string]struct {
		in   string
		want []string
	}{
		"one":             {calendar("SUMMARY:m\nDTSTART:20240325T080000Z"), []string{"20240325T080000Z/20240325T080000Z m"}},
		"over the change": {calendar(series), []string{"20240325T080000Z 20240325T080000Z/20240325T090000Z m", "20240401T070000Z 20240401T070000Z/20240401T080000Z m", "20240408T070000Z 20240408T070000Z/20240408T080000Z m"}},
		"all day":         {calendar(allDay), []string{"20240330 20240330/20240401 m", "20240406 20240406/20240408 m"}},
		"floating": {
			calendar("SUMMARY:m\nDTSTART:20240325T090000\nRRULE:FREQ=WEEKLY;COUNT=2"),
			[]string{"20240325T090000 20240325T090000/20240325T090000 m", "20240401T090000 20240401T090000/20240401T090000 m"},
		},
		"floating, override in UTC": {
			calendar("SUMMARY:m\nDTSTART:20240325T090000\nRRULE:FREQ=WEEKLY;COUNT=2", "SUMMARY:o\nRECURRENCE-ID:20240401T070000Z\nDTSTART:20240402T090000"),
			[]string{"20240325T090000 20240325T090000/20240325T090000 m", "20240401T090000 20240402T090000/20240402T090000 o"},
		},
		"override without its zone": {
			calendar(series, "SUMMARY:o\nRECURRENCE-ID:20240401T090000\nDTSTART:20240402T120000Z"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T090000Z m", "20240401T070000Z 20240402T120000Z/20240402T120000Z o", "20240408T070000Z 20240408T070000Z/20240408T080000Z m"},
		},
		"moved": {
			calendar(series, "SUMMARY:o\nRECURRENCE-ID:20240401T070000Z\nDTSTART:20240402T120000Z\nDTEND:20240402T130000Z"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T090000Z m", "20240401T070000Z 20240402T120000Z/20240402T130000Z o", "20240408T070000Z 20240408T070000Z/20240408T080000Z m"},
		},
		"cancelled, named by date": {
			calendar(series, "STATUS:CANCELLED\nRECURRENCE-ID;VALUE=DATE:20240401\nDTSTART;TZID=Europe/Berlin:20240401T090000"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T090000Z m", "20240401T070000Z 20240401T070000Z/20240401T070000Z CANCELLED", "20240408T070000Z 20240408T070000Z/20240408T080000Z m"},
		},
		"newer override wins": {
			calendar(series, "SUMMARY:new\nSEQUENCE:2\nRECURRENCE-ID:20240401T070000Z\nDTSTART:20240401T070000Z", "SUMMARY:old\nSEQUENCE:1\nRECURRENCE-ID:20240401T070000Z\nDTSTART:20240402T070000Z"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T090000Z m", "20240401T070000Z 20240401T070000Z/20240401T070000Z new", "20240408T070000Z 20240408T070000Z/20240408T080000Z m"},
		},
		"override alone": {
			calendar("SUMMARY:o\nRECURRENCE-ID:20240401T070000Z\nDTSTART:20240402T120000Z\nDTEND:20240402T130000Z"),
			[]string{"20240401T070000Z 20240402T120000Z/20240402T130000Z o"},
		},
		"this and future": {
			calendar(series, "SUMMARY:o\nRECURRENCE-ID;RANGE=THISANDFUTURE;TZID=Europe/Berlin:20240401T090000\nDTSTART;TZID=Europe/Berlin:20240401T110000\nDTEND;TZID=Europe/Berlin:20240401T130000"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T090000Z m", "20240401T070000Z 20240401T090000Z/20240401T110000Z o", "20240408T070000Z 20240408T090000Z/20240408T110000Z o"},
		},
		"EXDATE in UTC, RDATE twice": {
			calendar(series + "\nEXDATE:20240401T070000Z\nRDATE;TZID=Europe/Berlin:20240325T090000,20240501T120000"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T090000Z m", "20240408T070000Z 20240408T070000Z/20240408T080000Z m", "20240501T100000Z 20240501T100000Z/20240501T110000Z m"},
		},
		"EXDATE by date": {
			calendar(series + "\nEXDATE;VALUE=DATE:20240325,20240401"),
			[]string{"20240408T070000Z 20240408T070000Z/20240408T080000Z m"},
		},
		"RDATE only, with a period": {
			calendar("SUMMARY:m\nDTSTART:20240325T080000Z\nRDATE;VALUE=PERIOD:20240326T080000Z/PT3H"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T080000Z m", "20240326T080000Z 20240326T080000Z/20240326T110000Z m"},
		},
		"UNTIL as a date": {
			calendar("SUMMARY:m\nDTSTART:20240325T220000Z\nRRULE:freq=daily; until=20240326;"),
			[]string{"20240325T220000Z 20240325T220000Z/20240325T220000Z m", "20240326T220000Z 20240326T220000Z/20240326T220000Z m"},
		},
		"UNTIL in UTC": {
			calendar("SUMMARY:m\nDTSTART;TZID=Europe/Berlin:20240330T090000\nRRULE:FREQ=DAILY;UNTIL=20240331T070000Z"),
			[]string{"20240330T080000Z 20240330T080000Z/20240330T080000Z m", "20240331T070000Z 20240331T070000Z/20240331T070000Z m"},
		},
		"UNTIL as local midnight in UTC": {
			calendar("SUMMARY:m\nDTSTART;VALUE=DATE:20240330\nRRULE:FREQ=DAILY;UNTIL=20240330T230000Z"),
			[]string{"20240330 20240330/20240331 m", "20240331 20240331/20240401 m"},
		},
		"every hour over the gap": {
			calendar("SUMMARY:m\nDTSTART;TZID=Europe/Berlin:20240331T010000\nRRULE:FREQ=HOURLY;COUNT=4"), // 02:00 does not exist and is 03:00
			[]string{"20240331T000000Z 20240331T000000Z/20240331T000000Z m", "20240331T010000Z 20240331T010000Z/20240331T010000Z m", "20240331T020000Z 20240331T020000Z/20240331T020000Z m"},
		},
		"every hour over the hour that comes twice": {
			calendar("SUMMARY:m\nDTSTART;TZID=Europe/Berlin:20241027T010000\nRRULE:FREQ=HOURLY;COUNT=3"),
			[]string{"20241026T230000Z 20241026T230000Z/20241026T230000Z m", "20241027T000000Z 20241027T000000Z/20241027T000000Z m", "20241027T020000Z 20241027T020000Z/20241027T020000Z m"},
		},
		"a daily time in the gap": {
			calendar("SUMMARY:m\nDTSTART;TZID=Europe/Berlin:20240330T023000\nDURATION:PT1H\nRRULE:FREQ=DAILY;COUNT=3"),
			[]string{"20240330T013000Z 20240330T013000Z/20240330T023000Z m", "20240331T013000Z 20240331T013000Z/20240331T023000Z m", "20240401T003000Z 20240401T003000Z/20240401T013000Z m"},
		},
		"second rule": {
			calendar("SUMMARY:m\nDTSTART:20240325T080000Z\nRRULE:FREQ=WEEKLY;COUNT=2\nRRULE:FREQ=DAILY;UNTIL=20240326T080000Z"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T080000Z m", "20240326T080000Z 20240326T080000Z/20240326T080000Z m", "20240401T080000Z 20240401T080000Z/20240401T080000Z m"},
		},
		"RDATE as a period with two ends": {
			calendar("SUMMARY:m\nDTSTART:20240325T080000Z\nRDATE;VALUE=PERIOD:20240326T080000Z/20240326T090000Z,20240327T080000Z/20240327T070000Z"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T080000Z m", "20240326T080000Z 20240326T080000Z/20240326T090000Z m", "20240327T080000Z 20240327T080000Z/20240327T080000Z m"},
		},
		"an end without a zone": {
			calendar("SUMMARY:m\nDTSTART;TZID=America/New_York:20240325T080000\nDTEND:20240325T090000\nRRULE:FREQ=DAILY;COUNT=2"),
			[]string{"20240325T120000Z 20240325T120000Z/20240325T130000Z m", "20240326T120000Z 20240326T120000Z/20240326T130000Z m"},
		},
		"an end without a zone, in the east": { // was a panic
			calendar("SUMMARY:m\nDTSTART;TZID=Asia/Tokyo:20240325T080000\nDTEND:20240325T090000\nRRULE:FREQ=DAILY;COUNT=2"),
			[]string{"20240324T230000Z 20240324T230000Z/20240325T000000Z m", "20240325T230000Z 20240325T230000Z/20240326T000000Z m"},
		},
		"a start without a zone": {
			calendar("SUMMARY:m\nDTSTART:20240325T080000\nDTEND:20240325T090000Z\nRRULE:FREQ=DAILY;COUNT=2"),
			[]string{"20240325T080000 20240325T080000/20240325T090000 m", "20240326T080000 20240326T080000/20240326T090000 m"},
		},
		"a period that ends without a zone": {
			calendar("SUMMARY:m\nDTSTART:20240325T080000Z\nRDATE;VALUE=PERIOD:20240326T080000Z/20240326T090000,20240327T080000/20240327T100000Z"),
			[]string{"20240325T080000Z 20240325T080000Z/20240325T080000Z m", "20240326T080000Z 20240326T080000Z/20240326T090000Z m", "20240327T080000Z 20240327T080000Z/20240327T100000Z m"},
		},
		"this and future, by the day": {
			calendar("SUMMARY:m\nDTSTART;TZID=America/New_York:20240325T080000\nRRULE:FREQ=DAILY;COUNT=3",
				"SUMMARY:o\nRECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20240326\nDTSTART;TZID=America/New_York:20240326T090000"),
			[]string{"20240325T120000Z 20240325T120000Z/20240325T120000Z m", "20240326T120000Z 20240326T130000Z/20240326T130000Z o", "20240327T120000Z 20240327T130000Z/20240327T130000Z o"},
		},
		"a start in the gap, an end after it": {
			calendar("SUMMARY:m\nDTSTART:20240331T025000\nDTEND:20240331T031000"), // 02:50 is 03:50
			[]string{"20240331T025000/20240331T025000 m"},
		},
		"EXDATE of an all-day series as a time": {
			calendar(allDay + "\nEXDATE:20240406T000000"),
			[]string{"20240330 20240330/20240401 m"},
		},
		"this and future, all day": {
			calendar(allDay, "SUMMARY:o\nRECURRENCE-ID;RANGE=THISANDFUTURE;VALUE=DATE:20240330\nDTSTART;VALUE=DATE:20240331\nDTEND;VALUE=DATE:20240401"),
			[]string{"20240330 20240331/20240401 o", "20240406 20240407/20240408 o"},
		},
		"DTSTART outside its rule counts": {
			calendar("SUMMARY:m\nDTSTART:20240326T080000Z\nRRULE:FREQ=WEEKLY;BYDAY=MO;COUNT=2"),
			[]string{"20240326T080000Z 20240326T080000Z/20240326T080000Z m", "20240401T080000Z 20240401T080000Z/20240401T080000Z m"},
		},
	}
	berlin := zone(t, "Europe/Berlin")
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			events, err := readEvents(test.in)
			if err != nil {
				t.Fatal(err)
			}
			got, err := ical.Expand(events, time.Date(2024, 1, 1, 0, 0, 0, 0, berlin), time.Date(2025, 1, 1, 0, 0, 0, 0, berlin), berlin)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, show(got)); diff != "" {
				t.Errorf("Expand() (-want +got):\n%s", diff)
			}
		})
	}
}

// What rrule-go 1.8.2 gets wrong, and what RFC 5545 says.
func TestExpandRules(t *testing.T) {
	tests := []struct{ name, start, rule, want string }{
		{"plain and numbered days", "20240101T090000", "FREQ=MONTHLY;BYDAY=MO,2TU;COUNT=6", "0101 0108 0109 0115 0122 0129"},
		{"plain and numbered days of a year", "20240101T090000", "FREQ=YEARLY;BYMONTH=1,2;BYDAY=1MO,TH;COUNT=7", "0101 0104 0111 0118 0125 0201 0205"},
		{"an ordinal that no month has, and one that has", "20240108T090000", "FREQ=MONTHLY;BYDAY=9MO,-9MO,2MO;COUNT=2", "0108 0212"},
		{"BYSETPOS in a week that began before DTSTART", "20240103T090000", "FREQ=WEEKLY;BYDAY=MO,WE,FR;BYSETPOS=1;COUNT=3", "0103 0108 0115"},
		{"BYSETPOS with hours in no order", "20240101T080000", "FREQ=DAILY;BYHOUR=18,8,12;BYSETPOS=-1;COUNT=3", "0101T08 0101T18 0102T18"},
		{"hours twice", "20240101T090000", "FREQ=DAILY;BYHOUR=9,9;COUNT=2", "0101 0102"},
		{"week without a day", "20240102T090000", "FREQ=YEARLY;BYWEEKNO=1,2;COUNT=3", "0102 0109 1231"},
		{"week 53 of a year that has none", "20240101T090000", "FREQ=YEARLY;BYWEEKNO=53;BYDAY=TU;COUNT=2", "0101 20261229"},
		{"every other year of weeks", "20241231T090000", "FREQ=YEARLY;INTERVAL=2;BYWEEKNO=1;BYDAY=TU;COUNT=2", "1231 20270105"},
		{"BYSETPOS among weeks", "20240305T090000", "FREQ=YEARLY;BYWEEKNO=10,20,30;BYDAY=TU;BYSETPOS=1,-1;COUNT=4", "0305 0723 20250304 20250722"},
		{"leap second", "20240101T090000", "FREQ=DAILY;BYSECOND=60;COUNT=2", "0101 0101T090059"},
		{"31st of every month", "20240131T090000", "FREQ=MONTHLY;COUNT=3", "0131 0331 0531"},
		{"leap day", "20200229T090000", "FREQ=YEARLY", "0229 20280229"},
		{"three centuries ago", "16010101T090000", "FREQ=YEARLY;INTERVAL=3", "0101 20270101 20300101"},
		{"interval from long ago", "16010101T090000", "FREQ=DAILY;INTERVAL=1000", "20250518 20280212 20301108"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			events, err := readEvents(calendar("DTSTART:" + test.start + "\nRRULE:" + test.rule))
			if err != nil {
				t.Fatal(err)
			}
			got, err := ical.Expand(events, time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2031, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
			if err != nil {
				t.Fatal(err)
			}
			var list []string
			for _, i := range got {
				s := strings.TrimPrefix(strings.TrimSuffix(i.RecurrenceID, "T090000"), "2024")
				list = append(list, strings.TrimSuffix(s, "0000"))
			}
			if diff := cmp.Diff(test.want, strings.Join(list, " ")); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.rule, diff)
			}
		})
	}
}

// The window is half open, and an instance that has begun before it counts.
func TestExpandWindow(t *testing.T) {
	events, err := readEvents(calendar("SUMMARY:m\nDTSTART:20000101T220000Z\nDTEND:20000102T020000Z\nRRULE:FREQ=DAILY"))
	if err != nil {
		t.Fatal(err)
	}
	day := func(d int) time.Time { return time.Date(2024, 6, d, 0, 0, 0, 0, time.UTC) }
	got, err := ical.Expand(events, day(1), day(2), time.UTC)
	want := []string{"20240531T220000Z 20240531T220000Z/20240601T020000Z m", "20240601T220000Z 20240601T220000Z/20240602T020000Z m"}
	if diff := cmp.Diff(want, show(got)); diff != "" || err != nil {
		t.Errorf("Expand() %v (-want +got):\n%s", err, diff)
	}
	all, err := ical.Expand(events, time.Time{}, day(2), time.UTC)
	if err != nil || len(all) > ical.MaxInstances+1 || len(all) < ical.MaxInstances-2 || all[len(all)-1].RecurrenceID != "20240601T220000Z" {
		t.Errorf("%d instances, %v; want about the latest %d", len(all), err, ical.MaxInstances)
	}
}

func TestExpandRefuses(t *testing.T) {
	for _, rule := range []string{
		"FREQ=SECONDLY;COUNT=40000000", "FREQ=FORTNIGHTLY", "", "COUNT=3",
		"FREQ=MONTHLY;INTERVAL=9223372036854775807", "FREQ=DAILY;INTERVAL=0", "FREQ=WEEKLY;COUNT=0", "FREQ=WEEKLY;COUNT=-1",
		"FREQ=MONTHLY;BYDAY=99MO", "FREQ=MONTHLY;BYDAY=XX", "FREQ=MONTHLY;BYMONTHDAY=0", "FREQ=DAILY;UNTIL=never", "RSCALE=HEBREW;FREQ=YEARLY",
		"FREQ=YEARLY;BYEASTER=0", "FREQ=DAILY;BYHOUR=24", "FREQ=YEARLY;BYMONTH=5L", "FREQ=WEEKLY;WKST=1",
	} {
		events, err := readEvents(calendar("DTSTART:20240101T100000Z\nRRULE:" + rule))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ical.Expand(events, time.Time{}, time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
		if !errors.Is(err, ical.ErrRule) || got != nil {
			t.Errorf("%s: %d instances, %v; want ErrRule", rule, len(got), err)
		}
	}
}

// Rules that made other expanders hang or panic end, with few instances or none.
func TestExpandEnds(t *testing.T) {
	var days []string
	for n := range 366 {
		days = append(days, strconv.Itoa(n+1))
	}
	all := strings.Join(days, ",")
	sixty := strings.Join(days[:59], ",")
	const hours = ";BYHOUR=0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23"
	for rule, want := range map[string]int{
		"FREQ=HOURLY;INTERVAL=2;BYHOUR=1":                                  1,
		"FREQ=MINUTELY;INTERVAL=60;BYMINUTE=30":                            1,
		"FREQ=SECONDLY;INTERVAL=60;BYSECOND=30":                            1,
		"FREQ=SECONDLY;BYSETPOS=2":                                         1,
		"FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30":                            1,
		"FREQ=SECONDLY":                                                    ical.MaxInstances + 1,
		"FREQ=SECONDLY;INTERVAL=7":                                         ical.MaxInstances + 1,
		"FREQ=MINUTELY;COUNT=2147483647":                                   ical.MaxInstances + 1,
		"FREQ=HOURLY;INTERVAL=2147483647":                                  1,
		"FREQ=DAILY" + hours + ";BYMINUTE=" + sixty + ";BYSECOND=" + sixty: ical.MaxInstances + 1,
		"FREQ=MONTHLY;BYDAY=-9MO":                                          1,
		"FREQ=YEARLY;BYMONTH=1;BYDAY=-20MO":                                1,
		"FREQ=DAILY;BYSETPOS=" + all:                                       ical.MaxInstances + 1,
		"FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30;BYSETPOS=" + all + hours:     1,
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;BYYEARDAY=" + all + hours:     1,
		"FREQ=MONTHLY;BYDAY=9MO":                                           1, // DTSTART alone
		"FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30":                               1,
		"FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30;COUNT=2147483647":             1,
		"FREQ=DAILY;BYSETPOS=5":                                            1,
		"FREQ=DAILY;COUNT=2147483647":                                      ical.MaxInstances + 1,
		"FREQ=DAILY;UNTIL=99991231T000000Z":                                ical.MaxInstances + 1,
		"FREQ=YEARLY;BYWEEKNO=53;BYDAY=MO,TU,WE,TH,FR,SA,SU":               246,
		"FREQ=MONTHLY;BYDAY=1MO,2MO,3MO,4MO,5MO,-1MO;BYSETPOS=-1":          2401,
	} {
		events, err := readEvents(calendar("DTSTART:20240102T100000Z\nRRULE:" + rule))
		if err != nil {
			t.Fatal(err)
		}
		endless, err := readEvents(calendar("DTSTART:20240102T100000Z\nDTEND:99990102T100000Z\nRRULE:" + rule))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ical.Expand(endless, time.Time{}, time.Date(2400, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC); err != nil {
			t.Errorf("%s, without an end: %v", rule, err)
		}
		got, err := ical.Expand(events, time.Time{}, time.Date(2224, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
		if err != nil || len(got) < want-2 || len(got) > want {
			t.Errorf("%s: %d instances, %v; want %d", rule, len(got), err, want)
		}
	}
}

// A rule that begins after the window costs nothing and gives nothing back.
func TestExpandLater(t *testing.T) {
	events, err := readEvents(calendar("DTSTART:99900102T100000Z\nRRULE:FREQ=YEARLY"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ical.Expand(events, time.Time{}, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
	if err != nil || len(got) != 0 {
		t.Errorf("%d instances, %v; want none", len(got), err)
	}
}

// Thousands of costly rules in one object are given up together.
func TestExpandBudget(t *testing.T) {
	s := "BEGIN:VCALENDAR\n"
	for i := range 5000 {
		s += fmt.Sprintf("BEGIN:VEVENT\nUID:%d\nDTSTART:16010101T000000Z\nRRULE:FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30;COUNT=9\nEND:VEVENT\n", i)
	}
	events, err := readEvents(s + "END:VCALENDAR\n")
	if err != nil || len(events) != 5000 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	_, err = ical.Expand(events, time.Time{}, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
	if !errors.Is(err, ical.ErrRule) {
		t.Errorf("%v, want ErrRule", err)
	}
}

// However many UIDs are in one object, the latest instances are kept of all
// together, and working out more than that costs little or is given up.
func TestExpandManyUIDs(t *testing.T) {
	several := func(n int, start, rule string) []ical.Event {
		s := "BEGIN:VCALENDAR\n"
		for i := range n {
			s += fmt.Sprintf("BEGIN:VEVENT\nUID:%d\nDTSTART:%s\nRRULE:%s\nEND:VEVENT\n", i, start, rule)
		}
		events, err := readEvents(s + "END:VCALENDAR\n")
		if err != nil || len(events) != n {
			t.Fatalf("%d events, %v", len(events), err)
		}
		return events
	}
	end := time.Date(2028, 1, 1, 0, 0, 0, 0, time.UTC)
	got, err := ical.Expand(several(300, "20160101T120000Z", "FREQ=DAILY"), time.Time{}, end, time.UTC)
	if err != nil || len(got) != ical.MaxInstances {
		t.Fatalf("%d instances, %v; want %d", len(got), err, ical.MaxInstances)
	}
	uids := map[string]int{}
	for _, i := range got {
		uids[i.UID]++
	}
	first, last := got[0].RecurrenceID, got[len(got)-1].RecurrenceID
	if days := ical.MaxInstances / 300; len(uids) != 300 || uids["0"] < days || uids["299"] < days || first != "20271215T120000Z" || last != "20271231T120000Z" {
		t.Errorf("of %d UIDs, %d of the first and %d of the last, from %s to %s", len(uids), uids["0"], uids["299"], first, last)
	}
	_, err = ical.Expand(several(5000, "20160101T120000Z", "FREQ=DAILY;COUNT=4000"), time.Time{}, end, time.UTC)
	if err != nil && !errors.Is(err, ical.ErrRule) {
		t.Errorf("%v, want ErrRule or nothing", err)
	}
}

// One event that cannot be expanded costs the others nothing.
func TestExpandEach(t *testing.T) {
	events, err := readEvents("BEGIN:VCALENDAR\n" +
		"BEGIN:VEVENT\nUID:1\nDTSTART;VALUE=DATE:20240101\nEND:VEVENT\n" +
		"BEGIN:VEVENT\nUID:2\nDTSTART;VALUE=DATE:20240102\nRRULE:FREQ=SECONDLY\nEND:VEVENT\n" +
		"BEGIN:VEVENT\nUID:3\nDTSTART;VALUE=DATE:20240103\nRRULE:FREQ=YEARLY;COUNT=2\nEND:VEVENT\nEND:VCALENDAR\n")
	if err != nil {
		t.Fatal(err)
	}
	all, left := ical.ExpandEach(events, time.Time{}, time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
	var got []string
	for _, i := range all {
		got = append(got, i.Start.String())
	}
	if want := []string{"20240101", "20240103", "20250103"}; left != 1 || !slices.Equal(got, want) {
		t.Errorf("ExpandEach() = %v, %d left out; want %v and 1", got, left, want)
	}
}

func FuzzExpand(f *testing.F) {
	for _, rule := range []string{
		"FREQ=DAILY", "FREQ=WEEKLY;BYDAY=MO,-1TU;WKST=SU;INTERVAL=3", "FREQ=YEARLY;BYWEEKNO=1,-1;BYSETPOS=-2", "FREQ=MONTHLY;BYDAY=2MO;BYHOUR=1,2;COUNT=9",
		"FREQ=YEARLY;BYYEARDAY=-366;UNTIL=20300101", "FREQ=MONTHLY;BYDAY=9MO,MO", "FREQ=YEARLY;INTERVAL=1000;BYMONTH=2;BYMONTHDAY=30;BYHOUR=3,2",
		"FREQ=HOURLY;INTERVAL=2;BYHOUR=1", "FREQ=WEEKLY;BYSETPOS=-1,7;COUNT=2147483647", "FREQ=DAILY;BYWEEKNO=53;BYMONTH=1",
	} {
		f.Add(rule, "20240101T100000", "20240101T110000", "20240108T100000")
	}
	times := []string{"20240101T110000", "20240101T110000Z", "20240101"}
	for _, start := range times {
		for _, end := range times {
			for _, other := range append(times, "20240108T100000Z/20240108T110000") {
				f.Add("FREQ=DAILY;COUNT=9", start, end, other)
			}
		}
	}
	tokyo := zone(f, "Asia/Tokyo")
	f.Fuzz(func(t *testing.T, rule, start, end, other string) {
		in := calendar("DTSTART:"+start+"\nDTEND:"+end+"\nRRULE:"+rule+"\nRDATE:"+other, "RECURRENCE-ID;RANGE=THISANDFUTURE:"+other+"\nDTSTART:"+end)
		events, err := readEvents(in)
		if err != nil {
			return
		}
		from, to := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
		list, err := ical.Expand(events, from, to, tokyo)
		if err != nil {
			return
		}
		if len(list) > ical.MaxInstances {
			t.Fatalf("%d instances", len(list))
		}
		seen := map[string]bool{}
		for _, i := range list {
			s, e := i.Start.In(tokyo), i.End.In(tokyo)
			if seen[i.UID+i.RecurrenceID] || e.Before(s) || !s.Before(to) || e.Before(from) {
				t.Fatalf("instance %s from %v to %v", i.RecurrenceID, s, e)
			}
			seen[i.UID+i.RecurrenceID] = true
		}
	})
}
