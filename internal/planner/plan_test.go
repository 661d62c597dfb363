package planner_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/planner"
)

var update = flag.Bool("update", false, "rewrite the wanted part of testdata")

// setting is the policy part of a plan file: what differs from the defaults.
type setting struct {
	Zone      string
	PerDay    *int
	OpenAhead *int
	AutoMax   *int
	Expire    *int
	Off       []planner.Rule
	On        []planner.Rule // of those that have something for nearly everybody
	Holidays  []planner.Date
	Away      []planner.DateRange
	Neutral   bool
	OnMyMind  string
	Text      bool // print descriptions
}

func (s setting) policy(t *testing.T) planner.Policy {
	t.Helper()
	p := planner.DefaultPolicy()
	zone, err := time.LoadLocation(s.Zone)
	if err != nil {
		t.Fatal(err)
	}
	p.Zone = zone
	for _, n := range []struct {
		to   *int
		from *int
	}{{&p.PerDay, s.PerDay}, {&p.OpenAhead, s.OpenAhead}, {&p.AutoMax, s.AutoMax}, {&p.Expire, s.Expire}} {
		if n.from != nil {
			*n.to = *n.from
		}
	}
	for _, r := range []planner.Rule{planner.Dormant, planner.CardSweep} {
		if !slices.Contains(s.On, r) {
			p.Rules[r] = planner.RulePolicy{}
		}
	}
	for _, r := range s.Off {
		p.Rules[r] = planner.RulePolicy{}
	}
	p.Holidays, p.Away, p.Neutral, p.OnMyMind = s.Holidays, s.Away, s.Neutral, s.OnMyMind
	return p
}

// TestPlans plans each file of testdata/plans at each of its moments.
func TestPlans(t *testing.T) {
	files, err := filepath.Glob("testdata/plans/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no plan files: %v", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a := readArchive(t, name)
			var snapshot planner.Snapshot
			var set setting
			decode(t, a.section["snapshot"], &snapshot)
			decode(t, a.section["policy"], &set)
			p := set.policy(t)
			got, want := "", a.section["want"]
			for now := range strings.FieldsSeq(a.section["now"]) {
				when, err := time.ParseInLocation("2006-01-02T15:04", now, p.Zone)
				if err != nil {
					t.Fatal(err)
				}
				got += "== " + when.Format("Mon 2006-01-02 15:04") + "\n" + show(planner.Plan(snapshot, p, when), p.Zone, set.Text)
			}
			if *update {
				if _, ok := a.section["want"]; !ok {
					a.names = append(a.names, "want")
				}
				a.section["want"] = got
				a.write(t, name)
				return
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("Plan() mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

func decode(t *testing.T, data string, v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		t.Fatalf("%v in\n%s", err, data)
	}
}

// show prints a result for people to read.
func show(r planner.Result, zone *time.Location, text bool) string {
	var b strings.Builder
	clock := func(t time.Time) string {
		if t.IsZero() {
			return "never"
		}
		return t.In(zone).Format("Mon 2006-01-02 15:04")
	}
	for _, f := range r.FollowUps {
		fmt.Fprintf(&b, "%s %s %s/%d %s: %s\n", f.Status, f.Rule, f.Key.Code(), f.Generation, f.Contact, f.Title)
		fmt.Fprintf(&b, "\tdue %s", clock(f.Due))
		if !f.Slot.IsZero() {
			fmt.Fprintf(&b, ", slot %s", clock(f.Slot))
		}
		b.WriteByte('\n')
		for _, l := range f.Also {
			fmt.Fprintf(&b, "\talso %s\n", l.Title)
		}
		if text {
			if f.Text != "" {
				b.WriteString("\t| " + strings.ReplaceAll(f.Text, "\n", "\n\t| ") + "\n")
			}
			continue
		}
		for _, w := range f.Because {
			fmt.Fprintf(&b, "\t- %s\n", w)
		}
	}
	for _, h := range r.Held {
		fmt.Fprintf(&b, "held %s %s/%d %s: %s\n\t%s\n", h.Rule, h.Key.Code(), h.Generation, h.Contact, h.Title, h.HeldBecause)
		if h.End != nil {
			fmt.Fprintf(&b, "\tended %s by %s %s\n", h.End.Outcome, h.End.Evidence.Type, h.End.Evidence.ID)
		} else {
			fmt.Fprintf(&b, "\tdue %s\n", clock(h.Due))
		}
	}
	for _, s := range r.States {
		fmt.Fprintf(&b, "state %s %s", s.Contact, s.State)
		if !s.Until.IsZero() {
			fmt.Fprintf(&b, " until %s", clock(s.Until))
		}
		if s.Why != "" {
			fmt.Fprintf(&b, " (%s)", s.Why)
		}
		if s.Circle != "" {
			fmt.Fprintf(&b, " in %s", s.Circle)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "next %s\n", clock(r.Next))
	return b.String()
}
