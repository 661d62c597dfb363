package ical_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ical"
)

// generated is a rule that is asked of both expanders.
type generated struct {
	Start, Rule string
}

// dateutilScript answers each rule with its first 30 instances, or with null if
// dateutil refuses it or takes 0.1 s of CPU: it may never end.
const dateutilScript = `
import itertools, json, signal, sys
from dateutil.rrule import rrulestr
from datetime import datetime
def stop(*_):
    raise ValueError
signal.signal(signal.SIGVTALRM, stop)
for line in sys.stdin:
    g = json.loads(line)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.1)
    try:
        rule = rrulestr(g["Rule"], dtstart=datetime.strptime(g["Start"], "%Y%m%dT%H%M%S"))
        list = [t.strftime("%Y%m%dT%H%M%S") for t in itertools.islice(rule, 30)]
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        print(json.dumps(list))
    except ValueError:
        print("null")
`

// spans are how long rules of a frequency run, so that dateutil ends soon if
// they match nothing.
var spans = map[string]time.Duration{
	"YEARLY": 40 * 366 * 24 * time.Hour, "MONTHLY": 12 * 366 * 24 * time.Hour, "WEEKLY": 6 * 366 * 24 * time.Hour, "DAILY": 4 * 366 * 24 * time.Hour,
	"HOURLY": 200 * 24 * time.Hour, "MINUTELY": 20 * 24 * time.Hour, "SECONDLY": 20 * time.Hour,
}

// randomRule makes a rule that RFC 5545 gives one meaning, which dateutil shares.
func randomRule(r *rand.Rand) generated {
	freq := []string{"YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY"}[r.IntN(7)]
	start := time.Date(1995+r.IntN(30), time.Month(1+r.IntN(12)), 1+r.IntN(31), r.IntN(24), r.IntN(60), r.IntN(60), 0, time.UTC)
	days := []string{"MO", "TU", "WE", "TH", "FR", "SA", "SU"}
	rule := "FREQ=" + freq
	add := func(key string, chance float64, n int, one func() string) {
		if r.Float64() < chance {
			list := make([]string, 1+r.IntN(n))
			for i := range list {
				list[i] = one()
			}
			rule += ";" + key + "=" + strings.Join(list, ",")
		}
	}
	below := func(n int) func() string { return func() string { return strconv.Itoa(r.IntN(n)) } }
	either := func(n int) func() string {
		return func() string { return strconv.Itoa((1 + r.IntN(n)) * (1 - 2*r.IntN(2))) }
	}
	fine := slices.Contains([]string{"HOURLY", "MINUTELY", "SECONDLY"}, freq)
	weeks := r.Float64() < 0.1
	switch {
	case weeks && freq == "YEARLY": // dateutil counts intervals in other years, and takes every day
		start = start.AddDate(0, 0, 10)
	case r.Float64() < 0.5:
		rule += ";INTERVAL=" + strconv.Itoa(1+r.IntN(4))
	case fine:
		rule += ";INTERVAL=" + strconv.Itoa(1+r.IntN(100))
	}
	if r.Float64() < 0.5 {
		rule += ";WKST=" + days[r.IntN(7)]
	}
	if weeks {
		add("BYWEEKNO", 1, 20, either(53))
	} else {
		add("BYMONTHDAY", 0.25, 8, either(31))
		add("BYYEARDAY", 0.1, 80, either(366))
	}
	add("BYMONTH", 0.25, 6, func() string { return strconv.Itoa(1 + r.IntN(12)) })
	dayChance := 0.3
	if weeks && freq == "YEARLY" {
		dayChance = 1
	}
	// dateutil takes a numbered day for a condition on the plain ones beside it.
	numbered := !weeks && (freq == "MONTHLY" || freq == "YEARLY") && r.IntN(2) == 0
	add("BYDAY", dayChance, 4, func() string {
		day := days[r.IntN(7)]
		if numbered {
			day = either(5)() + day
		}
		return day
	})
	add("BYHOUR", 0.25, 10, below(24))
	add("BYMINUTE", 0.25, 20, below(60))
	add("BYSECOND", 0.25, 20, below(60))
	// dateutil takes the first week from DTSTART on, RFC 5545 the whole of it.
	if freq != "WEEKLY" && !weeks && strings.Contains(rule, ";BY") {
		add("BYSETPOS", 0.2, 3, either(6))
	}
	return generated{start.Format("20060102T150405"), rule + ";UNTIL=" + start.Add(spans[freq]).Format("20060102T150405")}
}

// python-dateutil and we give the same instances for rules by chance. It needs
// python3-dateutil.
func TestRulesAgainstDateutil(t *testing.T) {
	if err := exec.Command("python3", "-c", "import dateutil.rrule").Run(); err != nil {
		t.Skip("python3-dateutil is not installed")
	}
	const rules = 100
	r := rand.New(rand.NewPCG(5545, 1))
	list := make([]generated, rules)
	var in bytes.Buffer
	for i := range list {
		list[i] = randomRule(r)
		if err := json.NewEncoder(&in).Encode(list[i]); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(t.Context(), "python3", "-c", dateutilScript)
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	answers := json.NewDecoder(bytes.NewReader(out))
	compared, nothing, refused, failed := map[string]int{}, 0, 0, 0
	for _, g := range list {
		var want []string
		if err := answers.Decode(&want); err != nil {
			t.Fatal(err)
		}
		if want == nil {
			refused++
			continue
		}
		if len(want) == 0 {
			nothing++
		}
		if len(want) == 0 || want[0] != g.Start { // DTSTART is always an instance
			want = append([]string{g.Start}, want...)
		}
		if diff := cmp.Diff(want, g.expand(t, want)); diff != "" {
			if failed++; failed <= 5 {
				t.Errorf("DTSTART:%s RRULE:%s (-dateutil +ours):\n%s", g.Start, g.Rule, diff)
			}
		}
		freq, _, _ := strings.Cut(g.Rule, ";")
		compared[freq]++
	}
	t.Logf("%d rules: %d differ, %d match nothing, %d not worked out by dateutil; %v", rules, failed, nothing, refused, compared)
}

// expand gives as many instances as are wanted, or all if those are few.
func (g generated) expand(t *testing.T, want []string) []string {
	t.Helper()
	events, err := readEvents(calendar("DTSTART:" + g.Start + "\nRRULE:" + g.Rule))
	if err != nil {
		t.Fatal(err)
	}
	to := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	if len(want) >= 30 {
		last, err := time.Parse("20060102T150405", want[len(want)-1])
		if err != nil {
			t.Fatal(err)
		}
		to = last.Add(time.Second)
	}
	got, err := ical.Expand(events, time.Time{}, to, time.UTC)
	if err != nil {
		return []string{fmt.Sprint(err)}
	}
	var list []string
	for _, i := range got {
		list = append(list, wallClock(i.Start))
	}
	return list
}
