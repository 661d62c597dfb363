package reconcile

import (
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// revokeFor is how long the user may take back what they said.
const revokeFor = 30 * 24 * time.Hour

// after is about an entry that the calendar holds although its follow-up has ended
// for good. One that had left the calendar before (it has no href any longer) is
// the user's now, unless it was they who had let it go.
func (d *differ) after(p ledger.Placement, e caldav.Entry) []Operation {
	before := p
	op := Operation{UID: p.UID, Title: e.Shape.Summary, Entry: &e}
	switch {
	case e.Foreign:
		return nil
	case d.goesOn(p, e):
		d.say(&op, ledger.Decision{Type: ledger.DecideUndone}, "it is wanted again, and stands in the calendar with the user's words")
		p = opened(p, e.Shape)
		if p.Theirs&ledger.FieldSummary == 0 { // nobody listened to its title since it ended
			p.Seen.Summary = p.Wrote.Summary
		}
		d.open[p.Key] = true
	case p.Href != "":
	case !d.revocable(p):
		return nil
	default:
		d.reopen(&p, &op, "the user brought it back: its end is taken back")
		// What one says of which only the journal knows is told from the plan, once
		// that has it again.
		if p.State == ledger.TakenOver || rebuilt(p) {
			p.Href = e.Href
			op.Placement = p
			return []Operation{op}
		}
	}
	d.gestures(&p, &op, e)
	if op.Type == "" {
		return nil
	}
	op.Placement = toldAnew(before, asObserved(p, e))
	return []Operation{op}
}

// toldAnew is p where its end was taken back, without what it says if that may have
// been told without the plan (see complete): what counted as ours then can be the
// user's, and the plan is about to have its words again.
func toldAnew(before, p ledger.Placement) ledger.Placement {
	const all = ledger.FieldSummary | ledger.FieldDescription
	if !before.Open() && p.Open() && p.State == ledger.Placed && before.Theirs&all == all {
		p.Wrote = ledger.Shape{}
	}
	return p
}

// goesOn reports whether an entry that was kept for the user's words when its
// follow-up was withdrawn takes that up again: it is to be written anew, and this
// one stands ahead. Two would be in the calendar otherwise.
func (d *differ) goesOn(p ledger.Placement, e caldav.Entry) bool {
	f, wanted := d.wanted[p.Key]
	return wanted && f.Status == planner.StatusWrite && f.Generation > p.Generation && !d.in.Paused && !d.open[p.Key] &&
		p.Outcome == planner.Withdrawn && p.Href != "" && !past(e.Shape, d.in.Now) && !read(p, e.Shape).mute
}

// revocable reports whether the end of a follow-up is the user's to take back.
func (d *differ) revocable(p ledger.Placement) bool {
	return !p.Open() && byUser(p) && d.recent(p)
}

func (d *differ) recent(p ledger.Placement) bool {
	return !d.in.Now.After(p.EndedAt.Add(revokeFor))
}

// byUser reports whether the user ended a follow-up by what they said of it.
func byUser(p ledger.Placement) bool {
	return p.EndedBy.Type == planner.Gesture && p.EndedBy.ID == p.UID
}

// takesBack reports whether the mark that ended a follow-up is away. The ✓ that
// syncd set itself is no mark of the user's.
func (g *gesture) takesBack() bool {
	if g.now.mute || len(g.was) == 0 {
		return false
	}
	was := g.was[0] // as it was seen last
	switch g.p.Outcome {
	case planner.Done:
		lifted := cancelled(g.p.Seen) && !cancelled(g.e.Shape) && unticked(g.p.Wrote.Summary) != g.p.Wrote.Summary
		return was.done && !g.now.done || lifted
	case planner.Withdrawn, planner.Dismissed:
		return was.mute && !g.p.Commanded // else the mark is older than the end
	case planner.Acted, planner.Answered, planner.Expired:
	}
	return false
}

// reopen takes back the end of a follow-up, and with it the quiet that the same
// word asked for. Its entry stays as it is. Where another event stands for the
// follow-up by now, only the quiet is taken back, and the entry is the user's.
func (d *differ) reopen(p *ledger.Placement, op *Operation, reason string) {
	other := d.superseded(*p)
	if other {
		d.say(op, ledger.Decision{Type: ledger.DecideTaken}, "the same follow-up has another event: this one is the user's now")
	} else {
		d.say(op, ledger.Decision{Type: ledger.DecideUndone}, reason)
	}
	if p.Outcome == planner.Withdrawn && p.Key.Who != "" {
		d.say(op, ledger.Decision{Type: ledger.DecideUnmuted, Who: p.Key.Who}, "")
	}
	if other {
		p.State = ledger.TakenOver
		return
	}
	*p = opened(*p, op.Entry.Shape)
	d.open[p.Key] = true
}

// opened is p as a follow-up that goes on, where the entry says s.
func opened(p ledger.Placement, s ledger.Shape) ledger.Placement {
	cut := rewriting(p)
	p = unended(p)
	if cut { // and the follow-up had ended meanwhile
		p = superseded(p, s)
	}
	p.State, p.MoveTo = ledger.Placed, time.Time{}
	if unticked(s.Summary) == s.Summary { // our tick is away
		p.Wrote.Summary = unticked(p.Wrote.Summary)
	}
	return p
}

// unended is p without its end.
func unended(p ledger.Placement) ledger.Placement {
	p.Outcome, p.EndedAt, p.EndedBy, p.EndWhy, p.Commanded = "", time.Time{}, planner.Evidence{}, "", false
	return p
}

// asObserved is p with the entry as it was observed.
func asObserved(p ledger.Placement, e caldav.Entry) ledger.Placement {
	p.Seen, p.Href, p.ETag = e.Shape, e.Href, e.ETag
	p.Sequence = max(p.Sequence, e.Sequence)
	p.MissingAt = time.Time{}
	return p
}
