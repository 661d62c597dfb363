package caldav

import (
	"html"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"syncd/internal/ical"
	"syncd/internal/ledger"
)

// Marker is the line in a description below which syncd writes nothing of its
// own: what stands there is the user's. An event that bears it is syncd's, or a
// copy of one.
const Marker = "--- syncd: your notes below this line stay ---"

// markerStart is the part of Marker that must survive for it to count.
const markerStart = "--- syncd:"

// SplitNotes divides a description at the marker, or where there is none at the
// first line that begins like it. Both parts are normalised; marked says whether
// there was one.
func SplitNotes(description string) (ours, notes string, marked bool) {
	lines := strings.Split(Normal(description), "\n")
	i := slices.IndexFunc(lines, func(line string) bool { return strings.TrimSpace(line) == Marker })
	if i < 0 {
		i = slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(strings.TrimSpace(line), markerStart) })
	}
	if i < 0 {
		return strings.Join(lines, "\n"), "", false
	}
	return strings.TrimSpace(strings.Join(lines[:i], "\n")), strings.TrimSpace(strings.Join(lines[i+1:], "\n")), true
}

// Same reports whether two shapes say the same to the user: servers and
// programs rewrite line ends, spaces and mark-up on their own. Alarms are left
// out, since a program may change them without the user (SPEC section 8.1).
func Same(a, b ledger.Shape) bool { return Differ(a, b) == 0 && status(a) == status(b) }

// Differ returns the fields in which two shapes differ by meaning.
func Differ(a, b ledger.Shape) ledger.Field {
	var f ledger.Field
	if !sameTime(a, b) {
		f |= ledger.FieldTime
	}
	if oneLine(meaning(a.Summary)) != oneLine(meaning(b.Summary)) {
		f |= ledger.FieldSummary
	}
	if meaning(a.Description) != meaning(b.Description) {
		f |= ledger.FieldDescription
	}
	return f
}

func sameTime(a, b ledger.Shape) bool {
	if a.AllDay != b.AllDay {
		return false
	}
	if a.AllDay { // a DATE has no zone
		return a.Start.Format(time.DateOnly) == b.Start.Format(time.DateOnly) &&
			a.End.Format(time.DateOnly) == b.End.Format(time.DateOnly)
	}
	return a.Start.Truncate(time.Second).Equal(b.Start.Truncate(time.Second)) &&
		a.End.Truncate(time.Second).Equal(b.End.Truncate(time.Second))
}

// status is STATUS in upper case; an event without one is confirmed.
func status(s ledger.Shape) string {
	if s.Status == "" {
		return "CONFIRMED"
	}
	return strings.ToUpper(s.Status)
}

// meaning is a text for comparison, without what ical does not write. Google
// turns & into &amp; even where it adds no tags; Xandikos turns a backslash
// before an n into a line end.
func meaning(s string) string {
	return norm.NFC.String(html.UnescapeString(Normal(brokenEscape.Replace(ical.Clean(s)))))
}

// LineKey is a line as far as its meaning goes; "" for an empty one.
func LineKey(line string) string { return oneLine(norm.NFC.String(html.UnescapeString(line))) }

func oneLine(s string) string {
	return strings.Join(strings.Fields(invisible.Replace(s)), " ")
}

var (
	// The tags that calendar programs write. Anything else between angle
	// brackets is text: an address, a Message-ID.
	breakTag = regexp.MustCompile(`(?i)</?(br|p|div|li|tr|h[1-6]|ul|ol|table|blockquote|hr)(\s[^<>]*)?/?\s*>`)
	otherTag = regexp.MustCompile(`(?i)</?(html-blob|html|head|body|meta|span|a|b|i|u|s|o:p|em|strong|font|td|th|tbody|thead|pre|code|small|sub|sup|img|wbr)(\s[^<>]*)?/?\s*>`)

	invisible    = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u200b", "", "\ufeff", "", "\u2060", "")
	lineEnds     = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u2028", "\n", "\u2029", "\n\n")
	brokenEscape = strings.NewReplacer(`\n`, "\n", `\N`, "\n")
	blanks       = regexp.MustCompile(`\n{3,}`)
)

// Normal returns a description as plain text: without HTML, with line feeds for
// line ends, plain spaces, no white space at the ends of lines, and at most one
// empty line in a row.
func Normal(description string) string {
	s := noText.ReplaceAllString(lineEnds.Replace(description), " ")
	if breakTag.MatchString(s) || otherTag.MatchString(s) {
		if !strings.Contains(s, "\n") || strings.Contains(strings.ToLower(s), "<html") {
			// In HTML a line end is a space.
			s = strings.ReplaceAll(s, "\n", " ")
		}
		s = breakTag.ReplaceAllString(withLinks(s), "\n")
		s = otherTag.ReplaceAllString(s, "")
		s = html.UnescapeString(s)
	}
	lines := strings.Split(invisible.Replace(s), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(line, " \t")
	}
	return strings.Trim(blanks.ReplaceAllString(strings.Join(lines, "\n"), "\n\n"), "\n")
}
