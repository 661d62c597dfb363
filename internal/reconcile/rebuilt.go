package reconcile

import (
	"cmp"
	"strings"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// rebuilt reports whether only the journal knows of the placement: not what it
// says.
func rebuilt(p ledger.Placement) bool { return p.Wrote.Start.IsZero() }

// complete fills in what was written where only the UID is known, after the
// ledger was rebuilt from its journal. Whatever differs from what we would write
// now may be the user's, and is taken to be. While the plan does not know our
// words yet, nothing can be told apart, and known is false.
func (d *differ) complete(p ledger.Placement, e caldav.Entry) (_ ledger.Placement, known bool) {
	if !rebuilt(p) {
		return p, true
	}
	f := d.wanted[p.Key]
	if _, over := d.end(p); !over && f.Text == "" {
		return p, false
	}
	lay := cmpTime(p.Seen.Start, p.Slot) // where it lay by what the journal says
	wrote := e.Shape
	var seen string // the title
	if f.Text != "" {
		p = because(p, f)
		p.Due, wrote.Summary = f.Due, summary(f.Title)
		wrote.Description = oursIn(p, e.Shape.Description, f.Text)
		seen = wrote.Summary
		if p.Theirs&ledger.FieldSummary != 0 {
			seen = unmarkedFront(e.Shape.Summary)
		}
	} else {
		wrote.Summary, seen = bareOf(p, e.Shape.Summary), e.Shape.Summary
		wrote.Description = oursIn(p, e.Shape.Description, "")
		p.Theirs |= ledger.FieldSummary | ledger.FieldDescription
	}
	p.Wrote, p.Seen = wrote, wrote
	p.Seen.Summary = seen
	p.Seen.Start = d.startBefore(e.Shape, lay)
	return p, true
}

func cmpTime(a, b time.Time) time.Time {
	if a.IsZero() {
		return b
	}
	return a
}

// oursIn is a description without the user's lines as far as the journal knows
// them, where text is what we would write now. Lines above the marker that are
// neither may be of an older text of ours: they stay, and are nobody's word.
func oursIn(p ledger.Placement, description, text string) string {
	now := compose(text, "")
	ours, _, _ := caldav.SplitNotes(now)
	own, theirs := countLines(ours), countLines(p.Noted)
	above, below, _ := caldav.SplitNotes(description)
	if text != "" && contains(countLines(above+"\n"+below), own) {
		return now
	}
	lines := []string{}
	if text != "" {
		lines = append(lines, ours)
	}
	for line := range strings.SplitSeq(above, "\n") {
		k := caldav.LineKey(line)
		switch {
		case own[k] > 0:
			own[k]--
		case theirs[k] > 0:
			theirs[k]--
		default:
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n") + "\n\n" + caldav.Marker
}

// startBefore is when an entry began that began at a time by what the journal
// says. A day has no time.
func (d *differ) startBefore(s ledger.Shape, at time.Time) time.Time {
	if at.IsZero() {
		return s.Start
	}
	if !s.AllDay {
		return at
	}
	y, m, day := at.In(d.in.Zone).Date()
	return time.Date(y, m, day, 0, 0, 0, 0, d.in.Zone)
}

// unmarkedFront is a title of the user's without a mark at its start. At its end
// a word may be their own.
func unmarkedFront(title string) string {
	if m := markedEnds(title); m.front && !m.back {
		return m.rest
	}
	return title
}

// bareOf is a title without the mark by which the user ended the follow-up.
func bareOf(p ledger.Placement, title string) string {
	if p.Outcome == planner.Withdrawn && byUser(p) {
		for _, word := range mutes {
			if rest, ok := cutMark(oneLine(title), word, true); ok {
				return rest
			}
		}
	}
	return cmp.Or(markedEnds(title).rest, title)
}

// settledBefore is about an entry without alarm whose follow-up had ended before
// the ledger was lost: it was ticked or quieted then, and nothing is left to do.
// What the user had said of it by a mark, it bore; a command leaves none.
func (d *differ) settledBefore(p ledger.Placement, e caldav.Entry) []Operation {
	before := p
	p, _ = d.complete(p, e)
	switch now := read(p, e.Shape); {
	case !byUser(p) || p.Commanded:
	case p.Outcome == planner.Done && !now.done:
		p.Seen.Summary = tick + " " + p.Wrote.Summary
	case p.Outcome == planner.Withdrawn && !now.mute:
		p.Seen.Summary = mutes[0] + " " + p.Wrote.Summary
	}
	p.State, p.Href = ledger.Closed, e.Href
	op := Operation{Type: Close, UID: p.UID, Title: e.Shape.Summary, Reason: p.EndWhy, Entry: &e}
	if ops := d.after(p, e); len(ops) > 0 {
		if again := &ops[0].Placement; again.Open() { // what it says can be told again
			again.Wrote, again.Seen, again.Theirs = before.Wrote, before.Seen, before.Theirs
		}
		return ops
	}
	op.Reason = cmp.Or(op.Reason, "it ended before the ledger was lost")
	op.Placement = asObserved(p, e)
	return []Operation{op}
}
