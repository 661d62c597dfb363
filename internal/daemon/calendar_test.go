package daemon_test

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/demo"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// byHand does with the stage's calendars what the user does in another program.
func byHand(t *testing.T, s *demo.Stage, method, at, body string) string {
	t.Helper()
	base, err := url.Parse(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	q, err := http.NewRequestWithContext(t.Context(), method, base.Scheme+"://"+base.Host+at, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	q.SetBasicAuth(s.User, s.Password)
	q.Header.Set("Content-Type", "application/xml; charset=utf-8")
	if method == http.MethodPut {
		q.Header.Set("Content-Type", "text/calendar; charset=utf-8")
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	answer, err := io.ReadAll(r.Body)
	if err != nil || r.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v", method, at, r.Status, err)
	}
	return string(answer)
}

// makeByHand makes a calendar beside the follow-up calendar.
func makeByHand(t *testing.T, s *demo.Stage, name, title string) (at string) {
	t.Helper()
	at = path.Join(path.Dir(strings.TrimSuffix(s.Path(), "/")), name) + "/"
	byHand(t, s, "MKCALENDAR", at, fmt.Sprintf(`<C:mkcalendar xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><D:set><D:prop><D:displayname>%s</D:displayname></D:prop></D:set></C:mkcalendar>`, title))
	return at
}

// trial is a daemon whose clock the test moves.
type trial struct {
	*daemon.Daemon
	stage *demo.Stage
	clock time.Time
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	r := &trial{stage: stage(t), clock: now}
	r.start(t, r.stage.Config)
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := r.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	return r
}

func (r *trial) start(t *testing.T, cfg *config.Config) {
	t.Helper()
	var err error
	r.Daemon, err = daemon.Open(t.Context(), daemon.Options{
		Config: cfg, StateDir: r.stage.StateDir, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return r.clock },
	})
	if err != nil {
		t.Fatal(err)
	}
}

// restart opens the ledger with another configuration.
func (r *trial) restart(t *testing.T, change func(*config.Config)) {
	t.Helper()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	cfg := *r.stage.Config
	change(&cfg)
	r.start(t, &cfg)
}

func (r *trial) placements(t *testing.T) []ledger.Placement {
	t.Helper()
	all, err := r.Ledger().Placements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// later passes twice, far enough apart that a deletion would be believed.
func (r *trial) later(t *testing.T) {
	t.Helper()
	for range 2 {
		r.clock = r.clock.Add(15 * time.Minute)
		if err := r.Pass(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// outcomes counts how follow-ups ended; those that are open are under "".
func outcomes(all []ledger.Placement) map[planner.Outcome]int {
	n := map[planner.Outcome]int{}
	for _, p := range all {
		n[p.Outcome]++
	}
	return n
}

// TestMovedToAnotherCalendar moves an event to another calendar: it is the
// user's from then on, no dismissal, and never touched (SPEC section 8.1).
func TestMovedToAnotherCalendar(t *testing.T) {
	r := newTrial(t)
	moved := r.placements(t)[0]
	to := path.Join(path.Dir(path.Dir(moved.Href)), "work", "moved.ics")
	body := byHand(t, r.stage, http.MethodGet, moved.Href, "")
	byHand(t, r.stage, http.MethodDelete, moved.Href, "")
	byHand(t, r.stage, http.MethodPut, to, body)
	writes := len(r.stage.Writes())
	r.later(t)
	for _, p := range r.placements(t) {
		if p.UID == moved.UID && (p.State != ledger.TakenOver || p.Outcome != "") {
			t.Errorf("the moved event is %s, %q; want that it was taken over", p.State, p.Outcome)
		}
	}
	for _, w := range r.stage.Writes()[writes:] {
		t.Errorf("written after the move: %s", w)
	}
	if byHand(t, r.stage, http.MethodGet, to, "") != body {
		t.Error("the moved event was touched")
	}
}

// TestMovedUnderAnotherUID moves an event to another calendar with a program that
// gives it another UID, and keeps X-SYNCD or the text alone.
func TestMovedUnderAnotherUID(t *testing.T) {
	for _, keeps := range []string{"X-SYNCD", "text"} {
		t.Run(keeps, func(t *testing.T) {
			r := newTrial(t)
			moved := r.placements(t)[0]
			body := strings.Replace(byHand(t, r.stage, http.MethodGet, moved.Href, ""), "UID:"+moved.UID, "UID:new@example.net", 1)
			if keeps == "text" {
				body = regexp.MustCompile(`X-SYNCD:[^\r]*\r\n( [^\r]*\r\n)*`).ReplaceAllString(body, "")
			}
			byHand(t, r.stage, http.MethodDelete, moved.Href, "")
			byHand(t, r.stage, http.MethodPut, path.Join(path.Dir(path.Dir(moved.Href)), "work", "new.ics"), body)
			r.later(t)
			for _, p := range r.placements(t) {
				if p.UID == moved.UID && (p.State != ledger.TakenOver || p.Outcome != "") {
					t.Errorf("the moved event is %s, %q; want that it was taken over", p.State, p.Outcome)
				}
			}
		})
	}
}

// TestPaused pauses the writing: nothing is sent, what the user does is heard, and
// after the pause it goes on.
func TestPaused(t *testing.T) {
	r := newTrial(t)
	all := r.placements(t)
	decide := func(d ledger.DecisionType) {
		t.Helper()
		if err := r.Ledger().Decide(t.Context(), []ledger.Decision{{Type: d, At: r.clock}}); err != nil {
			t.Fatal(err)
		}
	}
	decide(ledger.DecidePaused)
	body := byHand(t, r.stage, http.MethodGet, all[0].Href, "")
	byHand(t, r.stage, http.MethodPut, all[0].Href, strings.Replace(body, "SUMMARY:", "SUMMARY:done ", 1))
	writes := len(r.stage.Writes())
	r.clock = r.clock.AddDate(0, 0, 1)
	r.later(t)
	if w := r.stage.Writes()[writes:]; len(w) != 0 {
		t.Errorf("written in a pause: %q", w)
	}
	if got := outcomes(r.placements(t)); got[planner.Done] != 1 || len(r.placements(t)) != len(all) {
		t.Errorf("outcomes %v of %d", got, len(r.placements(t)))
	}
	r.clock = r.clock.Add(time.Minute)
	decide(ledger.DecideResumed)
	r.later(t)
	if w := r.stage.Writes()[writes:]; len(w) == 0 {
		t.Error("nothing was written after the pause")
	}
}

// TestCalendarComesBack takes the calendar away and brings it back as it was:
// nothing was decided, and the writing goes on.
func TestCalendarComesBack(t *testing.T) {
	r := newTrial(t)
	before := outcomes(r.placements(t))
	held := map[string]string{}
	for _, p := range r.placements(t) {
		held[p.Href] = byHand(t, r.stage, http.MethodGet, p.Href, "")
	}
	r.stage.RemoveCalendar("follow-ups")
	for range 3 {
		r.clock = r.clock.Add(15 * time.Minute)
		if err := r.Pass(t.Context()); err == nil {
			t.Error("Pass = nil without the calendar")
		}
	}
	makeByHand(t, r.stage, "follow-ups", "Follow-ups")
	for href, body := range held {
		byHand(t, r.stage, http.MethodPut, href, body)
	}
	r.later(t)
	if got := outcomes(r.placements(t)); len(got) != 1 || got[""] != before[""] {
		t.Errorf("outcomes %v, want %v", got, before)
	}
	r.clock = r.clock.AddDate(0, 0, 1)
	r.later(t)
	if got := outcomes(r.placements(t)); got[planner.Dismissed] != 0 || got[""] <= before[""] {
		t.Errorf("a day later: outcomes %v, were %v", got, before)
	}
}

// TestDeletedIsDismissed is the other side of it: gone everywhere.
func TestDeletedIsDismissed(t *testing.T) {
	r := newTrial(t)
	gone := r.placements(t)[0]
	byHand(t, r.stage, http.MethodDelete, gone.Href, "")
	r.later(t)
	for _, p := range r.placements(t) {
		if p.UID == gone.UID && p.Outcome != planner.Dismissed {
			t.Errorf("the deleted event is %q, want dismissed", p.Outcome)
		}
	}
}

// TestNoneIsDismissedInAnotherCalendar names another calendar: what was written
// to the first ends as withdrawn and stays there.
func TestNoneIsDismissedInAnotherCalendar(t *testing.T) {
	r := newTrial(t)
	before := len(r.placements(t))
	r.restart(t, func(c *config.Config) { c.Followups.Calendar, c.Followups.CreateCalendar = "Second", true })
	r.later(t)
	r.clock = r.clock.AddDate(0, 0, 1)
	r.later(t)
	got := outcomes(r.placements(t))
	if got[planner.Withdrawn] != before || got[planner.Dismissed] != 0 || got[""] == 0 {
		t.Errorf("outcomes %v; want the %d of the first calendar withdrawn, and new ones open", got, before)
	}
	if n := len(entries(t, r.stage)); n != before {
		t.Errorf("the first calendar holds %d events, want the %d that were there", n, before)
	}
}

// TestCalendarThatBearsTheName removes the calendar and puts another of the
// same name in its place, unasked: nothing is written and nothing dismissed
// until the user names it by its URL.
func TestCalendarThatBearsTheName(t *testing.T) {
	r := newTrial(t)
	before := len(r.placements(t))
	r.stage.RemoveCalendar("follow-ups")
	at := makeByHand(t, r.stage, "other", "Follow-ups")
	writes := len(r.stage.Writes())
	for range 3 {
		r.clock = r.clock.Add(15 * time.Minute)
		err := r.Pass(t.Context())
		if err == nil || !strings.Contains(err.Error(), `the calendar "Follow-ups" is not the one that was written to before`) {
			t.Errorf("Pass = %v", err)
		}
	}
	if got := outcomes(r.placements(t)); got[""] != before {
		t.Errorf("outcomes %v, want all %d open", got, before)
	}
	if w := r.stage.Writes()[writes:]; len(w) != 0 {
		t.Errorf("written: %q", w)
	}
	base, err := url.Parse(r.stage.URL())
	if err != nil {
		t.Fatal(err)
	}
	r.restart(t, func(c *config.Config) { c.Followups.Calendar = base.Scheme + "://" + base.Host + at })
	r.later(t)
	if got := outcomes(r.placements(t)); got[planner.Withdrawn] != before || got[planner.Dismissed] != 0 {
		t.Errorf("outcomes %v, want %d withdrawn", got, before)
	}
}

// TestTwoCalendarsOfOneName has a second calendar of the name, which the server
// lists first: it is one to read from, as any other.
func TestTwoCalendarsOfOneName(t *testing.T) {
	r := newTrial(t)
	before := outcomes(r.placements(t))
	at := makeByHand(t, r.stage, "a-first", "Follow-ups")
	byHand(t, r.stage, http.MethodPut, at+"m.ics", strings.ReplaceAll(`BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//example//EN
BEGIN:VEVENT
UID:m@example.org
DTSTAMP:20260504T090000Z
DTSTART:20260505T090000Z
DTEND:20260505T100000Z
SUMMARY:Review
ORGANIZER:mailto:robin@valedesign.example
ATTENDEE:mailto:sam@example.org
END:VEVENT
END:VCALENDAR
`, "\n", "\r\n"))
	met := meetings(t, r.Ledger())
	r.later(t)
	if got := meetings(t, r.Ledger()); got != met+1 {
		t.Errorf("%d meetings, want %d: the other calendar of the name was not read", got, met+1)
	}
	if got := outcomes(r.placements(t)); got[""] != before[""] || len(got) != 1 {
		t.Errorf("outcomes %v, want %v", got, before)
	}
}

// TestAnotherInstanceKeepsTheUsersWord puts an event of another syncd into the
// calendar and marks one of ours as done: nothing is written, and the mark is
// kept all the same.
func TestAnotherInstanceKeepsTheUsersWord(t *testing.T) {
	r := newTrial(t)
	ours := r.placements(t)[0]
	body := byHand(t, r.stage, http.MethodGet, ours.Href, "")
	byHand(t, r.stage, http.MethodPut, ours.Href, strings.Replace(body, "SUMMARY:", "SUMMARY:done ", 1))
	foreign := strings.ReplaceAll(body, "UID:"+ours.UID, "UID:syncd-abcdef-9r4mysph3q5pjmin-0")
	byHand(t, r.stage, http.MethodPut, path.Dir(ours.Href)+"/foreign.ics", foreign)
	writes := len(r.stage.Writes())
	err := r.Pass(t.Context())
	for _, want := range []string{
		`account "demo": calendar "Follow-ups": another syncd writes to this calendar: instance abcdef`,
		"; stop the other syncd, or name another calendar in [followups]",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Pass = %v, want %q", err, want)
		}
	}
	i := slices.IndexFunc(r.placements(t), func(p ledger.Placement) bool { return p.UID == ours.UID })
	if p := r.placements(t)[i]; p.Outcome != planner.Done {
		t.Errorf("the event marked done is %q", p.Outcome)
	}
	if w := r.stage.Writes()[writes:]; len(w) != 0 {
		t.Errorf("written beside another instance: %q", w)
	}
}

// followUpsHealth is what status has to say of the follow-up calendar.
func (r *trial) followUpsHealth(t *testing.T) ledger.SourceHealth {
	t.Helper()
	all, err := r.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(all, func(h ledger.SourceHealth) bool { return h.Source.Type == ledger.FollowUps })
	if i < 0 {
		t.Fatal("the follow-up calendar is no source")
	}
	return all[i]
}

func TestMissingCalendarInStatus(t *testing.T) {
	r := newTrial(t)
	if h := r.followUpsHealth(t); h.Error != "" || h.OKAt.IsZero() {
		t.Errorf("after a good pass: %+v", h)
	}
	r.stage.RemoveCalendar("follow-ups")
	if err := r.Pass(t.Context()); err == nil {
		t.Error("Pass = nil without the calendar")
	}
	if h := r.followUpsHealth(t); !strings.Contains(h.Error, `the calendar "Follow-ups" is gone`) {
		t.Errorf("without the calendar: %q", h.Error)
	}
}

// TestWaitInStatus deletes all events at once: that is believed after a day, and
// status says so until then; and at once on the user's word.
func TestWaitInStatus(t *testing.T) {
	r := newTrial(t)
	for outcomes(r.placements(t))[""] < 4 {
		r.clock = r.clock.AddDate(0, 0, 1)
		if err := r.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range r.placements(t) {
		if p.Open() {
			byHand(t, r.stage, http.MethodDelete, p.Href, "")
		}
	}
	r.later(t)
	h := r.followUpsHealth(t)
	if h.Error != "" || len(h.Notices) != 1 || !strings.Contains(h.Notices[0], "vanished from the calendar within an hour") {
		t.Errorf("error %q, notices %q", h.Error, h.Notices)
	}
	open := outcomes(r.placements(t))[""]
	if err := r.Ledger().Decide(t.Context(), []ledger.Decision{{Type: ledger.DecideMissing, At: r.clock}}); err != nil {
		t.Fatal(err)
	}
	r.later(t)
	if got := outcomes(r.placements(t)); got[planner.Dismissed] < open || len(r.followUpsHealth(t).Notices) != 0 {
		t.Errorf("after dismiss --missing: outcomes %v, notices %q", got, r.followUpsHealth(t).Notices)
	}
}
