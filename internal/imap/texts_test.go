package imap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/imap"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
	"syncd/internal/servertest"
)

// spoken is a message of Ana's, with header fields of its own and a body.
func spoken(fields, body string) string {
	return "From: Ana <ana@example.org>\r\nTo: Bob <bob@example.com>\r\nDate: Mon, 2 Mar 2026 23:00:00 -0800\r\nSubject: x\r\n" +
		strings.ReplaceAll(fields+"\n\n"+body, "\n", "\r\n")
}

// wantedUIDs are messages of a mailbox in this order.
func wantedUIDs(b imap.Mailbox, uids ...uint32) []ledger.Unread {
	var all []ledger.Unread
	for _, uid := range uids {
		all = append(all, ledger.Unread{UIDValidity: b.UIDValidity, UID: uid, ID: fmt.Sprint(uid)})
	}
	return all
}

// said is what a test looks at of readings.
type said struct {
	ID, Promise, Due, Ask string
	Attached, Linked      bool
	Dead                  []string
	Failed                string
}

// texts reads what the wanted messages of INBOX say.
func texts(t testing.TB, s *imap.Session, wanted func(imap.Mailbox) []ledger.Unread) []said {
	t.Helper()
	b := mailbox(t, s, "INBOX")
	var all []said
	for readings, err := range s.Texts(t.Context(), b, wanted(b)) {
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range readings {
			one := said{ID: r.ID, Attached: r.Attached, Linked: r.Linked, Dead: r.Dead, Failed: r.Failed}
			for _, p := range r.Promises {
				one.Promise += p.Sentence
				if !p.Due.IsZero() {
					one.Due += p.Due.Format("2006-01-02 -0700")
				}
			}
			for _, a := range r.Asks {
				one.Ask += a.Sentence
			}
			all = append(all, one)
		}
	}
	return all
}

// servers are those that a test of texts runs on. Each gives a session at one with
// these messages in INBOX, as 1, 2 and so on.
var servers = map[string]func(t *testing.T, messages ...string) *imap.Session{"in process": inProcess, "Dovecot": inDovecot}

func inProcess(t *testing.T, messages ...string) *imap.Session {
	t.Helper()
	s := server(t, 0)
	for _, raw := range messages {
		if _, err := s.Append("INBOX", imaptest.Message{Raw: raw, At: sent}); err != nil {
			t.Fatal(err)
		}
	}
	return open(t, s)
}

func inDovecot(t *testing.T, messages ...string) *imap.Session {
	t.Helper()
	d := servertest.Dovecot(t)
	user := d.NewUser(t)
	for _, raw := range messages {
		d.Append(t, user, "INBOX", servertest.Message{Raw: raw, At: sent})
	}
	return login(t, account(t, d), user)
}

const (
	promise  = "I'll send you the report by Friday.\n"
	promised = "I'll send you the report by Friday."
	friday   = "2026-03-06 -0800" // of the writer's week, at midnight of their place
)

func TestTexts(t *testing.T) {
	html := "Content-Type: text/html"
	mixed := "Content-Type: multipart/mixed; boundary=x"
	for name, tt := range map[string]struct {
		raw  string
		auto bool
		want said
	}{
		"plain":             {raw: spoken("", promise), want: said{Promise: promised, Due: friday}},
		"HTML with a quote": {raw: spoken(html, "<p>I&#8217;ll send you the <a href='https://example.org/r'>report</a> by Friday.</p><blockquote>Could you send it?</blockquote>"), want: said{Promise: "I’ll send you the report by Friday.", Due: friday, Linked: true}},
		"a link in a quote": {raw: spoken("", promise+"\n> see https://example.org/\n"), want: said{Promise: promised, Due: friday}},
		"with a file":       {raw: spoken(mixed, "--x\n\n"+promise+"\n--x\nContent-Type: application/pdf; name=r.pdf\n\n"+strings.Repeat("x", 200<<10)+"\n--x--\n"), want: said{Promise: promised, Due: friday, Attached: true}},
		"a file first":      {raw: spoken(mixed, "--x\nContent-Type: application/pdf; name=r.pdf\n\n"+strings.Repeat("x", 100<<10)+"\n--x\n\n"+promise+"\n--x--\n"), want: said{Promise: promised, Due: friday, Attached: true}},
		"a large file first": {
			raw:  spoken(mixed, "--x\nContent-Type: application/pdf; name=r.pdf\n\n"+strings.Repeat("x", 300<<10)+"\n--x\n\n"+promise+"\n--x--\n"),
			want: said{Attached: true, Failed: "its text does not begin within 256 KiB"},
		},
		"a header of 100 KiB":  {raw: spoken("X-Trace: "+strings.Repeat("x ", 50<<10), promise), want: said{Promise: promised, Due: friday}},
		"HTML of 150 KiB":      {raw: spoken(html, "<p>"+strings.Repeat("<span></span>", 11000)+promise), want: said{Promise: promised, Due: friday}},
		"unknown charset":      {raw: spoken("Content-Type: text/plain; charset=x-klingon", "Gr\xfc\xdfe\n\n"+promise), want: said{Promise: promised, Due: friday}},
		"10 MB of quotes":      {raw: spoken("", strings.Repeat("> I'll send you the report by Friday.\n", 270_000))},
		"the 31st of February": {raw: spoken("", "I'll send you the report by the 31st of February.\n"), want: said{Promise: "I'll send you the report by the 31st of February."}},
		"control and bidi characters": {
			raw:  spoken("Subject: \x1b[31m\u202eevil", "I'll\u200b send you \x07the \u202ereport\u202c by Friday.\n"),
			want: said{Promise: promised, Due: friday},
		},
		"my words in their quote": {
			raw: spoken("", "See below.\n\nOn Mon, 2 Mar 2026 Bob <bob@example.com> wrote:\n> "+promise),
		},
		"my words in a mail they forward": {raw: spoken(mixed, "--x\nContent-Type: message/rfc822\n\nFrom: Bob <bob@example.com>\n\n"+promise+"\n--x--\n"), want: said{Attached: true}},
		"an encrypted one":                {raw: spoken("Content-Type: multipart/encrypted; boundary=x", "--x\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n--x--\n"), want: said{Failed: "it is encrypted, or signed as a whole"}},
		"a report":                        {auto: true, raw: spoken("Content-Type: multipart/report; boundary=x", report), want: said{Dead: []string{"bo@example.com"}}},
		"a report from a person":          {raw: spoken("Content-Type: multipart/report; boundary=x", report)},
		"nothing":                         {raw: spoken("", "")},
	} {
		for on, session := range servers {
			t.Run(name+"/"+on, func(t *testing.T) {
				tt.want.ID = "1"
				got := texts(t, session(t, tt.raw), func(b imap.Mailbox) []ledger.Unread {
					all := wantedUIDs(b, 1)
					all[0].Automatic = tt.auto
					return all
				})
				if diff := cmp.Diff([]said{tt.want}, got); diff != "" {
					t.Errorf("Texts() mismatch (-want +got):\n%s", diff)
				}
			})
		}
	}
}

const report = "--x\n\nNo such user.\n--x\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\nFinal-Recipient: rfc822; bo@example.com\nAction: failed\nStatus: 5.1.1\n--x--\n"

// TestTextsOfMany reads more than one batch, of messages here and there, in the
// order in which they are wanted; what is not there any more has no reading.
func TestTextsOfMany(t *testing.T) {
	var messages []string
	for n := range 130 {
		messages = append(messages, spoken("", fmt.Sprintf("I'll send you report %d.\n", n+1)))
	}
	var want []said
	var uids []uint32
	for uid := uint32(130); uid >= 2; uid -= 2 {
		uids = append(uids, uid)
		want = append(want, said{ID: fmt.Sprint(uid), Promise: fmt.Sprintf("I'll send you report %d.", uid)})
	}
	for on, session := range servers {
		t.Run(on, func(t *testing.T) {
			got := texts(t, session(t, messages...), func(b imap.Mailbox) []ledger.Unread {
				all := append(wantedUIDs(b, 999), wantedUIDs(b, uids...)...)
				return append(all, ledger.Unread{UIDValidity: b.UIDValidity + 1, UID: 1, ID: "before"})
			})
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Texts() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTextsOfBrokenAnswers breaks the answer for the second of three messages. It is
// asked for alone; where that is of no use, its reading says why. The others are
// read in any case.
func TestTextsOfBrokenAnswers(t *testing.T) {
	const none = "no readable answer"
	for name, tt := range map[string]struct {
		times  int // how often the answer is broken
		as     string
		second said
	}{
		"once":                     {1, "* 2 FETCH (UID 2 BODY[]<0> (\r\n", said{Promise: "I'll send you report 2."}},
		"always malformed":         {9, "* 2 FETCH (UID 2 BODY[]<0> (\r\n", said{Failed: none}},
		"without the message":      {9, "* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n", said{Failed: none}},
		"a header in its place":    {9, "* 2 FETCH (UID 2 BODY[HEADER] {2}\r\n\r\n)\r\n", said{Failed: none}},
		"NIL":                      {9, "* 2 FETCH (UID 2 BODY[]<0> NIL)\r\n", said{Failed: none}},
		"empty":                    {9, "* 2 FETCH (UID 2 BODY[]<0> \"\")\r\n", said{Failed: "the server gives nothing of it"}},
		"all of it, which is 2 MB": {9, "* 2 FETCH (UID 2 BODY[] {2000000}\r\n" + strings.Repeat("x", 2_000_000) + ")\r\n", said{Failed: none}},
		"all of it, which is 300 KB": {
			9, "* 2 FETCH (UID 2 BODY[] {300041}\r\nSubject: x\r\n\r\nI'll send you report 2.\r\n> " + strings.Repeat("x", 300_000) + ")\r\n",
			said{Promise: "I'll send you report 2."},
		},
		"of another message":  {9, "* 2 FETCH (UID 7 BODY[]<0> \"a\")\r\n", said{Failed: none}},
		"in another spelling": {9, "* 2 fetch (body[]<0> {33}\r\nA: b\r\n\r\nI'll send you report 2.\r\n  UID 2)\r\n", said{Promise: "I'll send you report 2."}},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, 0)
			for n := range 3 {
				if _, err := s.Append("INBOX", imaptest.Message{Raw: spoken("", fmt.Sprintf("I'll send you report %d.\n", n+1)), At: sent}); err != nil {
					t.Fatal(err)
				}
			}
			broken := 0
			s.Mangle = func(response string) string {
				if strings.HasPrefix(response, "* 2 FETCH") && strings.Contains(response, "BODY[]") && broken < tt.times {
					broken++
					return tt.as
				}
				return response
			}
			tt.second.ID = "2"
			want := []said{{ID: "1", Promise: "I'll send you report 1."}, tt.second, {ID: "3", Promise: "I'll send you report 3."}}
			got := texts(t, open(t, s), func(b imap.Mailbox) []ledger.Unread { return wantedUIDs(b, 1, 2, 3) })
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Texts() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestTextsRefused: a refusal of the whole batch loses the one message that it is
// about, a mailbox that cannot be opened is an *Error, and a lost connection is none.
func TestTextsRefused(t *testing.T) {
	text := "Subject: x\r\n\r\nI'll send you report 1.\r\n"
	one := fmt.Sprintf("* 1 FETCH (UID 1 BODY[]<0> {%d}\r\n%s)\r\n%%T OK done\r\n", len(text), text)
	for name, tt := range map[string]struct {
		answers []imaptest.Answer
		want    []string
		refused bool // the session goes on
	}{
		"one message": {[]imaptest.Answer{
			{Command: "UID FETCH 1:2", Reply: "%T NO cannot read 2\r\n"},
			{Command: "UID FETCH 1 (UID INTERNALDATE", Reply: one},
			{Command: "UID FETCH 2 (UID INTERNALDATE", Reply: "%T NO [SERVERBUG2] cannot read 2\r\n"},
			{Command: "UID FETCH 2 (UID)", Reply: "* 2 FETCH (UID 2)\r\n%T OK done\r\n"},
		}, []string{"", "FETCH: NO [SERVERBUG2] cannot read 2"}, true},
		"the mailbox":    {[]imaptest.Answer{{Command: "EXAMINE", Reply: "%T NO [NOPERM] not yours\r\n"}}, nil, true},
		"the connection": {[]imaptest.Answer{{Command: "UID FETCH 1:2", Hangup: true, Silent: true}}, nil, false},
		"for now":        {[]imaptest.Answer{{Command: "UID FETCH 1:2", Reply: "%T NO [UNAVAILABLE] later\r\n"}}, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			peer := &imaptest.Script{
				Greeting: "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n",
				Answers:  append(tt.answers, imaptest.Answer{Command: "EXAMINE", Reply: "* 2 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 3]\r\n%T OK done\r\n"}),
			}
			s := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
			b := imap.Mailbox{Name: "INBOX", Raw: "INBOX", UIDValidity: 1}
			var got []string
			var failed error
			for readings, err := range s.Texts(t.Context(), b, wantedUIDs(b, 1, 2)) {
				failed = err
				for _, r := range readings {
					got = append(got, r.Failed)
				}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("why nothing was read mismatch (-want +got):\n%s", diff)
			}
			if (failed == nil) != (tt.want != nil) || s.Usable() != tt.refused || failed != nil && errors.As(failed, new(*imap.Error)) != tt.refused {
				t.Errorf("error %v, usable %v", failed, s.Usable())
			}
		})
	}
}

// counted counts what comes over a connection.
type counted struct {
	net.Conn
	in *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in.Add(int64(n))
	return n, err
}

// TestTextOfALargeMessage: 25 MB cost no more than their beginning.
func TestTextOfALargeMessage(t *testing.T) {
	d := servertest.Dovecot(t)
	user := d.NewUser(t)
	d.Append(t, user, "INBOX", servertest.Message{Raw: spoken("Content-Type: multipart/mixed; boundary=x", "--x\n\n"+promise+"\n--x\nContent-Type: application/zip\nContent-Disposition: attachment\n\n"+strings.Repeat("0123456789012345678901234567890123456789\n", 25<<20/41)), At: sent})
	var in atomic.Int64
	a := account(t, d)
	a.Dialer = func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		return counted{c, &in}, err
	}
	got := texts(t, login(t, a, user), func(b imap.Mailbox) []ledger.Unread { return wantedUIDs(b, 1) })
	if diff := cmp.Diff([]said{{ID: "1", Promise: promised, Due: friday, Attached: true}}, got); diff != "" {
		t.Errorf("Texts() mismatch (-want +got):\n%s", diff)
	}
	if n := in.Load(); n > 80<<10 {
		t.Errorf("%d bytes came", n)
	}
}

// TestTextsStop ends with the loop that wants no more.
func TestTextsStop(t *testing.T) {
	s := open(t, server(t, 60))
	b := mailbox(t, s, "INBOX")
	var uids []uint32
	for n := range uint32(60) {
		uids = append(uids, n+1)
	}
	for readings, err := range s.Texts(t.Context(), b, wantedUIDs(b, uids...)) {
		if err != nil || len(readings) != 50 {
			t.Errorf("%d readings, error %v", len(readings), err)
		}
		break
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(io.ErrNoProgress)
	for readings, err := range s.Texts(ctx, b, wantedUIDs(b, uids...)) {
		if !errors.Is(err, io.ErrNoProgress) || readings != nil {
			t.Errorf("after the end: %d readings, error %v", len(readings), err)
		}
	}
}

// BenchmarkTexts reads the text of 500 messages of Dovecot, one in ten with a file.
func BenchmarkTexts(b *testing.B) {
	d := servertest.Dovecot(b)
	user := d.NewUser(b)
	const n = 500
	var all []servertest.Message
	for i := range n {
		raw := spoken("", strings.Repeat("This is a sentence of a mail like others. ", 30)+"\n\n"+promise+strings.Repeat("\n> And this is what it quotes.", 40))
		if i%10 == 0 {
			raw = spoken("Content-Type: multipart/mixed; boundary=x", "--x\n\n"+promise+"\n--x\nContent-Type: application/pdf; name=r.pdf\n\n"+strings.Repeat("0123456789\n", 30<<10)+"--x--\n")
		}
		all = append(all, servertest.Message{Raw: raw, At: sent})
	}
	d.Append(b, user, "INBOX", all...)
	s := login(b, account(b, d), user)
	var uids []uint32
	for i := range uint32(n) {
		uids = append(uids, i+1)
	}
	b.ReportAllocs()
	start := time.Now()
	for b.Loop() {
		if got := texts(b, s, func(box imap.Mailbox) []ledger.Unread { return wantedUIDs(box, uids...) }); len(got) != n {
			b.Fatalf("%d readings", len(got))
		}
	}
	b.ReportMetric(float64(b.N*n)/time.Since(start).Seconds(), "messages/s")
}
