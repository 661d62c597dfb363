package reconcile_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// purge does what the command does in the book.
func (w *world) purge(t *testing.T) {
	t.Helper()
	end := planner.End{Outcome: planner.Withdrawn, Evidence: planner.Evidence{Type: planner.Gesture, ID: "purge", At: w.now}, Why: "you had everything removed"}
	for uid, p := range w.book.placed {
		if !p.Open() {
			continue
		}
		if err := w.book.End(t.Context(), uid, end, w.now); err != nil {
			t.Fatal(err)
		}
	}
	w.paused, w.silent = true, "paused"
}

// resume has the plan want anew what the purge withdrew.
func (w *world) resume() { w.paused, w.silent, w.resumed = false, "", true }

// next is the UID of the next event for a name.
func next(name string) string { return planner.UID(instance, key(name), 1) }

// What the user deleted before a purge stays deleted after it, whether that was
// known by then or not, and however soon the writing goes on (SPEC I6).
func TestDeletedBeforeAPurge(t *testing.T) {
	for _, noticed := range []bool{false, true} {
		for _, settled := range []bool{false, true} {
			for _, lost := range []bool{false, true} {
				t.Run(fmt.Sprintf("noticed %t, settled %t, ledger lost %t", noticed, settled, lost), func(t *testing.T) {
					w := newWorld()
					w.ask("ana", "bob")
					w.settle(t)
					w.cal.userDeletes(uid("ana"))
					if noticed {
						w.settle(t)
						w.now = w.now.Add(time.Minute)
					}
					w.purge(t)
					if lost {
						w.lose("ana")
					}
					w.settle(t)
					if settled {
						w.now = w.now.Add(missedFor)
						w.settle(t)
					}
					w.resume()
					w.settle(t)
					if len(w.cal.entries) != 1 {
						t.Errorf("after the pause: %v, want one for bob", slices.Collect(keys(w.cal.entries)))
					}
					w.now = w.now.Add(missedFor)
					w.settle(t)
					if p := w.book.placed[uid("ana")]; p.Outcome != planner.Dismissed || p.State != ledger.Closed {
						t.Errorf("what was deleted is %s, %q", p.State, p.Outcome)
					}
					if p := w.book.placed[uid("bob")]; p.Outcome != planner.Withdrawn || p.State != ledger.Closed {
						t.Errorf("what was purged is %s, %q", p.State, p.Outcome)
					}
					if _, again := w.book.placed[next("ana")]; again || !w.book.placed[next("bob")].Open() {
						t.Errorf("again in the end: %v", slices.Collect(keys(w.book.placed)))
					}
				})
			}
		}
	}
}

// What only seemed to be gone is removed as asked, and what was moved elsewhere
// is the user's.
func TestNotDeletedBeforeAPurge(t *testing.T) {
	t.Run("a late listing", func(t *testing.T) {
		w := placed(t)
		w.cal.hidden["/cal/"+uid("ana")+".ics"] = true
		late := w.cal.list()
		late.Skipped = nil
		w.cal.listing = &late
		w.purge(t)
		w.settle(t)
		w.now = w.now.Add(missedFor)
		if err := w.pass(); err != nil {
			t.Fatal(err)
		}
		w.cal.listing = nil
		clear(w.cal.hidden)
		w.settle(t)
		if p := w.book.placed[uid("ana")]; p.Outcome != planner.Withdrawn || p.State != ledger.Closed || w.has("ana") {
			t.Errorf("it is %s, %q, there: %t", p.State, p.Outcome, w.has("ana"))
		}
	})
	t.Run("moved elsewhere", func(t *testing.T) {
		w := placed(t)
		w.cal.userDeletes(uid("ana"))
		w.other = map[string]bool{uid("ana"): true}
		w.purge(t)
		w.settle(t)
		w.now = w.now.Add(missedFor)
		w.settle(t)
		if p := w.book.placed[uid("ana")]; p.Outcome != planner.Withdrawn || p.State != ledger.TakenOver {
			t.Errorf("it is %s, %q", p.State, p.Outcome)
		}
	})
}

// Many that vanish beside a purge wait for the user's word like others; few do
// not become many because the purge removes the rest.
func TestManyDeletedBeforeAPurge(t *testing.T) {
	for deleted, want := range map[int]planner.Outcome{4: planner.Dismissed, 6: planner.Withdrawn} {
		w := newWorld()
		names := []string{"a", "b", "c", "d", "e", "f", "g", "h"}
		w.ask(names...)
		w.settle(t)
		for _, n := range names[:deleted] {
			w.cal.userDeletes(uid(n))
		}
		w.purge(t)
		w.settle(t)
		w.now = w.now.Add(missedFor)
		w.settle(t)
		if got := w.outcome("a"); got != want {
			t.Errorf("%d of 8 deleted: %q, want %q", deleted, got, want)
		}
		w.now = w.now.Add(24 * time.Hour)
		w.settle(t)
		if got := w.outcome("a"); got != planner.Dismissed {
			t.Errorf("%d of 8 deleted, a day later: %q", deleted, got)
		}
	}
}
