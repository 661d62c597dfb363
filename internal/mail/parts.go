package mail

import (
	"bytes"
	"regexp"
	"strings"
)

// blankLine is one at the beginning.
var blankLine = regexp.MustCompile(`^[ \t]*\r?\n`)

// headEnd is where the body begins: behind the first empty line that follows a
// header field, as split reads it.
func headEnd(raw []byte) int {
	started := false
	for at := 0; at < len(raw); {
		line, _, found := bytes.Cut(raw[at:], []byte("\n"))
		at += len(line)
		if found {
			at++
		}
		empty := len(bytes.TrimRight(line, "\r")) == 0
		if empty && started {
			return at
		}
		started = started || !empty
	}
	return len(raw)
}

// cutParts gives what stands between the boundaries of a multipart (RFC 2046
// section 5.1.1), and whether the last of them was closed. Without a boundary that
// occurs, the first line is one that looks like it.
func cutParts(body []byte, boundary string) (parts [][]byte, closed bool) {
	if boundary != "" {
		parts, closed = cutAt(body, []byte("--"+boundary))
	}
	if len(parts) == 0 {
		if m := likeBoundary.FindSubmatch(body[:min(len(body), maxPreamble)]); m != nil {
			parts, closed = cutAt(body, m[1])
		}
	}
	return parts, closed
}

// maxPreamble is how far into a multipart its first part is looked for.
const maxPreamble = 32 << 10

// likeBoundary is a line of dashes and no spaces above the header of a part.
var likeBoundary = regexp.MustCompile(`(?mi)^(--[^\s]{1,70})[ \t]*\r?\ncontent-[a-z-]+:`)

func cutAt(body, mark []byte) (parts [][]byte, closed bool) {
	start := -1 // of the part at hand
	for at := 0; at < len(body) && len(parts) <= maxParts; {
		next := len(body)
		if i := bytes.IndexByte(body[at:], '\n'); i >= 0 {
			next = at + i + 1
		}
		if line, found := bytes.CutPrefix(body[at:next], mark); found {
			end := string(bytes.TrimRight(line, " \t\r\n"))
			if start >= 0 && (end == "" || end == "--") {
				parts = append(parts, withoutLineEnd(body[start:at]))
			}
			switch end {
			case "":
				start = next
			case "--":
				return parts, start >= 0
			}
		}
		at = next
	}
	if start >= 0 && start < len(body) {
		parts = append(parts, body[start:])
	}
	return parts, false
}

// withoutLineEnd takes away the line end that belongs to the boundary below.
func withoutLineEnd(b []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(b, []byte("\n")), []byte("\r"))
}

// parameter is one of a structured field (RFC 2045 section 5.1). The name may bear
// the marks of RFC 2231.
var parameter = regexp.MustCompile(`;\s*([A-Za-z0-9-]+)[*0-9]*\s*=\s*("(?:[^"\\]|\\.)*"|[^\s;]*)`)

const maxParameters = 4 << 10 // bytes of a field

// parameters gives those of a structured field by their names in lower case. What
// RFC 2231 section 3 cuts in pieces is put together; percent signs stay.
func parameters(v string) map[string]string {
	p := map[string]string{}
	for _, m := range parameter.FindAllStringSubmatch(v[:min(len(v), maxParameters)], -1) {
		value := m[2]
		if strings.HasPrefix(value, `"`) {
			value = unescape(strings.Trim(value, `"`))
		}
		p[strings.ToLower(m[1])] += value
	}
	return p
}

// deliveries takes the addresses that a report says do not exist (RFC 3464
// section 2.3): an Action of "failed" with a Status that is about the address and
// for good (RFC 3463 section 3). A mailbox that is full, or a mail that
// was refused for what it is, says nothing of the address.
func (r *bodyReader) deliveries(part fields, body []byte) {
	body, _ = decodeTransfer(part.first("content-transfer-encoding"), body, len(body)) // nothing, if that is unknown
	for at := 0; at < len(body) && len(r.Unreachable) < maxReported; {
		group := body[at:]
		end := headEnd(group)
		f := split(group[:end])
		at += max(end, 1)
		if !strings.HasPrefix(strings.ToLower(f.first("action")), "failed") || !unknownAddress.MatchString(f.first("status")) {
			continue
		}
		recipient := f.first("final-recipient")
		if _, address, typed := strings.Cut(recipient, ";"); typed {
			recipient = address
		}
		for _, a := range addressList(recipient) {
			r.Unreachable = append(r.Unreachable, a.Address)
		}
	}
}

// unknownAddress is a status of a bad address, of a mailbox that is closed, or of a
// host that does not exist.
var unknownAddress = regexp.MustCompile(`^5\.(1\.\d+|2\.1|4\.4)\b`)

// unflow puts the lines of a flowed text together that were broken on the way
// (RFC 3676). Lines that are quoted keep their mark.
func unflow(s string, delsp bool) string {
	var out strings.Builder
	before, flowing := 0, false // depth of the line before, and whether it goes on
	for line := range strings.Lines(s) {
		line = strings.TrimRight(line, "\r\n")
		depth := len(line) - len(strings.TrimLeft(line, ">"))
		line = strings.TrimPrefix(line[depth:], " ") // RFC 3676 section 4.4: stuffed
		signature := line == "-- "                   // section 4.3
		if flowing = flowing && depth == before && !signature; !flowing {
			if out.Len() > 0 {
				out.WriteByte('\n')
			}
			if depth > 0 {
				out.WriteString("> ")
			}
		}
		before, flowing = depth, strings.HasSuffix(line, " ") && !signature
		if flowing && delsp {
			line = line[:len(line)-1]
		}
		out.WriteString(line)
	}
	return out.String()
}
