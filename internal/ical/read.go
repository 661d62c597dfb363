package ical

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"
)

// Parse reads one calendar object. It fails only for data that is too large,
// too deep or has no component at all; a bad line is skipped with a warning,
// a missing END is assumed.
func Parse(data []byte) (*Calendar, error) {
	d, err := parse(data)
	if err != nil {
		return nil, err
	}
	return d.cal, nil
}

// extent is a range of octets in the object.
type extent struct{ start, end int }

// document is a calendar with the place of everything in the octets it came from.
type document struct {
	cal   *Calendar
	stack []*Component
	kept  int                     // properties
	whole map[*Component]extent   // from BEGIN to behind END
	body  map[*Component]int      // end of the last line before END
	props map[*Component][]extent // parallel to Props
}

// line is a content line, unfolded, with its place.
type line struct {
	text   string
	number int
	at     extent
}

func parse(data []byte) (*document, error) {
	if len(data) > MaxSize {
		return nil, ErrTooLarge
	}
	d := &document{
		cal:   &Calendar{},
		whole: map[*Component]extent{},
		body:  map[*Component]int{},
		props: map[*Component][]extent{},
	}
	for l := range lines(data) {
		p, err := parseLine(l.text)
		if err != nil {
			d.warn(l.number, err.Error())
			continue
		}
		switch p.Name {
		case "BEGIN":
			if err := d.begin(strings.ToUpper(strings.TrimSpace(p.Value)), l); err != nil {
				return nil, err
			}
		case "END":
			d.end(strings.ToUpper(strings.TrimSpace(p.Value)), l)
		default:
			d.prop(p, l)
		}
	}
	for len(d.stack) > 0 {
		d.warn(0, d.missing())
		d.pop(len(data), len(data))
	}
	if len(d.cal.Components) == 0 {
		return nil, ErrNoCalendar
	}
	return d, nil
}

func (d *document) warn(number int, text string) {
	if len(d.cal.Warnings) < maxWarnings {
		d.cal.Warnings = append(d.cal.Warnings, Warning{Line: number, Text: text})
	}
}

// missing says that the innermost component is not closed. It quotes only names
// that are known.
func (d *document) missing() string {
	switch name := d.stack[len(d.stack)-1].Name; {
	case outermost(name), name == "VCALENDAR", name == "VALARM", name == "STANDARD", name == "DAYLIGHT":
		return "END:" + name + " missing"
	}
	return "END missing"
}

// pop closes the innermost component, whose last line ends at body and which
// itself ends at end.
func (d *document) pop(body, end int) {
	top := d.stack[len(d.stack)-1]
	d.stack = d.stack[:len(d.stack)-1]
	d.body[top] = body
	d.whole[top] = extent{d.whole[top].start, end}
}

func (d *document) begin(name string, l line) error {
	if name == "VCALENDAR" || outermost(name) {
		// These never lie in each other: what is still open lost its END.
		for len(d.stack) > 0 && (name == "VCALENDAR" || d.stack[len(d.stack)-1].Name != "VCALENDAR") {
			d.warn(l.number, d.missing())
			d.pop(l.at.start, l.at.start)
		}
	}
	if len(d.stack) >= MaxDepth {
		return ErrTooDeep
	}
	c := &Component{Name: name}
	if len(d.stack) == 0 {
		d.cal.Components = append(d.cal.Components, c)
	} else {
		top := d.stack[len(d.stack)-1]
		top.Children = append(top.Children, c)
	}
	d.stack = append(d.stack, c)
	d.whole[c] = l.at
	return nil
}

func outermost(name string) bool {
	switch name {
	case "VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY", "VTIMEZONE":
		return true
	}
	return false
}

func (d *document) end(name string, l line) {
	i := len(d.stack) - 1
	for i >= 0 && d.stack[i].Name != name {
		i--
	}
	if i < 0 {
		d.warn(l.number, "END without BEGIN")
		return
	}
	for len(d.stack) > i+1 {
		d.warn(l.number, d.missing())
		d.pop(l.at.start, l.at.start)
	}
	d.pop(l.at.start, l.at.end)
}

func (d *document) prop(p Prop, l line) {
	if len(d.stack) == 0 {
		d.warn(l.number, "property outside a component")
		return
	}
	if d.kept++; d.kept > maxProps {
		d.warn(l.number, "too many properties")
		return
	}
	top := d.stack[len(d.stack)-1]
	top.Props = append(top.Props, p)
	d.props[top] = append(d.props[top], l.at)
}

// lines unfolds the object. Lines may end in CRLF, LF, or, if there is no LF at
// all, CR.
func lines(data []byte) func(yield func(line) bool) {
	eol := byte('\n')
	if bytes.IndexByte(data, '\n') < 0 {
		eol = '\r'
	}
	return func(yield func(line) bool) {
		var cur line
		var text []byte
		open := false
		at := 0
		if bytes.HasPrefix(data, []byte("\ufeff")) {
			at = len("\ufeff")
		}
		for number := 1; at < len(data); number++ {
			end := len(data)
			if i := bytes.IndexByte(data[at:], eol); i >= 0 {
				end = at + i + 1
			}
			raw := bytes.TrimRight(data[at:end], "\r\n")
			switch {
			case open && len(raw) > 0 && (raw[0] == ' ' || raw[0] == '\t'):
				text = append(text, raw[1:]...)
				cur.at.end = end
			case len(bytes.TrimSpace(raw)) == 0:
				// A blank line ends nothing and says nothing.
			default:
				if open {
					cur.text = decode(text)
					if !yield(cur) {
						return
					}
				}
				open = true
				text = append(text[:0], raw...)
				cur = line{number: number, at: extent{at, end}}
			}
			at = end
		}
		if open {
			cur.text = decode(text)
			yield(cur)
		}
	}
}

// decode takes octets that are not UTF-8 for ISO 8859-1, line by line.
func decode(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	r := make([]rune, len(b))
	for i, c := range b {
		r[i] = rune(c)
	}
	return string(r)
}

var (
	errNoName  = errors.New("no property name")
	errNoColon = errors.New("no colon")
)

func parseLine(l string) (Prop, error) {
	i := strings.IndexAny(l, ";:")
	if i <= 0 {
		return Prop{}, errNoName
	}
	p := Prop{Name: strings.ToUpper(strings.TrimSpace(l[:i]))}
	if !isName(p.Name) {
		return Prop{}, errNoName
	}
	for i < len(l) && l[i] == ';' {
		end, param, ok := parseParam(l, i+1)
		if ok && len(p.Params) < maxParams {
			p.Params = append(p.Params, param)
		}
		i = end
	}
	if i >= len(l) {
		return Prop{}, errNoColon
	}
	p.Value = l[i+1:]
	return p, nil
}

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_' && c != '.' && c != '/' {
			return false
		}
	}
	return s != ""
}

// parseParam reads the parameter that starts at i and returns where it ends. A
// quote that is never closed is an ordinary character.
func parseParam(l string, i int) (end int, p Param, ok bool) {
	end, eq, commas, closed := scanParam(l, i, true)
	if !closed {
		end, eq, commas, _ = scanParam(l, i, false)
	}
	if eq < 0 {
		return end, Param{}, false
	}
	p.Name = strings.ToUpper(strings.TrimSpace(l[i:eq]))
	from := eq + 1
	for _, c := range append(commas, end)[:min(len(commas)+1, maxParams)] {
		p.Values = append(p.Values, paramValue(l[from:c]))
		from = c + 1
	}
	return end, p, true
}

func scanParam(l string, i int, quotes bool) (end, eq int, commas []int, closed bool) {
	quoted := false
	eq = -1
	for ; i < len(l); i++ {
		switch c := l[i]; {
		case c == '"' && quotes:
			quoted = !quoted
		case quoted:
		case c == '=' && eq < 0:
			eq = i
		case c == ',' && eq >= 0 && len(commas) <= maxParams:
			commas = append(commas, i)
		case c == ';' || c == ':':
			return i, eq, commas, true
		}
	}
	return len(l), eq, commas, !quoted
}

var caret = strings.NewReplacer("^n", "\n", "^N", "\n", "^^", "^", "^'", `"`)

// paramValue takes the quotes off and undoes RFC 6868.
func paramValue(s string) string {
	s = strings.TrimSpace(s)
	if len(s) > 1 && s[0] == '"' && s[len(s)-1] == '"' {
		s = s[1 : len(s)-1]
	}
	return caret.Replace(s)
}
