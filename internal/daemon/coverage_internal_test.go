package daemon

import (
	"testing"
	"time"

	"syncd/internal/config"
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

// What was begun and is not listed any more, or belongs to an account that left,
// is not waited for.
func TestWhole(t *testing.T) {
	cfg := &config.Config{Accounts: []config.Account{{Name: "a", IMAP: &config.IMAP{}}}}
	row := func(account, name string, listed, complete bool) ledger.SourceHealth {
		return ledger.SourceHealth{Source: ledger.SourceID{Account: account, Type: ledger.Mailbox, Name: name}, Listed: listed, Complete: complete}
	}
	asked, inbox := row("a", "", true, false), row("a", "INBOX", true, true)
	for _, test := range []struct {
		name   string
		health []ledger.SourceHealth
		want   bool
	}{
		{"nothing", nil, false},
		{"all in", []ledger.SourceHealth{asked, inbox}, true},
		{"one to come", []ledger.SourceHealth{asked, inbox, row("a", "Old", true, false)}, false},
		{"one left out half read", []ledger.SourceHealth{asked, inbox, row("a", "Old", false, false)}, true},
		{"no listing yet, half read", []ledger.SourceHealth{row("a", "INBOX", false, true), row("a", "Old", false, false)}, false},
		{"no listing yet, all in", []ledger.SourceHealth{row("a", "INBOX", false, true)}, true},
		{"an account that left", []ledger.SourceHealth{asked, inbox, row("b", "", true, false), row("b", "INBOX", true, false)}, true},
		{"nothing but an account that left", []ledger.SourceHealth{row("b", "", true, false), row("b", "INBOX", true, true)}, false},
	} {
		if got := whole(cfg, test.health); got != test.want {
			t.Errorf("%s: whole = %v, want %v", test.name, got, test.want)
		}
	}
}
