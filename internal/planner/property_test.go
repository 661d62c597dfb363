package planner_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/planner"
)

// world is a random snapshot with the policy and time to plan it at.
type world struct {
	snapshot planner.Snapshot
	policy   planner.Policy
	now      time.Time
}

var bases = []time.Time{
	time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC),  // summer time begins in Berlin and, at midnight, in Beirut
	time.Date(2026, 4, 23, 20, 0, 0, 0, time.UTC),  // in Cairo, at midnight
	time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC),  // an ordinary week
	time.Date(2026, 9, 5, 18, 0, 0, 0, time.UTC),   // and in Santiago, where midnight is 23:00 to Go
	time.Date(2026, 12, 30, 12, 0, 0, 0, time.UTC), // the turn of the year
}

var zones = []string{"UTC", "Europe/Berlin", "Asia/Beirut", "Africa/Cairo", "America/Santiago", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"}

type drawer struct {
	t    *rapid.T
	base time.Time
	ids  int
	zone *time.Location
	fair time.Time // where many met first; zero: there was none
}

func (d *drawer) n(lo, hi int) int   { return rapid.IntRange(lo, hi).Draw(d.t, "n") }
func (d *drawer) maybe(one int) bool { return d.n(1, one) == 1 }

// at draws a moment between so many days before and after the base.
func (d *drawer) at(before, after int) time.Time {
	return d.base.Add(time.Duration(d.n(-before*24*4, after*24*4)) * 15 * time.Minute)
}

func (d *drawer) evidence(kind planner.EvidenceType, at time.Time, who string) planner.Evidence {
	d.ids++
	subject := rapid.SampledFrom([]string{"", "Plans for the garden", "Re: Shall we?", "Notes"}).Draw(d.t, "subject")
	return planner.Evidence{Type: kind, ID: fmt.Sprintf("e%d@example.com", d.ids), At: at, Subject: subject, Address: who, Account: "home"}
}

func (d *drawer) turn(who string) planner.Turn {
	e := d.evidence(planner.Mail, d.at(40, 0), who)
	turn := planner.Turn{Evidence: e, Recipients: d.n(1, 4), Mailing: d.maybe(8), Later: e.At, Read: d.maybe(2)}
	if turn.Read && d.maybe(2) {
		turn.Sentence = "Could you send me the plan?"
	}
	for i := range d.n(0, 5) / 2 {
		turn.Asks = append(turn.Asks, d.evidence(planner.Mail, e.At.Add(time.Duration(i*200+d.n(1, 200))*time.Hour), who))
	}
	for range d.n(0, 3) / 2 {
		turn.Nudges = append(turn.Nudges, d.evidence(planner.Mail, e.At.Add(time.Duration(d.n(1, 200))*time.Hour), who))
	}
	return turn
}

// promise draws one in a few words, so that some are said again, and some are
// kept.
func (d *drawer) promise(who string) planner.Promise {
	m := planner.Promise{Evidence: d.evidence(planner.Mail, d.at(50, 0), who), ID: fmt.Sprint("s", d.n(0, 2))}
	if !d.maybe(4) {
		m.What = rapid.SampledFrom([]string{"send you the plan by Friday", "check with my printer tomorrow", "call"}).Draw(d.t, "what")
		m.Sentence = "I'll " + m.What + "."
	}
	if d.maybe(2) {
		m.For = dateOf(d.at(50, 20))
	}
	if d.maybe(4) {
		m.Kept = d.evidence(planner.Mail, m.At.Add(time.Duration(d.n(1, 200))*time.Hour), who)
	}
	return m
}

// introduce lets people of the snapshot be introduced, by each other or by me, and
// some of them be no contacts.
func (d *drawer) introduce(all []planner.Contact) {
	for range d.n(0, 6) {
		a, b, by := d.n(0, len(all)-1), d.n(0, len(all)-1), d.n(0, len(all)-1)
		i := planner.Introduction{Evidence: d.evidence(planner.Mail, d.at(45, 0), "")}
		has := []int{a, by}
		i.Of, i.By = []string{who(&all[a])}, who(&all[by])
		if d.maybe(3) {
			has = []int{a, b}
			i.Of, i.By = []string{who(&all[a]), who(&all[b])}, ""
			slices.Sort(i.Of)
			if d.maybe(3) {
				i.Replied = []planner.Evidence{d.evidence(planner.Mail, i.At.Add(time.Hour), i.Of[0])}
			}
		} else if d.maybe(2) {
			i.Acted = d.evidence(planner.Mail, i.At.Add(time.Duration(d.n(1, 200))*time.Hour), i.Of[0])
		}
		for _, n := range has {
			all[n].Introductions = append(all[n].Introductions, i)
		}
		if c := &all[a]; i.By != "" && d.maybe(2) {
			*c = planner.Contact{
				ID: c.ID, Name: c.Name, Addresses: c.Addresses, Candidate: true, Role: c.Role, LastIn: c.LastIn, In: c.In,
				Introductions: c.Introductions, Unanswered: c.Unanswered, Theirs: c.Theirs,
			}
		}
	}
}

func (d *drawer) contact(i int) planner.Contact {
	who := fmt.Sprintf("p%d@example.org", i)
	c := planner.Contact{
		ID: planner.ContactID(fmt.Sprintf("c%d", i)), Name: fmt.Sprintf("Pat Number%d", i), Addresses: []string{who, "also." + who},
		Stage: d.n(0, 2), Out: d.n(0, 3), In: d.n(0, 3), Threads: d.n(1, 3), Carded: d.maybe(3),
		Muted: d.maybe(12), Internal: d.maybe(12), Role: d.maybe(12), Broadcaster: d.maybe(8),
		Warmth: float64(d.n(0, 9)), Heard: float64(d.n(0, 9)), WarmthAt: d.at(60, 0), FirstAt: d.at(900, 0),
		Circle: rapid.SampledFrom([]string{"", "", "close", "yearly", "unknown"}).Draw(d.t, "circle"),
	}
	if d.maybe(12) {
		c.Name = ""
	}
	if !d.maybe(3) {
		c.LastOut = d.evidence(planner.Mail, d.at(120, 0), who)
	}
	if !d.maybe(3) {
		c.LastIn = d.evidence(planner.Mail, d.at(120, 0), who)
	}
	if !d.fair.IsZero() && !d.maybe(5) {
		e := d.evidence(planner.Meeting, d.fair.Add(time.Duration(d.n(0, 20))*15*time.Minute), who)
		c.Meetings = append(c.Meetings, planner.Encounter{Evidence: e, End: e.At.Add(15 * time.Minute), People: 2})
	}
	for range d.n(0, 2) {
		if !d.fair.IsZero() {
			break
		}
		e := d.evidence(planner.Meeting, d.at(60, 20), who)
		end := e.At.Add(time.Duration(d.n(1, 8)) * 15 * time.Minute)
		c.Meetings = append(c.Meetings, planner.Encounter{Evidence: e, End: end, People: d.n(2, 8)})
	}
	for range d.n(0, 2) {
		c.Unanswered = append(c.Unanswered, d.turn(who))
		c.Outstanding = append(c.Outstanding, d.turn(who))
	}
	if d.maybe(2) {
		last := d.evidence(planner.Mail, d.at(60, 0), who)
		c.Exchanges = planner.Exchanges{
			Count: 3, Early: d.n(1, 3), First: last.At.AddDate(0, 0, -d.n(0, 60)), Last: last,
			Rhythm: time.Duration(d.n(0, 40)) * 24 * time.Hour,
		}
	}
	for range d.n(0, 4) / 2 {
		c.Promises = append(c.Promises, d.promise(who))
		c.Theirs = append(c.Theirs, d.promise(who))
	}
	if d.maybe(4) {
		c.Away = planner.Away{Evidence: d.evidence(planner.Mail, d.at(30, 0), who), Until: dateOf(d.at(20, 20))}
	}
	for range d.n(0, 12) / 3 {
		e := planner.Evidence{Type: planner.Gesture, ID: fmt.Sprint("entry", d.n(0, 3)), At: d.at(400, 0)}
		text := rapid.SampledFrom([]string{"wants: tea", "promise: the photos", "circle: close", "--- syncd: your notes", strings.Repeat("word ", 70)})
		c.Facts = append(c.Facts, planner.Facts(text.Draw(d.t, "note"), e)...)
		if last := &c.Facts[len(c.Facts)-1]; last.Kind == planner.FactPromise && d.maybe(2) {
			last.On = dateOf(d.at(10, 20))
		}
	}
	d.said(&c, who)
	if d.maybe(4) {
		for i := range d.n(6, 12) {
			c.DirectDays = append(c.DirectDays, planner.Date(d.base.AddDate(0, 0, -2*i).Format("2006-01-02")))
		}
	}
	return c
}

// said adds what texts, cards and notes tell of a contact.
func (d *drawer) said(c *planner.Contact, who string) {
	if d.maybe(4) { // long ago
		c.LastOut, c.LastIn, c.Meetings, c.Unanswered, c.Outstanding = planner.Evidence{}, planner.Evidence{}, nil, nil, nil
		old := d.evidence(planner.Mail, d.at(400, -330), who)
		c.LastOut, c.Exchanges = old, planner.Exchanges{Count: d.n(1, 3), Early: 1, First: old.At.AddDate(-1, 0, 0), Last: old}
	}
	if d.maybe(3) { // met once, and wrote
		m := d.evidence(planner.Meeting, d.at(60, 0), who)
		c.Meetings = []planner.Encounter{{Evidence: m, End: m.At.Add(time.Hour), People: 2}}
		c.LastOut, c.Exchanges = d.evidence(planner.Mail, m.At.Add(time.Duration(d.n(1, 400))*time.Hour), who), planner.Exchanges{}
	}
	if d.maybe(3) {
		c.Cards, c.Carded = []string{"card-" + who}, true
		day := d.at(20, 20)
		c.Birthday = planner.DayOf{Year: d.n(0, 1) * 1980, Month: day.Month(), Day: day.Day()}
		if d.maybe(3) {
			c.Wedding = planner.DayOf{Year: 2026, Month: time.February, Day: d.n(27, 30)}
		}
	}
	if d.maybe(3) {
		on := planner.Date("")
		if d.maybe(2) {
			on = dateOf(d.at(15, 15))
		}
		kind := rapid.SampledFrom([]planner.FactKind{planner.FactPlan, planner.FactChallenge}).Draw(d.t, "kind")
		e := planner.Evidence{Type: planner.Note, ID: fmt.Sprint("note", d.n(0, 3)), At: d.at(40, 0)}
		c.Facts = append(c.Facts, planner.Fact{Kind: kind, Text: "a marathon", Evidence: e, On: on})
	}
	if d.maybe(4) {
		for range d.n(1, 5) {
			c.Asked = append(c.Asked, d.evidence(planner.Mail, d.at(110, 0), who))
		}
	}
	if d.maybe(12) {
		c.Dead = d.evidence(planner.Mail, d.at(60, 0), "")
	}
	if d.maybe(12) {
		c.Stop = d.evidence(planner.Mail, d.at(60, 0), who)
	}
	c.Gave = rapid.SampledFrom([]string{"", "article", "introduction", "tip"}).Draw(d.t, "gave")
	for range d.n(0, 4) {
		c.Common = append(c.Common, fmt.Sprintf("p%d@example.org", d.n(0, 9)))
	}
}

// carded is somebody of whom there is a new card, and as a rule no word.
func (d *drawer) carded(i int, came time.Time) planner.Contact {
	id := fmt.Sprintf("card-%d", i)
	c := planner.Contact{ID: planner.ContactID(fmt.Sprintf("c%d", i)), Name: fmt.Sprintf("Pat Number%d", i/2), Carded: true, Cards: []string{id}}
	c.NewCard = planner.Evidence{Type: planner.Card, ID: id, At: came}
	if !d.maybe(3) {
		c.Addresses = []string{fmt.Sprintf("p%d@example.org", i)}
		c.NewCard.Address = c.Addresses[0]
	}
	if d.maybe(6) {
		c.Apart = []string{fmt.Sprintf("p%d@example.org", i^1)}
	}
	if d.maybe(5) {
		c.LastOut = d.evidence(planner.Mail, d.at(20, 0), c.NewCard.Address)
		c.FirstAt = c.LastOut.At
	}
	return c
}

func drawWorld(t *rapid.T) world {
	d := &drawer{t: t, base: rapid.SampledFrom(bases).Draw(t, "base")}
	zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	d.zone = zone
	p := planner.DefaultPolicy()
	p.Zone, p.PerDay, p.OpenAhead, p.AutoMax = zone, d.n(0, 6), d.n(0, 12), d.n(0, 4)
	p.Neutral = d.maybe(4)
	if d.maybe(3) {
		p.Holidays = []planner.Date{planner.Date(d.base.Format("2006-01-02"))}
	}
	if d.maybe(4) {
		p.Rules[rapid.SampledFrom([]planner.Rule{
			planner.Fade, planner.ReplyOwed, planner.Cadence, planner.Milestone, planner.Dormant, planner.CardSweep, planner.SecondStep,
		}).Draw(t, "off")] = planner.RulePolicy{}
	}
	s := planner.Snapshot{FirstRunAt: d.at(40, 1), Whole: d.maybe(2)}
	if d.maybe(8) {
		s.FirstRunAt = time.Time{}
	}
	if d.maybe(8) {
		s.Paused = d.at(1, 2)
	}
	if d.maybe(3) {
		d.fair = d.at(3, 0)
	}
	for i := range d.n(1, 8) {
		s.Contacts = append(s.Contacts, d.contact(i))
	}
	d.introduce(s.Contacts)
	if d.maybe(4) {
		came := d.at(4, 0)
		for i := range d.n(1, 14) {
			s.Contacts = append(s.Contacts, d.carded(20+i, came.Add(time.Duration(d.n(0, 80))*15*time.Minute)))
		}
	}
	for range d.n(0, 4) {
		start := d.at(1, 3)
		s.Busy = append(s.Busy, planner.Interval{Start: start, End: start.Add(time.Duration(d.n(1, 12)) * 15 * time.Minute)})
	}
	for range d.n(0, 4) {
		c := rapid.SampledFrom(s.Contacts).Draw(t, "planned with")
		a := planner.Adopted{UID: fmt.Sprint("own-", d.n(0, 9)), Contact: c.ID, Title: "Call Pat", Start: d.at(20, 25)}
		if d.maybe(4) {
			a.Done = d.evidence(planner.Mail, d.at(10, 0), who(&c))
		}
		s.Adopted = append(s.Adopted, a)
	}
	for range d.n(0, 2) {
		from := d.base.AddDate(0, 0, d.n(-9, 3))
		s.Absent = append(s.Absent, planner.DateRange{From: dateOf(from), To: dateOf(from.AddDate(0, 0, d.n(0, 6)))})
	}
	w := world{s, p, d.at(1, 1).Add(time.Duration(d.n(0, 900)) * time.Second)}
	w.history(d)
	return w
}

func dateOf(t time.Time) planner.Date { return planner.Date(t.Format("2006-01-02")) }

// absent reports whether t lies on a day of absence.
func (w *world) absent(t time.Time) bool {
	d := dateOf(t.In(w.policy.Zone))
	return slices.ContainsFunc(w.snapshot.Absent, func(r planner.DateRange) bool { return r.From <= d && d <= r.To })
}

// history lets earlier passes have written and ended some of the follow-ups,
// after which the facts may have moved on.
func (w *world) history(d *drawer) {
	for i := d.n(0, 3); i > 0; i-- {
		at := w.now.Add(-time.Duration(i) * 17 * time.Hour)
		w.apply(planner.Plan(w.snapshot, w.policy, at), at)
	}
	for i := range w.snapshot.Open {
		o := &w.snapshot.Open[i]
		if d.maybe(4) {
			o.Touched, o.Taken = true, d.maybe(3)
			o.Start = o.Start.Add(time.Duration(d.n(0, 20)) * 24 * time.Hour)
		}
	}
	for i := range w.snapshot.Contacts {
		c := &w.snapshot.Contacts[i]
		switch d.n(1, 12) {
		case 1:
			c.Muted = true
		case 2:
			c.LastOut = d.evidence(planner.Mail, w.now.Add(-time.Hour), who(c))
		case 3:
			c.LastIn = d.evidence(planner.Mail, w.now.Add(-time.Hour), who(c))
		case 4:
			c.Unanswered, c.Outstanding, c.Meetings = nil, nil, nil
		case 5: // another contact turns out to be the same person
			if i > 0 {
				other := &w.snapshot.Contacts[0]
				other.Addresses = append(other.Addresses, c.Addresses...)
				other.Unanswered = append(other.Unanswered, c.Unanswered...)
				w.snapshot.Contacts = slices.Delete(slices.Clone(w.snapshot.Contacts), i, i+1)
				return
			}
		}
	}
	if len(w.snapshot.Open) > 0 && d.maybe(3) {
		o := w.snapshot.Open[0]
		w.snapshot.Open = w.snapshot.Open[1:]
		out := rapid.SampledFrom([]planner.Outcome{planner.Dismissed, planner.Withdrawn, planner.Done, planner.Acted, planner.Answered, planner.Expired}).Draw(d.t, "outcome")
		w.snapshot.Ended = append(w.snapshot.Ended, planner.Ended{Key: o.Key, Generation: o.Generation, Outcome: out, At: w.now})
	}
}

// who is the address of a contact, "" where there is only a card.
func who(c *planner.Contact) string {
	if len(c.Addresses) == 0 {
		return ""
	}
	return c.Addresses[0]
}

// apply does to the snapshot what the calendar and the ledger would.
func (w *world) apply(r planner.Result, at time.Time) {
	s := &w.snapshot
	for _, h := range r.Held {
		if h.End == nil {
			continue
		}
		s.Ended = append(s.Ended, planner.Ended{Key: h.Key, Generation: h.Generation, Outcome: h.End.Outcome, At: at})
		s.Open = slices.DeleteFunc(slices.Clone(s.Open), func(o planner.Open) bool { return o.Key == h.Key && o.Generation == h.Generation })
	}
	for _, f := range r.FollowUps {
		if f.Status == planner.StatusWrite {
			s.Open = append(s.Open, planner.Open{
				Key: f.Key, Generation: f.Generation, UID: planner.UID("test", f.Key, f.Generation), Contact: f.Contact,
				Slot: f.Slot, Start: f.Slot, CreatedAt: at, Title: f.Title,
			})
			s.Written = append(s.Written, planner.Written{Key: f.Key, At: at, Slot: f.Slot})
		}
	}
}

func TestPlanIgnoresInputOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		want := planner.Plan(w.snapshot, w.policy, w.now)
		s := w.snapshot
		s.Contacts = rapid.Permutation(s.Contacts).Draw(t, "contacts")
		for i := range s.Contacts {
			c := &s.Contacts[i]
			c.Meetings = rapid.Permutation(c.Meetings).Draw(t, "meetings")
			c.Unanswered = rapid.Permutation(c.Unanswered).Draw(t, "unanswered")
			c.Outstanding = rapid.Permutation(c.Outstanding).Draw(t, "outstanding")
			c.DirectDays = rapid.Permutation(c.DirectDays).Draw(t, "days")
			c.Promises = rapid.Permutation(c.Promises).Draw(t, "promises")
			c.Theirs = rapid.Permutation(c.Theirs).Draw(t, "theirs")
			c.Introductions = rapid.Permutation(c.Introductions).Draw(t, "introductions")
			c.Asked = rapid.Permutation(c.Asked).Draw(t, "asked")
			c.Cards = rapid.Permutation(c.Cards).Draw(t, "cards")
		}
		s.Open = rapid.Permutation(s.Open).Draw(t, "open")
		s.Ended = rapid.Permutation(s.Ended).Draw(t, "ended")
		s.Written = rapid.Permutation(s.Written).Draw(t, "written")
		s.Busy = rapid.Permutation(s.Busy).Draw(t, "busy")
		s.Absent = rapid.Permutation(s.Absent).Draw(t, "absent")
		s.Adopted = rapid.Permutation(s.Adopted).Draw(t, "adopted")
		if diff := cmp.Diff(want, planner.Plan(s, w.policy, w.now)); diff != "" {
			t.Fatalf("another order, another plan (-want +got):\n%s", diff)
		}
	})
}

func TestPlanHoldsUntilNext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		r := planner.Plan(w.snapshot, w.policy, w.now)
		end := r.Next
		if end.IsZero() {
			end = w.now.AddDate(1, 0, 0)
		}
		if !end.After(w.now) {
			t.Fatalf("Next %v is not after now %v", r.Next, w.now)
		}
		span := end.Sub(w.now)
		within := w.now.Add(time.Duration(rapid.Float64Range(0, 1).Draw(t, "part") * float64(span)))
		if !within.Before(end) {
			within = end.Add(-1)
		}
		for _, now := range []time.Time{within, end.Add(-1)} {
			got := planner.Plan(w.snapshot, w.policy, now)
			if diff := cmp.Diff(r, got); diff != "" {
				t.Fatalf("plan of %v changed by %v, before Next %v:\n%s", w.now, now, r.Next, diff)
			}
		}
	})
}

func TestPlanAppliedIsStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		r := planner.Plan(w.snapshot, w.policy, w.now)
		w.apply(r, w.now)
		again := planner.Plan(w.snapshot, w.policy, w.now)
		open := 0
		for _, f := range again.FollowUps {
			if f.Status == planner.StatusWrite {
				t.Fatalf("a second pass writes %s %q", f.Key, f.Title)
			}
			if f.Status != planner.StatusOpen {
				continue
			}
			open++
			for _, g := range r.FollowUps {
				if g.Key == f.Key && (g.Text != f.Text || g.Title != f.Title || !g.Slot.Equal(f.Slot)) {
					t.Fatalf("a second pass rewrites %s:\n%s", f.Key, cmp.Diff(g, f))
				}
			}
		}
		for _, h := range again.Held {
			if h.End != nil {
				t.Fatalf("a second pass ends %s: %s", h.Key, h.HeldBecause)
			}
		}
		if open != len(w.snapshot.Open) {
			t.Fatalf("%d entries are open, %d planned", len(w.snapshot.Open), open)
		}
	})
}

func TestPlanResultIsSound(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		r := planner.Plan(w.snapshot, w.policy, w.now)
		contacts := make(map[planner.ContactID]planner.Contact)
		for _, c := range w.snapshot.Contacts {
			contacts[c.ID] = c
		}
		type entry struct {
			planner.Key
			generation int
		}
		seen := make(map[entry]bool)
		for _, f := range r.FollowUps {
			checkFollowUp(t, w, f, contacts[f.Contact])
			if seen[entry{f.Key, f.Generation}] {
				t.Fatalf("%s is planned twice", f.Key)
			}
			seen[entry{f.Key, f.Generation}] = true
		}
		for _, h := range r.Held {
			if h.HeldBecause == "" || h.Status != planner.StatusHeld {
				t.Fatalf("%s is held without a reason", h.Key)
			}
			if seen[entry{h.Key, h.Generation}] {
				t.Fatalf("%s is planned and held", h.Key)
			}
			lint(t, h.HeldBecause)
		}
		checkStates(t, w, r, contacts)
		checkOpen(t, w, r)
	})
}

// checkOpen demands that every entry is either kept or ended, that nothing that
// ended for good comes back, and that a person has one entry besides those the
// user touched.
func checkOpen(t *rapid.T, w world, r planner.Result) {
	kept, final := make(map[string]int), make(map[planner.Key]bool)
	for _, e := range w.snapshot.Ended {
		final[e.Key] = final[e.Key] || e.Outcome != planner.Withdrawn
	}
	touched := make(map[string]bool)
	for _, o := range w.snapshot.Open {
		touched[fmt.Sprint(o.Key, o.Generation)] = o.Touched
	}
	single := make(map[planner.ContactID]bool)
	for _, f := range r.FollowUps {
		if final[f.Key] {
			t.Fatalf("%s has ended for good and is %s", f.Key, f.Status)
		}
		if f.Status != planner.StatusOpen && f.Status != planner.StatusWrite {
			continue
		}
		id := fmt.Sprint(f.Key, f.Generation)
		kept[id]++
		if !touched[id] && f.Contact != "" && !w.snapshot.FirstRunAt.IsZero() {
			if single[f.Contact] {
				t.Fatalf("%s has two events", f.Contact)
			}
			single[f.Contact] = true
		}
	}
	for _, h := range r.Held {
		if h.End != nil {
			kept[fmt.Sprint(h.Key, h.Generation)]++
		}
	}
	for _, o := range w.snapshot.Open {
		if n := kept[fmt.Sprint(o.Key, o.Generation)]; n != 1 {
			t.Fatalf("%s is kept or ended %d times, want once", o.Key, n)
		}
	}
}

func checkFollowUp(t *rapid.T, w world, f planner.FollowUp, c planner.Contact) {
	if len(f.Because) == 0 || f.Title == "" {
		t.Fatalf("%s has no title or no reason", f.Key)
	}
	checkWords(t, f.Title, f.Text, false)
	for _, b := range f.Because {
		lint(t, string(b))
	}
	// I11
	known := c.Out > 0 || c.Carded || c.Circle != "" || len(c.Meetings) > 0 || f.Rule == planner.IntroReceived && introducedBy(w, c)
	if f.Contact == "" && slices.Contains([]planner.Rule{planner.FirstMeeting, planner.NewCards, planner.CardSweep}, f.Rule) && f.Key.Who == "" {
		known, c.Name = true, "many"
	}
	ready := f.Status == planner.StatusWrite || (f.Status == planner.StatusOpen && !w.snapshot.FirstRunAt.IsZero())
	if ready && (c.Muted || c.Role || (c.Internal && c.Circle == "") || c.Name == "" || !known) {
		t.Fatalf("%s is for somebody who gets none: %+v", f.Key, c)
	}
	if f.Status == planner.StatusWrite {
		checkSlot(t, w, f)
		checkPlanned(t, w, f)
		if w.snapshot.FirstRunAt.IsZero() || w.snapshot.FirstRunAt.After(w.now) || w.snapshot.Paused.After(w.now) {
			t.Fatalf("%s is written before the first run or in a pause", f.Key)
		}
	}
}

// introducedBy reports whether a contact that I had an exchange with introduced
// somebody to me.
func introducedBy(w world, c planner.Contact) bool {
	return slices.ContainsFunc(w.snapshot.Contacts, func(by planner.Contact) bool {
		return by.Stage > 0 && !by.Candidate && slices.ContainsFunc(c.Introductions, func(i planner.Introduction) bool {
			return slices.Contains(by.Addresses, i.By)
		})
	})
}

func checkSlot(t *rapid.T, w world, f planner.FollowUp) {
	local := f.Slot.In(w.policy.Zone)
	since := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute
	ahead := f.Slot.Sub(w.now)
	switch {
	case !w.policy.BusinessDay(dateOf(local)), w.absent(f.Slot):
		t.Fatalf("slot %v is on no business day", local)
	case since < w.policy.WorkFrom || since+15*time.Minute > w.policy.WorkTo || since%(15*time.Minute) != 0 || local.Second() != 0:
		t.Fatalf("slot %v is outside work hours", local)
	case f.Slot.Before(f.Due) || ahead < 30*time.Minute || ahead > 48*time.Hour:
		t.Fatalf("slot %v: due %v, now %v", local, f.Due, w.now)
	}
	for _, b := range w.snapshot.Busy {
		if f.Slot.Before(b.End) && b.Start.Before(f.Slot.Add(15*time.Minute)) {
			t.Fatalf("slot %v lies on a meeting %v", local, b)
		}
	}
	for _, o := range w.snapshot.Open {
		if o.Start.Equal(f.Slot) {
			t.Fatalf("slot %v is taken", local)
		}
	}
}

// checkPlanned demands that nothing is written of what the user plans by an event
// of their own.
func checkPlanned(t *rapid.T, w world, f planner.FollowUp) {
	if !slices.Contains([]planner.Rule{planner.FirstMeeting, planner.Fade, planner.Cadence, planner.SecondStep, planner.HowDidItGo, planner.Dormant}, f.Rule) {
		return
	}
	for _, a := range w.snapshot.Adopted {
		day := func(n int) planner.Date { return dateOf(a.Start.In(w.policy.Zone).AddDate(0, 0, n)) }
		today := dateOf(w.now.In(w.policy.Zone))
		if a.Contact == f.Contact && a.Done.IsZero() && day(-14) <= today && today <= day(7) {
			t.Fatalf("%s is written though the user planned %+v", f.Key, a)
		}
	}
}

func checkStates(t *rapid.T, w world, r planner.Result, contacts map[planner.ContactID]planner.Contact) {
	states := make(map[planner.ContactID]planner.State)
	for _, s := range r.States {
		if _, twice := states[s.Contact]; twice {
			t.Fatalf("%s has two states", s.Contact)
		}
		states[s.Contact] = s
		switch s.State {
		case planner.StateMuted, planner.StateOpen:
		case planner.StateResting, planner.StateBooked:
			if !s.Until.After(w.now) {
				t.Fatalf("%s is %s until %v, which is past", s.Contact, s.State, s.Until)
			}
		case planner.StateWaiting:
			if s.Until.IsZero() {
				t.Fatalf("%s waits without a date", s.Contact)
			}
		case planner.StateClosed:
			if s.Why == "" {
				t.Fatalf("%s is closed without a reason", s.Contact)
			}
		default:
			t.Fatalf("%s is in state %q", s.Contact, s.State)
		}
	}
	for id, c := range contacts {
		if _, ok := states[id]; !ok && (c.Circle != "" || len(c.Meetings) > 0 || !c.NewCard.IsZero()) {
			t.Fatalf("%s is in no state", id)
		}
	}
	for _, f := range r.FollowUps {
		s, ok := states[f.Contact]
		open := s.State == planner.StateOpen || s.State == planner.StateMuted
		if ok && f.Status == planner.StatusOpen && !open {
			t.Fatalf("%s has an event and is %s", f.Contact, s.State)
		}
		if ok && f.Status == planner.StatusWrite && !open && (s.State != planner.StateWaiting || s.Until != f.Slot) {
			t.Fatalf("%s is to get an event at %v and is %s until %v", f.Contact, f.Slot, s.State, s.Until)
		}
	}
}

// TestEveryRuleIsAccountedFor asks of every contact about every rule: either it has
// something for them, planned or held back with a reason, or Unfired says why
// not, and never both.
func TestEveryRuleIsAccountedFor(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		type about struct {
			who  planner.ContactID
			rule planner.Rule
		}
		has, over, many := map[about]bool{}, map[about]bool{}, false
		r := planner.Plan(w.snapshot, w.policy, w.now)
		for _, f := range r.FollowUps {
			has[about{f.Contact, f.Rule}] = true
			many = many || f.Contact == ""
		}
		for _, h := range r.Held {
			has[about{h.Contact, h.Rule}] = true
			over[about{h.Contact, h.Rule}] = over[about{h.Contact, h.Rule}] || h.End != nil
			many = many || h.Contact == ""
		}
		for _, c := range w.snapshot.Contacts {
			why := maps.Collect(planner.Unfired(w.snapshot, w.policy, w.now, c.ID))
			for _, rule := range []planner.Rule{
				planner.FirstMeeting, planner.ReplyOwed, planner.Awaiting, planner.Fade, planner.Cadence, planner.PromiseMade,
				planner.TheirPromise, planner.Thanks, planner.IntroReceived, planner.IntroGiven, planner.CloseTheLoop,
				planner.SecondStep, planner.Milestone, planner.HowDidItGo, planner.Dormant,
			} {
				// One event may stand for several people, and one that ended in this
				// pass for what is there or for what is not.
				if rule == planner.FirstMeeting && many || over[about{c.ID, rule}] {
					continue
				}
				if said := why[rule]; has[about{c.ID, rule}] == (said != "") {
					t.Fatalf("%s: %s has something: %t, and why not: %q", c.ID, rule, has[about{c.ID, rule}], said)
				}
				lint(t, why[rule])
			}
		}
	})
}

// unkind are words that urge, accuse, shame or count (SPEC I12).
var unkind = []string{
	"overdue", "late", "too long", "must", "should", "urgent", "asap", "hurry", "failed", "fail", "forgot", "forgotten", "neglected", "ignored",
	"immediately", "deadline", "reminder", "remember to", "don't", "have not", "haven't", "sorry", "guilty", "days ago", "lead", "deal", "score",
	"pipeline", "prospect", " he ", " she ", " his ", " her ", "!",
}

func lint(t interface{ Fatalf(string, ...any) }, s string) {
	words := " " + strings.Join(strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return strings.ContainsRune(" .,;:?\n“”()", r) }), " ") + " "
	for _, u := range unkind {
		if u != "!" {
			u = " " + strings.TrimSpace(u) + " "
		}
		if strings.Contains(words, u) {
			t.Fatalf("unkind %q in %q", u, s)
		}
	}
}

// TestReturn is away for two weeks, over a weekend at either end, while the work
// piles up: nothing comes up meanwhile, and the day back holds one day's budget,
// however often it was looked at.
func TestReturn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &drawer{t: t, base: bases[2]} // a Tuesday
		w := world{policy: planner.DefaultPolicy(), now: d.base.AddDate(0, 0, -2)}
		w.snapshot.FirstRunAt = d.base.AddDate(0, -1, 0)
		w.snapshot.Absent = []planner.DateRange{{From: "2026-05-13", To: "2026-05-22"}, {From: "2026-05-11", To: "2026-05-14"}}
		for i := range 40 {
			w.snapshot.Contacts = append(w.snapshot.Contacts, d.contact(i))
		}
		d.introduce(w.snapshot.Contacts)
		before := w.now
		for end := d.base.AddDate(0, 0, 14); w.now.Before(end); w.now = w.now.Add(time.Duration(d.n(1, 10)) * time.Hour) {
			w.apply(planner.Plan(w.snapshot, w.policy, w.now), w.now)
		}
		back := 0
		for _, x := range w.snapshot.Written {
			if w.absent(x.Slot) {
				t.Fatalf("an event on %v, in the absence", x.Slot)
			}
			if x.At.Before(before.AddDate(0, 0, 14)) {
				t.Fatalf("an event was written on %v", x.At)
			}
			if dateOf(x.Slot) == "2026-05-25" {
				back++
			}
		}
		if back > w.policy.PerDay {
			t.Fatalf("%d events on the day back, want at most %d", back, w.policy.PerDay)
		}
	})
}

// TestBudgetsHoldInFlood floods the planner for two weeks under a policy that
// asks for more than the ceilings allow (SPEC I5).
func TestBudgetsHoldInFlood(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := &drawer{t: t, base: bases[2]}
		w := world{policy: planner.DefaultPolicy(), now: d.base}
		w.policy.PerDay, w.policy.OpenAhead = d.n(1, 1000), d.n(1, 1000)
		w.snapshot.FirstRunAt = d.base.AddDate(0, -1, 0)
		perDay := min(w.policy.PerDay, planner.MaxPerDay)
		ahead := min(w.policy.OpenAhead, planner.MaxOpenAhead)
		for i := range 60 {
			c := d.contact(i % 40) // some have one address in common
			c.ID = planner.ContactID(fmt.Sprintf("c%d", i))
			w.snapshot.Contacts = append(w.snapshot.Contacts, c)
		}
		d.introduce(w.snapshot.Contacts)
		for range 20 {
			w.now = w.now.Add(time.Duration(d.n(1, 30)) * time.Hour)
			w.apply(planner.Plan(w.snapshot, w.policy, w.now), w.now)
			created := make(map[string]int)
			for _, x := range w.snapshot.Written {
				created[x.At.UTC().Format("2006-01-02")]++
			}
			if most := slices.Max(append(slices.Collect(maps.Values(created)), 0)); most > perDay {
				t.Fatalf("%d events created on one day, want at most %d", most, perDay)
			}
			again := make(map[[2]int]int)
			for _, x := range w.snapshot.Written {
				if year, week := x.Slot.ISOWeek(); x.Key.Rule == planner.Dormant {
					again[[2]int{year, week}]++
				}
			}
			if most := slices.Max(append(slices.Collect(maps.Values(again)), 0)); most > 2 {
				t.Fatalf("%d hellos in a week to people silent for long, want at most 2", most)
			}
			open, of := 0, make(map[planner.ContactID]int)
			for _, o := range w.snapshot.Open {
				if !o.Start.After(w.now.AddDate(0, 0, 7)) {
					open++
				}
				if of[o.Contact]++; of[o.Contact] > 1 && o.Contact != "" {
					t.Fatalf("%s has two open events", o.Contact)
				}
			}
			if open > ahead {
				t.Fatalf("%d events open, want at most %d", open, ahead)
			}
		}
	})
}

// TestKeysAreStable renames every contact and changes the policy: what is
// planned keeps its key.
func TestKeysAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		keys := func(r planner.Result) map[string]bool {
			all := make(map[string]bool)
			for _, f := range r.FollowUps {
				all[f.Key.String()] = true
			}
			for _, h := range r.Held {
				all[h.Key.String()] = true
			}
			return all
		}
		want := keys(planner.Plan(w.snapshot, w.policy, w.now))
		s := w.snapshot
		s.Contacts = slices.Clone(s.Contacts)
		for i := range s.Contacts {
			s.Contacts[i].ID = "new-" + s.Contacts[i].ID
		}
		s.Adopted = slices.Clone(s.Adopted)
		for i := range s.Adopted {
			s.Adopted[i].Contact = "new-" + s.Adopted[i].Contact
		}
		w.policy.PerDay, w.policy.OpenAhead, w.policy.Neutral = 1, 3, !w.policy.Neutral
		got := keys(planner.Plan(s, w.policy, w.now))
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("keys changed (-want +got):\n%s", diff)
		}
		for k := range got {
			parsed, err := planner.ParseKey(k)
			if err != nil || parsed.String() != k {
				t.Fatalf("ParseKey(%q) = %v, %v", k, parsed, err)
			}
			if uid := planner.UID("inst", parsed, 3); uid != "syncd-inst-"+parsed.Hash()+"-3" {
				t.Fatalf("UID gives %q for %q", uid, k)
			}
		}
	})
}

// TestHostileWordsStayShort feeds names, subjects and ids of any kind.
func TestHostileWordsStayShort(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawWorld(t)
		nasty := rapid.StringOfN(rapid.Rune(), 0, 400, -1)
		for i := range w.snapshot.Contacts {
			c := &w.snapshot.Contacts[i]
			c.Name = nasty.Draw(t, "name")
			for j := range c.Unanswered {
				c.Unanswered[j].Subject, c.Unanswered[j].ID = nasty.Draw(t, "subject"), nasty.Draw(t, "id")
			}
			c.LastIn.Subject = nasty.Draw(t, "last")
			for _, all := range [][]planner.Promise{c.Promises, c.Theirs} {
				for j := range all {
					all[j].What, all[j].Sentence = nasty.Draw(t, "what"), nasty.Draw(t, "sentence")
				}
			}
			for j := range c.Introductions {
				c.Introductions[j].Sentence = nasty.Draw(t, "introduces")
			}
			for j := range c.Outstanding {
				c.Outstanding[j].Sentence, c.Outstanding[j].Read = nasty.Draw(t, "asks"), true
			}
			c.Exchanges.Last.Subject = c.LastIn.Subject
			for j := range c.Facts {
				c.Facts[j].Text = planner.Facts("plan: "+nasty.Draw(t, "fact")+" x", c.Facts[j].Evidence)[0].Text
			}
			for j := range c.Asked {
				c.Asked[j].Subject = nasty.Draw(t, "asked")
			}
		}
		w.policy.OnMyMind = nasty.Draw(t, "mind")
		for _, f := range planner.Plan(w.snapshot, w.policy, w.now).FollowUps {
			checkWords(t, f.Title, f.Text, true)
		}
	})
}

// BenchmarkPlan plans 10,000 contacts (SPEC section 14).
func BenchmarkPlan(b *testing.B) {
	at := bases[2]
	s := planner.Snapshot{FirstRunAt: at.AddDate(0, -3, 0), Whole: true}
	for i := range 10_000 {
		who := fmt.Sprintf("p%d@example.org", i)
		mail := func(n int) planner.Evidence {
			return planner.Evidence{
				Type: planner.Mail, ID: fmt.Sprintf("%d.%d@example.com", i, n), At: at.Add(-time.Duration(i%2000+n) * time.Hour),
				Subject: "Plans for the garden", Address: who,
			}
		}
		c := planner.Contact{
			ID: planner.ContactID(who), Name: "Pat Number", Addresses: []string{who}, Stage: i % 3, Out: 9, In: 9, Threads: 5,
			LastOut: mail(50), LastIn: mail(1), Warmth: float64(i % 100), WarmthAt: at,
			Exchanges: planner.Exchanges{Count: 5, Early: 2, First: mail(400).At, Last: mail(50)},
		}
		for n := range 20 {
			c.Unanswered = append(c.Unanswered, planner.Turn{Evidence: mail(n * 30)})
		}
		s.Contacts = append(s.Contacts, c)
	}
	p := planner.DefaultPolicy()
	for b.Loop() {
		planner.Plan(s, p, at)
	}
}
