package text

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
)

// language is a data file, ready to be looked for; see data/en.txt for its format.
type language struct {
	name         string
	function     map[string]bool // words of every text in it
	abbreviation map[string]bool
	rewrite      map[string][]string
	list         map[string][]string
	compiled     map[string]*regexp.Regexp
	weekday      map[string]int // 0 is Sunday
	month        map[string]int // 1 is January
	number       map[string]int
}

// languages are those with a data file.
var languages = sync.OnceValue(func() []*language { return []*language{load("en")} })

func load(name string) *language {
	l := &language{
		name: name, list: sections(name + ".txt"), rewrite: map[string][]string{},
		compiled: map[string]*regexp.Regexp{},
	}
	l.function, l.abbreviation = set(l.list["function"]), set(l.list["abbreviation"])
	l.weekday, l.month, l.number = ordered(l.list["weekday"], 0), ordered(l.list["month"], 1), ordered(l.list["number"], 0)
	for _, line := range l.list["rewrite"] {
		from, to, _ := strings.Cut(line, "=")
		l.rewrite[strings.TrimSpace(from)] = strings.Fields(to)
	}
	for section, patterns := range l.list {
		if kind, isPattern := strings.CutPrefix(section, "pattern "); isPattern {
			l.compiled[kind] = l.compile(patterns)
		}
	}
	return l
}

func set(lines []string) map[string]bool {
	found := map[string]bool{}
	for _, line := range lines {
		for word := range strings.FieldsSeq(line) {
			found[word] = true
		}
	}
	return found
}

// ordered gives each word the number of its line.
func ordered(lines []string, first int) map[string]int {
	found := map[string]int{}
	for i, line := range lines {
		for word := range strings.FieldsSeq(line) {
			found[word] = first + i
		}
	}
	return found
}

// compile makes one expression of patterns, over words that each end with a space.
// Its group is where "@" stands. RE2 takes linear time for all of them.
func (l *language) compile(patterns []string) *regexp.Regexp {
	var all []string
	for _, p := range patterns {
		var b strings.Builder
		tokens := strings.Fields(p)
		switch tokens[0] {
		case "^^":
			b.WriteString("^ ")
			tokens = tokens[1:]
		case "^":
			b.WriteString("(?:^ | [,;:(–—-] | (?:" + strings.Join(l.list["conjunction"], "|") + ") )")
			tokens = tokens[1:]
		default:
			b.WriteString(" ")
		}
		for _, token := range tokens {
			b.WriteString(l.token(token))
		}
		all = append(all, b.String())
	}
	return regexp.MustCompile("(?:" + strings.Join(all, "|") + ")")
}

func (l *language) token(token string) string {
	optional := ""
	if rest, ok := strings.CutSuffix(token, "?"); ok && rest != "" && rest != `\` {
		token, optional = rest, "?"
	}
	switch {
	case token == "$":
		return `(?:[.!?)] )*$`
	case token == "@":
		return "()"
	case token == "\\?":
		return `\? `
	case token == "...":
		return `(?:\S+ )*?`
	case token[0] == '*':
		if n, err := strconv.Atoi(token[1:]); err == nil {
			return `(?:[^\s,;:.!?]+ ){0,` + strconv.Itoa(n) + `}?`
		}
		return `[^\s,;:.!?]+ `
	}
	return "(?:" + strings.Join(l.alternatives(token), "|") + ")" + optional
}

func (l *language) alternatives(token string) []string {
	var found []string
	for a := range strings.SplitSeq(token, "|") {
		if name, isList := strings.CutPrefix(a, "{"); isList {
			name = strings.TrimSuffix(name, "}")
			if len(l.list[name]) == 0 {
				panic(fmt.Sprintf("text: data/%s.txt has no list %q", l.name, name)) // it would match everything
			}
			for _, line := range l.list[name] {
				found = append(found, regexp.QuoteMeta(line)+" ")
			}
			continue
		}
		found = append(found, regexp.QuoteMeta(strings.ReplaceAll(a, "_", " "))+" ")
	}
	return found
}

// phrase is a sentence as patterns see it: lower case, contractions written out, each
// word and each mark between spaces.
type phrase struct {
	text  string   // begins and ends with a space
	words []string // of text
	from  []int    // where in the sentence a word begins
}

var word = regexp.MustCompile(`https?://\S+|[^\s@<>]+@[^\s@<>]+|\d+(?:[./:-]\d+)+|[\pL\d](?:[\pL\pM\d'’&]|-[\pL\d])*|\S`)

func (l *language) phrase(sentence string) phrase {
	p := phrase{text: " "}
	straight := strings.NewReplacer("’", "'", "‘", "'", "“", `"`, "”", `"`)
	for _, at := range word.FindAllStringIndex(sentence, -1) {
		w := strings.TrimRight(strings.ToLower(straight.Replace(sentence[at[0]:at[1]])), "'-")
		if w == "" {
			continue
		}
		out := []string{w}
		if to, ok := l.rewrite[w]; ok {
			out = to
		}
		for _, w := range out {
			p.text += w + " "
			p.words = append(p.words, w)
			p.from = append(p.from, at[0])
		}
	}
	return p
}

// match looks for the patterns of a section; what begins where "@" stands, in bytes
// of the sentence.
func (l *language) match(kind string, p phrase) (what int, ok bool) {
	expression := l.compiled[kind]
	if expression == nil {
		return 0, false
	}
	at := expression.FindStringSubmatchIndex(p.text)
	if at == nil {
		return 0, false
	}
	position := at[0]
	for i := 2; i < len(at); i += 2 {
		if at[i] >= 0 {
			position = at[i]
		}
	}
	n := strings.Count(p.text[:position], " ") - 1
	if n = max(n, 0); n < len(p.from) {
		return p.from[n], true
	}
	return 0, true
}

func (l *language) has(kind string, p phrase) bool {
	_, ok := l.match(kind, p)
	return ok
}

// languageOf finds the language whose function words make up a quarter of the words,
// nil if none does.
func languageOf(paragraphs []string) *language {
	text := strings.ToLower(strings.Join(paragraphs, " "))
	words := strings.FieldsFunc(strings.ReplaceAll(text, "’", "'"), func(r rune) bool {
		return !unicode.IsLetter(r) && r != '\''
	})
	if len(words) == 0 {
		return nil
	}
	for _, l := range languages() {
		n := 0
		for _, w := range words {
			if _, contracted := l.rewrite[w]; contracted || l.function[w] {
				n++
			}
		}
		if 4*n >= len(words) || len(words) < 16 && n > 0 && 10*n >= len(words) && !slices.ContainsFunc(words, notASCII) {
			return l
		}
	}
	return nil
}

func notASCII(s string) bool { return !isASCII(s) }
