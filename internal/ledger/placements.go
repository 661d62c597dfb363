package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"syncd/internal/planner"
)

// closedSpan is how long Placements remembers what ended.
const closedSpan = 60 * 24 * time.Hour

const placementColumns = `uid, key, generation, state, href, etag, due_at, slot_at, created_at, sequence, wrote, seen, theirs,
	because, evidence, missing_at, earlier, ended_at, outcome, ended_by, end_why, move_to, noted`

// readPlacement is all of a placement: what is stored, and what follows from the
// decisions.
const readPlacement = `SELECT ` + placementColumns + `,
	EXISTS (SELECT 1 FROM decision AS d WHERE d.uid = placement.uid AND d.kind = 'command' AND d.at = placement.ended_at)
	FROM placement `

var (
	qAllPlacements    = query(readPlacement + `ORDER BY created_at, uid`)
	qRecentPlacements = query(readPlacement + `WHERE outcome = '' OR state <> 'closed' OR ended_at >= ? ORDER BY created_at, uid`)
	qPlacementsByHash = query(readPlacement + `WHERE hash >= ? AND hash < ? ORDER BY created_at, uid`)
	qPlacementsByUID  = query(readPlacement + `WHERE uid >= ? AND uid < ? ORDER BY created_at, uid`)
	qPlacement        = query(readPlacement + `WHERE uid = ?`)
	qNewestEnd        = query(`SELECT max(ended_at) FROM placement`)
)

// Placements gives the entries that are open, those not yet gone from the
// calendar, and those that ended in the last 60 days before the newest thing
// the ledger knows of.
func (l *Ledger) Placements(ctx context.Context) (out []Placement, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		now, err := getMetaTime(ctx, t, metaClock)
		if err != nil {
			return err
		}
		var ended stamp
		if _, err := t.one(ctx, qNewestEnd, nil, &ended); err != nil {
			return err
		}
		if ended.After(now) {
			now = ended.Time
		}
		out, err = placements(ctx, t, qRecentPlacements, now.Add(-closedSpan).Unix())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read placements: %w", err)
	}
	return out, nil
}

// FindPlacements gives the entries, old ones included, whose code or UID begins
// with prefix.
func (l *Ledger) FindPlacements(ctx context.Context, prefix string) (out []Placement, err error) {
	prefix = strings.ToLower(strings.TrimSpace(prefix))
	if prefix == "" {
		return nil, nil
	}
	q := qPlacementsByHash
	if strings.HasPrefix(prefix, ownPrefix) {
		q = qPlacementsByUID
	}
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		out, err = placements(ctx, t, q, prefix, prefix+"\U0010ffff")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find placement: %w", err)
	}
	return out, nil
}

func placements(ctx context.Context, t *tx, q string, args ...any) ([]Placement, error) {
	var out []Placement
	err := t.each(ctx, q, args, func(scan func(...any) error) error {
		p, err := scanPlacement(scan)
		out = append(out, p)
		return err
	})
	return out, err
}

func scanPlacement(scan func(...any) error) (Placement, error) {
	var p Placement
	var key string
	var due, slot, created, missing, ended, move stamp
	var wrote, seen, because, evidence, earlier, by []byte
	err := scan(&p.UID, &key, &p.Generation, &p.State, &p.Href, &p.ETag, &due, &slot, &created, &p.Sequence, &wrote, &seen,
		&p.Theirs, &because, &evidence, &missing, &earlier, &ended, &p.Outcome, &by, &p.EndWhy, &move, &p.Noted, &p.Commanded)
	if err != nil {
		return p, err
	}
	if p.Key, err = planner.ParseKey(key); err != nil {
		return p, err
	}
	p.Due, p.Slot, p.CreatedAt, p.MissingAt, p.EndedAt = due.Time, slot.Time, created.Time, missing.Time, ended.Time
	p.MoveTo = move.Time
	for _, f := range []struct {
		text []byte
		to   any
	}{{wrote, &p.Wrote}, {seen, &p.Seen}, {because, &p.Because}, {evidence, &p.Evidence}, {earlier, &p.Earlier}, {by, &p.EndedBy}} {
		if err := json.Unmarshal(f.text, f.to); err != nil {
			return p, fmt.Errorf("placement %s: %w", p.UID, err)
		}
	}
	return p, nil
}

// ErrPaused says that the user paused the writing: nothing new may be written.
var ErrPaused = errors.New("the writing is paused")

// Intend notes a request to the calendar before it is sent. The UID of a new
// entry is in the journal before the ledger has it. It returns ErrPaused for a
// new entry where the user paused the writing since it was planned: what comes
// before a pause in the ledger a purge ends, and nothing comes after.
func (l *Ledger) Intend(ctx context.Context, p Placement) error {
	rested := func(ctx context.Context, t *tx) error {
		if p.State != Intended {
			return nil
		}
		until, err := silence(ctx, t, forever)
		if err == nil && until.After(p.AskedAt()) {
			err = ErrPaused
		}
		return err
	}
	if err := l.savePlacement(ctx, p, rested); err != nil {
		return fmt.Errorf("note intent: %w", err)
	}
	return nil
}

// Confirm notes what the calendar answered, or what was seen there: that an
// entry was missing (MissingAt), or is there again (zero).
// A placement that ended stays so, whatever p says; its first outcome is the
// one that counts.
func (l *Ledger) Confirm(ctx context.Context, p Placement) error {
	free := func(context.Context, *tx) error { return nil }
	if err := l.savePlacement(ctx, p, free); err != nil {
		return fmt.Errorf("note answer: %w", err)
	}
	return nil
}

var qPutPlacement = query(`INSERT INTO placement (` + placementColumns + `, hash)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO UPDATE SET state = excluded.state, href = excluded.href, etag = excluded.etag, due_at = excluded.due_at, slot_at = excluded.slot_at,
		created_at = excluded.created_at, sequence = excluded.sequence, wrote = excluded.wrote, seen = excluded.seen,
		theirs = excluded.theirs, because = excluded.because, evidence = excluded.evidence, missing_at = excluded.missing_at,
		earlier = excluded.earlier, move_to = excluded.move_to, noted = excluded.noted,
		ended_at = CASE WHEN outcome = '' THEN excluded.ended_at ELSE ended_at END,
		ended_by = CASE WHEN outcome = '' THEN excluded.ended_by ELSE ended_by END,
		end_why = CASE WHEN outcome = '' THEN excluded.end_why ELSE end_why END,
		outcome = CASE WHEN outcome = '' THEN excluded.outcome ELSE outcome END`)

// savePlacement keeps a placement unless may refuses it.
func (l *Ledger) savePlacement(ctx context.Context, p Placement, may func(context.Context, *tx) error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(ctx, func(ctx context.Context, t *tx) error {
		if err := may(ctx, t); err != nil {
			return err
		}
		before, err := placements(ctx, t, qPlacement, p.UID)
		if err != nil {
			return err
		}
		if len(before) > 0 { // a command may have asked for it since p was read
			p.MoveTo = before[0].MoveTo
			if p.arrived() {
				p.MoveTo = time.Time{}
			}
		}
		var lines []line
		if len(before) == 0 {
			lines = append(lines, line{
				Type: lineUID, UID: p.UID, Key: p.Key.String(), Generation: p.Generation, Slot: p.Slot, At: p.CreatedAt, Awaits: true,
			})
		}
		if held(p.State) && (len(before) == 0 || !held(before[0].State)) {
			lines = append(lines, line{Type: linePlaced, UID: p.UID})
		}
		if p.State == Intended && len(before) > 0 && held(before[0].State) {
			lines = append(lines, line{Type: lineAwaited, UID: p.UID})
		}
		if p.Outcome != "" && (len(before) == 0 || before[0].Open()) {
			lines = append(lines, endLine(p.UID, planner.End{Outcome: p.Outcome, Evidence: p.EndedBy, Why: p.EndWhy}, p.EndedAt))
		}
		if p.State == Deleting && (len(before) == 0 || before[0].State != Deleting) {
			lines = append(lines, line{Type: lineDeleting, UID: p.UID})
		}
		if p.gone() && (len(before) == 0 || !before[0].gone()) {
			lines = append(lines, line{Type: lineGone, UID: p.UID})
		}
		if err := l.journal.append(lines...); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		t.changed = true
		return putPlacement(ctx, t, p)
	})
}

// arrived reports whether the entry lies where the user asked for it to be moved.
func (p Placement) arrived() bool {
	if p.Theirs&FieldTime == 0 || p.Seen.Start.IsZero() {
		return false
	}
	if p.Seen.AllDay {
		return p.Seen.Start.Format(time.DateOnly) == p.MoveTo.In(p.Seen.Start.Location()).Format(time.DateOnly)
	}
	return p.Seen.Start.Equal(p.MoveTo)
}

func putPlacement(ctx context.Context, t *tx, p Placement) error {
	var text [6]string
	for i, v := range []any{p.Wrote, p.Seen, p.Because, p.Evidence, p.EndedBy, p.Earlier} {
		var err error
		if text[i], err = toJSON(v); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, qPutPlacement, p.UID, p.Key.String(), p.Generation, p.State, p.Href, p.ETag, unix(p.Due), unix(p.Slot),
		unix(p.CreatedAt), p.Sequence, text[0], text[1], p.Theirs, text[2], text[3], unix(p.MissingAt), text[5],
		unix(p.EndedAt), p.Outcome, text[4], p.EndWhy, unix(p.MoveTo), p.Noted, p.Key.Hash())
	return err
}

// held reports whether an entry in this state was in the calendar once.
func held(s PlacementState) bool { return s != Intended && s != Closed }

// replayUID puts back an entry the ledger lost. A placed line tells whether it
// reached the calendar; journals of before those lines may have held it.
func replayUID(ctx context.Context, t *tx, n line) error {
	before, err := placements(ctx, t, qPlacement, n.UID)
	if err != nil || len(before) > 0 {
		return err
	}
	key, err := planner.ParseKey(n.Key)
	if err != nil {
		return errForeignLine
	}
	p := Placement{UID: n.UID, Key: key, Generation: n.Generation, State: Placed, Slot: n.Slot, CreatedAt: n.At}
	if n.Awaits {
		p.State = Intended
	}
	return putPlacement(ctx, t, p)
}

// gone reports whether the entry of a follow-up that has ended is known to have
// left the calendar.
func (p Placement) gone() bool { return p.State == Closed && p.Href == "" && !p.Open() }

// What was to be deleted and is not there was not deleted by the user.
var qReplayDeleting = query(`UPDATE placement SET state = 'deleting' WHERE uid = ? AND outcome <> '' AND state = 'placed'`)

var qReplayGone = query(`UPDATE placement SET state = 'closed', href = '', etag = '' WHERE uid = ? AND outcome <> ''`)

// replayPlaced notes that the calendar held an entry, where the ledger knows
// only that it was to be written.
func replayPlaced(ctx context.Context, t *tx, n line) error {
	found, err := placements(ctx, t, qPlacement, n.UID)
	if err != nil || len(found) == 0 || found[0].State != Intended {
		return err
	}
	p := found[0]
	p.State = Placed
	if p.Seen.Start.IsZero() {
		p.Seen = p.Wrote
	}
	return putPlacement(ctx, t, p)
}

func endLine(uid string, e planner.End, at time.Time) line {
	n := line{Type: lineEnd, UID: uid, Outcome: e.Outcome, Why: e.Why, At: at}
	if !e.Evidence.IsZero() {
		n.By = &lineEvidence{Type: e.Evidence.Type, ID: e.Evidence.ID, At: e.Evidence.At}
	}
	return n
}

// End ends a follow-up by evidence, by its age or by policy. The entry stays as
// it is; reconcile deletes or ticks it.
func (l *Ledger) End(ctx context.Context, uid string, e planner.End, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		before, err := placements(ctx, t, qPlacement, uid)
		if err != nil || len(before) == 0 || !before[0].Open() {
			return err
		}
		if err := l.journal.append(endLine(uid, e, at)); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		t.changed = true
		return endPlacement(ctx, t, uid, e, at)
	})
	if err != nil {
		return fmt.Errorf("end follow-up: %w", err)
	}
	return nil
}

var qEnd = query(`UPDATE placement SET outcome = ?, ended_at = ?, ended_by = ?, end_why = ? WHERE uid = ? AND outcome = ''`)

func endPlacement(ctx context.Context, t *tx, uid string, e planner.End, at time.Time) error {
	by, err := toJSON(e.Evidence)
	if err != nil {
		return err
	}
	_, err = t.exec(ctx, qEnd, e.Outcome, at.Unix(), by, e.Why, uid)
	return err
}
