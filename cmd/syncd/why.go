package main

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

func (a *app) whyCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "why CODE",
		Short:   "what a follow-up rests on",
		Long:    "CODE is the six characters at the end of an event's description, or in a plan.",
		Args:    cobra.ExactArgs(1),
		Example: "  syncd why b4k7mq",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.why(cmd.Context(), args[0])
		},
	})
}

func (a *app) why(ctx context.Context, code string) error {
	p, err := a.people(ctx)
	if err != nil {
		return err
	}
	defer a.close(p)
	code = strings.ToLower(strings.TrimSpace(code))
	f, held, ended, ok := find(p.result, code)
	if ok && !ended {
		return a.printChain(ctx, p, f, held)
	}
	placed, err := p.FindFollowUps(ctx, code)
	switch {
	case err != nil:
		return err
	case len(placed) > 0:
		return a.printPlaced(p, placed)
	case ok:
		return a.printChain(ctx, p, f, held)
	}
	return fmt.Errorf("there is no follow-up %q; syncd plan --all lists them", code)
}

// find looks a code up in the plan. ended says that it is over.
func find(r planner.Result, code string) (f planner.FollowUp, held string, ended, ok bool) {
	for _, f := range r.FollowUps {
		if f.Key.Code() == code {
			return f, "", false, true
		}
	}
	for _, h := range r.Held {
		if h.Key.Code() == code {
			f := h.FollowUp
			f.Status = planner.StatusHeld
			return f, h.HeldBecause, h.End != nil, true
		}
	}
	return planner.FollowUp{}, "", false, false
}

func (a *app) printChain(ctx context.Context, p *people, f planner.FollowUp, held string) error {
	if a.json {
		placed, err := placedByKey(ctx, p.Ledger)
		if err != nil {
			return err
		}
		return printJSON(a.stdout, followUpsJSON{FollowUps: []followUpJSON{toJSON(f, held, placed)}})
	}
	zone := p.cfg.Me.Zone
	fmt.Fprintf(a.stdout, "%s\n  rule      %s\n  status    %s\n", f.Title, f.Rule, f.Status)
	if held != "" {
		fmt.Fprintf(a.stdout, "  held      %s\n", held)
	}
	fmt.Fprintf(a.stdout, "  due       %s\n", f.Due.In(zone).Format("Mon 2 Jan 2006 15:04"))
	if !f.Slot.IsZero() {
		fmt.Fprintf(a.stdout, "  slot      %s\n", f.Slot.In(zone).Format("Mon 2 Jan 2006 15:04"))
	}
	for _, r := range f.Because {
		fmt.Fprintf(a.stdout, "  why       %s\n", r)
	}
	a.printEvidence(f.Evidence, p)
	if f.Contact != "" { // what is about several people is not about one of them
		a.printOthers(p, f)
	}
	return nil
}

// printOthers says what every other rule makes of the same contact.
func (a *app) printOthers(p *people, f planner.FollowUp) {
	fmt.Fprintln(a.stdout, "  other rules")
	for rule, fires := range planner.Fires() {
		if rule == f.Rule {
			continue
		}
		said := []string{"did not fire: it does when " + fires}
		if found := p.sayings(f.Contact, rule); found != nil {
			said = found
		}
		for _, s := range said {
			fmt.Fprintf(a.stdout, "    %-14s  %s\n", rule, s)
		}
	}
}

// sayings are the follow-ups of a rule about a contact, each with where it
// stands.
func (p *people) sayings(who planner.ContactID, rule planner.Rule) []string {
	var all []string
	for _, f := range p.result.FollowUps {
		if f.Contact == who && f.Rule == rule {
			all = append(all, fmt.Sprintf("%s [%s]: %s, due %s", f.Title, f.Key.Code(), f.Status, day(f.Due, p.cfg.Me.Zone)))
		}
	}
	for _, h := range p.result.Held {
		if h.Contact == who && h.Rule == rule && h.End == nil {
			all = append(all, fmt.Sprintf("%s [%s]: held back, %s", h.Title, h.Key.Code(), h.HeldBecause))
		}
	}
	return all
}

func (a *app) printEvidence(all []planner.Evidence, p *people) {
	for _, e := range all {
		fmt.Fprintf(a.stdout, "  evidence  %s\n            %s\n", a.evidenceText(e, p.cfg.Me.Zone), e.ID)
	}
}

// evidenceText says what a piece of evidence is, as far as is known.
func (a *app) evidenceText(e planner.Evidence, zone *time.Location) string {
	text := strings.TrimSpace(string(e.Type) + " " + e.Account)
	if !e.At.IsZero() {
		text += " of " + e.At.In(zone).Format("2 Jan 2006 15:04")
	}
	if e.Subject != "" {
		text += ": " + e.Subject
	}
	if e.Named {
		text += " (in your calendar, and names them)"
	}
	return cmp.Or(text, "not known any more")
}

func (a *app) printPlaced(p *people, placed []ledger.FollowUpRow) error {
	if a.json {
		out := followUpsJSON{FollowUps: []followUpJSON{}}
		for _, x := range placed {
			out.FollowUps = append(out.FollowUps, rowJSON(x))
		}
		return printJSON(a.stdout, out)
	}
	zone := p.cfg.Me.Zone
	for _, x := range placed {
		fmt.Fprintf(a.stdout, "%s\n  rule      %s\n", x.Title(), x.Key.Rule)
		if x.Contact != "" {
			fmt.Fprintf(a.stdout, "  contact   %s (%s)\n", x.Name, x.Contact)
		}
		fmt.Fprintf(a.stdout, "  written   %s, for %s\n", x.CreatedAt.In(zone).Format("2 Jan 2006 15:04"), x.Slot.In(zone).Format("2 Jan 2006 15:04"))
		for _, r := range x.Because {
			fmt.Fprintf(a.stdout, "  why       %s\n", r)
		}
		a.printEvidence(restsOn(x.Placement), p)
		a.printEnd(x, zone)
	}
	return nil
}

func (a *app) printEnd(x ledger.FollowUpRow, zone *time.Location) {
	if x.Open() {
		return
	}
	fmt.Fprintf(a.stdout, "  ended     %s: %s (%s)\n", x.EndedAt.In(zone).Format("2 Jan 2006 15:04"), cmp.Or(x.EndWhy, "the reason is not known any more"), x.Outcome)
	if !x.EndedBy.IsZero() {
		fmt.Fprintf(a.stdout, "  by        %s\n            %s\n", a.evidenceText(x.EndedBy, zone), x.EndedBy.ID)
	}
}
