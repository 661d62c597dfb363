package reconcile_test

import (
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// A server that gives names of its own lists nothing for a while: what it still
// holds under the name that was seen last is neither deleted nor forgotten.
func TestEmptyListingOfRenamedEntries(t *testing.T) {
	s := startSystem(t, image{})
	s.server.Set(caldavtest.Faults{RenameHrefs: true})
	s.ask("open", "over")
	s.settle(t)
	s.server.Set(caldavtest.Faults{RenameHrefs: true, EmptyListing: true})
	s.pass(t)
	s.now = s.now.Add(15 * time.Minute)
	s.end("over", planner.Expired)
	s.pass(t)
	placed, err := s.ledger.Placements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range placed {
		if p.UID == s.uid("open") && (p.State != ledger.Placed || !p.Open()) {
			t.Errorf("the open one is %s, %q, want it placed and open", p.State, p.Outcome)
		}
	}
	if n := len(s.server.Objects(followups)); n != 1 {
		t.Errorf("the calendar holds %d entries, want the open one alone", n)
	}
}

// What was given up since no listing held it is removed once one does (SPEC I9).
func TestGivenUpAndThere(t *testing.T) {
	s := startSystem(t, image{})
	s.ask("late")
	s.server.Set(caldavtest.Faults{RenameHrefs: true, LoseAnswer: true})
	if err := s.pass(t); err == nil {
		t.Fatal("the answer was not lost")
	}
	s.server.Set(caldavtest.Faults{RenameHrefs: true, StaleListing: 1})
	s.now = s.facts["late"].slot.Add(time.Hour)
	s.settle(t)
	found, err := s.ledger.FindPlacements(t.Context(), s.uid("late"))
	if err != nil || len(found) != 1 || found[0].Outcome != planner.Withdrawn {
		t.Fatalf("FindPlacements() = %+v, %v, want it withdrawn", found, err)
	}
	s.facts["late"].mute = true
	s.server.Set(caldavtest.Faults{RenameHrefs: true})
	s.settle(t)
	if n := len(s.server.Objects(followups)); n != 0 {
		t.Errorf("the calendar holds %d entries, want none", n)
	}
}
