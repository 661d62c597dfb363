package reconcile_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// A rewrite is cut at every point, and before it is tried again something else
// becomes of the entry. Whether it had arrived or not: no line of ours is taken
// for the user's, and the entry is rewritten later if it stays open.
func TestOtherReasonAfterACutRewrite(t *testing.T) {
	mine := func(w *world) {
		w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Description += "\none of mine" })
	}
	silent := func(e *caldav.Entry) { e.Shape.Alarm = false }
	for name, test := range map[string]struct {
		before func(*world)
		then   func(*testing.T, *world)
		stays  bool // open
	}{
		"acted":        {mine, func(_ *testing.T, w *world) { w.end("ana", planner.Acted) }, false},
		"acted, later": {mine, func(_ *testing.T, w *world) { w.end("ana", planner.Acted); w.now = monday.Add(time.Hour) }, false},
		"expired":      {mine, func(_ *testing.T, w *world) { w.end("ana", planner.Expired) }, false},
		"expired, without alarm": {func(w *world) { mine(w); w.cal.user(uid("ana"), silent) }, func(t *testing.T, w *world) {
			t.Helper()
			w.command(t, ledger.Decision{Type: ledger.DecideDone, UID: uid("ana"), At: w.now})
		}, false},
		"moved by a command": {mine, func(t *testing.T, w *world) {
			t.Helper()
			w.command(t, ledger.Decision{Type: ledger.DecideMove, UID: uid("ana"), At: w.now, To: monday.Add(75 * time.Hour)})
		}, true},
		"marked by hand": {mine, func(_ *testing.T, w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary = "done " + e.Shape.Summary })
		}, false},
	} {
		for at := 1; ; at++ {
			w := placed(t)
			test.before(w)
			w.settle(t)
			w.facts["ana"].text, w.facts["ana"].title = "The facts are others now.", "Reply to ana"
			w.share(at)
			whole := w.pass() == nil
			w.share(0)
			test.then(t, w)
			for range 3 {
				_ = w.pass()
			}
			w.settle(t)
			if got := w.book.placed[uid("ana")].Noted; got != "one of mine" {
				t.Errorf("%s, cut at %d: noted is\n%s", name, at, got)
			}
			e := w.entry(t, "ana")
			if strings.Count(e.Shape.Description, "one of mine") != 1 {
				t.Errorf("%s, cut at %d: the entry says\n%s", name, at, e.Shape.Description)
			}
			if test.stays && (e.Shape.Summary != "Reply to ana" || !strings.HasPrefix(e.Shape.Description, "The facts are others now.")) {
				t.Errorf("%s, cut at %d: the entry is not rewritten: %q\n%s", name, at, e.Shape.Summary, e.Shape.Description)
			}
			if whole {
				break
			}
		}
	}
}

// A rewrite is cut at every point, and before it is tried again the user marks the
// entry and takes the mark away, where what follows from the mark is cut at every
// point too. No line of ours is taken for theirs, and the entry is rewritten.
func TestTakenBackAfterACutRewrite(t *testing.T) {
	for _, mark := range []string{"done ", "never "} {
		for at, whole := 1, false; !whole; at++ {
			for then, done := 1, false; !done; then++ {
				w := placed(t)
				w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Description += "\none of mine" })
				w.settle(t)
				w.facts["ana"].text = "The facts are others now."
				w.share(at)
				whole = w.pass() == nil
				ours := w.entry(t, "ana").Shape.Summary
				w.cal.user(uid("ana"), retitle(mark+ours))
				w.share(then)
				done = w.pass() == nil
				w.share(0)
				w.cal.user(uid("ana"), retitle(ours))
				for range 3 {
					_ = w.pass()
				}
				w.settle(t)
				p, e := w.book.placed[uid("ana")], w.entry(t, "ana")
				if p.Noted != "one of mine" {
					t.Errorf("%q, cut at %d and %d: noted is\n%s", mark, at, then, p.Noted)
				}
				if done && !p.Open() {
					t.Errorf("%q, cut at %d and %d: it ended as %q", mark, at, then, p.Outcome)
				}
				if p.Open() && (p.Theirs&ledger.FieldSummary != 0 || !strings.HasPrefix(e.Shape.Description, "The facts are others now.")) {
					t.Errorf("%q, cut at %d and %d: %q, theirs %b; the entry is not rewritten:\n%s", mark, at, then, p.Outcome, p.Theirs, e.Shape.Description)
				}
			}
		}
	}
}

// A program that writes an older text of ours back, out of what it kept, makes no
// line of it the user's; what they wrote beside it, twice what we wrote among it,
// is theirs.
func TestOlderTextWrittenBack(t *testing.T) {
	w := placed(t)
	first := w.entry(t, "ana").Shape.Description
	for _, text := range []string{"The facts are others now.\nWhy: the first.", "And others again.\nWhy: the second."} {
		w.facts["ana"].text = text
		w.settle(t)
	}
	w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Description = "one of mine\n" + first })
	w.settle(t)
	if got := w.book.placed[uid("ana")].Noted; got != "one of mine" {
		t.Errorf("noted is\n%s", got)
	}
	w = placed(t)
	for i := range 100 {
		w.facts["ana"].text = fmt.Sprintf("Facts %d.\nWhy: %d.", i, i)
		w.settle(t)
	}
	if n := len(w.book.placed[uid("ana")].Earlier); n > 64 {
		t.Errorf("%d lines are remembered", n)
	}
	w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Description = "Facts 99.\n" + e.Shape.Description })
	w.settle(t)
	if got := w.book.placed[uid("ana")].Noted; got != "Facts 99." {
		t.Errorf("a line of ours that the user repeats is not theirs: noted is\n%s", got)
	}
}
