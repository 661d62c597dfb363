package ical_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ical"
)

// object wraps the lines of an event.
func object(lines ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//Example//EN\r\nBEGIN:VEVENT\r\nUID:1@example.com\r\n" +
		strings.Join(lines, "\r\n") + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

const start = "DTSTART:20240101T100000Z"

func TestParseForgives(t *testing.T) {
	tests := map[string]struct {
		in   string
		want string // summary
	}{
		"byte order mark":      {"\ufeff" + object(start, "SUMMARY:Lunch"), "Lunch"},
		"bare LF":              {strings.ReplaceAll(object(start, "SUMMARY:Lunch"), "\r\n", "\n"), "Lunch"},
		"bare CR":              {strings.ReplaceAll(object(start, "SUMMARY:Lunch"), "\r\n", "\r"), "Lunch"},
		"garbage line":         {object("what is this", start, "SUMMARY:Lunch"), "Lunch"},
		"no colon":             {object("DTSTART;TZID=Europe/Berlin", start, "SUMMARY:Lunch"), "Lunch"},
		"quote then text":      {object(`X;TZID="x"y:1`, start, "SUMMARY:Lunch"), "Lunch"},
		"quotes in a name":     {object(`ATTENDEE;CN=Bob "x" B:mailto:b@example.com`, start, "SUMMARY:Lunch"), "Lunch"},
		"quote never closed":   {object(`ATTENDEE;CN=O"Brien;ROLE=CHAIR:mailto:b@example.com`, start, "SUMMARY:Lunch"), "Lunch"},
		"parameter without =":  {object("SUMMARY;LANGUAGE:Lunch", start), "Lunch"},
		"space after END":      {strings.Replace(object(start, "SUMMARY:Lunch"), "END:VEVENT", "END:VEVENT ", 1), "Lunch"},
		"no END at all":        {strings.TrimSuffix(object(start, "SUMMARY:Lunch"), "END:VEVENT\r\nEND:VCALENDAR\r\n"), "Lunch"},
		"END of alarm missing": {object(start, "SUMMARY:Lunch", "BEGIN:VALARM", "ACTION:DISPLAY"), "Lunch"},
		"lower case":           {strings.ToLower(object(start)) + "", ""},
		"latin-1":              {object(start, "SUMMARY:Caf\xe9"), "Café"},
		"folded in character":  {object(start, "SUMMARY:Caf\xc3\r\n \xa9"), "Café"},
		"folded with a tab":    {object(start, "SUMMARY:Lu\r\n\tnch"), "Lunch"},
		"unfolded remainder":   {object(start, "SUMMARY:Lunch", "see https://example.com"), "Lunch"},
		"escapes":              {object(start, `SUMMARY:a\nb\Nc\, d\; e\\f\Ug, h\`), "a\nb\nc, d; e\\f\\Ug, h\\"},
		"no calendar around":   {"BEGIN:VEVENT\n" + start + "\nSUMMARY:Lunch\nEND:VEVENT\n", "Lunch"},
		"seconds missing":      {object("DTSTART:20240101T1000Z", "SUMMARY:Lunch"), "Lunch"},
		"long parameter":       {object(start, `SUMMARY;ALTREP="data:text/html,`+strings.Repeat("a", 900_000)+`":Lunch`), "Lunch"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			events, err := readEvents(test.in)
			if err != nil || len(events) != 1 {
				t.Fatalf("%d events, %v", len(events), err)
			}
			if got := events[0].Summary; got != test.want {
				t.Errorf("summary %q, want %q", got, test.want)
			}
			if got, want := events[0].Start.String(), "20240101T100000Z"; got != want {
				t.Errorf("start %s, want %s", got, want)
			}
		})
	}
}

func TestParseBounds(t *testing.T) {
	tests := map[string]struct {
		in   string
		want error
	}{
		"too large":   {object(strings.Repeat("X:"+strings.Repeat("a", 998)+"\r\n", 1100)), ical.ErrTooLarge},
		"too deep":    {strings.Repeat("BEGIN:A\r\n", 1000), ical.ErrTooDeep},
		"empty":       {"", ical.ErrNoCalendar},
		"only blanks": {"\r\n \r\n", ical.ErrNoCalendar},
		"web page":    {"<html><body>Not found</body></html>", ical.ErrNoCalendar},
	}
	for name, test := range tests {
		if _, err := ical.Parse([]byte(test.in)); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
	}
}

// A bad event costs itself, and says so without quoting anything.
func TestBadEventCostsItself(t *testing.T) {
	in := "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:a\nSUMMARY:secret\nEND:VEVENT\nBEGIN:VEVENT\nUID:b\nDTSTART:20240230\nEND:VEVENT\n" +
		"BEGIN:VEVENT\nUID:c\n" + start + "\nEND:VEVENT\nEND:VCALENDAR\n"
	c, err := ical.Parse([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	events, warnings := c.Events()
	if len(events) != 1 || events[0].UID != "c" {
		t.Errorf("events %v, want c alone", events)
	}
	want := []ical.Warning{{Text: "VEVENT without DTSTART"}, {Text: "DTSTART: no valid date or time"}}
	if diff := cmp.Diff(want, warnings); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestEventFields(t *testing.T) {
	in := "BEGIN:VCALENDAR\nPRODID:-//Example//EN\nMETHOD:request\n" + strings.Join([]string{
		"BEGIN:VEVENT", "UID: 7@example.com ", "SEQUENCE:3", "SUMMARY:Plan", `DESCRIPTION:one\ntwo`, "LOCATION:Room 1",
		"STATUS:tentative", "CLASS:private", "TRANSP:OPAQUE", "URL;VALUE=URI:https://example.com/a",
		"CATEGORIES:Work,Plans\\, big", "CATEGORIES:Later",
		"ORGANIZER;CN=\"Hall, Susan\":MAILTO:Susan@Example.com",
		"ATTENDEE;CN=Room^'1^';CUTYPE=room;PARTSTAT=accepted;ROLE=NON-PARTICIPANT:mailto:room1@example.com",
		"ATTENDEE;EMAIL=ana@example.org:/principals/4711/", "ATTENDEE:urn:uuid:1234",
		"DTSTAMP:20240102T030405Z", "CREATED:20240101T000000Z", "LAST-MODIFIED:20240103T000000",
		"DTSTART;TZID=Europe/Berlin:20240701T090000", "DURATION:PT1H30M",
		"RRULE:FREQ=DAILY", "RDATE;VALUE=PERIOD:20240801T070000Z/PT2H,20240802T070000Z/20240802T080000Z",
		"EXDATE;TZID=Europe/Berlin:20240702T090000,20240703T090000",
		"BEGIN:VALARM", "END:VALARM", "END:VEVENT",
	}, "\n") + "\nEND:VCALENDAR\n"
	events, err := readEvents(in)
	if err != nil || len(events) != 1 {
		t.Fatalf("%d events, %v", len(events), err)
	}
	berlin := zone(t, "Europe/Berlin")
	utc := func(day, hour int) ical.Time { return ical.At(time.Date(2024, 8, day, hour, 0, 0, 0, time.UTC)) }
	want := ical.Event{
		UID: "7@example.com", Sequence: 3, Summary: "Plan", Description: "one\ntwo", Location: "Room 1",
		Status: "TENTATIVE", Class: "PRIVATE", Transp: "OPAQUE", URL: "https://example.com/a",
		Organizer: ical.Attendee{Address: "susan@example.com", Name: "Hall, Susan"},
		Attendees: []ical.Attendee{
			{Address: "room1@example.com", Name: `Room"1"`, PartStat: "ACCEPTED", CUType: "ROOM", Role: "NON-PARTICIPANT"},
			{Address: "ana@example.org"},
			{},
		},
		Categories: []string{"Work", "Plans, big", "Later"},
		Start:      ical.At(time.Date(2024, 7, 1, 9, 0, 0, 0, berlin)),
		End:        ical.At(time.Date(2024, 7, 1, 10, 30, 0, 0, berlin)),
		RRules:     []string{"FREQ=DAILY"},
		RDates:     []ical.Span{{Start: utc(1, 7), End: utc(1, 9)}, {Start: utc(2, 7), End: utc(2, 8)}},
		ExDates: []ical.Time{
			ical.At(time.Date(2024, 7, 2, 9, 0, 0, 0, berlin)), ical.At(time.Date(2024, 7, 3, 9, 0, 0, 0, berlin)),
		},
		DTStamp: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), Created: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		LastModified: time.Date(2024, 1, 3, 0, 0, 0, 0, time.UTC),
		Alarms:       1, ProdID: "-//Example//EN", Method: "REQUEST",
	}
	got := events[0]
	got.Raw = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
}

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestEnds(t *testing.T) {
	tests := map[string]struct{ lines, start, end string }{
		"nothing, timed":        {"DTSTART:20240330T120000Z", "20240330T120000Z", "20240330T120000Z"},
		"nothing, all day":      {"DTSTART;VALUE=DATE:20240330", "20240330", "20240331"},
		"date without VALUE":    {"DTSTART:20240330", "20240330", "20240331"},
		"lower-case value":      {"DTSTART;value=date:20240330", "20240330", "20240331"},
		"all day, same end":     {"DTSTART:20240330\nDTEND:20240330", "20240330", "20240331"},
		"all day, days":         {"DTSTART:20240330\nDURATION:P2D", "20240330", "20240401"},
		"end before start":      {"DTSTART:20240330T120000Z\nDTEND:20240330T110000Z", "20240330T120000Z", "20240330T120000Z"},
		"a day over the change": {"DTSTART;TZID=Europe/Berlin:20240330T120000\nDURATION:P1D", "20240330T110000Z", "20240331T100000Z"},
		"24 h over the change":  {"DTSTART;TZID=Europe/Berlin:20240330T120000\nDURATION:PT24H", "20240330T110000Z", "20240331T110000Z"},
		"floating":              {"DTSTART:20240330T120000\nDTEND:20240330T130000", "20240330T120000", "20240330T130000"},
		"a T too many":          {"DTSTART:20240330T120000T\nDTEND:20240330T130000T", "20240330T120000", "20240330T130000"},
		"huge duration":         {"DTSTART:20240330T120000Z\nDURATION:P999999999W", "20240330T120000Z", "20240330T120000Z"},
		"bad duration":          {"DTSTART:20240330T120000Z\nDURATION:P99999999999D", "20240330T120000Z", "20240330T120000Z"},
	}
	for name, test := range tests {
		events, err := readEvents(object(strings.Split(test.lines, "\n")...))
		if err != nil || len(events) != 1 {
			t.Errorf("%s: %d events, %v", name, len(events), err)
			continue
		}
		if s, e := events[0].Start.String(), events[0].End.String(); s != test.start || e != test.end {
			t.Errorf("%s: %s to %s, want %s to %s", name, s, e, test.start, test.end)
		}
	}
}

func TestZones(t *testing.T) {
	const custom = "BEGIN:VTIMEZONE\nTZID:My Zone\n" +
		"BEGIN:STANDARD\nDTSTART:16011028T030000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nEND:STANDARD\n" +
		"BEGIN:DAYLIGHT\nDTSTART:16010325T020000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:DAYLIGHT\nEND:VTIMEZONE\n"
	const fixed = "BEGIN:VTIMEZONE\nTZID:Fixed\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETFROM:+0530\nTZOFFSETTO:+0530\nEND:STANDARD\nEND:VTIMEZONE\n"
	const lic = "BEGIN:VTIMEZONE\nTZID:Nameless\nX-LIC-LOCATION:Asia/Tokyo\nEND:VTIMEZONE\n"
	tests := []struct{ id, want string }{
		{"Europe/Berlin", "20240701T100000Z"},
		{"europe/berlin", "20240701T100000Z"},
		{"AMERICA/PORT-AU-PRINCE", "20240701T160000Z"},
		{"us/eastern", "20240701T160000Z"},
		{"etc/gmt+3", "20240701T150000Z"},
		{"utc", "20240701T120000Z"},
		{"/mozilla.org/20050126_1/America/Argentina/Buenos_Aires", "20240701T150000Z"},
		{"/freeassociation.sourceforge.net/Tzfile/Europe/Vienna", "20240701T100000Z"},
		{"/Europe/Stockholm", "20240701T100000Z"},
		{"W. Europe Standard Time", "20240701T100000Z"},
		{"tokyo standard time", "20240701T030000Z"},
		{"tzone://Microsoft/Utc", "20240701T120000Z"},
		{"My Zone", "20240701T100000Z"},
		{"Fixed", "20240701T063000Z"},
		{"Nameless", "20240701T030000Z"},
		{"(UTC+07:00) Bangkok, Hanoi, Jakarta", "20240701T050000Z"},
		{"(GMT-05:00) Eastern Time (US and Canada)", "20240701T160000Z"},
		{"Canberra, Melbourne, Sydney", "20240701T020000Z"},
		{"(UTC+01:00) Nowhere", "20240701T110000Z"},
		{"GMT+01:00", "20240701T110000Z"},
		{"right/Europe/Berlin", "20240701T100000Z"},
		{"posixrules", "20240701T120000"},
		{"(GMT-03:00)", "20240701T150000Z"},
		{"Nowhere/Middle", "20240701T120000"}, // floating
		{"Local", "20240701T120000"},
		{"../../etc/passwd", "20240701T120000"},
		{"", "20240701T120000"},
	}
	for _, test := range tests {
		in := "BEGIN:VCALENDAR\n" + custom + fixed + lic + "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=\"" + test.id + "\":20240701T120000\nEND:VEVENT\nEND:VCALENDAR\n"
		events, err := readEvents(in)
		if err != nil || len(events) != 1 {
			t.Fatalf("%s: %d events, %v", test.id, len(events), err)
		}
		if got := events[0].Start.String(); got != test.want {
			t.Errorf("%q: %s, want %s", test.id, got, test.want)
		}
	}
	winter := "BEGIN:VCALENDAR\n" + custom + "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=My Zone:20990101T120000\nEND:VEVENT\nEND:VCALENDAR\n"
	events, err := readEvents(winter)
	if err != nil || events[0].Start.String() != "20990101T110000Z" {
		t.Errorf("custom zone in winter: %v, %v", events, err)
	}
}

// RFC 5545 section 3.3.5: a skipped time counts with the offset before the gap,
// a doubled one is the first.
func TestClockChanges(t *testing.T) {
	tests := []struct{ zone, wall, want string }{
		{"Europe/Berlin", "20240331T023000", "20240331T013000Z"},
		{"Europe/Berlin", "20241027T023000", "20241027T003000Z"},
		{"America/New_York", "20240310T023000", "20240310T073000Z"},
		{"America/New_York", "20241103T013000", "20241103T053000Z"},
		{"Australia/Lord_Howe", "20241006T021500", "20241005T154500Z"},
	}
	for _, test := range tests {
		events, err := readEvents(object("DTSTART;TZID=" + test.zone + ":" + test.wall))
		if err != nil || len(events) != 1 {
			t.Fatal(err)
		}
		if got := events[0].Start.String(); got != test.want {
			t.Errorf("%s %s: %s, want %s", test.zone, test.wall, got, test.want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(object(start, "DTSTART;TZID=\"x\":20240101T100000Z", " y")))
	f.Add([]byte(object("ATTENDEE;CN=O\"B;X=1,\"2\":mailto:b@example.com", "RDATE:20240101/P1D")))
	f.Add([]byte("BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:x\nBEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETTO:+01\nRRULE:FREQ=DAILY\nEND:VTIMEZONE\nBEGIN:VEVENT\nDTSTART;TZID=x:20240101T000000"))
	f.Add([]byte(object(start, "DTEND:20240101T110000", "RRULE:FREQ=DAILY")))
	f.Add([]byte(object("DTSTART;VALUE=DATE:20240101", "DTEND:20240102T110000Z", "RDATE;VALUE=PERIOD:20240103/20240104T100000")))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := ical.Parse(data)
		if err != nil {
			return
		}
		events, _ := c.Events()
		for _, e := range events {
			mixed := e.Start.IsDate() != e.End.IsDate() || e.Start.IsFloating() != e.End.IsFloating()
			if e.Start.IsZero() || mixed || e.End.In(time.UTC).Before(e.Start.In(time.UTC)) {
				t.Errorf("event from %v to %v", e.Start, e.End)
			}
		}
	})
}
