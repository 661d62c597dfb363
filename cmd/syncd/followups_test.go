package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// TestPlanShowsWhereEventsLie shows those that the user moved or made their own
// as they left them.
func TestPlanShowsWhereEventsLie(t *testing.T) {
	var r planner.Result
	var open []planner.Open
	add := func(title string, change func(*planner.Open)) {
		key := planner.Key{Rule: planner.ReplyOwed, Evidence: title + "@x", Who: "ana@example.org"}
		r.FollowUps = append(r.FollowUps, planner.FollowUp{Key: key, Status: planner.StatusOpen, Title: title, Slot: may(12, 9)})
		o := planner.Open{Key: key, Slot: may(12, 9), Start: may(12, 9)}
		change(&o)
		open = append(open, o)
	}
	add("as written", func(*planner.Open) {})
	add("retitled", func(o *planner.Open) { o.Touched = true })
	add("moved", func(o *planner.Open) { o.Start, o.Touched = may(14, 11), true })
	add("all day", func(o *planner.Open) { o.Start, o.AllDay, o.Touched = may(18, 0), true, true })
	add("weekly", func(o *planner.Open) { o.Start, o.Touched, o.Taken = may(15, 9), true, true })
	var out strings.Builder
	view(r, open, may(11, 9), false).print(&out, time.FixedZone("", -2*60*60))
	want := `
In the calendar
  Tue 12 May 07:00  as written
  Tue 12 May 07:00  retitled
  Thu 14 May 09:00  moved, moved by you
  Mon 18 May        all day, moved by you

Yours now, and left alone
  Fri 15 May 07:00  weekly
`
	got := out.String()
	for _, f := range r.FollowUps {
		got = strings.ReplaceAll(got, "  ["+f.Key.Code()+"]", "")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// TestFollowUpJSONSaysWhereItLies keeps the slot beside where the event is now.
func TestFollowUpJSONSaysWhereItLies(t *testing.T) {
	key := planner.Key{Rule: planner.ReplyOwed, Evidence: "m@x", Who: "ana@example.org"}
	f := planner.FollowUp{Key: key, Slot: may(12, 9)}
	if j := toJSON(f, "", nil); j.Start != nil || j.Yours {
		t.Errorf("before it is written it lies at %v, yours %t", j.Start, j.Yours)
	}
	p := ledger.Placement{Key: key, Slot: may(12, 9), State: ledger.TakenOver, Seen: ledger.Shape{Start: may(14, 0), AllDay: true}}
	for _, j := range []followUpJSON{toJSON(f, "", map[planner.Key]ledger.Placement{key: p}), rowJSON(ledger.FollowUpRow{Placement: p})} {
		if j.Slot == nil || !j.Slot.Equal(may(12, 9)) || j.Start == nil || !j.Start.Equal(may(14, 0)) || !j.AllDay || !j.Yours {
			t.Errorf("slot %v, start %v, all day %t, yours %t", j.Slot, j.Start, j.AllDay, j.Yours)
		}
	}
}
