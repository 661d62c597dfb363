package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"syncd/internal/text"
)

// textSpan is how far back the text of messages is read (SPEC section 2.1).
const textSpan = 60 * 24 * time.Hour

// Unread is a message whose text is wanted (SPEC section 2.1).
type Unread struct {
	UIDValidity uint32
	UID         uint32
	ID          string // as in Mail
	Automatic   bool   // marked as an automatic answer or a report
	Reply       bool   // it answers another mail
	// Others are the names, or addresses, of the people on it who are neither its
	// writer nor its reader: the user, or of a mail of the user's the first in To.
	Others []string
	Reader string // the name of the first in To of a mail of the user's
}

// Reading is what the text of a message says, as its source read it.
type Reading struct {
	ID           string    // as in Mail
	text.Reading           // dates are those of the writer's zone; a name as whose word it is (Referral) is looked for in all mail to the user
	Attached     bool      // a file is with it
	Linked       bool      // the new text holds a web address
	Dead         []string  // reports only: addresses that could not be reached for good
	Failed       string    // why its text cannot be read; "" if it was
	At           time.Time // when it was read
	// Bare says that no sentence of it is to be kept (store_text = false). What has
	// none to begin with is told apart by its place in the mail.
	Bare bool
}

var (
	qBoxID  = query(`SELECT id, uidvalidity FROM source WHERE account = ? AND type = ? AND name = ?`)
	qUnread = query(`SELECT i.id, o.evidence, c.uid, i.opens = 0, i.mine, coalesce(i.first_to, 0)
		FROM interaction AS i CROSS JOIN interaction AS o ON o.group_id = i.group_id
		CROSS JOIN copy AS c ON c.interaction_id = o.id AND c.source_id = ? AND c.href = '' AND c.uid IS NOT NULL
		WHERE i.kind = 'mail' AND i.current = 1 AND i.direct = 1 AND i.at BETWEEN ? AND ? AND i.direction <> ''
		AND NOT EXISTS (SELECT 1 FROM interaction AS g CROSS JOIN said AS s ON s.message_id = g.evidence AND s.read = 1
			WHERE g.group_id = i.group_id)
		ORDER BY i.at DESC, i.evidence, o.evidence`)
	qUnreadPeople = query(`SELECT a.id, a.address, a.folded, p.role, p.name, coalesce(c.name, ''), a.contact_id IS NULL
		FROM participant AS p CROSS JOIN address AS a ON a.id = p.address_id LEFT JOIN contact AS c ON c.id = a.contact_id
		WHERE p.interaction_id = ? ORDER BY p.pos`)
	// Reports, and automatic answers to mail of mine or from whom I wrote to. A copy
	// that is none makes the message none.
	qUnreadAutomatic = query(`SELECT m.message_id, m.uid FROM automatic AS m
		WHERE m.source_id = ? AND m.at BETWEEN ? AND ? AND m.uid IS NOT NULL
		AND NOT EXISTS (SELECT 1 FROM said AS s WHERE s.message_id = m.message_id AND s.read = 1)
		AND NOT EXISTS (SELECT 1 FROM interaction AS i WHERE i.kind = 'mail' AND i.evidence = m.message_id)
		AND (m.report = 1
			OR EXISTS (SELECT 1 FROM address AS a CROSS JOIN contact AS c ON c.id = a.contact_id
				WHERE a.folded = m.sender AND c.mails_out > 0)
			OR EXISTS (SELECT 1 FROM json_each(m.refs) AS r CROSS JOIN interaction AS i ON i.kind = 'mail' AND i.evidence = r.value
				CROSS JOIN interaction AS g ON g.group_id = i.group_id AND g.current = 1 AND g.mine = 1))
		ORDER BY m.at DESC, m.message_id`)
)

// Unread gives the messages of a mailbox whose text is wanted and was not read yet,
// newest first: direct mail of the 60 days before now with contacts or candidates,
// and automatic answers and reports about mail of the user's. A message is there
// once, and no longer once Heard knows it, from whatever mailbox.
func (l *Ledger) Unread(ctx context.Context, box SourceID, now time.Time) (out []Unread, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		n, err := loadLens(ctx, t)
		if err != nil {
			return err
		}
		var source int64
		var validity uint32
		found, err := t.one(ctx, qBoxID, []any{box.Account, box.Type, box.Name}, &source, &validity)
		if err != nil || !found || n.folders[source] {
			return err
		}
		span := []any{source, now.Add(-textSpan).Unix(), now.Unix()}
		if out, err = unreadMail(ctx, t, n, span); err != nil {
			return err
		}
		err = t.each(ctx, qUnreadAutomatic, span, func(scan func(...any) error) error {
			u := Unread{Automatic: true, Reply: true}
			err := scan(&u.ID, &u.UID)
			out = append(out, u)
			return err
		})
		for i := range out {
			out[i].UIDValidity = validity
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find mail whose text was not read: %w", err)
	}
	return out, nil
}

func unreadMail(ctx context.Context, t *tx, n *lens, span []any) (out []Unread, err error) {
	type row struct {
		Unread
		id, first int64
		mine      bool
	}
	var rows []row
	err = t.each(ctx, qUnread, span, func(scan func(...any) error) error {
		var r row
		err := scan(&r.id, &r.ID, &r.UID, &r.Reply, &r.mine, &r.first)
		if last := len(rows) - 1; last < 0 || rows[last].id != r.id { // the mailbox may hold several copies
			rows = append(rows, r)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, r := range rows {
		reader := r.first
		if !r.mine {
			reader = 0
		}
		others, name, outside, err := bystanders(ctx, t, n, r.id, reader)
		if err != nil {
			return nil, err
		}
		if outside {
			r.Others, r.Reader = others, name
			out = append(out, r.Unread)
		}
	}
	return out, nil
}

// bystanders are the people on a message who are neither its writer nor me nor its
// reader, as they are called, and what that one is called; outside says whether anybody on it is outside the
// user's own organisation.
func bystanders(ctx context.Context, t *tx, n *lens, row, reader int64) (others []string, name string, outside bool, err error) {
	var seen []string // folded addresses
	err = t.each(ctx, qUnreadPeople, []any{row}, func(scan func(...any) error) error {
		var id int64
		var address, folded, shown, known string
		var role Role
		var mine bool
		if err := scan(&id, &address, &folded, &role, &shown, &known, &mine); err != nil || mine {
			return err
		}
		outside = outside || !n.internal(address)
		again := slices.Contains(seen, folded)
		seen = append(seen, folded)
		switch called := cmp.Or(personal(shown), known, address); {
		case id == reader:
			name = called
		case !again && role != RoleFrom:
			others = append(others, called)
		}
		return nil
	})
	return others, name, outside, err
}

var (
	// A text that was read counts before one that could not be.
	qPutSaid = query(`INSERT INTO said (message_id, says, read, failed, at) VALUES (?, ?, 1, ?, ?) ON CONFLICT DO UPDATE
		SET says = CASE WHEN excluded.failed = '' THEN excluded.says ELSE says END, read = 1, failed = excluded.failed, at = excluded.at
		WHERE read = 0 OR failed <> '' OR excluded.failed = ''`)
	qPutIntroduction = query(`INSERT INTO introduction (message_id, name) VALUES (?, ?)
		ON CONFLICT DO UPDATE SET name = excluded.name, by_id = NULL WHERE name <> excluded.name`)
	qDropIntroduction = query(`DELETE FROM introduction WHERE message_id = ?`)
	qDropBounced      = query(`DELETE FROM bounced WHERE message_id = ?`)
	qAddBounced       = query(`INSERT INTO bounced (address, message_id) VALUES (?, ?) ON CONFLICT DO NOTHING`)
	qSays             = query(`SELECT says, read, failed FROM said WHERE message_id = ?`)
)

// Heard takes what texts say. It may come before the message itself and in any
// order, and more than once. The journal has the promises and introductions among it,
// and who asks not to be written to, before the ledger.
func (l *Ledger) Heard(ctx context.Context, readings []Reading) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		n, err := loadLens(ctx, t)
		if err != nil {
			return err
		}
		k := newIntake(t, n)
		var lines []line
		for i := range readings {
			more, err := k.hear(ctx, &readings[i])
			if err != nil {
				return err
			}
			lines = append(lines, more...)
			if err := t.alive(); err != nil {
				return err
			}
		}
		if err := l.journal.append(lines...); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		if err := k.spread(ctx); err != nil {
			return err
		}
		t.changed = t.changed || len(readings) > 0
		return settle(ctx, t, n)
	})
	if err != nil {
		return fmt.Errorf("note what %d messages say: %w", len(readings), err)
	}
	return nil
}

// hear keeps one reading, and gives the lines that the journal lacks.
func (k *intake) hear(ctx context.Context, r *Reading) (lines []line, err error) {
	before, _, err := knownSpeech(ctx, k.tx, r.ID)
	if err != nil {
		return nil, err
	}
	now := speechOf(r)
	says, err := toJSON(now)
	if err != nil {
		return nil, err
	}
	if _, err := k.exec(ctx, qPutSaid, r.ID, says, r.Failed, r.At.Unix()); err != nil {
		return nil, err
	}
	if r.Failed != "" {
		return nil, k.touchHeard(ctx, r.ID)
	}
	if err := k.putIntroduction(ctx, r.ID, now); err != nil {
		return nil, err
	}
	if err := k.putBounced(ctx, r); err != nil {
		return nil, err
	}
	return now.lines(r, before), k.touchHeard(ctx, r.ID)
}

// knownSpeech is what is known of the text of a message; read says that the text
// itself said so.
func knownSpeech(ctx context.Context, t *tx, id string) (s speech, read bool, err error) {
	var says, failed string
	found, err := t.one(ctx, qSays, []any{id}, &says, &read, &failed)
	if err == nil && found {
		err = json.Unmarshal([]byte(says), &s)
	}
	return s, read && failed == "", err
}

// putIntroduction lists a message among those that introduce somebody, or takes it
// off.
func (k *intake) putIntroduction(ctx context.Context, id string, s speech) error {
	if !s.introduces() {
		_, err := k.exec(ctx, qDropIntroduction, id)
		return err
	}
	if _, err := k.exec(ctx, qPutIntroduction, id, s.Referral); err != nil || s.Introduce {
		return err
	}
	return k.renamed(ctx)
}

var qRecall = query(`INSERT INTO said (message_id, says, read, failed, at) VALUES (?, ?, 0, '', ?)
	ON CONFLICT DO UPDATE SET says = excluded.says`)

// replaySpeech applies a line about what a text said, if the text itself says
// nothing here.
func replaySpeech(ctx context.Context, t *tx, n line) error {
	if n.Message == "" {
		return errForeignLine
	}
	s, read, err := knownSpeech(ctx, t, n.Message)
	if err != nil || read {
		return err
	}
	if known := s.lines(&Reading{ID: n.Message}, speech{}); slices.ContainsFunc(known, func(o line) bool { return o.Type == n.Type && o.Hash == n.Hash }) {
		return nil
	}
	s.recall(n)
	says, err := toJSON(s)
	if err != nil {
		return err
	}
	if _, err := t.exec(ctx, qRecall, n.Message, says, n.At.Unix()); err != nil {
		return err
	}
	lens, err := loadLens(ctx, t)
	if err != nil {
		return err
	}
	k := newIntake(t, lens)
	if err := k.putIntroduction(ctx, n.Message, s); err != nil {
		return err
	}
	if err := k.touchHeard(ctx, n.Message); err != nil {
		return err
	}
	return k.spread(ctx)
}
