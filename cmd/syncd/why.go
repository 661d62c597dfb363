package main

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/config"
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
	placed, err := p.FindFollowUps(ctx, code)
	switch {
	case err != nil:
		return err
	case ok && (!ended || len(placed) == 0):
		return a.printChain(ctx, p, f, held, placed)
	case len(placed) > 0:
		return a.printPlaced(ctx, p, placed)
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

// printChain says what a follow-up of the plan rests on; placed are its events so
// far.
func (a *app) printChain(ctx context.Context, p *people, f planner.FollowUp, held string, placed []ledger.FollowUpRow) error {
	if a.json {
		byKey, err := placedByKey(ctx, p.Ledger)
		if err != nil {
			return err
		}
		w, err := a.whyJSON(ctx, p, toJSON(f, held, byKey), f.Contact)
		if err != nil {
			return err
		}
		return printJSON(a.stdout, whysJSON{FollowUps: []whyJSON{w}})
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
	if err := a.printHistory(ctx, p, placed); err != nil {
		return err
	}
	a.printOthers(p, f.Contact, f.Rule)
	return nil
}

// printHistory says what the user did with the event of a follow-up, and how it
// ended: what is held back may have been in the calendar before.
func (a *app) printHistory(ctx context.Context, p *people, placed []ledger.FollowUpRow) error {
	if len(placed) == 0 {
		return nil
	}
	last := placed[len(placed)-1]
	if err := a.printDecisions(ctx, p, last.UID); err != nil {
		return err
	}
	a.printEnd(last, p.cfg.Me.Zone)
	return nil
}

// whysJSON is what why --json prints.
type whysJSON struct {
	FollowUps []whyJSON `json:"followups"`
}

// whyJSON is a follow-up with what the user did with its entry, oldest first, and
// what every other rule makes of the same contact. The keys are stable.
type whyJSON struct {
	followUpJSON
	Decisions  []decisionJSON `json:"decisions"`
	OtherRules []ruleJSON     `json:"other_rules"`
	Texts      string         `json:"texts"` // which rules did not run since no text is read, "" if it is
}

type decisionJSON struct {
	At      *time.Time          `json:"at"`
	Type    ledger.DecisionType `json:"type"`
	To      *time.Time          `json:"to"`      // snoozed, move: the new start
	Text    string              `json:"text"`    // edited: the new title; noted: the lines
	Command bool                `json:"command"` // said with a command, not in the calendar
}

type ruleJSON struct {
	Rule planner.Rule `json:"rule"`
	Said string       `json:"said"`
}

func (a *app) whyJSON(ctx context.Context, p *people, f followUpJSON, who planner.ContactID) (whyJSON, error) {
	w := whyJSON{followUpJSON: f, Decisions: []decisionJSON{}, OtherRules: a.others(p, who, f.Rule), Texts: unreadTexts(p.cfg)}
	if f.UID == "" { // written nowhere
		return w, nil
	}
	said, err := p.Decisions(ctx, f.UID)
	for _, d := range said {
		w.Decisions = append(w.Decisions, decisionJSON{At: utc(d.At), Type: d.Type, To: utc(d.To), Text: d.Text, Command: d.Kind == ledger.ByCommand})
	}
	return w, err
}

// printOthers says what every other rule makes of the same contact.
func (a *app) printOthers(p *people, who planner.ContactID, own planner.Rule) {
	for i, r := range a.others(p, who, own) {
		if i == 0 {
			fmt.Fprintln(a.stdout, "  other rules")
		}
		fmt.Fprintf(a.stdout, "    %-14s  %s\n", r.Rule, r.Said)
	}
	if text := unreadTexts(p.cfg); text != "" {
		fmt.Fprintf(a.stdout, "  texts     %s\n", text)
	}
}

// unreadTexts says which rules did not run because no text of a mail is read, "" if
// it is. What was read before stands.
func unreadTexts(cfg *config.Config) string {
	if cfg.Privacy.ReadText {
		return ""
	}
	var names []string
	for _, r := range fromTexts {
		names = append(names, string(r))
	}
	last := len(names) - 1
	return "no text of a mail is read now (read_text), so " + strings.Join(names[:last], ", ") + " and " + names[last] + " did not look into any"
}

// others are the rules but for one, with what they make of a contact.
func (a *app) others(p *people, who planner.ContactID, own planner.Rule) []ruleJSON {
	out := []ruleJSON{}
	if who == "" { // what is about several people is not about one of them
		return out
	}
	for rule, why := range planner.Unfired(p.snapshot, p.cfg.Policy(), a.now(), who) {
		if rule != own {
			out = append(out, ruleJSON{rule, "did not fire: " + why})
		}
	}
	for rule, said := range p.sayings(who) {
		if rule != own {
			out = append(out, ruleJSON{rule, said})
		}
	}
	return out
}

// sayings are the follow-ups about a contact by their rules, each with where it
// stands.
func (p *people) sayings(who planner.ContactID) iter.Seq2[planner.Rule, string] {
	return func(yield func(planner.Rule, string) bool) {
		for _, f := range p.result.FollowUps {
			said := fmt.Sprintf("%s [%s]: %s, due %s", f.Title, f.Key.Code(), f.Status, day(f.Due, p.cfg.Me.Zone))
			if f.Contact == who && !yield(f.Rule, said) {
				return
			}
		}
		for _, h := range p.result.Held {
			said := fmt.Sprintf("%s [%s]: held back, %s", h.Title, h.Key.Code(), h.HeldBecause)
			if h.Contact == who && h.End == nil && !yield(h.Rule, said) {
				return
			}
		}
	}
}

func (a *app) printEvidence(all []planner.Evidence, p *people) {
	for _, e := range all {
		fmt.Fprintf(a.stdout, "  evidence  %s\n            %s\n", a.evidenceText(e, p.cfg.Me.Zone), e.ID)
	}
}

// evidenceText says what a piece of evidence is, as far as is known.
func (a *app) evidenceText(e planner.Evidence, zone *time.Location) string {
	text := strings.TrimSpace(string(e.Type) + " " + e.Account)
	if e.Type == planner.Gesture {
		text = "your word"
	}
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

func (a *app) printPlaced(ctx context.Context, p *people, placed []ledger.FollowUpRow) error {
	if a.json {
		out := whysJSON{}
		for _, x := range placed {
			w, err := a.whyJSON(ctx, p, rowJSON(x), x.Contact)
			if err != nil {
				return err
			}
			out.FollowUps = append(out.FollowUps, w)
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
		if err := a.printDecisions(ctx, p, x.UID); err != nil {
			return err
		}
		a.printEnd(x, zone)
		a.printOthers(p, x.Contact, x.Key.Rule)
	}
	return nil
}

// printDecisions says what the user did with an entry. It is evidence too: the
// entry's UID names the gesture.
func (a *app) printDecisions(ctx context.Context, p *people, uid string) error {
	said, err := p.Decisions(ctx, uid)
	if err != nil {
		return err
	}
	for _, d := range said {
		fmt.Fprintf(a.stdout, "  you       %s: %s\n            %s\n", d.At.In(p.cfg.Me.Zone).Format("2 Jan 2006 15:04"), gesture(d, p.cfg.Me.Zone), d.UID)
	}
	return nil
}

// gesture is a decision in words.
func gesture(d ledger.Decision, zone *time.Location) string {
	command := d.Kind == ledger.ByCommand
	switch d.Type {
	case ledger.DecideDone:
		if command {
			return "said with a command that it is done"
		}
		return "marked done"
	case ledger.DecideDismissed:
		if command {
			return "dismissed with a command"
		}
		return "deleted"
	case ledger.DecideSnoozed:
		return "moved to " + d.To.In(zone).Format("2 Jan 2006 15:04")
	case ledger.DecideEdited:
		if d.Text != "" {
			return "titled " + strconv.Quote(d.Text)
		}
		return "wrote in it"
	case ledger.DecideTaken:
		return "made your own: it is left alone"
	case ledger.DecideMove:
		return "asked for it to move to " + d.To.In(zone).Format("2 Jan 2006 15:04")
	case ledger.DecideUndone:
		return "took its end back"
	case ledger.DecideMuted:
		return "asked for quiet about them"
	case ledger.DecideUnmuted:
		return "took the quiet about them back"
	case ledger.DecideNoted:
		if d.Text != "" {
			return "noted " + strconv.Quote(strings.ReplaceAll(d.Text, "\n", " / "))
		}
		return "took your notes out"
	case ledger.DecideCircle, ledger.DecideLogged, ledger.DecidePaused, ledger.DecideResumed, ledger.DecideMissing: // not on an entry
	}
	return string(d.Type)
}

func (a *app) printEnd(x ledger.FollowUpRow, zone *time.Location) {
	if x.Open() {
		return
	}
	fmt.Fprintf(a.stdout, "  ended     %s: %s (%s)\n", x.EndedAt.In(zone).Format("2 Jan 2006 15:04"), endWhy(x), x.CameTo)
	if !x.EndedBy.IsZero() {
		fmt.Fprintf(a.stdout, "  by        %s\n            %s\n", a.evidenceText(x.EndedBy, zone), x.EndedBy.ID)
	}
	if said := answered(x, zone); said != "" {
		fmt.Fprintf(a.stdout, "  then      %s\n", said)
	}
	if !x.Answer.IsZero() {
		fmt.Fprintf(a.stdout, "            %s\n            %s\n", a.evidenceText(x.Answer, zone), x.Answer.ID)
	}
}

// stands is where an entry is, or what it came to.
func stands(x ledger.FollowUpRow, zone *time.Location) string {
	if x.Open() {
		return "in the calendar"
	}
	said := fmt.Sprintf("%s on %s", x.CameTo, day(x.EndedAt, zone))
	said += ": " + endWhy(x)
	if then := answered(x, zone); then != "" {
		said += "; " + then
	}
	return said
}

// endWhy is why an entry ended.
func endWhy(x ledger.FollowUpRow) string {
	if x.Outcome == planner.Dismissed && x.CameTo == planner.Acted {
		return x.EndWhy + " within a day of a word to them or a meeting"
	}
	return cmp.Or(x.EndWhy, "the reason is not known any more")
}

// answered is what came of an entry that was acted upon, "" if nothing can be
// said.
func answered(x ledger.FollowUpRow, zone *time.Location) string {
	if x.Answer.IsZero() {
		return ""
	}
	what := "they answered "
	if x.Answer.Type == planner.Meeting {
		what = "you met "
	}
	switch n := daysBetween(x.ActedAt, x.Answer.At, zone); n {
	case 0:
		return what + "the same day"
	case 1:
		return what + "the next day"
	default:
		return fmt.Sprintf("%s%d days later", what, n)
	}
}

// daysBetween counts from one civil day to another.
func daysBetween(a, b time.Time, zone *time.Location) int {
	civil := func(t time.Time) time.Time {
		y, m, d := t.In(zone).Date()
		return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	}
	return int(civil(b).Sub(civil(a)) / (24 * time.Hour))
}

// writtenFor are the entries about a contact, the latest first.
func (p *people) writtenFor(ctx context.Context, who planner.ContactID) (out []ledger.FollowUpRow, err error) {
	for r, err := range p.FollowUps(ctx) {
		if err != nil {
			return nil, err
		}
		if r.Contact == who {
			out = append(out, r)
		}
	}
	slices.Reverse(out)
	return out, nil
}
