package caldav_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav"
	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
	"syncd/internal/servertest"
)

// peer is a user on one of the servers, with a calendar "work" that is empty.
type peer struct {
	t *testing.T // the test it was made for

	start     string // URL where discovery starts
	user      string
	password  string
	home      string // URL
	principal string // URL
	work      string // URL of the calendar

	put    func(t *testing.T, url, body string) // as the user in another program
	remove func(t *testing.T, url string)
	get    func(t *testing.T, url string) string
	// writes are the requests that may have changed something.
	writes func() []string
	// expire makes sync tokens void; nil where that cannot be brought about.
	expire func()
}

var servers = []struct {
	name  string
	start func(t *testing.T) *peer
}{
	{"caldavtest", inProcess},
	{"radicale", func(t *testing.T) *peer { t.Helper(); return realServer(t, servertest.Radicale(t)) }},
	{"xandikos", func(t *testing.T) *peer { t.Helper(); return realServer(t, servertest.Xandikos(t)) }},
}

func inProcess(t *testing.T) *peer {
	t.Helper()
	s := startServer(t)
	name := func(u string) (calendar, object string) {
		rest := strings.TrimPrefix(u, s.URL+s.Home())
		calendar, object, _ = strings.Cut(rest, "/")
		return calendar, object
	}
	return &peer{
		start: s.URL, user: s.User, password: s.Password,
		home: s.URL + s.Home(), principal: s.URL + s.Principal(), work: s.URL + s.Path("work", ""),
		put: func(_ *testing.T, u, body string) {
			c, o := name(u)
			s.Store(c, o, body)
		},
		remove: func(_ *testing.T, u string) {
			c, o := name(u)
			s.Remove(c, o)
		},
		get: func(_ *testing.T, u string) string {
			c, o := name(u)
			return s.Objects(c)[o]
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

func startServer(t *testing.T) *caldavtest.Server {
	t.Helper()
	s, err := caldavtest.Start(t.Context(), caldavtest.Options{Calendars: []caldavtest.Calendar{{Name: "work", Title: "Work"}}})
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

func realServer(t *testing.T, d *servertest.DAV) *peer {
	t.Helper()
	u := d.NewUser(t)
	return &peer{
		start: u.URL, user: u.Name, password: u.Password,
		home: u.Home, principal: strings.TrimSuffix(u.Home, "calendars/"), work: u.MakeCalendar(t, "work"),
		put:    func(t *testing.T, url, body string) { t.Helper(); u.Put(t, url, body) },
		remove: func(t *testing.T, url string) { t.Helper(); u.Delete(t, url) },
		get: func(t *testing.T, url string) string {
			t.Helper()
			body, _ := u.Get(t, url)
			return body
		},
		writes: u.Writes,
	}
}

func password(s string) func(context.Context) (string, error) {
	return func(context.Context) (string, error) { return s, nil }
}

func (p *peer) account() caldav.Account {
	return caldav.Account{Name: "home", URL: p.start, User: p.user, Password: password(p.password), Zone: berlin}
}

var quiet = slog.New(slog.DiscardHandler)

var berlin = func() *time.Location {
	z, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		panic(err)
	}
	return z
}()

// open dials and returns the calendar "work", owned.
func (p *peer) open(t *testing.T) (*caldav.Session, caldav.Collection) {
	t.Helper()
	s, err := caldav.Dial(t.Context(), p.account(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	c := p.calendar(t, s)
	s.Own(c)
	return s, c
}

func (p *peer) calendar(t *testing.T, s *caldav.Session) caldav.Collection {
	t.Helper()
	list, err := s.Calendars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		if c.URL == p.work {
			return c
		}
	}
	t.Fatalf("Calendars() = %v lacks %s", list, p.work)
	return caldav.Collection{}
}

var (
	slot  = time.Date(2026, 5, 13, 9, 0, 0, 0, berlin)
	stamp = time.Date(2026, 5, 12, 18, 0, 0, 0, time.UTC)
)

func draft(uid string) caldav.Draft {
	return caldav.Draft{
		UID: uid,
		Shape: ledger.Shape{
			Start: slot, End: slot.Add(15 * time.Minute), Summary: "Follow up with Susan Hall (met 12 May)",
			Description: "You met on 12 May.\nWhy: first meeting\n" + caldav.Marker, Status: "CONFIRMED", Alarm: true,
		},
		Zone: berlin, URL: "https://example.com/1", Stamp: stamp,
	}
}

const uid1 = "syncd-k3v9-abcdefghijkmnpqr-1"

func create(t *testing.T, s *caldav.Session, c caldav.Collection, d caldav.Draft) caldav.Entry {
	t.Helper()
	v, err := s.Create(t.Context(), c, d)
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Read(t.Context(), v.Href)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// meetingObject is a calendar object with an event from noon to one o'clock UTC.
func meetingObject(uid, day, summary string, lines ...string) string {
	return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:" + uid +
		"\r\nDTSTAMP:20260401T080000Z\r\nDTSTART:" + day + "T120000Z\r\nDTEND:" + day + "T130000Z\r\nSUMMARY:" + summary + "\r\n" +
		strings.Join(append(lines, ""), "\r\n") + "END:VEVENT\r\nEND:VCALENDAR\r\n"
}

// book is as much of a ledger as Changes needs: it applies batches.
type book struct {
	at       time.Time
	cursor   ledger.Cursor
	known    map[string]string
	meetings map[string][]ledger.MeetingInstance
	absences map[string][]ledger.Absence
	since    map[string]time.Time
	skipped  []ledger.Skip
	batches  int
}

func newBook() *book {
	return &book{
		at: stamp, known: map[string]string{},
		meetings: map[string][]ledger.MeetingInstance{}, absences: map[string][]ledger.Absence{},
		since: map[string]time.Time{},
	}
}

func (b *book) read(t *testing.T, s *caldav.Session, c caldav.Collection) {
	t.Helper()
	if err := b.try(t, s, c); err != nil {
		t.Fatal(err)
	}
}

func (b *book) try(t *testing.T, s *caldav.Session, c caldav.Collection) error {
	t.Helper()
	b.batches, b.skipped = 0, nil
	for batch, err := range s.Changes(t.Context(), c, b.cursor, b.known, b.at, berlin) {
		if err != nil {
			return err
		}
		b.batches++
		b.cursor = batch.Cursor
		b.skipped = append(b.skipped, batch.Skipped...)
		for _, o := range batch.Objects {
			b.known[o.Href], b.meetings[o.Href], b.absences[o.Href], b.since[o.Href] = o.ETag, o.Meetings, o.Absences, o.Since
		}
		for _, href := range batch.Gone {
			delete(b.known, href)
			delete(b.meetings, href)
			delete(b.absences, href)
		}
	}
	return nil
}

// titles are the titles of all meetings, sorted.
func (b *book) titles() []string {
	var list []string
	for _, m := range b.meetings {
		for _, i := range m {
			list = append(list, i.Title)
		}
	}
	slices.Sort(list)
	return list
}

func wantTitles(t *testing.T, b *book, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, b.titles()); diff != "" {
		t.Errorf("meetings mismatch (-want +got):\n%s", diff)
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
		{"discovery from the root", testDiscovery(func(p *peer) string { return p.start })},
		{"discovery from well-known", testDiscovery(func(p *peer) string {
			u, _ := url.Parse(p.start)
			return u.Scheme + "://" + u.Host + "/.well-known/caldav"
		})},
		{"discovery from the bare host", testDiscovery(func(p *peer) string {
			u, _ := url.Parse(p.start)
			return u.Scheme + "://" + u.Host
		})},
		{"discovery from the principal", testDiscovery(func(p *peer) string { return p.principal })},
		{"discovery from the home", testDiscovery(func(p *peer) string { return p.home })},
		{"discovery from a calendar", testDiscoveryFromCalendar},
		{"wrong password", testWrongPassword},
		{"calendars", testCalendars},
		{"make calendar", testMake},
		{"create", testCreate},
		{"create again is refused", testCreateAgain},
		{"read what was written", testReadAfterWrite},
		{"awkward text survives", testAwkwardText},
		{"all-day entry", testAllDay},
		{"rewrite", testRewrite},
		{"rewrite keeps what others wrote", testRewriteKeeps},
		{"stale rewrite", testStaleRewrite},
		{"tick", testTick},
		{"move", testMove},
		{"copied", testCopied},
		{"delete", testDelete},
		{"stale delete", testStaleDelete},
		{"gone", testGone},
		{"write elsewhere is refused", testWriteElsewhere},
		{"entries", testEntries},
		{"entries see edits", testEntriesSeeEdits},
		{"calendar gone", testCalendarGone},
		{"find", testFind},
		{"changes from the start", testChangesInitial},
		{"changes since", testChangesSince},
		{"nothing changed", testNothingChanged},
		{"many objects", testManyObjects},
		{"recurring meetings", testRecurring},
		{"meetings with people", testPeople},
		{"what is no meeting", testNoMeeting},
		{"absences", testAbsences},
		{"broken object", testBrokenObject},
		{"useless sync token", testUselessToken},
		{"without sync token", testWithoutToken},
		{"reading writes nothing", testReadingWritesNothing},
	}
	for _, server := range servers {
		t.Run(server.name, func(t *testing.T) {
			for _, test := range tests {
				t.Run(test.name, func(t *testing.T) {
					p := server.start(t)
					p.t = t
					test.run(p)
				})
			}
		})
	}
}

func testDiscovery(from func(*peer) string) func(*peer) {
	return func(p *peer) {
		t := p.t
		a := p.account()
		a.URL = from(p)
		s, err := caldav.Dial(t.Context(), a, quiet)
		if err != nil {
			t.Fatal(err)
		}
		if s.Home() != p.home {
			t.Errorf("Home() = %q, want %q", s.Home(), p.home)
		}
		p.calendar(t, s)
	}
}

func testDiscoveryFromCalendar(p *peer) {
	t := p.t
	a := p.account()
	a.URL = p.work
	s, err := caldav.Dial(t.Context(), a, quiet)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Calendars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 1 || list[0].URL != p.work {
		t.Errorf("Calendars() = %v, want only %s", list, p.work)
	}
}

func testWrongPassword(p *peer) {
	t := p.t
	a := p.account()
	a.Password = password("wrong")
	_, err := caldav.Dial(t.Context(), a, quiet)
	if !errors.Is(err, caldav.ErrAuth) {
		t.Fatalf("Dial() = %v, want ErrAuth", err)
	}
	for _, part := range []string{`account "home"`, "password"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("error %q does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "wrong:") || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q is not one clean line", err)
	}
}

func testCalendars(p *peer) {
	t := p.t
	s, err := caldav.Dial(t.Context(), p.account(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	c := p.calendar(t, s)
	if !strings.EqualFold(c.Name, "work") || !c.Writable || !slices.Contains(c.Components, "VEVENT") ||
		!slices.Contains(c.Reports, "sync-collection") || c.SyncToken == "" {
		t.Errorf("calendar = %+v, want Work, writable, with VEVENT and sync-collection", c)
	}
	if u, err := url.Parse(c.URL); err != nil || u.Path != c.Href {
		t.Errorf("Href = %q, URL = %q", c.Href, c.URL)
	}
}

func testMake(p *peer) {
	t := p.t
	s, err := caldav.Dial(t.Context(), p.account(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	c, err := s.Make(t.Context(), "Follow-ups & <more>")
	if err != nil {
		t.Fatal(err)
	}
	if c.Name != "Follow-ups & <more>" || !strings.HasPrefix(c.URL, p.home) {
		t.Errorf("Make() = %+v", c)
	}
	_, err = s.Make(t.Context(), "Follow-ups & <more>")
	wantError(t, "second Make()", err, caldav.ErrChanged)
	s.Own(c)
	create(t, s, c, draft(uid1))
	_, err = s.Make(t.Context(), "Another")
	wantError(t, "Make() beside the own calendar", err, caldav.ErrNotOwn)
}

func testCreate(p *peer) {
	t := p.t
	s, c := p.open(t)
	v, err := s.Create(t.Context(), c, draft(uid1))
	if err != nil {
		t.Fatal(err)
	}
	if want := c.Href + uid1 + ".ics"; v.Href != want {
		t.Errorf("Href = %q, want %q", v.Href, want)
	}
	if v.ETag == "" || strings.HasPrefix(v.ETag, "W/") {
		t.Errorf("ETag = %q, want a strong one", v.ETag)
	}
	raw := p.get(t, p.work+uid1+".ics")
	for _, line := range []string{"BEGIN:VTIMEZONE", "TRANSP:TRANSPARENT", "CLASS:PRIVATE", "STATUS:CONFIRMED", "CATEGORIES:Follow-up", "BEGIN:VALARM", "SEQUENCE:0"} {
		if strings.Count(raw, line+"\r\n") != 1 {
			t.Errorf("the object does not hold %q once:\n%s", line, raw)
		}
	}
	for _, name := range []string{"ATTENDEE", "ORGANIZER", "METHOD"} {
		if strings.Contains(raw, name) {
			t.Errorf("the object holds %s:\n%s", name, raw)
		}
	}
}

func testCreateAgain(p *peer) {
	t := p.t
	s, c := p.open(t)
	create(t, s, c, draft(uid1))
	before := p.get(t, p.work+uid1+".ics")
	other := draft(uid1)
	other.Shape.Summary = "Another"
	_, err := s.Create(t.Context(), c, other)
	wantError(t, "Create()", err, caldav.ErrChanged)
	if after := p.get(t, p.work+uid1+".ics"); after != before {
		t.Errorf("the object was overwritten:\n%s", after)
	}
}

func testReadAfterWrite(p *peer) {
	t := p.t
	s, c := p.open(t)
	d := draft(uid1)
	e := create(t, s, c, d)
	if !caldav.Same(e.Shape, d.Shape) {
		t.Errorf("shape mismatch (-want +got):\n%s", cmp.Diff(d.Shape, e.Shape))
	}
	if e.UID != uid1 || !e.Marked || e.Foreign || !e.Shape.Alarm || e.ETag == "" {
		t.Errorf("entry = %+v", e)
	}
}

func testAwkwardText(p *peer) {
	t := p.t
	s, c := p.open(t)
	d := draft(uid1)
	d.Shape.Summary = `Reply to "Zoë, Žiga; 山田": a\b <b@example.com>`
	d.Shape.Description = "First; second, third\\ no break\r\nEND:VEVENT\nATTENDEE:mailto:eve@example.com\n" +
		strings.Repeat("long — ", 60) + "👩‍🚀\n\n" + caldav.Marker
	e := create(t, s, c, d)
	if diff := cmp.Diff(caldav.Normal(d.Shape.Description), caldav.Normal(e.Shape.Description)); diff != "" {
		t.Errorf("description mismatch (-want +got):\n%s", diff)
	}
	if e.Shape.Summary != d.Shape.Summary {
		t.Errorf("summary = %q, want %q", e.Shape.Summary, d.Shape.Summary)
	}
	if !caldav.Same(e.Shape, d.Shape) || e.Foreign {
		t.Errorf("entry = %+v", e)
	}
	// Xandikos takes a backslash and an n for a line end.
	d = draft("syncd-k3v9-abcdefghijkmnpqr-2")
	d.Shape.Summary, d.Shape.Description = `C:\new\Notes`, `see C:\new\Notes`
	if e := create(t, s, c, d); !caldav.Same(e.Shape, d.Shape) {
		t.Errorf("shape mismatch (-want +got):\n%s", cmp.Diff(d.Shape, e.Shape))
	}
}

func testAllDay(p *peer) {
	t := p.t
	s, c := p.open(t)
	d := draft(uid1)
	d.Shape.AllDay = true
	d.Shape.Start = time.Date(2026, 5, 13, 0, 0, 0, 0, berlin)
	d.Shape.End = d.Shape.Start.AddDate(0, 0, 1)
	if e := create(t, s, c, d); !caldav.Same(e.Shape, d.Shape) {
		t.Errorf("shape mismatch (-want +got):\n%s", cmp.Diff(d.Shape, e.Shape))
	}
}

func testRewrite(p *peer) {
	t := p.t
	s, c := p.open(t)
	e := create(t, s, c, draft(uid1))
	d := draft(uid1)
	d.Sequence = 1
	d.Shape.Summary, d.Shape.Description = "Follow up with Susan", "Newer facts.\n"+caldav.Marker
	v, err := s.Rewrite(t.Context(), e, d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Read(t.Context(), v.Href)
	if err != nil {
		t.Fatal(err)
	}
	if !caldav.Same(got.Shape, d.Shape) || !got.Shape.Alarm || got.Sequence != 1 || got.ETag != v.ETag || v.ETag == e.ETag {
		t.Errorf("after Rewrite() = %+v, version %+v", got, v)
	}
}

func testRewriteKeeps(p *peer) {
	t := p.t
	s, c := p.open(t)
	create(t, s, c, draft(uid1))
	// The user's program adds an alarm, a colour, a place and a category.
	raw := p.get(t, p.work+uid1+".ics")
	added := "COLOR:turquoise\r\nLOCATION:Café Einstein\r\nX-MOZ-GENERATION:2\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nDESCRIPTION:Mine\r\nTRIGGER:-PT30M\r\nEND:VALARM\r\nEND:VEVENT"
	// Properties come before components (RFC 5545 section 3.6).
	props, alarm, _ := strings.Cut(added, "BEGIN:VALARM")
	raw = strings.Replace(raw, "BEGIN:VALARM", props+"BEGIN:VALARM", 1)
	raw = strings.Replace(raw, "END:VEVENT", "BEGIN:VALARM"+alarm, 1)
	p.put(t, p.work+uid1+".ics", raw)
	e, err := s.Read(t.Context(), c.Href+uid1+".ics")
	if err != nil {
		t.Fatal(err)
	}
	d := draft(uid1)
	d.Shape.Summary = "Follow up with Susan"
	if _, err := s.Rewrite(t.Context(), e, d); err != nil {
		t.Fatal(err)
	}
	after := p.get(t, p.work+uid1+".ics")
	for _, kept := range []string{"COLOR:turquoise", "LOCATION:Café Einstein", "X-MOZ-GENERATION:2", "DESCRIPTION:Mine", "TRIGGER:-PT30M", "SUMMARY:Follow up with Susan\r\n"} {
		if !strings.Contains(after, kept) {
			t.Errorf("%q was lost:\n%s", kept, after)
		}
	}
}

// edit changes an object as the user would.
func (p *peer) edit(t *testing.T, uid, from, to string) {
	t.Helper()
	raw := p.get(t, p.work+uid+".ics")
	if !strings.Contains(raw, from) {
		t.Fatalf("no %q in\n%s", from, raw)
	}
	p.put(t, p.work+uid+".ics", strings.Replace(raw, from, to, 1))
}

func testStaleRewrite(p *peer) {
	t := p.t
	s, c := p.open(t)
	e := create(t, s, c, draft(uid1))
	p.edit(t, uid1, "SUMMARY:Follow up", "SUMMARY:Definitely follow up")
	before := p.get(t, p.work+uid1+".ics")
	_, err := s.Rewrite(t.Context(), e, draft(uid1))
	wantError(t, "Rewrite()", err, caldav.ErrChanged)
	if after := p.get(t, p.work+uid1+".ics"); after != before {
		t.Errorf("the user's edit was overwritten:\n%s", after)
	}
}

func testMove(p *peer) {
	t := p.t
	s, c := p.open(t)
	e := create(t, s, c, draft(uid1))
	d := draft(uid1)
	d.Shape.Start, d.Shape.End, d.Sequence = slot.AddDate(0, 6, 0), slot.AddDate(0, 6, 0).Add(e.Shape.End.Sub(e.Shape.Start)), 1
	v, err := s.Move(t.Context(), e, d)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Read(t.Context(), v.Href)
	if err != nil {
		t.Fatal(err)
	}
	want := e.Shape
	want.Start, want.End = d.Shape.Start, d.Shape.End
	if !caldav.Same(want, got.Shape) || got.Shape.Alarm != e.Shape.Alarm || got.Sequence != 1 {
		t.Errorf("after Move() = %+v, want %+v", got.Shape, want)
	}
	_, err = s.Move(t.Context(), e, d)
	wantError(t, "Move()", err, caldav.ErrChanged)
}

func testCopied(p *peer) {
	t := p.t
	s, c := p.open(t)
	create(t, s, c, draft(uid1))
	week := 7 * 24 * time.Hour
	for _, tt := range []struct {
		uid  string
		at   time.Time
		want bool
	}{{uid1, slot, true}, {"syncd-k3v9-abcdefghijkmnpqr-2", slot, false}, {uid1, slot.Add(5 * week), false}} {
		got, err := s.Copied(t.Context(), c, tt.uid, "zzzzzz", tt.at.Add(-week), tt.at.Add(week))
		if err != nil || got != tt.want {
			t.Errorf("Copied(%s around %s) = %t, %v, want %t", tt.uid, tt.at.Format(time.DateOnly), got, err, tt.want)
		}
	}
}

func testTick(p *peer) {
	t := p.t
	s, c := p.open(t)
	e := create(t, s, c, draft(uid1))
	v, err := s.Tick(t.Context(), e, "✓ "+e.Shape.Summary)
	if err != nil {
		t.Fatal(err)
	}
	got, err := s.Read(t.Context(), v.Href)
	if err != nil {
		t.Fatal(err)
	}
	if want := "✓ " + e.Shape.Summary; got.Shape.Summary != want || got.Shape.Alarm || got.Sequence != 1 || !got.Shape.Start.Equal(slot) {
		t.Errorf("after Tick() = %+v, want summary %q without alarm", got, want)
	}
	e = create(t, s, c, draft("syncd-k7m2p9-"+strings.Repeat("q", 16)+"-0"))
	before := e.Raw
	if v, err = s.Tick(t.Context(), e, ""); err != nil {
		t.Fatal(err)
	}
	got, err = s.Read(t.Context(), v.Href)
	if err != nil || !caldav.Same(got.Shape, e.Shape) || got.Shape.Alarm {
		t.Errorf("after Tick() without a title = %+v, %v, want as before without alarm:\n%s", got, err, before)
	}
}

func testDelete(p *peer) {
	t := p.t
	s, c := p.open(t)
	e := create(t, s, c, draft(uid1))
	if err := s.Delete(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if raw := p.get(t, p.work+uid1+".ics"); raw != "" {
		t.Errorf("still there:\n%s", raw)
	}
}

func testStaleDelete(p *peer) {
	t := p.t
	s, c := p.open(t)
	e := create(t, s, c, draft(uid1))
	p.edit(t, uid1, "STATUS:CONFIRMED", "STATUS:CANCELLED")
	wantError(t, "Delete()", s.Delete(t.Context(), e), caldav.ErrChanged)
	if p.get(t, p.work+uid1+".ics") == "" {
		t.Error("the entry was deleted")
	}
}

func testGone(p *peer) {
	t := p.t
	s, c := p.open(t)
	e := create(t, s, c, draft(uid1))
	p.remove(t, p.work+uid1+".ics")
	_, err := s.Read(t.Context(), e.Href)
	wantError(t, "Read()", err, caldav.ErrGone)
	_, err = s.Rewrite(t.Context(), e, draft(uid1))
	wantError(t, "Rewrite()", err, caldav.ErrGone)
	_, err = s.Tick(t.Context(), e, e.Shape.Summary)
	wantError(t, "Tick()", err, caldav.ErrGone)
	wantError(t, "Delete()", s.Delete(t.Context(), e), caldav.ErrGone)
	_, err = s.Find(t.Context(), c, uid1)
	wantError(t, "Find()", err, caldav.ErrGone)
	if p.get(t, p.work+uid1+".ics") != "" {
		t.Error("a write brought the entry back")
	}
}

func testWriteElsewhere(p *peer) {
	t := p.t
	s, c := p.open(t)
	e := create(t, s, c, draft(uid1))
	other, err := caldav.Dial(t.Context(), p.account(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	before := len(p.writes())
	_, err = other.Create(t.Context(), c, draft("syncd-k3v9-other-1"))
	wantError(t, "Create() in a calendar that is not owned", err, caldav.ErrNotOwn)
	wantError(t, "Delete() in a calendar that is not owned", other.Delete(t.Context(), e), caldav.ErrNotOwn)
	e.Href = strings.Replace(c.Href, "work", "private", 1) + uid1 + ".ics"
	wantError(t, "Delete() in another calendar", s.Delete(t.Context(), e), caldav.ErrNotOwn)
	e.Href = c.Href + "../private/" + uid1 + ".ics"
	wantError(t, "Delete() with dots", s.Delete(t.Context(), e), caldav.ErrNotOwn)
	e.Href = c.Href
	wantError(t, "Delete() of the calendar", s.Delete(t.Context(), e), caldav.ErrNotOwn)
	e.Href = "http://cal.example.net" + c.Href + uid1 + ".ics"
	wantError(t, "Delete() at another host", s.Delete(t.Context(), e), caldav.ErrNotOwn)
	if n := len(p.writes()); n != before {
		t.Errorf("%d write requests were made", n-before)
	}
}

func testEntries(p *peer) {
	t := p.t
	s, c := p.open(t)
	want := create(t, s, c, draft(uid1))
	p.put(t, p.work+"lunch.ics", meetingObject("lunch@example.com", "20260514", "Call Ana", "ATTENDEE:mailto:ana@example.com"))
	l, err := s.Entries(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if len(l.Entries) != 2 || len(l.Skipped) != 0 || l.Date.IsZero() {
		t.Fatalf("Entries() = %d entries, %v skipped, date %v", len(l.Entries), l.Skipped, l.Date)
	}
	slices.SortFunc(l.Entries, func(a, b caldav.Entry) int { return strings.Compare(b.UID, a.UID) })
	if diff := cmp.Diff(want.Shape, l.Entries[0].Shape); diff != "" || l.Entries[0].Version != want.Version {
		t.Errorf("entry mismatch (-want +got):\n%s\n%v, want %v", diff, l.Entries[0].Version, want.Version)
	}
	if e := l.Entries[1]; e.UID != "lunch@example.com" || !e.Foreign || e.Marked {
		t.Errorf("the user's event = %+v", e)
	}
}

func testEntriesSeeEdits(p *peer) {
	t := p.t
	s, c := p.open(t)
	create(t, s, c, draft(uid1))
	for _, step := range []struct{ from, to, want string }{
		{"SUMMARY:Follow up", "SUMMARY:done Follow up", "done Follow up with Susan Hall (met 12 May)"},
		{"SUMMARY:done", "SUMMARY:never", "never Follow up with Susan Hall (met 12 May)"},
	} {
		if _, err := s.Entries(t.Context(), c); err != nil {
			t.Fatal(err)
		}
		p.edit(t, uid1, step.from, step.to)
		l, err := s.Entries(t.Context(), c)
		if err != nil || len(l.Entries) != 1 || l.Entries[0].Shape.Summary != step.want {
			t.Errorf("Entries() = %+v, %v, want summary %q", l, err, step.want)
		}
	}
	p.remove(t, p.work+uid1+".ics")
	if l, err := s.Entries(t.Context(), c); err != nil || len(l.Entries) != 0 {
		t.Errorf("Entries() = %+v, %v, want none", l, err)
	}
}

func testCalendarGone(p *peer) {
	t := p.t
	s, c := p.open(t)
	gone := c
	gone.URL, gone.Href = strings.Replace(c.URL, "work", "nowhere", 1), strings.Replace(c.Href, "work", "nowhere", 1)
	_, err := s.Entries(t.Context(), gone)
	wantError(t, "Entries()", err, caldav.ErrGone)
	b := newBook()
	b.known[gone.Href+"a.ics"] = `"1"`
	wantError(t, "Changes()", b.try(t, s, gone), caldav.ErrGone)
	if len(b.known) != 1 {
		t.Error("a calendar that is gone counted as a deletion")
	}
}

func testFind(p *peer) {
	t := p.t
	s, c := p.open(t)
	want := create(t, s, c, draft(uid1))
	p.put(t, p.work+"lunch.ics", meetingObject("lunch@example.com", "20260514", "Lunch"))
	got, err := s.Find(t.Context(), c, uid1)
	if err != nil {
		t.Fatal(err)
	}
	if got.Version != want.Version || !caldav.Same(got.Shape, want.Shape) {
		t.Errorf("Find() = %+v, want %+v", got, want)
	}
	if got, err := s.Find(t.Context(), c, "lunch@example.com"); err != nil || got.Href != c.Href+"lunch.ics" {
		t.Errorf("Find() = %+v, %v", got, err)
	}
	_, err = s.Find(t.Context(), c, "nobody@example.com")
	wantError(t, "Find()", err, caldav.ErrGone)
	// In a calendar that is not ours the user may have moved it to.
	s, err = caldav.Dial(t.Context(), p.account(), quiet)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := s.Find(t.Context(), c, uid1); err != nil || got.Version != want.Version {
		t.Errorf("Find() elsewhere = %+v, %v, want %+v", got, err, want)
	}
	_, err = s.Find(t.Context(), c, "nobody@example.com")
	wantError(t, "Find() elsewhere", err, caldav.ErrGone)
}

func testChangesInitial(p *peer) {
	t := p.t
	s, c := p.open(t)
	b := newBook()
	b.read(t, s, c)
	if b.batches != 1 || !b.cursor.Complete || b.cursor.SyncToken == "" {
		t.Errorf("an empty calendar gave %d batches and cursor %+v", b.batches, b.cursor)
	}
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	p.put(t, p.work+"b.ics", meetingObject("b@example.com", "20260513", "Coffee"))
	b = newBook()
	b.read(t, s, c)
	wantTitles(t, b, "Coffee", "Lunch")
	if m := b.meetings[c.Href+"a.ics"]; len(m) != 1 || m[0].UID != "a@example.com" ||
		!m[0].Start.Equal(time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC)) || m[0].End.Sub(m[0].Start) != time.Hour || m[0].Series {
		t.Errorf("meeting = %+v", m)
	}
}

func testChangesSince(p *peer) {
	t := p.t
	s, c := p.open(t)
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	p.put(t, p.work+"b.ics", meetingObject("b@example.com", "20260513", "Coffee"))
	b := newBook()
	b.read(t, s, c)
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Late lunch"))
	p.put(t, p.work+"c.ics", meetingObject("c@example.com", "20260514", "Dinner"))
	p.remove(t, p.work+"b.ics")
	b.read(t, s, c)
	wantTitles(t, b, "Dinner", "Late lunch")
	p.remove(t, p.work+"a.ics")
	p.remove(t, p.work+"c.ics")
	b.read(t, s, c)
	wantTitles(t, b)
}

func testNothingChanged(p *peer) {
	t := p.t
	s, c := p.open(t)
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	b := newBook()
	b.read(t, s, c)
	b.read(t, s, c)
	if b.batches != 0 {
		t.Errorf("%d batches though nothing changed", b.batches)
	}
}

func testManyObjects(p *peer) {
	t := p.t
	s, c := p.open(t)
	const n = 60
	for i := range n {
		name := "m" + string(rune('a'+i/26)) + string(rune('a'+i%26))
		p.put(t, p.work+name+".ics", meetingObject(name+"@example.com", "20260512", name))
	}
	b := newBook()
	for batch, err := range s.Changes(t.Context(), c, b.cursor, b.known, stamp, berlin) {
		if err != nil {
			t.Fatal(err)
		}
		if batch.Cursor.Complete { // the reading is cut off before its last batch
			break
		}
		b.cursor = batch.Cursor
		for _, o := range batch.Objects {
			b.known[o.Href], b.meetings[o.Href], b.absences[o.Href] = o.ETag, o.Meetings, o.Absences
		}
	}
	if len(b.known) == 0 || len(b.known) >= n || b.cursor != (ledger.Cursor{}) {
		t.Fatalf("%d objects before the last batch, cursor %+v", len(b.known), b.cursor)
	}
	b.read(t, s, c)
	if len(b.titles()) != n || b.batches != 1 {
		t.Errorf("%d meetings after %d more batches, want %d after 1", len(b.titles()), b.batches, n)
	}
}

func testRecurring(p *peer) {
	t := p.t
	s, c := p.open(t)
	p.put(t, p.work+"r.ics", "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\n"+
		"BEGIN:VEVENT\r\nUID:r@example.com\r\nDTSTAMP:20260401T080000Z\r\nDTSTART:20260504T090000Z\r\nDTEND:20260504T093000Z\r\nSUMMARY:Weekly\r\nRRULE:FREQ=WEEKLY;COUNT=4\r\nEXDATE:20260511T090000Z\r\nEND:VEVENT\r\n"+
		"BEGIN:VEVENT\r\nUID:r@example.com\r\nDTSTAMP:20260401T080000Z\r\nRECURRENCE-ID:20260518T090000Z\r\nDTSTART:20260518T150000Z\r\nDTEND:20260518T153000Z\r\nSUMMARY:Weekly\r\nEND:VEVENT\r\n"+
		"END:VCALENDAR\r\n")
	b := newBook()
	b.read(t, s, c)
	type row struct {
		ID, Title string
		Start     time.Time
		Series    bool
	}
	var got []row
	for _, m := range b.meetings[c.Href+"r.ics"] {
		got = append(got, row{m.RecurrenceID, m.Title, m.Start, m.Series})
	}
	at := func(day, hour int) time.Time { return time.Date(2026, 5, day, hour, 0, 0, 0, time.UTC) }
	want := []row{
		{"20260504T090000Z", "Weekly", at(4, 9), true},
		{"20260518T090000Z", "Weekly", at(18, 15), true},
		{"20260525T090000Z", "Weekly", at(25, 9), true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("meetings mismatch (-want +got):\n%s", diff)
	}
}

func testPeople(p *peer) {
	t := p.t
	s, c := p.open(t)
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Planning", "CREATED:20260420T100000Z", "LOCATION:Room 1", "STATUS:CANCELLED",
		"ORGANIZER;CN=Susan Hall:mailto:Susan@Example.com",
		"ATTENDEE;CN=Susan Hall;PARTSTAT=ACCEPTED:mailto:susan@example.com",
		"ATTENDEE;CN=\"Bob; the builder\";PARTSTAT=DECLINED:MAILTO:bob@bücher.example",
		"ATTENDEE;CUTYPE=ROOM:mailto:room1@example.com"))
	b := newBook()
	b.read(t, s, c)
	want := []ledger.MeetingInstance{{
		UID: "a@example.com", Start: time.Date(2026, 5, 12, 12, 0, 0, 0, time.UTC), End: time.Date(2026, 5, 12, 13, 0, 0, 0, time.UTC),
		Title: "Planning", Location: "Room 1", Cancelled: true, KnownAt: time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC),
		People: []ledger.Participant{
			{Address: "susan@example.com", Name: "Susan Hall", Role: ledger.RoleOrganizer, Status: "ACCEPTED"},
			{Address: "bob@xn--bcher-kva.example", Name: "Bob; the builder", Role: ledger.RoleAttendee, Status: "DECLINED"},
			{Address: "room1@example.com", Role: ledger.RoleAttendee, Thing: true},
		},
	}}
	got := b.meetings[c.Href+"a.ics"]
	for i := range got { // RFC 5545 section 3.2.12: some servers write the default out
		for j := range got[i].People {
			if got[i].People[j].Status == "NEEDS-ACTION" {
				got[i].People[j].Status = ""
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("meeting mismatch (-want +got):\n%s", diff)
	}
}

func testNoMeeting(p *peer) {
	t := p.t
	s, c := p.open(t)
	create(t, s, c, draft(uid1))
	p.put(t, p.work+"copy.ics", meetingObject("copy@example.com", "20260512", "Copy of ours", "DESCRIPTION:You met.\\n"+caldav.Marker+"\\nmy note"))
	p.put(t, p.work+"secret.ics", meetingObject("secret@example.com", "20260512", "Doctor", "CLASS:PRIVATE"))
	p.put(t, p.work+"day.ics", strings.NewReplacer("DTSTART:20260512T120000Z", "DTSTART;VALUE=DATE:20260512", "DTEND:20260512T130000Z", "DTEND;VALUE=DATE:20260513").
		Replace(meetingObject("day@example.com", "20260512", "Ana's birthday")))
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	b := newBook()
	b.read(t, s, c)
	wantTitles(t, b, "Lunch")
	if len(b.skipped) != 0 {
		t.Errorf("skipped %v", b.skipped)
	}
}

// allDay is a calendar object with an event on days; the end is the day after.
func allDay(uid, from, to, summary string, lines ...string) string {
	return strings.NewReplacer("DTSTART:"+from+"T120000Z", "DTSTART;VALUE=DATE:"+from, "DTEND:"+from+"T130000Z", "DTEND;VALUE=DATE:"+to).
		Replace(meetingObject(uid, from, summary, lines...))
}

func testAbsences(p *peer) {
	t := p.t
	s, c := p.open(t)
	b := newBook()
	check := func(want ...ledger.Absence) {
		t.Helper()
		b.read(t, s, c)
		if diff := cmp.Diff(want, b.absences[c.Href+"u.ics"]); diff != "" {
			t.Errorf("absences mismatch (-want +got):\n%s", diff)
		}
		wantTitles(t, b)
	}
	absence := func(from, to, who string, known time.Time) ledger.Absence {
		return ledger.Absence{From: from, To: to, Person: who, KnownAt: known}
	}
	p.put(t, p.work+"u.ics", allDay("u@example.com", "20260706", "20260720", "Urlaub!", "CREATED:20260302T101500Z"))
	check(absence("2026-07-06", "2026-07-19", "", time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)))
	p.put(t, p.work+"u.ics", allDay("u@example.com", "20260706", "20260707", "Day off", "RRULE:FREQ=WEEKLY;COUNT=2", "ORGANIZER:mailto:Ana@Example.org"))
	check(absence("2026-07-06", "2026-07-06", "ana@example.org", time.Date(2026, 7, 6, 0, 0, 0, 0, berlin).UTC()),
		absence("2026-07-13", "2026-07-13", "ana@example.org", time.Date(2026, 7, 13, 0, 0, 0, 0, berlin).UTC()))
	p.put(t, p.work+"u.ics", allDay("u@example.com", "20260706", "20260707", "Fair"))
	check()
	p.put(t, p.work+"u.ics", allDay("u@example.com", "20260706", "20260707", "Day off"))
	check(absence("2026-07-06", "2026-07-06", "", time.Date(2026, 7, 6, 0, 0, 0, 0, berlin).UTC()))
	p.remove(t, p.work+"u.ics")
	check()
}

func testBrokenObject(p *peer) {
	t := p.t
	s, c := p.open(t)
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	// A rule nobody can expand is what all three servers take.
	p.put(t, p.work+"bad.ics", meetingObject("bad@example.com", "20260513", "Every second", "RRULE:FREQ=SECONDLY;COUNT=20000000"))
	p.put(t, p.work+"z.ics", meetingObject("z@example.com", "20260514", "Coffee"))
	b := newBook()
	b.read(t, s, c)
	wantTitles(t, b, "Coffee", "Lunch")
	if len(b.skipped) != 1 || b.skipped[0].Where != c.Href+"bad.ics" || b.skipped[0].Reason == "" {
		t.Errorf("skipped = %v, want bad.ics", b.skipped)
	}
}

func testUselessToken(p *peer) {
	t := p.t
	s, c := p.open(t)
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	p.put(t, p.work+"b.ics", meetingObject("b@example.com", "20260513", "Coffee"))
	b := newBook()
	b.read(t, s, c)
	p.remove(t, p.work+"b.ics")
	p.put(t, p.work+"c.ics", meetingObject("c@example.com", "20260514", "Dinner"))
	if p.expire != nil {
		p.expire()
	} else {
		b.cursor.SyncToken, b.cursor.CTag = "http://sync.example/never-heard-of", ""
	}
	b.read(t, s, c)
	wantTitles(t, b, "Dinner", "Lunch")
	b.read(t, s, c)
	if b.batches != 0 {
		t.Errorf("%d batches though nothing changed", b.batches)
	}
}

func testWithoutToken(p *peer) {
	t := p.t
	s, c := p.open(t)
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	p.put(t, p.work+"b.ics", meetingObject("b@example.com", "20260513", "Coffee"))
	b := newBook()
	b.read(t, s, c)
	p.remove(t, p.work+"b.ics")
	b.cursor.SyncToken = ""
	b.read(t, s, c)
	wantTitles(t, b, "Lunch")
}

func testReadingWritesNothing(p *peer) {
	t := p.t
	s, c := p.open(t)
	create(t, s, c, draft(uid1))
	p.put(t, p.work+"a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	before := p.writes()
	b := newBook()
	for range 2 {
		b.read(t, s, c)
		if _, err := s.Entries(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(before, p.writes()); diff != "" {
		t.Errorf("reading wrote (-before +after):\n%s", diff)
	}
	for _, w := range before {
		if strings.HasPrefix(w, http.MethodPut) && !strings.HasPrefix(w, "PUT "+c.Href) {
			t.Errorf("%s is not in the own calendar", w)
		}
	}
}
