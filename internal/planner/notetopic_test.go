package planner_test

import (
	"strings"
	"testing"
	"time"

	"syncd/internal/planner"
)

// What the user noted for themselves is no topic, in no title and no lead, but
// stands among their notes; the command that shows more can be pasted.
func TestNoteIsNoTopic(t *testing.T) {
	now := time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
	for _, kind := range []planner.EvidenceType{planner.Note, planner.Gesture} {
		word := planner.Evidence{Type: kind, ID: "n", At: now.AddDate(0, 0, -20), Subject: "met at the lake"}
		ana := planner.Contact{ID: "p1", Name: "Susan Hall", Circle: "close", Carded: true, Cards: []string{"uid-1"}, LastOut: word, Reported: true}
		for range planner.MaxFacts / 10 {
			f := planner.Fact{Text: "met at the lake" + strings.Repeat("!", len(ana.Facts)), Evidence: word}
			ana.Facts = append(ana.Facts, f)
		}
		s := planner.Snapshot{FirstRunAt: now.AddDate(-1, 0, 0), Whole: true, Contacts: []planner.Contact{ana}}
		all := planner.Plan(s, planner.DefaultPolicy(), now).FollowUps
		if len(all) != 1 {
			t.Fatalf("%d follow-ups, want 1", len(all))
		}
		lead, rest, _ := strings.Cut(all[0].Text, "\n")
		if strings.Contains(all[0].Title+lead, "lake") || !strings.Contains(rest, "· met at the lake") {
			t.Errorf("by %s: title %q, text:\n%s", kind, all[0].Title, all[0].Text)
		}
		if !strings.Contains(rest, `syncd contact "Susan Hall"`) {
			t.Errorf("the command cannot be pasted:\n%s", rest)
		}
	}
}
