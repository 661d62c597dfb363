package ledger_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// TestListing lists a folder that is gone later, one before it is read, and one
// that was never read and is gone again.
func TestListing(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	side := ledger.SourceID{Account: "work", Type: ledger.Mailbox}
	box := func(name string) ledger.SourceID { s := side; s.Name = name; return s }
	list := func(all ...ledger.Listed) {
		t.Helper()
		for range 2 { // saying it twice changes nothing
			if err := l.SetListing(t.Context(), side, all); err != nil {
				t.Fatal(err)
			}
		}
	}
	list(ledger.Listed{Name: "INBOX", Title: "INBOX"}, ledger.Listed{Name: "Old", Title: "Old"}, ledger.Listed{Name: "Never", Title: "Never"})
	if err := l.Append(t.Context(), ledger.Batch{Source: box("Old"), At: day(0), Cursor: ledger.Cursor{UIDValidity: 1, Highest: 4, Lowest: 2, Reached: day(-9)}}); err != nil {
		t.Fatal(err)
	}
	list(ledger.Listed{Name: "INBOX", Title: "INBOX"}, ledger.Listed{Name: "B&APw-cher", Title: "Bücher"})
	if err := l.SetNotices(t.Context(), side, []string{"slow"}); err != nil {
		t.Fatal(err)
	}
	got, err := l.Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	none := map[string]int{}
	want := []ledger.SourceHealth{
		{Source: side, Listed: true, Notices: []string{"slow"}, Noise: none},
		{Source: box("B&APw-cher"), Listed: true, Title: "Bücher", Noise: none},
		{Source: box("INBOX"), Listed: true, Title: "INBOX", Noise: none},
		{Source: box("Old"), Reached: day(-9), Lowest: 2, Noise: none},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Health() mismatch (-want +got):\n%s", diff)
	}
}

// What could not be read is told of until it can be, or is gone.
func TestSkippedUntilRead(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	take := func(b ledger.Batch, want ...string) {
		t.Helper()
		b.At = day(1)
		for range 2 { // taking it twice changes nothing
			if err := l.Append(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		all, err := l.Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, h := range all {
			if h.Source == b.Source {
				got = ids(h.Skipped, func(s ledger.Skip) string { return s.Where })
			}
		}
		if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
			t.Errorf("skipped in %s mismatch (-want +got):\n%s", b.Source.Name, diff)
		}
	}
	skips := func(places ...string) (out []ledger.Skip) {
		for _, p := range places {
			out = append(out, ledger.Skip{Where: p, Reason: "no sense"})
		}
		return out
	}
	read := mail("a@x", day(0), "ana@example.org > me@example.com", "Hi")
	read.UID = 2
	take(ledger.Batch{Source: inbox, Skipped: skips("1", "2", "3")}, "1", "2", "3")
	take(ledger.Batch{Source: sent, Skipped: skips("2")}, "2")
	take(ledger.Batch{Source: inbox, Mail: []ledger.Mail{read}}, "1", "3")
	take(ledger.Batch{Source: inbox, Reset: true, Skipped: skips("3")}, "3")
	take(ledger.Batch{Source: sent, Mail: []ledger.Mail{{UID: 2, ID: "n@x", Noise: "list-id", At: day(0)}}})
	take(ledger.Batch{Source: cal, Skipped: skips("/1.ics", "/2.ics", "/3.ics")}, "/1.ics", "/2.ics", "/3.ics")
	known, err := l.Objects(t.Context(), cal)
	if diff := cmp.Diff(map[string]string{"/1.ics": "", "/2.ics": "", "/3.ics": ""}, known); diff != "" || err != nil {
		t.Errorf("Objects() mismatch (-want +got), %v:\n%s", err, diff)
	}
	take(ledger.Batch{Source: cal, Objects: []ledger.Object{object("/1.ics", meeting("m", 1, ""))}, Gone: []string{"/2.ics"}}, "/3.ics")
	take(ledger.Batch{Source: book, Skipped: skips("/cards/1.vcf", "/cards/2.vcf", "/cards/3.vcf")}, "/cards/1.vcf", "/cards/2.vcf", "/cards/3.vcf")
	take(ledger.Batch{Source: book, Cards: []ledger.Card{card("1", "Ana Lima")}, Gone: []string{"/cards/2.vcf"}}, "/cards/3.vcf")
}

func TestCalendarsSeen(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	for i, url := range []string{"https://dav.example.com/b/", "https://dav.example.com/a/"} {
		if err := l.SetCalendarSeen(t.Context(), url, false, day(float64(i))); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"Follow-ups", "Hellos", "Follow-ups"} {
		if err := l.AddCalendarName(t.Context(), "https://dav.example.com/b/", name); err != nil {
			t.Fatal(err)
		}
	}
	got, err := l.CalendarsSeen(t.Context())
	want := []ledger.SeenCalendar{
		{URL: "https://dav.example.com/b/", Names: []string{"Follow-ups", "Hellos"}}, {URL: "https://dav.example.com/a/"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("CalendarsSeen() mismatch (-want +got), %v:\n%s", err, diff)
	}
}

// TestContactByAnySpelling looks for people whose name or domain is not ASCII.
func TestContactByAnySpelling(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	b := ledger.Batch{Source: sent, Sent: true, At: day(1), Cursor: ledger.Cursor{UIDValidity: 1, Highest: 1, Lowest: 1, Complete: true}}
	for _, p := range []ledger.Participant{
		{Address: "oezge@xn--bcher-kva.example", Name: "Özge Ünal"}, {Address: "anna@example.net", Name: "Anna Ähre"},
	} {
		p.Role = ledger.RoleTo
		b.Mail = append(b.Mail, ledger.Mail{
			UID: uint32(len(b.Mail) + 1), ID: p.Address, At: day(0), Subject: "Hi",
			People: []ledger.Participant{{Address: "me@example.com", Role: ledger.RoleFrom}, p},
		})
	}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[string]string{
		"ÖZGE ÜNAL": "Özge Ünal", "özge ünal": "Özge Ünal", "Ünal": "Özge Ünal", "ähre": "Anna Ähre",
		"oezge@Bücher.example": "Özge Ünal", "oezge@xn--bcher-kva.example": "Özge Ünal",
	} {
		if c, err := l.Contact(t.Context(), who); err != nil || c.Name != want {
			t.Errorf("Contact(%s) = %q, %v, want %s", who, c.Name, err, want)
		}
	}
}

// TestFindFollowUps finds an ended entry with its person.
func TestFindFollowUps(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	if err := l.Append(t.Context(), ledger.Batch{
		Source: sent, Sent: true, At: day(1), Cursor: ledger.Cursor{UIDValidity: 1, Highest: 1, Lowest: 1, Complete: true},
		Mail: []ledger.Mail{{UID: 1, ID: "a@x", At: day(0), People: []ledger.Participant{
			{Address: "me@example.com", Role: ledger.RoleFrom}, {Address: "ana@example.org", Name: "Ana Muster", Role: ledger.RoleTo},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
	k := planner.Key{Rule: planner.Awaiting, Evidence: "a@x", Who: "ana@example.org"}
	p := ledger.Placement{UID: planner.UID(l.Instance(), k, 0), Key: k, State: ledger.Placed, CreatedAt: day(1), Slot: day(2)}
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	by := planner.Evidence{Type: planner.Mail, ID: "b@x", At: day(3).UTC()}
	if err := l.End(t.Context(), p.UID, planner.End{Outcome: planner.Answered, Evidence: by, Why: "they wrote"}, day(3)); err != nil {
		t.Fatal(err)
	}
	got, err := l.FindFollowUps(t.Context(), k.Code())
	if err != nil || len(got) != 1 {
		t.Fatalf("FindFollowUps() = %d rows, %v", len(got), err)
	}
	if r := got[0]; r.Name != "Ana Muster" || r.Contact == "" || r.Outcome != planner.Answered || !r.EndedBy.At.Equal(by.At) || r.EndedBy.ID != "b@x" {
		t.Errorf("FindFollowUps() = %+v", r)
	}
}
