package mail

import (
	"regexp"
	"strings"

	"golang.org/x/net/idna"
)

// Address is one person or list in a header.
type Address struct {
	Name    string // decoded display name; empty when absent or no more than the address
	Address string // lower case, domain as IDNA A-label
	Loose   bool   // the syntax was broken and the address picked out of it
}

const (
	maxAddress   = 512  // bytes of one; RFC 5321 section 4.5.3.1 allows 320
	maxAddresses = 1000 // of one field; what comes after them is left out
	maxElements  = 20 * maxAddresses
)

var (
	// dotAtom is an addr-spec by the book (RFC 5322 section 3.4.1), with the
	// characters of RFC 6532.
	dotAtom = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\x{80}-\\x{10ffff}-]+(?:\\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\\x{80}-\\x{10ffff}-]+)*@(?:[^\\s<>()\\[\\]\",;:@.]+(?:\\.[^\\s<>()\\[\\]\",;:@.]+)*|\\[[^\\[\\]\\s]*\\])$")
	// quotedLocal is an addr-spec whose local part is quoted.
	quotedLocal = regexp.MustCompile(`^"((?:[^"\\]|\\.)+)"@([^\s<>()\[\]",;:@]+|\[[^\[\]\s]*\])$`)
	// anywhere finds an address in text that is none.
	anywhere = regexp.MustCompile(`[^\s<>()\[\]",;:@\\]+@(?:[^\s<>()\[\]",;:@\\]+|\[[^\[\]\s]*\])`)
	// aroundSigns is the white space that obsolete syntax allows in addresses
	// (RFC 5322 section 4.4).
	aroundSigns = regexp.MustCompile(`\s*([@.])\s*`)
)

// addresses reads all values of one field as address lists. A broken element
// loses itself at most, never its neighbours.
func addresses(values []string) []Address {
	var list []Address
	for _, v := range values {
		list = append(list, addressList(v)...)
	}
	return list
}

// firstAddresses reads the first value that holds an address: a second From or
// Sender is an error or a forgery.
func firstAddresses(values []string) []Address {
	for _, v := range values {
		if list := addressList(v); len(list) > 0 {
			return list
		}
	}
	return nil
}

func addressList(v string) []Address {
	var list []Address
	var before string // an element without an address: perhaps the first half of an unquoted "Doe, Jane"
	for _, e := range elements(v) {
		if len(list) == maxAddresses {
			break
		}
		a, ok := parseAddress(e)
		if !ok {
			before = strings.TrimSpace(e)
			continue
		}
		if before != "" && a.Name != "" && !strings.ContainsRune(before, '@') {
			a.Name, a.Loose = clean(phrase(before)+", "+a.Name, maxName), true
		}
		before = ""
		list = append(list, a)
	}
	if list == nil && strings.Contains(v, "=?") {
		// The whole value, address included, may be an encoded word.
		if d := decodeWords(v); d != v && !strings.Contains(d, "=?") {
			list = addressList(d)
			for i := range list {
				list[i].Loose = true
			}
		}
	}
	return list
}

// elements splits a list at its commas, and at the semicolons that some
// programs put there. Group names are dropped, their members kept (RFC 5322
// section 3.4). What is opened and never closed is taken as a plain character.
func elements(v string) []string {
	const all = `"(<`
	for honour := all; ; {
		out, open := splitList(v, honour)
		if open == 0 {
			return out
		}
		honour = strings.ReplaceAll(honour, string(open), "")
	}
}

// splitList gives the elements and, if one was left open, the character that
// opened it.
func splitList(v, honour string) (out []string, open byte) {
	quote := strings.Contains(honour, `"`)
	comment, angle := strings.Contains(honour, "("), strings.Contains(honour, "<")
	inQuote, depth, inAngle, start := false, 0, false, 0
	named := -1 // where an address or an encoded word was last seen
	for i := 0; i < len(v) && len(out) < maxElements; i++ {
		if v[i] == '@' || v[i] == '?' && i > 0 && v[i-1] == '=' {
			named = i
		}
		switch c := v[i]; {
		case c == '\\' && (inQuote || depth > 0):
			i++
		case c == '"' && depth == 0 && quote:
			inQuote = !inQuote
		case inQuote:
		case c == '(' && comment:
			depth++
		case c == ')' && depth > 0:
			depth--
		case depth > 0:
		case c == '<' && angle:
			inAngle = true
		case c == '>':
			inAngle = false
		case inAngle:
		case c == ',' || c == ';':
			if i > start {
				out = append(out, v[start:i])
			}
			start = i + 1
		case c == ':' && named < start:
			start = i + 1
		}
	}
	switch {
	case inQuote:
		return nil, '"'
	case depth > 0:
		return nil, '('
	case inAngle:
		return nil, '<'
	}
	return append(out, v[start:]), 0
}

// parseAddress reads one element: "Name <a@b>", "a@b (Name)" or "a@b", and
// what programs make of them.
func parseAddress(e string) (Address, bool) {
	e = strings.TrimSpace(e)
	if !strings.Contains(e, "@") && !strings.Contains(e, "＠") {
		return Address{}, false
	}
	bare, comment := withoutComments(e)
	spec, name, loose := bare, comment, false
	if i := lastAngle(bare); i >= 0 {
		spec, name = bare[i+1:], phrase(bare[:i])
		spec, _, _ = strings.Cut(spec, ">")
		if name == "" {
			name = comment
		}
		// RFC 5322 section 4.4: "<@relay:a@b>" is a route before the address.
		if strings.HasPrefix(spec, "@") {
			_, spec, _ = strings.Cut(spec, ":")
		}
		if !strings.Contains(spec, "@") { // the angles held something else
			spec, loose = strings.ReplaceAll(bare, "<"+spec+">", " "), true
		}
		loose = loose || strings.Contains(unquoted(bare[:i]), "@")
	}
	a, exact := addrSpec(spec)
	if a == "" {
		return Address{}, false
	}
	if name = clean(decodeWords(name), maxName); strings.EqualFold(strings.Trim(name, `'"<> `), a) {
		name = ""
	}
	return Address{Name: name, Address: a, Loose: loose || !exact}, true
}

// addrSpec normalises an address and says whether it was written by the book.
func addrSpec(s string) (address string, exact bool) {
	if s = strings.TrimSpace(s); plainSpec(s) {
		return normalise(s), true
	}
	if strings.ContainsAny(s, " \t") {
		s = aroundSigns.ReplaceAllString(s, "$1")
	}
	if m := quotedLocal.FindStringSubmatch(s); m != nil {
		local := unescape(m[1])
		if bare := local + "@" + m[2]; anywhere.FindString(bare) == bare {
			return normalise(bare), true // ".b"@c is the mailbox that others write .b@c
		}
		if m := anywhere.FindString(local); m != "" { // "a@b"@c: a gateway's work
			return normalise(m), false
		}
		return normalise(`"` + local + `"@` + m[2]), true
	}
	// An apostrophe may begin an address by the book, but in mail it is the
	// left half of quotes that a program put around it or lost.
	if dotAtom.MatchString(s) && !strings.HasPrefix(s, "'") {
		return normalise(s), true
	}
	// Of several, the last: what comes before it is more likely a name.
	found := anywhere.FindAllString(s, -1)
	if len(found) == 0 {
		return "", false
	}
	a := strings.TrimLeft(found[len(found)-1], "`'")
	return normalise(strings.TrimRight(a, ".'`")), false
}

// plainSpec reports an addr-spec of letters, digits, "-", "_", "+" and single
// dots, as nearly all are. It is by the book, and costs no regular expression.
func plainSpec(s string) bool {
	at, before := 0, byte('.')
	for i := range len(s) {
		c := s[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '-', c == '_', c == '+':
		case c == '.' && before != '.' && before != '@':
		case c == '@' && before != '.' && at == 0:
			at = i
		default:
			return false
		}
		before = c
	}
	return at > 0 && before != '.' && before != '@'
}

// toASCII maps a domain to A-labels. It is tolerant: the point is that two
// spellings of one domain compare equal, not that the domain could exist.
var toASCII = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false), idna.BidiRule())

// normalise puts an address in the form in which addresses are compared.
func normalise(a string) string {
	if len(a) > maxAddress {
		return ""
	}
	i := strings.LastIndexByte(a, '@')
	if i <= 0 || i == len(a)-1 {
		return ""
	}
	local, domain := strings.ToLower(a[:i]), a[i+1:]
	for _, r := range a {
		if r < ' ' || r == 0x7f || r == '\ufffd' || bidi(r) {
			return ""
		}
	}
	if ascii(domain) {
		return local + "@" + strings.ToLower(domain)
	}
	if d, err := toASCII.ToASCII(domain); err == nil && d != "" {
		return local + "@" + strings.ToLower(d)
	}
	return local + "@" + strings.ToLower(domain)
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// withoutComments cuts comments out of an element and gives them apart.
func withoutComments(e string) (bare, comments string) {
	if !strings.Contains(e, "(") {
		return e, ""
	}
	var b, c strings.Builder
	inQuote, depth := false, 0
	for i := 0; i < len(e); i++ {
		ch := e[i]
		if ch == '\\' && i+1 < len(e) && (inQuote || depth > 0) {
			if i++; depth > 0 {
				c.WriteByte(e[i])
			} else {
				b.WriteString(e[i-1 : i+1])
			}
			continue
		}
		switch {
		case ch == '"' && depth == 0:
			inQuote = !inQuote
		case ch == '(' && !inQuote:
			if depth++; depth == 1 {
				continue
			}
		case ch == ')' && depth > 0:
			if depth--; depth == 0 {
				b.WriteByte(' ')
				continue
			}
		}
		if depth > 0 {
			c.WriteByte(ch)
		} else {
			b.WriteByte(ch)
		}
	}
	if depth > 0 || inQuote { // never closed: it was no comment
		return e, ""
	}
	return b.String(), c.String()
}

// lastAngle finds the '<' that opens the address: the last outside quotes, or
// the last at all if a quote is never closed.
func lastAngle(s string) int {
	at, inQuote := -1, false
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			inQuote = !inQuote
		case '<':
			if !inQuote {
				at = i
			}
		}
	}
	if at < 0 || inQuote {
		return strings.LastIndexByte(s, '<')
	}
	return at
}

// unquoted gives what stands outside the quotes of a phrase.
func unquoted(s string) string {
	var b strings.Builder
	in := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '\\':
			i++
		case s[i] == '"':
			in = !in
		case !in:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// phrase takes the quotes off a display name.
func phrase(s string) string {
	s = strings.TrimSpace(s)
	if strings.Contains(s, `"`) {
		s = strings.ReplaceAll(unescapeKeep(s), `"`, "")
		s = strings.ReplaceAll(s, "\x00", `"`)
	}
	s = strings.TrimSpace(s)
	if n := len(s); n > 1 && s[0] == '\'' && s[n-1] == '\'' {
		s = strings.TrimSpace(s[1 : n-1])
	}
	return s
}

// unescapeKeep undoes quoted pairs, an escaped quote becoming NUL so that it
// can be told from a quote.
func unescapeKeep(s string) string {
	return unescape(strings.ReplaceAll(s, `\"`, "\x00"))
}

func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
