package caldavtest_test

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	gowebdav "github.com/emersion/go-webdav"
	gocaldav "github.com/emersion/go-webdav/caldav"
	"github.com/google/go-cmp/cmp"

	"syncd/internal/caldav/caldavtest"
)

const event = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example//EN\r\nBEGIN:VEVENT\r\nUID:u1@example.com\r\n" +
	"DTSTAMP:20260501T080000Z\r\nDTSTART:20260512T120000Z\r\nDTEND:20260512T130000Z\r\nSUMMARY:Lunch\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

func start(t *testing.T) *caldavtest.Server {
	t.Helper()
	s, err := caldavtest.Start(t.Context(), caldavtest.Options{Calendars: []caldavtest.Calendar{
		{Name: "work"}, {Name: "tasks", Components: []string{"VTODO"}}, {Name: "team", ReadOnly: true},
	}})
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

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request; header holds pairs of name and value.
func do(t *testing.T, s *caldavtest.Server, method, path, body string, header ...string) answer {
	t.Helper()
	a, err := try(t, s, method, path, body, header...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func try(t *testing.T, s *caldavtest.Server, method, path, body string, header ...string) (answer, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(s.User, s.Password)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	c := http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{DisableKeepAlives: true},
	}
	resp, err := c.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, string(b)}, err
}

func wantStatus(t *testing.T, what string, a answer, want int) {
	t.Helper()
	if a.status != want {
		t.Errorf("%s = %d, want %d\n%s", what, a.status, want, a.body)
	}
}

func TestPreconditions(t *testing.T) {
	s := start(t)
	path := s.Path("work", "u1.ics")
	a := do(t, s, "PUT", path, event, "If-None-Match", "*")
	wantStatus(t, "first create", a, 201)
	etag := a.header.Get("ETag")
	wantStatus(t, "second create", do(t, s, "PUT", path, event, "If-None-Match", "*"), 412)
	wantStatus(t, "stale update", do(t, s, "PUT", path, event, "If-Match", `"old"`), 412)
	wantStatus(t, "update", do(t, s, "PUT", path, event, "If-Match", etag), 204)
	wantStatus(t, "stale delete", do(t, s, "DELETE", path, "", "If-Match", `"old"`), 412)
	wantStatus(t, "update of nothing", do(t, s, "PUT", s.Path("work", "u2.ics"), event, "If-Match", etag), 412)
	wantStatus(t, "same UID elsewhere", do(t, s, "PUT", s.Path("work", "u2.ics"), event), 409)
	wantStatus(t, "delete", do(t, s, "DELETE", path, "", "If-Match", etag), 204)
	wantStatus(t, "get of nothing", do(t, s, "GET", path, ""), 404)
	wantStatus(t, "garbage", do(t, s, "PUT", path, "hello"), 403)
	wantStatus(t, "event among tasks", do(t, s, "PUT", s.Path("tasks", "u1.ics"), event), 403)
	wantStatus(t, "read-only", do(t, s, "PUT", s.Path("team", "u1.ics"), event), 403)
	wantStatus(t, "no calendar", do(t, s, "PUT", s.Path("none", "u1.ics"), event), 409)
}

func TestRequestsAreLogged(t *testing.T) {
	s := start(t)
	do(t, s, "GET", s.Path("work", "u1.ics"), "")
	do(t, s, "PUT", s.Path("work", "u1.ics"), event, "If-None-Match", "*")
	var got []string
	for _, r := range s.Requests() {
		got = append(got, r.String())
	}
	want := []string{"GET /calendars/me/work/u1.ics 404", "PUT /calendars/me/work/u1.ics If-None-Match: * 201"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Requests() mismatch (-want +got):\n%s", diff)
	}
	if n := len(s.Writes()); n != 1 {
		t.Errorf("Writes() holds %d requests, want 1", n)
	}
	if s.Forget(); len(s.Requests()) != 0 {
		t.Error("Forget() kept requests")
	}
}

const syncBody = `<D:sync-collection xmlns:D="DAV:"><D:sync-token>TOKEN</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>`

func sync(t *testing.T, s *caldavtest.Server, token string) answer {
	t.Helper()
	return do(t, s, "REPORT", s.Path("work", ""), strings.Replace(syncBody, "TOKEN", token, 1))
}

func TestSyncCollection(t *testing.T) {
	s := start(t)
	s.Store("work", "a.ics", event)
	first := sync(t, s, "")
	if !strings.Contains(first.body, "/work/a.ics") {
		t.Fatalf("initial sync lacks a.ics:\n%s", first.body)
	}
	_, rest, _ := strings.Cut(first.body, "<D:sync-token>")
	token, _, _ := strings.Cut(rest, "<")
	if again := sync(t, s, token); strings.Contains(again.body, "<D:response>") {
		t.Errorf("nothing changed, got\n%s", again.body)
	}
	s.Remove("work", "a.ics")
	s.Store("work", "b.ics", event)
	got := sync(t, s, token).body
	if !strings.Contains(got, "a.ics</D:href><D:status>HTTP/1.1 404") || !strings.Contains(got, "b.ics") {
		t.Errorf("changes = \n%s", got)
	}
	wantStatus(t, "made-up token", sync(t, s, "http://sync.example/0/99"), 403)
	s.ExpireTokens()
	if a := sync(t, s, token); a.status != 403 || !strings.Contains(a.body, "valid-sync-token") {
		t.Errorf("expired token: %d\n%s", a.status, a.body)
	}
}

func TestFaults(t *testing.T) {
	s := start(t)
	s.Store("work", "a.ics", event)
	path := s.Path("work", "a.ics")

	s.Set(caldavtest.Faults{IgnoreIfNoneMatch: true, NoETagOnPut: true})
	a := do(t, s, "PUT", path, event, "If-None-Match", "*")
	wantStatus(t, "create over another", a, 204)
	if a.header.Get("ETag") != "" {
		t.Error("PUT named a version")
	}
	s.Set(caldavtest.Faults{IgnoreIfMatchOnDelete: true})
	wantStatus(t, "stale delete", do(t, s, "DELETE", path, "", "If-Match", `"old"`), 204)

	s.Set(caldavtest.Faults{CounterETags: true})
	for _, want := range []string{`"1"`, `"2"`} {
		if got := do(t, s, "PUT", path, event).header.Get("ETag"); got != want {
			t.Errorf("ETag = %s, want %s", got, want)
		}
	}
	s.Set(caldavtest.Faults{WeakETags: true})
	weak := do(t, s, "GET", path, "").header.Get("ETag")
	wantStatus(t, "If-Match with a weak ETag", do(t, s, "PUT", path, event, "If-Match", weak), 412)

	s.Set(caldavtest.Faults{RefusedPut207: true})
	wantStatus(t, "refused PUT", do(t, s, "PUT", s.Path("work", "b.ics"), event), 207)
	if len(s.Objects("work")) != 1 {
		t.Error("the refused object was stored")
	}
	s.Set(caldavtest.Faults{LoseAnswer: true})
	if _, err := try(t, s, "DELETE", path, ""); err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("lost answer: %v", err)
	}
	if len(s.Objects("work")) != 0 {
		t.Error("the deletion with a lost answer was not done")
	}
	s.Set(caldavtest.Faults{StaleListing: 1})
	list := do(t, s, "PROPFIND", s.Path("work", ""), "", "Depth", "1").body
	if !strings.Contains(list, "a.ics") {
		t.Error("the stale listing lacks what was removed last")
	}
	s.Set(caldavtest.Faults{Redirect: 302})
	r := do(t, s, "PROPFIND", s.Path("work", ""), "", "Depth", "1")
	wantStatus(t, "redirect", r, 302)
	wantStatus(t, "after it", do(t, s, "PROPFIND", r.header.Get("Location"), "", "Depth", "1"), 207)
	s.Set(caldavtest.Faults{Redirect: 307, RedirectTo: path})
	wantStatus(t, "PROPFIND beside redirected writes", do(t, s, "PROPFIND", s.Path("work", ""), "", "Depth", "1"), 207)
	if r := do(t, s, "PUT", s.Path("work", "b.ics"), event); r.status != 307 || r.header.Get("Location") != path {
		t.Errorf("redirected PUT: %d to %q", r.status, r.header.Get("Location"))
	}
	wantStatus(t, "PUT after it", do(t, s, "PUT", path, event), 201)
}

const propfindBody = `<propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><C:calendar-data/></prop></propfind>`

// TestAsStored holds what go-webdav's handler would spoil: it writes objects anew
// and fails for all where go-ical cannot read or write one.
func TestAsStored(t *testing.T) {
	s := start(t)
	objects := map[string]string{
		"a.ics":         event,
		"panic.ics":     "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:p\nDTSTART;TZID=Europe/Berlin\nEND:VEVENT\nEND:VCALENDAR\n",
		"no-stamp.ics":  "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:n\nX-LONG;X=\"a:b\":c\nEND:VEVENT\nEND:VCALENDAR\n",
		"garbage &.ics": "<html>& hello",
	}
	multiget := `<C:calendar-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><C:calendar-data/></prop>`
	for name, data := range objects {
		s.Store("work", name, data)
		path := s.Path("work", strings.ReplaceAll(name, " ", "%20"))
		a := do(t, s, "GET", path, "")
		wantStatus(t, "GET", a, 200)
		if a.body != data {
			t.Errorf("GET %s = %q, want %q", name, a.body, data)
		}
		if head := do(t, s, "HEAD", path, ""); head.status != 200 || head.header.Get("ETag") != a.header.Get("ETag") {
			t.Errorf("HEAD %s: %+v", name, head)
		}
		multiget += "<href>" + strings.ReplaceAll(path, "&", "&amp;") + "</href>"
	}
	multiget += "<href>" + s.Path("work", "none.ics") + "</href></C:calendar-multiget>"
	a := do(t, s, "REPORT", s.Path("work", ""), multiget, "Depth", "1")
	wantStatus(t, "multiget", a, 207)
	var got struct {
		Responses []struct {
			Href   string `xml:"href"`
			Status string `xml:"status"`
			Data   string `xml:"propstat>prop>calendar-data"`
		} `xml:"response"`
	}
	if err := xml.Unmarshal([]byte(a.body), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Responses) != len(objects)+1 {
		t.Errorf("multiget:\n%s", a.body)
	}
	for _, r := range got.Responses {
		name, _ := url.PathUnescape(strings.TrimPrefix(r.Href, s.Path("work", "")))
		if r.Data != objects[name] || (objects[name] == "") != strings.Contains(r.Status, "404") {
			t.Errorf("multiget %s: %s %q, want %q", name, r.Status, r.Data, objects[name])
		}
	}
	listing := do(t, s, "PROPFIND", s.Path("work", ""), propfindBody, "Depth", "1").body
	if strings.Count(listing, "<getetag ") != len(objects)+1 || strings.Contains(listing, "BEGIN:") {
		t.Errorf("listing, where data do not belong (RFC 4791 section 9.6):\n%s", listing)
	}
	for _, broken := range []string{objects["panic.ics"], objects["garbage &.ics"], ""} {
		a := do(t, s, "PUT", s.Path("work", "b.ics"), broken)
		if a.status != 403 || !strings.Contains(a.body, "valid-calendar-data") {
			t.Errorf("PUT %q = %d %s", broken, a.status, a.body)
		}
	}
}

func TestQuery(t *testing.T) {
	s := start(t)
	object := func(name, start, end string, lines ...string) {
		s.Store("work", name, strings.NewReplacer("u1@example.com", name, "20260512T120000Z", start, "20260512T130000Z", end,
			"SUMMARY", strings.Join(append(lines, "SUMMARY"), "\r\n")).Replace(event))
	}
	object("noon", "20260512T120000Z", "20260512T130000Z")
	object("day", "20260512T000000Z", "20260513T000000Z")
	object("later", "20260601T120000Z", "20260601T130000Z")
	object("weekly", "20240102T120000Z", "20240102T130000Z", "RRULE:FREQ=WEEKLY")
	object("endless", "20240102T120000Z", "20240102T130000Z", "RRULE:FREQ=HOURLY;INTERVAL=2;BYHOUR=1")
	object("panic", "20240102T120000Z", "20240102T130000Z", "RRULE:FREQ=MONTHLY;BYDAY=9MO")
	s.Store("work", "broken", "BEGIN:VCALENDAR\nhello\n")
	tests := []struct{ filter, want string }{
		{``, "day endless later noon panic weekly"},
		{`<C:time-range start="20260512T000000Z" end="20260513T000000Z"/>`, "day endless noon panic weekly"},
		{`<C:time-range start="20260513T110000Z" end="20260513T120000Z"/>`, "endless panic"},
		{`<C:time-range start="20260513T110000Z"/>`, "endless later panic weekly"},
		{`<C:time-range end="20240103T000000Z"/>`, "endless panic weekly"},
		{`<C:prop-filter name="UID"><C:text-match>noon</C:text-match></C:prop-filter>`, "noon"},
	}
	for _, test := range tests {
		a := do(t, s, "REPORT", s.Path("work", ""), `<C:calendar-query xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/></prop>`+
			`<C:filter><C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT">`+test.filter+`</C:comp-filter></C:comp-filter></C:filter></C:calendar-query>`)
		var got []string
		for part := range strings.SplitSeq(a.body, "<D:href>") {
			if href, _, ok := strings.Cut(part, "</D:href>"); ok {
				got = append(got, strings.TrimPrefix(href, s.Path("work", "")))
			}
		}
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); a.status != 207 || diff != "" {
			t.Errorf("%s: %d (-want +got):\n%s", test.filter, a.status, diff)
		}
	}
}

// TestDiscovery is go-webdav's own client on the server, and what it cannot do.
func TestDiscovery(t *testing.T) {
	s := start(t)
	c, err := gocaldav.NewClient(gowebdav.HTTPClientWithBasicAuth(nil, s.User, s.Password), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	principal, err := c.FindCurrentUserPrincipal(t.Context())
	if err != nil || principal != s.Principal() {
		t.Errorf("principal %q, %v", principal, err)
	}
	home, err := c.FindCalendarHomeSet(t.Context(), principal)
	if err != nil || home != s.Home() {
		t.Errorf("home %q, %v", home, err)
	}
	made := `<C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><displayname>A &amp; B</displayname>` +
		`<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set></prop></set></C:mkcalendar>`
	wantStatus(t, "MKCALENDAR", do(t, s, "MKCALENDAR", s.Path("new", ""), made), 201)
	wantStatus(t, "MKCALENDAR again", do(t, s, "MKCALENDAR", s.Path("new", ""), made), 405)
	wantStatus(t, "MKCALENDAR elsewhere", do(t, s, "MKCALENDAR", "/elsewhere/new/", made), 403)
	wantStatus(t, "plain MKCALENDAR", do(t, s, "MKCALENDAR", s.Path("plain", ""), ""), 201)
	list, err := c.FindCalendars(t.Context(), home)
	if err != nil {
		t.Fatal(err)
	}
	want := []gocaldav.Calendar{
		{Path: s.Path("new", ""), Name: "A & B", SupportedComponentSet: []string{"VEVENT"}},
		{Path: s.Path("plain", ""), Name: "plain", SupportedComponentSet: []string{"VEVENT", "VTODO"}},
		{Path: s.Path("tasks", ""), Name: "tasks", SupportedComponentSet: []string{"VTODO"}},
		{Path: s.Path("team", ""), Name: "team", SupportedComponentSet: []string{"VEVENT"}},
		{Path: s.Path("work", ""), Name: "work", SupportedComponentSet: []string{"VEVENT"}},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("FindCalendars() mismatch (-want +got):\n%s", diff)
	}
	wantStatus(t, "PROPFIND of nothing", do(t, s, "PROPFIND", "/nothing/", "", "Depth", "0"), 404)
	wantStatus(t, "home without its slash", do(t, s, "PROPFIND", strings.TrimSuffix(s.Home(), "/"), "", "Depth", "0"), 207)
	all := do(t, s, "PROPFIND", s.Path("team", ""), "", "Depth", "0").body
	for _, property := range []string{"getctag", "sync-token", "supported-report-set", "<sync-collection ", "<read "} {
		if !strings.Contains(all, property) {
			t.Errorf("a calendar lacks %s:\n%s", property, all)
		}
	}
	if strings.Contains(all, "<write") {
		t.Errorf("a read-only calendar may be written to:\n%s", all)
	}
	if h := do(t, s, "OPTIONS", s.Home(), "").header; !strings.Contains(h.Get("DAV"), "calendar-access") || !strings.Contains(h.Get("Allow"), "MKCALENDAR") {
		t.Errorf("OPTIONS: %v", h)
	}
	wantStatus(t, "login", do(t, s, "PROPFIND", "/", "", "Authorization", "Basic bm86"), 401)
	wantStatus(t, "large request", do(t, s, "PROPFIND", "/", strings.Repeat("<a>", 1<<20)), 403)
	wantStatus(t, "deep request", do(t, s, "PROPFIND", "/", strings.Repeat("<a>", 1<<18)), 400)
}

func TestClock(t *testing.T) {
	now := time.Date(2026, 5, 12, 9, 0, 0, 0, time.UTC)
	s, err := caldavtest.Start(t.Context(), caldavtest.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	got := do(t, s, "OPTIONS", "/", "").header.Get("Date")
	if want := "Tue, 12 May 2026 09:00:00 GMT"; got != want {
		t.Errorf("Date = %q, want %q", got, want)
	}
}

// clocked starts a server whose clock the test moves.
func clocked(t *testing.T) (s *caldavtest.Server, now *time.Time) {
	t.Helper()
	clock := time.Date(2026, 5, 12, 9, 0, 0, 0, time.UTC)
	s, err := caldavtest.Start(t.Context(), caldavtest.Options{
		Calendars: []caldavtest.Calendar{{Name: "work"}}, Now: func() time.Time { return clock },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, &clock
}

func TestLateListing(t *testing.T) {
	s, clock := clocked(t)
	s.Set(caldavtest.Faults{LateListing: 3 * time.Minute})
	listed := func() bool {
		return strings.Contains(do(t, s, "PROPFIND", s.Path("work", ""), "", "Depth", "1").body, "a.ics")
	}
	path := s.Path("work", "a.ics")
	wantStatus(t, "PUT", do(t, s, "PUT", path, event), 201)
	*clock = clock.Add(3*time.Minute - time.Second)
	if listed() || strings.Contains(sync(t, s, "").body, "a.ics") {
		t.Error("listed before three minutes")
	}
	wantStatus(t, "GET of what is not listed yet", do(t, s, "GET", path, ""), 200)
	*clock = clock.Add(time.Second)
	if !listed() || !strings.Contains(sync(t, s, "").body, "a.ics") {
		t.Error("not listed after three minutes")
	}
	wantStatus(t, "DELETE", do(t, s, "DELETE", path, ""), 204)
	*clock = clock.Add(2 * time.Minute)
	if !listed() {
		t.Error("a deletion shows before three minutes")
	}
	*clock = clock.Add(time.Minute)
	if listed() {
		t.Error("a deletion does not show after three minutes")
	}
}

func TestBin(t *testing.T) {
	s := start(t)
	s.Set(caldavtest.Faults{KeepDeleted: true})
	path := s.Path("work", "a.ics")
	wantStatus(t, "PUT", do(t, s, "PUT", path, event), 201)
	wantStatus(t, "DELETE", do(t, s, "DELETE", path, ""), 204)
	for _, name := range []string{"a.ics", "b.ics"} {
		wantStatus(t, "PUT of a deleted UID", do(t, s, "PUT", s.Path("work", name), event), 400)
	}
	if !s.Restore("work", "u1@example.com", "restored.ics") || s.Restore("work", "u1@example.com", "again.ics") {
		t.Error("Restore() did not give the object back once")
	}
	if a := do(t, s, "GET", s.Path("work", "restored.ics"), ""); a.body != event {
		t.Errorf("restored: %d %s", a.status, a.body)
	}
	wantStatus(t, "PUT of what was restored", do(t, s, "PUT", s.Path("work", "restored.ics"), event), 204)
}

func TestResetMultiget(t *testing.T) {
	s := start(t)
	s.Store("work", "a.ics", event)
	body := `<C:calendar-multiget xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><prop><getetag/><C:calendar-data/></prop><href>` +
		s.Path("work", "a.ics") + `</href></C:calendar-multiget>`
	whole := do(t, s, "REPORT", s.Path("work", ""), body)
	s.Set(caldavtest.Faults{ResetMultiget: true})
	if a, err := try(t, s, "REPORT", s.Path("work", ""), body); err == nil || len(a.body) >= len(whole.body) {
		t.Errorf("multiget = %d octets of %d, %v", len(a.body), len(whole.body), err)
	}
	wantStatus(t, "GET", do(t, s, "GET", s.Path("work", "a.ics"), ""), 200)
}

func TestLosesOneAnswer(t *testing.T) {
	s := start(t)
	path := s.Path("work", "a.ics")
	s.Set(caldavtest.Faults{LoseOnly: "DELETE"})
	wantStatus(t, "PUT", do(t, s, "PUT", path, event), 201)
	if _, err := try(t, s, "DELETE", path, ""); err == nil || len(s.Objects("work")) != 0 {
		t.Errorf("DELETE: %v, %d objects", err, len(s.Objects("work")))
	}
	s.Set(caldavtest.Faults{LoseOnly: "PUT"})
	if _, err := try(t, s, "PUT", path, event); err == nil || len(s.Objects("work")) != 1 {
		t.Errorf("PUT: %v, %d objects", err, len(s.Objects("work")))
	}
	wantStatus(t, "DELETE", do(t, s, "DELETE", path, ""), 204)
}

// Two objects of which one was deleted and made anew bear one ETag.
func TestCountersRestart(t *testing.T) {
	s := start(t)
	s.Set(caldavtest.Faults{CounterETags: true})
	path := s.Path("work", "a.ics")
	first := do(t, s, "PUT", path, event).header.Get("ETag")
	wantStatus(t, "DELETE", do(t, s, "DELETE", path, "", "If-Match", first), 204)
	if second := do(t, s, "PUT", path, strings.Replace(event, "Lunch", "Dinner", 1)).header.Get("ETag"); second != first {
		t.Errorf("ETag of other content = %s, want %s again", second, first)
	}
}

func TestStoredAsGoogleDoes(t *testing.T) {
	s := start(t)
	at := time.Date(2026, 5, 12, 9, 0, 0, 0, time.UTC)
	s.Set(caldavtest.Faults{Stored: func(object string) string { return caldavtest.Google.Save(object, at) }})
	path := s.Path("work", "a.ics")
	do(t, s, "PUT", path, strings.Replace(event, "SUMMARY", "URL:http://example.org\r\nDESCRIPTION:a & b\\nc\r\nSUMMARY", 1))
	got := do(t, s, "GET", path, "").body
	for _, want := range []string{"DTSTAMP:20260512T090000Z\r\n", `DESCRIPTION:a &amp\; b<br>c` + "\r\n", "SUMMARY:Lunch\r\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("stored object lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "URL") {
		t.Errorf("stored object has a URL:\n%s", got)
	}
}
