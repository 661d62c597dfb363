package caldav_test

import (
	"context"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/caldav/caldavtest"
)

// owned is a session with one calendar to write to, and one beside it.
func owned(t *testing.T) (*caldavtest.Server, *caldav.Session, caldav.Collection, caldav.Collection) {
	t.Helper()
	server, err := caldavtest.Start(t.Context(), caldavtest.Options{Calendars: []caldavtest.Calendar{{Name: "followups"}, {Name: "work"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	s, err := caldav.Dial(t.Context(), caldav.Account{
		Name: "test", URL: server.URL, User: server.User, Zone: berlin,
		Password: func(context.Context) (string, error) { return server.Password, nil },
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	all, err := s.Calendars(t.Context())
	if err != nil || len(all) != 2 {
		t.Fatalf("calendars %v, %v", all, err)
	}
	if !strings.HasSuffix(all[0].URL, "followups/") {
		all[0], all[1] = all[1], all[0]
	}
	s.Own(all[0])
	return server, s, all[0], all[1]
}

// object is an event as a program wrote it, its lines joined by \n.
func object(lines ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\n" + strings.Join(lines, "\r\n") + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

// A move changes the start and the end in the zone and the form that they have,
// and nothing else.
func TestMove(t *testing.T) {
	const head = "UID:" + uid1 + "\r\nDTSTAMP:20260511T080000Z\r\nSUMMARY:Follow up\r\nX-COLOR:blue\r\n"
	tests := []struct{ name, times, want string }{
		{"zone", "DTSTART;TZID=Europe/Berlin:20260512T090000\r\nDTEND;TZID=Europe/Berlin:20260512T094500", "DTSTART;TZID=Europe/Berlin:20261102T143000|DTEND;TZID=Europe/Berlin:20261102T151500"},
		{"UTC", "DTSTART:20260512T070000Z\r\nDTEND:20260512T074500Z", "DTSTART:20261102T133000Z|DTEND:20261102T141500Z"},
		{"another zone", "DTSTART;TZID=America/New_York:20260512T030000\r\nDTEND;TZID=America/New_York:20260512T034500", "DTSTART;TZID=America/New_York:20261102T083000|DTEND;TZID=America/New_York:20261102T091500"},
		{"floating", "DTSTART:20260512T090000\r\nDTEND:20260512T094500", "DTSTART:20261102T143000|DTEND:20261102T151500"},
		{"duration", "DTSTART;TZID=Europe/Berlin:20260512T090000\r\nDURATION:PT45M", "DTSTART;TZID=Europe/Berlin:20261102T143000|DURATION:PT45M"},
		{"day", "DTSTART;VALUE=DATE:20260512\r\nDTEND;VALUE=DATE:20260514", "DTSTART;VALUE=DATE:20261102|DTEND;VALUE=DATE:20261104"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, s, _, _ := owned(t)
			server.Store("followups", "a.ics", object(head+tt.times))
			e, err := s.Read(t.Context(), server.Path("followups", "a.ics"))
			if err != nil {
				t.Fatal(err)
			}
			to := e.Shape
			to.Start = time.Date(2026, 11, 2, 14, 30, 0, 0, berlin)
			to.End = to.Start.Add(45 * time.Minute)
			if to.AllDay {
				to.Start = time.Date(2026, 11, 2, 0, 0, 0, 0, berlin)
				to.End = to.Start.AddDate(0, 0, 2)
			}
			if _, err := s.Move(t.Context(), e, caldav.Draft{UID: uid1, Shape: to, Zone: berlin, Stamp: to.Start, Sequence: 4}); err != nil {
				t.Fatal(err)
			}
			stored := server.Objects("followups")["a.ics"]
			for _, want := range append(strings.Split(tt.want, "|"), "X-COLOR:blue", "SEQUENCE:4", "SUMMARY:Follow up") {
				if strings.Count(stored, want+"\r\n") != 1 {
					t.Errorf("no %q in\n%s", want, stored)
				}
			}
			if _, err := s.Move(t.Context(), e, caldav.Draft{UID: uid1, Shape: to}); err == nil {
				t.Error("moved although it is not what it was")
			}
		})
	}
}

// What a person wrote into the HTML of a description alone is read as theirs, and
// what programs make of the same words is not.
func TestTwins(t *testing.T) {
	const said = "You met Ana & Bob on 12 May.\\n\\nCode: abcdef\\n\\n" + caldav.Marker
	const want = "You met Ana & Bob on 12 May.\n\nCode: abcdef\n\n" + caldav.Marker
	tests := []struct {
		name, lines, want string
	}{
		{"none", "DESCRIPTION:" + said, want},
		{"X-ALT-DESC, the same", "DESCRIPTION:" + said + "\r\nX-ALT-DESC;FMTTYPE=text/html:<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 3.2//EN\">\\n<HTML><HEAD><META NAME=\"Generator\" CONTENT=\"x\"><TITLE>t</TITLE><style>p {margin: 0}</style></HEAD>\\n<BODY><!-- converted --><P class=MsoNormal>You met Ana &amp\\; Bob\\non&nbsp\\;12 May.<o:p></o:p></P><P>Code: abcdef</P><P>" + caldav.Marker + "</P></BODY></HTML>", want},
		{"X-ALT-DESC, a line more", "DESCRIPTION:" + said + "\r\nX-ALT-DESC;FMTTYPE=text/html:<html><body><p>You met Ana &amp\\; Bob on 12 May.</p><p>wants: tea</p></body></html>", want + "\nwants: tea"},
		{"X-ALT-DESC, a link", "DESCRIPTION:" + said + "\r\nX-ALT-DESC;FMTTYPE=text/html:<html><body><p>Code: abcdef</p><p>see <a class=x href=\"https://example.org/p?a=1&amp\\;b=2\">our <b>plan</b></a>.</p></body></html>", want + "\nsee our plan <https://example.org/p?a=1&b=2>."},
		{"X-ALT-DESC alone", "X-ALT-DESC;FMTTYPE=text/html:<html><body>one<br>two</body></html>", "one\ntwo"},
		{"ALTREP, the same", "DESCRIPTION;ALTREP=\"data:text/html,You%20met%20Ana%20%26amp%3B%20Bob%20on%2012%20May.%3Cbr%3ECode%3A%20abcdef\":" + said, want},
		{"ALTREP, a line more", "DESCRIPTION;ALTREP=\"data:text/html," + url.PathEscape("<body>Code: abcdef<br>plan: move<br></body>") + "\":" + said, want + "\nplan: move"},
		{"ALTREP, base64", "DESCRIPTION;ALTREP=\"data:text/html;charset=utf-8;base64,PHA+dGlwOiB4PC9wPg==\":" + said, want + "\ntip: x"},
		{"ALTREP elsewhere", "DESCRIPTION;ALTREP=\"CID:part1@example.org\":" + said, want},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, s, _, _ := owned(t)
			server.Store("followups", "a.ics", object("UID:"+uid1, "DTSTAMP:20260511T080000Z", "DTSTART:20260512T070000Z", "SUMMARY:x", tt.lines))
			e, err := s.Read(t.Context(), server.Path("followups", "a.ics"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, caldav.Normal(e.Shape.Description)); diff != "" {
				t.Errorf("description (-want +got):\n%s", diff)
			}
			d := caldav.Draft{UID: uid1, Shape: e.Shape, Stamp: e.Shape.Start}
			d.Shape.Description = "other words"
			if _, err := s.Rewrite(t.Context(), e, d); err != nil {
				t.Fatal(err)
			}
			if got := server.Objects("followups")["a.ics"]; strings.Contains(got, "ALT-DESC") || strings.Contains(got, "ALTREP") {
				t.Errorf("after a rewrite the twin says what was said before:\n%s", got)
			}
		})
	}
}

// A copy is known under any UID, by X-SYNCD or its code, in any calendar.
func TestCopied(t *testing.T) {
	tests := []struct {
		name, lines string
		want        bool
	}{
		{"X-SYNCD", "X-SYNCD:" + uid1, true},
		{"X-SYNCD of another", "X-SYNCD:syncd-other-9r4mysph3q5pjmin-0", false},
		{"the code", "DESCRIPTION:You met.\\nCode: abcdef\\n\\n" + caldav.Marker, true},
		{"the code, in HTML", "DESCRIPTION:<p>You met.</p><p>Code: abcdef</p><p>" + caldav.Marker + "</p>", true},
		{"another code", "DESCRIPTION:You met.\\nCode: fedcba\\n\\n" + caldav.Marker, false},
		{"the code without the marker", "DESCRIPTION:Code: abcdef", false},
		{"nothing of ours", "DESCRIPTION:Lunch", false},
	}
	at := time.Date(2026, 5, 12, 7, 0, 0, 0, time.UTC)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, s, _, work := owned(t)
			server.Store("work", "copy.ics", object("UID:copy@example.net", "DTSTAMP:20260511T080000Z", "DTSTART:20260512T070000Z", "SUMMARY:x", tt.lines))
			got, err := s.Copied(t.Context(), work, uid1, "abcdef", at.AddDate(0, 0, -7), at.AddDate(0, 0, 31))
			if err != nil || got != tt.want {
				t.Errorf("Copied() = %t, %v, want %t", got, err, tt.want)
			}
			server.Set(caldavtest.Faults{Status500: true})
			if _, err := s.Copied(t.Context(), work, uid1, "abcdef", at, at); err == nil {
				t.Error("Copied() = nil from a server that fails")
			}
		})
	}
}
