package planner_test

import (
	"fmt"
	"strings"
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

// What was let go stays so when the card is mended, gives way to another of the
// same person, or loses its address (SPEC I6).
func TestAnotherCardIsNotAnotherPerson(t *testing.T) {
	p := planner.DefaultPolicy()
	key := entry(planner.FirstMeeting, imported(1).Contacts[0].NewCard).Key
	for name, change := range map[string]func(*planner.Contact){
		"as it was": func(*planner.Contact) {},
		"another address": func(c *planner.Contact) {
			c.Addresses, c.NewCard.Address = []string{"pat@example.com"}, "pat@example.com"
		},
		"no address":   func(c *planner.Contact) { c.Addresses, c.NewCard.Address = nil, "" },
		"another card": func(c *planner.Contact) { c.Cards, c.NewCard.ID = []string{"card-new"}, "card-new" },
	} {
		s := imported(1)
		change(&s.Contacts[0])
		s.Ended = []planner.Ended{{Key: key, Generation: 1, Outcome: planner.Dismissed, At: at(12, 18)}}
		if r := planner.Plan(s, p, at(13, 8)); len(r.FollowUps)+len(r.Held) != 0 {
			t.Errorf("%s, let go before: %q", name, says(r))
		}
		s.Ended = nil
		s.Open = []planner.Open{entry(planner.FirstMeeting, imported(1).Contacts[0].NewCard)}
		if r := planner.Plan(s, p, at(13, 8)); len(r.FollowUps) != 1 || r.FollowUps[0].Status != planner.StatusOpen || len(r.Held) != 0 {
			t.Errorf("%s, in the calendar: %q", name, says(r))
		}
	}
}

// A card that came after the import had ended is no part of it.
func TestCardAfterTheImport(t *testing.T) {
	s := imported(12)
	s.Ended = []planner.Ended{{Key: theImport().Key, Generation: 1, Outcome: planner.Dismissed, At: at(12, 20)}}
	late := imported(13).Contacts[12]
	late.NewCard.At = at(13, 7)
	s.Contacts = append(s.Contacts, late)
	check(t, planner.Plan(s, planner.DefaultPolicy(), at(13, 8)), "write first-meeting card-12")
}

// The switch of new-cards is that of an import, and first-meeting that of the rest.
func TestSwitchesOfNewCards(t *testing.T) {
	for _, n := range []int{1, 12} {
		for _, off := range []planner.Rule{planner.FirstMeeting, planner.NewCards} {
			p := planner.DefaultPolicy()
			p.Rules[off] = planner.RulePolicy{}
			wants := (n == 1) == (off == planner.NewCards)
			if r := planner.Plan(imported(n), p, at(12, 12)); (len(r.FollowUps) > 0) != wants {
				t.Errorf("%d new cards, %s off: %q", n, off, says(r))
			}
		}
	}
}

// A card of a name that somebody else bears, with whom there is mail, may be theirs.
func TestNewCardOfANamesake(t *testing.T) {
	s := imported(1)
	other := friend("pat@example.com")
	other.Name = "Number0, Pat"
	s.Contacts = append(s.Contacts, other)
	p := planner.DefaultPolicy()
	r := planner.Plan(s, p, at(12, 12))
	if len(r.FollowUps) != 0 || len(r.Held) != 1 || !strings.Contains(r.Held[0].HeldBecause, "may be the same as Number0, Pat at pat@example.com") {
		t.Errorf("Plan() = %q", says(r))
	}
	s.Contacts[0].Apart = []string{"pat@example.com"}
	check(t, planner.Plan(s, p, at(12, 12)), "write first-meeting card-0")
}

// A namesake who was in touch long ago says nothing of today.
func TestNamesakeOfLongAgo(t *testing.T) {
	quiet, other := friend("ana@example.org"), friend("ana@example.com")
	quiet.Circle, other.Muted = "close", false
	other.LastOut = mailFrom("w", "ana@example.com", at(10, 9))
	s := settled(quiet, other)
	p := planner.DefaultPolicy()
	r := planner.Plan(s, p, at(12, 18))
	if len(r.FollowUps) != 0 || len(r.Held) != 1 {
		t.Errorf("two days after the other wrote: %q", says(r))
	}
	for _, st := range r.States {
		if st.Contact == quiet.ID && !st.Until.Equal(at(24, 9)) {
			t.Errorf("the state is %+v, want waiting until the interval is over", st)
		}
	}
	check(t, planner.Plan(s, p, at(25, 18)), "write cadence w-ana@example.org")
	s.Contacts[1].Muted = true
	check(t, planner.Plan(s, p, at(12, 18)), "write cadence w-ana@example.org")
}

// Who was seen before the card came, if only among others, is no new person. What
// they stand by in afterwards takes nothing back.
func TestNewCardOfSomebodySeen(t *testing.T) {
	s := imported(1)
	s.Contacts[0].SeenAt = at(12, 8)
	check(t, planner.Plan(s, planner.DefaultPolicy(), at(12, 12)))
	s.Contacts[0].SeenAt = at(12, 10)
	check(t, planner.Plan(s, planner.DefaultPolicy(), at(12, 12)), "write first-meeting card-0")
	s.Open = []planner.Open{entry(planner.FirstMeeting, s.Contacts[0].NewCard)}
	check(t, planner.Plan(s, planner.DefaultPolicy(), at(13, 8)), "open first-meeting card-0")
}
