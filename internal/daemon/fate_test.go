package daemon_test

import (
	"fmt"
	"net"
	"slices"
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/imap/imaptest"
	"syncd/internal/planner"
)

// A mail that bears \Answered, or that was thrown away since it was read, wants no
// event, though no answer was found (SPEC section 2.1).
func TestAnsweredElsewhere(t *testing.T) {
	mail := imaptest.New("robin", "secret")
	defer mail.Close()
	mail.Create("Sent", `\Sent`)
	mail.Create("Trash", `\Trash`)
	wrote := func(box, from, to, id string, at time.Time, flags ...string) {
		t.Helper()
		raw := fmt.Sprintf("Date: %s\nFrom: %s\nTo: %s\nSubject: %s\nMessage-ID: <%s@example.com>\n\nCan you tell me when we meet?\n", at.Format(time.RFC1123Z), from, to, id, id)
		if _, err := mail.Append(box, imaptest.Message{Raw: raw, At: at, Flags: flags}); err != nil {
			t.Fatal(err)
		}
	}
	me := "robin@example.org"
	for _, name := range []string{"Ana Lima", "Bo Lind", "Cyd Roe"} {
		they := fmt.Sprintf("%q <%s@example.com>", name, name[:2])
		wrote("Sent", me, they, "early-"+name[:2], now.AddDate(0, -6, 0))
		var flags []string
		if name == "Bo Lind" {
			flags = []string{`\Answered`}
		}
		wrote("INBOX", they, me, "asks-"+name[:2], now.AddDate(0, 0, -6), flags...)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mail.Serve(listener) }()
	defer listener.Close()
	calendars, err := caldavtest.Start(t.Context(), caldavtest.Options{
		User: "robin", Password: "secret", Calendars: []caldavtest.Calendar{{Name: "follow-ups", Title: "Follow-ups"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer calendars.Close()
	d := openOn(t, fmt.Sprintf(`[me]
addresses = [%q]
timezone = "UTC"
internal_domains = []
[[account]]
name = "demo"
user = "robin"
password = "secret"
imap = { host = "127.0.0.1", port = %d, tls = "none" }
caldav = { url = %q }
`, me, listener.Addr().(*net.TCPAddr).Port, calendars.URL+"/"))
	if err := d.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Cyd's mail goes to the trash after it was read.
	if err := mail.Remove("INBOX", 3); err != nil {
		t.Fatal(err)
	}
	wrote("Trash", "Cyd Roe <Cy@example.com>", me, "asks-Cy", now.AddDate(0, 0, -6))
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	placed, err := d.Ledger().Placements(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got []planner.Key
	for _, p := range placed {
		got = append(got, p.Key)
	}
	if want := []planner.Key{{Rule: planner.ReplyOwed, Evidence: "asks-An@example.com", Who: "an@example.com"}}; !slices.Equal(got, want) {
		t.Errorf("written: %v, want %v", got, want)
	}
	if refused := mail.Refused(); len(refused) > 0 {
		t.Errorf("the mail server was asked to change something: %v", refused)
	}
	if err := d.Ledger().Rebuild(t.Context()); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Plan(t.Context()); err != nil || len(r.FollowUps) != 1 {
		t.Errorf("after a rebuild the plan holds %d follow-ups, %v; want one", len(r.FollowUps), err)
	}
}
