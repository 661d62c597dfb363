package planner

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
)

// Words of subjects and promises that decide whether anything is written of them. A
// second language is a second file.
var (
	//go:embed words-en.txt
	englishWords string

	grave, coarse      = section(englishWords, "grave"), section(englishWords, "coarse")
	invitation, unseen = section(englishWords, "invitation"), section(englishWords, "unseen")
)

const (
	graveReason  = "the last word was about something that a friendly line does not follow"
	coarseReason = "its subject is nothing for a calendar"
)

// section reads one of a data file: an entry per line, # begins a comment. An entry is
// between spaces.
func section(file, name string) (all []string) {
	var now string
	for line := range strings.Lines(file) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			now = strings.Trim(line, "[]")
		case now == name:
			all = append(all, " "+line+" ")
		}
	}
	return all
}

// holds reports whether a subject has one of the entries in it, as words.
func holds(subject string, entries []string) bool {
	words := strings.FieldsFunc(strings.ToLower(subject), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	all := " " + strings.Join(words, " ") + " "
	return slices.ContainsFunc(entries, func(e string) bool { return strings.Contains(all, e) })
}

// begins reports whether a text begins with one of the entries, and then.
func begins(text string, entries []string, then string) bool {
	text = " " + strings.ToLower(strings.TrimSpace(text))
	return slices.ContainsFunc(entries, func(e string) bool { return strings.HasPrefix(text+" ", strings.TrimSuffix(e, " ")+then) })
}

// unfriendly is why no friendly line follows a subject, "" if one may.
func unfriendly(subject string) string {
	if holds(subject, grave) {
		return graveReason
	}
	return unfit(subject)
}

// unfit is why nothing at all is written about a subject, "" if something may be.
func unfit(subject string) string {
	if holds(subject, coarse) {
		return coarseReason
	}
	return ""
}
