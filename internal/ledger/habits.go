package ledger

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// minHabit is how many messages make a habit.
const minHabit = 5

// mechanical reports whether a sender to whom I never wrote writes as programs
// do: often, never in answer to anything, and under two names that have no word
// in common (a gateway), or nearly always with a subject of one shape.
func mechanical(items []item) bool {
	names, shapes := map[string]bool{}, map[string]int{}
	n := 0
	for _, it := range items {
		if it.kind != KindMail || it.direction != In || it.role != RoleFrom {
			continue
		}
		if !it.opens {
			return false
		}
		n++
		names[nameKey(personal(it.name))] = true
		if s := shape(it.evidence.Subject); s != "" {
			shapes[s]++
		}
	}
	if n < minHabit {
		return false
	}
	delete(names, "")
	if strangers(names) {
		return true
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(shapes)), func(same int) bool { return same*10 >= n*9 })
}

// strangers reports whether two of the names have no word in common.
func strangers(names map[string]bool) bool {
	all := slices.Collect(maps.Keys(names))
	for i, a := range all {
		for _, b := range all[i+1:] {
			if !slices.ContainsFunc(strings.Fields(a), func(w string) bool { return slices.Contains(strings.Fields(b), w) }) {
				return true
			}
		}
	}
	return false
}

// shape is a subject without what differs from one notice to the next: the
// words that hold a digit. It is empty where it says too little to compare.
func shape(subject string) string {
	kept := slices.DeleteFunc(strings.Fields(strings.ToLower(subject)), func(w string) bool {
		return strings.ContainsFunc(w, unicode.IsDigit)
	})
	if len(kept) < 2 {
		return ""
	}
	return strings.Join(kept, " ")
}
