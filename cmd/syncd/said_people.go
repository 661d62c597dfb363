package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/ledger"
)

// aboutWho explains WHO in help texts.
const aboutWho = "WHO is an address, a name or whole words of one, a nickname, or the UID of a card."

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
func (s *said) about(ctx context.Context, name string, d ledger.Decision) (after ledger.ContactDetail, err error) {
	if _, d.Who, err = s.person(ctx, name); err != nil {
		return after, err
	}
	if err := s.say(ctx, d); err != nil {
		return after, err
	}
	after, _, err = s.person(ctx, d.Who)
	return after, err
}

func (a *app) muteCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "mute WHO",
		Short:   "leave somebody alone: nothing about them comes up again",
		Long:    aboutWho + "\nTheir events leave the calendar.",
		Args:    cobra.ExactArgs(1),
		Example: "  syncd mute ana@example.org",
	}, func(ctx context.Context, l *said, args []string) (string, error) {
		d, err := l.about(ctx, args[0], ledger.Decision{Type: ledger.DecideMuted})
		return fmt.Sprintf("%s will not come up again. syncd unmute %q takes it back.", d.Name, d.Name), err
	})
}

func (a *app) unmuteCommand() *cobra.Command {
	return a.saying(&cobra.Command{
		Use:     "unmute WHO",
		Short:   "take a mute back",
		Long:    "Takes a mute back. " + aboutWho,
		Args:    cobra.ExactArgs(1),
		Example: "  syncd unmute ana@example.org",
	}, func(ctx context.Context, l *said, args []string) (string, error) {
		d, err := l.about(ctx, args[0], ledger.Decision{Type: ledger.DecideUnmuted})
		if d.Muted {
			return fmt.Sprintf("Noted, but the configuration mutes %s and has the last word: take mute = true out of their [[contact]].", d.Name), err
		}
		return d.Name + " may come up again.", err
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
	}, func(ctx context.Context, l *said, args []string) (string, error) {
		name, err := l.circle(args[1])
		if err != nil {
			return "", err
		}
		d, err := l.about(ctx, args[0], ledger.Decision{Type: ledger.DecideCircle, Text: name})
		return circled(d, name), err
	})
}

// circle is the configured circle that the user typed, "" for none.
func (s *said) circle(typed string) (string, error) {
	circles := s.cfg.ByInterval()
	i := slices.IndexFunc(circles, func(c string) bool { return strings.EqualFold(c, typed) })
	switch {
	case i >= 0:
		return circles[i], nil
	case strings.EqualFold(typed, noCircle):
		return "", nil
	}
	return "", usageError{fmt.Errorf("there is no circle %q; there are: %s, and none", typed, strings.Join(circles, ", "))}
}

// circled says where a contact is after the user put them into a circle.
func circled(d ledger.ContactDetail, name string) string {
	switch {
	case name != "" && d.Circle != name:
		return fmt.Sprintf("Noted, but the configuration puts %s into %s and has the last word.", d.Name, d.Circle)
	case name != "":
		return fmt.Sprintf("%s is in the circle %s now. syncd circle %q none takes it back.", d.Name, name, d.Name)
	case d.Circle != "":
		return fmt.Sprintf("%s is in no circle by your word now; the configuration or a card says %s.", d.Name, d.Circle)
	}
	return d.Name + " is in no circle by your word now."
}
