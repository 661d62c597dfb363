package main

import "testing"

// A name is one line without characters that steer a terminal.
func TestOneLine(t *testing.T) {
	for in, want := range map[string]string{
		"  Susan\tHall\n":              "Susan Hall",
		"Susan\x1b[31m \u202eHall\x07": "Susan [31m Hall",
		"\x00\u200e":                   "",
		"Zoë\xff Roth":                 "Zoë Roth",
	} {
		if got := oneLine(in); got != want {
			t.Errorf("oneLine(%q) = %q, want %q", in, got, want)
		}
	}
}
