package planner

import (
	"cmp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	promiseDelay      = 2         // business days, where no day is named
	theirPromiseDelay = 3         // business days after the day named
	promiseLookBack   = 21 * days // see lookBack; what is older is done or forgotten
	sentenceLength    = 200
)

// promise

func findPromise(p *pass, q *person) []*candidate {
	var all []*candidate
	for _, m := range q.Promises {
		if !m.Kept.IsZero() {
			continue
		}
		c := p.promiseOf(PromiseMade, q, m, p.promiseDue(m.At, m.For))
		if p.maybeKept(q, m, c) {
			continue
		}
		c.shown.Act = p.promiseTitle(c)
		c.block = cmp.Or(unfit(m.Subject), p.unsent([]string{m.Account}))
		all = append(all, c)
	}
	return append(p.saidOnce(all), p.notedPromises(q)...)
}

// maybeKept reports whether a promise may well have been kept where no mail shows it:
// a call, once its day is over before it could come up, or there was another word to
// them; and anything said before the first run, after which there was one.
func (p *pass) maybeKept(q *person, m Promise, c *candidate) bool {
	since := p.cal.dayOf(q.LastOut.At) > p.cal.dayOf(m.At)
	if first := p.snapshot.FirstRunAt; since && !first.IsZero() && c.Due.Before(first) {
		return true
	}
	d, named := parseDate(m.For)
	return begins(m.What, unseen, " ") && (since || named && d < p.cal.dayOf(c.Due))
}

// promiseDue is the business day before the day that is named, but not before the
// one after it was said.
func (p *pass) promiseDue(at time.Time, on Date) time.Time {
	d, named := parseDate(on)
	if !named {
		return p.cal.businessAfter(at, promiseDelay)
	}
	return p.cal.at(max(p.cal.back(d, 1), p.cal.add(p.cal.dayOf(at), 1)), dueTime)
}

// promiseOf begins a follow-up about a promise in a mail.
func (p *pass) promiseOf(r Rule, q *person, m Promise, due time.Time) *candidate {
	c := p.candidate(r, q, m.Evidence, m.ID, due)
	f := &c.shown
	f.Days = promiseDelay
	f.Sentence, f.What = clean(m.Sentence, sentenceLength), clean(m.What, sentenceLength)
	if d, named := parseDate(m.For); named {
		c.dated = true
		f.For = p.date(p.cal.at(d, dueTime), due)
		f.Near = due.After(p.cal.at(p.cal.back(d, 1), dueTime))
	}
	return c
}

// saidOnce leaves out what was said again, in the same words and thread, before
// it was due, or while it was in the calendar or before it ended there: that is
// one promise, and what became of it holds for all its words.
func (p *pass) saidOnce(all []*candidate) (found []*candidate) {
	ends := make(map[*candidate]time.Time)
	for _, c := range all {
		ends[c] = p.overAt(c.who, c.Key)
		if p.isOpen(c) {
			ends[c] = Forever
		}
	}
	slices.SortFunc(all, func(a, b *candidate) int {
		return cmp.Or(ends[b].Compare(ends[a]), a.at.Compare(b.at), strings.Compare(a.Key.String(), b.Key.String()))
	})
	for _, c := range all {
		if !slices.ContainsFunc(found, func(o *candidate) bool {
			same := o.Key.Step == c.Key.Step && (o.Key.Evidence == c.Key.Evidence || o.shown.Subject == c.shown.Subject)
			return same && (!c.at.After(o.Due) || !c.at.After(ends[o]))
		}) {
			found = append(found, c)
		}
	}
	return found
}

// overAt is when the follow-up of a key ended for good, zero if it did not.
func (p *pass) overAt(q *person, k Key) (at time.Time) {
	for _, e := range p.endings(q, k) {
		if e.Outcome != Withdrawn && e.At.After(at) {
			at = e.At
		}
	}
	return at
}

// notedPromises are those that the user wrote in a line of their own, which is
// the key.
func (p *pass) notedPromises(q *person) (found []*candidate) {
	lines := slices.SortedFunc(slices.Values(q.Facts), func(a, b Fact) int {
		return cmp.Or(a.Evidence.At.Compare(b.Evidence.At), strings.Compare(a.Evidence.ID, b.Evidence.ID))
	})
	for _, o := range lines {
		known := func(c *candidate) bool { return c.Key.Evidence == o.id() }
		if o.Kind != FactPromise || slices.ContainsFunc(found, known) {
			continue
		}
		m := Promise{Evidence: o.Evidence, What: o.Text, For: o.On}
		c := p.promiseOf(PromiseMade, q, m, p.promiseDue(o.Evidence.At, o.On))
		c.Key.Evidence, c.shown.Own = o.id(), true
		c.shown.Act = p.promiseTitle(c)
		found = append(found, c)
	}
	return found
}

// promiseTitle says what was promised as a whole title, "" where it is not known
// or the title says no more than initials.
func (p *pass) promiseTitle(c *candidate) string {
	f := c.shown
	if f.What == "" || p.policy.Neutral {
		return ""
	}
	name := cut(f.Name, shortLength)
	if f.Own {
		return cutWord("Keep your promise to "+name+": "+f.What, titleLength)
	}
	act, named := mine(f.What, name)
	when := p.date(c.at, c.Due) + ")"
	if named {
		when = " (said " + when
	} else {
		when = " (said to " + name + ", " + when
	}
	room := titleLength - utf8.RuneCountInString(when)
	if utf8.RuneCountInString(act) > room && f.For != "" {
		act = dateless(act)
	}
	if short, cut := strings.CutSuffix(cutWord(act, room), "…"); cut {
		return dateless(short) + "…" + when
	}
	return act + when
}

func endPromise(p *pass, q *person, o Open) End {
	for _, m := range q.Promises {
		if m.Evidence.ID == o.Key.Evidence && m.ID == o.Key.Step && !m.Kept.IsZero() {
			return End{Acted, m.Kept, "you saw to it on " + p.date(m.Kept.At, o.Slot)}
		}
	}
	if o.Key.Step == "" { // there is no sentence in a mail
		return End{Outcome: Withdrawn, Why: "the line is no longer among your notes"}
	}
	return End{Outcome: Withdrawn, Why: "the promise is no longer among what is known"}
}

func missPromise(p *pass, q *person) string {
	if len(q.Promises) == 0 {
		return "no promise of yours to them has been read, and none is noted"
	}
	m := q.Promises[0]
	return "what you promised on " + p.full(m.At) + " was seen to on " + p.full(m.Kept.At)
}

// their-promise

func findTheirPromise(p *pass, q *person) []*candidate {
	var all []*candidate
	for _, m := range q.Theirs {
		d, named := parseDate(m.For)
		if !named || !m.Kept.IsZero() || q.LastIn.At.After(m.At) {
			continue
		}
		c := p.promiseOf(TheirPromise, q, m, p.cal.at(p.cal.add(d, theirPromiseDelay), dueTime))
		c.shown.Days = theirPromiseDelay
		if !p.policy.Neutral {
			// The day is over when it comes up.
			c.shown.Act = dateless(theirs(c.shown.What))
		}
		all = append(all, c)
	}
	return p.saidOnce(all)
}

func endTheirPromise(p *pass, q *person, o Open) End {
	for _, m := range q.Theirs {
		if m.Evidence.ID == o.Key.Evidence && m.ID == o.Key.Step && !m.Kept.IsZero() {
			return End{Answered, m.Kept, "they wrote on " + p.date(m.Kept.At, o.Slot)}
		}
	}
	if q.LastIn.At.After(o.since()) {
		return End{Answered, q.LastIn, "they wrote on " + p.date(q.LastIn.At, o.Slot)}
	}
	return End{Outcome: Withdrawn, Why: "the promise is no longer among what is known"}
}

func missTheirPromise(p *pass, q *person) string {
	if len(q.Theirs) == 0 {
		return "no promise of theirs has been read"
	}
	m := q.Theirs[0]
	if _, named := parseDate(m.For); !named {
		return "what they promised on " + p.full(m.At) + " names no day"
	}
	return "they wrote on " + p.full(later(m.Kept, q.LastIn).At) + ", after what they promised on " + p.full(m.At)
}

// openPromises are those in mail that an entry about something else mentions: of
// the last three weeks, not seen to, and not named there already.
func (p *pass) openPromises(c *candidate, r Rule, all []Promise) (open []promised) {
	all = slices.SortedFunc(slices.Values(all), func(a, b Promise) int {
		return cmp.Or(b.At.Compare(a.At), strings.Compare(a.Evidence.ID, b.Evidence.ID), strings.Compare(a.ID, b.ID))
	})
	for _, m := range all {
		k := Key{Rule: r, Evidence: m.Evidence.ID, Who: p.address(c.who, m.Evidence), Step: m.ID}
		named := k == c.Key || m.ID == c.Key.Step && r == c.Rule || slices.ContainsFunc(c.Also, func(l Line) bool { return l.Key == k })
		past := m.At.Add(promiseLookBack).Before(c.Due) || r == TheirPromise && c.who.LastIn.At.After(m.At)
		text := clean(m.What, sentenceLength)
		if m.Sentence != "" {
			text = "“" + clean(m.Sentence, sentenceLength) + "”"
		}
		known := slices.ContainsFunc(open, func(o promised) bool { return o.Text == text })
		if text == "" || named || past || known || unfit(m.Subject) != "" || !m.Kept.IsZero() || !p.overAt(c.who, k).IsZero() || len(open) == promiseLines {
			continue
		}
		open = append(open, promised{Text: text, On: p.date(m.At, c.Due)})
	}
	return open
}

// seenTo reports whether a note is a promise that an entry is about, or whose
// follow-up has ended.
func (p *pass) seenTo(c *candidate, o Fact) bool {
	if o.Kind != FactPromise {
		return false
	}
	k := Key{Rule: PromiseMade, Evidence: o.id(), Who: p.address(c.who, o.Evidence)}
	return c.Rule == PromiseMade && c.Key.Evidence == k.Evidence || !p.overAt(c.who, k).IsZero()
}
