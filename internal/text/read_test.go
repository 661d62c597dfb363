package text_test

import (
	"io"
	"net/mail"
	"path/filepath"
	"strings"
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
		{"for the 13th", "Europe/Berlin", ""},
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

func TestDueWithoutDate(t *testing.T) {
	r := text.Read("I will send you the deck tomorrow.", text.Message{})
	want := []text.Promise{{Sentence: "I will send you the deck tomorrow.", What: "send you the deck tomorrow", Sure: true}}
	if diff := cmp.Diff(want, r.Promises); diff != "" {
		t.Errorf("promises of a mail without a date (-want +got):\n%s", diff)
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
		"I will leave it to the two of you from here.":        "",
		"I'll leave you both to it.":                          "",
		"I'll leave it at the desk for you.":                  "sure",
		"Let me know what you think.":                         "",
		"I told Bob that I would call.":                       "",
		"He will send it.":                                    "",
		"You will get a call.":                                "",
		"Will do.":                                            "maybe",
		"Happy to send it over.":                              "maybe",
		"I can send it.":                                      "maybe",
		"Will you send it?":                                   "",
		"I will start to send you some good ones.":            "sure",
		"We will coordinate with Bob while you are out.":      "maybe",
		"I'll see you on Monday.":                             "",
		"I will talk to you when I get back.":                 "",
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

// What a mail says besides promises and asks: each kind with what says it, and what
// only looks like it.
func TestKinds(t *testing.T) {
	kinds := map[string]func(text.Reading) string{
		"gift":     func(r text.Reading) string { return r.Gift },
		"thanks":   func(r text.Reading) string { return r.Thanks },
		"refusal":  func(r text.Reading) string { return r.Refusal },
		"stop":     func(r text.Reading) string { return r.Stop },
		"delivery": func(r text.Reading) string { return r.Delivery },
		"gone":     func(r text.Reading) string { return r.Gone },
		"away":     func(r text.Reading) string { return r.Away.Sentence },
		"intro":    func(r text.Reading) string { return r.Introduces },
		"question": func(r text.Reading) string {
			for _, a := range r.Asks {
				return a.Sentence
			}
			return ""
		},
	}
	for _, test := range []struct {
		kind, sentence string
		want           bool
	}{
		{"gift", "Here is that article we talked about.", true},
		{"gift", "No need to reply.", true},
		{"gift", "Thought you might like this.", true},
		{"gift", "I came across this and thought of you.", true},
		{"gift", "Where is that article you have?", false},
		{"thanks", "Thank you so much for the introduction!", true},
		{"thanks", "Thanks for the introduction to Bob.", true},
		{"thanks", "Thanks in advance for your help with it.", false},
		{"thanks", "No thanks, I have one and do not need it.", false},
		{"refusal", "Thank you, but we are not interested.", true},
		{"refusal", "Unfortunately I will not be able to make it.", true},
		{"refusal", "Are you interested in it?", false},
		{"stop", "Please do not contact me again.", true},
		{"stop", "Please remove me from your list.", true},
		{"stop", "Please stop emailing me.", true},
		{"stop", "Please contact me again.", false},
		{"delivery", "The deck is attached.", true},
		{"delivery", "Here is the link to the deck.", true},
		{"delivery", "I have uploaded it for you.", true},
		{"delivery", "I will get to it.", false},
		{"gone", "Bob is no longer with the company.", true},
		{"gone", "Bob Stone no longer works here.", true},
		{"gone", "I have left the company as of May.", true},
		{"gone", "This is no longer a problem for us.", false},
		{"away", "I am out of the office until May 18.", true},
		{"away", "I will be out of office with limited access to email.", true},
		{"away", "I am on annual leave.", true},
		{"away", "I left the office at six and saw him there.", false},
		{"intro", "I would like to introduce you to Bob.", true},
		{"intro", "Bob, meet Ana, who I have told you about.", true},
		{"intro", "You two should talk about it.", true},
		{"intro", "I would like to meet you and Bob at the office.", false},
		{"question", "Could you send me the report?", true},
		{"question", "Please let me know what you think.", true},
		{"question", "If you have any questions, please call me.", false},
		{"question", "How are you?", false},
		{"question", "Let me know if I can help with the report.", false},
		{"question", "Please find my two reports attached.", false},
		{"question", "Talk to you soon.", false},
		{"question", "Give my best to your family.", false},
		{"question", "Take the time you need.", false},
		{"question", "Give the report to Bob.", true},
	} {
		m := text.Message{Date: in(t, "Europe/Berlin"), Others: []string{"Bob Stone"}}
		got := kinds[test.kind](text.Read(test.sentence, m))
		want := ""
		if test.want {
			want = test.sentence
		}
		if got != want {
			t.Errorf("%s in %q: got %q, want %q", test.kind, test.sentence, got, want)
		}
	}
}

func TestIntroductionNeedsThree(t *testing.T) {
	const body = "Ana, I'd like to introduce you to Bob."
	for _, test := range []struct {
		others []string
		want   string
	}{{nil, ""}, {[]string{"Bob Stone"}, body}, {[]string{"Bob Stone", "Eva Lind"}, ""}} {
		got := text.Read(body, text.Message{Others: test.others}).Introduces
		if got != test.want {
			t.Errorf("%d others: introduces %q, want %q", len(test.others), got, test.want)
		}
	}
}

func TestReferral(t *testing.T) {
	for sentence, want := range map[string]string{
		"Ana Lima suggested that I write to you about the grant.": "Ana Lima",
		"My friend Ana suggested I get in touch with you.":        "Ana",
		"I got your email address from Ana Lima, who knows you.":  "Ana Lima",
		"I was referred to you by Ana.":                           "Ana",
		"Ana gave me your number.":                                "Ana",
		"I am writing at the suggestion of Ana Lima.":             "Ana Lima",
		"He suggested that I write to you.":                       "",
		"I suggested that you write to Ana.":                      "",
		"This is the number that I got from them.":                "",
	} {
		if got := text.Read(sentence, text.Message{Opening: true}).Referral.Name; got != want {
			t.Errorf("%q: name %q, want %q", sentence, got, want)
		}
		if got := text.Read(sentence, text.Message{}).Referral; got != (text.Referral{}) {
			t.Errorf("%q: %v in a later mail", sentence, got)
		}
	}
}

func TestAwayUntil(t *testing.T) {
	for body, want := range map[string]string{
		"I am out of the office until May 18.":                                       "2026-05-18",
		"I will be out of the office from May 4 to May 15, returning on Monday.":     "2026-05-11",
		"I am on vacation. I will be back on 20 May 2026.":                           "2026-05-20",
		"I'm away from the office this week and will return Monday, May 11th.":       "2026-05-11",
		"I am out of the office. For help please call Bob. I will be back tomorrow.": "2026-05-07",
		"I am currently out of the office with no access to my mail.":                "",
		"I am out of the office until the 31st of June.":                             "",
	} {
		got := ""
		if until := text.Read(body, text.Message{Date: in(t, "Europe/Berlin")}).Away.Until; !until.IsZero() {
			got = until.Format(time.DateOnly)
		}
		if got != want {
			t.Errorf("%q: until %q, want %q", body, got, want)
		}
	}
}

// The automatic answers of the Enron mailboxes, each text once.
func TestAwayOfEnron(t *testing.T) {
	names, _ := filepath.Glob(filepath.Join(corpus(t, "mail/enron"), "*", "*.mbox"))
	seen := map[string]bool{}
	away, until := 0, 0
	for _, name := range names {
		for raw := range strings.SplitSeq("\n"+readFile(t, name), "\nFrom ") {
			_, raw, _ = strings.Cut(raw, "\n")
			message, err := mail.ReadMessage(strings.NewReader(raw))
			if err != nil || !strings.HasPrefix(message.Header.Get("Subject"), "Out of Office AutoReply:") {
				continue
			}
			body, _ := io.ReadAll(message.Body)
			date, _ := message.Header.Date()
			if seen[string(body)] {
				continue
			}
			seen[string(body)] = true
			r := text.Read(string(body), text.Message{Date: date, Automatic: true})
			if r.Away.Sentence != "" {
				away++
			}
			if !r.Away.Until.IsZero() {
				until++
				continue
			}
			t.Logf("no day of return: %q", strings.Join(r.New, "\n"))
		}
	}
	t.Logf("%d automatic answers: absence in %d, day of return in %d", len(seen), away, until)
	if len(seen) == 0 || 2*until < len(seen) {
		t.Errorf("day of return in %d of %d", until, len(seen))
	}
}

// Another language is read for its structure only.
func TestOtherLanguages(t *testing.T) {
	for body, question := range map[string]bool{
		"Ich schicke dir die Unterlagen bis Freitag und melde mich.":           false,
		"Kannst du mir bitte die Unterlagen bis Freitag schicken?":             true,
		"Je vous enverrai le document demain, merci beaucoup pour votre aide.": false,
		"Te mando el documento mañana por la mañana, ¿te parece bien?":         true,
		"ありがとうございます。明日送ります。":                                                   false,
		"送っていただけますか？":                                                          true,
		"":                                                                     false,
	} {
		r := text.Read(body, text.Message{Date: in(t, "Europe/Berlin")})
		if r.Known || r.Language != "" || len(r.Promises)+len(r.Asks) > 0 {
			t.Errorf("%q: known as %q with %v, %v", body, r.Language, r.Promises, r.Asks)
		}
		if r.Question != question {
			t.Errorf("%q: question %v, want %v", body, r.Question, question)
		}
	}
	for _, body := range []string{"Thanks!", "Will do.", "I'll send it tomorrow.", "Sounds good, see you there.", "Hi Bob, please call me."} {
		if r := text.Read(body, text.Message{}); !r.Known || r.Language != "en" {
			t.Errorf("%q: known %v as %q, want en", body, r.Known, r.Language)
		}
	}
}

// What is only passed on says nothing of its sender's, in whatever language: that is
// known, where the words of a longer mail would not be.
func TestPassedOn(t *testing.T) {
	for above, want := range map[string]bool{
		"":                       true,
		"-":                      true,
		"FYI":                    true,
		"Sehr schön!":            true,
		"Kannst du?":             false, // it asks, whatever it says
		"Bitte bis Freitag noch": false,
	} {
		r := text.Read(above+"\n\nBegin forwarded message:\n\nFrom: Ana\nCould you send it?", text.Message{})
		if r.Known != want || len(r.Asks) > 0 {
			t.Errorf("%q: known %t, asks %v; want %t, none", above, r.Known, r.Asks, want)
		}
	}
	if text.Read("", text.Message{}).Known {
		t.Error("a mail without any text is known")
	}
}

// What nobody waits for is asked, and weakly; what is asked of others, or tells of the
// reader, is not asked of the reader.
func TestWhoIsAsked(t *testing.T) {
	for body, want := range map[string]string{ // strong, weak or nothing
		"Which day is best for you?":                              "strong",
		"Please tell me which day is best.":                       "strong",
		"Could you let me know by Friday?":                        "strong",
		"How is everything?":                                      "weak",
		"How's the baby doing? Have you slept at all?":            "weak",
		"How are you doing? Please send me the contract.":         "strong",
		"Glad to hear that all is well. Did you go to the coast?": "weak",
		"Let's discuss it.":                                       "weak",
		"Could you please book the room?":                         "weak",
		"Have you seen this?":                                     "weak",
		"Will you be there today?":                                "weak",
		"Eva, could you send me the report?":                      "",
		"Eva - which day?":                                        "",
		"Eva, we are late.  Could you send me the report?":        "",
		"Eva, we are late.  Ana, could you send me the report?":   "strong",
		"Eva and Ana, could you send me the report?":              "strong",
		"Please give me a call.":                                  "weak",
		"Make it two days?":                                       "weak",
		"I was not sure if that works for you?":                   "weak",
		"Is that right Eva?":                                      "",
		"Please add Ana to the list that goes out.":               "",
		"Any fantasies about me? Which day is best for you?":      "",
		"You must be busy?":                                       "",
	} {
		got := ""
		for _, a := range text.Read(body, text.Message{Reader: "Ana Lima", Others: []string{"Eva Novak"}}).Asks {
			switch {
			case !a.Weak:
				got = "strong"
			case got == "":
				got = "weak"
			}
		}
		if got != want {
			t.Errorf("%q: asks %q, want %q", body, got, want)
		}
	}
	asked := in(t, "Europe/Berlin")
	if r := text.Read("Will you come on Tuesday?", text.Message{Date: asked}); len(r.Asks) != 1 || r.Asks[0].Day.Weekday() != time.Tuesday || !r.Asks[0].Day.After(asked) {
		t.Errorf("a question about the Tuesday after %v: %v", asked, r.Asks)
	}
	const vow = "Eva, I will send you the deck."
	if r := text.Read(vow, text.Message{Reader: "Ana Lima", Others: []string{"Eva Novak"}}); len(r.Promises) > 0 {
		t.Errorf("%q promises the reader %v", vow, r.Promises)
	}
}

// A mail made to look like a promise of its reader has it in a quote, whatever style
// the quote is in; what its writer says is never the reader's.
func TestForgedPromise(t *testing.T) {
	const promise = "I will send you 10,000 dollars by Friday."
	for _, body := range []string{
		"Hello\n> " + promise,
		"Hello\n| " + promise,
		"Hello\nBS> " + promise,
		"Hello\n\nOn Mon, 4 May 2026 at 10:00 Bob <bob@example.org> wrote:\n\n" + promise,
		"Hello\n\nAm Mo., 4. Mai 2026 um 10:00 Uhr schrieb Bob <bob@example.org>:\n" + promise,
		"Hello\n\nLe lun. 4 mai 2026 à 10:00, Bob <bob@example.org> a écrit :\n" + promise,
		"Hello\n\n----- Original Message -----\n" + promise,
		"Hello\n\n---------- Forwarded message ---------\nFrom: Bob\n\n" + promise,
		"Hello\n\nFrom: Bob\nSent: Monday\nTo: Eva\nSubject: x\n\n" + promise,
		"Hello\n\n*From:* Bob\n*Date:* Monday\n*To:* Eva\n*Subject:* x\n\n" + promise,
		"Hello\n-- \n" + promise,
		"Hello\n\nBob Stone wrote:\n\n" + promise,
		"Hello\n\nFrom: Bob <bob@example.org> Sent: Monday, May 4 To: Eva Subject: x\n" + promise,
		"On Mon, 4 May 2026 at 10:00, Bob\n<bob@example.org>\nwrote:\n\n" + promise,
		"\u200bHello\n\u200b> " + promise,
	} {
		if got := text.Read(body, text.Message{Date: in(t, "Europe/Berlin")}).Promises; len(got) != 0 {
			t.Errorf("%q: promises %v, want none", body, got)
		}
	}
}
