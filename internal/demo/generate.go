package demo

import (
	"fmt"
	"math/rand/v2"
	"sort"
	"strings"
	"time"
)

// Me is the user of the made-up mailbox.
const (
	MyName    = "Robin Vale"
	MyAddress = "robin@valedesign.example"
)

// World is a made-up mailbox and calendar.
type World struct {
	Messages []Message // oldest first
	Meetings []Event   // by the time they were entered
}

// Message is a mail as a server stores it.
type Message struct {
	Mailbox string // INBOX or Sent
	At      time.Time
	Raw     []byte // RFC 5322, CRLF
}

// Event is a calendar object as a server stores it.
type Event struct {
	KnownAt time.Time // when it appears in the calendar
	Name    string    // last part of the href
	Raw     []byte    // iCalendar, CRLF
}

// Generate makes about 300 messages and 20 meetings in the two years before
// now. The same seed and now give the same world; nothing in it lies after now.
func Generate(seed uint64, now time.Time) World {
	g := &generator{
		rng:  rand.New(rand.NewPCG(seed, seed^0x5eed)),
		seed: seed, now: now,
	}
	folk := append([]person(nil), cast...)
	g.rng.Shuffle(len(folk), func(i, j int) { folk[i], folk[j] = folk[j], folk[i] })
	next := func() person { p := folk[0]; folk = folk[1:]; return p }

	for i := range g.between(2, 3) {
		g.newlyMet(next(), 3+2*i)
	}
	for i := range g.between(2, 3) {
		g.unanswered(next(), 5+i)
	}
	for i := range g.between(1, 2) {
		g.waitingForThem(next(), 8+i)
	}
	for range g.between(1, 2) {
		g.fading(next())
	}
	for range g.between(5, 7) {
		g.oldFriend(next())
	}
	g.answeredInTime(next())
	g.everyDay(next())
	for len(folk) > 0 {
		g.acquaintance(next())
	}
	g.machines()
	return g.world()
}

// generator collects what it makes.
type generator struct {
	rng      *rand.Rand
	seed     uint64
	now      time.Time
	serial   int
	messages []Message
	events   []Event
}

func (g *generator) world() World {
	past := g.messages[:0]
	for _, m := range g.messages {
		if !m.At.After(g.now) {
			past = append(past, m)
		}
	}
	sort.SliceStable(past, func(i, j int) bool { return past[i].At.Before(past[j].At) })
	sort.SliceStable(g.events, func(i, j int) bool { return g.events[i].KnownAt.Before(g.events[j].KnownAt) })
	return World{Messages: past, Meetings: g.events}
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
	id := g.mail(p, false, at, p.topics[0], "")
	g.mail(p, true, g.workday(2, 13), "Re: "+p.topics[0], id)
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
		g.add("INBOX", at, "Trade News <news@printtrade.example>", MyName+" <"+MyAddress+">", subject, "", head, "The month in paper and ink.")
	}
	for i := range 12 {
		at := g.workday(9+i*55, 7)
		g.add("INBOX", at, "Parcel Service <no-reply@parcels.example>", MyName+" <"+MyAddress+">", "Your parcel is on its way", "", "Auto-Submitted: auto-generated\r\n", "It arrives tomorrow.")
	}
}

// thread writes n mails of one conversation, in turn, some hours apart.
func (g *generator) thread(p person, at time.Time, mine bool, n int, subject string) {
	parent := ""
	for i := range n {
		s := subject
		if i > 0 {
			s = "Re: " + strings.TrimPrefix(subject, "Re: ")
		}
		parent = g.mail(p, mine, at, s, parent)
		mine = !mine
		at = at.Add(time.Duration(2+g.rng.IntN(22)) * time.Hour)
	}
}

// mail writes one mail between me and p and returns its Message-ID.
func (g *generator) mail(p person, mine bool, at time.Time, subject, parent string) string {
	me, them := MyName+" <"+MyAddress+">", p.name+" <"+p.address+">"
	text := g.pick(remarks) + " " + g.pick(questions)
	head := ""
	if parent != "" {
		head = "In-Reply-To: " + parent + "\r\nReferences: " + parent + "\r\n"
	}
	if mine {
		return g.add("Sent", at, me, them, subject, p.name, head, text)
	}
	head += "Return-Path: <" + p.address + ">\r\nDelivered-To: " + MyAddress + "\r\n"
	return g.add("INBOX", at, them, me, subject, MyName, head, text)
}

func (g *generator) add(mailbox string, at time.Time, from, to, subject, greet, head, text string) string {
	g.serial++
	domain := from[strings.LastIndex(from, "@")+1 : len(from)-1]
	id := fmt.Sprintf("<%d.%d@%s>", g.seed, g.serial, domain)
	if greet != "" {
		text = "Hello " + strings.Fields(greet)[0] + ",\r\n\r\n" + text
	}
	raw := head + "Date: " + at.Format("Mon, 02 Jan 2006 15:04:05 -0700") + "\r\nFrom: " + from + "\r\nTo: " + to +
		"\r\nSubject: " + subject + "\r\nMessage-ID: " + id + "\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n"
	g.messages = append(g.messages, Message{Mailbox: mailbox, At: at, Raw: []byte(raw)})
	return id
}

// meeting enters an hour with p, organised by me, three days before it starts.
func (g *generator) meeting(p person, at time.Time, title string) {
	g.serial++
	known := at.AddDate(0, 0, -3)
	uid := fmt.Sprintf("meeting-%d-%d@valedesign.example", g.seed, g.serial)
	const stamp = "20060102T150405Z"
	lines := []string{
		"BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//syncd//demo//EN", "BEGIN:VEVENT", "UID:" + uid,
		"DTSTAMP:" + known.UTC().Format(stamp), "CREATED:" + known.UTC().Format(stamp),
		"DTSTART:" + at.UTC().Format(stamp), "DTEND:" + at.Add(time.Hour).UTC().Format(stamp),
		"SUMMARY:" + title, "LOCATION:" + g.pick(places), "STATUS:CONFIRMED",
		"ORGANIZER;CN=" + MyName + ":mailto:" + MyAddress,
		"ATTENDEE;CN=" + MyName + ";PARTSTAT=ACCEPTED:mailto:" + MyAddress,
		"ATTENDEE;CN=" + p.name + ";PARTSTAT=ACCEPTED:mailto:" + p.address,
		"END:VEVENT", "END:VCALENDAR", "",
	}
	g.events = append(g.events, Event{KnownAt: known, Name: uid + ".ics", Raw: []byte(strings.Join(lines, "\r\n"))})
}

// workday is a time so many days before now, moved back to the Friday where it
// falls on a weekend.
func (g *generator) workday(days, hour int) time.Time {
	d := g.now.AddDate(0, 0, -days)
	for d.Weekday() == time.Saturday || d.Weekday() == time.Sunday {
		d = d.AddDate(0, 0, -1)
	}
	return time.Date(d.Year(), d.Month(), d.Day(), hour, 5*g.rng.IntN(12), 0, 0, g.now.Location())
}

// between draws a number, both ends included.
func (g *generator) between(low, high int) int { return low + g.rng.IntN(high-low+1) }

func (g *generator) pick(from []string) string { return from[g.rng.IntN(len(from))] }
