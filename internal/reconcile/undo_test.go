package reconcile_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
)

// said are the types of the decisions of which the book knows, sorted.
func (w *world) said() (all []string) {
	for d := range w.book.decisions {
		word, _, _ := strings.Cut(d, " ")
		all = append(all, word)
	}
	slices.Sort(all)
	return all
}

func (w *world) outcome(name string) planner.Outcome { return w.book.placed[uid(name)].Outcome }

func retitle(title string) func(*caldav.Entry) {
	return func(e *caldav.Entry) { e.Shape.Summary = title }
}

func TestMuteMarks(t *testing.T) {
	const ours = "Follow up with ana"
	tests := []struct {
		title string
		muted bool
	}{
		{"never " + ours, true},
		{"NEVER: " + ours, true},
		{"mute " + ours, true},
		{"Quiet - " + ours, true},
		{"let go " + ours, true},
		{"Let  go: Follow  up with ana", true},
		{"Never mind the gap", false},
		{"never", false},
		{ours + " never", false},
		{"neverending " + ours, false},
		{"let " + ours, false},
		{"never " + ours + " again", false},
	}
	for _, tt := range tests {
		w := placed(t)
		w.cal.user(uid("ana"), retitle(tt.title))
		w.settle(t)
		want, said := planner.Outcome(""), []string{"edited"}
		if tt.muted {
			want, said = planner.Withdrawn, []string{"muted"}
		}
		if got := w.outcome("ana"); got != want || w.has("ana") == tt.muted {
			t.Errorf("%q: outcome %q, there %t; want muted %t", tt.title, got, w.has("ana"), tt.muted)
		}
		if diff := cmp.Diff(said, w.said()); diff != "" {
			t.Errorf("%q: decisions (-want +got):\n%s", tt.title, diff)
		}
	}
}

// Who is muted is the one the key names; an event about several people is let go
// alone; and one with the user's notes stays, without alarm.
func TestMuteSaysWhom(t *testing.T) {
	t.Run("one", func(t *testing.T) {
		w := placed(t)
		w.cal.user(uid("ana"), retitle("never Follow up with ana"))
		d, _ := w.diff()
		want := []ledger.Decision{{Type: ledger.DecideMuted, UID: uid("ana"), Who: key("ana").Who, At: w.now}}
		if diff := cmp.Diff(want, d.Decisions()); diff != "" {
			t.Errorf("decisions (-want +got):\n%s", diff)
		}
		w.settle(t)
		if p := w.book.placed[uid("ana")]; p.EndedBy.Type != planner.Gesture || p.EndedBy.ID != p.UID {
			t.Errorf("ended by %+v", p.EndedBy)
		}
	})
	t.Run("several", func(t *testing.T) {
		w := placed(t)
		w.place("ana", func(p *ledger.Placement) { p.Key.Who = "" })
		w.cal.user(uid("ana"), retitle("never Follow up with ana"))
		w.settle(t)
		if got := w.said(); w.outcome("ana") != planner.Dismissed || !slices.Equal(got, []string{"dismissed"}) || w.has("ana") {
			t.Errorf("outcome %q, decisions %v", w.outcome("ana"), got)
		}
	})
	t.Run("noted", func(t *testing.T) {
		w := placed(t)
		w.cal.user(uid("ana"), noted)
		w.cal.user(uid("ana"), retitle("never Follow up with ana"))
		w.settle(t)
		if got := w.entry(t, "ana").Shape; got.Alarm || got.Summary != "never Follow up with ana" || w.outcome("ana") != planner.Withdrawn {
			t.Errorf("%q: %+v", w.outcome("ana"), got)
		}
	})
}

// What the user took for an end is taken back, from every state in which the end
// may stand; and what they say after that is heard again.
func TestTakenBack(t *testing.T) {
	const ours = "Follow up with ana"
	past := func(w *world) { w.now = monday.Add(time.Hour) }
	tests := []struct {
		name  string
		set   func(*world)
		end   func(*testing.T, *world)
		back  func(*world)
		muted bool
	}{
		{"mark on a past event", past, marking("done " + ours), marked(ours), false},
		{"mark at the end", past, marking(ours + " ✓"), marked(ours), false},
		{"mark on a title of theirs", past, marking("Tea", "Tea done"), marked("Tea"), false},
		{"mark on an event with notes", func(w *world) { w.cal.user(uid("ana"), noted) }, marking("x " + ours), marked(ours), false},
		{"cancelled", past, func(t *testing.T, w *world) {
			t.Helper()
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Status = "CANCELLED" })
			w.settle(t)
		}, func(w *world) { w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Status = "CONFIRMED" }) }, false},
		{"done by a command, ✓ away", past, commanding(ledger.DecideDone), marked(ours), false},
		{"done, removed and restored", func(*world) {}, marking("done " + ours), nil, false},
		{"deleted and restored", func(*world) {}, func(t *testing.T, w *world) {
			t.Helper()
			w.cal.userDeletes(uid("ana"))
			w.settle(t)
			w.now = w.now.Add(missedFor)
			w.settle(t)
		}, nil, false},
		{"dismissed by a command and restored", func(*world) {}, commanding(ledger.DecideDismissed), nil, false},
		{"muted, removed and restored", func(*world) {}, marking("never " + ours), nil, true},
		{"muted with notes, the mark away", func(w *world) { w.cal.user(uid("ana"), noted) }, marking("mute: " + ours), marked(ours), true},
	}
	for _, tt := range tests {
		for _, days := range []int{29, 31} {
			t.Run(fmt.Sprintf("%s after %d days", tt.name, days), func(t *testing.T) {
				w := placed(t)
				tt.set(w)
				w.settle(t)
				before := w.entry(t, "ana")
				tt.end(t, w)
				if w.outcome("ana") == "" {
					t.Fatal("it did not end")
				}
				w.now = w.now.AddDate(0, 0, days)
				if tt.back == nil { // restored from a bin, under another name
					before.Href, before.ETag = "/cal/restored.ics", `"restored"`
					w.cal.entries[before.Href] = before
				} else {
					tt.back(w)
				}
				shown := w.cal.list()
				w.settle(t)
				undone := slices.Contains(w.said(), "undone")
				if undone != (days < 30) || slices.Contains(w.said(), "unmuted") != (tt.muted && days < 30) {
					t.Fatalf("decisions %v", w.said())
				}
				if !undone {
					if diff := cmp.Diff(shown, w.cal.list()); diff != "" {
						t.Errorf("touched after 30 days (-before +after):\n%s", diff)
					}
					return
				}
				p := w.book.placed[uid("ana")]
				if !p.Open() || p.State != ledger.Placed || !p.EndedAt.IsZero() || p.EndWhy != "" {
					t.Errorf("%s, %q, %v", p.State, p.Outcome, p.EndedAt)
				}
				w.facts["ana"].text = "Other facts."
				w.settle(t)
				w.hears(t, p.Href)
			})
		}
	}
}

// hears demands that another mark on the entry is heard.
func (w *world) hears(t *testing.T, href string) {
	t.Helper()
	w.now = w.now.Add(time.Hour)
	e := w.cal.entries[href]
	if !strings.HasPrefix(e.Shape.Description, "Other facts.") {
		t.Errorf("not rewritten:\n%s", e.Shape.Description)
	}
	e.Shape.Summary, e.ETag = "[x] "+e.Shape.Summary, w.cal.version()
	w.cal.entries[href] = e
	w.settle(t)
	if got := w.outcome("ana"); got != planner.Done {
		t.Errorf("marked again: %q", got)
	}
}

func marking(titles ...string) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		for _, title := range titles {
			w.cal.user(uid("ana"), retitle(title))
			w.settle(t)
		}
	}
}

func marked(title string) func(*world) {
	return func(w *world) { w.cal.user(uid("ana"), retitle(title)) }
}

func commanding(d ledger.DecisionType) func(*testing.T, *world) {
	return func(t *testing.T, w *world) {
		t.Helper()
		w.command(t, ledger.Decision{Type: d, UID: uid("ana"), At: w.now})
		w.settle(t)
	}
}

// command is what a command of the shell writes into the book.
func (w *world) command(t *testing.T, d ledger.Decision) {
	t.Helper()
	if err := w.book.Decide(t.Context(), []ledger.Decision{d}); err != nil {
		t.Fatal(err)
	}
}

// A listing that is late brings nothing back: the entry is not there.
func TestLateListingTakesNothingBack(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *world){
		"done":      marking("done Follow up with ana"),
		"muted":     marking("never Follow up with ana"),
		"dismissed": commanding(ledger.DecideDismissed),
	} {
		w := placed(t)
		stale := w.cal.list()
		end(t, w)
		before := w.state()
		w.cal.listing = &stale
		for range 3 {
			if err := w.pass(); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(before, w.state()); diff != "" {
			t.Errorf("%s: a late listing changed (-before +after):\n%s", name, diff)
		}
	}
}

// What evidence or the policy ended and comes back is the user's, and never
// touched; nor is our ✓ set again where they took it away.
func TestNotTheirsToTakeBack(t *testing.T) {
	for _, o := range []planner.Outcome{planner.Acted, planner.Answered, planner.Expired, planner.Withdrawn} {
		w := placed(t)
		was := w.entry(t, "ana")
		w.end("ana", o)
		w.settle(t)
		was.Shape.Description += "\nwants: a flat"
		w.cal.entries[was.Href] = was
		before := w.state()
		w.settle(t)
		if diff := cmp.Diff(before, w.state()); diff != "" {
			t.Errorf("%s and restored (-before +after):\n%s", o, diff)
		}
	}
	w := placed(t)
	w.end("ana", planner.Answered)
	w.now = monday.Add(time.Hour)
	w.settle(t)
	w.cal.user(uid("ana"), retitle("Follow up with ana"))
	before := w.state()
	w.settle(t)
	if diff := cmp.Diff(before, w.state()); diff != "" {
		t.Errorf("our ✓ taken away (-before +after):\n%s", diff)
	}
}

// notes is what the book last heard, per entry, and how often.
func (w *world) notes(d reconcile.Delta) (texts []string) {
	for _, s := range d.Decisions() {
		if s.Type == ledger.DecideNoted {
			texts = append(texts, s.Text)
		}
	}
	return texts
}

// Every line of the user's is recorded when the lines change, and never for what
// programs make of them.
func TestNotesAreRecordedOnce(t *testing.T) {
	w := placed(t)
	steps := []struct {
		name   string
		change func(string) string
		want   []string
	}{
		{"below the marker", func(s string) string { return s + "\nwants: a flat" }, []string{"wants: a flat"}},
		{"nothing", func(s string) string { return s }, nil},
		{"HTML", func(s string) string { return "<html-blob>" + strings.ReplaceAll(s, "\n", "<br>") + "</html-blob>" }, nil},
		{"in our text and above", func(s string) string {
			s = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(s, "<html-blob>"), "</html-blob>"), "<br>", "\n")
			return "circle: close\n" + strings.Replace(s, "\n\nWhy", "\nplan: move\n\nWhy", 1)
		}, []string{"circle: close\nplan: move\nwants: a flat"}},
		{"another order, line ends and spaces", func(s string) string {
			s = strings.Replace(s, "circle: close\n", "", 1)
			return strings.ReplaceAll(s+"  \n\ncircle:  close ", "\n", "\r\n")
		}, nil},
		{"decomposed", func(s string) string { return s + "\ncafe\u0301" }, []string{"plan: move\nwants: a flat\ncircle:  close\ncafe\u0301"}},
		{"composed", func(s string) string { return strings.Replace(s, "cafe\u0301", "caf\u00e9", 1) }, nil},
		{"all away", func(s string) string {
			return strings.NewReplacer("plan: move\n", "", "plan: move\r\n", "", "wants: a flat", "", "circle:  close", "", "caf\u00e9", "").Replace(s)
		}, []string{""}},
		{"and again", func(s string) string { return s + "\nwants: a flat" }, []string{"wants: a flat"}},
	}
	for _, s := range steps {
		w.now = w.now.Add(time.Minute)
		w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Description = s.change(e.Shape.Description) })
		d, err := w.diff()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(s.want, w.notes(d)); diff != "" {
			t.Errorf("%s: recorded (-want +got):\n%s", s.name, diff)
		}
		w.settle(t)
	}
	w.facts["ana"].text = "Other facts."
	d, _ := w.diff()
	w.settle(t)
	if again, _ := w.diff(); len(w.notes(d))+len(w.notes(again)) > 0 {
		t.Error("a rewrite of ours recorded notes")
	}
	w.end("ana", planner.Acted)
	w.settle(t)
	w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Description += "\noffers: help" })
	d, _ = w.diff()
	if diff := cmp.Diff([]string{"wants: a flat\noffers: help"}, w.notes(d)); diff != "" {
		t.Errorf("after the end (-want +got):\n%s", diff)
	}
	w.settle(t)
}
