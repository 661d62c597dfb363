package reconcile

import (
	"bytes"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// occurrence is one time that a key is a follow-up: one UID. What ends one of
// them says nothing of the others.
type occurrence struct {
	key        planner.Key
	generation int
}

// endOf is the end that the plan gives a placement. One that has yet to be moved
// was not left alone, whatever a plan of before says.
func (d *differ) endOf(p ledger.Placement) (planner.End, bool) {
	end, over := d.ends[occurrence{p.Key, p.Generation}]
	if end.Outcome == planner.Expired && p.MoveTo.After(d.in.Now) {
		return planner.End{}, false
	}
	return end, over
}

// toMove reports whether the user asked for an entry to be moved to a time that
// is still to come. Once that has passed the entry stays where it lies; MoveTo
// remains, since expiry counts from it.
func (d *differ) toMove(p ledger.Placement, s ledger.Shape) bool {
	return !p.MoveTo.IsZero() && !rebuilt(p) && (d.arrived(p, s) || !past(d.target(s, p.MoveTo), d.in.Now))
}

// lingers reports whether a follow-up has ended and what becomes of its entry is
// not settled: no other is written in its place before that.
func lingers(p ledger.Placement) bool {
	return !p.Open() && p.State != ledger.Closed && p.State != ledger.TakenOver
}

// superseded reports whether another generation of a follow-up stands in the
// place of this one: it is open, or is a later one and in the calendar.
func (d *differ) superseded(p ledger.Placement) bool {
	for _, other := range d.placed {
		if other.UID == p.UID || other.Key != p.Key {
			continue
		}
		if _, there := d.seen[other.UID]; other.Open() || there && other.Generation > p.Generation {
			return true
		}
	}
	return false
}

// ofSyncd reports whether an entry with a UID of syncd's form is of some syncd.
// Anybody who may write to a shared calendar, or invite its owner, can make up a
// UID; ours bear the marker or X-SYNCD, and invite nobody.
func ofSyncd(e caldav.Entry) bool {
	has := func(name string) bool { return bytes.Contains(e.Raw, []byte("\n"+name)) }
	return (e.Marked || has("X-SYNCD:")) && !has("ORGANIZER")
}
