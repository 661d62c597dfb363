package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Fate is what became of a message beside what anybody wrote. It ends the wait
// for a word.
type Fate string

// The fates, as a mailbox tells them.
const (
	NoFate   Fate = ""
	Answered Fate = "answered" // it bears \Answered (RFC 3501 section 2.3.2)
	Trashed  Fate = "trash"
	Junked   Fate = "junk"
)

// Copy is where a message was seen.
type Copy struct {
	Source      SourceID
	UIDValidity uint32
	UID         uint32
}

var (
	qMailCopies = query(`SELECT s.account, s.type, s.name, s.uidvalidity, c.uid FROM interaction AS i
		CROSS JOIN interaction AS o ON o.group_id = i.group_id
		CROSS JOIN copy AS c ON c.interaction_id = o.id JOIN source AS s ON s.id = c.source_id
		WHERE i.kind = 'mail' AND i.evidence = ? AND c.uid IS NOT NULL ORDER BY s.id, c.uid`)
	qSetFate = query(`INSERT INTO fate (message_id, fate, at) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET fate = excluded.fate, at = excluded.at`)
	qFate       = query(`SELECT at FROM fate WHERE message_id = ?`)
	errFateless = errors.New("no fate to note")
)

// Copies gives the places where a message was seen, under any of its ids.
func (l *Ledger) Copies(ctx context.Context, id string) (out []Copy, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		return t.each(ctx, qMailCopies, []any{id}, func(scan func(...any) error) error {
			var c Copy
			err := scan(&c.Source.Account, &c.Source.Type, &c.Source.Name, &c.UIDValidity, &c.UID)
			out = append(out, c)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read the copies of a message: %w", err)
	}
	return out, nil
}

// SetFate notes what a mailbox said became of a message.
func (l *Ledger) SetFate(ctx context.Context, id string, f Fate, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		if f == NoFate {
			return errFateless
		}
		if _, err := t.exec(ctx, qSetFate, id, f, at.Unix()); err != nil {
			return err
		}
		t.changed = true
		return retell(ctx, t, KindMail, id)
	})
	if err != nil {
		return fmt.Errorf("note what became of a message: %w", err)
	}
	return nil
}

// fated reports whether a message, under any of its names, waits for no word
// any more, as far as that was known.
func (p *portrait) fated(ctx context.Context, names []string) (bool, error) {
	for _, id := range slices.Compact(names) {
		var at stamp
		found, err := p.t.one(ctx, qFate, []any{id}, &at)
		if err != nil {
			return false, err
		}
		if found && !p.hidden(at.Time) {
			p.holdsFrom(at.Time)
			return true, nil
		}
	}
	return false, nil
}
