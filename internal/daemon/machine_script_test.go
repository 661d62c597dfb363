package daemon_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
)

// scripted is one history that is not left to chance: what TestMachine found, cut
// down to what it takes. The checks are those of every history.
func scripted(t *testing.T, do func(*machine)) {
	t.Helper()
	rapid.MakeFuzz(func(r *rapid.T) {
		m := newMachine(r)
		defer m.stop()
		m.kind = caldavtest.Faults{}
		m.heal()
		m.goOn(m.clock)
		do(m)
		m.end()
	})(t, make([]byte, 4096))
}

// goOn is a pass at a later time, and the checks after it.
func (m *machine) goOn(at time.Time) {
	m.clock = at
	if err := m.pass(); err != nil {
		m.Fatal(err)
	}
	m.check()
}

// about gives the entries about a person that are open.
func (m *machine) about(person string) (all []ledger.FollowUpRow) {
	for _, p := range m.placements() {
		if p.Open() && p.Key.Who == addressOf(person) {
			all = append(all, p)
		}
	}
	return all
}

// What the user asked to be moved is theirs, as if they had moved it: another
// event about the person may come beside it (SPEC I5), and does not end it. So it
// is where syncd did not run until that time had passed, and the entry stays where
// it lies.
func TestSnoozedStandsBesideOthers(t *testing.T) {
	const person = "Chloe Martin"
	scripted(t, func(m *machine) {
		snoozed := m.about(person)
		if len(snoozed) != 1 {
			m.Fatalf("%d open, want 1", len(snoozed))
		}
		uid := snoozed[0].UID
		m.say(ledger.Decision{Type: ledger.DecideMove, UID: uid, Who: addressOf(person), To: m.clock.Add(3 * time.Hour)})
		m.deliver(inbox, person, "Another draft", "")
		for range 4 {
			m.goOn(nextTime(m.clock, 18, 30))
		}
		if all := m.about(person); len(all) != 2 {
			m.Fatalf("%d open, want 2", len(all))
		}
		if p := m.placements()[uid]; !p.Open() || !p.Seen.Start.Equal(snoozed[0].Slot) {
			m.Fatalf("it is at %v and %q, want %v and open", p.Seen.Start, p.Outcome, snoozed[0].Slot)
		}
	})
}
