package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// followUpJSON is a follow-up as --json prints it. The keys are stable.
type followUpJSON struct {
	Code        string         `json:"code"`
	Rule        planner.Rule   `json:"rule"`
	Contact     *string        `json:"contact"`
	Name        string         `json:"name"`
	Title       string         `json:"title"`
	Due         *time.Time     `json:"due"`
	Slot        *time.Time     `json:"slot"`    // where syncd put it
	Start       *time.Time     `json:"start"`   // where it was seen last; null before it is written
	AllDay      bool           `json:"all_day"` // start is a date then
	Yours       bool           `json:"yours"`   // the user made it their own: it is left alone
	Status      string         `json:"status"`  // open, write, waiting, held, or how it ended
	HeldBecause string         `json:"held_because"`
	Why         string         `json:"why"`
	Evidence    []evidenceJSON `json:"evidence"`
	UID         string         `json:"uid"`
	Href        string         `json:"href"`
	Written     *time.Time     `json:"written"`
	Ended       *time.Time     `json:"ended"`
	EndWhy      string         `json:"end_why"`
	EndedBy     *evidenceJSON  `json:"ended_by"`
	Acted       *time.Time     `json:"acted"`          // when that was done that ended it as acted
	Answer      *evidenceJSON  `json:"answer"`         // what came from them within 14 days of it
	Text        string         `json:"text,omitempty"` // the description, of what a plan writes
}

type evidenceJSON struct {
	At      *time.Time           `json:"at"` // null where only the key tells of it
	Type    planner.EvidenceType `json:"type"`
	ID      string               `json:"id"`
	Subject string               `json:"subject"`
	Account string               `json:"account"`
}

type followUpsJSON struct {
	FollowUps []followUpJSON `json:"followups"`
}

func toJSON(f planner.FollowUp, heldBecause string, placed map[planner.Key]ledger.Placement) followUpJSON {
	j := followUpJSON{
		Code: f.Key.Code(), Rule: f.Rule, Contact: maybe(f.Contact), Name: f.Name, Title: f.Title, Due: utc(f.Due), Slot: utc(f.Slot),
		Status: string(f.Status), HeldBecause: heldBecause, Why: why(f.Because), Evidence: evidence(f.Evidence),
		Text: f.Text,
	}
	if p, ok := placed[f.Key]; ok {
		j.UID, j.Href = p.UID, p.Href
		j.lies(p)
	}
	return j
}

// lies says where an entry was seen last, and whose it is.
func (j *followUpJSON) lies(p ledger.Placement) {
	j.Start, j.AllDay, j.Yours = utc(p.Seen.Start), p.Seen.AllDay, p.State == ledger.TakenOver
}

// rowJSON is an entry that was written, open or ended.
func rowJSON(r ledger.FollowUpRow) followUpJSON {
	j := followUpJSON{
		Code: r.Key.Code(), Rule: r.Key.Rule, Contact: maybe(r.Contact), Name: r.Name, Title: r.Title(), Due: utc(r.Due), Slot: utc(r.Slot),
		Status: string(planner.StatusOpen), Why: strings.Join(r.Because, " "), Evidence: evidence(restsOn(r.Placement)), UID: r.UID, Href: r.Href,
		Written: utc(r.CreatedAt), Ended: utc(r.EndedAt), EndWhy: r.EndWhy,
	}
	j.lies(r.Placement)
	if !r.Open() {
		j.Status, j.Acted = string(r.CameTo), utc(r.ActedAt)
	}
	if !r.Answer.IsZero() {
		j.Answer = &evidence([]planner.Evidence{r.Answer})[0]
	}
	if !r.EndedBy.IsZero() {
		j.EndedBy = &evidence([]planner.Evidence{r.EndedBy})[0]
	}
	return j
}

func rowsJSON(rows []ledger.FollowUpRow) followUpsJSON {
	out := followUpsJSON{FollowUps: []followUpJSON{}}
	for _, r := range rows {
		out.FollowUps = append(out.FollowUps, rowJSON(r))
	}
	return out
}

// fromTexts are the rules about what the text of a mail says.
var fromTexts = []planner.Rule{
	planner.PromiseMade, planner.Thanks, planner.IntroReceived, planner.TheirPromise, planner.IntroGiven, planner.CloseTheLoop,
}

// What the evidence in the key of a rule is; with others it is one of several.
var (
	aboutTimes = []planner.Rule{planner.NewCards, planner.CardSweep}
	aboutMail  = slices.Concat([]planner.Rule{planner.ReplyOwed, planner.Awaiting}, fromTexts)
)

// restsOn is the evidence of an entry. The journal keeps of it what the key
// says.
func restsOn(p ledger.Placement) []planner.Evidence {
	if len(p.Evidence) > 0 || p.Key.Evidence == "" {
		return p.Evidence
	}
	noted := p.Key.Rule == planner.PromiseMade && p.Key.Step == "" // a line, by its hash
	if noted || slices.Contains(aboutTimes, p.Key.Rule) {
		return nil
	}
	e := planner.Evidence{ID: p.Key.Evidence, Address: p.Key.Who}
	switch {
	case slices.Contains(aboutMail, p.Key.Rule):
		e.Type = planner.Mail
	case p.Key.Rule == planner.FirstMeeting:
		e.Type = planner.Meeting
	}
	return []planner.Evidence{e}
}

func maybe(id planner.ContactID) *string {
	if id == "" {
		return nil
	}
	s := string(id)
	return &s
}

func evidence(all []planner.Evidence) []evidenceJSON {
	out := make([]evidenceJSON, len(all))
	for i, e := range all {
		out[i] = evidenceJSON{At: utc(e.At), Type: e.Type, ID: e.ID, Subject: e.Subject, Account: e.Account}
	}
	return out
}

func utc(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func why(reasons []planner.Reason) string {
	s := make([]string, len(reasons))
	for i, r := range reasons {
		s[i] = string(r)
	}
	return strings.Join(s, " ")
}

// ahead is how far waiting follow-ups are shown without --all.
const ahead = 14 * 24 * time.Hour

// planView is a plan as the commands show it: what is shown, in order.
type planView struct {
	open, yours, write, waiting []planner.FollowUp
	held                        []planner.Held
	later                       int // waiting ones beyond what is shown
	all                         bool
	now                         time.Time
	lies                        map[planner.Key]planner.Open // entries as the user left them
}

// view divides a plan. Where the entries in open lie, and which of them the user
// made their own, is shown as it was seen last.
func view(r planner.Result, open []planner.Open, now time.Time, all bool) planView {
	v := planView{all: all, now: now, lies: map[planner.Key]planner.Open{}}
	for _, o := range open {
		v.lies[o.Key] = o
	}
	for _, f := range r.FollowUps {
		switch {
		case f.Status == planner.StatusOpen && v.lies[f.Key].Taken:
			v.yours = append(v.yours, f)
		case f.Status == planner.StatusOpen:
			v.open = append(v.open, f)
		case f.Status == planner.StatusWrite:
			v.write = append(v.write, f)
		case all || f.Due.Before(now.Add(ahead)):
			v.waiting = append(v.waiting, f)
		default:
			v.later++
		}
	}
	for _, h := range r.Held {
		if h.End == nil || all {
			v.held = append(v.held, h)
		}
	}
	return v
}

func (v planView) json(placed map[planner.Key]ledger.Placement) followUpsJSON {
	out := followUpsJSON{FollowUps: []followUpJSON{}}
	for _, part := range [][]planner.FollowUp{v.open, v.yours, v.write, v.waiting} {
		for _, f := range part {
			out.FollowUps = append(out.FollowUps, toJSON(f, "", placed))
		}
	}
	for _, h := range v.held {
		f := h.FollowUp
		f.Status = planner.StatusHeld
		out.FollowUps = append(out.FollowUps, toJSON(f, h.HeldBecause, placed))
	}
	return out
}

func (v planView) print(w io.Writer, zone *time.Location) {
	v.section(w, "In the calendar", v.open, zone)
	v.section(w, "Yours now, and left alone", v.yours, zone)
	v.section(w, "To be written", v.write, zone)
	v.section(w, "Waiting", v.waiting, zone)
	if v.later > 0 {
		fmt.Fprintf(w, "\n%s waiting for later; --all shows them.\n", count(v.later, "more follow-up is", "more follow-ups are"))
	}
	v.printHeld(w)
	if len(v.open)+len(v.yours)+len(v.write)+len(v.waiting)+len(v.held)+v.later == 0 {
		fmt.Fprintln(w, "Nothing to follow up.")
	}
}

// fewHeld is how many follow-ups of one reason are named without --all.
const fewHeld = 5

// printHeld groups what is held back by the reason, in order of appearance.
func (v planView) printHeld(w io.Writer) {
	if len(v.held) == 0 {
		return
	}
	var reasons []string
	by := map[string][]planner.Held{}
	for _, h := range v.held {
		if by[h.HeldBecause] == nil {
			reasons = append(reasons, h.HeldBecause)
		}
		by[h.HeldBecause] = append(by[h.HeldBecause], h)
	}
	fmt.Fprintf(w, "\nHeld back\n")
	for _, reason := range reasons {
		shown := by[reason]
		if !v.all && len(shown) > fewHeld+1 {
			shown = shown[len(shown)-fewHeld:] // the latest
		}
		fmt.Fprintf(w, "  %s\n", reason)
		for _, h := range shown {
			fmt.Fprintf(w, "  %-16s  %s  [%s]\n", "", h.Title, h.Key.Code())
		}
		if n := len(by[reason]) - len(shown); n > 0 {
			fmt.Fprintf(w, "  %-16s  and %d more; --all shows them\n", "", n)
		}
	}
}

func (v planView) section(w io.Writer, title string, fs []planner.FollowUp, zone *time.Location) {
	if len(fs) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, f := range fs {
		fmt.Fprintf(w, "  %-16s  %s\n", v.when(f, zone), v.named(f))
		for _, line := range wrap(why(f.Because), 72) {
			fmt.Fprintf(w, "  %-16s  %s\n", "", line)
		}
	}
}

// when is when a follow-up is: where its entry lies, else its slot or due time.
func (v planView) when(f planner.FollowUp, zone *time.Location) string {
	at := f.Slot
	if at.IsZero() {
		at = f.Due
	}
	switch o, placed := v.lies[f.Key]; {
	case placed && o.AllDay: // a date, in no zone
		return o.Start.Format("Mon 2 Jan")
	case placed:
		at = o.Start
	case f.Status == planner.StatusWaiting && at.Before(v.now): // another one about the same person goes first
		return "after another"
	}
	return at.In(zone).Format("Mon 2 Jan 15:04")
}

// named is the title and code of a follow-up, and that the user moved its entry.
func (v planView) named(f planner.FollowUp) string {
	text := f.Title + "  [" + f.Key.Code() + "]"
	if o, placed := v.lies[f.Key]; placed && !o.Taken && !o.Start.Equal(o.Slot) {
		text += ", moved by you"
	}
	return text
}

// wrap breaks text into lines of at most width characters, at spaces.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// printJSON writes one JSON document.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
