package ledger

import (
	"context"
	"slices"

	"syncd/internal/planner"
)

// maxPromises is how many promises of each side are kept for a contact.
const maxPromises = 20

// maxPromisedTo is how many people in To a promise is made to; more are told of it.
const maxPromisedTo = 3

// promises finds what I promised them and what they promised me. A mail of mine
// promises to the first in To; what is not certain is for the report alone.
func (p *portrait) promises(ctx context.Context) error {
	var next, file planner.Evidence // their next direct mail; my next to them that brings a file
	for _, it := range slices.Backward(p.items) {
		if it.kind != KindMail || !it.direct || it.direction == None || p.aside(it) {
			continue
		}
		var err error
		switch {
		case it.direction == In:
			if it.toCount <= maxPromisedTo {
				p.out.Theirs = p.promised(p.out.Theirs, it, next)
			}
			next = it.evidence
		case it.first && it.text != nil && len(it.text.Promises) > 0:
			err = p.promisedBy(ctx, it, file)
		}
		if it.direction == Out && it.text != nil && it.text.Attached {
			file = it.evidence
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// promisedBy adds what a mail of mine promises, with the one that keeps it: in its
// thread, or the next to them with a file, since many begin a new thread for that.
func (p *portrait) promisedBy(ctx context.Context, it item, file planner.Evidence) error {
	c, err := p.course(ctx, it.thread)
	if err != nil {
		return err
	}
	kept := file
	if i := slices.IndexFunc(c.handed, func(e planner.Evidence) bool { return comesAfter(e, it.evidence) }); i >= 0 {
		if kept.IsZero() || comesAfter(kept, c.handed[i]) {
			kept = c.handed[i]
		}
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
