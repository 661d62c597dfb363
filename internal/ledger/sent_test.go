package ledger_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
)

// filed is a batch of n messages that I wrote, and of others that I did not,
// as a folder "Out" that says nothing of its use holds them.
func filed(mine, others int) ledger.Batch {
	b := ledger.Batch{
		Source: ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: "Out"}, At: day(60),
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: uint32(mine + others), Lowest: 1, Complete: true},
	}
	for i := range mine + others {
		m := mail(fmt.Sprintf("f%d@x", i), day(float64(i)/4), "me@example.com > ana@example.org", fmt.Sprint("Note ", i))
		m.UID, m.Delivered = uint32(i+1), i >= mine
		b.Mail = append(b.Mail, m)
	}
	return b
}

func told(name string) ledger.Batch {
	return ledger.Batch{
		Source: ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: name}, At: day(60), Sent: true, SentBy: ledger.SentByName,
		Cursor: ledger.Cursor{UIDValidity: 1, Lowest: 1, Complete: true},
	}
}

// holding is told, with a message of mine in it.
func holding(name string) ledger.Batch {
	b := told(name)
	m := mail("told@x", day(1), "me@example.com > ana@example.org", "Note")
	m.UID = 1
	b.Mail = []ledger.Mail{m}
	return b
}

// sentBy gives the mailboxes that hold sent mail and how that was found out,
// and whether the account counts as having its sent mail found.
func sentBy(t *testing.T, l *ledger.Ledger) (map[string]ledger.SentBy, bool) {
	t.Helper()
	health, err := l.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]ledger.SentBy{}
	for _, h := range health {
		if h.Sent != (h.SentBy != "") {
			t.Errorf("%s: Sent = %v, found by %q", h.Source.Name, h.Sent, h.SentBy)
		}
		if h.Sent {
			out[h.Source.Name] = h.SentBy
		}
	}
	return out, !slices.Contains(snapshot(t, l, time.Time{}).Unsent, "work")
}

func TestSentByContent(t *testing.T) {
	byContent := map[string]ledger.SentBy{"Out": ledger.SentByContent}
	none := map[string]ledger.SentBy{}
	with := func(b ledger.Batch, change func(*ledger.Batch)) ledger.Batch {
		change(&b)
		return b
	}
	for name, test := range map[string]struct {
		batches []ledger.Batch
		want    map[string]ledger.SentBy
	}{
		"four in five":        {[]ledger.Batch{filed(16, 4)}, byContent},
		"fewer":               {[]ledger.Batch{filed(15, 5)}, none},
		"too few messages":    {[]ledger.Batch{filed(19, 0)}, none},
		"drafts":              {[]ledger.Batch{with(filed(30, 0), func(b *ledger.Batch) { b.Use = "drafts" })}, none},
		"inbox":               {[]ledger.Batch{with(filed(30, 0), func(b *ledger.Batch) { b.Source.Name = "Inbox" })}, none},
		"not read to its end": {[]ledger.Batch{with(filed(30, 0), func(b *ledger.Batch) { b.Cursor.Complete = false })}, none},
		"another is told":     {[]ledger.Batch{filed(30, 0), holding("Sent")}, map[string]ledger.SentBy{"Sent": ledger.SentByName}},
		"it is told itself": {
			[]ledger.Batch{with(filed(30, 0), func(b *ledger.Batch) { b.Sent, b.SentBy = true, ledger.SentByName })},
			map[string]ledger.SentBy{"Out": ledger.SentByName},
		},
		"told of another account": {
			[]ledger.Batch{filed(30, 0), with(told("Sent"), func(b *ledger.Batch) { b.Source.Account = "home" })},
			map[string]ledger.SentBy{"Out": ledger.SentByContent, "Sent": ledger.SentByName},
		},
	} {
		t.Run(name, func(t *testing.T) {
			backwards := slices.Clone(test.batches)
			slices.Reverse(backwards)
			var hashes []string
			for _, order := range [][]ledger.Batch{test.batches, backwards} {
				l := openLedger(t, t.TempDir(), me)
				for _, b := range order {
					if err := l.Append(t.Context(), b); err != nil {
						t.Fatal(err)
					}
				}
				for _, when := range []string{"appended", "rebuilt"} {
					got, found := sentBy(t, l)
					if diff := cmp.Diff(test.want, got); diff != "" || found != (len(test.want) > 0) {
						t.Errorf("%s: sent mail found: %v, in (-want +got):\n%s", when, found, diff)
					}
					h, err := l.Hash(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					hashes = append(hashes, h.Hash)
					if err := l.Rebuild(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
			}
			if slices.Sort(hashes); len(slices.Compact(hashes)) > 1 {
				t.Error("Hash() depends on the order of arrival")
			}
		})
	}
}

// Who is me decides what is sent, and what is sent tells who else is me.
func TestSentByContentFollowsTheIdentity(t *testing.T) {
	dir := t.TempDir()
	other := ledger.Me{Addresses: []string{"me@example.net"}, Zone: time.UTC}
	l := openLedger(t, dir, other)
	b := filed(20, 0)
	for i := range 3 {
		m := mail(fmt.Sprintf("alias%d@x", i), day(9), "me@example.net > bob@example.org", fmt.Sprint("Alias ", i))
		m.UID, m.Delivered = uint32(100+i), false
		b.Mail = append(b.Mail, m)
	}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if got, found := sentBy(t, l); len(got) > 0 || found {
		t.Errorf("sent mail of somebody else: found %v in %v", found, got)
	}
	l.Close()
	who := me
	who.Internal = append(slices.Clone(me.Internal), "example.net")
	l = openLedger(t, dir, who)
	if got, found := sentBy(t, l); len(got) != 1 || !found {
		t.Errorf("sent mail of mine: found %v in %v", found, got)
	}
	all, err := l.Identities(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []ledger.Identity{{Address: "me@example.com", Why: "configured"}, {Address: "me@example.net", Why: "From of at least 3 messages in Sent"}}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("Identities() mismatch (-want +got):\n%s", diff)
	}
}

// A folder for sent mail tells nothing while it is empty, or holds only what
// others wrote: the mail program may keep what it sends elsewhere. Nor does one
// that the server does not list any more.
func TestSentFolderWithoutMailOfMine(t *testing.T) {
	theirs := told("Sent")
	theirs.Mail = []ledger.Mail{mail("in@x", day(1), "ana@example.org > me@example.com", "Hi")}
	theirs.Mail[0].UID = 1
	ofAll := holding("All Mail")
	ofAll.Sent, ofAll.SentBy, ofAll.Use, ofAll.Mail[0].Delivered = false, "", "all", false
	empty := ofAll
	empty.Mail = nil
	for name, test := range map[string]struct {
		batch ledger.Batch
		list  []ledger.Listed
		want  bool
	}{
		"empty":            {told("Sent"), nil, false},
		"theirs":           {theirs, nil, false},
		"mine":             {holding("Sent"), nil, true},
		"mine, listed":     {holding("Sent"), []ledger.Listed{{Name: "INBOX"}, {Name: "Sent"}}, true},
		"mine, not listed": {holding("Sent"), []ledger.Listed{{Name: "INBOX"}}, false},
		"all mail":         {ofAll, nil, true},
		"no mail at all":   {empty, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t, t.TempDir(), me)
			appendMail(t, l, inbox, mail("a@x", day(0), "ana@example.org > me@example.com", "Question?"))
			if err := l.Append(t.Context(), test.batch); err != nil {
				t.Fatal(err)
			}
			if test.list != nil {
				if err := l.SetListing(t.Context(), inbox, test.list); err != nil {
					t.Fatal(err)
				}
			}
			if _, got := sentBy(t, l); got != test.want {
				t.Errorf("sent mail found: %v, want %v", got, test.want)
			}
		})
	}
}

// Whom I wrote to in Bcc stands in the Sent copy alone, which is no other
// message if a relay gave the delivered one another Message-ID.
func TestBccOfAChangedMessageID(t *testing.T) {
	mine := mail("zz@client.example", day(0), "me@example.com > ana@example.org ; ; bob@example.net", "Hello")
	theirs := mail("aa@relay.example", day(0), "me@example.com > ana@example.org", "Hello")
	mine.Fingerprint, theirs.Fingerprint = "same", "same"
	for name, order := range map[string][]ledger.SourceID{"sent first": {sent, inbox}, "delivered first": {inbox, sent}} {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t, t.TempDir(), me)
			for _, s := range order {
				appendMail(t, l, s, map[ledger.SourceID]ledger.Mail{sent: mine, inbox: theirs}[s])
			}
			for _, when := range []string{"appended", "rebuilt"} {
				d, err := l.Contact(t.Context(), "bob@example.net")
				if err != nil {
					t.Fatal(err)
				}
				if d.Out != 1 || len(d.Timeline) != 1 {
					t.Fatalf("%s: %d mails to them in a timeline of %d, want 1", when, d.Out, len(d.Timeline))
				}
				want := []string{"me@example.com", "ana@example.org", "bob@example.net"}
				if diff := cmp.Diff(want, d.Timeline[0].Addresses); diff != "" || d.Timeline[0].Evidence.ID != theirs.ID {
					t.Errorf("%s: known as %s, addresses mismatch (-want +got):\n%s", when, d.Timeline[0].Evidence.ID, diff)
				}
				if err := l.Rebuild(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Whoever hears nothing about replies is told why, once the mail was read.
func TestUnsentIsTold(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	notices := func() []string {
		t.Helper()
		health, err := l.Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return health[slices.IndexFunc(health, func(h ledger.SourceHealth) bool { return h.Source.Name == "" })].Notices
	}
	listed := []ledger.Listed{{Name: "INBOX"}}
	took := mail("in@x", day(0), "ana@example.org > me@example.com", "Hi")
	for _, step := range []struct {
		do   func() error
		want []string
	}{
		{func() error { return l.SetListing(t.Context(), inbox, listed) }, nil},
		{func() error { appendMail(t, l, inbox, took); return nil }, []string{
			"the sent mail of the account work has not been found: nothing is said about replies; name its folder with sent = \"…\"",
		}},
		{func() error {
			return errors.Join(l.SetListing(t.Context(), inbox, append(listed, ledger.Listed{Name: "Sent", Title: "Sent Items"})),
				l.Append(t.Context(), told("Sent")))
		}, []string{
			"the folder \"Sent Items\" of the account work holds no mail from you yet: nothing is said about replies; " +
				"if your sent mail is in another, name it with sent = \"…\"",
		}},
		{func() error { return l.Append(t.Context(), holding("Sent")) }, nil},
	} {
		if err := step.do(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(step.want, notices()); diff != "" {
			t.Errorf("Notices mismatch (-want +got):\n%s", diff)
		}
	}
}

// Mail that is in two accounts may be answered from either: both are told.
func TestMailInTwoAccounts(t *testing.T) {
	m := mail("a@x", day(0), "ana@example.org > me@example.com", "Question?")
	for name, order := range map[string][]ledger.SourceID{"one first": {inbox, home}, "the other first": {home, inbox}} {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t, t.TempDir(), me)
			appendMail(t, l, sent, mail("b@x", day(-9), "me@example.com > ana@example.org", "Hello"))
			for _, s := range order {
				appendMail(t, l, s, m)
			}
			s := snapshot(t, l, time.Time{})
			if !slices.Equal(s.Unsent, []string{"home"}) || len(s.Contacts) != 1 || len(s.Contacts[0].Unanswered) != 1 {
				t.Fatalf("without sent mail: %v, contacts %+v; want home, and a mail that waits", s.Unsent, s.Contacts)
			}
			if got := s.Contacts[0].Unanswered[0].Accounts; !slices.Equal(got, []string{"home", "work"}) {
				t.Errorf("found in %v, want home and work", got)
			}
		})
	}
}

// Mail that was moved is the same mail, though a ledger that saw it before knows
// it by another folder than one that was lost.
func TestHashOfMovedMail(t *testing.T) {
	from := ledger.SourceID{Account: "home", Type: ledger.Mailbox, Name: "Archive"}
	question, m := mail("q@x", day(0), "me@example.com > ana@example.org", "Question?"), mail("a@x", day(1), "ana@example.org > me@example.com", "Other")
	hashOf := func(places ...ledger.SourceID) ledger.Sums {
		l := openLedger(t, t.TempDir(), me)
		appendMail(t, l, sent, question)
		for _, s := range places {
			appendMail(t, l, s, m)
		}
		h, err := l.Hash(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return h
	}
	if diff := cmp.Diff(hashOf(inbox), hashOf(from, inbox)); diff != "" {
		t.Errorf("Hash() mismatch (-where it lies +where it lay, too):\n%s", diff)
	}
}

// What a mailbox is for is what was said of it last. Where a wrong guess was put
// right, another may turn out to hold the sent mail.
func TestSentFolderIsPutRight(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	for _, b := range []ledger.Batch{filed(30, 0), holding("Mistaken")} {
		if err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	id := ledger.SourceID{Account: "work", Type: ledger.Mailbox, Name: "Mistaken"}
	for _, step := range []struct {
		by   ledger.SentBy
		want map[string]ledger.SentBy
	}{
		{ledger.SentByName, map[string]ledger.SentBy{"Mistaken": ledger.SentByName}},
		{"", map[string]ledger.SentBy{"Out": ledger.SentByContent}},
		{ledger.SentByConfiguration, map[string]ledger.SentBy{"Mistaken": ledger.SentByConfiguration}},
	} {
		before, err := l.Cursor(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if err := l.SetUse(t.Context(), id, "", step.by); err != nil {
			t.Fatal(err)
		}
		if got, _ := sentBy(t, l); !cmp.Equal(step.want, got) {
			t.Errorf("told %q: mismatch (-want +got):\n%s", step.by, cmp.Diff(step.want, got))
		}
		if after, err := l.Cursor(t.Context(), id); err != nil || after != before {
			t.Errorf("Cursor() = %+v, %v, want %+v", after, err, before)
		}
	}
}
