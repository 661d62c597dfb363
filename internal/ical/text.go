package ical

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// unescape undoes RFC 5545 section 3.3.11 and leaves what is no escape alone:
// raw commas, unknown escapes and a lone backslash at the end stay.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n', 'N':
			b.WriteByte('\n')
		case '\\', ';', ',', ':', '"':
			b.WriteByte(s[i])
		default:
			b.WriteByte('\\')
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// splitList splits a TEXT list at its unescaped commas and unescapes each part.
func splitList(s string) []string {
	var list []string
	start := 0
	for i := 0; i <= len(s); i++ {
		if i < len(s) && s[i] == '\\' {
			i++
			continue
		}
		if i >= len(s) || s[i] == ',' {
			if part := strings.TrimSpace(unescape(s[start:min(i, len(s))])); part != "" {
				list = append(list, part)
			}
			start = i + 1
		}
	}
	return list
}

var escaper = strings.NewReplacer(`\`, `\\`, `;`, `\;`, `,`, `\,`, "\n", `\n`)

// escape writes s as TEXT. It cleans s first, so no line can end inside.
func escape(s string) string { return escaper.Replace(Clean(s)) }

// maxLine bounds what Line returns, in characters.
const maxLine = 500

// Line returns text on one line, as names and titles are kept: clean, blanks
// made one, without characters of no width, at most 500 characters.
func Line(s string) string {
	if enough := 8 * maxLine; len(s) > enough {
		s = strings.ToValidUTF8(s[:enough], "")
	}
	s = strings.Join(strings.Fields(noWidth.Replace(Clean(s))), " ")
	if r := []rune(s); len(r) > maxLine {
		return string(r[:maxLine])
	}
	return s
}

var noWidth = strings.NewReplacer("\u200b", "", "\u2060", "")

// Clean returns s as the writer stores it: valid UTF-8 with line feeds as its
// only line ends, a tab made a space, and without control and bidirectional
// formatting characters, which could forge lines or turn a name around.
func Clean(s string) string {
	if plain(s) {
		return s
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\r', r == '\u2028', r == '\u2029', r == '\v', r == '\f', r == '\u0085':
			return '\n'
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r), r == '\ufeff', r == '\ufffe', r == '\uffff':
			return -1
		}
		return r // an invalid octet arrives as U+FFFD
	}, s)
}

func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] != '\n' && (s[i] < ' ' || s[i] >= 0x7f) {
			return false
		}
	}
	return true
}

// fold appends a content line in pieces of at most 75 octets, never inside a
// character (RFC 5545 section 3.1), each with the given line end.
func fold(dst []byte, line, eol string) []byte {
	limit := 75
	for len(line) > limit {
		cut := limit
		for cut > 1 && !utf8.RuneStart(line[cut]) {
			cut--
		}
		dst = append(dst, line[:cut]...)
		dst = append(dst, eol...)
		dst = append(dst, ' ')
		line, limit = line[cut:], 74
	}
	dst = append(dst, line...)
	return append(dst, eol...)
}
