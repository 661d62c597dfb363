package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

func may(day, hour int) time.Time { return time.Date(2026, 5, day, hour, 0, 0, 0, time.UTC) }

// TestStands says of entries where they are or what they came to.
func TestStands(t *testing.T) {
	row := func(o, counts planner.Outcome, why string, answer planner.EvidenceType, day, hour int) ledger.FollowUpRow {
		r := ledger.FollowUpRow{CameTo: counts}
		r.Outcome, r.EndWhy = o, why
		if o != "" {
			r.EndedAt, r.ActedAt = may(13, 9), may(12, 23)
		}
		if answer != "" {
			r.Answer = planner.Evidence{Type: answer, ID: "a@x", At: may(day, hour)}
		}
		return r
	}
	const wrote = "you wrote to them on 12 May"
	for want, r := range map[string]ledger.FollowUpRow{
		"in the calendar":                row("", "", "", "", 0, 0),
		"acted on 13 May 2026: " + wrote: row(planner.Acted, planner.Acted, wrote, "", 0, 0),
		"acted on 13 May 2026: " + wrote + "; they answered the same day":                         row(planner.Acted, planner.Acted, wrote, planner.Mail, 12, 23),
		"acted on 13 May 2026: " + wrote + "; they answered the next day":                         row(planner.Acted, planner.Acted, wrote, planner.Mail, 13, 1),
		"acted on 13 May 2026: " + wrote + "; you met 2 days later":                               row(planner.Acted, planner.Acted, wrote, planner.Meeting, 14, 9),
		"expired on 13 May 2026: the reason is not known any more":                                row(planner.Expired, planner.Expired, "", "", 0, 0),
		"dismissed on 13 May 2026: you deleted the event":                                         row(planner.Dismissed, planner.Dismissed, "you deleted the event", "", 0, 0),
		"acted on 13 May 2026: you deleted the event within a day of a word to them or a meeting": row(planner.Dismissed, planner.Acted, "you deleted the event", "", 0, 0),
	} {
		if diff := cmp.Diff(want, stands(r, time.UTC)); diff != "" {
			t.Errorf("stands() mismatch (-want +got):\n%s", diff)
		}
	}
}

// TestGesture puts every decision into words.
func TestGesture(t *testing.T) {
	for want, d := range map[string]ledger.Decision{
		"marked done":                               {Type: ledger.DecideDone},
		"deleted":                                   {Type: ledger.DecideDismissed},
		"said with a command that it is done":       {Type: ledger.DecideDone, Kind: ledger.ByCommand},
		"dismissed with a command":                  {Type: ledger.DecideDismissed, Kind: ledger.ByCommand},
		"moved to 14 May 2026 09:00":                {Type: ledger.DecideSnoozed, To: may(14, 9)},
		`titled "Ana, the plan"`:                    {Type: ledger.DecideEdited, Text: "Ana, the plan"},
		"wrote in it":                               {Type: ledger.DecideEdited},
		"made your own: it is left alone":           {Type: ledger.DecideTaken},
		"asked for it to move to 14 May 2026 09:00": {Type: ledger.DecideMove, To: may(14, 9)},
		"took its end back":                         {Type: ledger.DecideUndone},
		"asked for quiet about them":                {Type: ledger.DecideMuted, Who: "ana@example.org"},
		"took the quiet about them back":            {Type: ledger.DecideUnmuted, Who: "ana@example.org"},
		`noted "wants: a flat / her dog is Max"`:    {Type: ledger.DecideNoted, Text: "wants: a flat\nher dog is Max"},
		"took your notes out":                       {Type: ledger.DecideNoted},
		"something a later version can write":       {Type: "something a later version can write"},
	} {
		if got := gesture(d, time.UTC); got != want {
			t.Errorf("gesture(%s) = %q, want %q", d.Type, got, want)
		}
	}
}

// TestWhyTellsWhatWasThere says of what is held back now, because its person is
// muted, that it was in the calendar and what the user did there.
func TestWhyTellsWhatWasThere(t *testing.T) {
	p := newProcess(t, may(13, 8))
	if out, err := p.command(t, "sync", "--at", "2026-05-13 08:30").CombinedOutput(); err != nil {
		t.Fatalf("sync: %v\n%s", err, out)
	}
	l, err := ledger.OpenBeside(t.Context(), p.state)
	if err != nil {
		t.Fatal(err)
	}
	var muted ledger.FollowUpRow
	for r, err := range l.FollowUps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		muted = r
	}
	decided := l.Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideMuted, UID: muted.UID, Who: muted.Key.Who, At: may(13, 9)}})
	if err := errors.Join(decided, l.Close()); err != nil {
		t.Fatal(err)
	}
	var out, errs strings.Builder
	args := []string{"--config", p.config, "--state", p.state, "why", muted.Key.Code()}
	if code := run(t.Context(), args, &out, &errs, func() time.Time { return may(13, 10) }); code != 0 {
		t.Fatalf("exit %d: %s", code, errs.String())
	}
	for _, want := range []string{
		"\n  held      muted\n",
		"\n  you       13 May 2026 09:00: asked for quiet about them\n            " + muted.UID + "\n",
		"\n  ended     13 May 2026 09:00: you asked for quiet about them (withdrawn)\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// TestManyHeld shows forty that are held back: with --all each with its title and
// code under its reason, else the latest of each reason and how many more.
func TestManyHeld(t *testing.T) {
	var r planner.Result
	for i := range 40 {
		h := planner.Held{HeldBecause: []string{"muted", "a day has room for 3 new events; it comes up another day"}[i%2]}
		h.Key = planner.Key{Rule: planner.ReplyOwed, Evidence: fmt.Sprint(i, "@x"), Who: "ana@example.org"}
		h.Title, h.Due = fmt.Sprintf("Reply to Ana %02d", i), may(1, 9).AddDate(0, 0, i)
		r.Held = append(r.Held, h)
	}
	for _, all := range []bool{true, false} {
		var out strings.Builder
		view(r, nil, may(20, 9), all).print(&out, time.UTC)
		text := out.String()
		want := 40
		if !all {
			want = 2 * fewHeld
			if n := strings.Count(text, "and 15 more; --all shows them"); n != 2 {
				t.Errorf("%d reasons say how many more, want 2:\n%s", n, text)
			}
		}
		if got := strings.Count(text, "Reply to Ana"); got != want {
			t.Errorf("all %t: %d of 40 shown, want %d:\n%s", all, got, want, text)
		}
		for _, h := range r.Held {
			if all && !strings.Contains(text, h.Title+"  ["+h.Key.Code()+"]") {
				t.Errorf("%s is not there:\n%s", h.Title, text)
			}
			if strings.Count(text, h.HeldBecause+"\n") != 1 {
				t.Errorf("the reason %q is not there once:\n%s", h.HeldBecause, text)
			}
		}
	}
}
