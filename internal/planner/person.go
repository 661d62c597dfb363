package planner

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

const (
	constantTouchDays = 8  // direct days …
	constantTouchSpan = 28 // … among the last so many
	bookedAhead       = 14 * days
	bookedPeople      = 4
)

// person is a contact as it stands at the time of the pass.
type person struct {
	*Contact
	who      string // the smallest address or else card, for what no evidence names
	over     []Encounter
	ahead    []Encounter
	met      Evidence // the last meeting that is over
	exchange Evidence // the last exchange
	strength float64

	circle    Circle // the one that applies; no Name: none
	automatic bool

	touch        bool    // in constant touch
	days         []day   // with a direct interaction, in order
	many         bool    // stands for people who share an event
	party        *person // that stands for them and others, nil if there is none
	leaving      bool    // an entry that ended may still be in the calendar
	rest         time.Time
	restWhy      string
	silenced     bool     // resting, or closed after it, since three mails asked in a row
	asked        Evidence // the last of the mails that asked
	quiet        string   // why nothing is to be written to them; "": it may be
	meeting      Encounter
	planned      time.Time // start of an event of the user's own about them; zero: there is none now
	plannedWhy   string
	plannedUntil time.Time // when such events have had their time
	candidates   []*candidate
	opened       *candidate   // the untouched open entry
	further      []*candidate // open entries that stop no other, since the user touched them
	waiting      []*candidate // released, the best first
}

// newPerson reads a contact at the time of the pass.
func (p *pass) newPerson(c *Contact) *person {
	q := &person{Contact: c, met: c.LastMet, exchange: c.Exchanges.Last}
	for _, names := range [][]string{c.Cards, c.Addresses} {
		if len(names) > 0 {
			q.who = slices.Min(names)
		}
	}
	if !q.met.IsZero() && !p.clock.reached(q.met.At) {
		q.met = Evidence{} // still to come; Meetings says when it is over
	}
	meetings := slices.SortedFunc(slices.Values(c.Meetings), func(a, b Encounter) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(a.ID, b.ID))
	})
	for _, m := range meetings {
		if !p.clock.reached(m.End) {
			q.ahead = append(q.ahead, m)
			continue
		}
		q.over = append(q.over, m)
		q.met = later(q.met, m.Evidence)
	}
	q.exchange = later(q.exchange, q.met)
	q.days = p.directDays(c.DirectDays)
	q.touch = p.constantTouch(q.days)
	p.findRest(q)
	p.findQuiet(q)
	for _, m := range q.ahead {
		if q.meeting.IsZero() && m.People <= bookedPeople && p.clock.reached(m.At.Add(-bookedAhead)) {
			q.meeting = m
		}
	}
	return q
}

// later gives the newer of two evidences, a where they are equally old.
func later(a, b Evidence) Evidence {
	if a.IsZero() || (!b.IsZero() && b.At.After(a.At)) {
		return b
	}
	return a
}

// directDays reads days, in order, without those to come.
func (p *pass) directDays(dates []Date) []day {
	var known []day
	for _, d := range dates {
		if n, ok := parseDate(d); ok && p.clock.reached(p.cal.start(n)) {
			known = append(known, n)
		}
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// constantTouch reports whether 8 of the last 28 days saw a direct interaction.
func (p *pass) constantTouch(days []day) bool {
	if len(days) < constantTouchDays {
		return false
	}
	return !p.clock.reached(p.cal.start(days[len(days)-constantTouchDays] + constantTouchSpan))
}

// touchedBy reports whether they were in constant touch on the day of t. What
// came later has no part in it, so what follows from a mail stays.
func (p *pass) touchedBy(q *person, t time.Time) bool {
	last := p.cal.dayOf(t)
	n := 0
	for _, d := range q.days {
		if last-constantTouchSpan < d && d <= last {
			n++
		}
	}
	return n >= constantTouchDays
}

// errand: one thread only, no card, never met.
func (q *person) errand() bool {
	return q.Threads <= 1 && !q.Carded && q.Met == 0 && len(q.over) == 0
}

// known says that I wrote to them, met them or named them somewhere (SPEC I11).
func (q *person) known() bool {
	return q.Out > 0 || q.Met > 0 || len(q.over) > 0 || q.Carded || q.Circle != ""
}

// shut says why nothing is ever planned for a person, "" if something may be.
func (q *person) shut() string {
	switch {
	case q.many:
		return ""
	case q.Muted:
		return "muted"
	case q.quiet != "":
		return q.quiet
	case q.Internal && q.Circle == "":
		return "inside your own organisation"
	case q.Role:
		return "a role, shared or list address"
	case !q.known() && !q.Candidate: // see asked
		return "nobody you wrote to, met or put in the address book"
	case clean(q.Name, nameLength) == "":
		return "no name is known"
	}
	return ""
}

// has reports whether an address, or a card that stands for one, is the person's.
func (q *person) has(who string) bool {
	return slices.Contains(q.Addresses, who) || slices.Contains(q.Cards, who)
}

// names are what a key may call the person.
func (q *person) names() []string { return slices.Concat(q.Addresses, q.Cards) }

// findCircles gives everybody a circle: by configuration, else the automatic one
// for the strongest of stage 2 (SPEC section 5.1).
func (p *pass) findCircles() {
	var reference time.Time
	for _, q := range p.people {
		if q.WarmthAt.After(reference) {
			reference = q.WarmthAt
		}
	}
	var eligible []*person
	for _, q := range p.people {
		// All are taken at one moment of the evidence, not at the present:
		// the order must not change by itself.
		halves := reference.Sub(q.WarmthAt).Hours() / 24 / 365
		decay := math.Exp2(-halves)
		if q.WarmthAt.IsZero() {
			decay = 0
		}
		q.strength = q.Warmth*decay + math.Log1p(max(0, q.Heard*decay))
		q.circle, _ = p.policy.circle(q.Circle)
		if q.Circle == "" && q.Stage >= 2 && q.shut() == "" {
			eligible = append(eligible, q)
		}
	}
	// Whoever has such an entry open keeps their place until it ends, and whoever is
	// to be said hello to again gets none before.
	placed := make(map[*person]bool)
	for _, o := range p.open {
		q := p.owner(o)
		placed[q] = placed[q] || o.Key.Rule == Cadence
		if o.Key.Rule == Dormant {
			eligible = slices.DeleteFunc(eligible, func(x *person) bool { return x == q })
		}
	}
	slices.SortFunc(eligible, func(a, b *person) int {
		return cmp.Or(compareBool(placed[a], placed[b]),
			cmp.Compare(b.strength, a.strength), strings.Compare(string(a.ID), string(b.ID)))
	})
	network, ok := p.policy.circle(automaticCircle)
	for i, q := range eligible {
		if ok && i < p.policy.AutoMax {
			q.circle, q.automatic = network, true
		}
	}
}

// compareBool orders true before false.
func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
