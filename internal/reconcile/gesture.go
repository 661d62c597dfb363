package reconcile

import (
	_ "embed"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// tick is the mark that syncd itself sets in front of a title.
const tick = "✓"

//go:embed words/en.txt
var english string

// marks are the marks of completion, in lower case.
var marks = words(english)

// words reads a data file: one word per line, # begins a comment.
func words(file string) []string {
	var all []string
	for line := range strings.Lines(file) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, strings.ToLower(line))
		}
	}
	return all
}

// ends says at which ends a title bears a mark of completion, and what is left
// of it without them.
type ends struct {
	front, back bool
	rest        string
}

func markedEnds(title string) ends {
	m := ends{rest: strings.TrimSpace(title)}
	for _, mark := range marks {
		if !m.front {
			if rest, ok := cutMark(m.rest, mark, true); ok {
				m.front, m.rest = true, rest
			}
		}
		if !m.back {
			if rest, ok := cutMark(m.rest, mark, false); ok {
				m.back, m.rest = true, rest
			}
		}
	}
	return m
}

// cutMark takes a mark off one end of a title. Beside a letter there must be
// something that is no letter or digit: "doner" is not done. A single letter
// wants a space: "x-ray" is not done either.
func cutMark(title, mark string, front bool) (string, bool) {
	if utf8.RuneCountInString(title) < utf8.RuneCountInString(mark) {
		return title, false
	}
	r := []rune(title)
	n := utf8.RuneCountInString(mark)
	head, rest := r[:n], r[n:]
	if !front {
		head, rest = r[len(r)-n:], r[:len(r)-n]
	}
	if strings.ToLower(string(head)) != mark {
		return title, false
	}
	if first, _ := utf8.DecodeRuneInString(mark); unicode.IsLetter(first) && len(rest) > 0 {
		next := rest[0]
		if !front {
			next = rest[len(rest)-1]
		}
		if n == 1 && !unicode.IsSpace(next) || unicode.IsLetter(next) || unicode.IsDigit(next) {
			return title, false
		}
	}
	return strings.TrimFunc(string(rest), func(c rune) bool {
		return unicode.IsSpace(c) || strings.ContainsRune(":,;-–—", c)
	}), true
}

// nowDone reports whether title says that it is done where was did not. A mark
// that our own title happens to end with says nothing.
func nowDone(title, was string) bool {
	now, before := markedEnds(title), markedEnds(was)
	if now.front && !before.front || now.back && !before.back {
		return true
	}
	return (now.front || now.back) && oneLine(now.rest) == oneLine(was)
}

// bearsMark reports whether a title is marked as done already.
func bearsMark(title string) bool {
	m := markedEnds(title)
	return m.front || m.back
}

// observe compares an entry with what it is known to be and records what the
// user did to it. What is observed becomes what was seen last. The operation
// has no type if there is nothing to record.
func (d *differ) observe(p ledger.Placement, e caldav.Entry) (ledger.Placement, Operation) {
	before := p
	p, known := d.complete(p, e)
	op := Operation{UID: p.UID, Title: e.Shape.Summary, Entry: &e}
	switch {
	case e.Foreign:
		p.State = ledger.TakenOver
		op.Type, op.Reason = Record, "the user made it recurring or invited someone: it is theirs now"
		op.Decisions = []ledger.Decision{{Type: ledger.DecideTaken, UID: p.UID, At: d.in.Now}}
	case known:
		d.gestures(&p, &op, e)
	}
	if rewriting(p) {
		p.Wrote.Description = withNotes(p, e.Shape.Description)
	}
	p.Seen, p.Href, p.ETag = e.Shape, e.Href, e.ETag
	p.Sequence = max(p.Sequence, e.Sequence)
	p.MissingAt, p.MissingAgainAt = time.Time{}, time.Time{}
	if before.State == ledger.Intended && p.State == ledger.Intended {
		p.State = ledger.Placed
		if op.Type == "" {
			op.Type, op.Reason = Adopt, "the calendar holds it: the answer to writing it was lost"
		}
	}
	if learnt := rebuilt(before) && !rebuilt(p); op.Type == "" && (learnt || !d.seenAlike(before, e)) {
		op.Type, op.Reason = Record, "seen as the calendar now holds it"
	}
	op.Placement = p
	return p, op
}

// seenAlike reports whether recording the entry would say anything new. The ETag
// alone does not count: some servers change it at every turn.
func (d *differ) seenAlike(p ledger.Placement, e caldav.Entry) bool {
	return caldav.Same(p.Seen, e.Shape) && p.Seen.Alarm == e.Shape.Alarm &&
		p.Href == e.Href && p.MissingAt.IsZero()
}

// gestures reads the user's changes off an entry that is still ours.
func (d *differ) gestures(p *ledger.Placement, op *Operation, e caldav.Entry) {
	was := d.baselines(*p)
	changed := edits(was, e.Shape)
	say := func(t ledger.DecisionType, reason string) {
		op.Type = Record
		op.Reason = joinReasons(op.Reason, reason)
		op.Decisions = append(op.Decisions, ledger.Decision{Type: t, UID: p.UID, At: d.in.Now})
	}
	done := cancelled(e.Shape) && !slices.ContainsFunc(was, cancelled)
	if changed&ledger.FieldSummary != 0 {
		done = done || !slices.ContainsFunc(was, func(s ledger.Shape) bool { return !nowDone(e.Shape.Summary, s.Summary) })
		kept := slices.ContainsFunc(was, func(s ledger.Shape) bool {
			rest := oneLine(markedEnds(e.Shape.Summary).rest)
			return rest == oneLine(s.Summary) || rest == oneLine(markedEnds(s.Summary).rest)
		})
		if !kept || !done {
			say(ledger.DecideEdited, "the user retitled it: their words stay")
			op.Decisions[len(op.Decisions)-1].Text = e.Shape.Summary
			p.Theirs |= ledger.FieldSummary
		}
	}
	if changed&ledger.FieldDescription != 0 {
		say(ledger.DecideEdited, "the user wrote in the description: their lines stay")
		p.Theirs |= ledger.FieldDescription
	}
	if changed&ledger.FieldTime != 0 {
		p.Theirs |= ledger.FieldTime
		if p.Open() {
			say(ledger.DecideSnoozed, "the user moved it to "+d.when(e.Shape))
			op.Decisions[len(op.Decisions)-1].To = e.Shape.Start
		}
	}
	// A mark on what has ended already says nothing new.
	if done && p.Open() && !d.endedByEvidence(*p) {
		say(ledger.DecideDone, "the user marked it as done")
		end := planner.End{
			Outcome:  planner.Done,
			Evidence: planner.Evidence{Type: planner.Gesture, ID: p.UID, At: d.in.Now, Subject: e.Shape.Summary, Address: p.Key.Who},
			Why:      "you marked it as done",
		}
		op.End = &end
		*p = ended(*p, end, d.in.Now)
	}
}

// baselines are the states of an entry that are not of the user's making.
func (d *differ) baselines(p ledger.Placement) []ledger.Shape {
	switch p.State {
	case ledger.Intended:
		return []ledger.Shape{p.Wrote}
	case ledger.Rewriting: // our request may or may not have arrived
		return []ledger.Shape{p.Seen, p.Wrote}
	case ledger.Placed, ledger.Deleting, ledger.TakenOver, ledger.Closed:
	}
	return []ledger.Shape{p.Seen}
}

// edits returns the fields that agree with none of the shapes. A changed end
// alone is a changed length, which is kept and means nothing (SPEC section 8.1).
func edits(was []ledger.Shape, now ledger.Shape) ledger.Field {
	all := ledger.FieldTime | ledger.FieldSummary | ledger.FieldDescription
	for _, s := range was {
		s.End = now.End
		all &= caldav.Differ(s, now)
	}
	return all
}

func cancelled(s ledger.Shape) bool { return strings.EqualFold(s.Status, "CANCELLED") }

func (d *differ) when(s ledger.Shape) string {
	if s.AllDay {
		return s.Start.Format("2 January 2006")
	}
	return s.Start.In(d.in.Zone).Format("2 January 2006 15:04")
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

func joinReasons(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}
