// Package report works out what came of it: how follow-ups ended, rule by rule, what
// was promised and kept, who brought whom, and whom or what syncd could not make out.
//
// It takes values and returns values. Nothing in it is a score, and nobody is
// ranked: lists are in order of time or of names.
package report

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// Input is what a report is made of.
type Input struct {
	Now       time.Time
	Snapshot  planner.Snapshot
	Result    planner.Result // of Plan on the same snapshot
	FollowUps []ledger.FollowUpRow
	Ambiguous []ledger.AmbiguousName
	Rooms     []ledger.SharedRooms
	Uncertain []ledger.Uncertain
}

// Report is what came of it. Its JSON keys are stable.
type Report struct {
	At            time.Time    `json:"at"`
	Rules         []Rule       `json:"rules"`    // those with a follow-up so far, in the order of their priority
	Promises      Promises     `json:"promises"` // the user's own
	Uncertain     []Uncertain  `json:"uncertain"`
	Introductions []Introducer `json:"introductions"`
	OneAndDone    []Person     `json:"one_and_done"`       // one exchange, and nothing for 90 days
	Familiar      []Familiar   `json:"familiar_strangers"` // often in one room, never a direct word
	Expired       []Past       `json:"expired"`            // of the last 30 days
	LetGo         []Held       `json:"let_go"`             // rules that rest for a person
	SameName      []Namesakes  `json:"same_name"`          // may be one person, and hold each other's follow-ups
	Nameless      []Person     `json:"nameless"`
	Ambiguous     []Ambiguous  `json:"ambiguous_names"`
}

// Rule is what the follow-ups of one rule came to. Those of several people count
// once. What was withdrawn (by policy, or by a purge) is in Written alone.
type Rule struct {
	Rule      planner.Rule `json:"rule"`
	Written   int          `json:"written"`
	Open      int          `json:"open"`
	Acted     int          `json:"acted"`    // the user wrote or met
	Answered  int          `json:"answered"` // the other side came first
	Done      int          `json:"done"`
	Dismissed int          `json:"dismissed"`
	Expired   int          `json:"expired"`
	// Replied are the acted ones to which a word came within 14 days, and
	// ReplyHours how long that took in the middle one of them.
	Replied    int     `json:"replied"`
	ReplyHours float64 `json:"reply_hours"`
}

// Promises counts what the user promised in mails that were read.
type Promises struct {
	Made int       `json:"made"`
	Kept int       `json:"kept"`
	Open []Promise `json:"open"` // oldest first
}

// Promise is one that is not known to be kept.
type Promise struct {
	Person
	Said     time.Time `json:"said"`
	For      string    `json:"for"` // a date; "" where none was named
	Sentence string    `json:"sentence"`
}

// Uncertain is a sentence that may be a promise, of the user's to somebody or of theirs
// to the user. Nothing is planned for it.
type Uncertain struct {
	Person
	Kind     string    `json:"kind"` // promise, or their-promise
	Said     time.Time `json:"said"`
	For      string    `json:"for"`      // a date; "" where none was named
	Sentence string    `json:"sentence"` // "" where none is kept
	Subject  string    `json:"subject"`
	Evidence string    `json:"evidence"` // the Message-ID
}

// Person names a contact.
type Person struct {
	Contact planner.ContactID `json:"contact"`
	Name    string            `json:"name"`
	Address string            `json:"address"` // one of theirs, "" if they have none
	Last    *time.Time        `json:"last"`    // when there was last a word; null if never
}

// Introducer is somebody who made people known to the user.
type Introducer struct {
	Person
	Brought []Brought  `json:"brought"` // latest first
	Thanked *time.Time `json:"thanked"` // when the user last wrote to them after an introduction; null: not since
}

// Brought is somebody they introduced.
type Brought struct {
	Name    string    `json:"name"`
	Address string    `json:"address"`
	At      time.Time `json:"at"`
}

// Familiar is somebody the user was often in one room with.
type Familiar struct {
	Person
	Rooms int `json:"rooms"` // meetings and threads with both of them
}

// Past is a follow-up that ended.
type Past struct {
	Code  string    `json:"code"`
	Title string    `json:"title"`
	Ended time.Time `json:"ended"`
}

// Held is a person for whom a rule is held back.
type Held struct {
	Person
	Rule planner.Rule `json:"rule"`
	Why  string       `json:"why"`
}

// Namesakes are contacts of one full name who may be one person.
type Namesakes struct {
	Name   string   `json:"name"`
	People []Person `json:"people"`
}

// Ambiguous is an event that may name several contacts.
type Ambiguous struct {
	At       time.Time `json:"at"`
	Title    string    `json:"title"`
	UID      string    `json:"uid"`
	Contacts []Person  `json:"contacts"`
}

const (
	oneAndDoneAfter = 90 * 24 * time.Hour
	expiredSpan     = 30 * 24 * time.Hour
)

// Make works out the report.
func Make(in Input) Report {
	m := &maker{Input: in, byID: map[planner.ContactID]*planner.Contact{}, byAddress: map[string]*planner.Contact{}}
	for i := range in.Snapshot.Contacts {
		c := &in.Snapshot.Contacts[i]
		m.byID[c.ID] = c
		for _, a := range c.Addresses {
			m.byAddress[a] = c
		}
	}
	return Report{
		At: in.Now.UTC(), Rules: m.rules(), Promises: m.promises(), Uncertain: m.uncertain(),
		Introductions: m.introducers(), OneAndDone: m.people(m.oneAndDone), Familiar: m.familiar(), Expired: m.expired(),
		LetGo: m.held(planner.Held.LetGo), SameName: m.namesakes(),
		Nameless: m.people(m.nameless), Ambiguous: m.ambiguous(),
	}
}

type maker struct {
	Input
	byID      map[planner.ContactID]*planner.Contact
	byAddress map[string]*planner.Contact
}

func (m *maker) rules() []Rule {
	all := []Rule{}
	took := map[planner.Rule][]time.Duration{}
	for _, name := range planner.Rules() {
		r := Rule{Rule: name}
		for _, f := range m.FollowUps {
			if f.Key.Rule == name {
				r.add(f)
				if !f.Answer.IsZero() && f.CameTo == planner.Acted {
					took[name] = append(took[name], f.Answer.At.Sub(f.ActedAt))
				}
			}
		}
		if t := took[name]; len(t) > 0 {
			slices.Sort(t)
			r.Replied, r.ReplyHours = len(t), t[(len(t)-1)/2].Round(time.Minute).Hours()
		}
		if r.Written > 0 {
			all = append(all, r)
		}
	}
	return all
}

func (r *Rule) add(f ledger.FollowUpRow) {
	r.Written++
	if f.Open() {
		r.Open++
		return
	}
	switch f.CameTo {
	case planner.Acted:
		r.Acted++
	case planner.Answered:
		r.Answered++
	case planner.Done:
		r.Done++
	case planner.Dismissed:
		r.Dismissed++
	case planner.Expired:
		r.Expired++
	case planner.Withdrawn:
	}
}

// person names a contact, and says when there was last a word.
func person(c *planner.Contact) Person {
	p := Person{Contact: c.ID, Name: c.Name}
	if len(c.Addresses) > 0 {
		p.Address = slices.Min(c.Addresses)
	}
	if last := lastWord(c); !last.IsZero() {
		p.Last = &last
	}
	return p
}

func lastWord(c *planner.Contact) time.Time {
	return slices.MaxFunc([]time.Time{c.LastOut.At, c.LastIn.At, c.LastMet.At}, time.Time.Compare)
}

// people are the contacts of whom something is true, the latest in touch first.
func (m *maker) people(of func(*planner.Contact) bool) []Person {
	all := []Person{}
	for i := range m.Snapshot.Contacts {
		if c := &m.Snapshot.Contacts[i]; of(c) {
			all = append(all, person(c))
		}
	}
	slices.SortFunc(all, func(a, b Person) int {
		return cmp.Or(compareTime(b.Last, a.Last), strings.Compare(a.Name, b.Name), strings.Compare(string(a.Contact), string(b.Contact)))
	})
	return all
}

func compareTime(a, b *time.Time) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return a.Compare(*b)
}

// outside says that a contact is nobody whom syncd follows up.
func outside(c *planner.Contact) bool {
	return c.Muted || c.Role || c.Internal || c.Candidate
}

func (m *maker) oneAndDone(c *planner.Contact) bool {
	return !outside(c) && c.Name != "" && c.Exchanges.Count == 1 && m.Now.Sub(lastWord(c)) > oneAndDoneAfter
}

func (m *maker) nameless(c *planner.Contact) bool { return !outside(c) && c.Name == "" }

func (m *maker) promises() Promises {
	p := Promises{Open: []Promise{}}
	for i := range m.Snapshot.Contacts {
		c := &m.Snapshot.Contacts[i]
		for _, o := range c.Promises {
			p.Made++
			if !o.Kept.IsZero() {
				p.Kept++
				continue
			}
			p.Open = append(p.Open, Promise{person(c), o.At, string(o.For), o.Sentence})
		}
	}
	slices.SortFunc(p.Open, func(a, b Promise) int {
		return cmp.Or(a.Said.Compare(b.Said), strings.Compare(a.Name, b.Name), strings.Compare(a.Sentence, b.Sentence))
	})
	return p
}

// uncertain are the findings about people whom syncd follows up, newest first.
func (m *maker) uncertain() []Uncertain {
	all := []Uncertain{}
	for _, u := range m.Uncertain {
		if c := m.byID[u.Contact]; c != nil && !outside(c) {
			all = append(all, Uncertain{person(c), u.Kind, u.Evidence.At, string(u.For), u.Sentence, u.Evidence.Subject, u.Evidence.ID})
		}
	}
	return all
}

// introducers are those who made others known to the user, by name.
func (m *maker) introducers() []Introducer {
	all := []Introducer{}
	for i := range m.Snapshot.Contacts {
		c := &m.Snapshot.Contacts[i]
		one := Introducer{Person: person(c)}
		for _, o := range c.Introductions {
			if o.By == "" || !slices.Contains(c.Addresses, o.By) {
				continue
			}
			for _, a := range o.Of {
				one.Brought = append(one.Brought, Brought{m.nameAt(a), a, o.At})
			}
			if at := c.LastOut.At; at.After(o.At) {
				one.Thanked = &at
			}
		}
		if len(one.Brought) > 0 {
			slices.SortFunc(one.Brought, func(a, b Brought) int {
				return cmp.Or(b.At.Compare(a.At), strings.Compare(a.Address, b.Address))
			})
			all = append(all, one)
		}
	}
	slices.SortFunc(all, func(a, b Introducer) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.Contact), string(b.Contact)))
	})
	return all
}

func (m *maker) nameAt(address string) string {
	if c := m.byAddress[address]; c != nil && c.Name != "" {
		return c.Name
	}
	return address
}

func (m *maker) familiar() []Familiar {
	all := []Familiar{}
	for _, r := range m.Rooms {
		p := Person{Contact: r.Contact, Name: r.Name, Address: r.Address, Last: &r.Last}
		all = append(all, Familiar{p, r.Rooms})
	}
	return all
}

func (m *maker) expired() []Past {
	all := []Past{}
	for _, f := range m.FollowUps {
		if f.CameTo == planner.Expired && m.Now.Sub(f.EndedAt) <= expiredSpan {
			all = append(all, Past{f.Key.Code(), f.Title(), f.EndedAt})
		}
	}
	slices.SortFunc(all, func(a, b Past) int {
		return cmp.Or(b.Ended.Compare(a.Ended), strings.Compare(a.Code, b.Code))
	})
	return all
}

// held are the people for whom a rule is held back for a reason of one kind, each
// once for a rule.
func (m *maker) held(kind func(planner.Held) bool) []Held {
	all := []Held{}
	for _, h := range m.Result.Held {
		if c := m.byID[h.Contact]; c != nil && h.End == nil && kind(h) {
			all = append(all, Held{person(c), h.Rule, h.HeldBecause})
		}
	}
	slices.SortFunc(all, func(a, b Held) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(string(a.Contact), string(b.Contact)), strings.Compare(string(a.Rule), string(b.Rule)))
	})
	return slices.CompactFunc(all, func(a, b Held) bool { return a.Contact == b.Contact && a.Rule == b.Rule })
}

// namesakes are the contacts of whom one holds another's follow-up, by name.
func (m *maker) namesakes() []Namesakes {
	all := []Namesakes{}
	known := map[string]bool{}
	for _, h := range m.held(planner.Held.SameName) {
		name := planner.FullName(h.Name)
		if known[name] {
			continue
		}
		known[name] = true
		all = append(all, Namesakes{h.Name, m.people(func(c *planner.Contact) bool { return planner.FullName(c.Name) == name })})
	}
	return all
}

func (m *maker) ambiguous() []Ambiguous {
	all := []Ambiguous{}
	for _, a := range m.Ambiguous {
		one := Ambiguous{At: a.At, Title: a.Title, UID: a.Evidence, Contacts: []Person{}}
		for _, id := range a.Contacts {
			if c := m.byID[id]; c != nil {
				one.Contacts = append(one.Contacts, person(c))
			}
		}
		all = append(all, one)
	}
	return all
}
