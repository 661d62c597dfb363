package planner

import (
	_ "embed"
	"slices"
	"strings"
	"unicode"
)

// Subjects that a friendly line does not follow, in the words of a language. A second
// language is a second file.
var (
	//go:embed hush-en.txt
	englishHush string

	grave, coarse = hushed(englishHush, "grave"), hushed(englishHush, "coarse")
)

const (
	graveReason  = "the last word was about something that a friendly line does not follow"
	coarseReason = "its subject is nothing for a calendar"
)

// hushed reads a section of a data file: one entry per line, # begins a comment.
func hushed(file, section string) (all []string) {
	var now string
	for line := range strings.Lines(file) {
		line = strings.TrimSpace(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == '[':
			now = strings.Trim(line, "[]")
		case now == section:
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
