package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/setup"
)

func (a *app) checkCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "check",
		Short: "try the configuration and every server",
		Long:  "Reads the configuration, logs in everywhere, and says which folders, calendars\nand address books are read, who you are, and where follow-ups go. Changes nothing.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.check(cmd.Context())
		},
	})
}

func (a *app) check(ctx context.Context) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	l, err := a.reader(ctx)
	switch {
	case errors.Is(err, ledger.ErrNone):
		l = nil
	case err != nil:
		return err
	default:
		defer a.close(l)
	}
	failed := false
	enc := json.NewEncoder(a.stdout)
	err = setup.Check(ctx, cfg, l, a.logger(slog.LevelError, config.LogText), func(f setup.Finding) {
		failed = failed || f.Failed
		if a.json {
			_ = enc.Encode(f) // stdout that is gone is nobody's to tell
			return
		}
		a.printFinding(f)
	})
	if err == nil && failed {
		return errNamed
	}
	return err
}

func (a *app) printFinding(f setup.Finding) {
	mark, w := "  ", a.stdout
	switch {
	case f.Failed:
		mark, w = "✗ ", a.stderr
	case f.Warn:
		mark = "! "
	}
	head := f.Topic
	if f.Account != "" {
		head = f.Account + ", " + f.Topic
	}
	lines := []string{withoutAccount(f.Text, f.Account)}
	if isTerminal(w) {
		lines = wrap(lines[0], 90)
	}
	for i, line := range lines {
		if i > 0 {
			mark, head = "  ", ""
		}
		fmt.Fprintf(w, "%s%-22s %s\n", mark, head, line)
	}
}
