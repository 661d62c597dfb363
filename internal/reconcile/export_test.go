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
