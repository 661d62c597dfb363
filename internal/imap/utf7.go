package imap

import (
	"encoding/base64"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// displayName decodes the modified UTF-7 of a mailbox name (RFC 3501 section
// 5.1.3). What does not decode is shown as it is: servers send raw UTF-8,
// Latin-1 and a bare "&" as well.
func displayName(raw string) string {
	if !utf8.ValidString(raw) {
		return strings.ToValidUTF8(raw, "\ufffd")
	}
	name, ok := decodeUTF7(raw)
	if !ok {
		name = raw
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
}

func decodeUTF7(raw string) (name string, ok bool) {
	var out strings.Builder
	for rest := raw; ; {
		plain, after, found := strings.Cut(rest, "&")
		out.WriteString(plain)
		if !found {
			return out.String(), true
		}
		encoded, next, found := strings.Cut(after, "-")
		if !found {
			return "", false
		}
		if encoded == "" {
			out.WriteByte('&')
		} else {
			b, err := base64.RawStdEncoding.DecodeString(strings.ReplaceAll(encoded, ",", "/"))
			if err != nil || len(b)%2 != 0 {
				return "", false
			}
			units := make([]uint16, 0, len(b)/2)
			for i := 0; i < len(b); i += 2 {
				units = append(units, uint16(b[i])<<8|uint16(b[i+1]))
			}
			out.WriteString(string(utf16.Decode(units)))
		}
		rest = next
	}
}
