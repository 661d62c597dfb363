package main

import (
	"slices"
	"testing"
	"time"

	"syncd/internal/daemon"
	"syncd/internal/demo"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// TestYear lives through a year of the demo, day by day. On each day the budget
// holds (SPEC I5) and everybody with a circle or a first meeting is in one state, and
// by its end every rule has brought something: none of them is off by default.
func TestYear(t *testing.T) {
	now := time.Date(2026, 5, 15, 18, 30, 0, 0, time.UTC)
	stage, err := demo.Start(t.Context(), demo.Options{Seed: 1, Now: now, Zone: "UTC", Stories: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := stage.Close(); err != nil {
			t.Error(err)
		}
	}()
	policy := stage.Config.Policy()
	written := map[planner.Rule]int{}
	err = live(t.Context(), stage, demo.PassesOf(now, yearDays), func(d *daemon.Daemon, at time.Time) error {
		rows, err := followUps(t.Context(), d)
		if err != nil {
			return err
		}
		checkBudget(t, rows, policy, at)
		clear(written)
		for _, r := range rows {
			written[r.Key.Rule]++
		}
		if at.Hour() < 12 {
			return nil
		}
		snap, plan, err := planned(t.Context(), d, stage, at)
		checkStates(t, snap, plan.States, at)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("follow-ups by rule: %v", written)
	for _, r := range planner.Rules() {
		if !policy.Rules[r].On {
			t.Errorf("the rule %s is off by default", r)
		}
		if written[r] == 0 {
			t.Errorf("the rule %s brought nothing all year", r)
		}
	}
}

// checkBudget holds what is in the calendar to SPEC I5.
func checkBudget(t *testing.T, rows []ledger.FollowUpRow, policy planner.Policy, at time.Time) {
	t.Helper()
	today, near := 0, 0
	each := map[planner.ContactID]int{}
	for _, r := range rows {
		if r.CreatedAt.UTC().Format(time.DateOnly) == at.Format(time.DateOnly) {
			today++
		}
		if !r.Open() {
			continue
		}
		if !r.Slot.After(at.AddDate(0, 0, 7)) {
			near++
		}
		if r.Contact != "" {
			each[r.Contact]++
		}
	}
	if today > policy.PerDay || near > policy.OpenAhead {
		t.Errorf("%s: %d written that day and %d open within a week, want at most %d and %d", at, today, near, policy.PerDay, policy.OpenAhead)
	}
	for who, n := range each {
		if n > 1 {
			t.Errorf("%s: %d open for %s", at, n, who)
		}
	}
}

// checkStates holds where people stand to SPEC section 3.2.
func checkStates(t *testing.T, snap planner.Snapshot, states []planner.State, at time.Time) {
	t.Helper()
	of := map[planner.ContactID][]planner.State{}
	for _, s := range states {
		of[s.Contact] = append(of[s.Contact], s)
	}
	for _, c := range snap.Contacts {
		known := c.Circle != "" || c.Met > 0 || len(c.Meetings) > 0 || c.Stage == 2
		if n := len(of[c.ID]); n > 1 || known && n == 0 {
			t.Errorf("%s: %s is in %d states", at, c.Name, n)
		}
	}
	timed := []planner.StateName{planner.StateWaiting, planner.StateResting, planner.StateBooked}
	reasoned := []planner.StateName{planner.StateMuted, planner.StateResting, planner.StateBooked, planner.StateClosed}
	for _, s := range states {
		switch dated, why := slices.Contains(timed, s.State), slices.Contains(reasoned, s.State); {
		case s.State != planner.StateOpen && !dated && !why:
			t.Errorf("%s: %s is in no state: %+v", at, s.Contact, s)
		case dated && s.Until.IsZero():
			t.Errorf("%s: %s is %s without a day", at, s.Contact, s.State)
		case why && s.Why == "":
			t.Errorf("%s: %s is %s without a reason", at, s.Contact, s.State)
		}
	}
}
