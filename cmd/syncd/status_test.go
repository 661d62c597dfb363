package main

import (
	"strings"
	"testing"
	"time"
)

// Why nothing is written stands in the first line.
func TestStatusSaysWhyNothingIsWritten(t *testing.T) {
	first := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	for want, s := range map[string]statusJSON{
		"The first scan is not complete: nothing is written to the calendar yet.":              {configured: true},
		"The first scan is complete; the next pass writes to the calendar.":                    {configured: true, covered: true},
		"Some of it is being read again: nothing is written to the calendar until that is in.": {configured: true, FirstRun: &first},
		"": {configured: true, covered: true, FirstRun: &first},
	} {
		var out strings.Builder
		a := &app{stdout: &out}
		a.printStatus(s, time.UTC)
		if line, _, _ := strings.Cut(out.String(), "\n"); want != "" && line != want || want == "" && strings.Contains(line, "written") {
			t.Errorf("status of %+v begins %q, want %q", s, line, want)
		}
	}
}
