package daemon

import (
	"errors"
	"slices"
	"testing"

	"syncd/internal/ledger"
)

// TestAhead has the batches in their order and the error behind them, and the
// source at rest when the loop ends before it.
func TestAhead(t *testing.T) {
	lost := errors.New("lost")
	var given, atRest int
	source := func(yield func(ledger.Batch, error) bool) {
		defer func() { atRest++ }()
		for n := range uint32(5) {
			if given++; !yield(ledger.Batch{Total: n}, nil) {
				return
			}
		}
		yield(ledger.Batch{}, lost)
	}
	var got []uint32
	var failed error
	for b, err := range ahead(source) {
		if err != nil {
			failed = err
			continue
		}
		got = append(got, b.Total)
	}
	if want := []uint32{0, 1, 2, 3, 4}; !slices.Equal(got, want) || !errors.Is(failed, lost) || atRest != 1 {
		t.Errorf("got %v, %v, at rest %d times; want %v, %v, once", got, failed, atRest, want, lost)
	}
	given = 0
	for b := range ahead(source) {
		if b.Total == 1 {
			break
		}
	}
	if given > 3 || atRest != 2 {
		t.Errorf("after two batches %d were read and the source is at rest %d times, want at most 3 and twice", given, atRest)
	}
}
