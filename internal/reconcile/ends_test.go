package reconcile_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
)

// second writes the next generation of an entry, as it is after unmute.
func (w *world) second(name string) (uid string) {
	p := w.book.placed[planner.UID(instance, key(name), 0)]
	p.Generation = 1
	p.UID = planner.UID(instance, p.Key, p.Generation)
	p.Href = w.cal.Name(p.UID)
	p.State, p.Theirs, p.Seen = ledger.Placed, 0, p.Wrote
	p.Outcome, p.EndedAt, p.EndedBy, p.EndWhy = "", time.Time{}, planner.Evidence{}, ""
	w.book.placed[p.UID] = p
	w.cal.entries[p.Href] = caldav.Entry{Version: caldav.Version{Href: p.Href, ETag: w.cal.version()}, UID: p.UID, Shape: p.Seen, Marked: true}
	return p.UID
}

// What the user takes back of one generation stays theirs where another stands
// for the follow-up by now.
func TestTakenBackBesideAnother(t *testing.T) {
	for name, notes := range map[string]bool{"restored": false, "the mark away": true} {
		t.Run(name, func(t *testing.T) {
			w := placed(t)
			if notes {
				w.cal.user(uid("ana"), noted)
				w.settle(t)
			}
			first := w.entry(t, "ana")
			w.cal.user(uid("ana"), retitle("never Follow up with ana"))
			w.settle(t)
			other := w.second("ana")
			w.now = w.now.AddDate(0, 0, 3)
			w.settle(t)
			w.cal.entries[first.Href] = first
			w.cal.user(uid("ana"), retitle("Follow up with ana"))
			w.cal.writes = nil
			w.settle(t)
			if p := w.book.placed[uid("ana")]; p.Open() || p.State != ledger.TakenOver {
				t.Errorf("the first: %s, %q", p.State, p.Outcome)
			}
			if p := w.book.placed[other]; !p.Open() {
				t.Errorf("the second ended as %q", p.Outcome)
			}
			if said := w.said(); slices.Contains(said, "undone") || !slices.Contains(said, "unmuted") {
				t.Errorf("decisions %v", said)
			}
			w.word(other, ledger.DecideDone)
			w.settle(t)
			if p := w.book.placed[uid("ana")]; p.Open() || !w.has("ana") || w.entry(t, "ana").Shape.Summary != "Follow up with ana" {
				t.Errorf("the first after the end of the second: %s, %q, writes %v", p.State, p.Outcome, w.cal.writes)
			}
		})
	}
}

func (w *world) word(uid string, d ledger.DecisionType) {
	w.book.decide(ledger.Decision{Type: d, UID: uid, At: w.now})
}

// An end is of the one generation that it names.
func TestEndOfOneGeneration(t *testing.T) {
	w := placed(t)
	other := w.second("ana")
	in := w.input(w.cal.list())
	f := in.Wanted[0]
	f.Generation = 1
	in.Held = []planner.Held{{FollowUp: f, End: &planner.End{Outcome: planner.Withdrawn, Why: "it is there already"}}}
	d := reconcile.Diff(in)
	if len(d.Operations) != 1 || d.Operations[0].UID != other || d.Operations[0].Type != reconcile.Delete {
		t.Errorf("Diff() = %s, want the second deleted alone", describe(d))
	}
}

// A plan made before the user asked for another time does not end by its age what
// has yet to be moved; any other end does.
func TestMoveBeforeAnOlderPlan(t *testing.T) {
	for end, want := range map[planner.Outcome]string{planner.Expired: "move", planner.Acted: "delete"} {
		w := placed(t)
		w.end("ana", end)
		w.command(t, ledger.Decision{Type: ledger.DecideMove, UID: uid("ana"), At: w.now, To: monday.AddDate(0, 0, 14)})
		d, err := w.diff()
		if got := describe(d); err != nil || got != want+" Follow up with ana" {
			t.Errorf("%s: %q, %v; want %s", end, got, err, want)
		}
	}
}

// pausing is a book whose user pauses the writing after the first new entry.
type pausing struct {
	*book
	wrote bool
}

func (b *pausing) Intend(ctx context.Context, p ledger.Placement) error {
	if p.State == ledger.Intended && b.wrote {
		return ledger.ErrPaused
	}
	b.wrote = b.wrote || p.State == ledger.Intended
	return b.book.Intend(ctx, p)
}

// A pause that begins while entries are written ends that, and is no failure.
func TestPausedMeanwhile(t *testing.T) {
	w := newWorld()
	w.ask("ana", "bob", "cyd")
	d, err := w.diff()
	if err != nil {
		t.Fatal(err)
	}
	if err := reconcile.Apply(t.Context(), w.cal, &pausing{book: w.book}, d); err != nil {
		t.Errorf("Apply() = %v", err)
	}
	if len(w.cal.writes) != 1 || len(w.book.placed) != 1 {
		t.Errorf("wrote %v, kept %d", w.cal.writes, len(w.book.placed))
	}
}
