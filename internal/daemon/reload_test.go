package daemon_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"syncd/internal/config"
	"syncd/internal/daemon"
)

// holding is a calendar server that takes requests and never answers.
type holding struct {
	cfg   *config.Config
	asked chan struct{} // a request came
}

func newHolding(t *testing.T) *holding {
	t.Helper()
	h := &holding{asked: make(chan struct{}, 1000)}
	release := make(chan struct{})
	dav := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body) // only then is it seen that the client is gone
		h.asked <- struct{}{}
		select {
		case <-q.Context().Done():
		case <-release:
		}
	}))
	t.Cleanup(func() { close(release); dav.Close() })
	var err error
	h.cfg, err = config.Parse("config.toml", fmt.Appendf(nil, `[me]
addresses = ["robin@example.org"]
timezone = "UTC"
[[account]]
name = "home"
user = "robin"
password = "right"
caldav = { url = %q }
`, dav.URL+"/dav/"), true)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *holding) open(t *testing.T, log io.Writer) *daemon.Daemon {
	t.Helper()
	d, err := daemon.Open(t.Context(), daemon.Options{Config: h.cfg, StateDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// within receives from c, or ends the test when ctx is done.
func within[T any](ctx context.Context, t *testing.T, c <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-ctx.Done():
		t.Fatal("it hangs: " + what)
	}
	return v
}

// TestReloadWhileAServerHoldsItsAnswer reloads while both loops of an account
// wait for its calendar server, and stops while those of the new configuration
// do.
func TestReloadWhileAServerHoldsItsAnswer(t *testing.T) {
	patience, end := context.WithTimeout(t.Context(), 30*time.Second)
	defer end()
	h, log := newHolding(t), &logged{more: make(chan struct{}, 1)}
	d := h.open(t, log)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done, closed := make(chan error, 1), make(chan error, 1)
	reload := make(chan struct{}, 1)
	go func() { done <- d.Run(ctx, reload, func() (*config.Config, error) { return h.cfg, nil }) }()
	for range 3 {
		within(patience, t, h.asked, "no loop asks the server")
		reload <- struct{}{}
	}
	for strings.Count(log.String(), "configuration reloaded") < 3 {
		within(patience, t, log.more, "the reload waits for the server")
	}
	within(patience, t, h.asked, "no loop asks the server after the reload")
	cancel()
	if err := within(patience, t, done, "the shutdown waits for the server"); err != nil {
		t.Errorf("Run = %v", err)
	}
	go func() { closed <- d.Close() }()
	if err := within(patience, t, closed, "Close"); err != nil {
		t.Errorf("Close = %v", err)
	}
	if strings.Contains(log.String(), "has not stopped yet") {
		t.Errorf("a loop was slow to stop:\n%s", log)
	}
}

// TestCloseDoesNotWaitForAnAnswer closes while a pass waits for the server.
func TestCloseDoesNotWaitForAnAnswer(t *testing.T) {
	patience, end := context.WithTimeout(t.Context(), 30*time.Second)
	defer end()
	h := newHolding(t)
	d := h.open(t, io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	passed, closed := make(chan error, 1), make(chan error, 1)
	go func() { passed <- d.Pass(ctx) }()
	within(patience, t, h.asked, "the pass does not ask the server")
	go func() { closed <- d.Close() }()
	if err := within(patience, t, closed, "Close waits for the server"); err != nil {
		t.Errorf("Close = %v", err)
	}
	cancel()
	if err := within(patience, t, passed, "the pass"); err == nil {
		t.Error("Pass = nil without an answer")
	}
}
