package ledger_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/text"
)

// unread gives what is to be read of a mailbox on a day.
func unread(t *testing.T, l *ledger.Ledger, box ledger.SourceID, now time.Time) []ledger.Unread {
	t.Helper()
	all, err := l.Unread(t.Context(), box, now)
	if err != nil {
		t.Fatalf("Unread() = %v", err)
	}
	return all
}

func unreadIDs(all []ledger.Unread) []string {
	return ids(all, func(u ledger.Unread) string { return u.ID })
}

// heard tells the ledger what the text of messages says.
func heard(t *testing.T, l *ledger.Ledger, readings ...ledger.Reading) {
	t.Helper()
	if err := l.Heard(t.Context(), readings); err != nil {
		t.Fatalf("Heard() = %v", err)
	}
}

// english is a text whose words were read.
func english(id string, r text.Reading) ledger.Reading {
	r.Known, r.Language = true, "en"
	return ledger.Reading{ID: id, Reading: r, At: day(300)}
}

func TestUnreadIsDirectMailWithPeople(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	bulk := mail("bulk@x", day(9), "shop@example.net > me@example.com", "Sale")
	bulk.Noise = "list-id"
	appendMail(t, l, sent,
		mail("old@x", day(0), "me@example.com > ana@example.org", "Long ago"),
		mail("mine@x", day(3), "me@example.com > Ana_Lima=ana@example.org bob@example.net ; Kim_Oh=kim@example.net", "Hello"))
	appendMail(t, l, inbox,
		mail("theirs@x", day(4), "stranger@example.net > me@example.com ; ana@example.org colleague@example.com", "Re: Hello", "mine@x"),
		mail("mine@x", day(3), "me@example.com > Ana_Lima=ana@example.org bob@example.net ; Kim_Oh=kim@example.net", "Hello"),
		mail("aside@x", day(5), "ana@example.org > bob@example.net ; me@example.com", "Beside"),
		mail("inside@x", day(5), "colleague@example.com > me@example.com", "Lunch?"),
		mail("forged@x", day(6), "me@example.com > dan@example.net", "Not mine"),
		mail("ahead@x", day(80), "ana@example.org > me@example.com", "From tomorrow"),
		bulk)
	want := []ledger.Unread{
		{UIDValidity: 1, ID: "theirs@x", Reply: true, Others: []string{"Ana Lima", "colleague@example.com"}},
		{UIDValidity: 1, ID: "mine@x", Others: []string{"bob@example.net", "Kim Oh"}, Reader: "Ana Lima"},
	}
	got := unread(t, l, inbox, day(62))
	for i := range got {
		if got[i].UID == 0 {
			t.Errorf("%s has no UID", got[i].ID)
		}
		got[i].UID = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Unread(INBOX) mismatch (-want +got):\n%s", diff)
	}
	if got := unreadIDs(unread(t, l, sent, day(62))); !slices.Equal(got, []string{"mine@x"}) {
		t.Errorf("Unread(Sent) = %v, want mine@x alone", got)
	}
	// What was read once is not asked for again, in whatever mailbox it lies.
	failed := ledger.Reading{ID: "theirs@x", Failed: "no charset of that name", At: day(62)}
	heard(t, l, english("mine@x", text.Reading{}), failed)
	for _, box := range []ledger.SourceID{inbox, sent} {
		if got := unreadIDs(unread(t, l, box, day(62))); len(got) != 0 {
			t.Errorf("Unread(%s) = %v once it was read", box.Name, got)
		}
	}
}

func TestUnreadNamesAMessageOnce(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	m := mail("a@x", day(1), "ana@example.org > me@example.com", "Hello")
	again := m
	again.ID = "b@x"
	appendMail(t, l, inbox, m, again)
	if got := unreadIDs(unread(t, l, inbox, day(2))); len(got) != 1 {
		t.Errorf("Unread() = %v, want one of two copies", got)
	}
	heard(t, l, english("b@x", text.Reading{}))
	if got := unreadIDs(unread(t, l, inbox, day(2))); len(got) != 0 {
		t.Errorf("Unread() = %v after another copy was read", got)
	}
}

func TestUnreadAutomaticAnswersAndReports(t *testing.T) {
	who := me
	who.IgnoreFolders = []string{"Ignored"}
	l := openLedger(t, t.TempDir(), who)
	noise := func(m ledger.Mail, reason string) ledger.Mail { m.Noise = reason; return m }
	appendMail(t, l, sent, mail("mine@x", day(290), "me@example.com > ana@example.org", "Hello"))
	automatic := []ledger.Mail{
		noise(mail("away@x", day(291), "ana@example.org > me@example.com", "Out of office"), "auto-submitted"),
		noise(mail("deputy@x", day(292), "deputy@example.org > me@example.com", "Ticket", "mine@x"), "autoreply"),
		noise(mail("bounce@x", day(293), "mailer-daemon@example.com > me@example.com", "Undelivered"), "report"),
		noise(mail("shop@x", day(294), "shop@example.net > me@example.com", "Sale"), "auto-submitted"),
		noise(mail("list@x", day(295), "ana@example.org > me@example.com", "Digest", "mine@x"), "list-id"),
		noise(mail("past@x", day(200), "ana@example.org > me@example.com", "Out of office"), "auto-submitted"),
	}
	appendMail(t, l, inbox, automatic...)
	ignored := inbox
	ignored.Name = "Ignored"
	appendMail(t, l, ignored, automatic[0])
	want := []string{"bounce@x", "deputy@x", "away@x"}
	got := unread(t, l, inbox, day(300))
	if diff := cmp.Diff(want, unreadIDs(got)); diff != "" {
		t.Errorf("Unread() mismatch (-want +got):\n%s", diff)
	}
	for _, u := range got {
		if !u.Automatic {
			t.Errorf("%s is not automatic", u.ID)
		}
	}
	if got := unread(t, l, ignored, day(300)); len(got) != 0 {
		t.Errorf("Unread() of an ignored folder = %v", unreadIDs(got))
	}
	if c := contact(t, l, time.Time{}, "ana@example.org"); c.In != 0 {
		t.Errorf("an automatic answer counts as mail: In = %d", c.In)
	}
	for _, id := range want {
		heard(t, l, english(id, text.Reading{}))
	}
	if got := unread(t, l, inbox, day(300)); len(got) != 0 {
		t.Errorf("Unread() = %v once they were read", unreadIDs(got))
	}
}
