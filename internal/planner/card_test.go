package planner_test

import (
	"testing"
	"time"

	"syncd/internal/planner"
)

// Who has no address is named by a card, whose keys count as an address's do.
func TestCardStandsForAnAddress(t *testing.T) {
	now := time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
	word := planner.Evidence{Type: planner.Note, ID: "n", At: now.AddDate(0, 0, -20)}
	s := planner.Snapshot{FirstRunAt: now.AddDate(-1, 0, 0), Whole: true, Contacts: []planner.Contact{{
		ID: "p1", Name: "Susan Hall", Circle: "close", Carded: true, Cards: []string{"uid-1", "uid-2"}, LastOut: word, Reported: true,
	}}}
	k := planner.Key{Rule: planner.Cadence, Evidence: "n", Who: "uid-1", Step: "1"}
	planned := func() (out []planner.Key) {
		for _, f := range planner.Plan(s, planner.DefaultPolicy(), now).FollowUps {
			out = append(out, f.Key)
		}
		return out
	}
	if got := planned(); len(got) != 1 || got[0] != k {
		t.Errorf("Plan() has %v, want %v", got, k)
	}
	// Written down later, an address does not ask again.
	s.Contacts[0].Addresses = []string{"susan@example.org"}
	s.Ended = []planner.Ended{{Key: k, Generation: 1, Outcome: planner.Expired, At: now.AddDate(0, 0, -1)}}
	if got := planned(); len(got) != 1 || got[0].Step != "2" {
		t.Errorf("after it expired Plan() has %v, want the next interval", got)
	}
	k.Who = "uid-2"
	s.Ended = nil
	s.Open = []planner.Open{{Key: k, Generation: 1, UID: "u", Contact: "p1", Slot: now, Start: now, CreatedAt: now, Title: "Stay in touch"}}
	if got := planned(); len(got) != 1 || got[0] != k {
		t.Errorf("with an entry open Plan() has %v, want %v alone", got, k)
	}
}
