package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// keys are the first meetings that a plan holds, whether to be written or held.
func keys(t *testing.T, l *ledger.Ledger, at time.Time) []string {
	t.Helper()
	s := snapshot(t, l, at)
	s.FirstRunAt, s.Whole = day(0), true
	r := planner.Plan(s, planner.DefaultPolicy(), at)
	out := []string{}
	for _, f := range r.FollowUps {
		out = append(out, f.Key.String())
	}
	for _, h := range r.Held {
		out = append(out, h.Key.String())
	}
	out = slices.DeleteFunc(out, func(k string) bool { return !strings.HasPrefix(k, "first-meeting|") })
	slices.Sort(out)
	return slices.Compact(out)
}

func everything(t *testing.T, l *ledger.Ledger) (all []any) {
	t.Helper()
	for r, err := range l.Interactions(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	for r, err := range l.FollowUps(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	for r, err := range l.Contacts(t.Context(), true) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return append(all, snapshot(t, l, time.Time{}).Ended)
}

// Two addresses are merged, follow-ups end meanwhile, and they are split again.
func TestMergeAndSplitKeepEveryKey(t *testing.T) {
	l := openLedger(t, t.TempDir(), me)
	appendMail(t, l, sent, mail("q@x", day(1), "me@example.com > Ana_Lima=ana@example.org", "Lunch?"),
		mail("w@x", day(-9), "me@example.com > Ana_L=ana@example.net", "Hello"))
	appendMail(t, l, inbox, mail("r@x", day(1), "Ana_L=ana@example.net > me@example.com", "A question"))
	appendObjects(t, l, day(0), nil, object("/1.ics", meeting("m", 2, "!me@example.com ana@example.org/ACCEPTED ana@example.net/ACCEPTED")))
	at := day(3)
	apart := []string{"first-meeting|m|ana@example.net|", "first-meeting|m|ana@example.org|"}
	if diff := cmp.Diff(apart, keys(t, l, at)); diff != "" {
		t.Fatalf("apart: keys mismatch (-want +got):\n%s", diff)
	}
	merged := me
	merged.People = []ledger.Person{{Addresses: []string{"ana@example.org", "ana@example.net"}}}
	setMe(t, l, merged)
	if diff := cmp.Diff(apart[:1], keys(t, l, at)); diff != "" {
		t.Fatalf("merged: keys mismatch (-want +got):\n%s", diff)
	}
	// What ends as one address's ends for the other too, as long as they are one.
	p := placement(l, "m")
	p.Key = planner.Key{Rule: planner.FirstMeeting, Evidence: "m", Who: "ana@example.org"}
	p.UID = planner.UID(l.Instance(), p.Key, 1)
	if err := l.Intend(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	before := everything(t, l)
	setMe(t, l, me)
	setMe(t, l, merged)
	if diff := cmp.Diff(before, everything(t, l)); diff != "" {
		t.Errorf("split and merged again: mismatch (-before +after):\n%s", diff)
	}
	if err := l.End(t.Context(), p.UID, planner.End{Outcome: planner.Expired}, at); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{}, keys(t, l, at)); diff != "" {
		t.Errorf("ended: keys mismatch (-want +got):\n%s", diff)
	}
	setMe(t, l, me)
	if diff := cmp.Diff(apart[:1], keys(t, l, at)); diff != "" {
		t.Errorf("split: keys mismatch (-want +got):\n%s", diff)
	}
	split := everything(t, l)
	// A card merges as the configuration does, and undoes it as well.
	appendCards(t, l, day(3), nil, card("1", "Ana Lima", "ana@example.org", "ana@example.net"))
	if diff := cmp.Diff([]string{}, keys(t, l, at)); diff != "" {
		t.Errorf("merged by a card: keys mismatch (-want +got):\n%s", diff)
	}
	appendCards(t, l, day(3), []string{"/cards/1.vcf"})
	if diff := cmp.Diff(split, everything(t, l)); diff != "" {
		t.Errorf("the card taken away: mismatch (-before +after):\n%s", diff)
	}
}
