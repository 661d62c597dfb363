package mail

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
)

const (
	maxSubject = 1000 // runes
	maxName    = 200  // runes
)

func init() {
	// Names in use that go-message does not know.
	charset.RegisterEncoding("cp932", japanese.ShiftJIS)
	charset.RegisterEncoding("windows-31j", japanese.ShiftJIS)
	charset.RegisterEncoding("cp850", charmap.CodePage850)
	charset.RegisterEncoding("cp-850", charmap.CodePage850)
	charset.RegisterEncoding("ansi", charmap.Windows1252)
}

// toUTF8 reads bytes of unknown charset: UTF-8 if they are, else Windows-1252,
// which holds Latin-1.
func toUTF8(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	s, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return strings.ToValidUTF8(string(b), "\ufffd")
	}
	return string(s)
}

// word is an encoded word (RFC 2047 section 2), more freely than written
// there: spaces inside the text occur.
var word = regexp.MustCompile(`=\?([^?\s]+)\?([bBqQ])\?([^?\r\n]*)\?=`)

// decodeWords replaces the encoded words of s wherever they stand. Adjacent
// words of one charset are joined before they are decoded, since some programs
// cut a character in two.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	var out strings.Builder
	var run []byte  // bytes of the words not yet written
	var name string // their charset
	flush := func() {
		out.WriteString(decodeCharset(name, run))
		run, name = nil, ""
	}
	at := 0
	for _, m := range word.FindAllStringSubmatchIndex(s, -1) {
		gap, cs := s[at:m[0]], strings.ToLower(s[m[2]:m[3]])
		cs, _, _ = strings.Cut(cs, "*") // RFC 2231 section 5: a language may follow
		// RFC 2047 section 6.2: white space between two words is not shown.
		if at == 0 || strings.TrimSpace(gap) != "" {
			flush()
			out.WriteString(gap)
		} else if cs != name {
			flush()
		}
		run, name = append(run, decodeWord(s[m[4]:m[5]], s[m[6]:m[7]])...), cs
		at = m[1]
	}
	flush()
	out.WriteString(s[at:])
	return out.String()
}

// decodeWord undoes the transfer encoding of one word and keeps what it cannot
// decode.
func decodeWord(encoding, text string) []byte {
	if strings.EqualFold(encoding, "b") {
		text = strings.TrimRight(strings.Join(strings.Fields(text), ""), "=")
		b, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil && len(b) == 0 {
			return []byte(text)
		}
		return b
	}
	b := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '_' {
			c = ' '
		}
		if c == '=' && i+2 < len(text) {
			if d, err := hex.DecodeString(text[i+1 : i+3]); err == nil {
				c = d[0]
				i += 2
			}
		}
		b = append(b, c)
	}
	return b
}

// decodeCharset never fails: an unknown charset is read as toUTF8 does.
func decodeCharset(name string, b []byte) string {
	if len(b) == 0 {
		return ""
	}
	if name == "utf-8" || name == "us-ascii" {
		return toUTF8(b)
	}
	r, err := charset.Reader(name, bytes.NewReader(b))
	if err != nil {
		return toUTF8(b)
	}
	d, err := io.ReadAll(r)
	if err != nil {
		return toUTF8(b)
	}
	return strings.ToValidUTF8(string(d), "\ufffd")
}

// clean puts text that came from mail on one line: control and bidi characters
// are removed, white space is collapsed, the length is cut.
func clean(s string, limit int) string {
	if plain(s) && len(s) <= limit {
		return s
	}
	var b strings.Builder
	n, space := 0, false
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			space = true
			continue
		case unicode.IsControl(r), bidi(r), r == '\ufeff':
			continue
		}
		if n++; n > limit {
			break
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String()
}

// plain reports whether clean has nothing to do but to cut.
func plain(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' || s[i] == ' ' && (i == 0 || i == len(s)-1 || s[i-1] == ' ') {
			return false
		}
	}
	return true
}

// bidi reports the characters that reorder the text around them (UAX #9).
func bidi(r rune) bool {
	return r == '\u061c' || r == '\u200e' || r == '\u200f' || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// replyPrefix is what mail programs put before the subject of an answer or a
// forwarded message, in the languages they speak.
var replyPrefix = regexp.MustCompile(`^(?i:re|r|res|rif|ref|aw|antw|sv|vs|vá|odp|ynt|atb|bls|fwd?|wg|rv|enc|tr|vb|vl|doorst|fs|i̇lt|ilt|pd|回复|回覆|答复|转发|轉寄)\s*(?:\[\d+\]|\(\d+\)|\*\d+)?\s*[:：]\s*`)

// NormalSubject strips Re:, Fwd:, AW:, SV: and their like from the front of a
// subject, and "(fwd)" from its end.
func NormalSubject(s string) string {
	s = strings.TrimSpace(s)
	for {
		t := replyPrefix.ReplaceAllString(s, "")
		if n := len(t) - len("(fwd)"); n >= 0 && strings.EqualFold(t[n:], "(fwd)") {
			t = strings.TrimSpace(t[:n])
		}
		if t == s {
			return s
		}
		s = t
	}
}
