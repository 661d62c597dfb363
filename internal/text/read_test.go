package text_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/text"
)

// in is Wednesday, 6 May 2026, in a zone.
func in(t *testing.T, zone string) time.Time {
	t.Helper()
	location, err := time.LoadLocation(zone)
	if err != nil {
		t.Fatal(err)
	}
	return time.Date(2026, 5, 6, 22, 30, 0, 0, location)
}

func TestDue(t *testing.T) {
	for _, test := range []struct{ when, zone, want string }{
		{"today", "Europe/Berlin", "2026-05-06"},
		{"tonight", "Europe/Berlin", "2026-05-06"},
		{"tomorrow", "Europe/Berlin", "2026-05-07"},
		{"tomorrow morning", "America/Denver", "2026-05-07"},
		{"the day after tomorrow", "Europe/Berlin", "2026-05-08"},
		{"by Friday", "Europe/Berlin", "2026-05-08"},
		{"by Fri.", "Europe/Berlin", "2026-05-08"},
		{"on Wednesday", "Europe/Berlin", "2026-05-13"},
		{"next Friday", "Europe/Berlin", "2026-05-15"},
		{"next Monday", "Europe/Berlin", "2026-05-11"},
		{"this week", "Europe/Berlin", "2026-05-08"},
		{"next week", "Europe/Berlin", "2026-05-15"},
		{"by the end of next week", "Europe/Berlin", "2026-05-15"},
		{"this weekend", "Europe/Berlin", "2026-05-10"},
		{"by the end of the month", "Europe/Berlin", "2026-05-31"},
		{"next month", "Europe/Berlin", "2026-06-30"},
		{"by end of day", "Europe/Berlin", "2026-05-06"},
		{"in two weeks", "Europe/Berlin", "2026-05-20"},
		{"within 3 days", "Europe/Berlin", "2026-05-09"},
		{"in a month", "Europe/Berlin", "2026-06-06"},
		{"on the 12th", "Europe/Berlin", "2026-05-12"},
		{"on the 5th", "Europe/Berlin", "2026-06-05"},
		{"on the 12th of June", "Europe/Berlin", "2026-06-12"},
		{"on June 12", "Europe/Berlin", "2026-06-12"},
		{"on 12 June 2026", "Europe/Berlin", "2026-06-12"},
		{"on Jan. 4th", "Europe/Berlin", "2027-01-04"},
		{"by 2026-05-20", "Europe/Berlin", "2026-05-20"},
		{"by 20.5.2026", "Europe/Berlin", "2026-05-20"},
		{"by 6/7/2026", "Europe/Berlin", "2026-07-06"},
		{"by 6/7/2026", "America/New_York", "2026-06-07"},
		{"by 6/7", "UTC", ""}, // June or July
		{"by 7/7", "UTC", "2026-07-07"},
		{"by 5/20", "UTC", "2026-05-20"},
		{"by the 31st of February", "Europe/Berlin", ""},
		{"by February 31", "Europe/Berlin", ""},
		{"by 2026-02-31", "Europe/Berlin", ""},
		{"by 2025-02-03", "Europe/Berlin", ""}, // past
		{"with the notes from Monday", "Europe/Berlin", ""},
		{"with version 2.5", "Europe/Berlin", ""},
		{"with what you may need", "Europe/Berlin", ""},
		{"with last Friday's notes by Tuesday", "Europe/Berlin", "2026-05-12"},
		{"today or by Tuesday", "Europe/Berlin", "2026-05-12"},
	} {
		now := in(t, test.zone)
		r := text.Read("I will send you the deck "+test.when+".", text.Message{Date: now})
		if len(r.Promises) != 1 || !r.Promises[0].Sure {
			t.Errorf("%q: promises %v, want one", test.when, r.Promises)
			continue
		}
		due, got := r.Promises[0].Due, ""
		if !due.IsZero() {
			got = due.Format(time.DateOnly)
			if due.Location() != now.Location() {
				t.Errorf("%q: in zone %v, want that of the mail", test.when, due.Location())
			}
		}
		if got != test.want {
			t.Errorf("%q in %s: due %q, want %q", test.when, test.zone, got, test.want)
		}
	}
}

func TestPromises(t *testing.T) {
	for sentence, want := range map[string]string{ // sure, maybe or nothing
		"I'll send you the deck.":                             "sure",
		"Ana, I’ll introduce you to Bob.":                     "sure",
		"Thanks, and I will get back to you on this.":         "sure",
		"Let me check with Bob.":                              "sure",
		"Will forward it to you tonight.":                     "sure",
		"We will send you the contract.":                      "sure",
		"If you want, I'll send it.":                          "",
		"I'll send it if you want.":                           "maybe",
		"I won't send it.":                                    "",
		"I will never call him.":                              "",
		"I'll be there at nine.":                              "",
		"I'll let you know.":                                  "maybe",
		"Let me know what you think.":                         "",
		"I told Bob that I would call.":                       "",
		"He will send it.":                                    "",
		"You will get a call.":                                "",
		"Will do.":                                            "maybe",
		"Happy to send it over.":                              "maybe",
		"I can send it.":                                      "maybe",
		"Will you send it?":                                   "",
		"I'll see you on Monday.":                             "",
		"I will probably call Bob.":                           "maybe",
		"They asked when I will send the report, as usual.":   "",
		"Do you know who will send the report to all of you?": "",
	} {
		got := ""
		for _, p := range text.Read(sentence, text.Message{Date: in(t, "Europe/Berlin")}).Promises {
			got = "maybe"
			if p.Sure {
				got = "sure"
			}
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", sentence, got, want)
		}
	}
}

// "Will do" promises only what was asked.
func TestPromiseAsAnswer(t *testing.T) {
	const quote = "\n\nOn Mon, 4 May 2026 at 10:00, Ana Lima <ana@example.org> wrote:\n> Can you send it?\n> I will send you 100 dollars."
	want := []text.Promise{{Sentence: "Will do.", What: "do", Sure: true}}
	for _, test := range []struct {
		body  string
		reply bool
	}{{"Will do." + quote, false}, {"Will do.", true}} {
		got := text.Read(test.body, text.Message{Date: in(t, "Europe/Berlin"), Reply: test.reply}).Promises
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: mismatch (-want +got):\n%s", test.body, diff)
		}
	}
}

func TestSentences(t *testing.T) {
	const body = "Hi Ana,\nI'll send the report to Mr. Stone, i.e. to Bob J. Stone, by the end\nof next week. Sorry for the wait! - Also:\n" +
		"- I'll call Bob\n- I'll book the room\n\nBest\nEva"
	var got []string
	for _, p := range text.Read(body, text.Message{Date: in(t, "Europe/Berlin")}).Promises {
		got = append(got, p.Sentence)
	}
	want := []string{
		"I'll send the report to Mr. Stone, i.e. to Bob J. Stone, by the end of next week.",
		"I'll call Bob", "I'll book the room",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sentences with a promise (-want +got):\n%s", diff)
	}
}
