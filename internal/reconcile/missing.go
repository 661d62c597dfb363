package reconcile

import (
	"fmt"
	"slices"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// When a deletion is believed (SPEC section 8.2).
const (
	missingFor  = 10 * time.Minute // between two complete listings without it
	massWithin  = time.Hour
	massAtLeast = 4
	massWait    = 24 * time.Hour
)

// missing is about an entry that the listing does not hold.
func (d *differ) missing(p ledger.Placement) []Operation {
	if d.skipped[p.Href] { // it is there, but could not be read
		return nil
	}
	op := Operation{UID: p.UID, Title: title(p), Placement: p}
	end, over := d.end(p)
	switch {
	case over && d.endsWhenGone(p, end):
		op.Type, op.Reason = Gone, whyEnded(end)
		if p.Open() {
			op.End = &end
			op.Placement = ended(p, end, d.in.Now)
		}
		op.Placement.State = ledger.Closed
		return []Operation{op}
	case p.State == ledger.Intended && !rebuilt(p):
		return d.again(p, op)
	case d.in.Elsewhere[p.UID]:
		op.Type, op.Reason = Record, "the user moved it to another calendar: it is theirs now"
		op.Decisions = []ledger.Decision{{Type: ledger.DecideTaken, UID: p.UID, At: d.in.Now}}
		op.Placement.State = ledger.TakenOver
		return []Operation{op}
	}
	return d.vanished(p, op)
}

// endsWhenGone reports whether an entry that is not there is closed by an end.
// What the policy alone withdrew may come back, so the user's deletion of it
// must be heard first (SPEC I6); unless our own DELETE was under way.
func (d *differ) endsWhenGone(p ledger.Placement, end planner.End) bool {
	return end.Outcome != planner.Withdrawn || !p.Open() || p.State == ledger.Deleting || p.State == ledger.Intended
}

// again writes an entry whose first request never arrived. It says what was
// intended: the UID and the slot are in the journal already.
func (d *differ) again(p ledger.Placement, op Operation) []Operation {
	if _, wanted := d.wanted[p.Key]; !wanted {
		return nil
	}
	op.Type, op.Reason, op.Placement = Create, "writing it was begun and did not arrive", p
	op.Title = p.Wrote.Summary
	op.Draft = d.draft(p.UID, p.Wrote, p.Evidence, p.Sequence)
	return []Operation{op}
}

// vanished counts the listings without the entry, and believes the deletion
// once it may.
func (d *differ) vanished(p ledger.Placement, op Operation) []Operation {
	op.Type = Miss
	if p.MissingAt.IsZero() {
		p.MissingAt = d.in.Now
		op.Placement, op.Reason = p, "not in the calendar; looked for again in "+missingFor.String()
		return []Operation{op}
	}
	if d.in.Now.Before(p.MissingAt.Add(missingFor)) {
		return nil
	}
	p.MissingAgainAt = d.in.Now
	if d.mass[p.UID] {
		return nil
	}
	end := planner.End{
		Outcome:  planner.Dismissed,
		Evidence: planner.Evidence{Type: planner.Gesture, ID: p.UID, At: d.in.Now, Subject: title(p), Address: p.Key.Who},
		Why:      "you deleted it",
	}
	op.Type, op.Reason = Dismiss, "the user deleted it"
	op.Decisions = []ledger.Decision{{Type: ledger.DecideDismissed, UID: p.UID, At: d.in.Now}}
	op.End = &end
	op.Placement = ended(p, end, d.in.Now)
	op.Placement.State = ledger.Closed
	return []Operation{op}
}

// vanishedTogether finds the entries of which too many vanished at once to be
// the user's doing without asking: four or more, and over half of those open,
// within an hour. It adds the notice that says so.
func (d *differ) vanishedTogether() {
	gone, open := d.vanishing()
	var until time.Time
	most := 0
	for i := range gone {
		window := gone[i:]
		if n := slices.IndexFunc(window, func(p ledger.Placement) bool {
			return p.MissingAt.Sub(window[0].MissingAt) > massWithin
		}); n >= 0 {
			window = window[:n]
		}
		total := open
		for _, p := range window {
			if !p.Open() {
				total++
			}
		}
		if len(window) < massAtLeast || 2*len(window) <= total {
			continue
		}
		for _, p := range window {
			if t := p.MissingAt.Add(massWait); p.Open() && t.After(d.in.Now) {
				d.mass[p.UID] = true
				until = later(until, t)
			}
		}
		most = max(most, len(window))
	}
	if len(d.mass) > 0 {
		d.notices = append(d.notices, fmt.Sprintf("%d events vanished from the calendar within an hour; unless they come back they count as deleted from %s",
			most, until.In(d.in.Zone).Format("2 January 15:04")))
	}
}

// vanishing returns the entries that are not in the calendar, oldest loss first,
// those whose deletion was believed already among them; and how many
// follow-ups are open.
func (d *differ) vanishing() (gone []ledger.Placement, open int) {
	for _, p := range d.in.Placed {
		believed := p.Outcome == planner.Dismissed && !p.MissingAt.IsZero()
		if d.mayVanish(p) {
			open++
		} else if !believed {
			continue
		}
		if _, there := d.seen[p.UID]; there || d.skipped[p.Href] {
			continue
		}
		if p.MissingAt.IsZero() {
			p.MissingAt = d.in.Now
		}
		gone = append(gone, p)
	}
	slices.SortFunc(gone, func(a, b ledger.Placement) int { return a.MissingAt.Compare(b.MissingAt) })
	return gone, open
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// mayVanish reports whether the user could delete this entry: the server held
// it and the follow-up is open.
func (d *differ) mayVanish(p ledger.Placement) bool {
	return p.Open() && (p.State == ledger.Placed || p.State == ledger.Rewriting || p.State == ledger.Intended && rebuilt(p))
}

// rebuilt reports whether only the journal knows of the placement. The calendar
// may have held it, so the user may have deleted it: it is never written again
// without being missed first.
func rebuilt(p ledger.Placement) bool { return p.Wrote.Start.IsZero() }
