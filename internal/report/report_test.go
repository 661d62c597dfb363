package report_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/report"
)

var now = time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)

func daysAgo(n int) time.Time { return now.AddDate(0, 0, -n) }

func contact(id, name string, lastOut time.Time) planner.Contact {
	c := planner.Contact{ID: planner.ContactID(id), Name: name, Addresses: []string{id + "@example.org"}}
	if !lastOut.IsZero() {
		c.LastOut = planner.Evidence{Type: planner.Mail, ID: "out-" + id, At: lastOut}
	}
	return c
}

func row(r planner.Rule, id string, outcome planner.Outcome, acted, answered time.Time) ledger.FollowUpRow {
	f := ledger.FollowUpRow{
		Placement: ledger.Placement{
			Key: planner.Key{Rule: r, Evidence: id, Who: "ana@example.org"}, Outcome: outcome, EndedAt: daysAgo(3),
			Wrote: ledger.Shape{Summary: "About " + id},
		},
		CameTo: outcome, ActedAt: acted,
	}
	if !answered.IsZero() {
		f.Answer = planner.Evidence{Type: planner.Mail, ID: "answer-" + id, At: answered}
	}
	return f
}

func TestRulesCountHowFollowUpsEnded(t *testing.T) {
	var none time.Time
	old := row(planner.Fade, "8", planner.Expired, none, none)
	old.EndedAt = daysAgo(31)
	got := report.Make(report.Input{Now: now, FollowUps: []ledger.FollowUpRow{
		row(planner.Fade, "1", planner.Acted, daysAgo(20), daysAgo(19)),
		row(planner.Fade, "2", planner.Acted, daysAgo(20), daysAgo(10)),
		row(planner.Fade, "3", planner.Acted, daysAgo(20), daysAgo(18)),
		row(planner.Fade, "4", planner.Acted, daysAgo(20), none),
		row(planner.Fade, "5", planner.Dismissed, none, none),
		row(planner.Fade, "6", planner.Expired, none, none),
		row(planner.Fade, "7", planner.Withdrawn, none, none),
		old,
		row(planner.ReplyOwed, "9", "", none, none),
		row(planner.ReplyOwed, "10", planner.Answered, none, none),
		row(planner.ReplyOwed, "11", planner.Done, none, none),
	}})
	want := []report.Rule{
		{Rule: planner.ReplyOwed, Written: 3, Open: 1, Answered: 1, Done: 1},
		{Rule: planner.Fade, Written: 8, Acted: 4, Dismissed: 1, Expired: 2, Replied: 3, ReplyHours: 48},
	}
	if diff := cmp.Diff(want, got.Rules); diff != "" {
		t.Errorf("Rules (-want +got):\n%s", diff)
	}
	past := []report.Past{{Code: planner.Key{Rule: planner.Fade, Evidence: "6", Who: "ana@example.org"}.Code(), Title: "About 6", Ended: daysAgo(3)}}
	if diff := cmp.Diff(past, got.Expired); diff != "" {
		t.Errorf("Expired (-want +got):\n%s", diff)
	}
}

func TestPromisesThatAreNotKnownToBeKept(t *testing.T) {
	ana := contact("ana", "Ana Silva", daysAgo(9))
	ana.Promises = []planner.Promise{
		{Evidence: planner.Evidence{ID: "1", At: daysAgo(9)}, ID: "a", Sentence: "I'll send it.", For: "2026-05-15"},
		{Evidence: planner.Evidence{ID: "2", At: daysAgo(30)}, ID: "b", Kept: planner.Evidence{Type: planner.Mail, ID: "3", At: daysAgo(29)}},
		{Evidence: planner.Evidence{ID: "4", At: daysAgo(40)}, ID: "c"},
	}
	got := report.Make(report.Input{Now: now, Snapshot: planner.Snapshot{Contacts: []planner.Contact{ana}}}).Promises
	last := daysAgo(9)
	who := report.Person{Contact: "ana", Name: "Ana Silva", Address: "ana@example.org", Last: &last}
	want := report.Promises{Made: 3, Kept: 1, Open: []report.Promise{
		{Person: who, Said: daysAgo(40)}, {Person: who, Said: daysAgo(9), For: "2026-05-15", Sentence: "I'll send it."},
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Promises (-want +got):\n%s", diff)
	}
}

func TestUncertainNamesPeopleWhoCount(t *testing.T) {
	ana, muted := contact("ana", "Ana Silva", daysAgo(9)), contact("bob", "Bob Wu", daysAgo(9))
	muted.Muted = true
	found := func(who planner.ContactID, kind, sentence string) ledger.Uncertain {
		return ledger.Uncertain{
			Evidence: planner.Evidence{Type: planner.Mail, ID: sentence + "@x", At: daysAgo(9), Subject: "Deck"},
			Contact:  who, Kind: kind, Sentence: sentence, For: "2026-05-15",
		}
	}
	got := report.Make(report.Input{
		Now: now, Snapshot: planner.Snapshot{Contacts: []planner.Contact{ana, muted}},
		Uncertain: []ledger.Uncertain{found("ana", "promise", "1"), found("bob", "promise", "2"), found("gone", "promise", "3"), found("ana", "their-promise", "")},
	}).Uncertain
	last := daysAgo(9)
	who := report.Person{Contact: "ana", Name: "Ana Silva", Address: "ana@example.org", Last: &last}
	want := []report.Uncertain{
		{Person: who, Kind: "promise", Said: daysAgo(9), For: "2026-05-15", Sentence: "1", Subject: "Deck", Evidence: "1@x"},
		{Person: who, Kind: "their-promise", Said: daysAgo(9), For: "2026-05-15", Subject: "Deck", Evidence: "@x"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Uncertain (-want +got):\n%s", diff)
	}
}

func TestIntroducersAreToldFromThoseTheyBrought(t *testing.T) {
	intro := planner.Introduction{Evidence: planner.Evidence{ID: "1", At: daysAgo(60)}, By: "ana@example.org", Of: []string{"ben@example.org"}}
	mine := planner.Introduction{Evidence: planner.Evidence{ID: "2", At: daysAgo(50)}, Of: []string{"ana@example.org", "ben@example.org"}}
	ana, ben := contact("ana", "Ana Silva", daysAgo(59)), contact("ben", "Ben Okoro", daysAgo(80))
	ana.Introductions, ben.Introductions = []planner.Introduction{mine, intro}, []planner.Introduction{mine, intro}
	in := report.Input{Now: now, Snapshot: planner.Snapshot{Contacts: []planner.Contact{ben, ana}}}
	got := report.Make(in).Introductions
	thanked := daysAgo(59)
	want := []report.Introducer{{
		Person:  report.Person{Contact: "ana", Name: "Ana Silva", Address: "ana@example.org", Last: &thanked},
		Brought: []report.Brought{{Name: "Ben Okoro", Address: "ben@example.org", At: daysAgo(60)}}, Thanked: &thanked,
	}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Introductions (-want +got):\n%s", diff)
	}
	in.Snapshot.Contacts[1].LastOut.At = daysAgo(61)
	if got := report.Make(in).Introductions; got[0].Thanked != nil {
		t.Errorf("thanked %v, before the introduction", got[0].Thanked)
	}
}

func TestOneAndDone(t *testing.T) {
	exchanged := func(id string, n, days int) planner.Contact {
		c := contact(id, "Person "+id, daysAgo(days))
		c.Exchanges.Count = n
		return c
	}
	muted, role := exchanged("muted", 1, 200), exchanged("role", 1, 200)
	muted.Muted, role.Role = true, true
	got := report.Make(report.Input{Now: now, Snapshot: planner.Snapshot{Contacts: []planner.Contact{
		exchanged("never", 0, 200), exchanged("long", 1, 200), exchanged("newer", 1, 91), exchanged("recent", 1, 90), exchanged("twice", 2, 200), muted, role,
	}}}).OneAndDone
	var ids []string
	for _, p := range got {
		ids = append(ids, string(p.Contact))
	}
	if diff := cmp.Diff([]string{"newer", "long"}, ids); diff != "" {
		t.Errorf("OneAndDone (-want +got):\n%s", diff)
	}
}

// A plan is made of people of one name, and of one whose rule the user let go three
// times.
func TestHeldPeople(t *testing.T) {
	a, b := contact("a", "Ana Silva", daysAgo(120)), contact("b", "Silva, Ana", daysAgo(2))
	c := contact("c", "Cy Reed", daysAgo(300))
	for _, x := range []*planner.Contact{&a, &c} {
		x.Circle, x.Threads, x.Out, x.In, x.Stage = "network", 3, 3, 3, 1
		x.Exchanges = planner.Exchanges{Count: 1, First: daysAgo(300), Last: x.LastOut}
	}
	s := planner.Snapshot{FirstRunAt: daysAgo(400), Whole: true, Contacts: []planner.Contact{a, b, c}}
	for i, id := range []string{"x", "y", "z"} {
		s.Ended = append(s.Ended, planner.Ended{Key: planner.Key{Rule: planner.Cadence, Evidence: id, Who: "c@example.org", Step: "1"}, Generation: 1, Outcome: planner.Dismissed, At: daysAgo(200 - i)})
	}
	got := report.Make(report.Input{Now: now, Snapshot: s, Result: planner.Plan(s, planner.DefaultPolicy(), now)})
	if len(got.LetGo) != 1 || got.LetGo[0].Contact != "c" || got.LetGo[0].Rule != planner.Cadence {
		t.Errorf("LetGo = %+v, want the cadence of c", got.LetGo)
	}
	if len(got.SameName) != 1 || len(got.SameName[0].People) != 2 {
		t.Errorf("SameName = %+v, want a and b", got.SameName)
	}
}
