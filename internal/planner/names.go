package planner

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// FullName is a name as it is compared with others, whatever the order of its
// words and without initials; "" for a name of one word, which many have.
func FullName(name string) string {
	words := strings.Fields(strings.ToLower(strings.NewReplacer(",", " ", ".", " ").Replace(name)))
	words = slices.DeleteFunc(words, func(w string) bool { return utf8.RuneCountInString(w) < 2 })
	if len(words) < 2 {
		return ""
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

// sameAs says which other contact may be the same person, by their name, and was
// in touch so many days ago at most, or ever where days is 0; and until when that
// holds (SPEC section 3.2).
func (p *pass) sameAs(q *person, days int, reference time.Time) (why string, until time.Time) {
	for _, other := range p.byName[FullName(q.Name)] {
		last := later(later(other.LastOut, other.LastIn), other.met)
		if other == q || other.Muted || last.IsZero() || !p.clock.reached(last.At) || other.apartFrom(q) || q.apartFrom(other) {
			continue
		}
		end := p.cal.after(last.At, days)
		if days > 0 && p.clock.reached(end) || why != "" && !end.After(until) {
			continue
		}
		name := clean(other.Name, nameLength)
		if len(other.Addresses) > 0 {
			name += " at " + other.who
		}
		why = maybeSame + name + ", last in touch on " + p.date(last.At, reference) + "; a [[contact]] can say whether they are one"
		until = end
	}
	if days == 0 {
		until = time.Time{}
	}
	return why, until
}

// apartFrom reports whether the user said that a namesake is somebody else.
func (q *person) apartFrom(other *person) bool { return slices.ContainsFunc(q.Apart, other.has) }

// maybeSame begins the reason why a follow-up is held that a namesake holds.
const maybeSame = "may be the same as "

// SameName reports whether it is held since another contact of the same name may
// be the same person.
func (h Held) SameName() bool { return strings.HasPrefix(h.HeldBecause, maybeSame) }

// letGo is why a rule that the user refused again and again is off for a person.
const letGo = "let go three times in a row"

// LetGo reports whether the rule is off for this person, since the user let its
// follow-ups go again and again.
func (h Held) LetGo() bool { return h.HeldBecause == letGo }
