package ledger_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

var book = ledger.SourceID{Account: "work", Type: ledger.AddressBook, Name: "https://dav.example.com/cards/"}

func card(uid, name string, addresses ...string) ledger.Card {
	return ledger.Card{Href: "/cards/" + uid + ".vcf", ETag: `"1"`, UID: uid, Name: name, Addresses: addresses}
}

func appendCards(t *testing.T, l *ledger.Ledger, at time.Time, gone []string, cards ...ledger.Card) {
	t.Helper()
	b := ledger.Batch{Source: book, At: at, Cards: cards, Gone: gone, Cursor: ledger.Cursor{SyncToken: "1", Complete: true}}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatalf("Append() = %v", err)
	}
}

func setMe(t *testing.T, l *ledger.Ledger, who ledger.Me) {
	t.Helper()
	if err := l.SetMe(t.Context(), who); err != nil {
		t.Fatalf("SetMe() = %v", err)
	}
}

// who lists the contacts, each as its name and addresses.
func who(t *testing.T, l *ledger.Ledger) []string {
	t.Helper()
	out := []string{}
	for _, c := range snapshot(t, l, time.Time{}).Contacts {
		out = append(out, strings.TrimSpace(c.Name+": "+strings.Join(c.Addresses, " ")))
	}
	slices.Sort(out)
	return out
}

func sameContacts(t *testing.T, l *ledger.Ledger, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), who(t, l)); diff != "" {
		t.Errorf("contacts mismatch (-want +got):\n%s", diff)
	}
}

func TestCardsMakeAndJoinContacts(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("a@x", day(0), "me@example.com > Ana=ana@example.org", "Hi"),
		mail("b@x", day(1), "me@example.com > Ana=ana@example.net", "Hi again"))
	sameContacts(t, l, "Ana: ana@example.net", "Ana: ana@example.org")
	appendCards(t, l, day(2), nil,
		card("1", "Ana Lima", "ana@example.org", "ana.lima@example.net"),
		card("2", "Ana L.", "ana.lima@example.net", "ana@example.net"),
		card("3", "Bob Wu"),
		ledger.Card{Href: "/cards/5.vcf", ETag: `"1"`, UID: "5", Name: "Pizza Roma", Addresses: []string{"info@example.org"}, Members: []string{}},
		card("4", "Maria Ey", "me@example.com", "maria@example.net"))
	sameContacts(t, l, "Ana Lima: ana.lima@example.net ana@example.net ana@example.org", "Bob Wu:")
	ana := contact(t, l, time.Time{}, "ana@example.net")
	if ana.Out != 2 || !ana.Carded || !slices.Equal(ana.Cards, []string{"1", "2"}) {
		t.Errorf("Out = %d, Carded = %v, Cards = %v; want 2, true, [1 2]", ana.Out, ana.Carded, ana.Cards)
	}
	// A card that lets an address go splits them again.
	appendCards(t, l, day(3), nil, card("2", "Ana L.", "ana@example.net"))
	sameContacts(t, l, "Ana L.: ana@example.net", "Ana Lima: ana.lima@example.net ana@example.org", "Bob Wu:")
	appendCards(t, l, day(4), []string{"/cards/1.vcf", "/cards/3.vcf"})
	sameContacts(t, l, "Ana L.: ana@example.net", "Ana: ana@example.org")
	known, err := l.Objects(t.Context(), book)
	if diff := cmp.Diff(map[string]string{"/cards/2.vcf": `"1"`, "/cards/4.vcf": `"1"`, "/cards/5.vcf": `"1"`}, known); err != nil || diff != "" {
		t.Errorf("Objects() mismatch, %v (-want +got):\n%s", err, diff)
	}
}

func TestOfficeAddressJoinsNobody(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendCards(t, l, day(0), nil, card("1", "Ana Lima", "ana@example.org", "office@example.org"),
		card("2", "Bob Wu", "bob@example.org", "office@example.org"), card("3", "Shop", "info@example.net"))
	sameContacts(t, l, "Ana Lima: ana@example.org", "Bob Wu: bob@example.org", "Shop: info@example.net")
}

func TestWhatACardSays(t *testing.T) {
	who := me
	who.Circles = []string{"close", "network"}
	l := openLedger(t, t.TempDir(), who)
	appendCards(t, l, day(0), nil, card("1", "Ana Lima", "ana@example.org"))
	ana := card("1", "Ana Lima", "ana@example.org", "a@example.net")
	ana.Birthday, ana.Wedding = planner.DayOf{Month: 5, Day: 12}, planner.DayOf{Year: 2001, Month: 6, Day: 3}
	ana.Groups = []string{"Friends", "Network"}
	bob := card("urn:uuid:2", "Bob Wu", "bob@example.org")
	cara := card("3", "Cara Oh")
	cara.Circle = "network"
	dan := card("4", "dan@example.org", "dan@example.org")
	dan.Circle = "friends" // no such circle
	group := card("5", "Close")
	group.Members = []string{"2", "urn:uuid:3"}
	appendCards(t, l, day(1), nil, ana, bob, cara, dan, group)
	type row struct {
		Name, Circle      string
		Birthday, Wedding planner.DayOf
		NewCard           planner.Evidence
	}
	got := map[string]row{}
	for _, c := range snapshot(t, l, time.Time{}).Contacts {
		got[strings.Join(c.Cards, " ")] = row{c.Name, c.Circle, c.Birthday, c.Wedding, c.NewCard}
	}
	newCard := func(uid, address string) planner.Evidence {
		return planner.Evidence{Type: planner.Card, ID: uid, At: day(1), Address: address, Account: "work"}
	}
	want := map[string]row{
		"1":          {"Ana Lima", "network", ana.Birthday, ana.Wedding, planner.Evidence{}},
		"urn:uuid:2": {"Bob Wu", "close", planner.DayOf{}, planner.DayOf{}, newCard("urn:uuid:2", "bob@example.org")},
		"3":          {"Cara Oh", "network", planner.DayOf{}, planner.DayOf{}, newCard("3", "")},
		"4":          {"", "", planner.DayOf{}, planner.DayOf{}, newCard("4", "dan@example.org")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("contacts mismatch (-want +got):\n%s", diff)
	}
	// The configuration comes before the card.
	who.People = []ledger.Person{{Addresses: []string{"ana@example.org"}, Name: "Ana", Circle: "close"}}
	setMe(t, l, who)
	if c := contact(t, l, time.Time{}, "a@example.net"); c.Name != "Ana" || c.Circle != "close" {
		t.Errorf("Name = %q, Circle = %q; want Ana, close", c.Name, c.Circle)
	}
	// A group that changes moves its members.
	group.Members = []string{"3"}
	appendCards(t, l, day(2), nil, group)
	if c := contact(t, l, time.Time{}, "bob@example.org"); c.Circle != "" {
		t.Errorf("after leaving the group: circle %q", c.Circle)
	}
}

// Whose card is new may have been there before, among others.
func TestSeenBeforeTheCard(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("a@x", day(2), "me@example.com > a@x b@x c@x d@x e@x f@x g@x h@x ana@example.org", "To all of you"))
	appendMail(t, l, inbox, mail("b@x", day(1), "zoe@example.org > me@example.com ; bob@example.org", "Hi"))
	appendCards(t, l, day(3), nil)
	appendCards(t, l, day(4), nil, card("1", "Ana Lima", "ana@example.org"), card("2", "Bob Wu", "bob@example.org"), card("3", "Cara Oh", "cara@example.org"))
	got := map[string]time.Time{}
	for _, c := range snapshot(t, l, time.Time{}).Contacts {
		got[c.Name] = c.SeenAt
		if !c.FirstAt.IsZero() {
			t.Errorf("%s: FirstAt = %v, want none", c.Name, c.FirstAt)
		}
	}
	if diff := cmp.Diff(map[string]time.Time{"Ana Lima": day(2), "Bob Wu": day(1), "Cara Oh": {}}, got); diff != "" {
		t.Errorf("SeenAt mismatch (-want +got):\n%s", diff)
	}
}

func newCards(t *testing.T, l *ledger.Ledger) map[string]time.Time {
	t.Helper()
	out := map[string]time.Time{}
	for _, c := range snapshot(t, l, time.Time{}).Contacts {
		if !c.NewCard.IsZero() {
			out[c.NewCard.ID] = c.NewCard.At
		}
	}
	return out
}

func TestNewCardsAreNewOnce(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	// The first listing comes in two batches.
	first := ledger.Batch{Source: book, At: day(1), Cards: []ledger.Card{card("1", "Ana Lima")}}
	if err := l.Append(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	appendCards(t, l, day(1), nil, card("2", "Bob Wu"))
	appendCards(t, l, day(5), nil, card("3", "Cara Oh", "cara@example.org"))
	want := map[string]time.Time{"3": day(5)}
	expect := func(when string) {
		t.Helper()
		if diff := cmp.Diff(want, newCards(t, l)); diff != "" {
			t.Errorf("%s: new cards mismatch (-want +got):\n%s", when, diff)
		}
	}
	expect("after the listing")
	moved := card("1", "Ana Lima")
	moved.Href = "/elsewhere/1.vcf"
	other := ledger.Batch{Source: book, At: day(6), Cards: []ledger.Card{moved}, Cursor: ledger.Cursor{SyncToken: "1", Complete: true}}
	other.Source.Name = "https://dav.example.com/other/"
	if err := l.Append(t.Context(), other); err != nil {
		t.Fatal(err)
	}
	appendCards(t, l, day(6), []string{"/cards/1.vcf", "/cards/2.vcf"}, card("3", "Cara O'Hara", "cara@example.org", "cara@example.net"))
	appendCards(t, l, day(7), nil, card("2", "Bob Wu"))
	expect("after moving, editing, vanishing and coming back")
	for _, at := range []float64{3, 5} {
		hidden := contact(t, l, day(at), "cara@example.org").Name == ""
		if hidden != (at < 5) {
			t.Errorf("at day %v the card is hidden: %v", at, hidden)
		}
	}
	l.Close()
	text, err := os.ReadFile(filepath.Join(dir, "journal.jsonl"))
	if err != nil || strings.Count(string(text), `"type":"card"`) != 3 || strings.Contains(string(text), "Cara") {
		t.Errorf("journal, %v:\n%s", err, text)
	}
	// With the ledger lost, the journal says what was new when.
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(dir, "ledger.db"+suffix)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	l = openLedger(t, dir, me)
	appendCards(t, l, day(9), nil, card("1", "Ana Lima"), card("2", "Bob Wu"), card("3", "Cara Oh", "cara@example.org"), card("4", "Dan Fox"))
	expect("after a lost ledger")
}

func TestContactWithoutAddress(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendCards(t, l, day(0), nil, card("1", "Ana Lima"))
	appendCards(t, l, day(1), nil, card("uid-2@host", "Susan Hall"))
	p := placement(l, "uid-2@host")
	p.Key = planner.Key{Rule: planner.FirstMeeting, Evidence: "uid-2@host", Who: "uid-2@host"}
	p.UID = planner.UID(l.Instance(), p.Key, 1)
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	d, err := l.Contact(t.Context(), "susan hall")
	if err != nil || len(d.Addresses) != 0 || d.Cards[0] != "uid-2@host" {
		t.Fatalf("Contact() = %+v, %v", d, err)
	}
	if s := snapshot(t, l, time.Time{}); len(s.Open) != 1 || s.Open[0].Contact != d.ID {
		t.Errorf("Open = %+v, want it to be of %s", s.Open, d.ID)
	}
	if err := l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideDone, UID: p.UID, At: day(2)}}); err != nil {
		t.Fatal(err)
	}
	check := func(when string, addresses int) {
		t.Helper()
		d, err := l.Contact(t.Context(), "Susan Hall")
		if err != nil || !d.LastOut.Equal(day(2)) || !d.Reported || len(d.Addresses) != addresses || len(d.Timeline) != 1 {
			t.Errorf("%s: Contact() = %+v, %v; want a word on %v", when, d, err, day(2))
		}
	}
	check("after done", 0)
	for _, c := range snapshot(t, l, time.Time{}).Contacts {
		if c.Name == "Susan Hall" && c.LastOut.Address != "uid-2@host" {
			t.Errorf("LastOut.Address = %q, want the card's UID", c.LastOut.Address)
		}
	}
	// An address that is written onto the card later changes nothing of it.
	appendCards(t, l, day(3), nil, card("uid-2@host", "Susan Hall", "susan@example.org"))
	check("with an address", 1)
	if s := snapshot(t, l, time.Time{}); len(s.Ended) != 1 || s.Ended[0].Outcome != planner.Done {
		t.Errorf("Ended = %+v", s.Ended)
	}
	for r, err := range l.Interactions(t.Context()) {
		if err != nil || len(r.Addresses) != 0 || len(r.Contacts) != 1 {
			t.Errorf("interaction %+v, %v", r, err)
		}
	}
}

// Whose only card is deleted is nobody, whatever was said of them, until it is
// back.
func TestWithoutAddressAndCard(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendCards(t, l, day(0), nil, card("1", "Ana Lima"))
	appendCards(t, l, day(1), nil, card("2", "Susan Hall"))
	p := placement(l, "2")
	p.Key = planner.Key{Rule: planner.FirstMeeting, Evidence: "2", Who: "2"}
	p.UID = planner.UID(l.Instance(), p.Key, 1)
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	if err := l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideDone, UID: p.UID, At: day(2)}}); err != nil {
		t.Fatal(err)
	}
	listed := func() (names []string) {
		t.Helper()
		for c, err := range l.Contacts(t.Context(), true) {
			if err != nil {
				t.Fatal(err)
			}
			names = append(names, c.Name)
		}
		slices.Sort(names)
		return names
	}
	appendCards(t, l, day(3), []string{"/cards/2.vcf"})
	sameContacts(t, l, "Ana Lima:")
	if diff := cmp.Diff([]string{"Ana Lima"}, listed()); diff != "" {
		t.Errorf("Contacts() mismatch (-want +got):\n%s", diff)
	}
	appendCards(t, l, day(4), nil, card("2", "Susan Hall"))
	sameContacts(t, l, "Ana Lima:", "Susan Hall:")
	if d, err := l.Contact(t.Context(), "Susan Hall"); err != nil || !d.Reported {
		t.Errorf("Contact() = %+v, %v, want a word that was reported", d, err)
	}
}

func TestNotSameAs(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org bob@example.org bo@example.net", "Hi"))
	appendCards(t, l, day(1), nil, card("1", "Ana and Bob", "ana@example.org", "bob@example.org", "both@example.org"),
		card("2", "Bob Wu", "bob@example.org", "bo@example.net"))
	sameContacts(t, l, "Ana and Bob: ana@example.org bo@example.net bob@example.org both@example.org")
	split := me
	split.People = []ledger.Person{{Addresses: []string{"ana@example.org"}, Name: "Ana Lima", Apart: []string{"bob@example.org"}}}
	setMe(t, l, split)
	sameContacts(t, l, "Ana Lima: ana@example.org both@example.org", "Bob Wu: bo@example.net bob@example.org")
	for address, want := range map[string]string{"ana@example.org": "bob@example.org", "bo@example.net": "ana@example.org"} {
		if got := contact(t, l, time.Time{}, address).Apart; !slices.Equal(got, []string{want}) {
			t.Errorf("Apart of %s = %v, want %s", address, got, want)
		}
	}
	// Another card that ties them does not overrule it.
	appendCards(t, l, day(2), nil, card("3", "All", "bo@example.net", "both@example.org"))
	sameContacts(t, l, ": bob@example.org", "Ana Lima: ana@example.org bo@example.net both@example.org")
	setMe(t, l, me)
	sameContacts(t, l, "Ana and Bob: ana@example.org bo@example.net bob@example.org both@example.org")
}

// Two people may be tied by a third whom the configuration also speaks of.
func TestNotSameAsByWayOfAnother(t *testing.T) {
	who := me
	who.People = []ledger.Person{
		{Addresses: []string{"ana@example.org"}, Apart: []string{"bob@example.org"}},
		{Addresses: []string{"dan@example.org"}, Apart: []string{"cara@example.org"}},
	}
	l := openLedger(t, t.TempDir(), who)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > bob@example.org", "Hi"))
	appendCards(t, l, day(1), nil, card("1", "Ana Lima", "ana@example.org", "cara@example.org"),
		card("2", "", "cara@example.org", "bob@example.org"))
	sameContacts(t, l, ": bob@example.org", ": dan@example.org", "Ana Lima: ana@example.org cara@example.org")
}
