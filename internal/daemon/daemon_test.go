package daemon_test

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/demo"
	"syncd/internal/ledger"
)

// stage starts the demo's servers with all of its mail delivered.
func stage(t *testing.T) *demo.Stage {
	t.Helper()
	s, err := demo.Start(t.Context(), demo.Options{Seed: 1, Now: now, Zone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Advance(now); err != nil {
		t.Fatal(err)
	}
	return s
}

// now is a Wednesday morning.
var now = time.Date(2026, 5, 13, 8, 30, 0, 0, time.UTC)

func open(t *testing.T, s *demo.Stage, cfg *config.Config) *daemon.Daemon {
	t.Helper()
	return openAt(t, s, cfg, func() time.Time { return now })
}

func openAt(t *testing.T, s *demo.Stage, cfg *config.Config, clock func() time.Time) *daemon.Daemon {
	t.Helper()
	d, err := daemon.Open(t.Context(), daemon.Options{
		Config: cfg, StateDir: s.StateDir, Log: slog.New(slog.DiscardHandler), Now: clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func entries(t *testing.T, s *demo.Stage) []demo.Entry {
	t.Helper()
	all, err := s.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestSecondPassWritesNothing(t *testing.T) {
	s := stage(t)
	d := open(t, s, s.Config)
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := entries(t, s)
	if len(first) == 0 {
		t.Fatal("nothing was written")
	}
	writes := len(s.Writes())
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := len(s.Writes()); got != writes {
		t.Errorf("the second pass wrote: %v", s.Writes()[writes:])
	}
	for _, w := range s.Writes() {
		if !strings.HasPrefix(w, "PUT "+s.Path()) {
			t.Errorf("a write outside the follow-up calendar: %s", w)
		}
	}
	if refused := s.MailRefused(); len(refused) > 0 {
		t.Errorf("the mail server was asked to change something: %v", refused)
	}
}

func TestMailFailingStopsNothingElse(t *testing.T) {
	s := stage(t)
	d := open(t, s, mailAt(s, freePort(t)))
	err := d.Pass(t.Context())
	if err == nil || !strings.Contains(err.Error(), `account "demo": 127.0.0.1:`) {
		t.Errorf("Pass = %v, want the account and the host", err)
	}
	totals, err := d.Ledger().Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if totals.Meetings == 0 {
		t.Error("no meeting was read while mail was failing")
	}
	if got := entries(t, s); len(got) != 0 {
		t.Errorf("%d follow-ups written on a first run without mail, want none", len(got))
	}
}

// TestCalendarFailingNamesTheAccountOnce has one calendar that cannot be read.
func TestCalendarFailingNamesTheAccountOnce(t *testing.T) {
	s := stage(t)
	server, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: server.Scheme, Host: server.Host})
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if strings.Contains(q.URL.Path, "/work/") {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		proxy.ServeHTTP(w, q)
	}))
	defer front.Close()
	cfg := *s.Config
	cfg.Accounts = slices.Clone(cfg.Accounts)
	dav := *cfg.Accounts[0].CalDAV
	dav.URL = config.URL(front.URL + "/")
	cfg.Accounts[0].CalDAV = &dav
	d := open(t, s, &cfg)
	err = d.Pass(t.Context())
	if err == nil || strings.Count(err.Error(), `account "demo"`) != 1 || !strings.Contains(err.Error(), `account "demo": read calendar http://`) {
		t.Errorf("Pass = %v, want one line with the account, the calendar and the cause", err)
	}
}

func TestMissingCalendar(t *testing.T) {
	s := stage(t)
	cfg := *s.Config
	cfg.Followups.Calendar = "Elsewhere"
	d := open(t, s, &cfg)
	err := d.Pass(t.Context())
	want := `account "demo": there is no calendar "Elsewhere"; there are: "Follow-ups", "Work"`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("Pass = %v\nwant %s", err, want)
	}
	totals, err := d.Ledger().Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if totals.Mail == 0 || totals.Meetings == 0 {
		t.Errorf("the sources were not read: %+v", totals)
	}
}

func TestCalendarIsMadeOnceAndNeverAgain(t *testing.T) {
	s := stage(t)
	cfg := *s.Config
	cfg.Followups.Calendar, cfg.Followups.CreateCalendar = "Hellos", true
	d := open(t, s, &cfg)
	say := func(word ledger.DecisionType, at time.Time) {
		t.Helper()
		if err := d.Ledger().Decide(t.Context(), []ledger.Decision{{Type: word, At: at}}); err != nil {
			t.Fatal(err)
		}
		if err := d.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	say(ledger.DecidePaused, now.Add(-time.Minute))
	if w := s.Writes(); len(w) != 0 {
		t.Fatalf("written in a pause: %v", w)
	}
	say(ledger.DecideResumed, now)
	if w := s.Writes(); len(w) == 0 || !strings.HasPrefix(w[0], "MKCALENDAR ") {
		t.Fatalf("the first write is not MKCALENDAR: %v", w)
	}
	s.RemoveCalendar("hellos")
	writes := len(s.Writes())
	err := d.Pass(t.Context())
	if err == nil || !strings.Contains(err.Error(), `the calendar "Hellos" is gone`) {
		t.Errorf("Pass = %v, want that the calendar is gone", err)
	}
	if got := s.Writes()[writes:]; len(got) != 0 {
		t.Errorf("a calendar that was removed was written to: %v", got)
	}
}

// TestRunTellsSystemd runs the daemon until it is told to stop, with a socket
// like systemd's (sd_notify(3)).
func TestRunTellsSystemd(t *testing.T) {
	s := stage(t)
	said := systemd(t)
	d := open(t, s, s.Config)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	reload := make(chan struct{})
	wrong := true
	go func() {
		done <- d.Run(ctx, reload, func() (*config.Config, error) {
			if wrong {
				return nil, os.ErrInvalid
			}
			return s.Config, nil
		})
	}()
	waitFor(t, said, "READY=1")
	waitFor(t, said, "STATUS=3 follow-ups in the calendar")
	reload <- struct{}{}
	waitFor(t, said, "RELOADING=1\nMONOTONIC_USEC=")
	waitFor(t, said, "READY=1") // the old configuration goes on
	wrong = false
	reload <- struct{}{}
	waitFor(t, said, "RELOADING=1")
	waitFor(t, said, "READY=1")
	cancel()
	waitFor(t, said, "STOPPING=1")
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if len(entries(t, s)) == 0 {
		t.Error("the daemon wrote nothing")
	}
}

// TestStopIsToldAtOnce stops the daemon while a loop is still busy: systemd hears
// of it then, not when the last loop has ended.
func TestStopIsToldAtOnce(t *testing.T) {
	s := stage(t)
	said := systemd(t)
	busy, release := make(chan struct{}, 1000), make(chan struct{})
	d, err := daemon.Open(t.Context(), daemon.Options{
		Config: s.Config, StateDir: s.StateDir, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		Progress: func(daemon.Progress) { busy <- struct{}{}; <-release },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, nil, nil) }()
	<-busy
	cancel()
	waitFor(t, said, "STOPPING=1")
	close(release)
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

// waitFor reads until a message holds want.
func waitFor(t *testing.T, said <-chan string, want string) {
	t.Helper()
	hung := time.After(time.Minute)
	for {
		select {
		case m := <-said:
			if strings.Contains(m, want) {
				return
			}
		case <-hung:
			t.Fatalf("systemd was never told %q", want)
		}
	}
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
