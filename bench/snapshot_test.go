package bench_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// snapshot fills a ledger and plans on it.
func snapshot(b *bench) {
	contacts, messages := b.size(10_000), b.size(1_000_000)
	dir := filepath.Join(tempDir(b), "ledger")
	me := ledger.Me{Name: "Ana Lima", Addresses: []string{myAddress}, Zone: time.UTC}
	l, err := ledger.Open(b.Context(), ledger.Options{Dir: dir, Me: me})
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 5, 4, 18, 30, 0, 0, time.UTC)
	appended := timed(func() {
		err = appendMail(b, l, now, contacts, messages)
	})
	if err != nil {
		b.Fatal(err)
	}
	settled := timed(func() { err = l.Settle(b.Context()) })
	if err != nil {
		b.Fatal(err)
	}
	if err := l.SetFirstRun(b.Context(), now.AddDate(-1, 0, 0)); err != nil {
		b.Fatal(err)
	}
	rows := [][]string{{fmt.Sprintf("%d contacts, %d interactions", contacts, messages), "snapshot", "plan", "both"}}
	looked := func(what string, l *ledger.Ledger, at time.Time) {
		var s planner.Snapshot
		took := timed(func() { s, err = l.Snapshot(b.Context(), at, time.Time{}) })
		if err != nil {
			b.Fatal(err)
		}
		if len(s.Contacts) != contacts {
			b.Errorf("the snapshot has %d contacts, want %d", len(s.Contacts), contacts)
		}
		planned := timed(func() { planner.Plan(s, planner.DefaultPolicy(), at) })
		rows = append(rows, []string{what, short(took), short(planned), short(took + planned)})
	}
	looked("first", l, now)
	looked("again", l, now.Add(time.Hour))
	if err := l.Append(b.Context(), newMail(now, contacts, messages)); err != nil {
		b.Fatal(err)
	}
	looked("after one more message", l, now.Add(time.Hour))
	r, err := ledger.OpenReader(b.Context(), dir)
	if err != nil {
		b.Fatal(err)
	}
	looked("another process", r, now.Add(time.Hour))
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	b.out.table(rows)
	rebuilt := timed(func() { err = l.Rebuild(b.Context()) })
	if err != nil {
		b.Fatal(err)
	}
	if err := l.Close(); err != nil {
		b.Fatal(err)
	}
	b.out.line("  appended in %s (%s); all summaries worked out in %s (at most 20 s); everything derived anew in %s",
		short(appended), rate(messages, appended), short(settled), short(rebuilt))
}

func timed(fn func()) time.Duration {
	start := time.Now()
	fn()
	return time.Since(start)
}

var source = ledger.SourceID{Account: "mail", Type: ledger.Mailbox, Name: "INBOX"}

// appendMail appends conversations of four messages with the contacts, newest
// first, in batches as a scan makes them.
func appendMail(b *bench, l *ledger.Ledger, now time.Time, contacts, messages int) error {
	for high := messages; high > 0; high -= chunk {
		low := max(0, high-chunk)
		batch := ledger.Batch{
			Source: source, At: now, Sent: true, Total: uint32(messages), Unsettled: true,
			Cursor: ledger.Cursor{UIDValidity: 1, Highest: uint32(messages), Lowest: uint32(low + 1), Complete: low == 0},
		}
		for n := high; n > low; n-- {
			batch.Mail = append(batch.Mail, conversation(n, contacts, messages, now))
		}
		if err := l.Append(b.Context(), batch); err != nil {
			return err
		}
	}
	return nil
}

// newMail is a batch with one more message.
func newMail(now time.Time, contacts, messages int) ledger.Batch {
	m := conversation(messages+1, contacts, messages, now)
	return ledger.Batch{
		Source: source, At: now.Add(time.Hour), Sent: true, Mail: []ledger.Mail{m},
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: m.UID, Lowest: 1, Complete: true},
	}
}

// conversation is the nth message. Ids are spread as random ones are.
func conversation(n, contacts, messages int, now time.Time) ledger.Mail {
	id := func(n int) string {
		r := rand.NewPCG(uint64(n), 7)
		return fmt.Sprintf("%016x.%d@mx.example.net", r.Uint64(), n)
	}
	talk := n / 4
	name, address := person(talk % contacts)
	me := ledger.Participant{Address: myAddress, Name: "Ana Lima", Role: ledger.RoleTo}
	other := ledger.Participant{Address: address, Name: name, Role: ledger.RoleFrom}
	if n%2 == 0 {
		me.Role, other.Role = other.Role, me.Role
	}
	const span = 10 * 365 * 24 * time.Hour
	at := now.Add(-span / time.Duration(messages) * time.Duration(messages-n)).Truncate(time.Second)
	m := ledger.Mail{
		UID: uint32(n), ID: id(n), At: at, Subject: fmt.Sprintf("The matter of %d?", talk), Topic: fmt.Sprintf("The matter of %d?", talk),
		People: []ledger.Participant{me, other}, Delivered: n%2 == 1,
		Fingerprint: fmt.Sprintf("%016x%048x", rand.NewPCG(uint64(n), 9).Uint64(), n),
	}
	if n%3 == 0 {
		third, at := person((talk + 1) % contacts)
		m.People = append(m.People, ledger.Participant{Address: at, Name: third, Role: ledger.RoleCc})
	}
	for r := talk * 4; r < n; r++ {
		m.Refs = append(m.Refs, id(r))
	}
	return m
}
