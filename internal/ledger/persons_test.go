package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// keys are the first meetings that a plan holds, whether to be written or held.
func keys(t *testing.T, l *ledger.Ledger, at time.Time) []string {
	t.Helper()
	s := snapshot(t, l, at)
	s.FirstRunAt, s.Whole = day(0), true
	r := planner.Plan(s, planner.DefaultPolicy(), at)
	out := []string{}
	for _, f := range r.FollowUps {
		out = append(out, f.Key.String())
	}
	for _, h := range r.Held {
		out = append(out, h.Key.String())
	}
	out = slices.DeleteFunc(out, func(k string) bool { return !strings.HasPrefix(k, "first-meeting|") })
	slices.Sort(out)
	return slices.Compact(out)
}

func everything(t *testing.T, l *ledger.Ledger) (all []any) {
	t.Helper()
	for r, err := range l.Interactions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	for r, err := range l.FollowUps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	for r, err := range l.Contacts(t.Context(), true) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return append(all, snapshot(t, l, time.Time{}).Ended)
}

// Two addresses are merged, follow-ups end meanwhile, and they are split again.
func TestMergeAndSplitKeepEveryKey(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("q@x", day(1), "me@example.com > Ana_Lima=ana@example.org", "Lunch?"),
		mail("w@x", day(-9), "me@example.com > Ana_L=ana@example.net", "Hello"))
	appendMail(t, l, inbox, mail("r@x", day(1), "Ana_L=ana@example.net > me@example.com", "A question"))
	appendObjects(t, l, day(0), nil, object("/1.ics", meeting("m", 2, "!me@example.com ana@example.org/ACCEPTED ana@example.net/ACCEPTED")))
	at := day(3)
	apart := []string{"first-meeting|m|ana@example.net|", "first-meeting|m|ana@example.org|"}
	if diff := cmp.Diff(apart, keys(t, l, at)); diff != "" {
		t.Fatalf("apart: keys mismatch (-want +got):\n%s", diff)
	}
	merged := me
	merged.People = []ledger.Person{{Addresses: []string{"ana@example.org", "ana@example.net"}}}
	setMe(t, l, merged)
	if diff := cmp.Diff(apart[:1], keys(t, l, at)); diff != "" {
		t.Fatalf("merged: keys mismatch (-want +got):\n%s", diff)
	}
	// What ends as one address's ends for the other too, as long as they are one.
	p := placement(l, "m")
	p.Key = planner.Key{Rule: planner.FirstMeeting, Evidence: "m", Who: "ana@example.org"}
	p.UID = planner.UID(l.Instance(), p.Key, 1)
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	before := everything(t, l)
	setMe(t, l, me)
	setMe(t, l, merged)
	if diff := cmp.Diff(before, everything(t, l)); diff != "" {
		t.Errorf("split and merged again: mismatch (-before +after):\n%s", diff)
	}
	if err := l.End(t.Context(), p.UID, planner.End{Outcome: planner.Expired}, at); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{}, keys(t, l, at)); diff != "" {
		t.Errorf("ended: keys mismatch (-want +got):\n%s", diff)
	}
	setMe(t, l, me)
	if diff := cmp.Diff(apart[:1], keys(t, l, at)); diff != "" {
		t.Errorf("split: keys mismatch (-want +got):\n%s", diff)
	}
	split := everything(t, l)
	// A card merges as the configuration does, and undoes it as well.
	appendCards(t, l, day(3), nil, card("1", "Ana Lima", "ana@example.org", "ana@example.net"))
	if diff := cmp.Diff([]string{}, keys(t, l, at)); diff != "" {
		t.Errorf("merged by a card: keys mismatch (-want +got):\n%s", diff)
	}
	appendCards(t, l, day(3), []string{"/cards/1.vcf"})
	if diff := cmp.Diff(split, everything(t, l)); diff != "" {
		t.Errorf("the card taken away: mismatch (-before +after):\n%s", diff)
	}
}

func TestIgnoredLeaveNoTrace(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	news := ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: "N&AOQ-chstes/2026"}
	listing := []ledger.Listed{{Name: "INBOX", Title: "INBOX"}, {Name: "Sent", Title: "Sent"}, {Name: news.Name, Title: "Nächstes/2026"}}
	if err := l.SetListing(t.Context(), ledger.SourceID{Account: "work", Type: ledger.Mailbox}, listing); err != nil {
		t.Fatal(err)
	}
	ids := func() []string {
		out := []string{}
		for r, err := range l.Interactions(t.Context()) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r.Evidence.ID)
		}
		slices.Sort(out)
		return out
	}
	feed := func(n string) {
		appendMail(t, l, sent, mail("s"+n, day(1), "me@example.com > shop@example.net", "Order "+n),
			mail("b"+n, day(2), "me@example.com > bob@example.org ; shop@example.net", "Look "+n))
		appendMail(t, l, inbox, mail("r"+n, day(3), "bob@example.org > me@example.com", "Mail "+n))
		appendMail(t, l, news, mail("n"+n, day(4), "cara@example.org > me@example.com", "News "+n),
			mail("r"+n, day(3), "bob@example.org > me@example.com", "Mail "+n))
	}
	feed("1")
	appendMail(t, l, sent, mail("c1", day(5), "me@example.com > cara@example.org", "Hi"))
	appendObjects(t, l, day(0), nil, object("/1.ics", meeting("m", 6, "!me@example.com shop@example.net/ACCEPTED")))
	sameContacts(t, l, ": bob@example.org", ": cara@example.org", ": shop@example.net")
	who := me
	who.Ignore, who.IgnoreFolders = []string{"shop@*"}, []string{"nächstes/*"}
	setMe(t, l, who)
	sameContacts(t, l, ": bob@example.org", ": cara@example.org")
	if diff := cmp.Diff([]string{"b1", "c1", "r1"}, ids()); diff != "" {
		t.Errorf("ignored: interactions mismatch (-want +got):\n%s", diff)
	}
	if n := contact(t, l, time.Time{}, "cara@example.org").In; n != 0 {
		t.Errorf("mail in an ignored folder counts: in = %d", n)
	}
	feed("2")
	if diff := cmp.Diff([]string{"b1", "b2", "c1", "r1", "r2"}, ids()); diff != "" {
		t.Errorf("while ignored: interactions mismatch (-want +got):\n%s", diff)
	}
	totals, err := l.Totals(t.Context())
	if err != nil || totals.Noise["ignored"] != 2 {
		t.Errorf("Noise = %v, %v; want 2 ignored", totals.Noise, err)
	}
	for s := range l.Contacts(t.Context(), true) {
		if slices.Contains(s.Addresses, "shop@example.net") {
			t.Error("who is ignored is listed")
		}
	}
	// Less is ignored: what was left out is read anew.
	setMe(t, l, me)
	for s, again := range map[ledger.SourceID]bool{inbox: false, sent: true, news: true} {
		if c, err := l.Cursor(t.Context(), s); err != nil || (c.Highest == 0) != again || c.Complete == again {
			t.Errorf("Cursor(%s) = %+v, %v; read anew: %v", s.Name, c, err, again)
		}
	}
	feed("2")
	if diff := cmp.Diff([]string{"b1", "b2", "c1", "m", "n1", "n2", "r1", "r2", "s1", "s2"}, ids()); diff != "" {
		t.Errorf("no longer ignored: interactions mismatch (-want +got):\n%s", diff)
	}
	if totals, err := l.Totals(t.Context()); err != nil || totals.Noise["ignored"] != 0 {
		t.Errorf("Noise = %v, %v; want none", totals.Noise, err)
	}
}

// A [[contact]] that is ignored is so with all addresses of the card.
func TestIgnoredContactWithItsCard(t *testing.T) {
	who := me
	who.People = []ledger.Person{{Addresses: []string{"shop@example.net"}, Ignored: true}}
	l := openLedger(t, t.TempDir(), who)
	appendMail(t, l, sent, mail("a@x", day(1), "me@example.com > orders@example.org", "Order"))
	sameContacts(t, l, ": orders@example.org")
	appendCards(t, l, day(2), nil, card("1", "Shop", "shop@example.net", "orders@example.org"))
	sameContacts(t, l)
	if n, err := l.Totals(t.Context()); err != nil || n.Mail != 0 {
		t.Errorf("Totals() = %+v, %v; want no mail", n, err)
	}
	appendCards(t, l, day(3), nil, card("1", "Shop", "shop@example.net"))
	sameContacts(t, l, ": orders@example.org")
}

func TestOtherDomains(t *testing.T) {
	who := me
	who.Addresses = []string{"me@example.com", "me@example.org", "me@example.net"}
	l := openLedger(t, t.TempDir(), who)
	appendMail(t, l, sent, mail("a@x", day(1), "me@example.com > ana@example.org bob@sub.example.org cara@example.net x@host.example dan@example.com", "Hi"))
	appendCards(t, l, day(2), nil, card("1", "Cara Oh", "cara@example.net", "cara@host.example"), card("2", "Ana Lima", "ana@example.org"))
	got, err := l.OtherDomains(t.Context())
	want := []ledger.OtherDomain{{Domain: "example.net", Contacts: 0}, {Domain: "example.org", Contacts: 2}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("OtherDomains() mismatch, %v (-want +got):\n%s", err, diff)
	}
}

// What the configuration says of a card goes for who has nothing else, and joins
// cards and addresses as addresses do. A card that is not there changes nothing.
func TestContactByCard(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > Ana=ana@example.org", "Hi"))
	appendCards(t, l, day(1), nil, card("B-1*", "Bo Berg"), card("B-2", "Bo B.", "bo@example.net"), card("x@example.org", "Cy"))
	apart := []string{"Ana: ana@example.org", "Bo B.: bo@example.net", "Bo Berg:", "Cy:"}
	sameContacts(t, l, apart...)
	with := func(p ...ledger.Person) {
		t.Helper()
		who := me
		who.People = append(p, ledger.Person{Addresses: []string{"*@example.org"}, Circle: "close"})
		setMe(t, l, who)
	}
	with(ledger.Person{Cards: []string{"B-1*"}, Name: "Boris", Circle: "network", Muted: true})
	sameContacts(t, l, "Ana: ana@example.org", "Bo B.: bo@example.net", "Boris:", "Cy:")
	for _, c := range snapshot(t, l, time.Time{}).Contacts {
		if circle := map[string]string{"Boris": "network", "Ana": "close"}[c.Name]; c.Muted != (c.Name == "Boris") || c.Circle != circle {
			t.Errorf("%s: muted %t, circle %q, want %q", c.Name, c.Muted, c.Circle, circle)
		}
	}
	with(ledger.Person{Cards: []string{"B-1*"}, Ignored: true})
	sameContacts(t, l, "Ana: ana@example.org", "Bo B.: bo@example.net", "Cy:")
	merged := ledger.Person{Cards: []string{"A-0", "B-1*", "B-2"}, Addresses: []string{"ana@example.org"}, Name: "Boris"}
	with(merged)
	sameContacts(t, l, "Boris: ana@example.org bo@example.net", "Cy:")
	appendCards(t, l, day(2), nil, card("A-0", "Bo", "bo2@example.net"))
	sameContacts(t, l, "Boris: ana@example.org bo2@example.net bo@example.net", "Cy:")
	before := everything(t, l)
	if err := l.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, everything(t, l)); diff != "" {
		t.Errorf("after Rebuild() (-want +got):\n%s", diff)
	}
	appendCards(t, l, day(3), []string{"/cards/A-0.vcf"})
	setMe(t, l, me)
	sameContacts(t, l, apart...)
}
