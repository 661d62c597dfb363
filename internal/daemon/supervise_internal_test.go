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
		supervise(ctx, slog.New(slog.NewTextHandler(&log, nil)), Loop{Name: "test", Do: func(context.Context) error {
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
		supervise(ctx, slog.New(slog.NewTextHandler(&log, nil)), Loop{
			Name: "test",
			Do: func(context.Context) error {
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
		supervise(t.Context(), slog.New(slog.DiscardHandler), Loop{Name: "test", Do: func(context.Context) error {
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
