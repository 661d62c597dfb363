package planner

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Lengths in characters of what goes into titles and descriptions.
const (
	titleLength   = 60
	textLength    = 1500
	nameLength    = 40
	shortLength   = 28 // of a name in a title
	subjectLength = 80
	linkLength    = 250
	mindLength    = 200
)

// clean makes one short line of text that came from outside: no control or
// direction characters, no line breaks, at most n characters.
func clean(s string, n int) string {
	if len(s) > 16*n {
		s = s[:16*n] // nobody needs the rest, however long a header is
	}
	var b strings.Builder
	space := false
	for _, r := range strings.ToValidUTF8(s, "") {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = b.Len() > 0
			continue
		case unicode.Is(unicode.Cf, r) && r != '\u200c' && r != '\u200d', unicode.Is(unicode.Co, r):
			continue
		}
		if space {
			b.WriteByte(' ')
			space = false
		}
		b.WriteRune(r)
	}
	return cut(b.String(), n)
}

// cut shortens s to n characters, the last of them an ellipsis.
func cut(s string, n int) string {
	if utf8.RuneCountInString(s) <= n {
		return s
	}
	r := []rune(s)
	return strings.TrimRight(string(r[:n-1]), " ,;:.-–—") + "…"
}

// small are words that say nothing at the end of what was cut.
var small = []string{"a", "an", "and", "at", "by", "for", "from", "in", "my", "of", "on", "or", "the", "their", "to", "with", "your"}

// cutWord shortens s as cut does, but not within a word, nor behind a small one.
func cutWord(s string, n int) string {
	short := cut(s, n)
	if short == s {
		return s
	}
	whole, _, _ := strings.Cut(short, "…")
	if end := strings.LastIndexByte(whole, ' '); end > 0 && !strings.ContainsAny(s[len(whole):len(whole)+1], " ,;:.!?)") {
		whole = whole[:end]
	}
	for end := strings.LastIndexByte(whole, ' '); end > 0 && slices.Contains(small, whole[end+1:]); end = strings.LastIndexByte(whole, ' ') {
		whole = whole[:end]
	}
	return strings.TrimRight(whole, " ,;:.-–—") + "…"
}

// noSubjects are what mail programs write where there is no subject, without
// the brackets around it.
var noSubjects = []string{"no subject", "none", "kein betreff", "sans objet", "sin asunto", "senza oggetto", "geen onderwerp"}

// topic is a subject without the marks of answers and forwards, "" where a
// program says that there is none.
func topic(s string, n int) string {
	s = clean(s, 2*n)
	for {
		head, rest, ok := strings.Cut(s, ":")
		switch strings.ToLower(strings.TrimSpace(head)) {
		case "re", "fw", "fwd", "aw", "wg", "sv", "vs", "tr", "rv", "antw":
		default:
			ok = false
		}
		if !ok {
			if bare := strings.Trim(s, "<>()[]"); bare != s && slices.Contains(noSubjects, strings.ToLower(bare)) {
				return ""
			}
			return cut(s, n)
		}
		s = strings.TrimSpace(rest)
	}
}

// initials stand for a name where others can read the calendar.
func initials(name string) string {
	var b strings.Builder
	for i, w := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
		r, _ := utf8.DecodeRuneInString(w)
		if i < 3 {
			b.WriteRune(unicode.ToUpper(r))
			b.WriteByte('.')
		}
	}
	return b.String()
}

// date writes a civil date, with the year where it is another than reference's.
// The present has no part in it: a text does not change by itself.
func (p *pass) date(t, reference time.Time) string {
	t, reference = t.In(p.policy.Zone), reference.In(p.policy.Zone)
	if t.Year() == reference.Year() {
		return t.Format("2 January")
	}
	return t.Format("2 January 2006")
}

// count writes a number with its noun: "3 events", "1 event".
func count(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return strconv.Itoa(n) + " " + noun
}
