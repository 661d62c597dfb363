package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// said is a ledger that a command writes to, beside a daemon or without one.
type said struct {
	*ledger.Ledger
	cfg *config.Config
	now time.Time
}

// beside opens the ledger for what the user says in a command.
func (a *app) beside(ctx context.Context) (*said, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	dir, err := a.state()
	if err != nil {
		return nil, err
	}
	l, err := ledger.OpenBeside(ctx, dir)
	if err != nil {
		if errors.Is(err, ledger.ErrNone) {
			err = fmt.Errorf("%w (with --dry-run it only reads)", err)
		}
		return nil, err
	}
	return &said{l, cfg, a.now()}, nil
}

// saying is a command that writes what the user said.
func (a *app) saying(c *cobra.Command, do func(ctx context.Context, l *said, args []string) error) *cobra.Command {
	c.RunE = func(cmd *cobra.Command, args []string) error {
		l, err := a.beside(cmd.Context())
		if err != nil {
			return err
		}
		defer a.close(l)
		return do(cmd.Context(), l, args)
	}
	return c
}

// aboutCode explains CODE in help texts.
const aboutCode = "CODE is the six characters at the end of an event's description."

// aboutWho explains WHO in help texts.
const aboutWho = "WHO is an address, a name or whole words of one, a nickname, or the UID of a card."

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
	return s.Decide(ctx, []ledger.Decision{{Type: t, UID: r.UID, Who: r.Key.Who, At: s.now, To: to}})
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
func (a *app) ending(ctx context.Context, l *said, code string, t ledger.DecisionType, word string) error {
	r, err := l.event(ctx, code)
	if err != nil {
		return err
	}
	next, err := l.outlook(ctx, r, t == ledger.DecideDone)
	if err != nil {
		return err
	}
	if err := l.entry(ctx, r, t, time.Time{}); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s: %s %s\n", word, sentence(title(r)), next)
	return nil
}

func (a *app) doneCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "done CODE",
		Short:   "you did it, and were in touch: the follow-up ends",
		Long:    aboutCode + "\nAs putting \"done\" into the title does. The event goes; it stays with a tick if its\ntime has come or it bears your words, and as it is if you made it your own.",
		Args:    cobra.ExactArgs(1),
		Example: "  syncd done b4k7mq",
	}, func(ctx context.Context, l *said, args []string) error {
		return a.ending(ctx, l, args[0], ledger.DecideDone, "Done")
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
	}, func(ctx context.Context, l *said, args []string) error {
		if missing {
			return a.dismissMissing(ctx, l)
		}
		return a.ending(ctx, l, args[0], ledger.DecideDismissed, "Dismissed")
	})
	c.Flags().BoolVar(&missing, "missing", false, "what vanished from the calendar together counts as deleted")
	return c
}

func (a *app) dismissMissing(ctx context.Context, l *said) error {
	all, err := l.Placements(ctx)
	if err != nil {
		return err
	}
	n := 0
	for _, p := range all {
		if p.Open() && !p.MissingAt.IsZero() {
			n++
		}
	}
	if n == 0 {
		fmt.Fprintln(a.stdout, "No event is missing from the calendar; nothing was done.")
		return nil
	}
	if err := l.Decide(ctx, []ledger.Decision{{Type: ledger.DecideMissing, At: l.now}}); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "The wait is over: %s from the calendar will count as deleted, unless found there again.\n", count(n, "event missing", "events missing"))
	return nil
}

func (a *app) snoozeCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "snooze CODE WHEN",
		Short:   "later: the event moves",
		Long:    aboutCode + "\nWHEN is a date, 3d, 2w, tomorrow or a day of the week, with a time after it if the\nevent is not to keep its own. An event that you made your own is yours to move.",
		Args:    cobra.MinimumNArgs(2),
		Example: "  syncd snooze b4k7mq 2w\n  syncd snooze b4k7mq monday\n  syncd snooze b4k7mq friday 10:00\n  syncd snooze b4k7mq 2026-05-12 18:30",
	}, func(ctx context.Context, l *said, args []string) error {
		r, err := l.event(ctx, args[0])
		if err != nil {
			return err
		}
		if r.State == ledger.TakenOver {
			return fmt.Errorf("“%s” is your own now; move it in your calendar", title(r))
		}
		when, err := l.when(ctx)
		if err != nil {
			return err
		}
		start := r.Seen.Start
		for _, t := range []time.Time{r.Wrote.Start, r.Slot, r.Due} {
			if start.IsZero() {
				start = t
			}
		}
		to, err := parseWhen(strings.Join(args[1:], " "), l.now, start, l.cfg.Me.Zone)
		if err != nil {
			return err
		}
		if err := l.entry(ctx, r, ledger.DecideMove, to); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "Snoozed: %s It moves to %s with %s.\n", sentence(title(r)), to.In(l.cfg.Me.Zone).Format("Mon 2 Jan 2006 15:04"), when)
		return nil
	})
}

// parseWhen reads what a user types as a later time: see snooze. start is when
// the event is now.
func parseWhen(s string, now, start time.Time, zone *time.Location) (time.Time, error) {
	now, start = now.In(zone), start.In(zone)
	on := func(days int) time.Time {
		return time.Date(now.Year(), now.Month(), now.Day()+days, start.Hour(), start.Minute(), 0, 0, zone)
	}
	to, err := time.Time{}, error(nil)
	word := strings.ToLower(strings.Join(strings.Fields(s), " "))
	if i := strings.LastIndexByte(word, ' '); i > 0 {
		if clock, e := time.Parse("15:04", word[i+1:]); e == nil {
			start = time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), 0, 0, zone)
			word = word[:i]
		}
	}
	if days, ok := parseDays(word, now.Weekday()); ok {
		to = on(days)
	} else if d, e := time.ParseInLocation(time.DateOnly, word, zone); e == nil {
		to = time.Date(d.Year(), d.Month(), d.Day(), start.Hour(), start.Minute(), 0, 0, zone)
	} else if to, err = parseTime(strings.TrimSpace(s), zone); err != nil {
		return to, usageError{fmt.Errorf("%q is no time: write 2026-05-12, 2026-05-12 18:30, 3d, 2w, tomorrow, monday or friday 10:00", s)}
	}
	switch written := to.In(zone).Format("2 January 2006 15:04"); {
	case !to.After(now):
		return to, usageError{fmt.Errorf("%s is over; it has to be a time to come", written)}
	case to.After(now.AddDate(2, 0, 0)):
		return to, usageError{fmt.Errorf("%s is more than two years away, so probably a mistake", written)}
	}
	return to, nil
}

// parseDays reads how many days from now a word means.
func parseDays(word string, today time.Weekday) (days int, ok bool) {
	if word == "tomorrow" {
		return 1, true
	}
	for d := time.Sunday; d <= time.Saturday; d++ {
		if name := strings.ToLower(d.String()); word == name || word == name[:3] {
			return cmp.Or((int(d-today)+7)%7, 7), true
		}
	}
	for unit, n := range map[string]int{"d": 1, "w": 7} {
		if digits, found := strings.CutSuffix(word, unit); found {
			k, err := strconv.Atoi(digits)
			return k * n, err == nil && k > 0 && k < 10000
		}
	}
	return 0, false
}

// person finds whom a command is about. who is as a Decision names them.
func (s *said) person(ctx context.Context, name string) (d ledger.ContactDetail, who string, err error) {
	if d, err = s.ContactNamed(ctx, name); err != nil {
		return d, "", err
	}
	switch {
	case len(d.Addresses) > 0:
		who = d.Addresses[0]
	case len(d.Cards) > 0:
		who = d.Cards[0]
	default:
		who = ledger.Named(d.Name)
	}
	d.Name = cmp.Or(d.Name, who)
	return d, who, nil
}

// about is a decision about a person, and the contact after it.
func (s *said) about(ctx context.Context, name string, d ledger.Decision) (ledger.ContactDetail, error) {
	_, who, err := s.person(ctx, name)
	if err != nil {
		return ledger.ContactDetail{}, err
	}
	d.Who, d.At = who, s.now
	if err := s.Decide(ctx, []ledger.Decision{d}); err != nil {
		return ledger.ContactDetail{}, err
	}
	after, _, err := s.person(ctx, who)
	return after, err
}

func (a *app) muteCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "mute WHO",
		Short:   "leave somebody alone: nothing about them comes up again",
		Long:    aboutWho + "\nTheir events leave the calendar.",
		Args:    cobra.ExactArgs(1),
		Example: "  syncd mute ana@example.org",
	}, func(ctx context.Context, l *said, args []string) error {
		d, err := l.about(ctx, args[0], ledger.Decision{Type: ledger.DecideMuted})
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "%s will not come up again. syncd unmute %q takes it back.\n", d.Name, d.Name)
		return nil
	})
}

func (a *app) unmuteCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "unmute WHO",
		Short:   "take a mute back",
		Long:    "Takes a mute back. " + aboutWho,
		Args:    cobra.ExactArgs(1),
		Example: "  syncd unmute ana@example.org",
	}, func(ctx context.Context, l *said, args []string) error {
		d, err := l.about(ctx, args[0], ledger.Decision{Type: ledger.DecideUnmuted})
		if err != nil {
			return err
		}
		if d.Muted {
			fmt.Fprintf(a.stdout, "Noted, but the configuration mutes %s and has the last word: take mute = true out of their [[contact]].\n", d.Name)
			return nil
		}
		fmt.Fprintf(a.stdout, "%s may come up again.\n", d.Name)
		return nil
	})
}

// noCircle is what takes a circle back.
const noCircle = "none"

func (a *app) circleCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "circle WHO NAME",
		Short:   "put somebody into a circle",
		Long:    aboutWho + "\nNAME is a circle of the configuration, or none: then the address book or syncd\nitself chooses again.",
		Args:    cobra.ExactArgs(2),
		Example: "  syncd circle \"Ana Muster\" close\n  syncd circle \"Ana Muster\" none",
	}, func(ctx context.Context, l *said, args []string) error {
		circles, name := l.cfg.ByInterval(), strings.ToLower(args[1])
		i := slices.IndexFunc(circles, func(c string) bool { return strings.EqualFold(c, name) })
		switch {
		case i >= 0:
			name = circles[i]
		case name == noCircle:
			name = ""
		default:
			return usageError{fmt.Errorf("there is no circle %q; there are: %s, and none", args[1], strings.Join(circles, ", "))}
		}
		d, err := l.about(ctx, args[0], ledger.Decision{Type: ledger.DecideCircle, Text: name})
		switch {
		case err != nil:
			return err
		case name != "" && d.Circle != name:
			fmt.Fprintf(a.stdout, "Noted, but the configuration puts %s into %s and has the last word.\n", d.Name, d.Circle)
		case name != "":
			fmt.Fprintf(a.stdout, "%s is in the circle %s now. syncd circle %q none takes it back.\n", d.Name, name, d.Name)
		case d.Circle != "":
			fmt.Fprintf(a.stdout, "%s is in no circle by your word now; the configuration or a card says %s.\n", d.Name, d.Circle)
		default:
			fmt.Fprintf(a.stdout, "%s is in no circle by your word now.\n", d.Name)
		}
		return nil
	})
}

func (a *app) logCommand() *cobra.Command {
	var kind, at string
	c := a.saying(&cobra.Command{
		Use:   "log WHO TEXT",
		Short: "note something that happened where no server saw it",
		Long: aboutWho + "\nA name of two words or more that nobody has becomes a person without an address.\nIt counts as a word of yours to them, a meeting as one with them. Lines that begin\n" +
			"with wants:, offers:, challenge:, plan:, promise:, tip: or circle: are kept as such.",
		Args:    cobra.MinimumNArgs(2),
		Example: "  syncd log \"Susan Hall\" \"met in the waiting room\" --kind meeting\n  syncd log ana@example.org \"called about the flat\" --kind call --at \"2026-05-12 18:30\"",
	}, func(ctx context.Context, l *said, args []string) error {
		return a.logEntry(ctx, l, args[0], strings.Join(args[1:], " "), kind, at)
	})
	c.Flags().StringVar(&kind, "kind", string(ledger.KindNote), "what it was: note, call or meeting")
	c.Flags().StringVar(&at, "at", "", "when it was, if not now: `TIME` as 2026-05-12 18:30")
	return c
}

func (a *app) logEntry(ctx context.Context, l *said, name, text, kind, at string) error {
	d := ledger.Decision{Type: ledger.DecideLogged, At: l.now, To: l.now, Kind: ledger.Kind(kind), Text: strings.TrimSpace(text)}
	if !slices.Contains([]ledger.Kind{ledger.KindNote, ledger.KindCall, ledger.KindMeeting}, d.Kind) {
		return usageError{fmt.Errorf("--kind %q: it is note, call or meeting", kind)}
	}
	name = oneLine(name)
	if name == "" || d.Text == "" {
		return usageError{errors.New("neither WHO nor TEXT can be empty")}
	}
	if at != "" {
		t, err := parseTime(at, l.cfg.Me.Zone)
		if err != nil {
			return err
		}
		if t.After(l.now) {
			return usageError{fmt.Errorf("--at %s is still to come; log is for what happened", at)}
		}
		d.To = t
	}
	found, who, err := l.person(ctx, name)
	unknown := errors.Is(err, ledger.ErrNobody) || err == nil && isAnother(name, found)
	switch {
	case unknown && strings.Contains(name, "@"):
		return fmt.Errorf("nobody is known with the address %q yet; use a name, or write to them first", name)
	case unknown && !strings.Contains(name, " "):
		return fmt.Errorf("nobody is known as %q; write the full name of somebody new, or the address of somebody known", name)
	case unknown:
		found, who = ledger.ContactDetail{ContactRow: ledger.ContactRow{Name: name}}, ledger.Named(name)
	case err != nil:
		return err
	}
	d.Who = who
	if err := l.Decide(ctx, []ledger.Decision{d}); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "Noted: a %s with %s on %s.", d.Kind, found.Name, day(d.To, l.cfg.Me.Zone))
	if unknown {
		fmt.Fprint(a.stdout, " Nobody had that name: it is a new person without an address.")
	}
	fmt.Fprintln(a.stdout)
	return nil
}

// oneLine is a name without line breaks, control and direction characters.
func oneLine(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d', unicode.Is(unicode.Co, r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	return strings.Join(strings.Fields(name), " ")
}

// isAnother reports whether a full name only looks like that of the one found:
// Susan Hall is not Susan Hall Berg.
func isAnother(name string, found ledger.ContactDetail) bool {
	if !strings.Contains(name, " ") || ledger.SameName(found.Name, name) {
		return false
	}
	same := func(n string) bool { return strings.EqualFold(n, name) }
	return !slices.ContainsFunc(found.AddressBook, func(c ledger.CardRow) bool {
		return slices.ContainsFunc(c.Nicknames, same) || c.UID == name
	})
}

func (a *app) pauseCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "pause [UNTIL]",
		Short:   "write nothing to the calendar for a while",
		Long:    "UNTIL is a date, 3d, 2w, tomorrow or a day of the week, with a time or without; without\none until syncd resume. Mail and calendars are read all the same.",
		Example: "  syncd pause\n  syncd pause 2w\n  syncd pause 2026-05-12",
	}, func(ctx context.Context, l *said, args []string) error {
		var until time.Time
		if len(args) > 0 {
			now := l.now.In(l.cfg.Me.Zone)
			var err error
			morning := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, now.Location())
			if until, err = parseWhen(strings.Join(args, " "), l.now, morning, l.cfg.Me.Zone); err != nil {
				return err
			}
		}
		if err := l.Decide(ctx, []ledger.Decision{{Type: ledger.DecidePaused, At: l.now, To: until}}); err != nil {
			return err
		}
		if until.IsZero() {
			until = planner.Forever
		}
		fmt.Fprintln(a.stdout, pausedText(until, l.cfg.Me.Zone))
		return nil
	})
}

func (a *app) resumeCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:   "resume",
		Short: "go on after a pause",
		Args:  cobra.NoArgs,
	}, func(ctx context.Context, l *said, _ []string) error {
		until, err := l.Paused(ctx, l.now)
		if err != nil {
			return err
		}
		if until.IsZero() {
			fmt.Fprintln(a.stdout, "It was not paused; nothing was done.")
			return nil
		}
		if err := l.Decide(ctx, []ledger.Decision{{Type: ledger.DecideResumed, At: l.now}}); err != nil {
			return err
		}
		fmt.Fprintln(a.stdout, "Resumed: follow-ups are written again with the next look.")
		return nil
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
