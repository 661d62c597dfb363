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

// Nothing friendly follows grave words, and nothing at all coarse ones; words are
// looked for, not parts of them.
func TestUnfitSubjects(t *testing.T) {
	for subject, want := range map[string]struct{ fade, awaiting bool }{
		"Field notes":                       {true, true},
		"Automatic Termination of Contract": {false, true},
		"Re: past  due":                     {false, true},
		"Terminations":                      {true, true},
		"Dirty jokes":                       {false, false},
	} {
		ana := asking("ana@example.org")
		ana.Unanswered, ana.LastIn = nil, planner.Evidence{}
		ana.FirstAt = at(-40, 9)
		ana.LastOut = mailFrom("last@x", "ana@example.org", at(-30, 9))
		ana.LastOut.Subject = subject
		ana.Exchanges = planner.Exchanges{Count: 3, Early: 3, First: at(-40, 9), Last: ana.LastOut}
		s := settled(ana)
		s.FirstRunAt = at(-200, 9)
		if got := comesUp(s, planner.Fade); got != want.fade {
			t.Errorf("after %q fade comes up: %t, want %t", subject, got, want.fade)
		}
		ana.LastOut.At = at(8, 9)
		ana.Outstanding = []planner.Turn{{Evidence: ana.LastOut, Read: true, Sentence: "Which day?", Recipients: 1}}
		if got := comesUp(settled(ana), planner.Awaiting); got != want.awaiting {
			t.Errorf("after %q awaiting comes up: %t, want %t", subject, got, want.awaiting)
		}
	}
}

// A question about a day is moot once that has come.
func TestQuestionAboutADay(t *testing.T) {
	for day, want := range map[planner.Date]bool{"": true, "2026-05-12": false, "2026-06-30": true} {
		ana := asking("ana@example.org")
		ana.Unanswered, ana.LastIn = nil, planner.Evidence{}
		ana.LastOut = mailFrom("last@x", "ana@example.org", at(8, 9))
		ana.Outstanding = []planner.Turn{{Evidence: ana.LastOut, Read: true, Sentence: "Will you come?", For: day, Recipients: 1}}
		if got := comesUp(settled(ana), planner.Awaiting); got != want {
			t.Errorf("a question about %q comes up: %t, want %t", day, got, want)
		}
	}
}

// comesUp reports whether a rule has a follow-up that is written, or would be.
func comesUp(s planner.Snapshot, rule planner.Rule) bool {
	for _, f := range planner.Plan(s, planner.DefaultPolicy(), at(13, 10)).FollowUps {
		if f.Rule == rule {
			return true
		}
	}
	return false
}

// A promise that no mail shows may have been kept, as may one of before the first run:
// a later word to them is enough to let it be.
func TestPromiseMaybeKept(t *testing.T) {
	for name, c := range map[string]struct {
		what      string
		day       planner.Date
		word, run time.Time
		want      bool
	}{
		"a file":                             {"send the deck", "", at(7, 9), at(-200, 9), true},
		"a file, and a word since":           {"send the deck", "", at(8, 9), at(-200, 9), true},
		"a file, before the first run":       {"send the deck", "", at(7, 9), at(12, 9), true},
		"a word since, before the first run": {"send the deck", "", at(8, 9), at(12, 9), false},
		"a call":                             {"call Bob", "", at(7, 9), at(-200, 9), true},
		"a call, and a word since":           {"call Bob", "", at(8, 9), at(-200, 9), false},
		"a call whose day is over":           {"call you tonight", "2026-05-07", at(7, 9), at(-200, 9), false},
		"a file whose day is over":           {"send it tonight", "2026-05-07", at(7, 9), at(-200, 9), true},
		"callous is no call":                 {"callous as it is", "", at(8, 9), at(-200, 9), true},
	} {
		ana := asking("ana@example.org")
		ana.Unanswered, ana.LastIn = nil, planner.Evidence{}
		ana.LastOut = mailFrom("last@x", "ana@example.org", c.word)
		ana.Promises = []planner.Promise{{Evidence: mailFrom("vow@x", "ana@example.org", at(7, 9)), ID: "h", Sentence: "I will.", What: c.what, For: c.day}}
		s := settled(ana)
		s.FirstRunAt = c.run
		if got := comesUp(s, planner.PromiseMade); got != c.want {
			t.Errorf("%s: comes up %t, want %t", name, got, c.want)
		}
	}
}

func TestAnswersToInvitations(t *testing.T) {
	for subject, want := range map[string]bool{"Declined: Budget": false, "Accepted offer?": true, "Budget": true} {
		ana := asking("ana@example.org")
		ana.Unanswered, ana.LastIn = nil, planner.Evidence{}
		ana.LastOut = mailFrom("last@x", "ana@example.org", at(8, 9))
		ana.LastOut.Subject = subject
		ana.Outstanding = []planner.Turn{{Evidence: ana.LastOut, Read: true, Sentence: "Which day?", Recipients: 1}}
		if got := comesUp(settled(ana), planner.Awaiting); got != want {
			t.Errorf("%q comes up: %t, want %t", subject, got, want)
		}
	}
}

// What was asked of more than three waits for none of them, and why says so.
func TestAskedOfMany(t *testing.T) {
	for recipients, want := range map[int]bool{1: true, 3: true, 4: false} {
		ana := asking("ana@example.org")
		ana.Unanswered[0].Recipients = recipients
		s := settled(ana)
		if got := comesUp(s, planner.ReplyOwed); got != want {
			t.Errorf("asked of %d: comes up %t, want %t", recipients, got, want)
		}
		for rule, why := range planner.Unfired(s, planner.DefaultPolicy(), at(13, 10), ana.ID) {
			if rule == planner.ReplyOwed && !strings.Contains(why, "went to 4 people") {
				t.Errorf("why not: %q", why)
			}
		}
	}
}

// What was promised under a subject that is nothing for a calendar is named in no
// event, be it about that or about something else.
func TestUnfitPromiseIsNotNamed(t *testing.T) {
	for subject, want := range map[string]bool{"Field notes": true, "Dirty jokes": false} {
		ana := asking("ana@example.org")
		vow := mailFrom("vow@x", "ana@example.org", at(10, 9))
		vow.Subject = subject
		ana.Promises = []planner.Promise{{Evidence: vow, ID: "h", Sentence: "I will send some.", What: "send some"}}
		named := false
		for _, f := range planner.Plan(settled(ana), planner.DefaultPolicy(), at(13, 10)).FollowUps {
			named = named || strings.Contains(f.Text, "I will send some.")
		}
		if named != want {
			t.Errorf("under %q: named %t, want %t", subject, named, want)
		}
	}
}
