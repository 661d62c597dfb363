package reconcile

import "syncd/internal/ledger"

// Decisions are what the user said, over all operations.
func (d Delta) Decisions() []ledger.Decision {
	var all []ledger.Decision
	for _, op := range d.Operations {
		all = append(all, op.Decisions...)
	}
	return all
}

// Notes are the lines of a description that syncd did not write.
func Notes(p ledger.Placement, description string) string {
	return readNotes(p, description).notes
}
