package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
	"syncd/internal/setup"
)

// calendar is the follow-up calendar, found.
type calendar struct {
	reconcile.Calendar
	at      caldav.Collection
	account string
	session *caldav.Session
	others  []caldav.Collection // the account's other calendars
	seen    []ledger.SeenCalendar
}

func (c *calendar) fail(err error) error {
	return fmt.Errorf("account %q: calendar %q: %w", c.account, c.at.Name, err)
}

// known says whether follow-ups were written to this calendar before.
func (c *calendar) known() bool { return wasSeen(c.seen, c.at.URL) }

func wasSeen(seen []ledger.SeenCalendar, url string) bool {
	return slices.ContainsFunc(seen, func(s ledger.SeenCalendar) bool { return s.URL == url })
}

// holds reports whether an href lies in this calendar.
func (c *calendar) holds(href string) bool {
	base, err := url.Parse(c.at.URL)
	if err != nil {
		return false
	}
	at, err := base.Parse(href)
	return err == nil && strings.HasPrefix(at.Path, base.Path)
}

// openCalendar finds the follow-up calendar, and makes it where that is asked
// for and it was never seen before.
func (d *Daemon) openCalendar(ctx context.Context, cfg *config.Config) (*calendar, error) {
	a, err := d.followUpAccount(cfg)
	if err != nil {
		return nil, err
	}
	s, all, err := d.calendars(ctx, a)
	if err != nil {
		return nil, err
	}
	seen, err := d.ledger.CalendarsSeen(ctx)
	if err != nil {
		return nil, err
	}
	c, found := setup.FollowUps(cfg, all, seen)
	switch {
	case !found:
		if c, err = d.makeCalendar(ctx, cfg, s, all, seen); err != nil {
			return nil, err
		}
	case !c.Writable:
		return nil, fmt.Errorf("account %q: the calendar %q cannot be written to with this login", a.Name, c.Name)
	}
	s.Own(c)
	all = slices.DeleteFunc(all, func(other caldav.Collection) bool { return other.URL == c.URL })
	return &calendar{Calendar: reconcile.In(s, c), at: c, account: a.Name, session: s, others: all, seen: seen}, nil
}

func (d *Daemon) followUpAccount(cfg *config.Config) (account, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, a := range d.accounts {
		if a.Name == cfg.Followups.Account && a.CalDAV != nil {
			return a, nil
		}
	}
	return account{}, errors.New("no account of the configuration has calendars: follow-ups have nowhere to go")
}

// errNotMade says that the follow-up calendar is yet to be made, and that the
// user paused the writing.
var errNotMade = errors.New("the calendar is made after the pause")

// makeCalendar creates the follow-up calendar if that is agreed to and it was
// never seen (SPEC I2); in a pause it returns errNotMade.
func (d *Daemon) makeCalendar(ctx context.Context, cfg *config.Config, s *caldav.Session, all []caldav.Collection, seen []ledger.SeenCalendar) (caldav.Collection, error) {
	name := cfg.Followups.Calendar
	until, err := d.ledger.Paused(ctx, d.now())
	switch {
	case err != nil:
		return caldav.Collection{}, err
	case setup.Gone(name, all, seen):
		return caldav.Collection{}, fmt.Errorf("account %q: the calendar %q is gone; nothing is written until it is back, or another one is named in [followups]",
			cfg.Followups.Account, name)
	case !cfg.Followups.CreateCalendar || strings.Contains(name, "://"):
		names := make([]string, len(all))
		for i, c := range all {
			names[i] = fmt.Sprintf("%q", c.Name)
		}
		return caldav.Collection{}, fmt.Errorf("account %q: there is no calendar %q; there are: %s. Make one in your calendar app, or set create_calendar = true in [followups]",
			cfg.Followups.Account, name, strings.Join(names, ", "))
	}
	if !until.IsZero() {
		return caldav.Collection{}, errNotMade
	}
	c, err := s.Make(ctx, name)
	if err != nil {
		return caldav.Collection{}, fmt.Errorf("account %q: create the calendar %q: %w", cfg.Followups.Account, name, err)
	}
	return c, nil
}

// arrive notes the calendar when it is seen for the first time. If follow-ups
// were written elsewhere before, those end: they stay where they are, and
// nothing is concluded from their not being here.
func (d *Daemon) arrive(ctx context.Context, cfg *config.Config, cal *calendar, listing caldav.Listing) error {
	if err := d.leaveBehind(ctx, cfg, cal, listing); err != nil {
		return err
	}
	if !cal.known() {
		shared := slices.ContainsFunc(listing.Entries, func(e caldav.Entry) bool { return !strings.HasPrefix(e.UID, "syncd-") })
		if !shared && listing.Failed { // what it holds is to be seen another time
			return nil
		}
		if err := d.ledger.SetCalendarSeen(ctx, cal.at.URL, shared, d.now()); err != nil {
			return err
		}
	}
	named := slices.ContainsFunc(cal.seen, func(s ledger.SeenCalendar) bool { return s.URL == cal.at.URL && slices.Contains(s.Names, cal.at.Name) })
	if named {
		return nil
	}
	if err := d.ledger.AddCalendarName(ctx, cal.at.URL, cal.at.Name); err != nil {
		return err
	}
	var err error
	cal.seen, err = d.ledger.CalendarsSeen(ctx)
	return err
}

// leaveBehind ends what lies in another calendar than this one.
func (d *Daemon) leaveBehind(ctx context.Context, cfg *config.Config, cal *calendar, listing caldav.Listing) error {
	if len(cal.seen) == 0 || cal.known() && len(cal.seen) == 1 {
		return nil
	}
	placed, err := d.ledger.Placements(ctx)
	if err != nil {
		return err
	}
	left, here := cal.absent(placed, listing)
	if len(left) == 0 || !cal.known() && here > 0 { // the same calendar under a new address
		return nil
	}
	if !cal.known() && cal.mistaken(cfg.Followups.Calendar) {
		return fmt.Errorf("account %q: the calendar %q is not the one that was written to before; to go on with it, name it by its URL in [followups]: calendar = %q",
			cal.account, cal.at.Name, cal.at.URL)
	}
	for _, p := range left {
		if p.Open() {
			p.Outcome, p.EndedAt, p.EndWhy = planner.Withdrawn, d.now(), "another calendar gets the follow-ups now"
		}
		p.State = ledger.Closed
		if err := d.ledger.Confirm(ctx, p); err != nil {
			return err
		}
	}
	d.log.WarnContext(ctx, "another calendar gets the follow-ups now", "account", cal.account, "left_behind", len(left))
	return nil
}

// absent are the entries that were written to another calendar and not found in
// this one; here is how many were found.
func (c *calendar) absent(placed []ledger.Placement, listing caldav.Listing) (left []ledger.Placement, here int) {
	listed := map[string]bool{}
	for _, e := range listing.Entries {
		listed[e.UID] = true
	}
	for _, p := range placed {
		switch {
		case p.State == ledger.Closed || p.State == ledger.TakenOver:
		case listed[p.UID]:
			here++
		case !c.known() || p.Href != "" && !c.holds(p.Href):
			left = append(left, p)
		}
	}
	return left, here
}

// mistaken says that a calendar bears the name of one that was written to
// before: nobody said that it is to take its place.
func (c *calendar) mistaken(name string) bool {
	return !strings.Contains(name, "://") && slices.ContainsFunc(c.seen, func(old ledger.SeenCalendar) bool {
		return len(old.Names) == 0 || slices.Contains(old.Names, name)
	})
}

// elsewhere looks in the other calendars for entries that are not in the
// follow-up calendar: the user may have moved them there (SPEC section 8.2).
// Where one of the account's own cannot be asked nothing is concluded: the entry
// counts as one that could not be read. Other accounts that do not answer are
// waited for, a day at most.
func (d *Daemon) elsewhere(ctx context.Context, cal *calendar, in *reconcile.Input) error {
	listed := map[string]bool{}
	for _, e := range in.Observed.Entries {
		listed[e.UID] = true
	}
	in.Elsewhere = map[string]bool{}
	var far []*calendar
	var silent bool
	var errs []error
	for _, p := range in.Placed {
		if listed[p.UID] || !p.Open() && !p.Purged() || p.State != ledger.Placed && p.State != ledger.Rewriting && p.State != ledger.Intended {
			continue
		}
		there, err := cal.findElsewhere(ctx, p)
		if err != nil {
			in.Observed.Skipped = append(in.Observed.Skipped, ledger.Skip{Where: p.Href, Reason: err.Error()})
			errs = append(errs, err)
			continue
		}
		if !there && far == nil {
			far, silent = d.farCalendars(ctx, cal)
		}
		unsure := silent
		in.Elsewhere[p.UID] = there || slices.ContainsFunc(far, func(c *calendar) bool {
			there, err := c.findElsewhere(ctx, p)
			unsure = unsure || err != nil
			return err == nil && there
		})
		if !in.Elsewhere[p.UID] && unsure && p.Href != "" && !p.MissingAt.IsZero() && in.Now.Before(p.MissingAt.Add(farWait)) {
			in.Observed.Skipped = append(in.Observed.Skipped, ledger.Skip{Where: p.Href, Reason: "another account does not answer"})
		}
	}
	if len(errs) > 0 {
		return errs[0] // the others say the same
	}
	return nil
}

// farWait is how long what is missing is not held to be deleted because another
// account does not say whether it has it.
const farWait = 24 * time.Hour

// farCalendars are those of other accounts that answer; silent says that one does
// not.
func (d *Daemon) farCalendars(ctx context.Context, cal *calendar) (far []*calendar, silent bool) {
	d.mu.Lock()
	accounts := slices.Clone(d.accounts)
	d.mu.Unlock()
	far = []*calendar{}
	for _, a := range accounts {
		if a.CalDAV == nil || a.Name == cal.account {
			continue
		}
		s, all, err := d.calendars(ctx, a)
		if err != nil {
			silent = true
			continue
		}
		far = append(far, &calendar{account: a.Name, session: s, others: all})
	}
	return far, silent
}

// How far from where an entry lay a copy of it is looked for.
const (
	copiedBefore = 7 * 24 * time.Hour
	copiedAfter  = 31 * 24 * time.Hour
)

func (c *calendar) findElsewhere(ctx context.Context, p ledger.Placement) (bool, error) {
	at := p.Seen.Start
	if at.IsZero() {
		at = p.Slot
	}
	for _, other := range c.others {
		_, err := c.session.Find(ctx, other, p.UID)
		there := err == nil
		if errors.Is(err, caldav.ErrGone) {
			there, err = c.session.Copied(ctx, other, p.UID, p.Key.Code(), at.Add(-copiedBefore), at.Add(copiedAfter))
		}
		switch {
		case err != nil:
			return false, fmt.Errorf("account %q: calendar %q: %w", c.account, other.Name, err)
		case there:
			return true, nil
		}
	}
	return false, nil
}
