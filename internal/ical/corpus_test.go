package ical_test

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ical"
)

// corpus returns a path under ../shared/corpora, or skips the test.
func corpus(t *testing.T, path string) string {
	t.Helper()
	p := filepath.Join("..", "..", "..", "shared", "corpora", path)
	if _, err := os.Stat(p); err != nil {
		t.Skipf("%s is not there", p)
	}
	return p
}

type vector struct {
	Src       string   `json:"src"`
	Name      string   `json:"name"`
	DTStart   string   `json:"dtstart"`
	RRule     string   `json:"rrule"`
	Text      string   `json:"text"`
	StartAt   string   `json:"start_at"`
	Instances []string `json:"instances"`
	Dateutil  string   `json:"dateutil"`
}

// What RFC 5545 says where a vector says something else.
const (
	derived   = "section 3.3.10: a weekday that is missing is that of DTSTART; dateutil takes all seven, against 17 vectors of libical"
	inclusive = "section 3.3.10: an UNTIL that is a date includes that day; dateutil takes its midnight"
	unlisted  = "libical lists no expectation"
	expands   = "section 3.3.10, the table: BYMONTHDAY expands a YEARLY rule, to all months"
)

// exception returns why a vector may differ.
func (v vector) exception() string {
	switch {
	case v.Name == "testYearlyByWeekNo":
		return derived
	case v.Name == "testUntilWithDate":
		return inclusive
	case slices.ContainsFunc(v.Instances, func(s string) bool { return s[0] == '*' }):
		return unlisted
	case v.Src == "libical" && strings.Contains(v.RRule, "FREQ=YEARLY;BYMONTHDAY=") && v.Dateutil == "disagrees":
		return expands
	}
	return ""
}

// set reports whether the vector lists a recurrence set rather than what a rule
// generates, to which DTSTART belongs in any case.
func (v vector) set() bool {
	return v.StartAt != "" || strings.Contains(v.Text, "RDATE") || strings.Contains(v.Text, "EXDATE")
}

var countPart = regexp.MustCompile(`COUNT=(\d+)`)

// event writes the vector as a calendar object. A DTSTART that the rule does not
// generate counts (RFC 5545 section 3.8.5.3): it needs one more.
func (v vector) event(outside bool) string {
	body := v.Text
	if body == "" {
		value := ""
		if len(v.DTStart) == 8 {
			value = ";VALUE=DATE"
		}
		body = "DTSTART" + value + ":" + v.DTStart + "\nRRULE:" + v.RRule
	}
	if !strings.HasPrefix(v.Text, "DTSTART;") {
		body = strings.Join(strings.Fields(body), "\n")
	}
	if outside {
		body = countPart.ReplaceAllStringFunc(body, func(s string) string {
			n, _ := strconv.Atoi(s[len("COUNT="):])
			return "COUNT=" + strconv.Itoa(n+1)
		})
	}
	return "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n" + body + "\nEND:VEVENT\nEND:VCALENDAR\n"
}

// expand returns the wall clocks of the vector, of a rule without an end as many
// as are listed.
func (v vector) expand(t *testing.T, outside bool) (start string, list []string) {
	t.Helper()
	events, err := readEvents(v.event(outside))
	if err != nil || len(events) != 1 {
		t.Fatalf("%s: %d events, %v", v.Name, len(events), err)
	}
	year, _, _ := events[0].Start.Date()
	to := time.Date(max(2400, year+1), 1, 1, 0, 0, 0, 0, time.UTC)
	if n := len(v.Instances); n > 0 && !strings.Contains(v.RRule+v.Text, "COUNT") && !strings.Contains(v.RRule+v.Text, "UNTIL") {
		last, err := time.Parse("20060102T150405", v.Instances[n-1])
		if err != nil {
			t.Fatal(err)
		}
		to = last.Add(time.Second)
	}
	got, err := ical.Expand(events, time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC), to, time.UTC)
	if err != nil {
		t.Errorf("%s: %v", v.Name, err)
	}
	for _, i := range got {
		list = append(list, wallClock(i.Start))
	}
	return wallClock(events[0].Start), list
}

// Every instance of every vector is as listed; where one is not, RFC 5545 says
// so.
func TestRecurrenceVectors(t *testing.T) {
	data, err := os.ReadFile(corpus(t, "recur/recur_vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	equal, total, differ := map[bool]int{}, map[bool]int{}, map[string]bool{}
	for _, v := range vectors {
		agreed := v.Dateutil == "agrees"
		total[agreed]++
		var want []string
		for _, s := range v.Instances {
			if s = strings.TrimSuffix(s, "Z"); len(s) == 8 {
				s += "T000000"
			}
			want = append(want, s)
		}
		start, list := v.expand(t, false)
		if outside := !v.set() && (len(want) == 0 || want[0] != start); outside {
			want = append([]string{start}, want...)
			_, list = v.expand(t, true)
		}
		diff := cmp.Diff(want, list)
		switch reason := v.exception(); {
		case diff == "":
			equal[agreed]++
		case reason != "":
			differ[v.Name] = true
			t.Logf("%s %q differs: %s", v.Src, v.Name, reason)
		default:
			t.Errorf("%s %q (%s, dateutil %s):\n%s", v.Src, v.Name, v.RRule+v.Text, v.Dateutil, diff)
		}
	}
	t.Logf("equal: %d of %d on which dateutil agrees, %d of the other %d", equal[true], total[true], equal[false], total[false])
	if equal[true] < total[true]-2 || len(differ) > 5 {
		t.Errorf("%d vectors differ", len(differ))
	}
}

// wallClock writes a time as most vectors do, which know no dates.
func wallClock(t ical.Time) string {
	return t.In(time.UTC).Format("20060102T150405")
}

func readEvents(s string) ([]ical.Event, error) {
	c, err := ical.Parse([]byte(s))
	if err != nil {
		return nil, err
	}
	events, _ := c.Events()
	return events, nil
}

// row is an item of the table beside blair-l's calendar.
type row struct {
	UID        string   `json:"uid"`
	AllDay     bool     `json:"all_day"`
	StartLocal string   `json:"start_local"`
	EndLocal   string   `json:"end_local"`
	StartUTC   string   `json:"start_utc"`
	EndUTC     string   `json:"end_utc"`
	DatesUTC   []string `json:"dates_utc"`
}

// want lists the instances of the item as show does, sorted.
func (r row) want(t *testing.T) []string {
	t.Helper()
	if r.AllDay {
		return []string{strings.ReplaceAll(r.StartLocal+"/"+r.EndLocal, "-", "")}
	}
	at := func(s string) time.Time {
		u, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	length := at(r.EndUTC).Sub(at(r.StartUTC))
	var list []string
	for _, s := range slices.Compact(slices.Sorted(slices.Values(append(r.DatesUTC, r.StartUTC)))) {
		list = append(list, fmt.Sprintf("%s/%s", ical.At(at(s)), ical.At(at(s).Add(length))))
	}
	return list
}

// A real calendar of 1,118 items gives exactly the times that another program
// worked out.
func TestRealCalendarTimes(t *testing.T) {
	data, err := os.ReadFile(corpus(t, "ics/enron/blair-l.events.json"))
	if err != nil {
		t.Fatal(err)
	}
	var rows []row
	if err := json.Unmarshal(data, &rows); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, name := range []string{"blair-l.events.ics", "blair-l.repeat.ics"} {
		data, err := os.ReadFile(corpus(t, "ics/enron/"+name))
		if err != nil {
			t.Fatal(err)
		}
		events, err := readEvents(string(data))
		if err != nil {
			t.Fatal(err)
		}
		list, left := ical.ExpandEach(events, time.Time{}, time.Date(2010, 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
		if left > 0 {
			t.Errorf("%s: %d events left out", name, left)
		}
		for _, i := range list {
			got[i.UID] = append(got[i.UID], fmt.Sprintf("%s/%s", i.Start, i.End))
		}
	}
	equal, instances := 0, 0
	for _, r := range rows {
		if diff := cmp.Diff(r.want(t), got[r.UID]); diff != "" {
			t.Errorf("%s (-table +ours):\n%s", r.UID, diff)
			continue
		}
		equal++
		instances += len(got[r.UID])
	}
	t.Logf("%d of %d items as in the table, %d instances", equal, len(rows), instances)
	if len(got) != len(rows) || len(rows) != 1118 {
		t.Errorf("%d items, want the %d of the table", len(got), len(rows))
	}
}

// eachFile calls fn with every file under ics.
func eachFile(t *testing.T, fn func(name string, data []byte)) {
	t.Helper()
	root := corpus(t, "ics")
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err == nil {
			fn(strings.TrimPrefix(path, root+"/"), data)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

var (
	fold       = regexp.MustCompile(`(\r\n|\n|\r)[ \t]`)
	eventPart  = regexp.MustCompile(`(?s)BEGIN:VEVENT[ \t]*[\r\n].*?END:VEVENT`)
	alarmPart  = regexp.MustCompile(`(?s)BEGIN:VALARM[ \t]*[\r\n].*?END:VALARM`)
	dated      = regexp.MustCompile(`(?m)^DTSTART[;:].*\d{8}`)
	addressed  = regexp.MustCompile(`(?m)^ATTENDEE[;:].*@`)
	eventBegin = regexp.MustCompile(`(?m)^BEGIN:VEVENT[ \t]*$`)
)

// crude counts what a search for lines finds: events, those with a DTSTART that
// has eight digits, and the attendees of those that have an @.
func crude(data []byte) (events, starts, attendees int) {
	text := strings.ReplaceAll(fold.ReplaceAllString(string(data), ""), "\r", "\n")
	events = len(eventBegin.FindAllString(text, -1))
	for _, part := range eventPart.FindAllString(text, -1) {
		part = alarmPart.ReplaceAllString(part, "")
		if dated.MatchString(part) {
			starts++
			attendees += len(addressed.FindAllString(part, -1))
		}
	}
	return events, starts, attendees
}

// Every file of the corpus is read, partly read or skipped without harm, and
// what is found in it is what a search for lines finds.
func TestCorpusCalendars(t *testing.T) {
	from := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	to := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	count := map[string]int{}
	warned := map[string]int{}
	eachFile(t, func(name string, data []byte) {
		c, err := ical.Parse(data)
		if ext := filepath.Ext(name); ext != ".ics" && ext != ".vcs" && ext != ".ical" {
			count["files of another kind"]++
			return
		}
		count["calendars"]++
		events, starts, attendees := crude(data)
		count["BEGIN:VEVENT"] += events
		count["with a DTSTART"] += starts
		count["attendees with an address, searched"] += attendees
		if err != nil {
			count["skipped: "+err.Error()]++
			if events > 0 {
				t.Errorf("%s: skipped with %d events: %v", name, events, err)
			}
			return
		}
		list, warnings := c.Events()
		if len(warnings)+len(c.Warnings) == 0 {
			count["read"]++
		} else {
			count["read with warnings"]++
		}
		for _, w := range append(warnings, c.Warnings...) {
			warned[w.Text]++
		}
		found := 0
		for _, e := range list {
			for _, a := range e.Attendees {
				if a.Address != "" {
					found++
				}
			}
		}
		if len(list) != starts || found != attendees {
			t.Logf("%s: %d events and %d attendees, a search finds %d and %d", name, len(list), found, starts, attendees)
			count["files where the search finds something else"]++
		}
		count["events"] += len(list)
		count["attendees with an address"] += found
		series := map[string][]ical.Event{} // as a server keeps them
		for _, e := range list {
			series[e.UID] = append(series[e.UID], e)
		}
		for _, events := range series {
			instances, err := ical.Expand(events, from, to, time.UTC)
			count["instances"] += len(instances)
			if err != nil {
				count[err.Error()]++
			}
		}
	})
	if n := count["files where the search finds something else"]; n > 8 || count["events"] < count["with a DTSTART"]*99/100 {
		t.Errorf("%d files with other events or attendees than a search finds", n)
	}
	for _, what := range slices.Sorted(maps.Keys(count)) {
		t.Logf("%6d %s", count[what], what)
	}
	for _, text := range slices.Sorted(maps.Keys(warned)) {
		t.Logf("%6d warnings: %s", warned[text], text)
	}
}
