package ical

import (
	"fmt"
	"net/url"
	"strings"
	"time"
)

// Event is a VEVENT. Fields are zero where the object does not say.
type Event struct {
	UID          string
	Sequence     int
	Summary      string
	Description  string
	Location     string
	Status       string // upper case
	Class        string // upper case
	Transp       string // upper case
	URL          string
	Organizer    Attendee
	Attendees    []Attendee
	Categories   []string
	Start, End   Time // of one kind; End is never before Start; an all-day End is the day after the last
	RRules       []string
	ExRules      []string // of RFC 2445
	RDates       []Span
	ExDates      []Time
	RecurrenceID Time // zero: the master
	Following    bool // RANGE=THISANDFUTURE: all later instances too
	Created      time.Time
	LastModified time.Time
	DTStamp      time.Time
	Alarms       int    // how many VALARMs
	ProdID       string // of the calendar
	Method       string // of the calendar
	Raw          *Component
}

// Span is an RDATE. End is zero where the length of the event applies.
type Span struct{ Start, End Time }

// Attendee is an ATTENDEE or ORGANIZER.
type Attendee struct {
	Address  string // lower case, without mailto:; empty if there is none
	Name     string // CN
	PartStat string // upper case
	CUType   string // upper case
	Role     string // upper case
}

const maxDates = 5000 // RDATEs, and EXDATEs, of one event

// Events returns the events of the calendar. One without a readable DTSTART or
// RECURRENCE-ID is left out, with a warning; other values that make no sense
// cost only themselves.
func (c *Calendar) Events() ([]Event, []Warning) {
	var list []Event
	var warnings []Warning
	all := newLookups()
	for _, top := range c.Components {
		z := newZones(top, all)
		candidates := top.Children
		if top.Name != "VCALENDAR" { // the wrapper is missing
			candidates = []*Component{top}
		}
		for _, e := range candidates {
			if e.Name != "VEVENT" {
				continue
			}
			b := builder{zones: z, c: e}
			if b.read(top) {
				list = append(list, b.e)
			}
			warnings = append(warnings, b.warnings...)
		}
	}
	return list, warnings[:min(len(warnings), maxWarnings)]
}

// builder reads one VEVENT.
type builder struct {
	zones    *zones
	c        *Component
	e        Event
	warnings []Warning
}

func (b *builder) warn(format string, args ...any) {
	if len(b.warnings) < maxWarnings {
		b.warnings = append(b.warnings, Warning{Text: fmt.Sprintf(format, args...)})
	}
}

func (b *builder) read(top *Component) bool {
	c := b.c
	b.e = Event{
		UID:          strings.TrimSpace(c.Text("UID")),
		Summary:      c.Text("SUMMARY"),
		Description:  c.Text("DESCRIPTION"),
		Location:     c.Text("LOCATION"),
		Status:       c.token("STATUS"),
		Class:        c.token("CLASS"),
		Transp:       c.token("TRANSP"),
		Created:      stamp(c.Prop("CREATED")),
		LastModified: stamp(c.Prop("LAST-MODIFIED")),
		DTStamp:      stamp(c.Prop("DTSTAMP")),
		ProdID:       top.Text("PRODID"),
		Method:       top.token("METHOD"),
		Raw:          c,
	}
	if p := c.Prop("URL"); p != nil {
		b.e.URL = strings.TrimSpace(p.Value)
	}
	if s := strings.TrimSpace(c.Text("SEQUENCE")); digits(s) && len(s) < 10 {
		b.e.Sequence = atoi(s)
	}
	for _, child := range c.Children {
		if child.Name == "VALARM" {
			b.e.Alarms++
		}
	}
	b.properties()
	return b.times()
}

// stamp reads a property that is always in UTC; a missing Z is forgiven.
func stamp(p *Prop) time.Time {
	if p == nil {
		return time.Time{}
	}
	t, err := parseTime(p.Value, time.UTC)
	if err != nil {
		return time.Time{}
	}
	return t.In(time.UTC)
}

func (b *builder) properties() {
	for _, p := range b.c.Props {
		switch p.Name {
		case "ORGANIZER":
			b.e.Organizer = attendee(p)
		case "ATTENDEE":
			b.e.Attendees = append(b.e.Attendees, attendee(p))
		case "CATEGORIES":
			b.e.Categories = append(b.e.Categories, splitList(p.Value)...)
		case "RRULE":
			b.e.RRules = append(b.e.RRules, p.Value)
		case "EXRULE":
			b.e.ExRules = append(b.e.ExRules, p.Value)
		case "RDATE":
			b.rdates(p)
		case "EXDATE":
			b.exdates(p)
		}
	}
}

func attendee(p Prop) Attendee {
	return Attendee{
		Address:  address(p),
		Name:     strings.TrimSpace(p.Param("CN")),
		PartStat: strings.ToUpper(p.Param("PARTSTAT")),
		CUType:   strings.ToUpper(p.Param("CUTYPE")),
		Role:     strings.ToUpper(p.Param("ROLE")),
	}
}

// address returns the mail address of a calendar user. Servers that put a
// principal or a urn there give the address in EMAIL.
func address(p Prop) string {
	for _, s := range []string{p.Value, p.Param("EMAIL")} {
		s = strings.TrimSpace(s)
		if len(s) >= 7 && strings.EqualFold(s[:7], "mailto:") {
			s = s[7:]
			if u, err := url.PathUnescape(s); err == nil {
				s = u
			}
		}
		s = strings.ToLower(strings.Trim(Clean(s), " <>\n"))
		if strings.Contains(s, "@") && !strings.ContainsAny(s, "/ \n") {
			return s
		}
	}
	return ""
}

// value reads one date or time of a property with its TZID.
func (b *builder) value(p Prop, v string) (Time, error) {
	loc, ok := b.zones.find(strings.TrimSpace(p.Param("TZID")))
	if !ok {
		b.warn("%s: unknown time zone", p.Name)
	}
	t, err := parseTime(v, loc)
	if err == nil && t.kind != date && strings.EqualFold(p.Param("VALUE"), "DATE") {
		t = Time{wall: midnight(t.wall), kind: date}
	}
	return t, err
}

func (b *builder) times() bool {
	p := b.c.Prop("DTSTART")
	if p == nil {
		b.warn("VEVENT without DTSTART")
		return false
	}
	var err error
	if b.e.Start, err = b.value(*p, p.Value); err != nil {
		b.warn("DTSTART: %v", err)
		return false
	}
	b.e.End = b.end()
	if b.e.End.In(time.UTC).Before(b.e.Start.In(time.UTC)) {
		b.warn("DTEND before DTSTART")
		b.e.End = length{days: dateDays(b.e.Start)}.addTo(b.e.Start)
	}
	if p := b.c.Prop("RECURRENCE-ID"); p != nil {
		if b.e.RecurrenceID, err = b.value(*p, p.Value); err != nil {
			b.warn("RECURRENCE-ID: %v", err)
			return false
		}
		b.e.Following = strings.EqualFold(p.Param("RANGE"), "THISANDFUTURE")
	}
	return true
}

// dateDays is the default length (RFC 5545 section 3.6.1): a day for a date,
// nothing for a time.
func dateDays(t Time) int {
	if t.IsDate() {
		return 1
	}
	return 0
}

func (b *builder) end() Time {
	start := b.e.Start
	if p := b.c.Prop("DTEND"); p != nil {
		t, err := b.value(*p, p.Value)
		switch {
		case err != nil:
			b.warn("DTEND: %v", err)
		case t.Equal(start) && start.IsDate(): // seen from many programs, and meant as one day
		default:
			return endOf(start, t)
		}
	} else if p := b.c.Prop("DURATION"); p != nil {
		l, err := parseDuration(p.Value)
		if err == nil {
			if start.IsDate() {
				l = length{days: max(1, l.days+int(l.exact/(24*time.Hour)))}
			}
			return l.addTo(start)
		}
		b.warn("DURATION: %v", err)
	}
	return length{days: dateDays(start)}.addTo(start)
}

// endOf returns an end as its start is, since programs mix them up: on the clock
// of a time, or as a later date.
func endOf(start, end Time) Time {
	switch {
	case end.kind == start.kind:
		return end
	case !start.IsDate():
		return start.withWall(end.wall)
	case end.wall.Before(start.wall.Add(oneDay)):
		return length{days: 1}.addTo(start)
	}
	return Time{wall: midnight(end.wall), kind: date}
}

func (b *builder) rdates(p Prop) {
	for v := range strings.SplitSeq(p.Value, ",") {
		if len(b.e.RDates) >= maxDates {
			b.warn("too many RDATEs")
			return
		}
		from, until, period := strings.Cut(v, "/")
		start, err := b.value(p, from)
		if err != nil {
			b.warn("RDATE: %v", err)
			continue
		}
		s := Span{Start: start}
		if period {
			if l, err := parseDuration(until); err == nil {
				s.End = l.addTo(start)
			} else if t, err := b.value(p, until); err != nil || endOf(start, t).In(time.UTC).Before(start.In(time.UTC)) {
				b.warn("RDATE: no valid period")
			} else {
				s.End = endOf(start, t)
			}
		}
		b.e.RDates = append(b.e.RDates, s)
	}
}

func (b *builder) exdates(p Prop) {
	for v := range strings.SplitSeq(p.Value, ",") {
		if strings.TrimSpace(v) == "" {
			continue
		}
		if len(b.e.ExDates) >= maxDates {
			b.warn("too many EXDATEs")
			return
		}
		t, err := b.value(p, v)
		if err != nil {
			b.warn("EXDATE: %v", err)
			continue
		}
		b.e.ExDates = append(b.e.ExDates, t)
	}
}
