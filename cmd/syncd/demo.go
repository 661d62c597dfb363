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
	o := demo.Options{Stories: true}
	var d demoOptions
	c := &cobra.Command{
		Use:   "demo",
		Short: "see it work on a made-up mailbox",
		Long: `Makes up two years of mail and meetings, serves them on this machine over IMAP
and CalDAV, and lets syncd work on them through the last five business days.
Prints the follow-ups as they then stand in the calendar.

With --year it works through the last year instead, day by day, in which nobody
touches an event, and prints how many follow-ups each rule brought, what became of
them, and where people stood.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			zone := config.SystemZone("/")
			o.Zone, o.Now = zone.String(), a.now().In(zone)
			if d.at != "" {
				var err error
				if o.Now, err = parseTime(d.at, zone); err != nil {
					return err
				}
			}
			return a.demo(cmd.Context(), o, d)
		},
		Example: "  syncd demo\n  syncd demo --seed 7\n  syncd demo --serve\n  syncd demo --year --at \"2026-05-15 18:30\"",
	}
	c.Flags().Uint64Var(&o.Seed, "seed", 1, "another `NUMBER` makes another mailbox")
	c.Flags().StringVar(&d.at, "at", "", "the mailbox ends at `TIME`, not now")
	c.Flags().BoolVar(&d.year, "year", false, "the last year, in figures")
	c.Flags().BoolVar(&d.serve, "serve", false, "stay up, so that a calendar app can subscribe")
	c.Flags().StringVar(&o.Addr, "addr", "127.0.0.1:0", "`address` to serve the calendar on")
	return a.jsonFlag(c)
}

// demoOptions are the flags of demo that are not those of the stage.
type demoOptions struct {
	at          string
	year, serve bool
}

func (a *app) demo(ctx context.Context, o demo.Options, d demoOptions) (err error) {
	stage, err := demo.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	if d.year {
		err = a.demoYear(ctx, stage, o)
	} else {
		err = a.demoWeek(ctx, stage, o)
	}
	if err != nil || !d.serve {
		return err
	}
	fmt.Fprintf(a.stderr, "\nServing the calendar at %s (user %s, password %s) until you press Ctrl-C.\n", stage.URL(), stage.User, stage.Password)
	<-ctx.Done()
	return nil
}

// demoWeek shows the calendar after five business days.
func (a *app) demoWeek(ctx context.Context, stage *demo.Stage, o demo.Options) error {
	var rows []ledger.FollowUpRow
	err := live(ctx, stage, demo.Passes(o.Now), func(d *daemon.Daemon, _ time.Time) (err error) {
		rows, err = followUps(ctx, d)
		return err
	})
	if err != nil {
		return err
	}
	byUID := map[string]ledger.FollowUpRow{}
	for _, r := range rows {
		byUID[r.UID] = r
	}
	events, err := stage.Entries(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(events, func(a, b demo.Entry) int { return a.Start.Compare(b.Start) })
	if a.json {
		return a.demoJSON(byUID, events)
	}
	a.demoText(stage, byUID, events, o.Now.Location())
	return nil
}

// live lets time pass on the stage, with a pass of the daemon at each stop, and
// calls each after it.
func live(ctx context.Context, stage *demo.Stage, stops []time.Time, each func(*daemon.Daemon, time.Time) error) (err error) {
	var clock time.Time
	d, err := daemon.Open(ctx, daemon.Options{
		Config: stage.Config, StateDir: stage.StateDir, Log: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return clock },
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	for _, stop := range stops {
		last := clock
		clock = stop
		if err := stage.Advance(clock); err != nil {
			return err
		}
		if err := d.Ledger().Decide(ctx, notes(stage.Notes(last, clock))); err != nil {
			return err
		}
		if err := d.Pass(ctx); err != nil {
			return err
		}
		if err := each(d, clock); err != nil {
			return err
		}
	}
	return nil
}

// notes are what the command log makes of lines about people.
func notes(all []demo.Note) (said []ledger.Decision) {
	for _, n := range all {
		said = append(said, ledger.Decision{Type: ledger.DecideLogged, At: n.At, To: n.At, Who: n.Address, Text: n.Text})
	}
	return said
}

// followUps are all that the ledger has.
func followUps(ctx context.Context, d *daemon.Daemon) (rows []ledger.FollowUpRow, err error) {
	for r, err := range d.Ledger().FollowUps(ctx) {
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
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
