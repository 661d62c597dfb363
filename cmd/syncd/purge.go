package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/ledger"
)

func (a *app) purgeCommand() *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "purge",
		Short: "take syncd's events out of the calendar, and pause",
		Long:  "Withdraws every open follow-up, removes the events and pauses. Events that bear\nyour own words stay, without an alarm, and those that you made your own as they are.\nAfter syncd resume what still holds may come back, but nothing that you deleted.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.purge(cmd.Context(), yes)
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "do not ask")
	return c
}

func (a *app) purge(ctx context.Context, yes bool) error {
	l, err := a.beside(ctx)
	if err != nil {
		return err
	}
	defer a.close(l)
	t, err := l.Totals(ctx)
	if err != nil {
		return err
	}
	if !yes {
		sure, err := a.confirm(fmt.Sprintf("Remove %s from the calendar %q and pause?", count(t.Open, "follow-up", "follow-ups"), l.cfg.Followups.Calendar))
		if err != nil || !sure {
			return err
		}
	}
	open, err := l.Purge(ctx, l.now)
	if err != nil {
		return err
	}
	if err := a.ask(ctx, l.cfg, l.Ledger); err != nil {
		return fmt.Errorf("%s withdrawn and syncd paused, but the calendar is not up to date yet: %w", count(len(open), "follow-up is", "follow-ups are"), err)
	}
	return a.printPurged(ctx, l, open)
}

// confirm asks on a terminal. Elsewhere nobody could answer.
func (a *app) confirm(question string) (bool, error) {
	if !isTerminal(a.stdout) {
		return false, usageError{errors.New("purge removes events: say --yes where nobody can be asked")}
	}
	fmt.Fprintf(a.stdout, "%s [y/N] ", question)
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil && answer == "" {
		return false, nil // no answer is a no
	}
	answer = strings.ToLower(strings.TrimSpace(answer))
	if answer != "y" && answer != "yes" {
		fmt.Fprintln(a.stdout, "Nothing was done.")
		return false, nil
	}
	return true, nil
}

// printPurged says what became of what was open.
func (a *app) printPurged(ctx context.Context, l *said, open []ledger.Placement) error {
	ended, gone, rest := 0, 0, []string{}
	stays := func(how string, p ledger.Placement) {
		rest = append(rest, how+": "+cmp.Or(p.Seen.Summary, p.Wrote.Summary))
	}
	for _, p := range open {
		now, err := l.FindPlacements(ctx, p.UID)
		if err != nil {
			return err
		}
		for _, n := range now {
			if n.UID != p.UID {
				continue
			}
			if !n.Open() {
				ended++
			}
			switch {
			case n.State == ledger.Closed && n.Href == "": // it has left the calendar
				gone++
			case n.State == ledger.TakenOver:
				stays("Stays as it is, your own", n)
			case !n.MissingAt.IsZero() && n.State != ledger.Closed:
				stays("Was gone already, and counts as deleted by you if it stays so", n)
			case n.State != ledger.Closed:
				stays("Not removed yet", n)
			case bearsWords(n):
				stays("Stays without an alarm, as it bears your words", n)
			default:
				gone++
			}
		}
	}
	fmt.Fprintf(a.stdout, "Withdrawn: %s; %d removed from the calendar %q.\n", count(ended, "follow-up", "follow-ups"), gone, l.cfg.Followups.Calendar)
	for _, line := range rest {
		fmt.Fprintln(a.stdout, line)
	}
	fmt.Fprintln(a.stdout, "Paused: nothing is written until syncd resume.")
	return nil
}
