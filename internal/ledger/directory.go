package ledger

import (
	_ "embed" // meeting.txt, doing.txt
	"maps"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of what is looked for: more words make no name, more bearers of one
// name are not told apart.
const (
	maxNameWords  = 6
	maxFirstWords = 3
	maxBearers    = 21
)

//go:embed meeting.txt
var meetingText string

//go:embed doing.txt
var doingText string

// vocabulary are the words of all languages beside which a first name counts:
// phrases as their words with a space between, and signs as they stand. Links
// are the words that do so after one of these.
type vocabulary struct {
	phrases, links map[string]bool
	signs          []string
}

// In events the user met those who stand beside a word of meeting. What they
// write down to do has words of its own.
var (
	meetingWords = sync.OnceValue(func() vocabulary { return readVocabulary(meetingText) })
	doingWords   = sync.OnceValue(func() vocabulary { return readVocabulary(meetingText + doingText) })
)

func readVocabulary(text string) vocabulary {
	v := vocabulary{phrases: map[string]bool{}, links: map[string]bool{}}
	for line := range strings.Lines(text) {
		language, list, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.HasPrefix(line, "#") {
			continue
		}
		for word := range strings.SplitSeq(list, ", ") {
			switch phrase := joined(tokens(word, nil)); {
			case strings.ContainsAny(word, "/@"):
				v.signs = append(v.signs, word)
			case strings.HasSuffix(language, " to"):
				v.links[phrase] = true
			default:
				v.phrases[phrase] = true
			}
		}
	}
	return v
}

// token is a word of a title, or a sign of meeting such as "w/".
type token struct {
	word  string // in lower case, without accents
	gap   string // what stands between it and the one before
	upper bool   // begins with a capital letter
	sign  bool
}

var letters = strings.NewReplacer("ß", "ss", "ø", "o", "Ø", "O", "ł", "l", "Ł", "L", "đ", "d", "Đ", "D", "æ", "ae", "Æ", "Ae",
	"œ", "oe", "Œ", "Oe", "ı", "i", "\u00a0", " ", "\u202f", " ", "\u200b", "")

// tokens splits text into its words and the given signs.
func tokens(text string, signs []string) (all []token) {
	text = letters.Replace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return r
	}, norm.NFD.String(text)))
	gap := 0
	for i := 0; i < len(text); {
		n := signAt(text, i, signs)
		sign := n > 0
		if !sign {
			n = strings.IndexFunc(text[i:], func(r rune) bool { return !isWord(r) })
			if n < 0 {
				n = len(text) - i
			}
		}
		first, size := utf8.DecodeRuneInString(text[i:])
		if n == 0 {
			i += size
			continue
		}
		all = append(all, token{word: strings.ToLower(text[i : i+n]), gap: text[gap:i], upper: unicode.IsUpper(first), sign: sign})
		i += n
		gap = i
	}
	return all
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// signAt is the length of the sign at i, 0 if there is none. A sign does not
// begin within a word.
func signAt(text string, i int, signs []string) int {
	if before, _ := utf8.DecodeLastRuneInString(text[:i]); i > 0 && isWord(before) {
		return 0
	}
	for _, s := range signs {
		if len(text)-i >= len(s) && strings.EqualFold(text[i:i+len(s)], s) {
			return len(s)
		}
	}
	return 0
}

func joined(all []token) string {
	words := make([]string, len(all))
	for i, t := range all {
		words[i] = t.word
	}
	return strings.Join(words, " ")
}

// Words before and after a name that are not part of it.
var (
	honorifics = wordSet("dr prof professor mr mrs ms miss mx sir dame herr frau hr fr mme mlle m dott ing dipl mag")
	suffixes   = wordSet("phd md jr sr ii iii iv mba esq cpa msc bsc ma")
	// Words between the last two names of a list.
	conjunctions = wordSet("and und et y e og och en ja ve plus и")
)

func wordSet(s string) map[string]bool {
	set := map[string]bool{}
	for w := range strings.FieldsSeq(s) {
		set[w] = true
	}
	return set
}

// nameParts gives the parts of a name, first name first, each as its words.
// "Hall, Susan" and "Dr. Susan Hall (Acme), PhD" are Susan Hall.
func nameParts(name string) (parts []string) {
	if i := strings.IndexAny(name, "([{|<>/;"); i > 0 {
		name = name[:i]
	}
	last, first, comma := strings.Cut(name, ",")
	if comma && !suffixes[strings.ReplaceAll(joined(tokens(first, nil)), " ", "")] {
		name = first + " " + last
	} else {
		name = last
	}
	for f := range strings.FieldsSeq(name) {
		if p := joined(tokens(f, nil)); p != "" {
			parts = append(parts, p)
		}
	}
	for len(parts) > 1 && honorifics[parts[0]] {
		parts = parts[1:]
	}
	for len(parts) > 1 && suffixes[parts[len(parts)-1]] {
		parts = parts[:len(parts)-1]
	}
	return parts
}

// directory finds people by the names they go by.
type directory struct {
	words vocabulary
	full  map[string][]int64 // names of two parts and more, in every order they are written in
	first map[string][]int64
	begin map[string]bool    // the words with which names begin
	parts map[int64][]string // of all their names
}

func newDirectory(words vocabulary) *directory {
	return &directory{words: words, full: map[string][]int64{}, first: map[string][]int64{}, begin: map[string]bool{}, parts: map[int64][]string{}}
}

// add makes a person known. Of too many with one name, those added first are kept.
func (d *directory) add(who int64, names []string) {
	put := func(m map[string][]int64, name string) {
		word, _, _ := strings.Cut(name, " ")
		d.begin[word] = true
		if list := m[name]; len(list) < maxBearers && !slices.Contains(list, who) {
			m[name] = append(list, who)
		}
	}
	for _, name := range names {
		parts := nameParts(name)
		if len(parts) == 0 {
			continue
		}
		d.parts[who] = append(d.parts[who], parts...)
		first, last := parts[0], parts[len(parts)-1]
		if utf8.RuneCountInString(first) > 1 && !meetingWords().phrases[first] {
			put(d.first, first)
		}
		if len(parts) == 1 {
			continue
		}
		put(d.full, strings.Join(parts, " "))
		put(d.full, first+" "+last)
		put(d.full, last+" "+first)
		put(d.full, last+" "+strings.Join(parts[:len(parts)-1], " "))
	}
}

// named gives those whom a title or a place names (SPEC section 2.2): by full
// name, or by first name beside a word of meeting. More than one means that it
// cannot be told who is meant, or that there are several.
func (d *directory) named(texts ...string) []int64 {
	sure, unsure := d.told(nil, texts...)
	all := slices.Concat(sure, unsure)
	slices.Sort(all)
	return slices.Compact(all)
}

// told gives whom texts name: those who are certain, known besides them, and
// the bearers of names that are not, sorted. Another mention may say which of
// several is meant.
func (d *directory) told(known []int64, texts ...string) (sure, unsure []int64) {
	var found [][]int64
	for _, text := range texts {
		found = append(found, d.mentions(text)...)
	}
	certain := map[int64]bool{}
	for _, id := range known {
		certain[id] = true
	}
	for _, who := range found {
		if len(who) == 1 {
			certain[who[0]] = true
		}
	}
	open := map[int64]bool{}
	for _, who := range found {
		if len(who) > 1 && !slices.ContainsFunc(who, func(id int64) bool { return certain[id] }) {
			for _, id := range who {
				open[id] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(certain)), slices.Sorted(maps.Keys(open))
}

// mentions gives for each name in a text who bears it. A first name is one as
// well where it is listed with a name that is: "w/ Ann, Bob and Kim".
func (d *directory) mentions(text string) (found [][]int64) {
	x := phrase{directory: d, all: tokens(text, d.words.signs)}
	x.meet = make([]bool, len(x.all)+1)
	for i := range x.all {
		x.meet[i] = x.meet[i] || x.all[i].sign
		for n := 1; n <= maxFirstWords && i+n <= len(x.all); n++ {
			if d.words.phrases[joined(x.all[i:i+n])] {
				for k := i; k < i+n; k++ {
					x.meet[k] = true
				}
			}
		}
		x.meet[i] = x.meet[i] || d.words.links[x.all[i].word] && slices.Contains(x.meet[:i], true)
	}
	x.used = make([]bool, len(x.all))
	take := func(i int, who []int64, n int) {
		if len(who) > 0 && !slices.Contains(x.used[i:i+n], true) {
			found = append(found, who)
			for k := i; k < i+n; k++ {
				x.used[k] = true
			}
		}
	}
	for i := 0; i < len(x.all); {
		who, n := x.at(i)
		take(i, who, n)
		i += max(1, n)
	}
	for i := range x.all {
		if who, n := x.firstName(i); n > 0 && x.listed(i, n) {
			take(i, who, n)
		}
	}
	for i := range slices.Backward(x.all) {
		if who, n := x.firstName(i); n > 0 && x.listed(i, n) {
			take(i, who, n)
		}
	}
	return found
}

// phrase is a text in which names are looked for.
type phrase struct {
	*directory
	all  []token
	meet []bool // which tokens speak of meeting; one more, false
	used []bool // which belong to a name that was found
}

// at gives the bearers of the longest name that begins at token i, and how many
// tokens it has.
func (x *phrase) at(i int) ([]int64, int) {
	if !x.begin[x.all[i].word] {
		return nil, 0
	}
	for n := min(maxNameWords, len(x.all)-i); n > 1; n-- {
		if who := x.full[joined(x.all[i:i+n])]; len(who) > 0 && x.oneName(i, n) && x.apart(i, n) {
			return who, n
		}
	}
	if who, n := x.firstName(i); n > 0 && x.beside(i, n) {
		return who, n
	}
	return nil, 0
}

// firstName gives the bearers of the first name that begins at token i, and how
// many tokens it has; none if there is no such name.
func (x *phrase) firstName(i int) ([]int64, int) {
	if !x.begin[x.all[i].word] {
		return nil, 0
	}
	for n := min(maxFirstWords, len(x.all)-i); n > 0; n-- {
		who := x.first[joined(x.all[i:i+n])]
		if len(who) == 0 || !x.apart(i, n) || !x.capital(i) {
			continue
		}
		if who = x.fitting(who, i, n); len(who) > 0 {
			return who, n
		}
	}
	return nil, 0
}

// listed says that the words stand in a list with a name that was found.
func (x *phrase) listed(i, n int) bool {
	parted := func(k int) bool { return strings.ContainsAny(x.all[k].gap, ",&+/") }
	before := i > 0 && (x.used[i-1] && parted(i) || i > 1 && conjunctions[x.all[i-1].word] && x.used[i-2])
	end := i + n
	after := end < len(x.all) && (x.used[end] && parted(end) || end+1 < len(x.all) && conjunctions[x.all[end].word] && x.used[end+1])
	return before || after
}

// oneName says that nothing stands between the words that would part two names.
func (x *phrase) oneName(i, n int) bool {
	return !slices.ContainsFunc(x.all[i+1:i+n], func(t token) bool { return t.sign || strings.ContainsAny(t.gap, "/&+|;:()[]<>") })
}

// apart says that the words are no part of a longer one, such as Ann of
// Ann-Marie.
func (x *phrase) apart(i, n int) bool {
	hyphen := func(k int) bool { return x.all[k].gap == "-" || x.all[k].gap == "\u2010" || x.all[k].gap == "\u2011" }
	return (i == 0 || !hyphen(i) || x.meet[i-1]) && (i+n == len(x.all) || !hyphen(i+n) || x.meet[i+n])
}

// capital says that token i is written as names are. Who begins a title with a
// small letter may write all of it so.
func (x *phrase) capital(i int) bool {
	r, _ := utf8.DecodeRuneInString(x.all[i].word)
	return x.all[i].upper || !x.all[0].upper || !unicode.IsLower(r)
}

func (x *phrase) beside(i, n int) bool { return i > 0 && x.meet[i-1] || x.meet[i+n] }

// fitting leaves out the bearers of a first name whom the words around it rule
// out: Susan Hall is not "Susan Miller", and Ann is not "Mary Ann".
func (x *phrase) fitting(who []int64, i, n int) []int64 {
	if i > 0 && !x.meet[i-1] && x.all[i-1].upper && blank(x.all[i].gap) && len(x.first[x.all[i-1].word]) > 0 {
		return nil
	}
	if i+n == len(x.all) || x.meet[i+n] || !x.all[i+n].upper || !blank(x.all[i+n].gap) {
		return who
	}
	next := x.all[i+n].word
	return slices.DeleteFunc(slices.Clone(who), func(id int64) bool {
		return !slices.ContainsFunc(x.parts[id], func(part string) bool {
			return part == next || utf8.RuneCountInString(next) == 1 && strings.HasPrefix(part, next)
		})
	})
}

func blank(gap string) bool { return strings.TrimSpace(gap) == "" }
