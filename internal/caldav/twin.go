package caldav

import (
	"encoding/base64"
	"html"
	"net/url"
	"regexp"
	"strings"

	"syncd/internal/ical"
)

// description is what an event says: its DESCRIPTION, and after it the lines that
// only a twin in HTML has. Outlook and Exchange keep one in X-ALT-DESC,
// Thunderbird in ALTREP (RFC 5545 section 3.2.1), and what a person wrote may
// stand there alone.
func description(m ical.Event) string {
	said := m.Description
	for _, twin := range twins(m) {
		said = withTwin(said, twin)
	}
	return said
}

// twins are the descriptions of an event in HTML, as text.
func twins(m ical.Event) (all []string) {
	if p := m.Raw.Prop("X-ALT-DESC"); p != nil {
		all = append(all, fromHTML(m.Raw.Text("X-ALT-DESC")))
	}
	if p := m.Raw.Prop("DESCRIPTION"); p != nil {
		if text, ok := dataURL(p.Param("ALTREP")); ok {
			all = append(all, fromHTML(text))
		}
	}
	return all
}

// broken is how long a line is that programs may break anew in HTML.
const broken = 40

// withTwin adds the lines of the twin that a description does not have. A long one
// may stand there across several.
func withTwin(said, twin string) string {
	there := map[string]bool{}
	for line := range strings.SplitSeq(Normal(said), "\n") {
		there[LineKey(line)] = true
	}
	flat := LineKey(strings.ReplaceAll(Normal(said), "\n", " "))
	for line := range strings.SplitSeq(twin, "\n") {
		if k := LineKey(line); k != "" && !there[k] && (len(k) < broken || !strings.Contains(flat, k)) {
			there[k] = true
			said = strings.TrimRight(said, "\r\n") + "\n" + strings.TrimSpace(line)
		}
	}
	return said
}

// dataURL is the HTML in a data: URL (RFC 2397).
func dataURL(s string) (text string, ok bool) {
	head, body, ok := strings.Cut(s, ",")
	head = strings.ToLower(strings.TrimSpace(head))
	if !ok || !strings.HasPrefix(head, "data:text/html") {
		return "", false
	}
	if strings.HasSuffix(head, ";base64") {
		data, err := base64.StdEncoding.DecodeString(body)
		return string(data), err == nil
	}
	if plain, err := url.PathUnescape(body); err == nil {
		body = plain
	}
	return body, true
}

// What of an HTML document is no text.
var (
	noText = regexp.MustCompile(`(?is)<!--.*?-->|<!doctype[^>]*>|<\?xml[^>]*>|<head[\s>].*?</head\s*>|<style[\s>].*?</style\s*>|<script[\s>].*?</script\s*>|<title[\s>].*?</title\s*>`)
	anyTag = regexp.MustCompile(`</?[a-zA-Z][a-zA-Z0-9:-]*(\s[^<>]*)?/?>`)
)

var (
	link = regexp.MustCompile(`(?is)<a(?:\s[^<>]*?)?\shref\s*=\s*("[^"<>]*"|'[^'<>]*'|[^\s"'<>]+)[^<>]*>(.*?)</a\s*>`)
	// What a person is shown by a link that programs make of an address.
	shown = regexp.MustCompile(`(?i)^(\S+:/*\S+|www\.\S+|\S+@\S+|)$`)
	leads = regexp.MustCompile(`(?i)^(https?|mailto|tel|mid|message):`)
)

// withLinks puts where a link of HTML leads after what it shows, unless it shows
// that itself.
func withLinks(s string) string {
	return link.ReplaceAllStringFunc(s, func(whole string) string {
		m := link.FindStringSubmatch(whole)
		to, text := html.UnescapeString(strings.Trim(m[1], `"'`)), LineKey(anyTag.ReplaceAllString(m[2], ""))
		if !leads.MatchString(to) || shown.MatchString(text) {
			return m[2]
		}
		return m[2] + " &lt;" + html.EscapeString(strings.Join(strings.Fields(to), "")) + "&gt;"
	})
}

// fromHTML is HTML as plain text, in the form of Normal.
func fromHTML(s string) string {
	s = noText.ReplaceAllString(lineEnds.Replace(s), " ")
	s = strings.Join(strings.Fields(s), " ") // in HTML a line end is a space
	s = breakTag.ReplaceAllString(withLinks(s), "\n")
	s = anyTag.ReplaceAllString(s, "")
	lines := strings.Split(html.UnescapeString(s), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return Normal(strings.Join(lines, "\n"))
}

// codeLine is the last line of what syncd writes: the code of the entry.
var codeLine = regexp.MustCompile(`(?m)^[> \t]*Code: ([a-z2-9]{6})\b`)

// copyOf says of which entry of syncd's an event is a copy: programs that copy or
// move one give it another UID, and keep X-SYNCD or at least the text.
func copyOf(m ical.Event) string {
	switch of := strings.TrimSpace(m.Raw.Text(ical.MarkerName)); {
	case of == m.UID && of != "":
		return ""
	case strings.HasPrefix(of, ownUID):
		return of
	case strings.HasPrefix(m.UID, ownUID) || !marked(m.Description):
		return ""
	}
	if code := codeLine.FindStringSubmatch(Normal(m.Description)); code != nil {
		return code[1]
	}
	return ""
}
