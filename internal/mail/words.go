package mail

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"io"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

const (
	maxSubject = 1000 // runes
	maxName    = 200  // runes
)

func init() {
	// Names in use that go-message does not know.
	for name, e := range map[string]encoding.Encoding{
		"cp932": japanese.ShiftJIS, "windows-31j": japanese.ShiftJIS, "x-sjis-jp": japanese.ShiftJIS,
		"cp936": simplifiedchinese.GBK, "euc-cn": simplifiedchinese.GBK, "hz-gb-2312": simplifiedchinese.HZGB2312,
		"cp949": korean.EUCKR, "ms949": korean.EUCKR, "cp950": traditionalchinese.Big5,
		"cp437": charmap.CodePage437, "ibm437": charmap.CodePage437,
		"cp850": charmap.CodePage850, "cp-850": charmap.CodePage850, "ibm850": charmap.CodePage850,
		"cp858": charmap.CodePage858, "cp1251": charmap.Windows1251, "cp-1251": charmap.Windows1251,
		"cp-1252": charmap.Windows1252, "ansi": charmap.Windows1252,
	} {
		charset.RegisterEncoding(name, e)
	}
}

// toUTF8 reads bytes of unknown charset: UTF-8 if they are, else Windows-1252,
// which holds Latin-1.
func toUTF8(b []byte) string { return unmarked(b, "") }

// unmarked reads bytes that are UTF-8 if they look like it, else in the charset
// that is guessed. A UTF-8 character that was cut in two spoils no other.
func unmarked(b []byte, guess string) string {
	whole, broken := 0, 0
	for rest := b; len(rest) > 0; {
		r, n := utf8.DecodeRune(rest)
		if r == utf8.RuneError && n == 1 {
			broken++
		} else if n > 1 {
			whole++
		}
		rest = rest[n:]
	}
	if whole < broken {
		for _, name := range []string{guess, "windows-1252"} {
			if s, ok := decodeBytes(name, b); ok {
				return s
			}
		}
	}
	return strings.ToValidUTF8(string(b), "\ufffd")
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
	if s, ok := decodeBytes(name, b); ok {
		return s
	}
	return toUTF8(b)
}

// decodeBytes reads b in a charset, if that is known and not one that is read
// with care anyway.
func decodeBytes(name string, b []byte) (string, bool) {
	switch name {
	case "utf-8", "utf8", "us-ascii", "":
		return "", false
	case "utf-7", "unicode-1-1-utf-7":
		return fromUTF7(b), true
	}
	r, err := charset.Reader(name, bytes.NewReader(b))
	if err != nil {
		return "", false
	}
	d, err := io.ReadAll(r)
	// ISO-2022-KR and its like are known by name, and read as this one sign.
	return strings.ToValidUTF8(string(d), "\ufffd"), err == nil && string(d) != "\ufffd"
}

// shifted is a run of UTF-16 in UTF-7 (RFC 2152), in base64 without padding.
var shifted = regexp.MustCompile(`\+([A-Za-z0-9+/]*)-?`)

func fromUTF7(b []byte) string {
	return strings.ToValidUTF8(shifted.ReplaceAllStringFunc(string(b), func(s string) string {
		code := strings.TrimSuffix(s[1:], "-")
		if code == "" {
			return "+"
		}
		d, err := base64.RawStdEncoding.DecodeString(code)
		if err != nil || len(d) < 2 {
			return s
		}
		units := make([]uint16, 0, len(d)/2)
		for i := 0; i+1 < len(d); i += 2 {
			units = append(units, binary.BigEndian.Uint16(d[i:]))
		}
		return string(utf16.Decode(units))
	}), "\ufffd")
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
