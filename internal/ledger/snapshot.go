package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"syncd/internal/planner"
)

// writtenSpan is how far back the budget looks.
const writtenSpan = 15 * 24 * time.Hour

// lookAt makes a view of a time. The zero time hides nothing, and what ended
// before the newest batch is over.
func lookAt(ctx context.Context, t *tx, at time.Time) (view, error) {
	if !at.IsZero() {
		return view{cut: at, now: at}, nil
	}
	clock, err := getMetaTime(ctx, t, metaClock)
	return view{cut: forever, now: clock}, err
}

// Snapshot tells the planner everything, in one read transaction. What is
// dated after at, or could not be known then, is hidden; meetings are over that
// ended by then. The zero time hides nothing and calls over what ended before
// the newest batch was read.
//
// Contacts come from their stored summaries where those hold at that time, and
// are worked out from the rows where not.
func (l *Ledger) Snapshot(ctx context.Context, at time.Time) (planner.Snapshot, error) {
	var s planner.Snapshot
	var stale []staleSummary
	err := l.read(ctx, func(ctx context.Context, t *tx) error {
		v, err := lookAt(ctx, t, at)
		if err != nil {
			return err
		}
		if s.Contacts, stale, err = snapshotContacts(ctx, t, v); err != nil {
			return fmt.Errorf("contacts: %w", err)
		}
		if err := snapshotPlacements(ctx, t, v, &s); err != nil {
			return fmt.Errorf("placements: %w", err)
		}
		if s.Busy, err = busy(ctx, t, v); err != nil {
			return fmt.Errorf("busy times: %w", err)
		}
		return snapshotSources(ctx, t, v, &s)
	})
	if err != nil {
		return planner.Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	if err := l.refresh(ctx, stale); err != nil {
		return planner.Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	return s, nil
}

var (
	qSnapshotContacts = query(`SELECT id, facts, valid_from, valid_until, dirty FROM contact WHERE gate = 1
		UNION ALL SELECT id, facts, valid_from, valid_until, dirty FROM contact WHERE gate = 0 AND valid_until <= ?
		UNION ALL SELECT id, facts, valid_from, valid_until, dirty FROM contact WHERE dirty = 1 AND gate = 0 AND valid_until > ?`)
	qIsDirty = query(`SELECT dirty FROM contact WHERE id = ?`)
)

// staleSummary is a summary that time made old: a meeting in it is over now.
type staleSummary struct {
	id int64
	summary
}

func snapshotContacts(ctx context.Context, t *tx, v view) ([]planner.Contact, []staleSummary, error) {
	var out []planner.Contact
	var again []int64
	aged := map[int64]bool{}
	err := t.each(ctx, qSnapshotContacts, []any{v.now.Unix(), v.now.Unix()}, func(scan func(...any) error) error {
		var id int64
		var facts []byte
		var from, until int64
		var dirty bool
		if err := scan(&id, &facts, &from, &until, &dirty); err != nil {
			return err
		}
		if dirty || from > v.cut.Unix() || until <= v.now.Unix() {
			again = append(again, id)
			aged[id] = !dirty && until <= v.now.Unix()
			return nil
		}
		var c planner.Contact
		if err := json.Unmarshal(facts, &c); err != nil {
			return err
		}
		out = append(out, c)
		return nil
	})
	if err != nil {
		return nil, nil, err
	}
	n, err := loadLens(ctx, t)
	if err != nil {
		return nil, nil, err
	}
	var stale []staleSummary
	for _, id := range again {
		if err := t.alive(); err != nil {
			return nil, nil, err
		}
		s, err := summarise(ctx, t, n, id, v)
		if err != nil {
			return nil, nil, err
		}
		if s.contact {
			out = append(out, s.Contact)
		}
		if aged[id] {
			if s, err = summarise(ctx, t, n, id, view{cut: forever, now: v.now}); err != nil {
				return nil, nil, err
			}
			stale = append(stale, staleSummary{id: id, summary: s})
		}
	}
	slices.SortFunc(out, func(a, b planner.Contact) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out, stale, nil
}

// refresh stores summaries that time made old, when this process may write.
func (l *Ledger) refresh(ctx context.Context, stale []staleSummary) error {
	if len(stale) == 0 || l.writer == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.write(ctx, func(ctx context.Context, t *tx) error {
		for _, s := range stale {
			var dirty bool
			found, err := t.one(ctx, qIsDirty, []any{s.id}, &dirty)
			if err != nil {
				return err
			}
			if !found || dirty {
				continue
			}
			if err := storeSummary(ctx, t, s.id, s.summary); err != nil {
				return err
			}
		}
		return nil
	})
}

var qBusy = query(`SELECT at, end_at, known_at FROM interaction WHERE busy = 1 AND current = 1 AND end_at > ? ORDER BY end_at, at`)

func busy(ctx context.Context, t *tx, v view) (out []planner.Interval, err error) {
	err = t.each(ctx, qBusy, []any{v.now.Unix()}, func(scan func(...any) error) error {
		var start, end, known stamp
		err := scan(&start, &end, &known)
		if err != nil || known.After(v.cut) {
			return err
		}
		out = append(out, planner.Interval{Start: start.Time, End: end.Time})
		return nil
	})
	return out, err
}

var qAddressHolders = query(`SELECT a.address, a.folded, c.code FROM address AS a JOIN contact AS c ON c.id = a.contact_id
	WHERE a.address = ?`)

func snapshotPlacements(ctx context.Context, t *tx, v view, s *planner.Snapshot) error {
	all, err := placements(ctx, t, qAllPlacements)
	if err != nil {
		return err
	}
	// The newest creation stands for the present where no time was given.
	now := v.now
	for _, p := range all {
		if v.cut.Equal(forever) && p.CreatedAt.After(now) {
			now = p.CreatedAt
		}
	}
	for _, p := range all {
		if p.CreatedAt.After(v.cut) {
			continue
		}
		if p.CreatedAt.After(now.Add(-writtenSpan)) {
			s.Written = append(s.Written, planner.Written{Key: p.Key, At: p.CreatedAt, Slot: p.Slot})
		}
		if !p.Open() && !p.EndedAt.After(v.cut) {
			s.Ended = append(s.Ended, planner.Ended{Key: p.Key, Generation: p.Generation, Outcome: p.Outcome, At: p.EndedAt})
			continue
		}
		o := planner.Open{
			Key: p.Key, Generation: p.Generation, UID: p.UID, Slot: p.Slot, Start: p.Seen.Start,
			Touched: p.Theirs != 0, CreatedAt: p.CreatedAt, Title: p.Seen.Summary,
		}
		if o.Start.IsZero() {
			o.Start = p.Slot
		}
		if o.Title == "" {
			o.Title = p.Wrote.Summary
		}
		if o.Contact, err = holder(ctx, t, p.Key.Who); err != nil {
			return err
		}
		s.Open = append(s.Open, o)
	}
	return nil
}

// holder is the contact an address belongs to now, "" if nobody's.
func holder(ctx context.Context, t *tx, address string) (planner.ContactID, error) {
	var a, folded string
	var id planner.ContactID
	_, err := t.one(ctx, qAddressHolders, []any{address}, &a, &folded, &id)
	return id, err
}

// A source without a name is the connection to a server, not what it holds.
var qSourceStates = query(`SELECT account, type, max(sent), min(complete) FROM source WHERE name <> '' GROUP BY account, type ORDER BY account`)

func snapshotSources(ctx context.Context, t *tx, v view, s *planner.Snapshot) error {
	s.Whole = true
	some := false
	err := t.each(ctx, qSourceStates, nil, func(scan func(...any) error) error {
		var account string
		var typ SourceType
		var sent, complete bool
		if err := scan(&account, &typ, &sent, &complete); err != nil {
			return err
		}
		some = true
		s.Whole = s.Whole && complete
		if typ == Mailbox && !sent {
			s.Unsent = append(s.Unsent, account)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.Whole = s.Whole && some
	first, err := getMetaTime(ctx, t, metaFirstRun)
	if !first.After(v.cut) {
		s.FirstRunAt = first
	}
	return err
}
