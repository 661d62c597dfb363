package daemon_test

import (
	"net/http"
	"strings"
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
		m.asksFor(snoozed[0], m.clock.Add(3*time.Hour))
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

// An entry that could not be moved yet is among those of the next seven days (SPEC
// I5), however far ahead it is to lie.
func TestUnmovedIsStillAhead(t *testing.T) {
	const person = "Chloe Martin"
	scripted(t, func(m *machine) {
		p := m.about(person)[0]
		m.asksFor(p, m.clock.AddDate(0, 0, 20))
		m.trouble = true
		m.server.Set(caldavtest.Faults{Answer: func(r *http.Request) int {
			if r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, p.UID+".ics") {
				return http.StatusInternalServerError
			}
			return 0
		}})
		for range 3 {
			m.clock = nextTime(m.clock, 18, 30)
			if err := m.pass(); err == nil {
				m.Fatal("it was moved")
			}
		}
		if n := len(m.entries()); n != openAhead {
			m.Fatalf("%d in the calendar, want %d", n, openAhead)
		}
	})
}
