package daemon_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

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
