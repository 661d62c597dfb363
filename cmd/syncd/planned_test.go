package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/planner"
)

func TestPlannedText(t *testing.T) {
	at := func(day int) time.Time { return time.Date(2026, 6, day, 22, 30, 0, 0, time.UTC) }
	own := func(uid string, who planner.ContactID, day int) planner.Adopted {
		return planner.Adopted{UID: uid, Contact: who, Title: "Call " + uid, Start: at(day)}
	}
	done := own("b", "ana", 4)
	done.Done = planner.Evidence{Type: planner.Mail, ID: "m@example.org", At: at(2)}
	p := &people{snapshot: planner.Snapshot{Adopted: []planner.Adopted{own("a", "ana", 2), own("a", "bob", 2), done, own("a", "ana", 9)}}}
	var got []string
	for _, e := range p.planned("ana") {
		got = append(got, e.text(time.FixedZone("", 2*60*60)))
	}
	want := []string{"Call a, 3 Jun 2026", "Call b, 5 Jun 2026 (done on 3 Jun 2026)"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("planned with Ana (-want +got):\n%s", diff)
	}
}
