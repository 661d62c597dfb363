package daemon

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestDrain waits for a loop that does not stop: on a reload for as long as it
// takes, with a line of log, and on a shutdown for five seconds.
func TestDrain(t *testing.T) {
	for _, test := range []struct {
		name          string
		stops, shut   time.Duration // when the loop ends, and when the daemon is told to; 0: never
		took          time.Duration
		fails, isTold bool
	}{
		{name: "reload, in time", stops: time.Second, took: time.Second},
		{name: "reload, late", stops: time.Minute, took: time.Minute, isTold: true},
		{name: "shutdown, in time", stops: 3 * time.Second, shut: time.Second, took: 3 * time.Second},
		{name: "shutdown, late", stops: time.Minute, shut: time.Second, took: time.Second + stopWithin, fails: true},
		{name: "shutdown while a reload waits", stops: time.Minute, shut: 22 * time.Second, took: 22*time.Second + stopWithin, fails: true, isTold: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				if test.shut > 0 {
					time.AfterFunc(test.shut, cancel)
				}
				var log strings.Builder
				var running sync.WaitGroup
				running.Go(func() { <-time.After(test.stops) })
				at := time.Now()
				d := &Daemon{log: slog.New(slog.NewTextHandler(&log, nil))}
				if err := d.drain(ctx, &running); (err != nil) != test.fails {
					t.Errorf("drain = %v, want an error: %v", err, test.fails)
				}
				if took := time.Since(at); took != test.took {
					t.Errorf("drain took %s, want %s", took, test.took)
				}
				if told := strings.Contains(log.String(), "has not stopped yet"); told != test.isTold {
					t.Errorf("log: %q, want a line: %v", log.String(), test.isTold)
				}
				running.Wait()
			})
		})
	}
}
