package ical

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNoEvent is returned by Edit if the object holds no such event.
var ErrNoEvent = errors.New("no event with this UID")

// Fields says what Edit sets. Nil leaves a property as it is, an empty text
// removes it.
type Fields struct {
	Summary      *string
	Description  *string
	Status       *string
	URL          *string
	Sequence     *int
	Stamp        *time.Time // DTSTAMP
	LastModified *time.Time
	// Start and End move the event. Each is written as the object has it, in the
	// zone that is named there; an event without DTEND keeps its length anyway.
	Start, End   *Time
	RemoveAlarms bool
}

// twins are the properties that hold the description a second time, in HTML.
var twins = []string{"X-ALT-DESC", "STYLED-DESCRIPTION"}

// change replaces octets of the object.
type change struct {
	at   extent
	text string
}

// Edit sets properties of the event with that UID (the master of a series) in
// an object that may have been written by anybody. Every other line stays as it
// is, octet for octet: the alarms, colours and X- properties of people and
// their programs. A new description takes the HTML twins of the old one away. A
// METHOD always goes, since it would make the object a message to others (RFC
// 5546 section 1.4), and so does an alarm that mails somebody (RFC 5545 section
// 3.6.6).
func Edit(raw []byte, uid string, set Fields) ([]byte, error) {
	d, err := parse(raw)
	if err != nil {
		return nil, err
	}
	event := d.event(uid)
	if event == nil {
		return nil, ErrNoEvent
	}
	eol := lineEnd(raw)
	var changes []change
	var added string
	for _, p := range set.lines() {
		text := ""
		if p.Value != "" {
			text = string(fold(nil, p.Name+":"+p.Value, eol))
		}
		for i, old := range event.Props {
			if old.Name == p.Name {
				changes = append(changes, change{d.props[event][i], text})
				text = "" // a second one would contradict the first
			}
		}
		added += text
	}
	for name, t := range map[string]*Time{"DTSTART": set.Start, "DTEND": set.End} {
		for i, old := range event.Props {
			if t != nil && old.Name == name {
				changes = append(changes, change{d.props[event][i], string(fold(nil, timeLine(old, *t), eol))})
			}
		}
	}
	for _, top := range d.cal.Components {
		for i, old := range top.Props {
			if old.Name == "METHOD" {
				changes = append(changes, change{d.props[top][i], ""})
			}
		}
	}
	for _, c := range event.Children {
		if c.Name == "VALARM" && (set.RemoveAlarms || c.Prop("ATTENDEE") != nil) {
			changes = append(changes, change{d.whole[c], ""})
		}
	}
	if added != "" {
		at := d.firstChild(event)
		if at > 0 && raw[at-1] != '\n' && raw[at-1] != '\r' {
			added = eol + added
		}
		changes = append(changes, change{extent{at, at}, added})
	}
	return apply(raw, changes)
}

// lineEnd returns how the lines of the object end.
func lineEnd(raw []byte) string {
	switch first := bytes.IndexByte(raw, '\n'); {
	case first < 0 && bytes.IndexByte(raw, '\r') >= 0:
		return "\r"
	case first > 0 && raw[first-1] != '\r':
		return "\n"
	}
	return "\r\n"
}

func (d *document) event(uid string) *Component {
	for _, top := range d.cal.Components {
		for _, c := range append([]*Component{top}, top.Children...) {
			if c.Name == "VEVENT" && strings.TrimSpace(c.Text("UID")) == uid && c.Prop("RECURRENCE-ID") == nil {
				return c
			}
		}
	}
	return nil
}

// firstChild returns where the properties of the component end.
func (d *document) firstChild(c *Component) int {
	if len(c.Children) > 0 {
		return d.whole[c.Children[0]].start
	}
	return d.body[c]
}

// lines returns the properties to set, with values ready to write.
func (f Fields) lines() []Prop {
	var list []Prop
	add := func(name, value string) { list = append(list, Prop{Name: name, Value: value}) }
	if f.Stamp != nil {
		add("DTSTAMP", At(f.Stamp.UTC()).String())
	}
	if f.LastModified != nil {
		add("LAST-MODIFIED", At(f.LastModified.UTC()).String())
	}
	if f.Sequence != nil {
		add("SEQUENCE", strconv.Itoa(max(0, *f.Sequence)))
	}
	if f.Summary != nil {
		add("SUMMARY", escape(*f.Summary))
	}
	if f.Description != nil {
		add("DESCRIPTION", escape(*f.Description))
		for _, twin := range twins {
			add(twin, "") // it would go on saying what the text was
		}
	}
	if f.Status != nil {
		add("STATUS", escape(strings.ReplaceAll(*f.Status, "\n", "")))
	}
	if f.URL != nil {
		add("URL", cleanURL(*f.URL))
	}
	return list
}

// timeLine is a DTSTART or DTEND in the form of the old one. A zone whose name
// would have to be written in another way than it was read is left for UTC.
func timeLine(old Prop, t Time) string {
	tzid := old.Param("TZID")
	switch {
	case t.IsDate():
		return old.Name + ";VALUE=DATE:" + t.String()
	case t.IsFloating() || tzid == "" || strings.ContainsAny(tzid, "\"^\r\n"):
		return old.Name + ":" + t.String()
	case strings.ContainsAny(tzid, ":;,"):
		tzid = `"` + tzid + `"`
	}
	return old.Name + ";TZID=" + tzid + ":" + t.wall.Format("20060102T150405")
}

// apply makes the changes, which do not overlap.
func apply(raw []byte, changes []change) ([]byte, error) {
	slices.SortStableFunc(changes, func(a, b change) int {
		return cmp.Or(a.at.start-b.at.start, a.at.end-b.at.end) // an insertion before what it precedes
	})
	var out []byte
	done := 0
	for _, c := range changes {
		if c.at.start < done {
			continue
		}
		out = append(out, raw[done:c.at.start]...)
		out = append(out, c.text...)
		done = c.at.end
	}
	out = append(out, raw[done:]...)
	if len(out) > MaxSize {
		return nil, ErrTooLarge
	}
	return out, nil
}
