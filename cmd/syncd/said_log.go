package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

func (a *app) logCommand() *cobra.Command {
	var kind, at string
	c := a.saying(&cobra.Command{
		Use:   "log WHO TEXT",
		Short: "note something that happened where no server saw it",
		Long: aboutWho + "\nA name of two words or more that nobody has becomes a person without an address.\nIt counts as a word of yours to them, a meeting as one with them. Lines that begin\n" +
			"with wants:, offers:, challenge:, plan:, promise:, tip: or circle: are kept as such;\nwhere there are no others, and neither --kind nor --at, they are no word to them.",
		Args:    cobra.MinimumNArgs(2),
		Example: "  syncd log \"Susan Hall\" \"met in the waiting room\" --kind meeting\n  syncd log ana@example.org \"called about the flat\" --kind call --at \"2026-05-12 18:30\"\n  syncd log ana@example.org \"wants: a flat in Lisbon\"",
	}, func(ctx context.Context, l *said, args []string) (string, error) {
		d, err := l.report(strings.Join(args[1:], " "), kind, at)
		if err != nil {
			return "", err
		}
		return l.log(ctx, oneLine(args[0]), d)
	})
	c.Flags().StringVar(&kind, "kind", "", "what it was: note, call or meeting (default note)")
	c.Flags().StringVar(&at, "at", "", "when it was, if not now: `TIME` as 2026-05-12 18:30")
	return c
}

// report is what the user says that happened. Facts alone say that nothing did.
func (s *said) report(text, kind, at string) (ledger.Decision, error) {
	d := ledger.Decision{Type: ledger.DecideLogged, To: s.now, Kind: ledger.Kind(kind), Text: strings.TrimSpace(text)}
	if kind == "" && at == "" && onlyFacts(d.Text) {
		return d, nil
	}
	d.Kind = cmp.Or(d.Kind, ledger.KindNote)
	if !slices.Contains([]ledger.Kind{ledger.KindNote, ledger.KindCall, ledger.KindMeeting}, d.Kind) {
		return d, usageError{fmt.Errorf("--kind %q: it is note, call or meeting", kind)}
	}
	if d.Text == "" {
		return d, errNothing
	}
	if at == "" {
		return d, nil
	}
	var err error
	if d.To, err = parseTime(at, s.cfg.Me.Zone); err == nil && d.To.After(s.now) {
		err = usageError{fmt.Errorf("--at %s is still to come; log is for what happened", at)}
	}
	return d, err
}

// onlyFacts reports whether every line of a text begins with the word of a fact.
func onlyFacts(text string) bool {
	facts := planner.Facts(text, planner.Evidence{})
	return len(facts) > 0 && !slices.ContainsFunc(facts, func(f planner.Fact) bool { return f.Kind == "" })
}

// errNothing says that an argument of log is empty.
var errNothing = usageError{errors.New("neither WHO nor TEXT can be empty")}

// log notes a report about somebody, whom it makes known if nobody has the name.
func (s *said) log(ctx context.Context, name string, d ledger.Decision) (string, error) {
	if name == "" {
		return "", errNothing
	}
	found, who, err := s.person(ctx, name)
	unknown := errors.Is(err, ledger.ErrNobody) || err == nil && isAnother(name, found)
	switch {
	case unknown && strings.Contains(name, "@"):
		return "", fmt.Errorf("nobody is known with the address %q yet; use a name, or write to them first", name)
	case unknown && !strings.Contains(name, " "):
		return "", fmt.Errorf("nobody is known as %q; write the full name of somebody new, or the address of somebody known", name)
	case unknown:
		found.Name, who = name, ledger.Named(name)
		d.Kind = cmp.Or(d.Kind, ledger.KindNote) // it is all that tells of them
	case err != nil:
		return "", err
	}
	d.Who = who
	if d.Kind == "" {
		return fmt.Sprintf("Noted about %s. It does not count as a word to them.", found.Name), s.say(ctx, d)
	}
	text := fmt.Sprintf("Noted: a %s with %s on %s.", d.Kind, found.Name, day(d.To, s.cfg.Me.Zone))
	if unknown {
		text += " Nobody had that name: it is a new person without an address."
	}
	return text, s.say(ctx, d)
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
