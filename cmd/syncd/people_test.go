package main

import (
	"slices"
	"testing"
	"time"

	"syncd/internal/ledger"
)

func TestDateText(t *testing.T) {
	for text, want := range map[string]string{"1980-05-12": "12 May 1980", "--05-12": "12 May", "--02-29": "29 February", "": ""} {
		if got := dateText(text); got != want {
			t.Errorf("dateText(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestByLastContact(t *testing.T) {
	day := func(n int) time.Time { return time.Date(2026, 5, n, 9, 0, 0, 0, time.UTC) }
	rows := []ledger.ContactRow{
		{ID: "1", Name: "Never"},
		{ID: "2", Name: "Wrote long ago, met lately", LastOut: day(1), LastMet: day(9)},
		{ID: "3", Name: "Bea", LastIn: day(7)},
		{ID: "4", Name: "Ana", LastOut: day(7)},
		{ID: "5", Name: "Latest", LastIn: day(10), LastOut: day(2)},
	}
	slices.SortStableFunc(rows, byLastContact)
	var got []string
	for _, r := range rows {
		got = append(got, r.Name)
	}
	want := []string{"Latest", "Wrote long ago, met lately", "Ana", "Bea", "Never"}
	if !slices.Equal(got, want) {
		t.Errorf("order %q, want %q", got, want)
	}
}
