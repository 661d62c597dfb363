package reconcile_test

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
)

const followups = "followups"

// system is a real ledger and a CalDAV server in the process.
type system struct {
	world  // facts, clock and policy; its calendar and book are not used
	dir    string
	server *caldavtest.Server
	ledger *ledger.Ledger
	cal    reconcile.Calendar
	cut    *cutter
	bin    string // the object that the user deleted
}

// image is a system at rest.
type image struct {
	files   map[string][]byte
	objects map[string]string
}

func startSystem(t *testing.T, from image) *system {
	t.Helper()
	s := &system{world: *newWorld(), dir: t.TempDir(), cut: &cutter{}}
	for name, data := range from.files {
		if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	s.server, err = caldavtest.Start(t.Context(), caldavtest.Options{Calendars: []caldavtest.Calendar{{Name: followups}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.server.Close() })
	for name, data := range from.objects {
		s.server.Store(followups, name, data)
	}
	s.open(t)
	t.Cleanup(func() { _ = s.ledger.Close() })
	return s
}

// open opens the ledger and dials the server, as a process does that starts.
func (s *system) open(t *testing.T) {
	t.Helper()
	s.openLedger(t)
	url := s.server.URL + s.server.Path(followups, "")
	session, err := caldav.Dial(t.Context(), caldav.Account{
		Name: "test", URL: url, User: s.server.User, Zone: zone,
		Password: func(context.Context) (string, error) { return s.server.Password, nil },
	}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(session.Close)
	all, err := session.Calendars(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("calendars = %v, %v", all, err)
	}
	session.Own(all[0])
	s.cal = reconcile.In(session, all[0])
}

func (s *system) openLedger(t *testing.T) {
	t.Helper()
	var err error
	s.ledger, err = ledger.Open(t.Context(), ledger.Options{Dir: s.dir, Me: ledger.Me{Addresses: []string{"me@example.com"}, Zone: zone}})
	if err != nil {
		t.Fatal(err)
	}
}

// reopen is a restart of the process.
func (s *system) reopen(t *testing.T) {
	t.Helper()
	if err := s.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	s.cut = &cutter{}
	s.open(t)
}

func (s *system) image(t *testing.T) image {
	t.Helper()
	if err := s.ledger.Close(); err != nil {
		t.Fatal(err)
	}
	names, err := os.ReadDir(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	i := image{files: map[string][]byte{}, objects: s.server.Objects(followups)}
	for _, n := range names {
		if i.files[n.Name()], err = os.ReadFile(filepath.Join(s.dir, n.Name())); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

func (s *system) uid(name string) string { return planner.UID(s.ledger.Instance(), key(name), 0) }

func (s *system) diff(t *testing.T) reconcile.Delta {
	t.Helper()
	l, err := s.cal.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	placed, err := s.ledger.Placements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.book.placed = map[string]ledger.Placement{}
	for _, p := range placed {
		s.book.placed[p.UID] = p
	}
	return reconcile.Diff(s.inputAs(s.ledger.Instance(), l))
}

func (s *system) pass(t *testing.T) error {
	t.Helper()
	return reconcile.Apply(t.Context(), cutCalendar{s.cal, s.cut}, cutBook{s.ledger, s.cut}, s.diff(t))
}

func (s *system) settle(t *testing.T) {
	t.Helper()
	for range 6 {
		if s.diff(t).Empty() {
			return
		}
		if err := s.pass(t); err != nil {
			t.Fatalf("Apply(): %v", err)
		}
	}
	t.Fatalf("six passes did not settle; left: %s", describe(s.diff(t)))
}

// edit changes the object of an entry as another program would.
func (s *system) edit(name string, old, to string) {
	object := s.uid(name) + ".ics"
	data := strings.ReplaceAll(s.server.Objects(followups)[object], "\r\n ", "")
	s.server.Store(followups, object, strings.ReplaceAll(data, old, to))
}

func (s *system) state(t *testing.T) map[string]string {
	t.Helper()
	got := map[string]string{}
	l, err := s.cal.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range l.Entries {
		got["entry "+e.UID] += shapeText(e.Shape) // a second one would show
	}
	placed, err := s.ledger.Placements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range placed {
		got["placement "+p.UID] = strings.Join([]string{
			string(p.State), string(p.Outcome), shapeText(p.Seen), shapeText(p.Wrote),
		}, " ")
	}
	return got
}

// busy is a system in which one pass creates, adopts, rewrites, moves, ticks, deletes,
// dismisses and takes the user's gestures.
func busy(t *testing.T, from image) *system {
	t.Helper()
	s := startSystem(t, from)
	s.ask("rewrite", "tick", "delete", "done", "moved", "noted", "dismissed", "adopt", "muted", "unmarked", "snooze")
	if len(from.files) == 0 {
		s.facts["adopt"].mute = true
		s.settle(t)
		s.edit("unmarked", "notes below this line stay ---", `notes below this line stay ---\nwants: a flat`)
		s.edit("unmarked", "SUMMARY:", "SUMMARY:done ")
		s.settle(t)
		s.facts["adopt"].mute = false
		s.server.Set(caldavtest.Faults{LoseAnswer: true})
		if err := s.pass(t); err == nil {
			t.Fatal("the answer was not lost")
		}
		s.server.Set(caldavtest.Faults{})
		s.server.Remove(followups, s.uid("dismissed")+".ics")
		s.settleBut(t)
		s.edit("rewrite", "notes below this line stay ---", `notes below this line stay ---\nshe likes tea`)
		s.edit("noted", "Why: the", `my own line\nWhy: the`)
		s.edit("done", "SUMMARY:", "SUMMARY:[x] ")
		s.edit("moved", "20260511T", "20260513T")
		s.edit("delete", "20260511T", "20260513T")
		s.edit("muted", "SUMMARY:", "SUMMARY:let go: ")
		s.edit("unmarked", "SUMMARY:done ", "SUMMARY:")
		move := ledger.Decision{Type: ledger.DecideMove, UID: s.uid("snooze"), At: s.now, To: monday.Add(75 * time.Hour)}
		if err := s.ledger.Decide(t.Context(), []ledger.Decision{move}); err != nil {
			t.Fatal(err)
		}
	}
	s.now = monday.Add(16 * time.Minute)
	s.ask("create")
	s.facts["rewrite"].text = "The facts are others now."
	s.facts["create"].slot = monday.Add(5 * time.Hour)
	s.end("tick", planner.Answered)
	s.end("delete", planner.Acted)
	s.end("noted", planner.Acted)
	return s
}

// settleBut misses the dismissed entry and leaves the adoption for later.
func (s *system) settleBut(t *testing.T) {
	t.Helper()
	s.facts["adopt"].mute = true
	d := s.diff(t)
	for i, op := range d.Operations {
		if op.Type == reconcile.Adopt {
			d.Operations = slices.Delete(d.Operations, i, i+1)
			break
		}
	}
	if err := reconcile.Apply(t.Context(), s.cal, s.ledger, d); err != nil {
		t.Fatal(err)
	}
	s.facts["adopt"].mute = false
}

// The process is killed before and after every request and every commit, then
// started again, on a real ledger and over real HTTP.
func TestCutEverywhereForReal(t *testing.T) {
	from := busy(t, image{}).image(t)
	whole := busy(t, from)
	var types []string
	for _, op := range whole.diff(t).Operations {
		types = append(types, string(op.Type))
	}
	slices.Sort(types)
	for _, want := range []reconcile.Type{reconcile.Create, reconcile.Adopt, reconcile.Rewrite, reconcile.Move, reconcile.Tick, reconcile.Delete, reconcile.Dismiss, reconcile.Record} {
		if !slices.Contains(types, string(want)) {
			t.Fatalf("the scenario has no %s: %v", want, types)
		}
	}
	if err := whole.pass(t); err != nil {
		t.Fatal(err)
	}
	points := whole.cut.points
	whole.settle(t)
	want := whole.state(t)
	step := 1
	if testing.Short() {
		step = 7
	}
	for at := 1; at <= points; at += step {
		s := busy(t, from)
		s.cut.at = at
		if err := s.pass(t); err == nil {
			t.Fatalf("cut at %d: Apply() reports no error", at)
		}
		s.reopen(t)
		s.settle(t)
		if diff := cmp.Diff(want, s.state(t)); diff != "" {
			t.Fatalf("cut at %d of %d: mismatch (-uninterrupted +resumed):\n%s", at, points, diff)
		}
		_ = s.server.Close()
		_ = s.ledger.Close()
	}
	t.Logf("%d cut points", points)
}

// Servers that ignore preconditions, lose answers, give no ETags or store under
// other names come to the same end.
func TestServersThatMisbehave(t *testing.T) {
	from := busy(t, image{}).image(t)
	faults := map[string]caldavtest.Faults{
		"none":               {},
		"ignores conditions": {IgnoreIfNoneMatch: true, IgnoreIfMatch: true, IgnoreIfMatchOnDelete: true},
		"no ETag on PUT":     {NoETagOnPut: true},
		"weak ETags":         {WeakETags: true},
		"counter ETags":      {CounterETags: true},
		"no ETags":           {NoETags: true},
		"drops properties":   {Drop: []string{"URL", "CATEGORIES"}},
		"multiget misses":    {MultigetMissing: true},
		"renames":            {RenameHrefs: true},
	}
	want := map[string]string{}
	for _, name := range append([]string{"none"}, slices.Sorted(maps.Keys(faults))...) {
		s := busy(t, from)
		s.server.Set(faults[name])
		s.reopen(t)
		s.settle(t)
		got := s.state(t)
		if name == "none" {
			want = got
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: mismatch (-decent +misbehaving):\n%s", name, diff)
		}
	}
}

// Xandikos answers a PUT that it refuses with 207: what it does not hold was not
// written.
func TestRefusedInMultistatus(t *testing.T) {
	s := startSystem(t, image{})
	s.ask("ana")
	s.server.Set(caldavtest.Faults{RefusedPut207: true})
	if err := s.pass(t); err == nil {
		t.Error("Apply() reports no error")
	}
	s.server.Set(caldavtest.Faults{})
	s.settle(t)
	if got := len(s.server.Objects(followups)); got != 1 {
		t.Errorf("%d objects, want 1", got)
	}
}

// A wiped ledger knows from its journal what was dismissed and what is ours. It
// learns what we wrote only once all mail is in again.
func TestWipedLedger(t *testing.T) {
	s := busy(t, busy(t, image{}).image(t))
	s.settle(t)
	want, says := s.server.Objects(followups), s.descriptions(t)
	s.wipe(t)
	for _, s.kept = range []bool{true, false} {
		s.settle(t)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(s.server.Objects(followups)))); diff != "" {
			t.Errorf("text unknown %t: entries after the ledger was wiped (-before +after):\n%s", s.kept, diff)
		}
		if diff := cmp.Diff(says, s.descriptions(t)); diff != "" {
			t.Errorf("text unknown %t: descriptions after the ledger was wiped (-before +after):\n%s", s.kept, diff)
		}
	}
	s.facts["create"].text = "The facts are others now."
	s.settle(t)
	if got := s.descriptions(t)[s.uid("create")]; got != "The facts are others now.\n\n"+caldav.Marker {
		t.Errorf("after a rewrite it says\n%s", got)
	}
}

// descriptions are what the entries say, by UID.
func (s *system) descriptions(t *testing.T) map[string]string {
	t.Helper()
	l, err := s.cal.Entries(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	says := map[string]string{}
	for _, e := range l.Entries {
		says[e.UID] = caldav.Normal(e.Shape.Description)
	}
	return says
}

// The process is killed between the journal's line and the commit it belongs
// to, at every change of the book.
func TestCutBetweenJournalAndCommit(t *testing.T) {
	from := busy(t, image{}).image(t)
	whole := busy(t, from)
	if err := whole.pass(t); err != nil {
		t.Fatal(err)
	}
	whole.settle(t)
	want := whole.state(t)
	n := 1
	for ; ; n++ {
		s := busy(t, from)
		b := &tornBook{system: s, t: t, at: n}
		err := reconcile.Apply(t.Context(), cutCalendar{s.cal, s.cut}, b, s.diff(t))
		if b.n < n {
			break
		}
		if err == nil {
			t.Fatalf("cut at %d: Apply() reports no error", n)
		}
		s.cut = &cutter{}
		s.open(t)
		s.settle(t)
		if diff := cmp.Diff(want, s.state(t)); diff != "" {
			t.Fatalf("cut at change %d of the book: mismatch (-uninterrupted +resumed):\n%s", n, diff)
		}
		_ = s.server.Close()
		_ = s.ledger.Close()
	}
	if n < 10 {
		t.Errorf("%d cut points", n-1)
	}
}

// tornBook dies in the midst of one change: the journal has it, the ledger does
// not.
type tornBook struct {
	*system
	t     *testing.T
	n, at int
}

func (b *tornBook) tear(change func(*ledger.Ledger) error) error {
	if b.n++; b.n != b.at {
		if b.cut.dead {
			return errCut
		}
		return change(b.ledger)
	}
	b.cut.dead = true
	path := filepath.Join(b.dir, "ledger.db")
	before := b.image(b.t).files["ledger.db"] // closes it
	b.open(b.t)
	if err := errors.Join(change(b.ledger), b.ledger.Close(), os.WriteFile(path, before, 0o600)); err != nil {
		b.t.Fatal(err)
	}
	return errCut
}

func (b *tornBook) Intend(ctx context.Context, p ledger.Placement) error {
	return b.tear(func(l *ledger.Ledger) error { return l.Intend(ctx, p) })
}

func (b *tornBook) Confirm(ctx context.Context, p ledger.Placement) error {
	return b.tear(func(l *ledger.Ledger) error { return l.Confirm(ctx, p) })
}

func (b *tornBook) Decide(ctx context.Context, d []ledger.Decision) error {
	return b.tear(func(l *ledger.Ledger) error { return l.Decide(ctx, d) })
}

func (b *tornBook) End(ctx context.Context, uid string, end planner.End, at time.Time) error {
	return b.tear(func(l *ledger.Ledger) error { return l.End(ctx, uid, end, at) })
}

// cutCalendar dies before or after a request.
type cutCalendar struct {
	reconcile.Calendar
	*cutter
}

func (c cutCalendar) Read(ctx context.Context, href string) (e caldav.Entry, err error) {
	err = c.around(func() (err error) { e, err = c.Calendar.Read(ctx, href); return err })
	return e, err
}

func (c cutCalendar) Create(ctx context.Context, d caldav.Draft) (v caldav.Version, err error) {
	err = c.around(func() (err error) { v, err = c.Calendar.Create(ctx, d); return err })
	return v, err
}

func (c cutCalendar) Rewrite(ctx context.Context, e caldav.Entry, d caldav.Draft) (v caldav.Version, err error) {
	err = c.around(func() (err error) { v, err = c.Calendar.Rewrite(ctx, e, d); return err })
	return v, err
}

func (c cutCalendar) Move(ctx context.Context, e caldav.Entry, d caldav.Draft) (v caldav.Version, err error) {
	err = c.around(func() (err error) { v, err = c.Calendar.Move(ctx, e, d); return err })
	return v, err
}

func (c cutCalendar) Tick(ctx context.Context, e caldav.Entry, summary string) (v caldav.Version, err error) {
	err = c.around(func() (err error) { v, err = c.Calendar.Tick(ctx, e, summary); return err })
	return v, err
}

func (c cutCalendar) Delete(ctx context.Context, e caldav.Entry) error {
	return c.around(func() error { return c.Calendar.Delete(ctx, e) })
}

// cutBook dies before or after a commit.
type cutBook struct {
	reconcile.Book
	*cutter
}

func (b cutBook) Intend(ctx context.Context, p ledger.Placement) error {
	return b.around(func() error { return b.Book.Intend(ctx, p) })
}

func (b cutBook) Confirm(ctx context.Context, p ledger.Placement) error {
	return b.around(func() error { return b.Book.Confirm(ctx, p) })
}

func (b cutBook) Decide(ctx context.Context, d []ledger.Decision) error {
	return b.around(func() error { return b.Book.Decide(ctx, d) })
}

func (b cutBook) End(ctx context.Context, uid string, end planner.End, at time.Time) error {
	return b.around(func() error { return b.Book.End(ctx, uid, end, at) })
}
