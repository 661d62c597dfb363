package imap

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"time"
)

var errSyntax = errors.New("malformed response")

// maxDepth bounds nested lists.
const maxDepth = 32

// value is an atom, a string, NIL or a list.
type value struct {
	text []byte // of an atom or string
	list []value
	form form
}

type form uint8

const (
	formNIL form = iota
	formAtom
	formString
	formList
)

// scanner reads the values of a framed response. It asks for no more syntax
// than it needs: spaces may be doubled or missing.
type scanner struct {
	b []byte
	i int
}

func (s *scanner) spaces() {
	for s.i < len(s.b) && s.b[s.i] == ' ' {
		s.i++
	}
}

func (s *scanner) skip(c byte) bool {
	if s.i < len(s.b) && s.b[s.i] == c {
		s.i++
		return true
	}
	return false
}

func (s *scanner) done() bool {
	return len(bytes.Trim(s.b[s.i:], " \r\n")) == 0
}

func (s *scanner) value(depth int) (value, error) {
	s.spaces()
	switch {
	case s.i >= len(s.b) || depth > maxDepth:
		return value{}, errSyntax
	case s.skip('('):
		v := value{form: formList}
		for {
			s.spaces()
			if s.skip(')') {
				return v, nil
			}
			e, err := s.value(depth + 1)
			if err != nil {
				return value{}, err
			}
			v.list = append(v.list, e)
		}
	case s.skip('"'):
		return s.quoted()
	case s.b[s.i] == '{':
		return s.literal()
	case bytes.HasPrefix(s.b[s.i:], []byte("~{")): // RFC 3516 section 3
		s.i++
		return s.literal()
	}
	a := s.atom()
	if len(a) == 0 {
		return value{}, errSyntax
	}
	if strings.EqualFold(string(a), "NIL") {
		return value{}, nil
	}
	return value{text: a, form: formAtom}, nil
}

func (s *scanner) atom() []byte {
	start := s.i
	for s.i < len(s.b) && !bytes.ContainsRune([]byte(" ()\r\n"), rune(s.b[s.i])) {
		s.i++
	}
	return s.b[start:s.i]
}

func (s *scanner) quoted() (value, error) {
	var text []byte
	for s.i < len(s.b) {
		c := s.b[s.i]
		s.i++
		switch {
		case c == '"':
			return value{text: text, form: formString}, nil
		case c == '\\' && s.i < len(s.b):
			c = s.b[s.i]
			s.i++
		}
		text = append(text, c)
	}
	return value{}, errSyntax
}

func (s *scanner) literal() (value, error) {
	end := bytes.IndexByte(s.b[s.i:], '\n')
	if end < 0 {
		return value{}, errSyntax
	}
	n, ok := literalSize(s.b[s.i : s.i+end+1])
	s.i += end + 1
	if !ok || n > len(s.b)-s.i {
		return value{}, errSyntax
	}
	v := value{text: s.b[s.i : s.i+n], form: formString}
	s.i += n
	return v, nil
}

// number reads an atom as a number of 32 bits; what is none is 0.
func (v value) number() uint32 {
	n, err := strconv.ParseUint(string(v.text), 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// fetched is one FETCH response, as far as syncd asks for it.
type fetched struct {
	uid      uint32
	internal time.Time // zero if missing or unreadable
	header   []byte    // valid until the next read
	complete bool      // a header was there, not just an update of flags
}

// parseFetch reads "(UID 1 BODY[HEADER.FIELDS (…)] {5}…)" in any order and
// case. Items nobody asked for are passed over.
func parseFetch(b []byte) (fetched, error) {
	var f fetched
	s := &scanner{b: b}
	if s.spaces(); !s.skip('(') {
		return f, errSyntax
	}
	for {
		s.spaces()
		if s.skip(')') {
			break
		}
		name := s.item()
		v, err := s.value(0)
		if err != nil || name == "" {
			return f, errSyntax
		}
		switch {
		case name == "UID":
			f.uid = v.number()
		case name == "INTERNALDATE":
			f.internal = internalDate(v.text)
		case name == "RFC822.HEADER", strings.HasPrefix(name, "BODY[HEADER"):
			if v.form == formString {
				f.header, f.complete = v.text, true
			}
		}
	}
	if !s.done() {
		return f, errSyntax
	}
	return f, nil
}

// item reads the name of a FETCH item with its section, in upper case.
func (s *scanner) item() string {
	start := s.i
	for s.i < len(s.b) && !bytes.ContainsRune([]byte(" ()[\r\n"), rune(s.b[s.i])) {
		s.i++
	}
	if s.i < len(s.b) && s.b[s.i] == '[' {
		end := bytes.IndexByte(s.b[s.i:], ']')
		if end < 0 {
			return ""
		}
		s.i += end + 1
		if s.skip('<') { // where a partial answer begins
			s.atom()
		}
	}
	return strings.ToUpper(string(s.b[start:s.i]))
}

// internalDate reads a date-time (RFC 3501 section 9); some servers put a
// colon into its zone.
func internalDate(b []byte) time.Time {
	text := strings.TrimSpace(string(b))
	for _, layout := range []string{"_2-Jan-2006 15:04:05 -0700", "_2-Jan-2006 15:04:05 -07:00", "2-Jan-2006 15:04:05 -0700"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// listed is one LIST response.
type listed struct {
	attrs []string // lower case
	delim string
	name  string // as the server spells it
}

func parseList(b []byte) (listed, error) {
	s := &scanner{b: b}
	attrs, err := s.value(0)
	if err != nil {
		return listed{}, err
	}
	delim, err := s.value(0)
	if err != nil {
		return listed{}, err
	}
	name, err := s.value(0)
	if err != nil || len(name.text) == 0 {
		return listed{}, errSyntax
	}
	l := listed{delim: string(delim.text), name: string(name.text)}
	for _, a := range attrs.list {
		l.attrs = append(l.attrs, strings.ToLower(string(a.text)))
	}
	if strings.EqualFold(l.name, "INBOX") {
		l.name = "INBOX"
	}
	return l, nil
}

// counted is one STATUS response; what is missing in it is 0.
type counted struct {
	name                           string
	messages, uidNext, uidValidity uint32
}

func parseStatus(b []byte) (counted, error) {
	s := &scanner{b: b}
	name, err := s.value(0)
	if err != nil {
		return counted{}, err
	}
	items, err := s.value(0)
	if err != nil || items.form != formList {
		return counted{}, errSyntax
	}
	st := counted{name: string(name.text)}
	if strings.EqualFold(st.name, "INBOX") {
		st.name = "INBOX"
	}
	for i := 0; i+1 < len(items.list); i += 2 {
		n := items.list[i+1].number()
		switch strings.ToUpper(string(items.list[i].text)) {
		case "MESSAGES":
			st.messages = n
		case "UIDNEXT":
			st.uidNext = n
		case "UIDVALIDITY":
			st.uidValidity = n
		}
	}
	return st, nil
}

// parseNamespace gives the prefixes of the personal, the other users' and the
// shared namespaces (RFC 2342 section 5).
func parseNamespace(b []byte) (personal, foreign []string, err error) {
	s := &scanner{b: b}
	for i := range 3 {
		v, err := s.value(0)
		if err != nil {
			return nil, nil, err
		}
		for _, n := range v.list {
			if len(n.list) == 0 {
				continue
			}
			if prefix := string(n.list[0].text); i == 0 {
				personal = append(personal, prefix)
			} else {
				foreign = append(foreign, prefix)
			}
		}
	}
	return personal, foreign, nil
}
