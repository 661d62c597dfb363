package webdav

import (
	"bufio"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Node is an element of a property. Text is the character data directly in it.
type Node struct {
	Name     xml.Name
	Attr     []xml.Attr
	Text     string
	Children []*Node
}

// Child returns the first child of that name, or nil.
func (n *Node) Child(name xml.Name) *Node {
	if n == nil {
		return nil
	}
	for _, c := range n.Children {
		if c.Name == name {
			return c
		}
	}
	return nil
}

func davName(local string) xml.Name { return xml.Name{Space: "DAV:", Local: local} }

// decoder reads XML with bounds: depth, and through its reader, size.
type decoder struct {
	dec   *xml.Decoder
	depth int
}

// newDecoder reads XML that need not be quite well-formed. limit may be nil.
func newDecoder(r io.Reader, limit *allowance) *xml.Decoder {
	if limit != nil {
		limit.r = r
		r = limit
	}
	dec := xml.NewDecoder(&mender{r: bufio.NewReader(r)})
	dec.Strict = false
	// Octets that are not UTF-8 are taken for ISO 8859-1 whatever is declared.
	dec.CharsetReader = func(_ string, in io.Reader) (io.Reader, error) { return in, nil }
	return dec
}

// token returns the next token. A document type is refused: no DAV answer has
// one, and only there entities could be declared.
func (d *decoder) token() (xml.Token, error) {
	tok, err := d.dec.Token()
	if err != nil {
		if s := (*xml.SyntaxError)(nil); errors.As(err, &s) {
			return nil, fmt.Errorf("%w: XML line %d", ErrMalformed, s.Line)
		}
		return nil, err
	}
	switch tok.(type) {
	case xml.Directive:
		return nil, fmt.Errorf("%w: document type declared", ErrMalformed)
	case xml.StartElement:
		if d.depth++; d.depth > maxDepth {
			return nil, fmt.Errorf("%w: elements nested too deeply", ErrMalformed)
		}
	case xml.EndElement:
		d.depth--
	}
	return tok, nil
}

// node reads the rest of the element that start opened. It does not recurse.
func (d *decoder) node(start xml.StartElement) (*Node, error) {
	root := &Node{Name: start.Name, Attr: start.Attr}
	stack := []*Node{root}
	texts := []*strings.Builder{{}}
	for len(stack) > 0 {
		tok, err := d.token()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil, err
		}
		top := len(stack) - 1
		switch t := tok.(type) {
		case xml.StartElement:
			n := &Node{Name: t.Name, Attr: t.Attr}
			stack[top].Children = append(stack[top].Children, n)
			stack, texts = append(stack, n), append(texts, &strings.Builder{})
		case xml.EndElement:
			stack[top].Text = texts[top].String()
			stack, texts = stack[:top], texts[:top]
		case xml.CharData:
			_, _ = texts[top].Write(t) // a Builder does not fail
		}
	}
	return root, nil
}

// allowance lets through so many octets until it is renewed.
type allowance struct {
	r    io.Reader
	left int
}

func (a *allowance) Read(p []byte) (int, error) {
	if a.left <= 0 {
		return 0, ErrTooLarge
	}
	n, err := a.r.Read(p[:min(len(p), a.left)])
	a.left -= n
	return n, err
}

// mender makes octets into characters that XML allows: control characters, also
// written as references, become spaces, and octets that are not UTF-8 are taken
// for ISO 8859-1. Servers pass on what programs once stored, and one object must
// not spoil a listing.
type mender struct {
	r       *bufio.Reader
	pending []byte
}

// Read implements io.Reader.
func (m *mender) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		b, err := m.ReadByte()
		if err != nil {
			if n > 0 {
				return n, nil
			}
			return 0, err
		}
		p[n] = b
		n++
		if m.r.Buffered() == 0 && len(m.pending) == 0 {
			break
		}
	}
	return n, nil
}

// ReadByte implements io.ByteReader, which xml.Decoder prefers.
func (m *mender) ReadByte() (byte, error) {
	if len(m.pending) > 0 {
		b := m.pending[0]
		m.pending = m.pending[1:]
		return b, nil
	}
	b, err := m.r.ReadByte()
	switch {
	case err != nil:
		return 0, err
	case b == '&':
		return m.reference()
	case b < ' ' && b != '\t' && b != '\n' && b != '\r':
		return ' ', nil
	case b < utf8.RuneSelf:
		return b, nil
	}
	return m.character(b)
}

// character takes the rest of a character that begins with b.
func (m *mender) character(b byte) (byte, error) {
	buf := [utf8.UTFMax]byte{b}
	more, _ := m.r.Peek(utf8.UTFMax - 1) // may be short at the end
	n := 1 + copy(buf[1:], more)
	r, size := utf8.DecodeRune(buf[:n])
	if r == utf8.RuneError && size <= 1 {
		m.pending = append(m.pending[:0], string(rune(b))...)
	} else {
		_, _ = m.r.Discard(size - 1)
		if r == '\ufffe' || r == '\uffff' {
			return ' ', nil
		}
		m.pending = append(m.pending[:0], buf[:size]...)
	}
	return m.ReadByte()
}

// reference replaces a character reference that XML forbids. Others stay.
func (m *mender) reference() (byte, error) {
	ahead, _ := m.r.Peek(10)
	text, _, ok := strings.Cut(string(ahead), ";")
	digits, isRef := strings.CutPrefix(text, "#")
	if !ok || !isRef {
		return '&', nil
	}
	base := 10
	if hex := strings.TrimPrefix(strings.ToLower(digits), "x"); hex != digits {
		digits, base = hex, 16
	}
	n, err := strconv.ParseUint(digits, base, 32)
	if err == nil && (n == '\t' || n == '\n' || n == '\r' || n >= ' ' && n < 0xd800 || n >= 0xe000 && n < 0xfffe || n >= 0x10000 && n <= 0x10ffff) {
		return '&', nil
	}
	_, _ = m.r.Discard(len(text) + 1)
	return ' ', nil
}
