package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

func (a *app) pauseCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "pause [UNTIL]",
		Short:   "write nothing to the calendar for a while",
		Long:    "UNTIL is a date, 3d, 2w, tomorrow or a day of the week, with a time or without; without\none until syncd resume. Mail and calendars are read all the same.",
		Example: "  syncd pause\n  syncd pause 2w\n  syncd pause 2026-05-12",
	}, func(ctx context.Context, l *said, args []string) (string, error) {
		d := ledger.Decision{Type: ledger.DecidePaused}
		until := planner.Forever
		if len(args) > 0 {
			y, m, today := l.now.In(l.cfg.Me.Zone).Date()
			midnight := time.Date(y, m, today, 0, 0, 0, 0, l.cfg.Me.Zone)
			var err error
			if until, err = parseWhen(strings.Join(args, " "), l.now, midnight, l.cfg.Me.Zone); err != nil {
				return "", err
			}
			d.To = until
		}
		return pausedText(until, l.cfg.Me.Zone), l.say(ctx, d)
	})
}

func (a *app) resumeCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:   "resume",
		Short: "go on after a pause",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, l *said, _ []string) (string, error) {
		until, err := l.Paused(ctx, l.now)
		if err != nil {
			return "", err
		}
		if until.IsZero() {
			return "It was not paused; nothing was done.", nil
		}
		return "Resumed: follow-ups are written again with the next look.", l.say(ctx, ledger.Decision{Type: ledger.DecideResumed})
	})
}

// pausedText says that syncd is paused, "" if it is not.
func pausedText(until time.Time, zone *time.Location) string {
	switch {
	case until.IsZero():
		return ""
	case until.Equal(planner.Forever):
		return "Paused: nothing is written to the calendar until syncd resume."
	}
	return "Paused: nothing is written to the calendar until " + until.In(zone).Format("2 January 2006 15:04") + "."
}
