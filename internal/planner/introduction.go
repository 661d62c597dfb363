package planner

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	introDelay      = 1  // business days, to thank and to write
	introGivenDelay = 14 // days
	loopDelay       = 30 // days after the user wrote to the one introduced
	loopBefore      = 5  // business days before Due in which a mail counts
	introducerStage = 1
	titleNames      = 34 // characters that titles with two names have for both
)

// thanks

func findThanks(p *pass, q *person) []*candidate {
	var found []*candidate
	for _, i := range q.introduced() {
		if q.LastOut.At.After(i.At) {
			continue
		}
		c := p.introduction(Thanks, q, i, i.By, i.Of, p.cal.businessAfter(i.At, introDelay))
		c.block = p.unsent([]string{i.Account})
		found = append(found, c)
	}
	return found
}

// introduced are the introductions in which the person introduced others to the
// user.
func (q *person) introduced() (all []Introduction) {
	for _, i := range q.Introductions {
		if i.By != "" && len(i.Of) > 0 && q.has(i.By) && !slices.ContainsFunc(i.Of, q.has) {
			all = append(all, i)
		}
	}
	return all
}

// introduction begins a follow-up about an introduction, with the address of the
// person and those of the others in it.
func (p *pass) introduction(r Rule, q *person, i Introduction, who string, others []string, due time.Time) *candidate {
	c := p.candidate(r, q, i.Evidence, "", due)
	c.Key.Who = who
	f := &c.shown
	f.Sentence, f.Referred = clean(i.Sentence, sentenceLength), i.Referred
	room := max(titleNames-min(utf8.RuneCountInString(f.Name), shortLength), titleNames/2)
	var names, short []string
	f.others = others
	for _, a := range others {
		name := p.nameAt(a)
		names = append(names, name)
		if p.policy.Neutral {
			name = initials(name)
		}
		short = append(short, name)
	}
	f.Other, f.OtherShort = strings.Join(names, " and "), cut(strings.Join(short, " and "), room)
	return c
}

// nameAt is what somebody is called, or else their address.
func (p *pass) nameAt(address string) string {
	if q := p.byWho[address]; q != nil {
		if name := clean(q.Name, nameLength); name != "" {
			return name
		}
	}
	return clean(address, nameLength)
}

// endWritten is the end of what a mail to them ends.
func endWritten(p *pass, q *person, o Open) End {
	if end, ok := p.wrote(q, q.introAt(o)); ok {
		return end
	}
	return End{Outcome: Withdrawn, Why: "the introduction is no longer among what is known"}
}

// introAt is when the introduction was written that an entry rests on.
func (q *person) introAt(o Open) time.Time {
	for _, i := range q.Introductions {
		if i.ID == o.Key.Evidence {
			return i.At
		}
	}
	return o.since()
}

func missThanks(p *pass, q *person) string {
	all := q.introduced()
	if len(all) == 0 {
		return "no introduction of theirs has been read"
	}
	return p.since(q.LastOut.At, q.wroteText(), "their introduction of "+p.full(all[0].At))
}

// intro-received

func findIntroReceived(p *pass, q *person) []*candidate {
	var found []*candidate
	for _, i := range q.Introductions {
		who, ok := q.introducedTo(i)
		if !ok || !i.Acted.IsZero() || q.LastOut.At.After(i.At) || !p.vouches(i.By) {
			continue
		}
		c := p.introduction(IntroReceived, q, i, who, []string{i.By}, p.cal.businessAfter(i.At, introDelay))
		c.block = p.unsent([]string{i.Account})
		found = append(found, c)
	}
	return found
}

// introducedTo gives the address under which somebody else introduced the person
// to the user.
func (q *person) introducedTo(i Introduction) (who string, ok bool) {
	n := slices.IndexFunc(i.Of, q.has)
	if n < 0 || i.By == "" || q.has(i.By) {
		return "", false
	}
	return i.Of[n], true
}

// vouches reports whether an introducer is a contact the user had an exchange with.
func (p *pass) vouches(by string) bool {
	q := p.byWho[by]
	return q != nil && !q.Candidate && q.Stage >= introducerStage
}

func missIntroReceived(p *pass, q *person) string {
	for _, i := range q.Introductions {
		if _, ok := q.introducedTo(i); !ok {
			continue
		}
		word := later(i.Acted, q.LastOut)
		if word.At.After(i.At) {
			return p.since(word.At, "you wrote to them", "the introduction of "+p.full(i.At))
		}
		return p.nameAt(i.By) + ", who introduced them on " + p.full(i.At) + ", is nobody you had an exchange with"
	}
	return "nobody is known to have introduced them to you"
}

// intro-given

func findIntroGiven(p *pass, q *person) []*candidate {
	var found []*candidate
	for _, i := range q.Introductions {
		if q.leads(i) && len(i.Replied) == 0 {
			c := p.introduction(IntroGiven, q, i, i.Of[0], i.Of[1:], p.cal.after(i.At, introGivenDelay))
			c.shown.Days = introGivenDelay
			found = append(found, c)
		}
	}
	return found
}

// leads reports whether an introduction of the user's is told under the person's
// name: they are the first of those introduced.
func (q *person) leads(i Introduction) bool {
	return i.By == "" && len(i.Of) > 1 && q.has(i.Of[0]) && !slices.ContainsFunc(i.Of[1:], q.has)
}

func endIntroGiven(p *pass, q *person, o Open) End {
	for _, i := range q.Introductions {
		if i.ID == o.Key.Evidence && len(i.Replied) > 0 {
			first := slices.MinFunc(i.Replied, func(a, b Evidence) int { return a.At.Compare(b.At) })
			return End{Answered, first, "one of them wrote to the other on " + p.date(first.At, o.Slot)}
		}
	}
	return End{Outcome: Withdrawn, Why: "the introduction is no longer among what is known"}
}

func missIntroGiven(p *pass, q *person) string {
	for _, i := range q.Introductions {
		switch {
		case i.By != "" || !slices.ContainsFunc(i.Of, q.has):
		case len(i.Replied) > 0:
			first := slices.MinFunc(i.Replied, func(a, b Evidence) int { return a.At.Compare(b.At) })
			return "those you introduced on " + p.full(i.At) + " have written to each other on " + p.full(first.At)
		case !q.has(i.Of[0]):
			return "your introduction of " + p.full(i.At) + " is told under the name of " + p.nameAt(i.Of[0])
		}
	}
	return "no introduction of yours has been read in which they had a part"
}

// close-the-loop

// findCloseTheLoop counts from the user's first mail to the one who was introduced:
// from then on there is something to tell.
func findCloseTheLoop(p *pass, q *person) []*candidate {
	var found []*candidate
	for _, i := range q.introduced() {
		if i.Acted.IsZero() {
			continue
		}
		due := p.cal.after(i.Acted.At, loopDelay)
		if !q.LastOut.At.Before(p.countsFrom(due)) {
			continue
		}
		c := p.introduction(CloseTheLoop, q, i, i.By, i.Of, due)
		c.shown.Days, c.shown.Acted = loopDelay, p.date(i.Acted.At, due)
		c.block = p.unsent([]string{i.Account, i.Acted.Account})
		found = append(found, c)
	}
	return found
}

// countsFrom is from when a mail counts as the one that a follow-up was to bring.
func (p *pass) countsFrom(due time.Time) time.Time {
	return p.cal.start(p.cal.back(p.cal.dayOf(due), loopBefore))
}

func endCloseTheLoop(p *pass, q *person, o Open) End {
	due := o.Slot
	for _, i := range q.Introductions {
		if i.ID == o.Key.Evidence && !i.Acted.IsZero() {
			due = p.cal.after(i.Acted.At, loopDelay)
		}
	}
	if end, ok := p.wrote(q, p.countsFrom(due).Add(-1)); ok {
		return end
	}
	return End{Outcome: Withdrawn, Why: "the introduction is no longer among what is known"}
}

func missCloseTheLoop(p *pass, q *person) string {
	all := q.introduced()
	if len(all) == 0 {
		return "no introduction of theirs has been read"
	}
	if all[0].Acted.IsZero() {
		return "no mail of yours to " + p.nameAt(all[0].Of[0]) + " is known since the introduction of " + p.full(all[0].At)
	}
	return p.since(q.LastOut.At, q.wroteText(), "their introduction of "+p.full(all[0].At))
}

// inIntroduction reports whether a mail that introduces people is one of the user's,
// or else of the person's.
func inIntroduction(q *person, id string, users bool) bool {
	return slices.ContainsFunc(q.Introductions, func(i Introduction) bool {
		if i.ID != id || users != (i.By == "") {
			return false
		}
		return users || i.Referred && slices.ContainsFunc(i.Of, q.has) || !i.Referred && q.has(i.By)
	})
}
