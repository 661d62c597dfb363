package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"syncd/internal/planner"
)

// closedSpan is how long Placements remembers what ended.
const closedSpan = 60 * 24 * time.Hour

const placementColumns = `uid, key, generation, state, href, etag, due_at, slot_at, created_at, sequence, wrote, seen, theirs,
	because, evidence, missing_at, missing_again_at, ended_at, outcome, ended_by, end_why`

var (
	qAllPlacements    = query(`SELECT ` + placementColumns + ` FROM placement ORDER BY created_at, uid`)
	qRecentPlacements = query(`SELECT ` + placementColumns + ` FROM placement
		WHERE outcome = '' OR state <> 'closed' OR ended_at >= ? ORDER BY created_at, uid`)
	qPlacementsByHash = query(`SELECT ` + placementColumns + ` FROM placement WHERE hash >= ? AND hash < ? ORDER BY created_at, uid`)
	qPlacementsByUID  = query(`SELECT ` + placementColumns + ` FROM placement WHERE uid >= ? AND uid < ? ORDER BY created_at, uid`)
	qPlacement        = query(`SELECT ` + placementColumns + ` FROM placement WHERE uid = ?`)
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
	var due, slot, created, missing, again, ended stamp
	var wrote, seen, because, evidence, by []byte
	err := scan(&p.UID, &key, &p.Generation, &p.State, &p.Href, &p.ETag, &due, &slot, &created, &p.Sequence, &wrote, &seen,
		&p.Theirs, &because, &evidence, &missing, &again, &ended, &p.Outcome, &by, &p.EndWhy)
	if err != nil {
		return p, err
	}
	if p.Key, err = planner.ParseKey(key); err != nil {
		return p, err
	}
	p.Due, p.Slot, p.CreatedAt, p.MissingAt, p.MissingAgainAt, p.EndedAt = due.Time, slot.Time, created.Time, missing.Time, again.Time, ended.Time
	for _, f := range []struct {
		text []byte
		to   any
	}{{wrote, &p.Wrote}, {seen, &p.Seen}, {because, &p.Because}, {evidence, &p.Evidence}, {by, &p.EndedBy}} {
		if err := json.Unmarshal(f.text, f.to); err != nil {
			return p, fmt.Errorf("placement %s: %w", p.UID, err)
		}
	}
	return p, nil
}

// Intend notes a request to the calendar before it is sent. The UID of a new
// entry is in the journal before the ledger has it.
func (l *Ledger) Intend(ctx context.Context, p Placement) error {
	if err := l.savePlacement(ctx, p); err != nil {
		return fmt.Errorf("note intent: %w", err)
	}
	return nil
}

// Confirm notes what the calendar answered, or what was seen there: that an
// entry was missing (MissingAt, MissingAgainAt), or is there again (both zero).
// A placement that ended stays so, whatever p says; its first outcome is the
// one that counts.
func (l *Ledger) Confirm(ctx context.Context, p Placement) error {
	if err := l.savePlacement(ctx, p); err != nil {
		return fmt.Errorf("note answer: %w", err)
	}
	return nil
}

var qPutPlacement = query(`INSERT INTO placement (` + placementColumns + `, hash)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO UPDATE SET state = excluded.state, href = excluded.href, etag = excluded.etag, due_at = excluded.due_at, slot_at = excluded.slot_at,
		created_at = excluded.created_at, sequence = excluded.sequence, wrote = excluded.wrote, seen = excluded.seen,
		theirs = excluded.theirs, because = excluded.because, evidence = excluded.evidence, missing_at = excluded.missing_at,
		missing_again_at = excluded.missing_again_at,
		ended_at = CASE WHEN outcome = '' THEN excluded.ended_at ELSE ended_at END,
		ended_by = CASE WHEN outcome = '' THEN excluded.ended_by ELSE ended_by END,
		end_why = CASE WHEN outcome = '' THEN excluded.end_why ELSE end_why END,
		outcome = CASE WHEN outcome = '' THEN excluded.outcome ELSE outcome END`)

func (l *Ledger) savePlacement(ctx context.Context, p Placement) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(ctx, func(ctx context.Context, t *tx) error {
		before, err := placements(ctx, t, qPlacement, p.UID)
		if err != nil {
			return err
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
		if p.Outcome != "" && (len(before) == 0 || before[0].Open()) {
			lines = append(lines, endLine(p.UID, planner.End{Outcome: p.Outcome, Evidence: p.EndedBy}, p.EndedAt))
		}
		if err := l.journal.append(lines...); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		t.changed = true
		return putPlacement(ctx, t, p)
	})
}

func putPlacement(ctx context.Context, t *tx, p Placement) error {
	var text [5]string
	for i, v := range []any{p.Wrote, p.Seen, p.Because, p.Evidence, p.EndedBy} {
		var err error
		if text[i], err = toJSON(v); err != nil {
			return err
		}
	}
	_, err := t.exec(ctx, qPutPlacement, p.UID, p.Key.String(), p.Generation, p.State, p.Href, p.ETag, unix(p.Due), unix(p.Slot),
		unix(p.CreatedAt), p.Sequence, text[0], text[1], p.Theirs, text[2], text[3], unix(p.MissingAt), unix(p.MissingAgainAt),
		unix(p.EndedAt), p.Outcome, text[4], p.EndWhy, p.Key.Hash())
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
		return err
	}
	p := Placement{UID: n.UID, Key: key, Generation: n.Generation, State: Placed, Slot: n.Slot, CreatedAt: n.At}
	if n.Awaits {
		p.State = Intended
	}
	return putPlacement(ctx, t, p)
}

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
	n := line{Type: lineEnd, UID: uid, Outcome: e.Outcome, At: at}
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

var (
	qHasDecision = query(`SELECT 1 FROM decision WHERE id = ?`)
	qAddDecision = query(`INSERT INTO decision (id, uid, type, at, to_at, text) VALUES (?, ?, ?, ?, ?, ?)`)
)

// Decide takes what the user said. The journal has it before the ledger.
// Done and Dismissed end the follow-up but leave its State, so that reconcile
// can still delete or tick the entry; Done is also a note that the user was in
// touch, as reported by themselves.
func (l *Ledger) Decide(ctx context.Context, decisions []Decision) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		var fresh []Decision
		var lines []line
		for _, d := range decisions {
			known, err := hasDecision(ctx, t, d, d.Text != "")
			if err != nil {
				return err
			}
			if known {
				continue
			}
			fresh = append(fresh, d)
			lines = append(lines, line{Type: lineDecision, Decision: d.Type, UID: d.UID, At: d.At, To: d.To, Retitled: d.Text != ""})
		}
		if err := l.journal.append(lines...); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		for _, d := range fresh {
			if err := l.applyDecision(ctx, t, d, d.Text != ""); err != nil {
				return err
			}
		}
		t.changed = t.changed || len(fresh) > 0
		return nil
	})
	if err != nil {
		return fmt.Errorf("note %d decisions: %w", len(decisions), err)
	}
	return nil
}

// decisionID tells decisions apart. The journal keeps no text, only whether
// there was one: retitled.
func decisionID(d Decision, retitled bool) (string, error) {
	return contentHash(d.UID, d.Type, d.At.Unix(), unix(d.To), retitled)
}

func hasDecision(ctx context.Context, t *tx, d Decision, retitled bool) (bool, error) {
	id, err := decisionID(d, retitled)
	if err != nil {
		return false, err
	}
	var one int
	return t.one(ctx, qHasDecision, []any{id}, &one)
}

// applyDecision changes the placement; a decision the ledger has is left alone.
func (l *Ledger) applyDecision(ctx context.Context, t *tx, d Decision, retitled bool) error {
	known, err := hasDecision(ctx, t, d, retitled)
	if err != nil || known {
		return err
	}
	id, err := decisionID(d, retitled)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, qAddDecision, id, d.UID, d.Type, d.At.Unix(), unix(d.To), d.Text); err != nil {
		return err
	}
	found, err := placements(ctx, t, qPlacement, d.UID)
	if err != nil || len(found) == 0 {
		return err
	}
	p := found[0]
	gesture := planner.Evidence{Type: planner.Gesture, ID: d.UID, At: d.At, Address: p.Key.Who}
	switch d.Type {
	case DecideDone:
		if err := endPlacement(ctx, t, d.UID, planner.End{Outcome: planner.Done, Evidence: gesture, Why: "you said so"}, d.At); err != nil {
			return err
		}
		return addNote(ctx, t, gesture)
	case DecideDismissed:
		return endPlacement(ctx, t, d.UID, planner.End{Outcome: planner.Dismissed, Evidence: gesture, Why: "you deleted the event"}, d.At)
	case DecideSnoozed:
		if length := p.Seen.End.Sub(p.Seen.Start); length > 0 {
			p.Seen.End = d.To.Add(length)
		}
		p.Seen.Start = d.To
		p.Theirs |= FieldTime
	case DecideEdited:
		if retitled {
			p.Theirs |= FieldSummary
			if d.Text != "" {
				p.Seen.Summary = d.Text
			}
		} else {
			p.Theirs |= FieldDescription
		}
	case DecideTaken:
		p.State = TakenOver
	}
	return putPlacement(ctx, t, p)
}

var qAddNote = query(`INSERT INTO interaction (kind, evidence_type, evidence, content, at, known_at)
	VALUES ('note', ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`)

// present gives the address of the one a key names: a card stands for who has
// none. It is "" for a key of several people.
func present(ctx context.Context, t *tx, who string) (string, error) {
	var one int
	seen, err := t.one(ctx, qCardSeen, []any{who}, &one)
	switch {
	case err != nil:
		return "", err
	case seen:
		return cardNode(who), nil
	case !strings.Contains(who, "@"):
		return "", nil
	}
	return who, nil
}

// addNote notes what the user reported: they were in touch with the address.
func addNote(ctx context.Context, t *tx, e planner.Evidence) error {
	address, err := present(ctx, t, e.Address)
	if err != nil || address == "" {
		return err
	}
	n, err := loadLens(ctx, t)
	if err != nil {
		return err
	}
	content, err := contentHash(e.At.Unix(), e.Address)
	if err != nil {
		return err
	}
	var row int64
	found, err := t.one(ctx, qFindRow, []any{KindNote, e.ID, content}, &row)
	if err != nil || found {
		return err
	}
	if row, err = t.insert(ctx, qAddNote, e.Type, e.ID, content, e.At.Unix(), e.At.Unix()); err != nil {
		return err
	}
	k := newIntake(t, n)
	if err := k.addPeople(ctx, row, []Participant{{Address: address, Role: RoleTo}}); err != nil {
		return err
	}
	if err := k.relinkRow(ctx, row, KindNote, e.ID, "", nil); err != nil {
		return err
	}
	if err := k.derive(ctx, k.touched.groups); err != nil {
		return err
	}
	if err := k.spread(ctx); err != nil {
		return err
	}
	return settle(ctx, t, n)
}
