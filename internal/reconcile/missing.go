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
	slotAhead   = 30 * time.Minute // that a slot must be when it is written
	massWithin  = time.Hour
	massAtLeast = 4
	massWait    = 24 * time.Hour
)

// missing is about an entry that the listing does not hold.
func (d *differ) missing(p ledger.Placement) []Operation {
	end, over := d.end(p)
	if d.skipped[p.Href] { // it is there, but could not be read
		if !over || !p.Open() {
			return nil
		}
		return []Operation{d.close(Close, p, end)}
	}
	op := Operation{UID: p.UID, Title: title(p), Placement: p}
	moved := d.moved(p)
	switch {
	case p.State == ledger.Intended && !moved:
		return d.unwritten(p, op)
	case over && d.endsWhenGone(p, end) && p.Href == "" && !d.missedTwice(p):
		return d.missed(p, op) // its name went with the ledger: only listings tell
	case over && d.endsWhenGone(p, end):
		return []Operation{d.gone(p, end)}
	}
	return d.vanished(p, op)
}

// moved reports whether an entry that is not there was seen under another name or
// in another calendar.
func (d *differ) moved(p ledger.Placement) bool {
	return d.in.Elsewhere[p.UID] || d.copied[p.UID] || d.copied[p.Key.Code()]
}

// endsWhenGone reports whether an entry that is not there is closed by an end.
// What the policy alone or a purge withdrew may come back, so the user's deletion
// of it must be heard first (SPEC I6); unless our own DELETE was under way, or
// another entry took its place since.
func (d *differ) endsWhenGone(p ledger.Placement, end planner.End) bool {
	return end.Outcome != planner.Withdrawn || !p.Open() && (!p.Purged() || d.followed(p)) || p.State == ledger.Deleting
}

// close ends a placement in the Book; its entry is another matter.
func (d *differ) close(t Type, p ledger.Placement, end planner.End) Operation {
	op := Operation{Type: t, UID: p.UID, Title: title(p), Reason: whyEnded(end), Placement: p}
	if p.Open() {
		op.End = &end
		op.Placement = ended(p, end, d.in.Now)
	}
	return op
}

// gone closes a placement whose entry is not there.
func (d *differ) gone(p ledger.Placement, end planner.End) Operation {
	op := d.close(Gone, p, end)
	op.Placement = closed(op.Placement)
	return op
}

// closed is a placement whose entry has left the calendar. Without an href, what
// turns up under its UID is known to have come back.
func closed(p ledger.Placement) ledger.Placement {
	p.State, p.Href, p.ETag = ledger.Closed, "", ""
	return p
}

// unwritten is about an entry whose first request seems not to have arrived. It
// is asked for again while its slot may still be written; after that it ends,
// withdrawn unless evidence ended it: the user never saw it.
func (d *differ) unwritten(p ledger.Placement, op Operation) []Operation {
	end, over := d.end(p)
	f, wanted := d.wanted[p.Key]
	switch {
	case !over && (!wanted || d.repeatable(p)):
		return d.again(p, f, op)
	case (!over || !p.Open()) && !d.settled(p):
		return nil
	case !over || end.Outcome == planner.Expired:
		end = planner.End{Outcome: planner.Withdrawn, Why: "its time came before it could be written"}
	}
	return []Operation{d.gone(p, end)}
}

// settled reports whether a request that was lost would have arrived by now.
func (d *differ) settled(p ledger.Placement) bool {
	return !d.in.Now.Before(p.AskedAt().Add(missingFor))
}

// repeatable reports whether an entry may still be written as it was intended:
// what was created yesterday counts in yesterday's budget (SPEC I5).
func (d *differ) repeatable(p ledger.Placement) bool {
	y, m, day := p.CreatedAt.In(d.in.Zone).Date()
	ny, nm, nday := d.in.Now.In(d.in.Zone).Date()
	return y == ny && m == nm && day == nday && !p.Slot.Before(d.in.Now.Add(slotAhead))
}

// again writes an entry whose first request never arrived. It says what was
// intended: the UID and the slot are in the journal already.
func (d *differ) again(p ledger.Placement, f planner.FollowUp, op Operation) []Operation {
	if f.Text == "" || d.in.Silent != "" {
		return nil
	}
	if rebuilt(p) {
		p = d.worded(p, f)
	}
	p.MissingAt = d.in.Now
	op.Type, op.Reason, op.Placement = Create, "writing it was begun and did not arrive", p
	op.Title = p.Wrote.Summary
	op.Draft = d.draft(p.UID, p.Wrote, p.Evidence, p.Sequence)
	return []Operation{op}
}

// vanished counts the listings without the entry, and believes the deletion, or
// that it was moved elsewhere, once it may.
func (d *differ) vanished(p ledger.Placement, op Operation) []Operation {
	if !d.missedTwice(p) {
		return d.missed(p, op)
	}
	if d.moved(p) {
		d.take(&p, &op, "the user moved it elsewhere: it is theirs now")
		op.Placement = p
		return []Operation{op}
	}
	if d.mass[p.UID] {
		return nil
	}
	d.say(&op, ledger.Decision{Type: ledger.DecideDismissed}, "the user deleted it")
	d.finish(&p, &op, planner.Dismissed, "you deleted it")
	op.Type, op.Placement = Dismiss, closed(p)
	return []Operation{op}
}

// missed notes the first listing without an entry.
func (d *differ) missed(p ledger.Placement, op Operation) []Operation {
	if !p.MissingAt.IsZero() {
		return nil
	}
	p.MissingAt = d.in.Now
	op.Type, op.Placement, op.Reason = Miss, p, "not in the calendar; looked for again in "+missingFor.String()
	return []Operation{op}
}

// missedTwice reports whether this is another listing without an entry, late enough
// after the first.
func (d *differ) missedTwice(p ledger.Placement) bool {
	return !p.MissingAt.IsZero() && !d.in.Now.Before(p.MissingAt.Add(missingFor))
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
			if !d.mayVanish(p) {
				total++
			}
		}
		if len(window) < massAtLeast || 2*len(window) <= total {
			continue
		}
		for _, p := range window {
			believed := !p.MissingAt.After(d.in.Vanished)
			if t := p.MissingAt.Add(massWait); d.mayVanish(p) && !believed && t.After(d.in.Now) {
				d.mass[p.UID] = true
				if t.After(until) {
					until = t
				}
			}
		}
		most = max(most, len(window))
	}
	if len(d.mass) > 0 {
		d.notices = append(d.notices, fmt.Sprintf("%d events vanished from the calendar within an hour; unless they come back they count as deleted from %s; syncd dismiss --missing believes it now",
			most, until.In(d.in.Zone).Format("2 January 15:04")))
	}
}

// vanishing returns the entries that are not in the calendar, oldest loss first,
// those whose deletion was believed already among them; and how many
// could have vanished, with what a purge removed of them meanwhile.
func (d *differ) vanishing() (gone []ledger.Placement, open int) {
	for _, p := range d.in.Placed {
		believed := p.Outcome == planner.Dismissed && !p.MissingAt.IsZero()
		switch {
		case d.mayVanish(p):
			open++
		case p.Purged() && d.in.Now.Before(p.EndedAt.Add(massWait)):
			open++
			continue
		case !believed:
			continue
		}
		if _, there := d.seen[p.UID]; there || d.skipped[p.Href] || d.moved(p) {
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

// mayVanish reports whether the user could delete this entry: the server held
// it and the follow-up is open, or a purge has yet to remove it.
func (d *differ) mayVanish(p ledger.Placement) bool {
	return (p.Open() || p.Purged() && !d.followed(p)) && (p.State == ledger.Placed || p.State == ledger.Rewriting)
}
