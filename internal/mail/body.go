package mail

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// The bounds of what is read of a body.
const (
	maxText     = 32 << 10 // of the text, in bytes of UTF-8
	maxParts    = 100
	maxNesting  = 10
	maxWritten  = 4 * maxText // of plain text before its charset is known
	maxReported = 50          // addresses in one report
)

// Body is what the beginning of a message holds beside its header fields.
type Body struct {
	// Text is the first text part, in UTF-8 with bare line feeds and at most 32 KiB:
	// HTML as text, with "> " before what it quotes, and lines that were broken on
	// the way put together. A text that is attached or forwarded is none.
	Text string
	// Linked is Text with the addresses of links behind their words; empty where it
	// has none but those that Text shows.
	Linked string
	// Open says that the text goes on, or begins, behind what was read.
	Open bool
	// Attached says that a file is with it, or that more parts are than were read.
	Attached bool
	// Unreachable are the addresses of which a delivery report says that they do not
	// exist (RFC 3464).
	Unreachable []string
	// Unreadable says why a text that is there cannot be read; else empty.
	Unreadable string
	// Written is the Date field in the zone of its writer, named like "+0100", or
	// INTERNALDATE where that is used in its place (see Header.Date).
	Written time.Time
}

// ReadBody reads the beginning of a message, header included, or the whole of it
// (RFC 2045, RFC 2046). It takes linear time and never fails.
func ReadBody(raw []byte, whole bool, internalDate time.Time) Body {
	f := split(raw[:min(headEnd(raw), maxBlock)])
	r := &bodyReader{report: mediaType(f.first("content-type")) == "multipart/report"}
	r.Written = written(f.first("date"), internalDate)
	if t := r.part(raw, place{open: !whole}); t != nil {
		r.Text, r.Linked, r.Open = t.text, t.linked, t.open
	} else if r.Unreadable == "" {
		r.Open = r.hidden
	}
	if r.Text != "" {
		r.Unreadable = ""
	}
	r.Attached = (r.Attached || r.cutOff) && !r.report
	return r.Body
}

// written is the date of a message in its writer's zone.
func written(field string, internal time.Time) time.Time {
	t, from := date(field, internal)
	if from == DateFromHeader {
		t, _ = parseDate(field)
	}
	_, seconds := t.Zone()
	return t.In(time.FixedZone(t.Format("-0700"), seconds))
}

type bodyReader struct {
	Body
	report bool // it is a multipart/report
	parts  int
	hidden bool // a part that may hold a text goes on behind what was read
	cutOff bool // so does a list of parts
}

// place is where a part stands.
type place struct {
	depth   int
	within  string // the subtype of the multipart around it
	open    bool   // it may go on behind what was read
	settled bool   // the text is found; only files are looked for
}

// textPart is a text part that was read.
type textPart struct {
	text, linked string
	plain, open  bool
}

// part reads a part, header included, and gives its text, nil if it has none.
func (r *bodyReader) part(raw []byte, at place) *textPart {
	if r.parts++; r.parts > maxParts || at.depth > maxNesting {
		return nil
	}
	end := headEnd(raw)
	if blank := blankLine.Find(raw); at.depth > 0 && blank != nil { // no header (RFC 2046 section 5.1)
		end = len(blank)
	}
	f, body := split(raw[:min(end, maxBlock)]), raw[end:]
	kind := mediaType(f.first("content-type"))
	switch {
	case kind != "":
	case at.within == "digest":
		kind = "message/rfc822" // RFC 2046 section 5.1.5
	default:
		kind = "text/plain"
	}
	p := parameters(f.first("content-type"))
	subtype, multi := strings.CutPrefix(kind, "multipart/")
	switch {
	case subtype == "encrypted" && multi, strings.HasSuffix(kind, "pkcs7-mime"):
		r.Unreadable = "it is encrypted, or signed as a whole"
		return nil
	case multi:
		return r.multipart(body, subtype, p["boundary"], at)
	case kind == "message/delivery-status" && r.report:
		r.deliveries(f, body)
		return nil
	}
	file := r.file(f, kind, p, at)
	r.Attached = r.Attached || file
	if file || at.settled || kind != "text/plain" && kind != "text/html" {
		return nil
	}
	r.hidden = r.hidden || at.open
	return r.text(f, body, kind, p, at)
}

// multipart reads the parts below. Of alternatives the plain one is taken, unless
// it is empty; of others the first that is not.
func (r *bodyReader) multipart(body []byte, subtype, boundary string, at place) *textPart {
	parts, closed := cutParts(body, boundary)
	if len(parts) == 0 {
		r.hidden = r.hidden || at.open
		return nil
	}
	var best *textPart
	for i, raw := range parts {
		below := place{depth: at.depth + 1, within: subtype, open: at.open && !closed && i == len(parts)-1, settled: at.settled}
		below.settled = below.settled || best != nil && (best.plain || subtype != "alternative")
		if t := r.part(raw, below); t != nil && (best == nil || t.plain) {
			best = t
		}
	}
	if at.open && !closed {
		r.hidden = true
		r.cutOff = r.cutOff || subtype == "mixed"
	}
	return best
}

// notFiles are parts that come with a mail by themselves.
var notFiles = []string{
	"text/calendar", "application/ics", "application/pgp-signature", "application/pgp-keys", "application/pkcs7-signature",
	"application/x-pkcs7-signature", "application/ms-tnef", "text/rfc822-headers", "message/delivery-status",
}

// file reports whether a part is a file that somebody sent along. A picture that a
// text shows is none.
func (r *bodyReader) file(f fields, kind string, p map[string]string, at place) bool {
	disposition, _, _ := strings.Cut(f.first("content-disposition"), ";")
	attached := strings.EqualFold(strings.TrimSpace(disposition), "attachment")
	switch {
	case slices.Contains(notFiles, kind):
		return false
	case attached, kind == "message/rfc822":
		return true
	case at.within == "related" && f.has("content-id"):
		return false
	}
	name := parameters(f.first("content-disposition"))["filename"]
	return name != "" || p["name"] != "" && !strings.HasPrefix(kind, "text/")
}

// saysHTML is for HTML that a program sends as plain text.
var saysHTML = regexp.MustCompile(`(?i)^\s*<(?:!doctype html|html)\b`)

// text reads a text part, nil if there is nothing in it.
func (r *bodyReader) text(f fields, body []byte, kind string, p map[string]string, at place) *textPart {
	t := &textPart{plain: kind == "text/plain", open: at.open}
	limit := len(body)
	if t.plain {
		limit = maxWritten
	}
	b, ok := decodeTransfer(f.first("content-transfer-encoding"), body, limit)
	if !ok {
		r.Unreadable = "its transfer encoding is unknown"
		return nil
	}
	if !t.plain || saysHTML.Match(b) {
		name := p["charset"]
		if m := metaCharset.FindSubmatch(b[:min(len(b), 2048)]); name == "" && m != nil {
			name = string(m[1])
		}
		t.text, t.linked = htmlText(decodeText(name, b))
	} else {
		t.text = strings.ReplaceAll(decodeText(p["charset"], b), "\r\n", "\n")
		if strings.EqualFold(p["format"], "flowed") {
			t.text = unflow(t.text, strings.EqualFold(p["delsp"], "yes"))
		}
		t.text = cutText(t.text)
	}
	t.open = t.open && len(t.text) < maxText-utf8.UTFMax
	if strings.TrimSpace(t.text) == "" {
		return nil
	}
	return t
}

// cutText cuts a text to its bound, between characters.
func cutText(s string) string {
	if len(s) <= maxText {
		return s
	}
	n := maxText
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// metaCharset is the charset that a page of HTML names.
var metaCharset = regexp.MustCompile(`(?i)<meta\b[^>]{0,200}\bcharset\s*=\s*["']?([^\s"'/>;]+)`)

// decodeText reads text in the charset it names. Text that is UTF-8 is read so
// whatever it names, if that could be it by its bytes alone; what is in no known
// charset is read as toUTF8 does.
func decodeText(name string, b []byte) string {
	name = strings.ToLower(name)
	if singleByte.MatchString(name) && multibyte(b) {
		name = ""
	}
	if s, ok := decodeBytes(name, b); ok {
		return s
	}
	return toUTF8(b)
}

// singleByte are charsets in which every text can be written that is UTF-8: what is
// said to be in one of them and is valid UTF-8 is not in it.
var singleByte = regexp.MustCompile(`^(iso-?8859|windows-125|cp-?125|latin|ansi)`)

// multibyte reports whether b is UTF-8 with characters beyond ASCII. The last one
// may be cut.
func multibyte(b []byte) bool {
	for range utf8.UTFMax - 1 {
		if r, n := utf8.DecodeLastRune(b); r == utf8.RuneError && n == 1 {
			b = b[:len(b)-1]
		}
	}
	return utf8.Valid(b) && utf8.RuneCount(b) < len(b)
}

// decodeTransfer undoes a transfer encoding (RFC 2045 section 6) and keeps what it
// can of a body that is cut or broken. It gives no more than some limit bytes.
func decodeTransfer(encoding string, b []byte, limit int) ([]byte, bool) {
	switch encoding = strings.ToLower(encoding); {
	case encoding == "quoted-printable":
		return decodeQuoted(b[:min(len(b), 3*limit)]), true
	case encoding == "base64":
		return decodeBase64(b[:min(len(b), 2*limit)]), true
	case strings.HasPrefix(encoding, "x-"), strings.HasPrefix(encoding, "uu"):
		return nil, false
	}
	return b[:min(len(b), limit)], true // 7bit, 8bit, binary, and what is none
}

func decodeQuoted(b []byte) []byte {
	code := make([]byte, 0, len(b))
	for _, c := range b {
		if c >= ' ' && c != 0x7f || c == '\t' || c == '\n' { // another control character would end it
			code = append(code, c)
		}
	}
	// So would a line that is longer than the buffer.
	r := quotedprintable.NewReader(bufio.NewReaderSize(bytes.NewReader(code), len(code)+1))
	d, _ := io.ReadAll(r) // cut or broken: what was read is kept
	return d
}

// decodeBase64 passes over line ends and whatever else is no base64.
func decodeBase64(b []byte) []byte {
	code := make([]byte, 0, len(b))
	for _, c := range b {
		if c == '=' {
			break
		}
		if c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '+' || c == '/' {
			code = append(code, c)
		}
	}
	if len(code)%4 == 1 { // cut
		code = code[:len(code)-1]
	}
	d := make([]byte, base64.RawStdEncoding.DecodedLen(len(code)))
	n, _ := base64.RawStdEncoding.Decode(d, code) // nothing but its alphabet is left
	return d[:n]
}
