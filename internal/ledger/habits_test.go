package ledger_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
)

func TestSendersWhoWriteAsProgramsDo(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	send := func(who string, subjects ...string) {
		for i, s := range subjects {
			var refs []string
			if s == "answer" {
				refs = []string{"w@x"}
			}
			appendMail(t, l, inbox, mail(fmt.Sprintf("%s%d@x", who, i), day(float64(i)), who+" > me@example.com", s, refs...))
		}
	}
	send("monitor@example.org", "Report of 1 May", "Report of 2 May", "Report of 3 May", "Report of 4 May", "Report of 5 May")
	send("few@example.org", "Report of 1 May", "Report of 2 May", "Report of 3 May", "Report of 4 May")
	send("answers@example.org", "Report of 1 May", "Report of 2 May", "Report of 3 May", "Report of 4 May", "answer")
	send("person@example.org", "Dinner on 5 May?", "My new flat", "Did you see this?", "A question about 3 invoices", "Back in town")
	send("terse@example.org", "Hi", "Hi", "Hi", "Hi", "Hi")
	for i, name := range []string{"The Herald", "Morning Notes", "The Herald", "Morning Notes", "The Herald"} {
		m := mail(fmt.Sprintf("g%d@x", i), day(float64(i)), "feeds@example.net > me@example.com", fmt.Sprintf("Headline %c of a kind", 'a'+i))
		m.People[0].Name = name
		appendMail(t, l, inbox, m)
	}
	roles := func() map[string]bool {
		got := map[string]bool{}
		for c, err := range l.Contacts(t.Context(), true) {
			if err != nil {
				t.Fatal(err)
			}
			got[c.Addresses[0]] = c.Role
		}
		return got
	}
	want := map[string]bool{
		"monitor@example.org": true, "few@example.org": false, "answers@example.org": false, "person@example.org": false,
		"terse@example.org": false, "feeds@example.net": true,
	}
	if diff := cmp.Diff(want, roles()); diff != "" {
		t.Errorf("roles mismatch (-want +got):\n%s", diff)
	}
	// Whom I write to is judged by nothing but what they are.
	appendMail(t, l, sent, mail("w@x", day(9), "me@example.com > monitor@example.org", "Who are you?"))
	if want["monitor@example.org"] = false; !cmp.Equal(want, roles()) {
		t.Errorf("roles mismatch after a word of mine (-want +got):\n%s", cmp.Diff(want, roles()))
	}
}

// Of a sender with a new name in every message, the latest names are compared.
func TestNamesThatAreCompared(t *testing.T) {
	for between, want := range map[int]bool{48: true, 49: true, 50: false} {
		l := openLedger(t, t.TempDir(), me)
		names := []string{"The Herald"}
		for i := range between {
			names = append(names, fmt.Sprintf("Notes Number%d", i))
		}
		var mails []ledger.Mail
		for i, name := range names {
			m := mail(fmt.Sprintf("n%d@x", i), day(float64(i)), "notes@example.net > me@example.com", fmt.Sprintf("Headline %c%c of a kind", 'a'+i%26, 'a'+i/26))
			m.People[0].Name = name
			mails = append(mails, m)
		}
		appendMail(t, l, inbox, mails...)
		for c, err := range l.Contacts(t.Context(), true) {
			if err != nil || c.Role != want {
				t.Errorf("another name before %d: an office %v, %v; want %v", between, c.Role, err, want)
			}
		}
	}
}
