package ical_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/ical"
)

func entry(t testing.TB) ical.Entry {
	t.Helper()
	at := time.Date(2026, 3, 30, 9, 0, 0, 0, zone(t, "Europe/Berlin"))
	return ical.Entry{
		UID: "syncd-ab12-9f8e7d-1", Sequence: 2, Stamp: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		Start: ical.At(at), End: ical.At(at.Add(15 * time.Minute)),
		Summary: "Write to Susan; she asked, twice", Description: "Why:\n– a mail\\of hers",
		URL: "https://example.com/?a=1&b=2", Status: "CONFIRMED", Transp: "TRANSPARENT", Class: "PRIVATE",
		Categories: []string{"Follow-up"}, Alarm: true, Marker: "1",
	}
}

func TestWrite(t *testing.T) {
	got, err := ical.Write(entry(t))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Join([]string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//syncd//syncd//EN",
		"BEGIN:VTIMEZONE", "TZID:Europe/Berlin",
		"BEGIN:DAYLIGHT", "DTSTART:20250330T020000", "TZOFFSETFROM:+0100", "TZOFFSETTO:+0200", "TZNAME:CEST", "RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU", "END:DAYLIGHT",
		"BEGIN:STANDARD", "DTSTART:20251026T030000", "TZOFFSETFROM:+0200", "TZOFFSETTO:+0100", "TZNAME:CET", "RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU", "END:STANDARD",
		"END:VTIMEZONE",
		"BEGIN:VEVENT", "UID:syncd-ab12-9f8e7d-1", "DTSTAMP:20260301T080000Z", "SEQUENCE:2",
		"DTSTART;TZID=Europe/Berlin:20260330T090000", "DTEND;TZID=Europe/Berlin:20260330T091500",
		`SUMMARY:Write to Susan\; she asked\, twice`, `DESCRIPTION:Why:\n– a mail\\of hers`, "URL:https://example.com/?a=1&b=2",
		"STATUS:CONFIRMED", "TRANSP:TRANSPARENT", "CLASS:PRIVATE", "CATEGORIES:Follow-up", "X-SYNCD:1",
		"BEGIN:VALARM", "ACTION:DISPLAY", "TRIGGER:PT0S", `DESCRIPTION:Write to Susan\; she asked\, twice`, "END:VALARM",
		"END:VEVENT", "END:VCALENDAR", "",
	}, "\r\n")
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("Write() (-want +got):\n%s", diff)
	}
}

func TestWriteAllDay(t *testing.T) {
	e := entry(t)
	e.Start, e.End, e.Alarm = ical.OnDate(2026, 3, 30), ical.OnDate(2026, 3, 31), false
	got, err := ical.Write(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"DTSTART;VALUE=DATE:20260330\r\n", "DTEND;VALUE=DATE:20260331\r\n"} {
		if !strings.Contains(string(got), line) {
			t.Errorf("no %q in\n%s", line, got)
		}
	}
	for _, word := range []string{"VTIMEZONE", "VALARM", "TZID"} {
		if strings.Contains(string(got), word) {
			t.Errorf("%s in\n%s", word, got)
		}
	}
}

func TestWriteRefuses(t *testing.T) {
	for name, spoil := range map[string]func(*ical.Entry){
		"no UID":           func(e *ical.Entry) { e.UID = "" },
		"UID with a line":  func(e *ical.Entry) { e.UID = "a\r\nATTENDEE:x" },
		"no stamp":         func(e *ical.Entry) { e.Stamp = time.Time{} },
		"no start":         func(e *ical.Entry) { e.Start = ical.Time{} },
		"end first":        func(e *ical.Entry) { e.Start, e.End = e.End, e.Start },
		"date and time":    func(e *ical.Entry) { e.End = ical.OnDate(2027, 1, 1) },
		"floating":         func(e *ical.Entry) { e.Start, e.End = ical.Floating(time.Time{}), ical.Floating(time.Time{}) },
		"unnamed zone":     func(e *ical.Entry) { e.Start = ical.At(e.Start.In(nil).In(time.FixedZone("a\nb", 3600))) },
		"status injection": func(e *ical.Entry) { e.Status = "CONFIRMED\r\nATTENDEE:mailto:a@example.com" },
		"negative":         func(e *ical.Entry) { e.Sequence = -1 },
	} {
		e := entry(t)
		spoil(&e)
		if out, err := ical.Write(e); !errors.Is(err, ical.ErrEntry) {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// hostile makes text with everything that could end or forge a line.
func hostile() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		parts := rapid.SliceOfN(rapid.OneOf(
			rapid.SampledFrom([]string{
				"\r", "\n", "\r\n", "\r\n ", "\nATTENDEE:mailto:a@example.com", "\u2028", "\u2029", "\u0085", "\v", "\f", "\x00", "\x1b", "\x7f", "\u202e", "\u2066", "\u200f",
				`\n`, `\`, `\\n`, ";", ",", ":", `"`, "END:VEVENT", " ", "\t", "\xff", "\xc3", "é", "😀", "\ufeff", strings.Repeat("ü", 40),
			}),
			rapid.String(),
		), 0, 12).Draw(t, "parts")
		return strings.Join(parts, "")
	})
}

// Whatever the texts hold, the object has the same lines, is UTF-8, folds at 75
// octets, and gives the cleaned texts back.
func TestWriteKeepsTextApart(t *testing.T) {
	names := func(data []byte) []string {
		var list []string
		for line := range bytes.SplitSeq(bytes.TrimSuffix(data, []byte("\r\n")), []byte("\r\n")) {
			if len(line) > 75 || bytes.ContainsAny(line, "\r\n") || !utf8.Valid(line) {
				t.Fatalf("bad line %q", line)
			}
			if line[0] != ' ' {
				list = append(list, string(line[:bytes.IndexAny(line, ";:")]))
			}
		}
		return list
	}
	plain, err := ical.Write(entry(t))
	if err != nil {
		t.Fatal(err)
	}
	base := names(plain)
	rapid.Check(t, func(rt *rapid.T) {
		e := entry(t)
		// A leading letter keeps the text from being empty, which would leave the property out.
		text := func(name string) string { return "a" + hostile().Draw(rt, name) }
		e.Summary, e.Description, e.Marker, e.Categories = text("summary"), text("description"), text("marker"), []string{text("category"), text("other")}
		out, err := ical.Write(e)
		if err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(base, names(out)); diff != "" {
			rt.Fatalf("lines (-want +got):\n%s", diff)
		}
		events, err := readEvents(string(out))
		if err != nil || len(events) != 1 {
			rt.Fatalf("%d events, %v", len(events), err)
		}
		got := events[0]
		want := []string{ical.Clean(e.Summary), ical.Clean(e.Description), ical.Clean(e.Marker)}
		if diff := cmp.Diff(want, []string{got.Summary, got.Description, got.Raw.Text(ical.MarkerName)}); diff != "" {
			rt.Fatalf("texts (-want +got):\n%s", diff)
		}
		if !got.Start.Equal(e.Start) || !got.End.Equal(e.End) || got.Start.Zone().String() != "Europe/Berlin" {
			rt.Fatalf("from %v to %v", got.Start, got.End)
		}
		if again := ical.Clean(want[1]); again != want[1] {
			rt.Fatalf("Clean is not stable: %q, %q", want[1], again)
		}
	})
}

// A URL that is none is left out rather than mended.
func TestWriteURL(t *testing.T) {
	for in, want := range map[string]string{
		"https://example.com/a%20b":    "https://example.com/a%20b",
		"message:%3Ca@example.com%3E":  "message:%3Ca@example.com%3E",
		"https://example.com/\r\nX:1":  "",
		"no scheme":                    "",
		"https://example.com/\u202eab": "https://example.com/%E2%80%AEab",
	} {
		e := entry(t)
		e.URL = in
		out, err := ical.Write(e)
		if err != nil {
			t.Fatal(err)
		}
		events, err := readEvents(string(out))
		if err != nil || events[0].URL != want {
			t.Errorf("%q: %q, want %q", in, events[0].URL, want)
		}
	}
}

// The VTIMEZONE that is written says the same as the zone, for the year of the
// event and the next four. It is read back under a name that nobody knows.
func TestWriteTimezone(t *testing.T) {
	for _, name := range []string{
		"Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Santiago", "Asia/Kolkata", "Asia/Tokyo", "Australia/Lord_Howe", "Africa/Casablanca",
		"Asia/Gaza", "Pacific/Auckland", "America/Nuuk", "Pacific/Chatham", "Antarctica/Troll", "Europe/Volgograd", "Africa/Juba",
	} {
		for _, year := range []int{1998, 2016, 2020, 2026, 2040} { // 2040: a leap year after the last in the tables
			loc := zone(t, name)
			e := entry(t)
			at := time.Date(year, 1, 1, 9, 0, 0, 0, loc)
			e.Start, e.End = ical.At(at), ical.At(at)
			out, err := ical.Write(e)
			if err != nil {
				t.Fatal(err)
			}
			text := strings.ReplaceAll(string(out), "TZID:"+name, "TZID:Unheard Of")
			text = strings.ReplaceAll(text, "TZID="+name, "TZID=Unheard Of")
			events, err := readEvents(text)
			if err != nil || events[0].Start.Zone() == nil {
				t.Fatalf("%s %d: %v\n%s", name, year, err, text)
			}
			got := events[0].Start.Zone()
			years := 5
			if name == "Africa/Casablanca" || name == "Asia/Gaza" || year < 2020 {
				years = 2 // the changes follow no rule, or a rule that changed
			}
			for day := range years * 365 {
				instant := at.AddDate(0, 0, day)
				_, w := instant.Zone()
				_, g := instant.In(got).Zone()
				if w != g {
					t.Errorf("%s %v: offset %d, want %d\n%s", name, instant, g, w, out)
					break
				}
			}
		}
	}
}

const foreign = "BEGIN:VCALENDAR\r\nPRODID:-//Example//EN\r\nBEGIN:VEVENT\r\nUID:1\r\nSUMMARY;LANGUAGE=en:Old\r\n  title\r\nDTSTART:20240101T100000Z\r\n" +
	"X-APPLE-SORT:1\r\nCOLOR:red\r\nX-ALT-DESC;FMTTYPE=text/html:<b>first</b>\r\nDESCRIPTION:first\r\nSUMMARY:second\r\nBEGIN:VALARM\r\nTRIGGER:-PT5M\r\nDESCRIPTION:mine\r\nEND:VALARM\r\nEND:VEVENT\r\n" +
	"BEGIN:VEVENT\r\nUID:1\r\nRECURRENCE-ID:20240102T100000Z\r\nDTSTART:20240102T100000Z\r\nSUMMARY:other\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

func TestEdit(t *testing.T) {
	text := func(s string) *string { return &s }
	number := 4
	stamp := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	tests := map[string]struct {
		set  ical.Fields
		want [][2]string // replacements that make the wanted object
	}{
		"nothing": {ical.Fields{}, nil},
		"summary": {ical.Fields{Summary: text("✓ New\r\nX:1")}, [][2]string{{"SUMMARY;LANGUAGE=en:Old\r\n  title\r\n", "SUMMARY:✓ New\\nX:1\r\n"}, {"SUMMARY:second\r\n", ""}}},
		"added": {
			ical.Fields{Status: text("CONFIRMED"), Sequence: &number, Stamp: &stamp},
			[][2]string{{"BEGIN:VALARM", "DTSTAMP:20240506T070809Z\r\nSEQUENCE:4\r\nSTATUS:CONFIRMED\r\nBEGIN:VALARM"}},
		},
		"alarms and description": {
			ical.Fields{Description: text(""), RemoveAlarms: true, URL: text("https://example.com/")},
			[][2]string{{"X-ALT-DESC;FMTTYPE=text/html:<b>first</b>\r\nDESCRIPTION:first\r\n", ""}, {"BEGIN:VALARM\r\nTRIGGER:-PT5M\r\nDESCRIPTION:mine\r\nEND:VALARM\r\n", "URL:https://example.com/\r\n"}},
		},
	}
	for name, test := range tests {
		for _, eol := range []string{"\r\n", "\n"} {
			want := foreign
			for _, r := range test.want {
				if !strings.Contains(want, r[0]) {
					t.Fatalf("%s: %q is not there", name, r[0])
				}
				want = strings.Replace(want, r[0], r[1], 1)
			}
			got, err := ical.Edit([]byte(strings.ReplaceAll(foreign, "\r\n", eol)), "1", test.set)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.ReplaceAll(want, "\r\n", eol), string(got)); diff != "" {
				t.Errorf("%s: Edit() (-want +got):\n%s", name, diff)
			}
		}
	}
	if _, err := ical.Edit([]byte(foreign), "2", ical.Fields{}); !errors.Is(err, ical.ErrNoEvent) {
		t.Errorf("other UID: %v, want ErrNoEvent", err)
	}
}

// Edit sets what it is told in any object, and changes no other property but the
// twins of a description.
func FuzzEdit(f *testing.F) {
	f.Add([]byte(foreign), "x\r\nATTENDEE:y", "z")
	f.Add([]byte("BEGIN:VEVENT\nUID:1\nDTSTART:20240101\nSUMMARY:a\n\n b"), "", "z\u2028")
	f.Add([]byte("BEGIN:VEVENT\rUID:1\rDTSTART:20240101\rBEGIN:VALARM\rBEGIN:VTODO"), "é", "\\")
	f.Fuzz(func(t *testing.T, raw []byte, summary, description string) {
		out, err := ical.Edit(raw, "1", ical.Fields{Summary: &summary, Description: &description, RemoveAlarms: true})
		if err != nil {
			return
		}
		before, after := firstEvent(t, raw), firstEvent(t, out)
		if after.Text("SUMMARY") != ical.Clean(summary) || after.Text("DESCRIPTION") != ical.Clean(description) {
			t.Fatalf("summary %q, description %q", after.Text("SUMMARY"), after.Text("DESCRIPTION"))
		}
		if diff := cmp.Diff(rest(before), rest(after)); diff != "" {
			t.Fatalf("other properties (-want +got):\n%s", diff)
		}
	})
}

func firstEvent(t *testing.T, raw []byte) *ical.Component {
	t.Helper()
	c, err := ical.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	for _, top := range c.Components {
		for _, e := range append([]*ical.Component{top}, top.Children...) {
			if e.Name == "VEVENT" && strings.TrimSpace(e.Text("UID")) == "1" && e.Prop("RECURRENCE-ID") == nil {
				return e
			}
		}
	}
	t.Fatal("the event is gone")
	return nil
}

func rest(c *ical.Component) []ical.Prop {
	var list []ical.Prop
	for _, p := range c.Props {
		if !slices.Contains([]string{"SUMMARY", "DESCRIPTION", "X-ALT-DESC", "STYLED-DESCRIPTION"}, p.Name) {
			list = append(list, p)
		}
	}
	return list
}

// What is written is read back the same, whatever the zone, the year and the
// fields, and says nothing more.
func TestWriteReadsBack(t *testing.T) {
	zones := []string{"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata", "America/Argentina/ComodRivadavia", "Etc/GMT+5"}
	rapid.Check(t, func(rt *rapid.T) {
		e := entry(t)
		loc := zone(t, rapid.SampledFrom(zones).Draw(rt, "zone"))
		at := time.Unix(rapid.Int64Range(0, 4_000_000_000).Draw(rt, "start"), 0).In(loc)
		length := time.Duration(rapid.IntRange(0, 200_000).Draw(rt, "seconds")) * time.Second
		if rapid.Bool().Draw(rt, "all day") {
			day := at.AddDate(0, 0, 1+int(length/(24*time.Hour)))
			e.Start, e.End = ical.OnDate(at.Date()), ical.OnDate(day.Date())
		} else {
			// A clock that comes twice can only be written as its first time.
			e.Start = ical.At(ical.Floating(at).In(loc))
			e.End = ical.At(ical.Floating(e.Start.In(nil).Add(length)).In(loc))
		}
		if e.End.In(loc).Before(e.Start.In(loc)) {
			rt.Skip("the end is the first time of a clock that comes twice")
		}
		e.Summary, e.Categories = "a"+hostile().Draw(rt, "summary"), []string{"a" + rapid.StringMatching(`[a-z,;\\]{0,90}`).Draw(rt, "category")}
		e.Sequence = rapid.IntRange(0, 1000).Draw(rt, "sequence")
		e.Alarm = rapid.Bool().Draw(rt, "alarm")
		out, err := ical.Write(e)
		if err != nil {
			rt.Fatal(err)
		}
		c, err := ical.Parse(out)
		if err != nil || len(c.Warnings) > 0 {
			rt.Fatalf("%v, %v", c.Warnings, err)
		}
		events, warnings := c.Events()
		if len(events) != 1 || len(warnings) > 0 {
			rt.Fatalf("%d events, %v", len(events), warnings)
		}
		got := events[0]
		if !got.Start.Equal(e.Start) || !got.End.Equal(e.End) {
			rt.Fatalf("from %v to %v, want %v to %v", got.Start, got.End, e.Start, e.End)
		}
		got.Start, got.End, got.Raw = e.Start, e.End, nil
		want := ical.Event{
			UID: e.UID, Sequence: e.Sequence, Summary: ical.Clean(e.Summary), Description: ical.Clean(e.Description), Status: e.Status,
			Class: e.Class, Transp: e.Transp, URL: e.URL, Categories: e.Categories, Start: e.Start, End: e.End, DTStamp: e.Stamp, ProdID: ical.ProdID,
		}
		if e.Alarm {
			want.Alarms = 1
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("event (-want +got):\n%s", diff)
		}
	})
}

// khal, which reads with python-icalendar, takes what is written, at the time
// that it says.
func TestKhalReads(t *testing.T) {
	if _, err := exec.LookPath("khal"); err != nil {
		t.Skip("khal is not installed")
	}
	dir := t.TempDir()
	calendar := filepath.Join(dir, "calendar")
	if err := os.Mkdir(calendar, 0o700); err != nil {
		t.Fatal(err)
	}
	config := "[calendars]\n[[c]]\npath = " + calendar + "\n[sqlite]\npath = " + filepath.Join(dir, "khal.db") +
		"\n[locale]\nlocal_timezone = UTC\ndefault_timezone = UTC\ntimeformat = %H:%M\ndateformat = %Y-%m-%d\nlongdateformat = %Y-%m-%d\ndatetimeformat = %Y-%m-%d %H:%M\nlongdatetimeformat = %Y-%m-%d %H:%M\n"
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, name := range []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kolkata", "UTC"} {
		e := entry(t)
		at := time.Date(2026, 3, 30+i, 12, 0, 0, 0, zone(t, name))
		e.UID, e.Start, e.End = fmt.Sprintf("khal-%d", i), ical.At(at), ical.At(at.Add(time.Hour))
		e.Summary = fmt.Sprintf("%d; Müller, %s", i, strings.Repeat("ü", 60))
		out, err := ical.Write(e)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(calendar, e.UID+".ics"), out, 0o600); err != nil {
			t.Fatal(err)
		}
		want = append(want, at.UTC().Format("2006-01-02 15:04")+" "+e.Summary)
	}
	cmd := exec.CommandContext(t.Context(), "khal", "-c", filepath.Join(dir, "config"), "list", "--day-format", "", "--format", "{start} {title}", "2026-03-29", "10d")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CACHE_HOME="+dir, "XDG_DATA_HOME="+dir, "LC_ALL=C.UTF-8")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := strings.Split(strings.TrimSpace(string(out)), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("khal (-want +got):\n%s", diff)
	}
}

func TestLine(t *testing.T) {
	for text, want := range map[string]string{
		" Ana\u200b \r\n\tLima\u00a0": "Ana Lima",
		"A\u202eb\x01c\nd":            "Abc d",
		strings.Repeat("é ", 100_000): strings.Repeat("é ", 250),
		strings.Repeat("é", 100_000):  strings.Repeat("é", 500),
	} {
		if got := ical.Line(text); got != want {
			t.Errorf("Line(%.20q) = %q, want %q", text, got, want)
		}
	}
}

// An object that is a message to others is none any more once it is edited.
func TestEditDropsMethod(t *testing.T) {
	title := "new"
	got, err := ical.Edit([]byte(strings.Replace(foreign, "BEGIN:VEVENT", "METHOD:REQUEST\r\nBEGIN:VEVENT", 1)), "1", ical.Fields{Summary: &title})
	if err != nil || strings.Contains(string(got), "METHOD") {
		t.Errorf("Edit() = %s, %v", got, err)
	}
}
