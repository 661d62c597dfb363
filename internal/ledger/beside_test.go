package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// writerDir tells a process of TestTwoProcessesWrite which ledger to write to.
const writerDir = "SYNCD_TEST_WRITER_DIR"

// TestWriterProcess is the other process of TestTwoProcessesWrite.
func TestWriterProcess(t *testing.T) {
	dir := os.Getenv(writerDir)
	if dir == "" {
		t.Skip("run by TestTwoProcessesWrite")
	}
	writeDecisions(t, dir, "ben@example.org")
}

const perWriter = 200

func writeDecisions(t *testing.T, dir, who string) {
	t.Helper()
	l, err := ledger.OpenBeside(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for i := range perWriter {
		decide(t, l, ledger.Decision{
			Type: ledger.DecideLogged, Who: who, Kind: ledger.KindCall, Text: fmt.Sprintf("tip: number %d", i), At: day(1).Add(time.Duration(i) * time.Minute),
		})
	}
}

// Two processes write beside the one that has the lock: nothing is lost, and the
// journal makes the same ledger.
func TestTwoProcessesWrite(t *testing.T) {
	dir := t.TempDir()
	hello := []ledger.Mail{
		mail("a@x", day(-5), "me@example.com > ana@example.org", "Hi"),
		mail("b@x", day(-5), "me@example.com > ben@example.org", "Hi"),
	}
	l := openLedger(t, dir, me)
	appendMail(t, l, sent, hello...)
	other := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWriterProcess$")
	other.Env = append(os.Environ(), writerDir+"="+dir)
	var said strings.Builder
	other.Stdout, other.Stderr = &said, &said
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	writeDecisions(t, dir, "ana@example.org")
	if err := other.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, said.String())
	}
	facts := func(l *ledger.Ledger) (out [2]planner.Contact) {
		for i, a := range []string{"ana@example.org", "ben@example.org"} {
			out[i] = contact(t, l, time.Time{}, a)
			if n := len(out[i].Facts); n != perWriter {
				t.Errorf("%s has %d facts, want %d", a, n, perWriter)
			}
		}
		return out
	}
	before := facts(l)
	if diff := cmp.Diff(before, facts(lost(t, l, dir, me, hello...))); diff != "" {
		t.Errorf("after the loss of the database (-before +after):\n%s", diff)
	}
}

// A writer beside needs a ledger, and takes no lock.
func TestOpenBeside(t *testing.T) {
	dir := t.TempDir()
	if _, err := ledger.OpenBeside(t.Context(), dir); !errors.Is(err, ledger.ErrNone) {
		t.Errorf("OpenBeside() = %v, want ErrNone", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
	l := openLedger(t, dir, me)
	b, err := ledger.OpenBeside(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	if b.Instance() != l.Instance() {
		t.Errorf("instance %q, want %q", b.Instance(), l.Instance())
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	changed, watched := l.Changed(), make(chan error)
	asked := make(chan struct{}, 1)
	go func() { watched <- l.Watch(ctx, time.Millisecond, func() { asked <- struct{}{}; stop() }) }()
	n, err := b.Ask(t.Context())
	if err != nil || n != 1 {
		t.Fatalf("Ask() = %d, %v", n, err)
	}
	<-asked
	if err := <-watched; err != nil && ctx.Err() == nil {
		t.Errorf("Watch() = %v", err)
	}
	select {
	case <-changed:
		t.Error("to be asked for a pass is no change")
	default:
	}
	if err := l.Answer(t.Context(), n, []string{"one", "two"}); err != nil {
		t.Fatal(err)
	}
	done, failed, err := b.Answered(t.Context(), n)
	if err != nil || !done || len(failed) != 2 {
		t.Errorf("Answered() = %v, %q, %v", done, failed, err)
	}
	if done, _, err := b.Answered(t.Context(), n+1); err != nil || done {
		t.Errorf("Answered(%d) = %v, %v, want not yet", n+1, done, err)
	}
}

// What another process writes is a change, once; what the daemon writes itself is
// announced by the write alone.
func TestWatch(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	appendMail(t, l, sent, mail("a@x", day(-5), "me@example.com > ana@example.org", "Hi"))
	b, err := ledger.OpenBeside(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, stop := context.WithCancel(t.Context())
	watched := make(chan error)
	first := make(chan struct{})
	// The first look is what a pass that nobody answered shows.
	if _, err := b.Ask(t.Context()); err != nil {
		t.Fatal(err)
	}
	begun := false
	go func() {
		watched <- l.Watch(ctx, time.Millisecond, func() {
			if !begun {
				begun = true
				close(first)
			}
		})
	}()
	<-first
	changed := l.Changed()
	decide(t, b, ledger.Decision{Type: ledger.DecideMuted, Who: "ana@example.org", At: day(1)})
	<-changed
	stop()
	if err := <-watched; err != nil && !errors.Is(err, context.Canceled) {
		t.Errorf("Watch() = %v", err)
	}
}

// Somebody of whom nothing but the name is known is a person: logged twice, after
// the loss of the database, after the rows are read anew, and until a card has
// the name, which the configuration can say is theirs.
func TestNamedPerson(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	susan := ledger.Named("Susan   Hall")
	decide(t, l,
		ledger.Decision{Type: ledger.DecideLogged, Who: susan, Kind: ledger.KindMeeting, Text: "the waiting room", At: day(2), To: day(1)},
		ledger.Decision{Type: ledger.DecideLogged, Who: susan, Kind: ledger.KindNote, Text: "wants: a flat", At: day(3), To: day(3)},
	)
	check := func(l *ledger.Ledger, when string) {
		t.Helper()
		d, err := l.Contact(t.Context(), "susan hall")
		if err != nil {
			t.Errorf("%s: %v", when, err)
			return
		}
		if d.Name != "Susan Hall" || d.Candidate || d.Met != 1 || !d.LastMet.Equal(day(1)) || !d.LastOut.Equal(day(3)) || !d.Reported || len(d.Timeline) != 2 {
			t.Errorf("%s: %+v", when, d)
		}
	}
	check(l, "at once")
	if err := l.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	check(l, "after Rebuild")
	l = lost(t, l, dir, me)
	check(l, "after the loss of the database")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	merged := me
	merged.People = []ledger.Person{{Addresses: []string{"susan@example.org"}, Cards: []string{susan}}}
	l = openLedger(t, dir, merged)
	check(l, "merged")
	if got := contact(t, l, time.Time{}, "susan@example.org"); got.Met != 1 || got.Name != "Susan Hall" {
		t.Errorf("merged: %+v", got)
	}
}

// The journal has all that no server could tell again (SPEC section 4.6), and a
// lost ledger takes it.
func TestJournalComplete(t *testing.T) {
	dir := t.TempDir()
	hello := mail("a@x", day(-5), "me@example.com > ana@example.org", "Hi")
	l := openLedger(t, dir, me)
	appendMail(t, l, sent, hello)
	p, q := placement(l, "a@x"), placement(l, "b@x")
	for _, x := range []ledger.Placement{p, q} {
		if err := l.Intend(t.Context(), x); err != nil {
			t.Fatal(err)
		}
		x.State = ledger.Placed
		if err := l.Confirm(t.Context(), x); err != nil {
			t.Fatal(err)
		}
	}
	decide(t, l,
		ledger.Decision{Type: ledger.DecideSnoozed, UID: p.UID, At: day(1), To: day(9)},
		ledger.Decision{Type: ledger.DecideNoted, UID: p.UID, Who: "ana@example.org", Text: "wants: a flat", At: day(1)},
		ledger.Decision{Type: ledger.DecideLogged, Who: "ana@example.org", Kind: ledger.KindCall, Text: "offers: a desk", At: day(2), To: day(2)},
		ledger.Decision{Type: ledger.DecidePaused, At: day(2)},
		ledger.Decision{Type: ledger.DecideResumed, At: day(3)},
	)
	if err := l.End(t.Context(), q.UID, planner.End{Outcome: planner.Acted, Evidence: planner.Evidence{Type: planner.Mail, ID: "c@x", At: day(3)}}, day(3)); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Purge(t.Context(), day(4)); err != nil {
		t.Fatal(err)
	}
	if err := l.SetFirstRun(t.Context(), day(0)); err != nil {
		t.Fatal(err)
	}
	if err := l.SetCalendarSeen(t.Context(), "https://dav.example.com/f/", false, day(0)); err != nil {
		t.Fatal(err)
	}
	check := func(l *ledger.Ledger, when string) {
		t.Helper()
		for uid, want := range map[string]planner.Outcome{p.UID: planner.Withdrawn, q.UID: planner.Acted} {
			found, err := l.FindPlacements(t.Context(), uid)
			if err != nil || len(found) != 1 || found[0].Outcome != want {
				t.Errorf("%s: %s is %+v, %v; want it ended as %s", when, uid, found, err, want)
			}
		}
		if found, err := l.FindPlacements(t.Context(), p.UID); err != nil || found[0].EndedBy.ID != "purge" || !found[0].Seen.Start.Equal(day(9)) {
			t.Errorf("%s: %+v, %v", when, found, err)
		}
		if got := contact(t, l, time.Time{}, "ana@example.org"); len(got.Facts) != 2 {
			t.Errorf("%s: facts %v, want the note and the log entry", when, got.Facts)
		}
		if until, err := l.Paused(t.Context(), day(5)); err != nil || !until.Equal(planner.Forever) {
			t.Errorf("%s: paused until %v, %v", when, until, err)
		}
		if first, err := l.FirstRun(t.Context()); err != nil || !first.Equal(day(0)) {
			t.Errorf("%s: first run %v, %v", when, first, err)
		}
		if seen, _, err := l.CalendarSeen(t.Context(), "https://dav.example.com/f/"); err != nil || !seen {
			t.Errorf("%s: calendar seen %v, %v", when, seen, err)
		}
	}
	check(l, "before")
	text, err := os.ReadFile(filepath.Join(dir, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"instance", "uid", "placed", "end", "decision", "first-run", "calendar-seen"} {
		if !strings.Contains(string(text), `{"type":"`+want+`"`) {
			t.Errorf("the journal has no line %s", want)
		}
	}
	check(lost(t, l, dir, me, hello), "after the loss of the database")
}
