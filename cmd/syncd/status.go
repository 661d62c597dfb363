package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/ledger"
)

// sourceJSON is a source as status --json prints it.
type sourceJSON struct {
	Account     string         `json:"account"`
	Type        string         `json:"type"`
	Name        string         `json:"name"`
	LastSuccess *time.Time     `json:"last_success"`
	LagSeconds  *int           `json:"lag_seconds"`
	Error       string         `json:"error,omitempty"`
	FailingFrom *time.Time     `json:"failing_since,omitempty"`
	Read        int            `json:"read"`
	Total       int            `json:"total"`
	Noise       map[string]int `json:"noise,omitempty"`
	Skipped     []ledger.Skip  `json:"skipped,omitempty"`
	Reached     *time.Time     `json:"reached,omitempty"`
	Complete    bool           `json:"complete"`
}

type statusJSON struct {
	FirstRun *time.Time    `json:"first_run"`
	Sources  []sourceJSON  `json:"sources"`
	Totals   ledger.Totals `json:"totals"`
}

func (a *app) statusCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "status",
		Short: "how every source does, and what is open",
		Long:  "Says when each source was last read, what is wrong with it, how far a first scan\nhas come, and what could not be read. Exits with 1 if a source is failing.",
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
	s := statusJSON{Sources: []sourceJSON{}}
	if s.Totals, err = l.Totals(ctx); err != nil {
		return err
	}
	first, err := l.FirstRun(ctx)
	if err != nil {
		return err
	}
	s.FirstRun = utc(first)
	health, err := l.Health(ctx)
	if err != nil {
		return err
	}
	failing := false
	for _, h := range health {
		failing = failing || h.Error != ""
		s.Sources = append(s.Sources, a.source(h))
	}
	if a.json {
		err = printJSON(a.stdout, s)
	} else {
		a.printStatus(s)
	}
	if err == nil && failing {
		return errNamed
	}
	return err
}

func (a *app) source(h ledger.SourceHealth) sourceJSON {
	j := sourceJSON{
		Account: h.Source.Account, Type: string(h.Source.Type), Name: h.Source.Name, LastSuccess: utc(h.OKAt), Error: h.Error,
		FailingFrom: utc(h.FailingSince), Read: h.Read, Total: h.Total, Noise: h.Noise, Skipped: h.Skipped,
		Reached: utc(h.Reached), Complete: h.Complete,
	}
	if !h.OKAt.IsZero() {
		lag := int(a.now().Sub(h.OKAt).Seconds())
		j.LagSeconds = &lag
	}
	return j
}

func (a *app) printStatus(s statusJSON) {
	if s.FirstRun == nil {
		fmt.Fprintln(a.stdout, "The first scan is not complete: nothing is written to the calendar yet.")
	}
	for _, x := range s.Sources {
		if x.Name == "" {
			a.printConnection(x)
			continue
		}
		fmt.Fprintf(a.stdout, "  %s: %d read", x.Name, x.Read)
		if n := sum(x.Noise); n > 0 {
			fmt.Fprintf(a.stdout, ", %d from machines and lists", n)
		}
		if !x.Complete && x.Reached != nil {
			fmt.Fprintf(a.stdout, ", back to %s so far", x.Reached.Format("2 Jan 2006"))
		}
		fmt.Fprintln(a.stdout)
		for _, k := range x.Skipped {
			fmt.Fprintf(a.stdout, "    could not read %s: %s\n", k.Where, k.Reason)
		}
	}
	t := s.Totals
	fmt.Fprintf(a.stdout, "%s, %s, %s, %s in the calendar\n", count(t.Mail, "mail", "mails"), count(t.Meetings, "meeting", "meetings"),
		count(t.Contacts, "contact", "contacts"), count(t.Open, "follow-up", "follow-ups"))
}

// printConnection heads what belongs to one side of an account.
func (a *app) printConnection(x sourceJSON) {
	side := "mail"
	if x.Type == string(ledger.Calendar) {
		side = "calendars"
	}
	switch {
	case x.Error != "":
		fmt.Fprintf(a.stdout, "%s, %s: failing since %s: %s\n", x.Account, side, x.FailingFrom.Local().Format("2 Jan 15:04"), x.Error)
	case x.LastSuccess != nil:
		fmt.Fprintf(a.stdout, "%s, %s: read %s\n", x.Account, side, x.LastSuccess.Local().Format("2 Jan 15:04"))
	}
}

func sum(m map[string]int) int {
	n := 0
	for _, v := range m {
		n += v
	}
	return n
}
