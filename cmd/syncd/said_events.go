package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// aboutCode explains CODE in help texts.
const aboutCode = "CODE is the six characters at the end of an event's description."

// event finds the open follow-up with a code.
func (s *said) event(ctx context.Context, code string) (ledger.FollowUpRow, error) {
	code = strings.ToLower(strings.TrimSpace(code))
	if len(code) < 6 {
		return ledger.FollowUpRow{}, usageError{fmt.Errorf("%q is too short: a code has six characters", code)}
	}
	found, err := s.FindFollowUps(ctx, code)
	if err != nil {
		return ledger.FollowUpRow{}, err
	}
	open := slices.DeleteFunc(slices.Clone(found), func(r ledger.FollowUpRow) bool { return !r.Open() })
	switch {
	case len(open) == 1:
		return open[0], nil
	case len(open) > 1:
		return ledger.FollowUpRow{}, fmt.Errorf("%q is the code of %d open events; their whole UID tells them apart", code, len(open))
	case len(found) > 0:
		last := found[len(found)-1]
		return last, fmt.Errorf("%s has ended already: %s on %s", code, last.Outcome, day(last.EndedAt, s.cfg.Me.Zone))
	}
	return ledger.FollowUpRow{}, fmt.Errorf("there is no event %q in the calendar; one that only syncd plan shows can be acted on once it is written", code)
}

// entry is a decision about an event.
func (s *said) entry(ctx context.Context, r ledger.FollowUpRow, t ledger.DecisionType, to time.Time) error {
	return s.say(ctx, ledger.Decision{Type: t, UID: r.UID, Who: r.Key.Who, To: to, Kind: ledger.ByCommand})
}

// title names an event.
func title(r ledger.FollowUpRow) string { return cmp.Or(r.Title(), r.Name, r.Key.Code()) }

// outlook says what becomes of the event of a follow-up that the user ends, well
// or not, as SPEC section 8.5 has it.
func (s *said) outlook(ctx context.Context, r ledger.FollowUpRow, well bool) (string, error) {
	if r.State == ledger.TakenOver {
		return "The event is your own now and stays as it is.", nil
	}
	when, err := s.when(ctx)
	over := !r.Seen.Start.After(s.now)
	if r.Seen.AllDay {
		over = !r.Seen.End.After(s.now)
	}
	switch stays := over || s.cfg.Followups.OnResolve == config.ResolveTick; {
	case well && (stays || bearsWords(r.Placement)):
		return "The event stays, with a tick from " + when + ".", err
	case bearsWords(r.Placement):
		return "The event bears your words and stays, without an alarm from " + when + ".", err
	}
	return "The event leaves the calendar with " + when + ".", err
}

// when is when syncd writes to the calendar again.
func (s *said) when(ctx context.Context) (string, error) {
	until, err := s.Paused(ctx, s.now)
	switch {
	case until.IsZero():
		return "the next look", err
	case until.Equal(planner.Forever):
		return "the first look after syncd resume", err
	}
	return "the first look after the pause, which ends on " + until.In(s.cfg.Me.Zone).Format("2 January 2006 15:04"), err
}

// bearsWords reports whether an event has words of the user's: it is not removed.
func bearsWords(p ledger.Placement) bool {
	return p.Theirs&(ledger.FieldSummary|ledger.FieldDescription) != 0 || p.Noted != ""
}

// sentence is text with a full stop, unless it ends in a mark of its own.
func sentence(text string) string {
	if strings.HasSuffix(text, "?") || strings.HasSuffix(text, "!") || strings.HasSuffix(text, ".") || strings.HasSuffix(text, "…") {
		return text
	}
	return text + "."
}

// ending ends the follow-up with a code, and says so.
func (s *said) ending(ctx context.Context, code string, t ledger.DecisionType, word string) (string, error) {
	r, err := s.event(ctx, code)
	if err != nil {
		return "", err
	}
	next, err := s.outlook(ctx, r, t == ledger.DecideDone)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s: %s %s", word, sentence(title(r)), next), s.entry(ctx, r, t, time.Time{})
}

func (a *app) doneCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "done CODE",
		Short:   "you did it, and were in touch: the follow-up ends",
		Long:    aboutCode + "\nAs putting \"done\" into the title does. The event goes; it stays with a tick if its\ntime has come or it bears your words, and as it is if you made it your own.",
		Args:    cobra.ExactArgs(1),
		Example: "  syncd done b4k7mq",
	}, func(ctx context.Context, l *said, args []string) (string, error) {
		return l.ending(ctx, args[0], ledger.DecideDone, "Done")
	})
}

func (a *app) dismissCommand() *cobra.Command {
	var missing bool
	c := a.saying(&cobra.Command{
		Use:     "dismiss CODE",
		Short:   "not wanted: the follow-up ends and does not come back",
		Long:    aboutCode + "\nAs deleting the event does. One that bears your words stays without an alarm, one\nthat you made your own as it is. With --missing, events that vanished from the\ncalendar together count as deleted now, without the wait of a day.",
		Example: "  syncd dismiss b4k7mq\n  syncd dismiss --missing",
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case missing && len(args) > 0:
				return errors.New("either CODE or --missing")
			case !missing && len(args) != 1:
				return errors.New("one CODE is needed, or --missing")
			}
			return nil
		},
	}, func(ctx context.Context, l *said, args []string) (string, error) {
		if missing {
			return l.dismissMissing(ctx)
		}
		return l.ending(ctx, args[0], ledger.DecideDismissed, "Dismissed")
	})
	c.Flags().BoolVar(&missing, "missing", false, "what vanished from the calendar together counts as deleted")
	return c
}

// dismissMissing ends the wait for the events that vanished together.
func (s *said) dismissMissing(ctx context.Context) (string, error) {
	all, err := s.Placements(ctx)
	if err != nil {
		return "", err
	}
	n := 0
	for _, p := range all {
		if p.Open() && !p.MissingAt.IsZero() {
			n++
		}
	}
	if n == 0 {
		return "No event is missing from the calendar; nothing was done.", nil
	}
	return fmt.Sprintf("The wait is over: %s from the calendar will count as deleted, unless found there again.", count(n, "event missing", "events missing")),
		s.say(ctx, ledger.Decision{Type: ledger.DecideMissing})
}

func (a *app) snoozeCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "snooze CODE WHEN",
		Short:   "later: the event moves",
		Long:    aboutCode + "\nWHEN is a date, 3d, 2w, tomorrow or a day of the week, with a time after it if the\nevent is not to keep its own. An event that you made your own is yours to move.",
		Args:    cobra.MinimumNArgs(2),
		Example: "  syncd snooze b4k7mq 2w\n  syncd snooze b4k7mq monday\n  syncd snooze b4k7mq friday 10:00\n  syncd snooze b4k7mq 2026-05-12 18:30",
	}, func(ctx context.Context, l *said, args []string) (string, error) {
		return l.snooze(ctx, args[0], strings.Join(args[1:], " "))
	})
}

// snooze moves the event with a code to a time as the user types it.
func (s *said) snooze(ctx context.Context, code, to string) (string, error) {
	r, err := s.event(ctx, code)
	if err != nil {
		return "", err
	}
	if r.State == ledger.TakenOver {
		return "", fmt.Errorf("“%s” is your own now; move it in your calendar", title(r))
	}
	when, err := s.when(ctx)
	if err != nil {
		return "", err
	}
	start, err := parseWhen(to, s.now, startOf(r), s.cfg.Me.Zone)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Snoozed: %s It moves to %s with %s.", sentence(title(r)), start.In(s.cfg.Me.Zone).Format("Mon 2 Jan 2006 15:04"), when),
		s.entry(ctx, r, ledger.DecideMove, start)
}

// startOf is when an event is, as far as is known.
func startOf(r ledger.FollowUpRow) time.Time {
	for _, t := range []time.Time{r.Seen.Start, r.Wrote.Start, r.Slot} {
		if !t.IsZero() {
			return t
		}
	}
	return r.Due
}
