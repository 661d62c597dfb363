package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// node is a value of the document that knows where it stands. The library's
// own decoder stops at the first value of a wrong type and forgets positions,
// so it only parses here.
type node struct {
	kind unstable.Kind // Table, Array, ArrayTable or the kind of a scalar
	text string        // of a scalar, unquoted
	at   int           // offset of the value, or of the key for a table or list
	key  int           // offset of the key

	keys   []string // of a table, in order
	table  map[string]*node
	items  []*node // of an array
	header bool    // the table was opened by its own [header]
}

func newTable(offset int) *node {
	return &node{kind: unstable.Table, at: offset, key: offset, table: map[string]*node{}}
}

func (n *node) isList() bool { return n.kind == unstable.Array || n.kind == unstable.ArrayTable }

// put adds a child to a table.
func (n *node) put(name string, child *node) {
	n.keys = append(n.keys, name)
	n.table[name] = child
}

// document is a parsed file: its tree and the errors found so far.
type document struct {
	name   string
	data   []byte
	root   *node
	table  *node // that the last header opened
	errs   Errors
	broken bool // parts could not be parsed: nothing may be concluded from what is missing
}

// errorf records an error at an offset.
func (d *document) errorf(offset int, format string, args ...any) {
	before := d.data[:min(max(offset, 0), len(d.data))]
	line := bytes.Count(before, []byte("\n")) + 1
	column := len(before) - (bytes.LastIndexByte(before, '\n') + 1) + 1
	d.errs = append(d.errs, &Error{File: d.name, Line: line, Column: column, Message: fmt.Sprintf(format, args...)})
}

// line returns the line number of an offset.
func (d *document) line(offset int) int { return bytes.Count(d.data[:offset], []byte("\n")) + 1 }

// parse reads the whole document. After a syntax error it goes on at the next
// line that looks like the start of a statement, so that all of them are found
// in one go.
func parse(name string, data []byte) *document {
	d := &document{name: name, data: data, root: newTable(0)}
	d.table = d.root
	for from := 0; from < len(data); {
		from = d.parseFrom(from)
	}
	d.broken = len(d.errs) > 0
	return d
}

// checkRest checks the rules of TOML that need the whole document or that the
// parser leaves open, which the library does best: extended inline tables, the
// digits of numbers.
func (d *document) checkRest() {
	var all map[string]any
	var wrong *toml.DecodeError
	if err := toml.Unmarshal(d.data, &all); errors.As(err, &wrong) {
		row, column := wrong.Position()
		d.errs = append(d.errs, &Error{File: d.name, Line: row, Column: column, Message: plain(wrong.Error())})
		d.broken = true
	} else if err != nil {
		d.errorf(0, "%s", plain(err.Error()))
		d.broken = true
	}
}

// parseFrom parses from an offset to the end or the first syntax error and
// returns where to go on.
func (d *document) parseFrom(from int) int {
	var p unstable.Parser
	p.Reset(d.data[from:])
	b := builder{document: d, base: from}
	for p.NextExpression() {
		b.add(p.Expression())
	}
	err := p.Error()
	if err == nil {
		return len(d.data)
	}
	offset := from
	if wrong, ok := errors.AsType[*unstable.ParserError](err); ok {
		// The highlight is a part of data: their capacities end at the same place.
		offset = cap(d.data) - cap(wrong.Highlight)
	}
	d.errorf(offset, "%s", plain(err.Error()))
	return d.resume(max(offset, from), from)
}

// statement is the start of a line that opens a table or means to set a key.
var statement = regexp.MustCompile(`(?m)^[ \t]*(\[|[A-Za-z_]|["'][^"'\n]*["'][ \t]*=)`)

// resume finds the offset of the next statement after an error. An error on
// the first character of a statement means that the one before it was left
// open: then this statement is not lost.
func (d *document) resume(offset, from int) int {
	line := bytes.LastIndexByte(d.data[:offset], '\n') + 1
	if line > from && len(bytes.TrimLeft(d.data[line:offset], " \t")) == 0 && statement.Match(firstLineOf(d.data[line:])) {
		return line
	}
	if bytes.HasPrefix(bytes.TrimLeft(d.data[line:], " \t"), []byte("[")) {
		d.table = newTable(line) // what follows belongs to a header nobody could read
	}
	next := bytes.IndexByte(d.data[offset:], '\n')
	if next < 0 {
		return len(d.data)
	}
	found := statement.FindIndex(d.data[offset+next+1:])
	if found == nil {
		return len(d.data)
	}
	return offset + next + 1 + found[0]
}

func firstLineOf(b []byte) []byte {
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return line
}

// found is how the parser quotes what it found. That may be part of a secret.
var found = regexp.MustCompile(`( but got|:)? U\+[0-9A-F]+( '.*?')?`)

// plain is the library's message in our words and without parts of the file.
func plain(message string) string {
	message = found.ReplaceAllString(strings.TrimPrefix(message, "toml: "), "")
	switch message {
	case "unexpected character at start of value", "strings must be quoted":
		return `the value is not valid; texts stand in quotes, like "text"`
	case "basic strings cannot have new lines", "unterminated basic string", "unterminated literal string", "literal strings cannot have new lines":
		return "the closing quote is missing"
	case "expected newline":
		return "there is something after the end of the value; each key stands on its own line"
	case "array is incomplete", "expected ',' or ']' after array value":
		return "the list is not complete: a comma or the closing ] is missing"
	}
	return message
}

// builder adds the parser's expressions to the tree.
type builder struct {
	*document
	base int // offset of what the parser was given
}

func (b *builder) add(e *unstable.Node) {
	switch e.Kind { //nolint:exhaustive // an expression is one of these
	case unstable.Table:
		b.table = b.open(e.Key(), false)
	case unstable.ArrayTable:
		b.table = b.open(e.Key(), true)
	case unstable.KeyValue:
		b.set(b.table, e)
	}
}

// open finds or makes the table that a header names. It never returns nil: the
// keys under a header that makes no sense go to a table of their own.
func (b *builder) open(keys unstable.Iterator, list bool) *node {
	n := b.root
	for keys.Next() {
		key := keys.Node()
		offset := b.base + int(key.Raw.Offset)
		name := string(key.Data)
		last := keys.IsLast()
		child := n.table[name]
		switch {
		case child == nil:
			child = newTable(offset)
			if last && list {
				child.kind = unstable.ArrayTable
			}
			n.put(name, child)
		case child.kind == unstable.ArrayTable && (!last || list):
		case child.kind != unstable.Table || (last && list):
			b.errorf(offset, "%q is already set as something else on line %d", name, b.line(child.key))
			return newTable(offset)
		case last && child.header:
			b.errorf(offset, "[%s] stands here a second time; the first is on line %d", name, b.line(child.key))
		}
		if last && !list {
			child.header = true
		}
		if child.kind == unstable.ArrayTable {
			if last && list {
				child.items = append(child.items, newTable(offset))
			}
			child = child.items[len(child.items)-1]
		}
		n = child
	}
	return n
}

// set puts the value of a key, dotted or not, into a table.
func (b *builder) set(n *node, e *unstable.Node) {
	keys := e.Key()
	for keys.Next() {
		key := keys.Node()
		offset := b.base + int(key.Raw.Offset)
		name := string(key.Data)
		child := n.table[name]
		switch {
		case keys.IsLast() && child != nil:
			b.errorf(offset, "%q is set a second time; the first is on line %d", name, b.line(child.key))
			return
		case keys.IsLast():
			n.put(name, b.value(e.Value(), offset))
			return
		case child == nil:
			child = newTable(offset)
			n.put(name, child)
		case child.kind != unstable.Table:
			b.errorf(offset, "%q is already set as something else on line %d", name, b.line(child.key))
			return
		}
		n = child
	}
}

// value turns a parsed value into a node; key is the offset of its key.
func (b *builder) value(v *unstable.Node, key int) *node {
	n := &node{kind: v.Kind, at: key, key: key}
	if v.Raw.Length > 0 {
		n.at = b.base + int(v.Raw.Offset)
	}
	switch v.Kind { //nolint:exhaustive // the others are scalars
	case unstable.Array:
		for it := v.Children(); it.Next(); {
			n.items = append(n.items, b.value(it.Node(), key))
		}
	case unstable.InlineTable:
		n.kind, n.header, n.table = unstable.Table, true, map[string]*node{}
		for it := v.Children(); it.Next(); {
			b.set(n, it.Node())
		}
	default:
		n.text = string(v.Data)
	}
	return n
}
