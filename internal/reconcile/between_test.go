package reconcile_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// What the user does between a write and the read after it is heard, whether the
// write arrived or the server took nothing.
func TestEditBetweenWriteAndRead(t *testing.T) {
	edits := map[ledger.DecisionType]func(*caldav.Entry){
		ledger.DecideDone:   func(e *caldav.Entry) { e.Shape.Summary = "done " + strings.TrimPrefix(e.Shape.Summary, "✓ ") },
		ledger.DecideEdited: func(e *caldav.Entry) { e.Shape.Summary = "Tea with ana" },
		ledger.DecideSnoozed: func(e *caldav.Entry) {
			e.Shape.Start, e.Shape.End = e.Shape.Start.Add(26*time.Hour), e.Shape.End.Add(26*time.Hour)
		},
		ledger.DecideNoted: noted,
		ledger.DecideMuted: func(e *caldav.Entry) { e.Shape.Summary = "never " + strings.TrimPrefix(e.Shape.Summary, "✓ ") },
	}
	ask := func(t *testing.T, change func(*testing.T, *world)) *world {
		t.Helper()
		w := placed(t)
		change(t, w)
		return w
	}
	writes := map[string]func(*testing.T, *world){
		"rewrite": func(_ *testing.T, w *world) {
			w.facts["ana"].text, w.facts["ana"].title = "The facts are others now.", "Reply to ana"
		},
		"move": func(t *testing.T, w *world) {
			t.Helper()
			w.command(t, ledger.Decision{Type: ledger.DecideMove, UID: uid("ana"), At: w.now, To: monday.Add(75 * time.Hour)})
		},
		"tick": func(_ *testing.T, w *world) {
			w.policy.OnResolve = "tick"
			w.end("ana", planner.Acted)
		},
	}
	heard := func(t *testing.T, name string, w *world, said ledger.DecisionType, edit func(*caldav.Entry)) {
		t.Helper()
		edited := false
		w.cal.between = func() { w.cal.user(uid("ana"), edit); edited = true }
		if err := w.pass(); err != nil || !edited {
			t.Fatalf("%s, %s: Apply() = %v, edited %t", name, said, err, edited)
		}
		w.cal.refuses = false
		after := w.entry(t, "ana").Shape
		w.settle(t)
		var all []string
		for d := range w.book.decisions {
			all = append(all, d)
		}
		ended := w.facts["ana"].end != nil
		wants := said
		if ended && (said == ledger.DecideSnoozed || said == ledger.DecideDone) {
			wants = "" // it says nothing new of what has ended
		}
		if wants != "" && !slices.ContainsFunc(all, func(d string) bool { return strings.HasPrefix(d, string(wants)+" ") }) {
			t.Errorf("%s, %s: not heard, but %q", name, said, all)
		}
		if !w.has("ana") {
			if said != ledger.DecideDone && said != ledger.DecideMuted {
				t.Errorf("%s, %s: the entry is gone", name, said)
			}
			return
		}
		now := w.entry(t, "ana").Shape
		if said == ledger.DecideSnoozed && !now.Start.Equal(after.Start) {
			t.Errorf("%s: moved to %v, is at %v", name, after.Start, now.Start)
		}
		if said == ledger.DecideEdited && !strings.Contains(now.Summary, "Tea with ana") {
			t.Errorf("%s: retitled, and is called %q", name, now.Summary)
		}
		if said == ledger.DecideNoted && strings.Count(now.Description, "she likes tea") != 1 {
			t.Errorf("%s: the note is lost:\n%s", name, now.Description)
		}
		if name == "rewrite" && said != ledger.DecideEdited && now.Alarm && now.Summary != "Reply to ana" {
			t.Errorf("%s, %s: in the end it is called %q", name, said, now.Summary)
		}
		if got := w.book.placed[uid("ana")].Noted; got != "" && got != "she likes tea" {
			t.Errorf("%s, %s: noted is %q", name, said, got)
		}
	}
	for said, edit := range edits {
		w := newWorld()
		w.ask("ana")
		heard(t, "create", w, said, edit)
		for name, change := range writes {
			heard(t, name, ask(t, change), said, edit)
			w := ask(t, change)
			w.cal.refuses = true
			heard(t, name+", refused", w, said, edit)
		}
	}
}

// An entry that was written, could not be read and was deleted by the user is not
// written again; one that the server never held is.
func TestDeletedBeforeItWasRead(t *testing.T) {
	for name, unread := range map[string]error{"the read fails": errors.New("timeout"), "the read finds it": nil} {
		w := newWorld()
		w.ask("ana")
		w.cal.unread = unread
		if err := w.pass(); (err == nil) != (unread == nil) {
			t.Fatalf("%s: Apply() = %v", name, err)
		}
		w.cal.userDeletes(uid("ana"))
		w.settle(t)
		w.now = w.now.Add(missedFor)
		w.settle(t)
		if w.has("ana") || w.outcome("ana") != planner.Dismissed {
			t.Errorf("%s: there %t, outcome %q", name, w.has("ana"), w.outcome("ana"))
		}
	}
	w := newWorld()
	w.ask("ana")
	w.cal.between = func() { w.cal.userDeletes(uid("ana")) } // as a server does that says 201 and stores nothing
	if err := w.pass(); err == nil {
		t.Fatal("Apply() reports nothing")
	}
	w.settle(t)
	if p := w.book.placed[uid("ana")]; !w.has("ana") || !p.Open() || p.State != ledger.Placed {
		t.Errorf("never stored: there %t, %s %q", w.has("ana"), p.State, p.Outcome)
	}
}

// Taking back an end while the entry is being deleted keeps it, wherever the pass
// is cut.
func TestTakenBackWhileDeleting(t *testing.T) {
	for at := 1; ; at++ {
		w := placed(t)
		w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary = "done " + e.Shape.Summary })
		w.cal.racing = func() { w.cal.user(uid("ana"), noop); w.cal.racing = func() { w.cal.user(uid("ana"), noop) } }
		if err := w.pass(); err == nil {
			t.Fatal("the deletion was not refused")
		}
		if s := w.book.placed[uid("ana")].State; s != ledger.Deleting {
			t.Fatalf("state %s", s)
		}
		w.cal.racing = nil
		w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary = strings.TrimPrefix(e.Shape.Summary, "done ") })
		w.share(at)
		whole := w.pass() == nil
		w.share(0)
		w.settle(t)
		if !w.has("ana") || w.outcome("ana") != "" {
			t.Fatalf("cut at %d: there %t, outcome %q", at, w.has("ana"), w.outcome("ana"))
		}
		if whole {
			return
		}
	}
}

func noop(*caldav.Entry) {}
