package daemon_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
	"syncd/internal/servertest"
)

// asKhal is an event as khal 0.11 writes it.
func asKhal(uid, title string, start time.Time) string {
	return strings.ReplaceAll(fmt.Sprintf(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//PIMUTILS.ORG//NONSGML khal / icalendar //EN
BEGIN:VEVENT
SUMMARY:%s
DTSTART;VALUE=DATE-TIME:%s
DTEND;VALUE=DATE-TIME:%s
DTSTAMP;VALUE=DATE-TIME:%s
UID:%s
END:VEVENT
END:VCALENDAR
`, title, stamp(start), stamp(start.Add(15*time.Minute)), stamp(now.Add(-time.Hour)), uid), "\n", "\r\n")
}

// ownCalendar is a follow-up calendar that the user writes to as well.
type ownCalendar struct {
	*trial
	url    string // of the calendar
	put    func(name, body string)
	get    func(name string) string
	remove func(name string)
	writes func() []string // of syncd's, and those of byHand
	byHand int
}

func (c *ownCalendar) objects(t *testing.T, names ...string) (all []string) {
	t.Helper()
	for _, n := range names {
		all = append(all, c.get(n))
	}
	return all
}

func onStage(t *testing.T) *ownCalendar {
	t.Helper()
	c := &ownCalendar{trial: &trial{stage: stage(t), clock: now}}
	c.url = c.stage.URL()
	at := c.stage.Path()
	c.put = func(name, body string) { byHand(t, c.stage, "PUT", at+name, body); c.byHand++ }
	c.get = func(name string) string { return byHand(t, c.stage, "GET", at+name, "") }
	c.remove = func(name string) { byHand(t, c.stage, "DELETE", at+name, ""); c.byHand++ }
	c.writes = c.stage.Writes
	return c
}

func onServer(dav func(testing.TB) *servertest.DAV) func(t *testing.T) *ownCalendar {
	return func(t *testing.T) *ownCalendar {
		t.Helper()
		user := dav(t).NewUser(t)
		c := &ownCalendar{trial: &trial{stage: stage(t), clock: now}, url: user.MakeCalendar(t, "own")}
		c.put = func(name, body string) { user.Put(t, c.url+name, body) }
		c.get = func(name string) string { body, _ := user.Get(t, c.url+name); return body }
		c.remove = func(name string) { user.Delete(t, c.url+name) }
		c.writes = user.Writes
		cfg := c.stage.Config
		cfg.Accounts = slices.Clone(cfg.Accounts)
		cfg.Accounts[0].CalDAV = &config.CalDAV{
			URL: config.URL(user.URL), Login: config.Login{User: user.Name, Password: config.Hidden(user.Password)},
		}
		cfg.Followups.Calendar = c.url
		return c
	}
}

func (c *ownCalendar) pass(t *testing.T) {
	t.Helper()
	if err := c.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (c *ownCalendar) say(t *testing.T, kind ledger.DecisionType) {
	t.Helper()
	c.clock = c.clock.Add(time.Minute)
	if err := c.Ledger().Decide(t.Context(), []ledger.Decision{{Type: kind, At: c.clock}}); err != nil {
		t.Fatal(err)
	}
}

// ready ends the pause and finds a follow-up that is to be written at once, of a
// rule that leaves the word to the user, about somebody with two names.
func (c *ownCalendar) ready(t *testing.T) planner.FollowUp {
	t.Helper()
	c.say(t, ledger.DecideResumed)
	for _, f := range c.plan(t).FollowUps {
		if f.Status == planner.StatusWrite && f.Rule != planner.ReplyOwed && f.Rule != planner.Awaiting && strings.Count(f.Name, " ") == 1 {
			return f
		}
	}
	t.Fatal("nothing is ready")
	return planner.FollowUp{}
}

func (c *ownCalendar) plan(t *testing.T) planner.Result {
	t.Helper()
	r, err := c.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// fate is what a plan says of a follow-up.
func fate(r planner.Result, k planner.Key) string {
	for _, f := range r.FollowUps {
		if f.Key == k {
			return string(f.Status)
		}
	}
	for _, h := range r.Held {
		if h.Key == k {
			return h.HeldBecause
		}
	}
	return "none"
}

// TestOwnEventIsAdopted has the user plan what syncd would write: syncd leaves
// the word to them, and the event alone, until it is gone or marked as done
// (SPEC section 8.3, I2, I3). So it is after the ledger was lost.
func TestOwnEventIsAdopted(t *testing.T) {
	for _, server := range []struct {
		name  string
		start func(t *testing.T) *ownCalendar
	}{
		{"caldavtest", onStage},
		{"radicale", onServer(servertest.Radicale)},
		{"xandikos", onServer(servertest.Xandikos)},
	} {
		t.Run(server.name, func(t *testing.T) {
			c := server.start(t)
			c.start(t, c.stage.Config)
			t.Cleanup(func() { c.Close() })
			c.say(t, ledger.DecidePaused)
			c.pass(t) // the calendar is seen, and holds nothing
			h := c.ready(t)
			why := "you planned it yourself: “Call " + h.Name + "” on 20 May"

			c.put("own.ics", asKhal("OWN1", "Call "+h.Name, now.AddDate(0, 0, 7)))
			marked := asKhal("OWN2", "Call "+h.Name, now.AddDate(0, 0, 6))
			c.put("copy.ics", strings.Replace(marked, "UID:", "DESCRIPTION:A copy.\\n"+caldav.Marker+"\r\nUID:", 1))
			mine := c.objects(t, "own.ics", "copy.ics")
			c.pass(t)
			if got := fate(c.plan(t), h.Key); got != why {
				t.Errorf("the follow-up is %q, want %q", got, why)
			}
			placed := c.placements(t)
			if len(placed) == 0 || slices.ContainsFunc(placed, func(p ledger.Placement) bool { return p.Key == h.Key }) {
				t.Errorf("%d events were written, want some, and none about %s", len(placed), h.Name)
			}

			before := c.plan(t)
			c.lose(t)
			c.pass(t)
			if got, want := fate(c.plan(t), h.Key), fate(before, h.Key); got != want {
				t.Errorf("after the ledger was lost the follow-up is %q, want %q", got, want)
			}

			c.put("own.ics", asKhal("OWN1", "Call "+h.Name+" ✓", now.AddDate(0, 0, 7)))
			mine[0] = c.get("own.ics")
			c.clock = c.clock.Add(time.Minute)
			c.pass(t)
			if got := fate(c.plan(t), h.Key); strings.Contains(got, "planned") || got == string(planner.StatusOpen) {
				t.Errorf("once it was marked as done the follow-up is %q", got)
			}
			who := c.contact(t, h.Contact)
			if !who.Reported || !who.LastOut.At.Equal(c.clock) || who.LastOut.Type != planner.Gesture || who.LastOut.ID != "OWN1" {
				t.Errorf("last out %+v, want the user's word at %v", who.LastOut, c.clock)
			}
			want := fate(c.plan(t), h.Key)
			c.remove("own.ics")
			c.later(t)
			c.lose(t)
			c.pass(t)
			if got := fate(c.plan(t), h.Key); got != want {
				t.Errorf("after the event and the ledger were gone the follow-up is %q, want %q", got, want)
			}
			if diff := cmp.Diff(mine[1:], c.objects(t, "copy.ics")); diff != "" {
				t.Errorf("the user's event was changed:\n%s", diff)
			}
			others := slices.DeleteFunc(slices.Clone(c.writes()), func(w string) bool { return strings.Contains(w, "/syncd-") })
			if len(others) != c.byHand {
				t.Errorf("syncd wrote to what is not its own: %q", others)
			}
		})
	}
}

// TestOwnEventGone has the user plan and give it up: syncd's own comes then.
func TestOwnEventGone(t *testing.T) {
	c := onStage(t)
	c.start(t, c.stage.Config)
	t.Cleanup(func() { c.Close() })
	c.say(t, ledger.DecidePaused)
	c.pass(t)
	h := c.ready(t)
	c.put("own.ics", asKhal("OWN1", "call "+strings.Fields(h.Name)[0]+" and ask "+h.Name, now.AddDate(0, 0, 1)))
	c.pass(t)
	if got := fate(c.plan(t), h.Key); !strings.HasPrefix(got, "you planned it yourself") {
		t.Fatalf("the follow-up is %q", got)
	}
	c.remove("own.ics")
	c.pass(t)
	if got := fate(c.plan(t), h.Key); !strings.HasPrefix(got, "you planned it yourself") {
		t.Errorf("after one listing without the event the follow-up is %q", got)
	}
	c.later(t)
	if got := fate(c.plan(t), h.Key); strings.HasPrefix(got, "you planned it yourself") {
		t.Errorf("once the event is gone the follow-up is %q", got)
	}
	if got := outcomes(c.placements(t)); len(got) != 1 {
		t.Errorf("outcomes %v, want that nothing ended", got)
	}
}

// TestNothingIsAdoptedWhereShared has the user's event there before syncd.
func TestNothingIsAdoptedWhereShared(t *testing.T) {
	c := onStage(t)
	c.start(t, c.stage.Config)
	t.Cleanup(func() { c.Close() })
	c.put("old.ics", asKhal("OLD", "Dentist", now.AddDate(0, 0, -40)))
	c.say(t, ledger.DecidePaused)
	c.pass(t)
	h := c.ready(t)
	c.put("own.ics", asKhal("OWN1", "Call "+h.Name, now.AddDate(0, 0, 7)))
	c.pass(t)
	if all := c.snapshot(t).Adopted; len(all) != 0 {
		t.Errorf("adopted: %v; want nothing", all)
	}
}

func (c *ownCalendar) snapshot(t *testing.T) planner.Snapshot {
	t.Helper()
	s, err := c.Ledger().Snapshot(t.Context(), c.clock, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (c *ownCalendar) contact(t *testing.T, id planner.ContactID) planner.Contact {
	t.Helper()
	s := c.snapshot(t)
	i := slices.IndexFunc(s.Contacts, func(c planner.Contact) bool { return c.ID == id })
	if i < 0 {
		t.Fatalf("no contact %s", id)
	}
	return s.Contacts[i]
}

// lose takes the database away and leaves the journal.
func (c *ownCalendar) lose(t *testing.T) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ledger.db", "ledger.db-wal", "ledger.db-shm"} {
		if err := os.Remove(filepath.Join(c.stage.StateDir, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	c.start(t, c.stage.Config)
}
