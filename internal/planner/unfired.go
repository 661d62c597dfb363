package planner

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Unfired says, in rule order, why each rule has nothing for a contact, and
// leaves out those that do have something in the result of Plan. Nothing is said
// of somebody who is no contact.
func Unfired(s Snapshot, policy Policy, now time.Time, who ContactID) iter.Seq2[Rule, string] {
	return func(yield func(Rule, string) bool) {
		p := newPass(s, policy, now)
		q := p.byID[who]
		if q == nil {
			return
		}
		for i := range rules {
			r := &rules[i]
			if why := p.unfired(r, q); why != "" && !yield(r.name, why) {
				return
			}
		}
	}
}

// unfired is why a rule has nothing for a person, "" if it has.
func (p *pass) unfired(r *rule, q *person) string {
	found := p.asked(r, q)
	if len(found) == 0 && q.Candidate && r.name != IntroReceived {
		return "nobody you wrote to, met or put in the address book"
	}
	if len(found) == 0 {
		general := "it does when " + r.fires
		if r.misses == nil {
			return general
		}
		return cmp.Or(r.misses(p, q), general)
	}
	var why string
	for _, c := range found {
		c.rule = r
		lapsed, forgotten := p.lapse(c)
		switch {
		case p.isOpen(c) || p.isShared(c):
			return ""
		case p.settled(c):
			why = cmp.Or(p.endedBefore(c), "it has been in the calendar before")
		case lapsed && forgotten:
			why = cmp.Or(why, "it was due on "+p.full(c.Due)+", and its moment has passed")
		default:
			return ""
		}
	}
	return why
}

// endedBefore says how the follow-up of a candidate ended for good.
func (p *pass) endedBefore(c *candidate) string {
	for _, e := range slices.Backward(p.endings(c.who, c.Key)) {
		if e.Outcome != Withdrawn {
			return fmt.Sprintf("that was in the calendar, and ended on %s as %s", p.full(e.At), e.Outcome)
		}
	}
	return ""
}

// These say what is missing, as far as it is one thing.

func missFirstMeeting(p *pass, q *person) string {
	switch {
	case len(q.over) == 0 && len(q.ahead) > 0:
		return "you will meet them on " + p.full(q.ahead[0].At)
	case len(q.over) == 0:
		return "no meeting with them is known, and no new card"
	case len(q.over) > 1 || q.Met > 1:
		return "you have met more than once, last on " + p.full(q.met.At)
	case q.LastOut.At.After(q.over[0].At):
		return p.since(q.LastOut.At, q.wroteText(), "the meeting on "+p.full(q.over[0].At))
	}
	return ""
}

func missReplyOwed(p *pass, q *person) string {
	if len(q.Unanswered) == 0 {
		return "no thread with them waits for a word from your side"
	}
	if t := q.Unanswered[0]; t.Recipients > mostAsked {
		return fmt.Sprintf("their mail of %s went to %d people", p.full(t.At), t.Recipients)
	}
	return p.wordSince(q, q.Unanswered[0].At, q.LastOut.At, q.wroteText(), "their mail of ")
}

func missAwaiting(p *pass, q *person) string {
	if len(q.Outstanding) == 0 {
		return "no question of yours waits for them"
	}
	t := q.Outstanding[0]
	switch {
	case t.Mailing:
		return "your mail of " + p.full(t.At) + " went to more than five people"
	case t.Recipients > mostAsked:
		return fmt.Sprintf("your mail of %s went to %d people", p.full(t.At), t.Recipients)
	case len(t.Nudges) > 1:
		return fmt.Sprintf("you have asked %d times, last on %s", len(t.Nudges)+1, p.full(t.Nudges[len(t.Nudges)-1].At))
	}
	return p.wordSince(q, t.At, q.LastIn.At, "they wrote", "your mail of ")
}

func missFade(p *pass, q *person) string {
	e := q.Exchanges
	switch last := p.cal.dayOf(q.exchange.At); {
	case q.exchange.IsZero() || e.First.IsZero():
		return "no exchange with them is known"
	case e.Early < fadeExchanges:
		return fmt.Sprintf("the first 30 days saw %s, and it wants %d", count(e.Early, "exchange"), fadeExchanges)
	case p.cal.dayOf(q.LastOut.At) > last:
		return p.since(q.LastOut.At, q.wroteText(), "the last exchange on "+p.full(q.exchange.At))
	case p.cal.dayOf(q.LastIn.At) > last:
		return p.since(q.LastIn.At, "they wrote", "the last exchange on "+p.full(q.exchange.At))
	}
	if p.cal.dayOf(q.TogetherAt) > p.cal.dayOf(q.exchange.At) {
		return "you were both on a mail of " + p.full(q.TogetherAt) + ", after the last exchange on " + p.full(q.exchange.At)
	}
	if p.unsureNew(q) {
		return fmt.Sprintf("your mail begins on %s, and who appears within %d days of that need not be new", p.full(p.snapshot.Begins), fadeBefore)
	}
	return fmt.Sprintf("the first word was on %s, and it is for the first %d days", p.full(q.begun()), fadeSpan)
}

func missCadence(_ *pass, q *person) string {
	switch {
	case q.circle.Name == "" && q.Circle != "":
		return "the circle " + clean(q.Circle, nameLength) + " is not configured"
	case q.circle.Name == "":
		return "they are in no circle"
	}
	return "no mail of yours and no meeting is known to count from"
}

// wordSince says what came after a mail that waits: a word, or a meeting.
func (p *pass) wordSince(q *person, at, word time.Time, what, mail string) string {
	switch {
	case word.After(at):
		return p.since(word, what, mail+p.full(at))
	case q.met.At.After(at):
		return p.since(q.met.At, "you met", mail+p.full(at))
	}
	return ""
}

// wroteText says how the last word of the user's is known.
func (q *person) wroteText() string {
	if q.Reported {
		return "by your own word you were in touch"
	}
	return "you wrote to them"
}

// full is a date with its year.
func (p *pass) full(t time.Time) string { return p.date(t, time.Time{}) }

func (p *pass) since(at time.Time, what, event string) string {
	return what + " on " + p.full(at) + ", after " + event
}
