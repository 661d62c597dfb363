package ledger_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/ledger"
	header "syncd/internal/mail"
	"syncd/internal/planner"
	"syncd/internal/text"
)

// home is the mailbox of a second account.
var home = ledger.SourceID{Account: "home", Type: ledger.Mailbox, Name: "INBOX"}

// world draws batches as several mailboxes and a calendar would give them: the
// same messages in several places and under several names, threads, noise,
// forgeries, meetings.
func world(t *rapid.T) []ledger.Batch {
	boxes := map[ledger.SourceID][]ledger.Mail{}
	addresses := []string{
		"me@example.com", "me+tag@example.com", "mine@example.org", "ana@example.org", "Ana@Example.net", "bob@example.net",
		"colleague@example.com", "j.doe@gmail.com", "jdoe@gmail.com", "list@lists.example.org",
	}
	names := []string{"", "Maria Ey", "Ana Lima", "Bob Wu", "Kim Oh"}
	subjects := []string{"", "Hello", "Lunch?", "Re: Hello", "Fwd: Hello", "Re: Lunch?", "Accepted: Talk u0", "Invitation: TALK U1"}
	address := rapid.SampledFrom(addresses)
	n := rapid.IntRange(1, 30).Draw(t, "messages")
	for i := range n {
		from := address.Draw(t, "from")
		m := ledger.Mail{
			UID: uint32(i + 1), ID: fmt.Sprintf("m%d@x", rapid.IntRange(0, 20).Draw(t, "id")),
			At:      day(float64(rapid.IntRange(0, 400).Draw(t, "hours")) / 8),
			Subject: rapid.SampledFrom(subjects).Draw(t, "subject"),
			People:  []ledger.Participant{{Address: strings.ToLower(from), Name: rapid.SampledFrom(names).Draw(t, "name"), Role: ledger.RoleFrom}},
		}
		for range rapid.IntRange(0, 3).Draw(t, "recipients") {
			role := rapid.SampledFrom([]ledger.Role{ledger.RoleTo, ledger.RoleTo, ledger.RoleCc, ledger.RoleBcc}).Draw(t, "role")
			m.People = append(m.People, ledger.Participant{Address: strings.ToLower(address.Draw(t, "to")), Role: role})
		}
		for range rapid.IntRange(0, 2).Draw(t, "refs") {
			m.Refs = append(m.Refs, fmt.Sprintf("m%d@x", rapid.IntRange(0, 25).Draw(t, "ref")))
		}
		m.Topic, m.Reply = header.Topic(m.Subject)
		if title, ok := strings.CutPrefix(m.Subject, "Accepted: "); ok {
			m.Invite = title
		} else if title, ok := strings.CutPrefix(m.Subject, "Invitation: "); ok {
			m.Invite = title
		}
		m.Fingerprint = fmt.Sprint(m.At, m.Subject, m.People)
		for _, s := range []ledger.SourceID{inbox, sent, home} {
			if !rapid.Bool().Draw(t, "copy") {
				continue
			}
			c := m
			c.Delivered = s != sent
			if rapid.IntRange(0, 5).Draw(t, "other id") == 0 {
				c.ID = "other-" + m.ID
			}
			if s == sent && rapid.IntRange(0, 3).Draw(t, "hidden") == 0 {
				hidden := ledger.Participant{Address: strings.ToLower(address.Draw(t, "bcc")), Role: ledger.RoleBcc}
				c.People = append(slices.Clone(c.People), hidden)
			}
			if rapid.IntRange(0, 5).Draw(t, "noise") == 0 {
				c.Noise = rapid.SampledFrom([]string{"list-id", "auto-submitted", "report"}).Draw(t, "reason")
			}
			if rapid.IntRange(0, 9).Draw(t, "list") == 0 {
				c.Lists = []string{"list@lists.example.org"}
			}
			boxes[s] = append(boxes[s], c)
		}
	}
	var out []ledger.Batch
	for _, s := range []ledger.SourceID{inbox, sent, home} {
		for c := range slices.Chunk(boxes[s], 4) {
			out = append(out, ledger.Batch{
				Source: s, At: day(60), Sent: s == sent, Mail: c,
				Cursor: ledger.Cursor{UIDValidity: 1, Highest: 9, Lowest: 1, Complete: rapid.Bool().Draw(t, "complete")},
			})
		}
	}
	return slices.Concat(out, meetings(t, addresses), addressBooks(t, addresses))
}

// addressBooks draws what two address books of few cards say one time after the
// other: cards that share addresses or a UID, that change, vanish and return.
func addressBooks(t *rapid.T, addresses []string) (out []ledger.Batch) {
	lower := make([]string, len(addresses))
	for i, a := range addresses {
		lower[i] = strings.ToLower(a)
	}
	names := rapid.SampledFrom([]string{"", "Ana Lima", "Bob Wu", "me@example.com"})
	for i := range rapid.IntRange(0, 5).Draw(t, "card batches") {
		b := ledger.Batch{Source: book, At: day(float64(50 + i)), Cursor: ledger.Cursor{SyncToken: "1", Complete: rapid.Bool().Draw(t, "listed")}}
		b.Source.Name += rapid.SampledFrom([]string{"a", "b"}).Draw(t, "book")
		for range rapid.IntRange(0, 3).Draw(t, "cards") {
			uid := fmt.Sprint("c", rapid.IntRange(0, 3).Draw(t, "uid"))
			c := card(uid, names.Draw(t, "card name"))
			c.Addresses = rapid.SliceOfNDistinct(rapid.SampledFrom(lower), 0, 3, rapid.ID[string]).Draw(t, "on the card")
			c.Nicknames = rapid.SampledFrom([][]string{nil, {"Ana"}, {"Bob", "Kim Oh"}}).Draw(t, "nicknames")
			c.Groups = rapid.SampledFrom([][]string{nil, {"Close"}, {"other"}}).Draw(t, "categories")
			if rapid.IntRange(0, 5).Draw(t, "group") == 0 {
				c.Name, c.Addresses, c.Members = "network", nil, []string{"c0", "urn:uuid:c1"}
			}
			b.Cards = append(b.Cards, c)
		}
		if rapid.IntRange(0, 2).Draw(t, "gone") == 0 {
			b.Gone = append(b.Gone, fmt.Sprintf("/cards/c%d.vcf", rapid.IntRange(0, 3).Draw(t, "href")))
		}
		out = append(out, b)
	}
	return out
}

// configuration draws what a user may say of people.
func configuration(t *rapid.T) ledger.Me {
	who := me
	who.Circles = []string{"close", "network"}
	address := rapid.SampledFrom([]string{"ana@example.org", "ana@example.net", "bob@example.net", "jdoe@gmail.com", "colleague@example.com"})
	for range rapid.IntRange(0, 3).Draw(t, "contacts") {
		p := ledger.Person{
			Addresses: rapid.SliceOfNDistinct(address, 1, 2, rapid.ID[string]).Draw(t, "addresses"),
			Apart:     rapid.SliceOfNDistinct(address, 0, 1, rapid.ID[string]).Draw(t, "not same as"),
			Circle:    rapid.SampledFrom([]string{"", "close"}).Draw(t, "circle"),
			Ignored:   rapid.IntRange(0, 3).Draw(t, "ignored") == 0,
		}
		who.People = append(who.People, p)
	}
	who.Ignore = rapid.SampledFrom([][]string{nil, nil, {"*@example.net"}, {"bob@example.net", "j*@gmail.com"}}).Draw(t, "ignore")
	who.IgnoreFolders = rapid.SampledFrom([][]string{nil, nil, {"s?nt"}, {"IN*"}}).Draw(t, "ignored folders")
	return who
}

// retold says once more of some mailboxes what they are for, and not always what
// was said before.
func retold(t *rapid.T) (out []ledger.Batch) {
	for range rapid.IntRange(0, 3).Draw(t, "retold") {
		b := ledger.Batch{
			Source: rapid.SampledFrom([]ledger.SourceID{inbox, sent, home}).Draw(t, "mailbox"), At: day(60),
			Cursor: ledger.Cursor{UIDValidity: 1, Highest: 9, Lowest: 1, Complete: rapid.Bool().Draw(t, "complete")},
		}
		b.Use = rapid.SampledFrom([]string{"", "sent", "all", "archive"}).Draw(t, "use")
		b.Sent = b.Use == "sent"
		out = append(out, b)
	}
	return out
}

// misled gives batches of which some say something else of what their mailbox is
// for than the last one does.
func misled(t *rapid.T, batches []ledger.Batch) []ledger.Batch {
	out := slices.Clone(batches)
	for i := range out {
		if out[i].Source.Type == ledger.Mailbox && rapid.IntRange(0, 3).Draw(t, "misled") == 0 {
			out[i].Sent = !out[i].Sent
		}
	}
	for _, s := range []ledger.SourceID{inbox, sent, home} {
		if i := slices.IndexFunc(batches, func(b ledger.Batch) bool { return b.Source == s }); i >= 0 {
			last := batches[i]
			last.Mail = nil
			out = append(out, last)
		}
	}
	return out
}

// notes draws events of the user's own that may name somebody, and a batch that
// ends the reading of mail: until then nobody is looked for.
func notes(t *rapid.T) (out []ledger.Batch) {
	titles := []string{"Coffee w/ Ana", "Kim Oh", "Bob Wu and Kim Oh", "Call Bob", "Lunch", "Maria Ey"}
	for i := range rapid.IntRange(0, 4).Draw(t, "notes") {
		m := note(fmt.Sprint("n", i), float64(rapid.IntRange(0, 120).Draw(t, "day")), rapid.SampledFrom(titles).Draw(t, "title"), "")
		source := cal
		source.Name += rapid.SampledFrom([]string{"a", "b"}).Draw(t, "calendar")
		out = append(out, ledger.Batch{
			Source: source, At: day(60), Cursor: ledger.Cursor{SyncToken: "1", Complete: true},
			Objects: []ledger.Object{object(fmt.Sprintf("/n%d.ics", i), m)},
		})
	}
	return out
}

var allRead = ledger.Batch{Source: inbox, At: day(60), Cursor: ledger.Cursor{UIDValidity: 1, Highest: 9, Lowest: 1, Complete: true}}

func meetings(t *rapid.T, addresses []string) (out []ledger.Batch) {
	for i := range rapid.IntRange(0, 4).Draw(t, "meetings") {
		m := meeting(fmt.Sprint("u", i), float64(rapid.IntRange(0, 120).Draw(t, "day")), "")
		m.People = nil
		seen := map[string]bool{}
		for j := range rapid.IntRange(0, 4).Draw(t, "people") {
			a := strings.ToLower(rapid.SampledFrom(addresses).Draw(t, "person"))
			if seen[a] {
				continue
			}
			seen[a] = true
			p := ledger.Participant{Address: a, Role: ledger.RoleAttendee, Status: rapid.SampledFrom([]string{"ACCEPTED", "DECLINED", "NEEDS-ACTION"}).Draw(t, "status")}
			if j == 0 && rapid.Bool().Draw(t, "organised") {
				p.Role = ledger.RoleOrganizer
			}
			m.People = append(m.People, p)
		}
		if rapid.IntRange(0, 3).Draw(t, "retitled") == 0 {
			m.Title = "Hello"
		}
		for range rapid.IntRange(1, 2).Draw(t, "copies") {
			source := cal
			source.Name += rapid.SampledFrom([]string{"a", "b"}).Draw(t, "calendar")
			out = append(out, ledger.Batch{
				Source: source, At: day(60), Cursor: ledger.Cursor{SyncToken: "1", Complete: true},
				Objects: []ledger.Object{object(fmt.Sprintf("/%d.ics", i), m)},
			})
		}
	}
	return out
}

// vanished takes some of the meetings away again, and with what lay ahead what
// followed from it.
func vanished(t *rapid.T) (out []ledger.Batch) {
	for i := range rapid.IntRange(0, 2).Draw(t, "vanished") {
		source := cal
		source.Name += rapid.SampledFrom([]string{"a", "b"}).Draw(t, "from")
		out = append(out, ledger.Batch{
			Source: source, At: day(1), Cursor: ledger.Cursor{SyncToken: "2", Complete: true},
			Gone: []string{fmt.Sprintf("/%d.ics", i)},
		})
	}
	return out
}

func freshLedger(t *rapid.T, batches []ledger.Batch) *ledger.Ledger {
	who := me
	who.People = []ledger.Person{{Addresses: []string{"ana@example.org", "ana@example.net"}, Circle: "close"}}
	return ledgerOf(t, who, batches)
}

func scratch(t *rapid.T) string {
	dir, err := os.MkdirTemp("", "ledger")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func ledgerOf(t *rapid.T, who ledger.Me, batches []ledger.Batch) *ledger.Ledger {
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: scratch(t), Me: who})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	feed(t, l, batches)
	return l
}

// texts draws what the texts of some mail say: one reading for a message, under
// whatever of its ids.
func texts(t *rapid.T, batches []ledger.Batch) (out []ledger.Reading) {
	seen := map[string]bool{}
	for _, b := range batches {
		for _, m := range b.Mail {
			if seen[m.ID] || rapid.IntRange(0, 2).Draw(t, "unread") == 0 {
				continue
			}
			seen[m.ID] = true
			r := ledger.Reading{ID: m.ID, At: day(60)}
			some := func(name string) bool { return rapid.IntRange(0, 3).Draw(t, name) == 0 }
			r.Known = !some("language")
			if some("asks") {
				r.Asks = []text.Ask{{Sentence: "Which day?", Question: true}}
			}
			for range rapid.IntRange(0, 2).Draw(t, "promises") {
				r.Promises = append(r.Promises, text.Promise{
					Sentence: rapid.SampledFrom([]string{"I will send it.", "I will call."}).Draw(t, "promise"), Sure: !some("unsure"),
				})
			}
			if some("introduces") {
				r.Introduces = "Meet!"
			}
			if some("referral") {
				r.Referral = text.Referral{Sentence: "Somebody said so.", Name: rapid.SampledFrom([]string{"Ana Lima", "Bob", "Kim Oh"}).Draw(t, "referrer")}
			}
			for _, word := range []*string{&r.Gift, &r.Stop, &r.Gone, &r.Delivery} {
				if some("word") {
					*word = "So it is."
				}
			}
			r.Attached, r.Linked = some("attached"), some("linked")
			if some("away") {
				r.Away = text.Away{Until: day(70)}
			}
			if some("dead") {
				r.Dead = []string{"ana@example.org", "bob@example.net"}
			}
			if some("failed") {
				r.Failed = "no such charset"
			}
			out = append(out, r)
		}
	}
	return out
}

// hear tells a ledger of readings, in some order, some at a time and some twice.
func hear(t *rapid.T, l *ledger.Ledger, readings []ledger.Reading) {
	if len(readings) == 0 {
		return
	}
	all := rapid.Permutation(readings).Draw(t, "readings")
	all = append(all, all[:rapid.IntRange(0, len(all)).Draw(t, "heard again")]...)
	for part := range slices.Chunk(all, rapid.IntRange(1, 9).Draw(t, "at a time")) {
		if err := l.Heard(t.Context(), part); err != nil {
			t.Fatal(err)
		}
	}
}

// feedWith is feed with the readings before, between or after the batches.
func feedWith(t *rapid.T, l *ledger.Ledger, batches []ledger.Batch, readings []ledger.Reading) {
	half := rapid.IntRange(0, len(batches)).Draw(t, "before the texts")
	feed(t, l, batches[:half])
	hear(t, l, readings)
	feed(t, l, batches[half:])
}

func feed(t *rapid.T, l *ledger.Ledger, batches []ledger.Batch) {
	for _, b := range batches {
		if err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
}

func configure(t *rapid.T, l *ledger.Ledger, who ledger.Me) {
	if err := l.SetMe(t.Context(), who); err != nil {
		t.Fatal(err)
	}
}

// otherOrder is one in which the sources take other turns. What an address book
// says is the last it said, so its batches keep theirs.
func otherOrder(t *rapid.T, batches []ledger.Batch) []ledger.Batch {
	ofBook := func(b ledger.Batch) bool { return b.Source.Type == ledger.AddressBook }
	other := rapid.Permutation(batches).Draw(t, "order")
	next := 0
	for i := range other {
		if !ofBook(other[i]) {
			continue
		}
		for !ofBook(batches[next]) {
			next++
		}
		other[i] = batches[next]
		next++
	}
	for range rapid.IntRange(0, 3).Draw(t, "repeated") {
		if len(other) > 0 {
			if b := rapid.SampledFrom(batches).Draw(t, "again"); !ofBook(b) {
				other = append(other, b)
			}
		}
	}
	return other
}

func facts(t *rapid.T, l *ledger.Ledger, at time.Time) planner.Snapshot {
	now := at
	if at.IsZero() {
		now = day(60)
	}
	s, err := l.Snapshot(t.Context(), now, at)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func hash(t *rapid.T, l *ledger.Ledger) ledger.Sums {
	h, err := l.Hash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func unsure(t *rapid.T, l *ledger.Ledger) []ledger.AmbiguousName {
	all, err := l.AmbiguousNames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// rows are the interactions that a hash is made of.
func rows(t *rapid.T, l *ledger.Ledger) map[string]ledger.InteractionRow {
	out := map[string]ledger.InteractionRow{}
	for r, err := range l.Interactions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		r.Supersedes = ""
		out[string(r.Kind)+" "+r.Evidence.ID] = r
	}
	return out
}

func TestSummariesEqualRebuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batches := slices.Concat(world(t), vanished(t), retold(t))
		var readings []ledger.Reading
		if rapid.Bool().Draw(t, "with names") {
			batches = append(append(batches, notes(t)...), allRead)
			readings = texts(t, batches)
		}
		half := rapid.IntRange(0, len(batches)).Draw(t, "before another configuration")
		l := ledgerOf(t, configuration(t), nil)
		feedWith(t, l, batches[:half], readings)
		configure(t, l, configuration(t))
		feed(t, l, batches[half:])
		at := day(float64(rapid.IntRange(-1, 130).Draw(t, "at")))
		whole, then, before := facts(t, l, time.Time{}), facts(t, l, at), hash(t, l)
		was := rows(t, l)
		if err := l.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(facts(t, l, time.Time{}), whole); diff != "" {
			t.Errorf("Snapshot() mismatch (-rebuilt +kept):\n%s", diff)
		}
		again := facts(t, l, at)
		again.Until, then.Until = time.Time{}, time.Time{} // may count on what is hidden: then it only wakes early
		if diff := cmp.Diff(again, then); diff != "" {
			t.Errorf("Snapshot(%v) mismatch (-rebuilt +kept):\n%s", at, diff)
		}
		if after := hash(t, l); after != before {
			t.Errorf("Hash() depends on Rebuild (-kept +rebuilt):\n%s", cmp.Diff(was, rows(t, l)))
		}
	})
}

// rescan gives the batches as a scan of the same servers would after a rebuild of
// the mailboxes: the messages under other UIDs and in other batches, and those in
// another order.
func rescan(t *rapid.T, batches []ledger.Batch) (out []ledger.Batch) {
	all := map[ledger.SourceID]*ledger.Batch{}
	for _, b := range batches {
		switch {
		case b.Source.Type != ledger.Mailbox:
			out = append(out, b)
			continue
		case all[b.Source] == nil:
			all[b.Source] = &b
		default:
			b.Mail = slices.Concat(all[b.Source].Mail, b.Mail)
			all[b.Source] = &b
		}
	}
	for _, s := range []ledger.SourceID{inbox, sent, home} {
		if all[s] == nil {
			continue
		}
		mail := rapid.Permutation(all[s].Mail).Draw(t, "mail")
		for i := range mail {
			mail[i].UID = uint32(1000 + i)
		}
		for c := range slices.Chunk(mail, rapid.IntRange(1, 6).Draw(t, "chunk")) {
			b := *all[s]
			b.Mail = c
			out = append(out, b)
		}
	}
	return out
}

// exported is what the commands show of a ledger.
type exported struct {
	Interactions []ledger.InteractionRow
	Contacts     []ledger.ContactRow
}

func export(t *rapid.T, l *ledger.Ledger) (e exported) {
	for r, err := range l.Interactions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		e.Interactions = append(e.Interactions, r)
	}
	for c, err := range l.Contacts(t.Context(), true) {
		if err != nil {
			t.Fatal(err)
		}
		e.Contacts = append(e.Contacts, c)
	}
	return e
}

func TestOrderAndRepetitionDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batches, who := append(world(t), notes(t)...), configuration(t)
		readings := texts(t, batches)
		a, b := ledgerOf(t, who, nil), ledgerOf(t, who, nil)
		feed(t, a, append(batches, allRead))
		hear(t, a, readings)
		feedWith(t, b, append(misled(t, otherOrder(t, rescan(t, batches))), allRead), readings)
		if diff := cmp.Diff(facts(t, a, time.Time{}).Contacts, facts(t, b, time.Time{}).Contacts); diff != "" {
			t.Errorf("contacts mismatch (-one order +another):\n%s", diff)
		}
		if diff := cmp.Diff(export(t, a), export(t, b)); diff != "" {
			t.Errorf("export mismatch (-one order +another):\n%s", diff)
		}
		if hash(t, a) != hash(t, b) {
			t.Errorf("Hash() depends on the order of arrival (-one order +another):\n%s", cmp.Diff(rows(t, a), rows(t, b)))
		}
		if diff := cmp.Diff(unsure(t, a), unsure(t, b)); diff != "" {
			t.Errorf("AmbiguousNames() mismatch (-one order +another):\n%s", diff)
		}
	})
}

// A configuration says of what was read before it what it says of what comes
// after, and takes nothing away for good.
func TestConfigurationMayChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		batches, before, who := world(t), configuration(t), configuration(t)
		b := ledgerOf(t, before, otherOrder(t, batches))
		configure(t, b, who)
		// What was not stored is read anew, and nothing else.
		again := map[ledger.SourceID]bool{}
		for _, batch := range batches {
			c, err := b.Cursor(t.Context(), batch.Source)
			if err != nil {
				t.Fatal(err)
			}
			again[batch.Source] = batch.Source.Type == ledger.Mailbox && c.Highest == 0
		}
		for _, batch := range batches {
			if again[batch.Source] {
				feed(t, b, []ledger.Batch{batch})
			}
		}
		a := ledgerOf(t, who, batches)
		was, is := facts(t, a, time.Time{}).Contacts, facts(t, b, time.Time{}).Contacts
		for _, all := range [][]planner.Contact{was, is} {
			for i := range all {
				all[i].Addresses = nil // a spelling may be known from what is ignored now
			}
		}
		if diff := cmp.Diff(was, is); diff != "" {
			t.Errorf("contacts mismatch (-from the start +after a change):\n%s", diff)
		}
		if diff := cmp.Diff(rows(t, a), rows(t, b)); diff != "" {
			t.Errorf("interactions mismatch (-from the start +after a change):\n%s", diff)
		}
	})
}

// What a snapshot says of a time must not depend on what came later.
func TestLaterMailChangesNoEarlierSnapshot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var early, late []ledger.Batch
		at := day(float64(rapid.IntRange(1, 50).Draw(t, "at")))
		for _, b := range world(t) {
			if b.Source.Type != ledger.Mailbox {
				continue
			}
			for i := range b.Mail {
				b.Mail[i].Refs = nil // a later mail may join two threads
				b.Mail[i].Lists = nil
				b.Mail[i].Noise = ""
				b.Mail[i].ID = fmt.Sprintf("%s-%d", b.Mail[i].ID, b.Mail[i].At.Unix())
				for j := range b.Mail[i].People {
					b.Mail[i].People[j].Name = ""
				}
			}
			b.Cursor.Complete = true
			late = append(late, b)
			e := b
			e.Mail = slices.DeleteFunc(slices.Clone(b.Mail), func(m ledger.Mail) bool { return m.At.After(at) })
			early = append(early, e)
		}
		want, got := facts(t, freshLedger(t, early), at), facts(t, freshLedger(t, late), at)
		for _, s := range []planner.Snapshot{want, got} {
			for i := range s.Contacts {
				s.Contacts[i].Addresses = nil // spelled differently later
			}
		}
		if diff := cmp.Diff(want.Contacts, got.Contacts); diff != "" {
			t.Errorf("contacts at %v mismatch (-without +with what came later):\n%s", at, diff)
		}
	})
}
