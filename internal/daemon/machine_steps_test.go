package daemon_test

import (
	"fmt"
	"iter"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ical"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// kinds are the sorts of servers, one per history: what they do is no failure.
var kinds = map[string]caldavtest.Faults{
	"decent":              {},
	"ignores conditions":  {IgnoreIfNoneMatch: true, IgnoreIfMatch: true, IgnoreIfMatchOnDelete: true},
	"no ETag on PUT":      {NoETagOnPut: true},
	"weak ETags":          {WeakETags: true},
	"counter ETags":       {CounterETags: true},
	"no ETags":            {NoETags: true},
	"renames":             {RenameHrefs: true},
	"drops properties":    {Drop: []string{"URL", "CATEGORIES", "COLOR"}},
	"no sync":             {NoSyncCollection: true, NoCTag: true},
	"UIDs once for all":   {GlobalUIDs: true},
	"tokens expire":       {SyncTokenExpired: true},
	"counts and forgives": {CounterETags: true, NoETagOnPut: true, IgnoreIfMatch: true, IgnoreIfMatchOnDelete: true},
}

var kindNames = sortedNames(maps.Keys(kinds))

// troubles are failures that last for a pass, on top of the kind of the server.
var troubles = map[string]func(*caldavtest.Faults, *rapid.T){
	"answers lost": func(f *caldavtest.Faults, _ *rapid.T) { f.LoseAnswer = true },
	"a late listing": func(f *caldavtest.Faults, t *rapid.T) {
		f.StaleListing = rapid.IntRange(1, 12).Draw(t, "changes")
	},
	"an empty listing": func(f *caldavtest.Faults, _ *rapid.T) { f.EmptyListing = true },
	"half an answer":   func(f *caldavtest.Faults, _ *rapid.T) { f.HalfMultistatus = true },
	"500":              func(f *caldavtest.Faults, _ *rapid.T) { f.Status500 = true },
	"500 to a few": func(f *caldavtest.Faults, t *rapid.T) {
		n, every := 0, rapid.IntRange(2, 9).Draw(t, "every")
		f.Answer = func(*http.Request) int {
			if n++; n%every == 0 {
				return http.StatusInternalServerError
			}
			return 0
		}
	},
	"500 to writes": func(f *caldavtest.Faults, _ *rapid.T) {
		f.Answer = func(r *http.Request) int {
			if r.Method == http.MethodPut || r.Method == http.MethodDelete {
				return http.StatusInternalServerError
			}
			return 0
		}
	},
	"writes refused in 207": func(f *caldavtest.Faults, _ *rapid.T) { f.RefusedPut207 = true },
	"objects left out":      func(f *caldavtest.Faults, _ *rapid.T) { f.MultigetMissing = true },
}

var troubleNames = sortedNames(maps.Keys(troubles))

func sortedNames(names iter.Seq[string]) []string { return slices.Sorted(names) }

// step is something that happens, so much more often than the rarest.
type step struct {
	name   string
	weight int
	do     func(*machine, *rapid.T)
}

// steps are all that can happen. A new gesture is a function and a line here,
// and what it means a line in user and in check.
var steps = []step{
	{"moves", 2, (*machine).moves},
	{"retitles", 2, (*machine).retitles},
	{"marks done", 2, (*machine).marksDone},
	{"cancels", 1, (*machine).cancels},
	{"notes", 4, (*machine).writesNotes},
	{"decorates", 2, (*machine).decorates},
	{"deletes", 2, (*machine).deletes},
	{"copies", 1, (*machine).copies},
	{"moves elsewhere", 1, (*machine).movesElsewhere},
	{"recurs", 1, (*machine).recurs},
	{"invites", 1, (*machine).invites},
	{"adds their own", 1, (*machine).addsTheirOwn},
	{"mutes", 2, (*machine).mutes},
	{"unmarks", 3, (*machine).unmarks},
	{"restores", 2, (*machine).restores},
	{"remembers", 2, (*machine).remembers},
	{"encircles", 1, (*machine).encircles},
	{"plans to call", 1, (*machine).plansToCall},
	{"changes a plan", 1, (*machine).changesPlan},
	{"done or dismiss", 1, (*machine).finishes},
	{"snooze", 2, (*machine).snoozes},
	{"mute or unmute", 1, (*machine).mutesByCommand},
	{"pause", 1, (*machine).pauses},
	{"resume", 2, (*machine).resumes},
	{"purge", 1, (*machine).purges},
	{"log", 1, (*machine).logs},
	{"dismiss --missing", 1, (*machine).believesMissing},
	{"mail comes", 4, (*machine).mailComes},
	{"mail goes", 4, (*machine).mailGoes},
	{"met", 2, (*machine).met},
	{"time passes", 14, (*machine).timePasses},
	{"trouble", 5, (*machine).fails},
	{"killed", 4, (*machine).killed},
	{"journal full", 1, (*machine).fills},
	{"restart", 1, func(m *machine, _ *rapid.T) { m.restart() }},
	{"ledger lost", 1, func(m *machine, _ *rapid.T) { m.lose() }},
}

// anyStep draws one by its weight. Bits are all that rapid draws evenly.
var anyStep = rapid.Custom(func(t *rapid.T) string {
	n, all := 0, 0
	for _, s := range steps {
		all += s.weight
	}
	for range 12 {
		n *= 2
		if rapid.Bool().Draw(t, "bit") {
			n++
		}
	}
	n = n * all >> 12
	for _, s := range steps {
		if n -= s.weight; n < 0 {
			return s.name
		}
	}
	return ""
})

// actions are what rapid repeats: a step, and the checks after it.
func (m *machine) actions() map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"step": func(t *rapid.T) {
			name := anyStep.Draw(t, "step")
			i := slices.IndexFunc(steps, func(s step) bool { return s.name == name })
			steps[i].do(m, t)
			m.count[name]++
		},
		"": func(*rapid.T) { m.check() },
	}
}

// What the user does in a calendar program.

// entries are the objects of syncd in the follow-up calendar that are not the
// user's own, by UID.
func (m *machine) entries() map[string]stored {
	all := map[string]stored{}
	for name, data := range m.server.Objects(follow) {
		uid := uidOf(data)
		if _, mine := m.mine[uid]; strings.HasPrefix(uid, "syncd-") && !mine {
			all[uid] = stored{follow, name, data}
		}
	}
	return all
}

// pick chooses an entry.
func (m *machine) pick(t *rapid.T) (string, stored) {
	all := m.entries()
	if len(all) == 0 {
		t.Skip("no entry")
	}
	uid := rapid.SampledFrom(sortedNames(maps.Keys(all))).Draw(t, "entry")
	m.unsure(func(e expectation) bool { return e.uid == uid })
	m.touched[uid] = true
	return uid, all[uid]
}

func (m *machine) store(o stored, data string) { m.server.Store(o.calendar, o.name, data) }

func (m *machine) moves(t *rapid.T) {
	uid, o := m.pick(t)
	at := m.clock.Add(time.Duration(rapid.IntRange(-30, 500).Draw(t, "hours"))*time.Hour + 7*time.Minute).Truncate(time.Minute)
	m.store(o, with(o.data, "DTSTART:"+stamp(at), "DTEND:"+stamp(at.Add(15*time.Minute))))
	m.starts[uid] = at
	delete(m.asked, uid) // theirs is the later word
}

func (m *machine) retitles(t *rapid.T) {
	uid, o := m.pick(t)
	m.number++
	title := fmt.Sprintf("my words no %d", m.number)
	m.store(o, with(o.data, "SUMMARY:"+title))
	m.titles[uid] = append(m.titles[uid], title)
	m.unmarked(uid)
}

// unmarked is about a title that lost the mark it may have borne.
func (m *machine) unmarked(uid string) {
	m.mayComeBack(uid)
	if slices.Contains(muteMarks, m.marks[uid]) {
		m.forgetQuiet(m.placements()[uid].Key.Who)
	}
	delete(m.marks, uid)
}

func (m *machine) marksDone(t *rapid.T) {
	uid, o := m.pick(t)
	if m.marks[uid] != "" {
		t.Skip("it bears a mark")
	}
	mark := rapid.SampledFrom([]string{"%s done", "Done: %s", "x %s", "✓ %s", "%s ✔", "[x] %s", "%s [x]"}).Draw(t, "mark")
	m.store(o, with(o.data, "SUMMARY:"+fmt.Sprintf(mark, field(o.data, "SUMMARY"))))
	m.marks[uid] = strings.ReplaceAll(mark, "%s", "")
}

func (m *machine) cancels(t *rapid.T) {
	_, o := m.pick(t)
	m.store(o, with(o.data, "STATUS:CANCELLED"))
}

// writesNotes puts a line anywhere, or adds words to one of ours.
func (m *machine) writesNotes(t *rapid.T) {
	uid, o := m.pick(t)
	m.number++
	note := fmt.Sprintf("note no %d end", m.number)
	lines := strings.Split(event(m.T, o.data).Description, "\n")
	at := rapid.IntRange(0, len(lines)).Draw(t, "line")
	if within := rapid.Bool().Draw(t, "within"); within && at < len(lines) && lines[at] != "" &&
		!strings.Contains(lines[at], "note no") && !strings.HasPrefix(lines[at], "---") {
		lines[at] += " " + note
	} else {
		lines = slices.Insert(lines, at, note)
	}
	m.store(o, with(o.data, "DESCRIPTION:"+escaped(strings.Join(lines, "\n"))))
	m.notes[uid] = append(m.notes[uid], note)
}

// decorates changes what means nothing.
func (m *machine) decorates(t *rapid.T) {
	uid, o := m.pick(t)
	switch rapid.IntRange(0, 3).Draw(t, "what") {
	case 0:
		m.store(o, with(o.data, "COLOR:red", "LOCATION:Café", "CATEGORIES:Mine"))
	case 1:
		if p := m.placements()[uid]; !p.Open() {
			m.rings[uid] = true
		}
		m.store(o, strings.Replace(o.data, "END:VEVENT", "BEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Ping\r\nTRIGGER:-PT5M\r\nEND:VALARM\r\nEND:VEVENT", 1))
	case 2: // longer
		m.store(o, with(o.data, "DTEND:"+stamp(event(m.T, o.data).Start.In(berlin).Add(time.Hour))))
	default: // as a program writes it anew
		m.store(o, with(o.data, "SEQUENCE:40", "DTSTAMP:"+stamp(m.clock), "X-PROGRAM-SEEN:1"))
	}
}

func (m *machine) deletes(t *rapid.T) {
	uid, o := m.pick(t)
	p, known := m.placements()[uid]
	if !known || p.State == ledger.Intended {
		t.Skip("syncd does not know yet that it is there")
	}
	m.server.Remove(o.calendar, o.name)
	m.deleted[uid], m.let[uid] = true, true
	m.bin[uid] = o
	if p.Open() && !m.copied[uid] && (p.State == ledger.Placed || p.State == ledger.Rewriting) {
		m.final[p.Key.Hash()] = true
	}
}

// copies keeps the marker and gives the event a UID of the program's.
func (m *machine) copies(t *rapid.T) {
	of, o := m.pick(t)
	m.copied[of] = true // with the first one gone it stands for a move
	m.number++
	uid := fmt.Sprintf("copy-%d@program.example", m.number)
	m.own(follow, uid, with(o.data, "UID:"+uid))
}

func (m *machine) addsTheirOwn(t *rapid.T) {
	m.number++
	uid := fmt.Sprintf("own-%d@program.example", m.number)
	at := m.clock.Add(time.Duration(rapid.IntRange(1, 100).Draw(t, "hours")) * time.Hour)
	m.own(follow, uid, meeting(uid, "Dentist", at, m.clock))
}

// own puts an object of the user's own into a calendar.
func (m *machine) own(calendar, uid, data string) {
	m.events[uid] = true
	m.foreign[calendar][uid+".ics"] = data
	m.server.Store(calendar, uid+".ics", data)
}

func (m *machine) movesElsewhere(t *rapid.T) {
	uid, o := m.pick(t)
	if p, known := m.placements()[uid]; !known || p.State == ledger.Intended {
		t.Skip("syncd does not know yet that it is there")
	}
	m.server.Remove(o.calendar, o.name)
	m.let[uid] = true // where the other calendar is listed without it, it is gone
	to := stored{work, o.name, o.data}
	m.store(to, o.data)
	m.mine[uid] = to
}

// takes makes an entry the user's own where it is.
func (m *machine) takes(t *rapid.T, lines ...string) {
	uid, o := m.pick(t)
	if p, known := m.placements()[uid]; !known || p.State == ledger.Intended {
		t.Skip("syncd does not know yet that it is there")
	}
	o.data = with(o.data, lines...)
	m.store(o, o.data)
	m.mine[uid] = o
}

func (m *machine) recurs(t *rapid.T) { m.takes(t, "RRULE:FREQ=WEEKLY;COUNT=4") }

func (m *machine) invites(t *rapid.T) {
	m.takes(t, "ORGANIZER:mailto:"+machineMe, "ATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:"+addressOf(people[0]))
}

// What happens in the world.

func (m *machine) person(t *rapid.T) string { return rapid.SampledFrom(people).Draw(t, "person") }

func (m *machine) mailComes(t *rapid.T) {
	p := m.person(t)
	if waited := m.waitedFor(); len(waited) > 0 && rapid.Bool().Draw(t, "at last") {
		p = rapid.SampledFrom(waited).Draw(t, "from")
	}
	if m.last[p] != "" && rapid.Bool().Draw(t, "answers") {
		m.deliver(inbox, p, "Re: The draft", m.last[p])
		return
	}
	m.deliver(inbox, p, "The draft", "")
}

// waitedFor are those of whom an entry says that they have not answered.
func (m *machine) waitedFor() (names []string) {
	placed := m.placements()
	for _, name := range people {
		for _, p := range placed {
			if p.Open() && p.Key.Rule == planner.Awaiting && p.Key.Who == addressOf(name) {
				names = append(names, name)
				break
			}
		}
	}
	return names
}

func (m *machine) mailGoes(t *rapid.T) {
	p := m.person(t)
	m.inTouch(p)
	switch {
	case m.last[p] != "" && rapid.Bool().Draw(t, "answers"):
		m.deliver(sent, p, "Re: The draft", m.last[p])
	case rapid.Bool().Draw(t, "asks"):
		m.deliver(sent, p, "Shall we meet?", "")
	default:
		m.deliver(sent, p, "Some news", "")
	}
}

func (m *machine) met(t *rapid.T) {
	m.number++
	p := m.person(t)
	m.inTouch(p)
	uid := fmt.Sprintf("meeting-%d@program.example", m.number)
	at := m.clock.Add(time.Duration(rapid.IntRange(-20, 60).Draw(t, "hours")) * time.Hour)
	if at.After(m.meets[addressOf(p)]) {
		m.meets[addressOf(p)] = at
	}
	m.own(work, uid, with(meeting(uid, "Coffee", at, m.clock.Add(-time.Hour)),
		"ORGANIZER:mailto:"+machineMe, "ATTENDEE;PARTSTAT=ACCEPTED:mailto:"+machineMe,
		"ATTENDEE;CN="+"Guest"+";PARTSTAT=ACCEPTED:mailto:"+addressOf(p)))
}

func (m *machine) timePasses(t *rapid.T) {
	m.wait(t)
	_ = m.pass()
}

// wait moves the clock, mostly to when there is something to write.
func (m *machine) wait(t *rapid.T) {
	spans := map[string]time.Time{
		"minutes": m.clock.Add(12 * time.Minute), "an hour": m.clock.Add(time.Hour), "evening": nextTime(m.clock, 18, 30),
		"morning": nextTime(m.clock, 8, 30), "three days": m.clock.AddDate(0, 0, 3), "two weeks": m.clock.AddDate(0, 0, 14),
	}
	m.clock = spans[rapid.SampledFrom(sortedNames(maps.Keys(spans))).Draw(t, "span")]
}

func nextTime(after time.Time, hour, minute int) time.Time {
	y, mo, d := after.Date()
	at := time.Date(y, mo, d, hour, minute, 0, 0, berlin)
	if !at.After(after) {
		at = at.AddDate(0, 0, 1)
	}
	return at
}

// What goes wrong.

func (m *machine) fails(t *rapid.T) {
	f := m.kind
	for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom(troubleNames), 1, 2, rapid.ID[string]).Draw(t, "trouble") {
		troubles[name](&f, t)
		m.count[name]++
	}
	m.server.Set(f)
	m.trouble, m.refuses = true, f.RefusedPut207 || f.Answer != nil
	m.wait(t)
	_ = m.pass()
	if rapid.Bool().Draw(t, "goes on") {
		m.clock = m.clock.Add(time.Duration(rapid.IntRange(5, 90).Draw(t, "minutes")) * time.Minute)
		_ = m.pass()
	}
	m.heal()
}

func (m *machine) heal() {
	m.trouble, m.refuses = false, false
	m.server.Set(m.kind)
}

// Objects as text.

// with is an event in which properties are set, all those of their names taken
// away before.
func with(data string, lines ...string) string {
	data = strings.NewReplacer("\r\n ", "", "\r\n\t", "").Replace(data)
	drop := map[string]bool{}
	for _, l := range lines {
		drop[propertyName(l)] = true
	}
	var b strings.Builder
	depth := ""
	for line := range strings.SplitSeq(strings.TrimSuffix(data, "\r\n"), "\r\n") {
		if kind, ok := strings.CutPrefix(line, "BEGIN:"); ok {
			depth += "/" + kind
		}
		if depth != "/VCALENDAR/VEVENT" || !drop[propertyName(line)] {
			b.WriteString(line + "\r\n")
		}
		if line == "BEGIN:VEVENT" {
			b.WriteString(strings.Join(lines, "\r\n") + "\r\n")
		}
		if kind, ok := strings.CutPrefix(line, "END:"); ok {
			depth = strings.TrimSuffix(depth, "/"+kind)
		}
	}
	return b.String()
}

func propertyName(line string) string {
	name, _, _ := strings.Cut(line, ":")
	name, _, _ = strings.Cut(name, ";")
	return name
}

// field is the value of a property of the event, as it is written.
func field(data, name string) string {
	data = strings.NewReplacer("\r\n ", "", "\r\n\t", "").Replace(data)
	_, data, _ = strings.Cut(data, "BEGIN:VEVENT")
	for line := range strings.SplitSeq(data, "\r\n") {
		if propertyName(line) == name {
			_, value, _ := strings.Cut(line, ":")
			return value
		}
	}
	return ""
}

func uidOf(data string) string { return field(data, "UID") }

func event(t *rapid.T, data string) ical.Event {
	cal, err := ical.Parse([]byte(data))
	if err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
	events, _ := cal.Events()
	if len(events) != 1 {
		t.Fatalf("%d events in\n%s", len(events), data)
	}
	return events[0]
}

func stamp(at time.Time) string { return at.UTC().Format("20060102T150405Z") }

func escaped(text string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, ",", `\,`, ";", `\;`).Replace(text)
}

func unescaped(text string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\,`, ",", `\;`, ";").Replace(text)
}

func meeting(uid, title string, at, created time.Time) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:" + uid + "\r\nDTSTAMP:" + stamp(created) +
		"\r\nCREATED:" + stamp(created) + "\r\nDTSTART:" + stamp(at) + "\r\nDTEND:" + stamp(at.Add(time.Hour)) + "\r\nSUMMARY:" + title +
		"\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
}
