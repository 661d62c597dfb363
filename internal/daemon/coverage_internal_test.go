package daemon

import (
	"testing"
	"time"

	"syncd/internal/ledger"
)

func TestSideOf(t *testing.T) {
	now := time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)
	old := now.AddDate(0, -24, 0).Add(-time.Hour)
	connection := ledger.SourceHealth{Source: ledger.SourceID{Account: "a", Type: ledger.Mailbox}, Listed: true}
	box := func(name string, listed bool, reached time.Time, complete bool) ledger.SourceHealth {
		return ledger.SourceHealth{
			Source: ledger.SourceID{Account: "a", Type: ledger.Mailbox, Name: name},
			Listed: listed, Reached: reached, Complete: complete,
		}
	}
	for _, test := range []struct {
		name   string
		health []ledger.SourceHealth
		whole  bool
	}{
		{"never asked", nil, false},
		{"no listing yet", []ledger.SourceHealth{{Source: connection.Source}, box("INBOX", false, old, true)}, false},
		{"listed, nothing read", []ledger.SourceHealth{connection, box("INBOX", true, time.Time{}, false)}, false},
		{"a listing without a mailbox", []ledger.SourceHealth{connection}, false},
		{"a listing that lost its mailboxes", []ledger.SourceHealth{connection, box("INBOX", false, old, true)}, false},
		{"INBOX in, Sent not begun", []ledger.SourceHealth{connection, box("INBOX", true, old, true), box("Sent", true, time.Time{}, false)}, false},
		{"half read", []ledger.SourceHealth{connection, box("INBOX", true, now.AddDate(0, -6, 0), false)}, false},
		{"not yet back to the horizon", []ledger.SourceHealth{connection, box("INBOX", true, now.Add(-720*24*time.Hour), false)}, false},
		{"back to the horizon", []ledger.SourceHealth{connection, box("INBOX", true, old, false)}, true},
		{"short and complete", []ledger.SourceHealth{connection, box("INBOX", true, now, true)}, true},
		{"deleted half read", []ledger.SourceHealth{connection, box("INBOX", true, now, true), box("Gone", false, now, false)}, true},
	} {
		got := sideOf(test.health, connection.Source, now)
		if got.whole != test.whole {
			t.Errorf("%s: whole = %v, want %v", test.name, got.whole, test.whole)
		}
	}
	calendars := ledger.SourceHealth{Source: ledger.SourceID{Account: "a", Type: ledger.Calendar}, Listed: true}
	if x := sideOf([]ledger.SourceHealth{calendars}, calendars.Source, now); !x.whole {
		t.Error("an account whose only calendar is that of the follow-ups is not whole")
	}
	failing := connection
	failing.Error, failing.FailingSince = "no answer", now.Add(-patience)
	if x := sideOf([]ledger.SourceHealth{failing}, connection.Source, now); !x.silent(now) || x.silent(now.Add(-time.Minute)) {
		t.Error("silent is not after an hour")
	}
}
