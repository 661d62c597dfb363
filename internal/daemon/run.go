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
)

// Run keeps reading and writing until ctx is done. reload gives the
// configuration anew each time it is asked for; a wrong one is logged and the
// old one kept.
func (d *Daemon) Run(ctx context.Context, reload <-chan struct{}, load func() (*config.Config, error)) error {
	for {
		gen, cancel := context.WithCancel(ctx)
		running := d.start(gen)
		d.notify(ctx, daemon.SdNotifyReady+"\nSTATUS=running")
		again := d.waitReload(ctx, reload, load)
		if !again {
			d.notify(ctx, daemon.SdNotifyStopping)
		}
		cancel()
		if !wait(running, stopWithin) {
			return errors.New("a loop did not stop in time")
		}
		if !again {
			return nil
		}
	}
}

// waitReload returns true when there is a new configuration, false when ctx is
// done.
func (d *Daemon) waitReload(ctx context.Context, reload <-chan struct{}, load func() (*config.Config, error)) bool {
	for {
		select {
		case <-ctx.Done():
			return false
		case <-reload:
		}
		d.notify(ctx, reloading())
		c, err := load()
		if err == nil {
			err = d.ledger.SetMe(ctx, me(c))
		}
		if err == nil {
			d.configure(c)
			d.log.InfoContext(ctx, "configuration reloaded")
			return true
		}
		d.log.ErrorContext(ctx, "configuration not reloaded; the old one stays", "error", err)
		d.notify(ctx, daemon.SdNotifyReady)
	}
}

// start starts every loop. The group is done when all have returned.
func (d *Daemon) start(ctx context.Context) *sync.WaitGroup {
	var running sync.WaitGroup
	w := newWatch()
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
	running.Go(func() { d.watchdog(ctx, w) })
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

// wait reports whether the group is done within d.
func wait(g *sync.WaitGroup, d time.Duration) bool {
	done := make(chan struct{})
	go func() { g.Wait(); close(done) }()
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-done:
		return true
	case <-t.C:
		return false
	}
}

// jittered is d give or take a fifth.
func jittered(d time.Duration) time.Duration { return d - d/5 + rand.N(2*d/5) }
