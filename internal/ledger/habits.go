package ledger

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// minHabit is how many messages make a habit, and maxNames how many names of a
// sender, the latest, are compared with each other.
const (
	minHabit = 5
	maxNames = 50
)

// mechanical reports whether a sender to whom I never wrote writes as programs
// do: often, never in answer to anything, and under two names that have no word
// in common (a gateway), or nearly always with a subject of one shape.
func mechanical(items []item) bool {
	var names []string
	shapes := map[string]int{}
	n := 0
	for _, it := range items {
		if it.kind != KindMail || it.direction != In || it.role != RoleFrom {
			continue
		}
		if !it.opens {
			return false
		}
		n++
		names = append(names, nameKey(personal(it.name)))
		if s := shape(it.evidence.Subject); s != "" {
			shapes[s]++
		}
	}
	if n < minHabit {
		return false
	}
	if strangers(names) {
		return true
	}
	return slices.ContainsFunc(slices.Collect(maps.Values(shapes)), func(same int) bool { return same*10 >= n*9 })
}

// strangers reports whether two of the names, the oldest first, have no word in
// common. An empty name is none.
func strangers(names []string) bool {
	known := map[string]bool{"": true}
	var all [][]string
	for _, name := range slices.Backward(names) {
		if known[name] {
			continue
		}
		known[name] = true
		w := strings.Fields(name)
		if slices.ContainsFunc(all, func(o []string) bool { return !overlap(w, o) }) {
			return true
		}
		if all = append(all, w); len(all) == maxNames {
			break
		}
	}
	return false
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(w string) bool { return slices.Contains(b, w) })
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
