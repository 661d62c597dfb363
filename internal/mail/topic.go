package mail

import (
	_ "embed" // subject.txt
	"regexp"
	"strings"
	"sync"
)

//go:embed subject.txt
var subjectText string

// subjectMarks are in lower case, and true for those of an answer.
var subjectMarks = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(subjectText) {
		kind, list, ok := strings.Cut(strings.TrimSpace(line), ": ")
		if !ok || strings.HasPrefix(kind, "#") {
			continue
		}
		for m := range strings.SplitSeq(list, ", ") {
			all[m] = strings.HasSuffix(kind, " reply")
		}
	}
	return all
})

// subjectMark is what may be one of them, with the count that some programs keep:
// "Re[2]:", "RE :".
var subjectMark = regexp.MustCompile(`^([\pL\pM]{1,8})\s*(?:\[\d+\]|\(\d+\)|\*\d+)?\s*[:：]\s*`)

// Topic gives a subject without the marks of answers and of forwarding that mail
// programs put before it, and "(fwd)" behind; and whether one of them was that
// of an answer.
func Topic(subject string) (topic string, reply bool) {
	topic = strings.TrimSpace(subject)
	for {
		if n := len(topic) - len("(fwd)"); n >= 0 && strings.EqualFold(topic[n:], "(fwd)") {
			topic = strings.TrimSpace(topic[:n])
		}
		m := subjectMark.FindStringSubmatch(topic)
		if m == nil {
			return topic, reply
		}
		answer, known := subjectMarks()[strings.ToLower(m[1])]
		if !known {
			return topic, reply
		}
		topic, reply = topic[len(m[0]):], reply || answer
	}
}
