// Package ical reads iCalendar (RFC 5545) leniently and boundedly, with its
// zones and recurrences, and writes it strictly. It does no I/O: what it cannot
// read in an object costs one line or one event, is listed in Warnings, and
// never the rest; time and memory are bounded for any input.
package ical

import (
	"errors"
	"strings"
	_ "time/tzdata" // zones must not depend on what the machine has installed
)

// Bounds of Parse.
const (
	MaxSize  = 1 << 20 // octets of one calendar object
	MaxDepth = 16      // components inside each other

	maxWarnings = 100
	maxProps    = 50_000 // of an object
	maxParams   = 1_000  // of a line, and values of one; what is more is left out
)

// ErrTooLarge is returned for an object over MaxSize, ErrTooDeep for one over
// MaxDepth, ErrNoCalendar for data without any component.
var (
	ErrTooLarge   = errors.New("calendar object too large")
	ErrTooDeep    = errors.New("components nested too deeply")
	ErrNoCalendar = errors.New("no iCalendar data")
)

// Calendar is one calendar object as it was read.
type Calendar struct {
	Components []*Component // at the top: normally one VCALENDAR
	Warnings   []Warning    // lines that were skipped; at most 100
}

// Warning says which line was skipped and why. It quotes nothing of the line.
type Warning struct {
	Line int // 1 is the first; 0 if no line is to blame
	Text string
}

// Component is a part between BEGIN and END.
type Component struct {
	Name     string // upper case
	Props    []Prop
	Children []*Component
}

// Prop is one content line.
type Prop struct {
	Name   string // upper case
	Params []Param
	Value  string // raw, still escaped: see Text
}

// Param is a parameter of a content line, its values without quotes.
type Param struct {
	Name   string // upper case
	Values []string
}

// Prop returns the first property of that name, or nil.
func (c *Component) Prop(name string) *Prop {
	for i := range c.Props {
		if c.Props[i].Name == name {
			return &c.Props[i]
		}
	}
	return nil
}

// Text returns the unescaped value of the first property of that name, or "".
func (c *Component) Text(name string) string {
	if p := c.Prop(name); p != nil {
		return p.Text()
	}
	return ""
}

// Param returns the first value of the parameter, or "".
func (p Prop) Param(name string) string {
	for _, a := range p.Params {
		if a.Name == name && len(a.Values) > 0 {
			return a.Values[0]
		}
	}
	return ""
}

// Text returns the value as TEXT (RFC 5545 section 3.3.11), without its escapes.
func (p Prop) Text() string { return unescape(p.Value) }

// token returns the value as a keyword: upper case, no white space around it.
func (c *Component) token(name string) string {
	return strings.ToUpper(strings.TrimSpace(c.Text(name)))
}
