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
	cards   bool // it is an address book
	hidden  bool // and may not be read
	objects map[string]object
	changes []change          // their count is the version of the calendar
	bin     map[string]object // what was deleted last, by UID
}

type object struct {
	data    string
	version int // how many times it was written since it was created
}

// change remembers what a name held before, so that the past can be listed.
type change struct {
	name   string
	at     time.Time
	before *object
}

func (c *calendar) put(name, data string, at time.Time) {
	old, had := c.objects[name]
	c.note(name, at)
	version := 1
	if had {
		version = old.version + 1
	}
	c.objects[name] = object{data: data, version: version}
}

func (c *calendar) remove(name string, at time.Time) {
	o, ok := c.objects[name]
	if !ok {
		return
	}
	c.note(name, at)
	if c.bin == nil {
		c.bin = map[string]object{}
	}
	c.bin[property(o.data, "UID")] = o
	delete(c.objects, name)
}

func (c *calendar) note(name string, at time.Time) {
	ch := change{name: name, at: at}
	if o, ok := c.objects[name]; ok {
		ch.before = &o
	}
	c.changes = append(c.changes, ch)
}

// version is the version that the calendar had at that time.
func (c *calendar) version(at time.Time) int {
	v := len(c.changes)
	for v > 0 && c.changes[v-1].at.After(at) {
		v--
	}
	return v
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

// tag is an ETag without its quotes.
func (f Faults) tag(o object) string {
	if f.CounterETags {
		return strconv.Itoa(o.version)
	}
	sum := sha256.Sum256([]byte(o.data))
	return hex.EncodeToString(sum[:8])
}

func (f Faults) etag(o object) string {
	if f.WeakETags {
		return `W/"` + f.tag(o) + `"`
	}
	return `"` + f.tag(o) + `"`
}

// property returns the value of the first property of that name, wherever it is
// in the object.
func property(data, name string) string {
	unfolded := strings.NewReplacer("\r\n ", "", "\r\n\t", "", "\n ", "", "\n\t", "").Replace(data)
	for line := range strings.Lines(unfolded) {
		head, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		prop, _, _ := strings.Cut(head, ";")
		if ok && strings.EqualFold(prop, name) {
			return value
		}
	}
	return ""
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
