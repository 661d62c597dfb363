package daemon_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// What the user says by marks, second thoughts, notes with a first word, events
// of their own and commands, and what they may expect of it.

// expectation is what holds after the next pass without a fault. It falls with
// another gesture on the same entry, another word on the same, or a lost ledger:
// then nobody knows what syncd has heard.
type expectation struct {
	uid    string // of the entry it was said on; "" where it was on none
	about  string // what it is about, and whom
	holds  func() string
	unsure func() // what is to be forgotten where it falls; may be nil
}

func (m *machine) expect(e expectation) {
	m.unsure(func(old expectation) bool { return old.about == e.about })
	m.expected = append(m.expected, e)
}

// unsure lets expectations fall.
func (m *machine) unsure(which func(expectation) bool) {
	m.expected = slices.DeleteFunc(m.expected, func(e expectation) bool {
		if which(e) && e.unsure != nil {
			e.unsure()
		}
		return which(e)
	})
}

// heard demands what was expected of a pass without a fault.
func (m *machine) heard() {
	all := m.expected
	m.expected = nil
	for _, e := range all {
		if wrong := e.holds(); wrong != "" {
			m.Fatalf("I6: %s (%s %s)", wrong, e.about, e.uid)
		}
	}
	m.planned = maps.Clone(m.plans)
	clear(m.lined)
}

// heeded reports whether syncd knows an entry well enough to hear a gesture on it
// in the next pass.
func heeded(p ledger.FollowUpRow) bool {
	return p.State == ledger.Placed && !p.Wrote.Start.IsZero() && p.MissingAt.IsZero()
}

// revocable reports whether what ended a follow-up is the user's to take back, for
// so many days.
func (m *machine) revocable(p ledger.FollowUpRow, days int) bool {
	return !p.Open() && p.EndedBy.Type == planner.Gesture && p.EndedBy.ID == p.UID && m.clock.Before(p.EndedAt.AddDate(0, 0, days))
}

// taken back is open, if it does not end by something later.
func (m *machine) expectBack(uid string) {
	since := m.clock
	theirs := func() { m.rings[uid] = true } // heard too late, or never: it is the user's as it is
	m.expect(expectation{uid: uid, about: "taken back " + uid, unsure: theirs, holds: func() string {
		p := m.placements()[uid]
		if m.clock.After(p.EndedAt.AddDate(0, 0, 30)) {
			theirs()
		}
		if !p.Open() && p.State != ledger.TakenOver && // the user's beside a newer one
			!p.EndedAt.After(since.Add(-time.Second)) && !m.clock.After(p.EndedAt.AddDate(0, 0, 30)) {
			return fmt.Sprintf("its end (%q) was taken back and stands", p.Outcome)
		}
		return ""
	}})
}

// mayComeBack is called when the user takes away a mark, or what stands for one.
// must says that it is early enough for the end to be taken back.
func (m *machine) mayComeBack(uid string) (must bool) {
	p := m.placements()[uid]
	if m.revocable(p, 31) {
		m.back[uid] = true
	}
	return m.revocable(p, 29)
}

var muteMarks = []string{"never: ", "mute ", "Quiet – ", "let go: "}

// mutes puts a word before the title that is otherwise syncd's.
func (m *machine) mutes(t *rapid.T) {
	uid, o := m.pick(t)
	title := field(o.data, "SUMMARY")
	p := m.placements()[uid]
	if !heeded(p) || !p.Open() || p.Key.Who == "" || p.Theirs&ledger.FieldSummary != 0 || title != escaped(p.Wrote.Summary) {
		t.Skip("it does not bear our title")
	}
	mark := rapid.SampledFrom(muteMarks).Draw(t, "mark")
	m.store(o, with(o.data, "SUMMARY:"+mark+title))
	m.marks[uid] = mark
	m.expectMuted(uid, p.Key.Who, true)
}

// expectMuted is about a person that the user wants quiet about, or not any more.
func (m *machine) expectMuted(uid, who string, muted bool) {
	about := "quiet about " + who
	delete(m.quiet, who)
	if slices.ContainsFunc(m.expected, func(e expectation) bool { return e.about == about }) {
		m.unsure(func(e expectation) bool { return e.about == about })
		return // both are heard at once
	}
	m.expect(expectation{uid: uid, about: about, holds: func() string {
		if p := m.placements()[uid]; !muted && m.clock.After(p.EndedAt.AddDate(0, 0, 30)) { // too late by now
			return ""
		}
		if d, err := m.Ledger().Contact(m.Context(), who); err != nil || d.Muted != muted {
			return fmt.Sprintf("muted: %t, want %t, %v", d.Muted, muted, err)
		}
		m.quiet[who] = muted
		return ""
	}})
}

// unmarks takes a mark away: they were wrong.
func (m *machine) unmarks(t *rapid.T) {
	uid, o := m.pick(t)
	p, title := m.placements()[uid], field(o.data, "SUMMARY")
	mark := m.marks[uid]
	bare := strings.TrimPrefix(strings.TrimSuffix(title, mark), mark)
	cancelled := field(o.data, "STATUS") == "CANCELLED"
	if (mark == "" || bare == title) && !cancelled {
		t.Skip("it bears no mark of the user's")
	}
	delete(m.marks, uid)
	back := m.mayComeBack(uid)
	muted := slices.Contains(muteMarks, mark) && bare != title
	m.store(o, with(o.data, "SUMMARY:"+bare, "STATUS:CONFIRMED"))
	if muted {
		m.forgetQuiet(p.Key.Who)
	}
	seenMarked := p.Seen.Summary == unescaped(title) && strings.EqualFold(p.Seen.Status, "CANCELLED") == cancelled
	if !back || p.State != ledger.Closed || p.Href == "" || p.Wrote.Start.IsZero() || !seenMarked {
		return
	}
	if muted && !p.Commanded || p.Outcome == planner.Done && !strings.HasPrefix(bare, "✓") {
		m.expectBack(uid)
	}
	if muted && p.Outcome == planner.Withdrawn {
		m.expectMuted(uid, p.Key.Who, false)
	}
}

// forgetQuiet says that nobody knows whether a person is muted.
func (m *machine) forgetQuiet(who string) {
	delete(m.quiet, who)
	m.unsure(func(e expectation) bool { return e.about == "quiet about "+who })
}

// restores takes an object out of the bin, as it was, perhaps under another name.
func (m *machine) restores(t *rapid.T) {
	have := m.entries()
	for _, o := range m.mine {
		have[uidOf(o.data)] = o
	}
	uids := slices.DeleteFunc(sortedNames(maps.Keys(m.bin)), func(uid string) bool { _, there := have[uid]; return there })
	if len(uids) == 0 {
		t.Skip("the bin is empty")
	}
	uid := rapid.SampledFrom(uids).Draw(t, "object")
	m.unsure(func(e expectation) bool { return e.uid == uid })
	o, p := m.bin[uid], m.placements()[uid]
	if p.State == ledger.TakenOver {
		t.Skip("it is the user's")
	}
	delete(m.bin, uid)
	renamed := rapid.Bool().Draw(t, "another name")
	if renamed {
		m.number++
		o.name = fmt.Sprintf("restored-%d.ics", m.number)
	}
	theirs := m.deleted[uid] // else it was syncd who removed it
	delete(m.deleted, uid)
	back := m.mayComeBack(uid)
	if theirs && (p.Open() || p.Purged()) { // it was not believed yet
		delete(m.final, p.Key.Hash())
	}
	m.store(o, o.data)
	switch {
	case back && p.State == ledger.Closed && p.Href == "":
		m.forgetQuiet(p.Key.Who)
		m.expectBack(uid)
	case !p.Open():
		m.rings[uid] = true // it is the user's
	}
	if renamed {
		m.rings[uid], m.renamed[uid] = true, true // a late listing has it forgotten, until it is seen
	}
	m.starts[uid] = event(m.T, o.data).Start.In(berlin)
}

// remembers writes a line with a first word.
func (m *machine) remembers(t *rapid.T) {
	uid, o := m.pick(t)
	m.number++
	note := fmt.Sprintf("wants: note no %d end", m.number)
	m.store(o, with(o.data, "DESCRIPTION:"+escaped(strings.TrimRight(event(m.T, o.data).Description, "\n")+"\n"+note)))
	m.notes[uid] = append(m.notes[uid], note)
	p := m.placements()[uid]
	if !heeded(p) || p.Key.Who == "" {
		return
	}
	m.expect(expectation{uid: uid, about: note, holds: func() string {
		d, err := m.Ledger().Decisions(m.Context(), uid)
		if err != nil || !slices.ContainsFunc(d, func(d ledger.Decision) bool { return strings.Contains(d.Text, note) }) {
			return "a note is not remembered"
		}
		m.facts[p.Key.Who] = strings.TrimPrefix(note, "wants: ")
		return ""
	}})
}

var circleNames = []string{"close", "active", "network"}

// encircles puts a person into a circle, by a line or a command.
func (m *machine) encircles(t *rapid.T) {
	uid, o := m.pick(t)
	p := m.placements()[uid]
	if !heeded(p) || p.Key.Who == "" {
		t.Skip("syncd does not know it")
	}
	name, about := rapid.SampledFrom(circleNames).Draw(t, "circle"), "circle of "+p.Key.Who
	m.unsure(func(e expectation) bool { return e.about == about })
	unheard := m.lined[p.Key.Who] // a line that is heard after this is the later word
	if rapid.Bool().Draw(t, "by command") {
		m.say(ledger.Decision{Type: ledger.DecideCircle, Who: p.Key.Who, Text: name})
	} else {
		text := event(m.T, o.data).Description
		m.store(o, with(o.data, "DESCRIPTION:"+escaped(strings.TrimRight(text, "\n")+"\ncircle: "+name)))
		m.lined[p.Key.Who] = true
		unheard = unheard || strings.Contains(text, "circle: "+name) // it counts from when it was said first
	}
	if unheard {
		return
	}
	m.expect(expectation{uid: uid, about: about, holds: func() string {
		if d, err := m.Ledger().Contact(m.Context(), p.Key.Who); err != nil || d.Circle != name {
			return fmt.Sprintf("the circle is %q, want %q, %v", d.Circle, name, err)
		}
		return ""
	}})
}

// The user's own events about people, which syncd adopts.

// plan is one of them.
type plan struct {
	who  string
	at   time.Time
	open bool // nothing has completed it
}

func (m *machine) plansToCall(t *rapid.T) {
	m.number++
	p := rapid.SampledFrom(people[:acquainted]).Draw(t, "person")
	uid := fmt.Sprintf("plan-%d@program.example", m.number)
	at := m.clock.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "hours")) * time.Hour)
	m.own(follow, uid, meeting(uid, "Call "+p, at, m.clock))
	m.plans[uid] = plan{addressOf(p), at, !m.meets[addressOf(p)].After(m.clock)}
}

// changesPlan moves, renames, completes or deletes one.
func (m *machine) changesPlan(t *rapid.T) {
	if len(m.plans) == 0 {
		t.Skip("nothing is planned")
	}
	uid := rapid.SampledFrom(sortedNames(maps.Keys(m.plans))).Draw(t, "plan")
	name, p := uid+".ics", m.plans[uid]
	data := m.foreign[follow][name]
	delete(m.planned, uid)
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		p.at = m.clock.Add(time.Duration(rapid.IntRange(1, 300).Draw(t, "hours")) * time.Hour)
		data = with(data, "DTSTART:"+stamp(p.at), "DTEND:"+stamp(p.at.Add(time.Hour)))
	case 1:
		p.open = false
		data = with(data, "SUMMARY:done "+field(data, "SUMMARY"))
	case 2:
		p.open = false
		data = with(data, "SUMMARY:Something else")
	default:
		delete(m.plans, uid)
		delete(m.foreign[follow], name)
		m.server.Remove(follow, name)
		return
	}
	m.plans[uid] = p
	m.own(follow, uid, data)
}

// inTouch completes what is planned with a person.
func (m *machine) inTouch(person string) {
	for uid, p := range m.plans {
		if p.who == addressOf(person) {
			p.open = false
			m.plans[uid] = p
			delete(m.planned, uid)
		}
	}
}

// yields are the rules that leave the word to what the user plans (SPEC section
// 8.3).
var yields = []planner.Rule{planner.FirstMeeting, planner.Fade, planner.Cadence}

// begun is what may be said of a new entry about one person: they are not to be
// left alone, the user plans nothing with them, and what was noted stands there.
func (m *machine) begun(uid, data string) {
	p := m.placements()[uid]
	if m.quiet[p.Key.Who] {
		m.Fatalf("I6: %s is to be left alone, and %s is created", p.Key.Who, uid)
	}
	for own, plan := range m.planned {
		if plan.open && plan.who == p.Key.Who && slices.Contains(yields, p.Key.Rule) && !m.trouble &&
			m.clock.After(plan.at.AddDate(0, 0, -13)) && m.clock.Before(plan.at.AddDate(0, 0, 6)) {
			m.Fatalf("I6: the user plans %s, and %s is created", own, uid)
		}
	}
	text := event(m.T, data).Description
	if note := m.facts[p.Key.Who]; note != "" && strings.Count(text, note) != 1 && !strings.Contains(text, "\n…\n") {
		m.Fatalf("I6: %q was noted, and is not once in %s:\n%s", note, uid, text)
	}
}

// What the user says in commands.

func (m *machine) say(d ledger.Decision) {
	m.clock = m.clock.Add(time.Second) // the same word in the same second is one word
	d.At = m.clock
	if err := m.Ledger().Decide(m.Context(), []ledger.Decision{d}); err != nil {
		m.Fatal(err)
	}
}

// chooses gives an open follow-up that a command is about.
func (m *machine) chooses(t *rapid.T) ledger.FollowUpRow {
	all := m.placements()
	uids := slices.DeleteFunc(sortedNames(maps.Keys(all)), func(uid string) bool { return !all[uid].Open() })
	if len(uids) == 0 {
		t.Skip("nothing is open")
	}
	uid := rapid.SampledFrom(uids).Draw(t, "follow-up")
	m.unsure(func(e expectation) bool { return e.uid == uid })
	m.touched[uid] = true
	return all[uid]
}

func (m *machine) finishes(t *rapid.T) {
	p := m.chooses(t)
	what := rapid.SampledFrom([]ledger.DecisionType{ledger.DecideDone, ledger.DecideDismissed}).Draw(t, "what")
	m.say(ledger.Decision{Type: what, UID: p.UID, Who: p.Key.Who, Kind: ledger.ByCommand})
	m.final[p.Key.Hash()] = true
	m.let[p.UID] = m.let[p.UID] || what == ledger.DecideDismissed
	if what == ledger.DecideDone {
		for _, person := range people {
			if addressOf(person) == p.Key.Who {
				m.inTouch(person)
			}
		}
	}
}

// snoozes asks for another time.
func (m *machine) snoozes(t *rapid.T) {
	p := m.chooses(t)
	o, there := m.entries()[p.UID]
	if !there || !heeded(p) || !event(m.T, o.data).Start.In(berlin).Equal(p.Seen.Start) {
		t.Skip("syncd does not know where it lies")
	}
	m.asksFor(p, m.clock.Add(time.Duration(rapid.IntRange(1, 500).Draw(t, "hours"))*time.Hour).Truncate(time.Minute))
}

func (m *machine) asksFor(p ledger.FollowUpRow, to time.Time) {
	m.touched[p.UID] = true
	m.say(ledger.Decision{Type: ledger.DecideMove, UID: p.UID, Who: p.Key.Who, To: to})
	m.starts[p.UID] = p.Seen.Start.In(berlin)
	m.asked[p.UID] = to
	m.expect(expectation{uid: p.UID, about: "snoozed " + p.UID, holds: func() string {
		o, there := m.entries()[p.UID]
		if q := m.placements()[p.UID]; m.pausedAt(m.clock) || !there || !q.Open() || !m.clock.Before(to) { // no event is moved into the past
			return ""
		}
		if at := event(m.T, o.data).Start.In(berlin); !at.Equal(to) {
			return fmt.Sprintf("it was asked for at %v, and lies at %v", to, at)
		}
		m.starts[p.UID] = to
		delete(m.asked, p.UID)
		return ""
	}})
}

func (m *machine) mutesByCommand(t *rapid.T) {
	who := addressOf(rapid.SampledFrom(people[:acquainted]).Draw(t, "person"))
	muted := rapid.Bool().Draw(t, "mute")
	what := ledger.DecideUnmuted
	if muted {
		what = ledger.DecideMuted
	}
	m.say(ledger.Decision{Type: what, Who: who})
	if slices.ContainsFunc(m.expected, func(e expectation) bool { return e.about == "quiet about "+who }) {
		m.forgetQuiet(who)
		return // a mark that is not heard yet is the later word
	}
	m.quiet[who] = muted
}

func (m *machine) pauses(t *rapid.T) {
	var until time.Time
	if rapid.Bool().Draw(t, "for a while") {
		until = m.clock.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour)
	}
	m.say(ledger.Decision{Type: ledger.DecidePaused, To: until})
	m.paused, m.pausedTo = true, until
}

func (m *machine) resumes(*rapid.T) { m.resume() }

func (m *machine) resume() {
	m.say(ledger.Decision{Type: ledger.DecideResumed})
	m.paused = false
}

func (m *machine) pausedAt(at time.Time) bool {
	return m.paused && (m.pausedTo.IsZero() || at.Before(m.pausedTo))
}

func (m *machine) purges(*rapid.T) {
	m.clock = m.clock.Add(time.Second)
	open, err := m.Ledger().Purge(m.Context(), m.clock)
	if err != nil {
		m.Fatal(err)
	}
	for _, p := range open {
		m.purged[p.UID] = true
	}
	m.paused, m.pausedTo = true, time.Time{}
}

func (m *machine) logs(t *rapid.T) {
	p := rapid.SampledFrom(people[:acquainted]).Draw(t, "person")
	m.number++
	m.say(ledger.Decision{Type: ledger.DecideLogged, Who: addressOf(p), To: m.clock, Kind: ledger.KindMeeting, Text: fmt.Sprintf("tip: note no %d end", m.number)})
	m.inTouch(p)
}

// believesMissing ends the wait for what vanished together.
func (m *machine) believesMissing(*rapid.T) { m.say(ledger.Decision{Type: ledger.DecideMissing}) }
