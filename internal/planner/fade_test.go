package planner_test

import (
	"strings"
	"testing"
	"time"

	"syncd/internal/planner"
)

// Who is new can be told only of somebody who appears some time after the mail
// begins that is known, and has not been in touch before; and silence only where no
// mail of others has both on it.
func TestFadeIsOfTheNew(t *testing.T) {
	for name, c := range map[string]struct {
		begins, first, together time.Time
		want                    bool
		why                     string
	}{
		"long ago":         {time.Time{}, at(-20, 9), time.Time{}, true, ""},
		"two weeks before": {at(-34, 9), at(-20, 9), time.Time{}, true, ""},
		"just before":      {at(-33, 9), at(-20, 9), time.Time{}, false, "your mail begins on"},
		"an old word":      {time.Time{}, at(-120, 9), time.Time{}, false, "the first word was on"},
		"together before":  {time.Time{}, at(-20, 9), at(-10, 8), true, ""},
		"together since":   {time.Time{}, at(-20, 9), at(-9, 9), false, "you were both on a mail of"},
	} {
		ana := asking("ana@example.org")
		ana.Unanswered, ana.LastIn = nil, planner.Evidence{}
		ana.FirstAt, ana.TogetherAt = c.first, c.together
		ana.LastOut = mailFrom("last@x", "ana@example.org", at(-10, 9))
		ana.Exchanges = planner.Exchanges{Count: 3, Early: 3, First: at(-20, 9), Last: ana.LastOut}
		s := settled(ana)
		s.FirstRunAt, s.Begins = at(-200, 9), c.begins
		got := false
		for _, f := range planner.Plan(s, planner.DefaultPolicy(), at(12, 10)).FollowUps {
			got = got || f.Rule == planner.Fade
		}
		if got != c.want {
			t.Errorf("%s: fades %t, want %t", name, got, c.want)
		}
		for rule, why := range planner.Unfired(s, planner.DefaultPolicy(), at(12, 10), ana.ID) {
			if rule == planner.Fade && !strings.HasPrefix(why, c.why) {
				t.Errorf("%s: why not: %q, want %q …", name, why, c.why)
			}
		}
	}
}

func TestFullNameWithoutInitials(t *testing.T) {
	for name, want := range map[string]string{
		"Frank P. Conway": "conway frank", "Conway, Frank": "conway frank", "J. R.": "", "Ana": "", "Ana B": "",
	} {
		if got := planner.FullName(name); got != want {
			t.Errorf("FullName(%q) = %q, want %q", name, got, want)
		}
	}
}
