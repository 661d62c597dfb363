package ledger_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	header "syncd/internal/mail"
	"syncd/internal/planner"
)

var (
	base  = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) // a Monday
	me    = ledger.Me{Addresses: []string{"me@example.com"}, Internal: []string{"example.com"}, Zone: time.UTC}
	inbox = ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: "INBOX"}
	sent  = ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: "Sent"}
	cal   = ledger.SourceID{Account: "work", Type: ledger.Calendar, Name: "https://dav.example.com/me/"}
)

func day(n float64) time.Time { return base.Add(time.Duration(n * 24 * float64(time.Hour))) }

func openLedger(t *testing.T, dir string, who ledger.Me) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: dir, Me: who, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatalf("Open() = %v", err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// people reads "from > to to2; cc cc2; bcc".
func people(s string) []ledger.Participant {
	from, rest, _ := strings.Cut(s, ">")
	out := addressees(from, ledger.RoleFrom)
	for i, part := range strings.Split(rest, ";") {
		out = append(out, addressees(part, []ledger.Role{ledger.RoleTo, ledger.RoleCc, ledger.RoleBcc}[i])...)
	}
	return out
}

func addressees(s string, role ledger.Role) (out []ledger.Participant) {
	for f := range strings.FieldsSeq(s) {
		name, address, ok := strings.Cut(f, "=")
		if !ok {
			name, address = "", f
		}
		out = append(out, ledger.Participant{Address: address, Name: strings.ReplaceAll(name, "_", " "), Role: role})
	}
	return out
}

func mail(id string, at time.Time, who, subject string, refs ...string) ledger.Mail {
	topic, reply := header.Topic(subject)
	return ledger.Mail{
		ID: id, At: at, Subject: subject, Topic: topic, Reply: reply, People: people(who), Refs: refs,
		Fingerprint: fmt.Sprint(at.Unix(), who, subject), Delivered: true,
	}
}

var uids uint32

func appendMail(t *testing.T, l *ledger.Ledger, to ledger.SourceID, mails ...ledger.Mail) {
	t.Helper()
	for i := range mails {
		uids++
		mails[i].UID = uids
		if to == sent {
			mails[i].Delivered = false
		}
	}
	b := ledger.Batch{
		Source: to, At: day(300), Mail: mails, Sent: to == sent,
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: uids, Lowest: 1, Complete: true},
	}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatalf("Append() = %v", err)
	}
}

func appendObjects(t *testing.T, l *ledger.Ledger, at time.Time, gone []string, objects ...ledger.Object) {
	t.Helper()
	b := ledger.Batch{Source: cal, At: at, Objects: objects, Gone: gone, Cursor: ledger.Cursor{SyncToken: "1", Complete: true}}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatalf("Append() = %v", err)
	}
}

// snapshot is what could be known at a time; the zero time is the present of
// appendMail, and hides nothing.
func snapshot(t *testing.T, l *ledger.Ledger, at time.Time) planner.Snapshot {
	t.Helper()
	now := at
	if at.IsZero() {
		now = day(300)
	}
	s, err := l.Snapshot(t.Context(), now, at)
	if err != nil {
		t.Fatalf("Snapshot() = %v", err)
	}
	return s
}

func contact(t *testing.T, l *ledger.Ledger, at time.Time, address string) planner.Contact {
	t.Helper()
	for _, c := range snapshot(t, l, at).Contacts {
		if slices.Contains(c.Addresses, address) {
			return c
		}
	}
	return planner.Contact{}
}

func ids[T any](evidence []T, id func(T) string) []string {
	out := []string{}
	for _, e := range evidence {
		out = append(out, id(e))
	}
	return out
}

func turnIDs(turns []planner.Turn) []string {
	return ids(turns, func(t planner.Turn) string { return t.ID })
}

func TestConversationGivesClocksAndExchanges(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, inbox,
		mail("b@x", day(1), "Ana_Lima=ana@example.org > me@example.com", "Re: Lunch", "a@x"),
		mail("d@x", day(9), "Ana_Lima=ana@example.org > me@example.com ; cara@example.net", "Plans"))
	appendMail(t, l, sent,
		mail("a@x", day(0), "me@example.com > ana@example.org", "Lunch"),
		mail("c@x", day(2), "me@example.com > ana@example.org", "Re: Lunch", "a@x", "b@x"))
	got := contact(t, l, time.Time{}, "ana@example.org")
	ev := func(id string, n float64, subject string) planner.Evidence {
		return planner.Evidence{Type: planner.Mail, ID: id, At: day(n), Subject: subject, Address: "ana@example.org", Account: "work"}
	}
	want := planner.Contact{
		ID: got.ID, Name: "Ana Lima", Addresses: []string{"ana@example.org"}, Stage: 1,
		FirstAt: day(0), SeenAt: day(0), Out: 2, In: 2, Threads: 2,
		LastOut: ev("c@x", 2, "Re: Lunch"), LastIn: ev("d@x", 9, "Plans"), TogetherAt: day(9),
		Exchanges: planner.Exchanges{
			Count: 3, Early: 3, First: day(1), Last: ev("d@x", 9, "Plans"), Weeks: 2, LastDay: "2026-03-11",
		},
		Unanswered: []planner.Turn{{Evidence: ev("d@x", 9, "Plans"), Recipients: 1, Later: day(9)}},
		Common:     []string{"cara@example.net"},
		Answers:    1, AnswerTime: 24 * time.Hour,
		DirectDays: []planner.Date{"2026-03-11", "2026-03-04", "2026-03-03", "2026-03-02"},
		Warmth:     got.Warmth, Heard: got.Heard, WarmthAt: day(9),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contact mismatch (-want +got):\n%s", diff)
	}
	if got.Warmth < 3.9 || got.Warmth > 4 || got.Heard < 1.9 || got.Heard > 2 {
		t.Errorf("warmth = %v, heard = %v, want a little under 4 and 2", got.Warmth, got.Heard)
	}
	if c := contact(t, l, time.Time{}, "cara@example.net"); c.ID != "" {
		t.Errorf("somebody in Cc of a mail to me became a contact: %v", c.ID)
	}
}

func TestSnapshotHidesWhatCameLater(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org", "Lunch?"))
	appendMail(t, l, inbox, mail("b@x", day(5), "ana@example.org > me@example.com", "Re: Lunch?", "a@x"))
	appendMail(t, l, sent, mail("c@x", day(8), "me@example.com > bob@example.net", "Hello"))
	early := contact(t, l, day(4), "ana@example.org")
	if got := turnIDs(early.Outstanding); !slices.Equal(got, []string{"a@x"}) || early.In != 0 {
		t.Errorf("on day 4: outstanding = %v, in = %d, want a@x and 0", got, early.In)
	}
	late := contact(t, l, day(6), "ana@example.org")
	if len(late.Outstanding) != 0 || late.In != 1 {
		t.Errorf("on day 6: outstanding = %v, in = %d, want none and 1", late.Outstanding, late.In)
	}
	if n := len(snapshot(t, l, day(6)).Contacts); n != 1 {
		t.Errorf("on day 6 there are %d contacts, want 1", n)
	}
	if n := len(snapshot(t, l, day(-1)).Contacts); n != 0 {
		t.Errorf("before all there are %d contacts, want none", n)
	}
}

// The present decides what is over, whatever was read last; and a meeting ahead
// is no secret, though nobody knows when it was made.
func TestSnapshotOfThePresent(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendObjects(t, l, day(0), nil, object("/1.ics", meeting("m", 2, "!me@example.com ana@example.org/ACCEPTED")))
	at := func(n float64) planner.Snapshot {
		t.Helper()
		s, err := l.Snapshot(t.Context(), day(n), time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	end := day(2).Add(time.Hour)
	if s := at(1); len(s.Contacts) != 0 || len(s.Busy) != 1 || !s.Until.Equal(end) {
		t.Errorf("the day before: %d contacts, busy %v, until %v; want none, the meeting, %v", len(s.Contacts), s.Busy, s.Until, end)
	}
	if s := at(3); len(s.Contacts) != 1 || s.Contacts[0].Met != 1 || !s.Until.IsZero() {
		t.Errorf("the day after: %+v until %v, want one contact, met once", s.Contacts, s.Until)
	}
	if s := at(1); len(s.Contacts) != 0 || !s.Until.Equal(end) {
		t.Errorf("the day before, once more: %d contacts until %v", len(s.Contacts), s.Until)
	}
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org", "Lunch"))
	if s := at(1); len(s.Contacts) != 1 || len(s.Contacts[0].Meetings) != 1 || s.Contacts[0].Met != 0 {
		t.Errorf("the day before, somebody I wrote to: %+v", s.Contacts)
	}
}

// The answers of people are counted and timed, each of my mails once.
func TestPaceOfAnswers(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("a@x", day(0), "me@example.com > ana@example.org", "One"),
		mail("b@x", day(10), "me@example.com > ana@example.org", "Two"),
		mail("c@x", day(11), "me@example.com > ana@example.org", "Re: Two", "b@x"),
		mail("d@x", day(30), "me@example.com > ana@example.org bob@example.net", "Three"))
	appendMail(t, l, inbox,
		mail("ra@x", day(2), "ana@example.org > me@example.com", "Re: One", "a@x"),
		mail("ra2@x", day(3), "ana@example.org > me@example.com", "Re: One", "a@x", "ra@x"),
		mail("rc@x", day(15), "ana@example.org > me@example.com", "Re: Two", "b@x", "c@x"),
		mail("rd@x", day(31), "bob@example.net > me@example.com", "Re: Three", "d@x"),
		mail("n@x", day(40), "ana@example.org > me@example.com", "New"))
	got := contact(t, l, time.Time{}, "ana@example.org")
	if got.Answers != 2 || got.AnswerTime != 72*time.Hour {
		t.Errorf("%d answers, %v; want 2 (after two and four days), 72h", got.Answers, got.AnswerTime)
	}
	appendMail(t, l, inbox, mail("rd2@x", day(31), "ana@example.org > me@example.com", "Re: Three", "d@x"))
	if got := contact(t, l, time.Time{}, "ana@example.org"); got.Answers != 3 || got.AnswerTime != 48*time.Hour {
		t.Errorf("%d answers, %v; want 3, 48h", got.Answers, got.AnswerTime)
	}
	if got := contact(t, l, day(5), "ana@example.org"); got.Answers != 1 {
		t.Errorf("on day 5: %d answers, want 1", got.Answers)
	}
}

// A copy may change the id of a message, but not what else it is known under.
func TestCopiesAreNamed(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("w@x", day(0), "me@example.com > ana@example.org", "Hello"))
	m := mail("z@x", day(1), "ana@example.org > me@example.com", "Need a word")
	appendMail(t, l, inbox, m)
	if got := contact(t, l, time.Time{}, "ana@example.org"); got.LastIn.ID != "z@x" || got.LastIn.Also != nil {
		t.Errorf("one copy: %+v", got.LastIn)
	}
	for _, id := range []string{"c@x", "b@x"} {
		m.ID = id
		appendMail(t, l, ledger.SourceID{Account: "home", Type: ledger.Mailbox, Name: id}, m)
	}
	got := contact(t, l, time.Time{}, "ana@example.org")
	want := []string{"b@x", "c@x", "z@x"}
	if diff := cmp.Diff(want, got.LastIn.Names()); diff != "" {
		t.Errorf("names mismatch (-want +got):\n%s", diff)
	}
	if len(got.Unanswered) != 1 || !slices.Equal(got.Unanswered[0].Names(), want) {
		t.Errorf("Unanswered = %+v, want all three names", got.Unanswered)
	}
}

func TestForgedFromIsNobodys(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, inbox, mail("f@x", day(0), "me@example.com > victim@example.org", "Pay this"))
	if got := snapshot(t, l, time.Time{}).Contacts; len(got) != 0 {
		t.Errorf("a forged From made contacts: %v", got)
	}
	// The same message in Sent makes it mine.
	appendMail(t, l, sent, mail("f@x", day(0), "me@example.com > victim@example.org", "Pay this"))
	if got := contact(t, l, time.Time{}, "victim@example.org"); got.Out != 1 {
		t.Errorf("out = %d, want 1", got.Out)
	}
}

func TestSameMessageUnderSeveralNamesIsOne(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	one := mail("z@x", day(0), "me@example.com > ana@example.org", "Hello")
	two := one
	two.ID = "b@x"
	appendMail(t, l, sent, one, two)
	appendMail(t, l, ledger.SourceID{Account: "home", Type: ledger.Mailbox, Name: "INBOX"}, one)
	got := contact(t, l, time.Time{}, "ana@example.org")
	if got.Out != 1 || got.LastOut.ID != "b@x" {
		t.Errorf("out = %d by %q, want 1 by the smallest id b@x", got.Out, got.LastOut.ID)
	}
	var rows []ledger.InteractionRow
	for r, err := range l.Interactions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, r)
	}
	if len(rows) != 1 || rows[0].Supersedes == "" {
		t.Errorf("interactions = %+v, want one that supersedes another", rows)
	}
}

func TestNoiseIsCountedAndNeverAnInteraction(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	n := mail("n@x", day(0), "news@example.org > me@example.com", "Offers")
	n.Noise = "list-unsubscribe"
	n.Lists = []string{"dev@lists.example.org"}
	both := mail("l@x", day(1), "bob@example.org > me@example.com dev@lists.example.org", "Patch")
	listed := both
	listed.Noise = "list-id"
	appendMail(t, l, inbox, n, listed, both)
	appendMail(t, l, sent, mail("s@x", day(2), "me@example.com > dev@lists.example.org", "Re: Patch"))
	got, err := l.Totals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := ledger.Totals{
		Mail: 2, Out: 1, In: 1, Direct: 2, Noise: map[string]int{"list-unsubscribe": 1}, Candidates: 2, Threads: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Totals() mismatch (-want +got):\n%s", diff)
	}
}

func TestDirect(t *testing.T) {
	many := ""
	for i := range 9 {
		many += fmt.Sprintf(" p%d@example.org", i)
	}
	tests := []struct {
		name, who string
		address   string
		out, in   int
	}{
		{"from me to them", "me@example.com > ana@example.org", "ana@example.org", 1, 0},
		{"from me with them in Bcc", "me@example.com > bob@example.net ; ; ana@example.org", "ana@example.org", 1, 0},
		{"from me to nine", "me@example.com >" + many, "p1@example.org", 0, 0},
		{"from them, I am in Cc of several", "ana@example.org > bob@example.net ; me@example.com", "ana@example.org", 0, 0},
		{"from them, I am alone in Cc", "ana@example.org > ; me@example.com", "ana@example.org", 0, 1},
		{"from them to my tag", "ana@example.org > me+x@example.com", "ana@example.org", 0, 1},
		{"to nobody", "ana@example.org >", "ana@example.org", 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			who := me
			who.People = []ledger.Person{{Addresses: []string{"ana@example.org", "p1@example.org"}, Name: "Ana"}}
			l := openLedger(t, t.TempDir(), who)
			box := inbox
			if strings.HasPrefix(tt.who, "me") {
				box = sent
			}
			appendMail(t, l, box, mail("a@x", day(0), tt.who, "Hi"))
			got := contact(t, l, time.Time{}, tt.address)
			if got.Out != tt.out || got.In != tt.in {
				t.Errorf("out, in = %d, %d, want %d, %d", got.Out, got.In, tt.out, tt.in)
			}
		})
	}
}

func TestTurns(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("w@x", day(0), "me@example.com > ana@example.org", "Hello"),
		mail("q1@x", day(1), "me@example.com > ana@example.org bob@example.net", "Dinner?"),
		mail("q2@x", day(6), "me@example.com > ana@example.org", "Re: Dinner?", "q1@x"),
		mail("q3@x", day(7), "me@example.com > ana@example.org", "Answered by subject?"),
		mail("q4@x", day(8), "me@example.com > ana@example.org", "Statement"))
	appendMail(t, l, inbox,
		mail("r3@x", day(9), "ana@example.org > me@example.com", "RE: answered by  subject?"),
		mail("t1@x", day(10), "ana@example.org > me@example.com", "Need a word"),
		mail("t2@x", day(11), "ana@example.org > me@example.com boss@example.com", "A colleague answered"),
		mail("t3@x", day(12), "boss@example.com > ana@example.org ; me@example.com", "Re: A colleague answered", "t2@x"),
		mail("t4@x", day(13), "ana@example.org > me@example.com", "Answers what I do not have", "lost@x"))
	got := contact(t, l, time.Time{}, "ana@example.org")
	if diff := cmp.Diff([]string{"t1@x"}, turnIDs(got.Unanswered)); diff != "" {
		t.Errorf("Unanswered mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"q1@x"}, turnIDs(got.Outstanding)); diff != "" {
		t.Fatalf("Outstanding mismatch (-want +got):\n%s", diff)
	}
	turn := got.Outstanding[0]
	if turn.Recipients != 2 || turn.Later != day(6) || len(turn.Nudges) != 1 || turn.Nudges[0].ID != "q2@x" || turn.Mailing {
		t.Errorf("turn = %+v, want two recipients and one nudge", turn)
	}
	if bob := contact(t, l, time.Time{}, "bob@example.net"); len(bob.Outstanding) != 0 {
		t.Errorf("the second in To has %v outstanding, want none", turnIDs(bob.Outstanding))
	}
}

func TestMailingIsMarkedForAll(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	for i := range 6 {
		at := day(0).Add(time.Duration(i) * time.Hour)
		appendMail(t, l, sent, mail(fmt.Sprintf("m%d@x", i), at, fmt.Sprintf("me@example.com > p%d@example.org", i), "Coming?"))
	}
	got := contact(t, l, time.Time{}, "p0@example.org")
	if len(got.Outstanding) != 1 || !got.Outstanding[0].Mailing {
		t.Errorf("Outstanding = %+v, want one mailing", got.Outstanding)
	}
}

func TestBroadcaster(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("w@x", day(0), "me@example.com > ana@example.org", "Hello"))
	for i := range 3 {
		appendMail(t, l, inbox, mail(fmt.Sprintf("b%d@x", i), day(float64(i+1)), "ana@example.org > me@example.com", fmt.Sprint("News ", i)))
	}
	if !contact(t, l, time.Time{}, "ana@example.org").Broadcaster {
		t.Error("three mails without an answer make no broadcaster")
	}
	appendMail(t, l, sent, mail("w2@x", day(9), "me@example.com > ana@example.org", "Thanks"))
	if contact(t, l, time.Time{}, "ana@example.org").Broadcaster {
		t.Error("a word of mine does not end it")
	}
}

func TestIdentitiesFromSent(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	for i := range 3 {
		n := float64(i)
		appendMail(t, l, sent,
			mail(fmt.Sprintf("a%d@x", i), day(n), "Maria_Ey=me@example.com > bob@example.net", "One"),
			mail(fmt.Sprintf("b%d@x", i), day(n+10), "Maria_Ey=maria@example.org > ana@example.net", "Two"),
			mail(fmt.Sprintf("c%d@x", i), day(n+20), "Tim_Aide=tim@example.org > dan@example.net", "For Maria"))
	}
	got, err := l.Identities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []ledger.Identity{
		{Address: "me@example.com", Why: "configured"},
		{Address: "maria@example.org", Why: "From of at least 3 messages in Sent"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Identities() mismatch (-want +got):\n%s", diff)
	}
	if c := contact(t, l, time.Time{}, "ana@example.net"); c.Out != 3 {
		t.Errorf("mail from the derived address: out = %d, want 3", c.Out)
	}
	who := me
	who.NotMe = []string{"maria@example.org"}
	if err := l.SetMe(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	if c := contact(t, l, time.Time{}, "ana@example.net"); c.Out != 0 {
		t.Errorf("after not_me: out = %d, want 0", c.Out)
	}
}

// Of an address under not_me the tag counts; without one it stands for them all.
func TestNotMeWithATag(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("a@x", day(0), "me@example.com > ana@example.net", "One"),
		mail("b@x", day(1), "Me+Assistant@example.com > bob@example.net", "Two"),
		mail("c@x", day(2), "me+shop@example.com > dan@example.net", "Three"))
	for notMe, want := range map[string][]int{"": {1, 1, 1}, "me+assistant@example.com": {1, 0, 1}, "me@example.com": {0, 0, 0}} {
		who := me
		who.NotMe = []string{notMe}
		if err := l.SetMe(t.Context(), who); err != nil {
			t.Fatal(err)
		}
		var got []int
		for _, a := range []string{"ana@example.net", "bob@example.net", "dan@example.net"} {
			got = append(got, contact(t, l, time.Time{}, a).Out)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("mail out with not_me %q (-want +got):\n%s", notMe, diff)
		}
	}
}

// Copies of one message under several ids, and several readings of it, are one.
func TestIdentitiesCountMessages(t *testing.T) {
	of := func(id, subject string) ledger.Mail {
		return mail(id, day(0), "Maria_Ey=maria@example.org > ana@example.net", subject)
	}
	for name, test := range map[string]struct {
		mails []ledger.Mail
		want  int
	}{
		"three messages":   {[]ledger.Mail{of("a@x", "One"), of("b@x", "Two"), of("c@x", "Three")}, 2},
		"three ids of one": {[]ledger.Mail{of("a@x", "One"), of("b@x", "One"), of("c@x", "One")}, 1},
		"and another":      {[]ledger.Mail{of("a@x", "One"), of("b@x", "One"), of("c@x", "One"), of("d@x", "Two")}, 1},
		"readings of one":  {[]ledger.Mail{of("a@x", "One"), of("a@x", "Two"), of("a@x", "Three")}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t, t.TempDir(), me)
			appendMail(t, l, sent, mail("me@x", day(0), "Maria_Ey=me@example.com > bob@example.net", "Hi"))
			appendMail(t, l, sent, test.mails...)
			if got, err := l.Identities(t.Context()); err != nil || len(got) != test.want {
				t.Errorf("Identities() = %v, %v, want %d", got, err, test.want)
			}
		})
	}
}

func TestConfiguredPeople(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("a@x", day(0), "me@example.com > ana@example.org", "Hi"),
		mail("b@x", day(1), "me@example.com > ana.lima@example.net", "Hi again"),
		mail("c@x", day(2), "me@example.com > joe@acme.example", "Hi Joe"),
		mail("d@x", day(3), "me@example.com > spam@shop.example", "Hi shop"))
	who := me
	who.Ignore = []string{"*@shop.example"}
	who.People = []ledger.Person{
		{Addresses: []string{"ana@example.org", "Ana.Lima@example.net"}, Name: "Ana L.", Circle: "close"},
		{Addresses: []string{"*@acme.example"}, Circle: "network", Muted: true},
		{Addresses: []string{"new@example.net"}, Name: "New"},
	}
	if err := l.SetMe(t.Context(), who); err != nil {
		t.Fatal(err)
	}
	type row struct {
		Name, Circle string
		Addresses    []string
		Muted        bool
		Out          int
	}
	var got []row
	for _, c := range snapshot(t, l, time.Time{}).Contacts {
		got = append(got, row{c.Name, c.Circle, c.Addresses, c.Muted, c.Out})
	}
	slices.SortFunc(got, func(a, b row) int { return strings.Compare(a.Addresses[0], b.Addresses[0]) })
	want := []row{
		{"Ana L.", "close", []string{"ana.lima@example.net", "ana@example.org"}, false, 2},
		{"", "network", []string{"joe@acme.example"}, true, 1},
		{"New", "", []string{"new@example.net"}, false, 0},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contacts mismatch (-want +got):\n%s", diff)
	}
	if err := l.SetMe(t.Context(), me); err != nil {
		t.Fatal(err)
	}
	if n := len(snapshot(t, l, time.Time{}).Contacts); n != 4 {
		t.Errorf("after taking the lines away there are %d contacts, want 4", n)
	}
}

func TestNamesAndRoles(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("1@x", day(0), "me@example.com > ana.lima@example.org info@example.net desk7@example.net j.doe@gmail.com x1@example.net", "Hi"))
	appendMail(t, l, inbox,
		mail("2@x", day(1), "Kim_Oh=desk7@example.net > me@example.com", "1"),
		mail("3@x", day(2), "Lea_Fux=desk7@example.net > me@example.com", "2"),
		mail("4@x", day(3), "Max_Rau=desk7@example.net > me@example.com", "3"),
		mail("5@x", day(4), "John_Doe=jdoe@gmail.com > me@example.com", "4"))
	type row struct {
		Name       string
		Read, Role bool
	}
	got := map[string]row{}
	for _, c := range snapshot(t, l, time.Time{}).Contacts {
		got[c.Addresses[0]] = row{c.Name, c.NameRead, c.Role}
	}
	want := map[string]row{
		"ana.lima@example.org": {"Ana Lima", true, false},
		"info@example.net":     {"", false, true},
		"desk7@example.net":    {"Max Rau", false, true},
		"j.doe@gmail.com":      {"John Doe", false, false},
		"x1@example.net":       {"", false, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names mismatch (-want +got):\n%s", diff)
	}
}

func meeting(uid string, n float64, who string) ledger.MeetingInstance {
	m := ledger.MeetingInstance{UID: uid, Start: day(n), End: day(n).Add(time.Hour), KnownAt: day(n - 3), Title: "Talk " + uid}
	for i, f := range strings.Fields(who) {
		address, status, _ := strings.Cut(f, "/")
		role := ledger.RoleAttendee
		if i == 0 && strings.HasPrefix(address, "!") {
			address, role = address[1:], ledger.RoleOrganizer
		}
		m.People = append(m.People, ledger.Participant{Address: address, Role: role, Status: status})
	}
	return m
}

func object(href string, m ...ledger.MeetingInstance) ledger.Object {
	return ledger.Object{Href: href, ETag: `"1"`, Meetings: m}
}

// with is a meeting on the first day that is changed.
func with(who string, change func(*ledger.MeetingInstance)) ledger.MeetingInstance {
	m := meeting("m", 1, who)
	change(&m)
	return m
}

func TestMeetingsThatCount(t *testing.T) {
	crowd := "!me@example.com ana@example.org/ACCEPTED"
	for i := range 7 {
		crowd += fmt.Sprintf(" p%d@example.org/ACCEPTED", i)
	}
	series := meeting("s", 1, "!me@example.com ana@example.org/ACCEPTED a@example.org/ACCEPTED b@example.org/ACCEPTED")
	series.Series = true
	cancelled := meeting("c", 1, "!me@example.com ana@example.org/ACCEPTED")
	cancelled.Cancelled = true
	tests := []struct {
		name string
		m    ledger.MeetingInstance
		want int
	}{
		{"I organised it", meeting("m", 1, "!me@example.com ana@example.org/NEEDS-ACTION"), 1},
		{"they declined", meeting("m", 1, "!me@example.com ana@example.org/DECLINED"), 0},
		{"I accepted", meeting("m", 1, "!zoe@example.net me@example.com/ACCEPTED ana@example.org/ACCEPTED"), 1},
		{"I declined", meeting("m", 1, "!zoe@example.net me@example.com/DECLINED ana@example.org/ACCEPTED"), 0},
		{"a stranger invited me", meeting("m", 1, "!zoe@example.net me@example.com/NEEDS-ACTION ana@example.org/ACCEPTED"), 0},
		{"somebody I wrote to invited me", meeting("m", 1, "!ana@example.org me@example.com/NEEDS-ACTION"), 1},
		{"they invited me before I wrote", meeting("m", -2, "!ana@example.org me@example.com/NEEDS-ACTION"), 0},
		{"by my own hand", meeting("m", 1, "ana@example.org"), 1},
		{"somebody else's meeting", meeting("m", 1, "!zoe@example.net ana@example.org/ACCEPTED"), 0},
		{"nine people", meeting("m", 1, crowd+" q@example.org"), 0},
		{"a series of four", series, 0},
		{"eight people, six of them without an address", with("!me@example.com ana@example.org", func(m *ledger.MeetingInstance) { m.Unlisted = 6 }), 1},
		{"nine people, seven of them without an address", with("!me@example.com ana@example.org", func(m *ledger.MeetingInstance) { m.Unlisted = 7 }), 0},
		{"a series of three, one of them without an address", with("!me@example.com ana@example.org", func(m *ledger.MeetingInstance) { m.Unlisted, m.Series = 1, true }), 1},
		{"a series of four, two of them without an address", with("!me@example.com ana@example.org", func(m *ledger.MeetingInstance) { m.Unlisted, m.Series = 2, true }), 0},
		{"by another hand", with("ana@example.org", func(m *ledger.MeetingInstance) { m.Theirs = true }), 0},
		{"by another hand, and I accepted", with("me@example.com/ACCEPTED ana@example.org", func(m *ledger.MeetingInstance) { m.Theirs = true }), 1},
		{"all day", with("!me@example.com ana@example.org", func(m *ledger.MeetingInstance) { m.AllDay = true }), 0},
		{"nine with a room and a group", with("!me@example.com ana@example.org p0@example.org p1@example.org p2@example.org p3@example.org p4@example.org p5@example.org",
			func(m *ledger.MeetingInstance) {
				m.People = append(m.People, ledger.Participant{Address: "blue@example.com", Role: ledger.RoleAttendee, Thing: true},
					ledger.Participant{Address: "all@example.com", Role: ledger.RoleAttendee, Thing: true})
			}), 1},
		{"they are a room", with("!me@example.com ana@example.org", func(m *ledger.MeetingInstance) { m.People[1].Thing = true }), 0},
		{"I am tentative, and wrote before", meeting("m", 1, "!ana@example.org me@example.com/TENTATIVE"), 1},
		{"I am tentative, a stranger's", meeting("m", 1, "!zoe@example.net me@example.com/TENTATIVE ana@example.org/ACCEPTED"), 0},
		{"I delegated it", meeting("m", 1, "!ana@example.org me@example.com/DELEGATED"), 0},
		{"cancelled", cancelled, 0},
		{"an entry of syncd", meeting("syncd-abc-x-0", 1, "!me@example.com ana@example.org"), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := openLedger(t, t.TempDir(), me)
			appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org", "Hi"))
			appendObjects(t, l, day(5), nil, object("/1.ics", tt.m))
			got := contact(t, l, day(5), "ana@example.org")
			if got.Met != tt.want || len(got.Meetings) != tt.want {
				t.Errorf("met = %d, meetings = %d, want %d", got.Met, len(got.Meetings), tt.want)
			}
		})
	}
}

func TestMeetingMakesAContactOnceItIsOver(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendObjects(t, l, day(0), nil, object("/1.ics", meeting("m", 2, "!me@example.com ana@example.org/ACCEPTED")))
	before := snapshot(t, l, day(1))
	if len(before.Contacts) != 0 || len(before.Busy) != 1 {
		t.Errorf("before: %d contacts, busy %v, want none and one interval", len(before.Contacts), before.Busy)
	}
	for range 2 { // the second from the refreshed summary
		got := contact(t, l, day(3), "ana@example.org")
		if got.Met != 1 || got.LastMet.ID != "m" || got.Exchanges.Count != 1 || got.Stage != 1 {
			t.Errorf("after: met = %d by %q, %d exchanges, stage %d", got.Met, got.LastMet.ID, got.Exchanges.Count, got.Stage)
		}
	}
	if n := len(snapshot(t, l, day(1)).Contacts); n != 0 {
		t.Errorf("looking back: %d contacts, want none", n)
	}
}

func TestMeetingSupersession(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	who := "!me@example.com ana@example.org/ACCEPTED"
	appendMail(t, l, sent, mail("a@x", day(-9), "me@example.com > ana@example.org", "Hi"))
	appendObjects(t, l, day(0), nil, object("/1.ics", meeting("1", 2, who)), object("/2.ics", meeting("2", 4, who)), object("/3.ics", meeting("3", 9, who)))
	appendObjects(t, l, day(1), nil, object("/1.ics", meeting("1", 3, who))) // moved
	appendObjects(t, l, day(5), []string{"/1.ics", "/3.ics"})                // pruned, and called off
	got := ids(contact(t, l, day(20), "ana@example.org").Meetings, func(e planner.Encounter) string { return e.ID + e.At.Format(" 02") })
	if diff := cmp.Diff([]string{"1 05", "2 06"}, got); diff != "" {
		t.Errorf("Meetings mismatch (-want +got):\n%s", diff)
	}
	etags, err := l.Objects(t.Context(), cal)
	if diff := cmp.Diff(map[string]string{"/2.ics": `"1"`}, etags); diff != "" || err != nil {
		t.Errorf("Objects() mismatch (-want +got), %v:\n%s", err, diff)
	}
}

// instance is a meeting of a series on a day, by its original start.
func instance(uid string, n, original float64, who string) ledger.MeetingInstance {
	m := meeting(uid, n, who)
	m.RecurrenceID, m.Series = day(original).Format("20060102T150405Z"), true
	return m
}

// met gives when the meetings of a contact were, as days.
func met(t *testing.T, l *ledger.Ledger, address string) []string {
	t.Helper()
	return ids(contact(t, l, time.Time{}, address).Meetings, func(e planner.Encounter) string { return e.At.Format("02 15:04") })
}

// days is what met gives for these.
func days(all ...float64) []string {
	out := []string{}
	for _, n := range all {
		out = append(out, day(n).Format("02 15:04"))
	}
	return out
}

// What a calendar said before, and what it says now. A step without an object
// deletes it.
func TestSeriesSupersession(t *testing.T) {
	const who, uid = "!me@example.com ana@example.org/ACCEPTED", "s"
	on := func(all ...float64) *ledger.Object {
		o := object("/s.ics")
		for _, n := range all {
			o.Meetings = append(o.Meetings, instance(uid, n, n, who))
		}
		return &o
	}
	moved := on(1, 8)
	moved.Meetings = append(moved.Meetings, instance(uid, 16, 15, who))
	off := on(1, 8, 15)
	off.Meetings[2].Cancelled = true
	single := object("/s.ics", meeting(uid, 1, who))
	later := object("/s.ics", meeting(uid, 30, who))
	retitled := on(1, 8, 15)
	for i := range retitled.Meetings {
		retitled.Meetings[i].Title = "Another"
	}
	crowded, moves := object("/s.ics", instance(uid, 1, 1, who+" zoe@example.net"), instance(uid, 8, 8, who)), on(8)
	moves.Meetings = append(moves.Meetings, instance(uid, 2, 1, who))
	few := on(8, 15)
	few.Since = day(8)
	type step struct {
		at float64
		o  *ledger.Object
	}
	tests := []struct {
		name  string
		steps []step
		want  []string
	}{
		{"as it was", []step{{0, on(1, 8, 15)}}, days(1, 8, 15)},
		{"one moved", []step{{0, on(1, 8, 15)}, {10, moved}}, days(1, 8, 16)},
		{"one called off", []step{{0, on(1, 8, 15)}, {10, off}}, days(1, 8)},
		{"one to come is taken out", []step{{0, on(1, 8, 15)}, {7, on(1, 15)}}, days(1, 15)},
		{"one is taken out after its end", []step{{0, on(1, 8, 15)}, {10, on(1, 15)}}, days(1, 8, 15)},
		{"and again", []step{{0, on(1, 8, 15)}, {10, on(1, 15)}, {11, on(1, 15)}}, days(1, 8, 15)},
		{"and put back", []step{{0, on(1, 8, 15)}, {10, on(1, 15)}, {11, on(1, 8, 15)}}, days(1, 8, 15)},
		{"one is taken out while it lasts", []step{{0, on(1, 8, 15)}, {8.01, on(1, 15)}}, days(1, 15)},
		{"the old ones are pruned", []step{{0, on(1, 8, 15)}, {10, on(15, 22)}}, days(1, 8, 15, 22)},
		{"the old ones are too many", []step{{0, on(1, 8, 15)}, {10, few}}, days(8, 15)},
		{"ended early", []step{{0, on(1, 8, 15)}, {10, on(1, 8)}}, days(1, 8)},
		{"retitled", []step{{0, on(1, 8, 15)}, {10, retitled}}, days(1, 8, 15)},
		{"one moved after its end, and all deleted", []step{{0, &crowded}, {10, moves}, {11, nil}}, days(2, 8)},
		{"on another weekday, all of it", []step{{0, on(1, 8, 15)}, {10, on(2, 9, 16)}}, days(2, 9, 16)},
		{"deleted", []step{{0, on(1, 8, 15)}, {10, nil}}, days(1, 8)},
		{"deleted while one lasts", []step{{0, on(1, 8, 15)}, {8.01, nil}}, days(1)},
		{"deleted and put back", []step{{0, on(1, 8, 15)}, {10, nil}, {11, on(1, 8, 15)}}, days(1, 8, 15)},
		{"a single one becomes a series", []step{{0, &single}, {10, on(1, 8, 15)}}, days(1, 8, 15)},
		{"a single one moves after its end", []step{{0, &single}, {10, &later}}, days(30)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := openLedger(t, t.TempDir(), me)
			for _, s := range tt.steps {
				if s.o == nil {
					appendObjects(t, l, day(s.at), []string{"/s.ics"})
				} else {
					appendObjects(t, l, day(s.at), nil, *s.o)
				}
			}
			h, err := l.Hash(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if err := l.Rebuild(t.Context()); err != nil {
				t.Fatal(err)
			}
			if again, err := l.Hash(t.Context()); err != nil || again != h {
				t.Errorf("Hash() = %s after Rebuild, %v; want %s", again, err, h)
			}
			if diff := cmp.Diff(tt.want, met(t, l, "ana@example.org")); diff != "" {
				t.Errorf("meetings mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// One meeting in several calendars is one, whichever came first, and wherever
// it went from there.
func TestMeetingInSeveralCalendars(t *testing.T) {
	const who = "!ana@example.org me@example.com/NEEDS-ACTION ana@example.org/ACCEPTED"
	invited := meeting("m", 2, who)
	accepted := meeting("m", 2, strings.Replace(who, "NEEDS-ACTION", "ACCEPTED", 1))
	declined := meeting("m", 2, strings.Replace(who, "NEEDS-ACTION", "DECLINED", 1))
	off := accepted
	off.Cancelled = true
	moved := accepted
	moved.Start, moved.End = day(3), day(3).Add(time.Hour)
	home := ledger.SourceID{Account: "home", Type: ledger.Calendar, Name: "https://cal.example.net/me/"}
	// Which of two is taken must not hang on chance, so there are five.
	holds := func(source ledger.SourceID, at float64, m ledger.MeetingInstance) ledger.Batch {
		o := object("/m.ics")
		for i := range 5 {
			m.UID, m.Title = fmt.Sprint("m", i), fmt.Sprint("Talk ", i)
			o.Meetings = append(o.Meetings, m)
		}
		return ledger.Batch{Source: source, At: day(at), Objects: []ledger.Object{o}, Cursor: ledger.Cursor{SyncToken: "1", Complete: true}}
	}
	gone := func(source ledger.SourceID, at float64) ledger.Batch {
		return ledger.Batch{Source: source, At: day(at), Gone: []string{"/m.ics"}, Cursor: ledger.Cursor{SyncToken: "1", Complete: true}}
	}
	tests := []struct {
		name    string
		batches []ledger.Batch
		want    []string
	}{
		{"the same in both", []ledger.Batch{holds(cal, 0, accepted), holds(home, 0, accepted)}, days(2, 2, 2, 2, 2)},
		{"one knows my answer", []ledger.Batch{holds(cal, 0, accepted), holds(home, 0, invited)}, days(2, 2, 2, 2, 2)},
		{"I declined in one", []ledger.Batch{holds(cal, 0, declined), holds(home, 0, invited)}, days()},
		{"one knows that it is off", []ledger.Batch{holds(cal, 0, off), holds(home, 0, accepted)}, days()},
		{"to another account, before", []ledger.Batch{holds(cal, 0, accepted), holds(home, 1, accepted), gone(cal, 1)}, days(2, 2, 2, 2, 2)},
		{"the deletion first", []ledger.Batch{holds(cal, 0, accepted), gone(cal, 1), holds(home, 1, accepted)}, days(2, 2, 2, 2, 2)},
		{"to another account, afterwards", []ledger.Batch{holds(cal, 0, accepted), holds(home, 4, accepted), gone(cal, 4)}, days(2, 2, 2, 2, 2)},
		{"and to another time", []ledger.Batch{holds(cal, 0, accepted), holds(home, 4, moved), gone(cal, 4)}, days(3, 3, 3, 3, 3)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for range 2 {
				l := openLedger(t, t.TempDir(), me)
				for _, b := range tt.batches {
					if err := l.Append(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				if diff := cmp.Diff(tt.want, met(t, l, "ana@example.org")); diff != "" {
					t.Errorf("meetings mismatch (-want +got):\n%s", diff)
				}
				if tt.batches[0].At.Equal(tt.batches[1].At) {
					slices.Reverse(tt.batches[:2])
				}
			}
		})
	}
}

func absence(from, to, person string, known float64) ledger.Absence {
	return ledger.Absence{From: from, To: to, Person: person, KnownAt: day(known)}
}

func TestAbsences(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	away := func(href string, all ...ledger.Absence) ledger.Object {
		return ledger.Object{Href: href, ETag: `"1"`, Absences: all}
	}
	check := func(what string, at time.Time, all ...ledger.Absence) {
		t.Helper()
		var want []planner.DateRange
		for _, a := range all {
			want = append(want, planner.DateRange{From: planner.Date(a.From), To: planner.Date(a.To)})
		}
		if diff := cmp.Diff(want, snapshot(t, l, at).Absent); diff != "" {
			t.Errorf("%s: Absent mismatch (-want +got):\n%s", what, diff)
		}
	}
	vacation := absence("2026-07-06", "2026-07-19", "", -20)
	mine := absence("2026-03-10", "2026-03-10", "me@example.com", 1)
	colleagues := absence("2026-03-11", "2026-03-12", "bo@example.com", 1)
	off, again := absence("2026-05-01", "2026-05-01", "", 3), absence("2026-05-08", "2026-05-08", "", 3)
	first := []ledger.Object{
		away("/1.ics", vacation, vacation),
		away("/2.ics", mine, colleagues),
		away("/3.ics", absence("2026-03-10", "2026-03-10", "", 2)), // told twice
		away("/4.ics", off, again),
	}
	appendObjects(t, l, day(5), nil, first...)
	check("all", time.Time{}, mine, off, again, vacation)
	check("before they were known", day(0), vacation)
	if n := len(snapshot(t, l, time.Time{}).Contacts); n != 0 {
		t.Errorf("%d contacts, want none", n)
	}

	changed := l.Changed()
	appendObjects(t, l, day(5), nil, first...)
	select {
	case <-changed:
		t.Error("the same again is a change")
	default:
	}
	vacation = absence("2026-07-13", "2026-07-19", "", -20)
	second := []ledger.Object{away("/1.ics", vacation), away("/4.ics")}
	appendObjects(t, l, day(6), []string{"/2.ics", "/3.ics"}, second...)
	check("shortened, retitled, deleted", time.Time{}, vacation)
	select {
	case <-changed:
	default:
		t.Error("an absence that changed is no change")
	}

	l.Close()
	if err := os.Remove(filepath.Join(dir, "ledger.db")); err != nil {
		t.Fatal(err)
	}
	l = openLedger(t, dir, me)
	check("wiped", time.Time{})
	appendObjects(t, l, day(7), nil, second...)
	check("read anew", time.Time{}, vacation)

	bo := me
	bo.Addresses = []string{"bo@example.com"}
	appendObjects(t, l, day(7), nil, first[1])
	if err := l.SetMe(t.Context(), bo); err != nil {
		t.Fatal(err)
	}
	check("as the colleague", time.Time{}, colleagues, vacation)
}

// What an older ledger has read is read again for the absences in it.
func TestCalendarsAreReadAnewForAbsences(t *testing.T) {
	dir := t.TempDir()
	var old strings.Builder
	for _, name := range []string{"0001", "0002", "0003"} {
		text, err := os.ReadFile("migrations/" + name + ".sql")
		if err != nil {
			t.Fatal(err)
		}
		old.Write(text)
	}
	raw(t, filepath.Join(dir, "ledger.db"), old.String()+`;
		INSERT INTO source (account, type, name, reached_at, sync_token, complete) VALUES
			('work', 'calendar', 'https://dav.example.com/me/', 1772442000, '1', 1), ('work', 'mailbox', 'Sent', 1772442000, '', 1);
		PRAGMA application_id = 1937337956; PRAGMA user_version = 3;`)
	l := openLedger(t, dir, me)
	for source, want := range map[ledger.SourceID]time.Time{cal: {}, sent: base} {
		if c, err := l.Cursor(t.Context(), source); err != nil || !c.Complete || !c.Reached.Equal(want) {
			t.Errorf("Cursor(%s) = %+v, %v; want it reached at %v", source.Name, c, err, want)
		}
	}
}

func TestMailboxThatTurnsOutToBeSent(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	m := mail("a@x", day(0), "me@example.com > ana@example.org", "Hi")
	b := ledger.Batch{Source: sent, At: day(300), Mail: []ledger.Mail{m}, Cursor: ledger.Cursor{UIDValidity: 1, Highest: 1, Lowest: 1, Complete: true}}
	for i, want := range []int{0, 1} {
		b.Sent = i == 1
		if err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
		if got := contact(t, l, time.Time{}, "ana@example.org").Out; got != want {
			t.Errorf("Sent = %v: out = %d, want %d", b.Sent, got, want)
		}
	}
}

func TestUIDValidityChangeDoublesNothing(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	m := mail("a@x", day(0), "me@example.com > ana@example.org", "Hi")
	appendMail(t, l, sent, m)
	before, _ := l.Hash(t.Context())
	m.UID, m.Delivered = 77, false
	b := ledger.Batch{Source: sent, At: day(300), Mail: []ledger.Mail{m}, Reset: true, Sent: true, Cursor: ledger.Cursor{UIDValidity: 2, Highest: 77, Lowest: 1, Complete: true}}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if after, _ := l.Hash(t.Context()); after != before {
		t.Error("the ledger changed")
	}
	if c, err := l.Cursor(t.Context(), sent); err != nil || c != b.Cursor {
		t.Errorf("Cursor() = %+v, %v, want %+v", c, err, b.Cursor)
	}
}

func TestHealth(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	b := ledger.Batch{
		Source: inbox, At: day(1), Total: 40, Cursor: ledger.Cursor{UIDValidity: 1, Highest: 40, Lowest: 30, Reached: day(-9)},
		Mail:    []ledger.Mail{mail("a@x", day(0), "ana@example.org > me@example.com", "Hi"), {ID: "n@x", Noise: "list-id", At: day(0)}},
		Skipped: []ledger.Skip{{Where: "31", Reason: "no header"}},
	}
	for range 2 {
		if err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(l.SourceOK(t.Context(), inbox, day(1)), l.SourceFailed(t.Context(), inbox, day(2), "no answer")); err != nil {
		t.Fatal(err)
	}
	got, err := l.Health(t.Context())
	want := []ledger.SourceHealth{{
		Source: inbox, OKAt: day(1), FailingSince: day(2), Error: "no answer", Read: 1, Noise: map[string]int{"list-id": 1},
		Skipped: b.Skipped, Total: 40, Lowest: 30, Reached: day(-9),
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("Health() mismatch (-want +got), %v:\n%s", err, diff)
	}
	s := snapshot(t, l, time.Time{})
	if !slices.Equal(s.Unsent, []string{"work"}) {
		t.Errorf("Unsent = %v, want work", s.Unsent)
	}
}

func TestOpenIsExclusiveAndPrivate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	l := openLedger(t, dir, me)
	_, err := ledger.Open(t.Context(), ledger.Options{Dir: dir})
	if !errors.Is(err, ledger.ErrLocked) || !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Errorf("second Open() = %v, want ErrLocked with the pid", err)
	}
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org", "Hi"))
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, want 0600", e.Name(), info.Mode())
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory has mode %v, want 0700", info.Mode())
	}
}

func TestReader(t *testing.T) {
	dir := t.TempDir()
	if _, err := ledger.OpenReader(t.Context(), dir); !errors.Is(err, ledger.ErrNone) {
		t.Fatalf("OpenReader() without a ledger = %v, want ErrNone", err)
	}
	l := openLedger(t, dir, me)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org", "Hi"))
	check := func(when string) {
		r, err := ledger.OpenReader(t.Context(), dir)
		if err != nil {
			t.Fatalf("%s: OpenReader() = %v", when, err)
		}
		defer r.Close()
		if d, err := r.Contact(t.Context(), "ana@example.org"); err != nil || d.Out != 1 || r.Instance() != l.Instance() {
			t.Errorf("%s: Contact() = %+v, %v", when, d, err)
		}
		if err := r.Rebuild(t.Context()); err == nil {
			t.Errorf("%s: a reader can write", when)
		}
	}
	check("beside a writer")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	check("alone")
}

func TestContactLookup(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("a@x", day(0), "me@example.com > Ana_Lima=ana@example.org", "Hi"),
		mail("b@x", day(1), "me@example.com > Ana_Roth=roth@example.org", "Ho"))
	got, err := l.Contact(t.Context(), "ana lima")
	if err != nil || len(got.Timeline) != 1 || got.Timeline[0].Subject != "Hi" {
		t.Errorf("Contact(name) = %+v, %v", got, err)
	}
	if d, err := l.Contact(t.Context(), string(got.ID)); err != nil || d.Name != "Ana Lima" {
		t.Errorf("Contact(id) = %+v, %v", d, err)
	}
	if _, err := l.Contact(t.Context(), "ana"); err == nil || !strings.Contains(err.Error(), "Ana Roth") {
		t.Errorf("Contact(ambiguous) = %v, want a list", err)
	}
	if _, err := l.Contact(t.Context(), "nobody"); !errors.Is(err, ledger.ErrNobody) {
		t.Errorf("Contact(unknown) = %v, want ErrNobody", err)
	}
}

func TestChangedWakesOnce(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	changed := l.Changed()
	if err := l.SourceOK(t.Context(), inbox, day(0)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-changed:
		t.Error("noting health woke the planner")
	default:
	}
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org", "Hi"))
	<-changed
}

func TestReadersDoNotWaitForTheWriter(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	done := make(chan error, 1)
	go func() {
		for range 20 {
			if _, err := l.Snapshot(t.Context(), day(300), time.Time{}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := range 20 {
		appendMail(t, l, sent, mail(fmt.Sprintf("a%d@x", i), day(float64(i)), "me@example.com > ana@example.org", "Hi"))
	}
	if err := <-done; err != nil {
		t.Errorf("Snapshot() beside Append() = %v", err)
	}
}

func TestCancelledAppendLeavesNothing(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	why := errors.New("stopping")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(why)
	b := ledger.Batch{Source: sent, At: day(1), Sent: true, Mail: []ledger.Mail{mail("a@x", day(0), "me@example.com > ana@example.org", "Hi")}}
	if err := l.Append(ctx, b); !errors.Is(err, why) {
		t.Errorf("Append() = %v, want the cause", err)
	}
	if got, err := l.Health(t.Context()); err != nil || len(got) != 0 {
		t.Errorf("Health() = %v, %v, want nothing", got, err)
	}
}

func TestAddressMasksItself(t *testing.T) {
	if got := ledger.Address("ana@example.org").LogValue().String(); got != "a***@example.org" {
		t.Errorf("LogValue() = %q", got)
	}
}

func TestMigrationsGiveTheSchema(t *testing.T) {
	dir := t.TempDir()
	first, err := os.ReadFile("migrations/0001.sql")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ledger.db")
	raw(t, path, string(first)+"; PRAGMA application_id = 1937337956; PRAGMA user_version = 1;")
	openLedger(t, dir, me).Close()
	if info, err := os.Stat(path + ".v1"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("copy before migrating: %v, %v", info, err)
	}
	whole, err := os.ReadFile("schema.sql")
	if err != nil {
		t.Fatal(err)
	}
	current := filepath.Join(dir, "current.db")
	raw(t, current, string(whole))
	if diff := cmp.Diff(schema(t, current), schema(t, path)); diff != "" {
		t.Errorf("schema mismatch (-schema.sql +migrated):\n%s", diff)
	}
	raw(t, path, "PRAGMA user_version = 99")
	if _, err := ledger.Open(t.Context(), ledger.Options{Dir: dir}); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("Open() of a newer ledger = %v", err)
	}
}

func raw(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func schema(t *testing.T, path string) []string {
	t.Helper()
	return column(t, path, "SELECT coalesce(sql, name) FROM sqlite_master ORDER BY name")
}

func column(t *testing.T, path, q string) (out []string) {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.QueryContext(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestViewsReadWithPlainSQLite(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > Ana_Lima=ana@example.org", "Hi"))
	open, ended := placement(l, "a@x"), placement(l, "b@x")
	ended.Outcome, ended.EndedAt = planner.Acted, day(2)
	if err := errors.Join(l.Intend(t.Context(), open), l.Intend(t.Context(), ended)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "ledger.db")
	for q, want := range map[string][]string{
		`SELECT name || ' ' || "out" || ' ' || addresses FROM contact_summary`:              {"Ana Lima 1 ana@example.org"},
		`SELECT at || ' ' || direction || ' ' || people FROM interaction_log`:               {"2026-03-02 09:00:00 out from:me@example.com to:ana@example.org"},
		`SELECT rule || ' ' || title FROM open_followups`:                                   {"reply-owed Reply to Ana"},
		`SELECT outcome || ' ' || ended FROM outcomes`:                                      {"acted 2026-03-04 09:00:00"},
		`SELECT account || ' ' || name || ' ' || "read" || ' ' || noise FROM source_health`: {"work Sent 1 0"},
	} {
		if diff := cmp.Diff(want, column(t, path, q)); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", q, diff)
		}
	}
}

// scans are the statements that may read a table from end to end.
func mayScan(q string) bool {
	for _, part := range []string{
		"GROUP BY kind, direction, direct", "count(DISTINCT thread_id)", "UPDATE interaction SET group_id = 0", // totals and Rebuild
		"HAVING rooms", // the report looks at everybody
	} {
		if strings.Contains(q, part) {
			return true
		}
	}
	return false
}

func TestQueryPlans(t *testing.T) {
	dir := t.TempDir()
	openLedger(t, dir, me).Close()
	db, err := sql.Open("sqlite3", "file:"+filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, q := range ledger.Queries() {
		for _, step := range plan(t, db, q) {
			for _, table := range []string{"i", "interaction", "m", "p", "participant", "c", "copy", "thread_node"} {
				if strings.TrimSpace(step) == "SCAN "+table && !mayScan(q) && strings.Contains(q, "interaction") {
					t.Errorf("%s\n\treads all of %s", q, table)
				}
			}
		}
	}
}

func plan(t *testing.T, db *sql.DB, q string) (steps []string) {
	t.Helper()
	args := make([]any, strings.Count(q, "?"))
	for i := range args {
		args[i] = 0
	}
	rows, err := db.QueryContext(context.WithoutCancel(t.Context()), "EXPLAIN QUERY PLAN "+q, args...)
	if err != nil {
		t.Errorf("%s: %v", q, err)
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}

// To look at a later time changes nothing that is known.
func TestHashAfterALaterSnapshot(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendObjects(t, l, day(5), nil, object("/1.ics", meeting("1", 8, "!me@example.com ana@example.org/ACCEPTED")))
	before, err := l.Hash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if s := snapshot(t, l, day(9)); len(s.Contacts) != 1 {
		t.Fatalf("%d contacts after the meeting, want one", len(s.Contacts))
	}
	if _, err := l.Snapshot(t.Context(), day(9), time.Time{}); err != nil {
		t.Fatal(err)
	}
	if after, err := l.Hash(t.Context()); err != nil || after != before {
		t.Errorf("Hash() = %v, %v, before %v", after, err, before)
	}
}

// Two are together on a mail that one of them wrote, to however many, and on one of a
// third that goes to few.
func TestTogether(t *testing.T) {
	var many string
	for i := range 40 {
		many += fmt.Sprintf(" x%d@example.org", i)
	}
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("1@x", day(0), "me@example.com > ana@example.org", "One"))
	for i, step := range []struct {
		people string
		counts bool
	}{
		{"bob@example.net > me@example.com ; ana@example.org", true},
		{"bob@example.net > me@example.com ; ana@example.org" + many, false},
		{"ana@example.org > me@example.com" + many, true},
	} {
		at := day(float64(i + 1))
		appendMail(t, l, inbox, mail(fmt.Sprintf("2.%d@x", i), at, step.people, "Two"))
		if got := contact(t, l, time.Time{}, "ana@example.org").TogetherAt; got.Equal(at) != step.counts {
			t.Errorf("after %.60s …: together at %v, counts %t", step.people, got, step.counts)
		}
	}
}
