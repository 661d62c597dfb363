package demo

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Me is the user of the made-up mailbox.
const (
	MyName    = "Robin Vale"
	MyAddress = "robin@valedesign.example"
)

// me is the user as one of those who write.
var me = person{name: MyName, address: MyAddress, client: plain}

// World is a made-up mailbox, a calendar and an address book, and what the user
// says of people.
type World struct {
	Messages []Message // oldest first
	Meetings []Event   // by the time they were entered
	Cards    []Event   // by the time they came; zero: they were always there
	Notes    []Note    // oldest first
}

// Message is a mail as a server stores it.
type Message struct {
	Mailbox string // INBOX or Sent
	At      time.Time
	Raw     []byte // RFC 5322, CRLF
}

// Event is a calendar object, or a card, as a server stores it.
type Event struct {
	KnownAt time.Time // when it appears in the calendar
	Name    string    // last part of the href
	Raw     []byte    // iCalendar or vCard, CRLF
}

// Note is what the user notes about somebody with the command log.
type Note struct {
	At            time.Time
	Address, Text string
}

// Generate makes about 300 messages and 20 meetings in the two years before o.Now,
// and with o.Stories about 140 and 15 more, cards and notes. The same options give
// the same world; nothing in it lies after now.
func Generate(o Options) World {
	g := &generator{
		rng:  rand.New(rand.NewPCG(o.Seed, o.Seed^0x5eed)),
		seed: o.Seed, now: o.Now,
	}
	folk := slices.Clone(cast)
	for i := range folk {
		folk[i].client = clients[i%len(clients)]
	}
	g.rng.Shuffle(len(folk), func(i, j int) { folk[i], folk[j] = folk[j], folk[i] })
	next := func(n int) (some []person) { some, folk = folk[:n], folk[n:]; return some }

	met := next(g.between(2, 3))
	for i, p := range met {
		g.newlyMet(p, 3+2*i)
	}
	asked := next(g.between(2, 3))
	for i, p := range asked {
		g.unanswered(p, 5+i)
	}
	silent := next(g.between(1, 2))
	for i, p := range silent {
		g.waitingForThem(p, 8+i)
	}
	for _, p := range next(g.between(1, 2)) {
		g.fading(p)
	}
	for _, p := range next(g.between(5, 7)) {
		g.oldFriend(p)
	}
	g.answeredInTime(next(1)[0])
	g.everyDay(next(1)[0])
	for _, p := range folk {
		g.acquaintance(p)
	}
	g.machines()
	if o.Stories {
		g.tell()
		g.doings(met, asked, silent)
	}
	return g.world()
}

// doings are what is done about some in the last days, so that not all follow-ups
// stay where they are.
func (g *generator) doings(met, asked, silent []person) {
	g.mail(met[0], true, g.workday(2, 11), g.pick(met[0].topics), nil, false)
	g.mail(asked[0], true, g.workday(1, 15), "Re: "+asked[0].topics[0], nil, false)
	g.mail(silent[0], false, g.workday(1, 12), "Re: "+silent[0].topics[1]+"?", nil, false)
	for _, p := range asked[1:] {
		g.mail(p, true, g.workday(0, 10), "Re: "+p.topics[0], nil, false)
	}
}

// generator collects what it makes.
type generator struct {
	rng      *rand.Rand
	seed     uint64
	now      time.Time
	serial   int
	messages []Message
	events   []Event
	cards    []Event
	notes    []Note
}

func (g *generator) world() World {
	past := g.messages[:0]
	for _, m := range g.messages {
		if !m.At.After(g.now) {
			past = append(past, m)
		}
	}
	slices.SortStableFunc(past, func(a, b Message) int { return a.At.Compare(b.At) })
	slices.SortStableFunc(g.notes, func(a, b Note) int { return a.At.Compare(b.At) })
	for _, all := range [][]Event{g.events, g.cards} {
		slices.SortStableFunc(all, func(a, b Event) int { return a.KnownAt.Compare(b.KnownAt) })
	}
	return World{Messages: past, Meetings: g.events, Cards: g.cards, Notes: g.notes}
}

// newlyMet is somebody met for the first time some days ago, with no word
// since.
func (g *generator) newlyMet(p person, days int) {
	at := g.workday(days, 10+g.rng.IntN(5))
	g.thread(p, at.AddDate(0, 0, -6), false, 2, g.pick(p.topics))
	g.meeting(p, at, "First meeting with "+p.name)
}

// unanswered is somebody known for long who opened a new thread some days ago.
func (g *generator) unanswered(p person, days int) {
	g.history(p, 200, 3)
	g.thread(p, g.workday(days, 9+g.rng.IntN(7)), false, 1, p.topics[0])
}

// waitingForThem is somebody who has not answered a question of mine.
func (g *generator) waitingForThem(p person, days int) {
	g.history(p, 160, 4)
	g.thread(p, g.workday(days, 11), true, 1, p.topics[1]+"?")
}

// fading is somebody with a lively first month, then silence.
func (g *generator) fading(p person) {
	last := 28 + g.rng.IntN(12)
	g.meeting(p, g.workday(last+22, 14), "Coffee with "+p.name)
	g.thread(p, g.workday(last+16, 10), true, 3, p.topics[0])
	g.thread(p, g.workday(last+8, 10), false, 3, p.topics[1])
	g.thread(p, g.workday(last, 10), true, 2, "Re: "+p.topics[1])
}

// oldFriend is somebody with two years of mail and a quiet quarter.
func (g *generator) oldFriend(p person) {
	for back := 680; back > 140; back -= 60 + g.rng.IntN(40) {
		g.thread(p, g.workday(back, 9+g.rng.IntN(8)), g.rng.IntN(2) == 0, 2+g.rng.IntN(2), g.pick(p.topics))
	}
	quiet := 100 + g.rng.IntN(25)
	g.meeting(p, g.workday(quiet+150, 10), "Planning with "+p.name)
	if g.rng.IntN(2) == 0 {
		g.meeting(p, g.workday(quiet+4, 12), "Lunch with "+p.name)
	}
	g.thread(p, g.workday(quiet, 15), true, 2, p.topics[0])
}

// answeredInTime is somebody whose mail is answered while the demo's clock
// runs: their follow-up goes away by itself.
func (g *generator) answeredInTime(p person) {
	g.history(p, 150, 3)
	at := g.workday(7, 10)
	first := g.mail(p, false, at, p.topics[0], nil, true)
	g.mail(p, true, g.workday(2, 13), "Re: "+p.topics[0], first, false)
}

// everyDay is somebody in constant touch, who needs no reminder.
func (g *generator) everyDay(p person) {
	for days := 1; days < 40; days += 2 {
		g.thread(p, g.workday(days, 9+g.rng.IntN(8)), g.rng.IntN(2) == 0, 2, g.pick(p.topics))
	}
}

// acquaintance is somebody with one or two conversations long ago.
func (g *generator) acquaintance(p person) {
	back := 200 + g.rng.IntN(400)
	g.thread(p, g.workday(back, 11), g.rng.IntN(2) == 0, 2+g.rng.IntN(3), g.pick(p.topics))
	if g.rng.IntN(2) == 0 {
		g.meeting(p, g.workday(back-9, 15), "Meeting with "+p.name)
	}
}

// history is an older acquaintance: met once, and a number of threads, the last
// some weeks before the present.
func (g *generator) history(p person, back, threads int) {
	g.meeting(p, g.workday(back-5, 14), "Workshop with "+p.name)
	for i := range threads {
		g.thread(p, g.workday(back-i*(back-40)/threads, 9+g.rng.IntN(8)), i%2 == 0, 3, p.topics[i%2])
	}
}

// machines are newsletters, receipts and the like: noise.
func (g *generator) machines() {
	for i := range 40 {
		at := g.workday(3+i*17, 6)
		subject := fmt.Sprintf("Trade news, issue %d", 140-i)
		head := "List-Id: <news.printtrade.example>\r\nList-Unsubscribe: <mailto:leave@printtrade.example>\r\nPrecedence: bulk\r\n"
		g.bulk(at, "Trade News <news@printtrade.example>", subject, head, "The month in paper and ink.")
	}
	for i := range 12 {
		at := g.workday(9+i*55, 7)
		g.bulk(at, "Parcel Service <no-reply@parcels.example>", "Your parcel is on its way", "Auto-Submitted: auto-generated\r\n", "It arrives tomorrow.")
	}
}

// thread writes n mails of one conversation, in turn, some hours apart. The last of
// several asks nothing.
func (g *generator) thread(p person, at time.Time, mine bool, n int, subject string) {
	var last *letter
	for i := range n {
		s := subject
		if i > 0 {
			s = "Re: " + strings.TrimPrefix(subject, "Re: ")
		}
		last = g.mail(p, mine, at, s, last, n == 1 || i < n-1)
		mine = !mine
		at = at.Add(time.Duration(2+g.rng.IntN(22)) * time.Hour)
	}
}

// mail writes one mail between me and p, which asks something or not.
func (g *generator) mail(p person, mine bool, at time.Time, subject string, answers *letter, asks bool) *letter {
	from, to := p, me
	if mine {
		from, to = me, p
	}
	said := g.pick(remarks)
	if asks {
		said += " " + g.pick(questions)
	} else {
		said += " " + g.pick(closings)
	}
	text := from.greets(to) + "\n\n" + wrapped(said) + "\n\n" + from.signs()
	l := &letter{from: from, to: []person{to}, at: at, subject: subject, text: text, answers: answers}
	g.post(l)
	return l
}

// post gives a letter its id and puts it into the mailbox, unless I am not on it.
func (g *generator) post(l *letter) {
	g.serial++
	domain := l.from.address[strings.LastIndex(l.from.address, "@")+1:]
	l.id = fmt.Sprintf("<%d.%d@%s>", g.seed, g.serial, domain)
	m := Message{Mailbox: "Sent", At: l.at, Raw: []byte(l.raw())}
	if l.from.address != MyAddress {
		m.Mailbox = "INBOX"
		m.Raw = append([]byte("Return-Path: <"+l.from.address+">\r\nDelivered-To: "+MyAddress+"\r\n"), m.Raw...)
	}
	g.messages = append(g.messages, m)
}

// bulk puts a machine's mail into the mailbox.
func (g *generator) bulk(at time.Time, from, subject, head, text string) {
	g.serial++
	domain := from[strings.LastIndex(from, "@")+1 : len(from)-1]
	raw := fmt.Sprintf("%sDate: %s\r\nFrom: %s\r\nTo: %s\r\nSubject: %s\r\nMessage-ID: <%d.%d@%s>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n",
		head, at.Format("Mon, 02 Jan 2006 15:04:05 -0700"), from, me.header(), subject, g.seed, g.serial, domain, text)
	g.messages = append(g.messages, Message{Mailbox: "INBOX", At: at, Raw: []byte(raw)})
}

// wrapped breaks a text into lines of at most 72 characters.
func wrapped(text string) string {
	var b strings.Builder
	width := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case width+1+len(word) > 72:
			b.WriteString("\n")
			width = 0
		default:
			b.WriteString(" ")
			width++
		}
		b.WriteString(word)
		width += len(word)
	}
	return b.String()
}

// meeting is an hour with p, organised by me.
func (g *generator) meeting(p person, at time.Time, title string) {
	g.meet(at, title, g.pick(places), []person{me, p})
}

// meet enters an hour with people, of whom the first has organised it, three days
// before it starts.
func (g *generator) meet(at time.Time, title, place string, people []person) {
	g.serial++
	known := at.AddDate(0, 0, -3)
	uid := fmt.Sprintf("meeting-%d-%d@valedesign.example", g.seed, g.serial)
	const stamp = "20060102T150405Z"
	lines := []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//syncd//demo//EN", "BEGIN:VEVENT", "UID:" + uid,
		"DTSTAMP:" + known.UTC().Format(stamp), "CREATED:" + known.UTC().Format(stamp),
		"DTSTART:" + at.UTC().Format(stamp), "DTEND:" + at.Add(time.Hour).UTC().Format(stamp),
		"SUMMARY:" + escaped.Replace(title), "LOCATION:" + escaped.Replace(place), "STATUS:CONFIRMED",
		"ORGANIZER;CN=" + people[0].name + ":mailto:" + people[0].address,
	}
	for _, p := range people {
		lines = append(lines, "ATTENDEE;CN="+p.name+";PARTSTAT=ACCEPTED:mailto:"+p.address)
	}
	lines = append(lines, "END:VEVENT", "END:VCALENDAR", "")
	g.events = append(g.events, Event{KnownAt: known, Name: uid + ".ics", Raw: []byte(strings.Join(lines, "\r\n"))})
}

var escaped = strings.NewReplacer(",", `\,`, ";", `\;`)

// workday is a time so many days before now, moved back to the Friday where it
// falls on a weekend.
func (g *generator) workday(days, hour int) time.Time {
	d := g.weekday(days)
	return time.Date(d.Year(), d.Month(), d.Day(), hour, 5*g.rng.IntN(12), 0, 0, g.now.Location())
}

// weekday is the day of a workday.
func (g *generator) weekday(days int) time.Time {
	d := g.now.AddDate(0, 0, -days)
	for d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
		d = d.AddDate(0, 0, -1)
	}
	return d
}

// between draws a number, both ends included.
func (g *generator) between(low, high int) int { return low + g.rng.IntN(high-low+1) }

func (g *generator) pick(from []string) string { return from[g.rng.IntN(len(from))] }
