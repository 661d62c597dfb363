package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/planner"
)

// met is somebody met first at the fair of the 12th, in the nth quarter after 9.
func met(n int) planner.Contact {
	who := fmt.Sprintf("p%d@example.org", n)
	c := friend(who)
	c.FirstAt, c.LastOut, c.Out, c.In = time.Time{}, planner.Evidence{}, 0, 0
	start := at(12, 9).Add(time.Duration(n) * 15 * time.Minute)
	c.Meetings = []planner.Encounter{{
		Evidence: planner.Evidence{Type: planner.Meeting, ID: fmt.Sprintf("m%d@example.org", n), At: start, Subject: "Fair", Address: who},
		End:      start.Add(15 * time.Minute), People: 2,
	}}
	return c
}

func fair(n int) planner.Snapshot {
	s := settled()
	for i := range n {
		s.Contacts = append(s.Contacts, met(i))
	}
	return s
}

// afterFair is the same with the one event for all of them in the calendar.
func afterFair(n int) planner.Snapshot {
	s := fair(n)
	o := entry(planner.FirstMeeting, planner.Evidence{ID: "2026-05-12"})
	o.Slot, o.Start, o.CreatedAt = at(12, 16), at(12, 16), at(12, 12)
	s.Open = []planner.Open{o}
	return s
}

func wrote(c *planner.Contact, when time.Time) {
	c.LastOut = mailFrom("w-"+c.Addresses[0], c.Addresses[0], when)
	c.Out++
}

func TestFewNewPeopleHaveAnEventEach(t *testing.T) {
	check(t, planner.Plan(fair(3), planner.DefaultPolicy(), at(12, 12)),
		"write first-meeting m0@example.org", "write first-meeting m1@example.org", "write first-meeting m2@example.org")
}

// More than three new people of one day share an event (SPEC section 5.3).
func TestManyNewPeopleShareAnEvent(t *testing.T) {
	r := planner.Plan(fair(5), planner.DefaultPolicy(), at(12, 12))
	check(t, r, "write first-meeting 2026-05-12")
	f := r.FollowUps[0]
	if f.Contact != "" || len(f.Evidence) != 5 || f.Title != "Follow up with 5 people you met on 12 May" || !f.Slot.Equal(at(12, 16)) {
		t.Errorf("follow-up is %+v", f)
	}
	for i := range 5 {
		if !strings.Contains(f.Text, fmt.Sprintf("\n· P%d Hall", i)) {
			t.Errorf("P%d Hall is not listed in\n%s", i, f.Text)
		}
	}
	if len(r.States) != 5 || slices.ContainsFunc(r.States, func(s planner.State) bool { return s.State != planner.StateWaiting || !s.Until.Equal(f.Slot) }) {
		t.Errorf("states are %v, want five waiting for the event", r.States)
	}
	if again := planner.Plan(afterFair(5), planner.DefaultPolicy(), at(12, 13)); again.FollowUps[0].Text != f.Text || again.FollowUps[0].Title != f.Title {
		t.Errorf("once written it says\n%s", again.FollowUps[0].Text)
	}
}

func TestPeopleLeaveAndJoinTheirEvent(t *testing.T) {
	p := planner.DefaultPolicy()
	s := afterFair(5)
	for i := range 3 {
		wrote(&s.Contacts[i], at(12, 13).Add(time.Duration(i)*time.Hour))
	}
	r := planner.Plan(s, p, at(12, 17))
	check(t, r, "open first-meeting 2026-05-12")
	if text := r.FollowUps[0].Text; strings.Contains(text, "P0 Hall") || !strings.Contains(text, "P3 Hall") {
		t.Errorf("with three written to it says\n%s", text)
	}
	s.Contacts = append(s.Contacts, met(7))
	if text := planner.Plan(s, p, at(12, 17)).FollowUps[0].Text; !strings.Contains(text, "P7 Hall") {
		t.Errorf("with one more it says\n%s", text)
	}
	s.Contacts = s.Contacts[:5]
	for i := range 5 {
		wrote(&s.Contacts[i], at(12, 13).Add(time.Duration(i)*time.Hour))
	}
	check(t, planner.Plan(s, p, at(12, 19)), `acted first-meeting 2026-05-12 by "w-p4@example.org"`)
	s.Contacts[2].Muted, s.Contacts[2].LastOut = true, planner.Evidence{}
	check(t, planner.Plan(s, p, at(12, 19)), `withdrawn first-meeting 2026-05-12 by ""`, "held first-meeting m2@example.org: muted")
}

// The keys of all end as that of their event does.
func TestEndOfASharedEvent(t *testing.T) {
	p := planner.DefaultPolicy()
	check(t, planner.Plan(afterFair(5), p, at(19, 16)), `expired first-meeting 2026-05-12 by ""`)
	for _, o := range []planner.Outcome{planner.Acted, planner.Done, planner.Dismissed, planner.Expired} {
		s := fair(6) // one was found later
		s.Ended = []planner.Ended{{Key: afterFair(0).Open[0].Key, Generation: 1, Outcome: o, At: at(12, 17)}}
		check(t, planner.Plan(s, p, at(12, 19)))
	}
	s := fair(5)
	s.Ended = []planner.Ended{{Key: afterFair(0).Open[0].Key, Generation: 1, Outcome: planner.Withdrawn, At: at(12, 17)}}
	r := planner.Plan(s, p, at(12, 19))
	check(t, r, "write first-meeting 2026-05-12")
	if g := r.FollowUps[0].Generation; g != 2 {
		t.Errorf("generation = %d, want 2", g)
	}
}

// The user may put it off beyond the time in which it would have been written.
func TestSharedEventIsPutOff(t *testing.T) {
	s := afterFair(5)
	s.Open[0].Touched, s.Open[0].Start = true, at(12, 16).AddDate(0, 3, 0)
	check(t, planner.Plan(s, planner.DefaultPolicy(), at(12, 16).AddDate(0, 2, 0)), "open first-meeting 2026-05-12")
}

// Who has an event already keeps it.
func TestEventBeforeTheOthersWereMet(t *testing.T) {
	s := fair(5)
	for i := range 2 {
		o := entry(planner.FirstMeeting, s.Contacts[i].Meetings[0].Evidence)
		o.Slot, o.Start, o.CreatedAt = at(12, 16+i), at(12, 16+i), at(12, 10)
		s.Open = append(s.Open, o)
	}
	p := planner.DefaultPolicy()
	r := planner.Plan(s, p, at(12, 12))
	check(t, r, "open first-meeting m0@example.org", "write first-meeting 2026-05-12", "open first-meeting m1@example.org")
	if n := len(r.FollowUps[1].Evidence); n != 3 {
		t.Errorf("%d people share the other, want 3", n)
	}
	o := entry(planner.FirstMeeting, s.Contacts[2].Meetings[0].Evidence)
	o.Start, o.CreatedAt = at(12, 18), at(12, 10)
	s.Open, s.Contacts, p.PerDay = append(s.Open, o), s.Contacts[:4], 9
	r = planner.Plan(s, p, at(12, 12))
	if got := says(r); !slices.Contains(got, "write first-meeting m3@example.org") {
		t.Errorf("Plan() = %q, want an event for the only one left", got)
	}
}

// A crowd fits: the names that do not are counted.
func TestCrowd(t *testing.T) {
	s := fair(50)
	p := planner.DefaultPolicy()
	p.Rules[planner.Dormant] = planner.RulePolicy{}
	f := planner.Plan(s, p, at(12, 22).Add(time.Hour)).FollowUps
	if len(f) != 1 || !strings.Contains(f[0].Text, "\n· and 30 more\n") || len([]rune(f[0].Text)) > 1500 || !strings.Contains(f[0].Text, "Code: "+f[0].Key.Code()) {
		t.Errorf("%d follow-ups; the first says\n%s", len(f), f[0].Text)
	}
}
