package daemon

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
)

// Loop is one thing the daemon keeps doing. Do returns when it has to be
// started again: at once after nil, after a pause after an error.
type Loop struct {
	Name    string // for the log
	Account string // "" where the loop belongs to none
	Do      func(ctx context.Context, p *pulse) error
	// Worked is told each time that the loop did what it is for, Failed of
	// every failure, also one that the loop goes on after. Either may be nil.
	Worked func(ctx context.Context)
	Failed func(ctx context.Context, err error)
}

// errPermanent marks an error that trying again cannot mend.
var errPermanent = errors.New("not tried again before the configuration is reloaded")

// retryAfter is an error that says when to come back (RFC 9110 section 10.2.3).
type retryAfter interface{ RetryAfter() time.Duration }

const (
	firstPause = time.Second
	longPause  = 15 * time.Minute
	steady     = time.Minute      // a loop that fails sooner after it worked is no better than before
	oneStep    = 15 * time.Minute // longer than anything a loop does without a word
)

// supervise runs a loop until ctx is done. After a failure it pauses, twice as
// long each time up to 15 minutes, and logs the first failure and every
// doubling. An error that is errPermanent ends this loop alone.
func supervise(ctx context.Context, log *slog.Logger, w *watch, l Loop) {
	r := &run{log: log.With("loop", l.Name, "account", l.Account)}
	p := &pulse{watch: w, worked: func() {
		if l.Worked != nil {
			l.Worked(ctx)
		}
		r.worked(ctx)
	}, partly: func(err error) {
		if l.Failed != nil {
			l.Failed(ctx, err)
		}
		r.partly(ctx, err)
	}}
	defer w.drop(p)
	for ctx.Err() == nil {
		p.Within(0)
		err := l.Do(ctx, p)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			p.Worked()
			continue
		}
		if l.Failed != nil {
			l.Failed(ctx, err)
		}
		if errors.Is(err, errPermanent) {
			r.log.ErrorContext(ctx, "loop stopped", "error", err)
			return
		}
		d := r.failed(ctx, err)
		p.Within(d)
		sleep(ctx, d)
	}
}

// run is how a loop has fared.
type run struct {
	log      *slog.Logger
	failures int       // in a row
	parts    int       // how often in a row it did only part of what it is for
	short    int       // how often in a row it failed soon after it had worked
	workedAt time.Time // zero since the last failure
}

func (r *run) worked(ctx context.Context) {
	if n := r.failures + r.parts; n > 0 {
		r.log.InfoContext(ctx, "loop recovered", "failures", n)
	}
	r.parts = 0
	r.steadied()
}

// partly notes a failure that the loop goes on after.
func (r *run) partly(ctx context.Context, err error) {
	if r.parts++; r.parts&(r.parts-1) == 0 {
		r.log.WarnContext(ctx, "loop goes on after a failure", "error", err, "failures", r.parts)
	}
	r.steadied()
}

func (r *run) steadied() {
	r.failures = 0
	if r.workedAt.IsZero() {
		r.workedAt = time.Now()
	}
}

// failed notes a failure and says how long to wait.
func (r *run) failed(ctx context.Context, err error) time.Duration {
	switch {
	case r.workedAt.IsZero():
	case time.Since(r.workedAt) < steady:
		r.short++
	default:
		r.short = 0
	}
	r.workedAt = time.Time{}
	r.failures++
	n := max(r.failures, r.short)
	if n&(n-1) == 0 {
		r.log.WarnContext(ctx, "loop failed", "error", err, "failures", n)
	}
	return pause(n, err)
}

// pulse is how a loop says that it lives. A nil one is told in vain: a single
// pass needs none.
type pulse struct {
	watch  *watch
	worked func()
	partly func(error)
}

// Worked says that the loop did what it is for.
func (p *pulse) Worked() {
	if p != nil {
		p.worked()
	}
}

// Partly says that the loop did what it is for but for what err tells, and goes on.
func (p *pulse) Partly(err error) {
	if p != nil {
		p.partly(err)
	}
}

// Within says that the loop will be heard of again after d and the time that a
// step of its work may take.
func (p *pulse) Within(d time.Duration) {
	if p != nil {
		p.watch.set(p, time.Now().Add(d+oneStep))
	}
}

// watch knows until when each loop will be heard of again.
type watch struct {
	mu    sync.Mutex
	until map[*pulse]time.Time
}

func newWatch() *watch { return &watch{until: map[*pulse]time.Time{}} }

func (w *watch) set(p *pulse, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.until[p] = t
}

func (w *watch) drop(p *pulse) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.until, p)
}

// allWell reports whether no loop has missed its time.
func (w *watch) allWell() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range w.until {
		if time.Now().After(t) {
			return false
		}
	}
	return true
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
