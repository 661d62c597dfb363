package daemon_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/imap/imaptest"
)

// postbox is an account with mail, and a calendar for follow-ups.
type postbox struct {
	*imaptest.Server
	port     int
	calendar string
}

const reader = "robin@example.org"

// newPostbox starts the servers; mangle is nil, or changes what the mail server says.
func newPostbox(t *testing.T, mangle func(string) string) *postbox {
	t.Helper()
	mail := imaptest.New("robin", "secret")
	mail.Mangle = mangle
	t.Cleanup(mail.Close)
	mail.Create("Sent", `\Sent`)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mail.Serve(listener) }()
	t.Cleanup(func() { listener.Close() })
	calendars, err := caldavtest.Start(t.Context(), caldavtest.Options{
		User: "robin", Password: "secret", Calendars: []caldavtest.Calendar{{Name: "follow-ups", Title: "Follow-ups"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { calendars.Close() })
	return &postbox{mail, listener.Addr().(*net.TCPAddr).Port, calendars.URL + "/"}
}

// add stores a message so many days before now. Its body comes with its header
// fields, if it has any, above an empty line.
func (p *postbox) add(t *testing.T, box, from, to, id string, days int, body string) {
	t.Helper()
	at := now.AddDate(0, 0, -days)
	raw := fmt.Sprintf("Date: %s\nFrom: %s\nTo: %s\nSubject: %s\nMessage-ID: <%s@example.com>\n%s", at.Format(time.RFC1123Z), from, to, id, id, body)
	if _, err := p.Append(box, imaptest.Message{Raw: raw, At: at}); err != nil {
		t.Fatal(err)
	}
}

func (p *postbox) config(t *testing.T, more string) *config.Config {
	t.Helper()
	cfg, err := config.Parse("config.toml", fmt.Appendf(nil, `[me]
addresses = [%q]
timezone = "UTC"
internal_domains = []
[[account]]
name = "demo"
user = "robin"
password = "secret"
imap = { host = "127.0.0.1", port = %d, tls = "none" }
caldav = { url = %q }
%s`, reader, p.port, p.calendar, more), true)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// texts are the commands that asked for the text of messages.
func (p *postbox) texts() (all []string) {
	for _, c := range p.Commands() {
		if strings.Contains(c, "BODY.PEEK[]") {
			all = append(all, c)
		}
	}
	return all
}

func readBy(t *testing.T, cfg *config.Config, dir string, progress func(daemon.Progress)) *daemon.Daemon {
	t.Helper()
	d, err := daemon.Open(t.Context(), daemon.Options{Config: cfg, StateDir: dir, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }, Progress: progress})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// promises are what is promised either way, by who to whom.
func promises(t *testing.T, d *daemon.Daemon) (all []string) {
	t.Helper()
	snap, err := d.Ledger().Snapshot(t.Context(), now, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range snap.Contacts {
		for _, p := range c.Promises {
			all = append(all, "to "+c.Addresses[0]+": "+p.Sentence)
		}
		for _, p := range c.Theirs {
			all = append(all, "by "+c.Addresses[0]+": "+p.Sentence)
		}
	}
	slices.Sort(all)
	return all
}

// TestTextsAreHeard reads what was promised, and nothing that only looks so: a mail
// in the user's name that came in, words of the user in another's quote, texts that
// are broken in one way or another.
func TestTextsAreHeard(t *testing.T) {
	p := newPostbox(t, nil)
	const ana, bo, cyd = "Ana Lima <ana@example.com>", "Bo Lind <bo@example.com>", "Cyd Roe <cyd@example.com>"
	p.add(t, "Sent", reader, ana, "mine", 5, "\nHi Ana,\n\nI'll send you the report by Friday.\n\nRobin\n")
	p.add(t, "Sent", reader, bo, "hello", 6, "\nHello Bo, how are you?\n")
	p.add(t, "Sent", reader, cyd, "hey", 6, "\nHello Cyd, how are you?\n")
	p.add(t, "Sent", reader, ana, "early", 90, "\nI'll send you the list by Friday.\n")
	p.add(t, "INBOX", bo, reader, "theirs", 4, "Content-Type: text/html\n\n<p>I&rsquo;ll call you next week.</p>")
	p.add(t, "INBOX", reader, bo, "forged", 3, "Return-Path: <evil@example.net>\nDelivered-To: bo@example.com\n\nI'll send you the money by Friday.\n")
	p.add(t, "INBOX", bo, reader, "quoted", 3, "\nSee below.\n\nOn Mon, 4 May 2026 Robin <robin@example.org> wrote:\n> I'll send you the keys by Friday.\n")
	p.add(t, "INBOX", cyd, reader, "charset", 3, "Content-Type: text/plain; charset=x-klingon\n\nGr\xfc\xdfe\n\nI'll bring the book.\n")
	p.add(t, "INBOX", cyd, reader, "quotes", 2, "\n"+strings.Repeat("> I'll send you the keys by Friday.\n", 300_000))
	p.add(t, "INBOX", cyd, reader, "never", 2, "Subject: \x1b[31m\u202eevil\n\nShall we meet on the 31st of February?\n")
	p.add(t, "INBOX", cyd, reader, "encrypted", 1, "Content-Type: application/pkcs7-mime\n\nAAAA\n")
	dir := t.TempDir()
	d := readBy(t, p.config(t, ""), dir, nil)
	defer d.Close()
	if err := d.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []string{"by bo@example.com: I’ll call you next week.", "by cyd@example.com: I'll bring the book.", "to ana@example.com: I'll send you the report by Friday."}
	if diff := cmp.Diff(want, promises(t, d)); diff != "" {
		t.Errorf("promises mismatch (-want +got):\n%s", diff)
	}
	// What was read, or cannot be, is not asked for again.
	before := len(p.texts())
	if err := d.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if after := p.texts(); before == 0 || len(after) != before {
		t.Errorf("texts were asked for %d times, then again: %q", before, after[before:])
	}
	if refused := p.Refused(); len(refused) > 0 {
		t.Errorf("the mail server was asked to change something: %v", refused)
	}
}

// TestTextsByChoice: with read_text = false no text is asked for, and with
// store_text = false no word of one is kept.
func TestTextsByChoice(t *testing.T) {
	p := newPostbox(t, nil)
	p.add(t, "Sent", reader, "ana@example.com", "mine", 5, "\nI'll send you the report by Friday.\n")
	off := readBy(t, p.config(t, "[privacy]\nread_text = false\n"), t.TempDir(), nil)
	defer off.Close()
	if err := off.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := append(p.texts(), promises(t, off)...); len(got) > 0 {
		t.Errorf("with read_text = false: %q", got)
	}
	var ids []string
	for _, store := range []bool{true, false} {
		d := readBy(t, p.config(t, fmt.Sprintf("[privacy]\nstore_text = %v\n", store)), t.TempDir(), nil)
		defer d.Close()
		if err := d.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		snap, err := d.Ledger().Snapshot(t.Context(), now, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range snap.Contacts {
			for _, made := range c.Promises {
				ids = append(ids, made.ID)
				if kept := made.Sentence != "" || made.What != ""; kept != store {
					t.Errorf("with store_text = %v: %q, %q", store, made.Sentence, made.What)
				}
			}
		}
	}
	if len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("promises %q, want the same twice", ids)
	}
}

// TestTextsGoOnWhereTheyWereCut stops behind the first batch of texts.
func TestTextsGoOnWhereTheyWereCut(t *testing.T) {
	p := newPostbox(t, nil)
	for n := range 120 {
		p.add(t, "Sent", reader, "ana@example.com", fmt.Sprint("mail", n), 5, "\nI'll send you the report by Friday.\n")
	}
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	first := readBy(t, p.config(t, ""), dir, func(pr daemon.Progress) {
		if strings.HasPrefix(pr.Name, "texts of ") {
			cancel()
		}
	})
	if err := first.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Read() = %v, want that it was cancelled", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	var got []daemon.Progress
	again := readBy(t, p.config(t, ""), dir, func(pr daemon.Progress) {
		if strings.HasPrefix(pr.Name, "texts of ") {
			got = append(got, pr)
		}
	})
	defer again.Close()
	if err := again.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := []daemon.Progress{{Account: "demo", Name: "texts of Sent", Done: 50, Total: 70}, {Account: "demo", Name: "texts of Sent", Done: 70, Total: 70}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("progress after the cut mismatch (-want +got):\n%s", diff)
	}
}

// TestTextOfAMessageThatIsGone: a mail that was thrown away before its text was read
// is looked for once.
func TestTextOfAMessageThatIsGone(t *testing.T) {
	p := newPostbox(t, nil)
	p.add(t, "Sent", reader, "ana@example.com", "gone", 5, "\nI'll send you the report by Friday.\n")
	p.add(t, "Sent", reader, "ana@example.com", "there", 4, "\nI'll send you the list by Friday.\n")
	dir := t.TempDir()
	blind := readBy(t, p.config(t, "[privacy]\nread_text = false\n"), dir, nil)
	if err := errors.Join(blind.Read(t.Context()), blind.Close(), p.Remove("Sent", 1)); err != nil {
		t.Fatal(err)
	}
	d := readBy(t, p.config(t, ""), dir, nil)
	defer d.Close()
	for pass, want := range []int{2, 2} { // of both, and of the one alone
		if err := d.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := p.texts(); len(got) != want {
			t.Errorf("after pass %d texts were asked for %d times, want %d: %q", pass+1, len(got), want, got)
		}
	}
	if diff := cmp.Diff([]string{"to ana@example.com: I'll send you the list by Friday."}, promises(t, d)); diff != "" {
		t.Errorf("promises mismatch (-want +got):\n%s", diff)
	}
}

// TestTextsRefused: a mailbox whose texts the server does not give stops nothing.
func TestTextsRefused(t *testing.T) {
	p := newPostbox(t, func(response string) string {
		if strings.Contains(response, "I'll send you the report") {
			return ""
		}
		return response
	})
	p.add(t, "Sent", reader, "ana@example.com", "mine", 5, "\nI'll send you the report by Friday.\n")
	p.add(t, "INBOX", "Ana <ana@example.com>", reader, "theirs", 4, "\nI'll send you the list by Friday.\n")
	d := readBy(t, p.config(t, ""), t.TempDir(), nil)
	defer d.Close()
	if err := d.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"by ana@example.com: I'll send you the list by Friday."}, promises(t, d)); diff != "" {
		t.Errorf("promises mismatch (-want +got):\n%s", diff)
	}
}
