package mail

import (
	"bytes"
	"regexp"
	"strings"
	"unicode/utf8"
)

// charsetParameter is the charset that a Content-Type names.
var charsetParameter = regexp.MustCompile(`(?i);\s*charset\s*=\s*"?([^\s";]+)`)

// fields maps a field's name in lower case to its values, unfolded and in
// UTF-8, in the order of the block.
type fields map[string][]string

// first gives the first value that is not empty.
func (f fields) first(name string) string {
	for _, v := range f[name] {
		if v != "" {
			return v
		}
	}
	return ""
}

func (f fields) has(name string) bool { return len(f[name]) > 0 }

// split takes a block apart. A line that is neither a field nor a continuation
// is dropped together with its continuations, and nothing else is.
func split(block []byte) fields {
	f := fields{}
	var name string
	var value []byte
	flush := func() {
		if name != "" {
			f[name] = append(f[name], string(value))
		}
		name, value = "", nil
	}
	block = bytes.TrimPrefix(block, []byte("\xef\xbb\xbf"))
	for started := false; len(block) > 0; {
		var line []byte
		line, block, _ = bytes.Cut(block, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		switch {
		case len(line) == 0:
			if !started {
				continue // some programs begin with an empty line
			}
			block = nil
		case started && (line[0] == ' ' || line[0] == '\t'):
			value = append(value, line...) // RFC 5322 section 2.2.3: only the line end goes
		default:
			flush()
			started = true
			name, value = field(bytes.TrimLeft(line, " \t"))
		}
	}
	flush()
	f.toUTF8()
	return f
}

// toUTF8 reads values with 8-bit characters, for which a header names no
// charset, in that of the text or of an encoded word beside them.
func (f fields) toUTF8() {
	marked := true
	for _, values := range f {
		for i, v := range values {
			values[i] = strings.TrimSpace(v)
			marked = marked && utf8.ValidString(v)
		}
	}
	if marked {
		return
	}
	hint := f.charset() // before any value changes: the order of a map is none
	for _, values := range f {
		for i, v := range values {
			if !utf8.ValidString(v) {
				values[i] = strings.TrimSpace(unmarked([]byte(v), hint))
			}
		}
	}
}

// charset guesses what unmarked text is written in.
func (f fields) charset() string {
	if m := charsetParameter.FindStringSubmatch(f.first("content-type")); m != nil {
		return strings.ToLower(m[1])
	}
	for _, name := range []string{"subject", "from", "to"} {
		if m := word.FindStringSubmatch(f.first(name)); m != nil {
			return strings.ToLower(m[1])
		}
	}
	return ""
}

// field takes "Name: value" apart; the name is empty if the line is not one.
func field(line []byte) (name string, value []byte) {
	n, v, ok := bytes.Cut(line, []byte(":"))
	n = bytes.TrimRight(n, " \t") // RFC 5322 section 4.5 allows the space
	if !ok || len(n) == 0 {
		return "", nil
	}
	for _, c := range n {
		if c <= ' ' || c >= 0x7f {
			return "", nil
		}
	}
	// The copy lets continuations be appended without touching the block.
	return strings.ToLower(string(n)), append([]byte(nil), v...)
}
