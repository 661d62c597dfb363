package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"syncd/internal/planner"
)

// TestSweepTakesTurns looks at the lists of two months running: five people each,
// another five in the second where there are ten, the same whenever it is looked at,
// and everybody has their turn.
func TestSweepTakesTurns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(0, 40).Draw(t, "people")
		s := settled()
		for i := range n {
			s.Contacts = append(s.Contacts, planner.Contact{
				ID: planner.ContactID(fmt.Sprint("c", i)), Name: fmt.Sprintf("Pat Number%d", i), Addresses: []string{fmt.Sprintf("p%d@example.org", i)},
				Carded: true, Cards: []string{fmt.Sprint("card-", i)},
			})
		}
		list := func(month int) []string {
			due := time.Date(2026, time.Month(month), 1, 12, 0, 0, 0, time.UTC)
			text := sweepText(s, due.AddDate(0, 0, 3))
			if again := sweepText(s, due.AddDate(0, 0, 8)); again != text {
				t.Fatalf("the list of month %d changes:\n%s\n%s", month, text, again)
			}
			return listed(text)
		}
		seen := make(map[string]bool)
		last := list(6)
		for month := 7; month < 7+(n+4)/5; month++ {
			now := list(month)
			if want := min(n, 5); len(now) != want {
				t.Fatalf("%d people of %d are listed, want %d", len(now), n, want)
			}
			for _, who := range now {
				seen[who] = true
				if n >= 10 && slices.Contains(last, who) {
					t.Fatalf("%s is listed in two months running", who)
				}
			}
			last = now
		}
		if len(seen) != n {
			t.Fatalf("%d of %d people had their turn", len(seen), n)
		}
	})
}

// sweepText is the list that is written at a time, or on the first business day after
// it; "" if there is none.
func sweepText(s planner.Snapshot, now time.Time) string {
	for !planner.DefaultPolicy().BusinessDay(dateOf(now)) {
		now = now.AddDate(0, 0, 1)
	}
	for _, f := range planner.Plan(s, planner.DefaultPolicy(), now).FollowUps {
		if f.Rule == planner.CardSweep && f.Status == planner.StatusWrite {
			return f.Text[:strings.Index(f.Text, "\n\n")]
		}
	}
	return ""
}

func listed(text string) (names []string) {
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "· "); ok {
			names = append(names, strings.TrimSpace(name))
		}
	}
	return names
}
