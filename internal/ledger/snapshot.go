package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"syncd/internal/planner"
)

// writtenSpan is how far back the budget looks.
const writtenSpan = 15 * 24 * time.Hour

// Snapshot tells the planner everything as it is at now, in one read
// transaction: meetings are over that ended by then. What is dated after cut, or
// could not be known then, is hidden; the zero cut hides nothing.
//
// Whether all history is in (Whole) is left for who knows the configuration.
//
// Contacts come from their stored summaries where those hold at that time, and
// are worked out from the rows where not.
func (l *Ledger) Snapshot(ctx context.Context, now, cut time.Time) (planner.Snapshot, error) {
	v := view{now: now, cut: cut}
	if cut.IsZero() {
		v.cut = forever
	}
	var s planner.Snapshot
	var stale []staleSummary
	err := l.read(ctx, func(ctx context.Context, t *tx) (err error) {
		if stale, err = snapshotContacts(ctx, t, v, &s); err != nil {
			return fmt.Errorf("contacts: %w", err)
		}
		placed, err := placementsAt(ctx, t, v.cut)
		if err != nil {
			return fmt.Errorf("placements: %w", err)
		}
		return snapshotRest(ctx, t, v, placed, &s)
	})
	if err != nil {
		return planner.Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	if err := l.refresh(ctx, stale); err != nil {
		return planner.Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	return s, nil
}

// snapshotRest adds to the contacts what else there is.
func snapshotRest(ctx context.Context, t *tx, v view, placed []Placement, s *planner.Snapshot) (err error) {
	if err := snapshotPlacements(ctx, t, v, placed, s); err != nil {
		return fmt.Errorf("placements: %w", err)
	}
	if err := keepTurns(ctx, t, v, s); err != nil {
		return fmt.Errorf("threads of placements: %w", err)
	}
	if s.Busy, err = busy(ctx, t, v); err != nil {
		return fmt.Errorf("busy times: %w", err)
	}
	if s.Absent, err = absent(ctx, t, v); err != nil {
		return fmt.Errorf("absences: %w", err)
	}
	if s.Adopted, err = adoptions(ctx, t, v); err != nil {
		return fmt.Errorf("what the user plans: %w", err)
	}
	return snapshotSources(ctx, t, v, s)
}

var (
	qSnapshotContacts = query(`SELECT id, facts, valid_from, valid_until, dirty FROM contact WHERE gate = 1
		UNION ALL SELECT id, facts, valid_from, valid_until, dirty FROM contact WHERE gate = 0 AND valid_until <= ?
		UNION ALL SELECT id, facts, valid_from, valid_until, dirty FROM contact WHERE dirty = 1 AND gate = 0 AND valid_until > ?
		UNION ALL SELECT c.id, c.facts, c.valid_from, c.valid_until, c.dirty FROM introduced AS n CROSS JOIN contact AS c ON c.id = n.contact_id
			WHERE c.gate = 0 AND c.dirty = 0 AND c.valid_until > ?`)
	qIsDirty    = query(`SELECT dirty FROM contact WHERE id = ?`)
	qNextChange = query(`SELECT min(valid_until) FROM contact WHERE gate = 0 AND dirty = 0 AND valid_until > ? AND valid_until < ?`)
)

// staleSummary is a summary that time made old: a meeting in it is over now.
type staleSummary struct {
	id int64
	summary
}

func snapshotContacts(ctx context.Context, t *tx, v view, s *planner.Snapshot) ([]staleSummary, error) {
	var again []int64
	var kept [][]byte
	aged := map[int64]bool{}
	err := t.each(ctx, qSnapshotContacts, []any{v.now.Unix(), v.now.Unix(), v.now.Unix()}, func(scan func(...any) error) error {
		var id int64
		var facts []byte
		var from, until int64
		var dirty bool
		if err := scan(&id, &facts, &from, &until, &dirty); err != nil {
			return err
		}
		if dirty || from > min(v.cut.Unix(), v.now.Unix()) || until <= v.now.Unix() {
			again = append(again, id)
			aged[id] = !dirty && until <= v.now.Unix()
			return nil
		}
		kept = append(kept, facts)
		return nil
	})
	if err != nil {
		return nil, err
	}
	if s.Contacts, err = readFacts(kept); err != nil {
		return nil, err
	}
	var next stamp
	if _, err := t.one(ctx, qNextChange, []any{v.now.Unix(), forever.Unix()}, &next); err != nil {
		return nil, err
	}
	s.Until = next.Time
	n, err := loadLens(ctx, t)
	if err != nil {
		return nil, err
	}
	var stale []staleSummary
	for _, id := range again {
		if err := t.alive(); err != nil {
			return nil, err
		}
		c, err := summarise(ctx, t, n, id, v)
		if err != nil {
			return nil, err
		}
		if c.contact || c.Candidate {
			s.Contacts = append(s.Contacts, c.Contact)
		}
		if !c.contact && c.until.Before(forever) && (s.Until.IsZero() || c.until.Before(s.Until)) {
			s.Until = c.until
		}
		if aged[id] {
			if c, err = summarise(ctx, t, n, id, view{cut: forever, now: v.now}); err != nil {
				return nil, err
			}
			stale = append(stale, staleSummary{id: id, summary: c})
		}
	}
	s.Contacts = onlyIntroduced(s.Contacts)
	slices.SortFunc(s.Contacts, func(a, b planner.Contact) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return stale, nil
}

// readFacts reads stored summaries on all processors: with 10,000 contacts this
// is most of what a snapshot takes.
func readFacts(texts [][]byte) ([]planner.Contact, error) {
	contacts := make([]planner.Contact, len(texts))
	part := len(texts)/runtime.GOMAXPROCS(0) + 1
	errs := make([]error, len(texts)/part+1)
	var readers sync.WaitGroup
	for n := range errs {
		readers.Go(func() {
			for i := n * part; i < min((n+1)*part, len(texts)); i++ {
				if err := json.Unmarshal(texts[i], &contacts[i]); err != nil {
					errs[n] = err
					return
				}
			}
		})
	}
	readers.Wait()
	return contacts, errors.Join(errs...)
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
		return nameMeetings(ctx, t)
	})
}

var qBusy = query(`SELECT at, end_at, known_at FROM interaction WHERE busy = 1 AND end_at > ? ORDER BY end_at, at`)

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
	WHERE a.address IN (?1, 'card:' || ?1)`)

func snapshotPlacements(ctx context.Context, t *tx, v view, all []Placement, s *planner.Snapshot) error {
	for _, p := range all {
		if p.CreatedAt.After(v.now.Add(-writtenSpan)) {
			s.Written = append(s.Written, planner.Written{Key: p.Key, At: p.CreatedAt, Slot: p.Slot})
		}
		over := !p.Open()
		if over {
			e, err := ended(ctx, t, v, p)
			if err != nil {
				return err
			}
			s.Ended = append(s.Ended, e)
		}
		if over && (p.State == Closed || p.State == TakenOver) {
			continue
		}
		o, err := opened(ctx, t, v, p)
		if err != nil {
			return err
		}
		if over {
			s.Leaving = append(s.Leaving, o)
		} else {
			s.Open = append(s.Open, o)
		}
	}
	return nil
}

// inTouch says of an interaction that it is a word of mine, or a meeting that is
// over at ?4.
const inTouch = `i.current = 1 AND i.direct = 1 AND (i.direction = 'out' OR i.stands IN ('yes', 'lonely') AND i.end_at <= ?4)`

// A word of mine to the holder of an address, or a meeting with them.
var qTouchedWithin = query(`SELECT 1 FROM address AS o CROSS JOIN address AS a ON a.contact_id = o.contact_id
	CROSS JOIN participant AS p ON p.address_id = a.id
	CROSS JOIN interaction AS i ON i.id = p.interaction_id AND ` + inTouch + `
	WHERE o.address IN (?1, 'card:' || ?1) AND i.at BETWEEN ?2 AND ?3 LIMIT 1`)

// ended is how a follow-up ended. What the user deleted within a day of writing
// to the person or meeting them, they had acted upon (SPEC section 5.1).
func ended(ctx context.Context, t *tx, v view, p Placement) (planner.Ended, error) {
	e := planner.Ended{Key: p.Key, Generation: p.Generation, Outcome: p.Outcome, At: p.EndedAt}
	if p.Outcome != planner.Dismissed {
		return e, nil
	}
	from, to := p.EndedAt.Add(-24*time.Hour).Unix(), min(p.EndedAt.Add(24*time.Hour).Unix(), v.cut.Unix())
	var one int
	touched, err := t.one(ctx, qTouchedWithin, []any{p.Key.Who, from, to, v.now.Unix()}, &one)
	if touched {
		e.Outcome = planner.Acted
	}
	return e, err
}

// opened is an entry that is in the calendar, or may be.
func opened(ctx context.Context, t *tx, v view, p Placement) (o planner.Open, err error) {
	o = planner.Open{
		Key: p.Key, Generation: p.Generation, UID: p.UID, Slot: p.Slot, Start: p.Seen.Start, AllDay: p.Seen.AllDay,
		Touched: p.Theirs != 0 || p.State == TakenOver, Taken: p.State == TakenOver, CreatedAt: p.CreatedAt, Title: p.Seen.Summary,
	}
	if o.Start.IsZero() {
		o.Start, o.AllDay = p.Slot, p.Wrote.AllDay
	}
	if !p.MoveTo.IsZero() { // it counts from there, whether it was moved yet or cannot be any more
		o.Touched = true
		if p.MoveTo.After(v.now) || p.MoveTo.After(o.Start) {
			o.Start, o.Lies = p.MoveTo, o.Start
		}
	}
	if o.Title == "" {
		o.Title = p.Wrote.Summary
	}
	if o.Again, err = takenBack(ctx, t, p.UID, v.cut); err != nil {
		return o, err
	}
	e, err := restsOn(ctx, t, p)
	if err != nil {
		return o, err
	}
	o.EvidenceAt = e.At
	if o.Contact, err = holder(ctx, t, p.Key.Who); err != nil || e.Type != planner.Mail {
		return o, err
	}
	return o, answers(ctx, t, v, p, &o)
}

var (
	qEvidence = query(`SELECT i.evidence_type, i.at, i.subject, coalesce(s.account, '') FROM interaction AS i
		LEFT JOIN source AS s ON s.id = i.source_id
		WHERE i.kind IN ('mail', 'meeting', 'call', 'note') AND i.evidence = ? ORDER BY i.current DESC, i.at LIMIT 1`)
	qFirstSeen = query(`SELECT 'card', at, '', '' FROM card_seen WHERE uid = ?`)
)

// restsOn is what the entry of a placement rests on, zero if that is not known.
// After the loss of the database it is looked up: the journal has its id alone.
func restsOn(ctx context.Context, t *tx, p Placement) (e planner.Evidence, err error) {
	if len(p.Evidence) > 0 {
		return p.Evidence[0], nil
	}
	for _, q := range []string{qEvidence, qFirstSeen} {
		var at stamp
		found, err := t.one(ctx, q, []any{p.Key.Evidence}, &e.Type, &at, &e.Subject, &e.Account)
		if found || err != nil {
			e.ID, e.At, e.Address = p.Key.Evidence, at.Time, p.Key.Who
			return e, err
		}
	}
	return e, nil
}

var qThreadAfter = query(`SELECT i.evidence, i.at, i.subject, i.mine, i.ours, coalesce(a.address, ''), coalesce(s.account, '')
	FROM thread_node AS n LEFT JOIN joined AS j ON j.thread_id = n.thread_id
	CROSS JOIN interaction AS i ON i.thread_id = coalesce(j.head, n.thread_id) AND i.current = 1
	LEFT JOIN address AS a ON a.id = i.from_id LEFT JOIN source AS s ON s.id = i.source_id
	WHERE n.message_id = ? AND i.at > ? AND i.at <= ? ORDER BY i.at, i.evidence`)

// answers finds what came in the thread of an entry after the message it rests
// on, whoever wrote it.
func answers(ctx context.Context, t *tx, v view, p Placement, o *planner.Open) error {
	args := []any{p.Key.Evidence, o.EvidenceAt.Unix(), v.cut.Unix()}
	return t.each(ctx, qThreadAfter, args, func(scan func(...any) error) error {
		e := planner.Evidence{Type: planner.Mail}
		var at stamp
		var mine, ours bool
		if err := scan(&e.ID, &at, &e.Subject, &mine, &ours, &e.Address, &e.Account); err != nil {
			return err
		}
		e.At = at.Time
		if !mine && o.Reply.IsZero() {
			o.Reply = e
		}
		if ours && o.Word.IsZero() {
			o.Word = e
		}
		return nil
	})
}

var qThreadOf = query(`SELECT coalesce(j.head, n.thread_id) FROM thread_node AS n LEFT JOIN joined AS j ON j.thread_id = n.thread_id
	WHERE n.message_id = ?`)

// keepTurns sees to it that a thread which an open entry is about stays among
// those that wait, and its promises among those known, however many newer ones
// there are.
func keepTurns(ctx context.Context, t *tx, v view, s *planner.Snapshot) error {
	pinned := map[planner.ContactID]map[int64]bool{}
	for _, o := range s.Open {
		var thread int64
		if found, err := t.one(ctx, qThreadOf, []any{o.Key.Evidence}, &thread); err != nil {
			return err
		} else if !found {
			continue
		}
		if pinned[o.Contact] == nil {
			pinned[o.Contact] = map[int64]bool{}
		}
		pinned[o.Contact][thread] = true
	}
	for i, c := range s.Contacts {
		if pinned[c.ID] == nil || max(len(c.Unanswered), len(c.Outstanding), len(c.Promises), len(c.Theirs)) < min(maxTurns, maxPromises) {
			continue
		}
		var id int64
		if _, err := t.one(ctx, qContactByCode, []any{c.ID}, &id); err != nil {
			return err
		}
		n, err := loadLens(ctx, t)
		if err != nil {
			return err
		}
		again, err := summariseWith(ctx, t, n, id, v, pinned[c.ID])
		if err != nil {
			return err
		}
		s.Contacts[i] = again.Contact
	}
	return nil
}

// holder is the contact an address, or a card, belongs to now, "" if nobody's.
func holder(ctx context.Context, t *tx, address string) (planner.ContactID, error) {
	var a, folded string
	var id planner.ContactID
	_, err := t.one(ctx, qAddressHolders, []any{address}, &a, &folded, &id)
	return id, err
}

// A source without a name is the connection to a server, not what it holds.
var (
	qMailAccounts = query(`SELECT DISTINCT account FROM source WHERE name <> '' AND type = 'mailbox' ORDER BY account`)
	// The mailboxes of an account that may show that its sent mail is read:
	// those taken for Sent folders, and those that hold all mail.
	qMaySend = query(`SELECT s.id, s.name FROM source AS s LEFT JOIN mailbox AS b ON b.source_id = s.id
		WHERE s.account = ? AND s.type = 'mailbox' AND s.name <> '' AND (s.sent = 1 OR b.use = 'all')`)
	qHoldsMine = query(`SELECT 1 FROM copy AS c CROSS JOIN interaction AS o ON o.id = c.interaction_id
		CROSS JOIN interaction AS i ON i.group_id = o.group_id AND i.current = 1 AND i.mine = 1
		WHERE c.source_id = ? AND i.at <= ? LIMIT 1`)
	// A few mails may be old for any reason.
	qBegins = query(`SELECT at FROM interaction WHERE current = 1 AND direct = 1 ORDER BY at LIMIT 1 OFFSET 9`)
)

func snapshotSources(ctx context.Context, t *tx, v view, s *planner.Snapshot) error {
	mail, err := t.strings(ctx, qMailAccounts)
	if err != nil {
		return err
	}
	for _, account := range mail {
		found, err := sentFound(ctx, t, account, v.cut)
		if err != nil {
			return err
		}
		if !found {
			s.Unsent = append(s.Unsent, account)
		}
	}
	var begins stamp
	if _, err := t.one(ctx, qBegins, nil, &begins); err != nil {
		return err
	}
	if !begins.After(v.cut) {
		s.Begins = begins.Time
	}
	first, err := getMetaTime(ctx, t, metaFirstRun)
	if err != nil {
		return err
	}
	if !first.After(v.cut) {
		s.FirstRunAt = first
	}
	s.Paused, err = silence(ctx, t, v.cut)
	return err
}

// sentFound reports whether the sent mail of an account was found (SPEC I14): a
// mailbox that the server still lists, and that is to hold it, holds mail of the
// user's. An empty Sent folder shows nothing; the mail program may keep its own.
func sentFound(ctx context.Context, t *tx, account string, cut time.Time) (bool, error) {
	has, err := listed(ctx, t, SourceID{Account: account, Type: Mailbox})
	if err != nil {
		return false, err
	}
	var boxes []int64
	err = t.each(ctx, qMaySend, []any{account}, func(scan func(...any) error) error {
		var id int64
		var name string
		err := scan(&id, &name)
		if has(name) {
			boxes = append(boxes, id)
		}
		return err
	})
	if err != nil {
		return false, err
	}
	for _, id := range boxes {
		var one int
		if found, err := t.one(ctx, qHoldsMine, []any{id, cut.Unix()}, &one); err != nil || found {
			return found, err
		}
	}
	return false, nil
}
