package daemon_test

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/config"
	"syncd/internal/daemon"
	"syncd/internal/demo"
	"syncd/internal/ledger"
)

// withBooks is the stage's configuration with a server of address books.
func withBooks(t *testing.T, s *demo.Stage, books ...config.Glob) (*caldavtest.Server, *config.Config) {
	t.Helper()
	srv, err := caldavtest.Start(t.Context(), caldavtest.Options{AddressBooks: []caldavtest.AddressBook{
		{Name: "c", Title: "Contacts"}, {Name: "o", Title: "Office"}, {Name: "h", Title: "Hidden", Hidden: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { srv.Close() })
	cfg := *s.Config
	cfg.Accounts = slices.Clone(cfg.Accounts)
	cfg.Accounts[0].CardDAV = &config.CardDAV{
		URL: config.URL(srv.URL + "/"), Login: config.Login{User: srv.User, Password: config.Hidden(srv.Password)}, AddressBooks: books,
	}
	return srv, &cfg
}

func card(name string) string {
	return "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:" + name + "\r\nFN:" + name + "\r\nN:;" + name + ";;;\r\nEMAIL:" + strings.ToLower(name) + "@example.com\r\nEND:VCARD\r\n"
}

// books is what the ledger knows of address books: their titles, and in each the
// names of the cards.
func books(t *testing.T, d *daemon.Daemon) map[string][]string {
	t.Helper()
	health, err := d.Ledger().Health(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]string{}
	for _, h := range health {
		if h.Source.Type != ledger.AddressBook || h.Source.Name == "" {
			continue
		}
		objects, err := d.Ledger().Objects(t.Context(), h.Source)
		if err != nil {
			t.Fatal(err)
		}
		names := []string{}
		for _, skip := range h.Skipped {
			delete(objects, skip.Where)
		}
		for _, href := range slices.Sorted(maps.Keys(objects)) {
			names = append(names, href[strings.LastIndex(href, "/")+1:])
		}
		for _, skip := range h.Skipped {
			names = append(names, "skipped "+skip.Where[strings.LastIndex(skip.Where, "/")+1:])
		}
		all[h.Title] = names
	}
	return all
}

func TestCardsAreRead(t *testing.T) {
	s := stage(t)
	srv, cfg := withBooks(t, s, "Contacts")
	for _, name := range []string{"Ana", "Bo"} {
		srv.Store("c", name+".vcf", card(name))
	}
	srv.Store("c", "bad.vcf", "<html>")
	srv.Store("o", "Cy.vcf", card("Cy"))
	d := open(t, s, cfg)
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"Contacts": {"Ana.vcf", "Bo.vcf", "skipped bad.vcf"}}, books(t, d)); diff != "" {
		t.Errorf("address books (-want +got):\n%s", diff)
	}
	srv.Remove("c", "Ana.vcf")
	srv.Store("c", "Di.vcf", card("Di"))
	srv.Forget()
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"Contacts": {"Bo.vcf", "Di.vcf", "skipped bad.vcf"}}, books(t, d)); diff != "" {
		t.Errorf("address books after changes (-want +got):\n%s", diff)
	}
	srv.Remove("c", "bad.vcf")
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"Contacts": {"Bo.vcf", "Di.vcf"}}, books(t, d)); diff != "" {
		t.Errorf("address books without the broken card (-want +got):\n%s", diff)
	}
	srv.Forget()
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := srv.Requests(); len(got) != 2 { // the list of address books, the changes
		t.Errorf("%d requests where nothing changed: %v", len(got), got)
	}
	srv.Store("c", "bad.vcf", card("Ed"))
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"Contacts": {"Bo.vcf", "Di.vcf", "bad.vcf"}}, books(t, d)); diff != "" {
		t.Errorf("address books once all is well (-want +got):\n%s", diff)
	}
	if w := srv.Writes(); len(w) > 0 { // SPEC I2
		t.Errorf("address books were written to: %v", w)
	}
}

// Address books that do not answer are waited for as long as anything else, and
// stop nothing.
func TestSilentAddressBooks(t *testing.T) {
	s := stage(t)
	srv, cfg := withBooks(t, s)
	srv.Store("c", "Ana.vcf", card("Ana"))
	srv.Set(caldavtest.Faults{Status500: true})
	clock := now
	d := openAt(t, s, cfg, func() time.Time { return clock })
	for _, step := range []struct {
		after  time.Duration
		writes bool
	}{{0, false}, {30 * time.Minute, false}, {2 * time.Hour, true}} {
		clock = now.Add(step.after)
		if err := d.Pass(t.Context()); err == nil || !strings.Contains(err.Error(), `account "demo": `+srv.URL) || !strings.Contains(err.Error(), "500") {
			t.Errorf("Pass = %v, want the account, the address and the cause", err)
		}
		if got := len(entries(t, s)) > 0; got != step.writes {
			t.Errorf("%s after the first pass: written %v, want %v", step.after, got, step.writes)
		}
	}
	if meetings(t, d.Ledger()) == 0 {
		t.Error("no meeting was read")
	}
	srv.Set(caldavtest.Faults{})
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string][]string{"Contacts": {"Ana.vcf"}, "Office": {}}, books(t, d)); diff != "" {
		t.Errorf("address books once they answer (-want +got):\n%s", diff)
	}
}

// An address book that the server leaves out keeps its cards, and one that
// answers with nothing is not emptied (SPEC I15).
func TestVanishedAddressBook(t *testing.T) {
	s := stage(t)
	srv, cfg := withBooks(t, s)
	srv.Store("c", "Ana.vcf", card("Ana"))
	srv.Store("o", "Bo.vcf", card("Bo"))
	d := open(t, s, cfg)
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := books(t, d)
	srv.Set(caldavtest.Faults{EmptyListing: true, NoSyncCollection: true, NoCTag: true})
	if err := d.Pass(t.Context()); err == nil || !strings.Contains(err.Error(), "the listing leaves out objects that are there") {
		t.Errorf("Pass over empty listings = %v", err)
	}
	if diff := cmp.Diff(want, books(t, d)); diff != "" {
		t.Errorf("empty listings (-want +got):\n%s", diff)
	}
	srv.Set(caldavtest.Faults{})
	srv.RemoveCalendar("o")
	if err := d.Pass(t.Context()); err != nil {
		t.Fatal(err)
	}
	delete(want, "Office") // its title goes with the listing
	want[""] = []string{"Bo.vcf"}
	if diff := cmp.Diff(want, books(t, d)); diff != "" {
		t.Errorf("an address book that is gone (-want +got):\n%s", diff)
	}
}
