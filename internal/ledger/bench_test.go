package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"syncd/internal/ledger"
)

// BenchmarkAppend takes a first scan of 50,000 messages with 2,000 people, in
// batches of 1,000, newest first.
func BenchmarkAppend(b *testing.B) {
	for b.Loop() {
		l, err := ledger.Open(b.Context(), ledger.Options{Dir: b.TempDir(), Me: me})
		if err != nil {
			b.Fatal(err)
		}
		fill(b, l, 50_000, 2_000)
		l.Close()
	}
}

func fill(b *testing.B, l *ledger.Ledger, messages, people int) {
	b.Helper()
	for first := 0; first < messages; first += 1000 {
		batch := ledger.Batch{
			Source: inbox, At: day(4000), Sent: true,
			Cursor: ledger.Cursor{UIDValidity: 1, Highest: uint32(messages), Lowest: uint32(messages - first), Complete: first+1000 >= messages},
		}
		for n := messages - first; n > messages-first-1000; n-- {
			batch.Mail = append(batch.Mail, generated(n, people))
		}
		if err := l.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

// generated is the nth message: conversations of four with one person each,
// the odd ones theirs.
func generated(n, people int) ledger.Mail {
	who := fmt.Sprintf("Some_One%d=p%d@example.org", n/4%people, n/4%people)
	line := "me@example.com > " + who
	if n%2 == 1 {
		line = who + " > me@example.com ; other@example.net"
	}
	m := mail(fmt.Sprintf("%d@host.example.org", n), day(0).Add(time.Duration(n)*time.Hour), line, fmt.Sprintf("Subject %d?", n/4))
	m.UID, m.Delivered = uint32(n), n%2 == 1
	for r := n / 4 * 4; r < n; r++ {
		m.Refs = append(m.Refs, fmt.Sprintf("%d@host.example.org", r))
	}
	return m
}

// BenchmarkSnapshot reads 10,000 contacts.
func BenchmarkSnapshot(b *testing.B) {
	l, err := ledger.Open(b.Context(), ledger.Options{Dir: b.TempDir(), Me: me})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	fill(b, l, 100_000, 10_000)
	for b.Loop() {
		if _, err := l.Snapshot(b.Context(), day(4200), time.Time{}); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCards takes the first listing of 10,000 cards beside 10,000 contacts,
// in batches of 200, and then one card that was edited.
func BenchmarkCards(b *testing.B) {
	batch := func(l *ledger.Ledger, first, last int, name string) {
		c := ledger.Batch{Source: book, At: day(4000), Cursor: ledger.Cursor{SyncToken: "1", Complete: last == 10_000}}
		for n := first; n < last; n++ {
			c.Cards = append(c.Cards, card(fmt.Sprint(n), name, fmt.Sprintf("p%d@example.org", n), fmt.Sprintf("p%d@example.net", n)))
		}
		if err := l.Append(b.Context(), c); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		b.StopTimer()
		l, err := ledger.Open(b.Context(), ledger.Options{Dir: b.TempDir(), Me: me})
		if err != nil {
			b.Fatal(err)
		}
		fill(b, l, 40_000, 10_000)
		b.StartTimer()
		start := time.Now()
		for n := 0; n < 10_000; n += 200 {
			batch(l, n, n+200, "Some One")
		}
		b.ReportMetric(time.Since(start).Seconds(), "s/listing")
		start = time.Now()
		batch(l, 9_999, 10_000, "Some Other")
		b.ReportMetric(time.Since(start).Seconds()*1000, "ms/edit")
		l.Close()
	}
}

// BenchmarkRebuild derives 50,000 messages anew.
func BenchmarkRebuild(b *testing.B) {
	l, err := ledger.Open(b.Context(), ledger.Options{Dir: b.TempDir(), Me: me})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	fill(b, l, 50_000, 2_000)
	for b.Loop() {
		if err := l.Rebuild(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkNames looks through 5,000 events for the names of 10,000 contacts,
// since one of the events changed.
func BenchmarkNames(b *testing.B) {
	l, err := ledger.Open(b.Context(), ledger.Options{Dir: b.TempDir(), Me: me})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	fill(b, l, 40_000, 10_000)
	one := func(n int, title string) ledger.Object {
		return object(fmt.Sprintf("/%d.ics", n), note(fmt.Sprint(n), float64(n%300), title, "Room 4 of the old town hall"))
	}
	batch := ledger.Batch{Source: cal, At: day(4000), Cursor: ledger.Cursor{SyncToken: "1", Complete: true}}
	for n := range 5000 {
		batch.Objects = append(batch.Objects, one(n, fmt.Sprintf("Quarterly review with Some One%d about the plan", n*2)))
	}
	if err := l.Append(b.Context(), batch); err != nil {
		b.Fatal(err)
	}
	for n := 0; b.Loop(); n++ {
		batch.Objects = []ledger.Object{one(0, fmt.Sprintf("Lunch with Some One%d", n))}
		if err := l.Append(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkObjects takes 20,000 calendar objects, a hundred at a time, half of
// them with somebody and half that may name somebody, and takes them again.
func BenchmarkObjects(b *testing.B) {
	l, err := ledger.Open(b.Context(), ledger.Options{Dir: b.TempDir(), Me: me})
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	fill(b, l, 4_000, 1_000)
	for b.Loop() {
		for first := 0; first < 20_000; first += 100 {
			batch := ledger.Batch{Source: cal, At: day(4000), Cursor: ledger.Cursor{SyncToken: "1", Complete: first+100 >= 20_000}}
			for n := first; n < first+100; n += 2 {
				at := float64(n) / 10
				batch.Objects = append(batch.Objects,
					object(fmt.Sprintf("/%d.ics", n), meeting(fmt.Sprint(n), at, fmt.Sprintf("!me@example.com p%d@example.org", n%1000))),
					object(fmt.Sprintf("/%d.ics", n+1), note(fmt.Sprint(n+1), at, fmt.Sprintf("Lunch with Some One%d", n%1000), "")))
			}
			if err := l.Append(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
		}
	}
}
