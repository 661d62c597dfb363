package reconcile_test

import (
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// What the user wrote into one of our lines stays theirs while a move that they
// asked for by a command is under way: a move never changes the text.
func TestMoveUnderWayKeepsTheUsersWords(t *testing.T) {
	to := monday.Add(75 * time.Hour)
	tests := []struct {
		name string
		set  func(*world)
	}{
		{"and arrives", func(*world) {}},
		{"and its time passes", func(w *world) { w.now = to.Add(time.Minute) }},
		{"and its time passes, and the facts change", func(w *world) {
			w.now = to.Add(time.Minute)
			w.facts["ana"].text = "Other facts.\nOne more."
		}},
		{"and the user moves it", func(w *world) {
			w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Start = e.Shape.Start.Add(time.Hour) })
		}},
		{"and it has ended", func(w *world) { w.end("ana", planner.Acted) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := placed(t)
			w.cal.user(uid("ana"), func(e *caldav.Entry) {
				line, rest, _ := strings.Cut(e.Shape.Description, "\n")
				e.Shape.Description = line + " – bring tea\n" + rest
			})
			w.settle(t)
			want := w.entry(t, "ana").Shape.Description
			w.command(t, ledger.Decision{Type: ledger.DecideMove, UID: uid("ana"), At: w.now, To: to})
			w.cal.refuses = true
			if err := w.pass(); err == nil {
				t.Fatal("it was moved")
			}
			w.cal.refuses = false
			tt.set(w)
			w.settle(t)
			if !w.has("ana") {
				t.Fatal("it is gone")
			}
			if got := w.entry(t, "ana").Shape.Description; got != want {
				t.Errorf("description\n%s\nwant\n%s", got, want)
			}
			if p := w.book.placed[uid("ana")]; !strings.HasSuffix(p.Noted, "bring tea") {
				t.Errorf("noted %q", p.Noted)
			}
		})
	}
}
