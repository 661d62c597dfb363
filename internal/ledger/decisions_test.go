package ledger_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

func decide(t *testing.T, l *ledger.Ledger, d ...ledger.Decision) {
	t.Helper()
	if err := l.Decide(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

// lost opens the ledger anew after its database was lost, and reads the mail
// again.
func lost(t *testing.T, l *ledger.Ledger, dir string, who ledger.Me, mails ...ledger.Mail) *ledger.Ledger {
	t.Helper()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ledger.db", "ledger.db-wal", "ledger.db-shm"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	l = openLedger(t, dir, who)
	appendMail(t, l, sent, mails...)
	return l
}

// Done, taken back, done again: each time the follow-up and the clock say so,
// after a restart and after the loss of the database as well.
func TestTakenBack(t *testing.T) {
	hello := mail("a@x", day(-5), "me@example.com > ana@example.org", "Hi")
	for steps, want := range []struct {
		outcome planner.Outcome
		lastOut time.Time
	}{1: {planner.Done, day(2)}, 2: {"", day(-5)}, 3: {planner.Done, day(4)}} {
		if steps == 0 {
			continue
		}
		dir := t.TempDir()
		l := openLedger(t, dir, me)
		appendMail(t, l, sent, hello)
		p := placement(l, "a@x")
		if err := l.Intend(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		all := []ledger.Decision{
			{Type: ledger.DecideDone, UID: p.UID, At: day(2)},
			{Type: ledger.DecideUndone, UID: p.UID, At: day(3)},
			{Type: ledger.DecideDone, UID: p.UID, At: day(4)},
		}
		for _, d := range all[:steps] {
			decide(t, l, d)
			found, err := l.FindPlacements(t.Context(), p.UID)
			if err != nil {
				t.Fatal(err)
			}
			p := found[0]
			if !p.Open() {
				p.State = ledger.Closed
			}
			if err := l.Confirm(t.Context(), p); err != nil { // as reconcile does
				t.Fatal(err)
			}
		}
		check := func(l *ledger.Ledger, when string) {
			t.Helper()
			found, err := l.FindPlacements(t.Context(), p.UID)
			if err != nil || len(found) != 1 {
				t.Fatalf("FindPlacements() = %d, %v, want one", len(found), err)
			}
			got, ana := found[0], contact(t, l, time.Time{}, "ana@example.org")
			if got.Outcome != want.outcome || !ana.LastOut.At.Equal(want.lastOut) {
				t.Errorf("%d decisions, %s: outcome %q, last word %v; want %q, %v", steps, when, got.Outcome, ana.LastOut.At, want.outcome, want.lastOut)
			}
		}
		check(l, "at once")
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		l = openLedger(t, dir, me)
		check(l, "after a restart")
		check(lost(t, l, dir, me, hello), "after the loss of the database")
	}
}

// What the user said of a person by a gesture or a command: the latest counts,
// and the configuration says more.
func TestSaidOfAPerson(t *testing.T) {
	const ana, ben = "ana@example.org", "ben@example.org"
	who := me
	who.Circles = []string{"close", "network"}
	who.People = []ledger.Person{{Addresses: []string{ben}, Circle: "close", Muted: true}}
	hello := []ledger.Mail{
		mail("a@x", day(-5), "me@example.com > "+ana, "Hi"),
		mail("b@x", day(-5), "me@example.com > "+ben, "Hi"),
	}
	dir := t.TempDir()
	l := openLedger(t, dir, who)
	appendMail(t, l, sent, hello...)
	decide(t, l,
		ledger.Decision{Type: ledger.DecideMuted, UID: "e1", Who: ana, At: day(1)},
		ledger.Decision{Type: ledger.DecideCircle, Who: ana, Text: "network", At: day(1)},
		ledger.Decision{Type: ledger.DecideNoted, UID: "e1", Who: ana, Text: "wants: a flat\nher dog is Max", At: day(2)},
		ledger.Decision{Type: ledger.DecideUnmuted, Who: ana, At: day(3)},
		ledger.Decision{Type: ledger.DecideNoted, UID: "e1", Who: ana, Text: "her dog is Max\ncircle: Close", At: day(4)},
		ledger.Decision{Type: ledger.DecideLogged, Who: ana, Kind: ledger.KindCall, Text: "promise: the photos", At: day(6), To: day(5)},
		ledger.Decision{Type: ledger.DecideUnmuted, Who: ben, At: day(3)},
		ledger.Decision{Type: ledger.DecideCircle, Who: ben, Text: "network", At: day(3)},
	)
	check := func(l *ledger.Ledger, when string) {
		t.Helper()
		if got := contact(t, l, day(2.5), ana); !got.Muted || got.Circle != "network" || len(got.Facts) != 2 {
			t.Errorf("%s, on day 2: muted %v, circle %q, %d facts", when, got.Muted, got.Circle, len(got.Facts))
		}
		got := contact(t, l, time.Time{}, ana)
		if got.Muted || got.Circle != "close" || !got.Reported || !got.LastOut.At.Equal(day(5)) {
			t.Errorf("%s: muted %v, circle %q, last word %+v", when, got.Muted, got.Circle, got.LastOut)
		}
		var facts []string
		for _, f := range got.Facts {
			facts = append(facts, string(f.Kind)+": "+f.Text)
		}
		if diff := cmp.Diff([]string{": her dog is Max", "circle: Close", "promise: the photos"}, facts); diff != "" {
			t.Errorf("%s: facts (-want +got):\n%s", when, diff)
		}
		if got := contact(t, l, time.Time{}, ben); !got.Muted || got.Circle != "close" {
			t.Errorf("%s: muted %v, circle %q, want what is configured", when, got.Muted, got.Circle)
		}
	}
	check(l, "at once")
	check(lost(t, l, dir, who, hello...), "after the loss of the database")
}

func TestPaused(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	decide(t, l,
		ledger.Decision{Type: ledger.DecidePaused, At: day(1), To: day(9)},
		ledger.Decision{Type: ledger.DecideResumed, At: day(3)},
		ledger.Decision{Type: ledger.DecidePaused, At: day(5)},
	)
	for range 2 {
		for n, want := range map[float64]time.Time{0.5: {}, 2: day(9), 4: {}} {
			if got := snapshot(t, l, day(n)).Paused; !got.Equal(want) {
				t.Errorf("on day %v: paused until %v, want %v", n, got, want)
			}
		}
		if got := snapshot(t, l, day(6)).Paused; got.Before(day(99999)) {
			t.Errorf("on day 6: paused until %v, want for ever", got)
		}
		l = lost(t, l, dir, me)
	}
}

// A command asks for a move while reconcile confirms what it read before: the move
// is still asked for. It is done once the entry lies there, and given up where the
// user moved the entry themselves.
func TestMoveIsKeptUntilItIsDone(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	p := placement(l, "a@x")
	p.State, p.Href, p.Seen = ledger.Placed, "/f/1.ics", p.Wrote
	confirm := func(p ledger.Placement) {
		t.Helper()
		if err := l.Confirm(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	asked := func(when string, want time.Time) {
		t.Helper()
		if got := onlyPlacement(t, l).MoveTo; !got.Equal(want) {
			t.Errorf("%s: to be moved to %v, want %v", when, got, want)
		}
	}
	confirm(p)
	decide(t, l, ledger.Decision{Type: ledger.DecideMove, UID: p.UID, At: day(2), To: day(4)})
	p.ETag = `"2"`
	confirm(p)
	asked("after another answer", day(4))
	there := p
	there.Seen.Start, there.Theirs = day(4), ledger.FieldTime
	confirm(there)
	asked("once it is there", time.Time{})
	decide(t, l, ledger.Decision{Type: ledger.DecideMove, UID: p.UID, At: day(5), To: day(8)})
	decide(t, l, ledger.Decision{Type: ledger.DecideSnoozed, UID: p.UID, At: day(6), To: day(9)})
	asked("moved by hand", time.Time{})
	l = lost(t, l, dir, me)
	asked("moved by hand, after the loss of the database", time.Time{})
}

// The lines of an entry are those of the latest decision, none included, after the
// loss of the database too.
func TestNotedIsTheLatest(t *testing.T) {
	for n, want := range []string{"", "wants: a flat", "", "her dog is Max"} {
		dir := t.TempDir()
		l := openLedger(t, dir, me)
		p := placement(l, "a@x")
		if err := l.Intend(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		for i, text := range []string{"wants: a flat", "", "her dog is Max"}[:n] {
			decide(t, l, ledger.Decision{Type: ledger.DecideNoted, UID: p.UID, Who: "ana@example.org", At: day(float64(i)), Text: text})
		}
		for range 2 {
			if got := onlyPlacement(t, l).Noted; got != want {
				t.Errorf("after %d decisions: noted %q, want %q", n, got, want)
			}
			l = lost(t, l, dir, me)
		}
	}
}

func TestVanished(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	for _, want := range []time.Time{{}, day(2), day(3)} {
		if !want.IsZero() {
			decide(t, l, ledger.Decision{Type: ledger.DecideMissing, At: want})
		}
		if got, err := l.Vanished(t.Context()); err != nil || !got.Equal(want) {
			t.Errorf("Vanished() = %v, %v, want %v", got, err, want)
		}
	}
}

// An entry that was let go by the user before is opened again by them: from then
// on it has its time.
func TestOpenedAgain(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	decide(t, l, ledger.Decision{Type: ledger.DecideDone, UID: p.UID, At: day(2)}, ledger.Decision{Type: ledger.DecideUndone, UID: p.UID, At: day(9)})
	if open := snapshot(t, l, time.Time{}).Open; len(open) != 1 || !open[0].Again.Equal(day(9)) {
		t.Errorf("open: %+v", open)
	}
}

// What the user says by a command counts each time, several times a second too,
// and the latest is the last; so it is after the loss of the database.
func TestSaidWithinASecond(t *testing.T) {
	const ana = "ana@example.org"
	dir := t.TempDir()
	who := me
	who.Circles = []string{"close", "network"}
	l := openLedger(t, dir, who)
	hello := mail("a@x", day(-5), "me@example.com > "+ana, "Hi")
	appendMail(t, l, sent, hello)
	at := func(n int) time.Time { return day(1).Add(time.Duration(n) * time.Millisecond) }
	decide(t, l, ledger.Decision{Type: ledger.DecidePaused, At: at(0)})
	decide(t, l, ledger.Decision{Type: ledger.DecideResumed, At: at(1)})
	decide(t, l, ledger.Decision{Type: ledger.DecidePaused, At: at(2)})
	decide(t, l, ledger.Decision{Type: ledger.DecideMuted, Who: ana, At: at(3)})
	decide(t, l, ledger.Decision{Type: ledger.DecideUnmuted, Who: ana, At: at(4)})
	decide(t, l, ledger.Decision{Type: ledger.DecideMuted, Who: ana, At: at(5)})
	decide(t, l, ledger.Decision{Type: ledger.DecideLogged, Who: ana, Kind: ledger.KindNote, Text: "circle: network", At: at(6), To: at(6)})
	decide(t, l, ledger.Decision{Type: ledger.DecideCircle, Who: ana, Text: "close", At: at(7)})
	decide(t, l, ledger.Decision{Type: ledger.DecideLogged, Who: ana, Kind: ledger.KindNote, Text: "circle: network", At: at(8), To: at(8)})
	decide(t, l, ledger.Decision{Type: ledger.DecideCircle, Who: ana, Text: "close", At: at(9)})
	for _, when := range []string{"at once", "after the loss of the database"} {
		if until := snapshot(t, l, day(2)).Paused; until.IsZero() {
			t.Errorf("%s: not paused", when)
		}
		if got := contact(t, l, time.Time{}, ana); !got.Muted || got.Circle != "close" {
			t.Errorf("%s: muted %v, circle %q, want muted and close", when, got.Muted, got.Circle)
		}
		l = lost(t, l, dir, who, hello)
	}
}

// What is said of a person holds for every address they had when it was said,
// once the configuration no longer joins them, and after the loss of the database
// too (SPEC I6).
func TestSaidOfAllAddresses(t *testing.T) {
	const ana, work = "ana@example.org", "ana@example.net"
	apart := me
	apart.Circles = []string{"close"}
	joined := apart
	joined.People = []ledger.Person{{Addresses: []string{ana, work}}}
	dir := t.TempDir()
	l := openLedger(t, dir, joined)
	hello := []ledger.Mail{
		mail("a@x", day(-5), "me@example.com > "+ana, "Hi"),
		mail("b@x", day(-4), "me@example.com > "+work, "Hi"),
	}
	appendMail(t, l, sent, hello...)
	decide(t, l,
		ledger.Decision{Type: ledger.DecideMuted, UID: "e1", Who: work, At: day(1)},
		ledger.Decision{Type: ledger.DecideCircle, Who: ana, Text: "close", At: day(1)},
		ledger.Decision{Type: ledger.DecideNoted, UID: "e1", Who: work, Text: "her dog is Max", At: day(1)},
	)
	if got := contact(t, l, time.Time{}, ana); !got.Muted || got.Circle != "close" || len(got.Facts) != 1 {
		t.Errorf("joined: muted %v, circle %q, %d facts", got.Muted, got.Circle, len(got.Facts))
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLedger(t, dir, apart)
	for _, when := range []string{"at once", "after the loss of the database"} {
		for _, who := range []string{ana, work} {
			if got := contact(t, l, time.Time{}, who); !got.Muted || got.Circle != "close" || len(got.Facts) != 1 {
				t.Errorf("apart, %s: %s is muted %v, circle %q, %d facts", when, who, got.Muted, got.Circle, len(got.Facts))
			}
		}
		l = lost(t, l, dir, apart, hello...)
	}
}

// An entry that the user asked to be moved counts as one that lies there, before
// it was moved and where that time has passed meanwhile.
func TestMoveCountsAtOnce(t *testing.T) {
	tests := []struct {
		name    string
		to, now time.Time
		want    time.Time
	}{
		{"later", day(20), day(2), day(20)},
		{"earlier", day(4), day(2), day(4)},
		{"later, and it has passed", day(12), day(15), day(12)},
		{"earlier, and it has passed", day(4), day(5), day(10)},
	}
	for _, tt := range tests {
		l := openLedger(t, t.TempDir(), me)
		p := placement(l, "a@x")
		p.Seen.Start = day(10)
		if err := l.Intend(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		decide(t, l, ledger.Decision{Type: ledger.DecideMove, UID: p.UID, At: day(1), To: tt.to})
		s, err := l.Snapshot(t.Context(), tt.now, time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		o := s.Open[0]
		if o.Lies.IsZero() {
			o.Lies = o.Start
		}
		if !o.Start.Equal(tt.want) || !o.Lies.Equal(day(10)) || !o.Touched {
			t.Errorf("%s: starts %v, lies at %v, touched %t; want %v, %v", tt.name, o.Start, o.Lies, o.Touched, tt.want, day(10))
		}
	}
}

// Nothing new is written from the moment of a pause on, whoever planned it; what
// is there already is still remembered.
func TestNothingNewInAPause(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	first, second := placement(l, "a@x"), placement(l, "b@x")
	if err := l.Intend(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	decide(t, l, ledger.Decision{Type: ledger.DecidePaused, At: day(0), To: day(2)})
	for _, p := range []ledger.Placement{first, second} {
		if err := l.Intend(t.Context(), p); !errors.Is(err, ledger.ErrPaused) {
			t.Errorf("Intend(%s) = %v, want %v", p.Key.Evidence, err, ledger.ErrPaused)
		}
	}
	if got := onlyPlacement(t, l).UID; got != first.UID {
		t.Errorf("kept %s", got)
	}
	first.State = ledger.Placed
	if err := l.Confirm(t.Context(), first); err != nil {
		t.Error(err)
	}
	first.State = ledger.Rewriting
	if err := l.Intend(t.Context(), first); err != nil {
		t.Error(err)
	}
	second.MissingAt = day(2) // asked for again after the pause
	if err := l.Intend(t.Context(), second); err != nil {
		t.Error(err)
	}
}

// Taking back an end leaves nothing that would remove the entry.
func TestUndoneWhileDeleting(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	p := placement(l, "a@x")
	p.State = ledger.Deleting
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	decide(t, l, ledger.Decision{Type: ledger.DecideDone, UID: p.UID, At: day(2)}, ledger.Decision{Type: ledger.DecideUndone, UID: p.UID, At: day(3)})
	if found, err := l.FindPlacements(t.Context(), p.UID); err != nil || found[0].State != ledger.Placed || !found[0].Open() {
		t.Errorf("%+v, %v, want it open and placed", found, err)
	}
}

// An event that a command dismissed was not deleted: why says so, after the loss of
// the database too. A line of the journal that does not say how tells of a gesture.
func TestDismissedByCommand(t *testing.T) {
	for kind, want := range map[ledger.Kind]string{"": "you deleted the event", ledger.ByCommand: "you dismissed it"} {
		dir := t.TempDir()
		l := openLedger(t, dir, me)
		p := placement(l, "a@x")
		if err := l.Intend(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		said := []ledger.Decision{{Type: ledger.DecideDismissed, UID: p.UID, Who: "ana@example.org", At: day(2), Kind: kind}}
		decide(t, l, said...)
		check := func(when string) {
			t.Helper()
			if got := onlyPlacement(t, l); got.Outcome != planner.Dismissed || got.EndWhy != want {
				t.Errorf("%q, %s: %s, %q, want %q", kind, when, got.Outcome, got.EndWhy, want)
			}
			got, err := l.Decisions(t.Context(), p.UID)
			if err != nil || len(got) != 1 || got[0].Kind != kind {
				t.Errorf("%q, %s: decisions %+v, %v", kind, when, got, err)
			}
		}
		check("at once")
		l = lost(t, l, dir, me)
		check("after the loss of the database")
	}
}

// A move that was asked for goes with the end that is taken back, after the loss of
// the database too, where the journal leaves that end out.
func TestTakenBackWithItsMove(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	p := placement(l, "a@x")
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := l.End(t.Context(), p.UID, planner.End{Outcome: planner.Expired, Why: "left alone"}, day(2)); err != nil {
		t.Fatal(err)
	}
	decide(t, l,
		ledger.Decision{Type: ledger.DecideMove, UID: p.UID, At: day(3), To: day(9)},
		ledger.Decision{Type: ledger.DecideUndone, UID: p.UID, At: day(4)},
	)
	check := func(when string) {
		t.Helper()
		if got := onlyPlacement(t, l); !got.Open() || !got.MoveTo.IsZero() {
			t.Errorf("%s: %q, to move to %v; want it open where it is", when, got.Outcome, got.MoveTo)
		}
	}
	check("at once")
	l = lost(t, l, dir, me)
	check("after the loss of the database")
}

// A fact that the user logs is kept, and is no word to the person: it moves no clock
// and leaves no row.
func TestLoggedFactIsNoWord(t *testing.T) {
	const ana = "ana@example.org"
	hello := mail("a@x", day(-5), "me@example.com > "+ana, "Hi")
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	appendMail(t, l, sent, hello)
	decide(t, l, ledger.Decision{Type: ledger.DecideLogged, Who: ana, Text: "promise: the photos", At: day(2), To: day(2)})
	check := func(l *ledger.Ledger, when string) {
		t.Helper()
		got := contact(t, l, time.Time{}, ana)
		if got.Out != 1 || got.Reported || !got.LastOut.At.Equal(day(-5)) {
			t.Errorf("%s: %d words, the last %+v", when, got.Out, got.LastOut)
		}
		if len(got.Facts) != 1 || got.Facts[0].Line() != "promise: the photos" || !got.Facts[0].Evidence.At.Equal(day(2)) {
			t.Errorf("%s: facts %+v", when, got.Facts)
		}
		if d, err := l.Contact(t.Context(), ana); err != nil || len(d.Timeline) != 1 {
			t.Errorf("%s: %d rows, %v, want the mail alone", when, len(d.Timeline), err)
		}
	}
	check(l, "at once")
	if err := l.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(l, "after Rebuild")
	l = lost(t, l, dir, me, hello)
	check(l, "after the loss of the database")
}
