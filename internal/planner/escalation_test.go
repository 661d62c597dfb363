package planner_test

import (
	"fmt"
	"testing"
	"time"

	"syncd/internal/planner"
)

// TestEscalation ends a person's follow-ups of a rule in several ways, one after
// the other, and looks at when the next one comes (SPEC section 5.1). An event
// that was deleted beside a word to them is acted here: the ledger says so.
func TestEscalation(t *testing.T) {
	const (
		acted, answered   = planner.Acted, planner.Answered
		dismissed, done   = planner.Dismissed, planner.Done
		expired, withdraw = planner.Expired, planner.Withdrawn
	)
	for _, c := range []struct {
		ended []planner.Outcome // oldest first
		pause int               // in intervals; 0: the rule is off for them
	}{
		{nil, 1},
		{[]planner.Outcome{dismissed}, 1},
		{[]planner.Outcome{dismissed, dismissed}, 2},
		{[]planner.Outcome{dismissed, dismissed, dismissed}, 0},
		{[]planner.Outcome{dismissed, dismissed, dismissed, dismissed}, 0},
		{[]planner.Outcome{dismissed, acted, dismissed}, 1},
		{[]planner.Outcome{dismissed, dismissed, acted}, 1},
		{[]planner.Outcome{dismissed, dismissed, acted, dismissed}, 1},
		{[]planner.Outcome{dismissed, dismissed, done, dismissed, dismissed}, 2},
		{[]planner.Outcome{dismissed, answered, dismissed, dismissed}, 2},
		{[]planner.Outcome{dismissed, withdraw, dismissed}, 2},
		{[]planner.Outcome{dismissed, dismissed, withdraw, dismissed}, 0},
		{[]planner.Outcome{expired}, 1},
		{[]planner.Outcome{expired, expired}, 2},
		{[]planner.Outcome{expired, expired, expired, expired}, 2},
		{[]planner.Outcome{expired, acted, expired}, 1},
		{[]planner.Outcome{dismissed, expired}, 1},
		{[]planner.Outcome{dismissed, dismissed, expired, expired}, 2},
	} {
		t.Run(fmt.Sprint(c.ended), func(t *testing.T) {
			for _, rule := range []planner.Rule{planner.Fade, planner.Cadence} {
				got := pauseAfter(t, rule, c.ended)
				if got != c.pause {
					t.Errorf("%s comes after %d intervals, want %d", rule, got, c.pause)
				}
			}
			// Of other rules a person is asked as before.
			if got := pauseAfter(t, planner.ReplyOwed, c.ended); got != 1 {
				t.Errorf("reply-owed comes after %d times its delay, want 1", got)
			}
		})
	}
}

// pauseAfter is the time between the evidence of a follow-up and its due, in
// what it is without a history; 0 if it is held back for good.
func pauseAfter(t *testing.T, rule planner.Rule, history []planner.Outcome) int {
	t.Helper()
	due := func(ended []planner.Ended) (time.Time, bool) {
		ana := asking("ana@example.org")
		ana.Circle, ana.Stage = "active", 2
		ana.LastIn = planner.Evidence{}
		ana.Unanswered[0].At = at(11, 9)
		ana.FirstAt = at(-9, 9)
		ana.LastOut = mailFrom("last@x", "ana@example.org", at(1, 9))
		ana.Exchanges = planner.Exchanges{Count: 3, Early: 3, First: at(-9, 9), Last: ana.LastOut}
		s := settled(ana)
		s.FirstRunAt = at(-200, 9)
		s.Ended = ended
		r := planner.Plan(s, planner.DefaultPolicy(), at(11, 10))
		for _, f := range r.FollowUps {
			if f.Rule == rule {
				return f.Due, true
			}
		}
		return time.Time{}, false
	}
	var ended []planner.Ended
	for i, o := range history {
		k := planner.Key{Rule: rule, Evidence: fmt.Sprintf("old%d@x", i), Who: "ana@example.org"}
		if rule == planner.Cadence {
			k.Step = "1"
		}
		ended = append(ended, planner.Ended{Key: k, Generation: 1, Outcome: o, At: at(-150+10*i, 9)})
	}
	base, ok := due(nil)
	if !ok {
		t.Fatalf("%s does not fire without a history", rule)
	}
	got, ok := due(ended)
	if !ok {
		return 0
	}
	from := at(1, 0)
	if rule == planner.ReplyOwed {
		from = at(11, 0)
	}
	hours := func(t time.Time) float64 { return t.Sub(from).Truncate(24 * time.Hour).Hours() }
	return int(hours(got) / hours(base))
}
