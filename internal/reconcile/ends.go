package reconcile

import (
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// occurrence is one time that a key is a follow-up: one UID. What ends one of
// them says nothing of the others.
type occurrence struct {
	key        planner.Key
	generation int
}

// endOf is the end that the plan gives a placement.
func (d *differ) endOf(p ledger.Placement) (planner.End, bool) {
	end, over := d.ends[occurrence{p.Key, p.Generation}]
	return end, over
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
