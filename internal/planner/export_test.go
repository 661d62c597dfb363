package planner

import (
	"cmp"
	"slices"
	"strings"
)

// AddBusinessDays gives the nth business day after d, whatever day d is.
func (p Policy) AddBusinessDays(d Date, n int) Date {
	from, ok := parseDate(d)
	if !ok {
		return d
	}
	return newCalendar(p.normal()).add(from, n).date()
}

// Saying is what the words of a follow-up speak of.
type Saying = facts

// Clean makes one short line of text that came from outside.
func Clean(s string, n int) string { return clean(s, n) }

// AllWords names every kind of follow-up that there are words for.
func AllWords() []string {
	var all []string
	for _, t := range templates.Templates() {
		if words, ok := strings.CutSuffix(t.Name(), ".title"); ok {
			all = append(all, words)
		}
	}
	slices.Sort(all)
	return all
}

// Write gives the title and the description that words make of facts.
func Write(words string, f Saying, neutral bool) (title, text string) {
	f.Short, f.Neutral = cut(f.Name, shortLength), neutral
	if neutral {
		f.Short = cmp.Or(initials(f.Name), "?")
	}
	f.Lead, f.Why = render(words+".lead", f), nil
	for line := range strings.Lines(render(words+".why", f)) {
		f.Why = append(f.Why, Reason(strings.TrimSpace(line)))
	}
	return f.title(words), f.text()
}
