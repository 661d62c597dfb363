package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// A word of quiet on an entry that is finished, on either side of the mark that
// says so, is about the person: it is heard, and taken back, and changes nothing
// about how the follow-up ended.
func TestMuteOnFinished(t *testing.T) {
	const ours = "Follow up with ana"
	ends := map[string]struct {
		end  func(*testing.T, *world)
		want planner.Outcome
	}{
		"done by a command": {commanding(ledger.DecideDone), planner.Done},
		"done by a mark":    {marking("done " + ours), planner.Done},
		"acted":             {func(t *testing.T, w *world) { t.Helper(); w.end("ana", planner.Acted); w.settle(t) }, planner.Acted},
		"expired":           {func(t *testing.T, w *world) { t.Helper(); w.end("ana", planner.Expired); w.settle(t) }, planner.Expired},
	}
	for name, tt := range ends {
		for how, mute := range map[string]func(string) string{
			"before the mark": func(s string) string { return "never " + s },
			"after it": func(s string) string {
				if rest, ticked := strings.CutPrefix(s, "✓ "); ticked {
					return "✓ never: " + rest
				}
				return "quiet " + s
			},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				w := placed(t)
				w.cal.user(uid("ana"), noted)
				w.settle(t)
				w.now = monday.Add(time.Hour)
				tt.end(t, w)
				was := w.entry(t, "ana").Shape.Summary
				before := w.said()
				w.cal.user(uid("ana"), retitle(mute(was)))
				w.settle(t)
				if diff := cmp.Diff(sorted(before, "muted"), w.said()); diff != "" || w.outcome("ana") != tt.want {
					t.Errorf("%q: outcome %q, decisions (-want +got):\n%s", mute(was), w.outcome("ana"), diff)
				}
				w.cal.user(uid("ana"), func(e *caldav.Entry) { e.Shape.Summary = was })
				w.settle(t)
				if diff := cmp.Diff(sorted(before, "muted", "unmuted"), w.said()); diff != "" || w.outcome("ana") != tt.want {
					t.Errorf("%q again: outcome %q, decisions (-want +got):\n%s", was, w.outcome("ana"), diff)
				}
			})
		}
	}
}

// With a tick typed beside it on an open entry, it is a word of quiet and no title.
func TestMuteBesideATick(t *testing.T) {
	for _, title := range []string{"never ✓ Follow up with ana", "✓ never Follow up with ana"} {
		w := placed(t)
		w.cal.user(uid("ana"), noted)
		w.settle(t)
		w.cal.user(uid("ana"), retitle(title))
		w.settle(t)
		if p := w.book.placed[uid("ana")]; p.Open() || p.Theirs&ledger.FieldSummary != 0 || !slices.Contains(w.said(), "muted") {
			t.Errorf("%q: outcome %q, theirs %b, decisions %v", title, p.Outcome, p.Theirs, w.said())
		}
	}
}

func sorted(some []string, more ...string) []string {
	return slices.Sorted(slices.Values(append(slices.Clone(some), more...)))
}
