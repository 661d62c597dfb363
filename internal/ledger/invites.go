package ledger

import (
	"context"
	"crypto/sha256"
	"strings"
)

// noiseCalendar is the reason of a message that is calendar mail because of a
// meeting in the ledger; the same as that of one that bears the mark itself.
const noiseCalendar = "calendar"

var qAddTitle = query(`INSERT INTO titled (interaction_id, title) VALUES (?, ?)`)

// addTitle notes the title of a meeting, or of the one that a message speaks of,
// as it is compared: whatever its case and its white space.
func (k *intake) addTitle(ctx context.Context, row int64, title string) error {
	title = strings.Join(strings.Fields(strings.ToLower(title)), "")
	if title == "" {
		return nil
	}
	sum := sha256.Sum256([]byte(title))
	_, err := k.exec(ctx, qAddTitle, row, idEncoding.EncodeToString(sum[:10]))
	return err
}

// toldOf says of the current message i, titled t, that a meeting of that title
// has somebody of the message in it. Whoever writes "Accepted: Lunch" by hand,
// of a lunch that is in no calendar or without them, is a person.
const toldOf = `i.current = 1 AND EXISTS (SELECT 1 FROM titled AS u
	CROSS JOIN interaction AS m ON m.id = u.interaction_id AND m.kind = 'meeting' AND m.current = 1
	CROSS JOIN participant AS q ON q.interaction_id = m.id AND q.thing = 0
	CROSS JOIN address AS b ON b.id = q.address_id AND b.contact_id IS NOT NULL
	CROSS JOIN participant AS p ON p.interaction_id = i.id
	CROSS JOIN address AS a ON a.id = p.address_id AND a.folded = b.folded
	WHERE u.title = t.title)`

var (
	// What a batch touched are such messages, or meetings of that title.
	qInviteGroups = query(`SELECT DISTINCT i.group_id FROM json_each(?) AS w
		CROSS JOIN interaction AS x ON x.group_id = w.value CROSS JOIN titled AS u ON u.interaction_id = x.id
		CROSS JOIN titled AS t ON t.title = u.title CROSS JOIN interaction AS i ON i.id = t.interaction_id AND i.kind = 'mail'`)
	qDropInvites = query(`DELETE FROM calendar_mail WHERE interaction_id IN (
		SELECT i.id FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value)`)
	qPutInvites = query(`INSERT INTO calendar_mail (interaction_id) SELECT r.id FROM (
		SELECT i.group_id AS id FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value AND i.kind = 'mail'
		CROSS JOIN titled AS t ON t.interaction_id = i.id WHERE ` + toldOf + `) AS g
		CROSS JOIN interaction AS r ON r.group_id = g.id`)
	qHideInvites = query(`UPDATE interaction SET current = 0, mine = 0 WHERE id IN (
		SELECT i.id FROM json_each(?) AS w CROSS JOIN interaction AS i ON i.group_id = w.value
		CROSS JOIN calendar_mail AS c ON c.interaction_id = i.id)`)
	qAllInvites = query(`SELECT DISTINCT i.group_id FROM titled AS t
		CROSS JOIN interaction AS i ON i.id = t.interaction_id AND i.kind = 'mail'`)
	qDropAllInvites = query(`DELETE FROM calendar_mail`)
)

// invites derives again the messages that speak of a meeting which came, changed
// or vanished, and makes noise of those that are calendar mail (SPEC section
// 3.3). Nothing else that is derived may look at a message before.
func (k *intake) invites(ctx context.Context) error {
	if len(k.touched.groups) == 0 {
		return nil
	}
	found, err := k.ids(ctx, qInviteGroups, list(k.touched.groups))
	if err != nil || len(found) == 0 {
		return err
	}
	all, others := map[int64]bool{}, map[int64]bool{}
	for _, g := range found {
		all[g] = true
		if !k.touched.groups[g] {
			others[g] = true
		}
	}
	if err := k.derive(ctx, others); err != nil {
		return err
	}
	for g := range others {
		k.touched.groups[g] = true
	}
	return hideInvites(ctx, k.tx, all)
}

// allInvites does the same when everything was derived anew.
func allInvites(ctx context.Context, t *tx) error {
	if _, err := t.exec(ctx, qDropAllInvites); err != nil {
		return err
	}
	found, err := t.ids(ctx, qAllInvites)
	if err != nil {
		return err
	}
	all := map[int64]bool{}
	for _, g := range found {
		all[g] = true
	}
	return hideInvites(ctx, t, all)
}

func hideInvites(ctx context.Context, t *tx, groups map[int64]bool) error {
	for _, q := range []string{qDropInvites, qPutInvites, qHideInvites} {
		if _, err := t.exec(ctx, q, list(groups)); err != nil {
			return err
		}
	}
	return nil
}
