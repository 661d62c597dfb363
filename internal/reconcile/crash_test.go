package reconcile_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
)

// everything is a world in which one pass creates, adopts, rewrites, ticks,
// quiets, moves, deletes, dismisses and records every gesture.
func everything(t *testing.T) *world {
	t.Helper()
	w := newWorld()
	w.ask("adopt", "rewrite", "merge", "tick", "noted", "quiet", "delete", "done", "moved", "dismissed", "retitled", "taken", "gone",
		"muted", "unmarked", "restored", "byhand", "copied", "command", "snooze")
	w.settle(t)
	w.cal.user(uid("unmarked"), func(e *caldav.Entry) { noted(e); e.Shape.Summary = "done " + e.Shape.Summary })
	restored := w.entry(t, "restored")
	w.cal.user(uid("restored"), func(e *caldav.Entry) { e.Shape.Summary = "never " + e.Shape.Summary })
	w.settle(t)
	w.cal.entries[restored.Href] = restored
	w.cal.userDeletes(uid("dismissed"))
	w.settle(t)
	w.now = monday.Add(20 * time.Minute) // tick and quiet are past

	w.place("adopt", func(p *ledger.Placement) { p.State, p.Href, p.ETag, p.Seen = ledger.Intended, "", "", ledger.Shape{} })
	w.ask("create")
	w.facts["create"].slot = monday.Add(4 * time.Hour)
	for _, n := range []string{"rewrite", "merge", "moved"} {
		w.facts[n].text, w.facts[n].title = "The facts are others now.", "Reply to "+n
	}
	w.cal.user(uid("merge"), func(e *caldav.Entry) { e.Shape.Description = "on top\n" + e.Shape.Description + "\nbelow" })
	w.cal.user(uid("noted"), noted)
	w.cal.user(uid("quiet"), noted)
	w.cal.user(uid("retitled"), func(e *caldav.Entry) { e.Shape.Summary = "Tea" })
	w.cal.user(uid("taken"), func(e *caldav.Entry) { e.Foreign = true })
	w.cal.user(uid("done"), func(e *caldav.Entry) { e.Shape.Summary = "x " + e.Shape.Summary })
	w.cal.userDeletes(uid("gone"))
	w.cal.user(uid("muted"), func(e *caldav.Entry) { e.Shape.Summary = "mute " + e.Shape.Summary })
	w.cal.user(uid("unmarked"), func(e *caldav.Entry) { e.Shape.Summary = strings.TrimPrefix(e.Shape.Summary, "done ") })
	theirs := w.entry(t, "copied")
	theirs.UID, theirs.Href, theirs.CopyOf = "copy@example.net", "/cal/copy.ics", uid("copied")
	w.cal.entries[theirs.Href] = theirs
	w.cal.userDeletes(uid("copied"))
	w.command(t, ledger.Decision{Type: ledger.DecideDismissed, UID: uid("command"), At: w.now})
	w.command(t, ledger.Decision{Type: ledger.DecideMove, UID: uid("snooze"), At: w.now, To: monday.Add(75 * time.Hour)})
	w.command(t, ledger.Decision{Type: ledger.DecideMove, UID: uid("byhand"), At: w.now, To: monday.Add(75 * time.Hour)})
	later := func(e *caldav.Entry) {
		e.Shape.Start, e.Shape.End = e.Shape.Start.Add(24*time.Hour), e.Shape.End.Add(24*time.Hour)
	}
	w.cal.user(uid("moved"), later)
	w.cal.user(uid("byhand"), later)
	w.cal.user(uid("delete"), later)
	for n, o := range map[string]planner.Outcome{
		"noted": planner.Acted, "tick": planner.Answered, "delete": planner.Acted, "quiet": planner.Expired, "gone": planner.Acted,
	} {
		w.end(n, o)
	}
	w.place("tick", func(p *ledger.Placement) { p.Theirs |= ledger.FieldSummary })
	return w
}

// One cut at every point before and after every action of the server and of the
// book: whatever was done by then, the passes after it end where an
// uninterrupted one does, and then there is nothing left to do (SPEC I9).
func TestCutEverywhere(t *testing.T) {
	whole := everything(t)
	whole.share(0)
	if err := whole.pass(); err != nil {
		t.Fatal(err)
	}
	points := whole.cal.points
	whole.settle(t)
	want := whole.state()
	if ops := whole.cal.writes; len(ops) < 20 {
		t.Fatalf("the scenario writes only %v", ops)
	}
	for at := 1; at <= points; at++ {
		w := everything(t)
		w.share(at)
		if err := w.pass(); err == nil {
			t.Fatalf("cut at %d: Apply() reports no error", at)
		}
		w.share(0)
		w.settle(t)
		if diff := cmp.Diff(want, w.state()); diff != "" {
			t.Fatalf("cut at %d of %d: mismatch (-uninterrupted +resumed):\n%s", at, points, diff)
		}
		w.onlyOnce(t)
	}
	t.Logf("%d cut points", points)
}

// Two cuts, the second while the first is made good.
func TestCutTwice(t *testing.T) {
	whole := everything(t)
	whole.settle(t)
	want := whole.state()
	cuts := 0
	for first := 1; ; first += 3 {
		w := everything(t)
		w.share(first)
		if w.pass() == nil {
			break
		}
		again := w.clone()
		for second := 1; ; second += 3 {
			w := again.clone()
			w.share(second)
			if w.pass() == nil {
				break
			}
			cuts++
			w.share(0)
			w.settle(t)
			if diff := cmp.Diff(want, w.state()); diff != "" {
				t.Fatalf("cut at %d, then at %d: mismatch (-uninterrupted +resumed):\n%s", first, second, diff)
			}
		}
	}
	t.Logf("%d pairs of cut points", cuts)
}

// Every answer to a request that changes something is lost once, while the rest
// of the pass goes on.
func TestLostAnswers(t *testing.T) {
	whole := everything(t)
	whole.settle(t)
	want := whole.state()
	for n := 1; ; n++ {
		w := everything(t)
		lost := &losing{calendar: w.cal, lose: n}
		d, err := w.diff()
		if err != nil {
			t.Fatal(err)
		}
		err = reconcile.Apply(context.Background(), lost, w.book, d)
		if lost.n < n {
			t.Logf("%d answers lost", n-1)
			break
		}
		if err == nil {
			t.Fatalf("answer %d lost: Apply() reports no error", n)
		}
		w.settle(t)
		if diff := cmp.Diff(want, w.state()); diff != "" {
			t.Fatalf("answer %d lost: mismatch (-uninterrupted +resumed):\n%s", n, diff)
		}
	}
}

// share gives calendar and book one counter of cut points: 0 never cuts.
func (w *world) share(at int) {
	c := &cutter{at: at}
	w.cal.cutter, w.book.cutter = c, c
}

func (w *world) clone() *world {
	cal, book := *w.cal, *w.book
	cal.cutter, book.cutter = &cutter{}, &cutter{}
	cal.entries, book.placed, book.decisions = maps.Clone(cal.entries), maps.Clone(book.placed), maps.Clone(book.decisions)
	c := *w
	c.cal, c.book = &cal, &book
	return &c
}

// onlyOnce checks that no UID is in the calendar twice and that none was created
// twice after it had been there (SPEC I7).
func (w *world) onlyOnce(t *testing.T) {
	t.Helper()
	created := map[string]int{}
	for _, s := range w.cal.writes {
		if u, ok := strings.CutPrefix(s, "create "); ok {
			created[u]++
		}
	}
	for u, n := range created {
		if n > 1 {
			t.Errorf("%s was created %d times", u, n)
		}
	}
}

// losing loses the answer to one request that changes something.
type losing struct {
	*calendar
	lose, n int
}

var errLost = errors.New("connection reset")

func (l *losing) answer(err error) error {
	if l.n++; l.n == l.lose {
		return errLost
	}
	return err
}

func (l *losing) Create(ctx context.Context, d caldav.Draft) (caldav.Version, error) {
	v, err := l.calendar.Create(ctx, d)
	return v, l.answer(err)
}

func (l *losing) Rewrite(ctx context.Context, e caldav.Entry, d caldav.Draft) (caldav.Version, error) {
	v, err := l.calendar.Rewrite(ctx, e, d)
	return v, l.answer(err)
}

func (l *losing) Move(ctx context.Context, e caldav.Entry, d caldav.Draft) (caldav.Version, error) {
	v, err := l.calendar.Move(ctx, e, d)
	return v, l.answer(err)
}

func (l *losing) Tick(ctx context.Context, e caldav.Entry, summary string) (caldav.Version, error) {
	v, err := l.calendar.Tick(ctx, e, summary)
	return v, l.answer(err)
}

func (l *losing) Delete(ctx context.Context, e caldav.Entry) error {
	return l.answer(l.calendar.Delete(ctx, e))
}

// What the user writes while a rewrite is cut short, twice, is theirs; what we
// wrote before it is not.
func TestNotesDuringACutRewrite(t *testing.T) {
	write := func(w *world, line string) {
		w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Description = line + "\n" + e.Shape.Description })
	}
	for first := 1; ; first++ {
		rewritten := false
		for second := 1; ; second++ {
			w := placed(t)
			w.facts["ana"].text, w.facts["ana"].title = "The facts are others now.", "Reply to ana"
			w.share(first)
			rewritten = w.pass() == nil
			write(w, "one of mine")
			w.share(second)
			done := w.pass() == nil
			write(w, "two of mine")
			w.share(0)
			w.settle(t)
			w.facts["ana"].text = "And others again."
			w.settle(t)
			want := "And others again.\n\n" + caldav.Marker + "\n"
			got := w.entry(t, "ana").Shape.Description
			if !strings.HasPrefix(got, want) || strings.Count(got, "one of mine") != 1 || strings.Count(got, "two of mine") != 1 || strings.Count(got, "\n") != 4 {
				t.Fatalf("cut at %d, then at %d: the entry says\n%s", first, second, got)
			}
			if done {
				break
			}
		}
		if rewritten {
			break
		}
	}
}
