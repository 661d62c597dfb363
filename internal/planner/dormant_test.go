package planner_test

import (
	"testing"

	"syncd/internal/planner"
)

// TestLastTouchEndsLate has a word ten days and more after the last touch came up,
// read only now: it ends it all the same.
func TestLastTouchEndsLate(t *testing.T) {
	c := friend(ana)
	for i, id := range []string{"1@example.com", "2@example.com", "3@example.com"} {
		c.Asked = append(c.Asked, mailFrom(id, ana, at(-120+i, 9)))
	}
	c.LastOut, c.Carded = c.Asked[2], true
	s := settled(c)
	o := entry(planner.Dormant, c.Asked[2])
	o.Key.Step, o.Start, o.Touched = "last", at(30, 9), true
	s.Open = []planner.Open{o}
	p := planner.DefaultPolicy()
	ends := func() string {
		for _, h := range planner.Plan(s, p, at(29, 12)).Held {
			if h.End != nil {
				return string(h.End.Outcome) + " by " + h.End.Evidence.ID
			}
		}
		return ""
	}
	if got := ends(); got != "" {
		t.Errorf("without a word it is %s", got)
	}
	// A copy of the last mail under another Message-ID is the same mail.
	asked := &s.Contacts[0].Asked[2]
	asked.ID, asked.Also = "0@example.com", []string{"3@example.com"}
	if got := ends(); got != "" {
		t.Errorf("with a copy under another id it is %s", got)
	}
	s.Contacts[0].LastOut = mailFrom("gift@example.com", ana, at(14, 9))
	if got := ends(); got != "acted by gift@example.com" {
		t.Errorf("after a word it is %q", got)
	}
}

// TestDormantWantsAllHistory concludes nothing from a silence that may be none.
func TestDormantWantsAllHistory(t *testing.T) {
	c := friend(ana)
	c.LastOut = mailFrom("w@example.com", ana, at(-500, 9))
	c.Exchanges = planner.Exchanges{Count: 2, Early: 1, First: at(-900, 9), Last: c.LastOut}
	for _, whole := range []bool{true, false} {
		s := settled(c)
		s.Whole = whole
		found := false
		for _, f := range planner.Plan(s, planner.DefaultPolicy(), at(12, 12)).FollowUps {
			found = found || f.Rule == planner.Dormant
		}
		if found != whole {
			t.Errorf("with all history in: %t, a hello again: %t", whole, found)
		}
	}
}
