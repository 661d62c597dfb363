package planner

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
)

// reply-owed

const (
	replyDelay = 2 // business days
	askAgain   = 5 // business days after which what they ask anew comes up again
)

func findReplyOwed(p *pass, q *person) []*candidate {
	var found []*candidate
	for _, t := range q.Unanswered {
		e := p.asking(q, t)
		if e.IsZero() || t.Recipients > mostAsked {
			continue
		}
		delay, touch := replyDelay, p.touchedBy(q, e.At)
		if touch {
			delay = touchDelay
		}
		c := p.candidate(ReplyOwed, q, e, "", p.cal.businessAfter(e.At, delay))
		c.shown.Days, c.shown.Touch = delay, touch
		c.shown.read(t, e)
		c.block = p.unsent(append([]string{e.Account, t.Account}, t.Accounts...))
		if c.block == "" && q.Broadcaster {
			c.block = "their last three mails had no answer of yours and answered nothing"
		}
		found = append(found, c)
	}
	return found
}

// asking is the message that a thread waits with: the first that asks with no word
// from the user since. Once its follow-up has ended for good, one that asks at
// least five business days after that end takes its place. Zero: there is none.
func (p *pass) asking(q *person, t Turn) (found Evidence) {
	var over time.Time
	for _, e := range t.asks() {
		again := over.IsZero() || p.cal.dayOf(e.At) >= p.cal.add(p.cal.dayOf(over), askAgain)
		if q.LastOut.At.After(e.At) || q.met.At.After(e.At) || !again {
			continue
		}
		found = e
		if over = p.overAt(q, Key{Rule: ReplyOwed, Evidence: e.ID, Who: p.address(q, e)}); over.IsZero() {
			break
		}
	}
	return found
}

// asks are the messages in which the thread asks something.
func (t Turn) asks() []Evidence { return append([]Evidence{t.Evidence}, t.Asks...) }

// read notes what is known of the text of a message of the thread.
func (f *facts) read(t Turn, e Evidence) {
	f.Unread, f.Language = !t.Read, clean(t.Language, nameLength)
	if e.ID == t.ID {
		f.Asks = clean(t.Sentence, sentenceLength)
		f.Request = t.Sentence != "" && !strings.Contains(t.Sentence, "?")
	}
}

func endReplyOwed(p *pass, q *person, o Open) End {
	since := p.turn(q.Unanswered, o)
	if end, ok := p.wrote(q, since); ok {
		return end
	}
	if end, ok := p.metThem(q, since); ok {
		return end
	}
	if !o.Word.IsZero() {
		return End{Acted, o.Word, "your side wrote in that thread on " + p.date(o.Word.At, o.Slot)}
	}
	return End{Outcome: Withdrawn, Why: "the thread no longer waits for your side"}
}

// awaiting

const (
	awaitingDelay  = 3 // business days
	firstDelay     = 5 // on first contact
	nudgeDelay     = 7 // after a second mail
	longestDelay   = 10
	awayDelay      = 2 // after the day on which they are back
	answersForPace = 3 // answers known before their pace counts
	answerTimes    = 3 // what an answer usually takes, so often
	mostAsked      = 3 // addresses in To
)

func findAwaiting(p *pass, q *person) []*candidate {
	var found []*candidate
	for _, t := range q.Outstanding {
		if t.Mailing || t.Recipients > mostAsked || len(t.Nudges) > 1 ||
			q.LastIn.At.After(t.At) || q.met.At.After(t.At) {
			continue
		}
		e := t.Evidence
		if len(t.Nudges) == 1 {
			e = t.Nudges[0]
		}
		c := p.candidate(Awaiting, q, e, "", time.Time{})
		f := &c.shown
		f.Subject = topic(cmp.Or(e.Subject, t.Subject), subjectLength)
		f.read(t, e)
		switch {
		case len(t.Nudges) == 1:
			f.Days, f.Again = nudgeDelay, true
		case p.touchedBy(q, e.At):
			f.Days, f.Touch = touchDelay, true
		case q.In == 0 && q.Met == 0 && len(q.over) == 0 && (q.Out <= 1 || q.FirstAt.Equal(e.At)):
			f.Days, f.First = firstDelay, true
		case q.Answers >= answersForPace:
			usual := int(math.Ceil(answerTimes * q.AnswerTime.Hours() / 24))
			f.Days, f.Pace = min(max(usual, awaitingDelay), longestDelay), true
		default:
			f.Days = awaitingDelay
		}
		c.Due = p.cal.businessAfter(e.At, f.Days)
		if back, ok := parseDate(q.Away.Until); ok && q.Away.At.After(e.At) {
			if due := p.cal.at(p.cal.add(back, awayDelay), dueTime); due.After(c.Due) {
				c.Due, f.Back = due, p.date(p.cal.at(back, dueTime), due)
			}
		}
		if d, named := parseDate(t.For); named && e.ID == t.ID && p.cal.dayOf(c.Due) >= d || begins(e.Subject, invitation, ":") {
			continue // it was about a day that has come by then, or a meeting
		}
		c.block = cmp.Or(unfit(e.Subject), p.unsent(append([]string{e.Account, t.Account}, t.Accounts...)))
		found = append(found, c)
	}
	return found
}

func endAwaiting(p *pass, q *person, o Open) End {
	since := p.turn(q.Outstanding, o)
	if q.LastIn.At.After(since) {
		return End{Answered, q.LastIn, "they wrote on " + p.date(q.LastIn.At, o.Slot)}
	}
	if !o.Reply.IsZero() {
		return End{Answered, o.Reply, "an answer came in that thread on " + p.date(o.Reply.At, o.Slot)}
	}
	if end, ok := p.metThem(q, since); ok {
		return end
	}
	for _, t := range q.Outstanding {
		for i, n := range t.Nudges {
			if t.ID == o.Key.Evidence || (i > 0 && t.Nudges[i-1].ID == o.Key.Evidence) {
				return End{Acted, n, "you wrote again on " + p.date(n.At, o.Slot)}
			}
		}
	}
	return End{Outcome: Withdrawn, Why: "the thread no longer waits for them"}
}

// turn is when the message was written that an entry about a thread rests on.
func (p *pass) turn(turns []Turn, o Open) time.Time {
	for _, t := range turns {
		if e, ok := t.message(o.Key.Evidence); ok {
			return e.At
		}
	}
	return o.since()
}

// message finds one of the messages that a thread waits with.
func (t Turn) message(id string) (Evidence, bool) {
	for _, e := range slices.Concat(t.asks(), t.Nudges) {
		if e.ID == id {
			return e, true
		}
	}
	return Evidence{}, false
}
