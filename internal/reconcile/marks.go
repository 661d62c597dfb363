package reconcile

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
)

// tick is the mark that syncd itself sets in front of a title.
const tick = "✓"

// The words of a language. A second language is a second pair of files.
var (
	//go:embed words/done-en.txt
	englishDone string
	//go:embed words/mute-en.txt
	englishMute string

	marks = words(englishDone) // of completion
	mutes = words(englishMute)
)

// words reads a data file: one word per line, # begins a comment.
func words(file string) []string {
	var all []string
	for line := range strings.Lines(file) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, strings.ToLower(line))
		}
	}
	return all
}

// ends says at which ends a title bears a mark of completion, and what is left
// of it without them.
type ends struct {
	front, back bool
	rest        string
}

func markedEnds(title string) ends {
	m := ends{rest: strings.TrimSpace(title)}
	for _, mark := range marks {
		if !m.front {
			if rest, ok := cutMark(m.rest, mark, true); ok {
				m.front, m.rest = true, rest
			}
		}
		if !m.back {
			if rest, ok := cutMark(m.rest, mark, false); ok {
				m.back, m.rest = true, rest
			}
		}
	}
	return m
}

// plainlyDone takes off a title what can be no word of it, and says whether there
// was any: symbols, and a word with punctuation behind it at the front ("done:
// …"). "Get the review done" and "Call Malcolm X" are titles.
func plainlyDone(title string) (rest string, done bool) {
	rest = strings.TrimSpace(title)
	for _, mark := range marks {
		first, n := utf8.DecodeRuneInString(mark)
		for _, front := range []bool{true, false} {
			cut, ok := cutMark(rest, mark, front)
			if ok && (!unicode.IsLetter(first) || front && n < len(mark) && punctuated(string([]rune(rest)[utf8.RuneCountInString(mark):]))) {
				rest, done = cut, true
			}
		}
	}
	return rest, done
}

// punctuated reports whether a text begins with punctuation that stands apart.
func punctuated(text string) bool {
	text = strings.TrimLeftFunc(text, unicode.IsSpace)
	rest := strings.TrimLeft(text, ":,;-–—")
	return rest != text && (rest == "" || unicode.IsSpace([]rune(rest)[0]))
}

// cutMark takes a mark off one end of a title. Beside a letter there must be
// something that is no letter or digit: "doner" is not done. A single letter
// wants a space: "x-ray" is not done either.
func cutMark(title, mark string, front bool) (string, bool) {
	if utf8.RuneCountInString(title) < utf8.RuneCountInString(mark) {
		return title, false
	}
	r := []rune(title)
	n := utf8.RuneCountInString(mark)
	head, rest := r[:n], r[n:]
	if !front {
		head, rest = r[len(r)-n:], r[:len(r)-n]
	}
	if strings.ToLower(string(head)) != mark {
		return title, false
	}
	if first, _ := utf8.DecodeRuneInString(mark); unicode.IsLetter(first) && len(rest) > 0 {
		next := rest[0]
		if !front {
			next = rest[len(rest)-1]
		}
		if n == 1 && !unicode.IsSpace(next) || unicode.IsLetter(next) || unicode.IsDigit(next) {
			return title, false
		}
	}
	return strings.TrimFunc(string(rest), func(c rune) bool {
		return unicode.IsSpace(c) || strings.ContainsRune(":,;-–—", c)
	}), true
}

// nowDone reports whether title says that it is done where was did not. A mark
// that our own title happens to end with says nothing.
func nowDone(title, was string) bool {
	now, before := markedEnds(title), markedEnds(was)
	if now.front && !before.front || now.back && !before.back {
		return true
	}
	return (now.front || now.back) && sameTitle(now.rest, was)
}

func sameTitle(a, b string) bool {
	return caldav.Differ(ledger.Shape{Summary: a}, ledger.Shape{Summary: b})&ledger.FieldSummary == 0
}

// reading is what the marks on an entry say.
type reading struct {
	done bool
	mute bool
	bare string // the title without them
}

// read reads the marks on an entry beside those of our own titles.
func read(p ledger.Placement, s ledger.Shape) reading {
	ours := ourTitles(p)
	title := oneLine(s.Summary)
	if r, ok := readMute(ours, title); ok {
		r.done = r.done || cancelled(s)
		return r
	}
	r := reading{bare: title}
	if !slices.ContainsFunc(ours, func(o string) bool { return !nowDone(title, o) }) {
		r.done, r.bare = true, markedEnds(title).rest
	}
	r.done = r.done || cancelled(s)
	return r
}

// readMute reads a word of quiet before a title of ours, on either side of a mark
// of completion: what is finished may ask for quiet as well.
func readMute(ours []string, title string) (r reading, ok bool) {
	unmarked := markedEnds(title).rest
	for _, word := range mutes {
		for _, t := range []string{title, unmarked} {
			rest, ok := cutMark(t, word, true)
			if !ok {
				continue
			}
			for _, bare := range []string{rest, markedEnds(rest).rest} {
				if slices.ContainsFunc(ours, func(o string) bool { return sameTitle(bare, o) }) {
					return reading{mute: true, done: t != title || bare != rest, bare: bare}, true
				}
			}
		}
	}
	return reading{}, false
}

// ourTitles are the titles that syncd wrote and the entry may bear.
func ourTitles(p ledger.Placement) []string {
	ours := []string{unticked(p.Wrote.Summary)}
	if p.State == ledger.Rewriting && p.Open() && p.Theirs&ledger.FieldSummary == 0 {
		ours = append(ours, p.Seen.Summary)
	}
	return ours
}

func unticked(title string) string { return strings.TrimPrefix(title, tick+" ") }

// bearsMark reports whether a title is marked as done already.
func bearsMark(title string) bool {
	m := markedEnds(title)
	return m.front || m.back
}
