package imap

import (
	"context"
	"errors"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"syncd/internal/ledger"
)

// Fate looks at a message of the account, given its copies, of whatever account,
// and its Message-ID, for what ends its wait without a word: that it bears \Answered or, once it is
// in none of the places where it was seen, lies in the trash or among the junk.
// Not found there either proves nothing (SPEC section 2.1).
func (s *Session) Fate(ctx context.Context, boxes []Mailbox, copies []ledger.Copy, id string) (ledger.Fate, error) {
	looked, there := false, false
	for _, c := range copies {
		i := slices.IndexFunc(boxes, func(b Mailbox) bool { return b.Raw == c.Source.Name })
		if i < 0 || c.Source.Account != s.account.Name { // UIDs mean something in their own account only
			continue
		}
		box, err := s.examine(ctx, boxes[i].Raw)
		switch {
		case lost(err):
			return ledger.NoFate, err
		case err != nil, box.UIDValidity != c.UIDValidity:
			continue
		}
		looked = true
		answered, found, err := s.answered(ctx, c.UID)
		switch {
		case lost(err):
			return ledger.NoFate, err
		case answered:
			return ledger.Answered, nil
		}
		there = there || found || err != nil
	}
	if !looked || there {
		return ledger.NoFate, nil
	}
	for _, place := range []struct {
		use  Use
		fate ledger.Fate
	}{{UseTrash, ledger.Trashed}, {UseJunk, ledger.Junked}} {
		for _, b := range boxes {
			if b.Use != place.use {
				continue
			}
			if found, err := s.holds(ctx, b, id); found || lost(err) {
				return place.fate, err
			}
		}
	}
	return ledger.NoFate, nil
}

// lost reports whether an error means that the session cannot go on; a mere
// refusal proves nothing.
func lost(err error) bool {
	return err != nil && (!errors.As(err, new(*Error)) || errors.Is(err, ErrUnavailable))
}

// answered reads the flags of a message in the open mailbox.
func (s *Session) answered(ctx context.Context, uid uint32) (answered, found bool, err error) {
	err = s.do(ctx, "FETCH", func() error {
		c := s.client.Fetch(uidRange(uid, uid), &goimap.FetchOptions{UID: true, Flags: true})
		for m := c.Next(); m != nil; m = c.Next() {
			got, err := m.Collect()
			if err != nil || uint32(got.UID) != uid {
				continue // Close says why
			}
			found, answered = true, slices.Contains(got.Flags, goimap.FlagAnswered)
		}
		return c.Close()
	})
	if err != nil || found {
		return answered, found, err
	}
	// An answer without flags does not say that the message is gone.
	err = s.fetch(ctx, uidRange(uid, uid), nil, func(f fetched) { found = found || f.uid == uid })
	return false, found, err
}

// holds reports whether a mailbox has a message of that Message-ID.
func (s *Session) holds(ctx context.Context, b Mailbox, id string) (found bool, err error) {
	// Beyond ASCII it would take a charset, which some servers answer never.
	if strings.ContainsFunc(id, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return false, nil
	}
	if _, err := s.examine(ctx, b.Raw); err != nil {
		return false, err
	}
	err = s.do(ctx, "SEARCH", func() error {
		all, err := s.client.UIDSearch(&goimap.SearchCriteria{
			Header: []goimap.SearchCriteriaHeaderField{{Key: "Message-ID", Value: "<" + id + ">"}},
		}, nil).Wait()
		found = err == nil && len(all.AllUIDs()) > 0
		return err
	})
	return found, err
}
