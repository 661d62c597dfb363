package caldav_test

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/mattn/go-sqlite3" // to look into the ledger

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
)

const realPeople = "../../../shared/corpora/mail/enron/blair-l.truth.json"

// A year and a half of a real calendar, whose owner wrote down whom she met and
// invited hardly anybody: nothing is lost, and what counts, counts for somebody
// she wrote to. The figures are in docs/accuracy.md.
func TestRealCalendar(t *testing.T) {
	text, err := os.ReadFile("../../../shared/corpora/ics/enron/blair-l.events.ics")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("no corpus at " + realPeople)
	}
	if err != nil {
		t.Fatal(err)
	}
	srv, s, c := faulty(t, caldavtest.Faults{})
	head, rest, _ := strings.Cut(string(text), "BEGIN:VEVENT")
	events := strings.Split(strings.TrimSuffix(strings.TrimSpace(rest), "END:VCALENDAR"), "BEGIN:VEVENT")
	for i, e := range events {
		srv.Store("work", fmt.Sprint(i, ".ics"), head+"BEGIN:VEVENT"+e+"END:VCALENDAR\r\n")
	}
	var batches []ledger.Batch
	for b, err := range s.Changes(t.Context(), c, ledger.Cursor{}, nil, stamp, berlin) {
		if err != nil {
			t.Fatal(err)
		}
		if len(b.Skipped) > 0 {
			t.Errorf("skipped: %v", b.Skipped)
		}
		batches = append(batches, b)
	}
	// The program that moved the calendar made itself the organiser of all.
	t.Run("as it is", func(t *testing.T) { realCalendar(t, batches, len(events)) })
	t.Run("moved by her", func(t *testing.T) {
		realCalendar(t, batches, len(events), "outlook.team@enron.com", "no.address@enron.com")
	})
}

func realCalendar(t *testing.T, batches []ledger.Batch, events int, also ...string) {
	t.Helper()
	mail, own := realMail(t)
	dir := t.TempDir()
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: dir, Me: ledger.Me{Addresses: append(own, also...), Zone: time.UTC}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for _, b := range append(batches, mail) {
		if err := l.Append(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	rows := realRows(t, filepath.Join(dir, "ledger.db"))
	var kinds []string
	for kind, n := range rows {
		kinds = append(kinds, fmt.Sprintf("%s %d", kind, n))
	}
	slices.Sort(kinds)
	met := map[string]string{}
	contacts := 0
	for c, err := range l.Contacts(t.Context(), false) {
		if err != nil {
			t.Fatal(err)
		}
		contacts++
		if c.Met == 0 {
			continue
		}
		d, err := l.Contact(t.Context(), string(c.ID))
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range d.Timeline {
			if i.Kind == ledger.KindMeeting && i.Direct {
				met[i.Subject] = c.Name
			}
		}
	}
	unsure, err := l.AmbiguousNames(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d events, %d contacts; meetings: %s; ambiguous %d", events, contacts, strings.Join(kinds, ", "), len(unsure))
	for _, title := range slices.Sorted(maps.Keys(met)) {
		t.Logf("%q is with %s", title, met[title])
	}
	for _, a := range unsure {
		t.Logf("%q names %d", a.Title, len(a.Contacts))
	}
}

// realRows counts the meetings by what the ledger makes of them.
func realRows(t *testing.T, path string) map[string]int {
	t.Helper()
	db, err := sql.Open("sqlite3", "file:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	rows, err := db.Query(`SELECT stands, direct, people, count(*) FROM interaction
		WHERE kind = 'meeting' AND current = 1 GROUP BY stands, direct, people`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var stands string
		var direct bool
		var people, n int
		if err := rows.Scan(&stands, &direct, &people, &n); err != nil {
			t.Fatal(err)
		}
		out[fmt.Sprintf("%s/%t/%d people:", stands, direct, people)] += n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// realMail is a message to each person whom the owner wrote to, and her own
// addresses.
func realMail(t *testing.T) (ledger.Batch, []string) {
	t.Helper()
	text, err := os.ReadFile(realPeople)
	if err != nil {
		t.Fatal(err)
	}
	var truth struct {
		Owner struct {
			Name string
			Own  []string
		}
		Scopes struct {
			All struct {
				ByContent struct {
					Counterparts map[string]struct {
						Sent      int
						FirstSent time.Time `json:"first_sent"`
					}
				} `json:"by_content"`
			} `json:"all_no_calendar"`
		}
	}
	if err := json.Unmarshal(text, &truth); err != nil {
		t.Fatal(err)
	}
	b := ledger.Batch{
		Source: ledger.SourceID{Account: "home", Type: ledger.Mailbox, Name: "Sent"}, Sent: true, At: stamp,
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: 1, Lowest: 1, Complete: true},
	}
	all := truth.Scopes.All.ByContent.Counterparts
	for _, address := range slices.Sorted(maps.Keys(all)) {
		if all[address].Sent == 0 {
			continue
		}
		b.Mail = append(b.Mail, ledger.Mail{
			UID: uint32(len(b.Mail) + 1), ID: address, At: all[address].FirstSent, Fingerprint: address,
			People: []ledger.Participant{{Address: truth.Owner.Own[0], Role: ledger.RoleFrom}, {Address: address, Role: ledger.RoleTo}},
		})
	}
	return b, truth.Owner.Own
}
