package planner

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// mostAlone is how many new people of one day get an event each. Where there are
// more, they share one (SPEC section 5.3).
const mostAlone = 3

// mostListed bounds the names in the description of an event for many.
const mostListed = 20

// groupKey is the key of the event for the people met first on a day. It is of
// nobody, and what ended it ended the keys of all of them.
func groupKey(d Date) Key { return Key{Rule: FirstMeeting, Evidence: string(d)} }

// ofMany reports whether a key is one that groupKey made.
func (k Key) ofMany() bool {
	_, isDate := parseDate(Date(k.Evidence))
	return isDate && k == groupKey(Date(k.Evidence))
}

// shared is the key under which a candidate would be one of many.
func (p *pass) shared(c *candidate) Key { return groupKey(p.cal.dayOf(c.at).date()) }

// group lets the new people of a day share an event if they are many, or have one
// already; but for those who have their own. A person of whom nothing is known
// stands for them.
func (p *pass) group() {
	members, alone := make(map[Key][]*candidate), make(map[Key]int)
	for _, q := range p.people {
		for _, c := range q.candidates {
			switch k := p.shared(c); {
			case c.Rule != FirstMeeting || c.block != "":
			case p.isOpen(c):
				alone[k]++
			default:
				members[k] = append(members[k], c)
			}
		}
	}
	for k, all := range members {
		many := len(all) > 1 && len(all)+alone[k] > mostAlone
		if !many && len(p.shown[p.within(k)]) == 0 {
			delete(members, k)
		}
	}
	for _, o := range p.open {
		if o.Key.ofMany() && members[o.Key] == nil {
			members[o.Key] = nil // nobody is left in it
		}
	}
	keys := make([]Key, 0, len(members))
	for k := range members {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b Key) int { return strings.Compare(a.Evidence, b.Evidence) })
	for _, k := range keys {
		q := &person{Contact: &Contact{}, many: true}
		p.many[k] = q
		p.people = append(p.people, q)
		if len(members[k]) > 0 {
			p.join(q, k, members[k])
		}
	}
}

// join makes one candidate of many.
func (p *pass) join(q *person, k Key, members []*candidate) {
	slices.SortFunc(members, func(a, b *candidate) int {
		return cmp.Or(a.at.Compare(b.at), strings.Compare(a.Name, b.Name), strings.Compare(a.Key.String(), b.Key.String()))
	})
	first := members[0]
	c := &candidate{who: q, rule: first.rule, at: first.at, words: "first-meetings"}
	c.Key, c.Rule, c.Due, c.Generation = k, k.Rule, first.Due, 1
	for _, e := range p.ended[p.within(k)] {
		c.Generation = max(c.Generation, e.Generation+1)
	}
	c.shown.Count = len(members)
	for _, m := range members {
		if m.Due.Before(c.Due) {
			c.Due = m.Due
		}
		q.strength = max(q.strength, m.who.strength)
		c.Evidence = append(c.Evidence, m.Evidence...)
		c.shown.People = append(c.shown.People, m.shown.Name)
		m.who.party = q
		m.who.candidates = slices.DeleteFunc(m.who.candidates, func(x *candidate) bool { return x == m })
	}
	if over := len(members) - mostListed; over > 0 {
		c.shown.People = append(c.shown.People[:mostListed], fmt.Sprintf("and %d more", over))
	}
	p.word(c)
	q.candidates = []*candidate{c}
}

// endMany says what ended the event for the people of a day, none of whom is left
// on it: the latest word to one of them, unless others are held back by policy.
func (p *pass) endMany(o Open) End {
	end := End{Outcome: Withdrawn, Why: "nobody is left on it"}
	for _, q := range p.people {
		if len(q.over) == 0 || groupKey(p.cal.dayOf(q.over[0].At).date()) != o.Key {
			continue
		}
		for _, c := range q.candidates {
			if c.Rule == FirstMeeting && c.block != "" {
				return End{Outcome: Withdrawn, Why: c.block}
			}
		}
		alone := o
		alone.Key.Evidence = q.over[0].ID
		if e := endFirstMeeting(p, q, alone); e.Outcome != Withdrawn && e.Evidence.At.After(end.Evidence.At) {
			end = e
		}
	}
	return end
}
