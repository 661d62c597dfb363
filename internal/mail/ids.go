package mail

import (
	"regexp"
	"slices"
	"strings"
)

// msgID is a message id as it occurs, which is more than RFC 5322 section 3.6.4
// allows.
var msgID = regexp.MustCompile(`<[^<>\s]+>`)

// maxID bounds a message id; RFC 5322 section 2.1.1 bounds its line.
const maxID = 998

// messageIDs finds the ids in the values of a field, each once. Where none has
// its angle brackets, words with an @ are taken.
func messageIDs(values []string) []string {
	var ids []string
	for _, v := range values {
		for _, m := range msgID.FindAllString(v, -1) {
			ids = append(ids, m[1:len(m)-1])
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
		if m := msgID.FindString(v); m != "" && len(m) <= maxID {
			return m[1 : len(m)-1]
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
