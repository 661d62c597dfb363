package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"syncd/internal/demo"
	"syncd/internal/servertest"
)

// trial is syncd as a process of its own, on the demo's mail and a real
// Radicale behind a proxy.
type trial struct {
	config, state string
	user          *servertest.DAVUser
	origin        *url.URL // of Radicale

	mu       sync.Mutex                 // guards what the proxy shares with the test
	answered func(*http.Response) error // nil: nothing happens; called with the lock held
	running  *os.Process
	puts     int // that Radicale took
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	now := time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)
	stage, err := demo.Start(t.Context(), demo.Options{Seed: 1, Now: now, Zone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := stage.Advance(now); err != nil {
		t.Fatal(err)
	}
	r := &trial{state: filepath.Join(t.TempDir(), "state"), user: servertest.Radicale(t).NewUser(t)}
	upstream, err := url.Parse(r.user.URL)
	if err != nil {
		t.Fatal(err)
	}
	r.origin = &url.URL{Scheme: upstream.Scheme, Host: upstream.Host}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(r.origin) },
		ModifyResponse: func(resp *http.Response) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.answered == nil {
				return nil
			}
			return r.answered(resp)
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	front := httptest.NewServer(proxy)
	t.Cleanup(front.Close)
	r.config = filepath.Join(t.TempDir(), "config.toml")
	file := fmt.Sprintf(`[me]
addresses = [%q]
timezone = "UTC"
[[account]]
name = "trial"
imap = { host = "127.0.0.1", port = %d, tls = "none", user = %q, password = %q }
caldav = { url = %q, user = %q, password = %q }
[followups]
create_calendar = true
`, demo.MyAddress, stage.Config.Accounts[0].IMAP.Port, stage.User, stage.Password, front.URL+upstream.Path, r.user.Name, servertest.Password(r.user.Name))
	if err := os.WriteFile(r.config, []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// onAnswer sets what happens between an answer of Radicale and syncd's hearing
// it.
func (r *trial) onAnswer(do func(*http.Response) error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answered = do
}

// start starts a program, so that it can be killed.
func (r *trial) start(c *exec.Cmd) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := c.Start()
	r.running = c.Process
	return err
}

// syncd runs the program to its end.
func (r *trial) syncd(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out, errs bytes.Buffer
	c := exec.CommandContext(t.Context(), "syncd", append([]string{"--config", r.config, "--state", r.state}, args...)...)
	c.Stdout, c.Stderr = &out, &errs
	err := r.start(c)
	if err == nil {
		err = c.Wait()
	}
	if err != nil {
		err = fmt.Errorf("%w: %s", err, errs.String())
	}
	return out.String(), err
}

func (r *trial) pass(t *testing.T) error {
	t.Helper()
	_, err := r.syncd(t, "sync", "--at", "2026-05-13 08:30")
	return err
}

// writes are the requests that Radicale was sent and that change something.
func (r *trial) writes() (all []string) {
	for _, q := range r.user.Requests() {
		if slices.Contains([]string{http.MethodPut, http.MethodDelete, "MKCALENDAR", "MOVE", "PROPPATCH"}, q.Method) {
			all = append(all, q.Method+" "+q.Path)
		}
	}
	return all
}

// A SIGKILL after the server took the PUT and before syncd heard of it makes no
// second event and loses none (SPEC I9).
func TestKilledBetweenPutAndAnswer(t *testing.T) {
	r := newTrial(t)
	r.onAnswer(func(resp *http.Response) error {
		if resp.Request.Method != http.MethodPut || resp.StatusCode >= 300 {
			return nil
		}
		if r.puts++; r.puts != 2 {
			return nil
		}
		if err := r.running.Kill(); err != nil {
			t.Error(err)
		}
		return errors.New("nobody is there to hear it")
	})
	err := r.pass(t)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Fatalf("the first pass ended with %v, want SIGKILL", err)
	}
	r.onAnswer(nil) // from here on the proxy touches nothing of the test's
	if r.puts != 2 {
		t.Fatalf("killed after %d PUTs, want 2", r.puts)
	}
	if err := r.pass(t); err != nil {
		t.Fatal(err)
	}
	written := r.writes()
	if err := r.pass(t); err != nil {
		t.Fatal(err)
	}
	if again := r.writes(); len(again) != len(written) {
		t.Errorf("a pass with nothing new wrote %q", again[len(written):])
	}
	slices.Sort(written)
	if distinct := slices.Compact(slices.Clone(written)); len(distinct) != len(written) || len(written) != 4 {
		t.Errorf("requests that write: %q, want one MKCALENDAR and three PUTs of three objects", written)
	}
	out, err := r.syncd(t, "export", "followups")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out) {
		var f struct{ Status, Href string }
		if err := json.Unmarshal([]byte(line), &f); err != nil {
			t.Fatal(err)
		}
		if body, ok := r.user.Get(t, r.origin.String()+f.Href); !ok || f.Status != "open" || strings.Count(body, "BEGIN:VEVENT") != 1 {
			t.Errorf("follow-up %s: status %s, in the calendar: %v", f.Href, f.Status, ok)
		}
	}
	if n := strings.Count(out, "\n"); n != 3 {
		t.Errorf("the ledger holds %d follow-ups, want the day's 3", n)
	}
}
