package ical_test

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ical"
)

// startIn reads an event that starts in that zone, in a calendar that defines
// what definitions say. known is false where the zone was not found.
func startIn(t *testing.T, id, definitions string) (start ical.Time, known bool) {
	t.Helper()
	c, err := ical.Parse([]byte("BEGIN:VCALENDAR\n" + definitions + "BEGIN:VEVENT\nUID:1\nDTSTART;TZID=\"" + id + "\":20240701T120000\nEND:VEVENT\nEND:VCALENDAR\n"))
	if err != nil {
		t.Fatal(err)
	}
	events, warnings := c.Events()
	if len(events) != 1 {
		t.Fatalf("%q: %d events", id, len(events))
	}
	return events[0].Start, len(warnings) == 0
}

// Every Windows name is the zone that CLDR gives it for the whole world.
func TestWindowsZones(t *testing.T) {
	data, err := os.ReadFile(corpus(t, "tz/windowsZones-cldr41.xml"))
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile(`<mapZone other="([^"]+)" territory="001" type="([^"]+)"`).FindAllStringSubmatch(string(data), -1)
	for _, row := range rows {
		start, known := startIn(t, strings.ReplaceAll(row[1], "&amp;", "&"), "")
		if name := start.Zone().String(); !known || name != row[2] && "Etc/"+name != row[2] {
			t.Errorf("%s: %v, want %s", row[1], start.Zone(), row[2])
		}
	}
	t.Logf("%d Windows names", len(rows))
	if len(rows) < 130 {
		t.Errorf("%d rows in the table", len(rows))
	}
}

// content writes a component as it was read, unfolded.
func content(c *ical.Component) string {
	var b strings.Builder
	b.WriteString("BEGIN:" + c.Name + "\n")
	for _, p := range c.Props {
		b.WriteString(p.Name)
		for _, a := range p.Params {
			b.WriteString(";" + a.Name + `="` + strings.Join(a.Values, `","`) + `"`)
		}
		b.WriteString(":" + p.Value + "\n")
	}
	for _, child := range c.Children {
		b.WriteString(content(child))
	}
	return b.String() + "END:" + c.Name + "\n"
}

// definitions returns the VTIMEZONEs of the whole corpus by TZID.
func definitions(t *testing.T) map[string][]string {
	t.Helper()
	m := map[string][]string{}
	eachFile(t, func(_ string, data []byte) {
		c, err := ical.Parse(data)
		if err != nil {
			return // another test counts these
		}
		for _, top := range c.Components {
			for _, z := range append(slices.Clone(top.Children), top) {
				if id := strings.TrimSpace(z.Text("TZID")); z.Name == "VTIMEZONE" && id != "" {
					m[id] = append(m[id], content(z))
				}
			}
		}
	})
	return m
}

// The TZIDs of the corpus that are no IANA names: how each is found, and which
// are not. Those leave the time to the calendar's own zone or the user's, with a
// warning.
func TestOddZones(t *testing.T) {
	data, err := os.ReadFile(corpus(t, "ics/non_iana_tzids.json"))
	if err != nil {
		t.Fatal(err)
	}
	var ids map[string]int
	if err := json.Unmarshal(data, &ids); err != nil {
		t.Fatal(err)
	}
	defined := definitions(t)
	ways := map[string][]string{}
	for id := range ids {
		start, known := startIn(t, id, "")
		way := "not found"
		switch {
		case id == "":
			way = "none given"
		case known && start.Zone().String() == id:
			way = "the offset in its name"
		case known && strings.HasSuffix(id, start.Zone().String()):
			way = "IANA name behind a prefix"
		case known:
			way = "Windows name"
		case slices.ContainsFunc(defined[id], func(d string) bool { _, ok := startIn(t, id, d); return ok }):
			way = "VTIMEZONE"
		case !start.IsFloating():
			t.Errorf("%q: %v, want a floating time", id, start)
		}
		ways[way] = append(ways[way], id)
	}
	got := map[string]int{}
	for way, list := range ways {
		slices.Sort(list)
		got[way] = len(list)
		t.Logf("%s: %d %q", way, len(list), list)
	}
	want := map[string]int{"IANA name behind a prefix": 13, "Windows name": 16, "the offset in its name": 5, "VTIMEZONE": 14, "none given": 1, "not found": 25}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("ways (-want +got):\n%s", diff)
	}
	if start, known := startIn(t, "Nowhere/Middle", "X-WR-TIMEZONE:Asia/Tokyo\n"); known || !start.Equal(ical.At(time.Date(2024, 7, 1, 12, 0, 0, 0, zone(t, "Asia/Tokyo")))) {
		t.Errorf("in a calendar of Tokyo: %v", start)
	}
}
