package ledger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
)

// TestUnsettled leaves the summaries of a batch for later: a snapshot knows its
// people all the same, and a look-up by name does after Settle.
func TestUnsettled(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	err := l.Append(t.Context(), ledger.Batch{
		Source: sent, Sent: true, At: day(1), Unsettled: true,
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: 1, Lowest: 1, Complete: true},
		Mail:   []ledger.Mail{mail("a@x", day(0), "me@example.com > Ana_Lima=ana@example.org", "Hi?")},
	})
	if err != nil {
		t.Fatal(err)
	}
	before, err := l.Snapshot(t.Context(), day(2), time.Time{})
	if err != nil || len(before.Contacts) != 1 || before.Contacts[0].Name != "Ana Lima" {
		t.Fatalf("Snapshot() = %+v, %v, want Ana Lima", before.Contacts, err)
	}
	if d, err := l.Contact(t.Context(), "Ana Lima"); err == nil {
		t.Errorf("Contact() = %+v before Settle: the summary was worked out already", d)
	}
	if err := l.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if d, err := l.Contact(t.Context(), "Ana Lima"); err != nil || d.Out != 1 {
		t.Errorf("Contact() = %+v, %v after Settle", d, err)
	}
	after, err := l.Snapshot(t.Context(), day(2), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("Snapshot() mismatch (-before Settle +after):\n%s", diff)
	}
}
