package ledger_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// note is an event of the user's own without other people.
func note(uid string, n float64, title, location string) ledger.MeetingInstance {
	m := meeting(uid, n, "")
	m.Title, m.Location = title, location
	return m
}

// acquaint makes contacts of people by a mail to each.
func acquaint(t *testing.T, l *ledger.Ledger, n float64, names ...string) {
	t.Helper()
	var mails []ledger.Mail
	for i, name := range names {
		m := mail(fmt.Sprintf("to-%s-%d@x", strings.ReplaceAll(name, " ", "-"), i), day(n), "me@example.com > x", "Hi")
		m.People[1] = ledger.Participant{Address: address(name), Name: name, Role: ledger.RoleTo}
		m.Fingerprint = m.ID
		mails = append(mails, m)
	}
	appendMail(t, l, sent, mails...)
}

// address makes one that does not give the name away.
func address(name string) string {
	return fmt.Sprintf("%x@example.org", name)
}

// withWhom gives the names of those for whom each event counts.
func withWhom(t *testing.T, l *ledger.Ledger, at time.Time) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, c := range snapshot(t, l, at).Contacts {
		for _, m := range c.Meetings {
			out[m.ID] = append(out[m.ID], c.Name)
		}
	}
	for _, names := range out {
		slices.Sort(names)
	}
	return out
}

// Whom a title or a place names, and who is too uncertain.
func TestNamedInEvents(t *testing.T) {
	mine := me
	mine.Name = "Maria Ey"
	l := openLedger(t, t.TempDir(), mine)
	acquaint(t, l, 0, "Susan Hall", "Ann Marsh", "Bob Wu", "Robert Wu", "Bob Stone", "Jürgen Müller", "Łukasz Żak", "Ólafur O'Brien",
		"Anna-Lena Maier", "Mary Poole", "José María Ruiz Gil", "Dr. Helen B. Marlow, PhD", "Vance, Kim", "Will Turner", "Ольга Белова",
		"Ana Lima", "Ana Lima Costa", "Zoë", "Ey, Maria", "Meeting Room", "J. Bell", "李 小龙", "Tom Ford", "Tom Ford")
	tests := []struct{ title, location, want string }{
		{"Coffee w/ Susan Hall", "", "Susan Hall"},
		{"susan hall", "", "Susan Hall"},
		{"Review of the lease (SUSAN HALL)", "", "Susan Hall"},
		{"Hall, Susan", "", "Susan Hall"},
		{"Hall Susan: lease", "", "Susan Hall"},
		{"Walk", "Susan Hall's office", "Susan Hall"},
		{"Susan\u00a0Hall", "", "Susan Hall"},
		{"Hall of Susan", "", ""},
		{"Susan / Hall", "", ""},
		{"Susan Hallam", "", ""},
		{"Susan Hall-Jones", "", ""},
		{"Town Hall", "", ""},

		{"Coffee w/ Susan", "", "Susan Hall"},
		{"coffee w/susan", "", "Susan Hall"},
		{"Lunch with Susan, then the dentist", "", "Susan Hall"},
		{"Susan 1:1", "", "Susan Hall"},
		{"1:1 Susan", "", "Susan Hall"},
		{"Weekly Susan 1:1", "", "Susan Hall"},
		{"Dinner @Susan", "", "Susan Hall"},
		{"Dinner @ Susan's", "", "Susan Hall"},
		{"Breakfast – Susan", "", "Susan Hall"},
		{"Call Susan", "", "Susan Hall"},
		{"Meet Susan at 11:15", "", "Susan Hall"},
		{"Catch up: Susan", "", "Susan Hall"},
		{"Mittagessen mit Susan", "", "Susan Hall"},
		{"Café avec Susan", "", "Susan Hall"},
		{"Almuerzo c/ Susan", "", "Susan Hall"},
		{"Susan", "", ""},
		{"Susan's birthday", "", ""},
		{"Buy flowers for Susan", "", ""},
		{"11:1 Susan", "", ""},
		{"Lunch w/o Susan", "", ""},
		{"Mail me@Susan", "", ""},
		{"Coffee w/ Susan H.", "", "Susan Hall"},
		{"Coffee w/ Susan Miller", "", ""},
		{"Coffee w/ Susan M", "", ""},
		{"Lunch Susan-Marie", "", ""},

		{"Lunch: anniversary", "", ""},
		{"Lunch Ann", "", "Ann Marsh"},
		{"Lunch, annual", "", ""},
		{"Mary Ann lunch", "", ""},
		{"Call will be late", "", ""},
		{"Call Will", "", "Will Turner"},
		{"Coffee with Anna", "", ""},
		{"Coffee with Anna-Lena", "", "Anna-Lena Maier"},
		{"Lunch Jurgen", "", "Jürgen Müller"},
		{"LUNCH JÜRGEN MÜLLER", "", "Jürgen Müller"},
		{"Tea: Ju\u0308rgen Mu\u0308ller", "", "Jürgen Müller"},
		{"lukasz zak", "", "Łukasz Żak"},
		{"Coffee Olafur O\u2019Brien", "", "Ólafur O'Brien"},
		{"Jose Gil", "", "José María Ruiz Gil"},
		{"Gil, José María Ruiz", "", "José María Ruiz Gil"},
		{"Helen Marlow", "", "Dr. Helen B. Marlow, PhD"},
		{"Kim Vance", "", "Vance, Kim"},
		{"Lunch with Kim", "", "Vance, Kim"},
		{"Встреча: Ольга", "", "Ольга Белова"},
		{"Ana Lima Costa", "", "Ana Lima Costa"},
		{"Ana Lima", "", "Ana Lima"},
		{"Call Zoe", "", "Zoë"},
		{"Zoe", "", ""},
		{"Lunch in the meeting room", "", "Meeting Room"},
		{"Call meeting", "", ""},
		{"Call J", "", ""},
		{"李 小龙", "", "李 小龙"},

		{"Coffee w/ Bob", "", "?Bob Stone, Bob Wu"},
		{"Lunch Susan Hall and Ann Marsh", "", "?Ann Marsh, Susan Hall"},
		{"Coffee w/ Bob", "Bob Wu's place", "Bob Wu"},
		{"Coffee w/ Susan Hall", "with Mary", "?Mary Poole, Susan Hall"},
		{"Tom Ford", "", "?Tom Ford, Tom Ford"},
		{"Lunch w/ Susan, Will", "", "?Susan Hall, Will Turner"},
		{"Kim/Susan 1:1", "", "?Susan Hall, Vance, Kim"},
		{"Will, Kim & Susan: lunch", "", "?Susan Hall, Vance, Kim, Will Turner"},
		{"Lunch with Susan und Will", "", "?Susan Hall, Will Turner"},
		{"Lunch with Susan, Zed and Will", "", "Susan Hall"},
		{"Lunch with Susan. Will bring cake", "", "Susan Hall"},
		{"Maria Ey's office, call", "", ""},
		{"Lunch Maria", "", ""},
		{"Lunch Ana", "", "?Ana Lima, Ana Lima Costa"},
	}
	var objects []ledger.Object
	for i, tt := range tests {
		objects = append(objects, object(fmt.Sprintf("/%d.ics", i), note(fmt.Sprint(i), float64(i), tt.title, tt.location)))
	}
	// The second Tom Ford is another one.
	appendMail(t, l, sent, mail("tom@x", day(0), "me@example.com > Tom_Ford=tom2@example.net", "Hi"))
	appendObjects(t, l, day(300), nil, objects...)
	got := withWhom(t, l, time.Time{})
	named := map[planner.ContactID]string{}
	for _, c := range snapshot(t, l, time.Time{}).Contacts {
		named[c.ID] = c.Name
	}
	unsure, err := l.AmbiguousNames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range unsure {
		var names []string
		for _, id := range a.Contacts {
			names = append(names, named[id])
		}
		slices.Sort(names)
		got[a.Evidence] = append(got[a.Evidence], "?"+strings.Join(names, ", "))
	}
	for i, tt := range tests {
		if who := strings.Join(got[fmt.Sprint(i)], " and "); who != tt.want {
			t.Errorf("%q at %q is with %q, want %q", tt.title, tt.location, who, tt.want)
		}
	}
}

// The words and signs that SPEC section 2.2 names, beside a first name.
func TestWordsOfMeeting(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	acquaint(t, l, 0, "Susan Hall")
	words := []string{
		"coffee", "lunch", "dinner", "breakfast", "call", "meet", "w/", "with", "@", "1:1",
		"Kaffee", "Frühstück", "déjeuner", "almuerzo", "pranzo", "almoço", "lunchen", "frokost", "middag", "обед",
	}
	var objects []ledger.Object
	for i, w := range words {
		objects = append(objects, object(fmt.Sprintf("/a%d.ics", i), note(fmt.Sprint(i, " before"), 1, w+" Susan", "")),
			object(fmt.Sprintf("/b%d.ics", i), note(fmt.Sprint(i, " after"), 1, "Susan "+w, "")))
	}
	appendObjects(t, l, day(5), nil, append(objects, object("/c.ics", note("c", 1, "Susan", "")))...)
	got := withWhom(t, l, time.Time{})
	for i, w := range words {
		for _, place := range []string{" before", " after"} {
			if len(got[fmt.Sprint(i, place)]) != 1 {
				t.Errorf("%q%s the name is no word of meeting", w, place)
			}
		}
	}
	if len(got["c"]) > 0 {
		t.Error("a first name alone counts")
	}
}

// Which events are looked through for names.
func TestNamedOnlyInEventsOfMyOwn(t *testing.T) {
	event := func(who string, change func(*ledger.MeetingInstance)) ledger.MeetingInstance {
		return with(who, func(m *ledger.MeetingInstance) {
			m.Title = "Coffee w/ Susan Hall"
			if change != nil {
				change(m)
			}
		})
	}
	tests := []struct {
		name string
		m    ledger.MeetingInstance
		want int
	}{
		{"nobody in it", event("", nil), 1},
		{"I organise it", event("!me@example.com", nil), 1},
		{"I organise and attend it", event("!me@example.com me@example.com/ACCEPTED", nil), 1},
		{"a room", event("", func(m *ledger.MeetingInstance) {
			m.People = []ledger.Participant{{Address: "blue@example.com", Role: ledger.RoleAttendee, Thing: true}}
		}), 1},
		{"every week", event("", func(m *ledger.MeetingInstance) { m.Series, m.RecurrenceID = true, "20260303T090000Z" }), 1},
		{"another is invited", event("!me@example.com zoe@example.net/ACCEPTED", nil), 0},
		{"another invites", event("!zoe@example.net me@example.com/ACCEPTED", nil), 0},
		{"another's event", event("!zoe@example.net", nil), 0},
		{"somebody without an address", event("", func(m *ledger.MeetingInstance) { m.Unlisted = 1 }), 0},
		{"not by my own hand", event("", func(m *ledger.MeetingInstance) { m.Theirs = true }), 0},
		{"all day", event("", func(m *ledger.MeetingInstance) { m.AllDay = true }), 0},
		{"cancelled", event("", func(m *ledger.MeetingInstance) { m.Cancelled = true }), 0},
		{"declined", event("me@example.com/DECLINED", nil), 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l := openLedger(t, t.TempDir(), me)
			acquaint(t, l, 0, "Susan Hall")
			appendObjects(t, l, day(5), nil, object("/1.ics", tt.m))
			got := contact(t, l, day(5), address("Susan Hall"))
			if got.Met != tt.want || len(got.Meetings) != tt.want {
				t.Errorf("met = %d, meetings = %d, want %d", got.Met, len(got.Meetings), tt.want)
			}
		})
	}
}

func TestMeetingByName(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	acquaint(t, l, 0, "Susan Hall")
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 1, "Coffee w/ Susan", "")), object("/2.ics", note("2", 9, "Lunch Susan", "")))
	got := contact(t, l, day(7), address("Susan Hall"))
	encounter := func(uid, title string, n float64) planner.Encounter {
		return planner.Encounter{
			Evidence: planner.Evidence{
				Type: planner.Meeting, ID: uid, At: day(n), Subject: title, Address: address("Susan Hall"), Account: "work", Named: true,
			},
			End: day(n).Add(time.Hour), People: 2, Organised: true,
		}
	}
	want := []planner.Encounter{encounter("1", "Coffee w/ Susan", 1), encounter("2", "Lunch Susan", 9)}
	if diff := cmp.Diff(want, got.Meetings); diff != "" {
		t.Errorf("Meetings mismatch (-want +got):\n%s", diff)
	}
	if got.Met != 1 || got.LastMet.ID != "1" || got.Exchanges.Count != 1 {
		t.Errorf("met = %d by %q, %d exchanges; want the first one", got.Met, got.LastMet.ID, got.Exchanges.Count)
	}
	if d, err := l.Contact(t.Context(), "Susan Hall"); err != nil || d.Met != 2 || len(d.Timeline) != 3 {
		t.Errorf("Contact() = met %d with %d interactions, %v; want the mail and both events", d.Met, len(d.Timeline), err)
	}
	if n := len(contact(t, l, day(-2.5), address("Susan Hall")).Meetings); n != 0 {
		t.Errorf("%d meetings before she was a contact", n)
	}
	if n := len(contact(t, l, day(0.5), address("Susan Hall")).Meetings); n != 1 {
		t.Errorf("%d meetings while the second was not known, want 1", n)
	}
}

// The address that stands for whom an event names is the same when another
// spelling of it comes after the event as before.
func TestNamedByAnotherSpelling(t *testing.T) {
	for _, spellings := range [][]string{{"jdoe@gmail.com", "j.doe@gmail.com"}, {"j.doe@gmail.com", "jdoe@gmail.com"}} {
		l := openLedger(t, t.TempDir(), me)
		appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 3, "Coffee w/ Jo Doe", "")))
		for i, address := range spellings {
			appendMail(t, l, sent, mail(fmt.Sprintf("%d@x", i), day(1), "me@example.com > Jo_Doe="+address, "Hi"))
		}
		got := contact(t, l, day(7), "jdoe@gmail.com").Meetings
		if len(got) != 1 || got[0].Address != "j.doe@gmail.com" {
			t.Errorf("%v: meetings = %+v, want one with j.doe@gmail.com", spellings, got)
		}
	}
}

// Being named makes nobody a contact: what made them one is known first.
func TestNameOfACandidate(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 3, "Coffee w/ Susan Hall", "")))
	appendMail(t, l, inbox, mail("a@x", day(1), "Susan_Hall=susan@example.org > me@example.com", "Hi"))
	if got := snapshot(t, l, time.Time{}).Contacts; len(got) != 0 {
		t.Fatalf("%d contacts, want none", len(got))
	}
	// A meeting with her makes her one, once it is over.
	appendObjects(t, l, day(5), nil, object("/2.ics", meeting("2", 8, "!me@example.com susan@example.org/ACCEPTED")))
	if got := contact(t, l, day(7), "susan@example.org"); got.ID != "" {
		t.Errorf("contact before the meeting: %v", got)
	}
	snapshot(t, l, day(9))
	for at, want := range map[time.Time]int{day(7): 0, day(9): 2} {
		if got := contact(t, l, at, "susan@example.org"); got.Met != want {
			t.Errorf("at %v: met %d times, want %d", at, got.Met, want)
		}
	}
}

// What an event is about follows the event, the names and the contacts.
func TestNamesChange(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	susan := address("Susan Hall")
	check := func(what string, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, withWhom(t, l, time.Time{})["1"]); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s", what, diff)
		}
	}
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 1, "Coffee w/ Susan", "")))
	check("nobody is known")
	acquaint(t, l, 0, "Susan Hall")
	check("known", "Susan Hall")
	acquaint(t, l, 0, "Susan Miller")
	check("two of them")
	if n := len(contact(t, l, time.Time{}, susan).Meetings); n != 0 {
		t.Errorf("%d meetings, want none", n)
	}
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 1, "Coffee w/ Susan Miller", "")))
	check("retitled", "Susan Miller")
	other := me
	other.People = []ledger.Person{{Addresses: []string{address("Susan Miller")}, Name: "Sue Miller"}}
	if err := l.SetMe(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	check("renamed", "Sue Miller")
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 1, "Coffee w/ Susan", "")))
	check("two of them still")
	other.Ignore = []string{susan}
	if err := l.SetMe(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	check("the only Susan now", "Sue Miller")
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 1, "Sue Miller", "")))
	check("retitled again", "Sue Miller")
	appendObjects(t, l, day(0.5), []string{"/1.ics"})
	check("deleted before its start")
}

// A name that two addresses share is clear once they are one person's.
func TestMergedBearersOfAName(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > Bo_Lind=bo@example.org Bo_Lind=bo@example.net", "Hi"))
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 1, "Lunch with Bo Lind", "")))
	unsure, err := l.AmbiguousNames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(unsure) != 1 || len(unsure[0].Contacts) != 2 || unsure[0].Title != "Lunch with Bo Lind" || !unsure[0].At.Equal(day(1)) {
		t.Errorf("AmbiguousNames() = %+v, want the lunch with two", unsure)
	}
	one := me
	one.People = []ledger.Person{{Addresses: []string{"bo@example.org", "bo@example.net"}}}
	if err := l.SetMe(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if got := contact(t, l, time.Time{}, "bo@example.org"); got.Met != 1 {
		t.Errorf("met = %d, want 1", got.Met)
	}
	if unsure, err = l.AmbiguousNames(t.Context()); err != nil || len(unsure) != 0 {
		t.Errorf("AmbiguousNames() = %+v, %v, want none", unsure, err)
	}
}

func TestAmbiguousNamesView(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > Bo_Lind=bo@example.org Bo_Holm=bo@example.net", "Hi"))
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 1, "Lunch with Bo", "Graz")))
	got := column(t, filepath.Join(dir, "ledger.db"), `SELECT at || ' ' || title || ', ' || location || ' ' || evidence || ' ' ||
		(contacts LIKE '%Bo Lind (p%' AND contacts LIKE '%Bo Holm (p%') FROM ambiguous_names`)
	if diff := cmp.Diff([]string{"2026-03-03 09:00:00 Lunch with Bo, Graz 1 1"}, got); diff != "" {
		t.Errorf("ambiguous_names mismatch (-want +got):\n%s", diff)
	}
}

// Whom an event names rests on the names, never the other way round.
func TestEventChangesNoName(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("a@x", day(-700), "me@example.com > Susan_Hill=susan@example.org", "Hi"),
		mail("b@x", day(-699), "me@example.com > Susan_Hill=susan@example.org", "Hi again"),
		mail("c@x", day(0), "me@example.com > Susan_Hall=susan@example.org", "Hello"))
	event := note("1", 500, "Coffee w/ Susan Hall", "")
	event.KnownAt = day(499)
	appendObjects(t, l, day(510), nil, object("/1.ics", event))
	if got := contact(t, l, day(510), "susan@example.org"); got.Name != "Susan Hall" || got.Met != 1 {
		t.Errorf("%s, met %d times; want Susan Hall, once", got.Name, got.Met)
	}
}

// A nickname on a card is a name, and goes with the card.
func TestNicknameInEvents(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	c := card("c1", "Robert Wu", "rw@example.org")
	c.Nicknames = []string{"Bobby", "Big Bob"}
	appendCards(t, l, day(0), nil, c)
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 1, "Lunch with Bobby", "")), object("/2.ics", note("2", 2, "Big Bob's garden", "")),
		object("/3.ics", note("3", 3, "Bobby", "")))
	want := map[string][]string{"1": {"Robert Wu"}, "2": {"Robert Wu"}}
	if diff := cmp.Diff(want, withWhom(t, l, day(9))); diff != "" {
		t.Errorf("with whom mismatch (-want +got):\n%s", diff)
	}
	c.ETag, c.Nicknames = `"2"`, nil
	appendCards(t, l, day(4), nil, c)
	if diff := cmp.Diff(map[string][]string{}, withWhom(t, l, day(9))); diff != "" {
		t.Errorf("without a nickname: with whom mismatch (-want +got):\n%s", diff)
	}
}

// Whatever somebody is called, they are known by their other names too.
func TestOtherNamesInEvents(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("a@x", day(0), "me@example.com > Sue_Hall=susan.hall@example.org", "Hi"))
	titles := []string{"Lunch with Susan Hall", "Lunch with Sue Hall", "Lunch with Mum", "Lunch with Mama"}
	var objects []ledger.Object
	for i, title := range titles {
		objects = append(objects, object(fmt.Sprintf("/%d.ics", i), note(fmt.Sprint(i), 1, title, "")))
	}
	appendObjects(t, l, day(5), nil, objects...)
	check := func(what, name string, events ...string) {
		t.Helper()
		want := map[string][]string{}
		for _, uid := range events {
			want[uid] = []string{name}
		}
		if diff := cmp.Diff(want, withWhom(t, l, time.Time{})); diff != "" {
			t.Errorf("%s: with whom mismatch (-want +got):\n%s", what, diff)
		}
	}
	check("mail alone", "Sue Hall", "0", "1")
	appendCards(t, l, day(2), nil, card("c1", "Mum", "susan.hall@example.org"))
	check("a card", "Mum", "0", "1", "2")
	named := me
	named.People = []ledger.Person{{Addresses: []string{"susan.hall@example.org"}, Name: "Mama"}}
	setMe(t, l, named)
	check("a configured name", "Mama", "0", "1", "2", "3")
	named.Name = "Sue Hall" // mine
	setMe(t, l, named)
	check("my own name", "Mama", "0", "2", "3")
}

// Who has an address and a card is known by the address, whatever becomes of
// the card.
func TestFaceOfACardedContact(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	check := func(want string) {
		t.Helper()
		if got := contact(t, l, time.Time{}, "zoe@example.org").LastMet.Address; got != want {
			t.Errorf("met as %q, want %q", got, want)
		}
	}
	appendObjects(t, l, day(5), nil, object("/1.ics", note("1", 1, "Coffee w/ Zoe Hall", "")))
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > Zoe_Hall=zoe@example.org", "Hi"))
	appendCards(t, l, day(2), nil, card("c1", "Zoe Hall", "zoe@example.org"))
	check("zoe@example.org")
	appendCards(t, l, day(3), nil, card("c1", "Zoe Hall", "zoe@example.org", "zoe@example.net"))
	check("zoe@example.net")
	appendCards(t, l, day(4), []string{"/cards/c1.vcf"})
	check("zoe@example.org")
}
