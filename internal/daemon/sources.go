package daemon

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/carddav"
	"syncd/internal/imap"
	"syncd/internal/ledger"
	"syncd/internal/setup"
	"syncd/internal/webdav"
)

// source is one side of an account: its mail, its calendars or its address books.
type source struct {
	id   ledger.SourceID
	pass func(ctx context.Context) error           // read what is new, once
	loop func(ctx context.Context, p *pulse) error // keep reading; returns on failure
}

// poll is how often all folders, calendars and address books are looked at.
const poll = 10 * time.Minute

// sources are those of the present configuration.
func (d *Daemon) sources() []source {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []source
	for _, a := range d.accounts {
		if a.IMAP != nil {
			all = append(all, source{
				id:   ledger.SourceID{Account: a.Name, Type: ledger.Mailbox},
				pass: func(ctx context.Context) error { return d.mail(ctx, a, nil) },
				loop: func(ctx context.Context, p *pulse) error { return d.mail(ctx, a, p) },
			})
		}
		if a.CalDAV != nil {
			all = append(all, source{
				id:   ledger.SourceID{Account: a.Name, Type: ledger.Calendar},
				pass: func(ctx context.Context) error { return d.meetings(ctx, a, nil) },
				loop: polled(func(ctx context.Context, p *pulse) error { return d.meetings(ctx, a, p) }),
			})
		}
		if a.CardDAV != nil {
			all = append(all, source{
				id:   ledger.SourceID{Account: a.Name, Type: ledger.AddressBook},
				pass: func(ctx context.Context) error { return d.cards(ctx, a, nil) },
				loop: polled(func(ctx context.Context, p *pulse) error { return d.cards(ctx, a, p) }),
			})
		}
	}
	return all
}

// polled is a loop that reads and then pauses.
func polled(read func(context.Context, *pulse) error) func(context.Context, *pulse) error {
	return func(ctx context.Context, p *pulse) error {
		if err := read(ctx, p); err != nil {
			return err
		}
		p.Worked() // before the pause: status tells of it at once
		rest(ctx, p, jittered(poll))
		return nil
	}
}

// rest is sleep, announced.
func rest(ctx context.Context, p *pulse, d time.Duration) {
	p.Within(d)
	sleep(ctx, d)
}

// dial logs in at the mail server of an account.
func (d *Daemon) dial(ctx context.Context, a account) (s *imap.Session, err error) {
	err = a.mail.try(ctx, ledger.Mailbox, func() (err error) {
		s, err = setup.Mail(ctx, a.Account, a.mail.Credentials, d.log)
		return err
	})
	return s, err
}

// mail scans an account's mail, and goes on waiting for more where there is a
// loop to go on for.
func (d *Daemon) mail(ctx context.Context, a account, p *pulse) (err error) {
	s, err := d.dial(ctx, a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	for {
		err := d.scan(ctx, a.Name, s, p)
		_, some := errors.AsType[partial](err)
		switch {
		case p == nil, err != nil && !some:
			return err
		case some:
			p.Partly(err)
		default:
			p.Worked()
		}
		pause := jittered(poll)
		p.Within(pause)
		if err := s.Wait(ctx, pause); err != nil {
			return err
		}
	}
}

// partial says that the server refused some mailboxes, and that all else was read.
type partial struct{ error }

func (p partial) Unwrap() error { return p.error }

// scan takes what is new in every mailbox, and then what the texts of the mails say
// that the ledger wants to know.
func (d *Daemon) scan(ctx context.Context, name string, s *imap.Session, p *pulse) error {
	boxes, err := s.Mailboxes(ctx)
	if err != nil {
		return fmt.Errorf("account %q: list the mailboxes: %w", name, err)
	}
	none := setup.NoFolder(boxes)
	if len(boxes) == 0 { // a listing without INBOX says nothing of what is there
		return fmt.Errorf("account %q: %w", name, none)
	}
	boxes = slices.DeleteFunc(boxes, func(b imap.Mailbox) bool { return b.Left != "" })
	listed := make([]ledger.Listed, len(boxes))
	for i, b := range boxes {
		listed[i] = ledger.Listed{Name: b.Raw, Title: b.Name}
	}
	if err := d.ledger.SetListing(ctx, ledger.SourceID{Account: name, Type: ledger.Mailbox}, listed); err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	if none != nil {
		return fmt.Errorf("account %q: %w", name, none)
	}
	refused, failed := inEach(s, boxes, func(b imap.Mailbox) error { return d.scanMailbox(ctx, name, s, b, p) })
	failed = append(failed, d.ledger.Settle(ctx))
	if d.config().Privacy.ReadText && s.Usable() {
		r, f := inEach(s, boxes, func(b imap.Mailbox) error { return d.texts(ctx, name, s, b, p) })
		refused, failed = append(refused, r...), append(failed, f...)
	}
	if errors.Join(failed...) == nil && refused != nil {
		return partial{errors.Join(refused...)}
	}
	return errors.Join(append(refused, failed...)...)
}

// inEach does something in every mailbox. What the server refuses in one, and what
// else goes wrong there, does not stop the next, unless the connection is lost.
func inEach(s *imap.Session, boxes []imap.Mailbox, do func(imap.Mailbox) error) (refused, failed []error) {
	for _, b := range boxes {
		err := do(b)
		switch {
		case err == nil:
		case errors.As(err, new(*imap.Error)) && !errors.Is(err, imap.ErrUnavailable):
			refused = append(refused, err)
		default:
			failed = append(failed, err)
		}
		if !s.Usable() {
			break
		}
	}
	return refused, failed
}

func (d *Daemon) scanMailbox(ctx context.Context, name string, s *imap.Session, b imap.Mailbox, p *pulse) error {
	id := ledger.SourceID{Account: name, Type: ledger.Mailbox, Name: b.Raw}
	if err := d.ledger.SetUse(ctx, id, string(b.Use), b.SentBy()); err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	cursor, err := d.ledger.Cursor(ctx, id)
	if err != nil {
		return err
	}
	done := 0
	for batch, err := range ahead(s.Scan(ctx, b, cursor)) {
		p.Within(0)
		if err != nil {
			return err
		}
		batch.At, batch.Unsettled = d.now(), true
		if err := d.ledger.Append(ctx, batch); err != nil {
			return fmt.Errorf("account %q: %w", name, err)
		}
		done += len(batch.Mail)
		d.progress(Progress{Account: name, Name: b.Name, Done: done, Total: int(batch.Total)})
	}
	return nil
}

// ahead reads a batch while the one before is taken: one more is held, and the
// source is left alone when the loop has ended.
func ahead(batches iter.Seq2[ledger.Batch, error]) iter.Seq2[ledger.Batch, error] {
	type read struct {
		batch ledger.Batch
		err   error
	}
	return func(yield func(ledger.Batch, error) bool) {
		next, stop := make(chan read), make(chan struct{})
		var reading sync.WaitGroup
		defer reading.Wait()
		defer close(stop)
		reading.Go(func() {
			defer close(next)
			for batch, err := range batches {
				select {
				case next <- read{batch, err}:
				case <-stop:
					return
				}
			}
		})
		for r := range next {
			if !yield(r.batch, r.err) {
				return
			}
		}
	}
}

// davSession is the calendars or the address books of an account, discovered
// once. The loop that reads meetings shares it with the one that writes follow-ups.
type davSession[S interface {
	comparable
	Close()
}] struct {
	asking sync.Mutex // held while the server is asked

	mu sync.Mutex // never held while the server is asked: close does not wait
	s  S          // zero while it has to be found
}

func (k *davSession[S]) session() (s S, found bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var none S
	return k.s, k.s != none
}

// keep closes the session there was, if any, and has s in its place.
func (k *davSession[S]) keep(s S) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var none S
	if k.s != none {
		k.s.Close()
	}
	k.s = s
}

func (k *davSession[S]) close() {
	var none S
	k.keep(none)
}

// list lists the collections of the session, which it finds if there is none.
// Where listing fails, the server is looked for anew the next time.
func (k *davSession[S]) list(find func() (S, error), collections func(S) ([]webdav.Collection, error)) (S, []webdav.Collection, error) {
	s, found := k.session()
	if !found {
		var err error
		if s, err = find(); err != nil {
			return s, nil, err
		}
		k.keep(s)
	}
	all, err := collections(s)
	if err != nil {
		k.close()
	}
	return s, all, err
}

// unreachable says that an account's calendars could not even be listed.
type unreachable struct{ error }

func (u unreachable) Unwrap() error { return u.error }

// calendars lists the calendars of an account.
func (d *Daemon) calendars(ctx context.Context, a account) (s *caldav.Session, all []caldav.Collection, err error) {
	cfg := d.config()
	a.dav.asking.Lock()
	defer a.dav.asking.Unlock()
	err = a.calendars.try(ctx, ledger.Calendar, func() (err error) {
		s, all, err = a.dav.list(func() (*caldav.Session, error) {
			return setup.Calendars(ctx, cfg, a.Account, a.calendars.Credentials, d.log)
		}, func(s *caldav.Session) ([]caldav.Collection, error) { return s.Calendars(ctx) })
		return err
	})
	if err != nil {
		return nil, nil, unreachable{err}
	}
	return s, all, nil
}

// meetings reads what changed in every calendar of an account but the
// follow-up calendar, unless that one is shared.
func (d *Daemon) meetings(ctx context.Context, a account, p *pulse) error {
	s, all, err := d.calendars(ctx, a)
	if err != nil {
		return err
	}
	own, err := d.ownCalendar(ctx, a, all)
	if err != nil {
		return err
	}
	var read []caldav.Collection
	listed := []ledger.Listed{}
	for _, c := range all {
		skip, err := d.passOver(ctx, a, c, own)
		if err != nil {
			return err
		}
		if !skip {
			read = append(read, c)
			listed = append(listed, ledger.Listed{Name: c.URL, Title: c.Name})
		}
	}
	if err := d.ledger.SetListing(ctx, ledger.SourceID{Account: a.Name, Type: ledger.Calendar}, listed); err != nil {
		return fmt.Errorf("account %q: %w", a.Name, err)
	}
	var errs []error
	for _, c := range read {
		if err := d.changes(ctx, a, s, c, p); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(append(errs, d.ledger.Settle(ctx))...)
}

// ownCalendar is the URL of the follow-up calendar if it is one of these.
func (d *Daemon) ownCalendar(ctx context.Context, a account, all []caldav.Collection) (string, error) {
	cfg := d.config()
	if cfg.Followups.Account != a.Name {
		return "", nil
	}
	seen, err := d.ledger.CalendarsSeen(ctx)
	if err != nil {
		return "", err
	}
	c, _ := setup.FollowUps(cfg, all, seen)
	return c.URL, nil
}

// passOver says whether a calendar is not read for meetings.
func (d *Daemon) passOver(ctx context.Context, a account, c caldav.Collection, own string) (bool, error) {
	if c.URL == own {
		_, shared, err := d.ledger.CalendarSeen(ctx, c.URL)
		return !shared, err
	}
	return !setup.IsRead(a.Account, c), nil
}

func (d *Daemon) changes(ctx context.Context, a account, s *caldav.Session, c caldav.Collection, p *pulse) error {
	id := ledger.SourceID{Account: a.Name, Type: ledger.Calendar, Name: c.URL}
	cursor, known, err := d.position(ctx, id)
	if err != nil {
		return err
	}
	return d.take(ctx, a.Name, c.Name, s.Changes(ctx, c, cursor, known, d.now(), d.config().Me.Zone), p)
}

// position is how far a collection was read, and what it held then.
func (d *Daemon) position(ctx context.Context, id ledger.SourceID) (ledger.Cursor, map[string]string, error) {
	cursor, err := d.ledger.Cursor(ctx, id)
	if err != nil {
		return cursor, nil, err
	}
	known, err := d.ledger.Objects(ctx, id)
	return cursor, known, err
}

// take appends what was read of a collection, as it comes.
func (d *Daemon) take(ctx context.Context, account, name string, batches iter.Seq2[ledger.Batch, error], p *pulse) error {
	done := 0
	for batch, err := range ahead(batches) {
		p.Within(0)
		if err != nil {
			return fmt.Errorf("account %q: %w", account, err)
		}
		batch.Unsettled = true
		if err := d.ledger.Append(ctx, batch); err != nil {
			return fmt.Errorf("account %q: %w", account, err)
		}
		done += len(batch.Objects) + len(batch.Cards)
		d.progress(Progress{Account: account, Name: name, Done: done, Total: int(batch.Total)})
	}
	return nil
}

// cards reads what changed in every address book of an account.
func (d *Daemon) cards(ctx context.Context, a account, p *pulse) error {
	var (
		s   *carddav.Session
		all []carddav.Collection
	)
	err := a.cards.try(ctx, ledger.AddressBook, func() (err error) {
		s, all, err = a.books.list(func() (*carddav.Session, error) {
			return setup.AddressBooks(ctx, a.Account, a.cards.Credentials, d.log)
		}, func(s *carddav.Session) ([]carddav.Collection, error) { return s.AddressBooks(ctx) })
		return err
	})
	if err != nil {
		return err
	}
	all = slices.DeleteFunc(all, func(c carddav.Collection) bool { return !setup.IsReadBook(a.Account, c) })
	listed := make([]ledger.Listed, len(all))
	for i, c := range all {
		listed[i] = ledger.Listed{Name: c.URL, Title: c.Name}
	}
	if err := d.ledger.SetListing(ctx, ledger.SourceID{Account: a.Name, Type: ledger.AddressBook}, listed); err != nil {
		return fmt.Errorf("account %q: %w", a.Name, err)
	}
	var errs []error
	for _, c := range all {
		cursor, known, err := d.position(ctx, ledger.SourceID{Account: a.Name, Type: ledger.AddressBook, Name: c.URL})
		if err == nil {
			err = d.take(ctx, a.Name, c.Name, s.Changes(ctx, c, cursor, known, d.now()), p)
		}
		errs = append(errs, err)
	}
	return errors.Join(append(errs, d.ledger.Settle(ctx))...)
}
