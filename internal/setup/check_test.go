package setup_test

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
	"syncd/internal/setup"
)

// servers are a mail and a calendar server of one user.
type servers struct {
	mail      *imaptest.Server
	port      int
	calendars *caldavtest.Server
	ledger    *ledger.Ledger // nil: none yet
}

func start(t *testing.T, calendars ...caldavtest.Calendar) *servers {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &servers{mail: imaptest.New("robin", "right"), port: l.Addr().(*net.TCPAddr).Port}
	go s.mail.Serve(l)
	t.Cleanup(func() { l.Close(); s.mail.Close() })
	s.calendars, err = caldavtest.Start(t.Context(), caldavtest.Options{User: "robin", Password: "right", Calendars: calendars})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.calendars.Close() })
	return s
}

// TestCheckMissesAGoneCalendar has a ledger in which the calendar was seen once:
// it is not made again.
func TestCheckMissesAGoneCalendar(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "w", Title: "Work"})
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Me: ledger.Me{Addresses: []string{"robin@example.org"}, Zone: time.UTC}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	const url = "https://dav.example.org/f/"
	if err := errors.Join(l.SetCalendarSeen(t.Context(), url, false, time.Unix(0, 0)), l.AddCalendarName(t.Context(), url, "Follow-ups")); err != nil {
		t.Fatal(err)
	}
	s.ledger = l
	want(t, s.check(t, right, "[followups]\ncreate_calendar = true\n"), `failed home follow-ups: the calendar "Follow-ups" is gone`)
}

// A follow-up calendar that holds other events is named as shared: as it is now,
// or as it was when it was first seen.
func TestCheckNamesASharedCalendar(t *testing.T) {
	const shared = `warn home follow-ups: the calendar "Follow-ups" holds other events too`
	event := func(uid string) string {
		return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:" + uid +
			"\r\nDTSTAMP:20260401T080000Z\r\nDTSTART:20260512T120000Z\r\nSUMMARY:Dentist\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
	}
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
	s.calendars.Store("f", "a.ics", event("syncd-abc-def-1"))
	if got := s.check(t, right, ""); strings.Contains(got, shared) {
		t.Errorf("shared though it holds entries alone:\n%s", got)
	}
	s.calendars.Store("f", "b.ics", event("dentist"))
	want(t, s.check(t, right, ""), shared, `calendar = "…"`)
	s.calendars.Set(caldavtest.Faults{Answer: func(r *http.Request) int {
		if r.Method == "REPORT" || strings.HasSuffix(r.URL.Path, "/b.ics") {
			return http.StatusBadGateway
		}
		return 0
	}})
	want(t, s.check(t, right, ""), `whether it holds other events is not known yet`)
	s.calendars.Set(caldavtest.Faults{})
	for _, seen := range []bool{false, true} {
		l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Me: ledger.Me{Addresses: []string{"robin@example.org"}, Zone: time.UTC}})
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := l.SetCalendarSeen(t.Context(), s.calendars.URL+s.calendars.Path("f", ""), seen, time.Unix(0, 0)); err != nil {
			t.Fatal(err)
		}
		s.ledger = l
		if got := s.check(t, right, ""); strings.Contains(got, shared) != seen {
			t.Errorf("first seen shared: %t, but check says:\n%s", seen, got)
		}
	}
}

// check runs Check on a configuration for the servers and returns its findings,
// a line each.
func (s *servers) check(t *testing.T, login, more string) string {
	t.Helper()
	cfg, err := config.Parse("config.toml", fmt.Appendf(nil, `[me]
addresses = ["robin@example.org"]
timezone = "Etc/UTC"
[[account]]
name = "home"
user = "robin"
%s
imap = { host = "127.0.0.1", port = %d, tls = "none" }
caldav = { url = "%s/" }
%s`, login, s.port, s.calendars.URL, more), true)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = setup.Check(t.Context(), cfg, s.ledger, slog.New(slog.DiscardHandler), func(f setup.Finding) {
		mark := ""
		switch {
		case f.Failed:
			mark = "failed "
		case f.Warn:
			mark = "warn "
		}
		fmt.Fprintf(&out, "%s%s %s: %s\n", mark, f.Account, f.Topic, f.Text)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func want(t *testing.T, got string, lines ...string) {
	t.Helper()
	for _, l := range lines {
		if !strings.Contains(got, l) {
			t.Errorf("no finding %q in:\n%s", l, got)
		}
	}
}

const right = `password = "right"`

func TestCheck(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"}, caldavtest.Calendar{Name: "w", Title: "Work"})
	s.mail.Create("Sent", `\Sent`)
	s.mail.Create("Trash", `\Trash`)
	got := s.check(t, right, "")
	want(t, got, "robin@example.org is you: configured", "home mail: 127.0.0.1 answers, and the login as robin works",
		"2 folders are read: Sent, INBOX\n", "1 folder is left out: Trash (", "your sent mail is in Sent",
		`the calendar "Follow-ups" gets the follow-ups`, "1 calendar is read for meetings: Work\n", "warn  time: your time zone is Etc/UTC")
	if strings.Contains(got, "failed") {
		t.Errorf("something failed:\n%s", got)
	}
}

// A typo in folders leaves nothing to read, which has to be mended.
func TestCheckFindsNoFolder(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
	for _, name := range []string{"A", "B", "C", "D"} {
		s.mail.Create(name)
	}
	got := s.check(t, right+"\nfolders = [\"Nope\"]", "")
	want(t, got, "failed home folders: no folder is read: all are left out: ", "(not in folders), and 1 more\n",
		"home calendars: no calendar is read for meetings\n")
	if strings.Contains(got, "folders are read") || strings.Contains(got, " sent: ") {
		t.Errorf("no folder is told as if it were some:\n%s", got)
	}
}

func TestCheckFindsNoSentMail(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
	want(t, s.check(t, right, ""), "warn home sent: no folder with your sent mail was found")
}

func TestCheckCalendars(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "w", Title: "Work"}, caldavtest.Calendar{Name: "r", Title: "Public", ReadOnly: true})
	want(t, s.check(t, right, ""), `failed home follow-ups: there is no calendar "Follow-ups"; there are: `, `"Work"`, "create_calendar = true")
	want(t, s.check(t, right, "[followups]\ncreate_calendar = true\n"), "home follow-ups: the calendar \"Follow-ups\" is not there yet; it will be made")
	want(t, s.check(t, right, "[followups]\ncalendar = \"Public\"\n"), `failed home follow-ups: the calendar "Public" cannot be written to`)
}

func TestCheckAddressBooks(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
	at := fmt.Sprintf("carddav = { url = \"%s/\"", s.calendars.URL)
	want(t, s.check(t, right, at+" }\n"), "warn home address books: no address book is read\n")
	s.calendars.AddAddressBook(caldavtest.AddressBook{Name: "c", Title: "Contacts"})
	s.calendars.AddAddressBook(caldavtest.AddressBook{Name: "f2", Title: "Family"})
	s.calendars.AddAddressBook(caldavtest.AddressBook{Name: "s", Title: "Staff", Hidden: true})
	got := s.check(t, right, at+" }\n")
	want(t, got, "\nhome address books: 2 address books are read: Contacts, Family\n",
		"\nhome address books: 1 address book cannot be read with this login: Staff\n")
	if strings.Contains(got, "failed") {
		t.Errorf("something failed:\n%s", got)
	}
	want(t, s.check(t, right, at+", address_books = [\"Fam*\"] }\n"), "\nhome address books: 1 address book is read: Family\n")
	want(t, s.check(t, right, at+", password = \"wrong\" }\n"),
		`failed home address books: account "home": `+s.calendars.URL+"/: user name or password refused")
}

// Each line names the account once, and the cause.
func TestCheckNamesTheCause(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
	for login, causes := range map[string][2]string{
		`password = "wrong"`:             {"user name or password refused", "user name or password refused"},
		`password_env = "SYNCD_NOT_SET"`: {"password not available", "password not available"},
	} {
		got := s.check(t, login, "")
		for i, topic := range []string{"mail", "calendars"} {
			found := false
			for line := range strings.Lines(got) {
				if !strings.HasPrefix(line, "failed home "+topic+": ") {
					continue
				}
				found = true
				if strings.Count(line, `account "home"`) != 1 || !strings.Contains(line, causes[i]) {
					t.Errorf("%s: %s", login, line)
				}
			}
			if !found {
				t.Errorf("%s: nothing failed about %s:\n%s", login, topic, got)
			}
		}
		if strings.Contains(got, "there is no calendar") {
			t.Errorf("%s: a calendar is missed where none could be looked for:\n%s", login, got)
		}
	}
}

func TestCheckWarnsOfUTC(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
	for zone, warns := range map[string]bool{
		"UTC": true, "Etc/UTC": true, "Etc/Universal": true, "Europe/London": false, "Africa/Abidjan": false, "Europe/Berlin": false,
	} {
		z, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		cfg, err := config.Parse("config.toml", fmt.Appendf(nil, "[me]\naddresses = [\"robin@example.org\"]\ntimezone = %q\n[[account]]\nuser = \"robin\"\npassword = \"right\"\ncaldav = { url = \"%s/\" }\n", z, s.calendars.URL), true)
		if err != nil {
			t.Fatal(err)
		}
		warned := false
		err = setup.Check(t.Context(), cfg, nil, slog.New(slog.DiscardHandler), func(f setup.Finding) {
			warned = warned || f.Warn && f.Topic == "time"
		})
		if err != nil || warned != warns {
			t.Errorf("%s: warned %v, want %v; %v", zone, warned, warns, err)
		}
	}
}

// The user's other domains are to be confirmed, but for those of public
// providers.
func TestCheckAsksAboutOtherDomains(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
	me := ledger.Me{Addresses: []string{"robin@example.org", "robin@example.net", "robin@gmail.com"}, Internal: []string{"example.org"}, Zone: time.UTC}
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Me: me})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	batch := ledger.Batch{
		Source: ledger.SourceID{Account: "home", Type: ledger.AddressBook, Name: "https://dav.example.org/c/"},
		Cards:  []ledger.Card{{Href: "/1", UID: "1", Name: "Kim Oh", Addresses: []string{"kim@example.net"}}},
		Cursor: ledger.Cursor{Complete: true},
	}
	if err := l.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	s.ledger = l
	got := s.check(t, right, "")
	want(t, got, "warn  organisation: you have an address at example.net too; 1 contact there gets follow-ups unless")
	if strings.Contains(got, "gmail.com too") {
		t.Errorf("a public provider is asked about:\n%s", got)
	}
}

// What is done with the texts of mails is said in a line.
func TestCheckSaysWhetherTextsAreRead(t *testing.T) {
	s := start(t)
	for privacy, line := range map[string]string{
		"": "texts: syncd reads what you and the people you know wrote to each other in the last 60 days, for promises, questions, thanks and introductions, " +
			"and keeps the sentences that a follow-up shows (read_text, store_text)",
		"store_text = false": "and keeps no sentence (store_text)",
		"read_text = false":  "texts: no text of a mail is read (read_text), so there are no follow-ups about promises, thanks and introductions",
	} {
		want(t, s.check(t, right, "[privacy]\n"+privacy+"\n"), line)
	}
}
