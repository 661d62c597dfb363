package ledger

import (
	"context"
	"slices"

	"syncd/internal/planner"
)

// maxPromises is how many promises of each side are kept for a contact.
const maxPromises = 20

// promises finds what I promised them and what they promised me. A mail of mine
// promises to the first in To; what is not certain is for the report alone.
func (p *portrait) promises(ctx context.Context) error {
	var next planner.Evidence // their next direct mail
	for _, it := range slices.Backward(p.items) {
		if it.kind != KindMail || !it.direct || it.direction == None || p.aside(it) {
			continue
		}
		var err error
		switch {
		case it.direction == In:
			p.out.Theirs = p.promised(p.out.Theirs, it, next)
			next = it.evidence
		case it.first && it.text != nil && len(it.text.Promises) > 0:
			err = p.promisedBy(ctx, it)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// promisedBy adds what a mail of mine promises, with the one that keeps it.
func (p *portrait) promisedBy(ctx context.Context, it item) error {
	c, err := p.course(ctx, it.thread)
	if err != nil {
		return err
	}
	var kept planner.Evidence
	if i := slices.IndexFunc(c.handed, func(e planner.Evidence) bool { return comesAfter(e, it.evidence) }); i >= 0 {
		kept = c.handed[i]
		kept.Address = it.evidence.Address
	}
	p.out.Promises = p.promised(p.out.Promises, it, kept)
	return nil
}

// promised adds what a mail promises for certain.
func (p *portrait) promised(list []planner.Promise, it item, kept planner.Evidence) []planner.Promise {
	if it.text == nil {
		return list
	}
	for _, v := range it.text.Promises {
		if v.Sure && (len(list) < maxPromises || p.pinned[it.thread]) {
			list = append(list, planner.Promise{
				Evidence: it.evidence, ID: v.ID, Sentence: v.Sentence, What: v.What, For: v.Day, Kept: kept,
			})
		}
	}
	return list
}
