package daemon_test

import (
	"context"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"syncd/internal/config"
	"syncd/internal/demo"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// mailAt is the stage's configuration with another port for mail.
func mailAt(s *demo.Stage, port int) *config.Config {
	cfg := *s.Config
	cfg.Accounts = slices.Clone(cfg.Accounts)
	imap := *cfg.Accounts[0].IMAP
	imap.Port = port
	cfg.Accounts[0].IMAP = &imap
	return &cfg
}

// slowMail is a way to the stage's mail server that nobody gets through before
// it is opened.
func slowMail(t *testing.T, s *demo.Stage) (port int, open func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gate := make(chan struct{})
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer in.Close()
				select {
				case <-gate:
				case <-t.Context().Done():
					return
				}
				out, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Config.Accounts[0].IMAP.Port)))
				if err != nil {
					return
				}
				defer out.Close()
				go func() { io.Copy(out, in); out.Close() }()
				io.Copy(in, out)
			}()
		}
	}()
	return l.Addr().(*net.TCPAddr).Port, func() { close(gate) }
}

// systemd listens as systemd does for what the daemon says (sd_notify(3)).
func systemd(t *testing.T) <-chan string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "notify")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	t.Setenv("NOTIFY_SOCKET", socket)
	said := make(chan string, 100)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := l.Read(buf)
			if err != nil {
				return
			}
			said <- string(buf[:n])
		}
	}()
	return said
}

// TestSlowMailIsWaitedFor runs the daemon with a calendar that answers at once
// and mail that does not: nothing may be written before the mail is in.
func TestSlowMailIsWaitedFor(t *testing.T) {
	s := stage(t)
	said := systemd(t)
	port, release := slowMail(t, s)
	d := open(t, s, mailAt(s, port))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx, nil, nil) }()
	for changed := d.Ledger().Changed(); meetings(t, d.Ledger()) == 0; changed = d.Ledger().Changed() {
		<-changed
	}
	for range 2 { // the second look began after the calendar was in
		waitFor(t, said, "STATUS=0 follow-ups")
	}
	if w := s.Writes(); len(w) != 0 {
		t.Errorf("written before any mail was read: %q", w)
	}
	if health, err := d.Ledger().Health(t.Context()); err != nil || health[0].Source.Type != ledger.Calendar || health[0].OKAt.IsZero() {
		t.Errorf("the calendars were read, and status does not say so: %+v, %v", health, err)
	}
	release()
	waitFor(t, said, "STATUS=3 follow-ups")
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run = %v", err)
	}
}

func meetings(t *testing.T, l *ledger.Ledger) int {
	t.Helper()
	totals, err := l.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return totals.Meetings
}

// TestSourcesThatAreGoneAreNotWaitedFor has a ledger with half-read mailboxes of
// an account that was taken away, and of a folder that was deleted.
func TestSourcesThatAreGoneAreNotWaitedFor(t *testing.T) {
	s := stage(t)
	d := open(t, s, s.Config)
	for _, id := range []ledger.SourceID{
		{Account: "old", Type: ledger.Mailbox, Name: "INBOX"},
		{Account: "demo", Type: ledger.Mailbox, Name: "Deleted"},
	} {
		half := ledger.Cursor{UIDValidity: 1, Highest: 9, Lowest: 5, Reached: now.AddDate(0, -1, 0)}
		if err := d.Ledger().Append(t.Context(), ledger.Batch{Source: id, Cursor: half, At: now}); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Ledger().SourceFailed(t.Context(), ledger.SourceID{Account: "old", Type: ledger.Mailbox}, now, "no answer"); err != nil {
		t.Fatal(err)
	}
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(entries(t, s)) == 0 {
		t.Error("nothing was written: sources that are gone were waited for")
	}
}

// TestSilentMail writes without an account whose mail has not answered for an
// hour, but nothing that would need that mail.
func TestSilentMail(t *testing.T) {
	s := stage(t)
	writesNothingBlindly(t, s, mailAt(s, freePort(t)), "nothing listens there")
}

// TestMailFailsForHours writes nothing new while the mail that may have settled
// it cannot be read, and goes on when it can.
func TestMailFailsForHours(t *testing.T) {
	s := stage(t)
	clock := now.Add(-time.Hour)
	d := openAt(t, s, s.Config, func() time.Time { return clock })
	if err := d.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	mail := ledger.SourceID{Account: "demo", Type: ledger.Mailbox}
	if err := d.Ledger().SourceFailed(t.Context(), mail, clock, "no answer"); err != nil {
		t.Fatal(err)
	}
	clock = now.Add(time.Hour)
	r, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, f := range r.FollowUps {
		if f.Status == planner.StatusWrite {
			t.Errorf("%s would be written", f.Title)
		}
	}
	for _, h := range r.Held {
		if h.HeldBecause == "the mail of the account demo could not be read since 13 May 07:30" {
			held++
		}
	}
	if held == 0 {
		t.Error("nothing is held for want of the mail")
	}
	if err := d.Ledger().SourceOK(t.Context(), mail, clock); err != nil {
		t.Fatal(err)
	}
	if r, err = d.Plan(t.Context()); err != nil || !slices.ContainsFunc(r.FollowUps, func(f planner.FollowUp) bool { return f.Status == planner.StatusWrite }) {
		t.Errorf("nothing is written when the mail answers again, %v", err)
	}
}

// TestNoFolderIsRead has a typo in folders: no mail is read, and that is not as
// if all of it were.
func TestNoFolderIsRead(t *testing.T) {
	s := stage(t)
	cfg := *s.Config
	cfg.Accounts = slices.Clone(cfg.Accounts)
	cfg.Accounts[0].Folders = []config.Glob{"Nope"}
	writesNothingBlindly(t, s, &cfg, "no folder is read: all are left out: INBOX (not in folders), Sent (not in folders)")
}

// writesNothingBlindly passes several times with a mail side that fails.
func writesNothingBlindly(t *testing.T, s *demo.Stage, cfg *config.Config, failing string) {
	t.Helper()
	clock := now
	d := openAt(t, s, cfg, func() time.Time { return clock })
	fails := func() {
		t.Helper()
		if err := d.Pass(t.Context()); err == nil || !strings.Contains(err.Error(), failing) {
			t.Fatalf("Pass = %v, want %s", err, failing)
		}
	}
	for _, clock = range []time.Time{now, now.Add(30 * time.Minute)} {
		fails()
		if first, err := d.Ledger().FirstRun(t.Context()); err != nil || !first.IsZero() {
			t.Fatalf("first run complete at %s, %v", first, err)
		}
	}
	health, err := d.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range health {
		if h.Source.Type == ledger.Mailbox && h.Source.Name == "" && !strings.Contains(h.Error, failing) {
			t.Errorf("status says of the mail %q, want %s", h.Error, failing)
		}
	}
	clock = now.Add(2 * time.Hour)
	fails()
	if first, err := d.Ledger().FirstRun(t.Context()); err != nil || first.IsZero() {
		t.Errorf("first run not complete after an hour of silence: %v", err)
	}
	result, err := d.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	held := 0
	for _, h := range result.Held {
		if h.Rule == "first-meeting" && strings.Contains(h.HeldBecause, "the mail of the account demo could not be read yet") {
			held++
		}
	}
	if held == 0 {
		t.Error("no first meeting is held back for want of the mail")
	}
	for _, e := range entries(t, s) {
		t.Errorf("written without any mail: %s", e.Summary)
	}
}

// TestEmptyListing has a server that lists its mailbox once and then none: that
// is a failure, and no word that the mailbox is gone (SPEC I15).
func TestEmptyListing(t *testing.T) {
	var empty atomic.Bool
	mail := imaptest.New("robin", "secret")
	mail.Mangle = func(r string) string {
		if empty.Load() && strings.HasPrefix(r, "* LIST ") {
			return ""
		}
		return r
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go mail.Serve(l)
	t.Cleanup(func() { l.Close(); mail.Close() })
	s := stage(t)
	cfg := mailAt(s, l.Addr().(*net.TCPAddr).Port)
	cfg.Accounts[0].IMAP.User, cfg.Accounts[0].IMAP.Password = "robin", "secret"
	d := open(t, s, cfg)
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	empty.Store(true)
	const want = `account "demo": no folder is read: the server lists none`
	if err := d.Pass(t.Context()); err == nil || err.Error() != want {
		t.Errorf("Pass = %v, want %s", err, want)
	}
	health, err := d.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range health {
		if h.Source.Name == "INBOX" && !h.Listed {
			t.Error("INBOX counts as gone")
		}
	}
}
