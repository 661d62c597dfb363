package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

func (a *app) contactsCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "contacts",
		Short: "everyone you wrote to, met or have a card of, and where they stand",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.contacts(cmd.Context(), all)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "also people who only wrote to you")
	return a.jsonFlag(c)
}

// people is an open ledger with what the planner says of everyone in it.
type people struct {
	*ledger.Ledger
	cfg      *config.Config
	snapshot planner.Snapshot
	states   map[planner.ContactID]planner.State
	result   planner.Result
}

// people opens the ledger for reading and plans.
func (a *app) people(ctx context.Context) (*people, error) {
	cfg, err := a.load()
	if err != nil {
		return nil, err
	}
	l, err := a.reader(ctx)
	if err != nil {
		return nil, err
	}
	now := a.now()
	snap, err := l.Snapshot(ctx, now, time.Time{})
	if err != nil {
		return nil, err
	}
	health, err := l.Health(ctx)
	if err != nil {
		return nil, err
	}
	p := &people{Ledger: l, cfg: cfg, snapshot: snap, states: map[planner.ContactID]planner.State{}}
	p.result = daemon.Plan(snap, cfg, health, now)
	for _, s := range p.result.States {
		p.states[s.Contact] = s
	}
	return p, nil
}

// contactJSON is a contact as --json prints it. The keys are stable.
type contactJSON struct {
	ID        planner.ContactID `json:"id"`
	Name      string            `json:"name"`
	Addresses []string          `json:"addresses"`
	Cards     []string          `json:"cards"` // UIDs
	Circle    string            `json:"circle"`
	Stage     int               `json:"stage"`
	State     planner.StateName `json:"state"` // "" for someone nothing is planned for
	Until     *time.Time        `json:"until"`
	Reason    string            `json:"reason"`
	Internal  bool              `json:"internal"`
	Out       int               `json:"out"`
	In        int               `json:"in"`
	Met       int               `json:"met"`
	FirstAt   *time.Time        `json:"first_at"`
	LastOut   *time.Time        `json:"last_out"`
	LastIn    *time.Time        `json:"last_in"`
	LastMet   *time.Time        `json:"last_met"`
	Candidate bool              `json:"candidate"`
	Role      bool              `json:"role"`
	Muted     bool              `json:"muted"`
	Reported  bool              `json:"reported"`     // last_out is by the user's own word
	MetByWord bool              `json:"met_reported"` // and so is last_met

	CircleBy      *sayingJSON `json:"circle_by"`      // null without a circle
	CircleUnknown *sayingJSON `json:"circle_unknown"` // a later one that is not configured
	MutedBy       *sayingJSON `json:"muted_by"`       // null where not muted
}

// sayingJSON says who said something of a person, and what if that is to be told.
type sayingJSON struct {
	By   string     `json:"by"` // configuration, event, command, card, or automatic
	At   *time.Time `json:"at"`
	Code string     `json:"code"` // of the event it was said in
	UID  string     `json:"uid"`  // of that event, or of the card
	Kind string     `json:"kind,omitempty"`
	Text string     `json:"text,omitempty"`
}

// saying is who said something of a person; the zero evidence is the
// configuration's.
func saying(e planner.Evidence) *sayingJSON {
	s := &sayingJSON{By: "configuration", At: utc(e.At)}
	switch e.Type {
	case planner.Gesture:
		s.By, s.Code, s.UID = "event", planner.CodeOf(e.ID), e.ID
	case planner.Note:
		s.By = "command"
	case planner.Card:
		s.By, s.UID = "card", e.ID
	case planner.Mail, planner.Meeting:
	}
	return s
}

// by says the same in words.
func by(e planner.Evidence, zone *time.Location) string {
	switch e.Type {
	case planner.Gesture:
		return "by what you wrote on " + day(e.At, zone) + where(e)
	case planner.Note:
		return "by your word of " + day(e.At, zone)
	case planner.Card:
		return "by their card"
	case planner.Mail, planner.Meeting:
	}
	return "by the configuration"
}

// where names the event that something was said in, "" if it was in none.
func where(e planner.Evidence) string {
	if code := planner.CodeOf(e.ID); code != "" {
		return " in the event " + code
	}
	return ""
}

// facts are the lines that the user wrote about somebody.
func facts(all []planner.Fact) []*sayingJSON {
	out := []*sayingJSON{}
	for _, f := range all {
		s := saying(f.Evidence)
		s.Kind, s.Text = string(f.Kind), f.Text
		out = append(out, s)
	}
	return out
}

// json is a contact with what the planner knows of it.
func (p *people) json(r ledger.ContactRow) contactJSON {
	s := p.state(r)
	c := contactJSON{
		ID: r.ID, Name: r.Name, Addresses: r.Addresses, Cards: r.Cards, Circle: cmp.Or(s.Circle, r.Circle), Stage: r.Stage,
		State: s.State, Until: utc(s.Until), Reason: s.Why, Internal: r.Internal, Out: r.Out, In: r.In, Met: r.Met,
		FirstAt: utc(r.FirstAt), LastOut: utc(r.LastOut), LastIn: utc(r.LastIn), LastMet: utc(r.LastMet),
		Candidate: r.Candidate, Role: r.Role, Muted: r.Muted, Reported: r.Reported,
		MetByWord: r.MetReported,
	}
	switch {
	case r.Circle != "":
		c.CircleBy = saying(r.CircleBy)
	case c.Circle != "":
		c.CircleBy = &sayingJSON{By: "automatic"}
	}
	if r.CircleUnknown != "" {
		c.CircleUnknown = saying(r.CircleUnknownBy)
		c.CircleUnknown.Text = r.CircleUnknown
	}
	if r.Muted {
		c.MutedBy = saying(r.MutedBy)
	}
	return c
}

// state is where somebody stands. Who is muted is, whatever else nothing is known
// of them.
func (p *people) state(r ledger.ContactRow) planner.State {
	s := p.states[r.ID]
	if r.Muted {
		s.State, s.Why = planner.StateMuted, by(r.MutedBy, p.cfg.Me.Zone)
	}
	return s
}

// stateText is a state with what belongs to it: "waiting until 2 May 2026".
func stateText(s planner.State, now time.Time, zone *time.Location) string {
	text := string(s.State)
	if s.Until.After(now) {
		text += " until " + s.Until.In(zone).Format("2 Jan 2006")
	}
	if s.State == planner.StateClosed && s.Why != "" {
		text += ": " + s.Why
	}
	return text
}

// reason is why somebody stands where they stand, for the states that stateText
// does not explain.
func (p *people) reason(r ledger.ContactRow) string {
	s := p.state(r)
	switch s.State {
	case planner.StateOpen, planner.StateWaiting:
		i := slices.IndexFunc(p.result.FollowUps, func(f planner.FollowUp) bool {
			return f.Contact == r.ID && (f.Status == planner.StatusOpen || s.State == planner.StateWaiting)
		})
		if i >= 0 {
			f := p.result.FollowUps[i]
			return ": “" + f.Title + "” (" + f.Key.Code() + ")"
		}
	case planner.StateMuted, planner.StateResting, planner.StateBooked:
		if s.Why != "" {
			return ", " + s.Why
		}
	case planner.StateClosed:
	}
	return ""
}

func (a *app) contacts(ctx context.Context, all bool) error {
	p, err := a.people(ctx)
	if err != nil {
		return err
	}
	defer a.close(p)
	enc := json.NewEncoder(a.stdout)
	var rows []ledger.ContactRow
	for c, err := range p.Contacts(ctx, all) {
		switch {
		case err != nil:
			return err
		case !a.json:
			rows = append(rows, c)
			continue
		}
		if err := enc.Encode(p.json(c)); err != nil {
			return err
		}
	}
	if a.json {
		return nil
	}
	slices.SortStableFunc(rows, byLastContact)
	w := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tADDRESS\tOUT\tIN\tMET\tLAST\tSTATE")
	for _, c := range rows {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n", c.Name, cmp.Or(strings.Join(c.Addresses, ", "), "–"), c.Out, c.In, c.Met,
			day(lastContact(c), p.cfg.Me.Zone), stateText(p.state(c), a.now(), p.cfg.Me.Zone))
	}
	return w.Flush()
}

// byLastContact orders contacts by when there was last a word, latest first, and
// then by name.
func byLastContact(a, b ledger.ContactRow) int {
	return cmp.Or(lastContact(b).Compare(lastContact(a)), strings.Compare(a.Name, b.Name))
}

func lastContact(c ledger.ContactRow) time.Time { return latest(c.LastOut, c.LastIn, c.LastMet) }

func latest(all ...time.Time) (t time.Time) {
	for _, x := range all {
		if x.After(t) {
			t = x
		}
	}
	return t
}

func day(t time.Time, zone *time.Location) string {
	if t.IsZero() {
		return "–"
	}
	return t.In(zone).Format("2 Jan 2006")
}

func (a *app) contactCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:     "contact WHO",
		Short:   "one person: how you are in touch, and what happened",
		Long:    "WHO is an address, a name, a part of one or a nickname, the UID of a card, or the id\nthat other commands print with --json.",
		Args:    cobra.ExactArgs(1),
		Example: "  syncd contact ana@example.org\n  syncd contact \"Ana Muster\"",
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.contact(cmd.Context(), args[0])
		},
	})
}

func (a *app) contact(ctx context.Context, who string) error {
	p, err := a.people(ctx)
	if err != nil {
		return err
	}
	defer a.close(p)
	d, err := p.Contact(ctx, who)
	if err != nil {
		return err
	}
	written, err := p.writtenFor(ctx, d.ID)
	if err != nil {
		return err
	}
	if a.json {
		return printJSON(a.stdout, struct {
			contactJSON
			Facts []*sayingJSON `json:"facts"`
			toldJSON
			followUpsJSON
			AddressBook []ledger.CardRow        `json:"address_book"`
			Planned     []plannedJSON           `json:"planned"`
			Timeline    []ledger.InteractionRow `json:"timeline"`
		}{p.json(d.ContactRow), facts(d.Facts), fromMail(d.ContactRow), rowsJSON(written), d.AddressBook, p.planned(d.ID), d.Timeline})
	}
	a.printContact(p, d, written)
	return nil
}

func (a *app) printContact(p *people, d ledger.ContactDetail, written []ledger.FollowUpRow) {
	zone, state := p.cfg.Me.Zone, p.state(d.ContactRow)
	name := cmp.Or(d.Name, strings.Join(d.Addresses, ", "))
	if len(d.Addresses) > 0 {
		name += "  <" + strings.Join(d.Addresses, ">, <") + ">"
	}
	fmt.Fprintln(a.stdout, name)
	if d.Reported {
		fmt.Fprintf(a.stdout, "  you wrote    %s; last in touch %s%s\n", count(d.Out, "time", "times"), day(d.LastOut, zone), ownWord(true))
	} else {
		fmt.Fprintf(a.stdout, "  you wrote    %s, last %s\n", count(d.Out, "time", "times"), day(d.LastOut, zone))
	}
	fmt.Fprintf(a.stdout, "  they wrote   %s, last %s\n", count(d.In, "time", "times"), day(d.LastIn, zone))
	fmt.Fprintf(a.stdout, "  you met      %s, last %s%s\n", count(d.Met, "time", "times"), day(d.LastMet, zone), ownWord(d.MetReported))
	switch {
	case d.Circle != "":
		fmt.Fprintf(a.stdout, "  circle       %s, %s\n", d.Circle, by(d.CircleBy, zone))
	case state.Circle != "":
		fmt.Fprintf(a.stdout, "  circle       %s, by how much you wrote and met\n", state.Circle)
	}
	if d.CircleUnknown != "" {
		fmt.Fprintf(a.stdout, "               you put them into “%s” on %s, which the configuration does not know\n",
			d.CircleUnknown, day(d.CircleUnknownBy.At, zone))
	}
	if state.State != "" {
		fmt.Fprintf(a.stdout, "  state        %s%s\n", stateText(state, a.now(), zone), p.reason(d.ContactRow))
	}
	for _, f := range d.Facts {
		word := "you noted   "
		if f.Kind == planner.FactPromise {
			f.Kind, word = "", "you promised"
		}
		fmt.Fprintf(a.stdout, "  %s %s (%s%s)\n", word, f.Line(), day(f.Evidence.At, zone), where(f.Evidence))
	}
	a.printTold(d.ContactRow, zone)
	for _, c := range d.AddressBook {
		fmt.Fprintf(a.stdout, "  card         %s\n", cardText(c))
	}
	for _, e := range p.planned(d.ID) {
		fmt.Fprintf(a.stdout, "  you planned  %s\n", e.text(zone))
	}
	for _, f := range written {
		fmt.Fprintf(a.stdout, "  follow-up    %s  [%s]\n               %s\n", f.Title(), f.Key.Code(), stands(f, zone))
	}
	for _, i := range d.Timeline {
		fmt.Fprintf(a.stdout, "  %s  %-8s %s\n", i.At.In(zone).Format("2006-01-02 15:04"), arrow(i),
			strings.TrimSpace(i.Subject+ownWord(reported(i))))
	}
}

// reported tells what the user said from what a server shows.
func reported(i ledger.InteractionRow) bool {
	return i.Evidence.Type == string(planner.Note) || i.Evidence.Type == string(planner.Gesture)
}

// ownWord marks what is known by the user's own word alone.
func ownWord(reported bool) string {
	if reported {
		return " (by your own word)"
	}
	return ""
}

// cardText is a card on one line.
func cardText(c ledger.CardRow) string {
	said := append([]string{c.Name, c.Title, c.Org}, c.Groups...)
	if c.Birthday != "" {
		said = append(said, "born "+dateText(c.Birthday))
	}
	if c.Wedding != "" {
		said = append(said, "anniversary "+dateText(c.Wedding))
	}
	said = append(said, "in the address book of "+c.Account)
	return strings.Join(slices.DeleteFunc(said, func(s string) bool { return s == "" }), ", ")
}

// dateText writes a day of a card as people do: "12 May 1980", "12 May" where the
// year is not known.
func dateText(s string) string {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return t.Format("2 January 2006")
	}
	if t, err := time.Parse("2006--01-02", "2000"+s); err == nil { // a leap year
		return t.Format("2 January")
	}
	return s
}

// arrow names an interaction from the user's side.
func arrow(i ledger.InteractionRow) string {
	switch {
	case i.Kind != ledger.KindMail:
		return string(i.Kind)
	case i.Direction == ledger.Out:
		return "to them"
	case i.Direction == ledger.In:
		return "to you"
	}
	return "mail"
}

func (a *app) exportCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:       "export interactions|contacts|followups|hash",
		Short:     "everything the ledger holds, as JSON lines",
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []string{"interactions", "contacts", "followups", "hash"},
		Example:   "  syncd export interactions > interactions.jsonl\n  syncd export hash",
		Long: `Prints JSON lines with stable keys, in an order that does not depend on when they
were read. "export hash" prints one line that sums up what the servers said: it is
the same after the ledger was lost and read anew.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.export(cmd.Context(), args[0], all)
		},
	}
	c.Flags().BoolVar(&all, "all", false, "contacts: also people who only wrote to you")
	return c
}

func (a *app) export(ctx context.Context, what string, all bool) error {
	p, err := a.people(ctx)
	if err != nil {
		return err
	}
	defer a.close(p)
	enc := json.NewEncoder(a.stdout)
	enc.SetEscapeHTML(false)
	switch what {
	case "interactions":
		for r, err := range p.Interactions(ctx) {
			if err = firstError(err, func() error { return enc.Encode(r) }); err != nil {
				return err
			}
		}
	case "contacts":
		for r, err := range p.Contacts(ctx, all) {
			if err = firstError(err, func() error { return enc.Encode(p.json(r)) }); err != nil {
				return err
			}
		}
	case "followups":
		for r, err := range p.FollowUps(ctx) {
			if err = firstError(err, func() error { return enc.Encode(rowJSON(r)) }); err != nil {
				return err
			}
		}
	case "hash":
		h, err := p.Hash(ctx)
		if err != nil {
			return err
		}
		return enc.Encode(h)
	}
	return nil
}

func firstError(err error, next func() error) error {
	if err != nil {
		return err
	}
	return next()
}
