package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestDemoJSON holds the demo to its promise whatever the day and the seed: at
// least eight follow-ups of at least four rules, each with its reason, as read
// back from the calendar.
func TestDemoJSON(t *testing.T) {
	t.Setenv("TZ", "UTC")
	start := time.Date(2026, 11, 23, 0, 5, 0, 0, time.UTC) // a Monday, just after midnight
	for i := range 7 {
		now := start.AddDate(0, 0, i).Add(time.Duration(i) * 3 * time.Hour)
		for _, seed := range []uint64{1, uint64(i) + 2} {
			t.Run(fmt.Sprintf("%s seed %d", now.Format("Mon 15:04"), seed), func(t *testing.T) {
				var out, errs bytes.Buffer
				args := []string{"demo", "--json", "--seed", fmt.Sprint(seed)}
				if code := run(t.Context(), args, &out, &errs, func() time.Time { return now }); code != 0 {
					t.Fatalf("exit %d: %s", code, errs.String())
				}
				var got struct {
					FollowUps []struct{ Code, Rule, Title, Why, UID, Href string }
				}
				if err := json.Unmarshal(out.Bytes(), &got); err != nil {
					t.Fatal(err)
				}
				rules := map[string]bool{}
				for _, f := range got.FollowUps {
					rules[f.Rule] = true
					if f.Why == "" || f.Title == "" || len(f.Code) != 6 || !strings.HasPrefix(f.UID, "syncd-") || !strings.HasSuffix(f.Href, ".ics") {
						t.Errorf("incomplete: %+v", f)
					}
				}
				if len(got.FollowUps) < 8 || len(rules) < 4 {
					t.Errorf("%d follow-ups of %d rules, want at least 8 of 4", len(got.FollowUps), len(rules))
				}
			})
		}
	}
}
