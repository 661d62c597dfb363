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
	"syncd/internal/reconcile"
)

// A command moves an entry, once, and nothing else of it changes.
func TestMoveByCommand(t *testing.T) {
	to := monday.Add(75 * time.Hour)
	w := placed(t)
	w.cal.user(uid("ana"), func(e *caldav.Entry) {
		e.Shape.End = e.Shape.End.Add(30 * time.Minute)
		noted(e)
	})
	w.settle(t)
	want := w.entry(t, "ana").Shape
	want.Start, want.End = to, to.Add(45*time.Minute)
	w.command(t, ledger.Decision{Type: ledger.DecideMove, UID: uid("ana"), At: w.now, To: to})
	w.cal.writes = nil
	w.settle(t)
	if diff := cmp.Diff(want, w.entry(t, "ana").Shape); diff != "" {
		t.Errorf("entry (-want +got):\n%s", diff)
	}
	p := w.book.placed[uid("ana")]
	if !p.MoveTo.IsZero() || p.Theirs&ledger.FieldTime == 0 || !p.Seen.Start.Equal(to) || len(w.cal.writes) != 1 {
		t.Errorf("move to %v, theirs %b, seen at %v, writes %v", p.MoveTo, p.Theirs, p.Seen.Start, w.cal.writes)
	}
	if slices.Contains(w.said(), "snoozed") {
		t.Errorf("our own move is taken for the user's: %v", w.said())
	}
	w.facts["ana"].text = "Other facts."
	w.settle(t)
	if got := w.entry(t, "ana").Shape; !got.Start.Equal(to) || !strings.HasPrefix(got.Description, "Other facts.") {
		t.Errorf("after a rewrite: %+v", got)
	}
}

func TestMoveByCommandGivesWay(t *testing.T) {
	to, hand := monday.Add(75*time.Hour), monday.Add(50*time.Hour)
	move := ledger.Decision{Type: ledger.DecideMove, UID: uid("ana"), At: monday, To: to}
	tests := []struct {
		name string
		set  func(*testing.T, *world)
		want time.Time // zero: not there
	}{
		{"to the user's hand", func(_ *testing.T, w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Start, e.Shape.End = hand, hand.Add(15*time.Minute) })
		}, hand},
		{"to the user's hand in the last moment", func(_ *testing.T, w *world) {
			w.cal.racing = func() {
				w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Start, e.Shape.End = hand, hand.Add(15*time.Minute) })
			}
		}, hand},
		{"to its own time, which has passed", func(_ *testing.T, w *world) { w.now = to.Add(time.Minute) }, monday},
		{"to a pause", func(_ *testing.T, w *world) { w.paused = true }, monday},
		{"to the end", func(_ *testing.T, w *world) { w.end("ana", planner.Acted) }, time.Time{}},
		{"to a deletion", func(_ *testing.T, w *world) { w.cal.userDeletes(uid("ana")) }, time.Time{}},
		{"to what is theirs", func(_ *testing.T, w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Foreign = true })
		}, monday},
		{"to nothing: they put it there themselves", func(_ *testing.T, w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Start, e.Shape.End = to, to.Add(15*time.Minute) })
		}, to},
		{"to nothing: a whole day", func(_ *testing.T, w *world) { w.wholeDay("ana") }, time.Date(2026, 5, 14, 0, 0, 0, 0, zone)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := placed(t)
			w.command(t, move)
			tt.set(t, w)
			w.settle(t)
			if w.has("ana") == tt.want.IsZero() {
				t.Fatalf("it is there: %t", w.has("ana"))
			}
			if w.has("ana") && !w.entry(t, "ana").Shape.Start.Equal(tt.want) {
				t.Errorf("it lies at %v, want %v", w.entry(t, "ana").Shape.Start, tt.want)
			}
		})
	}
}

// While the user has paused the writing, what they say is heard and nothing is
// sent; a purge removes what it ended all the same.
func TestPausedSendsNothing(t *testing.T) {
	w := newWorld()
	w.ask("ana", "bob", "cyd", "dan", "eve", "fay")
	w.settle(t)
	w.cal.writes, w.paused, w.silent = nil, true, "paused"
	w.ask("new")
	w.end("ana", planner.Acted)
	w.facts["bob"].text = "Other facts."
	w.cal.user(uid("cyd"), retitle("done Follow up with cyd"))
	w.cal.userDeletes(uid("dan"))
	w.command(t, ledger.Decision{Type: ledger.DecideMove, UID: uid("eve"), At: w.now, To: monday.Add(50 * time.Hour)})
	w.command(t, ledger.Decision{Type: ledger.DecideDismissed, UID: uid("fay"), At: w.now})
	w.settle(t)
	w.now = w.now.Add(missedFor)
	w.settle(t)
	if len(w.cal.writes) > 0 {
		t.Errorf("written in a pause: %v", w.cal.writes)
	}
	if w.outcome("cyd") != planner.Done || w.outcome("dan") != planner.Dismissed {
		t.Errorf("not heard: done %q, deleted %q", w.outcome("cyd"), w.outcome("dan"))
	}
	w.purge(t)
	w.settle(t)
	want := []string{"delete " + uid("ana"), "delete " + uid("bob"), "delete " + uid("eve")}
	slices.Sort(want)
	slices.Sort(w.cal.writes)
	if diff := cmp.Diff(want, w.cal.writes); diff != "" {
		t.Errorf("after a purge (-want +got):\n%s", diff)
	}
	w.paused, w.silent = false, ""
	w.settle(t)
	if w.has("cyd") || w.has("fay") || !w.has("new") {
		t.Errorf("after the pause: %v", slices.Collect(keys(w.cal.entries)))
	}
}

func keys[V any](m map[string]V) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// dismiss --missing ends the wait for what had vanished by then, and for nothing
// else; the entries are looked for as always.
func TestMissingIsBelievedOnTheUsersWord(t *testing.T) {
	w := newWorld()
	names := []string{"ana", "bob", "cyd", "dan"}
	w.ask(names...)
	w.settle(t)
	w.cal.entries = map[string]caldav.Entry{}
	if err := w.pass(); err != nil {
		t.Fatal(err)
	}
	d, _ := w.diff()
	if len(d.Notices) != 1 || !strings.Contains(d.Notices[0], "syncd dismiss --missing believes it now") {
		t.Errorf("notices %q", d.Notices)
	}
	dismissed := func() (n int) {
		for _, name := range names {
			if w.outcome(name) == planner.Dismissed {
				n++
			}
		}
		return n
	}
	w.vanished = w.now.Add(-time.Second) // it was said before they vanished
	w.now = w.now.Add(missedFor)
	w.settle(t)
	if n := dismissed(); n > 0 {
		t.Errorf("%d dismissed on an older word", n)
	}
	w.vanished = w.now
	w.cal.down = fmt.Errorf("502")
	_ = reconcile.Apply(t.Context(), w.cal, w.book, reconcile.Diff(w.input(caldav.Listing{})))
	if n := dismissed(); n > 0 {
		t.Errorf("%d dismissed while the calendar does not answer", n)
	}
	w.cal.down = nil
	w.settle(t)
	if n := dismissed(); n != 4 {
		t.Errorf("%d dismissed, want 4", n)
	}
}

// A copy with our code beside an entry that is missing says that the user moved
// it; one beside an entry that is there says nothing. Neither is ever touched.
func TestCopies(t *testing.T) {
	for name, of := range map[string]func(string) string{
		"by X-SYNCD": uid,
		"by code":    func(n string) string { return key(n).Code() },
	} {
		t.Run(name, func(t *testing.T) {
			w := placed(t)
			theirs := w.entry(t, "ana")
			theirs.UID, theirs.Href, theirs.CopyOf = "copy@example.net", "/cal/copy.ics", of("ana")
			theirs.Shape.Summary = "done copy"
			w.cal.entries[theirs.Href] = theirs
			w.cal.writes = nil
			w.settle(t)
			if p := w.book.placed[uid("ana")]; !p.Open() || p.State != ledger.Placed || len(w.said()) > 0 {
				t.Errorf("beside a copy: %s, %q, %v", p.State, p.Outcome, w.said())
			}
			stale := caldav.Listing{Entries: []caldav.Entry{theirs}}
			w.cal.listing = &stale
			if err := w.pass(); err != nil {
				t.Fatal(err)
			}
			if p := w.book.placed[uid("ana")]; p.State != ledger.Placed {
				t.Errorf("a listing that lacks the entry made it %s", p.State)
			}
			w.cal.listing = nil
			w.settle(t)
			w.cal.userDeletes(uid("ana"))
			w.settle(t)
			if p := w.book.placed[uid("ana")]; p.State != ledger.Placed {
				t.Errorf("after one listing without the original: %s", p.State)
			}
			w.now = w.now.Add(missedFor)
			w.settle(t)
			w.now = w.now.Add(48 * time.Hour)
			w.end("ana", planner.Acted)
			w.settle(t)
			if p := w.book.placed[uid("ana")]; p.State != ledger.TakenOver || p.Outcome != planner.Acted {
				t.Errorf("without the original: %s, %q", p.State, p.Outcome)
			}
			if diff := cmp.Diff(theirs, w.cal.entries[theirs.Href]); diff != "" || len(w.cal.writes) > 0 {
				t.Errorf("the copy was touched: %v\n%s", w.cal.writes, diff)
			}
		})
	}
}

// The commands end a follow-up, and its entry follows from every state.
func TestEndedByCommand(t *testing.T) {
	states := map[string]func(*world){
		"placed": func(*world) {},
		"rewriting, not arrived": func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State = ledger.Rewriting; p.Wrote.Summary = "Other" })
		},
		"deleting": func(w *world) { w.place("ana", func(p *ledger.Placement) { p.State = ledger.Deleting }) },
		"intended, arrived": func(w *world) {
			w.place("ana", func(p *ledger.Placement) { p.State, p.Href, p.Seen = ledger.Intended, "", ledger.Shape{} })
		},
		"intended, not arrived": func(w *world) { w.intended("ana") },
		"missing":               func(w *world) { w.cal.userDeletes(uid("ana")) },
		"only in the journal":   func(w *world) { w.lose("ana") },
	}
	for name, set := range states {
		for _, word := range []ledger.DecisionType{ledger.DecideDone, ledger.DecideDismissed, ledger.DecideMuted} {
			for _, past := range []bool{false, true} {
				w := placed(t)
				set(w)
				w.command(t, ledger.Decision{Type: word, UID: uid("ana"), At: w.now})
				if past {
					w.now = monday.Add(time.Hour)
				}
				w.settle(t)
				w.now = w.now.Add(time.Hour)
				w.settle(t)
				there := w.has("ana")
				stays := word == ledger.DecideDone && past || name == "only in the journal"
				if p := w.book.placed[uid("ana")]; p.State != ledger.Closed || p.Open() {
					t.Errorf("%s, %s, past %t: %s, %q", name, word, past, p.State, p.Outcome)
				}
				if there && (!stays || w.entry(t, "ana").Shape.Alarm) {
					t.Errorf("%s, %s, past %t: the entry stays: %+v", name, word, past, w.entry(t, "ana").Shape)
				}
				if !there && stays && !strings.Contains(name, "not arrived") && name != "missing" {
					t.Errorf("%s, %s, past %t: the entry is gone", name, word, past)
				}
			}
		}
	}
}

// lose leaves of a placement what the journal keeps.
func (w *world) lose(name string) {
	w.place(name, func(p *ledger.Placement) {
		old := *p
		*p = ledger.Placement{
			UID: p.UID, Key: p.Key, State: ledger.Placed, Slot: p.Slot, CreatedAt: p.CreatedAt, Theirs: p.Theirs, Noted: p.Noted, MoveTo: p.MoveTo,
			Outcome: p.Outcome, EndedAt: p.EndedAt, EndedBy: p.EndedBy,
		}
		if old.Theirs&ledger.FieldTime != 0 {
			p.Seen.Start = old.Seen.Start
		}
		if old.State == ledger.TakenOver {
			p.State = old.State
		}
		if old.State == ledger.Intended {
			p.State = ledger.Intended
		}
	})
}
