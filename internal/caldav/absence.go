package caldav

import (
	_ "embed" // absence.txt, nomeetings.txt
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"syncd/internal/ical"
	"syncd/internal/ledger"
)

//go:embed absence.txt
var absenceText string

//go:embed nomeetings.txt
var noMeetingsText string

var (
	saysAbsent    = vocabulary(absenceText)
	saysNoMeeting = vocabulary(noMeetingsText)
)

// vocabulary reads a list of words with a line for each language, and gives a
// function that says whether a text holds one of them.
func vocabulary(list string) func(text string) bool {
	words := sync.OnceValue(func() (all []string) {
		for line := range strings.Lines(list) {
			if _, list, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(line, "#") {
				for word := range strings.SplitSeq(list, ", ") {
					all = append(all, plain(word))
				}
			}
		}
		return all
	})
	return func(text string) bool {
		text = plain(text)
		return slices.ContainsFunc(words(), func(word string) bool { return strings.Contains(text, word) })
	}
}

// absence reads an all-day event that says the user is away (SPEC section 5.4).
// Whether the person in it is the user, the ledger knows. TRANSP says nothing:
// many programs make every all-day event free.
func absence(i ical.Instance, who string, zone *time.Location) ledger.Absence {
	last := i.End.In(time.UTC).AddDate(0, 0, -1) // RFC 5545 section 3.6.1: the end is not part of it
	return ledger.Absence{
		From: i.Start.In(time.UTC).Format(time.DateOnly), To: last.Format(time.DateOnly), Person: who, KnownAt: knownAt(i, zone),
	}
}

// onlyPerson returns the address of the one who organizes or attends an event,
// "" where nobody does. Somebody without an address may be anyone.
func onlyPerson(e *ical.Event, all []ledger.Participant) (who string, alone bool) {
	nameless := func(a ical.Attendee) bool { return ledger.ASCII(a.Address) == "" }
	switch {
	case len(all) > 1, e.Organizer != (ical.Attendee{}) && nameless(e.Organizer), slices.ContainsFunc(e.Attendees, nameless):
		return "", false
	case len(all) == 0:
		return "", true
	case all[0].Thing, all[0].Status == "DECLINED":
		return "", false
	}
	return all[0].Address, true
}

// plain writes text as its words alone, in lower case and without accents, with
// a space before, between and after them.
func plain(s string) string {
	words := strings.FieldsFunc(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(s)), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return " " + strings.Join(words, " ") + " "
}
