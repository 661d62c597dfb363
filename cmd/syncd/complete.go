package main

import (
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"syncd/internal/ledger"
)

// completeArgs has shells offer what can stand for the first argument of each
// command, by its name there.
func (a *app) completeArgs(root *cobra.Command) {
	for _, c := range root.Commands() {
		switch words := strings.Fields(c.Use); {
		case slices.Contains(words, "CODE"):
			c.ValidArgsFunction = a.codes()
		case slices.Contains(words, "WHO"):
			c.ValidArgsFunction = a.names()
		}
	}
}

// completing is what a shell offers for the first argument of a command, as far as
// the ledger tells; nothing where it does not, and no word about why.
func (a *app) completing(offer func(ctx context.Context, l *ledger.Ledger) []cobra.Completion) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const only = cobra.ShellCompDirectiveNoFileComp
		if len(args) > 0 {
			return nil, only
		}
		l, err := a.reader(cmd.Context())
		if err != nil {
			return nil, only
		}
		defer l.Close() //nolint:errcheck // it was only read from
		other := func(c cobra.Completion) bool { return !strings.HasPrefix(strings.ToLower(c), strings.ToLower(typed)) }
		return slices.DeleteFunc(offer(cmd.Context(), l), other), only
	}
}

// codes are those of the open follow-ups, each with the title of its event.
func (a *app) codes() cobra.CompletionFunc {
	return a.completing(func(ctx context.Context, l *ledger.Ledger) (out []cobra.Completion) {
		for r, err := range l.FollowUps(ctx) {
			if err == nil && r.Open() {
				out = append(out, cobra.CompletionWithDesc(r.Key.Code(), oneLine(title(r))))
			}
		}
		return out
	})
}

// names are those of the contacts, and their addresses.
func (a *app) names() cobra.CompletionFunc {
	return a.completing(func(ctx context.Context, l *ledger.Ledger) (out []cobra.Completion) {
		for c, err := range l.Contacts(ctx, false) {
			if err != nil {
				return nil
			}
			name := oneLine(c.Name)
			if name != "" {
				out = append(out, cobra.CompletionWithDesc(name, strings.Join(c.Addresses, ", ")))
			}
			for _, address := range c.Addresses {
				out = append(out, cobra.CompletionWithDesc(address, name))
			}
		}
		return out
	})
}
