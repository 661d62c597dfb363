package daemon_test

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/hostile"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
)

// corpora is where files of other people's programs lie, if they are there at all.
const corpora = "../../../shared/corpora"

// sample gives that many mutations of the files in some directories, the same each
// time.
func sample(t *testing.T, n int, dirs ...string) [][]byte {
	t.Helper()
	files, err := hostile.Files(corpora, dirs...)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skipf("no files in %v of %s", dirs, corpora)
	}
	var all [][]byte
	for i := range n {
		r := rand.New(rand.NewPCG(uint64(i), 3))
		raw, _ := hostile.Mutate(r, files[r.IntN(len(files))].Raw, files[r.IntN(len(files))].Raw)
		all = append(all, raw)
	}
	return all
}

// Mail, calendar objects and cards that are broken by chance go through a whole
// pass: each is read, noise, or skipped for a reason that status shows.
func TestHostileFilesAreAccountedFor(t *testing.T) {
	if _, err := os.Stat(corpora); err != nil {
		t.Skipf("no corpora: %v", err)
	}
	const each = 250
	mail := imaptest.New("robin", "secret")
	defer mail.Close()
	mail.Create("Sent", `\Sent`)
	for i, raw := range sample(t, each, "mail/torture", "mail/automated") {
		id := fmt.Sprintf("Message-ID: <%d@example.com>\r\n", i) // copies of a message count once
		if _, err := mail.Append("INBOX", imaptest.Message{Raw: id + string(raw), At: now.Add(-9 * 24 * time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mail.Serve(listener) }()
	defer listener.Close()
	srv, err := caldavtest.Start(t.Context(), caldavtest.Options{
		User: "robin", Password: "secret",
		Calendars:    []caldavtest.Calendar{{Name: "work", Title: "Work"}, {Name: "follow-ups", Title: "Follow-ups"}},
		AddressBooks: []caldavtest.AddressBook{{Name: "people", Title: "People"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	for i, raw := range sample(t, each, "ics") {
		srv.Store("work", fmt.Sprintf("%d.ics", i), string(raw))
	}
	for i, raw := range sample(t, each, "vcf") {
		srv.Store("people", fmt.Sprintf("%d.vcf", i), string(raw))
	}

	d := openOn(t, fmt.Sprintf(`[me]
addresses = ["robin@example.org"]
timezone = "Europe/Berlin"
internal_domains = []
[[account]]
name = "demo"
user = "robin"
password = "secret"
imap = { host = "127.0.0.1", port = %d, tls = "none" }
caldav = { url = %q }
carddav = { url = %q }
`, listener.Addr().(*net.TCPAddr).Port, srv.URL+"/", srv.URL+"/"))
	if err := d.Pass(t.Context()); err != nil {
		t.Errorf("Pass = %v, want none: what was skipped is in status", err)
	}
	health, err := d.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got := map[ledger.SourceType]int{}
	for _, h := range health {
		read, noise := h.Read, 0
		if h.Source.Type != ledger.Mailbox {
			objects, err := d.Ledger().Objects(t.Context(), h.Source)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range h.Skipped {
				delete(objects, s.Where)
			}
			read = len(objects)
		}
		for _, n := range h.Noise {
			noise += n
		}
		for _, s := range h.Skipped {
			if s.Where == "" || s.Reason == "" {
				t.Errorf("skipped in %s: %q for %q; want both", h.Source.Type, s.Where, s.Reason)
			}
		}
		t.Logf("%s %q: %d read, %d noise, %d skipped, %d there; %s", h.Source.Type, h.Source.Name, read, noise, len(h.Skipped), h.Total, h.Error)
		if h.Error != "" {
			t.Errorf("%s: %s", h.Source.Type, h.Error)
		}
		got[h.Source.Type] += read + noise + len(h.Skipped)
	}
	for _, kind := range []ledger.SourceType{ledger.Mailbox, ledger.Calendar, ledger.AddressBook} {
		if got[kind] != each {
			t.Errorf("%d of %s are accounted for, want %d", got[kind], kind, each)
		}
	}
}
