package daemon_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/daemon"
	"syncd/internal/demo"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// fate is what became of an entry.
type entryFate struct {
	UID, Title  string
	Slot        time.Time
	Written     time.Time
	Outcome     planner.Outcome
	Ended       time.Time
	Why         string
	EndEvidence string
}

// lived runs a daemon day by day on a mailbox that grows, and gives what became
// of its entries and the ledger that is left.
func lived(t *testing.T, seed uint64, moments []time.Time) (*demo.Stage, *daemon.Daemon, []entryFate) {
	t.Helper()
	s, err := demo.Start(t.Context(), demo.Options{Seed: seed, Now: now, Zone: "UTC"})
	if err != nil {
		t.Fatal(err)
	}
	var clock time.Time
	d, err := daemon.Open(t.Context(), daemon.Options{
		Config: s.Config, StateDir: s.StateDir, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range []interface{ Close() error }{d, s} {
			if err := c.Close(); err != nil {
				t.Error(err)
			}
		}
	})
	for _, clock = range moments {
		if err := s.Advance(clock); err != nil {
			t.Fatal(err)
		}
		if err := d.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Advance(now); err != nil { // what comes later is in the ledger too
		t.Fatal(err)
	}
	if err := d.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, d, kept(t.Context(), t, d.Ledger())
}

func kept(ctx context.Context, t *testing.T, l *ledger.Ledger) (out []entryFate) {
	t.Helper()
	for p, err := range l.FollowUps(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		title := strings.TrimPrefix(p.Title(), "✓ ") // what a follow-up that was acted on late bears
		out = append(out, entryFate{p.UID, title, p.Slot, p.CreatedAt, p.Outcome, p.EndedAt, p.EndWhy, p.EndedBy.ID})
	}
	return out
}

func foreseen(t *testing.T, f daemon.Foresight) (out []entryFate) {
	t.Helper()
	for _, x := range f.FollowUps {
		e := entryFate{UID: x.UID, Title: x.Title, Slot: x.Slot, Written: x.WrittenAt, Ended: x.EndedAt}
		if x.End != nil {
			e.Outcome, e.Why, e.EndEvidence = x.End.Outcome, x.End.Why, x.End.Evidence.ID
		}
		out = append(out, e)
	}
	return out
}

// byUID makes the order of entries that were written at one moment the same.
func byUID(all []entryFate) map[string]entryFate {
	m := map[string]entryFate{}
	for _, e := range all {
		e.Slot, e.Written = e.Slot.UTC(), e.Written.UTC()
		m[e.UID] = e
	}
	return m
}

// TestForeseeIsWhatADaemonDoes plans weeks ahead from a ledger that holds all mail
// up to their end and beyond, and compares with a daemon that lived through them
// and knew nothing of what was to come.
func TestForeseeIsWhatADaemonDoes(t *testing.T) {
	for seed := range uint64(4) {
		from := now.AddDate(0, 0, -40)
		moments := daemon.Moments(planner.Policy{Zone: time.UTC, WorkFrom: 9 * time.Hour, Evening: 18 * time.Hour}, from, 35)
		s, d, want := lived(t, seed, moments)
		got, err := daemon.Foresee(t.Context(), d.Ledger(), s.Config, nil, moments)
		if err != nil {
			t.Fatal(err)
		}
		if len(want) < 5 {
			t.Errorf("seed %d: the daemon wrote %d entries, too few to compare", seed, len(want))
		}
		if diff := cmp.Diff(byUID(want), byUID(foreseen(t, got))); diff != "" {
			t.Errorf("seed %d: Foresee() mismatch (-daemon +foreseen):\n%s", seed, diff)
		}
		// From a day in between, what the calendar held then goes on.
		got, err = daemon.Foresee(t.Context(), d.Ledger(), s.Config, nil, moments[40:])
		if err != nil {
			t.Fatal(err)
		}
		began, all := moments[40], byUID(want)
		for uid, e := range all {
			if !e.Ended.IsZero() && e.Ended.Before(began) {
				delete(all, uid)
			}
		}
		if diff := cmp.Diff(all, byUID(foreseen(t, got))); diff != "" {
			t.Errorf("seed %d: Foresee() from %s mismatch (-daemon +foreseen):\n%s", seed, began, diff)
		}
		// So does what would have been written in the days before.
		got, err = daemon.Foresee(t.Context(), d.Ledger(), s.Config, moments[:40], moments[40:])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all, byUID(foreseen(t, got))); diff != "" {
			t.Errorf("seed %d: Foresee() with the days before %s mismatch (-daemon +foreseen):\n%s", seed, began, diff)
		}
		for _, x := range got.FollowUps {
			if x.Before != x.WrittenAt.Before(began) {
				t.Errorf("seed %d: %s was written at %s, Before = %t", seed, x.Title, x.WrittenAt, x.Before)
			}
		}
	}
}
