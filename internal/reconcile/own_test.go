package reconcile_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/reconcile"
)

// Of a listing what is the user's own counts, and what it does not tell is said.
func TestOwn(t *testing.T) {
	at := time.Date(2026, 5, 13, 8, 0, 0, 0, time.UTC)
	entry := func(uid, title string) caldav.Entry {
		raw := "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:" + uid + "\r\nDTSTART:20260520T080000Z\r\nSUMMARY:" + title + "\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
		return caldav.Entry{UID: uid, Shape: ledger.Shape{Start: at.AddDate(0, 0, 7), Summary: title}, Raw: []byte(raw)}
	}
	event := func(uid, title, bare string, done bool) ledger.OwnEvent {
		return ledger.OwnEvent{UID: uid, Title: title, Bare: bare, Done: done, Starts: []time.Time{at.AddDate(0, 0, 7)}}
	}
	copied := entry("copy", "Call Ana")
	copied.Marked = true
	list := caldav.Listing{
		Entries: []caldav.Entry{
			entry("1", "Call Ana"), entry("2", "Call Ana DONE"), entry("3", "✓ Call Ana"), entry("4", "Doner with Ana"),
			entry("5", "Call Malcolm X"), entry("6", "Done: call Ana"), entry("7", "done-deal with Ana"), entry("8", "Call Ana [x]"), entry("9", "x Call Ana"),
			entry("syncd-abcdef-9r4mysph3q5pjmin-0", "Call Ana"), copied,
		},
		Skipped: []ledger.Skip{{Where: "/f/bad.ics"}},
		Failed:  true,
	}
	want := ledger.OwnEvents{
		At: at, Unread: []string{"/f/bad.ics"}, All: true,
		Events: []ledger.OwnEvent{
			event("1", "Call Ana", "", false), event("2", "Call Ana DONE", "Call Ana", false), event("3", "Call Ana", "", true),
			event("4", "Doner with Ana", "", false), event("5", "Call Malcolm X", "Call Malcolm", false), event("6", "call Ana", "", true),
			event("7", "done-deal with Ana", "deal with Ana", false), event("8", "Call Ana", "", true), event("9", "x Call Ana", "Call Ana", false),
		},
	}
	if diff := cmp.Diff(want, reconcile.Own(list, at, time.UTC)); diff != "" {
		t.Errorf("Own() mismatch (-want +got):\n%s", diff)
	}
	if got := reconcile.Own(caldav.Listing{}, at, time.UTC); !got.Empty {
		t.Errorf("an empty listing gives %+v", got)
	}
}
