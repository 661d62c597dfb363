package daemon

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Loop is one thing the daemon keeps doing. Do returns when it has to be
// started again: at once after nil, after a pause after an error.
type Loop struct {
	Name    string // for the log
	Account string // "" where the loop belongs to none
	Do      func(ctx context.Context) error
	// Failed and Recovered are told of the first failure, of each doubling and
	// of the end of a run of failures. Either may be nil.
	Failed    func(ctx context.Context, err error)
	Recovered func(ctx context.Context)
}

// errPermanent marks an error that trying again cannot mend.
var errPermanent = errors.New("not tried again before the configuration is reloaded")

// retryAfter is an error that says when to come back (RFC 9110 section 10.2.3).
type retryAfter interface{ RetryAfter() time.Duration }

const (
	firstPause = time.Second
	longPause  = 15 * time.Minute
)

// supervise runs a loop until ctx is done. After a failure it pauses, twice as
// long each time up to 15 minutes, and logs the first failure and every
// doubling. An error that is errPermanent ends this loop alone.
func supervise(ctx context.Context, log *slog.Logger, l Loop) {
	log = log.With("loop", l.Name, "account", l.Account)
	failures := 0
	for ctx.Err() == nil {
		started := time.Now()
		err := l.Do(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			if failures > 0 {
				log.InfoContext(ctx, "loop recovered", "failures", failures)
				l.recovered(ctx)
			}
			failures = 0
			continue
		case errors.Is(err, errPermanent):
			log.ErrorContext(ctx, "loop stopped", "error", err)
			l.failed(ctx, err)
			return
		}
		if time.Since(started) > longPause {
			failures = 0 // it worked for long: a new fault, not the old one
		}
		failures++
		if failures&(failures-1) == 0 {
			log.WarnContext(ctx, "loop failed", "error", err, "failures", failures)
		}
		l.failed(ctx, err)
		sleep(ctx, pause(failures, err))
	}
}

func (l Loop) failed(ctx context.Context, err error) {
	if l.Failed != nil {
		l.Failed(ctx, err)
	}
}

func (l Loop) recovered(ctx context.Context) {
	if l.Recovered != nil {
		l.Recovered(ctx)
	}
}

// pause is how long to wait after so many failures in a row: 1 s doubling to 15
// minutes, less up to a third so that accounts do not come back in step, and
// never less than the server asked for.
func pause(failures int, err error) time.Duration {
	d := longPause
	if failures < 11 {
		d = min(firstPause<<(failures-1), longPause)
	}
	d -= rand.N(d/3 + 1)
	var r retryAfter
	if errors.As(err, &r) {
		d = max(d, min(r.RetryAfter(), time.Hour))
	}
	return d
}

// sleep waits for d, or less if ctx ends.
func sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
