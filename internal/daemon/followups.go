package daemon

import (
	"context"
	"errors"
	"fmt"
	"time"

	"syncd/internal/config"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
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
	if err := d.firstRun(ctx); err != nil {
		return err
	}
	cal, err := d.openCalendar(ctx, cfg)
	switch {
	case errors.Is(err, errNotMade):
		return nil
	case err != nil:
		return err
	}
	for range rounds {
		done, err := d.agree(ctx, cfg, cal)
		if err != nil || done {
			return err
		}
	}
	return nil
}

// agree is one round: plan, list, compare, apply. done says that there was
// nothing to do or nothing that could change the plan.
func (d *Daemon) agree(ctx context.Context, cfg *config.Config, cal *calendar) (done bool, err error) {
	result, err := d.settled(ctx)
	if err != nil {
		return false, err
	}
	in := reconcile.Input{
		Now: d.now(), Instance: d.ledger.Instance(), Zone: cfg.Me.Zone, Policy: entryPolicy(cfg),
		Wanted: result.FollowUps, Held: result.Held, Silent: result.Silent, Paused: result.Paused,
	}
	if in.Observed, err = cal.Entries(ctx); err != nil {
		return false, cal.fail(fmt.Errorf("read it: %w", err))
	}
	if drift := time.Until(in.Observed.Date).Abs(); !d.shifted && !in.Observed.Date.IsZero() && drift > clockDrift {
		return false, cal.fail(fmt.Errorf("the server's clock and this machine's differ by %s; nothing is written until they agree", drift.Round(time.Minute)))
	}
	if err := d.arrive(ctx, cfg, cal, in.Observed); err != nil {
		return false, err
	}
	if again, err := d.planned(ctx, cfg, cal, in.Observed); err != nil || again {
		return false, err
	}
	if err := d.place(ctx, &in); err != nil {
		return false, err
	}
	unsure := d.elsewhere(ctx, cal, &in)
	delta := reconcile.Diff(in)
	if err := d.ledger.SetNotices(ctx, d.followUpsID(), delta.Notices); err != nil {
		return false, err
	}
	if delta.Empty() {
		return true, unsure
	}
	err = reconcile.Apply(ctx, cal, d.ledger, delta) // with a Stop it keeps what the user said, and nothing else
	if errors.Is(err, reconcile.ErrStopped) {
		err = fmt.Errorf("%w; stop the other syncd, or name another calendar in [followups]", err)
	}
	if err != nil {
		err = cal.fail(err)
	} else {
		d.log.InfoContext(ctx, "calendar changed", "operations", len(delta.Operations))
	}
	err = errors.Join(err, unsure)
	return err != nil, err
}

// place fills in what the ledger knows of the entries, and of the user's word on
// those that vanished.
func (d *Daemon) place(ctx context.Context, in *reconcile.Input) (err error) {
	if in.Vanished, err = d.ledger.Vanished(ctx); err != nil {
		return err
	}
	if in.Placed, err = d.ledger.Placements(ctx); err != nil {
		return err
	}
	for _, uid := range reconcile.Unplaced(*in) { // ended long ago, and still ticked there
		old, err := d.ledger.FindPlacements(ctx, uid)
		if err != nil {
			return err
		}
		in.Placed = append(in.Placed, old...)
	}
	return nil
}

// Plan is what follows from the ledger as it is now.
func (d *Daemon) Plan(ctx context.Context) (planner.Result, error) {
	now := d.now()
	var cut time.Time
	if d.shifted {
		cut = now
	}
	snap, err := d.ledger.Snapshot(ctx, now, cut)
	if err != nil {
		return planner.Result{}, err
	}
	health, err := d.ledger.Health(ctx)
	if err != nil {
		return planner.Result{}, err
	}
	return Plan(snap, d.config(), health, now), nil
}

// entryPolicy is what the configuration says about entries.
func entryPolicy(cfg *config.Config) reconcile.Policy {
	return reconcile.Policy{
		OnResolve: reconcile.Resolve(cfg.Followups.OnResolve),
		AllDay:    cfg.Followups.AllDay,
		Link:      cfg.Followups.Link,
	}
}
