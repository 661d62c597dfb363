package caldav_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
)

// TestOwn reads the user's own events from 2 to 23 May.
func TestOwn(t *testing.T) {
	p := inProcess(t)
	at := func(day, hour int) time.Time { return time.Date(2026, 5, day, hour, 0, 0, 0, time.UTC) }
	known := time.Date(2026, 4, 1, 8, 0, 0, 0, time.UTC)
	starts := func(uid string, all ...time.Time) ledger.OwnEvent {
		return ledger.OwnEvent{UID: uid, Title: "Call Ana", Starts: all, KnownAt: known}
	}
	allDay := func(s string) string {
		return strings.NewReplacer("DTSTART:20260512T120000Z", "DTSTART;VALUE=DATE:20260512", "DTEND:20260512T130000Z\r\n", "").Replace(s)
	}
	whole := starts("2", at(12, 0).Add(-2*time.Hour)) // midnight in Berlin
	whole.Location, whole.Description, whole.KnownAt = "Her place", "bring\ncake", at(1, 8)
	invites := starts("3", at(12, 12))
	invites.People = []string{"me@example.org", "ana@example.org"}
	tests := []struct {
		object string
		want   ledger.OwnEvent
	}{
		{meetingObject("1", "20260512", "Call Ana"), starts("1", at(12, 12))},
		{allDay(meetingObject("2", "20260512", "Call Ana", "LOCATION:Her place", "DESCRIPTION:<p>bring</p>cake", "CREATED:20260501T080000Z")), whole},
		{meetingObject("3", "20260512", "Call Ana", "ORGANIZER:mailto:me@example.org", "ATTENDEE:mailto:Ana@example.org",
			"ATTENDEE;CUTYPE=ROOM:mailto:room@example.org"), invites},
		{meetingObject("4", "20260512", "Call Ana", "STATUS:CANCELLED"), ledger.OwnEvent{UID: "4", Title: "Call Ana"}},
		{meetingObject("5", "20260501", "Call Ana"), ledger.OwnEvent{UID: "5", Title: "Call Ana"}},
		{meetingObject("6", "20260430", "Call Ana", "RRULE:FREQ=WEEKLY", "EXDATE:20260514T120000Z"), starts("6", at(7, 12), at(21, 12))},
		{meetingObject("7", "20260512", "Call Ana", "RRULE:FREQ=HOURLY"), starts("7")},
		{meetingObject("8", "20260512", "Call Ana", "RRULE:nonsense"), starts("8", at(12, 12))},
	}
	for i := range 264 { // hourly until 23 May
		tests[6].want.Starts = append(tests[6].want.Starts, at(12, 12+i))
	}
	tests[6].want.Starts = tests[6].want.Starts[:252]
	for _, tt := range tests {
		p.put(t, p.work+tt.want.UID+".ics", tt.object)
	}
	p.put(t, p.work+"syncd-x.ics", meetingObject("syncd-abcdef-9r4mysph3q5pjmin-0", "20260512", "Call Ana"))
	p.put(t, p.work+"copy.ics", meetingObject("copy", "20260512", "Call Ana", "DESCRIPTION:"+caldav.Marker))
	s, c := p.open(t)
	l, err := s.Entries(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]ledger.OwnEvent{}
	for _, e := range l.Entries {
		if e.IsOwn() {
			o := e.Own(at(2, 0), at(23, 0), berlin)
			o.Href = ""
			got[e.UID] = o
		}
	}
	want := map[string]ledger.OwnEvent{}
	for _, tt := range tests {
		want[tt.want.UID] = tt.want
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Own() mismatch (-want +got):\n%s", diff)
	}
}
