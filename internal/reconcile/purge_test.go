package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// purge does what the command does in the book.
func (w *world) purge(t *testing.T) {
	t.Helper()
	end := planner.End{Outcome: planner.Withdrawn, Evidence: planner.Evidence{Type: planner.Gesture, ID: "purge", At: w.now}, Why: "you had everything removed"}
	for uid, p := range w.book.placed {
		if !p.Open() || p.State == ledger.TakenOver {
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
		w.resume()
		w.settle(t)
		if p := w.book.placed[uid("ana")]; !p.Open() || p.State != ledger.TakenOver || len(w.cal.entries) > 0 {
			t.Errorf("it is %s, %q; in the calendar: %d", p.State, p.Outcome, len(w.cal.entries))
		}
	})
	t.Run("moved elsewhere, and another took its place", func(t *testing.T) {
		w := placed(t)
		w.cal.userDeletes(uid("ana"))
		w.other = map[string]bool{uid("ana"): true}
		w.purge(t)
		later := w.book.placed[uid("ana")]
		later.UID, later.Generation, later.State, later.Href = next("ana"), 1, ledger.Closed, ""
		later.Outcome, later.EndedAt, later.EndedBy = planner.Expired, w.now, planner.Evidence{}
		w.book.placed[later.UID] = later
		w.settle(t)
		w.now = w.now.Add(missedFor)
		w.settle(t)
		if p := w.book.placed[uid("ana")]; p.Open() {
			t.Errorf("it is open again: %s", p.State)
		}
	})
	t.Run("deleted, and another took its place", func(t *testing.T) {
		w := placed(t)
		w.purge(t)
		later := w.book.placed[uid("ana")]
		later.UID, later.Generation, later.State = next("ana"), 1, ledger.TakenOver
		later.Outcome, later.EndedAt, later.EndedBy = "", time.Time{}, planner.Evidence{}
		w.book.placed[later.UID] = later
		w.cal.userDeletes(uid("ana"))
		w.settle(t)
		w.now = w.now.Add(missedFor)
		w.settle(t)
		if p := w.book.placed[uid("ana")]; p.Outcome != planner.Withdrawn || p.State != ledger.Closed {
			t.Errorf("the earlier one is %s, %q", p.State, p.Outcome)
		}
		if p := w.book.placed[later.UID]; !p.Open() {
			t.Errorf("the later one ended as %q", p.Outcome)
		}
	})
	t.Run("made recurring", func(t *testing.T) {
		w := placed(t)
		w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Foreign = true })
		w.purge(t)
		w.settle(t)
		w.resume()
		w.settle(t)
		if p := w.book.placed[uid("ana")]; !p.Open() || p.State != ledger.TakenOver || len(w.cal.entries) != 1 {
			t.Errorf("it is %s, %q; in the calendar: %d", p.State, p.Outcome, len(w.cal.entries))
		}
	})
}

// Words that the user wrote into a line of ours when the follow-up was done stay
// theirs once they took that back.
func TestNotedWhileDoneIsKept(t *testing.T) {
	w := placed(t)
	w.now = w.entry(t, "ana").Shape.End.Add(time.Hour)
	w.cal.user(uid("ana"), retitle("[x] Follow up with ana"))
	w.settle(t)
	w.cal.user(uid("ana"), func(e *caldav.Entry) {
		line, rest, _ := strings.Cut(e.Shape.Description, "\n")
		e.Shape.Description = line + " – bring tea\n" + rest
	})
	w.settle(t)
	w.cal.user(uid("ana"), retitle("Follow up with ana"))
	w.settle(t)
	if p := w.book.placed[uid("ana")]; !p.Open() || !strings.HasSuffix(p.Noted, "bring tea") {
		t.Fatalf("it is %q, noted %q", p.Outcome, p.Noted)
	}
	w.purge(t)
	w.settle(t)
	if !w.has("ana") || !strings.Contains(w.entry(t, "ana").Shape.Description, "bring tea") {
		t.Errorf("there: %t", w.has("ana"))
	}
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

// What a purge, or a policy, leaves in the calendar for the user's words is the one
// that goes on when it is wanted again, with all they did to it meanwhile; unless
// its time has passed. No second one stands beside it.
func TestKeptGoesOn(t *testing.T) {
	withdrawn := planner.End{Outcome: planner.Withdrawn, Why: "in no circle any longer"}
	ends := map[string]func(*testing.T, *world){
		"purge":  func(t *testing.T, w *world) { t.Helper(); w.purge(t) },
		"policy": func(_ *testing.T, w *world) { w.facts["ana"].end = &withdrawn },
	}
	meanwhile := map[string]struct {
		change  func(*caldav.Entry)
		outcome planner.Outcome
		theirs  ledger.Field
		title   string
	}{
		"nothing":  {func(*caldav.Entry) {}, "", 0, "Reply to ana"},
		"noted":    {func(e *caldav.Entry) { e.Shape.Description += "\none more" }, "", ledger.FieldDescription, "Reply to ana"},
		"moved":    {func(e *caldav.Entry) { e.Shape.Start = e.Shape.Start.Add(30 * time.Hour) }, "", ledger.FieldTime, "Reply to ana"},
		"retitled": {retitle("Ring ana"), "", ledger.FieldSummary, "Ring ana"},
		"retitled and noted": {func(e *caldav.Entry) {
			e.Shape.Summary = "Ring ana"
			e.Shape.Description += "\none more"
		}, "", ledger.FieldSummary, "Ring ana"},
		"marked as done": {retitle("done Follow up with ana"), planner.Done, 0, "done Follow up with ana"},
	}
	for how, end := range ends {
		for name, tt := range meanwhile {
			for _, lost := range []bool{false, true} {
				if lost && tt.outcome != "" {
					continue // nobody can tell when it was marked
				}
				t.Run(fmt.Sprintf("%s, %s, ledger lost %t", how, name, lost), func(t *testing.T) {
					w := placed(t)
					w.cal.user(uid("ana"), noted)
					w.settle(t)
					end(t, w)
					w.settle(t)
					if !w.has("ana") || w.entry(t, "ana").Shape.Alarm || w.outcome("ana") != planner.Withdrawn {
						t.Fatalf("kept: %t, ended as %q", w.has("ana"), w.outcome("ana"))
					}
					if lost {
						w.lose("ana")
					}
					w.cal.user(uid("ana"), tt.change)
					w.settle(t)
					w.facts["ana"].end = nil
					w.resume()
					w.facts["ana"].title = "Reply to ana"
					w.settle(t)
					p, e := w.book.placed[uid("ana")], w.entry(t, "ana")
					if p.Outcome != tt.outcome || len(w.book.placed) != 1 || len(w.cal.entries) != 1 {
						t.Errorf("%s, %q; %d placements, %d entries", p.State, p.Outcome, len(w.book.placed), len(w.cal.entries))
					}
					if e.Shape.Summary != tt.title && !lost {
						t.Errorf("title %q, want %q", e.Shape.Summary, tt.title)
					}
					if p.Theirs&tt.theirs != tt.theirs && !lost {
						t.Errorf("theirs %b, want %b", p.Theirs, tt.theirs)
					}
					if tt.outcome != "" {
						return
					}
					w.cal.userDeletes(uid("ana"))
					w.settle(t)
					w.now = w.now.Add(missedFor)
					w.settle(t)
					if p := w.book.placed[uid("ana")]; p.Outcome != planner.Dismissed || len(w.cal.entries) > 0 {
						t.Errorf("deleted in the end: %q, %d entries", p.Outcome, len(w.cal.entries))
					}
				})
			}
		}
	}
	t.Run("past", func(t *testing.T) {
		w := placed(t)
		w.cal.user(uid("ana"), noted)
		w.settle(t)
		w.purge(t)
		w.settle(t)
		kept := w.entry(t, "ana")
		w.now = kept.Shape.End.Add(24 * time.Hour)
		w.facts["ana"].slot = w.now.Add(time.Hour)
		w.resume()
		w.settle(t)
		if diff := cmp.Diff(kept, w.entry(t, "ana")); diff != "" || !w.book.placed[next("ana")].Open() {
			t.Errorf("the next one is open: %t; the one before (-want +got):\n%s", w.book.placed[next("ana")].Open(), diff)
		}
	})
}
