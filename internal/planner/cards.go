package planner

import (
	"slices"
	"time"
)

// An import is more than so many new cards within so long (SPEC section 2.3).
const (
	mostSingle = 10
	importSpan = 24 * time.Hour
)

// importKey is the key of the event for all cards of an import, by when the
// first of them was seen. It is of nobody, as groupKey is.
func importKey(first time.Time) Key {
	return Key{Rule: NewCards, Evidence: first.UTC().Format(time.RFC3339)}
}

// findImports notes when each import began. One that was planned before stays
// one, though some of its cards are gone by now.
func (p *pass) findImports() {
	know := func(k Key) {
		if at, err := time.Parse(time.RFC3339, k.Evidence); err == nil && k.Rule == NewCards {
			p.imports = append(p.imports, at)
		}
	}
	for _, o := range p.snapshot.Open {
		know(o.Key)
	}
	for _, e := range p.snapshot.Ended {
		know(e.Key)
	}
	var seen []time.Time
	for i := range p.snapshot.Contacts {
		at := p.snapshot.Contacts[i].NewCard.At
		if _, known := p.importOf(at); !at.IsZero() && !known && p.clock.reached(at) {
			seen = append(seen, at)
		}
	}
	slices.SortFunc(seen, time.Time.Compare)
	for len(seen) > 0 {
		n := 1
		for n < len(seen) && seen[n].Before(seen[0].Add(importSpan)) {
			n++
		}
		if n <= mostSingle {
			n = 1
		} else {
			p.imports = append(p.imports, seen[0])
		}
		seen = seen[n:]
	}
}

// importOf gives the key for the cards that came with one seen at a time.
func (p *pass) importOf(at time.Time) (Key, bool) {
	for _, first := range p.imports {
		if !at.Before(first.Truncate(time.Second)) && at.Before(first.Add(importSpan)) {
			return importKey(first), true
		}
	}
	return Key{}, false
}

// findNewCard is what rule first-meeting sees in a person of whom there is a new
// card and nothing else.
func findNewCard(p *pass, q *person) []*candidate {
	at := q.NewCard.At
	if q.NewCard.IsZero() || !p.clock.reached(at) || !q.FirstAt.IsZero() || !q.LastOut.IsZero() || len(q.ahead) > 0 {
		return nil
	}
	c := p.candidate(FirstMeeting, q, q.NewCard, "", p.soonAfter(at))
	c.words = "new-card"
	if !p.snapshot.Whole {
		c.block = "you may know each other: not all history is in yet"
	}
	return []*candidate{c}
}

// endNewCard says what ended an event about a new card.
func endNewCard(p *pass, q *person, o Open) End {
	since := o.since()
	if q.NewCard.ID == o.Key.Evidence {
		since = q.NewCard.At
	}
	if end, ok := p.wrote(q, since); ok {
		return end
	}
	if end, ok := p.metThem(q, since); ok {
		return end
	}
	if q.LastIn.At.After(since) {
		return End{Answered, q.LastIn, "they wrote on " + p.date(q.LastIn.At, o.Slot)}
	}
	for _, m := range q.ahead {
		return End{Acted, m.Evidence, "a meeting, on " + p.date(m.At, o.Slot)}
	}
	return End{Outcome: Withdrawn, Why: "the card is no longer in the address book"}
}
