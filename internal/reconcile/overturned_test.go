package reconcile_test

import (
	"testing"
	"time"
)

// What the user takes back, that they want quiet, and where they moved an entry was
// not known to the plan that goes with it: it has nothing created in the same pass.
func TestNothingNewBesideSecondThoughts(t *testing.T) {
	for name, edit := range map[string][2]string{
		"taken back": {"SUMMARY:done ", "SUMMARY:"},
		"muted":      {"SUMMARY:", "SUMMARY:never: "},
		"moved":      {"DTSTART;TZID=Europe/Berlin:2026", "DTSTART;TZID=Europe/Berlin:2027"},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSystem(t, image{})
			s.ask("old")
			s.settle(t)
			if name == "taken back" {
				s.edit("old", "notes below this line stay ---", `notes below this line stay ---\nshe likes tea`)
				s.edit("old", "SUMMARY:", "SUMMARY:done ")
				s.settle(t)
			}
			s.edit("old", edit[0], edit[1])
			s.ask("new")
			s.facts["new"].slot = s.now.Add(5 * time.Hour)
			for want := range 2 {
				if err := s.pass(t); err != nil {
					t.Fatal(err)
				}
				_, created := s.server.Objects(followups)[s.uid("new")+".ics"]
				if created != (want == 1) {
					t.Fatalf("created in pass %d: %t; want the second one to do it\n%s", want+1, created, describe(s.diff(t)))
				}
			}
		})
	}
}
