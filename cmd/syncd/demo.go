package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/demo"
	"syncd/internal/ledger"
)

func (a *app) demoCommand() *cobra.Command {
	var o demo.Options
	var serve bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "see it work on a made-up mailbox",
		Long: `Makes up two years of mail and meetings, serves them on this machine over IMAP
and CalDAV, and lets syncd work on them through the last five business days.
Prints the follow-ups as they then stand in the calendar.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.demo(cmd.Context(), o, serve)
		},
		Example: "  syncd demo\n  syncd demo --seed 7\n  syncd demo --serve",
	}
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "another `NUMBER` makes another mailbox")
	c.Flags().BoolVar(&serve, "serve", false, "stay up, so that a calendar app can subscribe")
	c.Flags().StringVar(&o.Addr, "addr", "127.0.0.1:0", "`address` to serve the calendar on")
	return a.jsonFlag(c)
}

func (a *app) demo(ctx context.Context, o demo.Options, serve bool) (err error) {
	zone := config.SystemZone("/")
	o.Zone, o.Now = zone.String(), a.now().In(zone)
	stage, err := demo.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	rows, err := a.fiveDays(ctx, stage, o.Now)
	if err != nil {
		return err
	}
	events, err := stage.Entries(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(events, func(a, b demo.Entry) int { return a.Start.Compare(b.Start) })
	if a.json {
		err = a.demoJSON(rows, events)
	} else {
		a.demoText(stage, rows, events, zone)
	}
	if err != nil || !serve {
		return err
	}
	fmt.Fprintf(a.stderr, "\nServing the calendar at %s (user %s, password %s) until you press Ctrl-C.\n", stage.URL(), stage.User, stage.Password)
	<-ctx.Done()
	return nil
}

// fiveDays lets time pass on the stage, with a pass of the daemon at each stop,
// and returns the ledger's follow-ups by the UID of their events.
func (a *app) fiveDays(ctx context.Context, stage *demo.Stage, now time.Time) (map[string]ledger.FollowUpRow, error) {
	var clock time.Time
	d, err := daemon.Open(ctx, daemon.Options{
		Config: stage.Config, StateDir: stage.StateDir, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return clock },
	})
	if err != nil {
		return nil, err
	}
	defer a.close(d)
	for _, clock = range demo.Passes(now) {
		if err := stage.Advance(clock); err != nil {
			return nil, err
		}
		if err := d.Pass(ctx); err != nil {
			return nil, err
		}
	}
	rows := map[string]ledger.FollowUpRow{}
	for r, err := range d.Ledger().FollowUps(ctx) {
		if err != nil {
			return nil, err
		}
		rows[r.UID] = r
	}
	return rows, nil
}

func (a *app) demoText(stage *demo.Stage, rows map[string]ledger.FollowUpRow, events []demo.Entry, zone *time.Location) {
	messages, meetings := stage.Counts()
	fmt.Fprintf(a.stdout, "After five working days with %d mails and %d meetings of two years,\nthe calendar holds %s:\n",
		messages, meetings, count(len(events), "follow-up", "follow-ups"))
	for _, e := range events {
		r := rows[e.UID]
		fmt.Fprintf(a.stdout, "\n%s  %s  (%s)\n", e.Start.In(zone).Format("Mon 2 Jan 15:04"), e.Summary, r.Key.Rule)
		for paragraph := range strings.SplitSeq(strings.TrimSpace(e.Description), "\n") {
			for _, line := range wrap(paragraph, 76) {
				fmt.Fprintln(a.stdout, "    "+line)
			}
			if paragraph == "" {
				fmt.Fprintln(a.stdout)
			}
		}
	}
	for _, uid := range slices.Sorted(maps.Keys(rows)) {
		there := slices.ContainsFunc(events, func(e demo.Entry) bool { return e.UID == uid })
		if r := rows[uid]; !r.Open() && there {
			fmt.Fprintf(a.stdout, "\nEnded by itself, and stays with a tick: %s\n    %s\n", r.Title(), r.EndWhy)
		} else if !r.Open() {
			fmt.Fprintf(a.stdout, "\nWent away by itself: %s\n    %s\n", r.Title(), r.EndWhy)
		}
	}
}

func (a *app) demoJSON(rows map[string]ledger.FollowUpRow, events []demo.Entry) error {
	out := followUpsJSON{FollowUps: []followUpJSON{}}
	for _, e := range events {
		j := rowJSON(rows[e.UID])
		j.UID, j.Href, j.Title, j.Slot = e.UID, e.Href, e.Summary, utc(e.Start)
		out.FollowUps = append(out.FollowUps, j)
	}
	return printJSON(a.stdout, out)
}
