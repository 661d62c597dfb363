package mail

import (
	_ "embed" // invite.txt
	"regexp"
	"strings"
	"sync"
)

//go:embed invite.txt
var inviteText string

// inviteWords are in lower case, whatever their language.
var inviteWords = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, p := range phrases(inviteText) {
		all[p] = true
	}
	return all
})

var (
	// inviteWord is what may be one of them: the subject up to its colon.
	inviteWord = regexp.MustCompile(`^([^:：]{2,60}?)\s*[:：]\s*`)
	// googleTime is what Google puts behind the title: "Title @ Tue May 12, 2026
	// 10am - 11am (CEST) (bob@example.com)". A year, two times or the address
	// tells it from "Dinner @ 8pm".
	googleTime = regexp.MustCompile(`(?i)^(.*\S)\s+@\s(?:.*\b(?:19|20)\d\d\b.*|.*\d(?:[ap]m)?\s?[-–]\s?\d.*|.*\([^()\s]+@[^()\s]+\))$`)
	// notesTime is what Notes puts there: "Title (May 12 10:00 AM CEDT in Room 3)".
	notesTime = regexp.MustCompile(`^(.*\S)\s+\([^()]*\d{1,2}:\d\d[^()]*\)$`)
)

// maxInviteWords bounds "Accepted: Updated invitation: Title".
const maxInviteWords = 3

// invite gives the title of the meeting that the subject of calendar mail
// names, "" if it names none. A person's "Re: Invitation: Title" names none.
func invite(subject string) string {
	title := subject
	for range maxInviteWords {
		m := inviteWord.FindStringSubmatch(title)
		if m == nil || !inviteWords()[strings.ToLower(m[1])] {
			break
		}
		title = title[len(m[0]):]
	}
	if title == subject {
		return ""
	}
	for _, re := range []*regexp.Regexp{googleTime, notesTime} {
		if m := re.FindStringSubmatch(title); m != nil {
			title = m[1]
		}
	}
	return strings.TrimSpace(title)
}
