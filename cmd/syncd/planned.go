package main

import (
	"slices"
	"time"

	"syncd/internal/planner"
)

// plannedJSON is an event that the user wrote into the follow-up calendar about
// a contact, as --json prints it. The keys are stable.
type plannedJSON struct {
	UID    string         `json:"uid"`
	Title  string         `json:"title"`
	At     time.Time      `json:"at"`
	DoneAt *time.Time     `json:"done_at"`
	DoneBy []evidenceJSON `json:"done_by"` // one at most
}

// planned are the events of the user's own about a contact, of each the
// occurrence that counts now or comes next.
func (p *people) planned(who planner.ContactID) []plannedJSON {
	out := []plannedJSON{}
	for _, e := range p.snapshot.Adopted {
		if e.Contact != who || slices.ContainsFunc(out, func(o plannedJSON) bool { return o.UID == e.UID }) {
			continue
		}
		one := plannedJSON{UID: e.UID, Title: e.Title, At: e.Start, DoneBy: []evidenceJSON{}}
		if !e.Done.IsZero() {
			one.DoneAt, one.DoneBy = utc(e.Done.At), evidence([]planner.Evidence{e.Done})
		}
		out = append(out, one)
	}
	return out
}

// text is such an event in a line: "Call Ana, 3 Jun 2026 (done on 2 Jun 2026)".
func (e plannedJSON) text(zone *time.Location) string {
	s := e.Title + ", " + day(e.At, zone)
	if e.DoneAt != nil {
		s += " (done on " + day(*e.DoneAt, zone) + ")"
	}
	return s
}
