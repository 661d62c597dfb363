package reconcile_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// wipe loses the ledger and keeps its journal.
func (s *system) wipe(t *testing.T) {
	t.Helper()
	if err := s.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(s.dir, "ledger.db*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no ledger: %v", err)
	}
	for _, f := range files {
		if err := os.Remove(f); err != nil {
			t.Fatal(err)
		}
	}
	s.cut = &cutter{}
	s.open(t)
}

// life is a gesture from its beginning to its end: what the user does, with a
// pass after each step. The name of the entry is "ana".
type life struct {
	name   string
	steps  []func(*testing.T, *system)
	want   planner.Outcome
	theirs ledger.Field
}

func lives() []life {
	edit := func(old, to string) func(*testing.T, *system) {
		return func(_ *testing.T, s *system) { s.edit("ana", old, to) }
	}
	later := func(_ *testing.T, s *system) { s.now = monday.Add(time.Hour) }
	wait := func(_ *testing.T, s *system) { s.now = s.now.Add(missedFor) }
	facts := func(_ *testing.T, s *system) {
		s.facts["ana"].title, s.facts["ana"].text = "Write to ana", "Other facts."
	}
	acted := func(_ *testing.T, s *system) { s.end("ana", planner.Acted) }
	note := edit(`stay ---`, `stay ---\nwants: a flat`)
	decide := func(d ledger.DecisionType, to time.Time) func(*testing.T, *system) {
		return func(t *testing.T, s *system) {
			t.Helper()
			if err := s.ledger.Decide(t.Context(), []ledger.Decision{{Type: d, UID: s.uid("ana"), At: s.now, To: to, Kind: ledger.ByCommand}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	remove := func(_ *testing.T, s *system) {
		s.bin = s.server.Objects(followups)[s.uid("ana")+".ics"]
		s.server.Remove(followups, s.uid("ana")+".ics")
	}
	restore := func(_ *testing.T, s *system) { s.server.Store(followups, "restored.ics", s.bin) }
	return []life{
		{"moved, then resolved", []func(*testing.T, *system){edit("20260511T", "20260513T"), acted}, planner.Acted, ledger.FieldTime},
		{"retitled, other facts", []func(*testing.T, *system){edit("SUMMARY:Follow up", "SUMMARY:Tea"), facts}, "", ledger.FieldSummary},
		{"noted twice", []func(*testing.T, *system){note, edit("wants: a flat", `wants: a flat\noffers: help`)}, "", ledger.FieldDescription},
		{"noted, other facts", []func(*testing.T, *system){edit("Why: the", `plan: move\nWhy: the`), facts}, "", ledger.FieldDescription},
		{"done in the past, taken back", []func(*testing.T, *system){later, edit("SUMMARY:", "SUMMARY:done "), edit("SUMMARY:done ", "SUMMARY:")}, "", 0},
		{"done before its time", []func(*testing.T, *system){edit("SUMMARY:", "SUMMARY:✓ ")}, planner.Done, 0},
		{"muted with notes, taken back", []func(*testing.T, *system){note, edit("SUMMARY:", "SUMMARY:never "), edit("SUMMARY:never ", "SUMMARY:")}, "", ledger.FieldDescription},
		{"muted", []func(*testing.T, *system){edit("SUMMARY:", "SUMMARY:never ")}, planner.Withdrawn, 0},
		{"deleted", []func(*testing.T, *system){remove, wait}, planner.Dismissed, 0},
		{"moved by a command, then by hand", []func(*testing.T, *system){decide(ledger.DecideMove, monday.Add(48*time.Hour)), edit("20260513T", "20260515T")}, "", ledger.FieldTime},
		{"dismissed by a command", []func(*testing.T, *system){decide(ledger.DecideDismissed, time.Time{})}, planner.Dismissed, 0},
		{"muted, taken back, done by a command", []func(*testing.T, *system){note, edit("SUMMARY:", "SUMMARY:never "), edit("SUMMARY:never ", "SUMMARY:"), decide(ledger.DecideDone, time.Time{})}, planner.Done, ledger.FieldDescription},
		{"ticked, the tick taken away", []func(*testing.T, *system){later, acted, edit("SUMMARY:✓ ", "SUMMARY:")}, planner.Acted, 0},
		{"made recurring", []func(*testing.T, *system){edit("TRANSP:", "RRULE:FREQ=DAILY\r\nTRANSP:"), facts}, "", 0},
		{"deleted and brought back", []func(*testing.T, *system){remove, wait, restore}, "", 0},
	}
}

// left is what a user and their ledger are left with: how it ended, what was noted,
// and while it is open where the entry lies and what they called it. An entry
// whose words are not known again is kept without alarm rather than deleted, and
// not rewritten.
func (s *system) left(t *testing.T, theirs ledger.Field) map[string]string {
	t.Helper()
	l, err := s.cal.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	var is *caldav.Entry
	for _, e := range l.Entries {
		if e.UID != s.uid("ana") {
			t.Errorf("another entry: %s", e.UID)
		}
		is = &e
	}
	found, err := s.ledger.FindPlacements(t.Context(), s.uid("ana"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%d placements, %v", len(found), err)
	}
	p := found[0]
	got["end"] = fmt.Sprintf("%q by %s, move to %v, noted %q", p.Outcome, p.EndedBy.Type, p.MoveTo, p.Noted)
	switch {
	case p.Open() && is != nil:
		got["entry"] = fmt.Sprint(is.Shape.Start.UTC(), is.Shape.Alarm)
		got["state"] = string(p.State)
		if theirs&ledger.FieldSummary != 0 {
			got["title"] = is.Shape.Summary
		}
	case is != nil && is.Shape.Alarm:
		t.Errorf("it has ended and rings: %s", shapeText(is.Shape))
	}
	for line := range strings.SplitSeq(p.Noted, "\n") {
		if is != nil && !strings.Contains(is.Shape.Description, line) {
			t.Errorf("%q is lost from\n%s", line, is.Shape.Description)
		}
	}
	return got
}

// The ledger is lost before or after any step of a gesture's life, its journal
// kept: the end is the same, and then there is nothing left to do. A decision
// once recorded is not recorded anew.
func TestLostDuringAGesture(t *testing.T) {
	for _, l := range lives() {
		run := func(t *testing.T, lose func(step int, passed bool) bool) (map[string]string, *system) {
			t.Helper()
			s := startSystem(t, image{})
			s.ask("ana")
			s.settle(t)
			for i, step := range l.steps {
				s.now = s.now.Add(time.Minute)
				step(t, s)
				for _, passed := range []bool{false, true} {
					if passed {
						s.settle(t)
					}
					if lose(i, passed) {
						s.wipe(t)
					}
				}
			}
			for range 2 { // a loss begins every wait anew
				s.now = s.now.Add(missedFor)
				s.settle(t)
			}
			return s.left(t, l.theirs), s
		}
		t.Run(l.name, func(t *testing.T) {
			want, whole := run(t, func(int, bool) bool { return false })
			found, err := whole.ledger.FindPlacements(t.Context(), whole.uid("ana"))
			if err != nil || found[0].Outcome != l.want || found[0].Theirs != l.theirs {
				t.Fatalf("outcome %q, theirs %b, %v; want %q, %b", found[0].Outcome, found[0].Theirs, err, l.want, l.theirs)
			}
			for at := range l.steps {
				for _, after := range []bool{false, true} {
					got, _ := run(t, func(step int, passed bool) bool { return step == at && passed == after })
					if diff := cmp.Diff(want, got); diff != "" {
						t.Errorf("lost at step %d, after the pass %t (-whole +lost):\n%s", at+1, after, diff)
					}
				}
			}
		})
	}
}

// After the loss of the ledger, on a server that gives entries names of its own, one
// empty listing does not say of an ended follow-up that its entry is gone (SPEC I15).
func TestLossAndAnEmptyListing(t *testing.T) {
	for _, ended := range []bool{false, true} {
		w := placed(t)
		e := w.entry(t, "ana")
		delete(w.cal.entries, e.Href)
		e.Href = "/cal/renamed.ics"
		w.cal.entries[e.Href] = e
		w.lose("ana")
		w.end("ana", planner.Acted)
		if ended {
			end := *w.facts["ana"].end
			if err := w.book.End(t.Context(), uid("ana"), end, w.now); err != nil {
				t.Fatal(err)
			}
		}
		w.cal.listing = &caldav.Listing{}
		if err := w.pass(); err != nil {
			t.Fatal(err)
		}
		w.cal.listing = nil
		w.settle(t)
		if now, there := w.cal.entries[e.Href]; there && now.Shape.Alarm || w.outcome("ana") != planner.Acted {
			t.Errorf("ended before: %t: it ended as %q and rings", ended, w.outcome("ana"))
		}
	}
}

// What is written into an entry that has ended, before it was looked at after the
// loss of the ledger, is the user's once its end is taken back (SPEC I6).
func TestNoteAfterLossAndAnEnd(t *testing.T) {
	const ours = "Follow up with ana"
	for _, facts := range []bool{false, true} {
		for _, looked := range []bool{false, true} {
			w := placed(t)
			w.now = monday.Add(time.Hour)
			w.cal.user(uid("ana"), retitle("done "+ours))
			w.settle(t)
			w.lose("ana")
			w.cal.user(uid("ana"), func(e *caldav.Entry) {
				e.Shape.Description = strings.Replace(e.Shape.Description, "\n\nWhy", "\none of mine\n\nWhy", 1)
			})
			if looked {
				w.settle(t)
			}
			w.cal.user(uid("ana"), retitle(ours))
			if facts {
				w.facts["ana"].text = "The facts are others now."
			}
			w.settle(t)
			e, p := w.entry(t, "ana"), w.book.placed[uid("ana")]
			if strings.Count(e.Shape.Description, "one of mine") != 1 || looked && !p.Open() {
				t.Errorf("other facts %t, looked at %t: outcome %q, the entry says\n%s", facts, looked, p.Outcome, e.Shape.Description)
			}
			if !facts && p.Open() && p.Noted != "one of mine" {
				t.Errorf("looked at %t: noted is\n%s", looked, p.Noted)
			}
		}
	}
}

// A word of quiet that was on an entry when the user let it go with a command did not
// end it: taking it away, or any other title, takes nothing back, be the ledger lost
// in between or not.
func TestDismissedUnderAMark(t *testing.T) {
	for _, lost := range []bool{false, true} {
		for _, title := range []string{"Follow up with ana", "Tea with her"} {
			s := startSystem(t, image{})
			s.ask("ana")
			s.settle(t)
			s.edit("ana", "SUMMARY:", "SUMMARY:never ")
			marked := s.server.Objects(followups)[s.uid("ana")+".ics"]
			s.settle(t)
			s.server.Store(followups, "restored.ics", marked)
			s.settle(t)
			s.now = s.now.Add(time.Minute)
			d := ledger.Decision{Type: ledger.DecideDismissed, UID: s.uid("ana"), At: s.now, Kind: ledger.ByCommand}
			if err := s.ledger.Decide(t.Context(), []ledger.Decision{d}); err != nil {
				t.Fatal(err)
			}
			if lost {
				s.wipe(t)
			}
			s.server.Store(followups, "restored.ics", strings.Replace(marked, "SUMMARY:never Follow up with ana", "SUMMARY:"+title, 1))
			s.settle(t)
			found, err := s.ledger.FindPlacements(t.Context(), s.uid("ana"))
			if err != nil || len(found) != 1 || found[0].Outcome != planner.Dismissed {
				t.Errorf("lost %t, called %q: %+v, %v", lost, title, found, err)
			}
		}
	}
}
