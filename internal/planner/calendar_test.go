package planner_test

import (
	"testing"

	"syncd/internal/planner"
)

func TestBusinessDays(t *testing.T) {
	p := planner.DefaultPolicy()
	p.Holidays = []planner.Date{"2026-05-25", "not a date"}
	p.Away = []planner.DateRange{{From: "2026-05-28", To: "2026-05-28"}, {From: "2026-06-03", To: "2026-06-02"}, {From: "2026-05-27", To: "2026-05-27"}}
	for d, want := range map[planner.Date]bool{
		"2026-05-22": true, "2026-05-23": false, "2026-05-25": false, "2026-05-26": true, "2026-05-28": false,
		"2026-05-27": false, "2026-05-29": true, "2026-06-02": true, "2026-06-03": true,
		"2026-02-30": false, "": false,
	} {
		if got := p.BusinessDay(d); got != want {
			t.Errorf("BusinessDay(%q) = %v, want %v", d, got, want)
		}
	}
	for _, c := range []struct {
		from planner.Date
		n    int
		want planner.Date
	}{
		{"2026-05-22", 0, "2026-05-22"},
		{"2026-05-22", 1, "2026-05-26"},
		{"2026-05-23", 1, "2026-05-26"},
		{"2026-05-22", 2, "2026-05-29"},
		{"2026-12-31", 1, "2027-01-01"},
	} {
		if got := p.AddBusinessDays(c.from, c.n); got != c.want {
			t.Errorf("AddBusinessDays(%s, %d) = %s, want %s", c.from, c.n, got, c.want)
		}
	}
	p.WorkDays = [7]bool{} // somebody who never works still gets an answer
	if got := p.AddBusinessDays("2026-05-22", 1); got <= "2026-05-22" {
		t.Errorf("AddBusinessDays without work days = %s", got)
	}
}
