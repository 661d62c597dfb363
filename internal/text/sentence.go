package text

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxSentences and maxSentence bound what rules look at; a longer sentence is cut.
const (
	maxSentences = 400
	maxSentence  = 800 // bytes
)

var bullet = regexp.MustCompile(`^\s*([-*•–·]|\(?\d{1,2}[.)]|\(?[a-zA-Z][.)])\s+`)

// sentences parts a paragraph. Lines of a list, and lines too short to be broken by a
// mail program, stand alone; abbreviations end nothing.
func (l *language) sentences(paragraph string) []string {
	var found []string
	for _, block := range blocks(paragraph) {
		start := 0
		for i := 0; i < len(block); i++ {
			if !strings.ContainsRune(".!?", rune(block[i])) {
				continue
			}
			end := i + 1
			for end < len(block) && strings.ContainsRune(".!?)\"'", rune(block[end])) {
				end++
			}
			if end < len(block) && l.ends(block, i, end) {
				found = appendSentence(found, block[start:end])
				start = end
			}
			i = end - 1
		}
		found = appendSentence(found, block[start:])
	}
	return found
}

func appendSentence(found []string, s string) []string {
	s = strings.TrimSpace(s)
	if s == "" || len(found) >= maxSentences {
		return found
	}
	for len(s) > maxSentence || !utf8.ValidString(s) {
		s = s[:min(len(s)-1, maxSentence)]
	}
	return append(found, s)
}

// ends says whether the mark at i, of a group that ends before end, ends a sentence.
func (l *language) ends(block string, i, end int) bool {
	if block[end] != ' ' {
		return false
	}
	next, _ := utf8.DecodeRuneInString(strings.TrimLeft(block[end:], " \"'("))
	if block[i] != '.' {
		return true
	}
	word := block[strings.LastIndexAny(block[:i], " (\"")+1 : i]
	if l.abbreviation[strings.ToLower(strings.TrimSuffix(word, "."))] || strings.Contains(word, ".") && len(word) < 6 {
		return false
	}
	if first, size := utf8.DecodeRuneInString(word); size == len(word) && unicode.IsUpper(first) && first != 'I' {
		return false // an initial
	}
	return !unicode.IsPunct(next)
}

// blocks undoes line breaks of mail programs.
func blocks(paragraph string) []string {
	var found []string
	for line := range strings.SplitSeq(paragraph, "\n") {
		mark := bullet.FindString(line)
		bare := strings.Join(strings.Fields(line[len(mark):]), " ")
		if bare == "" {
			continue
		}
		last := len(found) - 1
		if last < 0 || mark != "" || !continued(found[last], bare) {
			found = append(found, bare)
			continue
		}
		found[last] += " " + bare
	}
	return found
}

// continued says whether a line goes on with the next. block is what stands so far.
func continued(block, next string) bool {
	if strings.HasSuffix(block, ":") {
		return false
	}
	first, _ := utf8.DecodeRuneInString(next)
	return len(block) >= 45 || unicode.IsLower(first) && !strings.HasSuffix(block, ",")
}
