package ledger_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// Circle and quiet come from the configuration, else from the latest word of the
// user, else from a card; at an earlier time from what had been said by then.
func TestWhoseWordCounts(t *testing.T) {
	const ana = "ana@example.org"
	word := func(at float64, kind ledger.DecisionType, text string) ledger.Decision {
		return ledger.Decision{Type: kind, Who: ana, At: day(at), Text: text}
	}
	line := func(at float64, text string) ledger.Decision {
		return ledger.Decision{Type: ledger.DecideNoted, UID: "e1", Who: ana, At: day(at), Text: text}
	}
	tests := []struct {
		name       string
		configured ledger.Person
		card       string
		said       []ledger.Decision
		at         float64 // 0: now
		want       planner.Contact
	}{
		{name: "nobody", want: planner.Contact{}},
		{name: "a card", card: "light", want: planner.Contact{Circle: "light", CircleBy: planner.Evidence{Type: planner.Card, ID: "c1"}}},
		{
			name: "a command before a card", card: "light", said: []ledger.Decision{word(5, ledger.DecideCircle, "Network")},
			want: planner.Contact{Circle: "network", CircleBy: planner.Evidence{Type: planner.Note, At: day(5)}},
		},
		{
			name: "before the command, a card", card: "light", said: []ledger.Decision{word(5, ledger.DecideCircle, "network")}, at: 4,
			want: planner.Contact{Circle: "light", CircleBy: planner.Evidence{Type: planner.Card, ID: "c1"}},
		},
		{
			name: "a line before a card", card: "light", said: []ledger.Decision{line(5, "circle: close")},
			want: planner.Contact{Circle: "close", CircleBy: planner.Evidence{Type: planner.Gesture, ID: "e1", At: day(5)}},
		},
		{
			name: "the later of line and command", said: []ledger.Decision{line(5, "circle: close"), word(6, ledger.DecideCircle, "network")},
			want: planner.Contact{Circle: "network", CircleBy: planner.Evidence{Type: planner.Note, At: day(6)}},
		},
		{
			name: "a line that stood there before is no new word",
			said: []ledger.Decision{line(5, "circle: close"), word(6, ledger.DecideCircle, "network"), line(7, "circle: close\nher dog is Max")},
			want: planner.Contact{Circle: "network", CircleBy: planner.Evidence{Type: planner.Note, At: day(6)}},
		},
		{
			name: "a line that is gone counts no more", card: "light", said: []ledger.Decision{line(5, "circle: close"), line(6, "a dog")},
			want: planner.Contact{Circle: "light", CircleBy: planner.Evidence{Type: planner.Card, ID: "c1"}},
		},
		{
			name: "taken out", card: "light", said: []ledger.Decision{word(5, ledger.DecideCircle, "close"), word(5, ledger.DecideCircle, "")},
			want: planner.Contact{Circle: "light", CircleBy: planner.Evidence{Type: planner.Card, ID: "c1"}},
		},
		{
			name: "a circle that is not configured", said: []ledger.Decision{word(5, ledger.DecideCircle, "close"), line(6, "circle: friends")},
			want: planner.Contact{
				Circle: "close", CircleBy: planner.Evidence{Type: planner.Note, At: day(5)},
				CircleUnknown: "friends", CircleUnknownBy: planner.Evidence{Type: planner.Gesture, ID: "e1", At: day(6)},
			},
		},
		{
			name: "the configuration", configured: ledger.Person{Circle: "close"}, card: "light",
			said: []ledger.Decision{word(5, ledger.DecideCircle, "network")}, want: planner.Contact{Circle: "close"},
		},
		{
			name: "muted", said: []ledger.Decision{word(5, ledger.DecideMuted, "")},
			want: planner.Contact{Muted: true, MutedBy: planner.Evidence{Type: planner.Note, At: day(5)}},
		},
		{name: "not yet muted", said: []ledger.Decision{word(5, ledger.DecideMuted, "")}, at: 4},
		{
			name: "muted, and not any more, in one second",
			said: []ledger.Decision{word(5, ledger.DecideMuted, ""), word(5, ledger.DecideUnmuted, "")},
		},
		{
			name: "not muted, and then muted, in one second",
			said: []ledger.Decision{word(5, ledger.DecideUnmuted, ""), word(5, ledger.DecideMuted, "")},
			want: planner.Contact{Muted: true, MutedBy: planner.Evidence{Type: planner.Note, At: day(5)}},
		},
		{
			name: "muted by the configuration", configured: ledger.Person{Muted: true}, said: []ledger.Decision{word(5, ledger.DecideUnmuted, "")},
			want: planner.Contact{Muted: true},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			who := me
			who.Circles = []string{"close", "network", "light"}
			tt.configured.Addresses = []string{ana}
			who.People = []ledger.Person{tt.configured}
			dir := t.TempDir()
			l := openLedger(t, dir, who)
			c := card("c1", "Ana Lima", ana)
			c.Circle = tt.card
			appendCards(t, l, day(-1), nil, c)
			for _, d := range tt.said {
				decide(t, l, d)
			}
			at := time.Time{}
			if tt.at > 0 {
				at = day(tt.at)
			}
			check := func(l *ledger.Ledger, when string) {
				t.Helper()
				c := contact(t, l, at, ana)
				got := planner.Contact{
					Circle: c.Circle, CircleBy: c.CircleBy, Muted: c.Muted, MutedBy: c.MutedBy,
					CircleUnknown: c.CircleUnknown, CircleUnknownBy: c.CircleUnknownBy,
				}
				for _, e := range []*planner.Evidence{&got.CircleBy, &got.MutedBy} {
					if e.Type == planner.Note {
						e.ID = "" // made of what was said
					}
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", when, diff)
				}
			}
			check(l, "at once")
			l = lost(t, l, dir, who)
			appendCards(t, l, day(-1), nil, c)
			check(l, "after the loss of the database")
		})
	}
}

// A meeting that the user reports is one like others: with somebody who has a card
// alone it is the first, asks for a word, and ends with it.
func TestLoggedMeetingIsAMeeting(t *testing.T) {
	policy := planner.DefaultPolicy()
	policy.Zone = time.UTC
	plan := func(l *ledger.Ledger, at time.Time) planner.Result {
		t.Helper()
		s := snapshot(t, l, at)
		s.Whole, s.FirstRunAt = true, day(-30)
		return planner.Plan(s, policy, at)
	}
	l := openLedger(t, t.TempDir(), me)
	appendCards(t, l, day(-20), nil, card("c1", "Susan Hall"))
	appendMail(t, l, inbox, mail("a@x", day(-3), "Ana_Lima=ana@example.org > me@example.com", "Hello"))
	for i, who := range []string{"c1", "ana@example.org"} {
		decide(t, l, ledger.Decision{
			Type: ledger.DecideLogged, Kind: ledger.KindMeeting, Who: who, At: day(float64(i) / 24), To: day(0), Text: "met in the waiting room",
		})
	}
	for _, c := range snapshot(t, l, day(1)).Contacts {
		if c.Met != 1 || c.LastMet.Type != planner.Note || c.Reported || c.Exchanges.Count != 1 || c.Stage != 1 ||
			len(c.Meetings) != 1 || !c.Meetings[0].Organised || c.Meetings[0].People != 2 || !c.Meetings[0].End.Equal(day(0)) {
			t.Errorf("%s: %+v", c.Name, c)
		}
	}
	var got []string
	for _, f := range plan(l, day(0.1)).FollowUps {
		if f.Rule == planner.FirstMeeting {
			got = append(got, fmt.Sprint(f.Title, f.Due.Format(" 2 Jan 15:04, "), f.Evidence[0].Type, " ", f.Evidence[0].Subject))
		}
	}
	slices.Sort(got)
	want := []string{
		"Follow up with Ana Lima (met 2 March) 2 Mar 16:00, note met in the waiting room",
		"Follow up with Susan Hall (met 2 March) 2 Mar 16:00, note met in the waiting room",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("follow-ups (-want +got):\n%s", diff)
	}
	// It was told on that day, and not known before.
	if c := contact(t, l, day(0.02), "ana@example.org"); c.Met != 0 {
		t.Errorf("an hour before it was told: met %d times", c.Met)
	}
	decide(t, l, ledger.Decision{Type: ledger.DecideLogged, Kind: ledger.KindCall, Who: "c1", At: day(0.05), Text: "talked"})
	appendMail(t, l, sent, mail("b@x", day(0.05), "me@example.com > ana@example.org", "Good to meet you"))
	for _, f := range plan(l, day(0.1)).FollowUps {
		if f.Rule == planner.FirstMeeting {
			t.Errorf("after a word there is still %q", f.Title)
		}
	}
}

// What is logged of a day on which there is a meeting already tells of that one.
func TestLoggedMeetingIsNoSecondOne(t *testing.T) {
	const ana = "ana@example.org"
	l := openLedger(t, t.TempDir(), me)
	logged := func(at float64) {
		decide(t, l, ledger.Decision{Type: ledger.DecideLogged, Kind: ledger.KindMeeting, Who: ana, At: day(at + 0.1), To: day(at), Text: "a dog"})
	}
	logged(0.2)
	if err := l.Append(t.Context(), ledger.Batch{
		Source: cal, At: day(1), Cursor: ledger.Cursor{SyncToken: "1", Complete: true},
		Objects: []ledger.Object{object("/1.ics", meeting("u1", 0, "!me@example.com "+ana+"/ACCEPTED"))},
	}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		day  float64
		met  int
		last planner.EvidenceType
	}{{0, 1, planner.Meeting}, {3, 2, planner.Note}, {3.1, 2, planner.Note}, {4, 3, planner.Note}} {
		if want.day > 0 {
			logged(want.day)
		}
		if c := contact(t, l, time.Time{}, ana); c.Met != want.met || len(c.Meetings) != want.met || c.LastMet.Type != want.last {
			t.Errorf("after day %v: met %d times, last by %s; want %d, %s", want.day, c.Met, c.LastMet.Type, want.met, want.last)
		}
	}
}

// What the user reports of themselves is their word: it answers a mail and begins
// the days of rest, and does not answer for the other.
func TestReportedWord(t *testing.T) {
	policy := planner.DefaultPolicy()
	policy.Zone = time.UTC
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, inbox, mail("a@x", day(0), "Ana_Lima=ana@example.org > me@example.com", "A question"))
	appendMail(t, l, sent,
		mail("b@x", day(0), "me@example.com > Ben_Ode=ben@example.org", "A question?"),
		mail("c@x", day(-90), "me@example.com > Ana_Lima=ana@example.org", "Hi"),
	)
	for _, who := range []string{"ana@example.org", "ben@example.org"} {
		decide(t, l, ledger.Decision{Type: ledger.DecideLogged, Kind: ledger.KindNote, Who: who, At: day(2), To: day(1), Text: "talked"})
	}
	s := snapshot(t, l, day(3))
	s.Whole, s.FirstRunAt = true, day(-30)
	for _, rule := range []planner.Rule{planner.ReplyOwed, planner.Awaiting} {
		who, id := "ana@example.org", "a@x"
		if rule == planner.Awaiting {
			who, id = "ben@example.org", "b@x"
		}
		k := planner.Key{Rule: rule, Evidence: id, Who: who}
		s.Open = append(s.Open, planner.Open{Key: k, UID: id, Contact: contact(t, l, day(3), who).ID, Slot: day(3), Start: day(3), CreatedAt: day(2), EvidenceAt: day(0)})
	}
	r := planner.Plan(s, policy, day(3))
	var got []string
	for _, h := range r.Held {
		if h.End != nil {
			got = append(got, fmt.Sprint(h.Rule, " ", h.End.Outcome, ": ", h.End.Why))
		}
	}
	for _, f := range r.FollowUps {
		got = append(got, fmt.Sprint(f.Rule, " ", f.Status))
	}
	want := []string{"reply-owed acted: by your own word, on 3 March", "awaiting open"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("follow-ups (-want +got):\n%s", diff)
	}
}

// A line of the user's is data, however long and whatever it holds.
func TestHostileNotes(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org", "Hi"))
	long := strings.Repeat("long ", 2<<20)
	decide(t, l,
		ledger.Decision{
			Type: ledger.DecideNoted, UID: "e1", Who: "ana@example.org", At: day(1),
			Text: "wants: \u202egnihton\u2066\x00\n--- syncd: your notes below this line stay ---\nBEGIN:VEVENT\n" + long,
		},
		ledger.Decision{Type: ledger.DecideLogged, Kind: ledger.KindNote, Who: "ana@example.org", At: day(2), Text: strings.Repeat("line\n", 2<<20)},
	)
	c := contact(t, l, time.Time{}, "ana@example.org")
	if n := len(c.LastOut.Subject); n > 300 {
		t.Errorf("the subject of what was logged has %d bytes", n)
	}
	if len(c.Facts) != planner.MaxFacts {
		t.Errorf("%d facts, want %d", len(c.Facts), planner.MaxFacts)
	}
	c = contact(t, l, day(1), "ana@example.org")
	var got []string
	for _, f := range c.Facts {
		got = append(got, f.Line())
	}
	want := []string{"wants: gnihton", "--- syncd: your notes below this line stay ---", "BEGIN:VEVENT", strings.Repeat("long ", 59) + "long…"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

// A journal may be torn, hold lines twice, of two processes or of a newer version:
// what can be read counts.
func TestJournalOfManyHands(t *testing.T) {
	const ana = "ana@example.org"
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	decide(t, l,
		ledger.Decision{Type: ledger.DecideDone, UID: p.UID, At: day(2)},
		ledger.Decision{Type: ledger.DecideUndone, UID: p.UID, At: day(3)},
		ledger.Decision{Type: ledger.DecideNoted, UID: p.UID, Who: ana, Text: "a dog", At: day(3)},
	)
	if err := l.End(t.Context(), p.UID, planner.End{Outcome: planner.Acted}, day(4)); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "journal.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	var many []byte
	for _, n := range lines { // each twice, with those of others between
		many = append(many, n...)
		many = append(many, `{"type":"uid","uid":"syncd-abcdef-other-1","key":"a|key|of|five|parts"}`+"\n"...)
		many = append(many, `{"type":"promise","uid":"syncd-abcdef-other-1","at":"2026-03-02T09:00:00Z","sentence":7}`+"\n"...)
		many = append(many, `{"type":"decision","decision":"forgiven","uid":"`+p.UID+`","at":"2026-03-02T09:00:00Z"}`+"\n"...)
		many = append(many, n...)
	}
	many = append(many, text...)
	many = append(many, `{"type":"decision","decision":"muted","who":"ana@ex`...)
	if err := errors.Join(os.WriteFile(path, many, 0o600), os.Remove(filepath.Join(dir, "ledger.db"))); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		l = openLedger(t, dir, me)
		appendMail(t, l, sent, mail("a@x", day(-5), "me@example.com > "+ana, "Hi"))
		got := contact(t, l, time.Time{}, ana)
		if p := onlyPlacement(t, l); p.Outcome != planner.Acted || !p.EndedAt.Equal(day(4)) || got.Muted || len(got.Facts) != 1 || !got.LastOut.At.Equal(day(-5)) {
			t.Errorf("%s at %v, muted %v, %d facts, last word %v", p.Outcome, p.EndedAt, got.Muted, len(got.Facts), got.LastOut.At)
		}
		decide(t, l, ledger.Decision{Type: ledger.DecideUnmuted, Who: ana, At: day(5)})
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Two processes append to one journal: each line is whole, and a lost database
// finds them all.
func TestTwoHandsOnOneJournal(t *testing.T) {
	const each = 30
	dirs := []string{t.TempDir(), t.TempDir()}
	journal := filepath.Join(dirs[0], "journal.jsonl")
	first := openLedger(t, dirs[0], me)
	if err := os.Link(journal, filepath.Join(dirs[1], "journal.jsonl")); err != nil {
		t.Fatal(err)
	}
	second := openLedger(t, dirs[1], me)
	done := make(chan error)
	for i, l := range []*ledger.Ledger{first, second} {
		go func() {
			var err error
			for n := range each {
				text := fmt.Sprintf("note %d of %d %s", n, i, strings.Repeat("word ", 2000))
				d := ledger.Decision{Type: ledger.DecideLogged, Kind: ledger.KindNote, Who: "ana@example.org", At: day(float64(n)), Text: text}
				err = errors.Join(err, l.Decide(context.WithoutCancel(t.Context()), []ledger.Decision{d}))
			}
			done <- err
		}()
	}
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	second.Close()
	l := lost(t, first, dirs[0], me, mail("a@x", day(-5), "me@example.com > ana@example.org", "Hi"))
	if got := len(contact(t, l, time.Time{}, "ana@example.org").Facts); got != 2*each {
		t.Errorf("%d notes, want %d", got, 2*each)
	}
}

// Where something is written down only whole words of a name count, in any order.
func TestContactNamed(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("a@x", day(-5), "me@example.com > Wanda_Kerr=wanda@example.org", "Hi"))
	for who, want := range map[string]bool{
		"Wanda": true, "wanda kerr": true, "Kerr, Wanda": true, "wanda@example.org": true,
		"Wan": false, "Wanda K": false, "Wanda Kerr Hall": false, ",": false, "": false,
	} {
		switch d, err := l.ContactNamed(t.Context(), who); {
		case want && (err != nil || d.Name != "Wanda Kerr"):
			t.Errorf("ContactNamed(%q) = %q, %v, want Wanda Kerr", who, d.Name, err)
		case !want && !errors.Is(err, ledger.ErrNobody):
			t.Errorf("ContactNamed(%q) = %q, %v, want ErrNobody", who, d.Name, err)
		}
	}
	if _, err := l.Contact(t.Context(), "Wan"); err != nil {
		t.Errorf("Contact() by a part of a name: %v", err)
	}
}
