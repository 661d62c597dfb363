package ledger_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// TestOutcomes ends follow-ups in every way, with answers in and out of time.
func TestOutcomes(t *testing.T) {
	dir := t.TempDir()
	l := openLedger(t, dir, me)
	appendMail(t, l, sent,
		mail("ana@x", day(1), "me@example.com > ana@example.org", "The plan"),
		mail("bob@x", day(1), "me@example.com > bob@example.net", "Hello"),
		mail("kim@x", day(1), "me@example.com > kim@example.net lee@example.net", "Which one?"),
		mail("joe@x", day(1), "me@example.com > joe@example.net", "Hello"))
	appendMail(t, l, inbox,
		mail("before@x", day(0.5), "ana@example.org > me@example.com", "Hi"),
		mail("boss@x", day(2), "boss@example.com > kim@example.net ; me@example.com", "Re: Which one?", "kim@x"),
		mail("lee@x", day(3), "lee@example.net > me@example.com", "Re: Which one?", "kim@x"),
		mail("many@x", day(2), "ana@example.org > a@x.org b@x.org c@x.org d@x.org e@x.org f@x.org g@x.org h@x.org me@example.com", "To all"),
		mail("answer@x", day(4), "ana@example.org > me@example.com", "Something else"),
		mail("late@x", day(15.5), "bob@example.net > me@example.com", "At last"))
	appendObjects(t, l, day(40), nil, object("/1.ics", meeting("lunch", 6, "!me@example.com joe@example.net/ACCEPTED")))
	end := func(id, who string, o planner.Outcome, by string) {
		p := placement(l, id)
		p.Key.Who = who
		p.UID = planner.UID(l.Instance(), p.Key, 1)
		if err := l.Intend(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		var err error
		if o == planner.Dismissed {
			err = l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecisionType(o), UID: p.UID, At: day(1.5)}})
		} else {
			e := planner.End{Outcome: o}
			if by != "" {
				e.Evidence = planner.Evidence{Type: planner.Mail, ID: by, At: day(1), Address: who}
			}
			err = l.End(t.Context(), p.UID, e, day(1.2))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	end("1 acted", "ana@example.org", planner.Acted, "ana@x")
	end("2 late", "bob@example.net", planner.Acted, "bob@x")
	end("3 thread", "kim@example.net", planner.Acted, "kim@x")
	end("4 meeting", "joe@example.net", planner.Acted, "joe@x")
	end("5 deleted beside", "ana@example.org", planner.Dismissed, "")
	end("6 deleted", "nobody@example.net", planner.Dismissed, "")
	end("7 expired", "ana@example.org", planner.Expired, "")
	end("8 answered", "ana@example.org", planner.Answered, "before@x")
	end("9 withdrawn", "ana@example.org", planner.Withdrawn, "")
	type row struct {
		CameTo planner.Outcome
		Acted  time.Time
		Answer string
		At     time.Time
	}
	got := map[string]row{}
	for r, err := range l.FollowUps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got[r.Key.Evidence] = row{r.CameTo, r.ActedAt, r.Answer.ID, r.Answer.At}
	}
	var none time.Time
	want := map[string]row{
		"1 acted":          {planner.Acted, day(1), "answer@x", day(4)},
		"2 late":           {planner.Acted, day(1), "", none},
		"3 thread":         {planner.Acted, day(1), "lee@x", day(3)},
		"4 meeting":        {planner.Acted, day(1), "lunch", day(6)},
		"5 deleted beside": {planner.Acted, day(1), "answer@x", day(4)},
		"6 deleted":        {planner.Dismissed, none, "", none},
		"7 expired":        {planner.Expired, none, "", none},
		"8 answered":       {planner.Answered, none, "", none},
		"9 withdrawn":      {planner.Withdrawn, none, "", none},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("FollowUps() mismatch (-want +got):\n%s", diff)
	}
	if err := l.Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"acted 2026-03-03 09:00:00 2026-03-06 09:00:00 answer@x"},
		column(t, filepath.Join(dir, "ledger.db"), `SELECT outcome || ' ' || acted || ' ' || answered || ' ' || answer FROM outcomes
			WHERE answer = 'answer@x' LIMIT 1`)); diff != "" {
		t.Errorf("the view outcomes mismatch (-want +got):\n%s", diff)
	}
}
