package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

const mostDays = 366

// planAhead shows what day after day would bring to a calendar that nobody
// touches.
func (a *app) planAhead(ctx context.Context, l *ledger.Ledger, cfg *config.Config, o planOptions) error {
	from, err := parseDay(o.from, cfg.Me.Zone)
	if err != nil {
		return err
	}
	if o.days < 1 || o.days > mostDays {
		return usageError{fmt.Errorf("--days %d: from 1 to %d", o.days, mostDays)}
	}
	lead, err := until(from, a.now(), cfg.Policy())
	if err != nil {
		return err
	}
	moments := daemon.Moments(cfg.Policy(), from, o.days)
	f, err := daemon.Foresee(ctx, l, cfg, lead, moments)
	if err != nil {
		return err
	}
	last := moments[len(moments)-1]
	rest := view(f.Last, nil, last, o.all)
	rest.open, rest.write = nil, nil // they are among those foreseen
	// What ended is there as well, and with the day.
	rest.held = slices.DeleteFunc(rest.held, func(h planner.Held) bool { return h.End != nil })
	if a.json {
		out := foreseenJSON(f.FollowUps)
		out.FollowUps = append(out.FollowUps, rest.json(nil).FollowUps...)
		return printJSON(a.stdout, out)
	}
	printForeseen(a.stdout, f.FollowUps, cfg.Me.Zone)
	printAfter(a.stdout, f.FollowUps, o.days)
	if o.all {
		fmt.Fprintf(a.stdout, "\nAs of %s:\n", last.Format("Mon 2 Jan 2006"))
		rest.print(a.stdout, cfg.Me.Zone)
	} else if n := len(rest.waiting) + rest.later + len(rest.held); n > 0 && f.Last.Silent == "" {
		fmt.Fprintf(a.stdout, "%s by then; --all shows them.\n", count(n, "other waits or is held back", "others wait or are held back"))
	}
	if f.Last.Silent != "" {
		fmt.Fprintf(a.stdout, "Nothing is written: %s.\n", f.Last.Silent)
	}
	return nil
}

// parseDay reads a date; it gives noon of it in zone.
func parseDay(s string, zone *time.Location) (time.Time, error) {
	t, err := time.Parse(time.DateOnly, s)
	if err != nil {
		return t, usageError{fmt.Errorf("%q is no date: write it as 2026-05-12", s)}
	}
	y, m, d := t.Date()
	return time.Date(y, m, d, 12, 0, 0, 0, zone), nil
}

// until are the passes from now to the day before from; none where that day is
// today, or over.
func until(from, now time.Time, p planner.Policy) ([]time.Time, error) {
	days := daysBetween(now, from, p.Zone)
	switch {
	case days <= 0:
		return nil, nil
	case days > mostDays:
		return nil, usageError{fmt.Errorf("--from %s: at most %d days from today", from.Format(time.DateOnly), mostDays)}
	}
	all := daemon.Moments(p, now, days)
	i := slices.IndexFunc(all, func(t time.Time) bool { return t.After(now) })
	if i < 0 {
		i = len(all)
	}
	return slices.Concat([]time.Time{now}, all[i:]), nil
}

func foreseenJSON(all []daemon.Foreseen) followUpsJSON {
	out := followUpsJSON{FollowUps: []followUpJSON{}}
	for _, x := range all {
		j := toJSON(x.FollowUp, "", nil)
		j.Status, j.UID, j.Written, j.Text = string(planner.StatusOpen), x.UID, utc(x.WrittenAt), x.Wrote
		if x.End != nil {
			j.Status, j.Ended, j.EndWhy = string(x.End.Outcome), utc(x.EndedAt), x.End.Why
			if !x.End.Evidence.IsZero() {
				j.EndedBy = &evidence([]planner.Evidence{x.End.Evidence})[0]
			}
		}
		out.FollowUps = append(out.FollowUps, j)
	}
	return out
}

// turn is something that happens to a follow-up on a day.
type turn struct {
	at   time.Time
	what string // written, ended
	when string // the slot, or how it ended
	of   daemon.Foreseen
	why  string
}

func turns(all []daemon.Foreseen, zone *time.Location) []turn {
	var out []turn
	for _, x := range all {
		if !x.Before {
			out = append(out, turn{x.WrittenAt, "written", x.Slot.In(zone).Format("Mon 2 Jan 15:04"), x, why(x.Because)})
		}
		if x.End != nil {
			out = append(out, turn{x.EndedAt, "ended", string(x.End.Outcome), x, x.End.Why})
		}
	}
	slices.SortStableFunc(out, func(a, b turn) int {
		return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.what, b.what), a.of.Slot.Compare(b.of.Slot))
	})
	return out
}

func printForeseen(w io.Writer, all []daemon.Foreseen, zone *time.Location) {
	day := ""
	for _, x := range turns(all, zone) {
		if d := x.at.In(zone).Format("Mon 2 Jan 2006"); d != day {
			day = d
			fmt.Fprintf(w, "\n%s\n", day)
		}
		fmt.Fprintf(w, "  %-7s  %-16s  %s  [%s]\n", x.what, x.when, x.of.Title, x.of.Key.Code())
		for _, line := range wrap(x.why, 72) {
			fmt.Fprintf(w, "  %-7s  %-16s  %s\n", "", "", line)
		}
	}
}

// printAfter sums up what became of them.
func printAfter(w io.Writer, all []daemon.Foreseen, days int) {
	written, before, open := 0, 0, 0
	ended := map[planner.Outcome]int{}
	for _, x := range all {
		if x.Before {
			before++
		} else {
			written++
		}
		if x.End == nil {
			open++
		} else {
			ended[x.End.Outcome]++
		}
	}
	parts := []string{fmt.Sprintf("%d written", written)}
	if before > 0 {
		parts = append(parts, fmt.Sprintf("%d in the calendar before", before))
	}
	for _, o := range []planner.Outcome{planner.Acted, planner.Answered, planner.Done, planner.Dismissed, planner.Expired, planner.Withdrawn} {
		if n := ended[o]; n > 0 {
			parts = append(parts, fmt.Sprintf("%d ended as %s", n, o))
		}
	}
	parts = append(parts, fmt.Sprintf("%d open at the end", open))
	fmt.Fprintf(w, "\n%s: %s.\n", count(days, "day", "days"), strings.Join(parts, ", "))
}
