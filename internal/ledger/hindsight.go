package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// Hindsight shows the ledger as it was at one moment after another, with the
// placements of a calendar that the ledger knows nothing of. It reads in one
// transaction and keeps what it worked out for as long as that holds, so it is
// for one goroutine, and for moments that go forward.
type Hindsight struct {
	t      *tx
	lens   *lens
	people []*remembered
}

// remembered is a contact as it was at the last moment.
type remembered struct {
	id          int64
	facts       []byte // the stored summary, nil if it is dirty
	from, until time.Time
	gate        bool
	now         summary
	before      time.Time // when now no longer holds; zero while there is none
}

// Hindsight calls fn with a view of the past. What it shows is valid until fn
// returns.
func (l *Ledger) Hindsight(ctx context.Context, fn func(context.Context, *Hindsight) error) error {
	return l.read(ctx, func(ctx context.Context, t *tx) error {
		n, err := loadLens(ctx, t)
		if err != nil {
			return fmt.Errorf("hindsight: %w", err)
		}
		h := &Hindsight{t: t, lens: n}
		if err := h.remember(ctx); err != nil {
			return fmt.Errorf("hindsight: %w", err)
		}
		return fn(ctx, h)
	})
}

// Whoever is a contact, or may be one at another time.
var qRemembered = query(`SELECT id, facts, valid_from, valid_until, gate, dirty FROM contact
	WHERE gate = 1 OR dirty = 1 OR valid_until < ? OR id IN (SELECT contact_id FROM introduced)`)

func (h *Hindsight) remember(ctx context.Context) error {
	return h.t.each(ctx, qRemembered, []any{forever.Unix()}, func(scan func(...any) error) error {
		r := &remembered{}
		var from, until stamp
		var dirty bool
		if err := scan(&r.id, &r.facts, &from, &until, &r.gate, &dirty); err != nil {
			return err
		}
		r.from, r.until = from.Time, until.Time
		if dirty {
			r.facts = nil
		}
		h.people = append(h.people, r)
		return nil
	})
}

// Snapshot is Snapshot of the ledger with now for its cut, and with these
// placements in place of its own.
func (h *Hindsight) Snapshot(ctx context.Context, now time.Time, placed []Placement) (s planner.Snapshot, err error) {
	v := view{now: now, cut: now}
	for _, r := range h.people {
		if err := h.t.alive(); err != nil {
			return s, err
		}
		if err := r.look(ctx, h, v); err != nil {
			return s, fmt.Errorf("snapshot: %w", err)
		}
		if r.now.contact || r.now.Candidate {
			s.Contacts = append(s.Contacts, r.now.Contact)
		}
		if u := r.now.until; !r.now.contact && u.Before(forever) && (s.Until.IsZero() || u.Before(s.Until)) {
			s.Until = u
		}
	}
	s.Contacts = onlyIntroduced(s.Contacts)
	slices.SortFunc(s.Contacts, func(a, b planner.Contact) int { return strings.Compare(string(a.ID), string(b.ID)) })
	if err := snapshotRest(ctx, h.t, v, placed, &s); err != nil {
		return planner.Snapshot{}, fmt.Errorf("snapshot: %w", err)
	}
	return s, nil
}

// look sees to it that the contact is known as it is at v.
func (r *remembered) look(ctx context.Context, h *Hindsight, v view) (err error) {
	switch {
	case v.now.Before(r.before):
		return nil
	case r.facts != nil && !r.from.After(v.now) && v.now.Before(r.until):
		r.now = summary{contact: r.gate, until: r.until}
		r.before = r.until
		err = json.Unmarshal(r.facts, &r.now.Contact)
	default:
		r.now, err = summarise(ctx, h.t, h.lens, r.id, v)
		r.before = earlier(r.now.until, r.now.next)
	}
	return err
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Placements are the entries that the calendar held at a moment, and those that
// had ended by then, as they stood.
func (h *Hindsight) Placements(ctx context.Context, at time.Time) ([]Placement, error) {
	all, err := placementsAt(ctx, h.t, at)
	if err != nil {
		return nil, fmt.Errorf("read placements: %w", err)
	}
	return all, nil
}

// What the user said on entries of which they said something after a moment.
var qRevised = query(`SELECT ` + decisionColumns + ` FROM decision
	WHERE uid IN (SELECT uid FROM decision WHERE at > ? AND uid <> '') ORDER BY at, seq`)

// placementsAt are all placements as they stood at a moment.
func placementsAt(ctx context.Context, t *tx, at time.Time) (out []Placement, err error) {
	all, err := placements(ctx, t, qAllPlacements)
	if err != nil {
		return nil, err
	}
	revised, err := decisions(ctx, t, qRevised, at.Unix())
	if err != nil {
		return nil, fmt.Errorf("decisions: %w", err)
	}
	said := map[string][]Decision{}
	for _, d := range revised {
		said[d.UID] = append(said[d.UID], d)
	}
	for _, p := range all {
		if !p.CreatedAt.After(at) {
			out = append(out, asOf(p, said[p.UID], at))
		}
	}
	return out, nil
}

// asOf takes back what came after a moment: the end, what was seen to be missing,
// and what the user did. said is all that they did, if some of it came after.
func asOf(p Placement, said []Decision, at time.Time) Placement {
	if p.MissingAt.After(at) {
		p.MissingAt = time.Time{}
	}
	if p.EndedAt.After(at) {
		p.Outcome, p.EndedAt, p.EndedBy, p.EndWhy = "", time.Time{}, planner.Evidence{}, ""
		if p.State != TakenOver {
			p.State = Placed
		}
	}
	if len(said) == 0 { // nothing, or nothing later
		return p
	}
	if p.Open() {
		p = endedThen(p, said, at)
	}
	return seenThen(p, said, at)
}

// seenThen gives an entry the looks that the user had given it by a moment. A move
// by a command is carried out at once, or still to be.
func seenThen(p Placement, said []Decision, at time.Time) Placement {
	if p.State == TakenOver {
		p.State = Placed
		if !p.Open() {
			p.State = Closed
		}
	}
	waits := p.MoveTo
	p.Seen = p.Wrote
	if slices.ContainsFunc(said, func(d Decision) bool { return d.Type == DecideMove }) { // it was written anew at another time
		p.heed(Decision{Type: DecideSnoozed, To: p.Slot}, false)
	}
	p.Theirs, p.MoveTo, p.Noted = 0, time.Time{}, ""
	for _, d := range said {
		switch {
		case d.At.After(at):
		case d.Type == DecideMove && d.To.Equal(waits):
			p.MoveTo = d.To
		case d.Type == DecideMove:
			p.heed(Decision{Type: DecideSnoozed, To: d.To}, false)
		default:
			p.heed(d, d.Text != "")
		}
	}
	return p
}

// endedThen gives an entry the end that the user had given it by a moment, and
// took back after it.
func endedThen(p Placement, said []Decision, at time.Time) Placement {
	ends := map[DecisionType]planner.Outcome{
		DecideDone: planner.Done, DecideDismissed: planner.Dismissed, DecideMuted: planner.Withdrawn, DecideUndone: "",
	}
	for _, d := range said {
		if o, ends := ends[d.Type]; ends && !d.At.After(at) {
			p.Outcome, p.EndedAt = o, d.At
		}
	}
	switch {
	case p.Open():
		p.EndedAt = time.Time{}
	case p.State != TakenOver:
		p.State = Closed
	}
	return p
}
