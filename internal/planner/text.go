package planner

import (
	"cmp"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"
	"unicode/utf8"
)

// The words of follow-ups: one file per rule with its title, its first lines
// and its reasons, and shared.tmpl for what every description has.
//
//go:embed text/*.tmpl
var textFiles embed.FS

var templates = template.Must(template.New("").Option("missingkey=error").ParseFS(textFiles, "text/*.tmpl"))

// facts is what the words of a follow-up can speak of. Everything in it comes
// from evidence and policy; nothing depends on the present.
type facts struct {
	Name    string // in the description
	Short   string // in the title: cut, or initials
	Neutral bool   // the title says no more than initials
	Subject string // of the evidence, "" if it has none or is a note
	On      string // date of the evidence
	Kind    EvidenceType
	Mine    bool // the evidence is my own mail
	Met     bool // the evidence is a meeting
	Named   bool // the subject has their name in it
	Own     bool // the evidence is the user's own note

	Days   int // the rule's number: days or business days
	Number int // of the interval
	Count  int // of exchanges, or people
	People []string
	Touch  bool   // in constant touch at the time
	First  bool   // the first mail to them
	Again  bool   // a second mail in the thread
	Pace   bool   // Days comes from their pace
	Since  string // when the first word or meeting was

	Circle    string
	Automatic bool

	Sentence   string // that promises or introduces, as written; "" where none is kept
	What       string // that was promised; "" where it is not kept
	Act        string // the same as a title says it
	For        string // the day named for it, "": none is
	Near       bool   // there was no business day before it
	Asks       string // the sentence that asks, "" where none is kept
	Request    bool   // it is no question
	Unread     bool   // nobody read what the mail says
	Language   string // why: the language; "" where it is not that
	Back       string // when they are back from their absence, where that decides
	Other      string // others in an introduction, by name
	OtherShort string // the same in a title
	Referred   bool   // Other wrote on the word of the person, or the person on theirs
	Acted      string // when the user wrote to the one who was introduced
	Card       bool   // the evidence is a card
	Day        string // of the year, that a card or a line names
	Line       Fact   // that the follow-up is about

	others []string // who else it is about, by address

	Lead     string
	Last     string
	Also     []string
	Told     []Evidence // what Lead and Last speak of
	Promised []promised // by the user, and to the user
	Expected []promised
	Noted    []Fact
	Older    int    // notes that are not shown
	Ask      string // by which the commands know the person
	Common   string // people you both know
	Give     string // what could help them
	Coffee   string // when you last met
	Mind     string
	Bring    bool // three mails in a row asked for something
	Why      []Reason
	Sources  []string
	Code     string
}

const (
	alsoLines    = 4
	coffeeMonths = 6
	mindStage    = 2 // never an ask before it
	commonPeople = 3
)

// render fills in a built-in template. An error in one is an error in the
// program, which the tests would show.
func render(name string, f facts) string {
	var b strings.Builder
	if err := templates.ExecuteTemplate(&b, name, f); err != nil {
		panic(fmt.Sprintf("template %s: %v", name, err))
	}
	return strings.TrimSpace(b.String())
}

// word gives a candidate its title and its reasons.
func (p *pass) word(c *candidate) {
	f := &c.shown
	f.On = p.date(c.at, c.Due)
	f.Short, f.Neutral = cut(f.Name, shortLength), p.policy.Neutral
	if f.Neutral {
		f.Short = cmp.Or(initials(f.Name), "?")
	}
	c.words = cmp.Or(c.words, string(c.Rule))
	c.Title = f.title(c.words)
	for line := range strings.Lines(render(c.words+".why", *f)) {
		c.Because = append(c.Because, Reason(strings.TrimSpace(line)))
	}
}

// title is cut in its subject if it has one; else the name gives way.
func (f facts) title(words string) string {
	whole := render(words+".title", f)
	if utf8.RuneCountInString(whole) <= titleLength {
		return whole
	}
	over := func(f facts) int { return utf8.RuneCountInString(render(words+".title", f)) - titleLength }
	bare := f
	bare.Subject, bare.Act = "", ""
	if n := over(bare); n > 0 {
		f.Short = cut(f.Short, max(1, utf8.RuneCountInString(f.Short)-n))
	}
	if n := over(f); n > 0 && n < utf8.RuneCountInString(f.Subject) {
		f.Subject = cutWord(f.Subject, utf8.RuneCountInString(f.Subject)-n)
	}
	return cutWord(render(words+".title", f), titleLength)
}

// text is the description. Where it would be too long, that goes first which
// speaks of other things than this follow-up.
func (f facts) text() string {
	for {
		text := render("description", f)
		switch {
		case utf8.RuneCountInString(text) <= textLength:
			return text
		case len(f.Also) > 0:
			f.Also = f.Also[:len(f.Also)-1]
		case f.Mind != "":
			f.Mind = ""
		case f.Common != "":
			f.Common = ""
		case len(f.Noted) > 0:
			f.dropNote()
		case len(f.Promised) > 0:
			f.dropPromise()
		case len(f.Expected) > 0:
			f.Expected = f.Expected[:len(f.Expected)-1]
		case f.Last != "":
			f.Last = ""
		case len(f.Sources) > 0:
			f.Sources = f.Sources[:len(f.Sources)-1]
		default:
			return text
		}
	}
}

// dropNote leaves the oldest note out.
func (f *facts) dropNote() {
	oldest := 0
	for i, o := range f.Noted {
		if !o.Evidence.At.After(f.Noted[oldest].Evidence.At) {
			oldest = i
		}
	}
	f.Noted, f.Older = slices.Delete(slices.Clone(f.Noted), oldest, oldest+1), f.Older+1
}

// dropPromise leaves the last promise out.
func (f *facts) dropPromise() {
	last := len(f.Promised) - 1
	if f.Promised[last].Noted {
		f.Older++
	}
	f.Promised = f.Promised[:last]
}

// describe writes the description of a candidate that is, or will be, in the
// calendar (SPEC section 5.2).
func (p *pass) describe(c *candidate) {
	if c.kept {
		return
	}
	q, f := c.who, c.shown
	f.Lead = render(c.words+".lead", f)
	if f.Subject != "" {
		f.Told = c.Evidence[:min(1, len(c.Evidence))]
	}
	if last := later(later(q.LastOut, q.LastIn), q.met); !last.IsZero() && last.ID != c.Key.Evidence {
		f.Last = p.source(last, q, c.Due)
		f.Told = append(slices.Clone(f.Told), last)
	}
	p.note(&f, c)
	f.Promised = append(f.Promised, p.openPromises(c, PromiseMade, q.Promises)...)
	f.Expected = p.openPromises(c, TheirPromise, q.Theirs)
	for _, l := range c.Also[:min(len(c.Also), alsoLines)] {
		f.Also = append(f.Also, l.Title)
	}
	if !q.met.IsZero() && q.met.At.AddDate(0, coffeeMonths, 0).Before(c.Due) {
		f.Coffee = p.date(q.met.At, c.Due)
	}
	if q.Stage >= mindStage {
		f.Mind = clean(p.policy.OnMyMind, mindLength)
	}
	f.Common, f.Give, f.Bring = p.common(q, f.others), gifts(q.Gave), q.silenced
	f.Why = c.Because
	for _, e := range c.Evidence {
		s := strings.TrimSpace(p.source(e, q, c.Due) + " " + p.link(e))
		if !slices.Contains(f.Sources, s) { // people met in one place
			f.Sources = append(f.Sources, s)
		}
	}
	f.Code = c.Key.Code()
	c.Text = f.text()
}

// common names the people whom both know, those who were most often there first.
// Those whom the follow-up is about as well are left out, by address.
func (p *pass) common(q *person, about []string) string {
	var names []string
	for _, a := range q.Common {
		other := p.byWho[a]
		if other == nil || other == q || other.Muted || other.Role || slices.ContainsFunc(about, other.has) {
			continue
		}
		if name := clean(other.Name, nameLength); name != "" && !slices.Contains(names, name) && len(names) < commonPeople {
			names = append(names, name)
		}
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// gifts are what one can give, without what was given last.
func gifts(last string) string {
	var all []string
	for _, g := range []string{"an article", "an introduction", "a tip"} {
		if _, kind, _ := strings.Cut(g, " "); kind != last {
			all = append(all, g)
		}
	}
	s := strings.Join(all, ", ") + "."
	return strings.ToUpper(s[:1]) + s[1:]
}

// source names an evidence with its date.
func (p *pass) source(e Evidence, q *person, reference time.Time) string {
	what := "mail"
	switch {
	case e.Type == Meeting && e.Named:
		what = "event in your calendar"
	case e.Type == Meeting:
		what = "meeting"
	case e.Type == Card && e.At.IsZero():
		return "card in your address book" // since when is not known
	case e.Type == Card:
		what = "card"
	case e.Type == Gesture || e.Type == Note:
		what = "your own note"
	case inMail(e.ID, q.LastOut, q.Outstanding, q.Promises) || inIntroduction(q, e.ID, true):
		what = "your mail"
	case inMail(e.ID, q.LastIn, q.Unanswered, q.Theirs) || inIntroduction(q, e.ID, false):
		what = "their mail"
	}
	on := p.date(e.At, reference)
	if s := topic(e.Subject, subjectLength); s != "" {
		return what + " “" + s + "”, " + on
	}
	return what + ", " + on
}

// inMail reports whether a mail is among those of one side that facts rest on.
func inMail(id string, last Evidence, turns []Turn, promises []Promise) bool {
	inTurn := func(t Turn) bool { _, ok := t.message(id); return ok }
	inPromise := func(m Promise) bool { return m.Evidence.ID == id }
	return id == last.ID || slices.ContainsFunc(turns, inTurn) || slices.ContainsFunc(promises, inPromise)
}

// link points at a mail, "" where that is not possible.
func (p *pass) link(e Evidence) string {
	if e.Type != Mail || e.ID == "" || p.policy.Link == "" {
		return ""
	}
	l := strings.ReplaceAll(p.policy.Link, "{message_id}", escapeID(e.ID))
	if len(l) > linkLength {
		return ""
	}
	return "<" + l + ">"
}

// escapeID writes a Message-ID as a mid URL wants it (RFC 2392).
func escapeID(id string) string {
	var b strings.Builder
	for i := range len(id) {
		switch c := id[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-._~@$+!*'()", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
