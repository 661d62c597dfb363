package ical

import (
	_ "embed"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed windows.txt
var windowsTable string

// windows maps the Windows name of a zone, and what Windows shows for it behind
// the offset, both as shown writes them, to the IANA name.
var windows = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for row := range strings.Lines(windowsTable) {
		if f := strings.Split(strings.TrimSpace(row), "\t"); len(f) == 3 && row[0] != '#' {
			m[shown(f[0])] = f[1]
			m[shown(f[2])] = f[1]
		}
	}
	return m
})

// zones finds the zones that one calendar names.
type zones struct {
	defined map[string]*Component     // VTIMEZONE by TZID
	known   map[string]*time.Location // nil: no zone
	def     *time.Location            // X-WR-TIMEZONE
	all     *lookups
}

// lookups are the zones that an object names, in however many calendars, and what
// is left of the work that they may take.
type lookups struct {
	named  map[string]*time.Location // by name; nil: no zone
	custom map[string]*time.Location // by the text of the VTIMEZONE; nil: no zone
	work   budget
}

// maxNames is how many names of zones are looked up for one object: one that does
// not exist is looked for among all that do.
const maxNames = 200

func newLookups() *lookups {
	return &lookups{named: map[string]*time.Location{}, custom: map[string]*time.Location{}, work: zoneBudget}
}

func newZones(calendar *Component, all *lookups) *zones {
	z := &zones{defined: map[string]*Component{}, known: map[string]*time.Location{}, all: all}
	for _, c := range calendar.Children {
		if c.Name == "VTIMEZONE" {
			id := strings.TrimSpace(c.Text("TZID"))
			if _, again := z.defined[id]; !again {
				z.defined[id] = c
			}
		}
	}
	if id := strings.TrimSpace(calendar.Text("X-WR-TIMEZONE")); id != "" {
		z.def, _ = z.find(id)
	}
	return z
}

// find returns the zone a TZID means. Without one that is known, ok is false
// and the zone is the calendar's own, which may be nil (floating).
func (z *zones) find(id string) (loc *time.Location, ok bool) {
	if id == "" {
		return nil, true
	}
	loc, ok = z.known[id]
	if !ok {
		loc = z.meant(id)
		z.known[id] = loc
	}
	if loc == nil {
		return z.def, false
	}
	return loc, true
}

func (z *zones) meant(id string) *time.Location {
	if loc := z.all.byName(id); loc != nil {
		return loc
	}
	if c := z.defined[id]; c != nil {
		if loc := z.all.byRules(id, c); loc != nil {
			return loc
		}
		if loc := z.all.byName(strings.TrimSpace(c.Text("X-LIC-LOCATION"))); loc != nil {
			return loc
		}
	}
	return written(id)
}

func (l *lookups) byName(id string) *time.Location {
	loc, ok := l.named[id]
	if !ok && len(l.named) < maxNames {
		loc = named(id)
		l.named[id] = loc
	}
	return loc
}

func (l *lookups) byRules(id string, c *Component) *time.Location {
	var text strings.Builder
	for _, o := range append([]*Component{c}, c.Children...) {
		text.WriteString(o.Name + "\n")
		for _, p := range o.Props {
			text.WriteString(p.Name + ":" + p.Value + "\n")
		}
	}
	loc, ok := l.custom[text.String()]
	if !ok {
		loc = custom(id, c, &l.work)
		l.custom[text.String()] = loc
	}
	return loc
}

// named finds an IANA zone by its name, in any case, behind the prefixes that
// programs put before it, or by the name that Windows gives it.
func named(id string) *time.Location {
	id = strings.TrimSpace(id)
	if len(id) > 120 {
		return nil
	}
	if loc := load(id); loc != nil {
		return loc
	}
	if iana, ok := windows()[shown(id)]; ok {
		return load(iana)
	}
	switch strings.ToLower(id) {
	case "z", "gmt", "tzone://microsoft/utc", "coordinated universal time":
		return time.UTC
	}
	// /mozilla.org/20050126_1/America/Argentina/Buenos_Aires: the longest tail that is a name.
	parts := strings.Split(id, "/")
	for n := min(3, len(parts)-1); n >= 2; n-- {
		if loc := load(strings.Join(parts[len(parts)-n:], "/")); loc != nil {
			return loc
		}
	}
	return nil
}

// shown returns what stands behind the offset in a name such as "(GMT-05:00)
// Eastern Time (US and Canada)", as the table has it.
func shown(id string) string {
	id = strings.ToLower(id)
	if strings.HasPrefix(id, "(utc") || strings.HasPrefix(id, "(gmt") {
		_, id, _ = strings.Cut(id, ")")
	}
	return strings.ReplaceAll(strings.TrimSpace(id), " and ", " & ")
}

// loaded holds the IANA zones seen so far; only names that exist get in.
var loaded sync.Map

func load(name string) *time.Location {
	if loc, ok := loaded.Load(name); ok {
		return loc.(*time.Location) //nolint:errcheck // nothing else is stored
	}
	for _, n := range []string{name, capitals(name)} {
		// "Local" and "" would mean the machine's zone, and only a machine has
		// posix/, right/ (which counts leap seconds) and posixrules.
		if n == "" || n[0] < 'A' || n[0] > 'Z' || strings.EqualFold(n, "local") || strings.Contains(n, "..") {
			continue
		}
		if loc, err := time.LoadLocation(n); err == nil {
			loaded.Store(name, loc)
			return loc
		}
	}
	return nil
}

// capitals writes a zone name as the IANA database does, as far as that follows
// a rule: America/Port-au-Prince, Africa/Dar_es_Salaam, Etc/GMT+1, EST5EDT.
func capitals(name string) string {
	area, place, ok := strings.Cut(strings.ToLower(name), "/")
	switch {
	case !ok:
		return strings.ToUpper(name)
	case area == "us":
		return "US/" + words(place)
	case area == "etc":
		return "Etc/" + strings.ToUpper(place)
	}
	return words(area + "/" + place)
}

// words gives every word a capital, but the small ones inside a name.
func words(s string) string {
	b := []byte(s)
	for i := 0; i < len(b); {
		j := i
		for j < len(b) && b[j] >= 'a' && b[j] <= 'z' {
			j++
		}
		if w := s[i:j]; w != "" && w != "of" && w != "es" && w != "au" {
			b[i] -= 'a' - 'A'
		}
		i = j + 1
	}
	return string(b)
}

// written reads a fixed offset out of a name such as "(UTC+07:00) Bangkok".
func written(id string) *time.Location {
	s := strings.TrimPrefix(strings.TrimSpace(id), "(")
	for _, p := range []string{"UTC", "GMT"} {
		rest, ok := strings.CutPrefix(s, p)
		if !ok {
			continue
		}
		rest, _, _ = strings.Cut(strings.TrimSpace(rest), ")")
		if offset, ok := parseOffset(strings.ReplaceAll(rest, ":", "")); ok {
			return time.FixedZone(id, offset)
		}
	}
	return nil
}

// parseOffset reads a UTC-OFFSET (RFC 5545 section 3.3.14), also with hours only.
func parseOffset(s string) (seconds int, ok bool) {
	s = strings.TrimSpace(s)
	if len(s) < 3 || s[0] != '+' && s[0] != '-' || !digits(s[1:]) {
		return 0, false
	}
	d := s[1:]
	switch len(d) {
	case 1, 3, 5:
		d = "0" + d
	}
	if len(d) > 6 {
		return 0, false
	}
	d += "000000"[len(d):]
	seconds = atoi(d[:2])*3600 + atoi(d[2:4])*60 + atoi(d[4:6])
	if seconds >= 24*3600 {
		return 0, false
	}
	if s[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// Bounds of a zone that a calendar defines itself.
const (
	zoneFrom       = 1970
	zoneTo         = 2100
	maxTransitions = 1000
	maxObservances = 64
)

// transition is a change of the offset at an instant.
type transition struct {
	at       int64
	from, to int // seconds east of UTC
	daylight bool
}

// custom makes a location of a VTIMEZONE (RFC 5545 section 3.6.5), or nil.
func custom(name string, c *Component, work *budget) *time.Location {
	var list []transition
	for i, o := range c.Children {
		if o.Name != "STANDARD" && o.Name != "DAYLIGHT" || i >= maxObservances {
			continue
		}
		list = append(list, observance(o, work)...)
		if len(list) > maxTransitions {
			return nil
		}
	}
	if len(list) == 0 {
		return nil
	}
	slices.SortStableFunc(list, func(a, b transition) int { return int(min(max(a.at-b.at, -1), 1)) })
	data := tzif(list)
	loc, err := time.LoadLocationFromTZData(name, data)
	if err != nil {
		return nil
	}
	return loc
}

// observance returns the changes that one STANDARD or DAYLIGHT describes.
func observance(o *Component, work *budget) []transition {
	from, ok1 := parseOffset(o.Text("TZOFFSETFROM"))
	to, ok2 := parseOffset(o.Text("TZOFFSETTO"))
	start, err := parseTime(o.Text("DTSTART"), nil)
	if !ok2 || err != nil {
		return nil
	}
	if !ok1 {
		from = to
	}
	walls := []time.Time{start.wall}
	// A rule's UNTIL is in UTC, its wall clock in the offset before the change.
	local := Time{wall: start.wall, kind: instant, zone: time.FixedZone("", from)}
	for _, p := range o.Props {
		switch p.Name {
		case "RRULE":
			r, err := parseRule(p.Value, local, work)
			if err != nil {
				continue
			}
			first := time.Date(zoneFrom, 1, 1, 0, 0, 0, 0, time.UTC)
			last := time.Date(zoneTo, 1, 1, 0, 0, 0, 0, time.UTC)
			list, err := r.between(first, last, maxTransitions, anyTime)
			if err != nil {
				return nil
			}
			walls = append(walls, list...)
		case "RDATE":
			for v := range strings.SplitSeq(p.Value, ",") {
				if t, err := parseTime(v, nil); err == nil && len(walls) <= maxTransitions {
					walls = append(walls, t.wall)
				}
			}
		}
	}
	list := make([]transition, 0, len(walls))
	for _, w := range walls {
		list = append(list, transition{at: w.Unix() - int64(from), from: from, to: to, daylight: o.Name == "DAYLIGHT"})
	}
	return list
}

// tzif writes the changes in the format of RFC 8536, version 2, which is the
// one way to make a time.Location with changes. They are sorted.
func tzif(list []transition) []byte {
	type local struct {
		offset   int
		daylight bool
	}
	kinds := []local{{list[0].from, false}}
	var index []byte
	var times []int64
	for _, t := range list {
		k := local{t.to, t.daylight}
		i := slices.Index(kinds, k)
		if i < 0 {
			i = len(kinds)
			kinds = append(kinds, k)
		}
		if n := len(times); n > 0 && times[n-1] == t.at {
			index[n-1] = byte(i) //nolint:gosec // at most maxObservances
			continue
		}
		times = append(times, t.at)
		index = append(index, byte(i)) //nolint:gosec // at most maxObservances
	}
	header := func(times, kinds, chars int) []byte {
		b := append([]byte("TZif2"), make([]byte, 15)...)
		for _, n := range []int{0, 0, 0, times, kinds, chars} {
			b = binary.BigEndian.AppendUint32(b, uint32(n)) //nolint:gosec // small and positive
		}
		return b
	}
	// The version 1 block is ignored by readers of version 2; it may be minimal.
	b := append(header(0, 1, 1), make([]byte, 6+1)...)
	b = append(b, header(len(times), len(kinds), 1)...)
	for _, t := range times {
		b = binary.BigEndian.AppendUint64(b, uint64(t)) //nolint:gosec // two's complement is meant
	}
	b = append(b, index...)
	for _, k := range kinds {
		b = binary.BigEndian.AppendUint32(b, uint32(int32(k.offset))) //nolint:gosec // two's complement is meant
		daylight := byte(0)
		if k.daylight {
			daylight = 1
		}
		b = append(b, daylight, 0)
	}
	return append(b, "\x00\n\n"...) // one empty abbreviation, no rule for later
}
