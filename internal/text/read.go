package text

import (
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
	Question bool // it ends with a question mark
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
	for _, paragraph := range r.New {
		for _, sentence := range l.sentences(paragraph) {
			l.read(&r, m, sentence)
		}
	}
	return r
}

// read adds what one sentence says.
func (l *language) read(r *Reading, m Message, sentence string) {
	p := l.phrase(sentence)
	if promise, ok := l.promise(p, m, sentence); ok && len(r.Promises) < maxFound {
		r.Promises = append(r.Promises, promise)
	}
	if ask, ok := l.ask(p, sentence); ok && len(r.Asks) < maxFound {
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

func (l *language) ask(p phrase, sentence string) (Ask, bool) {
	question := strings.ContainsAny(sentence, "?") && !l.has("question.no", p)
	if question {
		return Ask{Sentence: sentence, Question: true}, true
	}
	if l.has("request", p) && !l.has("request.no", p) {
		return Ask{Sentence: sentence}, true
	}
	return Ask{}, false
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
