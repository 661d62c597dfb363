package ledger

import (
	"context"
	"fmt"
)

// SentBy is how a mailbox was found to hold sent mail.
type SentBy string

// The ways, the surest first.
const (
	SentByConfiguration SentBy = "configuration"
	SentByUse           SentBy = "special use" // RFC 6154
	SentByName          SentBy = "name"
	// SentByContent is worked out from what the mailbox holds.
	SentByContent SentBy = "content"
)

// A mailbox is taken for a Sent folder by its content if it holds at least
// minSentCopies messages, and at least minSentShare in a hundred are from a
// configured address and bear no mark of delivery. That is more than a handful
// that somebody filed, and leaves room for what others sent in the user's name
// and for answers filed with them.
const (
	minSentCopies = 20
	minSentShare  = 80
)

var (
	qPutMailbox = query(`INSERT INTO mailbox (source_id, use, sent_by) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET use = excluded.use, sent_by = excluded.sent_by`)
	qSentBy     = query(`SELECT sent_by FROM mailbox WHERE source_id = ?`)
	qMailboxUse = query(`SELECT m.use, m.sent_by FROM source AS s JOIN mailbox AS m ON m.source_id = s.id
		WHERE s.account = ? AND s.type = ? AND s.name = ?`)
	// Mailboxes whose content may decide: all, or one with those of its account
	// that were decided so before. It does where the mailbox was read to its
	// end, nobody says what it is for, and the account has no other Sent folder.
	qMaybeSent = query(`SELECT s.id, s.sent, s.complete = 1 AND m.use = '' AND s.name <> 'INBOX' COLLATE NOCASE
			AND NOT EXISTS (SELECT 1 FROM source AS o LEFT JOIN mailbox AS n ON n.source_id = o.id
				WHERE o.account = s.account AND o.type = 'mailbox' AND o.sent = 1 AND coalesce(n.sent_by, '') <> 'content')
		FROM source AS s CROSS JOIN mailbox AS m ON m.source_id = s.id
		WHERE s.type = 'mailbox' AND (s.sent = 0 OR m.sent_by = 'content')
		AND (?1 = 0 OR s.id = ?1 OR m.sent_by = 'content' AND s.account = (SELECT account FROM source WHERE id = ?1))`)
	qSenders = query(`SELECT a.address, count(*), sum(c.delivered = 0) FROM copy AS c
		CROSS JOIN participant AS p ON p.interaction_id = c.interaction_id AND p.pos = 0 AND p.role = 'from'
		CROSS JOIN address AS a ON a.id = p.address_id WHERE c.source_id = ? GROUP BY a.id`)
	qSetSent = query(`UPDATE source SET sent = ? WHERE id = ?`)
	qSetBy   = query(`UPDATE mailbox SET sent_by = ? WHERE source_id = ?`)
)

// SetUse notes what a mailbox is for now, as Batch says it, if it was read
// before and was for something else: a batch comes only where there is new mail.
func (l *Ledger) SetUse(ctx context.Context, s SourceID, use string, by SentBy) error {
	b := Batch{Source: s, Use: use, Sent: by != "", SentBy: by, Unsettled: true}
	var known bool
	var oldUse string
	var oldBy SentBy
	err := l.read(ctx, func(ctx context.Context, t *tx) (err error) {
		if known, err = t.one(ctx, qMailboxUse, []any{s.Account, s.Type, s.Name}, &oldUse, &oldBy); err != nil {
			return err
		}
		b.Cursor, err = readCursor(ctx, t, s)
		return err
	})
	if err != nil {
		return fmt.Errorf("read what a mailbox is for: %w", err)
	}
	if oldBy == SentByContent {
		oldBy = ""
	}
	if !known || oldUse == use && oldBy == by {
		return nil
	}
	return l.Append(ctx, b)
}

// findSent works out again which mailboxes hold sent mail by their content, and
// says whether that changed: all of them where source is 0, else those that a
// batch from that source may concern.
func findSent(ctx context.Context, t *tx, me Me, source int64) (changed bool, err error) {
	type maybe struct {
		id        int64
		sent, may bool
	}
	var all []maybe
	err = t.each(ctx, qMaybeSent, []any{source}, func(scan func(...any) error) error {
		var m maybe
		err := scan(&m.id, &m.sent, &m.may)
		all = append(all, m)
		return err
	})
	if err != nil {
		return false, err
	}
	for _, m := range all {
		sent := m.may
		if sent {
			if sent, err = mostlyMine(ctx, t, me, m.id); err != nil {
				return false, err
			}
		}
		if sent == m.sent {
			continue
		}
		by := SentBy("")
		if sent {
			by = SentByContent
		}
		if _, err := t.exec(ctx, qSetSent, sent, m.id); err != nil {
			return false, err
		}
		if _, err := t.exec(ctx, qSetBy, by, m.id); err != nil {
			return false, err
		}
		changed = true
	}
	if changed {
		t.changed = true
		err = recount(ctx, t)
	}
	return changed, err
}

// mostlyMine reports whether the content of a mailbox is that of a Sent folder.
func mostlyMine(ctx context.Context, t *tx, me Me, source int64) (bool, error) {
	n := newLens(me, nil)
	total, mine := 0, 0
	err := t.each(ctx, qSenders, []any{source}, func(scan func(...any) error) error {
		var address string
		var copies, stored int
		err := scan(&address, &copies, &stored)
		if total += copies; n.isMe(address) {
			mine += stored
		}
		return err
	})
	return total >= minSentCopies && mine*100 >= total*minSentShare, err
}
