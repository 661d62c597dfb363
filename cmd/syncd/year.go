package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"syncd/internal/daemon"
	"syncd/internal/demo"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// yearDays are the business days of a year.
const yearDays = 261

// year is what a year of the demo comes to.
type year struct {
	from, to time.Time
	evenings int
	rows     []ledger.FollowUpRow
	people   map[planner.StateName]int // on how many evenings people were in a state, added up
	why      map[string]int            // the same for each reason of those closed
	last     []planner.State           // of the last evening
}

func (a *app) demoYear(ctx context.Context, stage *demo.Stage, o demo.Options) error {
	y := year{people: map[planner.StateName]int{}, why: map[string]int{}}
	stops := demo.PassesOf(o.Now, yearDays)
	y.from, y.to = stops[0], stops[len(stops)-1]
	err := live(ctx, stage, stops, func(d *daemon.Daemon, at time.Time) error { return y.pass(ctx, d, stage, at) })
	if err != nil {
		return err
	}
	if a.json {
		out := followUpsJSON{FollowUps: []followUpJSON{}}
		for _, r := range y.rows {
			out.FollowUps = append(out.FollowUps, rowJSON(r))
		}
		return printJSON(a.stdout, out)
	}
	messages, meetings := stage.Counts()
	fmt.Fprintf(a.stdout, "A year of working days, %s to %s, with %d mails and %d meetings of two years:\n\n",
		y.from.Format("2 Jan 2006"), y.to.Format("2 Jan 2006"), messages, meetings)
	y.print(a.stdout)
	return nil
}

// pass takes note of where everybody stands in the evening.
func (y *year) pass(ctx context.Context, d *daemon.Daemon, stage *demo.Stage, at time.Time) error {
	if at.Hour() < 12 {
		return nil
	}
	_, plan, err := planned(ctx, d, stage, at)
	if err != nil {
		return err
	}
	for _, s := range plan.States {
		y.people[s.State]++
		if s.State == planner.StateClosed {
			y.why[s.Why]++
		}
	}
	y.evenings++
	y.last = plan.States
	y.rows, err = followUps(ctx, d)
	return err
}

// planned is the plan of a moment, after the pass, and what it was made from.
func planned(ctx context.Context, d *daemon.Daemon, stage *demo.Stage, at time.Time) (snap planner.Snapshot, plan planner.Result, err error) {
	if snap, err = d.Ledger().Snapshot(ctx, at, time.Time{}); err != nil {
		return snap, plan, err
	}
	health, err := d.Ledger().Health(ctx)
	if err != nil {
		return snap, plan, err
	}
	return snap, daemon.Plan(snap, stage.Config, health, at), nil
}

// print writes two tables: what each rule brought, and where people stood.
func (y *year) print(w io.Writer) {
	outcomes := []planner.Outcome{planner.Acted, planner.Answered, planner.Expired, planner.Withdrawn, ""}
	written := map[planner.Rule]int{}
	came := map[planner.Rule]map[planner.Outcome]int{}
	for _, r := range y.rows {
		if came[r.Key.Rule] == nil {
			came[r.Key.Rule] = map[planner.Outcome]int{}
		}
		written[r.Key.Rule]++
		came[r.Key.Rule][r.CameTo]++
	}
	const counts = "%-16s%9v%8v%10v%9v%11v%6v\n"
	fmt.Fprintf(w, counts, "rule", "written", "acted", "answered", "expired", "withdrawn", "open")
	for _, rule := range planner.Rules() {
		line := []any{rule, written[rule]}
		for _, o := range outcomes {
			line = append(line, came[rule][o])
		}
		fmt.Fprintf(w, counts, line...)
	}
	fmt.Fprintf(w, "\nOn each of %d evenings everybody with a circle or a first meeting was in one state:\n\n", y.evenings)
	last := map[planner.StateName]int{}
	for _, s := range y.last {
		last[s.State]++
	}
	fmt.Fprintf(w, "%-16s%20s%13s\n", "state", "people, an evening", "on the last")
	for _, s := range []planner.StateName{
		planner.StateOpen, planner.StateWaiting, planner.StateBooked, planner.StateResting, planner.StateMuted, planner.StateClosed,
	} {
		fmt.Fprintf(w, "%-16s%20.1f%13d\n", s, y.mean(y.people[s]), last[s])
	}
	fmt.Fprint(w, "\nClosed because:\n\n")
	for _, r := range slices.SortedFunc(maps.Keys(y.why), func(a, b string) int { return cmp.Or(y.why[b]-y.why[a], cmp.Compare(a, b)) }) {
		fmt.Fprintf(w, "%6.1f  %s\n", y.mean(y.why[r]), r)
	}
}

// mean is what comes on an evening.
func (y *year) mean(sum int) float64 { return float64(sum) / float64(y.evenings) }
