package reconcile_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
)

const instance = "k7m2p9"

var (
	zone   = berlin()
	monday = time.Date(2026, 5, 11, 9, 0, 0, 0, zone)
)

func berlin() *time.Location {
	z, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return z
}

var errCut = errors.New("cut")

// cutter counts the points at which a process can die, and lets it die at one.
type cutter struct {
	points int
	at     int // 0: never
	dead   bool
}

// point is one such place. After it nothing works any more.
func (c *cutter) point() error {
	if c.dead {
		return errCut
	}
	c.points++
	if c.points == c.at {
		c.dead = true
		return errCut
	}
	return nil
}

// around runs an action with a point before and after it.
func (c *cutter) around(act func() error) error {
	if err := c.point(); err != nil {
		return err
	}
	if err := act(); err != nil {
		return err
	}
	return c.point()
}

// calendar is a server in memory.
type calendar struct {
	*cutter
	entries map[string]caldav.Entry // by href
	clock   int
	listing *caldav.Listing // served instead, if set: a listing that is late
	hidden  map[string]bool // hrefs a listing leaves out as unreadable
	down    error           // the answer to Entries
	racing  func()          // once, between the last read and a write
	between func()          // once, between a write and the read after it
	unread  error           // the answer to the read after a write, once
	refuses bool            // a change is said to be done and is not
	wrote   bool            // nothing was read since the last write
	writes  []string
}

func newCalendar() *calendar {
	return &calendar{cutter: &cutter{}, entries: map[string]caldav.Entry{}, hidden: map[string]bool{}}
}

func (c *calendar) version() string { c.clock++; return fmt.Sprintf(`"%d"`, c.clock) }

func (c *calendar) Entries(context.Context) (caldav.Listing, error) {
	if err := c.point(); err != nil {
		return caldav.Listing{}, err
	}
	if c.down != nil {
		return caldav.Listing{}, c.down
	}
	if c.listing != nil {
		return *c.listing, nil
	}
	return c.list(), nil
}

func (c *calendar) list() caldav.Listing {
	var l caldav.Listing
	for _, href := range slices.Sorted(maps.Keys(c.entries)) {
		if c.hidden[href] {
			l.Skipped = append(l.Skipped, ledger.Skip{Where: href, Reason: "garbage"})
			continue
		}
		l.Entries = append(l.Entries, c.entries[href])
	}
	return l
}

func (c *calendar) Read(_ context.Context, href string) (caldav.Entry, error) {
	if err := c.point(); err != nil {
		return caldav.Entry{}, err
	}
	if c.wrote {
		c.wrote = false
		if between := c.between; between != nil {
			c.between = nil
			between()
		}
		if err := c.unread; err != nil {
			c.unread = nil
			return caldav.Entry{}, err
		}
	}
	e, ok := c.entries[href]
	if !ok {
		return caldav.Entry{}, caldav.ErrGone
	}
	return e, nil
}

// current is the precondition of a write.
func (c *calendar) current(e caldav.Entry) (caldav.Entry, error) {
	if c.racing != nil {
		race := c.racing
		c.racing = nil
		race()
	}
	now, ok := c.entries[e.Href]
	switch {
	case !ok:
		return now, caldav.ErrGone
	case now.ETag != e.ETag:
		return now, caldav.ErrChanged
	}
	return now, nil
}

func (c *calendar) Name(uid string) string { return "/cal/" + uid + ".ics" }

func (c *calendar) Create(_ context.Context, d caldav.Draft) (v caldav.Version, err error) {
	err = c.around(func() error {
		href := "/cal/" + d.UID + ".ics"
		if _, there := c.entries[href]; there {
			return caldav.ErrChanged
		}
		v = caldav.Version{Href: href, ETag: c.version()}
		c.entries[href] = caldav.Entry{Version: v, UID: d.UID, Shape: d.Shape, Sequence: d.Sequence, Marked: true}
		c.writes, c.wrote = append(c.writes, "create "+d.UID), true
		return nil
	})
	return v, err
}

func (c *calendar) edit(e caldav.Entry, change func(*caldav.Entry)) (v caldav.Version, err error) {
	err = c.around(func() error {
		now, err := c.current(e)
		if err != nil {
			return err
		}
		c.wrote = true
		if c.refuses { // with a 207 that nobody understands
			v = now.Version
			return nil
		}
		change(&now)
		now.ETag = c.version()
		c.entries[e.Href] = now
		v = now.Version
		c.writes = append(c.writes, "edit "+e.UID)
		return nil
	})
	return v, err
}

func (c *calendar) Rewrite(_ context.Context, e caldav.Entry, d caldav.Draft) (caldav.Version, error) {
	return c.edit(e, func(now *caldav.Entry) {
		now.Shape.Summary, now.Shape.Description = d.Shape.Summary, d.Shape.Description
		now.Shape.Alarm = now.Shape.Alarm && d.Shape.Alarm
		now.Sequence = d.Sequence
	})
}

func (c *calendar) Move(_ context.Context, e caldav.Entry, d caldav.Draft) (caldav.Version, error) {
	return c.edit(e, func(now *caldav.Entry) {
		now.Shape.Start, now.Shape.End = d.Shape.Start, d.Shape.End
		now.Sequence = d.Sequence
	})
}

func (c *calendar) Tick(_ context.Context, e caldav.Entry, summary string) (caldav.Version, error) {
	return c.edit(e, func(now *caldav.Entry) {
		now.Shape.Summary, now.Shape.Alarm = cmp.Or(summary, now.Shape.Summary), false
		now.Sequence++
	})
}

func (c *calendar) Delete(_ context.Context, e caldav.Entry) error {
	return c.around(func() error {
		if _, err := c.current(e); err != nil {
			return err
		}
		delete(c.entries, e.Href)
		c.writes = append(c.writes, "delete "+e.UID)
		return nil
	})
}

// user changes an entry as a calendar program would.
func (c *calendar) user(uid string, change func(*caldav.Entry)) {
	e, ok := c.entries["/cal/"+uid+".ics"]
	if !ok {
		return
	}
	change(&e)
	e.ETag = c.version()
	c.entries[e.Href] = e
}

func (c *calendar) userDeletes(uid string) { delete(c.entries, "/cal/"+uid+".ics") }

// book is a ledger in memory.
type book struct {
	*cutter
	placed    map[string]ledger.Placement
	decisions map[string]bool
}

func newBook() *book {
	return &book{cutter: &cutter{}, placed: map[string]ledger.Placement{}, decisions: map[string]bool{}}
}

func (b *book) put(p ledger.Placement) error {
	return b.around(func() error {
		if old := b.placed[p.UID]; !old.Open() && p.Open() {
			return fmt.Errorf("%s had ended and is opened again", p.UID)
		}
		b.placed[p.UID] = p
		return nil
	})
}

func (b *book) Intend(_ context.Context, p ledger.Placement) error  { return b.put(p) }
func (b *book) Confirm(_ context.Context, p ledger.Placement) error { return b.put(p) }

func (b *book) Decide(_ context.Context, ds []ledger.Decision) error {
	return b.around(func() error {
		for _, d := range ds {
			b.decisions[fmt.Sprintf("%s %s %s %q", d.Type, d.UID, d.To.UTC().Format(time.RFC3339), d.Text)] = true
			b.decide(d)
		}
		return nil
	})
}

// decide is what a ledger does with a decision beyond keeping it.
func (b *book) decide(d ledger.Decision) {
	p, known := b.placed[d.UID]
	if !known {
		return
	}
	end := func(o planner.Outcome, why string) {
		if p.Open() {
			p.Outcome, p.EndedAt, p.EndWhy = o, d.At, why
			p.EndedBy = planner.Evidence{Type: planner.Gesture, ID: p.UID, At: d.At, Address: p.Key.Who}
		}
	}
	switch d.Type { //nolint:exhaustive // reconcile puts the others into the placement itself
	case ledger.DecideDone:
		end(planner.Done, "you marked it as done")
	case ledger.DecideDismissed:
		if p.Purged() {
			p.Outcome = ""
		}
		end(planner.Dismissed, "you deleted it")
	case ledger.DecideMuted:
		end(planner.Withdrawn, "you asked for quiet about them")
	case ledger.DecideUndone:
		p.Outcome, p.EndedAt, p.EndedBy, p.EndWhy = "", time.Time{}, planner.Evidence{}, ""
		p.MissingAt, p.MoveTo = time.Time{}, time.Time{}
		if p.State == ledger.Closed || p.State == ledger.Deleting {
			p.State = ledger.Placed
		}
	case ledger.DecideNoted:
		p.Noted = d.Text
	case ledger.DecideMove:
		p.MoveTo = d.To
	case ledger.DecideSnoozed:
		p.MoveTo = time.Time{}
	}
	b.placed[d.UID] = p
}

func (b *book) End(_ context.Context, uid string, end planner.End, at time.Time) error {
	return b.around(func() error {
		p, ok := b.placed[uid]
		if !ok {
			return fmt.Errorf("end of unknown %s", uid)
		}
		p.Outcome, p.EndedAt, p.EndedBy, p.EndWhy = end.Outcome, at, end.Evidence, end.Why
		b.placed[uid] = p
		return nil
	})
}

// fact is a follow-up as the world asks for it.
type fact struct {
	name  string
	title string
	text  string
	slot  time.Time
	end   *planner.End
	mute  bool // the plan does not name it
}

// world is a person's calendar, their ledger and what the planner would say.
type world struct {
	cal      *calendar
	book     *book
	now      time.Time
	policy   reconcile.Policy
	facts    map[string]*fact
	other    map[string]bool // UIDs seen in other calendars
	silent   string          // why nothing new is written
	paused   bool            // the user paused the writing
	vanished time.Time       // when they said that what is missing was deleted
	kept     bool            // the plan does not know our words yet
	resumed  bool            // what was withdrawn is wanted anew
}

func newWorld() *world {
	return &world{
		cal: newCalendar(), book: newBook(), now: monday.Add(-time.Hour),
		policy: reconcile.Policy{OnResolve: reconcile.ResolveDelete}, facts: map[string]*fact{},
	}
}

func key(name string) planner.Key {
	return planner.Key{Rule: planner.FirstMeeting, Evidence: name + "@example.org", Who: name + "@example.org"}
}

func uid(name string) string { return planner.UID(instance, key(name), 0) }

func mail(name string) planner.Evidence {
	return planner.Evidence{Type: planner.Mail, ID: name + "@example.org", At: monday}
}

// ask adds follow-ups.
func (w *world) ask(names ...string) {
	for _, n := range names {
		w.facts[n] = &fact{
			name: n, title: "Follow up with " + n, slot: monday.Add(time.Duration(len(w.facts)) * 15 * time.Minute),
			text: "You met " + n + " on 8 May.\n\nWhy: the first meeting was three days ago.\nCode: " + key(n).Code(),
		}
	}
}

func (w *world) end(name string, o planner.Outcome) {
	w.facts[name].end = &planner.End{Outcome: o, Evidence: mail("reply-" + name), Why: "you wrote on 11 May"}
}

// input is what a pass sees. Like the planner, it names what is open, what has
// ended, and what is to be written, and never asks for an ended key again.
func (w *world) input(l caldav.Listing) reconcile.Input { return w.inputAs(instance, l) }

func (w *world) inputAs(instance string, l caldav.Listing) reconcile.Input {
	in := reconcile.Input{
		Now: w.now, Instance: instance, Zone: zone, Policy: w.policy, Observed: l, Elsewhere: w.other, Silent: w.silent, Paused: w.paused, Vanished: w.vanished,
		Placed: slices.Collect(maps.Values(w.book.placed)),
	}
	for _, f := range w.facts {
		u := planner.FollowUp{
			Key: key(f.name), Name: f.name, Rule: planner.FirstMeeting, Status: planner.StatusWrite, Slot: f.slot,
			Title: f.title, Text: f.text, Because: []planner.Reason{"the first meeting was three days ago"},
			Evidence: []planner.Evidence{mail(f.name)},
		}
		p, known := w.latest(u.Key)
		u.Generation = p.Generation
		switch {
		case w.resumed && p.Outcome == planner.Withdrawn:
			u.Generation++
			in.Wanted = append(in.Wanted, u)
		case f.mute || known && !p.Open():
		case f.end != nil:
			if known {
				in.Held = append(in.Held, planner.Held{FollowUp: u, End: f.end})
			}
		default:
			if known {
				u.Status = planner.StatusOpen
			}
			if known && w.kept {
				u.Title, u.Text = p.Wrote.Summary, ""
			}
			in.Wanted = append(in.Wanted, u)
		}
	}
	return in
}

// latest is the last placement of a key.
func (w *world) latest(k planner.Key) (last ledger.Placement, known bool) {
	for _, p := range w.book.placed {
		if p.Key == k && (!known || p.Generation > last.Generation) {
			last, known = p, true
		}
	}
	return last, known
}

func (w *world) diff() (reconcile.Delta, error) {
	l, err := w.cal.Entries(context.Background())
	if err != nil {
		return reconcile.Delta{}, err
	}
	return reconcile.Diff(w.input(l)), nil
}

// pass is one turn of the daemon's loop.
func (w *world) pass() error {
	d, err := w.diff()
	if err != nil {
		return err
	}
	return reconcile.Apply(context.Background(), w.cal, w.book, d)
}

// settle runs passes that must not fail, until one has nothing to do.
func (w *world) settle(t interface {
	Helper()
	Fatalf(string, ...any)
},
) {
	t.Helper()
	for range 6 {
		d, err := w.diff()
		if err != nil {
			t.Fatalf("list: %v", err)
		}
		if d.Empty() {
			return
		}
		if err := reconcile.Apply(context.Background(), w.cal, w.book, d); err != nil {
			t.Fatalf("Apply(): %v", err)
		}
	}
	d, _ := w.diff()
	t.Fatalf("six passes did not settle; left: %s", describe(d))
}

// describe is a Delta in short.
func describe(d reconcile.Delta) string {
	var s []string
	for _, op := range d.Operations {
		s = append(s, string(op.Type)+" "+op.Title)
	}
	if d.Stop != nil {
		s = append(s, "stop "+d.Stop.Instance)
	}
	return strings.Join(s, ", ")
}

// state is what counts in the end: what the user sees and what we remember.
func (w *world) state() map[string]string {
	s := map[string]string{}
	for _, e := range w.cal.entries {
		s["entry "+e.UID] = shapeText(e.Shape)
	}
	for u, p := range w.book.placed {
		s["placement "+u] = fmt.Sprintf("%s outcome=%q theirs=%d missing=%t why=%q seen=%s wrote=%s",
			p.State, p.Outcome, p.Theirs, !p.MissingAt.IsZero(), p.EndWhy, shapeText(p.Seen), shapeText(p.Wrote))
	}
	for d := range w.book.decisions {
		s["decision "+d] = ""
	}
	return s
}

func shapeText(s ledger.Shape) string {
	return fmt.Sprintf("%s-%s %q %q %s alarm=%t", s.Start.UTC().Format(time.RFC3339), s.End.UTC().Format("15:04"),
		s.Summary, caldav.Normal(s.Description), s.Status, s.Alarm)
}

func (w *world) entry(t *testing.T, name string) caldav.Entry {
	t.Helper()
	e, ok := w.cal.entries["/cal/"+uid(name)+".ics"]
	if !ok {
		t.Fatalf("no entry of %s in the calendar", name)
	}
	return e
}

func (w *world) has(name string) bool {
	_, ok := w.cal.entries["/cal/"+uid(name)+".ics"]
	return ok
}
