package ledger

import (
	"context"
	"fmt"
	"strings"
)

// ownPrefix begins the UID of syncd's own entries, which never come back as
// meetings.
const ownPrefix = "syncd-"

var (
	qPutObject  = query(`INSERT INTO object (source_id, href, etag) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET etag = excluded.etag`)
	qDropObject = query(`DELETE FROM object WHERE source_id = ? AND href = ?`)
	qHrefCopies = query(`SELECT c.interaction_id, c.gone, i.at, i.end_at, i.evidence FROM copy AS c JOIN interaction AS i ON i.id = c.interaction_id
		WHERE c.source_id = ? AND c.href = ?`)
	qDropCopy   = query(`DELETE FROM copy WHERE interaction_id = ? AND source_id = ? AND href = ?`)
	qGoneCopy   = query(`UPDATE copy SET gone = 1 WHERE interaction_id = ? AND source_id = ? AND href = ?`)
	qObjectCopy = query(`INSERT INTO copy (interaction_id, source_id, href) VALUES (?, ?, ?)
		ON CONFLICT DO UPDATE SET gone = 0`)
	qAddUnlisted = query(`INSERT INTO unlisted (interaction_id, people, theirs) VALUES (?, ?, ?)`)
	qFindRow     = query(`SELECT id FROM interaction WHERE kind = ? AND evidence = ? AND content = ?`)
	qAddMeeting  = query(`INSERT INTO interaction (kind, evidence_type, evidence, content, at, end_at, known_at, all_day, subject,
		location, cancelled, series) VALUES ('meeting', 'meeting', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
)

func (k *intake) takeObjects(ctx context.Context) error {
	for i := range k.batch.Objects {
		if err := k.takeObject(ctx, &k.batch.Objects[i]); err != nil {
			return fmt.Errorf("calendar object: %w", err)
		}
		if err := k.alive(); err != nil {
			return err
		}
	}
	for _, href := range k.batch.Gone {
		if err := k.lose(ctx, href); err != nil {
			return fmt.Errorf("vanished calendar object: %w", err)
		}
	}
	return nil
}

// takeObject replaces what the object said before. Rows that no object bears
// out any more stay, but are not current.
func (k *intake) takeObject(ctx context.Context, o *Object) error {
	if _, err := k.exec(ctx, qPutObject, k.source, o.Href, o.ETag); err != nil {
		return err
	}
	if err := k.takeAbsences(ctx, o.Href, o.Absences); err != nil {
		return err
	}
	before, err := k.copies(ctx, o.Href)
	if err != nil {
		return err
	}
	told := map[string]bool{} // of what the object tells
	same := false             // some of it is as it was
	for i := range o.Meetings {
		m := &o.Meetings[i]
		if strings.HasPrefix(m.UID, ownPrefix) {
			continue
		}
		row, err := k.meetingRow(ctx, m)
		if err != nil {
			return err
		}
		told[evidenceOf(m)] = true
		c, known := before[row]
		delete(before, row)
		same = same || known
		if known && !c.gone {
			continue
		}
		if _, err := k.exec(ctx, qObjectCopy, row, k.source, o.Href); err != nil {
			return err
		}
		if err := k.touchRow(ctx, row); err != nil {
			return err
		}
	}
	for row, c := range before {
		// What was taken out of a series after its end stays, as a single meeting
		// does. A series of which nothing is as it was is another one.
		q := qDropCopy
		if same && !told[c.evidence] && c.end <= k.batch.At.Unix() && c.at >= o.Since.Unix() {
			if c.gone {
				continue
			}
			q = qGoneCopy
		}
		if _, err := k.exec(ctx, q, row, k.source, o.Href); err != nil {
			return err
		}
		if err := k.touchRow(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

// lose takes back what was not over in an object that vanished. A meeting that
// had ended stays: old calendars get pruned (SPEC section 2.2).
func (k *intake) lose(ctx context.Context, href string) error {
	if _, err := k.exec(ctx, qDropObject, k.source, href); err != nil {
		return err
	}
	if err := k.takeAbsences(ctx, href, nil); err != nil {
		return err
	}
	rows, err := k.copies(ctx, href)
	if err != nil {
		return err
	}
	for row, c := range rows {
		if c.gone {
			continue
		}
		q := qGoneCopy
		if k.batch.At.Unix() < c.end {
			q = qDropCopy
		}
		if _, err := k.exec(ctx, q, row, k.source, href); err != nil {
			return err
		}
		if err := k.touchRow(ctx, row); err != nil {
			return err
		}
	}
	return nil
}

type objectCopy struct {
	gone     bool
	at, end  int64
	evidence string
}

func (k *intake) copies(ctx context.Context, href string) (map[int64]objectCopy, error) {
	out := map[int64]objectCopy{}
	err := k.each(ctx, qHrefCopies, []any{k.source, href}, func(scan func(...any) error) error {
		var row int64
		var c objectCopy
		err := scan(&row, &c.gone, &c.at, &c.end, &c.evidence)
		out[row] = c
		return err
	})
	return out, err
}

func evidenceOf(m *MeetingInstance) string {
	if m.RecurrenceID != "" {
		return m.UID + "/" + m.RecurrenceID
	}
	return m.UID
}

func (k *intake) meetingRow(ctx context.Context, m *MeetingInstance) (int64, error) {
	evidence := evidenceOf(m)
	known := m.KnownAt
	if known.IsZero() || known.After(m.Start) {
		known = m.Start
	}
	facts := []any{m.Start.Unix(), m.End.Unix(), known.Unix(), m.AllDay, m.Title, m.Location, m.People, m.Cancelled, m.Series}
	if m.Unlisted > 0 || m.Theirs {
		facts = append(facts, m.Unlisted, m.Theirs)
	}
	content, err := contentHash(facts...)
	if err != nil {
		return 0, err
	}
	var row int64
	found, err := k.one(ctx, qFindRow, []any{KindMeeting, evidence, content}, &row)
	if err != nil || found {
		return row, err
	}
	row, err = k.insert(ctx, qAddMeeting, evidence, content, m.Start.Unix(), m.End.Unix(), known.Unix(), m.AllDay,
		m.Title, m.Location, m.Cancelled, m.Series)
	if err != nil {
		return 0, err
	}
	k.newest = 0 // there is a newer row now
	if err := k.addTitle(ctx, row, m.Title); err != nil {
		return 0, err
	}
	if err := k.addPeople(ctx, row, m.People); err != nil {
		return 0, err
	}
	if m.Unlisted > 0 || m.Theirs {
		if _, err := k.exec(ctx, qAddUnlisted, row, m.Unlisted, m.Theirs); err != nil {
			return 0, err
		}
	}
	return row, k.relinkRow(ctx, row, KindMeeting, evidence, "", nil)
}
