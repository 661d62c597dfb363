package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/ledger"
)

// sourceJSON is a source as status --json prints it: the connection to one side
// of an account, whose name is empty, or what was read through it.
type sourceJSON struct {
	Account     string         `json:"account"`
	Type        string         `json:"type"`
	Name        string         `json:"name"` // as people see it
	ID          string         `json:"id"`   // as the server spells it
	Configured  bool           `json:"configured"`
	Listed      bool           `json:"listed"` // the server lists it
	LastSuccess *time.Time     `json:"last_success"`
	LagSeconds  *int           `json:"lag_seconds"`
	Error       string         `json:"error"`
	FailingFrom *time.Time     `json:"failing_since"`
	Notices     []string       `json:"notices"`
	Read        int            `json:"read"`
	Total       int            `json:"total"`
	Noise       map[string]int `json:"noise"`
	Skipped     []skipJSON     `json:"skipped"`
	Reached     *time.Time     `json:"reached"`
	Complete    bool           `json:"complete"`
	SentBy      string         `json:"sent_by"` // how it was found to hold sent mail; "" if it does not
}

type skipJSON struct {
	Where  string `json:"where"`
	Reason string `json:"reason"`
}

type statusJSON struct {
	FirstRun    *time.Time    `json:"first_run"`
	PausedUntil *time.Time    `json:"paused_until"` // year 9999: until resume
	Sources     []sourceJSON  `json:"sources"`
	Totals      ledger.Totals `json:"totals"`

	covered    bool // all is in that the first run waits for
	configured bool // there is a configuration that says what that is
}

func (a *app) statusCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "how each mailbox, calendar and address book is doing",
		Long:  "Says when each mailbox, calendar and address book was last read, what is wrong\nwith it, how far a first scan has come, and what could not be read.\nExits with 1 if a source is failing.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.status(cmd.Context())
		},
	})
}

func (a *app) status(ctx context.Context) error {
	l, err := a.reader(ctx)
	if err != nil {
		return err
	}
	defer a.close(l)
	cfg, zone := (*config.Config)(nil), config.SystemZone("/")
	if found, err := a.load(); err == nil { // without one everything counts
		cfg, zone = found, found.Me.Zone
	}
	s, failing, err := a.collect(ctx, l, cfg)
	if err != nil {
		return err
	}
	if a.json {
		err = printJSON(a.stdout, s)
	} else {
		a.printStatus(s, zone)
	}
	if err == nil && failing {
		return errNamed
	}
	return err
}

// collect asks the ledger how everything is.
func (a *app) collect(ctx context.Context, l *ledger.Ledger, cfg *config.Config) (s statusJSON, failing bool, err error) {
	s.Sources = []sourceJSON{}
	if s.Totals, err = l.Totals(ctx); err != nil {
		return s, false, err
	}
	first, err := l.FirstRun(ctx)
	if err != nil {
		return s, false, err
	}
	s.FirstRun = utc(first)
	until, err := l.Paused(ctx, a.now())
	if err != nil {
		return s, false, err
	}
	s.PausedUntil = utc(until)
	health, err := l.Health(ctx)
	s.configured = cfg != nil
	s.covered = s.configured && daemon.Covered(cfg, health, a.now())
	for _, h := range health {
		j := a.source(h, cfg == nil || daemon.Current(cfg, h.Source))
		failing = failing || j.Configured && h.Error != ""
		s.Sources = append(s.Sources, j)
	}
	return s, failing, err
}

func (a *app) source(h ledger.SourceHealth, configured bool) sourceJSON {
	j := sourceJSON{
		Account: h.Source.Account, Type: string(h.Source.Type), Name: cmp.Or(h.Title, h.Source.Name), ID: h.Source.Name,
		Configured: configured, Listed: h.Listed, LastSuccess: utc(h.OKAt), Error: h.Error, FailingFrom: utc(h.FailingSince),
		Notices: append([]string{}, h.Notices...), Read: h.Read, Total: h.Total, Noise: h.Noise, Skipped: []skipJSON{},
		Reached: utc(h.Reached), Complete: h.Complete, SentBy: string(h.SentBy),
	}
	for _, k := range h.Skipped {
		j.Skipped = append(j.Skipped, skipJSON(k))
	}
	if !h.OKAt.IsZero() {
		lag := int(a.now().Sub(h.OKAt).Seconds())
		j.LagSeconds = &lag
	}
	return j
}

func (a *app) printStatus(s statusJSON, zone *time.Location) {
	if s.PausedUntil != nil {
		fmt.Fprintln(a.stdout, pausedText(*s.PausedUntil, zone))
	}
	switch {
	case s.FirstRun == nil && s.covered:
		fmt.Fprintln(a.stdout, "The first scan is complete; the next pass writes to the calendar.")
	case s.FirstRun == nil:
		fmt.Fprintln(a.stdout, "The first scan is not complete: nothing is written to the calendar yet.")
	case !s.covered && s.configured:
		fmt.Fprintln(a.stdout, "Some of it is being read again: nothing is written to the calendar until that is in.")
	}
	for _, x := range s.Sources {
		switch {
		case x.ID == "":
			a.printConnection(x, zone)
		case x.Configured:
			a.printSource(x, zone)
		}
	}
	t := s.Totals
	fmt.Fprintf(a.stdout, "%s, %s, %s, %s in the calendar\n", count(t.Mail, "mail", "mails"), count(t.Meetings, "meeting", "meetings"),
		count(t.Contacts, "contact", "contacts"), count(t.Open, "follow-up", "follow-ups"))
}

// printSource is about one mailbox, calendar or address book.
func (a *app) printSource(x sourceJSON, zone *time.Location) {
	fmt.Fprintf(a.stdout, "  %s: %d read", x.Name, x.Read)
	ignored := x.Noise["ignored"] // by the configuration
	if n := sum(x.Noise) - ignored; n > 0 {
		fmt.Fprintf(a.stdout, ", %d from machines and lists", n)
	}
	if ignored > 0 {
		fmt.Fprintf(a.stdout, ", %d ignored", ignored)
	}
	switch {
	case !x.Listed:
		fmt.Fprint(a.stdout, ", not read any more")
	case !x.Complete && x.Reached != nil:
		fmt.Fprintf(a.stdout, ", back to %s so far", x.Reached.In(zone).Format("2 Jan 2006"))
	case !x.Complete:
		fmt.Fprint(a.stdout, ", not begun")
	}
	switch {
	case x.SentBy == string(ledger.SentByContent):
		fmt.Fprint(a.stdout, "; your sent mail, by its content")
	case x.SentBy != "":
		fmt.Fprint(a.stdout, "; your sent mail")
	}
	fmt.Fprintln(a.stdout)
	for _, k := range x.Skipped {
		fmt.Fprintf(a.stdout, "    could not read %s: %s\n", k.Where, k.Reason)
	}
}

// printConnection heads what belongs to one side of an account.
func (a *app) printConnection(x sourceJSON, zone *time.Location) {
	fmt.Fprintf(a.stdout, "%s, %s: ", x.Account, daemon.Side(ledger.SourceType(x.Type)))
	switch {
	case !x.Configured:
		fmt.Fprintln(a.stdout, "not in the configuration any more")
		return
	case x.Error != "":
		fmt.Fprintf(a.stdout, "failing since %s: %s\n", x.FailingFrom.In(zone).Format("2 Jan 15:04"), withoutAccount(x.Error, x.Account))
	case x.LastSuccess != nil:
		fmt.Fprintf(a.stdout, "read %s\n", x.LastSuccess.In(zone).Format("2 Jan 15:04"))
	default:
		fmt.Fprintln(a.stdout, "being read for the first time")
	}
	for _, n := range x.Notices {
		fmt.Fprintln(a.stdout, "  "+n)
	}
}

// withoutAccount takes the account from the front of an error that stands in a
// line which names it.
func withoutAccount(text, account string) string {
	return strings.TrimPrefix(text, fmt.Sprintf("account %q: ", account))
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}
