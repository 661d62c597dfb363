package ledger

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// Somebody may write any number of mails that open a thread, and others that
// make one thread of them. A look at that person must read them once, not once
// for each.
func TestLongThreadIsReadOnce(t *testing.T) {
	const openers, refs = 1500, 99
	l, err := Open(t.Context(), Options{Dir: t.TempDir(), Me: Me{Addresses: []string{"me@example.com"}, Zone: time.UTC}})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	start := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	write := func(n int, id string) Mail {
		return Mail{
			UID: uint32(n + 1), ID: id, At: start.Add(time.Duration(n) * time.Minute), Subject: fmt.Sprint("Hello ", n), Delivered: true,
			People: []Participant{{Address: "ana@example.org", Role: RoleFrom}, {Address: "me@example.com", Role: RoleTo}},
		}
	}
	b := Batch{
		Source: SourceID{Account: "work", Type: Mailbox, Name: "INBOX"}, At: start.AddDate(0, 0, 7), Unsettled: true,
		Cursor: Cursor{UIDValidity: 1, Highest: 5000, Lowest: 1, Complete: true},
	}
	for n := range openers {
		b.Mail = append(b.Mail, write(n, fmt.Sprintf("o%04d@x", n)))
	}
	for n := 0; n < openers; n += refs - 1 {
		m := write(openers+n, fmt.Sprintf("z%04d@x", n))
		for i := range refs {
			m.Refs = append(m.Refs, fmt.Sprintf("o%04d@x", min(n+i, openers-1)))
		}
		b.Mail = append(b.Mail, m)
	}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	looks := 0 // one for every 1024 rows that a query gives
	err = l.read(t.Context(), func(ctx context.Context, x *tx) error {
		n, err := loadLens(ctx, x)
		if err != nil {
			return err
		}
		ids, err := x.ids(ctx, qContactByAddress, "ana@example.org")
		if err != nil || len(ids) != 1 {
			return fmt.Errorf("contacts %v: %w", ids, err)
		}
		alive := x.alive
		x.alive = func() error { looks++; return alive() }
		s, err := summarise(ctx, x, n, ids[0], view{cut: forever, now: b.At})
		if err == nil && (len(s.Unanswered) != 1 || s.Unanswered[0].ID != "o0000@x") {
			t.Errorf("Unanswered = %+v, want the thread of the first mail", s.Unanswered)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if looks > 10 {
		t.Errorf("more than %d rows were read for %d mails", 1024*(looks-1), len(b.Mail))
	}
}
