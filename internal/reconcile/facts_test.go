package reconcile_test

import (
	"context"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/reconcile"
)

// notebook is a person with two events about somebody, and a ledger.
type notebook struct {
	*calendar
	l     *ledger.Ledger
	now   time.Time
	noted map[string]string   // what was last told to the ledger, by UID
	mine  map[string][]string // what the user wrote, by UID
	wrote map[string]bool     // all that they ever did
}

const ana = "ana@example.org"

// newNotebook is one in which both events are written.
func newNotebook(t *rapid.T) *notebook {
	n := &notebook{
		calendar: newCalendar(), now: monday.AddDate(0, 0, 1).Add(9*time.Hour + time.Minute),
		noted: map[string]string{}, mine: map[string][]string{}, wrote: map[string]bool{},
	}
	dir, err := os.MkdirTemp("", "notebook")
	n.must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	n.l, err = ledger.Open(t.Context(), ledger.Options{Dir: dir, Me: ledger.Me{Addresses: []string{"me@example.com"}, Zone: zone}})
	n.must(t, err)
	t.Cleanup(func() { n.l.Close() })
	from := func(id, subject string, d ledger.Direction) ledger.Mail {
		m := ledger.Mail{UID: 1, ID: id, At: monday, Subject: subject, Topic: subject, Fingerprint: id, Delivered: d == ledger.In}
		roles := []ledger.Role{ledger.RoleFrom, ledger.RoleTo}
		if d == ledger.Out {
			slices.Reverse(roles)
			m.At = monday.AddDate(0, -2, 0)
		}
		m.People = []ledger.Participant{{Address: ana, Name: "Ana Lima", Role: roles[0]}, {Address: "me@example.com", Role: roles[1]}}
		return m
	}
	for name, mails := range map[string][]ledger.Mail{
		"INBOX": {from("a@x", "The garden", ledger.In), from("b@x", "The house", ledger.In)},
		"Sent":  {from("c@x", "Hello", ledger.Out)},
	} {
		n.must(t, n.l.Append(t.Context(), ledger.Batch{
			Source: ledger.SourceID{Account: "home", Type: ledger.Mailbox, Name: name}, At: n.now, Sent: name == "Sent", Mail: mails,
			Cursor: ledger.Cursor{UIDValidity: 1, Highest: 9, Lowest: 1, Complete: true},
		}))
	}
	n.must(t, n.l.SetFirstRun(t.Context(), monday.AddDate(0, 0, -1)))
	n.settle(t)
	for _, e := range n.entries { // moved, so that there is room for another
		n.user(e.UID, func(e *caldav.Entry) {
			e.Shape.Start, e.Shape.End = e.Shape.Start.Add(time.Hour), e.Shape.End.Add(time.Hour)
		})
	}
	n.settle(t)
	if len(n.entries) != 2 {
		t.Fatalf("%d events, want two", len(n.entries))
	}
	return n
}

func (n *notebook) must(t *rapid.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// pass is one turn of the daemon's loop, and reports whether it did nothing.
func (n *notebook) pass(t *rapid.T) (quiet bool) {
	ctx := context.Background()
	placed, err := n.l.Placements(ctx)
	n.must(t, err)
	for _, p := range placed {
		e := n.entries["/cal/"+p.UID+".ics"]
		if text := reconcile.Notes(p, e.Shape.Description); text != n.noted[p.UID] {
			n.noted[p.UID] = text
			n.must(t, n.l.Decide(ctx, []ledger.Decision{{Type: ledger.DecideNoted, UID: p.UID, Who: p.Key.Who, Text: text, At: n.now}}))
		}
	}
	s, err := n.l.Snapshot(ctx, n.now, time.Time{})
	n.must(t, err)
	s.Whole = true
	policy := planner.DefaultPolicy()
	policy.Zone = zone
	r := planner.Plan(s, policy, n.now)
	d := reconcile.Diff(reconcile.Input{
		Now: n.now, Instance: n.l.Instance(), Zone: zone, Observed: n.list(), Placed: placed, Wanted: r.FollowUps, Held: r.Held,
	})
	n.must(t, reconcile.Apply(ctx, n, n.l, d))
	return d.Empty()
}

func (n *notebook) settle(t *rapid.T) {
	for range 5 {
		if n.pass(t) {
			return
		}
	}
	for _, e := range n.entries {
		t.Log(e.Shape.Description)
	}
	t.Fatal("five passes did not settle")
}

// pick draws one of the events.
func (n *notebook) pick(t *rapid.T) caldav.Entry {
	return n.entries[rapid.SampledFrom(slices.Sorted(maps.Keys(n.entries))).Draw(t, "event")]
}

// write puts a line somewhere into an event.
func (n *notebook) write(t *rapid.T) {
	e := n.pick(t)
	note := rapid.SampledFrom([]string{
		"wants: a flat in Lisbon", "her dog is Max", "promise: the photos", "circle: close", "· her dog is Max", "- tip: a bookshop",
		"--- syncd: mine", "BEGIN:VEVENT", "\u202enihton", "Code: abcdef", strings.Repeat("long ", 80) + "end", "a < b & c > d",
	}).Draw(t, "note")
	if rest, ok := strings.CutPrefix(note, "· "); ok && (n.wrote[rest] || n.wrote[note]) {
		return // that is how an event shows the other's note: nothing tells such a line from an older one of ours
	}
	n.wrote[note] = true
	n.user(e.UID, func(e *caldav.Entry) {
		lines := strings.Split(e.Shape.Description, "\n")
		at := rapid.IntRange(1, len(lines)).Draw(t, "line")
		e.Shape.Description = strings.Join(slices.Insert(lines, at, note), "\n")
	})
	n.mine[e.UID] = append(n.mine[e.UID], note)
}

// erase takes a line of the user's away again.
func (n *notebook) erase(t *rapid.T) {
	e := n.pick(t)
	if len(n.mine[e.UID]) == 0 {
		return
	}
	i := rapid.IntRange(0, len(n.mine[e.UID])-1).Draw(t, "note")
	note := n.mine[e.UID][i]
	n.user(e.UID, func(e *caldav.Entry) {
		lines := strings.Split(e.Shape.Description, "\n")
		for at := range slices.Backward(lines) { // theirs stand below ours
			if lines[at] == note {
				e.Shape.Description = strings.Join(slices.Delete(lines, at, at+1), "\n")
				return
			}
		}
		t.Fatalf("%q is not there:\n%s", note, e.Shape.Description)
	})
	n.mine[e.UID] = slices.Delete(n.mine[e.UID], i, i+1)
}

// check demands that each note stands in its event as often as it was written, and
// in the other one as noted, and that the event is one that a server takes.
func (n *notebook) check(t *rapid.T) {
	for _, e := range n.entries {
		lines := map[string]int{}
		for line := range strings.SplitSeq(e.Shape.Description, "\n") {
			lines[line]++
		}
		want := map[string]int{}
		for _, note := range n.mine[e.UID] {
			want[note]++
		}
		for note, times := range want {
			if got := lines[note]; got != times {
				t.Fatalf("%q stands there %d times, want %d:\n%s", note, got, times, e.Shape.Description)
			}
		}
		if strings.Count("\n"+e.Shape.Description, "\n"+caldav.Marker) != 1 {
			t.Fatalf("not one marker:\n%s", e.Shape.Description)
		}
	}
	for _, e := range n.entries {
		for _, o := range n.entries {
			if e.UID == o.UID || len(n.mine[o.UID]) == 0 || len(n.mine[o.UID])+len(n.mine[e.UID]) > 3 {
				continue
			}
			if note := n.mine[o.UID][0]; note == "her dog is Max" && !strings.Contains(e.Shape.Description, note) {
				t.Fatalf("%q of the other event is not in this one:\n%s", note, e.Shape.Description)
			}
		}
	}
}

// Lines about one person in two events: each shows those of the other, none comes
// back as a line of the event that shows it, and the two come to rest.
func TestNotesInTwoEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := newNotebook(t)
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			if rapid.IntRange(0, 3).Draw(t, "erase") == 0 {
				n.erase(t)
			} else {
				n.write(t)
			}
			n.now = n.now.Add(time.Minute)
			n.settle(t)
			n.check(t)
		}
	})
}

// What the user writes is theirs, and what they wrote elsewhere is data, whatever
// it looks like: the event stays one event, and nothing of it is lost.
func TestHostileNotesInACalendar(t *testing.T) {
	s := startSystem(t, image{})
	s.ask("ana")
	rest := func() caldav.Entry {
		t.Helper()
		for range 4 {
			if err := s.pass(t); err != nil {
				t.Fatal(err)
			}
		}
		if d := s.diff(t); !d.Empty() {
			t.Errorf("four passes did not settle; left: %s", describe(d))
		}
		l, err := s.cal.Entries(t.Context())
		if err != nil || len(l.Entries) != 1 || len(l.Skipped) != 0 {
			t.Fatalf("Entries() = %d, %d skipped, %v, want one", len(l.Entries), len(l.Skipped), err)
		}
		return l.Entries[0]
	}
	rest()
	notes := []string{
		"END:VEVENT", "BEGIN:VEVENT", "ATTENDEE:mailto:eve@example.com", "--- syncd: mine", "\u202enihton", "a < b & c > d", `C:\temp; one, two`,
		strings.Repeat("Fußgängerübergänge ", 4000) + "end",
	}
	for name, data := range s.server.Objects(followups) {
		data = strings.ReplaceAll(data, "\r\n ", "")
		text := strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`).Replace(strings.Join(notes, "\n") + "\n")
		s.server.Store(followups, name, strings.Replace(data, "DESCRIPTION:You met", "DESCRIPTION:"+text+"You met", 1))
	}
	var noted []string
	for _, f := range planner.Facts(strings.Join(notes, "\n"), planner.Evidence{}) {
		noted = append(noted, "· "+f.Line())
	}
	s.facts["ana"].text = "You met ana.\nYou noted:\n" + strings.Join(noted, "\n") + "\n\nCode: abcdef"
	got := rest()
	ours, theirs, _ := caldav.SplitNotes(got.Shape.Description)
	notes[4] = "nihton" // what turns the order of letters round is never written
	if diff := cmp.Diff(notes, strings.Split(theirs, "\n")); diff != "" {
		t.Errorf("the user's lines (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(ours, "You met ana.\n") || !strings.HasSuffix(ours, "Code: abcdef") {
		t.Errorf("ours:\n%s", ours)
	}
	if got.Foreign {
		t.Error("the event is taken for one that invites somebody")
	}
}
