package reconcile_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
)

// placed is a world with one entry in its calendar, Ana's.
func placed(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	w.ask("ana")
	w.settle(t)
	return w
}

func (w *world) place(name string, change func(*ledger.Placement)) {
	p := w.book.placed[uid(name)]
	change(&p)
	w.book.placed[uid(name)] = p
}

func noted(e *caldav.Entry) { e.Shape.Description += "\nshe likes tea" }

// Every row of Diff's table: what is wanted, placed and observed, and what
// follows.
func TestDiffTable(t *testing.T) {
	move := func(e *caldav.Entry) {
		e.Shape.Start, e.Shape.End = e.Shape.Start.Add(24*time.Hour), e.Shape.End.Add(24*time.Hour)
	}
	foreign := func(e *caldav.Entry) { e.Foreign = true }
	tests := []struct {
		name string
		set  func(*world)
		want string
		says []ledger.DecisionType
	}{
		{"wanted, not placed, not observed", func(w *world) {
			w.book.placed, w.cal.entries = map[string]ledger.Placement{}, map[string]caldav.Entry{}
		}, "create Follow up with ana", nil},
		{"wanted, not placed, ours by UID", func(w *world) {
			w.book.placed = map[string]ledger.Placement{}
		}, "adopt Follow up with ana", nil},
		{"wanted, intended, ours by UID", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State, p.Href, p.Seen = ledger.Intended, "", ledger.Shape{} })
		}, "adopt Follow up with ana", nil},
		{"wanted, intended, edited meanwhile", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State, p.Href, p.Seen = ledger.Intended, "", ledger.Shape{} })
			w.cal.user(uid("ana"), move)
		}, "record Follow up with ana", []ledger.DecisionType{ledger.DecideSnoozed}},
		{"wanted, intended, not observed", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State, p.Href, p.Seen = ledger.Intended, "", ledger.Shape{} })
			w.cal.userDeletes(uid("ana"))
		}, "create Follow up with ana", nil},
		{"wanted, intended, not observed, in a pause", func(w *world) {
			w.intended("ana")
			w.silent = "paused"
		}, "", nil},
		{"wanted, intended, not observed, its slot is too near", func(w *world) {
			w.intended("ana")
			w.now = monday.Add(-29 * time.Minute)
		}, "gone Follow up with ana", nil},
		{"wanted, intended a moment ago, not observed, its slot is too near", func(w *world) {
			w.intended("ana")
			w.now = monday.Add(-29 * time.Minute)
			w.place("ana", func(p *ledger.Placement) { p.CreatedAt = w.now.Add(-time.Minute) })
		}, "", nil},
		{"wanted, intended yesterday, not observed", func(w *world) {
			w.intended("ana")
			w.place("ana", func(p *ledger.Placement) { p.CreatedAt = p.CreatedAt.Add(-24 * time.Hour) })
		}, "gone Follow up with ana", nil},
		{"expired, intended, not observed", func(w *world) {
			w.intended("ana")
			w.end("ana", planner.Expired)
			w.now = monday.Add(240 * time.Hour)
		}, "gone Follow up with ana", nil},
		{"wanted, placed, as placed", func(*world) {}, "", nil},
		{"wanted, placed, as placed, other facts", func(w *world) {
			w.facts["ana"].text = "You met ana on 8 May and 9 May.\n\nWhy: twice."
		}, "rewrite Follow up with ana", nil},
		{"wanted, placed, as placed, only the slot differs", func(w *world) {
			w.facts["ana"].slot = monday.Add(72 * time.Hour)
		}, "", nil},
		{"wanted, rewriting, the answer was lost", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State, p.Seen.Summary = ledger.Rewriting, "before" })
		}, "record Follow up with ana, adopt Follow up with ana", nil},
		{"wanted, rewriting, never arrived", func(w *world) {
			w.facts["ana"].title = "Follow up with Ana"
			w.place("ana", func(p *ledger.Placement) { p.State, p.Wrote.Summary = ledger.Rewriting, "Follow up with Ana" })
		}, "rewrite Follow up with Ana", nil},
		{
			"placed, moved", func(w *world) { w.cal.user(uid("ana"), move) },
			"record Follow up with ana",
			[]ledger.DecisionType{ledger.DecideSnoozed},
		},
		{"placed, longer", func(w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.End = e.Shape.End.Add(time.Hour) })
		}, "record Follow up with ana", nil},
		{"placed, other ETag", func(w *world) { w.cal.user(uid("ana"), func(*caldav.Entry) {}) }, "", nil},
		{"placed, other SEQUENCE, HTML description", func(w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) {
				e.Sequence = 7
				e.Shape.Description = strings.ReplaceAll(e.Shape.Description, "\n", "<br>")
			})
		}, "", nil},
		{"placed, retitled", func(w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary = "Tea with ana" })
		}, "record Tea with ana", []ledger.DecisionType{ledger.DecideEdited}},
		{
			"placed, annotated", func(w *world) { w.cal.user(uid("ana"), noted) },
			"record Follow up with ana",
			[]ledger.DecisionType{ledger.DecideEdited, ledger.DecideNoted},
		},
		{"placed, marked done", func(w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary += " done" })
		}, "record Follow up with ana done, delete Follow up with ana done", []ledger.DecisionType{ledger.DecideDone}},
		{"placed, cancelled", func(w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Status = "CANCELLED" })
		}, "record Follow up with ana, delete Follow up with ana", []ledger.DecisionType{ledger.DecideDone}},
		{"placed, done and ended by mail", func(w *world) {
			w.end("ana", planner.Acted)
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary = "✔ " + e.Shape.Summary })
		}, "record ✔ Follow up with ana, delete ✔ Follow up with ana", nil},
		{"placed, done and withdrawn", func(w *world) {
			w.end("ana", planner.Withdrawn)
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary = "✔ " + e.Shape.Summary })
		}, "record ✔ Follow up with ana, delete ✔ Follow up with ana", []ledger.DecisionType{ledger.DecideDone}},
		{
			"placed, recurring or inviting", func(w *world) { w.cal.user(uid("ana"), foreign) },
			"record Follow up with ana",
			[]ledger.DecisionType{ledger.DecideTaken},
		},
		{"placed, in another calendar", func(w *world) {
			w.cal.userDeletes(uid("ana"))
			w.other = map[string]bool{uid("ana"): true}
		}, "miss Follow up with ana", nil},
		{"placed, in another calendar for ten minutes", func(w *world) {
			w.cal.userDeletes(uid("ana"))
			w.other = map[string]bool{uid("ana"): true}
			w.place("ana", func(p *ledger.Placement) { p.MissingAt = w.now.Add(-10 * time.Minute) })
		}, "record Follow up with ana", []ledger.DecisionType{ledger.DecideTaken}},
		{"wanted, placed, gone", func(w *world) { w.cal.userDeletes(uid("ana")) }, "miss Follow up with ana", nil},
		{"wanted, placed, unreadable", func(w *world) { w.cal.hidden["/cal/"+uid("ana")+".ics"] = true }, "", nil},
		{"ended, placed, unreadable", func(w *world) {
			w.cal.hidden["/cal/"+uid("ana")+".ics"] = true
			w.end("ana", planner.Acted)
		}, "close Follow up with ana", nil},
		{"wanted, placed, gone for nine minutes", func(w *world) {
			w.cal.userDeletes(uid("ana"))
			w.place("ana", func(p *ledger.Placement) { p.MissingAt = w.now.Add(-9 * time.Minute) })
		}, "", nil},
		{"wanted, placed, gone for ten minutes", func(w *world) {
			w.cal.userDeletes(uid("ana"))
			w.place("ana", func(p *ledger.Placement) { p.MissingAt = w.now.Add(-10 * time.Minute) })
		}, "dismiss Follow up with ana", []ledger.DecisionType{ledger.DecideDismissed}},
		{"wanted, placed, back again", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.MissingAt = w.now.Add(-time.Hour) })
		}, "record Follow up with ana", nil},
		{"ended, placed, gone", func(w *world) {
			w.end("ana", planner.Acted)
			w.cal.userDeletes(uid("ana"))
		}, "gone Follow up with ana", nil},
		{"withdrawn, placed, gone", func(w *world) {
			w.end("ana", planner.Withdrawn)
			w.cal.userDeletes(uid("ana"))
		}, "miss Follow up with ana", nil},
		{"ended, intended, not observed", func(w *world) {
			w.end("ana", planner.Withdrawn)
			w.place("ana", func(p *ledger.Placement) { p.State, p.Href, p.Seen = ledger.Intended, "", ledger.Shape{} })
			w.cal.userDeletes(uid("ana"))
		}, "gone Follow up with ana", nil},
		{"ended, intended, ours by UID", func(w *world) {
			w.end("ana", planner.Acted)
			w.place("ana", func(p *ledger.Placement) { p.State, p.Href, p.Seen = ledger.Intended, "", ledger.Shape{} })
		}, "adopt Follow up with ana, delete Follow up with ana", nil},
		{"ended, placed, in the future", func(w *world) { w.end("ana", planner.Acted) }, "delete Follow up with ana", nil},
		{"ended, placed, past", func(w *world) {
			w.end("ana", planner.Answered)
			w.now = monday.Add(time.Hour)
		}, "tick Follow up with ana", nil},
		{"ended, placed, for the whole day that is not over", func(w *world) {
			w.wholeDay("ana")
			w.end("ana", planner.Answered)
			w.now = monday.Add(14 * time.Hour)
		}, "delete Follow up with ana", nil},
		{"ended, placed, for a whole day that is over", func(w *world) {
			w.wholeDay("ana")
			w.end("ana", planner.Answered)
			w.now = monday.Add(15 * time.Hour)
		}, "tick Follow up with ana", nil},
		{"ended, placed, in the future, on_resolve = tick", func(w *world) {
			w.end("ana", planner.Acted)
			w.policy.OnResolve = reconcile.ResolveTick
		}, "tick Follow up with ana", nil},
		{"ended, placed, in the future, annotated", func(w *world) {
			w.end("ana", planner.Acted)
			w.cal.user(uid("ana"), noted)
		}, "record Follow up with ana, tick Follow up with ana", []ledger.DecisionType{ledger.DecideEdited, ledger.DecideNoted}},
		{"expired, placed, past", func(w *world) {
			w.end("ana", planner.Expired)
			w.now = monday.Add(240 * time.Hour)
		}, "delete Follow up with ana", nil},
		{"expired, placed, past, annotated", func(w *world) {
			w.end("ana", planner.Expired)
			w.now = monday.Add(240 * time.Hour)
			w.cal.user(uid("ana"), noted)
		}, "record Follow up with ana, quiet Follow up with ana", []ledger.DecisionType{ledger.DecideEdited, ledger.DecideNoted}},
		{"ended, ticked, the answer was lost", func(w *world) {
			w.now = monday.Add(time.Hour)
			w.place("ana", func(p *ledger.Placement) {
				p.State, p.Outcome, p.Wrote.Summary, p.Wrote.Alarm = ledger.Rewriting, planner.Acted, "✓ Follow up with ana", false
			})
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary, e.Shape.Alarm = "✓ Follow up with ana", false })
		}, "record ✓ Follow up with ana, close ✓ Follow up with ana", nil},
		{"ended, cut short", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.Outcome = planner.Acted })
		}, "delete Follow up with ana", nil},
		{"deleting, gone", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State, p.Outcome = ledger.Deleting, planner.Withdrawn })
			w.cal.userDeletes(uid("ana"))
		}, "gone Follow up with ana", nil},
		{"deleting, still there", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State, p.Outcome = ledger.Deleting, planner.Withdrawn })
		}, "delete Follow up with ana", nil},
		{"not named by the plan, placed", func(w *world) { w.facts["ana"].mute = true }, "", nil},
		{"taken over, moved", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State = ledger.TakenOver })
			w.cal.user(uid("ana"), move)
		}, "", nil},
		{"taken over, gone", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State = ledger.TakenOver })
			w.cal.userDeletes(uid("ana"))
		}, "", nil},
		{"taken over, ended", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State = ledger.TakenOver })
			w.end("ana", planner.Acted)
		}, "close Follow up with ana", nil},
		{"closed, there", func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State, p.Outcome = ledger.Closed, planner.Acted })
		}, "", nil},
		{"not wanted, not placed, ours by UID", func(w *world) {
			w.facts = map[string]*fact{}
			w.book.placed = map[string]ledger.Placement{}
		}, "stop " + instance, nil},
		{"another instance's", func(w *world) {
			other := planner.UID("zzzzzz", key("bob"), 0)
			w.cal.entries["/cal/other.ics"] = caldav.Entry{UID: other, Marked: true, Version: caldav.Version{Href: "/cal/other.ics"}}
			w.ask("bob")
			w.cal.user(uid("ana"), move)
		}, "record Follow up with ana, stop zzzzzz", []ledger.DecisionType{ledger.DecideSnoozed}},
		{"not ours", func(w *world) {
			w.cal.entries["/cal/x.ics"] = caldav.Entry{UID: "x", Marked: true, Shape: ledger.Shape{Summary: "Call Ana done"}}
			w.cal.entries["/cal/y.ics"] = caldav.Entry{UID: "syncd-probe-1", Shape: ledger.Shape{Summary: "Call Ana done"}}
		}, "", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := placed(t)
			tt.set(w)
			d := reconcile.Diff(w.input(w.cal.list()))
			if got := describe(d); got != tt.want {
				t.Errorf("Diff() = %q, want %q", got, tt.want)
			}
			var says []ledger.DecisionType
			for _, s := range d.Decisions() {
				says = append(says, s.Type)
			}
			if diff := cmp.Diff(tt.says, says); diff != "" {
				t.Errorf("decisions mismatch (-want +got):\n%s", diff)
			}
			for _, op := range d.Operations {
				if op.Reason == "" {
					t.Errorf("%s %q has no reason", op.Type, op.Title)
				}
			}
			if d.Stop == nil {
				w.settle(t)
			}
		})
	}
}

func TestDoneMarks(t *testing.T) {
	const ours = "Follow up with ana"
	tests := []struct {
		title string
		done  bool
	}{
		{"done " + ours, true},
		{"Done: " + ours, true},
		{ours + " DONE", true},
		{ours + " - done", true},
		{"x " + ours, true},
		{"X " + ours, true},
		{ours + " x", true},
		{"✓ " + ours, true},
		{"✓" + ours, true},
		{ours + "✔", true},
		{"[x] " + ours, true},
		{ours + " [X]", true},
		{"done", true},
		{"x", true},
		{"✓ tea with ana", true},
		{"Follow up with ana, get it done soon", false},
		{"Undone " + ours, false},
		{ours + " abandoned", false},
		{"x-ray with ana", false},
		{"xavier and ana", false},
		{"Doner with ana", false},
		{"[ ] " + ours, false},
		{ours, false},
	}
	for _, tt := range tests {
		w := placed(t)
		w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary = tt.title })
		d := reconcile.Diff(w.input(w.cal.list()))
		done := slices.ContainsFunc(d.Decisions(), func(x ledger.Decision) bool { return x.Type == ledger.DecideDone })
		if done != tt.done {
			t.Errorf("title %q: done = %t, want %t", tt.title, done, tt.done)
		}
	}
}

// A title of ours that happens to end with such a word is no gesture.
func TestOwnTitleThatEndsWithDone(t *testing.T) {
	w := newWorld()
	w.ask("ana")
	w.facts["ana"].title = "Reply to ana: what must be done"
	w.settle(t)
	w.facts["ana"].text = "Other facts."
	w.settle(t)
	w.cal.user(uid("ana"), noted)
	w.settle(t)
	if p := w.book.placed[uid("ana")]; !p.Open() {
		t.Fatalf("ended as %s: %s", p.Outcome, p.EndWhy)
	}
	w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary += " done" })
	w.settle(t)
	if p := w.book.placed[uid("ana")]; p.Outcome != planner.Done {
		t.Errorf("outcome = %q after a second done, want done", p.Outcome)
	}
}

func TestCreatedEntry(t *testing.T) {
	w := newWorld()
	w.ask("ana")
	d := reconcile.Diff(w.input(caldav.Listing{}))
	got := d.Operations[0].Draft
	want := caldav.Draft{
		UID: uid("ana"), Zone: zone, URL: "mid:ana@example.org", Stamp: w.now,
		Shape: ledger.Shape{
			Start: monday, End: monday.Add(15 * time.Minute), Summary: "Follow up with ana", Status: "CONFIRMED", Alarm: true,
			Description: w.facts["ana"].text + "\n\n" + caldav.Marker,
		},
	}
	same := cmp.Comparer(func(a, b *time.Location) bool { return a == b })
	if diff := cmp.Diff(want, got, same); diff != "" {
		t.Errorf("draft mismatch (-want +got):\n%s", diff)
	}
	w.policy.AllDay = true
	got = reconcile.Diff(w.input(caldav.Listing{})).Operations[0].Draft
	if s := got.Shape; !s.AllDay || s.Start.Format(time.DateTime) != "2026-05-11 00:00:00" || s.End.Format(time.DateOnly) != "2026-05-12" {
		t.Errorf("all day: %v to %v", s.Start, s.End)
	}
}

// A sender who is called like the marker hides nothing of ours, and makes no
// notes.
func TestMarkerInAName(t *testing.T) {
	w := newWorld()
	w.ask("ana")
	w.facts["ana"].text = caldav.Marker + " wrote to you on 12 May.\n\nWhy: they asked.\nCode: abcdef"
	got := reconcile.Diff(w.input(caldav.Listing{})).Operations[0].Draft.Shape.Description
	ours, notes, _ := caldav.SplitNotes(got)
	if !strings.Contains(ours, "wrote to you on 12 May") || !strings.Contains(ours, "Code: abcdef") || notes != "" {
		t.Errorf("ours is %q and the notes are %q of\n%s", ours, notes, got)
	}
}

// The user's lines survive a rewrite wherever they stand; ours give way.
func TestNotesOnRewrite(t *testing.T) {
	w := placed(t)
	w.cal.user(uid("ana"), func(e *caldav.Entry) {
		e.Shape.Description = "my line on top\n" + strings.Replace(e.Shape.Description, "\n\nWhy", "\nin the middle\n\nWhy", 1) + "\n" + strings.Repeat("below the marker, long. ", 60)
	})
	w.settle(t)
	long := strings.Repeat("One more line about what you talked of.\n", 30)
	w.facts["ana"].text = "You met ana twice.\n" + long + "Code: abcdef"
	w.settle(t)
	got := w.entry(t, "ana").Shape.Description
	for _, want := range []string{"my line on top", "in the middle", strings.TrimSpace(strings.Repeat("below the marker, long. ", 60)), "You met ana twice.", "Code: abcdef"} {
		if !strings.Contains(got, want) {
			t.Errorf("%.30q is lost from\n%s", want, got)
		}
	}
	above, below, _ := strings.Cut(got, caldav.Marker)
	if strings.Contains(above, "my line") || strings.Contains(above, "in the middle") || !strings.Contains(below, "my line") {
		t.Errorf("notes are not below the marker:\n%s", got)
	}
	if strings.Contains(got, "8 May") {
		t.Errorf("the old text is still there:\n%s", got)
	}
}

// Where our own lines were edited, the description is never rewritten again; nor
// is a title of the user's.
func TestEditedLinesAreKept(t *testing.T) {
	w := placed(t)
	w.cal.user(uid("ana"), func(e *caldav.Entry) {
		e.Shape.Summary = "Tea with ana"
		e.Shape.Description = strings.Replace(e.Shape.Description, "8 May", "9 May, I think", 1)
	})
	w.settle(t)
	want := w.entry(t, "ana").Shape
	w.facts["ana"].title, w.facts["ana"].text = "Another title", "Another text."
	w.settle(t)
	if diff := cmp.Diff(want, w.entry(t, "ana").Shape); diff != "" {
		t.Errorf("the user's words changed (-want +got):\n%s", diff)
	}
	w.end("ana", planner.Acted)
	w.settle(t)
	if got := w.entry(t, "ana").Shape; got.Summary != "✓ Tea with ana" || got.Alarm || got.Description != want.Description {
		t.Errorf("resolved to %+v", got)
	}
}

func TestMovedResolvesByItself(t *testing.T) {
	w := placed(t)
	w.cal.user(uid("ana"), func(e *caldav.Entry) {
		e.Shape.Start, e.Shape.End = monday.Add(48*time.Hour), monday.Add(48*time.Hour+15*time.Minute)
	})
	w.settle(t)
	if p := w.book.placed[uid("ana")]; p.Theirs != ledger.FieldTime || !p.Seen.Start.Equal(monday.Add(48*time.Hour)) {
		t.Errorf("placement has %v at %v", p.Theirs, p.Seen.Start)
	}
	w.facts["ana"].text = "Other facts."
	w.settle(t)
	if got := w.entry(t, "ana").Shape.Start; !got.Equal(monday.Add(48 * time.Hour)) {
		t.Errorf("a rewrite moved it to %v", got)
	}
	w.end("ana", planner.Acted)
	w.settle(t)
	if w.has("ana") {
		t.Error("it is still there after it was resolved")
	}
}

func TestDeletionIsBelieved(t *testing.T) {
	w := placed(t)
	w.cal.userDeletes(uid("ana"))
	if err := w.pass(); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(10 * time.Minute)
	w.cal.down = errors.New("502")
	w.cal.listing = &caldav.Listing{}
	d := reconcile.Diff(w.input(caldav.Listing{}))
	if err := reconcile.Apply(context.Background(), w.cal, w.book, d); err == nil {
		t.Error("believed although the calendar does not answer")
	}
	if p := w.book.placed[uid("ana")]; !p.Open() {
		t.Fatalf("ended as %s although the calendar does not answer", p.Outcome)
	}
	w.cal.down, w.cal.listing = nil, nil
	w.settle(t)
	p := w.book.placed[uid("ana")]
	if p.Outcome != planner.Dismissed || p.State != ledger.Closed || p.EndedBy.Type != planner.Gesture {
		t.Errorf("placement is %s, %q by %v", p.State, p.Outcome, p.EndedBy)
	}
	for range 3 {
		w.now = w.now.Add(24 * time.Hour)
		w.settle(t)
	}
	if w.has("ana") {
		t.Error("a dismissed follow-up returned")
	}
}

// A listing that is late or empty, or a collection that is gone, is no deletion.
func TestEmptyListingDecidesNothing(t *testing.T) {
	w := newWorld()
	w.ask("ana", "bob", "eve")
	w.settle(t)
	w.cal.listing = &caldav.Listing{}
	for range 20 {
		w.now = w.now.Add(11 * time.Minute)
		if err := w.pass(); err != nil {
			t.Fatal(err)
		}
	}
	w.cal.listing = nil
	w.settle(t)
	for _, n := range []string{"ana", "bob", "eve"} {
		if p := w.book.placed[uid(n)]; !p.Open() || !p.MissingAt.IsZero() {
			t.Errorf("%s: outcome %q, missing at %v", n, p.Outcome, p.MissingAt)
		}
	}
	if len(w.book.decisions) > 0 {
		t.Errorf("decisions from an empty listing: %v", w.book.decisions)
	}
}

// A listing from before our last change is not an edit of the user's.
func TestStaleListingIsNoGesture(t *testing.T) {
	w := newWorld()
	w.ask("ana")
	w.settle(t)
	stale := w.cal.list()
	w.facts["ana"].title, w.facts["ana"].text = "Follow up with Ana", "Other facts."
	w.settle(t)
	before := w.state()
	w.cal.listing = &stale
	if err := w.pass(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, w.state()); diff != "" {
		t.Errorf("a stale listing changed (-before +after):\n%s", diff)
	}
}

func TestManyVanishAtOnce(t *testing.T) {
	w := newWorld()
	w.ask("ana", "bob", "cyd", "dan", "eve", "fay")
	w.settle(t)
	w.now = monday.Add(-30 * time.Minute)
	for _, n := range []string{"ana", "bob", "cyd"} {
		w.cal.userDeletes(uid(n))
		if err := w.pass(); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(5 * time.Minute)
	}
	w.cal.userDeletes(uid("dan"))
	if err := w.pass(); err != nil { // the fourth of six, fifteen minutes after the first
		t.Fatal(err)
	}
	w.now = w.now.Add(12 * time.Hour)
	d, _ := w.diff()
	if len(d.Notices) != 1 || !strings.Contains(d.Notices[0], "vanished") {
		t.Errorf("notices = %q, want one about what vanished", d.Notices)
	}
	if len(d.Decisions()) > 0 {
		t.Errorf("decided before 24 hours were over: %s", describe(d))
	}
	w.now = w.now.Add(13 * time.Hour)
	w.settle(t)
	dismissed := 0
	for _, p := range w.book.placed {
		if p.Outcome == planner.Dismissed {
			dismissed++
		}
	}
	if d, _ := w.diff(); dismissed < 3 || len(d.Notices) > 0 {
		t.Errorf("%d dismissed after 25 hours, notices %q", dismissed, d.Notices)
	}
}

func TestThreeOfThreeVanish(t *testing.T) {
	w := newWorld()
	w.ask("ana", "bob", "cyd")
	w.settle(t)
	w.cal.entries = map[string]caldav.Entry{}
	w.settle(t)
	w.now = w.now.Add(10 * time.Minute)
	w.settle(t)
	for u, p := range w.book.placed {
		if p.Outcome != planner.Dismissed {
			t.Errorf("%s has outcome %q", u, p.Outcome)
		}
	}
}

func (r *refusing) Delete(ctx context.Context, e caldav.Entry) error {
	if e.UID == r.uid {
		return caldav.ErrRefused
	}
	return r.calendar.Delete(ctx, e)
}

// Somebody is faster than our request: their edit is recorded and merged.
func TestChangedUnderneath(t *testing.T) {
	t.Run("rewrite", func(t *testing.T) {
		w := placed(t)
		w.facts["ana"].text = "Other facts."
		w.cal.racing = func() { w.cal.user(uid("ana"), noted) }
		if err := w.pass(); err != nil {
			t.Fatal(err)
		}
		got := w.entry(t, "ana").Shape.Description
		if !strings.Contains(got, "Other facts.") || !strings.Contains(got, "she likes tea") || strings.Contains(got, "8 May") {
			t.Errorf("merged into\n%s", got)
		}
	})
	t.Run("delete", func(t *testing.T) {
		w := placed(t)
		w.end("ana", planner.Acted)
		w.cal.racing = func() { w.cal.user(uid("ana"), noted) }
		if err := w.pass(); err != nil {
			t.Fatal(err)
		}
		if got := w.entry(t, "ana").Shape; got.Summary != "✓ Follow up with ana" || !strings.Contains(got.Description, "she likes tea") {
			t.Errorf("resolved to %+v", got)
		}
	})
	t.Run("taken", func(t *testing.T) {
		w := placed(t)
		w.end("ana", planner.Acted)
		w.cal.racing = func() { w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Foreign = true }) }
		if err := w.pass(); err != nil {
			t.Fatal(err)
		}
		if !w.has("ana") || w.book.placed[uid("ana")].State != ledger.TakenOver {
			t.Error("an entry that invites someone was touched")
		}
	})
}

// One bad change never stops the rest.
func TestOneFailureOfThree(t *testing.T) {
	w := newWorld()
	w.ask("ana", "bob", "cyd")
	refuse := &refusing{calendar: w.cal, uid: uid("bob")}
	d, _ := w.diff()
	err := reconcile.Apply(context.Background(), refuse, w.book, d)
	if !errors.Is(err, caldav.ErrRefused) || !strings.Contains(err.Error(), uid("bob")) {
		t.Errorf("Apply() = %v, want bob's entry refused", err)
	}
	if !w.has("ana") || w.has("bob") || !w.has("cyd") {
		t.Errorf("the calendar holds %v", w.cal.writes)
	}
	w.settle(t)
	if !w.has("bob") {
		t.Error("bob's entry was not tried again")
	}
}

type refusing struct {
	*calendar
	uid string
}

func (r *refusing) Create(ctx context.Context, d caldav.Draft) (caldav.Version, error) {
	if d.UID == r.uid {
		return caldav.Version{}, caldav.ErrRefused
	}
	return r.calendar.Create(ctx, d)
}

func TestStopWritesNothing(t *testing.T) {
	w := placed(t)
	w.ask("bob")
	w.end("ana", planner.Acted)
	other := planner.UID("zzzzzz", key("eve"), 0)
	e := caldav.Entry{UID: other, Version: caldav.Version{Href: "/cal/other.ics"}}
	for name, set := range map[string]func(*caldav.Entry){
		"a UID alone": func(*caldav.Entry) {},
		"an invitation": func(e *caldav.Entry) {
			e.Marked, e.Raw = true, []byte("BEGIN:VEVENT\r\nORGANIZER:mailto:eve@example.net\r\n")
		},
	} {
		made := e
		set(&made)
		w.cal.entries[e.Href] = made
		if d, _ := w.diff(); d.Stop != nil {
			t.Errorf("%s stops: %s", name, d.Stop.Reason)
		}
	}
	e.Raw = []byte("BEGIN:VEVENT\r\nX-SYNCD:" + other + "\r\n")
	w.cal.entries[e.Href] = e
	w.cal.writes = nil
	err := w.pass()
	if !errors.Is(err, reconcile.ErrStopped) || !strings.Contains(err.Error(), "zzzzzz") {
		t.Errorf("Apply() = %v, want the other instance named", err)
	}
	if len(w.cal.writes) > 0 {
		t.Errorf("written all the same: %v", w.cal.writes)
	}
}

// A UID is never used again, whatever the plan asks for (SPEC I7).
func TestUsedUIDIsNotWrittenAgain(t *testing.T) {
	w := placed(t)
	w.end("ana", planner.Withdrawn)
	w.settle(t)
	in := w.input(w.cal.list())
	again := planner.FollowUp{Key: key("ana"), Status: planner.StatusWrite, Slot: monday, Title: "Follow up with ana"}
	in.Wanted = append(in.Wanted, again)
	if got := describe(reconcile.Diff(in)); got != "" {
		t.Errorf("Diff() = %q, want nothing", got)
	}
	again.Generation = 1
	in.Wanted = []planner.FollowUp{again}
	if got := reconcile.Diff(in).Operations; len(got) != 1 || got[0].UID != planner.UID(instance, key("ana"), 1) {
		t.Errorf("Diff() = %v, want one entry under a new UID", got)
	}
}

func TestUnplaced(t *testing.T) {
	w := placed(t)
	in := w.input(w.cal.list())
	if got := reconcile.Unplaced(in); len(got) > 0 {
		t.Errorf("Unplaced() = %v, want none", got)
	}
	in.Placed = nil
	if got, want := reconcile.Unplaced(in), []string{uid("ana")}; !slices.Equal(got, want) {
		t.Errorf("Unplaced() = %v, want %v", got, want)
	}
}

// wholeDay is an entry written with all_day.
func (w *world) wholeDay(name string) {
	set := func(s *ledger.Shape) {
		s.AllDay, s.Start, s.End = true, monday.Add(-9*time.Hour), monday.Add(15*time.Hour)
	}
	w.cal.user(uid(name), func(e *caldav.Entry) { set(&e.Shape) })
	w.place(name, func(p *ledger.Placement) { set(&p.Wrote); set(&p.Seen) })
}

// intended is an entry whose first request never arrived.
func (w *world) intended(name string) {
	w.place(name, func(p *ledger.Placement) { p.State, p.Href, p.ETag, p.Seen = ledger.Intended, "", "", ledger.Shape{} })
	w.cal.userDeletes(uid(name))
}

// What never reached the calendar was never let go by the user nor left lying:
// it may come again under another generation.
func TestNeverWrittenIsWithdrawn(t *testing.T) {
	for _, end := range []planner.Outcome{"", planner.Expired} {
		w := placed(t)
		w.intended("ana")
		if end != "" {
			w.end("ana", end)
		}
		w.cal.writes = nil
		w.now = monday.Add(240 * time.Hour)
		w.settle(t)
		if p := w.book.placed[uid("ana")]; p.Outcome != planner.Withdrawn || p.State != ledger.Closed {
			t.Errorf("plan says %q: %s, %q; want it closed and withdrawn", end, p.State, p.Outcome)
		}
		if len(w.cal.writes) > 0 {
			t.Errorf("plan says %q: written with an old slot: %v", end, w.cal.writes)
		}
	}
}

// An entry of which only the journal knows, and not that the calendar held it,
// was never written: it is written now, and never taken for deleted.
func TestOnlyIntendedInTheJournal(t *testing.T) {
	w := placed(t)
	before := w.entry(t, "ana").Shape
	w.intended("ana")
	w.place("ana", func(p *ledger.Placement) {
		*p = ledger.Placement{UID: p.UID, Key: p.Key, State: p.State, Slot: p.Slot, CreatedAt: p.CreatedAt}
	})
	w.settle(t)
	if diff := cmp.Diff(before, w.entry(t, "ana").Shape); diff != "" {
		t.Errorf("entry mismatch (-intended +written):\n%s", diff)
	}
	if p := w.book.placed[uid("ana")]; p.State != ledger.Placed || len(p.Because) == 0 || len(p.Evidence) == 0 {
		t.Errorf("placement is %+v", p)
	}
}

// A deletion is heard although the ledger was rebuilt and the policy withdraws
// the follow-up.
func TestDeletedAndRebuiltAndWithdrawn(t *testing.T) {
	w := placed(t)
	w.place("ana", func(p *ledger.Placement) {
		*p = ledger.Placement{UID: p.UID, Key: p.Key, State: ledger.Placed, Slot: p.Slot, CreatedAt: p.CreatedAt}
	})
	w.cal.userDeletes(uid("ana"))
	w.end("ana", planner.Withdrawn)
	w.settle(t)
	w.now = w.now.Add(missedFor)
	w.settle(t)
	if p := w.book.placed[uid("ana")]; p.Outcome != planner.Dismissed {
		t.Errorf("outcome = %q, want dismissed", p.Outcome)
	}
}

const missedFor = 10 * time.Minute

// While the plan does not know what an entry should say, it keeps its title and
// its text, whatever the ledger knows of it.
func TestUnknownTextIsKept(t *testing.T) {
	for _, rebuilt := range []bool{false, true} {
		w := placed(t)
		w.cal.user(uid("ana"), noted)
		w.settle(t)
		before := w.entry(t, "ana").Shape
		if rebuilt {
			w.place("ana", func(p *ledger.Placement) {
				*p = ledger.Placement{UID: p.UID, Key: p.Key, State: ledger.Placed, Slot: p.Slot, CreatedAt: p.CreatedAt}
			})
		}
		w.kept = true
		w.settle(t)
		if diff := cmp.Diff(before, w.entry(t, "ana").Shape); diff != "" {
			t.Errorf("rebuilt %t: the entry changed (-before +after):\n%s", rebuilt, diff)
		}
		if p := w.book.placed[uid("ana")]; rebuilt && (p.Theirs != 0 || p.MissingAt != time.Time{}) {
			t.Errorf("the text we do not know is taken for the user's: %v", p.Theirs)
		}
		w.kept = false
		w.facts["ana"].text = "Other facts."
		if rebuilt {
			w.facts["ana"].text = "You met ana on 8 May.\n\nWhy: the first meeting was three days ago.\nCode: " + key("ana").Code()
		}
		w.settle(t)
		if p := w.book.placed[uid("ana")]; len(p.Evidence) == 0 || len(p.Because) == 0 {
			t.Errorf("rebuilt %t: neither evidence nor reasons are known: %+v", rebuilt, p)
		}
		w.facts["ana"].text = "Others again."
		w.settle(t)
		want := "Others again.\n\n" + caldav.Marker + "\nshe likes tea"
		if got := w.entry(t, "ana").Shape.Description; got != want {
			t.Errorf("rebuilt %t: the entry says\n%s", rebuilt, got)
		}
	}
}

// Nothing new is written while an entry that ended is still there (SPEC I5).
func TestNothingNewBesideWhatCouldNotLeave(t *testing.T) {
	w := newWorld()
	w.ask("ana", "bob")
	w.settle(t)
	w.end("ana", planner.Acted)
	w.ask("cyd")
	d, _ := w.diff()
	refuse := &refusing{calendar: w.cal, uid: uid("ana")}
	if err := reconcile.Apply(context.Background(), refuse, w.book, d); !errors.Is(err, caldav.ErrRefused) {
		t.Errorf("Apply() = %v, want ana's deletion refused", err)
	}
	if w.has("cyd") {
		t.Error("cyd's entry was written although ana's could not be removed")
	}
	w.settle(t)
	if w.has("ana") || !w.has("cyd") {
		t.Errorf("ana is there: %t, cyd: %t; want cyd alone", w.has("ana"), w.has("cyd"))
	}
}

// An entry whose answer was lost, and that ends before a listing shows it, is
// found by its name; and where the request itself is late, by the listing.
func TestEndedBeforeItWasSeen(t *testing.T) {
	t.Run("found by name", func(t *testing.T) {
		w := lostAnswer(t)
		w.cal.listing = &caldav.Listing{}
		if err := w.pass(); err != nil {
			t.Fatal(err)
		}
		if w.has("ana") {
			t.Error("the entry was left behind")
		}
	})
	t.Run("arrives later", func(t *testing.T) {
		w := lostAnswer(t)
		e := w.entry(t, "ana")
		w.cal.userDeletes(uid("ana"))
		w.settle(t)
		if p := w.book.placed[uid("ana")]; p.State != ledger.Intended || p.Outcome != planner.Acted {
			t.Errorf("a moment after the request: %s, %q", p.State, p.Outcome)
		}
		w.cal.entries[e.Href] = e
		w.settle(t)
		if w.has("ana") {
			t.Error("the entry was left behind")
		}
	})
	t.Run("never arrives", func(t *testing.T) {
		w := lostAnswer(t)
		w.cal.userDeletes(uid("ana"))
		w.settle(t)
		w.now = w.now.Add(missedFor)
		w.settle(t)
		if p := w.book.placed[uid("ana")]; p.State != ledger.Closed {
			t.Errorf("ten minutes after the request: %s", p.State)
		}
	})
}

// An entry whose answer was lost is adopted by its name while listings are late.
func TestAdoptedBesideALateListing(t *testing.T) {
	w := lostAnswer(t)
	w.facts["ana"].end = nil
	w.cal.listing = &caldav.Listing{}
	if err := w.pass(); err != nil {
		t.Fatal(err)
	}
	if p := w.book.placed[uid("ana")]; p.State != ledger.Placed || p.Href == "" {
		t.Errorf("placement is %s at %q", p.State, p.Href)
	}
}

// lostAnswer is a world in which Ana's entry was written, its answer lost, and
// its follow-up has ended.
func lostAnswer(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	w.ask("ana")
	d, _ := w.diff()
	if err := reconcile.Apply(context.Background(), &losing{calendar: w.cal, lose: 1}, w.book, d); err == nil {
		t.Fatal("the answer was not lost")
	}
	w.end("ana", planner.Acted)
	return w
}

// What another program put under the name of our entry is never touched (SPEC
// I3).
func TestAnotherObjectUnderOurName(t *testing.T) {
	changes := map[string]func(*world){
		"ended":       func(w *world) { w.end("ana", planner.Acted) },
		"ended, past": func(w *world) { w.end("ana", planner.Acted); w.now = monday.Add(time.Hour) },
		"other facts": func(w *world) { w.facts["ana"].text = "Other facts." },
		"gone":        func(w *world) { w.cal.listing = &caldav.Listing{}; w.end("ana", planner.Acted) },
		"never seen":  func(w *world) { w.intended("ana"); w.end("ana", planner.Acted) },
	}
	for name, change := range changes {
		t.Run(name, func(t *testing.T) {
			w := placed(t)
			stale := w.cal.list()
			w.cal.listing = &stale
			change(w)
			href := "/cal/" + uid("ana") + ".ics"
			theirs := caldav.Entry{
				Version: caldav.Version{Href: href, ETag: `"x"`}, UID: "theirs@example.org",
				Shape: ledger.Shape{Start: monday, End: monday.Add(time.Hour), Summary: "Dentist"},
			}
			w.cal.entries[href] = theirs
			for range 3 {
				_ = w.pass() // that there is no entry of ours may be an error
				w.now = w.now.Add(missedFor)
			}
			if diff := cmp.Diff(theirs, w.cal.entries[href]); diff != "" {
				t.Errorf("another's object changed (-before +after):\n%s", diff)
			}
		})
	}
}
