package main

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/config"
	"syncd/internal/planner"
	"syncd/internal/report"
)

// What the configuration ignores is not called mail from machines.
func TestStatusCountsIgnoredApart(t *testing.T) {
	for _, test := range []struct {
		noise map[string]int
		want  string
	}{
		{map[string]int{"list": 2, "bounce": 1, "ignored": 12}, "  INBOX: 20 read, 3 from machines and lists, 12 ignored\n"},
		{map[string]int{"ignored": 12}, "  INBOX: 20 read, 12 ignored\n"},
		{map[string]int{"list": 2}, "  INBOX: 20 read, 2 from machines and lists\n"},
	} {
		var out strings.Builder
		a := &app{stdout: &out}
		a.printSource(sourceJSON{Name: "INBOX", Read: 20, Noise: test.noise, Listed: true, Complete: true}, time.UTC)
		if got := out.String(); got != test.want {
			t.Errorf("printSource() = %q, want %q", got, test.want)
		}
	}
}

// Of an event about several people nothing is said that is about one.
func TestWhyOfSeveral(t *testing.T) {
	p := &people{cfg: &config.Config{}, snapshot: planner.Snapshot{Contacts: []planner.Contact{{ID: "p1", Name: "Ana Lima"}}}}
	p.cfg.Me.Zone = time.UTC
	for who, want := range map[planner.ContactID]bool{"p1": true, "": false} {
		var out strings.Builder
		a := &app{stdout: &out, now: time.Now}
		if err := a.printChain(t.Context(), p, planner.FollowUp{Title: "Say hello", Rule: planner.FirstMeeting, Contact: who}, "", nil); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(out.String(), "other rules"); got != want {
			t.Errorf("of %q: other rules %t, want %t:\n%s", who, got, want, out.String())
		}
	}
}

// TestReportOfWhatIsUncertain shows who may have promised whom, with the sentence where
// one is kept.
func TestReportOfWhatIsUncertain(t *testing.T) {
	var out strings.Builder
	w := &reportWriter{app: &app{stdout: &out}, zone: time.UTC}
	who := report.Person{Name: "Ana Lima", Address: "ana@example.org"}
	w.uncertain([]report.Uncertain{
		{Person: who, Kind: "promise", Said: may(12, 9), For: "2026-05-15", Sentence: "I could send it."},
		{Person: who, Kind: "their-promise", Said: may(11, 9)},
	})
	want := "May be promises; nothing is planned for them\n" +
		"  12 May 2026  you to Ana Lima, for 2026-05-15  “I could send it.”\n" +
		"  11 May 2026  Ana Lima to you\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("uncertain() mismatch (-want +got):\n%s", diff)
	}
}
