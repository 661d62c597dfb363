package daemon

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestSupervisePauses lets a loop fail for an hour: it must be tried again, ever
// more rarely, and told of at the first failure and each doubling only.
func TestSupervisePauses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var tries []time.Time
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		supervise(ctx, slog.New(slog.NewTextHandler(&log, nil)), newWatch(), Loop{Name: "test", Do: func(context.Context, *pulse) error {
			tries = append(tries, time.Now())
			return errors.New("no answer")
		}})
		for i := 2; i < len(tries); i++ {
			gap, before := tries[i].Sub(tries[i-1]), tries[i-1].Sub(tries[i-2])
			if gap > longPause || gap < before*2/3 {
				t.Errorf("pause %d is %s after %s", i, gap, before)
			}
		}
		if n := len(tries); n < 10 || n > 20 {
			t.Errorf("tried %d times in an hour, want 10 to 20", n)
		}
		if got, most := strings.Count(log.String(), "loop failed"), 5; got > most || got == 0 {
			t.Errorf("%d lines of log for %d failures, want at most %d", got, len(tries), most)
		}
	})
}

func TestSuperviseRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var log strings.Builder
		var failed, calls int
		supervise(ctx, slog.New(slog.NewTextHandler(&log, nil)), newWatch(), Loop{
			Name: "test",
			Do: func(context.Context, *pulse) error {
				switch calls++; {
				case calls < 4:
					return errors.New("no answer")
				case calls == 5:
					cancel()
				}
				return nil
			},
			Failed: func(context.Context, error) { failed++ },
		})
		if failed != 3 {
			t.Errorf("Failed was called %d times, want 3", failed)
		}
		if got := strings.Count(log.String(), "loop recovered"); got != 1 {
			t.Errorf("%d lines say that it recovered, want 1:\n%s", got, log.String())
		}
	})
}

func TestSuperviseStopsAtPermanentError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		supervise(t.Context(), slog.New(slog.DiscardHandler), newWatch(), Loop{Name: "test", Do: func(context.Context, *pulse) error {
			calls++
			return errPermanent
		}})
		if calls != 1 {
			t.Errorf("tried %d times, want once", calls)
		}
	})
}

type askedToWait struct{ error }

func (askedToWait) RetryAfter() time.Duration { return 40 * time.Minute }

func TestPauseHonoursRetryAfter(t *testing.T) {
	if got := pause(1, askedToWait{errors.New("busy")}); got != 40*time.Minute {
		t.Errorf("pause = %s, want the 40 minutes the server asked for", got)
	}
}

// TestSuperviseCountsFromLastSuccess has a loop that fails a few times, works for
// an hour without returning, as mail does, and fails again: that is a first
// failure.
func TestSuperviseCountsFromLastSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		var ended time.Time
		ctx, cancel := context.WithCancel(t.Context())
		calls, worked := 0, 0
		supervise(ctx, slog.New(slog.NewTextHandler(&log, nil)), newWatch(), Loop{
			Name: "test",
			Do: func(ctx context.Context, p *pulse) error {
				switch calls++; calls {
				case 7:
					p.Worked()
					sleep(ctx, time.Hour)
					ended = time.Now()
				case 8:
					if again := time.Since(ended); again > firstPause {
						t.Errorf("tried again after %s, as if it had never worked", again)
					}
					cancel()
				}
				return errors.New("no answer")
			},
			Worked: func(context.Context) { worked++ },
		})
		if worked != 1 || strings.Count(log.String(), "loop recovered") != 1 {
			t.Errorf("Worked was called %d times, want 1, with a line in the log:\n%s", worked, log.String())
		}
	})
}

// TestSuperviseFlapping has a loop that works and fails at once, as with a
// server that hangs up after each scan: it must not be asked every second.
func TestSuperviseFlapping(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		tries := 0
		supervise(ctx, slog.New(slog.DiscardHandler), newWatch(), Loop{Name: "test", Do: func(_ context.Context, p *pulse) error {
			tries++
			p.Worked()
			return errors.New("the server hung up")
		}})
		if tries > 20 {
			t.Errorf("tried %d times in an hour", tries)
		}
	})
}

// TestWatch lets one loop go about its pauses for a day and another hang.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		w := newWatch()
		failing := Loop{Name: "failing", Do: func(context.Context, *pulse) error { return errors.New("no answer") }}
		patient := Loop{Name: "patient", Do: func(ctx context.Context, p *pulse) error {
			rest(ctx, p, 6*time.Hour)
			return nil
		}}
		gone := Loop{Name: "gone", Do: func(context.Context, *pulse) error { return errPermanent }}
		hangs := Loop{Name: "hangs", Do: func(ctx context.Context, _ *pulse) error {
			<-ctx.Done()
			return ctx.Err()
		}}
		for _, l := range []Loop{failing, patient, gone} {
			go supervise(ctx, slog.New(slog.DiscardHandler), w, l)
		}
		for range 24 * 6 {
			sleep(ctx, 10*time.Minute)
			if !w.allWell() {
				t.Fatal("a loop that keeps its word is taken for dead")
			}
		}
		go supervise(ctx, slog.New(slog.DiscardHandler), w, hangs)
		sleep(ctx, oneStep-time.Minute)
		if !w.allWell() {
			t.Error("taken for dead before its time")
		}
		sleep(ctx, 2*time.Minute)
		if w.allWell() {
			t.Error("a loop that hangs is not noticed")
		}
		cancel()
		synctest.Wait()
	})
}
