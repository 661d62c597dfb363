package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"

	"syncd/internal/planner"
)

// Sums are hashes of what the ledger knows from the servers. They are the same
// after it was lost and read anew, in whatever order things came (SPEC I10), and
// in whatever folder mail lies by then.
type Sums struct {
	Hash         string `json:"hash"`         // of the two below
	Interactions string `json:"interactions"` // the current ones and their threads, not what they supersede
	Contacts     string `json:"contacts"`     // everything known about contacts and candidates, but for what follows from texts
}

// Hash sums up the ledger.
func (l *Ledger) Hash(ctx context.Context) (Sums, error) {
	h := sha256.New()
	enc := json.NewEncoder(h)
	for r, err := range l.Interactions(ctx) {
		if err != nil {
			return Sums{}, err
		}
		r.Supersedes = ""       // history, not the current state
		if r.Kind == KindMail { // the user may have moved it since
			r.Evidence.Account, r.Evidence.Folder = "", ""
		}
		if err := enc.Encode(r); err != nil {
			return Sums{}, fmt.Errorf("hash interactions: %w", err)
		}
	}
	s := Sums{Interactions: hex.EncodeToString(h.Sum(nil))}
	h.Reset()
	if err := l.hashContacts(ctx, h); err != nil {
		return Sums{}, fmt.Errorf("hash contacts: %w", err)
	}
	s.Contacts = hex.EncodeToString(h.Sum(nil))
	both := sha256.Sum256([]byte(s.Interactions + s.Contacts))
	s.Hash = hex.EncodeToString(both[:])
	return s, nil
}

// placeless is a contact without the accounts in which mail was found, and without
// what follows from texts: those of old mail are not read again.
func placeless(c planner.Contact) planner.Contact {
	for _, e := range []*planner.Evidence{&c.LastOut, &c.LastIn, &c.Exchanges.Last} {
		if e.Type == planner.Mail {
			e.Account = ""
		}
	}
	c.Unanswered, c.Outstanding, c.Asked = nil, nil, nil
	c.Promises, c.Theirs, c.Introductions, c.Candidate = nil, nil, nil, false
	c.Away, c.Dead, c.Stop, c.Gave = planner.Away{}, planner.Evidence{}, planner.Evidence{}, ""
	return c
}

func (l *Ledger) hashContacts(ctx context.Context, w io.Writer) error {
	enc := json.NewEncoder(w)
	for last := ""; ; {
		n := 0
		err := l.read(ctx, func(ctx context.Context, t *tx) error {
			found, err := contactFacts(ctx, t, qContactPage, last, pageSize)
			n = len(found)
			for _, f := range found {
				last = f.code
				if !f.contact && !f.seen {
					continue
				}
				if err := enc.Encode([]any{placeless(f.Contact), f.contact}); err != nil {
					return err
				}
			}
			return err
		})
		if err != nil || n < pageSize {
			return err
		}
	}
}

// shortHash is the beginning of a hash of some words.
func shortHash(s string, length int) string {
	sum := sha256.Sum256([]byte(s))
	return idEncoding.EncodeToString(sum[:])[:length]
}
