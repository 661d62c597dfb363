package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// toldJSON is what mail tells of a person beside the clocks.
type toldJSON struct {
	Promises      []promiseJSON      `json:"promises"`       // mine to them
	TheirPromises []promiseJSON      `json:"their_promises"` // theirs to me
	Introductions []introductionJSON `json:"introductions"`
	Common        []string           `json:"people_in_common"` // addresses, those most often with both first
}

type promiseJSON struct {
	At       time.Time    `json:"at"`
	What     string       `json:"what"` // "" where the text is not kept
	Sentence string       `json:"sentence"`
	For      planner.Date `json:"for"`  // "" where no day is named
	KeptAt   *time.Time   `json:"kept"` // null while nothing shows it
	Evidence string       `json:"evidence"`
}

type introductionJSON struct {
	At       time.Time  `json:"at"`
	By       string     `json:"by"` // "" for me
	Of       []string   `json:"of"`
	Sentence string     `json:"sentence"`
	ActedAt  *time.Time `json:"acted"` // my first word to them after it
	Evidence string     `json:"evidence"`
}

func fromMail(c ledger.ContactRow) toldJSON {
	t := toldJSON{Promises: promises(c.Promises), TheirPromises: promises(c.Theirs), Introductions: []introductionJSON{}, Common: []string{}}
	for _, n := range c.Introductions {
		t.Introductions = append(t.Introductions, introductionJSON{
			At: n.At.UTC(), By: n.By, Of: n.Of, Sentence: n.Sentence, ActedAt: utc(n.Acted.At), Evidence: n.ID,
		})
	}
	t.Common = append(t.Common, c.Common...)
	return t
}

func promises(all []planner.Promise) []promiseJSON {
	out := []promiseJSON{}
	for _, p := range all {
		out = append(out, promiseJSON{
			At: p.At.UTC(), What: p.What, Sentence: p.Sentence, For: p.For, KeptAt: utc(p.Kept.At), Evidence: p.Evidence.ID,
		})
	}
	return out
}

// printTold writes what mail tells of a person, newest first.
func (a *app) printTold(c ledger.ContactRow, zone *time.Location) {
	for _, p := range c.Promises {
		fmt.Fprintf(a.stdout, "  you promised %s\n", promiseText(p, zone))
	}
	for _, p := range c.Theirs {
		fmt.Fprintf(a.stdout, "  they promised %s\n", promiseText(p, zone))
	}
	for _, n := range c.Introductions {
		fmt.Fprintf(a.stdout, "  introduced   %s (%s)\n", introductionText(n, c.Addresses), day(n.At, zone))
	}
	if len(c.Common) > 0 {
		fmt.Fprintf(a.stdout, "  in common    %s\n", strings.Join(c.Common, ", "))
	}
}

func promiseText(p planner.Promise, zone *time.Location) string {
	what := cmp.Or(p.What, p.Sentence, p.Subject, "something in a mail")
	if p.For != "" {
		what += ", for " + dateText(string(p.For))
	}
	kept := ""
	if !p.Kept.IsZero() {
		kept = ", kept " + day(p.Kept.At, zone)
	}
	return fmt.Sprintf("%s (%s%s)", what, day(p.At, zone), kept)
}

// introductionText tells of an introduction from the side of one who has a part in it.
func introductionText(n planner.Introduction, own []string) string {
	others := slices.DeleteFunc(slices.Clone(n.Of), func(s string) bool { return slices.Contains(own, s) })
	switch {
	case n.By == "":
		return "by you to " + strings.Join(others, ", ")
	case slices.Contains(own, n.By):
		return strings.Join(n.Of, ", ") + " to you"
	}
	return "to you by " + n.By
}
