package ical

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ProdID names the writer in the objects it writes.
const ProdID = "-//syncd//syncd//EN"

// MarkerName is the property that carries Entry.Marker.
const MarkerName = "X-SYNCD"

// ErrEntry is returned for an entry that cannot be written as it is.
var ErrEntry = errors.New("entry cannot be written")

// Entry is an event to write. Text is cleaned (see Clean) and escaped; no field
// can add a line. There is deliberately no attendee, organizer or method.
type Entry struct {
	UID         string // required: printable ASCII without spaces
	Sequence    int
	Stamp       time.Time // required: DTSTAMP
	Start, End  Time      // required: both instants in an IANA zone or UTC, or both dates
	Summary     string
	Description string
	URL         string
	Status      string // CONFIRMED, …
	Transp      string // TRANSPARENT, …
	Class       string // PRIVATE, …
	Categories  []string
	Alarm       bool   // one that shows at the start
	Marker      string // X-SYNCD
}

// Write returns the calendar object (RFC 5545, RFC 4791 section 4.1) with this
// one event and the definition of its zone.
func Write(e Entry) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
	}
	w := &writer{}
	w.raw("BEGIN", "VCALENDAR")
	w.raw("VERSION", "2.0")
	w.raw("PRODID", ProdID)
	if z := e.Start.Zone(); z != nil && z.String() != "UTC" {
		w.timezone(z, e.Start)
	}
	w.raw("BEGIN", "VEVENT")
	w.raw("UID", e.UID)
	w.raw("DTSTAMP", At(e.Stamp.UTC()).String())
	w.raw("SEQUENCE", strconv.Itoa(e.Sequence))
	w.time("DTSTART", e.Start)
	w.time("DTEND", e.End)
	w.text("SUMMARY", e.Summary)
	w.text("DESCRIPTION", e.Description)
	w.optional("URL", cleanURL(e.URL))
	w.optional("STATUS", e.Status)
	w.optional("TRANSP", e.Transp)
	w.optional("CLASS", e.Class)
	if len(e.Categories) > 0 {
		list := make([]string, len(e.Categories))
		for i, c := range e.Categories {
			list[i] = escape(c)
		}
		w.raw("CATEGORIES", strings.Join(list, ","))
	}
	w.text(MarkerName, e.Marker)
	if e.Alarm {
		w.alarm(e.Summary)
	}
	w.raw("END", "VEVENT")
	w.raw("END", "VCALENDAR")
	if len(w.out) > MaxSize {
		return nil, ErrTooLarge
	}
	return w.out, nil
}

func (e Entry) check() error {
	switch {
	case e.UID == "" || len(e.UID) > 255 || strings.ContainsFunc(e.UID, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`\;,`, r) }):
		return fmt.Errorf("%w: UID", ErrEntry)
	case e.Stamp.IsZero():
		return fmt.Errorf("%w: DTSTAMP", ErrEntry)
	case e.Sequence < 0:
		return fmt.Errorf("%w: SEQUENCE", ErrEntry)
	case e.Start.IsZero() || e.Start.IsFloating() || e.Start.kind != e.End.kind || e.End.In(time.UTC).Before(e.Start.In(time.UTC)):
		return fmt.Errorf("%w: DTSTART and DTEND", ErrEntry)
	}
	for _, t := range []Time{e.Start, e.End} {
		if y := t.wall.Year(); y < 1 || y > 9999 {
			return fmt.Errorf("%w: year %d", ErrEntry, y)
		}
		if z := t.Zone(); z != nil && z.String() != "UTC" && load(z.String()) == nil {
			return fmt.Errorf("%w: time zone %q is not an IANA name", ErrEntry, z.String())
		}
	}
	for _, s := range []string{e.Status, e.Transp, e.Class} {
		if s != "" && !isName(s) {
			return fmt.Errorf("%w: %q is not a keyword", ErrEntry, s)
		}
	}
	return nil
}

// cleanURL returns the URL if it is one that can be written as a URI, else "".
func cleanURL(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme == "" {
		return ""
	}
	s = u.String()
	if strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return s
}

// writer writes content lines.
type writer struct{ out []byte }

// raw writes a value that is known to hold no line end.
func (w *writer) raw(name, value string) {
	w.out = fold(w.out, name+":"+value, "\r\n")
}

func (w *writer) optional(name, value string) {
	if value != "" {
		w.raw(name, value)
	}
}

func (w *writer) text(name, value string) {
	w.optional(name, escape(value))
}

func (w *writer) time(name string, t Time) {
	switch {
	case t.IsDate():
		w.raw(name+";VALUE=DATE", t.String())
	case t.zone.String() == "UTC":
		w.raw(name, t.String())
	default:
		w.raw(name+";TZID="+t.zone.String(), t.wall.Format("20060102T150405"))
	}
}

func (w *writer) alarm(text string) {
	w.raw("BEGIN", "VALARM")
	w.raw("ACTION", "DISPLAY")
	w.raw("TRIGGER", "PT0S")
	if text = escape(text); text == "" {
		text = "Reminder" // RFC 5545 section 3.6.6 requires a description
	}
	w.raw("DESCRIPTION", text)
	w.raw("END", "VALARM")
}

// yearsAhead is how far behind the event its zone is looked at for a yearly rule.
const yearsAhead = 5

// timezone writes a VTIMEZONE (RFC 5545 section 3.6.5) that is right from the
// year before the event on: as yearly rules where the zone has them, else
// change by change for some years.
func (w *writer) timezone(z *time.Location, event Time) {
	year := event.wall.Year()
	begin := time.Date(year-1, 1, 1, 0, 0, 0, 0, time.UTC)
	changes := changesOf(z, begin, begin.AddDate(yearsAhead+1, 0, 0))
	w.raw("BEGIN", "VTIMEZONE")
	w.raw("TZID", z.String())
	if len(changes) == 0 || changes[0].at > event.In(nil).Unix() {
		name, offset := begin.In(z).Zone()
		w.observance(transition{at: begin.Unix() - int64(offset), from: offset, to: offset, daylight: begin.In(z).IsDST()}, name, "")
	}
	for len(changes) > 0 {
		rule, rest := yearlyRule(changes)
		name, _ := time.Unix(changes[0].at, 0).In(z).Zone()
		w.observance(changes[0], name, rule)
		changes = rest
	}
	w.raw("END", "VTIMEZONE")
}

// changesOf lists the changes of offset in [begin, end).
func changesOf(z *time.Location, begin, end time.Time) []transition {
	var list []transition
	for t := begin.In(z); ; {
		_, next := t.ZoneBounds()
		if !next.IsZero() && !next.After(t) {
			// On 31 December of a leap year after those in its tables, Go 1.26
			// takes the year to have ended.
			next = t.Add(oneDay)
		}
		if next.IsZero() || !next.Before(end) {
			return list
		}
		_, from := t.Zone()
		_, to := next.Zone()
		if from != to {
			// Where winter is the exception (Dublin), summer is still the later clock.
			list = append(list, transition{at: next.Unix(), from: from, to: to, daylight: to > from && t.IsDST() != next.IsDST()})
		}
		t = next
	}
}

// wall returns the clock's time just before the change, as DTSTART wants it.
func (t transition) wall() time.Time { return time.Unix(t.at+int64(t.from), 0).UTC() }

// yearlyRule takes the first change, and all those like it if they come once in
// every year on the same weekday of the month. It returns the others.
func yearlyRule(changes []transition) (rule string, rest []transition) {
	first := changes[0]
	var same []time.Time
	for _, c := range changes {
		if c.from == first.from && c.to == first.to && c.wall().Month() == first.wall().Month() {
			same = append(same, c.wall())
		} else {
			rest = append(rest, c)
		}
	}
	nth, ok := nthWeekday(same)
	if !ok || len(same) < yearsAhead {
		return "", changes[1:]
	}
	day := []string{"SU", "MO", "TU", "WE", "TH", "FR", "SA"}[first.wall().Weekday()]
	return fmt.Sprintf("FREQ=YEARLY;BYMONTH=%d;BYDAY=%d%s", first.wall().Month(), nth, day), rest
}

// nthWeekday finds the ordinal that all these days share, one a year; the last
// of the month before the fourth.
func nthWeekday(days []time.Time) (nth int, ok bool) {
	last, fixed := true, true
	for i, d := range days {
		if d.Weekday() != days[0].Weekday() || d.Year() != days[0].Year()+i || d.Sub(midnight(d)) != days[0].Sub(midnight(days[0])) {
			return 0, false
		}
		last = last && d.Day()+7 > monthLength(d)
		fixed = fixed && (d.Day()-1)/7 == (days[0].Day()-1)/7
	}
	switch {
	case last:
		return -1, true
	case fixed:
		return (days[0].Day()-1)/7 + 1, true
	}
	return 0, false
}

func (w *writer) observance(t transition, name, rule string) {
	kind := "STANDARD"
	if t.daylight {
		kind = "DAYLIGHT"
	}
	w.raw("BEGIN", kind)
	w.raw("DTSTART", t.wall().Format("20060102T150405"))
	w.raw("TZOFFSETFROM", offsetText(t.from))
	w.raw("TZOFFSETTO", offsetText(t.to))
	w.optional("TZNAME", escape(name))
	w.optional("RRULE", rule)
	w.raw("END", kind)
}

func offsetText(seconds int) string {
	sign := '+'
	if seconds < 0 {
		sign, seconds = '-', -seconds
	}
	s := fmt.Sprintf("%c%02d%02d", sign, seconds/3600, seconds/60%60)
	if seconds%60 != 0 {
		s += fmt.Sprintf("%02d", seconds%60)
	}
	return s
}

func monthLength(day time.Time) int {
	return time.Date(day.Year(), day.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
}
