package daemon

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"

	"syncd/internal/config"
)

const (
	stopWithin = 5 * time.Second // SPEC section 12
	settle     = 2 * time.Second // a burst of changes is one look
	atLeast    = time.Hour       // the calendar is looked at this often
	glance     = 2 * time.Second // so often for what other processes wrote
)

// Run keeps reading and writing until ctx is done. reload gives the
// configuration anew each time it is asked for; a wrong one is logged and the
// old one kept.
//
// A pass that another process asks for is a whole one, as Pass does it: the loops
// end for it and start anew after it.
func (d *Daemon) Run(ctx context.Context, reload <-chan struct{}, load func() (*config.Config, error)) error {
	watching, quiet := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { d.watchOthers(watching) })
	defer watch.Wait()
	defer quiet()
	for {
		c, err := d.generation(ctx, reload, load)
		switch {
		case err != nil || ctx.Err() != nil:
			return err
		case c == nil:
			d.answer(ctx)
		default:
			d.adopt(ctx, c)
		}
	}
}

// watchOthers notices what other processes write to the ledger.
func (d *Daemon) watchOthers(ctx context.Context) {
	for ctx.Err() == nil {
		err := d.ledger.Watch(ctx, glance, func() {
			select {
			case d.wanted <- struct{}{}:
			default: // it is known already
			}
		})
		if err != nil && ctx.Err() == nil {
			d.log.ErrorContext(ctx, "ledger not watched", "error", err)
			sleep(ctx, longPause)
		}
	}
}

// answer does a pass that was asked for and says how it went.
func (d *Daemon) answer(ctx context.Context) {
	n, err := d.ledger.Asked(ctx)
	if err == nil {
		var failed []string
		for _, e := range Flatten(d.Pass(ctx)) {
			failed = append(failed, e.Error())
		}
		if ctx.Err() != nil {
			return
		}
		err = d.ledger.Answer(ctx, n, failed)
	}
	if err != nil && ctx.Err() == nil {
		d.log.ErrorContext(ctx, "pass not answered", "error", err)
	}
}

// generation runs every loop on the present configuration until there is a new
// one, which it returns, until a pass is asked for, or ctx is done. The loops have
// ended then: none of them holds what adopt replaces, or still asks a server of
// the old configuration.
func (d *Daemon) generation(ctx context.Context, reload <-chan struct{}, load func() (*config.Config, error)) (*config.Config, error) {
	gen, cancel := context.WithCancel(ctx)
	defer cancel()
	w := newWatch()
	running := d.start(gen, w)

	alive, quiet := context.WithCancel(ctx) // loops that take long to end are watched too
	var watching sync.WaitGroup
	watching.Go(func() { d.watchdog(alive, w) })
	defer watching.Wait()
	defer quiet()

	d.notify(ctx, daemon.SdNotifyReady+"\nSTATUS=running")
	c := d.waitReload(ctx, reload, load)
	cancel()
	return c, d.drain(ctx, running)
}

// waitReload returns the new configuration when there is one, nil when ctx is
// done or a pass is asked for.
func (d *Daemon) waitReload(ctx context.Context, reload <-chan struct{}, load func() (*config.Config, error)) *config.Config {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.wanted:
			return nil
		case <-reload:
		}
		d.notify(ctx, reloading())
		c, err := load()
		if err == nil {
			return c
		}
		d.notReloaded(ctx, err)
		d.notify(ctx, daemon.SdNotifyReady)
	}
}

// adopt goes over to a new configuration.
func (d *Daemon) adopt(ctx context.Context, c *config.Config) {
	if err := d.ledger.SetMe(ctx, me(c)); err != nil {
		d.notReloaded(ctx, err)
		return
	}
	d.configure(c)
	d.log.InfoContext(ctx, "configuration reloaded")
}

func (d *Daemon) notReloaded(ctx context.Context, err error) {
	d.log.ErrorContext(ctx, "configuration not reloaded; the old one stays", "error", err)
}

// drain waits for loops that were told to end. On a reload it waits for as long
// as they take, on a shutdown no longer than stopWithin.
func (d *Daemon) drain(ctx context.Context, running *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { running.Wait(); close(done) }()
	late := time.NewTicker(stopWithin)
	defer late.Stop()
	for ctx.Err() == nil {
		select {
		case <-done:
			return nil
		case <-ctx.Done():
		case <-late.C:
			d.log.WarnContext(ctx, "a loop has not stopped yet; the reload waits for it")
		}
	}
	d.notify(ctx, daemon.SdNotifyStopping)
	late.Reset(stopWithin)
	select {
	case <-done:
		return nil
	case <-late.C:
		return errors.New("a loop did not stop in time")
	}
}

// start starts every loop. The group is done when all have returned.
func (d *Daemon) start(ctx context.Context, w *watch) *sync.WaitGroup {
	var running sync.WaitGroup
	supervised := func(l Loop) { running.Go(func() { supervise(ctx, d.log, w, l) }) }
	for _, s := range d.sources() {
		supervised(Loop{
			Name: string(s.id.Type), Account: s.id.Account,
			Do:     s.loop,
			Worked: func(ctx context.Context) { d.record(ctx, s.id, nil) },
			Failed: func(ctx context.Context, err error) { d.record(ctx, s.id, err) },
		})
	}
	supervised(Loop{Name: "follow-ups", Do: d.followUpLoop})
	supervised(Loop{Name: "upkeep", Do: func(ctx context.Context, p *pulse) error {
		rest(ctx, p, 24*time.Hour)
		return d.ledger.Upkeep(ctx)
	}})
	return &running
}

// followUpLoop looks at the follow-ups once, then waits until that can matter
// again: the ledger changed, the plan changes by itself, or an hour passed.
func (d *Daemon) followUpLoop(ctx context.Context, p *pulse) error {
	changed := d.ledger.Changed()
	err := d.followUps(ctx)
	d.notify(ctx, "STATUS="+d.status(ctx))
	if err != nil {
		return err
	}
	p.Worked()
	result, err := d.Plan(ctx)
	if err != nil {
		return err
	}
	pause := jittered(atLeast)
	if next := result.Next; !next.IsZero() {
		pause = min(pause, max(next.Sub(d.now()), settle))
	}
	p.Within(pause)
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-changed:
		sleep(ctx, settle)
	}
	return nil
}

// watchdog tells systemd that the daemon lives, as often as it asks to hear it,
// while the ledger can be read and every loop is inside its deadline.
func (d *Daemon) watchdog(ctx context.Context, w *watch) {
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	for ctx.Err() == nil {
		if _, err := d.ledger.FirstRun(ctx); err == nil && w.allWell() {
			d.notify(ctx, daemon.SdNotifyWatchdog)
		}
		sleep(ctx, every/2)
	}
}

// notify tells systemd, if it is there (sd_notify(3)).
func (d *Daemon) notify(ctx context.Context, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		d.log.WarnContext(ctx, "systemd not told", "error", err)
	}
}

// reloading is what Type=notify-reload wants to hear (sd_notify(3)).
func reloading() string {
	return fmt.Sprintf("%s\n%s", daemon.SdNotifyReloading, daemon.SdNotifyMonotonicUsec())
}

// jittered is d give or take a fifth.
func jittered(d time.Duration) time.Duration { return d - d/5 + rand.N(2*d/5) }
