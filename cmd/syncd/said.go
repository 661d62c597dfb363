package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/config"
	"syncd/internal/ledger"
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

// saying is a command that writes what the user said, and tells them what comes
// of it.
func (a *app) saying(c *cobra.Command, do func(ctx context.Context, l *said, args []string) (text string, err error)) *cobra.Command {
	c.RunE = func(cmd *cobra.Command, args []string) error {
		l, err := a.beside(cmd.Context())
		if err != nil {
			return err
		}
		defer a.close(l)
		text, err := do(cmd.Context(), l, args)
		if err != nil {
			return err
		}
		fmt.Fprintln(a.stdout, text)
		return nil
	}
	return c
}

// say writes what the user says now.
func (s *said) say(ctx context.Context, d ledger.Decision) error {
	d.At = s.now
	return s.Decide(ctx, []ledger.Decision{d})
}
