package ical_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// Vectors we differ from on purpose, by what they contradict.
const (
	derived   = "RFC 5545 section 3.3.10 takes a missing weekday from DTSTART, dateutil takes all seven"
	extension = "BYWEEKDAY is an extension of dateutil"
	unlisted  = "libical lists no expectation"
	bound     = "more times a day than we allow"
	inclusive = "an UNTIL that is a date includes that day (RFC 5545 section 3.3.10)"
	dates     = "dateutil has no dates, and lists times"
	expands   = "RFC 5545's table: BYMONTHDAY expands a YEARLY rule, to all months"
)

func (v vector) exception() string {
	switch {
	case strings.Contains(v.Text, "BYWEEKDAY"):
		return extension
	case len(v.Instances) > 0 && strings.HasPrefix(v.Instances[0], "***"):
		return unlisted
	case v.Name == "testUntilWithDate":
		return inclusive
	case v.Name == "testDTStartIsDate":
		return dates
	case strings.Contains(v.RRule, "BYMINUTE=1,2,3,4,5,6,7,8,9,10,"):
		return bound
	case v.Src == "dateutil" && strings.Contains(v.RRule, "FREQ=YEARLY") && strings.Contains(v.RRule, "BYWEEKNO") && !strings.Contains(v.RRule, "BYDAY"):
		return derived
	case v.Src == "libical" && strings.Contains(v.RRule, "FREQ=YEARLY;BYMONTHDAY=") && v.Dateutil == "disagrees":
		return expands
	}
	return ""
}

// event writes the vector as a calendar object.
func (v vector) event() string {
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
	return "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:1\n" + body + "\nEND:VEVENT\nEND:VCALENDAR\n"
}

// want is what a recurrence set has where the vector lists only what the rule
// generates: DTSTART is always the first instance, and counts.
func (v vector) want(start string) []string {
	want := slices.Clone(v.Instances)
	for i := range want {
		want[i] = strings.TrimSuffix(want[i], "Z")
	}
	if len(want) == 0 {
		return []string{start}
	}
	if v.StartAt != "" || want[0] == start || strings.Contains(v.Text, "RDATE") || strings.Contains(v.Text, "EXDATE") {
		return want
	}
	if strings.Contains(v.RRule+v.Text, "COUNT=") {
		want = want[:len(want)-1]
	}
	return append([]string{start}, want...)
}

func TestRecurrenceVectors(t *testing.T) {
	data, err := os.ReadFile(corpus(t, "recur/recur_vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(data, &vectors); err != nil {
		t.Fatal(err)
	}
	passed, refused, excepted := 0, 0, map[string]int{}
	for _, v := range vectors {
		events, err := readEvents(v.event())
		if err != nil || len(events) != 1 {
			t.Errorf("%s: %d events, %v", v.Name, len(events), err)
			continue
		}
		from := time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC)
		year, _, _ := events[0].Start.Date()
		got, err := ical.Expand(events, from, time.Date(max(2400, year+1), 1, 1, 0, 0, 0, 0, time.UTC), time.UTC)
		if isFine(v.RRule) {
			if err == nil {
				t.Errorf("%s: %s is not refused", v.Name, v.RRule)
			}
			refused++
			continue
		}
		want := v.want(wallClock(events[0].Start))
		var list []string
		for _, i := range got {
			list = append(list, wallClock(i.Start))
		}
		if len(want) < len(list) && !strings.Contains(v.RRule+v.Text, "COUNT") && !strings.Contains(v.RRule+v.Text, "UNTIL") {
			list = list[:len(want)]
		}
		diff := cmp.Diff(want, list)
		switch reason := v.exception(); {
		case diff == "" && err == nil:
			passed++
		case reason != "":
			excepted[reason]++
		default:
			t.Errorf("%s %q (%s, dateutil %s) %v:\n%s", v.Src, v.Name, v.RRule+v.Text, v.Dateutil, err, diff)
		}
	}
	t.Logf("%d of %d vectors as listed, %d finer than daily refused", passed, len(vectors), refused)
	for reason, n := range excepted {
		t.Logf("%d differ: %s", n, reason)
	}
}

func isFine(rule string) bool {
	return strings.Contains(rule, "HOURLY") || strings.Contains(rule, "MINUTELY") || strings.Contains(rule, "SECONDLY")
}

func wallClock(t ical.Time) string {
	if t.IsDate() {
		return t.String()
	}
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

// Every calendar of the corpus is read without a panic and in bounds, and its
// events expand.
func TestCorpusCalendars(t *testing.T) {
	from := time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)
	to := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	var files, whole, partly, skipped, events, instances, rules int
	err := filepath.WalkDir(corpus(t, "ics"), func(path string, _ fs.DirEntry, err error) error {
		if ext := filepath.Ext(path); err != nil || ext != ".ics" && ext != ".vcs" && ext != ".ical" {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		c, err := ical.Parse(data)
		if err != nil {
			skipped++
			t.Logf("skipped %s: %v", filepath.Base(path), err)
			return nil
		}
		list, warnings := c.Events()
		if len(warnings)+len(c.Warnings) == 0 {
			whole++
		} else {
			partly++
		}
		events += len(list)
		found, err := ical.Expand(list, from, to, time.UTC)
		if err != nil {
			rules++
			t.Logf("%s: %v", filepath.Base(path), err)
		}
		instances += len(found)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files: %d read, %d with warnings, %d skipped; %d events, %d instances, %d files with a refused rule",
		files, whole, partly, skipped, events, instances, rules)
	if files == 0 || skipped > files/10 {
		t.Errorf("%d of %d files skipped", skipped, files)
	}
}
