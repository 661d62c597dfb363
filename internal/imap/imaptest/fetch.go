package imaptest

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// item is one thing to fetch: "UID", or a section with its part.
var item = regexp.MustCompile(`(?i)^(BODY(?:\.PEEK)?)\[([^\]]*)\](?:<(\d+)\.(\d+)>)?|^[A-Z0-9.]+`)

func (c *session) fetch(args string, byUID bool, whole string) string {
	b, ok := c.s.view(c.opened)
	if !ok {
		return "BAD open a mailbox first"
	}
	set, rest, _ := strings.Cut(args, " ")
	items, ok := fetchItems(rest)
	if !ok {
		return "BAD what to fetch?"
	}
	for _, it := range items {
		if it[1] != "" && !strings.EqualFold(it[1], "BODY.PEEK") {
			// RFC 3501 section 6.4.5: without PEEK it would set \Seen.
			c.s.note(whole, true)
			return "NO [NOPERM] this server is only read"
		}
	}
	last := uint32(len(b.messages))
	if byUID && last > 0 {
		last = b.messages[last-1].uid
	}
	ranges, ok := parseSet(set, last)
	if !ok {
		return "BAD sequence set"
	}
	for i, m := range b.messages {
		n := uint32(i + 1)
		if byUID {
			n = m.uid
		}
		if ranges.hold(n) {
			c.send(fmt.Sprintf("* %d FETCH (%s)", i+1, m.answer(items, byUID)))
		}
	}
	return "OK done"
}

// fetchItems takes "(UID BODY.PEEK[HEADER])" apart into matches of item.
func fetchItems(s string) ([][]string, bool) {
	s = strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(s), "("), ")")
	var items [][]string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		m := item.FindStringSubmatch(s)
		if m == nil {
			return nil, false
		}
		items, s = append(items, m), s[len(m[0]):]
	}
	return items, len(items) > 0
}

// answer is what FETCH says of one message.
func (m stored) answer(items [][]string, byUID bool) string {
	var out []string
	if byUID {
		out = append(out, fmt.Sprintf("UID %d", m.uid))
	}
	for _, it := range items {
		switch name := strings.ToUpper(it[0]); {
		case it[1] != "":
			text, from := m.section(it[2]), ""
			if it[3] != "" {
				at, size := number(it[3]), number(it[4])
				text = text[min(at, len(text)):]
				text, from = text[:min(size, len(text))], "<"+it[3]+">"
			}
			out = append(out, fmt.Sprintf("BODY[%s]%s {%d}\r\n%s", it[2], from, len(text), text))
		case name == "UID" && !byUID:
			out = append(out, fmt.Sprintf("UID %d", m.uid))
		case name == "FLAGS":
			out = append(out, "FLAGS ("+strings.Join(m.Flags, " ")+")")
		case name == "INTERNALDATE":
			out = append(out, m.At.Format(`INTERNALDATE "_2-Jan-2006 15:04:05 -0700"`))
		case name == "RFC822.SIZE":
			out = append(out, fmt.Sprintf("RFC822.SIZE %d", len(m.Raw)))
		}
	}
	return strings.Join(out, " ")
}

// section gives a part of a message (RFC 3501 section 6.4.5).
func (m stored) section(spec string) string {
	header, text, _ := strings.Cut(m.Raw, "\r\n\r\n")
	header += "\r\n\r\n"
	upper := strings.ToUpper(spec)
	switch {
	case upper == "HEADER":
		return header
	case upper == "TEXT" || upper == "1":
		return text
	case strings.HasPrefix(upper, "HEADER.FIELDS ("):
		return pick(header, strings.Fields(strings.Trim(upper[len("HEADER.FIELDS "):], "()")))
	}
	return m.Raw
}

// pick keeps the named fields of a header.
func pick(header string, names []string) string {
	var out strings.Builder
	keep := false
	for line := range strings.Lines(header) {
		if !strings.HasPrefix(line, " ") && !strings.HasPrefix(line, "\t") {
			name, _, ok := strings.Cut(line, ":")
			keep = false
			for _, n := range names {
				keep = keep || ok && strings.EqualFold(strings.TrimSpace(name), n)
			}
		}
		if keep {
			out.WriteString(line)
		}
	}
	return out.String() + "\r\n"
}

// ranges are the numbers of a sequence set.
type ranges [][2]uint32

func (r ranges) hold(n uint32) bool {
	for _, p := range r {
		if n >= p[0] && n <= p[1] {
			return true
		}
	}
	return false
}

// parseSet reads "1:5,7,9:*"; last is what * stands for.
func parseSet(s string, last uint32) (ranges, bool) {
	var out ranges
	for part := range strings.SplitSeq(s, ",") {
		from, to, two := strings.Cut(part, ":")
		if !two {
			to = from
		}
		a, b := bound(from, last), bound(to, last)
		if a == 0 || b == 0 {
			if last == 0 {
				continue
			}
			return nil, false
		}
		out = append(out, [2]uint32{min(a, b), max(a, b)})
	}
	return out, true
}

func bound(s string, last uint32) uint32 {
	if s == "*" {
		return last
	}
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0
	}
	return uint32(n)
}

// number reads digits that a pattern has checked; too many are a large number.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return math.MaxInt
	}
	return n
}

// search answers UID SEARCH with ALL, a UID set, or HEADER name value.
func (c *session) search(args string) string {
	b, ok := c.s.view(c.opened)
	if !ok {
		return "BAD open a mailbox first"
	}
	w := words(args)
	var match func(stored) bool
	switch {
	case len(w) == 1 && strings.EqualFold(w[0], "ALL"):
		match = func(stored) bool { return true }
	case len(w) == 2 && strings.EqualFold(w[0], "UID"):
		var last uint32
		if n := len(b.messages); n > 0 {
			last = b.messages[n-1].uid
		}
		r, ok := parseSet(w[1], last)
		if !ok {
			return "BAD sequence set"
		}
		match = func(m stored) bool { return r.hold(m.uid) }
	case len(w) == 3 && strings.EqualFold(w[0], "HEADER"):
		match = func(m stored) bool {
			field := pick(m.section("HEADER"), []string{w[1]})
			return field != "\r\n" && strings.Contains(strings.ToUpper(field), strings.ToUpper(w[2]))
		}
	default:
		return "BAD search for what?"
	}
	found := []string{"* SEARCH"}
	for _, m := range b.messages {
		if match(m) {
			found = append(found, strconv.FormatUint(uint64(m.uid), 10))
		}
	}
	c.send(strings.Join(found, " "))
	return "OK done"
}
