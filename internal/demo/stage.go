// Package demo is a made-up mailbox and calendar on servers in the process, and
// the configuration to run syncd on them. Nothing of syncd's own work is faked:
// what it reads, it reads over IMAP and CalDAV.
package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
)

// Stage is a mail server, a calendar server, and time that passes on them.
type Stage struct {
	Config   *config.Config
	StateDir string
	// User and Password open both servers.
	User, Password string

	dir       string
	world     World
	mail      *imaptest.Server
	listener  net.Listener
	served    chan error
	calendars *caldavtest.Server
	shown     int // messages delivered so far
	entered   int // meetings entered so far
	carded    int // cards that came so far
}

// Options say what to set up.
type Options struct {
	Seed uint64
	Addr string // of the calendar server; "" for a free port on loopback
	Now  time.Time
	Zone string // IANA name
	// Stories adds what is told by hand, an address book with it.
	Stories bool
}

// The calendars, by path and by the name shown.
const (
	ownCalendar = "work"
	followUps   = "follow-ups"
	title       = "Follow-ups"
	contacts    = "contacts" // the address book
)

// Start generates a world and opens the servers on it, empty until Advance.
func Start(ctx context.Context, o Options) (*Stage, error) {
	s := &Stage{User: "robin", Password: "demo", world: Generate(o)}
	var err error
	if s.dir, err = os.MkdirTemp("", "syncd-demo-"); err != nil {
		return nil, err
	}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(fmt.Errorf("start demo: %w", err), s.Close())
	}
	return s, nil
}

func (s *Stage) open(ctx context.Context, o Options) (err error) {
	var lc net.ListenConfig
	if s.listener, err = lc.Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	_, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return err
	}
	s.mail = imaptest.New(s.User, s.Password)
	s.mail.Create("Sent", `\Sent`)
	s.served = make(chan error, 1)
	go func() { s.served <- s.mail.Serve(s.listener) }()
	var books []caldavtest.AddressBook
	if o.Stories {
		books = append(books, caldavtest.AddressBook{Name: contacts, Title: "Contacts"})
	}
	s.calendars, err = caldavtest.Start(ctx, caldavtest.Options{
		Addr: o.Addr, User: s.User, Password: s.Password, AddressBooks: books,
		Calendars: []caldavtest.Calendar{{Name: ownCalendar, Title: "Work"}, {Name: followUps, Title: title}},
	})
	if err != nil {
		return err
	}
	s.StateDir = filepath.Join(s.dir, "state")
	path := filepath.Join(s.dir, "config.toml")
	if err := os.WriteFile(path, []byte(s.toml(o, port)), 0o600); err != nil {
		return err
	}
	s.Config, err = config.Load(path)
	return err
}

// toml is the configuration a user with these servers would write.
func (s *Stage) toml(o Options, port string) string {
	books := ""
	if o.Stories {
		books = fmt.Sprintf("carddav = { url = %q }\n", s.calendars.URL+"/")
	}
	return fmt.Sprintf(`[me]
name = %q
addresses = [%q]
timezone = %q

[[account]]
name = "demo"
user = %q
password = %q
imap = { host = "127.0.0.1", port = %s, tls = "none" }
caldav = { url = %q }
%s
[followups]
account = "demo"
calendar = %q
`, MyName, MyAddress, o.Zone, s.User, s.Password, port, s.calendars.URL+"/", books, title)
}

// Advance delivers the mail and enters the meetings and the cards up to t.
func (s *Stage) Advance(t time.Time) error {
	for ; s.shown < len(s.world.Messages) && !s.world.Messages[s.shown].At.After(t); s.shown++ {
		m := s.world.Messages[s.shown]
		if _, err := s.mail.Append(m.Mailbox, imaptest.Message{Raw: string(m.Raw), At: m.At}); err != nil {
			return err
		}
	}
	for ; s.entered < len(s.world.Meetings) && !s.world.Meetings[s.entered].KnownAt.After(t); s.entered++ {
		e := s.world.Meetings[s.entered]
		s.calendars.Store(ownCalendar, e.Name, string(e.Raw))
	}
	for ; s.carded < len(s.world.Cards) && !s.world.Cards[s.carded].KnownAt.After(t); s.carded++ {
		c := s.world.Cards[s.carded]
		s.calendars.Store(contacts, c.Name, string(c.Raw))
	}
	return nil
}

// Notes are what the user notes after from, and not after to.
func (s *Stage) Notes(from, to time.Time) (all []Note) {
	for _, n := range s.world.Notes {
		if n.At.After(from) && !n.At.After(to) {
			all = append(all, n)
		}
	}
	return all
}

// Counts says how much of the world was delivered.
func (s *Stage) Counts() (messages, meetings int) { return s.shown, s.entered }

// URL is the address of the follow-up calendar.
func (s *Stage) URL() string { return s.calendars.URL + s.calendars.Path(followUps, "") }

// Entry is a follow-up as read back from the calendar.
type Entry struct {
	UID, Href string
	ledger.Shape
}

// Entries reads the follow-up calendar as any CalDAV client would.
func (s *Stage) Entries(ctx context.Context) ([]Entry, error) {
	credentials := s.Config.Accounts[0].Credentials().CalDAV
	session, err := caldav.Dial(ctx, caldav.Account{
		Name: "demo", URL: s.URL(), User: s.User, Password: credentials.Password, Zone: s.Config.Me.Zone,
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	all, err := session.Calendars(ctx)
	if err != nil {
		return nil, err
	}
	var events []Entry
	for _, c := range all {
		if c.Name != title {
			continue
		}
		listing, err := session.Entries(ctx, c)
		if err != nil {
			return nil, err
		}
		for _, e := range listing.Entries {
			events = append(events, Entry{UID: e.UID, Href: e.Href, Shape: e.Shape})
		}
	}
	return events, nil
}

// Path is the path of the follow-up calendar.
func (s *Stage) Path() string { return s.calendars.Path(followUps, "") }

// Writes are the requests so far that could change a calendar, a line each.
func (s *Stage) Writes() []string {
	var all []string
	for _, r := range s.calendars.Writes() {
		all = append(all, r.String())
	}
	return all
}

// MailRefused are the commands that would have changed the mailbox.
func (s *Stage) MailRefused() []string { return s.mail.Refused() }

// RemoveCalendar removes a calendar by the last part of its path, as the user
// would in another program.
func (s *Stage) RemoveCalendar(name string) { s.calendars.RemoveCalendar(name) }

// Close stops the servers and removes what was written.
func (s *Stage) Close() error {
	var errs []error
	if s.mail != nil {
		errs = append(errs, s.listener.Close())
		s.mail.Close()
		errs = append(errs, <-s.served)
	}
	if s.calendars != nil {
		errs = append(errs, s.calendars.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(s.dir))...)
}

// Passes are the moments at which the demo's clock stops: the morning and the
// evening of each of the last five business days, as far as they have come.
func Passes(now time.Time) []time.Time { return PassesOf(now, 5) }

// PassesOf are those of the last so many business days.
func PassesOf(now time.Time, n int) []time.Time {
	var days []time.Time
	for d := now; len(days) < n; d = d.AddDate(0, 0, -1) {
		if d.Weekday() != time.Saturday && d.Weekday() != time.Sunday && !at(d, 8, 30).After(now) {
			days = append(days, d)
		}
	}
	var all []time.Time
	for _, d := range slices.Backward(days) {
		all = append(all, at(d, 8, 30))
		if evening := at(d, 18, 30); !evening.After(now) {
			all = append(all, evening)
		}
	}
	return all
}

func at(d time.Time, hour, minute int) time.Time {
	return time.Date(d.Year(), d.Month(), d.Day(), hour, minute, 0, 0, d.Location())
}
