package ledger_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// story is what a user did and what syncd did about it: the part of a ledger
// that no server could tell again.
type story struct {
	l    *ledger.Ledger
	at   time.Time
	uids []string
	n    int
}

// tick lets some time pass, or none.
func (s *story) tick(t *rapid.T) time.Time {
	s.at = s.at.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "hours")) * time.Hour)
	return s.at
}

// decision draws one of any type.
func (s *story) decision(t *rapid.T) (d ledger.Decision) {
	who := rapid.SampledFrom([]string{"ana@example.org", "bob@example.net", "c0", "c1", "jdoe@gmail.com", "nobody@example.org"})
	d.At = s.tick(t)
	d.Type = rapid.SampledFrom([]ledger.DecisionType{
		ledger.DecideDone, ledger.DecideDismissed, ledger.DecideSnoozed, ledger.DecideMove, ledger.DecideEdited, ledger.DecideTaken,
		ledger.DecideUndone, ledger.DecideUndone, ledger.DecideMuted, ledger.DecideUnmuted, ledger.DecideCircle, ledger.DecideNoted,
		ledger.DecideLogged, ledger.DecideLogged, ledger.DecidePaused, ledger.DecideResumed, ledger.DecideMissing,
	}).Draw(t, "decision")
	switch d.Type { //nolint:exhaustive // the others are about an entry
	case ledger.DecidePaused, ledger.DecideResumed, ledger.DecideMissing:
		if rapid.Bool().Draw(t, "until") {
			d.To = s.at.Add(48 * time.Hour)
		}
		return d
	case ledger.DecideCircle:
		d.Text = rapid.SampledFrom([]string{"close", "network", "friends", ""}).Draw(t, "circle")
	case ledger.DecideNoted:
		d.Text = rapid.SampledFrom([]string{"wants: tea", "circle: close", "wants: tea\ncircle: friends", "a dog", ""}).Draw(t, "lines")
	case ledger.DecideLogged:
		d.Kind = rapid.SampledFrom([]ledger.Kind{"", ledger.KindNote, ledger.KindCall, ledger.KindMeeting}).Draw(t, "kind")
		d.Text, d.To = "promise: the photos", s.at.Add(-time.Duration(rapid.IntRange(0, 90).Draw(t, "ago"))*time.Hour)
	case ledger.DecideMuted, ledger.DecideUnmuted:
	default:
		d.UID = "unknown"
		if len(s.uids) > 0 {
			d.UID = rapid.SampledFrom(s.uids).Draw(t, "entry")
		}
		if d.Type == ledger.DecideSnoozed || d.Type == ledger.DecideMove {
			d.To = s.at.Add(72 * time.Hour)
		}
		if d.Type == ledger.DecideEdited {
			d.Text = rapid.SampledFrom([]string{"", "my words"}).Draw(t, "title")
		}
		return d
	}
	d.Who = who.Draw(t, "who")
	if len(s.uids) > 0 && d.Type != ledger.DecideLogged && rapid.Bool().Draw(t, "in an entry") {
		d.UID = rapid.SampledFrom(s.uids).Draw(t, "entry")
	}
	return d
}

// placed draws an entry and how far it came.
func (s *story) placed(t *rapid.T, evidence []string) {
	s.n++
	id := rapid.SampledFrom(evidence).Draw(t, "evidence")
	p := placement(s.l, id)
	p.Key.Who = rapid.SampledFrom([]string{"ana@example.org", "bob@example.net", "c0"}).Draw(t, "about")
	p.Key.Rule = rapid.SampledFrom([]planner.Rule{planner.ReplyOwed, planner.Cadence, planner.FirstMeeting}).Draw(t, "rule")
	p.Key.Step, p.Generation = fmt.Sprint(s.n), 1
	p.CreatedAt = s.tick(t)
	p.Slot, p.Wrote.Start, p.Wrote.End = s.at.Add(time.Hour), s.at.Add(time.Hour), s.at.Add(2*time.Hour)
	p.UID = planner.UID(s.l.Instance(), p.Key, p.Generation)
	p.Evidence = nil
	for r, err := range s.l.Interactions(t.Context()) {
		if err == nil && r.Evidence.ID == id {
			p.Evidence = []planner.Evidence{{Type: planner.EvidenceType(r.Evidence.Type), ID: id, At: r.At}}
		}
	}
	err := s.l.Intend(t.Context(), p)
	if errors.Is(err, ledger.ErrPaused) { // as reconcile leaves it
		return
	}
	s.do(t, err)
	s.uids = append(s.uids, p.UID)
	if rapid.IntRange(0, 3).Draw(t, "arrived") > 0 {
		p.State, p.Seen, p.Href = ledger.Placed, p.Wrote, "/f/"+p.UID
		s.do(t, s.l.Confirm(t.Context(), p))
	}
}

// ended ends an entry as reconcile does, or shows it to have gone.
func (s *story) ended(t *rapid.T) {
	if len(s.uids) == 0 {
		return
	}
	uid := rapid.SampledFrom(s.uids).Draw(t, "entry")
	found, err := s.l.FindPlacements(t.Context(), uid)
	s.do(t, err)
	p := found[0]
	o := rapid.SampledFrom([]planner.Outcome{planner.Acted, planner.Expired, planner.Withdrawn}).Draw(t, "outcome")
	at := s.tick(t)
	switch {
	case p.Open():
		s.do(t, s.l.End(t.Context(), uid, planner.End{Outcome: o, Why: "for a reason"}, at))
	case p.State != ledger.TakenOver:
		p.State = ledger.Closed
		s.do(t, s.l.Confirm(t.Context(), p))
	}
}

func (s *story) do(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// known is a snapshot but for what the entries in the calendar alone tell: their
// titles and times of day, and which of those that ended are gone.
func known(t *rapid.T, l *ledger.Ledger, now time.Time) planner.Snapshot {
	s, err := l.Snapshot(t.Context(), now, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	s.Leaving = nil
	for i := range s.Open {
		s.Open[i].Title, s.Open[i].AllDay = "", false
	}
	slices.SortFunc(s.Open, func(a, b planner.Open) int { return strings.Compare(a.UID, b.UID) })
	slices.SortFunc(s.Ended, func(a, b planner.Ended) int { return strings.Compare(a.Key.String(), b.Key.String()) })
	slices.SortFunc(s.Written, func(a, b planner.Written) int { return strings.Compare(a.Key.String(), b.Key.String()) })
	return s
}

// With the journal kept, a lost database costs a scan: what the user decided and
// what syncd wrote is what it was, in whatever order the servers tell the rest.
func TestJournalBringsBackALostLedger(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dir, who := scratch(t), me
		who.Circles = []string{"close", "network"}
		open := func() *ledger.Ledger {
			l, err := ledger.Open(t.Context(), ledger.Options{Dir: dir, Me: who})
			if err != nil {
				t.Fatal(err)
			}
			return l
		}
		batches := world(t)
		readings := texts(t, batches)
		evidence := []string{"c0", "c1", "u0", "gone@x", "2026-05-12"}
		written := map[string]map[time.Time]bool{} // an id of two messages says nothing of when
		for _, b := range batches {
			for _, m := range b.Mail {
				if written[m.ID] == nil {
					written[m.ID] = map[time.Time]bool{}
				}
				written[m.ID][m.At] = true
			}
		}
		for _, id := range slices.Sorted(maps.Keys(written)) {
			if len(written[id]) == 1 {
				evidence = append(evidence, id)
			}
		}
		s := &story{l: open(), at: day(60)}
		half := rapid.IntRange(0, len(batches)).Draw(t, "before")
		feed(t, s.l, batches[:half])
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			switch rapid.IntRange(0, 5).Draw(t, "step") {
			case 0, 1:
				s.placed(t, evidence)
			case 2:
				s.ended(t)
			case 3:
				s.do(t, s.l.SetFirstRun(t.Context(), s.tick(t)))
			default:
				s.do(t, s.l.Decide(t.Context(), []ledger.Decision{s.decision(t)}))
			}
		}
		hear(t, s.l, readings)
		feed(t, s.l, append(batches[half:], allRead))
		now := s.at.Add(time.Hour)
		before := known(t, s.l, now)
		if err := s.l.Close(); err != nil {
			t.Fatal(err)
		}
		// Opened once more, it is what it was.
		l := open()
		if diff := cmp.Diff(before, known(t, l, now)); diff != "" {
			t.Errorf("after a restart (-before +after):\n%s", diff)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"ledger.db", "ledger.db-wal", "ledger.db-shm"} {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		l = open()
		defer l.Close()
		feedWith(t, l, append(otherOrder(t, batches), allRead), readings)
		if diff := cmp.Diff(before, known(t, l, now)); diff != "" {
			t.Errorf("after the loss of the database (-before +after):\n%s", diff)
		}
	})
}
