package imap_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/auth"
	"syncd/internal/imap"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
)

const password = "correct-horse-battery"

// ledgerCursor is that of a mailbox never read.
var ledgerCursor ledger.Cursor

var sent = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// message makes the n-th message of a mailbox.
func message(n int) imaptest.Message {
	at := sent.Add(time.Duration(n) * time.Minute)
	return imaptest.Message{At: at, Raw: fmt.Sprintf("From: Ana <ana@example.org>\nTo: Bob <bob@example.com>\nDate: %s\nMessage-ID: <%d@example.org>\nSubject: number %d\n\nText\n",
		at.Format(time.RFC1123Z), n, n)}
}

// server makes an in-process server with n messages in INBOX.
func server(t testing.TB, n int) *imaptest.Server {
	t.Helper()
	s := imaptest.New("bob", password)
	t.Cleanup(s.Close)
	for i := range n {
		if _, err := s.Append("INBOX", message(i+1)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func credentials() *auth.Credentials {
	return auth.NewCredentials("work", "bob", auth.Literal(password))
}

// open logs in at an in-process server.
func open(t testing.TB, s *imaptest.Server) *imap.Session {
	t.Helper()
	return openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: s.Dial})
}

func openAccount(t testing.TB, a imap.Account) *imap.Session {
	t.Helper()
	session, err := imap.Dial(t.Context(), a, credentials(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close(context.Background()) })
	return session
}

// mailbox finds a mailbox by its name for display.
func mailbox(t testing.TB, s *imap.Session, name string) imap.Mailbox {
	t.Helper()
	boxes, err := s.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		if b.Name == name {
			return b
		}
	}
	t.Fatalf("no mailbox %q in %v", name, boxes)
	return imap.Mailbox{}
}

// taken is what a scan gave.
type taken struct {
	Subjects []string // "number 3" as 3, sorted
	Skipped  []string
	Batches  int
	Cursor   ledger.Cursor
	Reset    bool
}

// scan reads what lies behind the cursor.
func scan(t testing.TB, s *imap.Session, name string, cur ledger.Cursor) taken {
	t.Helper()
	got := taken{Cursor: cur}
	for b, err := range s.Scan(t.Context(), mailbox(t, s, name), cur) {
		if err != nil {
			t.Fatal(err)
		}
		got.add(b)
	}
	slices.SortFunc(got.Subjects, func(a, b string) int { return len(a)*1000 - len(b)*1000 + strings.Compare(a, b) })
	return got
}

func (g *taken) add(b ledger.Batch) {
	for _, m := range b.Mail {
		g.Subjects = append(g.Subjects, strings.TrimPrefix(m.Subject, "number "))
	}
	for _, s := range b.Skipped {
		g.Skipped = append(g.Skipped, s.Where+": "+s.Reason)
	}
	g.Batches++
	g.Cursor = b.Cursor
	g.Reset = g.Reset || b.Reset
}

func numbers(from, to int) []string {
	var all []string
	for i := from; i <= to; i++ {
		all = append(all, strconv.Itoa(i))
	}
	return all
}

func wantSubjects(t testing.TB, got taken, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got.Subjects); diff != "" {
		t.Errorf("messages mismatch (-want +got):\n%s", diff)
	}
}

func TestScanReportsAMessage(t *testing.T) {
	s := server(t, 0)
	raw := "Return-Path: <ana@example.org>\nFrom: =?utf-8?Q?Ana_L=C3=B3pez?= <Ana@Example.org>\nTo: bob@example.com\nCc: Carol <carol@example.net>, carol@example.net\n" +
		"Date: Mon, 2 Mar 2026 10:00:00 +0100\nMessage-ID: <3@example.org>\nReferences: <1@example.com>\nIn-Reply-To: <2@example.com>\nSubject: Re: Plan\nX-Other: not asked for\n\nText\n"
	if _, err := s.Append("INBOX", imaptest.Message{Raw: raw, At: sent}); err != nil {
		t.Fatal(err)
	}
	session := open(t, s)
	var batches []ledger.Batch
	for b, err := range session.Scan(t.Context(), mailbox(t, session, "INBOX"), ledger.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		b.Mail[0].Fingerprint = ""
		batches = append(batches, b)
	}
	want := []ledger.Batch{{
		Source: ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: "INBOX"},
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: 1, Lowest: 1, Reached: sent, Complete: true},
		Total:  1,
		Mail: []ledger.Mail{{
			UID: 1, ID: "3@example.org", At: sent, Subject: "Re: Plan", Topic: "Plan", Reply: true,
			People: []ledger.Participant{
				{Address: "ana@example.org", Name: "Ana López", Role: ledger.RoleFrom},
				{Address: "bob@example.com", Role: ledger.RoleTo},
				{Address: "carol@example.net", Name: "Carol", Role: ledger.RoleCc},
			},
			Refs: []string{"1@example.com", "2@example.com"}, Delivered: true,
		}},
	}}
	if diff := cmp.Diff(want, batches); diff != "" {
		t.Errorf("Scan() mismatch (-want +got):\n%s", diff)
	}
}

func TestScanGoesOnWhereItWas(t *testing.T) {
	s := server(t, 2500)
	session := open(t, s)
	first := scan(t, session, "INBOX", ledger.Cursor{})
	wantSubjects(t, first, numbers(1, 2500))
	if want := (ledger.Cursor{UIDValidity: 1, Highest: 2500, Lowest: 1, Reached: sent.Add(time.Minute), Complete: true}); first.Cursor != want {
		t.Errorf("cursor %+v, want %+v", first.Cursor, want)
	}
	if first.Batches != 3 {
		t.Errorf("%d batches, want 3", first.Batches)
	}

	// An interrupted scan: the first batch is the newest, and what was not
	// taken comes later, with the mail that arrived meanwhile before it.
	var cut taken
	for b, err := range session.Scan(t.Context(), mailbox(t, session, "INBOX"), ledger.Cursor{}) {
		if err != nil {
			t.Fatal(err)
		}
		cut.add(b)
		break
	}
	if want := (ledger.Cursor{UIDValidity: 1, Highest: 2500, Lowest: 2001}); cut.Cursor.Highest != want.Highest || cut.Cursor.Lowest != want.Lowest || cut.Cursor.Complete {
		t.Errorf("cursor %+v after the first batch, want %+v", cut.Cursor, want)
	}
	if _, err := s.Append("INBOX", message(2501)); err != nil {
		t.Fatal(err)
	}
	rest := scan(t, session, "INBOX", cut.Cursor)
	wantSubjects(t, rest, append(numbers(1, 2000), "2501"))
	if rest.Cursor.Highest != 2501 || !rest.Cursor.Complete {
		t.Errorf("cursor %+v at the end", rest.Cursor)
	}
}

func TestScanOpensOnlyWhatMoved(t *testing.T) {
	s := server(t, 3)
	session := open(t, s)
	first := scan(t, session, "INBOX", ledger.Cursor{})
	before := len(s.Commands())
	if again := scan(t, session, "INBOX", first.Cursor); again.Batches != 0 {
		t.Errorf("%d batches from a mailbox that has not moved", again.Batches)
	}
	for _, c := range s.Commands()[before:] {
		if strings.HasPrefix(c, "EXAMINE") || strings.HasPrefix(c, "STATUS") {
			t.Errorf("%s for a mailbox that has not moved", c)
		}
	}
	if _, err := s.Append("INBOX", message(4)); err != nil {
		t.Fatal(err)
	}
	wantSubjects(t, scan(t, session, "INBOX", first.Cursor), []string{"4"})
	if refused := s.Refused(); refused != nil {
		t.Errorf("commands that write: %q", refused)
	}
}

func TestScanStartsOverWhenUIDValidityChanges(t *testing.T) {
	s := server(t, 5)
	session := open(t, s)
	first := scan(t, session, "INBOX", ledger.Cursor{})
	var all []imaptest.Message
	for n := range 5 {
		all = append(all, message(n+1))
	}
	if err := s.Renew("INBOX", all...); err != nil {
		t.Fatal(err)
	}
	again := scan(t, session, "INBOX", first.Cursor)
	wantSubjects(t, again, numbers(1, 5))
	if !again.Reset || first.Reset || again.Cursor.UIDValidity != 2 {
		t.Errorf("Reset %v then %v, cursor %+v", first.Reset, again.Reset, again.Cursor)
	}
}

func TestScanCrossesGapsInUIDs(t *testing.T) {
	uids := map[uint32]int{1: 1, 2: 2, 3: 3, 4_000_000_000: 4, 4_000_000_001: 5, 4_000_000_002: 6} // and the messages
	next := uint32(4_000_000_003)
	peer := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", Answers: []imaptest.Answer{
		{Command: "LIST", Reply: "* LIST () \"/\" INBOX\r\n%T OK done\r\n"},
		{Command: "EXAMINE", Make: func(string) string {
			return fmt.Sprintf("* %d EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT %d]\r\n%%T OK done\r\n", len(uids), next)
		}},
		{Command: "UID FETCH", Make: func(command string) string {
			var low, high uint32
			if _, err := fmt.Sscanf(command, "UID FETCH %d:%d", &low, &high); err != nil {
				high = low
			}
			var out strings.Builder
			for i, uid := range slices.Sorted(maps.Keys(uids)) {
				if uid < low || uid > high {
					continue
				}
				fmt.Fprintf(&out, "* %d FETCH (UID %d", i+1, uid)
				if strings.Contains(command, "HEADER") {
					h := header(uids[uid])
					fmt.Fprintf(&out, " BODY[HEADER] {%d}\r\n%s", len(h), h)
				}
				out.WriteString(")\r\n")
			}
			return out.String() + "%T OK done\r\n"
		}},
	}}
	session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
	got := scan(t, session, "INBOX", ledger.Cursor{})
	wantSubjects(t, got, numbers(1, 6))
	if n := len(peer.Commands()); n > 30 {
		t.Errorf("%d commands for six messages", n)
	}
	delete(uids, 4_000_000_002)
	uids[4_000_000_003], next = 7, 4_000_000_004
	wantSubjects(t, scan(t, session, "INBOX", got.Cursor), []string{"7"})
}

func TestScanOfAnEmptyMailboxAndOneThatIsGone(t *testing.T) {
	s := server(t, 0)
	session := open(t, s)
	got := scan(t, session, "INBOX", ledger.Cursor{})
	if !got.Cursor.Complete || got.Batches != 1 || got.Subjects != nil {
		t.Errorf("an empty mailbox gives %+v", got)
	}
	for _, err := range session.Scan(t.Context(), imap.Mailbox{Name: "Gone", Raw: "Gone"}, ledger.Cursor{}) {
		var refused *imap.Error
		if !errors.As(err, &refused) || refused.Code != "NONEXISTENT" {
			t.Errorf("error %v, want NO [NONEXISTENT]", err)
		}
	}
	if !session.Usable() {
		t.Error("a mailbox that is gone ended the session")
	}
}

// TestScanWithoutUIDNEXT reads servers that leave UIDNEXT, UIDVALIDITY or both
// out of every answer.
func TestScanWithoutUIDNEXT(t *testing.T) {
	for name, words := range map[string][]string{
		"no UIDNEXT": {"UIDNEXT"}, "no UIDVALIDITY": {"UIDVALIDITY"}, "neither": {"UIDNEXT", "UIDVALIDITY"},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, 4)
			s.Capabilities = []string{"IMAP4rev1"}
			s.Mangle = func(r string) string {
				for _, w := range words {
					if strings.HasPrefix(r, "* OK ["+w) {
						return ""
					}
					if i := strings.Index(r, w+" "); i >= 0 && strings.HasPrefix(r, "* STATUS") {
						end := i + strings.IndexAny(r[i+len(w)+1:], " )") + len(w) + 1
						r = r[:i] + r[end:]
					}
				}
				return r
			}
			session := open(t, s)
			first := scan(t, session, "INBOX", ledger.Cursor{})
			wantSubjects(t, first, numbers(1, 4))
			if _, err := s.Append("INBOX", message(5)); err != nil {
				t.Fatal(err)
			}
			want := []string{"5"}
			if slices.Contains(words, "UIDVALIDITY") {
				want = numbers(1, 5) // nothing can be said of what was read before
			}
			wantSubjects(t, scan(t, session, "INBOX", first.Cursor), want)
		})
	}
}

// TestScanTakesEveryMessageOnce cuts a scan at any batch, lets mail come and
// go, and holds the sum to the mailbox.
func TestScanTakesEveryMessageOnce(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := imaptest.New("bob", password)
		defer s.Close()
		session := open(t, s)
		var cur ledger.Cursor
		next, got := 0, map[string]int{}
		for range rapid.IntRange(1, 6).Draw(rt, "rounds") {
			for range rapid.IntRange(0, 1300).Draw(rt, "arriving") {
				next++
				if _, err := s.Append("INBOX", message(next)); err != nil {
					rt.Fatal(err)
				}
			}
			stop := rapid.IntRange(1, 4).Draw(rt, "batches until cut")
			for b, err := range session.Scan(t.Context(), mailbox(t, session, "INBOX"), cur) {
				if err != nil {
					rt.Fatal(err)
				}
				for _, m := range b.Mail {
					got[m.ID]++
				}
				cur = b.Cursor
				if stop--; stop == 0 {
					break
				}
			}
		}
		for b, err := range session.Scan(t.Context(), mailbox(t, session, "INBOX"), cur) {
			if err != nil {
				rt.Fatal(err)
			}
			for _, m := range b.Mail {
				got[m.ID]++
			}
		}
		if len(got) != next {
			rt.Errorf("%d messages taken, want %d", len(got), next)
		}
		for id, n := range got {
			if n != 1 {
				rt.Errorf("%s taken %d times", id, n)
			}
		}
	})
}

func TestScanSkipsWhatSaysNothing(t *testing.T) {
	s := server(t, 1)
	for _, raw := range []string{"Subject: nobody\n\n", "\n\n", "From: nobody\nDate: Mon, 2 Mar 2026 10:00:00 +0100\n\n"} {
		if _, err := s.Append("INBOX", imaptest.Message{Raw: raw, At: sent}); err != nil {
			t.Fatal(err)
		}
	}
	got := scan(t, open(t, s), "INBOX", ledger.Cursor{})
	wantSubjects(t, got, []string{"1"})
	if diff := cmp.Diff([]string{"2: no sender", "3: no sender", "4: no sender"}, got.Skipped); diff != "" {
		t.Errorf("skipped mismatch (-want +got):\n%s", diff)
	}
}

func TestWaitWakesOnNewMail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := server(t, 1)
		session := open(t, s)
		start := time.Now()
		time.AfterFunc(25*time.Minute, func() {
			if _, err := s.Append("INBOX", message(2)); err != nil {
				t.Error(err)
			}
		})
		if err := session.Wait(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 25*time.Minute {
			t.Errorf("woke after %s, want 25m", d)
		}
		idles := 0
		for _, c := range s.Commands() {
			if c == "IDLE" {
				idles++
			}
		}
		if idles != 3 {
			t.Errorf("%d IDLE in 25 minutes, want 3", idles)
		}
		wantSubjects(t, scan(t, session, "INBOX", ledger.Cursor{}), numbers(1, 2))
		s.Close()
	})
}

func TestWaitEndsByItself(t *testing.T) {
	for name, caps := range map[string][]string{"with IDLE": nil, "without": {"IMAP4rev1"}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := server(t, 1)
				s.Capabilities = caps
				session := open(t, s)
				start := time.Now()
				if err := session.Wait(t.Context(), 10*time.Minute); err != nil {
					t.Fatal(err)
				}
				if d := time.Since(start); d != 10*time.Minute {
					t.Errorf("returned after %s, want 10m", d)
				}
				why := errors.New("going down")
				ctx, cancel := context.WithCancelCause(t.Context())
				time.AfterFunc(time.Minute, func() { cancel(why) })
				if err := session.Wait(ctx, time.Hour); !errors.Is(err, why) {
					t.Errorf("cancelled Wait: %v, want %v", err, why)
				}
				s.Close()
			})
		})
	}
}

// TestWaitGoesOnWhenTheServerEndsIDLE holds that no DONE follows then.
func TestWaitGoesOnWhenTheServerEndsIDLE(t *testing.T) {
	peer := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n", Answers: []imaptest.Answer{
		{Command: "EXAMINE", Reply: "* 1 EXISTS\r\n%T OK done\r\n"},
		{Command: "IDLE", Reply: "+ idling\r\n%T OK that was long\r\n", Times: 1},
		{Command: "IDLE", Reply: "+ idling\r\n* 2 EXISTS\r\n"},
	}}
	session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
	if err := session.Wait(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"EXAMINE INBOX", "IDLE", "IDLE", "DONE"}, peer.Commands()); diff != "" {
		t.Errorf("commands mismatch (-want +got):\n%s", diff)
	}
}

// TestWaitTakesWhatComesBeforeIDLE wakes on mail that is told of between
// EXAMINE and IDLE.
func TestWaitTakesWhatComesBeforeIDLE(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n", Answers: []imaptest.Answer{
			{Command: "EXAMINE", Reply: "* 1 EXISTS\r\n%T OK done\r\n* 2 EXISTS\r\n"}, {Command: "IDLE", Reply: "+ idling\r\n"},
		}}
		session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
		start := time.Now()
		if err := session.Wait(t.Context(), time.Hour); err != nil {
			t.Fatal(err)
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("woke after %s, want at once", d)
		}
	})
}

// TestWaitNoticesADeadPeer holds IDLE to its limits: a peer that does not
// answer DONE is given up.
func TestWaitNoticesADeadPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		peer := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1 IDLE] hi\r\n", Answers: []imaptest.Answer{
			{Command: "IDLE", Reply: "+ idling\r\n"}, {Command: "EXAMINE", Reply: "* 1 EXISTS\r\n%T OK done\r\n"}, {Command: "", Silent: true},
		}}
		session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
		start := time.Now()
		err := session.Wait(t.Context(), time.Hour)
		if err == nil || !strings.Contains(err.Error(), "no answer within") {
			t.Errorf("Wait: %v, want no answer", err)
		}
		if d := time.Since(start); d > 11*time.Minute {
			t.Errorf("noticed after %s", d)
		}
		if session.Usable() {
			t.Error("the session is still usable")
		}
	})
}
