package daemon_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/ledger"
)

// Other events in the follow-up calendar are read as meetings if they were there
// when it was first seen, and syncd's own never are.
func TestSharedFollowUpCalendarIsReadForMeetings(t *testing.T) {
	for _, shared := range []bool{true, false} {
		t.Run(fmt.Sprint("shared ", shared), func(t *testing.T) {
			r := &trial{stage: stage(t), clock: now}
			r.start(t, r.stage.Config)
			t.Cleanup(func() { r.Close() })
			put := func() {
				byHand(t, r.stage, http.MethodPut, r.stage.Path()+"lunch.ics", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:lunch"+
					"\r\nDTSTAMP:20260401T080000Z\r\nDTSTART:"+now.Add(-26*time.Hour).UTC().Format("20060102T150405Z")+"\r\nDURATION:PT1H\r\nSUMMARY:Lunch"+
					"\r\nATTENDEE:mailto:zoe@example.net\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
			}
			if shared {
				put()
			}
			if err := r.Pass(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !shared {
				put()
			}
			r.later(t)
			found := false
			for i, err := range r.Ledger().Interactions(t.Context()) {
				if err != nil {
					t.Fatal(err)
				}
				found = found || i.Kind == ledger.KindMeeting && i.Evidence.ID == "lunch"
				if i.Kind == ledger.KindMeeting && strings.HasPrefix(i.Evidence.ID, "syncd-") {
					t.Errorf("an entry of syncd is a meeting: %s", i.Evidence.ID)
				}
			}
			if found != shared || len(r.placements(t)) == 0 {
				t.Errorf("the lunch is a meeting: %t, %d entries; want %t and some", found, len(r.placements(t)), shared)
			}
		})
	}
}

// While the server fails at something in the follow-up calendar, it is not said
// to hold nothing else.
func TestSharedIsNotConcluded(t *testing.T) {
	s, cfg := stage(t), new(config.Config)
	*cfg = *s.Config
	srv, err := caldavtest.Start(t.Context(), caldavtest.Options{
		User: s.User, Password: s.Password, Calendars: []caldavtest.Calendar{{Name: "f", Title: cfg.Followups.Calendar}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	cfg.Accounts = slices.Clone(cfg.Accounts)
	dav := *cfg.Accounts[0].CalDAV
	dav.URL = config.URL(srv.URL + "/")
	cfg.Accounts[0].CalDAV = &dav
	for _, uid := range []string{"syncd-x", "lunch"} {
		srv.Store("f", uid+".ics", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:"+uid+
			"\r\nDTSTAMP:20260401T080000Z\r\nDTSTART:20260512T120000Z\r\nSUMMARY:Lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
	}
	srv.Set(caldavtest.Faults{Answer: func(r *http.Request) int {
		if r.Method == "REPORT" || strings.HasSuffix(r.URL.Path, "lunch.ics") {
			return http.StatusBadGateway
		}
		return 0
	}})
	d := open(t, s, cfg)
	for _, want := range []bool{false, true} {
		if err := d.Pass(t.Context()); err != nil {
			t.Fatal(err)
		}
		known, shared, err := d.Ledger().CalendarSeen(t.Context(), srv.URL+srv.Path("f", ""))
		if err != nil || known != want || shared != want {
			t.Errorf("the calendar is known: %t, shared: %t, %v; want %t", known, shared, err, want)
		}
		srv.Set(caldavtest.Faults{})
	}
}
