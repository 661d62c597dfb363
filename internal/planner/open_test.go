package planner_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"syncd/internal/planner"
)

// at reads a time of May 2026, in which the 11th is a Monday.
func at(day, hour int) time.Time { return time.Date(2026, 5, day, hour, 0, 0, 0, time.UTC) }

func mailFrom(id, who string, at time.Time) planner.Evidence {
	return planner.Evidence{Type: planner.Mail, ID: id, At: at, Subject: "Plans?", Address: who, Account: "home"}
}

// friend is somebody I wrote to long ago, with a name made from the address.
func friend(who string) planner.Contact {
	name, _, _ := strings.Cut(who, "@")
	return planner.Contact{
		ID: planner.ContactID(name), Name: strings.ToUpper(name[:1]) + name[1:] + " Hall", Addresses: []string{who}, Out: 2, In: 2, Threads: 2,
		FirstAt: at(-100, 9), LastOut: mailFrom("w-"+who, who, at(-90, 9)),
	}
}

// asking is a friend whose mail of the 11th waits for a word.
func asking(who string) planner.Contact {
	c := friend(who)
	c.Unanswered = []planner.Turn{{Evidence: mailFrom("a-"+who, who, at(11, 9)), Recipients: 1}}
	c.LastIn = c.Unanswered[0].Evidence
	return c
}

func settled(contacts ...planner.Contact) planner.Snapshot {
	return planner.Snapshot{FirstRunAt: at(1, 9), Whole: true, Contacts: contacts}
}

// entry is an open entry of the 13th, written the evening before.
func entry(rule planner.Rule, e planner.Evidence) planner.Open {
	k := planner.Key{Rule: rule, Evidence: e.ID, Who: e.Address}
	return planner.Open{
		Key: k, Generation: 1, UID: planner.UID("test", k, 1), Slot: at(13, 9), Start: at(13, 9), CreatedAt: at(12, 18), EvidenceAt: e.At, Title: "as written",
	}
}

// says is what becomes of every follow-up, in short. What comes up for everybody
// some day is left out.
func says(r planner.Result) []string {
	var out []string
	later := []planner.Rule{planner.SecondStep, planner.Dormant, planner.CardSweep}
	for _, f := range r.FollowUps {
		if !slices.Contains(later, f.Rule) {
			out = append(out, fmt.Sprintf("%s %s %s", f.Status, f.Rule, f.Key.Evidence))
		}
	}
	for _, h := range r.Held {
		if h.End != nil {
			out = append(out, fmt.Sprintf("%s %s %s by %q", h.End.Outcome, h.Rule, h.Key.Evidence, h.End.Evidence.ID))
		} else if !slices.Contains(later, h.Rule) {
			out = append(out, fmt.Sprintf("held %s %s: %s", h.Rule, h.Key.Evidence, h.HeldBecause))
		}
	}
	return out
}

func check(t *testing.T, r planner.Result, want ...string) {
	t.Helper()
	if got := says(r); !slices.Equal(got, want) {
		t.Errorf("Plan() =\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

const ana = "ana@example.org"

// A copy under a smaller Message-ID gives the thread another key. It is the same
// follow-up all the same: what was let go does not return (SPEC I6), what is open
// stays, and the interval of a circle goes on.
func TestCopyUnderAnotherID(t *testing.T) {
	c := asking(ana)
	seen := c.Unanswered[0].Evidence
	renamed := func() planner.Contact {
		c := asking(ana)
		e := &c.Unanswered[0].Evidence
		e.ID, e.Also = "0@example.net", []string{"5@example.net", seen.ID}
		c.LastIn = *e
		return c
	}
	now := at(12, 19)
	s := settled(renamed())
	s.Ended = []planner.Ended{{Key: entry(planner.ReplyOwed, seen).Key, Generation: 1, Outcome: planner.Dismissed, At: at(12, 9)}}
	check(t, planner.Plan(s, planner.DefaultPolicy(), now))

	s.Ended[0].Outcome = planner.Withdrawn
	r := planner.Plan(s, planner.DefaultPolicy(), now)
	check(t, r, "write reply-owed 0@example.net")
	if g := r.FollowUps[0].Generation; g != 2 {
		t.Errorf("generation = %d, want 2", g)
	}

	s = settled(renamed())
	s.Open = []planner.Open{entry(planner.ReplyOwed, seen)}
	check(t, planner.Plan(s, planner.DefaultPolicy(), now), "open reply-owed "+seen.ID)

	s.Contacts[0].LastOut = mailFrom("r@example.com", ana, at(12, 10))
	s.Contacts[0].Unanswered = nil
	check(t, planner.Plan(s, planner.DefaultPolicy(), now), "acted reply-owed "+seen.ID+` by "r@example.com"`)

	asked, nudge := mailFrom("0@example.com", ana, at(11, 9)), mailFrom("n@example.com", ana, at(12, 9))
	s.Open = []planner.Open{entry(planner.Awaiting, mailFrom("9@example.com", ana, asked.At))}
	asked.Also = []string{"9@example.com"}
	s.Contacts[0] = friend(ana)
	s.Contacts[0].Outstanding = []planner.Turn{{Evidence: asked, Recipients: 1, Nudges: []planner.Evidence{nudge}}}
	check(t, planner.Plan(s, planner.DefaultPolicy(), now), "waiting awaiting n@example.com", `acted awaiting 9@example.com by "n@example.com"`)
}

// What ended for good is neither planned nor held again, whatever the rule (SPEC
// I6); what was withdrawn comes back under the next generation.
func TestFinalOutcomes(t *testing.T) {
	c := asking(ana)
	c.Stage, c.Circle = 2, "close"
	c.Outstanding = []planner.Turn{{Evidence: mailFrom("q@example.com", ana, at(11, 12)), Recipients: 1}}
	met := friend("bo@example.org")
	met.LastOut = planner.Evidence{}
	met.Meetings = []planner.Encounter{{
		Evidence: planner.Evidence{Type: planner.Meeting, ID: "m@example.org", At: at(11, 9), Address: "bo@example.org"}, End: at(11, 10), People: 2,
	}}
	faded := friend("cyd@example.org")
	faded.LastOut = mailFrom("f@example.com", "cyd@example.org", at(-15, 9))
	faded.Exchanges = planner.Exchanges{Count: 2, Early: 2, First: at(-20, 9), Last: faded.LastOut}
	keys := func(s planner.Snapshot) map[planner.Key]int {
		all := map[planner.Key]int{}
		r := planner.Plan(s, planner.DefaultPolicy(), at(12, 19))
		for _, f := range r.FollowUps {
			all[f.Key] = f.Generation
		}
		for _, h := range r.Held {
			all[h.Key] = h.Generation
		}
		return all
	}
	met.Birthday, met.Cards, met.Stage, met.Carded = planner.DayOf{Month: time.May, Day: 16}, []string{"card-bo"}, 2, true
	faded.Facts = planner.Facts("plan: a marathon", planner.Evidence{Type: planner.Note, ID: "n", At: at(2, 9)})
	step := friend("dee@example.org")
	step.Meetings = []planner.Encounter{{
		Evidence: planner.Evidence{Type: planner.Meeting, ID: "s@example.org", At: at(4, 9), Address: "dee@example.org"}, End: at(4, 10), People: 2,
	}}
	step.LastOut = mailFrom("s@example.com", "dee@example.org", at(5, 9))
	rules := map[planner.Rule]bool{}
	for k := range keys(settled(c, met, faded, step)) {
		rules[k.Rule] = true
		for _, o := range []planner.Outcome{planner.Acted, planner.Answered, planner.Done, planner.Dismissed, planner.Expired} {
			s := settled(c, met, faded, step)
			s.Ended = []planner.Ended{{Key: k, Generation: 1, Outcome: o, At: at(12, 9)}}
			if _, again := keys(s)[k]; again {
				t.Errorf("%s was %s and comes again", k, o)
			}
		}
		s := settled(c, met, faded, step)
		s.Ended = []planner.Ended{{Key: k, Generation: 3, Outcome: planner.Withdrawn, At: at(12, 9)}}
		if g := keys(s)[k]; g != 4 {
			t.Errorf("%s was withdrawn in generation 3 and comes again in %d, want 4", k, g)
		}
	}
	if len(rules) != 9 {
		t.Errorf("only %v are asked", rules)
	}
}

// What came after the evidence and before the entry was written, but was read
// later, ends it as what it is.
func TestReadLate(t *testing.T) {
	between := at(11, 12) // after the mail, before the entry
	asked := mailFrom("q@example.com", ana, at(11, 9))
	colleague := mailFrom("r@example.com", "boss@example.com", between)
	tests := []struct {
		name string
		rule planner.Rule
		set  func(*planner.Contact, *planner.Open)
		want string
	}{
		{"I wrote", planner.ReplyOwed, func(c *planner.Contact, _ *planner.Open) {
			c.LastOut = mailFrom("r@example.com", ana, between)
		}, `acted reply-owed q@example.com by "r@example.com"`},
		{"a colleague wrote", planner.ReplyOwed, func(_ *planner.Contact, o *planner.Open) {
			o.Reply, o.Word = colleague, colleague
		}, `acted reply-owed q@example.com by "r@example.com"`},
		{"they wrote", planner.Awaiting, func(c *planner.Contact, _ *planner.Open) {
			c.LastIn = mailFrom("r@example.com", ana, between)
		}, `answered awaiting q@example.com by "r@example.com"`},
		{"a third person answered", planner.Awaiting, func(_ *planner.Contact, o *planner.Open) {
			o.Reply = mailFrom("r@example.net", "bob@example.net", between)
		}, `answered awaiting q@example.com by "r@example.net"`},
		{"an exchange", planner.Fade, func(c *planner.Contact, _ *planner.Open) {
			c.LastOut = mailFrom("r@example.com", ana, between)
			c.Exchanges = planner.Exchanges{Count: 1, Last: c.LastOut}
		}, `acted fade q@example.com by "r@example.com"`},
		{"nothing", planner.Awaiting, func(*planner.Contact, *planner.Open) {}, `withdrawn awaiting q@example.com by ""`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, o := friend(ana), entry(tt.rule, asked)
			o.Contact = c.ID
			tt.set(&c, &o)
			s := settled(c)
			s.Open = []planner.Open{o}
			check(t, planner.Plan(s, planner.DefaultPolicy(), at(13, 10)), tt.want)
		})
	}
}

// What was left alone ends, bearing the user's words or not; what they made their
// own does not. An entry for a whole day has until the end of that day.
func TestExpiry(t *testing.T) {
	tests := []struct {
		name   string
		set    func(*planner.Open)
		before time.Time
		from   time.Time // zero: never
	}{
		{"untouched", func(*planner.Open) {}, at(20, 8), at(20, 9)},
		{"touched", func(o *planner.Open) { o.Touched = true }, at(20, 8), at(20, 9)},
		{"moved", func(o *planner.Open) { o.Touched, o.Start = true, at(15, 10) }, at(22, 9), at(22, 10)},
		{"all day", func(o *planner.Open) { o.AllDay, o.Start = true, at(13, 0) }, at(20, 23), at(21, 0)},
		{"taken", func(o *planner.Open) { o.Touched, o.Taken = true, true }, at(31, 9), time.Time{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := settled(asking(ana))
			o := entry(planner.ReplyOwed, s.Contacts[0].LastIn)
			tt.set(&o)
			s.Open = []planner.Open{o}
			check(t, planner.Plan(s, planner.DefaultPolicy(), tt.before), "open reply-owed a-"+ana)
			if !tt.from.IsZero() {
				check(t, planner.Plan(s, planner.DefaultPolicy(), tt.from), "expired reply-owed a-"+ana+` by ""`)
			}
			keep := planner.DefaultPolicy()
			keep.Expire = 0
			check(t, planner.Plan(s, keep, at(31, 9)), "open reply-owed a-"+ana)
		})
	}
}

// What the user made their own stops neither the person's next event nor takes a
// place among the open ones; what ended and may still be there does both.
func TestTakenAndLeavingInTheBudget(t *testing.T) {
	p := planner.DefaultPolicy()
	p.OpenAhead = 1
	old := entry(planner.Awaiting, mailFrom("old@example.com", ana, at(5, 9)))
	s := settled(asking(ana))
	taken := old
	taken.Touched, taken.Taken = true, true
	s.Contacts[0].Outstanding = []planner.Turn{{Evidence: mailFrom("old@example.com", ana, at(12, 9)), Recipients: 1}}
	s.Open = []planner.Open{taken}
	check(t, planner.Plan(s, p, at(12, 19)), "open awaiting old@example.com", "write reply-owed a-"+ana)

	s = settled(asking(ana))
	s.Leaving = []planner.Open{old}
	p.OpenAhead = 2
	check(t, planner.Plan(s, p, at(12, 19)), "waiting reply-owed a-"+ana)
	s.Leaving[0].Touched = true
	r := planner.Plan(s, p, at(12, 19))
	check(t, r, "write reply-owed a-"+ana)
	if slot := r.FollowUps[0].Slot; slot.Equal(old.Start) {
		t.Errorf("slot %v is taken by what leaves", slot)
	}
	p.OpenAhead = 1
	check(t, planner.Plan(s, p, at(12, 19)), "held reply-owed a-"+ana+": the next seven days have room for 1 event; it comes up when one is gone")
}

// What is to be moved far ahead keeps its place among the open ones until it lies
// there; what is to come near has it at once.
func TestUnmovedInTheBudget(t *testing.T) {
	p := planner.DefaultPolicy()
	p.OpenAhead = 1
	s := settled(asking(ana), asking("bob@example.com"))
	for _, tt := range []struct {
		start, lies time.Time
		want        string
	}{
		{at(28, 9), time.Time{}, "write"},
		{at(28, 9), at(13, 9), "held"},
		{at(14, 9), at(28, 9), "held"},
	} {
		o := entry(planner.ReplyOwed, s.Contacts[0].LastIn)
		o.Touched, o.Start, o.Lies = true, tt.start, tt.lies
		s.Open = []planner.Open{o}
		got := says(planner.Plan(s, p, at(12, 19)))
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, tt.want+" reply-owed a-bob@example.com") }) {
			t.Errorf("to lie at %v, lies at %v: %q, want it to %s", tt.start, tt.lies, got, tt.want)
		}
	}
}

// The ledger tells when somebody becomes a contact by the mere passing of time.
func TestNextMindsTheLedger(t *testing.T) {
	s := settled(friend(ana))
	s.Until = at(12, 15)
	if got := planner.Plan(s, planner.DefaultPolicy(), at(12, 10)).Next; !got.Equal(s.Until) {
		t.Errorf("Next = %v, want %v", got, s.Until)
	}
	if got := planner.Plan(s, planner.DefaultPolicy(), at(12, 15)).Next; got.Equal(s.Until) {
		t.Errorf("Next = %v, which is now", got)
	}
}

func TestSilence(t *testing.T) {
	s := settled()
	if got := planner.Plan(s, planner.DefaultPolicy(), at(12, 10)).Silent; got != "" {
		t.Errorf("Silent = %q, want none", got)
	}
	s.Paused = at(13, 10)
	r := planner.Plan(s, planner.DefaultPolicy(), at(12, 10))
	if !strings.Contains(r.Silent, "paused") || !r.Next.Equal(s.Paused) {
		t.Errorf("Silent = %q until %v, want the pause", r.Silent, r.Next)
	}
	s = planner.Snapshot{}
	if r := planner.Plan(s, planner.DefaultPolicy(), at(12, 10)); r.Silent == "" {
		t.Error("not silent before the first run")
	}
}

// How long an answer may take follows from what was known on the day of the
// mail, and says so.
func TestAwaitingWords(t *testing.T) {
	often := []planner.Date{"2026-05-11", "2026-05-08", "2026-05-07", "2026-05-06", "2026-05-05", "2026-05-04", "2026-05-03", "2026-05-02"}
	later := []planner.Date{"2026-05-20", "2026-05-19", "2026-05-18", "2026-05-17", "2026-05-16", "2026-05-15", "2026-05-14", "2026-05-13"}
	tests := []struct {
		name string
		set  func(*planner.Contact)
		due  time.Time
		why  string
	}{
		{"first", func(c *planner.Contact) { c.Out, c.In = 1, 0 }, at(18, 9), "A first mail to somebody gets 5 business days."},
		{"first of two", func(c *planner.Contact) { c.Out, c.In, c.FirstAt = 2, 0, at(11, 9) }, at(18, 9), "A first mail to somebody gets 5 business days."},
		{"second, without an answer", func(c *planner.Contact) { c.Out, c.In = 2, 0 }, at(14, 9), "An answer gets 3 business days."},
		{"often in touch", func(c *planner.Contact) { c.DirectDays = often }, at(18, 9), "Since you are in touch often, an answer gets 5 business days."},
		{"often in touch afterwards", func(c *planner.Contact) { c.DirectDays = later }, at(14, 9), "An answer gets 3 business days."},
		{"two answers known", func(c *planner.Contact) { c.Answers, c.AnswerTime = 2, 50*time.Hour }, at(14, 9), "An answer gets 3 business days."},
		{
			"three answers known", func(c *planner.Contact) { c.Answers, c.AnswerTime = 3, 50*time.Hour }, at(20, 9),
			"An answer gets 7 business days, three times what they usually take, between 3 and 10.",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := friend(ana)
			c.Outstanding = []planner.Turn{{Evidence: mailFrom("q@example.com", ana, at(11, 9)), Recipients: 1}}
			tt.set(&c)
			r := planner.Plan(settled(c), planner.DefaultPolicy(), at(22, 12))
			all := r.FollowUps
			for _, h := range r.Held {
				all = append(all, h.FollowUp)
			}
			i := slices.IndexFunc(all, func(f planner.FollowUp) bool { return f.Rule == planner.Awaiting })
			if i < 0 {
				t.Fatalf("no awaiting in %q", says(r))
			}
			if f := all[i]; !f.Due.Equal(tt.due) || string(f.Because[len(f.Because)-1]) != tt.why {
				t.Errorf("due %v: %q; want %v: %q", f.Due, f.Because, tt.due, tt.why)
			}
		})
	}
}

// The delay of an answer follows from the touch on the day of the mail as well.
func TestReplyInConstantTouch(t *testing.T) {
	for _, tt := range []struct {
		last planner.Date // of eight days in a row
		due  time.Time
	}{{"2026-05-11", at(18, 9)}, {"2026-05-12", at(13, 9)}} {
		c := asking(ana)
		day, err := time.Parse(time.DateOnly, string(tt.last))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 8 {
			c.DirectDays = append(c.DirectDays, planner.Date(day.AddDate(0, 0, -i).Format(time.DateOnly)))
		}
		f := planner.Plan(settled(c), planner.DefaultPolicy(), at(12, 10)).FollowUps[0]
		if often := strings.Contains(string(f.Because[1]), "in touch often"); !f.Due.Equal(tt.due) || often != tt.due.Equal(at(18, 9)) {
			t.Errorf("in touch until %s: due %v, %q", tt.last, f.Due, f.Because)
		}
	}
}

// A long name gives way to what stands after it in the title.
func TestTitleKeepsItsBracket(t *testing.T) {
	c := friend(ana)
	c.Name, c.FirstAt = "Maximiliane-Charlotte Oberhauser-Winterfeld", time.Time{}
	met := time.Date(2025, 12, 31, 10, 0, 0, 0, time.UTC)
	c.Meetings = []planner.Encounter{{Evidence: planner.Evidence{Type: planner.Meeting, ID: "m", At: met, Address: ana}, End: met.Add(time.Hour), People: 2}}
	c.LastOut = planner.Evidence{}
	p := planner.DefaultPolicy()
	p.Holidays = []planner.Date{"2025-12-31"}
	s := settled(c)
	s.FirstRunAt = met.AddDate(0, -1, 0)
	title := planner.Plan(s, p, met.Add(9*time.Hour)).FollowUps[0].Title
	if !strings.HasPrefix(title, "Follow up with Maximiliane") || !strings.HasSuffix(title, "… (met 31 December 2025)") || utf8.RuneCountInString(title) > 60 {
		t.Errorf("title = %q", title)
	}
}

// However much there is to say, the code and how to answer are said.
func TestLongTextKeepsItsCode(t *testing.T) {
	long := strings.Repeat("Wonderful things to speak of ", 12)
	c := asking(ana)
	c.Name, c.Stage = strings.Repeat("Nomen ", 20), 2
	c.Unanswered = nil
	c.LastMet = planner.Evidence{Type: planner.Meeting, ID: "m", At: at(-300, 9), Subject: long, Address: ana}
	c.LastIn = mailFrom("i@example.org", ana, at(11, 10))
	c.LastIn.Subject = long
	for i := range 5 {
		turn := planner.Turn{Evidence: mailFrom(strings.Repeat("x", 220)+fmt.Sprintf("%d@example.org", i), ana, at(11, 10+i)), Recipients: 1}
		turn.Subject = long
		c.Unanswered = append(c.Unanswered, turn)
	}
	p := planner.DefaultPolicy()
	p.OnMyMind = long
	for _, f := range planner.Plan(settled(c), p, at(12, 19)).FollowUps {
		if f.Status != planner.StatusWrite {
			continue
		}
		if n := utf8.RuneCountInString(f.Text); n > 1500 || n < 900 {
			t.Errorf("the text has %d characters", n)
		}
		if !strings.Contains(f.Text, "\nCode: "+f.Key.Code()+"\n") || !strings.HasSuffix(f.Text, "in front of its title.") {
			t.Errorf("the code or the way to answer is lost:\n%s", f.Text)
		}
		return
	}
	t.Error("nothing is written")
}

// Mail that is also in an account whose sent mail was not found may have been
// answered from there.
func TestMailInAnAccountWithoutSentMail(t *testing.T) {
	asked := friend("bo@example.org")
	asked.Outstanding = []planner.Turn{{Evidence: mailFrom("q-bo", "bo@example.org", at(11, 9)), Recipients: 1}}
	asked.LastOut = asked.Outstanding[0].Evidence
	for _, test := range []struct {
		accounts []string
		want     int
	}{{nil, 2}, {[]string{"home", "work"}, 2}, {[]string{"home", "zwei"}, 0}} {
		s := settled(asking("ana@example.org"), asked)
		s.Unsent = []string{"zwei"}
		s.Contacts[0].Unanswered[0].Accounts, s.Contacts[1].Outstanding[0].Accounts = test.accounts, test.accounts
		got := 0
		for _, f := range planner.Plan(s, planner.DefaultPolicy(), at(18, 18)).FollowUps {
			if f.Rule == planner.ReplyOwed || f.Rule == planner.Awaiting {
				got++
			}
		}
		if got != test.want {
			t.Errorf("in %v: %d follow-ups about replies, want %d", test.accounts, got, test.want)
		}
	}
}
