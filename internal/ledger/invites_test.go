package ledger_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
)

// calendarMail is mail as calendar programs write it.
func calendarMail(id string, n float64, who, prefix, title string) ledger.Mail {
	m := mail(id, day(n), who, prefix+": "+title)
	m.Invite = title
	return m
}

func TestCalendarMailIsToldByItsMeeting(t *testing.T) {
	lunch := meeting("lunch", 9, "!me@example.com ana@example.org/ACCEPTED")
	lunch.Title = "Lunch  at Noon"
	answer := calendarMail("a@x", 2, "ana@example.org > me@example.com", "Accepted", "lunch at noon")
	// Bob is not in it, and a supper is in no calendar: people wrote these.
	others := []ledger.Mail{
		calendarMail("b@x", 3, "bob@example.net > me@example.com", "Accepted", "Lunch at noon"),
		calendarMail("c@x", 4, "ana@example.org > me@example.com", "Invitation", "Supper"),
		mail("d@x", day(5), "ana@example.org > me@example.com", "Re: Accepted: Lunch at noon"),
	}
	invitation := calendarMail("i@x", 1, "me@example.com > ana@example.org", "Invitation", "Lunch at noon")
	with := func(steps ...func(l *ledger.Ledger)) *ledger.Ledger {
		l := openLedger(t, t.TempDir(), me)
		for _, s := range steps {
			s(l)
		}
		return l
	}
	mails := func(l *ledger.Ledger) {
		appendMail(t, l, inbox, append(slices.Clone(others), answer)...)
		appendMail(t, l, sent, invitation)
	}
	arrives := func(l *ledger.Ledger) { appendObjects(t, l, day(1), nil, object("/lunch.ics", lunch)) }
	vanishes := func(l *ledger.Ledger) { appendObjects(t, l, day(6), []string{"/lunch.ics"}) }
	renamed := func(l *ledger.Ledger) {
		m := lunch
		m.Title = "Coffee"
		appendObjects(t, l, day(6), nil, object("/lunch.ics", m))
	}
	rebuilt := func(l *ledger.Ledger) {
		if err := l.Rebuild(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	type figures struct {
		Mail, Noise int
		Read        map[string]int
		Out, In     int // of Ana
	}
	told := figures{Mail: 3, Noise: 2, Read: map[string]int{"INBOX": 3, "Sent": 0}, Out: 0, In: 2}
	untold := figures{Mail: 5, Noise: 0, Read: map[string]int{"INBOX": 4, "Sent": 1}, Out: 1, In: 3}
	for name, tt := range map[string]struct {
		l    *ledger.Ledger
		want figures
	}{
		"the meeting first":    {with(arrives, mails), told},
		"the mail first":       {with(mails, arrives), told},
		"rebuilt":              {with(mails, arrives, rebuilt), told},
		"no meeting":           {with(mails), untold},
		"the meeting vanished": {with(mails, arrives, vanishes), untold},
		"it came again":        {with(mails, arrives, vanishes, arrives), told},
		"it was renamed":       {with(arrives, mails, renamed), untold},
	} {
		totals, err := tt.l.Totals(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		health, err := tt.l.Health(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got := figures{Mail: totals.Mail, Noise: totals.Noise["calendar"], Read: map[string]int{}}
		told := 0
		for _, h := range health {
			if h.Source.Type == ledger.Mailbox {
				got.Read[h.Source.Name] = h.Read
				told += h.Noise["calendar"]
			}
		}
		if told != got.Noise {
			t.Errorf("%s: Health() counts %d calendar mails, Totals() %d", name, told, got.Noise)
		}
		for c, err := range tt.l.Contacts(t.Context(), true) {
			if err != nil {
				t.Fatal(err)
			}
			if slices.Contains(c.Addresses, "ana@example.org") {
				got.Out, got.In = c.Out, c.In
			}
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", name, diff)
		}
	}
}
