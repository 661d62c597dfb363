package carddav

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/emersion/go-message/charset"
	"golang.org/x/text/encoding/charmap"
)

// errNoCard says that an object holds something else.
var errNoCard = errors.New("no vCard in it")

// wanted are the properties that are read. The others, photos above all, never
// reach the library.
var wanted = func() map[string]bool {
	set := map[string]bool{}
	for _, name := range []string{
		"FN", "N", "NICKNAME", "EMAIL", "BDAY", "ANNIVERSARY", "X-ANNIVERSARY", "X-EVOLUTION-ANNIVERSARY",
		"X-ABDATE", "X-ABLABEL", "CATEGORIES", "ORG", "TITLE", "NOTE", "UID", "REV", "KIND", "MEMBER",
		"X-ABSHOWAS", "X-ADDRESSBOOKSERVER-KIND", "X-ADDRESSBOOKSERVER-MEMBER",
	} {
		set[name] = true
	}
	return set
}()

// cleaner writes a card as go-vcard reads it without loss: a property to a line,
// none folded, in UTF-8, with parameters that have names, and with each escape
// sequence guarded, since the library resolves the one of a comma before a list
// could be split at the others, and leaves that of a semicolon.
//
// What it mends (by hand what the library leaves undone): a byte order mark, all
// line ends, folding also inside of characters, QUOTED-PRINTABLE with its own way
// of folding and a CHARSET, the bare parameters of vCard 2.1, an END that is
// missing, and an AGENT of vCard 2.1, which is a card within the card.
type cleaner struct {
	rest string
	old  bool // vCard 2.1
	out  strings.Builder
	lost []string // what could not be read, each once
}

// Bounds of one card. Only a note is ever as long.
const (
	maxProperties = 20_000
	maxValue      = 64 << 10 // octets
)

// clean returns the first card of an object: RFC 6352 section 5.1 allows one.
func clean(data []byte) (card string, lost []string, err error) {
	c := &cleaner{rest: strings.TrimPrefix(string(data), "\ufeff")}
	if !c.begin() {
		return "", nil, errNoCard
	}
	c.out.WriteString("BEGIN:VCARD\r\n")
	c.properties()
	c.out.WriteString("END:VCARD\r\n")
	return c.out.String(), c.lost, nil
}

// begin finds where the card begins.
func (c *cleaner) begin() bool {
	for c.rest != "" {
		if isLine(c.line(), "BEGIN:VCARD") {
			return true
		}
	}
	return false
}

func isLine(line, want string) bool {
	return len(line) >= len(want) && len(line) <= 100 && strings.EqualFold(strings.ReplaceAll(strings.TrimSpace(line), " ", ""), want)
}

// line takes the next line, without its end.
func (c *cleaner) line() string {
	i := strings.IndexAny(c.rest, "\r\n")
	if i < 0 {
		line := c.rest
		c.rest = ""
		return line
	}
	line, rest := c.rest[:i], c.rest[i:]
	c.rest = strings.TrimPrefix(strings.TrimPrefix(rest, "\r"), "\n")
	return line
}

func (c *cleaner) lose(what string) {
	if !slices.Contains(c.lost, what) {
		c.lost = append(c.lost, what)
	}
}

// properties copies what is wanted, to the end of the card.
func (c *cleaner) properties() {
	agent, passing := false, false
	for n := 0; c.rest != ""; n++ {
		if n == maxProperties {
			c.lose("more lines than any card has")
			return
		}
		line := c.unfolded()
		p, ok := parse(line)
		switch {
		case isLine(line, "END:VCARD"):
			return
		case isLine(line, "BEGIN:VCARD") && agent:
			c.passOver()
		case isLine(line, "BEGIN:VCARD"):
			c.lose("no END")
			return
		case !ok:
			if passing {
				n-- // it belongs to a photo
			} else if strings.TrimSpace(line) != "" {
				c.lose("a line that is no property")
			}
			continue
		case p.name == "VERSION":
			c.old = strings.TrimSpace(p.value) == "2.1"
		default:
			passing = !wanted[p.name]
			if p.quoted {
				p.value = c.unbroken(p.value)
			}
			switch {
			case !passing:
				c.copy(p)
			case p.name == "AGENT" && isLine(p.value, "BEGIN:VCARD"):
				c.passOver()
			}
		}
		agent = p.name == "AGENT"
	}
	c.lose("no END")
}

// passOver skips a card within the card.
func (c *cleaner) passOver() {
	for depth := 1; depth > 0 && c.rest != ""; {
		switch line := c.line(); {
		case isLine(line, "BEGIN:VCARD"):
			depth++
		case isLine(line, "END:VCARD"):
			depth--
		}
	}
}

// unfolded takes the next line with those that continue it (RFC 6350 section
// 3.2). vCard 2.1 folds where there is a blank, which stays. QUOTED-PRINTABLE is
// left to unbroken.
func (c *cleaner) unfolded() string {
	line := c.line()
	if !c.folded() || isQuoted(line) {
		return line
	}
	var b strings.Builder
	b.WriteString(line)
	for c.folded() {
		c.unfold(&b)
	}
	return b.String()
}

// folded says whether the next line continues the one before.
func (c *cleaner) folded() bool { return c.rest != "" && (c.rest[0] == ' ' || c.rest[0] == '\t') }

func (c *cleaner) unfold(b *strings.Builder) {
	if !c.old {
		c.rest = c.rest[1:]
	}
	b.WriteString(c.line())
}

func isQuoted(line string) bool {
	p, ok := parse(line)
	return ok && p.quoted
}

// unbroken takes the lines that a soft line break of QUOTED-PRINTABLE joins
// (RFC 2045 section 6.7), which some programs fold besides.
func (c *cleaner) unbroken(value string) string {
	var b strings.Builder
	for {
		head, soft := strings.CutSuffix(value, "=")
		b.WriteString(head)
		switch {
		case soft && c.rest != "" && !isLine(firstLine(c.rest), "END:VCARD"):
			value = c.line()
		case c.folded():
			c.unfold(&b)
			value = ""
		default:
			return b.String()
		}
	}
}

func firstLine(s string) string {
	s = s[:min(len(s), 100)]
	if i := strings.IndexAny(s, "\r\n"); i >= 0 {
		return s[:i]
	}
	return s
}

// property is a line, taken apart.
type property struct {
	group, name, value string
	kind               string // VALUE
	omitYear           string // X-APPLE-OMIT-YEAR
	charset            string
	quoted             bool // in QUOTED-PRINTABLE
}

// parse takes a line apart, whatever vCard 2.1 leaves out in its parameters.
func parse(line string) (p property, ok bool) {
	head, value, ok := cut(line)
	if !ok {
		return p, false
	}
	name, params, _ := strings.Cut(head, ";")
	name = strings.ToUpper(strings.TrimSpace(name))
	if i := strings.LastIndexByte(name, '.'); i >= 0 {
		p.group, name = name[:i], name[i+1:]
	}
	if !isName(name) || p.group != "" && !isName(p.group) {
		return p, false
	}
	p.name, p.value = name, value
	for param := range strings.SplitSeq(strings.ToUpper(params), ";") {
		key, of, named := strings.Cut(param, "=")
		key, of = strings.TrimSpace(key), strings.Trim(of, ` "`)
		switch {
		case !named && key == "QUOTED-PRINTABLE", key == "ENCODING" && of == "QUOTED-PRINTABLE":
			p.quoted = true
		case key == "CHARSET":
			p.charset = of
		case key == "VALUE" && isName(of):
			p.kind = of
		case key == "X-APPLE-OMIT-YEAR" && isName(of):
			p.omitYear = of
		}
	}
	return p, true
}

// cut divides a line at the first colon that is not in quotes, or where they
// are not closed at the first of all.
func cut(line string) (head, value string, ok bool) {
	quoted := false
	for i := range len(line) {
		switch {
		case line[i] == '"':
			quoted = !quoted
		case line[i] == ':' && !quoted:
			return line[:i], line[i+1:], true
		}
	}
	return strings.Cut(line, ":")
}

func isName(s string) bool {
	return s != "" && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") == ""
}

// copy writes a property for the library.
func (c *cleaner) copy(p property) {
	if p.group != "" {
		c.out.WriteString(p.group + ".")
	}
	c.out.WriteString(p.name)
	if p.kind != "" {
		c.out.WriteString(";VALUE=" + p.kind)
	}
	if p.omitYear != "" {
		c.out.WriteString(";X-APPLE-OMIT-YEAR=" + p.omitYear)
	}
	text := p.text()
	if len(text) > maxValue {
		c.lose("the end of a long text")
		text = strings.ToValidUTF8(text[:maxValue], "")
	}
	c.out.WriteString(":" + guard.Replace(text) + "\r\n")
}

// guard doubles backslashes, which the library makes one again, and writes line
// ends in the way of vCard.
var guard = strings.NewReplacer(`\`, `\\`, "\r\n", `\\n`, "\n", `\\n`, "\r", `\\n`)

// text decodes a value.
func (p property) text() string {
	b := []byte(p.value)
	if p.quoted {
		b = unquoted(b)
	}
	if name := strings.ToLower(p.charset); name != "" && name != "utf-8" && (p.quoted || !utf8.Valid(b)) {
		if r, err := charset.Reader(name, bytes.NewReader(b)); err == nil {
			if decoded, err := io.ReadAll(r); err == nil {
				b = decoded
			}
		}
	}
	if !utf8.Valid(b) {
		b, _ = charmap.Windows1252.NewDecoder().Bytes(b) // knows every octet
	}
	return string(b)
}

// unquoted decodes QUOTED-PRINTABLE. What is none stays.
func unquoted(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] == '=' && i+2 < len(b) {
			high, low := hex(b[i+1]), hex(b[i+2])
			if high >= 0 && low >= 0 {
				out = append(out, byte(high<<4|low)) //nolint:gosec // two digits
				i += 2
				continue
			}
		}
		out = append(out, b[i])
	}
	return out
}

func hex(c byte) int { return strings.IndexByte("0123456789abcdef", c|('a'-'A')) }
