package main

import (
	"bytes"
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/demo"
)

// TestPlanFromAComingDay plans from a day that is to come: what it shows is what a
// plan from today shows of those days.
func TestPlanFromAComingDay(t *testing.T) {
	friday := time.Date(2026, 5, 15, 18, 30, 0, 0, time.UTC)
	p := newRescan(t, friday)
	for _, at := range demo.Passes(friday) {
		p.pass(t, at)
	}
	plan := func(from, days string) (all []followUpJSON) {
		t.Helper()
		var out, errs bytes.Buffer
		monday := func() time.Time { return time.Date(2026, 5, 18, 8, 30, 0, 0, time.UTC) } // of its first pass
		args := append([]string{"plan", "--from", from, "--days", days, "--json"}, p.flags...)
		if code := run(t.Context(), args, &out, &errs, monday); code != 0 {
			t.Fatalf("plan --from %s: exit %d: %s", from, code, errs.String())
		}
		var doc followUpsJSON
		if err := json.Unmarshal(out.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		return doc.FollowUps
	}
	began := time.Date(2026, 5, 25, 0, 0, 0, 0, time.UTC)
	today := plan("2026-05-18", "15")
	want := slices.DeleteFunc(slices.Clone(today), func(f followUpJSON) bool { return f.Ended != nil && f.Ended.Before(began) })
	if n := len(today) - len(want); n == 0 {
		t.Error("nothing ends in the days before, so nothing is left out")
	}
	meanwhile := func(f followUpJSON) bool {
		return f.Written != nil && f.Written.After(friday) && f.Written.Before(began)
	}
	if !slices.ContainsFunc(want, meanwhile) {
		t.Error("nothing is written in the days before, so nothing is carried on")
	}
	if diff := cmp.Diff(want, plan("2026-05-25", "8")); diff != "" {
		t.Errorf("plan --from a coming day mismatch (-from today +from then):\n%s", diff)
	}
}
