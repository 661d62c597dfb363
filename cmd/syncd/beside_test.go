package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// openEvents are the follow-ups that the ledger says are open.
func openEvents(t *testing.T, state string) (open []ledger.FollowUpRow) {
	t.Helper()
	l, err := ledger.OpenReader(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for r, err := range l.FollowUps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Open() {
			open = append(open, r)
		}
	}
	return open
}

// placement is what the ledger says of one.
func placement(t *testing.T, state, uid string) ledger.Placement {
	t.Helper()
	l, err := ledger.OpenReader(t.Context(), state)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	all, err := l.FindPlacements(t.Context(), uid)
	if err != nil || len(all) != 1 {
		t.Fatalf("placements of %s: %v, %v", uid, all, err)
	}
	return all[0]
}

// TestCommandsBesideADaemon has a daemon at work: it takes what commands write
// within seconds, and does a pass when sync asks for one.
func TestCommandsBesideADaemon(t *testing.T) {
	now := time.Now().UTC()
	p := newProcess(t, now)
	says := func(want string, args ...string) {
		t.Helper()
		if out, err := p.command(t, args...).CombinedOutput(); err != nil || !strings.Contains(string(out), want) {
			t.Errorf("syncd %q: %v, want %q in\n%s", args, err, want, out)
		}
	}
	says("in the calendar", "sync")
	open := openEvents(t, p.state)
	if len(open) == 0 {
		t.Fatal("no event to act on")
	}
	ready := systemd(t)
	p.start(t, "run")
	select {
	case <-ready:
	case <-time.After(time.Minute):
		t.Fatal("it never looked at the calendar")
	}

	uid := open[0].UID
	says("Done: ", "done", open[0].Key.Code())
	said := time.Now()
	p.waitFor(t, "calendar changed")
	t.Logf("done to gone from the calendar: %s", time.Since(said).Round(10*time.Millisecond))
	if got := placement(t, p.state, uid); got.State != ledger.Closed || got.Outcome != planner.Done {
		t.Errorf("the event is %s, ended as %q; want it closed and done", got.State, got.Outcome)
	}

	before := time.Now()
	says("in the calendar \"Follow-ups\"", "sync")
	t.Logf("sync beside the daemon took %s", time.Since(before).Round(10*time.Millisecond))
	l, err := ledger.OpenReader(t.Context(), p.state)
	if err != nil {
		t.Fatal(err)
	}
	n, err := l.Asked(t.Context())
	done, failed, err2 := l.Answered(t.Context(), n)
	if n != 1 || !done || len(failed) > 0 || err != nil || err2 != nil {
		t.Errorf("passes asked for: %d, answered %v with %q (%v, %v)", n, done, failed, err, err2)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	says("Paused: nothing is written until syncd resume.", "purge", "--yes")
	if open := openEvents(t, p.state); len(open) > 0 {
		t.Errorf("open after purge: %d", len(open))
	}
	if rest, _, err := p.stop(t); err != nil {
		t.Errorf("SIGTERM: %v %q", err, rest)
	}
}

// TestSyncBesideADeadDaemon asks a process that cannot answer, and does the pass
// itself once that has let go of the ledger.
func TestSyncBesideADeadDaemon(t *testing.T) {
	p := newProcess(t, time.Now().UTC())
	if out, err := p.command(t, "sync").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	hung, err := ledger.Open(t.Context(), ledger.Options{Dir: p.state, Me: storedMe(t, p)})
	if err != nil {
		t.Fatal(err)
	}
	cmd := p.command(t, "sync")
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, asked := context.WithTimeout(t.Context(), time.Minute)
	defer asked()
	if err := hung.Watch(ctx, 50*time.Millisecond, asked); err != nil {
		t.Fatal(err)
	}
	if err := hung.Close(); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil || !strings.Contains(out.String(), "in the calendar \"Follow-ups\"") {
		t.Errorf("sync: %v\n%s", err, out.String())
	}
	l, err := ledger.OpenReader(t.Context(), p.state)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if done, failed, err := l.Answered(t.Context(), 1); !done || len(failed) > 0 || err != nil {
		t.Errorf("the pass that was asked for is answered: %v, with %q, %v", done, failed, err)
	}
}

func storedMe(t *testing.T, p *process) ledger.Me {
	t.Helper()
	return ledger.Me{Name: p.stage.Config.Me.Name, Zone: time.UTC, Addresses: []string{string(p.stage.Config.Me.Addresses[0])}}
}

// TestPurge removes every event, and pauses.
func TestPurge(t *testing.T) {
	p := newProcess(t, time.Now().UTC())
	run := func(args ...string) string {
		t.Helper()
		out, err := p.command(t, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("syncd %q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	run("sync")
	all := openEvents(t, p.state)
	if len(all) == 0 {
		t.Fatal("no event to remove")
	}
	run("snooze", all[0].Key.Code(), "2w") // moving it makes it no less syncd's
	run("sync")
	n := len(openEvents(t, p.state))
	said := run("purge", "--yes")
	t.Log(said)
	want := fmt.Sprintf("Withdrawn: %s; %d removed from the calendar \"Follow-ups\".\nPaused: nothing is written until syncd resume.\n", count(n, "follow-up", "follow-ups"), n)
	if said != want {
		t.Errorf("purge says\n%s", said)
	}
	if open := openEvents(t, p.state); len(open) > 0 {
		t.Errorf("open after it: %d", len(open))
	}
	if said := run("sync"); !strings.Contains(said, "Paused: ") || !strings.Contains(said, "; 0 follow-ups in the calendar") {
		t.Errorf("sync says\n%s", said)
	}
	journal, err := os.ReadFile(filepath.Join(p.state, "journal.jsonl"))
	if err != nil || !strings.Contains(string(journal), `"id":"purge"`) {
		t.Errorf("journal: %v, want the withdrawal in\n%s", err, journal)
	}
}
