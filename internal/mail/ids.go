package mail

import (
	"slices"
	"strings"
)

// nextID finds the first message id in s as it occurs, which is more than RFC
// 5322 section 3.6.4 allows: angles without white space or another one in them.
func nextID(s string) (id, rest string, ok bool) {
	open := -1
	for i := range len(s) {
		switch s[i] {
		case '<':
			open = i
		case ' ', '\t', '\n', '\f', '\r':
			open = -1
		case '>':
			if open >= 0 && i > open+1 {
				return s[open+1 : i], s[i+1:], true
			}
			open = -1
		}
	}
	return "", "", false
}

// maxID bounds a message id; RFC 5322 section 2.1.1 bounds its line.
const maxID = 998

// messageIDs finds the ids in the values of a field, each once. Where none has
// its angle brackets, words with an @ are taken.
func messageIDs(values []string) []string {
	var ids []string
	for _, v := range values {
		for id, rest, ok := nextID(v); ok; id, rest, ok = nextID(rest) {
			ids = append(ids, id)
		}
	}
	if ids == nil {
		for _, v := range values {
			for _, w := range strings.FieldsFunc(v, func(r rune) bool { return strings.ContainsRune("<> \t,;\"()", r) }) {
				if strings.Contains(w, "@") {
					ids = append(ids, w)
				}
			}
		}
	}
	seen := map[string]bool{}
	return slices.DeleteFunc(ids, func(id string) bool {
		again := seen[id] || len(id) > maxID
		seen[id] = true
		return again
	})
}

func firstID(ids []string) string {
	if len(ids) == 0 {
		return ""
	}
	return ids[0]
}

// ownID reads Message-ID, where even a value without any sign of an id serves
// to recognise the message.
func ownID(values []string) string {
	for _, v := range values {
		if id, _, ok := nextID(v); ok && len(id)+len("<>") <= maxID {
			return id
		}
	}
	for _, v := range values {
		if v = clean(strings.Trim(v, "<> \t"), maxID); v != "" {
			return v
		}
	}
	return ""
}

// references reads References and bounds it: the first id names the thread,
// the last ones the messages answered.
func references(values []string) []string {
	ids := messageIDs(values)
	if len(ids) > maxReferences {
		ids = slices.Concat(ids[:1], ids[len(ids)-maxReferences+1:])
	}
	return ids
}
