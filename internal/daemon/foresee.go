package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"

	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// Foreseen is a follow-up as a calendar would hold it that nobody touches.
type Foreseen struct {
	planner.FollowUp        // as it was last planned
	Wrote            string // its text as it was written first
	UID              string
	WrittenAt        time.Time
	Before           bool         // it was in the calendar when the span began
	End              *planner.End // nil while it is open
	EndedAt          time.Time
}

// Foresight is what a span of time comes to.
type Foresight struct {
	FollowUps []Foreseen     // in the order they were written
	Last      planner.Result // the plan of the last moment
}

// Moments are the passes of some days, in order: early enough for the first slot,
// at noon, in the afternoon in time for what is due the same day, and in the
// evening, when the next day is filled.
func Moments(p planner.Policy, from time.Time, days int) []time.Time {
	hours := []time.Duration{p.WorkFrom - 30*time.Minute, 12 * time.Hour, 15 * time.Hour, p.Evening}
	var all []time.Time
	y, m, d := from.In(p.Zone).Date()
	for n := range days {
		for _, h := range hours {
			all = append(all, time.Date(y, m, d+n, 0, int(h.Minutes()), 0, 0, p.Zone))
		}
	}
	return all
}

// Foresee plans at one moment after another, each time from what the ledger
// could know then, and carries forward what it would have written. The span is
// that of moments; lead are the passes before it, of which is kept what the span
// begins with. What the ledger has of the calendar counts up to the first moment
// of all; nobody touches an event after it. Where no first run was complete by
// then, one is with that moment.
func Foresee(ctx context.Context, l *ledger.Ledger, cfg *config.Config, lead, moments []time.Time) (Foresight, error) {
	health, err := l.Health(ctx)
	if err != nil || len(moments) == 0 {
		return Foresight{}, err
	}
	all := slices.Concat(lead, moments)
	f := foreseer{cfg: cfg, health: health, instance: l.Instance(), began: all[0]}
	err = l.Hindsight(ctx, func(ctx context.Context, h *ledger.Hindsight) error {
		if f.placed, err = h.Placements(ctx, f.began); err != nil {
			return err
		}
		f.had = len(f.placed)
		for _, p := range f.placed {
			f.seen = append(f.seen, Foreseen{UID: p.UID, WrittenAt: p.CreatedAt})
		}
		for _, now := range all {
			if err := f.pass(ctx, h, now); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return Foresight{}, fmt.Errorf("plan ahead: %w", err)
	}
	return f.result(moments[0]), nil
}

// foreseer is a daemon whose calendar does as it is told.
type foreseer struct {
	cfg      *config.Config
	health   []ledger.SourceHealth
	instance string
	began    time.Time
	placed   []ledger.Placement
	had      int        // how many there were when it began
	seen     []Foreseen // of each placement
	last     planner.Result
}

// pass is what the daemon does at a moment, in as many rounds.
func (f *foreseer) pass(ctx context.Context, h *ledger.Hindsight, now time.Time) error {
	for range rounds {
		snap, err := h.Snapshot(ctx, now, f.placed)
		if err != nil {
			return err
		}
		if snap.FirstRunAt.IsZero() || snap.FirstRunAt.After(f.began) {
			snap.FirstRunAt = f.began
		}
		f.last = Plan(snap, f.cfg, f.health, now)
		if !f.agree(now) {
			return nil
		}
	}
	return nil
}

// agree does in the calendar what was planned, and reports whether that could
// change the plan.
func (f *foreseer) agree(now time.Time) (changed bool) {
	for _, h := range f.last.Held {
		if i := f.open(h.Key); h.End != nil && i >= 0 {
			f.end(i, h, now)
			changed = true
		}
	}
	for _, x := range f.last.FollowUps {
		i := f.open(x.Key)
		switch {
		case i >= 0 && x.Status == planner.StatusOpen:
			if x.Text != "" { // a rewrite; what is not known stays as it is
				f.placed[i].Evidence = x.Evidence
			}
			f.seen[i].FollowUp = x
		case i < 0 && x.Status == planner.StatusWrite:
			changed = f.write(x, now) || changed
		}
	}
	return changed
}

// open is where the open placement of a key stands, -1 if there is none.
func (f *foreseer) open(k planner.Key) int {
	for i, p := range f.placed {
		if p.Key == k && p.Open() {
			return i
		}
	}
	return -1
}

func (f *foreseer) end(i int, h planner.Held, now time.Time) {
	p, x := &f.placed[i], &f.seen[i]
	p.Outcome, p.EndedAt, p.EndedBy, p.EndWhy, p.State = h.End.Outcome, now, h.End.Evidence, h.End.Why, ledger.Closed
	x.End, x.EndedAt = h.End, now
	if x.Rule == "" { // it was never planned here
		x.FollowUp = h.FollowUp
	}
}

// write puts a new entry into the calendar, unless its UID was used before.
func (f *foreseer) write(x planner.FollowUp, now time.Time) bool {
	uid := planner.UID(f.instance, x.Key, x.Generation)
	for _, p := range f.placed {
		if p.UID == uid {
			return false
		}
	}
	s := ledger.Shape{Start: x.Slot, End: x.Slot, Summary: x.Title, AllDay: f.cfg.Followups.AllDay}
	if s.AllDay {
		y, m, d := x.Slot.In(f.cfg.Me.Zone).Date()
		s.Start = time.Date(y, m, d, 0, 0, 0, 0, f.cfg.Me.Zone)
	}
	f.placed = append(f.placed, ledger.Placement{
		UID: uid, Key: x.Key, Generation: x.Generation, State: ledger.Placed, Due: x.Due, Slot: x.Slot, CreatedAt: now,
		Wrote: s, Seen: s, Evidence: x.Evidence,
	})
	f.seen = append(f.seen, Foreseen{FollowUp: x, Wrote: x.Text, UID: uid, WrittenAt: now})
	return true
}

// result leaves out what was over before the span began.
func (f *foreseer) result(began time.Time) Foresight {
	out := Foresight{Last: f.last}
	for i, x := range f.seen {
		if x.Rule != "" && (x.End == nil || !x.EndedAt.Before(began)) {
			x.Before = i < f.had || x.WrittenAt.Before(began)
			out.FollowUps = append(out.FollowUps, x)
		}
	}
	return out
}
