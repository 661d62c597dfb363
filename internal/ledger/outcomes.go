package ledger

import (
	"context"

	"syncd/internal/planner"
)

var qEnding = query(`SELECT e.outcome, e.acted_at, coalesce(i.evidence_type, ''), coalesce(i.evidence, ''), i.at, coalesce(i.subject, ''),
	coalesce(a.address, ''), coalesce(s.account, '')
	FROM ending AS e LEFT JOIN interaction AS i ON i.id = e.answer_id
	LEFT JOIN address AS a ON a.id = i.from_id LEFT JOIN source AS s ON s.id = i.source_id
	WHERE e.uid = ?`)

// cameTo fills in what an ended follow-up came to (SPEC section 4.7). It follows
// from the rows each time.
func (r *FollowUpRow) cameTo(ctx context.Context, t *tx) error {
	r.CameTo = r.Outcome
	if r.Open() {
		return nil
	}
	var acted, at stamp
	e := &r.Answer
	_, err := t.one(ctx, qEnding, []any{r.UID}, &r.CameTo, &acted, &e.Type, &e.ID, &at, &e.Subject, &e.Address, &e.Account)
	r.ActedAt, e.At = acted.Time, at.Time
	if e.IsZero() {
		r.Answer = planner.Evidence{}
	}
	return err
}
