package planner_test

import (
	"fmt"
	"testing"
	"time"

	"syncd/internal/planner"
)

// imported are so many people whose cards came from nine on the 12th, one a
// minute.
func imported(n int) planner.Snapshot {
	s := settled()
	for i := range n {
		who, card := fmt.Sprintf("p%d@example.org", i), fmt.Sprintf("card-%d", i)
		s.Contacts = append(s.Contacts, planner.Contact{
			ID: planner.ContactID(card), Name: fmt.Sprintf("Pat Number%d", i), Addresses: []string{who}, Carded: true, Cards: []string{card},
			NewCard: planner.Evidence{Type: planner.Card, ID: card, At: at(12, 9).Add(time.Duration(i) * time.Minute), Address: who},
		})
	}
	return s
}

// theImport is the event for them, as it was written.
func theImport() planner.Open {
	o := entry(planner.NewCards, planner.Evidence{ID: "2026-05-12T09:00:00Z"})
	o.EvidenceAt = at(12, 9)
	return o
}

func TestTenNewCardsAreNoImport(t *testing.T) {
	p := planner.DefaultPolicy()
	p.PerDay = 10
	check(t, planner.Plan(imported(3), p, at(12, 12)),
		"write first-meeting card-0", "write first-meeting card-1", "write first-meeting card-2")
	for _, n := range []int{10, 11} {
		r := planner.Plan(imported(n), p, at(12, 12))
		if one := len(r.FollowUps) == 1 && r.FollowUps[0].Rule == planner.NewCards; one != (n > 10) {
			t.Errorf("%d new cards: %q", n, says(r))
		}
	}
}

// What was an import stays one: to let it go lets all of them go, also when some
// of the cards are deleted afterwards. A card that comes later is another matter.
func TestImportIsLetGo(t *testing.T) {
	s := imported(12)
	s.Ended = []planner.Ended{{Key: theImport().Key, Generation: 1, Outcome: planner.Dismissed, At: at(13, 10)}}
	check(t, planner.Plan(s, planner.DefaultPolicy(), at(13, 12)))
	s.Contacts = s.Contacts[4:]
	check(t, planner.Plan(s, planner.DefaultPolicy(), at(13, 12)))
	s.Contacts[0].NewCard.At = at(13, 11)
	check(t, planner.Plan(s, planner.DefaultPolicy(), at(13, 12)), "write first-meeting card-4")
}

func TestPeopleLeaveTheImport(t *testing.T) {
	s := imported(12)
	s.Open = []planner.Open{theImport()}
	p := planner.DefaultPolicy()
	s.Contacts = s.Contacts[:2]
	check(t, planner.Plan(s, p, at(13, 12)), "open new-cards 2026-05-12T09:00:00Z")
	wrote(&s.Contacts[0], at(13, 10))
	check(t, planner.Plan(s, p, at(13, 12)), "open new-cards 2026-05-12T09:00:00Z")
	wrote(&s.Contacts[1], at(13, 11))
	check(t, planner.Plan(s, p, at(13, 12)), `acted new-cards 2026-05-12T09:00:00Z by "w-p1@example.org"`)
	s.Contacts = nil
	check(t, planner.Plan(s, p, at(13, 12)), `withdrawn new-cards 2026-05-12T09:00:00Z by ""`)
}

// The words for one card end as those for a meeting do.
func TestEndOfANewCard(t *testing.T) {
	p := planner.DefaultPolicy()
	s := imported(1)
	s.Open = []planner.Open{entry(planner.FirstMeeting, s.Contacts[0].NewCard)}
	check(t, planner.Plan(s, p, at(13, 8)), "open first-meeting card-0")
	s.Contacts[0].LastIn, s.Contacts[0].FirstAt = mailFrom("in", "p0@example.org", at(13, 7)), at(13, 7)
	check(t, planner.Plan(s, p, at(13, 8)), `answered first-meeting card-0 by "in"`)
	s.Contacts[0] = imported(1).Contacts[0]
	s.Contacts[0].Meetings = []planner.Encounter{{
		Evidence: planner.Evidence{Type: planner.Meeting, ID: "m", At: at(20, 9)}, End: at(20, 10), People: 2,
	}}
	check(t, planner.Plan(s, p, at(13, 8)), `acted first-meeting card-0 by "m"`)
	s.Contacts[0].Meetings, s.Contacts[0].NewCard = nil, planner.Evidence{}
	check(t, planner.Plan(s, p, at(13, 8)), `withdrawn first-meeting card-0 by ""`)
}

// Until all history is in, nobody knows whether there was a word before.
func TestNewCardBeforeHistory(t *testing.T) {
	s := imported(1)
	s.Whole = false
	check(t, planner.Plan(s, planner.DefaultPolicy(), at(12, 12)), "held first-meeting card-0: you may know each other: not all history is in yet")
}
