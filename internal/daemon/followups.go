package daemon

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/config"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
	"syncd/internal/setup"
)

// The trust in clocks (SPEC section 5.4), and the rounds of one look: what the
// user decided can change what is wanted.
const (
	clockDrift = 10 * time.Minute
	rounds     = 4
)

// followUps plans and makes the calendar agree, and notes how that went.
func (d *Daemon) followUps(ctx context.Context) error {
	err := d.look(ctx, d.config())
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.record(ctx, d.followUpsID(), err)
	return err
}

func (d *Daemon) look(ctx context.Context, cfg *config.Config) error {
	ready, err := d.firstRun(ctx)
	if err != nil {
		return err
	}
	cal, err := d.openCalendar(ctx, cfg)
	if err != nil {
		return err
	}
	for range rounds {
		done, err := d.agree(ctx, cfg, cal, ready)
		if err != nil || done {
			return err
		}
	}
	return nil
}

// agree is one round: plan, list, compare, apply. done says that there was
// nothing to do or nothing that could change the plan.
func (d *Daemon) agree(ctx context.Context, cfg *config.Config, cal *calendar, ready bool) (done bool, err error) {
	result, err := d.plan(ctx, cfg, ready)
	if err != nil {
		return false, err
	}
	listing, err := cal.Entries(ctx)
	if err != nil {
		return false, fmt.Errorf("account %q: read the calendar %q: %w", cfg.Followups.Account, cfg.Followups.Calendar, err)
	}
	if drift := time.Until(listing.Date).Abs(); !d.shifted && !listing.Date.IsZero() && drift > clockDrift {
		return false, fmt.Errorf("account %q: the calendar server's clock and this machine's differ by %s; nothing is written until they agree",
			cfg.Followups.Account, drift.Round(time.Minute))
	}
	if err := d.firstSight(ctx, cal, listing); err != nil {
		return false, err
	}
	placed, err := d.ledger.Placements(ctx)
	if err != nil {
		return false, err
	}
	in := reconcile.Input{
		Now: d.now(), Instance: d.ledger.Instance(), Zone: cfg.Me.Zone, Policy: entryPolicy(cfg),
		Wanted: result.FollowUps, Held: result.Held, Placed: placed, Observed: listing,
	}
	for _, uid := range reconcile.Unplaced(in) { // ended long ago, and still ticked there
		old, err := d.ledger.FindPlacements(ctx, uid)
		if err != nil {
			return false, err
		}
		in.Placed = append(in.Placed, old...)
	}
	delta := reconcile.Diff(in)
	if err := d.ledger.SetNotices(ctx, d.followUpsID(), delta.Notices); err != nil {
		return false, err
	}
	if delta.Stop != nil {
		return false, fmt.Errorf("account %q: calendar %q: %s", cfg.Followups.Account, cfg.Followups.Calendar, delta.Stop.Reason)
	}
	if delta.Empty() {
		return true, nil
	}
	err = reconcile.Apply(ctx, cal, d.ledger, delta)
	d.log.InfoContext(ctx, "calendar changed", "operations", len(delta.Operations), "error", err)
	return err != nil, err
}

// plan asks the planner about the ledger as of now. Without ready nothing is to
// be written, and nothing ends for want of evidence.
func (d *Daemon) plan(ctx context.Context, cfg *config.Config, ready bool) (planner.Result, error) {
	now := d.now()
	var at time.Time
	if d.shifted {
		at = now
	}
	snap, err := d.ledger.Snapshot(ctx, at)
	if err != nil {
		return planner.Result{}, err
	}
	if !ready {
		snap.FirstRunAt = time.Time{}
	}
	health, err := d.ledger.Health(ctx)
	if err != nil {
		return planner.Result{}, err
	}
	return Hold(planner.Plan(snap, cfg.Policy(), now), cfg, health, now), nil
}

// entryPolicy is what the configuration says about entries.
func entryPolicy(cfg *config.Config) reconcile.Policy {
	return reconcile.Policy{
		OnResolve: reconcile.Resolve(cfg.Followups.OnResolve),
		AllDay:    cfg.Followups.AllDay,
		Link:      cfg.Followups.Link,
	}
}

// firstSight notes, once, whether the calendar held other events when it was
// first seen: then it is shared, and read for meetings too.
func (d *Daemon) firstSight(ctx context.Context, cal *calendar, listing caldav.Listing) error {
	known, _, err := d.ledger.CalendarSeen(ctx, cal.url)
	if err != nil || known {
		return err
	}
	shared := false
	for _, e := range listing.Entries {
		if !strings.HasPrefix(e.UID, "syncd-") {
			shared = true
		}
	}
	return d.ledger.SetCalendarSeen(ctx, cal.url, shared, d.now())
}

// calendar is the follow-up calendar, found.
type calendar struct {
	reconcile.Calendar
	url string
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
	var names []string
	for _, c := range all {
		if setup.IsFollowUps(cfg, c) {
			if !c.Writable {
				return nil, fmt.Errorf("account %q: the calendar %q cannot be written to with this login", a.Name, c.Name)
			}
			s.Own(c)
			return &calendar{reconcile.In(s, c), c.URL}, nil
		}
		names = append(names, fmt.Sprintf("%q", c.Name))
	}
	return d.makeCalendar(ctx, cfg, s, names)
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

// makeCalendar creates the follow-up calendar if that is agreed to and it was
// never seen (SPEC I2).
func (d *Daemon) makeCalendar(ctx context.Context, cfg *config.Config, s *caldav.Session, names []string) (*calendar, error) {
	seen, err := d.ledger.AnyCalendarSeen(ctx)
	switch {
	case err != nil:
		return nil, err
	case seen:
		return nil, fmt.Errorf("account %q: the calendar %q is gone; nothing is written until it is back, or another one is named in [followups]",
			cfg.Followups.Account, cfg.Followups.Calendar)
	case !cfg.Followups.CreateCalendar:
		return nil, fmt.Errorf("account %q: there is no calendar %q; there are: %s. Make one in your calendar app, or set create_calendar = true in [followups]",
			cfg.Followups.Account, cfg.Followups.Calendar, strings.Join(names, ", "))
	}
	c, err := s.Make(ctx, cfg.Followups.Calendar)
	if err != nil {
		return nil, fmt.Errorf("account %q: create the calendar %q: %w", cfg.Followups.Account, cfg.Followups.Calendar, err)
	}
	s.Own(c)
	return &calendar{reconcile.In(s, c), c.URL}, nil
}
