package ledger_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/text"
)

// asking is a text that asks one thing.
func asking(id, sentence string) ledger.Reading {
	return english(id, text.Reading{Asks: []text.Ask{{Sentence: sentence, Question: true}}})
}

// waits is a turn in short.
type waits struct {
	ID, Sentence string
	Read         bool
	Later        []string
}

func waiting(turns []planner.Turn) (out []waits) {
	for _, t := range turns {
		w := waits{t.ID, t.Sentence, t.Read, nil}
		for _, e := range append(t.Asks, t.Nudges...) {
			w.Later = append(w.Later, e.ID)
		}
		out = append(out, w)
	}
	return out
}

func TestUnansweredByText(t *testing.T) {
	const ana = "ana@example.org > me@example.com"
	thread := func(mails ...ledger.Mail) []ledger.Mail {
		for i := range mails[1:] {
			mails[i+1].Refs = []string{mails[0].ID}
		}
		return mails
	}
	mine := mail("mine@x", day(3), "me@example.com > ana@example.org", "Re: Plan")
	opener, second, third := mail("1@x", day(1), ana, "Plan"), mail("2@x", day(4), ana, "Re: Plan"), mail("3@x", day(6), ana, "Re: Plan")
	colleague := mail("inside@x", day(5), "kim@example.com > ana@example.org ; me@example.com", "Re: Plan")
	for name, c := range map[string]struct {
		mails    []ledger.Mail
		readings []ledger.Reading
		want     []waits
	}{
		"nothing was read, and I wrote":       {thread(opener, mine, second), nil, nil},
		"nothing was read, and I never wrote": {thread(opener, second), nil, []waits{{"1@x", "", false, nil}}},
		"the opener asks nothing":             {thread(opener), []ledger.Reading{english("1@x", text.Reading{Thanks: "Thanks!"})}, nil},
		"two ask after my word": {
			thread(opener, mine, second, third),
			[]ledger.Reading{asking("2@x", "Which day?"), asking("3@x", "And now?")},
			[]waits{{"2@x", "Which day?", true, []string{"3@x"}}},
		},
		"the first after my word asks nothing": {
			thread(opener, mine, second, third),
			[]ledger.Reading{asking("1@x", "Old?"), english("2@x", text.Reading{Gift: "Here it is."}), asking("3@x", "So?")},
			[]waits{{"3@x", "So?", true, nil}},
		},
		"a colleague answered": {
			thread(opener, second, colleague), []ledger.Reading{asking("1@x", "Who?"), asking("2@x", "Which day?")}, nil,
		},
		"a file without words that are known": {
			thread(opener), []ledger.Reading{{ID: "1@x", Attached: true}}, nil,
		},
		"another language falls back": {
			thread(opener, second),
			[]ledger.Reading{{ID: "1@x", Reading: text.Reading{Question: true}}, asking("2@x", "Which day?")},
			[]waits{{"1@x", "", false, []string{"2@x"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := openLedger(t, t.TempDir(), me)
			heard(t, l, c.readings...) // before the mail
			appendMail(t, l, sent, mail("hello@x", day(0), "me@example.com > ana@example.org", "Hello"))
			for _, m := range c.mails {
				if m.ID == "mine@x" {
					appendMail(t, l, sent, m)
				} else {
					appendMail(t, l, inbox, m)
				}
			}
			got := waiting(contact(t, l, time.Time{}, "ana@example.org").Unanswered)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("Unanswered mismatch (-want +got):\n%s", diff)
			}
			heard(t, l, c.readings...) // and after it
			if diff := cmp.Diff(got, waiting(contact(t, l, time.Time{}, "ana@example.org").Unanswered)); diff != "" {
				t.Errorf("Unanswered once it was heard again (-before +after):\n%s", diff)
			}
		})
	}
}

func TestUnansweredEndsByFate(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("mine@x", day(0), "me@example.com > ana@example.org", "Hello"))
	appendMail(t, l, inbox,
		mail("1@x", day(1), "ana@example.org > me@example.com", "Re: Hello", "mine@x"),
		mail("2@x", day(2), "ana@example.org > me@example.com", "Re: Hello", "mine@x"))
	heard(t, l, asking("1@x", "Who?"), asking("2@x", "Which day?"))
	for _, c := range []struct {
		id   string
		want []waits
	}{{"1@x", []waits{{"2@x", "Which day?", true, nil}}}, {"2@x", nil}} {
		if err := l.SetFate(t.Context(), c.id, ledger.Trashed, day(3)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, waiting(contact(t, l, time.Time{}, "ana@example.org").Unanswered)); diff != "" {
			t.Errorf("Unanswered with %s in the trash mismatch (-want +got):\n%s", c.id, diff)
		}
	}
}

func TestOutstandingByText(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, inbox,
		mail("theirs@x", day(0), "ana@example.org > me@example.com", "Plan"),
		mail("other@x", day(9), "kim@example.net > me@example.com ; ana@example.org", "Re: Offer?", "offer@x"))
	appendMail(t, l, sent,
		mail("1@x", day(1), "me@example.com > ana@example.org bob@example.net", "Re: Plan", "theirs@x"),
		mail("2@x", day(2), "me@example.com > ana@example.org bob@example.net", "Re: Plan", "theirs@x"),
		mail("3@x", day(3), "me@example.com > ana@example.org", "Re: Plan", "theirs@x"),
		mail("gift@x", day(4), "me@example.com > ana@example.org", "An article?"),
		mail("offer@x", day(5), "me@example.com > ana@example.org", "Offer?"),
		mail("plain@x", day(6), "me@example.com > ana@example.org", "Lunch?"))
	heard(t, l,
		english("1@x", text.Reading{Thanks: "Thanks."}), asking("2@x", "Which day?"), english("3@x", text.Reading{}),
		english("gift@x", text.Reading{Gift: "Here is that article.", Asks: []text.Ask{{Sentence: "What do you think?"}}}),
		asking("offer@x", "Will you take it?"))
	c := contact(t, l, time.Time{}, "ana@example.org")
	want := []waits{{"plain@x", "", false, nil}} // the last word after 2@x asks nothing
	if diff := cmp.Diff(want, waiting(c.Outstanding)); diff != "" {
		t.Errorf("Outstanding mismatch (-want +got):\n%s", diff)
	}
	heard(t, l, asking("3@x", "Or which week?"))
	want = append(want, waits{"2@x", "Which day?", true, []string{"3@x"}})
	if diff := cmp.Diff(want, waiting(contact(t, l, time.Time{}, "ana@example.org").Outstanding)); diff != "" {
		t.Errorf("Outstanding once the last word asks too mismatch (-want +got):\n%s", diff)
	}
	if bob := contact(t, l, time.Time{}, "bob@example.net"); len(bob.Outstanding) != 0 {
		t.Errorf("a mail to Ana first waits for Bob: %v", waiting(bob.Outstanding))
	}
	asked := ids(c.Asked, func(e planner.Evidence) string { return e.ID })
	if want := []string{"2@x", "offer@x", "plain@x"}; !slices.Equal(asked, want) {
		t.Errorf("Asked = %v, want %v", asked, want)
	}
	appendMail(t, l, inbox, mail("word@x", day(7), "ana@example.org > me@example.com", "Something else"))
	if c := contact(t, l, time.Time{}, "ana@example.org"); len(c.Asked) != 0 {
		t.Errorf("Asked = %v after their word", c.Asked)
	}
}

// Nobody waits for what is asked out of courtesy; of several sentences that ask, the
// plainest stands for the mail. What was passed on under the same subject answers.
func TestWhoWaits(t *testing.T) {
	weak, plain := text.Ask{Sentence: "How is everything?", Question: true, Weak: true}, text.Ask{Sentence: "Please tell me the day."}
	question := text.Ask{Sentence: "Which day?", Question: true}
	for name, c := range map[string]struct {
		asks []text.Ask
		mine []waits // what waits for them, and what would wait for me
		them []waits
	}{
		"a courtesy":     {[]text.Ask{weak}, nil, []waits{{"theirs@x", "How is everything?", true, nil}}},
		"and a request":  {[]text.Ask{weak, plain}, []waits{{"mine@x", plain.Sentence, true, nil}}, []waits{{"theirs@x", plain.Sentence, true, nil}}},
		"and a question": {[]text.Ask{weak, plain, question}, []waits{{"mine@x", "Which day?", true, nil}}, []waits{{"theirs@x", "Which day?", true, nil}}},
	} {
		l := openLedger(t, t.TempDir(), me)
		appendMail(t, l, sent, mail("mine@x", day(1), "me@example.com > ana@example.org", "One"))
		appendMail(t, l, inbox, mail("theirs@x", day(2), "ana@example.org > me@example.com", "Two"))
		heard(t, l, english("mine@x", text.Reading{Asks: c.asks}), english("theirs@x", text.Reading{Asks: c.asks}))
		ana := contact(t, l, time.Time{}, "ana@example.org")
		if diff := cmp.Diff(c.mine, waiting(ana.Outstanding)); diff != "" {
			t.Errorf("%s: Outstanding mismatch (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.them, waiting(ana.Unanswered)); diff != "" {
			t.Errorf("%s: Unanswered mismatch (-want +got):\n%s", name, diff)
		}
		appendMail(t, l, inbox, mail("on@x", day(3), "ana@example.org > bob@example.net ; me@example.com", "FW: One"))
		appendMail(t, l, sent, mail("also@x", day(3), "me@example.com > bob@example.net ana@example.org", "FW: Two"))
		if ana := contact(t, l, time.Time{}, "ana@example.org"); len(ana.Outstanding)+len(ana.Unanswered) > 0 {
			t.Errorf("%s: once both were passed on: %v, %v", name, waiting(ana.Outstanding), waiting(ana.Unanswered))
		}
	}
}

// promising is a text with promises, each with the day it is for.
func promising(id string, promises ...text.Promise) ledger.Reading {
	return english(id, text.Reading{Promises: promises})
}

// sure is a promise that is certain.
func sure(sentence string, due time.Time) text.Promise {
	return text.Promise{Sentence: sentence, What: "what of " + sentence, Due: due, Sure: true}
}

// promised is a promise in short.
type promised struct{ ID, Sentence, What, For, Kept string }

func promises(all []planner.Promise) (out []promised) {
	for _, p := range all {
		out = append(out, promised{p.Evidence.ID, p.Sentence, p.What, string(p.For), p.Kept.ID})
	}
	return out
}

func TestPromises(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	lisbon, err := time.LoadLocation("Europe/Lisbon")
	if err != nil {
		t.Fatal(err)
	}
	due := time.Date(2026, 3, 13, 0, 0, 0, 0, lisbon)
	maybe := text.Promise{Sentence: "I could send it."}
	appendMail(t, l, inbox,
		mail("forged@x", day(1), "me@example.com > ana@example.org", "Not mine"),
		mail("theirs@x", day(2), "ana@example.org > me@example.com", "Re: Deck", "mine@x"),
		mail("next@x", day(5), "ana@example.org > me@example.com", "The list"),
		mail("open@x", day(6), "ana@example.org > me@example.com", "Soon"))
	appendMail(t, l, sent,
		mail("mine@x", day(1), "me@example.com > ana@example.org bob@example.net", "Deck"),
		mail("bare@x", day(3), "me@example.com > ana@example.org", "Re: Deck", "mine@x"),
		mail("deck@x", day(4), "me@example.com > ana@example.org", "Re: Deck", "mine@x"),
		mail("again@x", day(5), "me@example.com > ana@example.org", "Re: Deck", "mine@x"))
	deck := english("deck@x", text.Reading{})
	deck.Attached = true
	heard(t, l,
		promising("mine@x", sure("I will send the deck.", due), maybe),
		promising("again@x", sure("I'll call Bob.", time.Time{})),
		promising("forged@x", sure("I will send money.", due)),
		promising("theirs@x", sure("I will send the list.", due)),
		promising("open@x", sure("I will write.", time.Date(9_999, 1, 1, 0, 0, 0, 0, time.UTC))), english("bare@x", text.Reading{}), deck)
	ana := contact(t, l, time.Time{}, "ana@example.org")
	want := []promised{
		{"again@x", "I'll call Bob.", "what of I'll call Bob.", "", ""},
		{"mine@x", "I will send the deck.", "what of I will send the deck.", "2026-03-13", "deck@x"},
	}
	if diff := cmp.Diff(want, promises(ana.Promises)); diff != "" {
		t.Errorf("Promises mismatch (-want +got):\n%s", diff)
	}
	want = []promised{
		{"open@x", "I will write.", "what of I will write.", "", ""},
		{"theirs@x", "I will send the list.", "what of I will send the list.", "2026-03-13", "next@x"},
	}
	if diff := cmp.Diff(want, promises(ana.Theirs)); diff != "" {
		t.Errorf("Theirs mismatch (-want +got):\n%s", diff)
	}
	if bob := contact(t, l, time.Time{}, "bob@example.net"); len(bob.Promises) != 0 {
		t.Errorf("what I promised Ana first is promised to Bob: %v", promises(bob.Promises))
	}
	appendMail(t, l, sent, mail("file@x", day(7), "me@example.com > ana@example.org", "For you"))
	file := english("file@x", text.Reading{})
	file.Attached = true
	heard(t, l, file)
	if now := promises(contact(t, l, time.Time{}, "ana@example.org").Promises); now[0].Kept != "file@x" || now[1].Kept != "deck@x" {
		t.Errorf("after a file in another thread, Promises = %v", now)
	}
	appendMail(t, l, inbox, mail("all@x", day(8), "ana@example.org > bob@example.net kim@example.net eva@example.net me@example.com", "News"))
	heard(t, l, promising("all@x", sure("I will send it out tomorrow.", due)))
	if now := contact(t, l, time.Time{}, "ana@example.org").Theirs; now[0].Evidence.ID == "all@x" {
		t.Errorf("what was told to four is promised to me: %v", promises(now))
	}
	if then := contact(t, l, day(3.5), "ana@example.org"); len(then.Promises) != 1 || !then.Promises[0].Kept.IsZero() {
		t.Errorf("before it was kept, Promises = %v", promises(then.Promises))
	}
}

// A message says what it likes: what is kept of it is bounded.
func TestHeardIsBounded(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("mine@x", day(1), "me@example.com > ana@example.org", "Deck"))
	var all []text.Promise
	for n := range 10_000 {
		all = append(all, sure(strings.Repeat("é", 2000)+fmt.Sprint(n), time.Date(n, 1, 1, 0, 0, 0, 0, time.UTC)))
	}
	all[3].Sentence = "I will \x1b[2J\u202esend it."
	heard(t, l, promising("mine@x", all...))
	ana := contact(t, l, time.Time{}, "ana@example.org")
	if len(ana.Promises) != 20 {
		t.Errorf("%d promises of one mail, want 20", len(ana.Promises))
	}
	for _, p := range ana.Promises {
		if len(p.Sentence) > 800 || !utf8.ValidString(p.Sentence) || p.For != "" || strings.ContainsAny(p.Sentence, "\x1b\u202e") {
			t.Fatalf("a sentence of %d bytes for %q is kept", len(p.Sentence), p.For)
		}
	}
}

// With sentences that are not to be kept, the promises of a mail are told apart, and
// are the same ones as with them.
func TestNoSentenceIsKept(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	appendMail(t, l, sent,
		mail("a@x", day(1), "me@example.com > ana@example.org", "Deck"),
		mail("b@x", day(2), "me@example.com > ana@example.org", "Deck"))
	both := []text.Promise{sure("I will send the secret.", time.Time{}), sure("I will call.", time.Time{})}
	kept, bare := promising("a@x", both...), promising("b@x", both...)
	kept.Asks = []text.Ask{{Sentence: "Is it secret?"}}
	bare.Asks, bare.Bare = kept.Asks, true
	heard(t, l, bare)
	if text, err := os.ReadFile(filepath.Join(dir, "ledger.db-wal")); err != nil || bytes.Contains(text, []byte("secret")) {
		t.Errorf("a sentence is in the database: %v", err)
	}
	heard(t, l, kept)
	got := contact(t, l, time.Time{}, "ana@example.org").Promises
	if len(got) != 4 || got[0].ID != got[2].ID || got[1].ID != got[3].ID || got[0].Sentence != "" || got[2].Sentence == "" {
		t.Errorf("Promises = %+v, want the same two twice", got)
	}
	heard(t, l, promising("b@x", text.Promise{Sure: true}, text.Promise{Sure: true}))
	if got := contact(t, l, time.Time{}, "ana@example.org").Promises; len(got) != 4 || got[0].ID == got[1].ID {
		t.Errorf("Promises = %+v, want two without a sentence apart", got)
	}
	journal, err := os.ReadFile(filepath.Join(dir, "journal.jsonl"))
	if err != nil || bytes.Contains(journal, []byte("secret")) || !bytes.Contains(journal, []byte(`"promise"`)) {
		t.Errorf("the journal is wrong: %v\n%s", err, journal)
	}
}

// introduction is one in short.
type introduction struct {
	ID, By string
	Of     []string
	Acted  string
	Reply  []string
}

func introductions(c planner.Contact) (out []introduction) {
	for _, n := range c.Introductions {
		i := introduction{n.ID, n.By, n.Of, n.Acted.ID, nil}
		for _, e := range n.Replied {
			i.Reply = append(i.Reply, e.ID)
		}
		out = append(out, i)
	}
	return out
}

func introducing(id string) ledger.Reading {
	return english(id, text.Reading{Introduces: "May I introduce you?"})
}

func TestIntroductions(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	heard(t, l, introducing("three@x"), introducing("given@x"), introducing("four@x"))
	appendMail(t, l, sent,
		mail("hello@x", day(0), "me@example.com > ana@example.org", "Hello"),
		mail("given@x", day(4), "me@example.com > ana@example.org bob@example.net", "Ana, Bob"))
	appendMail(t, l, inbox,
		mail("three@x", day(1), "ana@example.org > me@example.com ; Kim_Oh=kim@example.net", "Kim"),
		mail("four@x", day(2), "ana@example.org > me@example.com ; kim@example.net dan@example.net", "All of you"),
		mail("between@x", day(6), "bob@example.net > ana@example.org ; me@example.com", "Re: Ana, Bob", "given@x"),
		mail("back@x", day(7), "ana@example.org > bob@example.net ; me@example.com", "Re: Ana, Bob", "given@x"),
		mail("more@x", day(8), "bob@example.net > ana@example.org ; me@example.com", "Re: Ana, Bob", "given@x"))
	three := introduction{"three@x", "ana@example.org", []string{"kim@example.net"}, "", nil}
	given := introduction{"given@x", "", []string{"ana@example.org", "bob@example.net"}, "", []string{"between@x", "back@x"}}
	for who, want := range map[string][]introduction{"ana@example.org": {given, three}, "bob@example.net": {given}, "kim@example.net": {three}} {
		c := contact(t, l, time.Time{}, who)
		if diff := cmp.Diff(want, introductions(c)); diff != "" {
			t.Errorf("introductions of %s mismatch (-want +got):\n%s", who, diff)
		}
		if c.Candidate != (who == "kim@example.net") {
			t.Errorf("Candidate of %s = %v", who, c.Candidate)
		}
	}
	if c := contact(t, l, day(0.5), "kim@example.net"); c.ID != "" {
		t.Errorf("Kim is known before she was introduced: %+v", c)
	}
	if c := contact(t, l, day(5), "ana@example.org"); len(c.Introductions) != 2 || len(c.Introductions[0].Replied) != 0 {
		t.Errorf("before anybody replied, introductions = %v", introductions(c))
	}
	// A word to Kim, in another thread, is known of Ana too.
	appendMail(t, l, sent, mail("kim@x", day(9), "me@example.com > kim@example.net", "Nice to meet you"))
	three.Acted = "kim@x"
	for _, who := range []string{"ana@example.org", "kim@example.net"} {
		c := contact(t, l, time.Time{}, who)
		if got := introductions(c); !cmp.Equal(got[len(got)-1], three) || c.Candidate {
			t.Errorf("introductions of %s = %v, candidate %v, once I wrote", who, got, c.Candidate)
		}
	}
	if got := contact(t, l, time.Time{}, "bob@example.net").Gave; got != "introduction" {
		t.Errorf("Gave = %q, want the introduction", got)
	}
	for _, when := range []time.Time{day(3), day(5), day(8.5)} {
		want, err := l.Snapshot(t.Context(), when, when)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, looking(t, l, []time.Time{when})[0], cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("at %s Hindsight mismatch (-alone +in turn):\n%s", when, diff)
		}
	}
}

// Whom a stranger introduces is nobody to the plan, until the stranger is a contact.
func TestIntroducedByAStranger(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	heard(t, l, introducing("three@x"))
	appendMail(t, l, inbox, mail("three@x", day(1), "ana@example.org > me@example.com ; kim@example.net", "Kim"))
	if got := snapshot(t, l, time.Time{}).Contacts; len(got) != 0 {
		t.Errorf("%d contacts, want none", len(got))
	}
	appendMail(t, l, sent, mail("hello@x", day(5), "me@example.com > ana@example.org", "Hello"))
	if c := contact(t, l, time.Time{}, "kim@example.net"); !c.Candidate {
		t.Error("Kim is not in the plan, though a contact introduced her")
	}
}

func TestReferral(t *testing.T) {
	referred := func(id, name string) ledger.Reading {
		return english(id, text.Reading{Referral: text.Referral{Sentence: name + " suggested that I write.", Name: name}})
	}
	l := openLedger(t, t.TempDir(), me)
	heard(t, l, referred("first@x", "Ana"), referred("second@x", "Ana"), referred("full@x", "Bob Wu"))
	appendMail(t, l, inbox,
		mail("first@x", day(2), "kim@example.net > me@example.com", "Hello"),
		mail("second@x", day(3), "kim@example.net > me@example.com", "Hello again"),
		mail("full@x", day(4), "dan@example.net > me@example.com", "Hello"))
	appendMail(t, l, sent,
		mail("ana@x", day(0), "me@example.com > Ana_Lima=ana@example.org", "Hello"),
		mail("bob@x", day(0), "me@example.com > Bob_Wu=bob@example.net", "Hello"))
	of := func(id, by, who string) []introduction { return []introduction{{id, by, []string{who}, "", nil}} }
	check := func(who string, want []introduction) {
		t.Helper()
		if diff := cmp.Diff(want, introductions(contact(t, l, time.Time{}, who))); diff != "" {
			t.Errorf("introductions of %s mismatch (-want +got):\n%s", who, diff)
		}
	}
	check("kim@example.net", of("first@x", "ana@example.org", "kim@example.net"))
	check("ana@example.org", of("first@x", "ana@example.org", "kim@example.net"))
	check("bob@example.net", of("full@x", "bob@example.net", "dan@example.net"))
	appendMail(t, l, sent, mail("kim@x", day(9), "me@example.com > kim@example.net", "Nice to meet you"))
	want := of("first@x", "ana@example.org", "kim@example.net")
	want[0].Acted = "kim@x"
	check("ana@example.org", want)
	// With another Ana it cannot be told who is meant.
	appendMail(t, l, sent, mail("other@x", day(10), "me@example.com > Ana_Reis=reis@example.org", "Hello"))
	check("ana@example.org", nil)
	check("kim@example.net", nil)
}

func TestAwayAndGone(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	noise := func(m ledger.Mail, reason string) ledger.Mail { m.Noise = reason; return m }
	appendMail(t, l, sent,
		mail("ana@x", day(290), "me@example.com > ana@example.org", "Hello?"),
		mail("bob@x", day(290), "me@example.com > bob@example.net", "Hello"),
		mail("kim@x", day(290), "me@example.com > kim@example.net", "Hello"))
	automatic := []ledger.Mail{
		noise(mail("away@x", day(291), "ana@example.org > me@example.com", "Out of office", "ana@x"), "auto-submitted"),
		noise(mail("later@x", day(292), "ana@example.org > me@example.com", "Out of office", "ana@x"), "auto-submitted"),
		noise(mail("gone@x", day(291), "kim@example.net > me@example.com", "Out of office", "kim@x"), "autoreply"),
		noise(mail("bounce@x", day(291), "mailer-daemon@example.com > me@example.com", "Undelivered"), "report"),
		noise(mail("trick@x", day(291), "eve@example.net > me@example.com", "Undelivered"), "autoreply"),
	}
	away := func(id string, until time.Time) ledger.Reading {
		return english(id, text.Reading{Away: text.Away{Sentence: "I am away.", Until: until}})
	}
	bounce := ledger.Reading{ID: "bounce@x", Dead: []string{"Bob@example.net", "nobody@example.net"}, At: day(300)}
	trick := ledger.Reading{ID: "trick@x", Dead: []string{"ana@example.org"}, At: day(300)}
	heard(t, l, away("away@x", day(310)), away("later@x", day(305)), english("gone@x", text.Reading{Gone: "Kim is no longer with us."}), bounce, trick)
	appendMail(t, l, inbox, automatic...)
	ana, bob, kim := contact(t, l, time.Time{}, "ana@example.org"), contact(t, l, time.Time{}, "bob@example.net"), contact(t, l, time.Time{}, "kim@example.net")
	if want := planner.Date(day(305).Format(time.DateOnly)); ana.Away.ID != "later@x" || ana.Away.Until != want {
		t.Errorf("Away = %+v, want later@x until %s", ana.Away, want)
	}
	if ana.Dead.ID != "" || bob.Dead.ID != "bounce@x" || kim.Dead.ID != "gone@x" {
		t.Errorf("Dead = %q, %q, %q, want none, bounce@x, gone@x", ana.Dead.ID, bob.Dead.ID, kim.Dead.ID)
	}
	if ana.In != 0 || len(ana.Outstanding) != 1 {
		t.Errorf("an out-of-office is a reply: In = %d, Outstanding = %v", ana.In, ana.Outstanding)
	}
	if early := contact(t, l, day(291.5), "ana@example.org"); early.Away.ID != "away@x" {
		t.Errorf("on day 291 Away = %+v, want away@x", early.Away)
	}
	// A word from the address shows that it is read.
	appendMail(t, l, inbox, mail("word@x", day(295), "bob@example.net > me@example.com", "Here I am"))
	if bob := contact(t, l, time.Time{}, "bob@example.net"); !bob.Dead.IsZero() {
		t.Errorf("Dead = %v though they wrote", bob.Dead)
	}
}

// TestAutomaticAnswersOfOneID: whoever makes a second one under the id of the first,
// what follows does not depend on which is read first.
func TestAutomaticAnswersOfOneID(t *testing.T) {
	first, second := mail("away@x", day(291), "ana@example.org > me@example.com", "Out of office"), mail("away@x", day(292), "bob@example.net > me@example.com", "Out of office")
	first.Noise, second.Noise = "auto-submitted", "auto-submitted"
	for _, order := range [][]ledger.Mail{{first, second}, {second, first}} {
		l := openLedger(t, t.TempDir(), me)
		appendMail(t, l, sent,
			mail("ana@x", day(290), "me@example.com > ana@example.org", "Hello"), mail("bob@x", day(290), "me@example.com > bob@example.net", "Hello"))
		heard(t, l, english("away@x", text.Reading{Away: text.Away{Sentence: "I am away.", Until: day(310)}}))
		for _, m := range order {
			appendMail(t, l, inbox, m)
		}
		ana, bob := contact(t, l, time.Time{}, "ana@example.org"), contact(t, l, time.Time{}, "bob@example.net")
		if ana.Away.ID != "away@x" || bob.Away.ID != "" {
			t.Errorf("with that of %s first: Away = %q, %q, want away@x and none", order[0].People[0].Address, ana.Away.ID, bob.Away.ID)
		}
	}
}

func TestStopAndGave(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("tip@x", day(0), "me@example.com > ana@example.org", "A tip"),
		mail("article@x", day(1), "me@example.com > ana@example.org", "An article"))
	appendMail(t, l, inbox, mail("stop@x", day(2), "ana@example.org > me@example.com", "Please"))
	article := english("article@x", text.Reading{Gift: "Here is that article."})
	article.Linked = true
	heard(t, l, english("tip@x", text.Reading{Gift: "Try the bakery."}), article, english("stop@x", text.Reading{Stop: "Please don't contact me."}))
	if then := contact(t, l, day(0.5), "ana@example.org"); then.Gave != "tip" {
		t.Errorf("at first Gave = %q, want tip", then.Gave)
	}
	if c := contact(t, l, time.Time{}, "ana@example.org"); c.Gave != "article" || c.Stop.ID != "stop@x" {
		t.Errorf("Gave = %q, Stop = %q, want article, stop@x", c.Gave, c.Stop.ID)
	}
	appendMail(t, l, inbox, mail("hi@x", day(3), "ana@example.org > me@example.com", "Hi"))
	if c := contact(t, l, time.Time{}, "ana@example.org"); !c.Stop.IsZero() {
		t.Errorf("Stop = %q after another word of theirs", c.Stop.ID)
	}
}

func TestPeopleInCommon(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent,
		mail("1@x", day(0), "me@example.com > ana@example.org bob@example.net ; kim@example.net ; dan@example.net", "Hello"),
		mail("2@x", day(1), "me@example.com > ana@example.org ; kim@example.net list@example.net info@example.net", "Hello"))
	appendObjects(t, l, day(5), nil, object("/1.ics", meeting("m", 2, "!me@example.com ana@example.org/ACCEPTED eve@example.net/ACCEPTED")))
	appendMail(t, l, inbox, mail("3@x", day(3), "kim@example.net > me@example.com ; ana@example.org", "Hello"))
	check := func(want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, contact(t, l, time.Time{}, "ana@example.org").Common); diff != "" {
			t.Errorf("Common mismatch (-want +got):\n%s", diff)
		}
	}
	check("kim@example.net", "bob@example.net", "eve@example.net", "list@example.net")
	listed := mail("l@x", day(4), "eve@example.net > list@example.net", "Digest")
	listed.Noise, listed.Lists = "list-id", []string{"list@example.net"}
	appendMail(t, l, inbox, listed)
	check("kim@example.net", "bob@example.net", "eve@example.net")
}

// After the loss of the database, the journal tells of promises, introductions and
// who is to be left alone where the text is not read again, and says nothing against
// one that is.
func TestJournalKnowsWhatTextsSaid(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	feed := func(l *ledger.Ledger) {
		appendMail(t, l, sent,
			mail("old@x", day(0), "me@example.com > Ana_Lima=ana@example.org", "Deck"),
			mail("new@x", day(9), "me@example.com > ana@example.org", "Deck"),
			mail("offer@x", day(1), "me@example.com > eve@example.net", "Offer"))
		appendMail(t, l, inbox,
			mail("stop@x", day(3), "eve@example.net > me@example.com", "Offer"),
			mail("three@x", day(1), "ana@example.org > me@example.com ; kim@example.net", "Kim"),
			mail("word@x", day(2), "dan@example.net > me@example.com", "Hello"))
	}
	feed(l)
	referred := english("word@x", text.Reading{Referral: text.Referral{Sentence: "Ana Lima suggested it.", Name: "Ana Lima"}})
	heard(t, l,
		promising("old@x", sure("I will send it.", day(5)), text.Promise{Sentence: "Perhaps."}),
		promising("new@x", sure("I will call.", time.Time{})), introducing("three@x"), referred,
		english("stop@x", text.Reading{Stop: "Please don't write to me."}))
	before := contact(t, l, time.Time{}, "ana@example.org")
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ledger.db", "ledger.db-wal", "ledger.db-shm"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	l = openLedger(t, dir, me)
	feed(l)
	if got := unreadIDs(unread(t, l, sent, day(20))); !slices.Contains(got, "old@x") {
		t.Errorf("Unread() = %v, want what the journal alone knows too", got)
	}
	heard(t, l,
		promising("new@x", sure("I will call.", time.Time{})),
		ledger.Reading{ID: "old@x", Failed: "no charset of that name", At: day(20)})
	after := contact(t, l, time.Time{}, "ana@example.org")
	for _, c := range []*planner.Contact{&before, &after} {
		c.Promises[1].Sentence, c.Promises[1].What = "", ""
		for i := range c.Introductions {
			c.Introductions[i].Sentence = ""
		}
		c.Asked, c.Unanswered, c.Outstanding = nil, nil, nil
	}
	if diff := cmp.Diff(before, after); diff != "" || len(after.Introductions) != 2 {
		t.Errorf("Ana mismatch (-before +after the loss):\n%s", diff)
	}
	if eve := contact(t, l, time.Time{}, "eve@example.net"); eve.Stop.ID != "stop@x" {
		t.Errorf("Stop = %v after the loss, want stop@x", eve.Stop)
	}
	// A text that is read and promises nothing more counts, whatever the journal says.
	heard(t, l, promising("new@x"))
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLedger(t, dir, me)
	if got := contact(t, l, time.Time{}, "ana@example.org").Promises; len(got) != 1 || got[0].Evidence.ID != "old@x" {
		t.Errorf("Promises = %v, want that of old@x alone", promises(got))
	}
}

func TestUncertainIsForTheReport(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	appendMail(t, l, sent, mail("mine@x", day(0), "me@example.com > ana@example.org", "Deck"))
	appendMail(t, l, inbox,
		mail("theirs@x", day(1), "ana@example.org > me@example.com", "Deck"),
		mail("forged@x", day(1), "me@example.com > ana@example.org", "Deck"))
	maybe := func(s string) text.Promise { return text.Promise{Sentence: s, Due: day(5)} }
	heard(t, l,
		promising("mine@x", maybe("I could send it."), sure("I will call.", time.Time{})),
		promising("theirs@x", maybe("We might call.")), promising("forged@x", maybe("I might pay.")))
	all, err := l.Uncertain(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := ids(all, func(u ledger.Uncertain) string {
		return strings.Join([]string{u.Kind, u.Evidence.ID, u.Evidence.Address, u.Sentence, string(u.For)}, "|")
	})
	want := []string{
		"their-promise|theirs@x|ana@example.org|We might call.|2026-03-07",
		"promise|mine@x|ana@example.org|I could send it.|2026-03-07",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Uncertain() mismatch (-want +got):\n%s", diff)
	}
	rows := column(t, filepath.Join(dir, "ledger.db"), `SELECT who || '|' || "to" || '|' || sure || '|' || sentence FROM promises ORDER BY at, sentence`)
	want = []string{"me|ana@example.org|0|I could send it.", "me|ana@example.org|1|I will call.", "ana@example.org|me|0|We might call."}
	if diff := cmp.Diff(want, rows); diff != "" {
		t.Errorf("view promises mismatch (-want +got):\n%s", diff)
	}
}
