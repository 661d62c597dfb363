package ledger

import (
	"context"
	"fmt"
	"time"

	"syncd/internal/planner"
)

var qSilence = query(`SELECT type, to_at, at FROM decision WHERE type IN ('paused', 'resumed') AND at <= ? ORDER BY at DESC, seq DESC LIMIT 1`)

// silence is until when the user paused the writing, as said by cut; zero: they
// did not.
func silence(ctx context.Context, t *tx, cut time.Time) (time.Time, error) {
	var kind DecisionType
	var to, at stamp
	found, err := t.one(ctx, qSilence, []any{cut.Unix()}, &kind, &to, &at)
	switch {
	case err != nil || !found || kind == DecideResumed:
		return time.Time{}, err
	case to.IsZero():
		return planner.Forever, nil
	}
	return to.Time, nil
}

// Paused is until when the user paused the writing: zero if they did not,
// planner.Forever for good.
func (l *Ledger) Paused(ctx context.Context, now time.Time) (until time.Time, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		until, err = silence(ctx, t, forever)
		return err
	})
	if !until.After(now) {
		until = time.Time{}
	}
	return until, err
}

var qMissing = query(`SELECT max(at) FROM decision WHERE type = 'missing'`)

// Vanished is when the user last said that what had vanished from the calendar
// by then was deleted by them; zero if they never did.
func (l *Ledger) Vanished(ctx context.Context) (at time.Time, err error) {
	var last stamp
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		_, err := t.one(ctx, qMissing, nil, &last)
		return err
	})
	if err != nil {
		return at, fmt.Errorf("read decisions: %w", err)
	}
	return last.Time, nil
}
