package imap

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// respell gives imapclient a response in the few forms that it reads without
// fail. What syncd has not asked for, and what it has no use for, is left out.
func (g *guard) respell(r response) {
	var err error
	switch {
	case r.tag == "+":
		g.proceed(r)
	case r.tag != "*":
		g.finish(r)
	default:
		switch r.kind {
		case "OK", "NO", "BAD":
			err = g.respellCode(parseStatus(r))
		case "CAPABILITY":
			g.respellCapabilities()
		case "EXISTS":
			if err = errSyntax; r.hasNum {
				g.once(r.kind, "")
				_, err = fmt.Fprintf(&g.out, "* %d EXISTS\r\n", r.num)
			}
		case "FETCH":
			err = g.respellFetch(r)
		case "SEARCH":
			err = g.respellSearch(r)
		case "LIST":
			err = g.respellList(r)
		case "STATUS":
			err = g.respellStatus(r)
		case "NAMESPACE":
			err = g.respellNamespace(r)
		}
	}
	if err != nil {
		g.anomaly("malformed " + r.kind)
	}
}

// once notes a response that the command can use once, or once for a mailbox.
func (g *guard) once(kind, mailbox string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.progress.once(kind, mailbox)
}

// proceed passes a "+" on if the command in flight waits for one: imapclient
// takes any other for a reason to hang up.
func (g *guard) proceed(r response) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.more {
		return
	}
	g.more = false
	g.idling = g.verb == "IDLE"
	g.owed = !g.idling
	g.progress.used()
	text := bytes.Map(func(c rune) rune {
		if c <= ' ' || c > '~' {
			return -1
		}
		return c
	}, r.rest)
	if string(text) == "=" { // nothing (RFC 4959 section 3), here in a challenge
		text = nil
	}
	fmt.Fprintf(&g.out, "+ %s\r\n", text)
}

// finish passes the tagged response on. Of the codes only those of a refusal
// are of interest, without their arguments.
func (g *guard) finish(r response) {
	g.mu.Lock()
	defer g.mu.Unlock()
	st := parseStatus(r)
	code := ""
	switch {
	case st.status != "OK":
		// The library reads what APPENDUID and COPYUID come with.
		if st.code != "" && isAtom(st.code) && !slices.Contains([]string{"CAPABILITY", "APPENDUID", "COPYUID"}, st.code) {
			code = "[" + st.code + "]"
		}
	case g.verb == "LOGIN", g.verb == "AUTHENTICATE":
		// Without capabilities in the answer imapclient asks for them by
		// itself, and that would cross the session's next command.
		code = "[CAPABILITY" + g.offers() + "]"
	}
	// The second space keeps a bracket in the text from being read as a code.
	fmt.Fprintf(&g.out, "%s %s %s %s\r\n", r.tag, st.status, code, st.text)
}

// offers lists the capabilities for imapclient; g.mu is held. IMAP4rev2 is not
// among them: it would make the library send names and passwords as UTF-8,
// which servers take only after ENABLE (RFC 9051 section 6.3.1).
func (g *guard) offers() string {
	var list strings.Builder
	list.WriteString(" IMAP4rev1")
	for name := range g.caps {
		if isAtom(name) && name != "IMAP4REV1" && name != "IMAP4REV2" {
			list.WriteString(" " + name)
		}
	}
	return list.String()
}

func (g *guard) respellCapabilities() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.progress.once("CAPABILITY", "")
	fmt.Fprintf(&g.out, "* CAPABILITY%s\r\n", g.offers())
}

// respellCode passes on the codes of an untagged OK that tell of a mailbox.
func (g *guard) respellCode(st status) error {
	switch st.code {
	case "CAPABILITY":
		g.respellCapabilities()
	case "UIDNEXT", "UIDVALIDITY":
		n, err := strconv.ParseUint(st.arg, 10, 32)
		if err != nil {
			return errSyntax
		}
		g.once(st.code, "")
		fmt.Fprintf(&g.out, "* OK [%s %d] ok\r\n", st.code, n)
	}
	return nil
}

// respellFetch passes on UID, date and what was asked for of the message, in this
// order: imapclient takes a response whose UID comes after a literal for somebody
// else's, and one that is a mere update of flags for the answer. Of flags, where
// they were asked for, it passes on \Answered.
func (g *guard) respellFetch(r response) error {
	g.mu.Lock()
	section, flags := g.section, g.flags
	g.mu.Unlock()
	f, complete, err := parseFetch(r.rest, section)
	if err != nil {
		return err
	}
	g.mu.Lock()
	use := f.uid != 0 && (complete || section == "") && (f.flagged || !flags)
	if use {
		g.progress.message(r.num, f.uid)
	}
	g.mu.Unlock()
	if !use {
		return nil
	}
	fmt.Fprintf(&g.out, "* %d FETCH (UID %d", r.num, f.uid)
	if !f.internal.IsZero() {
		fmt.Fprintf(&g.out, " INTERNALDATE \"%s\"", f.internal.Format(dateTime))
	}
	if flags && f.answered {
		g.out.WriteString(` FLAGS (\Answered)`)
	}
	if section != "" {
		fmt.Fprintf(&g.out, " %s] {%d}\r\n", section, len(f.section))
		g.out.Write(f.section)
	}
	_, err = g.out.WriteString(")\r\n")
	return err
}

// respellSearch passes on the first number: that there is one is the answer.
func (g *guard) respellSearch(r response) error {
	g.mu.Lock()
	asked := g.search
	g.mu.Unlock()
	if !asked {
		return nil
	}
	s := &scanner{b: r.rest}
	if s.done() {
		g.once(r.kind, "")
		_, err := g.out.WriteString("* SEARCH\r\n")
		return err
	}
	v, err := s.value(0)
	if err != nil || v.number() == 0 {
		return errSyntax
	}
	g.once(r.kind, "")
	_, err = fmt.Fprintf(&g.out, "* SEARCH %d\r\n", v.number())
	return err
}

func (g *guard) respellList(r response) error {
	s := &scanner{b: r.rest}
	attrs, err1 := s.value(0)
	delim, err2 := s.value(0)
	name, err3 := s.name()
	if err := cmp.Or(err1, err2, err3); err != nil {
		return err
	}
	g.once(r.kind, name)
	g.out.WriteString("* LIST (")
	sep := ""
	for _, a := range attrs.list {
		if word := bytes.TrimPrefix(a.text, []byte(`\`)); isAtom(string(word)) {
			g.out.WriteString(sep + string(a.text))
			sep = " "
		}
	}
	level := "NIL"
	if d := delim.text; len(d) == 1 && d[0] > ' ' && d[0] <= '~' {
		level = quote(string(d))
	}
	_, err := fmt.Fprintf(&g.out, ") %s %s\r\n", level, quote(libraryName(name)))
	return err
}

// respellStatus passes on the items that are known and hold a number.
func (g *guard) respellStatus(r response) error {
	s := &scanner{b: r.rest}
	name, err1 := s.name()
	items, err2 := s.value(0)
	if err := cmp.Or(err1, err2); err != nil || items.form != formList {
		return errSyntax
	}
	g.once(r.kind, name)
	fmt.Fprintf(&g.out, "* STATUS %s (", quote(libraryName(name)))
	sep := ""
	for pair := range slices.Chunk(items.list, 2) {
		item, n := strings.ToUpper(string(pair[0].text)), pair[len(pair)-1].number()
		if n != 0 && slices.Contains([]string{"MESSAGES", "UIDNEXT", "UIDVALIDITY"}, item) {
			fmt.Fprintf(&g.out, "%s%s %d", sep, item, n)
			sep = " "
		}
	}
	_, err := g.out.WriteString(")\r\n")
	return err
}

// respellNamespace passes on the prefixes of the personal, the other users' and
// the shared namespaces (RFC 2342 section 5).
func (g *guard) respellNamespace(r response) error {
	s := &scanner{b: r.rest}
	var line strings.Builder
	line.WriteString("* NAMESPACE")
	for range 3 {
		v, err := s.value(0)
		if err != nil {
			return err
		}
		open, end := " (", " NIL"
		for _, n := range v.list {
			if len(n.list) > 0 && !bytes.ContainsAny(n.list[0].text, "\x00\r\n") {
				fmt.Fprintf(&line, "%s(%s NIL)", open, quote(string(n.list[0].text)))
				open, end = "", ")"
			}
		}
		line.WriteString(end)
	}
	g.once(r.kind, "")
	_, err := fmt.Fprintf(&g.out, "%s\r\n", line.String())
	return err
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// isAtom reports whether imapclient reads s as one word.
func isAtom(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool {
		return c <= ' ' || c > '~' || strings.ContainsRune(`(){%*"\]`, c)
	})
}

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

// The beginnings of the items in an answer that hold what was asked for of a message.
const (
	headerItem  = "BODY[HEADER"
	messageItem = "BODY["
)

// parseFetch reads "(UID 1 BODY[HEADER.FIELDS (…)] {5}…)" in any order and
// case. Items nobody asked for are passed over.
//
// A response without the section, such as an update of flags, is not complete.
func parseFetch(b []byte, section string) (f fetched, complete bool, err error) {
	s := &scanner{b: b}
	if s.spaces(); !s.skip('(') {
		return f, false, errSyntax
	}
	for {
		s.spaces()
		if s.skip(')') {
			break
		}
		name := s.item()
		v, err := s.value(0)
		if err != nil || name == "" {
			return f, false, errSyntax
		}
		switch {
		case name == "UID":
			f.uid = v.number()
		case name == "INTERNALDATE":
			f.internal = internalDate(v.text)
		case name == "FLAGS" && v.form == formList:
			f.flagged = true
			f.answered = slices.ContainsFunc(v.list, func(flag value) bool { return strings.EqualFold(string(flag.text), `\Answered`) })
		case v.form != formString:
		case section == headerItem && (name == "RFC822.HEADER" || strings.HasPrefix(name, headerItem)),
			section == messageItem && strings.HasPrefix(name, messageItem+"]"):
			f.section, complete = v.text, true
		}
	}
	if !s.done() {
		return f, false, errSyntax
	}
	return f, complete, nil
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

const dateTime = "_2-Jan-2006 15:04:05 -0700"

// internalDate reads a date-time (RFC 3501 section 9); some servers put a
// colon into its zone.
func internalDate(b []byte) time.Time {
	text := strings.TrimSpace(string(b))
	for _, layout := range []string{dateTime, "_2-Jan-2006 15:04:05 -07:00", "2-Jan-2006 15:04:05 -0700"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() > 1 && t.Year() < 9999 {
			return t.UTC()
		}
	}
	return time.Time{}
}

// maxName bounds the name of a mailbox, so that a command with it is written
// in one piece.
const maxName = 1000

// name reads the name of a mailbox as the server spells it.
func (s *scanner) name() (string, error) {
	v, err := s.value(0)
	switch {
	case err != nil:
		return "", err
	case len(v.text) == 0, len(v.text) > maxName, bytes.ContainsAny(v.text, "\x00\r\n"):
		return "", errSyntax
	case bytes.EqualFold(v.text, []byte("INBOX")):
		return "INBOX", nil
	}
	return string(v.text), nil
}

// The library reads the names of mailboxes as modified UTF-7 and writes them so.
// Not all servers do, and a name must come back as it was spelled. So imapclient
// is told, and tells, names in which each character stands for one byte.

// libraryName spells for imapclient a name that the server spelled.
func libraryName(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		switch c := raw[i]; {
		case c == '&':
			b.WriteString("&-")
		case c < ' ' || c == 0x7f:
			b.WriteRune(0x100 + rune(c))
		default:
			b.WriteRune(rune(c))
		}
	}
	return b.String()
}

// toLibrary and fromLibrary convert between the server's spelling and the names
// in imapclient's own variables.
func toLibrary(raw string) string { return strings.ReplaceAll(libraryName(raw), "&-", "&") }

func fromLibrary(name string) string {
	b := make([]byte, 0, utf8.RuneCountInString(name))
	for _, c := range name {
		b = append(b, byte(c&0xff))
	}
	return string(b)
}

// serverName puts the server's spelling into a command that imapclient wrote.
func serverName(line []byte) []byte {
	at := bytes.IndexByte(line, '"')
	if at < 0 {
		return line
	}
	s := &scanner{b: line, i: at}
	v, err := s.value(0)
	name, ok := decodeUTF7(string(v.text))
	if err != nil || !ok {
		return line
	}
	return slices.Concat(line[:at], []byte(quote(fromLibrary(name))), line[s.i:])
}
