package caldavtest

import (
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Client is a calendar program: what it makes of an object that it writes back,
// whatever the user changed in it. docs/interop.md names the sources.
type Client struct {
	Name string
	// write is what the program does of its own accord. moved says that the user
	// changed the time.
	write func(o *Object, now time.Time, moved bool)
}

// The programs that cannot run in a test.
var (
	Thunderbird = Client{"Thunderbird", func(o *Object, now time.Time, moved bool) {
		o.program("-//Mozilla.org/NONSGML Mozilla Calendar V1.1//EN")
		o.stamp(now)
		o.raise("X-MOZ-GENERATION")
		if moved {
			o.raise("SEQUENCE")
		}
	}}
	Apple = Client{"Apple Calendar", func(o *Object, now time.Time, moved bool) {
		o.program("-//Apple Inc.//macOS 14.4//EN")
		o.stamp(now)
		if moved {
			o.raise("SEQUENCE")
		}
		if link := o.Value("URL"); link != "" {
			o.Set("URL", "URL;VALUE=URI:"+link)
		}
		o.Set("X-APPLE-TRAVEL-ADVISORY-BEHAVIOR", "X-APPLE-TRAVEL-ADVISORY-BEHAVIOR:AUTOMATIC")
		if o.hasAlarm() {
			o.Alarm("X-WR-ALARMUID:5F0D6C6E-0000-4000-8000-000000000000", "TRIGGER:PT0S", "X-APPLE-DEFAULT-ALARM:TRUE",
				"ATTACH;VALUE=URI:Chord", "ACTION:AUDIO")
		}
	}}
	DAVx5 = Client{"DAVx5", func(o *Object, now time.Time, _ bool) {
		o.program("DAVx5/4.3.13-ose ical4j/3.2.14 (com.android.calendar)")
		o.stamp(now)
		if n, _ := strconv.Atoi(o.Value("SEQUENCE")); n > 0 {
			o.raise("SEQUENCE")
		} else {
			o.Drop("SEQUENCE")
		}
		if o.hasAlarm() {
			o.Alarm("TRIGGER:-PT0M", "ACTION:DISPLAY", "DESCRIPTION:"+o.Value("SUMMARY"))
		}
	}}
	Google = Client{"Google", func(o *Object, now time.Time, _ bool) {
		o.program("-//Google Inc//Google Calendar 70.9054//EN")
		o.stamp(now)
		text := Unescape(o.Value("DESCRIPTION"))
		if !strings.Contains(text, "<br>") { // else it has been HTML since the last time
			text = strings.ReplaceAll(html.EscapeString(text), "\n", "<br>")
		}
		o.Set("DESCRIPTION", "DESCRIPTION:"+Escape(text))
		o.Drop("URL", "COLOR", "CATEGORIES", "CLASS")
		if o.hasAlarm() {
			o.Alarm("ACTION:DISPLAY", "DESCRIPTION:This is an event reminder", "TRIGGER:-P0DT0H0M0S")
		}
	}}
)

// Save is the object as the program writes it after the user's edits.
func (c Client) Save(object string, now time.Time, edits ...func(*Object)) string {
	o := read(object)
	start := o.line("DTSTART")
	for _, e := range edits {
		e(o)
	}
	c.write(o, now, o.line("DTSTART") != start)
	return o.String()
}

// Edit is an object with a change that no program adds anything to.
func Edit(object string, edit func(*Object)) string {
	o := read(object)
	edit(o)
	return o.String()
}

// Object is the content lines of an object with one event, unfolded.
type Object struct{ lines []string }

func read(object string) *Object {
	s := strings.ReplaceAll(strings.ReplaceAll(object, "\r\n", "\n"), "\n ", "")
	return &Object{strings.Split(strings.TrimRight(s, "\n"), "\n")}
}

// String is the object with its lines folded.
func (o *Object) String() string {
	var b strings.Builder
	for _, line := range o.lines {
		size := 0
		for _, r := range line {
			if size += len(string(r)); size > 74 {
				b.WriteString("\r\n ")
				size = 1 + len(string(r))
			}
			b.WriteRune(r)
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

// event is where the properties of the event begin and end; its alarms follow.
func (o *Object) event() (from, to int) {
	from = slices.Index(o.lines, "BEGIN:VEVENT") + 1
	to = from + slices.IndexFunc(o.lines[from:], func(l string) bool { return l == "BEGIN:VALARM" || l == "END:VEVENT" })
	return from, to
}

func named(line, name string) bool {
	rest, ok := strings.CutPrefix(line, name)
	return ok && (strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, ";"))
}

func (o *Object) index(name string) int {
	from, to := o.event()
	if i := slices.IndexFunc(o.lines[from:to], func(l string) bool { return named(l, name) }); i >= 0 {
		return from + i
	}
	return -1
}

func (o *Object) line(name string) string {
	if i := o.index(name); i >= 0 {
		return o.lines[i]
	}
	return ""
}

// Value is a property of the event as it is written, "" without one.
func (o *Object) Value(name string) string {
	_, value, _ := strings.Cut(o.line(name), ":")
	return value
}

// Set writes the line of a property of the event.
func (o *Object) Set(name, line string) {
	if i := o.index(name); i >= 0 {
		o.lines[i] = line
		return
	}
	_, to := o.event()
	o.lines = slices.Insert(o.lines, to, line)
}

// Drop removes properties of the event.
func (o *Object) Drop(names ...string) {
	for _, name := range names {
		if i := o.index(name); i >= 0 {
			o.lines = slices.Delete(o.lines, i, i+1)
		}
	}
}

// Alarm puts one alarm in the place of all; without lines it removes them.
func (o *Object) Alarm(lines ...string) {
	_, to := o.event()
	end := slices.Index(o.lines, "END:VEVENT")
	if len(lines) > 0 {
		lines = append(append([]string{"BEGIN:VALARM"}, lines...), "END:VALARM")
	}
	o.lines = slices.Replace(o.lines, to, end, lines...)
}

func (o *Object) hasAlarm() bool { return slices.Contains(o.lines, "BEGIN:VALARM") }

// Shift moves the event; only its end, where start is false.
func (o *Object) Shift(by time.Duration, start bool) {
	for _, name := range []string{"DTSTART", "DTEND"} {
		if name == "DTSTART" && !start {
			continue
		}
		head, value, _ := strings.Cut(o.line(name), ":")
		const layout = "20060102T150405"
		if t, err := time.Parse(layout, strings.TrimSuffix(value, "Z")); err == nil {
			o.Set(name, head+":"+t.Add(by).Format(layout)+strings.TrimPrefix(value, strings.TrimSuffix(value, "Z")))
		}
	}
}

func (o *Object) program(id string) {
	if i := slices.IndexFunc(o.lines, func(l string) bool { return named(l, "PRODID") }); i >= 0 {
		o.lines[i] = "PRODID:" + id
	}
}

func (o *Object) stamp(now time.Time) {
	for _, name := range []string{"DTSTAMP", "LAST-MODIFIED"} {
		o.Set(name, name+":"+now.UTC().Format("20060102T150405Z"))
	}
}

func (o *Object) raise(name string) {
	n, _ := strconv.Atoi(o.Value(name)) // none is 0
	o.Set(name, name+":"+strconv.Itoa(n+1))
}

var (
	escaper   = strings.NewReplacer(`\`, `\\`, ";", `\;`, ",", `\,`, "\n", `\n`)
	unescaper = strings.NewReplacer(`\\`, `\`, `\;`, ";", `\,`, ",", `\n`, "\n", `\N`, "\n")
)

// Escape writes text as the value of a property (RFC 5545 section 3.3.11).
func Escape(text string) string { return escaper.Replace(text) }

// Unescape reads the value of a property.
func Unescape(value string) string { return unescaper.Replace(value) }

// Twin gives the description an HTML twin: in ALTREP, as Thunderbird does, or in
// X-ALT-DESC, as Outlook and those that follow it do. more is what the twin alone
// says, after the rest.
func (o *Object) Twin(altrep bool, more string) {
	markup := "<html><body>" + strings.ReplaceAll(html.EscapeString(Unescape(o.Value("DESCRIPTION"))+more), "\n", "<br>") + "</body></html>"
	if altrep {
		o.Set("DESCRIPTION", `DESCRIPTION;ALTREP="data:text/html,`+url.PathEscape(markup)+`":`+o.Value("DESCRIPTION"))
		return
	}
	o.Set("X-ALT-DESC", "X-ALT-DESC;FMTTYPE=text/html:"+Escape(markup))
}
