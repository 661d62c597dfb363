package carddav_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/carddav"
	"syncd/internal/ledger"
	"syncd/internal/servertest"
	"syncd/internal/webdav"
)

// peer is a user on one of the servers, with an address book "friends" that is
// empty.
type peer struct {
	t *testing.T // the test it was made for

	start    string // URL where discovery starts
	user     string
	password string
	books    string // URL of the home
	friends  string // URL of the address book

	put    func(t *testing.T, url, body string) // as the user in another program
	remove func(t *testing.T, url string)
	// writes are the requests that may have changed something.
	writes func() []string
	// expire makes sync tokens void; nil where that cannot be brought about.
	expire func()
}

var servers = []struct {
	name  string
	start func(t *testing.T) *peer
}{
	{"caldavtest", func(t *testing.T) *peer { t.Helper(); return inProcess(t, startServer(t)) }},
	{"radicale", func(t *testing.T) *peer { t.Helper(); return realServer(t, servertest.Radicale(t)) }},
	{"xandikos", func(t *testing.T) *peer { t.Helper(); return realServer(t, servertest.Xandikos(t)) }},
}

func startServer(t *testing.T) *caldavtest.Server {
	t.Helper()
	s, err := caldavtest.Start(t.Context(), caldavtest.Options{
		Calendars:    []caldavtest.Calendar{{Name: "work"}},
		AddressBooks: []caldavtest.AddressBook{{Name: "friends"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func inProcess(t *testing.T, s *caldavtest.Server) *peer {
	t.Helper()
	name := func(u string) (book, object string) {
		book, object, _ = strings.Cut(strings.TrimPrefix(u, s.URL+s.Books()), "/")
		return book, object
	}
	return &peer{
		t: t, start: s.URL, user: s.User, password: s.Password,
		books: s.URL + s.Books(), friends: s.URL + s.BookPath("friends", ""),
		put: func(_ *testing.T, u, body string) {
			b, o := name(u)
			s.Store(b, o, body)
		},
		remove: func(_ *testing.T, u string) {
			b, o := name(u)
			s.Remove(b, o)
		},
		writes: func() []string {
			var list []string
			for _, r := range s.Writes() {
				list = append(list, r.Method+" "+r.Path)
			}
			return list
		},
		expire: s.ExpireTokens,
	}
}

func realServer(t *testing.T, d *servertest.DAV) *peer {
	t.Helper()
	u := d.NewUser(t)
	return &peer{
		t: t, start: u.URL, user: u.Name, password: u.Password,
		books: u.Books, friends: u.MakeAddressBook(t, "friends"),
		put:    func(t *testing.T, url, body string) { t.Helper(); u.Put(t, url, body) },
		remove: func(t *testing.T, url string) { t.Helper(); u.Delete(t, url) },
		writes: u.Writes,
	}
}

var quiet = slog.New(slog.DiscardHandler)

func (p *peer) account() carddav.Account {
	return carddav.Account{
		Name: "home", URL: p.start, User: p.user,
		Password: func(context.Context) (string, error) { return p.password, nil },
	}
}

func (p *peer) open(t *testing.T) (*carddav.Session, carddav.Collection) {
	t.Helper()
	s, err := carddav.Dial(t.Context(), p.account(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, p.book(t, s)
}

// book is the address book "friends" as the session lists it.
func (p *peer) book(t *testing.T, s *carddav.Session) carddav.Collection {
	t.Helper()
	all, err := s.AddressBooks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range all {
		if c.URL == p.friends {
			return c
		}
	}
	t.Fatalf("no %s among %+v", p.friends, all)
	return carddav.Collection{}
}

// person is a card; its UID is the name.
func person(name string, lines ...string) string {
	return vcf(append([]string{"VERSION:3.0", "UID:" + name, "FN:" + name, "N:;" + name + ";;;", "EMAIL:" + strings.ToLower(name) + "@example.com"}, lines...)...)
}

// shelf is what a ledger would remember of an address book.
type shelf struct {
	cursor  ledger.Cursor
	known   map[string]string
	cards   map[string]ledger.Card // by href
	skipped []ledger.Skip
	batches []ledger.Batch
}

func newShelf() *shelf { return &shelf{known: map[string]string{}, cards: map[string]ledger.Card{}} }

func (h *shelf) read(t *testing.T, s *carddav.Session, c carddav.Collection) {
	t.Helper()
	if err := h.try(t, s, c); err != nil {
		t.Fatal(err)
	}
}

func (h *shelf) try(t *testing.T, s *carddav.Session, c carddav.Collection) error {
	t.Helper()
	h.skipped, h.batches = nil, nil
	for b, err := range s.Changes(t.Context(), c, h.cursor, h.known, time.Date(2026, time.May, 12, 8, 0, 0, 0, time.UTC)) {
		if err != nil {
			return err
		}
		if want := (ledger.SourceID{Account: "home", Type: ledger.AddressBook, Name: c.URL}); b.Source != want {
			t.Errorf("batch from %+v, want %+v", b.Source, want)
		}
		h.cursor = b.Cursor
		h.batches = append(h.batches, b)
		h.skipped = append(h.skipped, b.Skipped...)
		for _, card := range b.Cards {
			h.cards[card.Href], h.known[card.Href] = card, card.ETag
		}
		for _, href := range b.Gone {
			delete(h.cards, href)
			delete(h.known, href)
		}
	}
	return nil
}

func (h *shelf) names() []string {
	var list []string
	for _, c := range h.cards {
		list = append(list, c.Name)
	}
	slices.Sort(list)
	return list
}

func wantNames(t *testing.T, h *shelf, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, h.names()); diff != "" {
		t.Errorf("cards (-want +got):\n%s", diff)
	}
}

func wantError(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestServers(t *testing.T) {
	tests := []struct {
		name string
		run  func(p *peer)
	}{
		{"discovery from the server", testDiscovery(func(p *peer) string { return p.start })},
		{"discovery from well-known", testDiscovery(func(p *peer) string { return webdav.Origin(p.start) + "/.well-known/carddav" })},
		{"discovery from the home", testDiscovery(func(p *peer) string { return p.books })},
		{"discovery without a slash", testDiscovery(func(p *peer) string { return strings.TrimSuffix(p.start, "/") })},
		{"discovery from an address book", testSingle},
		{"wrong password", testWrongPassword},
		{"first listing", testFirst},
		{"changes", testChanges},
		{"nothing changed", testNothingChanged},
		{"many cards", testMany},
		{"bad card", testBadCard},
		{"useless token", testUselessToken},
		{"without a token", testWithoutToken},
		{"address book gone", testGone},
		{"group", testGroup},
		{"reading writes nothing", testWritesNothing},
	}
	for _, srv := range servers {
		t.Run(srv.name, func(t *testing.T) {
			for _, test := range tests {
				t.Run(test.name, func(t *testing.T) { test.run(srv.start(t)) })
			}
		})
	}
}

func testDiscovery(from func(*peer) string) func(*peer) {
	return func(p *peer) {
		p.start = from(p)
		_, c := p.open(p.t)
		if c.Name != "friends" || !c.Readable {
			p.t.Errorf("address book %+v, want friends, readable", c)
		}
	}
}

func testSingle(p *peer) {
	t := p.t
	p.start = p.friends
	_, c := p.open(t)
	if c.Name != "friends" {
		t.Errorf("address book %+v, want friends", c)
	}
}

func testWrongPassword(p *peer) {
	t := p.t
	p.password = "open sesame"
	_, err := carddav.Dial(t.Context(), p.account(), quiet)
	wantError(t, "Dial()", err, carddav.ErrAuth)
	if err != nil && (!strings.Contains(err.Error(), "user name or password refused") || strings.Contains(err.Error(), "sesame")) {
		t.Errorf("error %q", err)
	}
}

func testFirst(p *peer) {
	t := p.t
	p.put(t, p.friends+"ana.vcf", person("Ana", "BDAY:1980-05-12", "CATEGORIES:close,work", "NOTE:likes tea\\nsyncd: light"))
	p.put(t, p.friends+"bo.vcf", person("Bo"))
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	wantNames(t, h, "Ana", "Bo")
	if len(h.batches) != 1 || !h.cursor.Complete || h.batches[0].Total != 2 {
		t.Errorf("%d batches, cursor %+v", len(h.batches), h.cursor)
	}
	for _, got := range h.cards {
		if got.Name != "Ana" {
			continue
		}
		if got.ETag == "" || !strings.HasSuffix(got.Href, "/ana.vcf") {
			t.Errorf("card at %q, ETag %q", got.Href, got.ETag)
		}
		want := ledger.Card{
			Href: got.Href, ETag: got.ETag, UID: "Ana", Name: "Ana", Addresses: []string{"ana@example.com"},
			Groups: []string{"close", "work"}, Circle: "light",
		}
		want.Birthday.Year, want.Birthday.Month, want.Birthday.Day = 1980, time.May, 12
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("card (-want +got):\n%s", diff)
		}
	}
}

func testChanges(p *peer) {
	t := p.t
	for _, name := range []string{"Ana", "Bo", "Cy"} {
		p.put(t, p.friends+name+".vcf", person(name))
	}
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	p.put(t, p.friends+"Ana.vcf", strings.Replace(person("Ana"), "FN:Ana", "FN:Anna", 1))
	p.put(t, p.friends+"Di.vcf", person("Di"))
	p.remove(t, p.friends+"Bo.vcf")
	h.read(t, s, c)
	wantNames(t, h, "Anna", "Cy", "Di")
	n := 0
	for _, b := range h.batches {
		n += len(b.Cards)
	}
	if n != 2 {
		t.Errorf("%d cards were read for two changes", n)
	}
}

func testNothingChanged(p *peer) {
	t := p.t
	p.put(t, p.friends+"ana.vcf", person("Ana"))
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	before := h.cursor
	h.read(t, s, c)
	for _, b := range h.batches {
		if len(b.Cards)+len(b.Gone) > 0 {
			t.Errorf("something changed: %+v", b)
		}
	}
	h.read(t, s, c)
	if len(h.batches) > 0 {
		t.Errorf("%d batches where nothing changed; cursor %+v, before %+v", len(h.batches), h.cursor, before)
	}
}

func testMany(p *peer) {
	t := p.t
	const n = 120
	var want []string
	for i := range n {
		name := fmt.Sprintf("P%03d", i)
		want = append(want, name)
		p.put(t, p.friends+name+".vcf", person(name))
	}
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	wantNames(t, h, want...)
	for i, b := range h.batches {
		last := i == len(h.batches)-1
		if len(b.Cards) > 50 || b.Cursor.Complete != last {
			t.Errorf("batch %d of %d: %d cards, complete %v", i, len(h.batches), len(b.Cards), b.Cursor.Complete)
		}
	}
}

// What a server takes for a card is its own affair; where it refuses what is none
// there is nothing to test.
func testBadCard(p *peer) {
	t := p.t
	p.put(t, p.friends+"ana.vcf", person("Ana"))
	p.put(t, p.friends+"bo.vcf", person("Bo", "BDAY:some day", "PHOTO;ENCODING=b:"+strings.Repeat("A", 100_000)))
	p.put(t, p.friends+"cy.vcf", person("Cy"))
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	wantNames(t, h, "Ana", "Bo", "Cy")
}

func testUselessToken(p *peer) {
	t := p.t
	p.put(t, p.friends+"ana.vcf", person("Ana"))
	p.put(t, p.friends+"bo.vcf", person("Bo"))
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	if h.cursor.SyncToken == "" {
		t.Skip("the server gives no sync token")
	}
	if p.expire != nil {
		p.expire()
	} else {
		h.cursor.SyncToken = "http://example.com/ns/sync/expired"
	}
	h.cursor.CTag = "" // as sync-collection leaves it
	p.put(t, p.friends+"cy.vcf", person("Cy"))
	p.remove(t, p.friends+"bo.vcf")
	h.read(t, s, c)
	wantNames(t, h, "Ana", "Cy")
}

func testWithoutToken(p *peer) {
	t := p.t
	p.put(t, p.friends+"ana.vcf", person("Ana"))
	p.put(t, p.friends+"bo.vcf", person("Bo"))
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	h.cursor.SyncToken = ""
	p.put(t, p.friends+"ana.vcf", strings.Replace(person("Ana"), "FN:Ana", "FN:Anna", 1))
	p.remove(t, p.friends+"bo.vcf")
	h.read(t, s, c)
	wantNames(t, h, "Anna")
}

func testGone(p *peer) {
	t := p.t
	p.put(t, p.friends+"ana.vcf", person("Ana"))
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	c.URL += "not-there/"
	wantError(t, "Changes()", h.try(t, s, c), carddav.ErrGone)
	wantNames(t, h, "Ana")
}

func testGroup(p *peer) {
	t := p.t
	p.put(t, p.friends+"ana.vcf", person("Ana"))
	p.put(t, p.friends+"close.vcf", vcf("VERSION:3.0", "UID:Group", "N:close;;;;", "FN:close", "X-ADDRESSBOOKSERVER-KIND:group", "X-ADDRESSBOOKSERVER-MEMBER:urn:uuid:Ana"))
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	for _, card := range h.cards {
		want := []string(nil)
		if card.Name == "close" {
			want = []string{"Ana"}
		}
		if diff := cmp.Diff(want, card.Members); diff != "" {
			t.Errorf("members of %s (-want +got):\n%s", card.Name, diff)
		}
	}
}

// SPEC I2.
func testWritesNothing(p *peer) {
	t := p.t
	p.put(t, p.friends+"ana.vcf", person("Ana"))
	s, c := p.open(t)
	h := newShelf()
	h.read(t, s, c)
	p.remove(t, p.friends+"ana.vcf")
	h.read(t, s, c)
	wantNames(t, h)
	if w := p.writes(); len(w) > 0 {
		t.Errorf("address books were written to: %q", w)
	}
}

func faulty(t *testing.T, f caldavtest.Faults, names ...string) (*caldavtest.Server, *carddav.Session, carddav.Collection) {
	t.Helper()
	srv := startServer(t)
	for _, name := range names {
		srv.Store("friends", name+".vcf", person(name))
	}
	srv.Set(f)
	s, c := inProcess(t, srv).open(t)
	return srv, s, c
}

// Whatever a server cannot do, what changed is found.
func TestWaysToTellChanges(t *testing.T) {
	for name, f := range map[string]caldavtest.Faults{
		"everything":             {},
		"no sync-collection":     {NoSyncCollection: true},
		"no tags":                {NoCTag: true},
		"neither":                {NoCTag: true, NoSyncCollection: true},
		"weak ETags":             {WeakETags: true},
		"no ETags":               {NoETags: true},
		"neither tags nor ETags": {NoCTag: true, NoSyncCollection: true, NoETags: true},
		"token expired":          {SyncTokenExpired: true},
		"token is an error":      {SyncTokenError: 500},
		"token is ignored":       {SyncEverything: true},
		"pages":                  {SyncPage: 1},
		"multiget leaves out":    {MultigetMissing: true},
		"redirected":             {Redirect: 301},
	} {
		t.Run(name, func(t *testing.T) {
			srv, s, c := faulty(t, f, "Ana", "Bo", "Cy")
			h := newShelf()
			h.read(t, s, c)
			wantNames(t, h, "Ana", "Bo", "Cy")
			srv.Store("friends", "Di.vcf", person("Di"))
			srv.Store("friends", "Ana.vcf", strings.Replace(person("Ana"), "FN:Ana", "FN:Anna", 1))
			srv.Remove("friends", "Bo.vcf")
			h.read(t, s, c)
			wantNames(t, h, "Anna", "Cy", "Di")
		})
	}
}

// Reports about cards are answered 500 by Xandikos at times: they are read one
// by one.
func TestMultigetRefused(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{}, "Ana", "Bo")
	srv.Set(answering("REPORT", 500))
	h := newShelf()
	h.read(t, s, c)
	wantNames(t, h, "Ana", "Bo")
}

func answering(method string, code int) caldavtest.Faults {
	return caldavtest.Faults{Answer: func(r *http.Request) int {
		if r.Method == method {
			return code
		}
		return 0
	}}
}

// One card that is none is counted, and the others are read.
func TestBrokenCards(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{}, "Ana", "Bo", "Cy")
	srv.Store("friends", "empty.vcf", "")
	srv.Store("friends", "page.vcf", "<html>502 Bad Gateway</html>")
	srv.Store("friends", "control.vcf", person("Di", "NOTE:\x00\x01"))
	srv.Store("friends", "large.vcf", person("Ed", "PHOTO:"+strings.Repeat("A", 2<<20)))
	srv.Set(caldavtest.Faults{BadObject: "Bo.vcf"})
	h := newShelf()
	h.read(t, s, c)
	wantNames(t, h, "Ana", "Cy", "Di")
	var where []string
	for _, skip := range h.skipped {
		if skip.Reason == "" {
			t.Errorf("%s: skipped without a reason", skip.Where)
		}
		where = append(where, strings.TrimPrefix(skip.Where, srv.BookPath("friends", "")))
	}
	slices.Sort(where)
	if diff := cmp.Diff([]string{"Bo.vcf", "empty.vcf", "large.vcf", "page.vcf"}, where); diff != "" {
		t.Errorf("skipped (-want +got):\n%s", diff)
	}
	if !h.cursor.Complete {
		t.Error("a bad card keeps the reading from being complete")
	}
}

// An answer that fails or breaks off moves no cursor and removes no card, nor
// does a listing that is empty all of a sudden.
func TestNothingIsConcluded(t *testing.T) {
	for name, f := range map[string]caldavtest.Faults{
		"half":          {HalfMultistatus: true},
		"empty":         {EmptyListing: true, NoSyncCollection: true, NoCTag: true},
		"failing":       {Status500: true},
		"refused":       answering("PROPFIND", 403),
		"login refused": answering("PROPFIND", 401),
		"overloaded":    answering("REPORT", 503),
	} {
		t.Run(name, func(t *testing.T) {
			srv, s, c := faulty(t, caldavtest.Faults{}, "Ana", "Bo")
			h := newShelf()
			h.read(t, s, c)
			before, known := h.cursor, maps.Clone(h.known)
			srv.Store("friends", "Cy.vcf", person("Cy"))
			srv.Set(f)
			if name == "empty" || name == "refused" || name == "login refused" {
				h.cursor.SyncToken, before.SyncToken = "", ""
				h.cursor.CTag, before.CTag = "", ""
			}
			if err := h.try(t, s, c); err == nil {
				t.Error("no error")
			}
			if h.cursor != before || !maps.Equal(h.known, known) {
				t.Errorf("cursor %+v, want %+v; cards %v", h.cursor, before, h.names())
			}
			srv.Set(caldavtest.Faults{})
			h.read(t, s, c)
			wantNames(t, h, "Ana", "Bo", "Cy")
		})
	}
}

// A server that fails at every card is failing: nothing is taken for read, at
// first or later. What it fails at alone is asked for again each time, and holds
// up nothing else.
func TestServerFails(t *testing.T) {
	failing := func(names ...string) caldavtest.Faults {
		return caldavtest.Faults{Answer: func(r *http.Request) int {
			if r.Method == "REPORT" && len(names) == 0 || r.Method == http.MethodGet && (len(names) == 0 || slices.Contains(names, path.Base(r.URL.Path))) {
				return http.StatusBadGateway
			}
			if r.Method == "REPORT" { // one card spoils it
				return http.StatusInternalServerError
			}
			return 0
		}}
	}
	for _, names := range [][]string{{"Ana", "Bo"}, many(120)} {
		srv, s, c := faulty(t, caldavtest.Faults{}, names...)
		srv.Set(failing())
		srv.Forget()
		h := newShelf()
		if err := h.try(t, s, c); err == nil || h.cursor.Complete || !strings.Contains(err.Error(), "502") {
			t.Errorf("%d cards, all failing: %v, cursor %+v", len(names), err, h.cursor)
		}
		if n := len(srv.Requests()); n > 20 {
			t.Errorf("%d cards, all failing: %d requests", len(names), n)
		}
		srv.Set(failing("Bo.vcf", "Person 7.vcf"))
		h.read(t, s, c)
		if len(h.cards) != len(names)-1 || len(h.skipped) != 1 || !h.cursor.Complete {
			t.Errorf("%d cards, one failing: %d read, skipped %v, cursor %+v", len(names), len(h.cards), h.skipped, h.cursor)
		}
		srv.Store("friends", "Cy.vcf", person("Cy"))
		srv.Forget()
		h.read(t, s, c)
		if n := len(srv.Requests()); len(h.cards) != len(names) || n > 10 {
			t.Errorf("%d cards, one failing: %d are read later, by %d requests", len(names), len(h.cards), n)
		}
		before := h.cursor
		srv.Store("friends", "Di.vcf", person("Di"))
		srv.Set(failing())
		if err := h.try(t, s, c); err == nil || h.cursor != before {
			t.Errorf("failing again: %v, cursor %+v, want %+v", err, h.cursor, before)
		}
		srv.Set(caldavtest.Faults{})
		h.read(t, s, c)
		if len(h.cards) != len(names)+2 {
			t.Errorf("%d cards once the server is well, want %d", len(h.cards), len(names)+2)
		}
		srv.Forget()
		h.read(t, s, c)
		if n := len(srv.Requests()); n != 1 {
			t.Errorf("%d requests where nothing changed", n)
		}
	}
}

func many(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprint("Person ", i))
	}
	return names
}

// An address book that was emptied is one.
func TestEmptiedBook(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{NoSyncCollection: true}, "Ana", "Bo")
	h := newShelf()
	h.read(t, s, c)
	srv.Remove("friends", "Ana.vcf")
	srv.Remove("friends", "Bo.vcf")
	h.read(t, s, c)
	wantNames(t, h)
}

// What is not ours to read is listed as such.
func TestHiddenBook(t *testing.T) {
	srv := startServer(t)
	srv.AddAddressBook(caldavtest.AddressBook{Name: "staff", Title: "Staff", Hidden: true})
	s, _ := inProcess(t, srv).open(t)
	all, err := s.AddressBooks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	readable := map[string]bool{}
	for _, c := range all {
		readable[c.Name] = c.Readable
	}
	if diff := cmp.Diff(map[string]bool{"friends": true, "Staff": false}, readable); diff != "" {
		t.Errorf("address books (-want +got):\n%s", diff)
	}
}

// iCloud's home is on another host, which the configuration has to name (SPEC I13).
func TestHomeOnAnotherHost(t *testing.T) {
	other := startServer(t)
	other.Store("friends", "Ana.vcf", person("Ana"))
	srv := startServer(t)
	srv.Set(caldavtest.Faults{HomeSet: other.URL + other.Books()})
	p := inProcess(t, srv)
	s, err := carddav.Dial(t.Context(), p.account(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddressBooks(t.Context()); !errors.Is(err, webdav.ErrForeignHost) {
		t.Errorf("AddressBooks() = %v, want %v", err, webdav.ErrForeignHost)
	}
	if got := other.Requests(); len(got) > 0 {
		t.Errorf("a host that nobody named was asked: %v", got)
	}
	a := p.account()
	a.Hosts = []string{"127.0.0.1"}
	if s, err = carddav.Dial(t.Context(), a, quiet); err != nil {
		t.Fatal(err)
	}
	all, err := s.AddressBooks(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("AddressBooks() = %+v, %v", all, err)
	}
	h := newShelf()
	h.read(t, s, all[0])
	wantNames(t, h, "Ana")
}

// The same address holds calendars, and no address book.
func TestNoCardDAV(t *testing.T) {
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome</html>") }))
	t.Cleanup(page.Close)
	_, err := carddav.Dial(t.Context(), carddav.Account{
		Name: "home", URL: page.URL, User: "me", Password: func(context.Context) (string, error) { return "x", nil },
	}, quiet)
	wantError(t, "Dial()", err, carddav.ErrNotCardDAV)
	if err != nil && strings.Contains(err.Error(), "CalDAV") {
		t.Errorf("error %q", err)
	}
}
