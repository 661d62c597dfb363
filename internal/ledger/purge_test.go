package ledger_test

import (
	"testing"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// What the user had deleted before a purge is dismissed once that is known, and
// stays so after the loss of the database. No other end gives way.
func TestPurgeGivesWayToADeletion(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
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
	acted := planner.End{Outcome: planner.Acted, Evidence: planner.Evidence{Type: planner.Mail, ID: "c@x", At: day(3)}}
	if err := l.End(t.Context(), q.UID, acted, day(3)); err != nil {
		t.Fatal(err)
	}
	if open, err := l.Purge(t.Context(), day(4)); err != nil || len(open) != 1 {
		t.Fatalf("Purge() = %v, %v", open, err)
	}
	for _, x := range []ledger.Placement{p, q} {
		decide(t, l, ledger.Decision{Type: ledger.DecideDismissed, UID: x.UID, At: day(5)})
	}
	check := func(l *ledger.Ledger, when string) {
		t.Helper()
		for uid, want := range map[string]planner.Outcome{p.UID: planner.Dismissed, q.UID: planner.Acted} {
			found, err := l.FindPlacements(t.Context(), uid)
			if err != nil || len(found) != 1 || found[0].Outcome != want || found[0].Purged() {
				t.Errorf("%s: %+v, %v; want it ended as %s", when, found, err, want)
			}
		}
	}
	check(l, "before")
	l = lost(t, l, dir, me)
	check(l, "after the loss of the database")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	check(openLedger(t, dir, me), "opened again")
}

// What the user had made their own is not ended: it is nothing to remove.
func TestPurgeLeavesWhatIsTheirs(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	p := placement(l, "a@x")
	p.State = ledger.TakenOver
	if err := l.Confirm(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if open, err := l.Purge(t.Context(), day(4)); err != nil || len(open) != 1 {
		t.Fatalf("Purge() = %v, %v; want it named", open, err)
	}
	found, err := l.FindPlacements(t.Context(), p.UID)
	if err != nil || len(found) != 1 || !found[0].Open() {
		t.Errorf("%+v, %v; want it open", found, err)
	}
}
