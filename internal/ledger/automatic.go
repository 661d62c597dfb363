package ledger

import (
	"context"
	"strings"
)

// Automatic answers and reports are noise, and no interactions. What is needed to
// read their text, and to know whom it is about, is kept of those of the last 60 days.

// automaticNoise are the marks that an automatic answer or a report may bear, as
// mail.Noise names them; reportNoise those of a report of a mail server.
var (
	automaticNoise = map[string]bool{
		"auto-submitted": true, "autoreply": true, "precedence": true, "null-return-path": true, "report": true, "no-reply-address": true,
	}
	reportNoise = map[string]bool{"null-return-path": true, "report": true}
)

var (
	// Of several under one Message-ID the first by what they say counts, whichever
	// is read first.
	qPutAutomatic = query(`INSERT INTO automatic (message_id, source_id, uid, sender, refs, report, at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET uid = excluded.uid, sender = excluded.sender, refs = excluded.refs, report = excluded.report, at = excluded.at
		WHERE (excluded.at, excluded.sender, excluded.refs, excluded.report) <= (automatic.at, automatic.sender, automatic.refs, automatic.report)`)
	qVoidAutomatic = query(`UPDATE automatic SET uid = NULL WHERE source_id = ?`)
	// What came to nothing is not needed for longer than its text is read.
	qDropAutomatic = query(`DELETE FROM automatic WHERE at < ?
		AND NOT EXISTS (SELECT 1 FROM said AS s WHERE s.message_id = automatic.message_id AND s.says <> '{}')
		AND NOT EXISTS (SELECT 1 FROM bounced AS b WHERE b.message_id = automatic.message_id)`)
)

// takeAutomatic keeps what is needed of an automatic answer or a report.
func (k *intake) takeAutomatic(ctx context.Context, m *Mail, noise string) error {
	if !automaticNoise[noise] || m.At.Before(k.batch.At.Add(-textSpan)) || len(m.People) == 0 || m.People[0].Role != RoleFrom {
		return nil
	}
	sender := m.People[0].Address
	local, _ := cutAddress(sender)
	report := reportNoise[noise] || strings.HasPrefix(local, "mailer-daemon") || local == "postmaster"
	refs, err := toJSON(capRefs(m.Refs))
	if err != nil {
		return err
	}
	if err := k.touchAutomatic(ctx, m.ID); err != nil { // another of this id
		return err
	}
	if _, err := k.exec(ctx, qPutAutomatic, m.ID, k.source, m.UID, fold(sender), refs, report, m.At.Unix()); err != nil {
		return err
	}
	return k.touchAutomatic(ctx, m.ID)
}

var qAutomaticAbout = query(`SELECT a.contact_id FROM automatic AS m CROSS JOIN address AS a ON a.folded = m.sender
		WHERE m.message_id = ?1 AND a.contact_id IS NOT NULL
	UNION SELECT a.contact_id FROM bounced AS b CROSS JOIN address AS a ON a.folded = b.address
		WHERE b.message_id = ?1 AND a.contact_id IS NOT NULL`)

// touchAutomatic marks those whom an automatic answer or a report is about.
func (k *intake) touchAutomatic(ctx context.Context, id string) error {
	about, err := k.ids(ctx, qAutomaticAbout, id)
	for _, contact := range about {
		k.touched.contacts[contact] = true
	}
	return err
}

// touchHeard marks those whom a text concerns.
func (k *intake) touchHeard(ctx context.Context, id string) error {
	groups, err := k.ids(ctx, qRowsOf, KindMail, id)
	if err != nil {
		return err
	}
	for _, g := range groups {
		k.touched.groups[g] = true
	}
	return k.touchAutomatic(ctx, id)
}

// putBounced notes the addresses that a report says cannot be reached.
func (k *intake) putBounced(ctx context.Context, r *Reading) error {
	if err := k.touchAutomatic(ctx, r.ID); err != nil { // those of before
		return err
	}
	if _, err := k.exec(ctx, qDropBounced, r.ID); err != nil {
		return err
	}
	for _, a := range r.Dead[:min(len(r.Dead), maxBounced)] {
		if a = fold(a); !strings.Contains(a, "@") || len(a) > maxKept {
			continue
		}
		if _, err := k.exec(ctx, qAddBounced, a, r.ID); err != nil {
			return err
		}
	}
	return nil
}
