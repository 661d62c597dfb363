package ledger

import (
	"context"
	"fmt"
	"slices"

	"syncd/internal/planner"
)

// Uncertain is a sentence that may be a promise. It is for a report alone.
type Uncertain struct {
	Evidence planner.Evidence // the mail; Address is whom it is to, or theirs who wrote it
	Contact  planner.ContactID
	Kind     string       // promise, or their-promise
	Sentence string       // "" where none is kept
	For      planner.Date // the day it names, "" for none
}

var qUncertain = query(`SELECT i.evidence, i.at, i.subject, coalesce(s.account, ''), i.direction = 'out', a.address, c.code,
	json_extract(v.value, '$.sentence'), json_extract(v.value, '$.day')
	FROM said AS w CROSS JOIN json_each(w.says, '$.promises') AS v
	CROSS JOIN interaction AS o ON o.kind = 'mail' AND o.evidence = w.message_id
	CROSS JOIN interaction AS i ON i.group_id = o.group_id AND i.current = 1 AND i.direct = 1 AND i.direction IN ('out', 'in')
	CROSS JOIN address AS a ON a.id = CASE i.direction WHEN 'out' THEN i.first_to ELSE i.from_id END
	CROSS JOIN contact AS c ON c.id = a.contact_id
	LEFT JOIN source AS s ON s.id = i.source_id
	WHERE coalesce(json_extract(v.value, '$.sure'), 0) = 0
	GROUP BY i.id, json_extract(v.value, '$.id') ORDER BY i.at DESC, i.evidence, json_extract(v.value, '$.id')`)

// Uncertain gives what texts may promise and is not certain, newest first. Nothing is
// planned for it.
func (l *Ledger) Uncertain(ctx context.Context) (out []Uncertain, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		return t.each(ctx, qUncertain, nil, func(scan func(...any) error) error {
			u := Uncertain{Kind: string(planner.TheirPromise), Evidence: planner.Evidence{Type: planner.Mail}}
			var at stamp
			var mine bool
			var sentence, day *string
			err := scan(&u.Evidence.ID, &at, &u.Evidence.Subject, &u.Evidence.Account, &mine, &u.Evidence.Address, &u.Contact, &sentence, &day)
			u.Evidence.At = at.Time
			if mine {
				u.Kind = string(planner.PromiseMade)
			}
			if sentence != nil {
				u.Sentence = *sentence
			}
			if day != nil {
				u.For = planner.Date(*day)
			}
			out = append(out, u)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read uncertain findings: %w", err)
	}
	return slices.Clip(out), nil
}
