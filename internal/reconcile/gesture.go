package reconcile

import (
	"slices"
	"strings"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// observe compares an entry with what it is known to be and records what the
// user did to it. What is observed becomes what was seen last. The operation
// has no type if there is nothing to record.
func (d *differ) observe(p ledger.Placement, e caldav.Entry) (ledger.Placement, Operation) {
	before := p
	p, known := d.complete(p, e)
	op := Operation{UID: p.UID, Title: e.Shape.Summary, Entry: &e}
	switch {
	case e.Foreign:
		d.take(&p, &op, "the user made it recurring or invited someone: it is theirs now")
	case known:
		d.gestures(&p, &op, e)
	}
	if rewriting(p) {
		p.Wrote.Description = withNotes(p, e.Shape.Description)
	}
	p = toldAnew(before, asObserved(p, e))
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

// gestures reads the user's changes off an entry that is still ours. Where the
// follow-up has ended for good, only what takes that back, asks for quiet or is a
// note says anything.
func (d *differ) gestures(p *ledger.Placement, op *Operation, e caldav.Entry) {
	was := d.baselines(*p)
	now := read(*p, e.Shape)
	g := gesture{differ: d, p: p, op: op, e: e, now: now, changed: edits(was, e.Shape)}
	for _, s := range was {
		g.was = append(g.was, read(*p, s))
	}
	if d.revocable(*p) && g.takesBack() {
		d.reopen(p, op, "the user took the mark away: what it said is taken back")
	}
	if p.State == ledger.TakenOver {
		d.notes(p, op, e)
		return
	}
	if p.State != ledger.Closed {
		g.edited()
		g.moved()
		g.done(was)
	}
	g.mute()
	d.notes(p, op, e)
}

// gesture is what the user may have done to one entry.
type gesture struct {
	*differ
	p       *ledger.Placement
	op      *Operation
	e       caldav.Entry
	was     []reading // of each baseline
	now     reading
	changed ledger.Field
}

// say adds a decision to an operation, with its reason.
func (d *differ) say(op *Operation, l ledger.Decision, reason string) {
	op.Type = Record
	op.Reason = joinReasons(op.Reason, reason)
	l.UID, l.At = op.UID, d.in.Now
	op.Decisions = append(op.Decisions, l)
}

// take makes an entry the user's own. What they had made theirs before a purge is
// none of what it removes: its follow-up goes on, unless another entry took its
// place meanwhile.
func (d *differ) take(p *ledger.Placement, op *Operation, reason string) {
	if p.Purged() && d.recent(*p) && !d.followed(*p) {
		d.say(op, ledger.Decision{Type: ledger.DecideUndone}, "")
		*p = unended(*p)
	}
	d.say(op, ledger.Decision{Type: ledger.DecideTaken}, reason)
	p.State = ledger.TakenOver
}

// followed reports whether another entry took the place of this one since.
func (d *differ) followed(p ledger.Placement) bool {
	return slices.ContainsFunc(d.in.Placed, func(o ledger.Placement) bool { return o.Key == p.Key && o.Generation > p.Generation })
}

// edited hears the user's own words.
func (g *gesture) edited() {
	title := g.changed&ledger.FieldSummary != 0
	if title && !slices.ContainsFunc(g.was, func(r reading) bool { return sameTitle(r.bare, g.now.bare) }) {
		g.say(g.op, ledger.Decision{Type: ledger.DecideEdited, Text: g.e.Shape.Summary}, "the user retitled it: their words stay")
		g.p.Theirs |= ledger.FieldSummary
	}
	if g.changed&ledger.FieldDescription != 0 && g.p.Theirs&ledger.FieldDescription == 0 {
		g.say(g.op, ledger.Decision{Type: ledger.DecideEdited}, "the user wrote in the description: their lines stay")
		g.p.Theirs |= ledger.FieldDescription
	}
}

// moved hears another time. That of a command counts as the user's too, and gives
// way to where they put the entry themselves.
func (g *gesture) moved() {
	if g.changed&ledger.FieldTime == 0 || g.arrived(*g.p, g.e.Shape) {
		return
	}
	g.p.Theirs |= ledger.FieldTime
	g.p.MoveTo = time.Time{}
	if g.p.Open() {
		g.say(g.op, ledger.Decision{Type: ledger.DecideSnoozed, To: g.e.Shape.Start}, "the user moved it to "+g.when(g.e.Shape))
	}
}

// done hears that the user did it. A mark on what has ended already says nothing
// new.
func (g *gesture) done(was []ledger.Shape) {
	now := g.e.Shape
	done := cancelled(now) && !slices.ContainsFunc(was, cancelled) ||
		g.changed&ledger.FieldSummary != 0 && !slices.ContainsFunc(was, func(s ledger.Shape) bool { return !nowDone(now.Summary, s.Summary) })
	if !done || !g.p.Open() || g.endedByEvidence(*g.p) {
		return
	}
	g.say(g.op, ledger.Decision{Type: ledger.DecideDone}, "the user marked it as done")
	g.finish(g.p, g.op, planner.Done, "you marked it as done")
}

// mute hears that the person is to be left alone, and that this was taken back. An
// event about several people has nobody to be silent about: it is let go alone.
func (g *gesture) mute() {
	one := g.p.Key.Who != ""
	was := slices.ContainsFunc(g.was, func(r reading) bool { return r.mute })
	switch {
	case g.now.mute && !was && one:
		g.say(g.op, ledger.Decision{Type: ledger.DecideMuted, Who: g.p.Key.Who}, "the user asked for quiet about them")
		if g.p.Open() {
			g.finish(g.p, g.op, planner.Withdrawn, "you asked for quiet about them")
		}
	case g.now.mute && !was && g.p.Open():
		g.say(g.op, ledger.Decision{Type: ledger.DecideDismissed}, "the user let it go")
		g.finish(g.p, g.op, planner.Dismissed, "you let it go")
	case was && !g.now.mute && one && !g.p.Open() && g.recent(*g.p):
		g.say(g.op, ledger.Decision{Type: ledger.DecideUnmuted, Who: g.p.Key.Who}, "the user took the mark away")
	}
}

// finish ends a follow-up by a gesture.
func (d *differ) finish(p *ledger.Placement, op *Operation, o planner.Outcome, why string) {
	title := p.Seen.Summary
	if op.Entry != nil {
		title = op.Entry.Shape.Summary
	}
	end := planner.End{
		Outcome:  o,
		Evidence: planner.Evidence{Type: planner.Gesture, ID: p.UID, At: d.in.Now, Subject: title, Address: p.Key.Who},
		Why:      why,
	}
	op.End = &end
	*p = ended(*p, end, d.in.Now)
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
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
