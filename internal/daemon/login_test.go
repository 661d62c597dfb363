package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"syncd/internal/caldav"
	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
)

// refusing are servers that refuse every password, and the configuration to run
// into them.
type refusing struct {
	cfg       *config.Config
	mail      *imaptest.Server
	calendars atomic.Int32 // how often a password was shown to the server of calendars and address books
}

func newRefusing(t *testing.T) *refusing {
	t.Helper()
	r := &refusing{mail: imaptest.New("robin", "right")}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go r.mail.Serve(l)
	dav := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Authorization") != "" {
			r.calendars.Add(1)
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	t.Cleanup(func() { dav.Close(); l.Close(); r.mail.Close() })
	r.cfg, err = config.Parse("config.toml", fmt.Appendf(nil, `[me]
addresses = ["robin@example.org"]
timezone = "UTC"
[[account]]
name = "home"
user = "robin"
password = "wrong"
imap = { host = "127.0.0.1", port = %d, tls = "none" }
caldav = { url = %q }
carddav = { url = %[2]q }
`, l.Addr().(*net.TCPAddr).Port, dav.URL+"/dav/"), true)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *refusing) mailTries() (n int) {
	for _, c := range r.mail.Commands() {
		if strings.Contains(c, "AUTHENTICATE") {
			n++
		}
	}
	return n
}

// logged is a log that a test waits for.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{}
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(b)
	select {
	case l.more <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestThreeWrongPasswords runs all loops on a password that two servers refuse:
// none of them may go on trying (SPEC section 12).
func TestThreeWrongPasswords(t *testing.T) {
	r := newRefusing(t)
	log := &logged{more: make(chan struct{}, 1)}
	d, err := daemon.Open(t.Context(), daemon.Options{Config: r.cfg, StateDir: t.TempDir(), Log: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, nil, nil) }()
	for strings.Count(log.String(), "loop stopped") < 4 {
		<-log.more
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
	if mail, calendars := r.mailTries(), int(r.calendars.Load()); mail+calendars != 3 {
		t.Errorf("the password was tried %d times for mail and %d times for the rest, want 3 in all", mail, calendars)
	}
	health, err := d.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range health {
		if !strings.Contains(h.Error, "not tried again before the configuration is reloaded") {
			t.Errorf("%s: %q does not say that it stopped", h.Source.Type, h.Error)
		}
	}
	if len(health) != 4 {
		t.Errorf("%d sources in status, want mail, calendars, address books and follow-ups", len(health))
	}
}

// TestPassTriesAWrongPasswordOnce counts the tries and the lines of one pass.
func TestPassTriesAWrongPasswordOnce(t *testing.T) {
	r := newRefusing(t)
	d, err := daemon.Open(t.Context(), daemon.Options{Config: r.cfg, StateDir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = d.Pass(t.Context())
	if !errors.Is(err, caldav.ErrAuth) {
		t.Errorf("Pass = %v, want that the password is refused", err)
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != 3 {
		t.Errorf("%d lines for three servers:\n%v", n, err)
	}
	for line := range strings.Lines(err.Error()) {
		if strings.Count(line, `account "home"`) != 1 || !strings.Contains(line, "user name or password refused") {
			t.Errorf("a line does not name the account once and the cause: %s", line)
		}
	}
	if mail, calendars := r.mailTries(), r.calendars.Load(); mail != 1 || calendars != 2 {
		t.Errorf("tried %d times for mail and %d times for calendars and address books, want once each", mail, calendars)
	}
	health, err := d.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range health {
		if h.Source.Type == ledger.FollowUps && h.Error == "" {
			t.Error("the follow-up calendar is not named as failing")
		}
	}
}
