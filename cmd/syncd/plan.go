package main

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/daemon"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

func (a *app) planCommand() *cobra.Command {
	var at string
	var all bool
	c := &cobra.Command{
		Use:   "plan",
		Short: "what would be written, kept and held back, and why",
		Long:  "Shows what follows from the ledger as it is. Writes nothing and asks no server.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.plan(cmd.Context(), at, all)
		},
		Example: "  syncd plan\n  syncd plan --at \"2026-05-12 18:30\"\n  syncd plan --json",
	}
	c.Flags().StringVar(&at, "at", "", "as of `TIME`: what is dated later is hidden")
	c.Flags().BoolVar(&all, "all", false, "also what waits for more than two weeks, and what has ended")
	return a.jsonFlag(c)
}

func (a *app) plan(ctx context.Context, at string, all bool) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	l, err := a.reader(ctx)
	if err != nil {
		return err
	}
	defer a.close(l)
	now := a.now()
	var cut time.Time
	if at != "" {
		if now, err = parseTime(at, cfg.Me.Zone); err != nil {
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
	v := view(daemon.Plan(snap, cfg, health, now), now, all)
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
