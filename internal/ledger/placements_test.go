package ledger_test

import (
	"bytes"
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

func placement(l *ledger.Ledger, evidence string) ledger.Placement {
	k := planner.Key{Rule: planner.ReplyOwed, Evidence: evidence, Who: "ana@example.org"}
	return ledger.Placement{
		UID: planner.UID(l.Instance(), k, 0), Key: k, State: ledger.Intended, Due: day(1), Slot: day(1), CreatedAt: day(0),
		Wrote:    ledger.Shape{Start: day(1), End: day(1).Add(15 * time.Minute), Summary: "Reply to Ana", Status: "CONFIRMED", Alarm: true},
		Because:  []string{"they asked"},
		Earlier:  []string{"5a1e0c2b7d9f3468"},
		Evidence: []planner.Evidence{{Type: planner.Mail, ID: evidence, At: day(0)}},
	}
}

func onlyPlacement(t *testing.T, l *ledger.Ledger) ledger.Placement {
	t.Helper()
	all, err := l.Placements(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("Placements() = %d, %v, want one", len(all), err)
	}
	return all[0]
}

func TestPlacementRoundTrip(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	p := placement(l, "a|b@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.State, p.Href, p.ETag, p.Seen, p.Sequence = ledger.Placed, "/f/1.ics", `"7"`, p.Wrote, 1
	p.MissingAt = day(2)
	if err := l.Confirm(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, onlyPlacement(t, l)); diff != "" {
		t.Errorf("placement mismatch (-want +got):\n%s", diff)
	}
	for _, prefix := range []string{p.Key.Code(), strings.ToUpper(p.Key.Code()), p.UID[:20]} {
		if found, err := l.FindPlacements(t.Context(), prefix); err != nil || len(found) != 1 {
			t.Errorf("FindPlacements(%q) = %d, %v, want one", prefix, len(found), err)
		}
	}
}

func TestFirstOutcomeCounts(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideDismissed, UID: p.UID, At: day(2)}}); err != nil {
		t.Fatal(err)
	}
	p.State, p.Outcome, p.EndedAt = ledger.Closed, planner.Withdrawn, day(3)
	if err := l.Confirm(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := l.End(t.Context(), p.UID, planner.End{Outcome: planner.Acted}, day(4)); err != nil {
		t.Fatal(err)
	}
	if got := onlyPlacement(t, l); got.Outcome != planner.Dismissed || got.EndedAt != day(2) || got.State != ledger.Closed {
		t.Errorf("got %s at %v, %s; want dismissed on day 2, closed", got.Outcome, got.EndedAt, got.State)
	}
	if s := snapshot(t, l, day(5)); len(s.Open) != 0 || len(s.Ended) != 1 || len(s.Written) != 1 {
		t.Errorf("snapshot has %d open, %d ended, %d written", len(s.Open), len(s.Ended), len(s.Written))
	}
	if s := snapshot(t, l, day(1)); len(s.Open) != 1 || len(s.Ended) != 0 {
		t.Errorf("on day 1: %d open, %d ended, want it open", len(s.Open), len(s.Ended))
	}
}

func TestDoneIsASelfReportedWord(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("a@x", day(-5), "me@example.com > ana@example.org", "Hi"))
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	d := []ledger.Decision{{Type: ledger.DecideDone, UID: p.UID, At: day(2)}}
	for range 2 {
		if err := l.Decide(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	got := contact(t, l, time.Time{}, "ana@example.org")
	want := planner.Evidence{Type: planner.Gesture, ID: p.UID, At: day(2), Address: "ana@example.org"}
	if diff := cmp.Diff(want, got.LastOut); diff != "" || !got.Reported || got.Out != 1 {
		t.Errorf("reported = %v, out = %d, LastOut mismatch (-want +got):\n%s", got.Reported, got.Out, diff)
	}
}

func TestSnoozedAndEdited(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	p := placement(l, "a@x")
	p.Seen = p.Wrote
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	err := l.Decide(t.Context(), []ledger.Decision{
		{Type: ledger.DecideSnoozed, UID: p.UID, At: day(2), To: day(8)},
		{Type: ledger.DecideEdited, UID: p.UID, At: day(3), Text: "Ring Ana"},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := snapshot(t, l, time.Time{}).Open
	want := []planner.Open{{
		Key: p.Key, UID: p.UID, Slot: day(1), Start: day(8), Touched: true, CreatedAt: day(0), EvidenceAt: day(0), Title: "Ring Ana",
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Open mismatch (-want +got):\n%s", diff)
	}
}

// What the user made their own is touched and taken; what ended and is not known
// to be gone still takes its place.
func TestTakenAndLeaving(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	p, q := placement(l, "a@x"), placement(l, "b@x")
	for _, p := range []ledger.Placement{p, q} {
		if err := l.Intend(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideTaken, UID: p.UID, At: day(2)}}); err != nil {
		t.Fatal(err)
	}
	if o := snapshot(t, l, time.Time{}).Open[0]; !o.Touched || !o.Taken {
		t.Errorf("touched %t, taken %t, want both", o.Touched, o.Taken)
	}
	for _, p := range []ledger.Placement{p, q} {
		if err := l.End(t.Context(), p.UID, planner.End{Outcome: planner.Acted}, day(3)); err != nil {
			t.Fatal(err)
		}
	}
	leaving := func(want ...string) {
		t.Helper()
		s := snapshot(t, l, time.Time{})
		got := ids(s.Leaving, func(o planner.Open) string { return o.Key.Evidence })
		if !slices.Equal(got, want) || len(s.Open) != 0 || len(s.Ended) != 2 {
			t.Errorf("%v leave, want %v; %d open, %d ended", got, want, len(s.Open), len(s.Ended))
		}
	}
	leaving("b@x")
	q.State, q.Outcome, q.EndedAt = ledger.Closed, planner.Acted, day(3)
	if err := l.Confirm(t.Context(), q); err != nil {
		t.Fatal(err)
	}
	leaving()
}

// Done on an entry for several people is a word to each of them, after the loss
// of the database as well, until it is taken back.
func TestDoneWithSeveralPeople(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	hello := mail("a@x", day(-9), "me@example.com > ana@example.org bob@example.net cyd@example.net", "Hi")
	appendMail(t, l, sent, hello)
	p := placement(l, "2026-03-02")
	p.Key = planner.Key{Rule: planner.FirstMeeting, Evidence: "2026-03-02"}
	p.UID = planner.UID(l.Instance(), p.Key, 1)
	p.Evidence = []planner.Evidence{
		{Type: planner.Meeting, ID: "lunch", At: day(0), Address: "ana@example.org"},
		{Type: planner.Meeting, ID: "lunch", At: day(0), Address: "bob@example.net"},
	}
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	check := func(when string, want time.Time) {
		t.Helper()
		for who, want := range map[string]time.Time{"ana@example.org": want, "bob@example.net": want, "cyd@example.net": day(-9)} {
			if c := contact(t, l, day(5), who); !c.LastOut.At.Equal(want) {
				t.Errorf("%s: last word to %s at %v, want %v", when, who, c.LastOut.At, want)
			}
		}
	}
	decide(t, l, ledger.Decision{Type: ledger.DecideDone, UID: p.UID, At: day(2)})
	check("done", day(2))
	l = lost(t, l, dir, me, hello)
	check("after the ledger was lost", day(2))
	decide(t, l, ledger.Decision{Type: ledger.DecideUndone, UID: p.UID, At: day(3)})
	check("taken back", day(-9))
}

// Done on the list of people to look through is no word to any of them.
func TestDoneWithTheSweep(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	hello := mail("a@x", day(-9), "me@example.com > ana@example.org", "Hi")
	appendMail(t, l, sent, hello)
	p := placement(l, "2026-03")
	p.Key = planner.Key{Rule: planner.CardSweep, Evidence: "2026-03"}
	p.UID = planner.UID(l.Instance(), p.Key, 1)
	p.Evidence = []planner.Evidence{{Type: planner.Mail, ID: "a@x", At: day(-9), Address: "ana@example.org"}}
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	decide(t, l, ledger.Decision{Type: ledger.DecideDone, UID: p.UID, At: day(2)})
	for range 2 {
		if c := contact(t, l, day(5), "ana@example.org"); !c.LastOut.At.Equal(day(-9)) {
			t.Errorf("last word at %v, want %v", c.LastOut.At, day(-9))
		}
		if s := snapshot(t, l, time.Time{}); len(s.Ended) != 1 || s.Ended[0].Outcome != planner.Done {
			t.Errorf("ended %+v, want the list done", s.Ended)
		}
		l = lost(t, l, dir, me, hello)
	}
}

// An entry for several people is nobody's, and done on one of which nobody knows
// whom it was about is no word to anybody.
func TestEntryOfSeveralPeople(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	p := placement(l, "2026-03-02")
	p.Key = planner.Key{Rule: planner.FirstMeeting, Evidence: "2026-03-02"}
	p.UID, p.Evidence = planner.UID(l.Instance(), p.Key, 1), nil
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if o := snapshot(t, l, time.Time{}).Open; len(o) != 1 || o[0].Contact != "" {
		t.Errorf("Open = %+v, want one of nobody", o)
	}
	if err := l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideDone, UID: p.UID, At: day(2)}}); err != nil {
		t.Fatal(err)
	}
	s := snapshot(t, l, time.Time{})
	if len(s.Contacts) != 0 || len(s.Ended) != 1 || s.Ended[0].Key != p.Key || s.Ended[0].Outcome != planner.Done {
		t.Errorf("%d contacts, ended %+v; want none and the entry done", len(s.Contacts), s.Ended)
	}
}

// What the user deleted within a day of a word of theirs, or of a meeting, they
// had acted upon.
func TestDeletedBesideAWord(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("w@x", day(4), "me@example.com > ana@example.org", "Hello"),
		mail("o@x", day(20), "me@example.com > bob@example.net", "Hello"))
	appendObjects(t, l, day(0), nil, object("/1.ics", meeting("m", 30, "!me@example.com ana@example.org/ACCEPTED")))
	for id, at := range map[string]float64{"before@x": 3.1, "after@x": 4.9, "neither@x": 20, "met@x": 30.9} {
		p := placement(l, id)
		if err := l.Intend(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if err := l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideDismissed, UID: p.UID, At: day(at)}}); err != nil {
			t.Fatal(err)
		}
	}
	got := map[string]planner.Outcome{}
	for _, e := range snapshot(t, l, time.Time{}).Ended {
		got[e.Key.Evidence] = e.Outcome
	}
	want := map[string]planner.Outcome{
		"before@x": planner.Acted, "after@x": planner.Acted, "neither@x": planner.Dismissed, "met@x": planner.Acted,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("outcomes mismatch (-want +got):\n%s", diff)
	}
}

// An open entry brings what came in its thread, whoever wrote it.
func TestOpenKnowsWhatCameInItsThread(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org ; bob@example.net", "Lunch?"))
	appendMail(t, l, inbox,
		mail("b@x", day(1), "bob@example.net > me@example.com", "Re: Lunch?", "a@x"),
		mail("c@x", day(2), "boss@example.com > ana@example.org ; me@example.com", "Re: Lunch?", "a@x"),
		mail("d@x", day(3), "ana@example.org > me@example.com", "Re: Lunch?", "a@x"))
	if err := l.Intend(t.Context(), placement(l, "a@x")); err != nil {
		t.Fatal(err)
	}
	got := snapshot(t, l, time.Time{}).Open[0]
	ev := func(id string, n float64, from string) planner.Evidence {
		return planner.Evidence{Type: planner.Mail, ID: id, At: day(n), Subject: "Re: Lunch?", Address: from, Account: "work"}
	}
	if diff := cmp.Diff(ev("b@x", 1, "bob@example.net"), got.Reply); diff != "" {
		t.Errorf("Reply mismatch (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(ev("c@x", 2, "boss@example.com"), got.Word); diff != "" {
		t.Errorf("Word mismatch (-want +got):\n%s", diff)
	}
	if early := snapshot(t, l, day(0.5)).Open[0]; !early.Reply.IsZero() || !early.Word.IsZero() {
		t.Errorf("half a day later: %v and %v, want none", early.Reply, early.Word)
	}
}

// A thread that an entry is about stays in sight, however many newer ones wait.
func TestThreadOfAnEntryStays(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("w@x", day(0), "me@example.com > ana@example.org", "Hello"))
	for i := range 30 {
		appendMail(t, l, inbox, mail(fmt.Sprintf("q%d@x", i), day(float64(i+1)), "ana@example.org > me@example.com", fmt.Sprint("Matter ", i)))
	}
	if n := len(contact(t, l, time.Time{}, "ana@example.org").Unanswered); n != 20 {
		t.Fatalf("%d unanswered, want 20", n)
	}
	if err := l.Intend(t.Context(), placement(l, "q3@x")); err != nil {
		t.Fatal(err)
	}
	got := turnIDs(contact(t, l, time.Time{}, "ana@example.org").Unanswered)
	if len(got) != 21 || !slices.Contains(got, "q3@x") {
		t.Errorf("Unanswered = %v, want 20 and q3@x", got)
	}
}

// A crash after the journal's line and before the commit leaves the line alone.
func TestOpenAppliesWhatTheLedgerLacks(t *testing.T) {
	steps := []struct {
		name string
		do   func(*testing.T, *ledger.Ledger) error
	}{
		{"intend", func(t *testing.T, l *ledger.Ledger) error {
			t.Helper()
			p := placement(l, "a@x")
			p.Due, p.Wrote, p.Because, p.Evidence, p.Earlier = time.Time{}, ledger.Shape{}, nil, nil, nil // not in the journal
			return l.Intend(t.Context(), p)
		}},
		{"snooze", func(t *testing.T, l *ledger.Ledger) error {
			t.Helper()
			return l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideSnoozed, UID: placement(l, "a@x").UID, At: day(1), To: day(4)}})
		}},
		{"done", func(t *testing.T, l *ledger.Ledger) error {
			t.Helper()
			return l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideDone, UID: placement(l, "a@x").UID, At: day(2)}})
		}},
		{"end another", func(t *testing.T, l *ledger.Ledger) error {
			t.Helper()
			p := placement(l, "b@x")
			p.Due, p.Wrote, p.Because, p.Evidence, p.Earlier = time.Time{}, ledger.Shape{}, nil, nil, nil
			e := planner.End{Outcome: planner.Answered, Evidence: planner.Evidence{Type: planner.Mail, ID: "r@x", At: day(3)}}
			return errors.Join(l.Intend(t.Context(), p), l.End(t.Context(), p.UID, e, day(3)))
		}},
		{"first run", func(t *testing.T, l *ledger.Ledger) error {
			t.Helper()
			return l.SetFirstRun(t.Context(), day(0))
		}},
		{"calendar", func(t *testing.T, l *ledger.Ledger) error {
			t.Helper()
			return l.SetCalendarSeen(t.Context(), "https://dav.example.com/f/", true, day(0))
		}},
	}
	dir := t.TempDir()
	for _, s := range steps {
		t.Run(s.name, func(t *testing.T) {
			l := openLedger(t, dir, me)
			before := copyDatabase(t, l, dir)
			l = openLedger(t, dir, me)
			if err := s.do(t, l); err != nil {
				t.Fatal(err)
			}
			want := state(t, l)
			instance := l.Instance()
			l.Close()
			// The commit never happened; the journal's line did.
			if err := os.WriteFile(filepath.Join(dir, "ledger.db"), before, 0o600); err != nil {
				t.Fatal(err)
			}
			l = openLedger(t, dir, me)
			if diff := cmp.Diff(want, state(t, l)); diff != "" || l.Instance() != instance {
				t.Errorf("state mismatch (-want +got):\n%s", diff)
			}
			l.Close()
			// All of it again, without a ledger.
			if err := os.Remove(filepath.Join(dir, "ledger.db")); err != nil {
				t.Fatal(err)
			}
			l = openLedger(t, dir, me)
			if diff := cmp.Diff(want, state(t, l)); diff != "" || l.Instance() != instance {
				t.Errorf("state from the journal alone mismatch (-want +got):\n%s", diff)
			}
			l.Close()
		})
	}
}

// copyDatabase closes the ledger, so that its file is whole, and reads it.
func copyDatabase(t *testing.T, l *ledger.Ledger, dir string) []byte {
	t.Helper()
	l.Close()
	b, err := os.ReadFile(filepath.Join(dir, "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func state(t *testing.T, l *ledger.Ledger) any {
	t.Helper()
	all, err := l.Placements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	known, shared, err := l.CalendarSeen(t.Context(), "https://dav.example.com/f/")
	if err != nil {
		t.Fatal(err)
	}
	return []any{all, snapshot(t, l, time.Time{}), known, shared}
}

func TestJournal(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideEdited, UID: p.UID, At: day(1), Text: "Ring Ana"}}); err != nil {
		t.Fatal(err)
	}
	instance := l.Instance()
	l.Close()
	path := filepath.Join(dir, "journal.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(text, []byte("Ana")) {
		t.Errorf("the journal holds a name:\n%s", text)
	}
	if !bytes.HasPrefix(text, []byte(`{"type":"instance","instance":"`+instance+`"}`)) {
		t.Errorf("the journal begins with %.60s", text)
	}
	if err := os.WriteFile(path, append(text, `{"type":"end","uid":"syncd`...), 0o600); err != nil {
		t.Fatal(err)
	}
	l = openLedger(t, dir, me)
	if err := l.SetFirstRun(t.Context(), day(0)); err != nil {
		t.Fatalf("after a torn line: %v", err)
	}
	// Another process may put a new file in its place.
	if err := errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, text, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := l.SetCalendarSeen(t.Context(), "https://dav.example.com/f/", false, day(0)); err != nil {
		t.Fatal(err)
	}
	l.Close()
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Contains(after, []byte("calendar-seen")) || bytes.Count(after, []byte("\n")) != bytes.Count(text, []byte("\n"))+1 {
		t.Errorf("the replaced journal holds %s, %v", after, err)
	}
}

// A journal that cannot be opened for a while, the disk being full or the files too
// many, costs no more than what was to be written meanwhile.
func TestJournalOutOfReach(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	path := filepath.Join(dir, "journal.jsonl")
	if err := errors.Join(os.Rename(path, path+".away"), os.Mkdir(path, 0o700)); err != nil {
		t.Fatal(err)
	}
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err == nil {
		t.Error("the journal is out of reach, and nobody says so")
	}
	if found, err := l.FindPlacements(t.Context(), p.UID); err != nil || len(found) != 0 {
		t.Errorf("the ledger has %d entries that the journal has not, %v", len(found), err)
	}
	if err := errors.Join(os.Remove(path), os.Rename(path+".away", path)); err != nil {
		t.Fatal(err)
	}
	if err := l.Intend(t.Context(), p); err != nil {
		t.Errorf("the journal is back: %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || bytes.Count(text, []byte(p.UID)) != 1 {
		t.Errorf("the journal holds %s, %v", text, err)
	}
}

// The journal tells whether the calendar ever held an entry. A journal from
// before it did so is taken to speak of entries that were there.
func TestPlacedSurvivesALostLedger(t *testing.T) {
	placed := func(p *ledger.Placement) { p.State, p.Href, p.Seen = ledger.Placed, "/f/1.ics", p.Wrote }
	closed := func(p *ledger.Placement) { p.State, p.Outcome, p.EndedAt = ledger.Closed, planner.Withdrawn, day(1) }
	tests := []struct {
		name    string
		confirm func(*ledger.Placement)
		old     bool
		want    ledger.PlacementState
	}{
		{"intended", nil, false, ledger.Intended},
		{"placed", placed, false, ledger.Placed},
		{"never arrived", closed, false, ledger.Closed},
		{"intended, of an older journal", nil, true, ledger.Placed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			l := openLedger(t, dir, me)
			p := placement(l, "a@x")
			if err := l.Intend(t.Context(), p); err != nil {
				t.Fatal(err)
			}
			if tt.confirm != nil {
				tt.confirm(&p)
				for range 2 {
					if err := l.Confirm(t.Context(), p); err != nil {
						t.Fatal(err)
					}
				}
			}
			l.Close()
			wipe(t, dir, tt.old)
			if got := onlyPlacement(t, openLedger(t, dir, me)); got.State != tt.want || !got.Wrote.Start.IsZero() {
				t.Errorf("state = %s, wrote %v; want %s and nothing known of the words", got.State, got.Wrote, tt.want)
			}
		})
	}
}

// wipe removes the database and, with old, what older journals did not say.
func wipe(t *testing.T, dir string, old bool) {
	t.Helper()
	path := filepath.Join(dir, "journal.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if old {
		text = bytes.ReplaceAll(text, []byte(`,"awaits":true`), nil)
	}
	if n := bytes.Count(text, []byte(`"type":"placed"`)); n > 1 {
		t.Errorf("%d placed lines", n)
	}
	if err := errors.Join(os.WriteFile(path, text, 0o600), os.Remove(filepath.Join(dir, "ledger.db"))); err != nil {
		t.Fatal(err)
	}
}

// A crash after the journal says that the calendar held the entry, and before
// the commit, leaves an entry that is there as it was written.
func TestPlacedWithoutItsCommit(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	before := copyDatabase(t, l, dir)
	l = openLedger(t, dir, me)
	p.State, p.Href, p.Seen = ledger.Placed, "/f/1.ics", p.Wrote
	if err := l.Confirm(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	l.Close()
	if err := os.WriteFile(filepath.Join(dir, "ledger.db"), before, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Href = ""
	if diff := cmp.Diff(p, onlyPlacement(t, openLedger(t, dir, me))); diff != "" {
		t.Errorf("placement mismatch (-want +got):\n%s", diff)
	}
}

// What the server confirmed and then did not hold is awaited again, for the next
// process too: that it is not there is no word of the user's.
func TestAwaitedAgain(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	asked := placement(l, "a@x")
	held := asked
	held.State, held.Href, held.Seen = ledger.Placed, "/f/1.ics", asked.Wrote
	for _, save := range []error{l.Intend(t.Context(), asked), l.Confirm(t.Context(), held), l.Intend(t.Context(), asked)} {
		if save != nil {
			t.Fatal(save)
		}
	}
	l.Close()
	l = openLedger(t, dir, me)
	if diff := cmp.Diff(asked, onlyPlacement(t, l)); diff != "" {
		t.Errorf("placement mismatch (-want +got):\n%s", diff)
	}
	l.Close()
	wipe(t, dir, false)
	if got := onlyPlacement(t, openLedger(t, dir, me)); got.State != ledger.Intended {
		t.Errorf("without the ledger it is %s, want %s", got.State, ledger.Intended)
	}
}

// What was given up as gone and arrived after all is in the calendar, for the next
// process too: what the journal says of before is not applied to it.
func TestGoneAndThereAfterAll(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.State, p.Outcome, p.EndedAt, p.EndWhy = ledger.Closed, planner.Withdrawn, day(1), "its time came before it could be written"
	if err := l.Confirm(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.State, p.Href, p.ETag, p.Seen = ledger.Deleting, "/f/1.ics", `"7"`, p.Wrote
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	l.Close()
	l = openLedger(t, dir, me)
	if diff := cmp.Diff(p, onlyPlacement(t, l)); diff != "" {
		t.Errorf("placement mismatch (-want +got):\n%s", diff)
	}
	p.State, p.Href, p.ETag = ledger.Closed, "", ""
	if err := l.Confirm(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	l.Close()
	wipe(t, dir, false)
	if got := onlyPlacement(t, openLedger(t, dir, me)); got.State != ledger.Closed {
		t.Errorf("of what was deleted then the journal tells %s", got.State)
	}
}

// What syncd asked to be deleted before the ledger was lost was not deleted by the
// user, whether the answer came or not.
func TestDeletingSurvivesALostLedger(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.State, p.Href, p.ETag, p.Seen = ledger.Placed, "/f/1.ics", `"7"`, p.Wrote
	if err := l.Confirm(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Purge(t.Context(), day(1)); err != nil {
		t.Fatal(err)
	}
	p = onlyPlacement(t, l)
	p.State = ledger.Deleting
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	l.Close()
	wipe(t, dir, false)
	if got := onlyPlacement(t, openLedger(t, dir, me)); got.State != ledger.Deleting || !got.Purged() {
		t.Errorf("the journal tells %s, purged: %t", got.State, got.Purged())
	}
}
