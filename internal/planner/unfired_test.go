package planner_test

import (
	"maps"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/planner"
)

// TestUnfired asks of people in several situations why a rule has nothing for
// them, and nothing of the rules that have.
func TestUnfired(t *testing.T) {
	meeting := func(id string, day int) planner.Encounter {
		return planner.Encounter{Evidence: planner.Evidence{Type: planner.Meeting, ID: id, At: at(day, 10)}, End: at(day, 11), People: 2}
	}
	turn := func(id string, day int) planner.Turn {
		return planner.Turn{Evidence: mailFrom(id, "ana@example.org", at(day, 9)), Recipients: 1}
	}
	nudged := turn("q@x", 4)
	nudged.Nudges = []planner.Evidence{mailFrom("q2@x", "ana@example.org", at(5, 9)), mailFrom("q3@x", "ana@example.org", at(6, 9))}
	introduces := func(by string, of ...string) planner.Introduction {
		return planner.Introduction{Evidence: mailFrom("intro@x", "", at(4, 9)), By: by, Of: of}
	}
	ended := planner.Ended{
		Key:        planner.Key{Rule: planner.ReplyOwed, Evidence: "asks@x", Who: "ana@example.org"},
		Generation: 1, Outcome: planner.Dismissed, At: at(9, 12),
	}
	for _, c := range []struct {
		name   string
		change func(*planner.Contact)
		rule   planner.Rule
		want   string // "": it has something
	}{
		{"nothing known", func(*planner.Contact) {}, planner.FirstMeeting, "no meeting with them is known, and no new card"},
		{"ahead", func(c *planner.Contact) { c.Meetings = []planner.Encounter{meeting("m", 20)} }, planner.FirstMeeting, "you will meet them on 20 May 2026"},
		{"wrote after it", func(c *planner.Contact) {
			c.Meetings = []planner.Encounter{meeting("m", 4)}
			c.LastOut = mailFrom("o@x", "ana@example.org", at(5, 9))
		}, planner.FirstMeeting, "you wrote to them on 5 May 2026, after the meeting on 4 May 2026"},
		{"in touch after it by their own word", func(c *planner.Contact) {
			c.Meetings = []planner.Encounter{meeting("m", 4)}
			c.LastOut, c.Reported = planner.Evidence{Type: planner.Note, ID: "n", At: at(5, 9)}, true
		}, planner.FirstMeeting, "by your own word you were in touch on 5 May 2026, after the meeting on 4 May 2026"},
		{"met twice", func(c *planner.Contact) {
			c.Meetings = []planner.Encounter{meeting("m", 4), meeting("n", 6)}
		}, planner.FirstMeeting, "you have met more than once, last on 6 May 2026"},
		{"met, no word since", func(c *planner.Contact) {
			c.Meetings = []planner.Encounter{meeting("m", 11)}
			c.LastOut = planner.Evidence{}
		}, planner.FirstMeeting, ""},
		{"no thread", func(*planner.Contact) {}, planner.ReplyOwed, "no thread with them waits for a word from your side"},
		{"wrote elsewhere", func(c *planner.Contact) {
			c.Unanswered = []planner.Turn{turn("u@x", 4)}
			c.LastOut = mailFrom("o@x", "ana@example.org", at(5, 9))
		}, planner.ReplyOwed, "you wrote to them on 5 May 2026, after their mail of 4 May 2026"},
		{"ended before", func(c *planner.Contact) {
			c.Unanswered = []planner.Turn{turn("asks@x", 6)}
			c.LastOut = planner.Evidence{}
		}, planner.ReplyOwed, "that was in the calendar, and ended on 9 May 2026 as dismissed"},
		{"asked thrice", func(c *planner.Contact) { c.Outstanding = []planner.Turn{nudged} }, planner.Awaiting, "you have asked 3 times, last on 6 May 2026"},
		{"they wrote", func(c *planner.Contact) {
			c.Outstanding = []planner.Turn{turn("q@x", 4)}
			c.LastIn = mailFrom("i@x", "ana@example.org", at(7, 9))
		}, planner.Awaiting, "they wrote on 7 May 2026, after your mail of 4 May 2026"},
		{"one exchange", func(c *planner.Contact) {
			c.Exchanges = planner.Exchanges{Count: 1, Early: 1, First: at(4, 9), Last: mailFrom("x@x", "ana@example.org", at(4, 9))}
		}, planner.Fade, "the first 30 days saw 1 exchange, and it wants 2"},
		{"no circle", func(*planner.Contact) {}, planner.Cadence, "they are in no circle"},
		{"unknown circle", func(c *planner.Contact) { c.Circle = "pals" }, planner.Cadence, "the circle pals is not configured"},
		{"nothing promised", func(*planner.Contact) {}, planner.PromiseMade, "no promise of yours to them has been read, and none is noted"},
		{"promise kept", func(c *planner.Contact) {
			c.Promises = []planner.Promise{{Evidence: mailFrom("p@x", "ana@example.org", at(4, 9)), Kept: mailFrom("k@x", "ana@example.org", at(5, 9))}}
		}, planner.PromiseMade, "what you promised on 4 May 2026 was seen to on 5 May 2026"},
		{"promise open", func(c *planner.Contact) {
			c.Promises = []planner.Promise{{Evidence: mailFrom("p@x", "ana@example.org", at(11, 9))}}
		}, planner.PromiseMade, ""},
		{"their promise without a day", func(c *planner.Contact) {
			c.Theirs = []planner.Promise{{Evidence: mailFrom("p@x", "ana@example.org", at(4, 9))}}
		}, planner.TheirPromise, "what they promised on 4 May 2026 names no day"},
		{"their promise, and a word", func(c *planner.Contact) {
			c.Theirs = []planner.Promise{{Evidence: mailFrom("p@x", "ana@example.org", at(4, 9)), For: "2026-05-06"}}
			c.LastIn = mailFrom("i@x", "ana@example.org", at(7, 9))
		}, planner.TheirPromise, "they wrote on 7 May 2026, after what they promised on 4 May 2026"},
		{"thanked", func(c *planner.Contact) {
			c.Introductions = []planner.Introduction{introduces("ana@example.org", "bo@example.org")}
			c.LastOut = mailFrom("o@x", "ana@example.org", at(5, 9))
		}, planner.Thanks, "you wrote to them on 5 May 2026, after their introduction of 4 May 2026"},
		{"introduced somebody I have no word for yet", func(c *planner.Contact) {
			c.Introductions = []planner.Introduction{introduces("ana@example.org", "bo@example.org")}
		}, planner.CloseTheLoop, "no mail of yours to bo@example.org is known since the introduction of 4 May 2026"},
		{"introduced by somebody unknown", func(c *planner.Contact) {
			c.Introductions = []planner.Introduction{introduces("bo@example.org", "ana@example.org")}
		}, planner.IntroReceived, "bo@example.org, who introduced them on 4 May 2026, is nobody you had an exchange with"},
		{"wrote to whom they introduced", func(c *planner.Contact) {
			c.Introductions = []planner.Introduction{introduces("bo@example.org", "ana@example.org")}
			c.LastOut = mailFrom("o@x", "ana@example.org", at(5, 9))
		}, planner.IntroReceived, "you wrote to them on 5 May 2026, after the introduction of 4 May 2026"},
		{"second of those I introduced", func(c *planner.Contact) {
			c.Introductions = []planner.Introduction{introduces("", "al@example.org", "ana@example.org")}
		}, planner.IntroGiven, "your introduction of 4 May 2026 is told under the name of al@example.org"},
		{"they have written to each other", func(c *planner.Contact) {
			i := introduces("", "ana@example.org", "bo@example.org")
			i.Replied = []planner.Evidence{mailFrom("r@x", "bo@example.org", at(6, 9))}
			c.Introductions = []planner.Introduction{i}
		}, planner.IntroGiven, "those you introduced on 4 May 2026 have written to each other on 6 May 2026"},
		{"no contact", func(c *planner.Contact) { c.Candidate = true }, planner.ReplyOwed, "nobody you wrote to, met or put in the address book"},
		{"no first meeting", func(*planner.Contact) {}, planner.SecondStep, "no first meeting with them is known, and no new card"},
		{"they answered", func(c *planner.Contact) {
			c.Meetings = []planner.Encounter{meeting("m", 4)}
			c.LastOut, c.LastIn = mailFrom("o@x", "ana@example.org", at(5, 9)), mailFrom("i@x", "ana@example.org", at(6, 9))
		}, planner.SecondStep, "they wrote on 6 May 2026, after your first meeting on 4 May 2026"},
		{"no word after it", func(c *planner.Contact) {
			c.Meetings = []planner.Encounter{meeting("m", 4)}
			c.LastOut = planner.Evidence{}
		}, planner.SecondStep, "no mail of yours in the ten business days after your first meeting on 4 May 2026 is known"},
		{"no day", func(*planner.Contact) {}, planner.Milestone, "no card of theirs has a birthday or an anniversary"},
		{"hardly known", func(c *planner.Contact) {
			c.Cards, c.Birthday = []string{"c"}, planner.DayOf{Month: time.May, Day: 20}
		}, planner.Milestone, "they are in no circle, and not among those you know well"},
		{"a word near the day", func(c *planner.Contact) {
			c.Cards, c.Birthday, c.Stage = []string{"c"}, planner.DayOf{Month: time.May, Day: 12}, 2
			c.LastOut = mailFrom("o@x", "ana@example.org", at(10, 9))
		}, planner.Milestone, "you wrote to them on 10 May 2026, within three days of the day"},
		{"no plan", func(*planner.Contact) {}, planner.HowDidItGo, "you noted no plan and no challenge of theirs"},
		{"hardly in touch", func(*planner.Contact) {}, planner.Dormant, "no two exchanges with them are known, and no meeting"},
		{"in a circle", func(c *planner.Contact) {
			c.Circle = "close"
			c.Exchanges = planner.Exchanges{Count: 2, First: at(4, 9), Last: mailFrom("x@x", "ana@example.org", at(4, 9))}
		}, planner.Dormant, "they are in the circle close"},
		{
			"nobody's", func(*planner.Contact) {}, planner.CardSweep,
			"it is about nobody alone: once a month it lists five people who have no circle and nothing else waiting",
		},
		{"no import", func(*planner.Contact) {}, planner.NewCards, "it does when more than ten cards came into the address book within a day"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ana := planner.Contact{ID: "ana", Name: "Ana Lima", Addresses: []string{"ana@example.org"}, Out: 1, Threads: 2}
			c.change(&ana)
			s := settled(ana)
			s.Ended = []planner.Ended{ended}
			got := maps.Collect(planner.Unfired(s, planner.DefaultPolicy(), at(12, 9), "ana"))
			if diff := cmp.Diff(c.want, got[c.rule]); diff != "" {
				t.Errorf("Unfired() of %s mismatch (-want +got):\n%s", c.rule, diff)
			}
		})
	}
}
