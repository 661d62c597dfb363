package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/ledger"
)

const (
	askEvery = 200 * time.Millisecond
	askFor   = 30 * time.Minute // then it is said that no answer came
)

// ask has the running daemon do a pass and waits for its end. Where no daemon has
// the ledger, or the one that had it ended, it does the pass itself.
func (a *app) ask(ctx context.Context, cfg *config.Config, l *ledger.Ledger) error {
	n := 0
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for waited := time.Duration(0); waited < askFor; waited += askEvery {
		d, err := a.openQuiet(ctx, cfg)
		if err == nil {
			return errors.Join(passAnswered(ctx, d), d.Close())
		}
		if !errors.Is(err, ledger.ErrLocked) {
			return err
		}
		if n == 0 {
			if n, err = l.Ask(ctx); err != nil {
				return err
			}
		}
		done, failed, err := l.Answered(ctx, n)
		if err != nil {
			return err
		}
		if done {
			return told(failed)
		}
		select {
		case <-ctx.Done():
			return errStopped
		case <-tick.C:
		}
	}
	return fmt.Errorf("the syncd that has the ledger has not ended the pass in %s; it goes on by itself, and syncd status says how far it is", askFor)
}

// passAnswered does a pass, which is an answer to all who asked for one before it.
func passAnswered(ctx context.Context, d *daemon.Daemon) error {
	asked, err := d.Ledger().Asked(ctx)
	if err != nil {
		return err
	}
	err = d.Pass(ctx)
	if asked == 0 || ctx.Err() != nil {
		return err
	}
	var failed []string
	for _, e := range daemon.Flatten(err) {
		failed = append(failed, e.Error())
	}
	return errors.Join(err, d.Ledger().Answer(ctx, asked, failed))
}

// errStopped says that the user did not wait for the end.
var errStopped = errors.New("stopped before the end; the next pass goes on from here")

// told is what the daemon said that failed.
func told(failed []string) error {
	var errs []error
	for _, f := range failed {
		errs = append(errs, errors.New(f))
	}
	return errors.Join(errs...)
}

func (a *app) openQuiet(ctx context.Context, cfg *config.Config) (*daemon.Daemon, error) {
	dir, err := a.state()
	if err != nil {
		return nil, err
	}
	return daemon.Open(ctx, daemon.Options{
		Config: cfg, StateDir: dir, Progress: a.progress(), Log: a.logger(slog.LevelError, cfg.Log.Format), Now: a.now,
	})
}

// syncBeside is sync while another process has the ledger.
func (a *app) syncBeside(ctx context.Context, cfg *config.Config) error {
	l, err := a.beside(ctx)
	if err != nil {
		return err
	}
	defer a.close(l)
	if isTerminal(a.stderr) {
		fmt.Fprintln(a.stderr, "Another syncd is at work on this ledger; waiting for its pass.")
	}
	err = a.ask(ctx, cfg, l.Ledger)
	a.endProgress()
	if ctx.Err() != nil {
		return errStopped
	}
	if err := errors.Join(err, a.summary(ctx, l.Ledger, cfg)); err != nil {
		return a.named(err)
	}
	return nil
}
