package ledger_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// failer is a *testing.T or a *rapid.T.
type failer interface {
	Helper()
	Context() context.Context
	Fatal(args ...any)
}

// looking gives what Hindsight shows at some moments, in their order, with the
// placements that the ledger had at the first.
func looking(t failer, l *ledger.Ledger, moments []time.Time) (out []planner.Snapshot) {
	t.Helper()
	err := l.Hindsight(t.Context(), func(ctx context.Context, h *ledger.Hindsight) error {
		placed, err := h.Placements(ctx, moments[0])
		if err != nil {
			return err
		}
		for _, at := range moments {
			s, err := h.Snapshot(ctx, at, placed)
			if err != nil {
				return err
			}
			out = append(out, s)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestHindsightIsSnapshot looks at one moment after another, and sees at each what
// a snapshot shows that was worked out for it alone: what is kept between moments
// holds.
func TestHindsightIsSnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batches := world(t)
		l := freshLedger(t, nil)
		feedWith(t, l, slices.Concat(batches, []ledger.Batch{allRead}), texts(t, batches))
		var moments []time.Time
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 4*130), 1, 8).Draw(t, "moments") {
			moments = append(moments, day(float64(n)/4))
		}
		slices.SortFunc(moments, time.Time.Compare)
		for i, got := range looking(t, l, moments) {
			want, err := l.Snapshot(t.Context(), moments[i], moments[i])
			if err != nil {
				t.Fatal(err)
			}
			// Until may be that of somebody who is known only later.
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(planner.Snapshot{}, "Until"), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("at %s mismatch (-alone +in turn):\n%s", moments[i], diff)
			}
		}
	})
}

// TestPlacementsAsTheyWere takes back what came after a moment.
func TestPlacementsAsTheyWere(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	slot := day(2)
	put := func(uid string, at time.Time) {
		p := ledger.Placement{
			UID: uid, Key: planner.Key{Rule: planner.ReplyOwed, Evidence: uid, Who: "ana@example.org"}, Generation: 1,
			State: ledger.Placed, Slot: slot, CreatedAt: at,
			Wrote: ledger.Shape{Start: slot, End: slot.Add(time.Hour), Summary: "Reply to Ana"},
		}
		p.Seen = p.Wrote
		if err := l.Intend(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	put("a", day(1))
	put("b", day(1.5))
	put("later", day(7))
	said := []ledger.Decision{
		{Type: ledger.DecideSnoozed, UID: "a", At: day(3), To: day(9)},
		{Type: ledger.DecideSnoozed, UID: "a", At: day(5), To: day(12)},
		{Type: ledger.DecideEdited, UID: "a", At: day(5), Text: "Ana!"},
		{Type: ledger.DecideDismissed, UID: "b", At: day(6)},
		{Type: ledger.DecideUndone, UID: "b", At: day(6.5)},
	}
	if err := l.Decide(t.Context(), said); err != nil {
		t.Fatal(err)
	}
	if got, err := l.Decisions(t.Context(), "b"); err != nil || !cmp.Equal(got, said[3:]) {
		t.Errorf("Decisions() = %+v, %v, want %+v", got, err, said[3:])
	}
	type stands struct {
		UID, Title string
		Start      time.Time
		Theirs     ledger.Field
		Outcome    planner.Outcome
	}
	for _, c := range []struct {
		at   time.Time
		want []stands
	}{
		{day(0), nil},
		{day(2), []stands{{"a", "Reply to Ana", slot, 0, ""}, {"b", "Reply to Ana", slot, 0, ""}}},
		{day(4), []stands{{"a", "Reply to Ana", day(9), ledger.FieldTime, ""}, {"b", "Reply to Ana", slot, 0, ""}}},
		{day(6), []stands{
			{"a", "Ana!", day(12), ledger.FieldTime | ledger.FieldSummary, ""},
			{"b", "Reply to Ana", slot, 0, planner.Dismissed},
		}},
		{day(6.9), []stands{
			{"a", "Ana!", day(12), ledger.FieldTime | ledger.FieldSummary, ""},
			{"b", "Reply to Ana", slot, 0, ""},
		}},
	} {
		var got []stands
		err := l.Hindsight(t.Context(), func(ctx context.Context, h *ledger.Hindsight) error {
			all, err := h.Placements(ctx, c.at)
			for _, p := range all {
				got = append(got, stands{p.UID, p.Seen.Summary, p.Seen.Start, p.Theirs, p.Outcome})
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Placements(%s) mismatch (-want +got):\n%s", c.at.Format(time.DateOnly), diff)
		}
	}
}

// TestSnapshotAsItWas looks back with Snapshot at entries: what the user said of
// them later is not known yet.
func TestSnapshotAsItWas(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	names := map[string]string{}
	for _, id := range []string{"undone", "moved", "asked", "taken"} {
		p := placement(l, id)
		p.State, p.Seen, names[p.UID] = ledger.Placed, p.Wrote, id
		if err := l.Intend(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if id == "moved" { // by a command, before this is written anew
			decide(t, l, ledger.Decision{Type: ledger.DecideMove, UID: p.UID, At: day(3), To: day(9)})
			p.Theirs, p.Wrote.Start, p.Wrote.End = ledger.FieldTime, day(9), day(9).Add(15*time.Minute)
			p.Seen = p.Wrote
			if err := l.Confirm(t.Context(), p); err != nil {
				t.Fatal(err)
			}
		}
		switch id {
		case "undone":
			decide(t, l, ledger.Decision{Type: ledger.DecideDismissed, UID: p.UID, At: day(3)})
			decide(t, l, ledger.Decision{Type: ledger.DecideUndone, UID: p.UID, At: day(6)})
		case "asked":
			decide(t, l, ledger.Decision{Type: ledger.DecideMove, UID: p.UID, At: day(3), To: day(9)})
			decide(t, l, ledger.Decision{Type: ledger.DecideNoted, UID: p.UID, At: day(6), Text: "ask Bob"})
		case "taken":
			decide(t, l, ledger.Decision{Type: ledger.DecideSnoozed, UID: p.UID, At: day(3), To: day(8)})
			decide(t, l, ledger.Decision{Type: ledger.DecideTaken, UID: p.UID, At: day(6)})
		}
	}
	type stands struct {
		Start          time.Time
		Touched, Taken bool
	}
	for _, c := range []struct {
		at    float64
		open  map[string]stands
		ended int
	}{
		{2, map[string]stands{"undone": {day(1), false, false}, "moved": {day(1), false, false}, "asked": {day(1), false, false}, "taken": {day(1), false, false}}, 0},
		{4, map[string]stands{"moved": {day(9), true, false}, "asked": {day(9), true, false}, "taken": {day(8), true, false}}, 1},
		{7, map[string]stands{"undone": {day(1), false, false}, "moved": {day(9), true, false}, "asked": {day(9), true, false}, "taken": {day(8), true, true}}, 0},
	} {
		s, err := l.Snapshot(t.Context(), day(c.at), day(c.at))
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]stands{}
		for _, o := range s.Open {
			got[names[o.UID]] = stands{o.Start, o.Touched, o.Taken}
		}
		if diff := cmp.Diff(c.open, got); diff != "" || len(s.Ended) != c.ended {
			t.Errorf("on day %g %d have ended, want %d; open mismatch (-want +got):\n%s", c.at, len(s.Ended), c.ended, diff)
		}
	}
	err := l.Hindsight(t.Context(), func(ctx context.Context, h *ledger.Hindsight) error {
		for at, want := range map[float64]ledger.Placement{2: {}, 4: {MoveTo: day(9)}, 7: {MoveTo: day(9), Noted: "ask Bob"}} {
			all, err := h.Placements(ctx, day(at))
			if err != nil {
				return err
			}
			for _, p := range all {
				if names[p.UID] == "asked" && (!p.MoveTo.Equal(want.MoveTo) || p.Noted != want.Noted) {
					t.Errorf("on day %g MoveTo = %s, Noted = %q, want %s, %q", at, p.MoveTo, p.Noted, want.MoveTo, want.Noted)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestFateIsHidden looks back from before a mailbox said that a mail was answered.
func TestFateIsHidden(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("old@x", day(0), "me@example.com > ana@example.org", "Hello"))
	appendMail(t, l, inbox, mail("asks@x", day(1), "ana@example.org > me@example.com", "The plan"))
	if err := l.SetFate(t.Context(), "asks@x", ledger.Answered, day(3)); err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"asks@x"}, nil} {
		s := looking(t, l, []time.Time{day(2), day(4)})[i]
		if got := turnIDs(s.Contacts[0].Unanswered); !slices.Equal(got, want) {
			t.Errorf("on day %d Unanswered = %v, want %v", 2+2*i, got, want)
		}
	}
}
