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

// span is a time, with its begin and without its end.
type span struct{ from, to time.Time }

// findImports notes when the cards of each import came. One that was planned
// before stays one, though some of its cards are gone by now; what came after it
// had ended is no part of it.
func (p *pass) findImports() {
	know := func(k Key, ended time.Time) {
		at, err := time.Parse(time.RFC3339, k.Evidence)
		if err != nil || k.Rule != NewCards {
			return
		}
		s := span{at, at.Add(importSpan)}
		if !ended.IsZero() && ended.Before(s.to) {
			s.to = ended
		}
		p.imports = append(p.imports, s)
	}
	for _, o := range p.snapshot.Open {
		know(o.Key, time.Time{})
	}
	for _, e := range p.snapshot.Ended {
		know(e.Key, e.At)
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
		s := span{seen[0], seen[0].Add(importSpan)}
		n := 1
		for n < len(seen) && seen[n].Before(s.to) {
			n++
		}
		if n <= mostSingle {
			n = 1
		} else {
			p.imports = append(p.imports, s)
		}
		seen = seen[n:]
	}
}

// importOf gives the key for the cards that came with one seen at a time.
func (p *pass) importOf(at time.Time) (Key, bool) {
	for _, s := range p.imports {
		if !at.Before(s.from.Truncate(time.Second)) && at.Before(s.to) {
			return importKey(s.from), true
		}
	}
	return Key{}, false
}

// followedUp reports whether a first meeting with somebody, or a card of theirs,
// has ended for good: another card is not another person.
func (p *pass) followedUp(q *person) bool {
	return slices.ContainsFunc(q.names(), func(name string) bool {
		return slices.ContainsFunc(p.rejected[FirstMeeting][name], func(e Ended) bool { return e.Outcome != Withdrawn })
	})
}

// findNewCard is what rule first-meeting sees in a person of whom there is a new
// card and nothing else.
func findNewCard(p *pass, q *person) []*candidate {
	at := q.NewCard.At
	seen := !q.SeenAt.IsZero() && q.SeenAt.Before(at)
	known := seen || !q.FirstAt.IsZero() || !q.LastOut.IsZero() || len(q.ahead) > 0
	if q.NewCard.IsZero() || known || !p.clock.reached(at) {
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
	if end, ok := p.anyWord(q, since, o.Slot); ok {
		return end
	}
	for _, m := range q.ahead {
		return End{Acted, m.Evidence, "a meeting, on " + p.date(m.At, o.Slot)}
	}
	return End{Outcome: Withdrawn, Why: "the card is no longer in the address book"}
}
