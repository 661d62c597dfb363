package reconcile_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
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

// moment is what a process that is killed leaves behind: the files of its ledger
// and the server.
type moment struct {
	image
	where   string
	created map[string]bool // UIDs asked for by then
}

// recorder notes every moment of a pass. The ledger is not hooked into: its files
// are copied before and after each change, and the moments between are made of
// the two, since a change is lines of the journal first and one commit then.
type recorder struct {
	*system
	t       *testing.T
	moments []moment
	known   map[[32]byte]bool
	created map[string]bool
}

func newRecorder(t *testing.T, s *system) *recorder {
	t.Helper()
	return &recorder{system: s, t: t, known: map[[32]byte]bool{}, created: map[string]bool{}}
}

// files are those of the ledger as they lie on the disk now. No transaction runs.
func (r *recorder) files() map[string][]byte {
	r.t.Helper()
	files := map[string][]byte{}
	for _, name := range []string{"ledger.db", "ledger.db-wal", "journal.jsonl"} {
		data, err := os.ReadFile(filepath.Join(r.dir, name))
		if err != nil {
			r.t.Fatal(err)
		}
		files[name] = data
	}
	return files
}

func (r *recorder) add(where string, files map[string][]byte) {
	objects := r.server.Objects(followups)
	h := sha256.New()
	for _, name := range slices.Sorted(maps.Keys(files)) {
		fmt.Fprintf(h, "%s %d\n%s", name, len(files[name]), files[name])
	}
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		fmt.Fprintf(h, "%s\n%s", name, objects[name])
	}
	if sum := [32]byte(h.Sum(nil)); !r.known[sum] {
		r.known[sum] = true
		r.moments = append(r.moments, moment{image{files, objects}, where, maps.Clone(r.created)})
	}
}

// change notes the moments of a change of the book.
func (r *recorder) change(what string, do func(*ledger.Ledger) error) error {
	before := r.files()
	r.add("before "+what, before)
	if err := do(r.ledger); err != nil {
		return err
	}
	after := r.files()
	if !bytes.Equal(before["journal.jsonl"], after["journal.jsonl"]) {
		r.journalFirst(what, before, do)
	}
	had, has := before["journal.jsonl"], after["journal.jsonl"]
	fresh, ok := bytes.CutPrefix(has, had)
	if !ok {
		r.t.Fatalf("%s: the journal is not appended to", what)
	}
	at, n := len(had), 0
	for line := range bytes.Lines(fresh) {
		n++
		for _, end := range []int{at + len(line)/2, at + len(line) - 1, at + len(line)} {
			torn := maps.Clone(before)
			torn["journal.jsonl"] = has[:end]
			r.add(fmt.Sprintf("%s, not committed, with line %d of the journal to octet %d of %d", what, n, end-at, len(line)), torn)
		}
		at += len(line)
	}
	r.add("after "+what, after)
	return nil
}

// journalFirst makes a change on a copy whose journal cannot be written: then the
// ledger must not have it either. That is what the moments between the line and
// the commit rest on.
func (r *recorder) journalFirst(what string, files map[string][]byte, do func(*ledger.Ledger) error) {
	r.t.Helper()
	s := &system{dir: r.t.TempDir()}
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(s.dir, name), data, 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
	s.openLedger(r.t)
	defer s.ledger.Close()
	placed := func() []ledger.Placement {
		all, err := s.ledger.Placements(r.t.Context())
		if err != nil {
			r.t.Fatal(err)
		}
		return all
	}
	had := placed()
	journal := filepath.Join(s.dir, "journal.jsonl")
	if err := errors.Join(os.Remove(journal), os.Mkdir(journal, 0o700)); err != nil {
		r.t.Fatal(err)
	}
	if err := do(s.ledger); err == nil {
		r.t.Errorf("%s: the journal cannot be written, and nobody says so", what)
	}
	if diff := cmp.Diff(had, placed()); diff != "" {
		r.t.Fatalf("%s: the ledger has what the journal has not (-before +after):\n%s", what, diff)
	}
}

// request notes the moments before and after a request.
func (r *recorder) request(what string, do func() error) error {
	r.add("before "+what, r.files())
	err := do()
	r.add("after "+what, r.files())
	return err
}

func (r *recorder) Intend(ctx context.Context, p ledger.Placement) error {
	return r.change("intend "+p.UID, func(l *ledger.Ledger) error { return l.Intend(ctx, p) })
}

func (r *recorder) Confirm(ctx context.Context, p ledger.Placement) error {
	return r.change("confirm "+p.UID, func(l *ledger.Ledger) error { return l.Confirm(ctx, p) })
}

func (r *recorder) Decide(ctx context.Context, d []ledger.Decision) error {
	return r.change(fmt.Sprintf("decide %s %s", d[0].Type, d[0].UID), func(l *ledger.Ledger) error { return l.Decide(ctx, d) })
}

func (r *recorder) End(ctx context.Context, uid string, end planner.End, at time.Time) error {
	return r.change("end "+uid, func(l *ledger.Ledger) error { return l.End(ctx, uid, end, at) })
}

// recorded is a calendar whose requests that change something are moments.
type recorded struct {
	reconcile.Calendar
	r *recorder
}

func (c recorded) Create(ctx context.Context, d caldav.Draft) (v caldav.Version, err error) {
	err = c.r.request("create "+d.UID, func() (err error) {
		c.r.created[d.UID] = true
		v, err = c.Calendar.Create(ctx, d)
		return err
	})
	return v, err
}

func (c recorded) Rewrite(ctx context.Context, e caldav.Entry, d caldav.Draft) (v caldav.Version, err error) {
	err = c.r.request("rewrite "+e.UID, func() (err error) { v, err = c.Calendar.Rewrite(ctx, e, d); return err })
	return v, err
}

func (c recorded) Move(ctx context.Context, e caldav.Entry, d caldav.Draft) (v caldav.Version, err error) {
	err = c.r.request("move "+e.UID, func() (err error) { v, err = c.Calendar.Move(ctx, e, d); return err })
	return v, err
}

func (c recorded) Tick(ctx context.Context, e caldav.Entry, summary string) (v caldav.Version, err error) {
	err = c.r.request("tick "+e.UID, func() (err error) { v, err = c.Calendar.Tick(ctx, e, summary); return err })
	return v, err
}

func (c recorded) Delete(ctx context.Context, e caldav.Entry) error {
	return c.r.request("delete "+e.UID, func() error { return c.Calendar.Delete(ctx, e) })
}

// racing is a calendar in which somebody writes a note just before the entry
// "merge" is rewritten, once: the precondition fails, and both are merged.
type racing struct {
	reconcile.Calendar
	s *system
}

const raced = `she asked again`

func (c racing) Rewrite(ctx context.Context, e caldav.Entry, d caldav.Draft) (caldav.Version, error) {
	if e.UID == c.s.uid("merge") && !strings.Contains(e.Shape.Description, raced) {
		c.s.edit("merge", "notes below this line stay ---", "notes below this line stay ---\\n"+raced)
	}
	return c.Calendar.Rewrite(ctx, e, d)
}

// crowd is a system in which one pass does everything that Apply can do, every
// gesture among it. From an image it goes on where that was taken.
func crowd(t *testing.T, from image) *system {
	t.Helper()
	s := startSystem(t, from)
	s.ask("tick", "quiet", "rewrite", "merge", "delete", "done", "cancelled", "moved", "retitled", "noted", "annotated",
		"dismissed", "missed", "taken", "elsewhere", "gone", "adopt", "snoozed", "muted", "unmarked", "restored")
	s.other = map[string]bool{s.uid("elsewhere"): true}
	if len(from.files) == 0 {
		s.gestures(t)
	}
	s.now = monday.Add(20 * time.Minute)
	s.ask("create")
	s.facts["create"].slot = monday.Add(6 * time.Hour)
	for _, n := range []string{"rewrite", "merge", "moved"} {
		s.facts[n].text, s.facts[n].title = "The facts are others now.", "Reply to "+n
	}
	for n, o := range map[string]planner.Outcome{
		"tick": planner.Answered, "quiet": planner.Expired, "delete": planner.Acted, "noted": planner.Acted, "gone": planner.Acted,
	} {
		s.end(n, o)
	}
	return s
}

// gestures writes the entries and has the user do everything to them.
func (s *system) gestures(t *testing.T) {
	t.Helper()
	s.facts["adopt"].mute = true
	s.settle(t)
	s.before(t)
	s.server.Remove(followups, s.uid("dismissed")+".ics")
	if err := s.pass(t); err != nil { // it is missed once
		t.Fatal(err)
	}
	s.facts["adopt"].mute = false
	s.server.Set(caldavtest.Faults{LoseAnswer: true})
	if err := s.pass(t); err == nil {
		t.Fatal("the answer was not lost")
	}
	s.server.Set(caldavtest.Faults{})
	s.edit("rewrite", "notes below this line stay ---", `notes below this line stay ---\nshe likes tea`)
	for _, n := range []string{"noted", "annotated", "quiet"} {
		s.edit(n, "Why: the", `my own line\nWhy: the`)
	}
	s.edit("done", "SUMMARY:", "SUMMARY:[x] ")
	s.edit("cancelled", "STATUS:CONFIRMED", "STATUS:CANCELLED")
	s.edit("moved", "20260511T", "20260513T")
	s.edit("delete", "20260511T", "20260513T")
	s.edit("retitled", "SUMMARY:", "SUMMARY:Tea with ")
	s.edit("taken", "TRANSP:", "RRULE:FREQ=WEEKLY;COUNT=3\r\nTRANSP:")
	for _, n := range []string{"missed", "elsewhere", "gone"} {
		s.server.Remove(followups, s.uid(n)+".ics")
	}
	s.secondThoughts(t)
}

// before has the user end two follow-ups, which they take back later.
func (s *system) before(t *testing.T) {
	t.Helper()
	s.edit("unmarked", "notes below this line stay ---", `notes below this line stay ---\nwants: a flat`)
	s.edit("unmarked", "SUMMARY:", "SUMMARY:done ")
	s.bin = s.server.Objects(followups)[s.uid("restored")+".ics"]
	s.server.Remove(followups, s.uid("restored")+".ics")
	for _, at := range []time.Duration{-20 * time.Minute, -5 * time.Minute, 0} {
		s.now = monday.Add(at)
		s.settle(t)
	}
}

// secondThoughts are what the user says by a command, asks quiet by, and takes
// back.
func (s *system) secondThoughts(t *testing.T) {
	t.Helper()
	move := ledger.Decision{Type: ledger.DecideMove, UID: s.uid("snoozed"), At: s.now, To: monday.Add(75 * time.Hour)}
	if err := s.ledger.Decide(t.Context(), []ledger.Decision{move}); err != nil {
		t.Fatal(err)
	}
	s.edit("muted", "SUMMARY:", "SUMMARY:let go: ")
	s.edit("unmarked", "SUMMARY:done ", "SUMMARY:")
	s.server.Store(followups, "restored.ics", s.bin)
}

// resume starts a process on what another left behind and lets it finish. It
// returns what is there in the end; err says what it must not have done.
func (m moment) resume(t *testing.T) (end map[string]string, err error) {
	t.Helper()
	s := crowd(t, m.image)
	defer s.close(t)
	s.cal = racing{s.cal, s}
	s.settle(t)
	for _, r := range s.server.Writes() {
		uid := strings.TrimSuffix(filepath.Base(r.Path), ".ics")
		if _, there := m.objects[uid+".ics"]; r.Method == http.MethodPut && r.IfNoneMatch != "" && r.Status < 300 && there {
			return nil, fmt.Errorf("%s is created again: %s", uid, r)
		}
	}
	return s.remembered(t), nil
}

func (s *system) close(t *testing.T) {
	t.Helper()
	if err := s.ledger.Close(); err != nil {
		t.Error(err)
	}
	_ = s.server.Close()
	_ = os.RemoveAll(s.dir)
}

// remembered is the state and every line of the journal, how often it is there.
// Why something ended is left out: the journal has no words of ours, so that they
// are lost with a commit that it foreran (SPEC section 4.6).
func (s *system) remembered(t *testing.T) map[string]string {
	t.Helper()
	all := s.state(t)
	placed, err := s.ledger.Placements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range placed {
		all["placement "+p.UID] += fmt.Sprintf(" theirs=%d missing=%t %s by=%s %s", p.Theirs, !p.MissingAt.IsZero(), p.EndedAt.UTC(),
			p.EndedBy.Type, p.EndedBy.ID)
	}
	journal, err := os.ReadFile(filepath.Join(s.dir, "journal.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(journal)) {
		if json.Valid([]byte(line)) { // else it was torn
			all["journal "+strings.TrimSpace(line)] += "once "
		}
	}
	return all
}

// record runs a pass, and those that it leaves something to, and gives their
// moments.
func record(t *testing.T, s *system) []moment {
	t.Helper()
	r := newRecorder(t, s)
	cal := recorded{racing{s.cal, s}, r}
	for d := s.diff(t); !d.Empty(); d = s.diff(t) {
		if err := reconcile.Apply(t.Context(), cal, r, d); err != nil {
			t.Fatal(err)
		}
	}
	return r.moments
}

// A process is killed at every moment of a pass that does everything: before and
// after every request, every line of the journal, whole or torn, and every commit.
// Whoever goes on from there ends where an uninterrupted pass does, and then there
// is nothing left to do (SPEC I9). Of pairs of such moments a part is tried: the
// second is one of the pass that makes the first good.
func TestCutAtEveryMoment(t *testing.T) {
	from := crowd(t, image{}).image(t)
	whole := crowd(t, from)
	demandTypes(t, whole.diff(t))
	moments := record(t, whole)
	whole.cal = racing{whole.cal, whole}
	whole.settle(t)
	want := whole.remembered(t)
	check := func(m moment, where string) {
		t.Helper()
		got, err := m.resume(t)
		if err != nil {
			t.Fatalf("%s: %v", where, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("cut %s: mismatch (-uninterrupted +resumed):\n%s", where, diff)
		}
	}
	step, pair, second := 1, 19, 23
	if testing.Short() {
		step, pair, second = 9, 90, 90
	}
	cuts, pairs := 0, 0
	for i := 0; i < len(moments); i += step {
		check(moments[i], moments[i].where)
		cuts++
	}
	for i := 0; i < len(moments); i += pair {
		s := crowd(t, moments[i].image)
		again := record(t, s)
		s.close(t)
		for j := i % second; j < len(again); j += second {
			check(again[j], moments[i].where+", and "+again[j].where)
			pairs++
		}
	}
	t.Logf("%d moments, of which %d were tried, and %d pairs", len(moments), cuts, pairs)
}

// demandTypes demands that a Delta has every operation.
func demandTypes(t *testing.T, d reconcile.Delta) {
	t.Helper()
	have := map[reconcile.Type]bool{}
	for _, op := range d.Operations {
		have[op.Type] = true
	}
	for _, want := range []reconcile.Type{
		reconcile.Record, reconcile.Miss, reconcile.Adopt, reconcile.Gone, reconcile.Dismiss, reconcile.Delete,
		reconcile.Tick, reconcile.Quiet, reconcile.Move, reconcile.Rewrite, reconcile.Create,
	} {
		if !have[want] {
			t.Errorf("the scenario has no %s: %s", want, describe(d))
		}
	}
}
