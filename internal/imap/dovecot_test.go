package imap_test

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/auth"
	"syncd/internal/imap"
	"syncd/internal/ledger"
	"syncd/internal/servertest"
)

// account is an account at a Dovecot, over implicit TLS.
func account(t testing.TB, d *servertest.IMAP) imap.Account {
	t.Helper()
	pem, err := os.ReadFile(d.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		t.Fatalf("no certificate in %s", d.CAFile)
	}
	return imap.Account{Name: "work", Host: d.Host, Port: d.TLSPort, TLS: imap.TLS, RootCAs: roots, Timeout: 20 * time.Second}
}

func dialDovecot(t testing.TB, a imap.Account, user, password string) (*imap.Session, error) {
	t.Helper()
	s, err := imap.Dial(t.Context(), a, auth.NewCredentials(a.Name, user, auth.Literal(password)), slog.New(slog.DiscardHandler))
	if err == nil {
		t.Cleanup(func() { _ = s.Close(context.Background()) })
	}
	return s, err
}

// login opens a session that must succeed.
func login(t testing.TB, a imap.Account, user string) *imap.Session {
	t.Helper()
	s, err := dialDovecot(t, a, user, servertest.Password(user))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill appends n numbered messages.
func fill(t testing.TB, d *servertest.IMAP, user, mailbox string, from, to int) {
	t.Helper()
	var all []servertest.Message
	for n := from; n <= to; n++ {
		m := message(n)
		all = append(all, servertest.Message{Raw: m.Raw, At: m.At})
	}
	d.Append(t, user, mailbox, all...)
}

// wantDialError holds a failed Dial to one clear line.
func wantDialError(t *testing.T, err, is error, want string) {
	t.Helper()
	if err == nil || !strings.HasPrefix(err.Error(), `account "work": `) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %v, want %q", err, want)
	}
	if is != nil && !errors.Is(err, is) {
		t.Errorf("error %v is not %v", err, is)
	}
}

func TestDovecotConnections(t *testing.T) {
	d := servertest.Dovecot(t)
	user := d.NewUser(t)
	a := account(t, d)
	t.Run("TLS", func(t *testing.T) {
		if got := read(t, login(t, a, user)); !slices.Contains(got, "INBOX") {
			t.Errorf("mailboxes %q", got)
		}
	})
	t.Run("STARTTLS", func(t *testing.T) {
		a := a
		a.TLS, a.Port = imap.StartTLS, d.Port
		if got := read(t, login(t, a, user)); !slices.Contains(got, "INBOX") {
			t.Errorf("mailboxes %q", got)
		}
	})
	t.Run("plaintext to loopback", func(t *testing.T) {
		a := a
		a.TLS, a.Port = imap.None, d.Port
		if got := read(t, login(t, a, user)); !slices.Contains(got, "INBOX") {
			t.Errorf("mailboxes %q", got)
		}
	})
	t.Run("host by name", func(t *testing.T) {
		a := a
		a.Host = "localhost"
		a.Dialer = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(d.Host, strconv.Itoa(d.TLSPort)))
		}
		login(t, a, user)
	})
	t.Run("wrong password", func(t *testing.T) {
		_, err := dialDovecot(t, a, user, "wrong")
		wantDialError(t, err, imap.ErrAuth, "AUTHENTICATE: NO [AUTHENTICATIONFAILED]")
	})
	t.Run("wrong host", func(t *testing.T) {
		a := a
		a.Host = "no-such-host.invalid"
		_, err := dialDovecot(t, a, user, "x")
		wantDialError(t, err, nil, "no-such-host.invalid")
	})
	t.Run("wrong port", func(t *testing.T) {
		a := a
		a.Port = 1
		_, err := dialDovecot(t, a, user, "x")
		wantDialError(t, err, nil, "127.0.0.1:1: nothing listens there")
	})
	t.Run("TLS to the plain port", func(t *testing.T) {
		a := a
		a.Port = d.Port
		_, err := dialDovecot(t, a, user, "x")
		wantDialError(t, err, nil, "does not speak TLS on this port")
	})
	t.Run("STARTTLS to the TLS port", func(t *testing.T) {
		a := a
		a.TLS, a.Timeout = imap.StartTLS, 300*time.Millisecond
		_, err := dialDovecot(t, a, user, "x")
		wantDialError(t, err, nil, `no IMAP greeting (does this port want tls = "tls"?)`)
	})
	t.Run("unknown authority", func(t *testing.T) {
		a := a
		a.RootCAs = x509.NewCertPool()
		_, err := dialDovecot(t, a, user, "x")
		wantDialError(t, err, imap.ErrCertificate, "certificate is signed by an unknown authority")
	})
}

func TestDovecotCertificates(t *testing.T) {
	for cert, want := range map[servertest.Cert]string{
		servertest.Expired: "certificate expired on 20", servertest.WrongHost: "certificate is for other.example.net, not for 127.0.0.1",
		servertest.SelfSigned: "certificate is signed by an unknown authority",
	} {
		t.Run(string(cert), func(t *testing.T) {
			d := servertest.DovecotWith(t, servertest.IMAPOptions{Cert: cert})
			user := d.NewUser(t)
			a := account(t, d)
			_, err := dialDovecot(t, a, user, servertest.Password(user))
			wantDialError(t, err, imap.ErrCertificate, want)
			a.TLS, a.Port = imap.StartTLS, d.Port
			_, err = dialDovecot(t, a, user, servertest.Password(user))
			wantDialError(t, err, imap.ErrCertificate, want)
			if strings.Contains(d.Log(), "Login:") {
				t.Error("the server saw a login")
			}
		})
	}
}

func TestDovecotThatTakesNoPasswordWithoutTLS(t *testing.T) {
	d := servertest.DovecotWith(t, servertest.IMAPOptions{Settings: "disable_plaintext_auth = yes"})
	user := d.NewUser(t)
	a := account(t, d)
	a.TLS, a.Port = imap.None, d.Port
	// Dovecot trusts a client with its own address, so come from another.
	a.Dialer = (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}).DialContext
	_, err := dialDovecot(t, a, user, servertest.Password(user))
	wantDialError(t, err, imap.ErrInsecure, "takes no password without TLS")
	a.TLS = imap.StartTLS
	login(t, a, user)
}

func TestDovecotScan(t *testing.T) {
	d := servertest.Dovecot(t)
	a := account(t, d)
	t.Run("all of it", func(t *testing.T) {
		user := d.NewUser(t)
		fill(t, d, user, "INBOX", 1, 1200)
		got := scan(t, login(t, a, user), "INBOX", ledger.Cursor{})
		wantSubjects(t, got, numbers(1, 1200))
		if got.Batches != 2 || !got.Cursor.Complete || got.Skipped != nil {
			t.Errorf("%d batches, cursor %+v, skipped %q", got.Batches, got.Cursor, got.Skipped)
		}
	})
	t.Run("same as from memory", func(t *testing.T) {
		user := d.NewUser(t)
		fill(t, d, user, "INBOX", 1, 3)
		mem := server(t, 3)
		want := batches(t, open(t, mem))
		got := batches(t, login(t, a, user))
		want[0].Cursor.UIDValidity = got[0].Cursor.UIDValidity
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Dovecot and imaptest differ (-imaptest +dovecot):\n%s", diff)
		}
	})
	t.Run("after an interruption", func(t *testing.T) {
		user := d.NewUser(t)
		fill(t, d, user, "INBOX", 1, 1100)
		var cut taken
		s := login(t, a, user)
		for b, err := range s.Scan(t.Context(), mailbox(t, s, "INBOX"), ledger.Cursor{}) {
			if err != nil {
				t.Fatal(err)
			}
			cut.add(b)
			break
		}
		fill(t, d, user, "INBOX", 1101, 1102)
		rest := scan(t, login(t, a, user), "INBOX", cut.Cursor)
		wantSubjects(t, rest, append(numbers(1, 1000), "1101", "1102"))
	})
	t.Run("new mail only", func(t *testing.T) {
		user := d.NewUser(t)
		fill(t, d, user, "INBOX", 1, 3)
		s := login(t, a, user)
		first := scan(t, s, "INBOX", ledger.Cursor{})
		if again := scan(t, s, "INBOX", first.Cursor); again.Batches != 0 {
			t.Errorf("a second scan gives %+v", again)
		}
		fill(t, d, user, "INBOX", 4, 4)
		wantSubjects(t, scan(t, s, "INBOX", first.Cursor), []string{"4"})
	})
	t.Run("after an expunge", func(t *testing.T) {
		user := d.NewUser(t)
		fill(t, d, user, "INBOX", 1, 5)
		first := scan(t, login(t, a, user), "INBOX", ledger.Cursor{})
		d.Doveadm(t, "expunge", "-u", user, "mailbox", "INBOX", "uid", "4,5")
		fill(t, d, user, "INBOX", 6, 6)
		wantSubjects(t, scan(t, login(t, a, user), "INBOX", first.Cursor), []string{"6"})
	})
	t.Run("UIDVALIDITY changes", func(t *testing.T) {
		user := d.NewUser(t)
		fill(t, d, user, "Work", 1, 3)
		s := login(t, a, user)
		first := scan(t, s, "Work", ledger.Cursor{})
		d.Do(t, user, `DELETE Work`)
		fill(t, d, user, "Work", 1, 3)
		again := scan(t, login(t, a, user), "Work", first.Cursor)
		wantSubjects(t, again, numbers(1, 3))
		if !again.Reset || again.Cursor.UIDValidity == first.Cursor.UIDValidity {
			t.Errorf("Reset %v, UIDVALIDITY %d then %d", again.Reset, first.Cursor.UIDValidity, again.Cursor.UIDValidity)
		}
	})
	t.Run("header of 300 KiB", func(t *testing.T) {
		user := d.NewUser(t)
		to := strings.Repeat("Somebody With A Long Name <somebody@example.net>,\n ", 6000)
		d.Append(t, user, "INBOX", servertest.Message{Raw: "From: ana@example.org\nSubject: number 1\nDate: Mon, 2 Mar 2026 10:00:00 +0100\nTo: " + to + "bob@example.com\n\nText\n", At: sent})
		fill(t, d, user, "INBOX", 2, 2)
		wantSubjects(t, scan(t, login(t, a, user), "INBOX", ledger.Cursor{}), numbers(1, 2))
	})
}

// batches scans INBOX.
func batches(t testing.TB, s *imap.Session) []ledger.Batch {
	t.Helper()
	var all []ledger.Batch
	for b, err := range s.Scan(t.Context(), mailbox(t, s, "INBOX"), ledger.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, b)
	}
	return all
}

func TestDovecotMailboxes(t *testing.T) {
	d := servertest.Dovecot(t)
	a := account(t, d)
	user := d.NewUser(t)
	fill(t, d, user, "B&APw-ro", 1, 1)
	fill(t, d, user, "Work/Old", 2, 2)
	fill(t, d, user, "R&-D", 3, 3)
	t.Run("special use", func(t *testing.T) {
		want := []string{"Sent", "INBOX", "Archive", "Büro", "R&D", "Work/Old"}
		got := read(t, login(t, a, user))
		slices.Sort(got[2:])
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("mailboxes that are read mismatch (-want +got):\n%s", diff)
		}
	})
	t.Run("names in modified UTF-7", func(t *testing.T) {
		wantSubjects(t, scan(t, login(t, a, user), "Büro", ledger.Cursor{}), []string{"1"})
		wantSubjects(t, scan(t, login(t, a, user), "R&D", ledger.Cursor{}), []string{"3"})
	})
	t.Run("folders and exclude_folders", func(t *testing.T) {
		a := a
		a.Folders = func(name string) bool { return name == "Trash" || strings.HasPrefix(name, "Work") }
		a.ExcludeFolders = func(name string) bool { return name == "Work" }
		if diff := cmp.Diff([]string{"Trash", "Work/Old"}, sorted(read(t, login(t, a, user)))); diff != "" {
			t.Errorf("mailboxes that are read mismatch (-want +got):\n%s", diff)
		}
	})
	t.Run("sent mail", func(t *testing.T) {
		fill(t, d, user, "Sent", 9, 9)
		s := login(t, a, user)
		for b, err := range s.Scan(t.Context(), mailbox(t, s, "Sent"), ledger.Cursor{}) {
			if err != nil || !b.Sent {
				t.Errorf("Sent %v, error %v", b.Sent, err)
			}
		}
	})
	t.Run("without special use, below INBOX", func(t *testing.T) {
		d := servertest.DovecotWith(t, servertest.IMAPOptions{NoSpecialUse: true, Prefix: "INBOX."})
		user := d.NewUser(t)
		s := login(t, account(t, d), user)
		if diff := cmp.Diff([]string{"INBOX", "INBOX.Archive", "INBOX.Sent"}, sorted(read(t, s))); diff != "" {
			t.Errorf("mailboxes that are read mismatch (-want +got):\n%s", diff)
		}
		if b := mailbox(t, s, "INBOX.Sent"); b.Use != imap.UseSent || !b.UseByName {
			t.Errorf("Sent is %+v", b)
		}
	})
}

func sorted(list []string) []string {
	slices.Sort(list)
	return list
}

// TestDovecotWithFewCapabilities forces the fallbacks: STATUS per folder, no
// special use, LOGIN instead of AUTHENTICATE.
func TestDovecotWithFewCapabilities(t *testing.T) {
	for name, caps := range map[string]string{
		"IMAP4rev1 alone": "IMAP4rev1", "no LIST-STATUS": "IMAP4rev1 LIST-EXTENDED SPECIAL-USE NAMESPACE", "no LIST-EXTENDED": "IMAP4rev1 SPECIAL-USE IDLE",
	} {
		t.Run(name, func(t *testing.T) {
			d := servertest.DovecotWith(t, servertest.IMAPOptions{Capabilities: caps})
			user := d.NewUser(t)
			fill(t, d, user, "INBOX", 1, 3)
			s := login(t, account(t, d), user)
			got := scan(t, s, "INBOX", ledger.Cursor{})
			wantSubjects(t, got, numbers(1, 3))
			if again := scan(t, s, "INBOX", got.Cursor); again.Batches != 0 {
				t.Errorf("a second scan gives %+v", again)
			}
			want := []string{"Archive", "INBOX", "Sent"}
			if diff := cmp.Diff(want, sorted(read(t, s))); diff != "" {
				t.Errorf("mailboxes that are read mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDovecotIsOnlyRead is invariant I1: no command that writes is sent, and
// no flag changes, \Recent and \Seen among them.
func TestDovecotIsOnlyRead(t *testing.T) {
	d := servertest.Dovecot(t)
	user := d.NewUser(t)
	fill(t, d, user, "INBOX", 1, 20)
	d.Append(t, user, "INBOX", servertest.Message{Raw: message(21).Raw, Flags: []string{`\Seen`, `\Answered`}})
	flags := func() string {
		return d.Doveadm(t, "fetch", "-u", user, "uid flags", "mailbox", "INBOX")
	}
	before := flags()
	if !strings.Contains(before, `\Recent`) {
		t.Fatalf("nothing is \\Recent before the scan:\n%s", before)
	}
	s := login(t, account(t, d), user)
	boxes, err := s.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		for _, err := range s.Scan(t.Context(), b, ledger.Cursor{}) {
			if err != nil && b.Left == "" {
				t.Error(err)
			}
		}
	}
	if got := texts(t, s, func(b imap.Mailbox) []ledger.Unread { return wantedUIDs(b, 1, 3, 5, 21) }); len(got) != 4 {
		t.Errorf("%d texts read, want 4", len(got))
	}
	if err := s.Wait(t.Context(), 20*time.Millisecond); err != nil {
		t.Error(err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, flags()); diff != "" {
		t.Errorf("flags changed (-before +after):\n%s", diff)
	}
	commands := d.Commands(t, user)
	if len(commands) < 5 {
		t.Fatalf("the log of commands holds only %q", commands)
	}
	for _, line := range commands {
		for _, verb := range []string{"SELECT", "STORE", "APPEND", "EXPUNGE", "COPY", "MOVE", "CREATE", "DELETE", "RENAME", "CLOSE", "BODY["} {
			if slices.Contains(strings.FieldsFunc(line, func(r rune) bool { return r == ' ' }), verb) || verb == "BODY[" && strings.Contains(line, " BODY[") {
				t.Errorf("the client sent %q", line)
			}
		}
	}
}

func TestDovecotWakesOnNewMail(t *testing.T) {
	d := servertest.Dovecot(t)
	user := d.NewUser(t)
	s := login(t, account(t, d), user)
	done := make(chan error, 1)
	start := time.Now()
	go func() { done <- s.Wait(t.Context(), time.Minute) }()
	// What arrives before Wait has opened the mailbox does not wake it.
	sent := 0
	for waiting := true; waiting; {
		sent++
		fill(t, d, user, "INBOX", sent, sent)
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			waiting = false
		case <-time.After(5 * time.Second):
		}
	}
	if waited := time.Since(start); waited > 50*time.Second {
		t.Errorf("woke after %s", waited)
	}
	wantSubjects(t, scan(t, s, "INBOX", ledger.Cursor{}), numbers(1, sent))
}

// TestDovecotUnchangedIsOneRoundTrip holds a pass with nothing new to the
// folder list (SPEC section 14).
func TestDovecotUnchangedIsOneRoundTrip(t *testing.T) {
	d := servertest.Dovecot(t)
	user := d.NewUser(t)
	fill(t, d, user, "INBOX", 1, 2)
	a := account(t, d)
	pass := func(cursors map[string]ledger.Cursor) {
		s := login(t, a, user)
		boxes, err := s.Mailboxes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, b := range boxes {
			if b.Left != "" {
				continue
			}
			for batch, err := range s.Scan(t.Context(), b, cursors[b.Raw]) {
				if err != nil {
					t.Fatal(err)
				}
				cursors[b.Raw] = batch.Cursor
			}
		}
		if err := s.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	cursors := map[string]ledger.Cursor{}
	pass(cursors)
	before := verbs(d.Commands(t, user))
	pass(cursors)
	again := verbs(d.Commands(t, user))
	for verb, n := range before { // the log is not in the order of sessions
		if again[verb] -= n; again[verb] == 0 {
			delete(again, verb)
		}
	}
	if diff := cmp.Diff(map[string]int{"LIST": 1, "NAMESPACE": 1, "LOGOUT": 1}, again); diff != "" {
		t.Errorf("commands of a pass with nothing new mismatch (-want +got):\n%s", diff)
	}
}

// verbs counts commands by their first word.
func verbs(lines []string) map[string]int {
	count := map[string]int{}
	for _, line := range lines {
		_, rest, _ := strings.Cut(line, " ")
		verb, _, _ := strings.Cut(rest, " ")
		count[verb]++
	}
	return count
}
