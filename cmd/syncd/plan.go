package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/daemon"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// planOptions are the flags of plan.
type planOptions struct {
	at, from string
	days     int
	all      bool
}

func (a *app) planCommand() *cobra.Command {
	var o planOptions
	c := &cobra.Command{
		Use:   "plan",
		Short: "what would be written, kept and held back, and why",
		Long: `Shows what follows from the ledger as it is. Writes nothing and asks no server.

With --from it plans day by day from that day on, each time from what was known
then, and carries forward what it would have written: what the calendar would
have held if nobody had touched it. Where that day is to come, the days until
then pass in the same way, and are not shown.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for name, value := range map[string]string{"at": o.at, "from": o.from} {
				if value == "" && cmd.Flags().Changed(name) {
					return usageError{fmt.Errorf("--%s is empty", name)}
				}
			}
			switch {
			case o.at != "" && o.from != "":
				return usageError{errors.New("--at and --from exclude each other")}
			case o.from == "" && cmd.Flags().Changed("days"):
				return usageError{errors.New("--days goes with --from")}
			}
			return a.plan(cmd.Context(), o)
		},
		Example: "  syncd plan\n  syncd plan --at \"2026-05-12 18:30\"\n  syncd plan --from 2026-05-01 --days 31\n  syncd plan --json",
	}
	c.Flags().StringVar(&o.at, "at", "", "as of `TIME`: what is dated later is hidden")
	c.Flags().StringVar(&o.from, "from", "", "day by day from `DATE` on")
	c.Flags().IntVar(&o.days, "days", 7, "`N` days, with --from; at most 366")
	c.Flags().BoolVar(&o.all, "all", false, "also what waits for more than two weeks, and what has ended")
	return a.jsonFlag(c)
}

func (a *app) plan(ctx context.Context, o planOptions) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	l, err := a.reader(ctx)
	if err != nil {
		return err
	}
	defer a.close(l)
	if o.from != "" {
		return a.planAhead(ctx, l, cfg, o)
	}
	now := a.now()
	var cut time.Time
	if o.at != "" {
		if now, err = parseTime(o.at, cfg.Me.Zone); err != nil {
			return err
		}
		cut = now
	}
	snap, err := l.Snapshot(ctx, now, cut)
	if err != nil {
		return err
	}
	health, err := l.Health(ctx)
	if err != nil {
		return err
	}
	v := view(daemon.Plan(snap, cfg, health, now), snap.Open, now, o.all)
	if !a.json {
		v.print(a.stdout, cfg.Me.Zone)
		return nil
	}
	placed, err := placedByKey(ctx, l)
	if err != nil {
		return err
	}
	return printJSON(a.stdout, v.json(placed))
}

func placedByKey(ctx context.Context, l *ledger.Ledger) (map[planner.Key]ledger.Placement, error) {
	all, err := l.Placements(ctx)
	if err != nil {
		return nil, err
	}
	byKey := map[planner.Key]ledger.Placement{}
	for _, p := range all {
		if had, ok := byKey[p.Key]; !ok || p.Generation > had.Generation {
			byKey[p.Key] = p
		}
	}
	return byKey, nil
}
