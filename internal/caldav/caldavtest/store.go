package caldavtest

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"strconv"
	"strings"
	"time"
)

type calendar struct {
	Calendar
	objects map[string]object
	changes []change // their count is the version of the calendar
}

type object struct {
	data    string
	version int // how many times it was written since it was created
}

// change remembers what a name held before, so that the past can be listed.
type change struct {
	name   string
	before *object
}

func (c *calendar) put(name, data string) {
	old, had := c.objects[name]
	c.note(name)
	version := 1
	if had {
		version = old.version + 1
	}
	c.objects[name] = object{data: data, version: version}
}

func (c *calendar) remove(name string) {
	if _, ok := c.objects[name]; !ok {
		return
	}
	c.note(name)
	delete(c.objects, name)
}

func (c *calendar) note(name string) {
	ch := change{name: name}
	if o, ok := c.objects[name]; ok {
		ch.before = &o
	}
	c.changes = append(c.changes, ch)
}

// asOf returns the objects at an earlier version.
func (c *calendar) asOf(version int) map[string]object {
	then := maps.Clone(c.objects)
	for i := len(c.changes) - 1; i >= max(version, 0); i-- {
		if ch := c.changes[i]; ch.before != nil {
			then[ch.name] = *ch.before
		} else {
			delete(then, ch.name)
		}
	}
	return then
}

// since returns the names that changed between two versions, once each.
func (c *calendar) since(from, to int) map[string]bool {
	names := map[string]bool{}
	for _, ch := range c.changes[min(from, to):to] {
		names[ch.name] = true
	}
	return names
}

func (f Faults) etag(o object) string {
	sum := sha256.Sum256([]byte(o.data))
	tag := hex.EncodeToString(sum[:8])
	if f.CounterETags {
		tag = strconv.Itoa(o.version)
	}
	if f.WeakETags {
		return `W/"` + tag + `"`
	}
	return `"` + tag + `"`
}

// property returns the value of the first property of that name, wherever it is
// in the object, and its parameters.
func property(data, name string) (value, params string) {
	unfolded := strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(data)
	for line := range strings.Lines(unfolded) {
		line = strings.TrimRight(line, "\r\n")
		head, value, ok := strings.Cut(line, ":")
		prop, params, _ := strings.Cut(head, ";")
		if ok && strings.EqualFold(prop, name) {
			return value, params
		}
	}
	return "", ""
}

// component returns the text of the first component of that name.
func component(data, name string) string {
	_, rest, ok := strings.Cut(data, "BEGIN:"+name)
	if !ok {
		return ""
	}
	inner, _, _ := strings.Cut(rest, "END:"+name)
	return inner
}

// overlaps says whether an event may have an instance in the range. A recurring
// event is taken to go on for ever.
func overlaps(event string, from, to time.Time) bool {
	start := when(property(event, "DTSTART"))
	end := when(property(event, "DTEND"))
	if start.IsZero() {
		return true
	}
	if end.IsZero() {
		end = start.Add(time.Hour)
	}
	for _, name := range []string{"RRULE", "RDATE"} {
		if value, _ := property(event, name); value != "" {
			end = to
		}
	}
	return (to.IsZero() || start.Before(to)) && (from.IsZero() || !end.Before(from))
}

// when reads a DATE or DATE-TIME. An unknown zone counts as UTC.
func when(value, params string) time.Time {
	zone := time.UTC
	for p := range strings.SplitSeq(params, ";") {
		if name, ok := strings.CutPrefix(p, "TZID="); ok {
			if z, err := time.LoadLocation(strings.Trim(name, `"`)); err == nil {
				zone = z
			}
		}
	}
	for _, layout := range []string{"20060102T150405Z", "20060102T150405", "20060102"} {
		if t, err := time.ParseInLocation(layout, value, zone); err == nil {
			return t
		}
	}
	return time.Time{}
}

// without removes whole properties, folded lines included.
func without(data string, names []string) string {
	var b strings.Builder
	dropping := false
	for line := range strings.Lines(data) {
		if strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t") {
			if !dropping {
				b.WriteString(line)
			}
			continue
		}
		name, _, _ := strings.Cut(line, ":")
		name, _, _ = strings.Cut(name, ";")
		dropping = false
		for _, n := range names {
			dropping = dropping || strings.EqualFold(n, name)
		}
		if !dropping {
			b.WriteString(line)
		}
	}
	return b.String()
}
