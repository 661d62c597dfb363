package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"syncd/internal/daemon"
	"syncd/internal/demo"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// TestMain makes the test binary the program itself where it is called syncd.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"syncd": main})
}

// TestScripts runs every script of testdata/script with syncd on the PATH and
// nothing of the surroundings' configuration.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", "")
			e.Setenv("XDG_STATE_HOME", "")
			e.Setenv("STATE_DIRECTORY", "")
			e.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "ledger": makeLedger, "keys": keys},
	})
}

// exits runs a program that has to end with an exit code: exits 2 syncd wibble.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [args...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("%s exits with %d, want %d", slices.Concat(args[1:]), got, want)
	}
}

// makeLedger puts a ledger into state and its configuration into config.toml:
// the demo's mailbox, after the last five business days before 14 May 2025. The
// servers are gone then. With "said", the user has said something of people; with "taken", one event is their own.
func makeLedger(ts *testscript.TestScript, _ bool, args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	ts.Defer(cancel)
	now := time.Date(2025, 5, 14, 19, 0, 0, 0, time.UTC)
	stage, err := demo.Start(ctx, demo.Options{Seed: 1, Now: now, Zone: "UTC"})
	ts.Check(err)
	ts.Check(writeConfig(ts.MkAbs("config.toml"), stage, stage.Config.Accounts[0].IMAP.Port))
	var clock time.Time
	d, err := daemon.Open(ctx, daemon.Options{
		Config: stage.Config, StateDir: ts.MkAbs("state"), Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return clock },
	})
	ts.Check(err)
	for _, clock = range demo.Passes(now) {
		ts.Check(stage.Advance(clock))
		ts.Check(d.Pass(ctx))
	}
	ts.Check(d.Ledger().Append(ctx, stranger(now)))
	ts.Check(d.Ledger().Append(ctx, businessCard(now)))
	if slices.Contains(args, "said") {
		ts.Check(d.Ledger().Decide(ctx, sayings(now)))
	}
	said := ledger.Decision{Type: ledger.DecideSnoozed, At: now, To: now.AddDate(0, 0, 3)}
	for r, err := range d.Ledger().FollowUps(ctx) {
		ts.Check(err)
		name := "ENDED"
		if r.Open() {
			name, said.UID = "OPEN", r.UID
		}
		ts.Setenv(name, r.Key.Code())
		ts.Setenv("WHO", string(r.Contact))
	}
	if slices.Contains(args, "taken") {
		said.Type = ledger.DecideTaken
	}
	ts.Check(d.Ledger().Decide(ctx, []ledger.Decision{said}))
	ts.Check(errors.Join(d.Close(), stage.Close()))
}

// stranger is a mail of somebody who is no contact.
func stranger(now time.Time) ledger.Batch {
	return ledger.Batch{
		Source: ledger.SourceID{Account: "demo", Type: ledger.Mailbox, Name: "Deleted"}, At: now,
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: 1, Lowest: 1, Complete: true},
		Mail: []ledger.Mail{{UID: 1, ID: "1@stranger.example", At: now.AddDate(0, 0, -2), Subject: "Hello", Delivered: true, People: []ledger.Participant{
			{Address: "sam@stranger.example", Name: "Sam Stranger", Role: ledger.RoleFrom}, {Address: demo.MyAddress, Role: ledger.RoleTo},
		}}},
	}
}

// businessCard is a card of somebody without an address.
func businessCard(now time.Time) ledger.Batch {
	return ledger.Batch{
		Source: ledger.SourceID{Account: "demo", Type: ledger.AddressBook, Name: "https://dav.example.com/cards/"}, At: now,
		Cursor: ledger.Cursor{SyncToken: "1", Complete: true},
		Cards: []ledger.Card{{
			Href: "/cards/1.vcf", ETag: `"1"`, UID: "card-1", Name: "Susan Hall", Nicknames: []string{"Suzie"}, Title: "Dentist", Groups: []string{"Health"},
			Birthday: planner.DayOf{Month: 5, Day: 12},
		}},
	}
}

// sayings are what a user said of Susan Hall.
func sayings(now time.Time) []ledger.Decision {
	const who, uid = "card-1", "syncd-abcdef-x7k2p9aaaaaaaaaa-1"
	day := func(n int) time.Time { return now.AddDate(0, 0, n-14) }
	return []ledger.Decision{
		{Type: ledger.DecideLogged, Kind: ledger.KindMeeting, Who: who, At: day(3), To: day(2), Text: "met in the waiting room"},
		{Type: ledger.DecideCircle, Who: who, At: day(4), Text: "network"},
		{Type: ledger.DecideNoted, UID: uid, Who: who, At: day(5), Text: "wants: a flat in Lisbon\npromise: the photos\ncircle: friends"},
		{Type: ledger.DecideMuted, UID: uid, Who: who, At: day(6)},
	}
}

// documented are the keys that stay (SPEC section 10).
var documented = map[string][]string{
	"contact": {
		"id", "name", "addresses", "circle", "stage", "state", "until", "reason", "internal", "out", "in", "met",
		"first_at", "last_out", "last_in", "last_met", "reported", "met_reported", "muted", "circle_by", "circle_unknown", "muted_by",
	},
	"interaction": {
		"id", "at", "kind", "direction", "direct", "weight", "addresses", "contacts", "subject", "thread", "evidence", "supersedes",
		"parent", "weak", "answered_by",
	},
	"follow-up": {
		"code", "rule", "contact", "name", "title", "due", "slot", "status", "held_because", "why", "evidence", "uid", "href",
		"written", "ended", "end_why", "ended_by",
	},
	"why": { // besides those of a follow-up
		"decisions", "other_rules", "texts",
	},
	"source": {
		"account", "type", "name", "id", "configured", "listed", "last_success", "lag_seconds", "error", "failing_since", "notices",
		"read", "total", "noise", "skipped", "reached", "complete",
		"sent_by",
	},
}

// keys holds every object on stdout, or in the list of that name there, to the
// documented keys: keys contact, keys interaction timeline.
func keys(ts *testscript.TestScript, _ bool, args []string) {
	want := documented[args[0]]
	n := 0
	for dec := json.NewDecoder(strings.NewReader(ts.ReadFile("stdout"))); ; {
		var doc map[string]json.RawMessage
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		ts.Check(err)
		all := []map[string]json.RawMessage{doc}
		if len(args) > 1 {
			ts.Check(json.Unmarshal(doc[args[1]], &all))
		}
		for _, o := range all {
			n++
			for _, k := range want {
				if _, ok := o[k]; !ok {
					ts.Fatalf("a %s without %s: %v", args[0], k, o)
				}
			}
			if e, ok := o["evidence"]; ok && args[0] == "interaction" {
				var evidence struct{ Type, ID, Account, Folder *string }
				ts.Check(json.Unmarshal(e, &evidence))
				if evidence.Type == nil || evidence.ID == nil || evidence.Account == nil || evidence.Folder == nil {
					ts.Fatalf("evidence %s lacks a key", e)
				}
			}
		}
	}
	if n == 0 {
		ts.Fatalf("no %s at all", args[0])
	}
	ts.Logf("%d of %s", n, args[0])
}

// TestFlatten takes joined errors apart, and no error that wraps two in a line.
func TestFlatten(t *testing.T) {
	two := fmt.Errorf("%w: %w", errors.New("refused"), io.EOF)
	var got []string
	for _, err := range daemon.Flatten(errors.Join(errors.Join(io.ErrUnexpectedEOF, two), io.ErrClosedPipe)) {
		got = append(got, err.Error())
	}
	want := []string{"unexpected EOF", "refused: EOF", "io: read/write on closed pipe"}
	if !slices.Equal(got, want) {
		t.Errorf("flatten = %q, want %q", got, want)
	}
}
