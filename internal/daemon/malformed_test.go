package daemon_test

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
)

// badFetches are answers to a FETCH that no client can use, each always given
// for one message.
var badFetches = []string{
	`* %d FETCH (UID %d ENVELOPE ("d" "two" (("Bob "x" B" NIL "b" "x.com")) NIL NIL NIL NIL NIL NIL "<2@x>"))` + "\r\n",
	`* %d FETCH (UID %d ENVELOPE ("d" "s" ((NIL NIL "b" "x.com")) NIL NIL NIL NIL NIL NIL))` + "\r\n",
	"* %d FETCH (UID %d BODY[HEADER] NIL)\r\n",
	"* %d FETCH (UID %d FLAGS (\\Seen) BODY[HEADER {2}\r\n\r\n)\r\n",
	"* %d FETCH (UID %d BODY[HEADER] {2}\r\n\r\nEXTRA)\r\n",
	"* %d FETCH (UID %d BODY[HEADER] {2}\r\n\r\n\r\n",
	"* %d FETCH (UID %d BODYSTRUCTURE " + strings.Repeat("(", 100_000) + "\r\n",
	"* %d FETCH (UID %d BODY[HEADER] {1500000}\r\n" + strings.Repeat("a", 1_500_000) + ")\r\n",
	"* %d FETCH (\x00\xff\xfe %d)\r\n",
	"* %d FETCH (UID 4294967296%d BODY[HEADER] {0}\r\n)\r\n",
}

// badObjects are calendar objects that are wholly or partly unreadable, by name,
// with what has to be said of them; "" where what can be read is enough.
var badObjects = map[string]struct{ data, reason string }{
	"empty":        {"", "no iCalendar data"},
	"html":         {"<html>502 Bad Gateway</html>", "no iCalendar data"},
	"bytes":        {"\x00\xff\xfeBEGIN:VCALENDAR", "no iCalendar data"},
	"no date":      {object("b4", "DTSTART:tomorrow"), "DTSTART: no valid date or time"},
	"no colon":     {object("b5", "DTSTART;TZID=Europe/Berlin"), "VEVENT without DTSTART"},
	"deep":         {strings.Repeat("BEGIN:VEVENT\r\n", 50_000), "VEVENT without DTSTART"},
	"every second": {object("b7", "DTSTART:20260504T100000Z\r\nRRULE:FREQ=SECONDLY;COUNT=20000000"), "recurrence rule not supported: too much to work out"},
	"half quoted":  {object("b8", `DTSTART;TZID="Europe"/Berlin:20260504T100000`), ""},
	"no UID":       {object("", "DTSTART:20260504T100000Z"), ""},
	"cut":          {strings.SplitAfter(object("b10", "DTSTART:20260504T100000Z"), "SUMMARY")[0], ""},
}

func object(uid, lines string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:" + uid + "\r\nDTSTAMP:20260501T100000Z\r\n" +
		lines + "\r\nDURATION:PT1H\r\nSUMMARY:Talk\r\nORGANIZER:mailto:robin@example.org\r\nATTENDEE:mailto:ana@example.com\r\n" +
		"ATTENDEE:mailto:robin@example.org\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}

// What is malformed costs itself alone: with ten such answers of the mail server
// and ten such objects in the calendar, all else is in the ledger, and status
// says what is not.
func TestMalformedCostsItselfAlone(t *testing.T) {
	const good = 10
	mail := imaptest.New("robin", "secret")
	defer mail.Close()
	mail.Create("Sent", `\Sent`)
	for n := range len(badFetches) + good {
		add(t, mail, "INBOX", fmt.Sprintf("From: ana@example.com\r\nTo: robin@example.org\r\nSubject: In %d\r\nMessage-ID: <in%d@example.com>", n, n))
		add(t, mail, "Sent", fmt.Sprintf("From: robin@example.org\r\nTo: ana@example.com\r\nSubject: Out %d\r\nMessage-ID: <out%d@example.org>", n, n))
	}
	mail.Mangle = func(r string) string {
		var seq, uid int
		if _, err := fmt.Sscanf(r, "* %d FETCH (UID %d ", &seq, &uid); err != nil || uid > len(badFetches) || !strings.Contains(r, "Subject: In") {
			return r
		}
		return fmt.Sprintf(badFetches[uid-1], seq, uid)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mail.Serve(listener) }()
	defer listener.Close()
	calendars, err := caldavtest.Start(t.Context(), caldavtest.Options{
		User: "robin", Password: "secret", Calendars: []caldavtest.Calendar{{Name: "work", Title: "Work"}, {Name: "follow-ups", Title: "Follow-ups"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer calendars.Close()
	for name, bad := range badObjects {
		calendars.Store("work", strings.ReplaceAll(name, " ", "-")+".ics", bad.data)
	}
	for n := range good {
		calendars.Store("work", fmt.Sprintf("good%d.ics", n), object(fmt.Sprintf("good%d", n), fmt.Sprintf("DTSTART:202605%02dT100000Z", n+1)))
	}

	d := openOn(t, fmt.Sprintf(`[me]
addresses = ["robin@example.org"]
timezone = "UTC"
internal_domains = []
[[account]]
name = "demo"
user = "robin"
password = "secret"
imap = { host = "127.0.0.1", port = %d, tls = "none" }
caldav = { url = %q }
`, listener.Addr().(*net.TCPAddr).Port, calendars.URL+"/"))
	if err := d.Pass(t.Context()); err != nil {
		t.Errorf("Pass = %v, want none: what was skipped is in status", err)
	}
	totals, err := d.Ledger().Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if totals.In != good || totals.Out != len(badFetches)+good {
		t.Errorf("%d mails in and %d out, want %d and %d", totals.In, totals.Out, good, len(badFetches)+good)
	}
	seen := map[string]bool{}
	for i, err := range d.Ledger().Interactions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if i.Kind == ledger.KindMeeting {
			seen[i.Evidence.ID] = true
		}
	}
	for n := range good {
		if !seen[fmt.Sprintf("good%d", n)] {
			t.Errorf("meeting good%d is not in the ledger", n)
		}
	}
	health, err := d.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	skipped := map[string]string{}
	for _, h := range health {
		for _, k := range h.Skipped {
			skipped[path.Base(k.Where)] = k.Reason
		}
	}
	want := map[string]string{}
	for n := range badFetches {
		want[strconv.Itoa(n+1)] = "no readable answer"
	}
	for name, bad := range badObjects {
		if bad.reason != "" {
			want[strings.ReplaceAll(name, " ", "-")+".ics"] = bad.reason
		}
	}
	if len(skipped) != len(want) {
		t.Errorf("%d skipped, want %d: %q", len(skipped), len(want), skipped)
	}
	for where, reason := range want {
		if !strings.HasSuffix(skipped[where], reason) {
			t.Errorf("%s was skipped for %q, want %q", where, skipped[where], reason)
		}
	}
}

func add(t *testing.T, s *imaptest.Server, box, header string) {
	t.Helper()
	raw := "Date: Mon, 04 May 2026 09:00:00 +0000\r\n" + header + "\r\n\r\nHello\r\n"
	if _, err := s.Append(box, imaptest.Message{Raw: raw, At: now.Add(-9 * 24 * time.Hour)}); err != nil {
		t.Fatal(err)
	}
}

// openOn opens the daemon on a configuration as a user writes it.
func openOn(t *testing.T, text string) *daemon.Daemon {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	d, err := daemon.Open(t.Context(), daemon.Options{
		Config: cfg, StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}
