package demo

import (
	_ "embed"
	"regexp"
	"strconv"
	"strings"
	"time"
)

//go:embed stories.txt
var stories string

// teller reads stories.txt into the world of a generator. What it cannot read is a
// mistake in the program.
type teller struct {
	*generator
	people map[string]person // by first name
	shift  int               // days by which a story is older than it says
	last   *letter
	cursor time.Time // of the step before
}

// tell makes what is in stories.txt. A story that ends long ago is moved by some
// days, so that not every mailbox has it on the same.
func (g *generator) tell() {
	t := &teller{generator: g, people: map[string]person{"me": me}}
	var head string
	var text []string
	for line := range strings.Lines(stories + "story\n") {
		line = strings.TrimRight(line, "\n")
		switch word, _, _ := strings.Cut(line, " "); {
		case word == "person" || word == "card" || word == "story" || strings.HasPrefix(word, "@"):
			t.take(head, strings.TrimSpace(strings.Join(text, "\n")))
			head, text = line, nil
		case word != "#":
			text = append(text, line)
		}
	}
}

// take makes what a line says, with the text below it.
func (t *teller) take(head, text string) {
	switch word, rest, _ := strings.Cut(head, " "); word {
	case "person":
		t.person(rest)
	case "card":
		t.card(rest)
	case "story":
		t.last, t.cursor, t.shift = nil, time.Time{}, t.rng.IntN(4)
	case "":
	default:
		t.step(word, rest, text)
	}
}

func (t *teller) person(line string) {
	name, rest, _ := strings.Cut(line, " <")
	address, client, _ := strings.Cut(rest, "> ")
	p := person{name: name, address: address, client: client}
	t.people[p.first()] = p
}

// who are people by their first names.
func (t *teller) who(names string) (all []person) {
	for name := range strings.SplitSeq(names, ", ") {
		p, ok := t.people[name]
		if !ok {
			panic("stories.txt: nobody is called " + name)
		}
		all = append(all, p)
	}
	return all
}

// step is what happens on a day.
func (t *teller) step(kind, line, text string) {
	days, rest, _ := strings.Cut(line, " ")
	clock, rest, _ := strings.Cut(rest, " ")
	at := t.moment(days, clock)
	text = dated(text, at)
	switch kind {
	case "@mail", "@auto":
		from, rest, _ := strings.Cut(rest, " > ")
		to, subject, _ := strings.Cut(rest, " | ")
		l := &letter{from: t.who(from)[0], to: t.who(to), at: at, subject: subject, text: text, automatic: kind == "@auto"}
		if subject == "re" || l.automatic {
			l.answers = t.last
		}
		if subject == "re" {
			l.subject = "Re: " + strings.TrimPrefix(t.last.subject, "Re: ")
		}
		t.post(l)
		if !l.automatic {
			t.last = l
		}
	case "@meet":
		parts := strings.Split(rest, " | ")
		t.meet(at, parts[0], parts[1], t.who(parts[2]))
	case "@note":
		t.notes = append(t.notes, Note{At: at, Address: t.who(rest)[0].address, Text: text})
	case "@card":
		name, address, _ := strings.Cut(strings.TrimSuffix(rest, ">"), " <")
		p := person{name: name, address: address, client: plain}
		t.people[p.first()] = p
		t.addCard(at, p, "")
	}
}

// moment is when a step happens: on a workday, and after the step before.
func (t *teller) moment(days, clock string) time.Time {
	n, err := strconv.Atoi(days)
	hour, err2 := time.Parse("15:04", clock)
	if err != nil || err2 != nil {
		panic("stories.txt: " + days + " " + clock)
	}
	if n > 60 {
		n += t.shift
	}
	d := t.weekday(n)
	at := time.Date(d.Year(), d.Month(), d.Day(), hour.Hour(), hour.Minute(), 0, 0, t.now.Location())
	if !at.After(t.cursor) && t.last != nil {
		at = t.cursor.Add(50 * time.Minute)
	}
	t.cursor = at
	return at
}

var inDays = regexp.MustCompile(`\{\+(\d+)\}`)

// dated writes out the days that a text names.
func dated(text string, at time.Time) string {
	return inDays.ReplaceAllStringFunc(text, func(s string) string {
		n, _ := strconv.Atoi(inDays.FindStringSubmatch(s)[1]) // digits
		return at.AddDate(0, 0, n).Format("2 January")
	})
}

// card is a card that was always there: NAME | CATEGORY | birthday N.
func (t *teller) card(line string) {
	parts := strings.Split(line, " | ")
	more := []string{"CATEGORIES:" + parts[1] + "\r\n"}
	for _, p := range parts[2:] {
		kind, days, _ := strings.Cut(p, " ")
		n, err := strconv.Atoi(days)
		if err != nil {
			panic("stories.txt: " + line)
		}
		field := map[string]string{"birthday": "BDAY", "wedding": "ANNIVERSARY"}[kind]
		more = append(more, field+":"+t.now.AddDate(-30, 0, n).Format("20060102")+"\r\n")
	}
	t.addCard(time.Time{}, t.who(strings.Fields(parts[0])[0])[0], strings.Join(more, ""))
}

// addCard puts a card into the address book, with the fields in more.
func (g *generator) addCard(known time.Time, p person, more string) {
	words := strings.Fields(p.name)
	last := words[len(words)-1]
	raw := "BEGIN:VCARD\r\nVERSION:4.0\r\nUID:card-" + p.address + "\r\nFN:" + p.name + "\r\nN:" + last + ";" + p.first() + ";;;\r\n" +
		"EMAIL:" + p.address + "\r\n" + more + "END:VCARD\r\n"
	g.cards = append(g.cards, Event{KnownAt: known, Name: p.address + ".vcf", Raw: []byte(raw)})
}
