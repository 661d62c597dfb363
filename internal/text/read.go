package text

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Message is what is known of a mail beside its body.
type Message struct {
	Date  time.Time // when it was written, in the writer's zone: dates in it are meant so
	Reply bool      // it answers another mail, so that "will do" answers something
	// Automatic says that its header or subject is that of an automatic answer: then a
	// day of return counts in whatever sentence it is.
	Automatic bool
	Others    []string // names of the people on it who are neither its writer nor its reader
	Reader    string   // the name of its reader, where that is one: who asks others about them asks them nothing
	// Opening says that it is the first mail of its writer to its reader: only then is
	// a name in it looked for ("Ana suggested that I write").
	Opening bool
}

// Reading is what a mail says. The sentences are as written, and empty where nothing
// of the kind was said; rules that do not know the language leave all but New, Cut
// and Question empty.
type Reading struct {
	New      []string // paragraphs, see New
	Cut      Cut
	Language string // "en"; empty: not one of those known
	Known    bool   // the words were read, and not only the structure
	Question bool   // it has a question mark, in whatever language

	Promises []Promise // the writer's to the reader
	Asks     []Ask     // of the reader
	Gift     string    // "here is that article", "no need to reply"
	Thanks   string
	Refusal  string // "not interested"
	Stop     string // "please don't contact me"
	Delivery string // attachment, link or the like are handed over
	// Introduces says that the writer introduces those on the mail to each other; only
	// for a mail with one other person.
	Introduces string
	Referral   Referral
	Away       Away
	Gone       string // "is no longer with the company"
}

// Promise is a concrete act that the writer says they will do.
type Promise struct {
	Sentence string
	What     string    // from its verb on, as written
	Due      time.Time // midnight of the day it is for; zero: none is named
	Sure     bool      // false: for a report, not for a calendar
}

// Ask is a question or a request.
type Ask struct {
	Sentence string
	Question bool      // it ends with a question mark
	Day      time.Time // midnight of the day that it names; zero: none
	// Weak says that nobody waits for the answer: a courtesy ("How is everything?"), a
	// proposal ("Let's discuss"), or an act that is simply done ("Please book it").
	Weak bool
}

// Referral is somebody on whose word the writer writes.
type Referral struct {
	Sentence, Name string // Name as written
}

// Away is an out-of-office answer.
type Away struct {
	Sentence string
	Until    time.Time // midnight of the day of return, or of the last day away; zero: not said
}

const (
	fewWords = 3  // above what is passed on, in whatever language: "FYI", "-", "Très drôle !"
	maxFound = 50 // of promises, and of asks, in one mail
	maxWhat  = 120
)

// Read reads the first 32 KiB of a body. It takes linear time, and what it returns
// is part of the body.
func Read(body string, m Message) Reading {
	var r Reading
	r.New, r.Cut = New(body)
	for _, p := range r.New {
		r.Question = r.Question || strings.ContainsAny(p, "?？؟")
	}
	l := languageOf(r.New)
	if l == nil {
		r.Known = r.Cut.passedOn() && !r.Question && len(strings.Fields(strings.Join(r.New, " "))) <= fewWords
		return r
	}
	r.Language, r.Known = l.name, true
	m.Reply = m.Reply || r.Cut.Quoted > 0
	rhetorical, coarse := false, false
	aside := false // what is said is meant for others, until somebody else is called
	for _, paragraph := range r.New {
		for _, sentence := range l.sentences(paragraph) {
			p := l.phrase(sentence)
			aside = p.calls(m.Others, sentence) || aside && !p.calls([]string{m.Reader}, sentence)
			l.read(&r, m, p, sentence, aside)
			coarse = coarse || l.has("coarse", p)
			rhetorical = rhetorical || l.has("chat", p) || strings.Contains(sentence, "?") && l.has("question.no", p)
		}
	}
	l.chat(&r, rhetorical)
	if coarse {
		r.Asks, r.Promises = nil, nil
	}
	return r
}

// chat marks what is asked beside a courtesy or a rhetorical question, unless it is a
// request.
func (l *language) chat(r *Reading, rhetorical bool) {
	if !rhetorical && !slices.ContainsFunc(r.Asks, func(a Ask) bool { return l.has("ask.courtesy", l.phrase(a.Sentence)) }) {
		return
	}
	for i := range r.Asks {
		a := &r.Asks[i]
		a.Weak = a.Weak || !l.has("request", l.phrase(a.Sentence))
	}
}

// read adds what one sentence says; aside: to others.
func (l *language) read(r *Reading, m Message, p phrase, sentence string, aside bool) {
	if promise, ok := l.promise(p, m, sentence); ok && !aside && len(r.Promises) < maxFound {
		r.Promises = append(r.Promises, promise)
	}
	if ask, ok := l.ask(p, m, sentence); ok && !aside && !p.tellsOf(m.Reader) && len(r.Asks) < maxFound {
		r.Asks = append(r.Asks, ask)
	}
	first := func(to *string, kinds ...string) {
		if *to == "" && slices.ContainsFunc(kinds, func(kind string) bool { return l.has(kind, p) }) {
			*to = sentence
		}
	}
	first(&r.Gift, "gift", "noreply")
	if !l.has("thanks.no", p) {
		first(&r.Thanks, "thanks")
	}
	first(&r.Refusal, "refusal")
	first(&r.Stop, "stop")
	first(&r.Delivery, "delivery")
	first(&r.Gone, "gone")
	if len(m.Others) == 1 && (l.has("introduce.both", p) || p.names(m.Others[0])) {
		first(&r.Introduces, "introduce")
	}
	if m.Opening && r.Referral.Name == "" {
		r.Referral = l.referral(p, sentence)
	}
	l.away(&r.Away, p, m, sentence)
}

func (l *language) promise(p phrase, m Message, sentence string) (Promise, bool) {
	at, sure := l.match("promise", p)
	if !sure && m.Reply {
		at, sure = l.match("promise.answer", p)
	}
	found := sure
	if !found {
		at, found = l.match("promise.maybe", p)
	}
	if !found {
		at, found = l.match("promise.answer", p)
	}
	if !found || l.has("promise.no", p) {
		return Promise{}, false
	}
	return Promise{
		Sentence: sentence,
		What:     clip(sentence[at:]),
		Due:      l.due(p, m.Date),
		Sure:     sure && !l.has("promise.doubt", p),
	}, true
}

// clip cuts at a word, and takes marks off the end.
func clip(s string) string {
	if len(s) > maxWhat {
		s = s[:maxWhat]
		if i := strings.LastIndexByte(s, ' '); i > 0 {
			s = s[:i]
		}
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return strings.TrimRight(s, " .,;:!?")
}

func (l *language) ask(p phrase, m Message, sentence string) (Ask, bool) {
	a := Ask{Sentence: sentence, Question: strings.Contains(sentence, "?") && !l.has("question.no", p)}
	a.Day = l.due(p, m.Date)
	act := !a.Question || l.has("ask.act", p)
	a.Weak = l.has("ask.weak", p) || l.has("ask.courtesy", p) || act && !l.has("ask.back", p) || a.Question && !l.has("ask.question", p)
	return a, a.Question || l.has("request", p) && !l.has("request.no", p)
}

// tellsOf reports whether a sentence speaks of somebody by their first name, and not
// to them: at neither end, and with no comma beside it.
func (p phrase) tellsOf(name string) bool {
	first, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(name)), " ")
	at := slices.Index(p.words, first)
	if len(first) < 2 || at < 2 || at > len(p.words)-3 {
		return false
	}
	return !strings.ContainsAny(p.words[at-1]+p.words[at+1], ",;:.!?-–—")
}

// calls reports whether a sentence is meant for others, whose names are at an end of
// it: "Ana, could you …", "Bob and Ana: …", "Ana - …", "Ana please …", "Right Ana?".
func (p phrase) calls(others []string, sentence string) bool {
	if last := len(p.words) - 1; last > 1 && p.words[last] == "?" && isPart(p.words[last-1], others) {
		return true
	}
	at := mark.FindStringIndex(sentence)
	end := slices.IndexFunc(p.words, func(w string) bool { return w == "please" || w == "can" || w == "could" })
	if at != nil {
		end = slices.IndexFunc(p.from, func(from int) bool { return from >= at[0] })
	}
	if end <= 0 {
		return false
	}
	return !slices.ContainsFunc(p.words[:end], func(w string) bool { return !between[w] && !isPart(w, others) })
}

// mark stands behind the names of those whom a sentence calls.
var mark = regexp.MustCompile(`[,:;–—]|-+\s`)

// between are the words that may stand beside those names.
var between = map[string]bool{"and": true, "or": true, "&": true, "/": true, "hi": true, "hello": true, "dear": true}

// isPart reports whether a word is part of one of the names.
func isPart(w string, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool { return slices.Contains(strings.Fields(strings.ToLower(name)), w) })
}

// names says that a part of a person's name is in it.
func (p phrase) names(name string) bool {
	return slices.ContainsFunc(strings.Fields(strings.ToLower(name)), func(part string) bool {
		return len(part) > 1 && slices.Contains(p.words, strings.Trim(part, ",.'\"()"))
	})
}

// referral finds the name beside the words: the capitalised ones before or behind.
func (l *language) referral(p phrase, sentence string) Referral {
	name := ""
	if at, ok := l.match("referral.before", p); ok {
		name = nameIn(strings.Fields(sentence[:at]), true)
	} else if at, ok := l.match("referral.after", p); ok {
		name = nameIn(strings.Fields(sentence[at:]), false)
	}
	if name == "" || l.function[strings.ToLower(name)] {
		return Referral{}
	}
	return Referral{sentence, name}
}

// nameIn takes up to three capitalised words from the beginning or the end.
func nameIn(words []string, fromEnd bool) string {
	var name []string
	for len(words) > 0 && len(name) < 3 {
		i := 0
		if fromEnd {
			i = len(words) - 1
		}
		bare := strings.Trim(words[i], ".,;:!?()\"'")
		first, _ := utf8.DecodeRuneInString(bare)
		if !unicode.IsUpper(first) || bare == "I" {
			break
		}
		if fromEnd {
			name, words = append([]string{bare}, name...), words[:i]
		} else {
			name, words = append(name, bare), words[1:]
		}
	}
	return strings.Join(name, " ")
}

// away looks for the day of return in the sentence that says so, or in one after it.
func (l *language) away(a *Away, p phrase, m Message, sentence string) {
	if a.Sentence == "" && l.has("away", p) {
		a.Sentence = sentence
	}
	if a.Sentence == "" && !m.Automatic {
		return
	}
	for _, kind := range []string{"return", "until"} {
		if at, ok := l.match(kind, p); ok && a.Until.IsZero() {
			a.Until = l.due(l.phrase(sentence[at:]), m.Date)
		}
	}
	if a.Sentence == "" && !a.Until.IsZero() {
		a.Sentence = sentence
	}
}
