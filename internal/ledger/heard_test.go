package ledger_test

import (
	"slices"
	"testing"
	"time"

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
	want := []waits{{"plain@x", "", false, nil}, {"2@x", "Which day?", true, []string{"3@x"}}}
	if diff := cmp.Diff(want, waiting(c.Outstanding)); diff != "" {
		t.Errorf("Outstanding mismatch (-want +got):\n%s", diff)
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
