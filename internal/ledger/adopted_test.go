package ledger_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// own is an event of the user's own in the follow-up calendar, known since its
// first listing.
func own(uid string, n float64, title string) ledger.OwnEvent {
	return ledger.OwnEvent{UID: uid, Href: "/f/" + uid + ".ics", Title: title, Starts: []time.Time{day(n)}}
}

func adopt(t *testing.T, l *ledger.Ledger, n float64, events ...ledger.OwnEvent) bool {
	t.Helper()
	changed, err := l.Adopt(t.Context(), ledger.OwnEvents{At: day(n), Events: events})
	if err != nil {
		t.Fatal(err)
	}
	return changed
}

// planned gives for each event with whom it is, as of a day: "+" before the name
// says that it is completed.
func planned(t *testing.T, l *ledger.Ledger, n float64) map[string]string {
	t.Helper()
	s := snapshot(t, l, day(n))
	out := map[string]string{}
	for _, a := range s.Adopted {
		i := slices.IndexFunc(s.Contacts, func(c planner.Contact) bool { return c.ID == a.Contact })
		if i < 0 {
			t.Fatalf("%s is about %s, who is no contact", a.UID, a.Contact)
		}
		name := s.Contacts[i].Name
		if !a.Done.IsZero() {
			name = "+" + name
		}
		out[a.UID] = strings.TrimPrefix(out[a.UID]+", "+name, ", ")
	}
	return out
}

// Whom an event in the follow-up calendar is about, and who is too uncertain.
func TestAdoptedNames(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	acquaint(t, l, -5, "Ana Lima", "Bob Wu", "Robert Wu", "Bob Stone", "Susan Hall", "Will Turner", "Florence Hart", "Ping Wei")
	ana, susan := address("Ana Lima"), address("Susan Hall")
	tests := []struct{ title, location, description, invited, want string }{
		{title: "Call Ana", want: "Ana Lima"},
		{title: "call ana about the lease", want: "Ana Lima"},
		{title: "Ask Ana?", want: "Ana Lima"},
		{title: "Write to Ana", want: "Ana Lima"},
		{title: "Lunch Ana", want: "Ana Lima"},
		{title: "Ana: reply", want: "Ana Lima"},
		{title: "Send deck to Ana", want: "Ana Lima"},
		{title: "Präsentation schicken an Ana", want: "Ana Lima"},
		{title: "Ana schreiben", want: "Ana Lima"},
		{title: "Follow up with Ana", want: "Ana Lima"},
		{title: "Ana Lima", want: "Ana Lima"},
		{title: "Deck", location: "Susan Hall's office", want: "Susan Hall"},
		{title: "Ana", want: ""},
		{title: "Call Ping", want: "Ping Wei"},
		{title: "Ping Ana", want: "Ana Lima"},
		{title: "Trip to Florence", want: ""},
		{title: "Send flowers to Florence", want: "Florence Hart"},
		{title: "Ask the dentist", want: ""},
		{title: "Call will be late", want: ""},
		{title: "Call Ana and Susan", want: "Ana Lima, Susan Hall"},
		{title: "Call Bob", want: "?Bob Stone, Bob Wu"},
		{title: "Call Ana and Bob", want: "Ana Lima, ?Bob Stone, Bob Wu"},
		{title: "Send deck to " + strings.ToUpper(ana) + ".", want: "Ana Lima"},
		{title: "Deck", description: "for <" + susan + ">, soon", want: "Susan Hall"},
		{title: "Call Bob", description: "mailto:" + address("Bob Wu"), want: "Bob Wu"},
		{title: "Review", invited: susan, want: "Susan Hall"},
		{title: "Send deck to nobody@example.net", want: ""},
		{title: "Send invoice to me@example.com", want: ""},
	}
	var events []ledger.OwnEvent
	for i, tt := range tests {
		e := own(fmt.Sprintf("%02d", i), 3, tt.title)
		e.Location, e.Description = tt.location, tt.description
		if tt.invited != "" {
			e.People = []string{tt.invited, "me@example.com"}
		}
		events = append(events, e)
	}
	if !adopt(t, l, 0, events...) {
		t.Error("Adopt() = unchanged")
	}
	got := planned(t, l, 0)
	unsure, err := l.AmbiguousNames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	names := map[planner.ContactID]string{}
	for _, c := range snapshot(t, l, day(0)).Contacts {
		names[c.ID] = c.Name
	}
	for _, a := range unsure {
		var who []string
		for _, id := range a.Contacts {
			who = append(who, names[id])
		}
		slices.Sort(who)
		if !a.At.Equal(day(3)) {
			t.Errorf("the ambiguous %q is at %v, want %v", a.Title, a.At, day(3))
		}
		got[a.Evidence] = strings.TrimPrefix(got[a.Evidence]+", ?"+strings.Join(who, ", "), ", ")
	}
	for i, tt := range tests {
		g := strings.Split(got[fmt.Sprintf("%02d", i)], ", ")
		if !strings.Contains(tt.want, "?") {
			slices.Sort(g)
		}
		if diff := cmp.Diff(tt.want, strings.Join(g, ", ")); diff != "" {
			t.Errorf("%q, %q, %q (-want +got):\n%s", tt.title, tt.location, tt.description, diff)
		}
	}
	if adopt(t, l, 0.1, events...) {
		t.Error("the same listing again changes something")
	}
}

// Whoever becomes a contact later is named by what stood there before; one more
// of the same first name makes it uncertain.
func TestAdoptedFollowsContacts(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	adopt(t, l, 0, own("a", 3, "Call Ana"), own("b", 3, "Send deck to "+address("Bob Wu")))
	steps := []struct {
		name string
		want map[string]string
	}{
		{"", map[string]string{}},
		{"Bob Wu", map[string]string{"b": "Bob Wu"}},
		{"Ana Lima", map[string]string{"a": "Ana Lima", "b": "Bob Wu"}},
		{"Ana Ruiz", map[string]string{"b": "Bob Wu"}},
	}
	for _, s := range steps {
		if s.name != "" {
			acquaint(t, l, -30, s.name)
		}
		if diff := cmp.Diff(s.want, planned(t, l, 1)); diff != "" {
			t.Errorf("after %q (-want +got):\n%s", s.name, diff)
		}
	}
}

// The order in which mail and the calendar are read does not matter.
func TestAdoptedInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batches := world(t)
		titles := []string{"Call Ana", "Ask Bob", "Lunch Kim Oh", "Send deck to ana@example.net", "Mail j.doe@gmail.com"}
		var list ledger.OwnEvents
		list.At = day(61)
		for i := range rapid.IntRange(1, 4).Draw(t, "own events") {
			e := own(fmt.Sprint("o", i), float64(rapid.IntRange(50, 80).Draw(t, "day")), rapid.SampledFrom(titles).Draw(t, "own title"))
			e.KnownAt = day(float64(rapid.IntRange(20, 60).Draw(t, "known")))
			list.Events = append(list.Events, e)
		}
		read := func(at int) []planner.Adopted {
			l := freshLedger(t, batches[:at])
			if _, err := l.Adopt(t.Context(), list); err != nil {
				t.Fatal(err)
			}
			feed(t, l, batches[at:])
			feed(t, l, []ledger.Batch{allRead})
			s, err := l.Snapshot(t.Context(), day(62), time.Time{})
			if err != nil {
				t.Fatal(err)
			}
			return s.Adopted
		}
		want := read(len(batches))
		if diff := cmp.Diff(want, read(rapid.IntRange(0, len(batches)).Draw(t, "listed after"))); diff != "" {
			t.Fatalf("another order, another meaning (-want +got):\n%s", diff)
		}
	})
}

// What the user changes or cancels holds at once; that an event is gone is
// believed after two listings, and not of one that could not be read.
func TestAdoptedGone(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	acquaint(t, l, -30, "Ana Lima", "Susan Hall")
	both := map[string]string{"a": "Ana Lima", "s": "Susan Hall"}
	a, s := own("a", 3, "Call Ana"), own("s", 3, "Call Susan")
	minute := 1.0 / 24 / 60
	list := func(n float64, o ledger.OwnEvents, want map[string]string) {
		t.Helper()
		o.At = day(n)
		if _, err := l.Adopt(t.Context(), o); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, planned(t, l, n)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	here := func(e ...ledger.OwnEvent) ledger.OwnEvents { return ledger.OwnEvents{Events: e} }
	list(0, here(a, s), both)
	list(1, here(s), both)              // one listing proves nothing …
	list(1+9*minute, here(s), both)     // … nor do two that are close
	list(1+10*minute, here(a, s), both) // and it was there after all
	list(2, here(s), both)
	list(2+20*minute, ledger.OwnEvents{Events: here(s).Events, Unread: []string{a.Href}}, both)
	list(2+30*minute, ledger.OwnEvents{Events: here(s).Events, All: true}, both)
	list(2+40*minute, here(s), map[string]string{"s": "Susan Hall"})
	list(2+41*minute, here(a, s), both) // the user put it back
	list(3, ledger.OwnEvents{Empty: true}, both)
	list(3.9, ledger.OwnEvents{Empty: true}, both)
	list(4, ledger.OwnEvents{Empty: true}, map[string]string{})
	list(5, here(a, s), both)
	s.Starts = nil
	list(5, here(a, s), map[string]string{"a": "Ana Lima"})
	a.Title = "Call Susan"
	list(5, here(a, s), map[string]string{"a": "Susan Hall"})
	a.Starts = []time.Time{day(-10), day(20)}
	list(5, here(a, s), map[string]string{"a": "Susan Hall"})
}

// My word or a meeting completes it, if it came after the event was written and
// in its time; so does the user's mark, until it is taken away.
func TestAdoptedCompleted(t *testing.T) {
	ana := address("Ana Lima")
	to := func(id string, n float64, who string) ledger.Mail {
		m := mail(id, day(n), who, "Deck")
		m.Fingerprint = id
		return m
	}
	tests := map[string]struct {
		mails []ledger.Mail
		met   float64 // 0: not
		at    float64
		want  string
	}{
		"nothing":                  {at: 1, want: "Ana Lima"},
		"before it was written":    {mails: []ledger.Mail{to("x", -1, "me@example.com > "+ana)}, at: 1, want: "Ana Lima"},
		"long before its date":     {mails: []ledger.Mail{to("x", 5, "me@example.com > "+ana)}, at: 25, want: "Ana Lima"},
		"fourteen days before":     {mails: []ledger.Mail{to("x", 16.5, "me@example.com > "+ana)}, at: 25, want: "+Ana Lima"},
		"their mail":               {mails: []ledger.Mail{to("x", 20, ana+" > me@example.com")}, at: 25, want: "Ana Lima"},
		"still to come":            {mails: []ledger.Mail{to("x", 24, "me@example.com > "+ana)}, at: 22, want: "Ana Lima"},
		"a meeting":                {met: 20, at: 25, want: "+Ana Lima"},
		"a meeting not yet over":   {met: 20, at: 20.01, want: "Ana Lima"},
		"somebody else":            {mails: []ledger.Mail{to("x", 20, "me@example.com > susan@example.org")}, at: 25, want: "Ana Lima"},
		"its time is over":         {at: 39, want: ""},
		"the last day of its time": {at: 37.5, want: "Ana Lima"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t, t.TempDir(), me)
			acquaint(t, l, -100, "Ana Lima")
			adopt(t, l, 0, own("a", 30, "Call Ana"))
			appendMail(t, l, sent, tt.mails...)
			if tt.met != 0 {
				appendObjects(t, l, day(0), nil, object("/m.ics", meeting("m", tt.met, "!me@example.com "+ana)))
			}
			if got := planned(t, l, tt.at)["a"]; got != tt.want {
				t.Errorf("planned with %q, want %q", got, tt.want)
			}
		})
	}
}

// A mark is of everybody whom the event is about, and of nobody long before or
// after its time.
func TestAdoptedDoneWithSeveral(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	acquaint(t, l, -50, "Ana Lima", "Susan Hall", "Bob Wu", "Kim Oh")
	both, old, far := own("both", 1, "Lunch with Ana and Susan"), own("old", -9, "Call Bob"), own("far", 20, "Call Kim")
	both.Done, old.Done, far.Done = true, true, true
	adopt(t, l, 1, both, old, far)
	got := map[string]bool{}
	for _, c := range snapshot(t, l, day(2)).Contacts {
		if c.Reported && c.LastOut.At.Equal(day(1)) && c.LastOut.ID == "both" {
			got[c.Name] = true
		}
	}
	if diff := cmp.Diff(map[string]bool{"Ana Lima": true, "Susan Hall": true}, got); diff != "" {
		t.Errorf("in touch by the user's word (-want +got):\n%s", diff)
	}
	both.Done = false
	adopt(t, l, 2, both, old, far)
	for _, c := range snapshot(t, l, day(2)).Contacts {
		if c.Reported {
			t.Errorf("%s is reported though the mark was taken away", c.Name)
		}
	}
}

// The user's mark completes an event and is a note that they were in touch; the
// journal has it, whatever becomes of the event and the ledger.
func TestAdoptedDone(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	hello := mail("a@x", day(-50), "me@example.com > ana@example.org", "Hi")
	hello.People[1].Name = "Ana Lima"
	appendMail(t, l, sent, hello)
	e := own("a", 3, "Call Ana")
	adopt(t, l, 0, e)
	check := func(when, want string, lastOut float64) {
		t.Helper()
		if got := planned(t, l, 2.5)["a"]; got != want {
			t.Errorf("%s: planned with %q, want %q", when, got, want)
		}
		if c := contact(t, l, day(2.5), "ana@example.org"); !c.LastOut.At.Equal(day(lastOut)) || c.Reported != (lastOut > 0) {
			t.Errorf("%s: last out %v, reported %t, want %v", when, c.LastOut.At, c.Reported, day(lastOut))
		}
	}
	check("open", "Ana Lima", -50)
	e.Done = true
	if !adopt(t, l, 1, e) || adopt(t, l, 1.1, e) {
		t.Error("a mark is not noted once")
	}
	check("marked", "+Ana Lima", 1)
	e.Done = false
	adopt(t, l, 1.5, e)
	check("taken away", "Ana Lima", -50)
	e.Done = true
	adopt(t, l, 2, e)
	check("marked again", "+Ana Lima", 2)

	want, err := l.Hash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l = lost(t, l, dir, me, hello)
	adopt(t, l, 2.2, e)
	check("after the ledger was lost", "+Ana Lima", 2)
	got, err := l.Hash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the ledger is another one after it was lost:\n%s", diff)
	}
}

// A word that may be a mark counts where the title was seen without it, and is
// taken back with it; one that stood there from the first is of the title.
func TestAdoptedDoneByAWord(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	hello := mail("a@x", day(-50), "me@example.com > ana@example.org", "Hi")
	hello.People[1].Name = "Ana Lima"
	appendMail(t, l, sent, hello)
	titled := func(title, bare string, done bool) ledger.OwnEvent {
		e := own("a", 3, title)
		e.Bare, e.Done = bare, done
		return e
	}
	steps := []struct {
		event ledger.OwnEvent
		done  bool
	}{
		{titled("Get the review of Ana Lima done", "Get the review of Ana Lima", false), false},
		{titled("Get the review of Ana Lima done", "Get the review of Ana Lima", true), true}, // with a ✓
		{titled("Get the review of Ana Lima done", "Get the review of Ana Lima", false), false},
		{titled("Call Ana Lima", "", false), false},
		{titled("call  Ana Lima done", "call  Ana Lima", false), true},
		{titled("call  Ana Lima done", "call  Ana Lima", false), true},
		{titled("Call Ana Lima", "", false), false},
		{titled("x Call Ana Lima", "Call Ana Lima", false), true},
	}
	at := 0.0
	check := func(e ledger.OwnEvent, done bool) {
		t.Helper()
		at += 0.1
		adopt(t, l, at, e)
		if got := contact(t, l, day(at), "ana@example.org").Reported; got != done {
			t.Errorf("%q: done %t, want %t", e.Title, got, done)
		}
	}
	for _, s := range steps {
		check(s.event, s.done)
	}
	l = lost(t, l, dir, me, hello)
	last := steps[len(steps)-1]
	check(last.event, true)
	check(titled("Call Ana Lima", "", false), false)
}

// What a late listing says decides nothing: the event itself is asked.
func TestAdoptedDoneOfALateListing(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	hello := mail("a@x", day(-50), "me@example.com > ana@example.org", "Hi")
	hello.People[1].Name = "Ana Lima"
	appendMail(t, l, sent, hello)
	old, now := own("a", 3, "Call Ana"), own("a", 3, "Call Ana")
	now.Done = true
	for i, want := range []int{0, 1, 1, 1, 1} {
		e := []ledger.OwnEvent{old, now}[i%2] // as listings alternate
		list := ledger.OwnEvents{
			At: day(float64(i) / 10), Events: []ledger.OwnEvent{e},
			Still: func(_ context.Context, uid string) bool { return uid == "a" && e.Done },
		}
		if _, err := l.Adopt(t.Context(), list); err != nil {
			t.Fatal(err)
		}
		said, err := l.Decisions(t.Context(), "a")
		if err != nil || len(said) != want {
			t.Errorf("listing %d: %d decisions, %v; want %d", i, len(said), err, want)
		}
	}
}
