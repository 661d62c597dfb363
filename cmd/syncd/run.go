package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/ledger"
)

func (a *app) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run",
		Short: "the daemon, in the foreground",
		Long:  "Reads mail, calendars and address books as they change and keeps the follow-up\ncalendar in order, until it is stopped. SIGHUP reads the configuration anew.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			cfg, err := a.load()
			if err != nil {
				return err
			}
			d, err := a.open(ctx, cfg, daemon.Options{Log: a.logger(cfg.Log.Level.Level(), cfg.Log.Format)})
			if err != nil {
				return err
			}
			reload := make(chan struct{}, 1)
			stop := onHangup(reload)
			defer stop()
			return errors.Join(d.Run(ctx, reload, a.load), d.Close())
		},
	}
}

// onHangup sends on reload at each SIGHUP, until stop is called.
func onHangup(reload chan<- struct{}) (stop func()) {
	hangup := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(hangup, syscall.SIGHUP)
	go func() {
		for {
			select {
			case <-done:
				return
			case <-hangup:
			}
			select {
			case reload <- struct{}{}:
			default:
			}
		}
	}()
	return func() { signal.Stop(hangup); close(done) }
}

// open opens the daemon on the user's ledger.
func (a *app) open(ctx context.Context, cfg *config.Config, o daemon.Options) (*daemon.Daemon, error) {
	var err error
	if o.StateDir, err = a.state(); err != nil {
		return nil, err
	}
	o.Config = cfg
	d, err := daemon.Open(ctx, o)
	if errors.Is(err, ledger.ErrLocked) {
		return nil, inUse{err}
	}
	return d, err
}

// inUse says that another process has the ledger, in the words of a user.
type inUse struct{ error }

func (e inUse) Unwrap() error { return e.error }

func (e inUse) Error() string {
	return fmt.Sprintf("another syncd is at work on this ledger%s; wait for its end, or stop it if it is syncd run", holder(e.error))
}

// holder names the process that has the ledger, as far as the error does.
func holder(err error) string {
	if _, process, ok := strings.Cut(err.Error(), ledger.ErrLocked.Error()+" by "); ok {
		return " (" + process + ")"
	}
	return ""
}

func (a *app) syncCommand() *cobra.Command {
	var at string
	var dry bool
	c := &cobra.Command{
		Use:   "sync",
		Short: "one pass over all sources and the calendar, then exit",
		Long:  "Reads what is new in every mailbox, calendar and address book, plans, and brings\nthe follow-up calendar up to date. With --dry-run it only reads: syncd plan shows\nthen what the next pass would write.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.sync(cmd.Context(), at, dry)
		},
		Example: "  syncd sync --dry-run\n  syncd sync",
	}
	c.Flags().BoolVar(&dry, "dry-run", false, "read everything, and leave the follow-up calendar alone")
	c.Flags().StringVar(&at, "at", "", "pretend it is `TIME`, for trials; only if every server is on this machine")
	return c
}

func (a *app) sync(ctx context.Context, at string, dry bool) error {
	cfg, err := a.load()
	if err != nil {
		return err
	}
	// What matters is on stdout, and what failed on stderr.
	o := daemon.Options{Progress: a.progress(), Log: a.logger(slog.LevelError, cfg.Log.Format)}
	if at != "" {
		t, err := parseTime(at, cfg.Me.Zone)
		if err != nil {
			return err
		}
		if !cfg.OnlyLoopback() {
			return usageError{errors.New("--at is for trials: it needs every host of the configuration to be on this machine")}
		}
		o.Now = func() time.Time { return t }
	}
	d, err := a.open(ctx, cfg, o)
	if errors.Is(err, ledger.ErrLocked) && at == "" && !dry {
		return a.syncBeside(ctx, cfg)
	}
	if err != nil {
		return err
	}
	pass, summary := d.Pass, func() error { return a.summary(ctx, d.Ledger(), cfg) }
	if dry {
		pass, summary = d.Read, func() error { return a.drySummary(ctx, d, cfg) }
	}
	err = pass(ctx)
	a.endProgress()
	if ctx.Err() != nil {
		return errors.Join(errStopped, d.Close())
	}
	if err := errors.Join(err, summary(), d.Close()); err != nil {
		return a.named(err)
	}
	return nil
}

// named prints joined errors a line each.
func (a *app) named(err error) error {
	for _, e := range daemon.Flatten(err) {
		fmt.Fprintf(a.stderr, "syncd: %v\n", e)
	}
	return errNamed
}

// summary says in a line what the ledger holds after a pass.
func (a *app) summary(ctx context.Context, l *ledger.Ledger, cfg *config.Config) error {
	t, err := l.Totals(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "%s; %s in the calendar %q.\n", known(t), count(t.Open, "follow-up", "follow-ups"), cfg.Followups.Calendar)
	health, err := l.Health(ctx)
	if err != nil {
		return err
	}
	for _, h := range health {
		for _, n := range h.Notices {
			fmt.Fprintln(a.stdout, n)
		}
	}
	until, err := l.Paused(ctx, a.now())
	if text := pausedText(until, cfg.Me.Zone); text != "" {
		fmt.Fprintln(a.stdout, text)
	}
	return err
}

// drySummary says what a pass would do now.
func (a *app) drySummary(ctx context.Context, d *daemon.Daemon, cfg *config.Config) error {
	t, err := d.Ledger().Totals(ctx)
	if err != nil {
		return err
	}
	result, err := d.Plan(ctx)
	if err != nil {
		return err
	}
	would, see := "nothing", "what waits"
	if n := len(view(result, nil, a.now(), false).write); n > 0 {
		would, see = count(n, "follow-up", "follow-ups"), "it"
	}
	fmt.Fprintf(a.stdout, "%s; nothing was written to the calendar %q.\n", known(t), cfg.Followups.Calendar)
	fmt.Fprintf(a.stdout, "A pass would write %s now; run syncd plan to see %s.\n", would, see)
	if result.Silent != "" {
		fmt.Fprintf(a.stdout, "Nothing is written yet: %s.\n", result.Silent)
	}
	return nil
}

// known is what the ledger holds.
func known(t ledger.Totals) string {
	return fmt.Sprintf("%s, %s, %s", count(t.Mail, "mail", "mails"), count(t.Meetings, "meeting", "meetings"), count(t.Contacts, "contact", "contacts"))
}

// progress draws one line on a terminal, and nothing elsewhere.
func (a *app) progress() func(daemon.Progress) {
	if !isTerminal(a.stderr) {
		return nil
	}
	var mu sync.Mutex
	return func(p daemon.Progress) {
		mu.Lock()
		defer mu.Unlock()
		of := ""
		if p.Total > 0 {
			of = fmt.Sprintf(" of %d", p.Total)
		}
		a.drawn = true
		fmt.Fprintf(a.stderr, "\r\x1b[K%s: %s, %d%s", p.Account, p.Name, p.Done, of)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// endProgress clears the line of progress.
func (a *app) endProgress() {
	if a.drawn {
		fmt.Fprint(a.stderr, "\r\x1b[K")
	}
}
