package reconcile_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
)

// person is what a user did, so that it can be demanded back.
type person struct {
	*world
	n       int
	notes   map[string][]string     // by name: lines they wrote
	titles  map[string]string       // by name: their title
	starts  map[string]time.Time    // by name: when they moved it to
	mine    map[string]caldav.Entry // by name: taken over, as they left it
	deleted map[string]bool
	back    map[string]bool         // by name: brought back, and theirs if evidence had ended it
	binned  map[string]caldav.Entry // by name: as it was when they deleted it
	stale   caldav.Listing
}

func (p *person) pick(t *rapid.T, fits func(name string) bool) string {
	var names []string
	for _, n := range slices.Sorted(maps.Keys(p.facts)) {
		if fits(n) {
			names = append(names, n)
		}
	}
	if len(names) == 0 {
		t.Skip("nobody")
	}
	return rapid.SampledFrom(names).Draw(t, "name")
}

// there holds for entries the user can act on.
func (p *person) there(n string) bool {
	_, taken := p.mine[n]
	return p.has(n) && !taken
}

func (p *person) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"ask":      func(*rapid.T) { p.n++; p.ask(fmt.Sprintf("p%02d", p.n)) },
		"facts":    p.newFacts,
		"evidence": p.evidence,
		"move": func(t *rapid.T) {
			n := p.pick(t, p.there)
			at := p.now.Add(time.Duration(rapid.IntRange(-40, 400).Draw(t, "hours")) * time.Hour).Truncate(time.Minute)
			if pl := p.book.placed[uid(n)]; !pl.MoveTo.IsZero() && (at.Equal(pl.Seen.Start) || at.Equal(pl.Wrote.Start)) {
				t.Skip("it lies there")
			}
			p.cal.user(uid(n), func(e *caldav.Entry) { e.Shape.Start, e.Shape.End = at, at.Add(15*time.Minute) })
			p.starts[n] = at
		},
		"retitle": func(t *rapid.T) {
			n := p.pick(t, p.there)
			p.n++
			p.titles[n] = fmt.Sprintf("words %d of mine", p.n)
			p.cal.user(uid(n), func(e *caldav.Entry) { e.Shape.Summary = p.titles[n] })
		},
		"note": p.note,
		"mark": func(t *rapid.T) {
			n := p.pick(t, p.there)
			mark := rapid.SampledFrom([]string{"%s done", "x %s", "✓ %s", "%s ✔", "[x] %s"}).Draw(t, "mark")
			p.cal.user(uid(n), func(e *caldav.Entry) { e.Shape.Summary = fmt.Sprintf(mark, e.Shape.Summary) })
		},
		"delete": func(t *rapid.T) {
			n := p.pick(t, func(n string) bool { return p.there(n) && p.book.placed[uid(n)].State != ledger.Intended })
			p.binned[n] = p.cal.entries["/cal/"+uid(n)+".ics"]
			p.cal.userDeletes(uid(n))
			p.deleted[n] = true
		},
		"take": func(t *rapid.T) {
			n := p.pick(t, func(n string) bool {
				pl := p.book.placed[uid(n)]
				return p.there(n) && pl.State == ledger.Placed && pl.Open()
			})
			p.cal.user(uid(n), func(e *caldav.Entry) { e.Foreign = true })
			p.mine[n] = p.cal.entries["/cal/"+uid(n)+".ics"]
		},
		"quiet": func(t *rapid.T) {
			n := p.pick(t, p.there)
			p.cal.user(uid(n), func(e *caldav.Entry) { e.Shape.Summary = "never " + e.Shape.Summary })
		},
		"unmark": func(t *rapid.T) {
			n := p.pick(t, p.there)
			p.cal.user(uid(n), func(e *caldav.Entry) {
				e.Shape.Summary = strings.NewReplacer("never ", "", " done", "", "x ", "", "✓ ", "", " ✔", "", "[x] ", "").Replace(e.Shape.Summary)
			})
		},
		"restore": func(t *rapid.T) {
			n := p.pick(t, func(n string) bool { _, was := p.binned[n]; return was && !p.has(n) && p.deleted[n] })
			e := p.binned[n]
			e.ETag = p.cal.version()
			p.cal.entries[e.Href] = e
			delete(p.deleted, n)
			p.back[n] = true
		},
		"snooze": func(t *rapid.T) {
			n := p.pick(t, func(n string) bool { pl, ok := p.book.placed[uid(n)]; return ok && pl.Open() && p.there(n) })
			to := p.now.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "hours")) * time.Hour).Truncate(time.Minute)
			p.book.decide(ledger.Decision{Type: ledger.DecideMove, UID: uid(n), At: p.now, To: to})
			delete(p.starts, n) // where it is to lie from here on, the user's hand or the command says
		},
		"pause": func(*rapid.T) { p.paused = !p.paused },
		"wait": func(t *rapid.T) {
			p.now = p.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "minutes")) * time.Minute)
		},
		"look":  func(*rapid.T) { p.stale = p.cal.list() },
		"late":  func(t *rapid.T) { p.late(t, p.stale) },
		"empty": func(t *rapid.T) { p.late(t, caldav.Listing{}) },
		"cut": func(t *rapid.T) {
			p.share(rapid.IntRange(1, 40).Draw(t, "at"))
			_ = p.pass() // it may end before the cut
			p.share(0)
		},
		"lose": func(t *rapid.T) {
			lost := &losing{calendar: p.cal, lose: rapid.IntRange(1, 4).Draw(t, "answer")}
			d, err := p.diff()
			if err != nil {
				t.Fatal(err)
			}
			_ = reconcile.Apply(context.Background(), lost, p.book, d) // it may end before
		},
		"pass": func(t *rapid.T) { p.settle(t) },
		"":     p.check,
	}
}

func (p *person) newFacts(t *rapid.T) {
	n := p.pick(t, func(string) bool { return true })
	p.n++
	p.facts[n].text = fmt.Sprintf("Other facts, %d.\nWhy: they changed.", p.n)
	p.facts[n].title = fmt.Sprintf("Reply to %s: %d", n, p.n)
}

func (p *person) evidence(t *rapid.T) {
	n := p.pick(t, func(n string) bool { return p.facts[n].end == nil })
	p.end(n, rapid.SampledFrom([]planner.Outcome{planner.Acted, planner.Answered, planner.Expired}).Draw(t, "outcome"))
}

// note writes a line somewhere into a description.
func (p *person) note(t *rapid.T) {
	n := p.pick(t, p.there)
	p.n++
	note := fmt.Sprintf("note %d end", p.n)
	p.cal.user(uid(n), func(e *caldav.Entry) {
		lines := strings.Split(e.Shape.Description, "\n")
		at := rapid.IntRange(0, len(lines)).Draw(t, "line")
		if at < len(lines) && rapid.Bool().Draw(t, "edit") && !strings.Contains(lines[at], "note ") && !strings.HasPrefix(lines[at], "---") {
			lines[at] += " " + note // one of our lines, edited
		} else {
			lines = slices.Insert(lines, at, note)
		}
		e.Shape.Description = strings.Join(lines, "\n")
	})
	p.notes[n] = append(p.notes[n], note)
}

// late is a pass that is shown another listing than the calendar's.
func (p *person) late(t *rapid.T, l caldav.Listing) {
	p.cal.listing = &l
	defer func() { p.cal.listing = nil }()
	if err := reconcile.Apply(context.Background(), p.cal, p.book, reconcile.Diff(p.input(l))); err != nil {
		t.Logf("with a late listing: %v", err)
	}
}

// check demands back what the user did.
func (p *person) check(t *rapid.T) {
	for n := range p.facts {
		for line := range strings.SplitSeq(p.book.placed[uid(n)].Noted, "\n") {
			if line != "" && !strings.Contains(line, "note ") {
				t.Fatalf("%s: a line of ours was taken for the user's: %q", n, line)
			}
		}
		e, there := p.cal.entries["/cal/"+uid(n)+".ics"]
		switch {
		case p.deleted[n]:
			if there {
				t.Fatalf("%s was deleted by the user and returned", n)
			}
			continue
		case !there:
			if len(p.notes[n]) > 0 || p.titles[n] != "" {
				t.Fatalf("%s bore the user's words and was deleted", n)
			}
			continue
		}
		if was, taken := p.mine[n]; taken && shapeText(was.Shape) != shapeText(e.Shape) {
			t.Fatalf("%s was the user's own and is now %s", n, shapeText(e.Shape))
		}
		for _, note := range p.notes[n] {
			if strings.Count(e.Shape.Description, note) != 1 {
				t.Fatalf("%s: %q is not there once:\n%s", n, note, e.Shape.Description)
			}
		}
		if !strings.Contains(e.Shape.Summary, p.titles[n]) {
			t.Fatalf("%s was called %q and is now %q", n, p.titles[n], e.Shape.Summary)
		}
		if at := p.starts[n]; !at.IsZero() && !e.Shape.Start.Equal(at) {
			t.Fatalf("%s was moved to %v and is at %v", n, at, e.Shape.Start)
		}
	}
	created := map[string]bool{}
	for _, w := range p.cal.writes {
		if u, ok := strings.CutPrefix(w, "create "); ok {
			if created[u] {
				t.Fatalf("%s was created twice", u)
			}
			created[u] = true
		}
	}
}

// left demands that the entries of ended follow-ups are gone, or stay for the
// user's sake alone and without alarm.
func (p *person) left(t *rapid.T) {
	for n, f := range p.facts {
		e, there := p.cal.entries["/cal/"+uid(n)+".ics"]
		pl, known := p.book.placed[uid(n)]
		_, taken := p.mine[n]
		if there && known && !taken && !p.back[n] && (f.end != nil || !pl.Open()) && e.Shape.Alarm {
			t.Fatalf("%s has ended (%q, %s) and is still in the calendar", n, pl.Outcome, pl.State)
		}
	}
}

// Whatever the user does between passes, some of them cut short or shown a
// listing that is late: their words, times and deletions stay, nothing is there
// twice, and in the end there is nothing left to do (SPEC I6, I7, I9).
func TestUserIsNeverOverruled(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := &person{
			world: newWorld(), notes: map[string][]string{}, titles: map[string]string{}, starts: map[string]time.Time{},
			mine: map[string]caldav.Entry{}, deleted: map[string]bool{}, binned: map[string]caldav.Entry{}, back: map[string]bool{},
		}
		p.share(0)
		t.Repeat(p.actions())
		p.paused = false
		p.settle(t)
		p.check(t)
		p.left(t)
	})
}
