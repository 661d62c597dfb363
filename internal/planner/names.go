package planner

import (
	"slices"
	"strings"
	"time"
)

// nameOf is a full name as it is compared with others, whatever the order of its
// words; "" for a name of one word, which many have.
func nameOf(q *person) string {
	words := strings.Fields(strings.ToLower(strings.NewReplacer(",", " ", ".", " ").Replace(q.Name)))
	if len(words) < 2 {
		return ""
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// sameAs says which other contact may be the same person, by their name, and was
// in touch since an evidence; "" if nobody (SPEC section 3.2).
func (p *pass) sameAs(q *person, since, reference time.Time) string {
	for _, other := range p.byName[nameOf(q)] {
		if other == q || other.apartFrom(q) || q.apartFrom(other) {
			continue
		}
		last := later(later(other.LastOut, other.LastIn), other.met)
		if !last.IsZero() && last.At.After(since) && p.clock.reached(last.At) {
			return "may be the same as " + other.Name + " at " + other.who + ", last in touch on " + p.date(last.At, reference)
		}
	}
	return ""
}

// apartFrom reports whether the user said that a namesake is somebody else.
func (q *person) apartFrom(other *person) bool { return slices.ContainsFunc(q.Apart, other.has) }
