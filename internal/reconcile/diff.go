package reconcile

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// Type is the kind of an operation.
type Type string

// The operations, in the order in which Apply takes them. Those up to Close ask
// the server for nothing but what is there.
const (
	Record  Type = "record"  // the user edited it: observed becomes placed
	Miss    Type = "miss"    // the listing does not hold it
	Adopt   Type = "adopt"   // the calendar holds it, the answer to our PUT was lost
	Close   Type = "close"   // it ended; there is nothing to be done about the entry
	Gone    Type = "gone"    // it ended and its entry is gone
	Dismiss Type = "dismiss" // the user deleted it
	Delete  Type = "delete"
	Tick    Type = "tick"
	Quiet   Type = "quiet" // only take the alarm away
	Move    Type = "move"  // the user asked for it by a command
	Rewrite Type = "rewrite"
	Create  Type = "create"
)

var order = []Type{Record, Miss, Adopt, Close, Gone, Dismiss, Delete, Tick, Quiet, Move, Rewrite, Create}

// Operation is one step towards a calendar that agrees. Decisions and End are
// put into the Book before anything else.
type Operation struct {
	Type   Type
	UID    string
	Title  string // as the user sees it
	Reason string // for the user

	Decisions []ledger.Decision
	End       *planner.End
	Placement ledger.Placement // as it is to be remembered once done
	Draft     caldav.Draft     // Create, Rewrite, Move, Quiet
	Entry     *caldav.Entry    // as it was observed; nil if it was not
}

// Stop says why nothing may be written to this calendar.
type Stop struct {
	Instance string // the other instance that writes here
	Reason   string
}

// Delta is what separates the calendar from what it should be.
type Delta struct {
	Operations []Operation
	Notices    []string // for status
	Stop       *Stop    // nil: go on. With it no operation asks the server for a change

	in Input
}

// Empty reports whether there is nothing to do.
func (d Delta) Empty() bool { return len(d.Operations) == 0 && d.Stop == nil }

// Diff compares what is wanted, what is placed and what was observed. It is
// pure; the order of its inputs does not matter.
//
//	wanted  placed      observed       then
//	yes     no          no             Create
//	yes     no          ours by UID    Adopt: the answer to our PUT was lost
//	any     intended    ours by UID    Adopt, then as placed
//	yes     intended    no             Create again, under the same UID and in the same slot; once
//	                                   that has passed Gone, withdrawn and never dismissed
//	yes     yes         as placed      nothing, or Rewrite if the facts changed
//	any     yes         differs        Record: the user edited it; observed becomes placed, and
//	                                   the fields they set are theirs; then as placed
//	any     yes         marked done    Record with the end; then resolve
//	any     yes         foreign        Record: taken over (recurring, inviting, elsewhere)
//	any     yes         unreadable     nothing: it is there; Close in the Book alone when it ends
//	yes     yes         gone           Miss; Dismiss once SPEC section 8.2 is satisfied
//	ended   yes         gone           Gone: ended by its evidence, not a dismissal
//	withdrawn yes       gone           as if wanted: the user's deletion is final, a withdrawal is not;
//	                                   after a purge as well
//	ended   yes         as placed      resolve: Delete, or Tick (SPEC section 8.5)
//	ended   ticked      as placed      Close
//	any     ended       any            resolve again: the first time was cut short
//	any     deleting    gone           Gone: the answer to our DELETE was lost, not a dismissal
//	silent  yes         as placed      nothing: what the plan does not name has not ended (SPEC I15)
//	any     taken over  any            nothing, ever again; Close in the Book alone when it ends
//	any     closed      any            nothing but the user's word; a UID is never used again (SPEC I7)
//	again   closed      kept, ahead    Record: withdrawn, it goes on; no second one beside it
//	no      no          ours by UID    Stop: a copy of our state writes here
//	–       –           another's UID  Stop: another instance writes here
//	–       –           not ours       never looked at
//
//	yes     asked to move as placed    Move, by the user's word alone; theirs wins if they moved it since,
//	                                   and nothing moves to what has passed
//	any     ended by the user, unmarked or back  Record: taken back, for 30 days; then as placed
//	any     yes         gone, a copy   Miss; Record: taken over, once a deletion would be believed; the
//	                                   copy is the user's as well
//	any     paused      any            what the user says is recorded, nothing is sent but what a purge removes
//
// Ended means that the plan holds it back with an End.
func Diff(in Input) Delta {
	d := newDiffer(in)
	d.vanishedTogether()
	var groups [][]Operation
	add := func(ops []Operation) {
		if len(ops) > 0 {
			groups = append(groups, ops)
		}
	}
	for _, uid := range sortedKeys(d.placed) {
		add(d.placement(d.placed[uid], d.entry(uid)))
	}
	for _, f := range slices.SortedFunc(slices.Values(in.Wanted), bySlot) {
		add(d.write(f))
	}
	delta := Delta{Notices: d.notices, Stop: d.stop(), in: in}
	slices.SortStableFunc(groups, func(a, b []Operation) int { return cmp.Compare(rank(a), rank(b)) })
	for _, g := range groups {
		for _, op := range g {
			if op.onlyBook() || delta.Stop == nil && !d.rests(op.Placement) {
				delta.Operations = append(delta.Operations, op)
			}
		}
	}
	return delta
}

func bySlot(a, b planner.FollowUp) int {
	return cmp.Or(a.Slot.Compare(b.Slot), cmp.Compare(a.Key.String(), b.Key.String()))
}

// rank orders groups by their last operation, the one that asks most.
func rank(group []Operation) int { return slices.Index(order, group[len(group)-1].Type) }

// onlyBook reports whether the operation sends the server nothing that could
// change something.
func (o Operation) onlyBook() bool { return slices.Index(order, o.Type) < slices.Index(order, Delete) }

// differ is an Input made ready for look-ups.
type differ struct {
	in      Input
	wanted  map[planner.Key]planner.FollowUp
	ends    map[occurrence]planner.End
	placed  map[string]ledger.Placement // by UID
	open    map[planner.Key]bool        // has a placement that is open or lingers
	seen    map[string]caldav.Entry     // by UID
	skipped map[string]bool             // hrefs
	copied  map[string]bool             // UIDs and codes of entries that others are copies of
	mass    map[string]bool             // UIDs that vanished too many at once
	notices []string
}

func newDiffer(in Input) *differ {
	d := &differ{
		in: in, wanted: map[planner.Key]planner.FollowUp{}, ends: map[occurrence]planner.End{},
		placed: map[string]ledger.Placement{}, open: map[planner.Key]bool{},
		seen: map[string]caldav.Entry{}, copied: map[string]bool{}, skipped: map[string]bool{}, mass: map[string]bool{},
	}
	if d.in.Zone == nil {
		d.in.Zone = time.UTC
	}
	for _, f := range in.Wanted {
		if f.Status == planner.StatusOpen || f.Status == planner.StatusWrite {
			d.wanted[f.Key] = f
		}
	}
	for _, h := range in.Held {
		if h.End != nil {
			d.ends[occurrence{h.Key, h.Generation}] = *h.End
		}
	}
	for _, p := range in.Placed {
		d.placed[p.UID] = p
		if p.Open() || lingers(p) {
			d.open[p.Key] = true
		}
	}
	for _, e := range in.Observed.Entries {
		// DAViCal accepts a second object with the same UID: ours is the one
		// we know the name of, else the first.
		if e.CopyOf != "" {
			d.copied[e.CopyOf] = true
		}
		old, twice := d.seen[e.UID]
		known := d.placed[e.UID].Href
		if !twice || e.Href == known || old.Href != known && e.Href < old.Href {
			d.seen[e.UID] = e
		}
	}
	for _, s := range in.Observed.Skipped {
		d.skipped[s.Where] = true
	}
	return d
}

// entry is the observed entry of a placement, nil if the listing has none.
func (d *differ) entry(uid string) *caldav.Entry {
	e, ok := d.seen[uid]
	if !ok {
		return nil
	}
	return &e
}

// placement is what follows for one placement from its entry as observed.
func (d *differ) placement(p ledger.Placement, e *caldav.Entry) []Operation {
	switch p.State {
	case ledger.Closed:
		switch {
		case e == nil:
			return nil
		case !neverSeen(p):
			return d.after(p, *e)
		}
		p.State = ledger.Intended // it was given up, and arrived after all
	case ledger.TakenOver:
		end, over := d.endOf(p)
		if !over || !p.Open() {
			return nil
		}
		return []Operation{d.close(Close, p, end)}
	case ledger.Intended, ledger.Placed, ledger.Rewriting, ledger.Deleting:
	}
	switch {
	case e == nil:
		return d.missing(p)
	case rebuilt(p) && !p.Open() && !e.Shape.Alarm && !e.Foreign:
		return d.settledBefore(p, *e)
	}
	var ops []Operation
	p, op := d.observe(p, *e)
	if op.Type != "" {
		ops = append(ops, op)
	}
	if p.State == ledger.TakenOver {
		return ops
	}
	if end, over := d.end(p); over {
		return append(ops, d.resolve(p, *e, end))
	}
	if d.toMove(p, e.Shape) {
		return append(ops, d.move(p, *e))
	}
	if f, ok := d.wanted[p.Key]; ok && f.Text != "" && !rebuilt(p) {
		if op := d.rewrite(p, *e, f); op.Type != "" {
			ops = append(ops, op)
		}
	}
	return ops
}

// neverSeen reports whether an entry had left the book before any listing held it.
func neverSeen(p ledger.Placement) bool {
	return p.Href == "" && p.Seen.Start.IsZero() && !rebuilt(p) && !byUser(p)
}

// write is what follows for a wanted follow-up that has no placement.
func (d *differ) write(f planner.FollowUp) []Operation {
	if f.Status != planner.StatusWrite || f.Slot.IsZero() || d.open[f.Key] {
		return nil
	}
	uid := planner.UID(d.in.Instance, f.Key, f.Generation)
	if _, used := d.placed[uid]; used {
		return nil
	}
	p := d.worded(ledger.Placement{
		UID: uid, Key: f.Key, Generation: f.Generation, State: ledger.Intended, Slot: f.Slot, CreatedAt: d.in.Now,
	}, f)
	d.open[f.Key] = true
	if e := d.entry(uid); e != nil {
		d.placed[uid] = p
		return d.placement(p, e)
	}
	op := Operation{Type: Create, UID: uid, Title: p.Wrote.Summary, Placement: p}
	if len(p.Because) > 0 {
		op.Reason = p.Because[0]
	}
	op.Draft = d.draft(uid, p.Wrote, p.Evidence, 0)
	return []Operation{op}
}

// worded is a placement not written yet, with what it is to say.
func (d *differ) worded(p ledger.Placement, f planner.FollowUp) ledger.Placement {
	f.Slot = p.Slot
	p.Due, p.Wrote = f.Due, d.shape(f)
	return because(p, f)
}

// because is p with the reasons and the evidence of now.
func because(p ledger.Placement, f planner.FollowUp) ledger.Placement {
	p.Because, p.Evidence = nil, f.Evidence
	for _, r := range f.Because {
		p.Because = append(p.Because, string(r))
	}
	return p
}

// rewrite changes the words of an entry if the facts changed.
func (d *differ) rewrite(p ledger.Placement, e caldav.Entry, f planner.FollowUp) Operation {
	op := Operation{UID: p.UID, Title: e.Shape.Summary, Entry: &e}
	send, wrote, changed := rewritten(p, e.Shape, f)
	switch {
	case changed && caldav.Same(send, e.Shape): // by whomever
		op.Type, op.Reason = Adopt, "the calendar says so already"
		p.Wrote, p.State = wrote, ledger.Placed
	case changed:
		op.Type, op.Reason, op.Title = Rewrite, "the facts changed", send.Summary
		p = remembering(p, wrote.Description)
		p.Wrote = wrote
		p.Sequence++
		p.State = ledger.Rewriting
		p = because(p, f)
		op.Draft = d.draft(p.UID, send, p.Evidence, p.Sequence)
	case p.State == ledger.Rewriting:
		op.Type, op.Reason = Adopt, "the calendar holds the change: its answer was lost"
		p.Wrote = wrote
		p.State = ledger.Placed
	}
	op.Placement = p
	return op
}

// move takes an entry where the user asked for it, by a command. Nothing else ever
// re-dates one (SPEC I6).
func (d *differ) move(p ledger.Placement, e caldav.Entry) Operation {
	op := Operation{UID: p.UID, Title: e.Shape.Summary, Entry: &e}
	p = superseded(p, e.Shape)
	to := d.target(e.Shape, p.MoveTo)
	p.Theirs |= ledger.FieldTime
	p.Wrote.AllDay, p.Wrote.Start, p.Wrote.End = to.AllDay, to.Start, to.End
	p.Wrote.Alarm = false // see rewriting
	if d.arrived(p, e.Shape) {
		op.Type, op.Reason = Adopt, "it lies where you asked for it"
		p.State, p.MoveTo = ledger.Placed, time.Time{}
	} else {
		op.Type, op.Reason = Move, "you asked for it on "+d.when(to)
		p.State = ledger.Rewriting
		p.Sequence++
		op.Draft = d.draft(p.UID, to, p.Evidence, p.Sequence)
	}
	op.Placement = p
	return op
}

// target is an entry at another time: its length stays, and a day stays a day.
func (d *differ) target(s ledger.Shape, at time.Time) ledger.Shape {
	length := s.End.Sub(s.Start)
	if !s.AllDay {
		s.Start, s.End = at, at.Add(length)
		return s
	}
	y, m, day := at.In(d.in.Zone).Date()
	days := int((length + 12*time.Hour) / (24 * time.Hour))
	s.Start = time.Date(y, m, day, 0, 0, 0, 0, d.in.Zone)
	s.End = time.Date(y, m, day+days, 0, 0, 0, 0, d.in.Zone)
	return s
}

// arrived reports whether an entry lies where the user asked for it.
func (d *differ) arrived(p ledger.Placement, s ledger.Shape) bool {
	return !p.MoveTo.IsZero() && caldav.Differ(d.target(s, p.MoveTo), s)&ledger.FieldTime == 0
}

// rests reports whether an entry is to be left as it is: the user paused the
// writing. What they asked to be removed is removed all the same.
func (d *differ) rests(p ledger.Placement) bool { return d.in.Paused && !p.Purged() }

// end says whether the follow-up of a placement has ended, and how.
func (d *differ) end(p ledger.Placement) (planner.End, bool) {
	if !p.Open() {
		return planner.End{Outcome: p.Outcome, Evidence: p.EndedBy, Why: p.EndWhy}, true
	}
	if end, ok := d.endOf(p); ok {
		return end, true
	}
	if p.State == ledger.Deleting {
		return planner.End{Outcome: planner.Withdrawn, Why: "removing it was begun"}, true
	}
	return planner.End{}, false
}

// endedByEvidence reports whether mail or a meeting has ended it, which says
// more than the user's mark.
func (d *differ) endedByEvidence(p ledger.Placement) bool {
	end, _ := d.endOf(p)
	o := end.Outcome
	return o == planner.Acted || o == planner.Answered
}

// resolve is what becomes of the entry of an ended follow-up (SPEC section 8.5).
func (d *differ) resolve(p ledger.Placement, e caldav.Entry, end planner.End) Operation {
	op := Operation{UID: p.UID, Title: e.Shape.Summary, Reason: whyEnded(end), Entry: &e}
	p = superseded(p, e.Shape)
	if p.Open() {
		op.End = &end
		p = ended(p, end, d.in.Now)
	}
	kept := p.Theirs&ledger.FieldSummary != 0 || annotated(p, e.Shape.Description)
	well := end.Outcome == planner.Acted || end.Outcome == planner.Answered || end.Outcome == planner.Done
	stays := past(e.Shape, d.in.Now) || d.in.Policy.OnResolve == ResolveTick
	s := e.Shape
	s.Alarm = false
	switch {
	case !kept && (!well || !stays):
		op.Type = Delete
		p.State = ledger.Deleting
	case well && !bearsMark(s.Summary):
		op.Type = Tick
		s.Summary = tick + " " + strings.TrimSpace(s.Summary)
	case e.Shape.Alarm:
		op.Type = Quiet
	default:
		op.Type = Close
		p.State = ledger.Closed
	}
	if op.Type == Tick || op.Type == Quiet {
		p.State = ledger.Rewriting
		p.Sequence++
		op.Draft = d.draft(p.UID, s, p.Evidence, p.Sequence)
		// Our lines stay what they were: they tell which are the user's.
		s.Description = p.Wrote.Description
		if op.Type == Quiet {
			s.Summary = p.Wrote.Summary
		}
		p.Wrote = s
	}
	op.Placement = p
	return op
}

// past reports whether the time of an entry has come. A whole day is past once it
// is over.
func past(s ledger.Shape, now time.Time) bool {
	if s.AllDay {
		return !s.End.After(now)
	}
	return !s.Start.After(now)
}

// whyEnded is the end in words, for an operation.
func whyEnded(end planner.End) string { return cmp.Or(end.Why, "it ended as "+string(end.Outcome)) }

// ended is p with its end.
func ended(p ledger.Placement, end planner.End, now time.Time) ledger.Placement {
	p.Outcome, p.EndedAt, p.EndedBy, p.EndWhy = end.Outcome, now, end.Evidence, end.Why
	return p
}

// ownUID is the form of a UID of any instance.
var ownUID = regexp.MustCompile(`^syncd-(.+)-[a-z2-9]{16}-[0-9]+$`)

// stop looks for entries that another instance wrote, and for entries under our
// own id that neither ledger nor journal know.
func (d *differ) stop() *Stop {
	for _, uid := range sortedKeys(d.seen) {
		m := ownUID.FindStringSubmatch(uid)
		if m == nil || !ofSyncd(d.seen[uid]) {
			continue
		}
		if m[1] != d.in.Instance {
			return &Stop{Instance: m[1], Reason: "another syncd writes to this calendar: instance " + m[1]}
		}
		if _, known := d.placed[uid]; !known {
			return &Stop{Instance: m[1], Reason: "another syncd with a copy of this one's state writes to this calendar: instance " + m[1]}
		}
	}
	return nil
}

// Unplaced lists the UIDs of this instance in the listing that are not among
// Placed. The ledger forgets to name what ended long ago: the caller looks these
// up one by one, before Diff takes them for another's.
func Unplaced(in Input) []string {
	d := newDiffer(in)
	var uids []string
	for _, uid := range sortedKeys(d.seen) {
		m := ownUID.FindStringSubmatch(uid)
		if _, known := d.placed[uid]; m != nil && m[1] == in.Instance && !known {
			uids = append(uids, uid)
		}
	}
	return uids
}

// title is the title of an entry that was not observed.
func title(p ledger.Placement) string { return cmp.Or(p.Seen.Summary, p.Wrote.Summary) }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
