// Command syncd watches mail and calendars and writes follow-ups into a
// calendar. See README.md.
//
// Exit codes: 0 fine; 1 something failed and is named on stderr; 2 a usage or
// configuration error.
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
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/config"
	"syncd/internal/ledger"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal kills
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr, time.Now))
}

// run is main with its surroundings as arguments.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, now func() time.Time) int {
	a := &app{stdout: stdout, stderr: stderr, now: now}
	root := a.root() //nolint:contextcheck // cobra hands every command its context
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var usage usageError
	switch {
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "syncd: %v\n", err)
		return 2
	case errors.Is(err, errNamed):
		return 1
	case isConfigError(err):
		for line := range strings.Lines(err.Error()) {
			fmt.Fprintf(stderr, "syncd: %s\n", strings.TrimSuffix(line, "\n"))
		}
		return 2
	}
	fmt.Fprintf(stderr, "syncd: %v\n", err)
	return 1
}

// app is what all commands share.
type app struct {
	stdout, stderr io.Writer
	now            func() time.Time

	configPath, stateDir string
	json                 bool
	drawn                bool // a line of progress is on the terminal
}

// usageError is an error of how the command was called.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// errNamed says that what failed was already told on stderr.
var errNamed = errors.New("already reported")

const about = `syncd reads your mail, calendars and address books and writes follow-ups into a
calendar.

It keeps a ledger of every interaction on this machine, works out who is owed a
word and why, and puts that into a calendar you already look at. Move an event
to be reminded later, delete it to be left alone, put "done" into its title when
it is done.`

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "syncd",
		Short:         "follow-ups from your own mail and calendars",
		Long:          about,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
		Example: "  syncd check      try the configuration\n  syncd sync       one pass, then exit\n  syncd run        the daemon, in the foreground",
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())}
	})
	root.PersistentFlags().StringVar(&a.configPath, "config", "", "configuration `file` (default: $XDG_CONFIG_HOME/syncd/config.toml, then /etc/syncd/config.toml)")
	root.PersistentFlags().StringVar(&a.stateDir, "state", "", "state `directory` (default: $STATE_DIRECTORY, then $XDG_STATE_HOME/syncd)")
	root.AddCommand(
		a.runCommand(), a.syncCommand(), a.planCommand(), a.checkCommand(), a.statusCommand(),
		a.contactsCommand(), a.contactCommand(), a.whyCommand(), a.exportCommand(), a.reportCommand(),
		a.doneCommand(), a.snoozeCommand(), a.dismissCommand(), a.muteCommand(), a.unmuteCommand(), a.circleCommand(),
		a.logCommand(), a.pauseCommand(), a.resumeCommand(), a.purgeCommand(),
		a.demoCommand(), a.configCommand(), a.versionCommand(),
	)
	root.SetUsageTemplate(examplesLast(root.UsageTemplate()))
	root.InitDefaultCompletionCmd()
	a.completeArgs(root)
	wrapArgs(root)
	return root
}

// examplesLast moves the examples of cobra's usage text to its end.
func examplesLast(template string) string {
	const begin = "{{if .HasExample}}"
	before, rest, found := strings.Cut(template, begin)
	examples, after, ended := strings.Cut(rest, "{{end}}")
	if !found || !ended {
		return template
	}
	return strings.TrimRight(before+after, "\n") + begin + examples + "{{end}}\n"
}

// wrapArgs makes wrong arguments of a command or one below it a usage error.
func wrapArgs(c *cobra.Command) {
	for _, below := range c.Commands() {
		wrapArgs(below)
	}
	check := c.Args
	if check == nil {
		return
	}
	c.Args = func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return usageError{fmt.Errorf("%w; see %s --help", argsError(cmd, args, err), cmd.CommandPath())}
		}
		return nil
	}
}

// argsError says which argument is missing or too many where cobra counts them.
func argsError(cmd *cobra.Command, args []string, err error) error {
	counted := strings.HasPrefix(err.Error(), "accepts ") || strings.HasPrefix(err.Error(), "requires at least ")
	names := strings.Fields(cmd.Use)[1:]
	switch {
	case counted && len(args) < len(names):
		return fmt.Errorf("%s is missing", names[len(args)])
	case counted && len(args) > len(names):
		return fmt.Errorf("%q is one argument too many; a name with spaces needs quotes", args[len(names)])
	}
	return err
}

// jsonFlag adds --json.
func (a *app) jsonFlag(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&a.json, "json", false, "print JSON with stable keys, times in UTC")
	return c
}

// load reads the configuration the user means.
func (a *app) load() (*config.Config, error) {
	path := a.configPath
	if path == "" {
		var err error
		if path, err = config.Find(); err != nil {
			return nil, usageError{err}
		}
	}
	c, err := config.Load(path)
	if err != nil && !isConfigError(err) { // there is no such file, or it cannot be read
		return nil, usageError{err}
	}
	return c, err
}

// state is the state directory the user means.
func (a *app) state() (string, error) {
	if a.stateDir != "" {
		return a.stateDir, nil
	}
	return config.StateDir()
}

// reader opens the ledger beside a running daemon.
func (a *app) reader(ctx context.Context) (*ledger.Ledger, error) {
	dir, err := a.state()
	if err != nil {
		return nil, err
	}
	l, err := ledger.OpenReader(ctx, dir)
	if errors.Is(err, ledger.ErrNone) {
		return nil, fmt.Errorf("%w (with --dry-run it only reads)", err)
	}
	return l, err
}

// close closes what was only read from; what can go wrong is told.
func (a *app) close(c io.Closer) {
	if err := c.Close(); err != nil {
		fmt.Fprintf(a.stderr, "syncd: close: %v\n", err)
	}
}

// logger writes the log to stderr as the configuration says.
func (a *app) logger(level slog.Level, format config.LogFormat) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if format == config.LogJSON {
		return slog.New(slog.NewJSONHandler(a.stderr, opts))
	}
	return slog.New(slog.NewTextHandler(a.stderr, opts))
}

// parseTime reads what a user types as a time: RFC 3339, or a local date and
// time in zone.
func parseTime(s string, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, s, zone); err == nil {
			return t, nil
		}
	}
	return time.Time{}, usageError{fmt.Errorf("%q is no time: write it as 2026-05-12 18:30 or 2026-05-12T18:30:00Z", s)}
}
