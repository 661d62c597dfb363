package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/ledger"
)

// links tells of each message what it answers, "?" before weak evidence, and in
// which thread it is: "parent in thread".
func links(t *testing.T, l *ledger.Ledger) map[string]string {
	t.Helper()
	out := map[string]string{}
	for r, err := range l.Interactions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		mark := ""
		if r.Weak {
			mark = "?"
		}
		out[r.Evidence.ID] = fmt.Sprintf("%s%s in %s", mark, r.Parent, r.Thread)
	}
	return out
}

// inAllOrders appends the messages one by one, forwards, backwards and from the
// middle, and derives them once more, and wants the same links each time.
func inAllOrders(t *testing.T, mails []ledger.Mail, want map[string]string) {
	t.Helper()
	backwards := slices.Clone(mails)
	slices.Reverse(backwards)
	half := len(mails) / 2
	for name, order := range map[string][]ledger.Mail{
		"forwards": mails, "backwards": backwards, "from the middle": slices.Concat(mails[half:], mails[:half]),
	} {
		l := openLedger(t, t.TempDir(), me)
		for _, m := range order {
			to := inbox
			if m.People[0].Address == "me@example.com" && m.ID != "forged@x" {
				to = sent
			}
			appendMail(t, l, to, m)
		}
		if diff := cmp.Diff(want, links(t, l)); diff != "" {
			t.Errorf("%s: mismatch (-want +got):\n%s", name, diff)
		}
		if err := l.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, links(t, l)); diff != "" {
			t.Errorf("%s, rebuilt: mismatch (-want +got):\n%s", name, diff)
		}
	}
}

func TestParentIsTheNearestKnownReference(t *testing.T) {
	const ana, mine = "ana@example.org > me@example.com", "me@example.com > ana@example.org"
	inAllOrders(t, []ledger.Mail{
		mail("a@x", day(0), mine, "Plans"),
		mail("b@x", day(1), ana, "Re: Plans", "a@x"),
		mail("c@x", day(2), mine, "Re: Plans", "a@x", "b@x"),
		mail("d@x", day(3), ana, "Re: Plans", "a@x", "lost@x"),
		mail("e@x", day(4), ana, "Re: Something else", "never@x"),
		mail("f@x", day(5), mine, "Re: Something else", "never@x", "f@x"),
	}, map[string]string{
		"a@x": " in a@x", "b@x": "a@x in a@x", "c@x": "b@x in a@x", "d@x": "a@x in a@x",
		"e@x": " in e@x", "f@x": " in e@x",
	})
}

func TestAnswersBySubjectAreWeak(t *testing.T) {
	inAllOrders(t, []ledger.Mail{
		mail("a@x", day(0), "me@example.com > ana@example.org", "Plans"),
		mail("b@x", day(9), "ana@example.org > me@example.com", "AW: plans"),
		mail("c@x", day(10), "me@example.com > ana@example.org", "Re: Plans", "b@x"),
		mail("nearer@x", day(20), "me@example.com > ana@example.org", "Plans"),
		mail("d@x", day(21), "ana@example.org > me@example.com", "RE:  Plans"),
		mail("late@x", day(60), "ana@example.org > me@example.com", "Re: Plans"),
		mail("new@x", day(61), "ana@example.org > me@example.com", "Plans"),
		mail("bob@x", day(22), "bob@example.net > me@example.com", "Re: Plans"),
		mail("forged@x", day(23), "me@example.com > me@example.com ; ana@example.org", "Re: Plans"),
		mail("other@x", day(24), "bob@example.net > me@example.com ana@example.org", "Re: Plans"),
	}, map[string]string{
		"a@x": " in a@x", "b@x": "?a@x in a@x", "c@x": "b@x in a@x",
		"nearer@x": " in d@x", "d@x": "?nearer@x in d@x",
		"late@x": " in late@x", "new@x": " in new@x",
		"bob@x": " in bob@x", "forged@x": " in forged@x", "other@x": "?bob@x in bob@x",
	})
}

// A copy under another name may bring the references that the first lacked.
// The marks are those of the mail package, in whatever language.
func TestMarksOfOtherLanguagesAreAnswers(t *testing.T) {
	for _, mark := range []string{"RES: ", "R: ", "Odp: ", "回复：", "Re[2]: ", "RE : "} {
		l := openLedger(t, t.TempDir(), me)
		appendMail(t, l, sent, mail("a@x", day(0), "me@example.com > ana@example.org", "Plan"))
		appendMail(t, l, inbox, mail("b@x", day(1), "ana@example.org > me@example.com", mark+"plan"))
		if diff := cmp.Diff(map[string]string{"a@x": " in a@x", "b@x": "?a@x in a@x"}, links(t, l)); diff != "" {
			t.Errorf("%q: mismatch (-want +got):\n%s", mark, diff)
		}
	}
}

func TestCopyWithReferencesOverrulesTheSubject(t *testing.T) {
	const ana, mine = "ana@example.org > me@example.com", "me@example.com > ana@example.org"
	bare := mail("c@x", day(3), ana, "Re: Plans")
	copied := mail("copy@x", day(3), ana, "Re: Plans", "a@x")
	inAllOrders(t, []ledger.Mail{
		mail("a@x", day(0), mine, "Plans"), mail("b@x", day(2), mine, "Plans"), bare, copied,
	}, map[string]string{"a@x": " in a@x", "b@x": " in b@x", "c@x": "a@x in a@x"})
}

// Who is me decides what a message has in common with another.
func TestChangedIdentityPartsThreads(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	appendMail(t, l, inbox,
		mail("a@x", day(0), "me@example.org > me@example.com ; bob@example.net", "Plans"),
		mail("b@x", day(1), "ana@example.net > me@example.org me@example.com", "Re: Plans"))
	if diff := cmp.Diff(map[string]string{"a@x": " in a@x", "b@x": "?a@x in a@x"}, links(t, l)); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	l.Close()
	who := me
	who.Addresses = append(slices.Clone(me.Addresses), "me@example.org")
	l = openLedger(t, dir, who)
	if diff := cmp.Diff(map[string]string{"a@x": " in a@x", "b@x": " in b@x"}, links(t, l)); diff != "" {
		t.Errorf("with another address of mine: mismatch (-want +got):\n%s", diff)
	}
}

// One batch makes a thread part of another and brings everything to be derived
// anew, because its mailbox turns out to hold sent mail: what was joined to the
// thread is joined to the other.
func TestJoinedThreadMovesWhileAllIsDerivedAnew(t *testing.T) {
	const ana = "ana@example.org > me@example.com"
	l := openLedger(t, t.TempDir(), me)
	b := ledger.Batch{Source: sent, At: day(9), Cursor: ledger.Cursor{UIDValidity: 1, Highest: 9, Lowest: 1, Complete: true}}
	b.Mail = []ledger.Mail{
		mail("a@x", day(0), ana, "Trip"), mail("c@x", day(1), ana, "Re: Plans"), mail("b@x", day(2), ana, "Re: Plans"),
	}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	b.Sent, b.Mail = true, []ledger.Mail{mail("copy@x", day(1), ana, "Re: Plans", "a@x")}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"a@x": " in a@x", "c@x": "a@x in a@x", "b@x": "?c@x in a@x"}
	if diff := cmp.Diff(want, links(t, l)); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

func TestReplyStateIsByMessage(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("a@x", day(0), "me@example.com > ana@example.org", "Plans"),
		mail("a2@x", day(1), "me@example.com > ana@example.org", "Re: Plans", "a@x"),
		mail("c@x", day(5), "me@example.com > ana@example.org", "Re: Plans", "a@x", "b@x"))
	appendMail(t, l, inbox,
		mail("b@x", day(3), "ana@example.org > me@example.com", "Re: Plans", "a@x"),
		mail("b2@x", day(4), "ana@example.org > me@example.com", "Re: Plans", "a@x", "b@x"))
	got := map[string][]string{}
	for r, err := range l.Interactions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got[r.Evidence.ID] = r.AnsweredBy
	}
	want := map[string][]string{"a@x": {"b@x"}, "a2@x": {}, "b@x": {"c@x"}, "b2@x": {}, "c@x": {}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answered by: mismatch (-want +got):\n%s", diff)
	}
}

// Many messages of one subject cost no more than a hundred looks each.
func TestOneSubjectFromManyPeople(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	var mails []ledger.Mail
	for i := range 300 {
		from := fmt.Sprintf("p%d@example.org", i)
		mails = append(mails, mail(fmt.Sprintf("m%03d@x", i), day(0).Add(time.Duration(i)*time.Minute), from+" > me@example.com", "Re: Hello"))
	}
	again := func(n int, from int) ledger.Mail {
		return mail(fmt.Sprintf("n%d@x", n), day(1).Add(time.Duration(n)*time.Minute), fmt.Sprintf("p%d@example.org > me@example.com", from), "Re: Hello")
	}
	appendMail(t, l, inbox, append(mails, again(0, 250), again(1, 3))...)
	got := links(t, l)
	if got["n0@x"] != "?m250@x in m250@x" || got["n1@x"] != " in n1@x" {
		t.Errorf("within a hundred: %q, want weak; before them: %q, want none", got["n0@x"], got["n1@x"])
	}
}

// Mail that is no candidate takes none of the hundred places, whatever came
// first.
func TestMailOfNobodyIsNotLookedAt(t *testing.T) {
	mails := []ledger.Mail{mail("a@x", day(0), "ana@example.org > me@example.com", "Hello")}
	want := map[string]string{"a@x": " in a@x", "z@x": "?a@x in a@x"}
	for i := range 105 {
		id := fmt.Sprintf("m%03d@x", i)
		mails = append(mails, mail(id, day(1).Add(time.Duration(i)*time.Minute), "me@example.com > me@example.com", "Re: Hello"))
		want[id] = " in " + id
	}
	mails = append(mails, mail("z@x", day(2), "ana@example.org > me@example.com", "Re: Hello"))
	inAllOrders(t, mails, want)
}

// correspondence draws batches of few messages about little else than one
// subject: most without references, some under two names, in mailboxes that may
// turn out to hold sent mail, and with a meeting that makes calendar mail of some.
func correspondence(t *rapid.T) (out []ledger.Batch) {
	who := rapid.SampledFrom([]string{
		"ana@example.org > me@example.com", "me@example.com > ana@example.org", "bob@example.net > me@example.com ana@example.org",
		"me@example.com > me@example.com", "me@example.com > bob@example.net ; ana@example.org", "mine@example.org > ana@example.org",
	})
	subject := rapid.SampledFrom([]string{"Re: Plans", "Re: Plans", "Plans", "Accepted: Plans"})
	letter := func(n int) string { return string(rune('a' + rapid.IntRange(0, n-1).Draw(t, "letter"))) }
	for range rapid.IntRange(2, 14).Draw(t, "batches") {
		b := ledger.Batch{Source: rapid.SampledFrom([]ledger.SourceID{inbox, sent, home}).Draw(t, "mailbox"), At: day(60)}
		b.Cursor = ledger.Cursor{UIDValidity: 1, Highest: 9, Lowest: 1, Complete: rapid.Bool().Draw(t, "complete")}
		b.Sent = rapid.IntRange(0, 3).Draw(t, "other use") == 0 != (b.Source == sent)
		for range rapid.IntRange(0, 2).Draw(t, "messages") {
			name := letter(7)
			at := day(float64(int(name[0]-'a') * 7 % 5 * 3)) // goes with the name
			m := mail(name+"@x", at, who.Draw(t, "who"), subject.Draw(t, "subject"))
			if rapid.IntRange(0, 3).Draw(t, "renamed") == 0 {
				m.ID = letter(7) + "@x"
			}
			for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "refs") {
				m.Refs = append(m.Refs, letter(9)+"@x")
			}
			if strings.HasPrefix(m.Subject, "Accepted: ") {
				m.Invite, m.Topic, m.Reply = "Plans", "Plans", true
			}
			m.UID, m.Delivered = uint32(len(out)*3+len(b.Mail)+1), rapid.Bool().Draw(t, "delivered")
			b.Mail = append(b.Mail, m)
		}
		out = append(out, b)
		if rapid.IntRange(0, 5).Draw(t, "meeting") == 0 {
			m := meeting("u", 1, "ana@example.org/ACCEPTED")
			m.Title = rapid.SampledFrom([]string{"Plans", "Lunch"}).Draw(t, "title")
			out = append(out, ledger.Batch{
				Source: cal, At: day(60), Cursor: ledger.Cursor{SyncToken: "1", Complete: true},
				Objects: []ledger.Object{object("/1.ics", m)},
			})
		}
	}
	return out
}

// Whatever came in whatever order, the threads are those that the rows make.
func TestThreadsEqualRebuild(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ledgerOf(t, me, correspondence(t))
		kept := rows(t, l)
		if err := l.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rows(t, l), kept); diff != "" {
			t.Errorf("mismatch (-rebuilt +kept):\n%s", diff)
		}
	})
}
