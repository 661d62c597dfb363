// Package daemon runs syncd: one loop per source, one that writes follow-ups,
// one for upkeep. It is the only package that reads the clock for meaning and
// the only one that logs errors.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"syncd/internal/auth"
	"syncd/internal/caldav"
	"syncd/internal/carddav"
	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// Options are what a Daemon is made of.
type Options struct {
	Config   *config.Config
	StateDir string
	Log      *slog.Logger
	// Now is the clock by which follow-ups are planned. nil: the system's.
	// With another one, what is dated after it is hidden, and the calendar
	// server's clock is not compared.
	Now func() time.Time
	// Progress is told how far a scan is; it may be nil. It must not block.
	Progress func(Progress)
}

// Progress is how far the scan of one source is.
type Progress struct {
	Account string
	Name    string // of the mailbox, calendar or address book
	Done    int    // messages or objects read so far in this pass
	Total   int    // what the source holds; 0 if unknown
}

// Daemon is syncd at work on one ledger. Open one at a time.
type Daemon struct {
	log      *slog.Logger
	ledger   *ledger.Ledger
	now      func() time.Time
	shifted  bool
	progress func(Progress)
	wanted   chan struct{} // another process asked for a pass

	mu       sync.Mutex // guards what a reload replaces
	cfg      *config.Config
	accounts []account
	asked    map[planner.Key]time.Time // when mailboxes were asked about the mail of a follow-up
	missed   map[ledger.Copy]bool      // messages whose text is wanted and that are gone
}

// account is a configured account with its logins, which live as long as the
// configuration.
type account struct {
	config.Account
	mail, calendars, cards *login // one where they are the same
	dav                    *davSession[*caldav.Session]
	books                  *davSession[*carddav.Session]
}

func (a *account) close() {
	a.dav.close()
	a.books.close()
}

// Open opens the ledger for writing. It fails with ledger.ErrLocked while
// another process does the same.
func Open(ctx context.Context, o Options) (*Daemon, error) {
	d := &Daemon{log: o.Log, now: o.Now, shifted: o.Now != nil, progress: o.Progress, wanted: make(chan struct{}, 1), asked: map[planner.Key]time.Time{}, missed: map[ledger.Copy]bool{}}
	if d.now == nil {
		d.now = time.Now
	}
	if d.progress == nil {
		d.progress = func(Progress) {}
	}
	d.configure(o.Config)
	l, err := ledger.Open(ctx, ledger.Options{Dir: o.StateDir, Me: me(o.Config), Log: o.Log})
	if err != nil {
		return nil, err
	}
	d.ledger = l
	return d, nil
}

// Close closes the connections and the ledger.
func (d *Daemon) Close() error {
	d.swap(d.config(), nil)
	return d.ledger.Close()
}

// Ledger is the open ledger, for reading.
func (d *Daemon) Ledger() *ledger.Ledger { return d.ledger }

func (d *Daemon) configure(c *config.Config) {
	var accounts []account
	for _, a := range c.Accounts {
		logins := map[*auth.Credentials]*login{}
		at := func(c *auth.Credentials) *login {
			if logins[c] == nil {
				logins[c] = newLogin(c)
			}
			return logins[c]
		}
		c := a.Credentials()
		accounts = append(accounts, account{
			Account: a, mail: at(c.IMAP), calendars: at(c.CalDAV), cards: at(c.CardDAV),
			dav: &davSession[*caldav.Session]{}, books: &davSession[*carddav.Session]{},
		})
	}
	d.swap(c, accounts)
}

// swap replaces the configuration, and then closes the connections of the old
// one: nobody waits for those with the lock.
func (d *Daemon) swap(c *config.Config, accounts []account) {
	d.mu.Lock()
	old := d.accounts
	d.cfg, d.accounts = c, accounts
	d.mu.Unlock()
	for _, a := range old {
		a.close()
	}
}

func (d *Daemon) config() *config.Config {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg
}

// Pass looks once at every source and then at the follow-up calendar. One
// source failing does not stop the others; what failed is in the error, each
// with its account.
func (d *Daemon) Pass(ctx context.Context) error {
	down, err := d.read(ctx)
	switch {
	case ctx.Err() != nil:
		return err
	case down != nil: // once is enough, a wrong password above all
		d.record(ctx, d.followUpsID(), down)
		return err
	}
	return errors.Join(err, d.followUps(ctx))
}

// Read is Pass without the follow-up calendar: nothing is asked of it, and no
// first run is complete with it.
func (d *Daemon) Read(ctx context.Context) error {
	_, err := d.read(ctx)
	return err
}

// read looks once at every source. down says why the server of the follow-up
// calendar could not be asked.
func (d *Daemon) read(ctx context.Context) (down, err error) {
	var errs []error
	calendars := d.followUpsID()
	calendars.Type = ledger.Calendar
	for _, s := range d.sources() {
		err := s.pass(ctx)
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if err != nil {
			errs = append(errs, err)
		}
		if _, ok := errors.AsType[unreachable](err); ok && s.id == calendars {
			down = err
		}
		d.record(ctx, s.id, err)
	}
	return down, errors.Join(errs...)
}

// followUpsID is the follow-up calendar as a source.
func (d *Daemon) followUpsID() ledger.SourceID {
	return ledger.SourceID{Account: d.config().Followups.Account, Type: ledger.FollowUps}
}

// record keeps in the ledger how a source did, for status.
func (d *Daemon) record(ctx context.Context, id ledger.SourceID, err error) {
	var e error
	if err == nil {
		e = d.ledger.SourceOK(ctx, id, d.now())
	} else {
		e = d.ledger.SourceFailed(ctx, id, d.now(), err.Error())
	}
	if e != nil && ctx.Err() == nil {
		d.log.ErrorContext(ctx, "source state not kept", "account", id.Account, "error", e)
	}
}

// me is what the configuration says of the user and of people.
func me(c *config.Config) ledger.Me {
	m := ledger.Me{Name: c.Me.Name, Zone: c.Me.Zone}
	for _, a := range c.Me.Addresses {
		m.Addresses = append(m.Addresses, string(a))
	}
	for _, a := range c.Me.NotMe {
		m.NotMe = append(m.NotMe, string(a))
	}
	for _, d := range c.Me.InternalDomains {
		m.Internal = append(m.Internal, string(d))
	}
	for _, g := range c.People.Ignore {
		m.Ignore = append(m.Ignore, string(g))
	}
	for _, g := range c.People.IgnoreFolders {
		m.IgnoreFolders = append(m.IgnoreFolders, string(g))
	}
	m.Circles = c.ByInterval()
	for _, p := range c.Contacts {
		q := ledger.Person{Name: p.Name, Circle: p.Circle, Muted: p.Mute, Ignored: p.Ignore, Cards: p.Cards}
		for _, a := range p.Addresses {
			q.Addresses = append(q.Addresses, string(a))
		}
		for _, a := range p.NotSameAs {
			q.Apart = append(q.Apart, string(a))
		}
		m.People = append(m.People, q)
	}
	for _, p := range c.CircleMembers() {
		m.People = append(m.People, ledger.Person{Addresses: []string{p.Pattern}, Circle: p.Circle})
	}
	return m
}

// status is the line for systemd.
func (d *Daemon) status(ctx context.Context) string {
	totals, err := d.ledger.Totals(ctx)
	if err != nil {
		return err.Error()
	}
	health, err := d.ledger.Health(ctx)
	if err != nil {
		return err.Error()
	}
	said := []string{fmt.Sprintf("%d follow-ups in the calendar", totals.Open)}
	var failing []string
	for _, h := range health {
		if !Current(d.config(), h.Source) {
			continue
		}
		if h.Error != "" {
			failing = append(failing, h.Source.Account+" "+Side(h.Source.Type))
		}
		said = append(said, h.Notices...)
	}
	if len(failing) > 0 {
		said = slices.Insert(said, 1, "failing: "+strings.Join(failing, ", "))
	}
	return strings.Join(said, "; ")
}

// Side is what a user calls one side of an account.
func Side(t ledger.SourceType) string {
	switch t {
	case ledger.Mailbox:
		return "mail"
	case ledger.Calendar:
		return "calendars"
	case ledger.AddressBook:
		return "address books"
	case ledger.FollowUps:
	}
	return "follow-ups"
}

var joined = reflect.TypeOf(errors.Join(io.EOF))

// Flatten takes apart what errors.Join has put together, and nothing else that
// wraps several errors in one line.
func Flatten(err error) []error {
	if err == nil {
		return nil
	}
	parts, ok := err.(interface{ Unwrap() []error })
	if !ok || reflect.TypeOf(err) != joined {
		return []error{err}
	}
	var all []error
	for _, e := range parts.Unwrap() {
		all = append(all, Flatten(e)...)
	}
	return all
}
