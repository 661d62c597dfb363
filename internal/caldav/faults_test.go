package caldav_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"syncd/internal/caldav"
	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
	"syncd/internal/webdav"
)

// faulty starts a server, dials while it behaves, then lets it misbehave.
func faulty(t *testing.T, f caldavtest.Faults) (*caldavtest.Server, *caldav.Session, caldav.Collection) {
	t.Helper()
	srv := startServer(t)
	s, c := openServer(t, srv)
	srv.Set(f)
	srv.Forget()
	return srv, s, c
}

func openServer(t *testing.T, srv *caldavtest.Server) (*caldav.Session, caldav.Collection) {
	t.Helper()
	p := &peer{start: srv.URL, user: srv.User, password: srv.Password, work: srv.URL + srv.Path("work", "")}
	return p.open(t)
}

func requests(list []caldavtest.Request) []string {
	var lines []string
	for _, r := range list {
		lines = append(lines, r.String())
	}
	return lines
}

func TestWritesAreConditional(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	e := create(t, s, c, draft(uid1))
	v, err := s.Tick(t.Context(), e, "✓ "+e.Shape.Summary)
	if err != nil {
		t.Fatal(err)
	}
	ticked, err := s.Read(t.Context(), v.Href)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Delete(t.Context(), ticked); err != nil {
		t.Fatal(err)
	}
	path := srv.Path("work", uid1+".ics")
	want := []string{
		"PUT " + path + " If-None-Match: * 201",
		"PUT " + path + " If-Match: " + e.ETag + " 204",
		"DELETE " + path + " If-Match: " + ticked.ETag + " 204",
	}
	if diff := cmp.Diff(want, requests(srv.Writes())); diff != "" {
		t.Errorf("writes mismatch (-want +got):\n%s", diff)
	}
}

// Servers that ignore preconditions must not make us overwrite or delete what
// the user changed.
func TestIgnoredPreconditions(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{IgnoreIfNoneMatch: true, IgnoreIfMatch: true, IgnoreIfMatchOnDelete: true, CounterETags: true})
	e := create(t, s, c, draft(uid1))
	_, err := s.Create(t.Context(), c, draft(uid1))
	wantError(t, "second Create()", err, caldav.ErrChanged)
	// Deleted and created anew: the counter says that nothing happened.
	raw := srv.Objects("work")[uid1+".ics"]
	srv.Remove("work", uid1+".ics")
	srv.Store("work", uid1+".ics", strings.Replace(raw, "SUMMARY:Follow", "SUMMARY:Please follow", 1))
	_, err = s.Rewrite(t.Context(), e, draft(uid1))
	wantError(t, "Rewrite()", err, caldav.ErrChanged)
	wantError(t, "Delete()", s.Delete(t.Context(), e), caldav.ErrChanged)
	if n := len(srv.Writes()); n != 1 {
		t.Errorf("%d write requests, want only the first: %v", n, requests(srv.Writes()))
	}
	l, err := s.Entries(t.Context(), c)
	if err != nil || len(l.Entries) != 1 || !strings.HasPrefix(l.Entries[0].Shape.Summary, "Please") {
		t.Errorf("Entries() = %+v, %v", l, err)
	}
}

func TestCounterETagsAreNotTrusted(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{CounterETags: true})
	create(t, s, c, draft(uid1))
	if _, err := s.Entries(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	raw := srv.Objects("work")[uid1+".ics"]
	srv.Remove("work", uid1+".ics")
	srv.Store("work", uid1+".ics", strings.Replace(raw, "SUMMARY:Follow", "SUMMARY:done Follow", 1))
	l, err := s.Entries(t.Context(), c)
	if err != nil || len(l.Entries) != 1 || !strings.HasPrefix(l.Entries[0].Shape.Summary, "done") {
		t.Errorf("Entries() = %+v, %v, want the new title", l, err)
	}
}

func TestETagAfterWrite(t *testing.T) {
	tests := []struct {
		name   string
		faults caldavtest.Faults
		want   bool // an ETag
	}{
		{"none on PUT", caldavtest.Faults{NoETagOnPut: true}, true},
		{"weak", caldavtest.Faults{WeakETags: true}, false},
		{"none at all", caldavtest.Faults{NoETags: true}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			srv, s, c := faulty(t, test.faults)
			v, err := s.Create(t.Context(), c, draft(uid1))
			if err != nil {
				t.Fatal(err)
			}
			if (v.ETag != "") != test.want {
				t.Errorf("ETag = %q, want one: %v", v.ETag, test.want)
			}
			e, err := s.Read(t.Context(), v.Href)
			if err != nil {
				t.Fatal(err)
			}
			d := draft(uid1)
			d.Shape.Summary = "Follow up with Susan"
			if _, err := s.Rewrite(t.Context(), e, d); err != nil {
				t.Fatal(err)
			}
			if e, err = s.Read(t.Context(), v.Href); err != nil || e.Shape.Summary != d.Shape.Summary {
				t.Fatalf("Read() = %+v, %v", e, err)
			}
			if err := s.Delete(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			for _, w := range srv.Writes() {
				if strings.HasPrefix(w.IfMatch, "W/") || w.Status >= 300 {
					t.Errorf("request %s", w)
				}
			}
		})
	}
}

// A version of an entry whose ETag is weak or missing is read every time.
func TestEntriesWithoutStrongETags(t *testing.T) {
	for _, f := range []caldavtest.Faults{{WeakETags: true}, {NoETags: true}} {
		srv, s, c := faulty(t, f)
		e := create(t, s, c, draft(uid1))
		if e.ETag != "" {
			t.Errorf("ETag = %q", e.ETag)
		}
		for _, want := range []string{"done", "never"} {
			raw := srv.Objects("work")[uid1+".ics"]
			srv.Store("work", uid1+".ics", strings.Replace(raw, "SUMMARY:", "SUMMARY:"+want+" ", 1))
			l, err := s.Entries(t.Context(), c)
			if err != nil || len(l.Entries) != 1 || !strings.HasPrefix(l.Entries[0].Shape.Summary, want) {
				t.Errorf("Entries() = %+v, %v, want %q first", l, err, want)
			}
		}
	}
}

func TestEntriesReadsOnlyWhatChanged(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	create(t, s, c, draft(uid1))
	if _, err := s.Entries(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	srv.Forget()
	if l, err := s.Entries(t.Context(), c); err != nil || len(l.Entries) != 1 {
		t.Fatalf("Entries() = %+v, %v", l, err)
	}
	want := []string{"PROPFIND " + srv.Path("work", "") + " 207"}
	if diff := cmp.Diff(want, requests(srv.Requests())); diff != "" {
		t.Errorf("requests mismatch (-want +got):\n%s", diff)
	}
}

func TestRefusedWrites(t *testing.T) {
	tests := []struct {
		name   string
		faults caldavtest.Faults
		want   error
	}{
		{"in a 207", caldavtest.Faults{RefusedPut207: true}, caldav.ErrRefused},
		{"by 403", answering(http.MethodPut, 403), caldav.ErrRefused},
		{"by 415", answering(http.MethodPut, 415), caldav.ErrRefused},
		{"by 507", answering(http.MethodPut, 507), caldav.ErrRefused},
		{"by 412 though nothing is there", answering(http.MethodPut, 412), caldav.ErrChanged},
		{"collection gone", answering(http.MethodPut, 404), caldav.ErrGone},
		{"login", answering(http.MethodPut, 401), caldav.ErrAuth},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, s, c := faulty(t, test.faults)
			_, err := s.Create(t.Context(), c, draft(uid1))
			wantError(t, "Create()", err, test.want)
		})
	}
	_, s, c := faulty(t, answering(http.MethodPut, 503))
	if _, err := s.Create(t.Context(), c, draft(uid1)); err == nil || errors.Is(err, caldav.ErrRefused) {
		t.Errorf("Create() = %v, want an error that may pass", err)
	}
}

// I2: a server that redirects a write into another calendar has it not made.
func TestRedirectedWrites(t *testing.T) {
	srv := startServer(t)
	srv.AddCalendar(caldavtest.Calendar{Name: "private"})
	s, c := openServer(t, srv)
	made, err := s.Create(t.Context(), c, draft(uid1))
	if err != nil {
		t.Fatal(err)
	}
	e, err := s.Read(t.Context(), made.Href)
	if err != nil {
		t.Fatal(err)
	}
	victim := srv.Path("private", uid1+".ics")
	srv.Store("private", uid1+".ics", "theirs")
	srv.Forget()
	for _, to := range []string{victim, "../private/" + uid1 + ".ics", srv.URL + victim, srv.Path("work", "") + "%2e%2e/private/" + uid1 + ".ics"} {
		srv.Set(caldavtest.Faults{Redirect: http.StatusTemporaryRedirect, RedirectTo: to})
		_, err := s.Create(t.Context(), c, draft("syncd-k3v9-other-1"))
		wantError(t, "Create()", err, caldav.ErrNotOwn)
		_, err = s.Rewrite(t.Context(), e, draft(uid1))
		wantError(t, "Rewrite()", err, caldav.ErrNotOwn)
		_, err = s.Tick(t.Context(), e, "x")
		wantError(t, "Tick()", err, caldav.ErrNotOwn)
		wantError(t, "Delete()", s.Delete(t.Context(), e), caldav.ErrNotOwn)
	}
	srv.Set(caldavtest.Faults{Redirect: http.StatusFound, RedirectTo: "/elsewhere/new/"})
	a := caldav.Account{Name: "home", URL: srv.URL, User: srv.User, Password: password(srv.Password)}
	fresh, err := caldav.Dial(t.Context(), a, quiet)
	if err != nil {
		t.Fatal(err)
	}
	_, err = fresh.Make(t.Context(), "New")
	wantError(t, "Make()", err, caldav.ErrNotOwn)
	for _, r := range srv.Writes() {
		if r.Status/100 != 3 {
			t.Errorf("%v was followed", r)
		}
	}
	if diff := cmp.Diff(map[string]string{uid1 + ".ics": "theirs"}, srv.Objects("private")); diff != "" || len(srv.Objects("work")) != 1 {
		t.Errorf("the other calendar (-want +got):\n%s", diff)
	}
	// Inside the calendar a redirect is followed.
	srv.Set(caldavtest.Faults{Redirect: http.StatusTemporaryRedirect, RedirectTo: srv.Path("work", "renamed.ics")})
	if _, err := s.Create(t.Context(), c, draft("syncd-k3v9-other-1")); err != nil || srv.Objects("work")["renamed.ics"] == "" {
		t.Errorf("Create() = %v, want it followed to renamed.ics", err)
	}
}

func answering(method string, code int) caldavtest.Faults {
	return caldavtest.Faults{Answer: func(r *http.Request) int {
		if r.Method == method {
			return code
		}
		return 0
	}}
}

// RFC 4791 section 5.3.2.1: the UID is in another calendar already (Cyrus).
func TestUIDInAnotherCalendar(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{GlobalUIDs: true})
	srv.AddCalendar(caldavtest.Calendar{Name: "other"})
	srv.Store("other", "x.ics", meetingObject(uid1, "20260512", "Moved"))
	_, err := s.Create(t.Context(), c, draft(uid1))
	wantError(t, "Create()", err, caldav.ErrRefused)
}

func TestLostAnswer(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{LoseAnswer: true})
	if _, err := s.Create(t.Context(), c, draft(uid1)); err == nil {
		t.Fatal("Create() succeeded without an answer")
	}
	srv.Set(caldavtest.Faults{})
	e, err := s.Find(t.Context(), c, uid1)
	if err != nil || !caldav.Same(e.Shape, draft(uid1).Shape) {
		t.Fatalf("Find() = %+v, %v", e, err)
	}
	srv.Set(caldavtest.Faults{LoseAnswer: true})
	if err := s.Delete(t.Context(), e); err == nil {
		t.Fatal("Delete() succeeded without an answer")
	}
	srv.Set(caldavtest.Faults{})
	wantError(t, "second Delete()", s.Delete(t.Context(), e), caldav.ErrGone)
}

// iCloud stores under names of its own.
func TestRenamedHref(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{RenameHrefs: true})
	v, err := s.Create(t.Context(), c, draft(uid1))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(v.Href, uid1) {
		t.Errorf("Href = %q, want the server's", v.Href)
	}
	e, err := s.Read(t.Context(), v.Href)
	if err != nil || e.UID != uid1 {
		t.Fatalf("Read() = %+v, %v", e, err)
	}
	if err := s.Delete(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if n := len(srv.Objects("work")); n != 0 {
		t.Errorf("%d objects left", n)
	}
}

// iCloud knows no query by UID.
func TestFindWithoutQuery(t *testing.T) {
	srv, s, c := faulty(t, answering("REPORT", 403))
	create(t, s, c, draft(uid1))
	if e, err := s.Find(t.Context(), c, uid1); err != nil || e.UID != uid1 {
		t.Errorf("Find() = %+v, %v", e, err)
	}
	srv.AddCalendar(caldavtest.Calendar{Name: "private"})
	srv.Store("private", "moved@example.com.ics", meetingObject("moved@example.com", "20260512", "Moved"))
	private := caldav.Collection{URL: srv.URL + srv.Path("private", ""), Href: srv.Path("private", "")}
	if e, err := s.Find(t.Context(), private, "moved@example.com"); err != nil || e.UID != "moved@example.com" {
		t.Errorf("Find() = %+v, %v", e, err)
	}
	_, err := s.Find(t.Context(), private, uid1)
	wantError(t, "Find()", err, caldav.ErrGone)
}

// Google drops what it does not know; that is no edit by the user.
func TestDroppedProperties(t *testing.T) {
	_, s, c := faulty(t, caldavtest.Faults{Drop: []string{"URL", "COLOR", "CATEGORIES", "X-SYNCD", "CLASS"}})
	e := create(t, s, c, draft(uid1))
	if !caldav.Same(e.Shape, draft(uid1).Shape) {
		t.Errorf("shape mismatch (-want +got):\n%s", cmp.Diff(draft(uid1).Shape, e.Shape))
	}
	if err := s.Delete(t.Context(), e); err != nil {
		t.Error(err)
	}
}

func TestNoMkcalendar(t *testing.T) {
	srv := startServer(t)
	srv.Set(caldavtest.Faults{NoMkcalendar: true})
	s, err := caldav.Dial(t.Context(), caldav.Account{Name: "home", URL: srv.URL, User: srv.User, Password: password(srv.Password)}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Make(t.Context(), "Follow-ups")
	wantError(t, "Make()", err, caldav.ErrRefused)
}

func TestListingThatFails(t *testing.T) {
	for name, f := range map[string]caldavtest.Faults{
		"cut in the middle": {HalfMultistatus: true},
		"500":               {Status500: true},
	} {
		t.Run(name, func(t *testing.T) {
			srv, s, c := faulty(t, caldavtest.Faults{})
			create(t, s, c, draft(uid1))
			srv.Store("work", "a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
			b := newBook()
			b.read(t, s, c)
			before := b.cursor
			srv.Store("work", "b.ics", meetingObject("b@example.com", "20260513", "Coffee"))
			srv.Set(f)
			if _, err := s.Entries(t.Context(), c); err == nil {
				t.Error("Entries() succeeded")
			}
			if err := b.try(t, s, c); err == nil {
				t.Error("Changes() succeeded")
			}
			wantTitles(t, b, "Lunch")
			if b.cursor != before {
				t.Errorf("cursor moved to %+v", b.cursor)
			}
			srv.Set(caldavtest.Faults{})
			b.read(t, s, c)
			wantTitles(t, b, "Coffee", "Lunch")
		})
	}
}

func TestEmptyListingIsNoDeletion(t *testing.T) {
	for name, f := range map[string]caldavtest.Faults{
		"with sync-collection": {},
		"with getctag":         {NoSyncCollection: true},
		"with ETags only":      {NoSyncCollection: true, NoCTag: true},
	} {
		t.Run(name, func(t *testing.T) {
			srv, s, c := faulty(t, f)
			srv.Store("work", "a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
			b := newBook()
			b.read(t, s, c)
			f.EmptyListing, f.SyncTokenExpired = true, true
			srv.Set(f)
			srv.Store("work", "b.ics", meetingObject("b@example.com", "20260513", "Coffee"))
			if err := b.try(t, s, c); err == nil {
				t.Error("Changes() believed an empty listing")
			}
			wantTitles(t, b, "Lunch")
		})
	}
}

func TestEmptiedCalendar(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{NoSyncCollection: true})
	for _, name := range []string{"a", "b", "c"} {
		srv.Store("work", name+".ics", meetingObject(name+"@example.com", "20260512", name))
	}
	b := newBook()
	b.read(t, s, c)
	for _, name := range []string{"a", "b", "c"} {
		srv.Remove("work", name+".ics")
	}
	b.read(t, s, c)
	wantTitles(t, b)
}

// Every way of telling what changed comes to the same result.
func TestWaysToTellChanges(t *testing.T) {
	tests := map[string]caldavtest.Faults{
		"sync-collection":              {},
		"truncated answers":            {SyncPage: 1},
		"expired token":                {SyncTokenExpired: true},
		"token answered 500":           {SyncTokenError: 500},
		"token answered 507":           {SyncTokenError: 507},
		"token answered 409":           {SyncTokenError: 409},
		"token answered by everything": {SyncEverything: true},
		"getctag":                      {NoSyncCollection: true},
		"neither token nor tag":        {NoSyncCollection: true, NoCTag: true},
		"no ETags":                     {NoSyncCollection: true, NoCTag: true, NoETags: true},
		"weak ETags":                   {NoSyncCollection: true, WeakETags: true},
		"incomplete multiget":          {MultigetMissing: true},
		"no multiget":                  answering("REPORT", 501),
		"redirect":                     {Redirect: http.StatusFound},
		"redirect and no token":        {Redirect: http.StatusMovedPermanently, NoSyncCollection: true},
	}
	for name, f := range tests {
		t.Run(name, func(t *testing.T) {
			srv, s, c := faulty(t, f)
			put := func(name, title string) {
				srv.Store("work", name+".ics", meetingObject(name+"@example.com", "20260512", title))
			}
			for _, name := range []string{"a", "b", "c", "d", "e"} {
				put(name, name)
			}
			b := newBook()
			b.read(t, s, c)
			wantTitles(t, b, "a", "b", "c", "d", "e")
			put("a", "a2")
			put("f", "f")
			srv.Remove("work", "b.ics")
			b.read(t, s, c)
			wantTitles(t, b, "a2", "c", "d", "e", "f")
			b.read(t, s, c)
			wantTitles(t, b, "a2", "c", "d", "e", "f")
			if n := len(srv.Writes()); n != 0 {
				t.Errorf("reading made %d write requests", n)
			}
		})
	}
}

// A server that fails at every object is failing: nothing is taken for read or
// gone. What it fails at alone is asked for again each time, and holds up nothing
// else.
func TestServerFails(t *testing.T) {
	failing := func(names ...string) caldavtest.Faults {
		return caldavtest.Faults{Answer: func(r *http.Request) int {
			if r.Method == "REPORT" || r.Method == http.MethodGet && (len(names) == 0 || slices.Contains(names, path.Base(r.URL.Path))) {
				return http.StatusBadGateway
			}
			return 0
		}}
	}
	srv, s, c := faulty(t, failing())
	for _, name := range []string{"a", "b"} {
		srv.Store("work", name+".ics", meetingObject(name+"@example.com", "20260512", name))
	}
	b := newBook()
	if err := b.try(t, s, c); err == nil || b.cursor.Complete {
		t.Errorf("all failing: %v, cursor %+v", err, b.cursor)
	}
	if _, err := s.Entries(t.Context(), c); err == nil {
		t.Error("all failing: Entries() succeeded")
	}
	srv.AddCalendar(caldavtest.Calendar{Name: "private"})
	private := caldav.Collection{URL: srv.URL + srv.Path("private", ""), Href: srv.Path("private", "")}
	for _, other := range []caldav.Collection{c, private} {
		if _, err := s.Find(t.Context(), other, "a@example.com"); err == nil || errors.Is(err, caldav.ErrGone) {
			t.Errorf("all failing: Find() in %s = %v", other.URL, err)
		}
	}
	srv.Set(failing("b.ics"))
	b.read(t, s, c)
	wantTitles(t, b, "a")
	if len(b.skipped) != 1 || !b.cursor.Complete || b.cursor.Reached.IsZero() {
		t.Errorf("one failing: skipped %v, cursor %+v", b.skipped, b.cursor)
	}
	if l, err := s.Entries(t.Context(), c); err != nil || len(l.Entries) != 1 || !l.Failed {
		t.Errorf("one failing: Entries() = %+v, %v", l, err)
	}
	// The query fails, and what is there under another name is not seen.
	if _, err := s.Find(t.Context(), private, "b@example.com"); err == nil || errors.Is(err, caldav.ErrGone) {
		t.Errorf("one failing: Find() = %v", err)
	}
	srv.Store("work", "c.ics", meetingObject("c@example.com", "20260512", "c"))
	b.read(t, s, c)
	wantTitles(t, b, "a", "c")
	b.read(t, s, c)
	before := b.cursor
	srv.Set(failing())
	if err := b.try(t, s, c); err == nil || b.cursor != before {
		t.Errorf("failing again: %v, cursor %+v, want %+v", err, b.cursor, before)
	}
	srv.Set(caldavtest.Faults{})
	b.read(t, s, c)
	wantTitles(t, b, "a", "b", "c")
	if l, err := s.Entries(t.Context(), c); err != nil || len(l.Entries) != 3 || l.Failed {
		t.Errorf("Entries() = %+v, %v", l, err)
	}
}

// purelymail lists up to three minutes late; nothing is lost by it.
func TestStaleListing(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	srv.Store("work", "a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	b := newBook()
	b.read(t, s, c)
	srv.Set(caldavtest.Faults{StaleListing: 1})
	srv.Store("work", "b.ics", meetingObject("b@example.com", "20260513", "Coffee"))
	b.read(t, s, c)
	wantTitles(t, b, "Lunch")
	srv.Set(caldavtest.Faults{})
	b.read(t, s, c)
	wantTitles(t, b, "Coffee", "Lunch")
}

func TestOneRequestWhereNothingChanged(t *testing.T) {
	for name, f := range map[string]caldavtest.Faults{"sync-collection": {}, "getctag": {NoSyncCollection: true}} {
		t.Run(name, func(t *testing.T) {
			srv, s, c := faulty(t, f)
			srv.Store("work", "a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
			b := newBook()
			b.read(t, s, c)
			srv.Forget()
			b.read(t, s, c)
			if n := len(srv.Requests()); n != 1 || b.batches != 0 {
				t.Errorf("%d batches by %v, want none by one request", b.batches, requests(srv.Requests()))
			}
		})
	}
}

func TestBrokenObjects(t *testing.T) {
	long := strings.Repeat("x", 2<<20)
	broken := map[string]string{
		"empty":          "",
		"html":           "<html>502 Bad Gateway</html>",
		"no-start":       "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:n@example.com\r\nSUMMARY:x\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		"bad-start":      "BEGIN:VCALENDAR\r\nBEGIN:VEVENT\r\nUID:b@example.com\r\nDTSTART:tomorrow\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n",
		"bad-rule":       meetingObject("r@example.com", "20260512", "x", "RRULE:FREQ=SOMETIMES"),
		"every-second":   meetingObject("s@example.com", "20260512", "x", "RRULE:FREQ=SECONDLY;COUNT=20000000"),
		"deep":           strings.Repeat("BEGIN:VCALENDAR\r\n", 100000),
		"large":          meetingObject("l@example.com", "20260512", long),
		"binary":         "\x00\x01\x02\xff\xfe",
		"only-a-zone":    "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:X\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n",
		"header-only":    "BEGIN:VCALENDAR\r\n",
		"not-a-calendar": "BEGIN:VCARD\r\nFN:Ana\r\nEND:VCARD\r\n",
	}
	srv, s, c := faulty(t, caldavtest.Faults{BadObject: "served-badly.ics"})
	for name, data := range broken {
		srv.Store("work", name+".ics", data)
	}
	srv.Store("work", "served-badly.ics", meetingObject("x@example.com", "20260512", "x"))
	srv.Store("work", "todo.ics", "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nUID:t@example.com\r\nEND:VTODO\r\nEND:VCALENDAR\r\n")
	srv.Store("work", "a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	b := newBook()
	b.read(t, s, c)
	wantTitles(t, b, "Lunch")
	var got []string
	for _, skip := range b.skipped {
		got = append(got, strings.TrimPrefix(skip.Where, c.Href))
		if skip.Reason == "" || strings.Contains(skip.Reason, "\n") || len(skip.Reason) > 300 {
			t.Errorf("%s: reason %q", skip.Where, skip.Reason)
		}
	}
	want := []string{"served-badly.ics"}
	for name := range broken {
		want = append(want, name+".ics")
	}
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("skipped mismatch (-want +got):\n%s", diff)
	}
	l, err := s.Entries(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, skip := range l.Skipped {
		if skip.Where == c.Href+"a.ics" {
			t.Errorf("Entries() skipped a good object: %v", skip)
		}
	}
	if len(l.Skipped) < 9 {
		t.Errorf("Entries() skipped %v", l.Skipped)
	}
}

// Some hrefs need care: escaped slashes, spaces, a bare percent sign.
func TestAwkwardHrefs(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	names := []string{"a b.ics", "ana@example.com.ics", "50%.ics", "ü.ics", "a+b&c.ics", "q?x.ics", "h#x.ics"}
	for i, name := range names {
		srv.Store("work", name, meetingObject(fmt.Sprintf("u%d@example.com", i), "20260512", name))
	}
	b := newBook()
	b.read(t, s, c)
	slices.Sort(names)
	wantTitles(t, b, names...)
	for href := range b.known {
		if _, err := s.Read(t.Context(), href); err != nil {
			t.Errorf("Read(%q): %v", href, err)
		}
	}
	srv.Remove("work", "50%.ics")
	b.read(t, s, c)
	if len(b.known) != len(names)-1 {
		t.Errorf("known = %v", b.known)
	}
}

// iCloud and others keep the calendars on another host.
func TestHomeOnAnotherHost(t *testing.T) {
	front, back := startServer(t), startServer(t)
	front.Set(caldavtest.Faults{HomeSet: back.URL + back.Home()})
	a := caldav.Account{Name: "home", URL: front.URL, User: front.User, Password: password(front.Password)}
	if s, err := caldav.Dial(t.Context(), a, quiet); err == nil {
		_, err = s.Calendars(t.Context())
		wantError(t, "Calendars() on a host nobody named", err, webdav.ErrForeignHost)
	}
	if n := len(back.Requests()); n != 0 {
		t.Errorf("the other host saw %d requests", n)
	}
	a.Hosts = []string{"127.0.0.1"}
	s, err := caldav.Dial(t.Context(), a, quiet)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Calendars(t.Context())
	if err != nil || len(list) != 1 || list[0].URL != back.URL+back.Path("work", "") {
		t.Fatalf("Calendars() = %+v, %v", list, err)
	}
	s.Own(list[0])
	create(t, s, list[0], draft(uid1))
	if len(back.Objects("work")) != 1 || len(front.Writes()) != 0 {
		t.Error("the entry went to the wrong host")
	}
}

func TestCalendarsLeavesOutTasks(t *testing.T) {
	srv := startServer(t)
	srv.AddCalendar(caldavtest.Calendar{Name: "tasks", Components: []string{"VTODO"}})
	srv.AddCalendar(caldavtest.Calendar{Name: "team", Title: "Team", Components: []string{"VEVENT", "VTODO"}, ReadOnly: true})
	s, err := caldav.Dial(t.Context(), caldav.Account{Name: "home", URL: srv.URL, User: srv.User, Password: password(srv.Password)}, quiet)
	if err != nil {
		t.Fatal(err)
	}
	list, err := s.Calendars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Name     string
		Writable bool
	}
	var got []row
	for _, c := range list {
		got = append(got, row{c.Name, c.Writable})
	}
	if diff := cmp.Diff([]row{{"Team", false}, {"Work", true}}, got); diff != "" {
		t.Errorf("Calendars() mismatch (-want +got):\n%s", diff)
	}
}

// Calendars and programs that hold dates of people, and those that do not.
func TestBirthdaysAreNoMeetings(t *testing.T) {
	tests := []struct {
		path, title string
		want        bool
	}{
		{"b1", "Birthdays", false},
		{"b2", "Geburtstage von Kontakten", false},
		{"b3", "Jours fe\u0301ries en France", false},
		{"b4", "CUMPLEAÑOS", false},
		{"b5", "My contacts' dates", false},
		{"contact_birthdays", "Dates", false},
		{"en.uk#holiday@group.v.calendar.example.com", "Important days", false},
		{"c1", "Birthdayparty planning", true},
		{"c2", "Contactless", true},
		{"c3", "Home", true},
	}
	srv := startServer(t)
	for _, tt := range tests {
		srv.AddCalendar(caldavtest.Calendar{Name: tt.path, Title: tt.title})
		srv.Store(tt.path, "a.ics", meetingObject(tt.path, "20260512", "Ana"))
	}
	for i, producer := range []string{"-//Example//Birthday calendar//EN", "-//example.com//Kalender der Geburtstage//DE", "-//Example Contacts 2.1//EN"} {
		srv.Store("work", fmt.Sprint(i, ".ics"), strings.Replace(meetingObject(fmt.Sprint(i), "20260512", "Ana"), "-//example//EN", producer, 1))
	}
	s, c := openServer(t, srv)
	list, err := s.Calendars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	read := func(c caldav.Collection) *book {
		b := newBook()
		b.read(t, s, c)
		if len(b.known) == 0 {
			t.Errorf("%s: an object without meetings is not known", c.Name)
		}
		return b
	}
	for _, tt := range tests {
		b := read(list[slices.IndexFunc(list, func(c caldav.Collection) bool { return c.Name == tt.title })])
		if got := len(b.titles()) == 1; got != tt.want {
			t.Errorf("%q at %s has meetings: %t, want %t", tt.title, tt.path, got, tt.want)
		}
	}
	wantTitles(t, read(c))
}

// Who takes part in a meeting as a person, and who is only counted.
func TestPeopleOfMeetings(t *testing.T) {
	tests := []struct {
		name             string
		lines            []string
		persons          string
		things, unlisted int
		theirs           bool
	}{
		{name: "nobody"},
		{
			name: "the address in EMAIL", lines: []string{"ORGANIZER;CN=Ana;EMAIL=Ana@example.org:/principals/7/", "ATTENDEE;EMAIL=\"bo@example.com\":urn:uuid:1"},
			persons: "ana@example.org bo@example.com",
		},
		{name: "no address", lines: []string{
			"ORGANIZER:mailto:ana@example.org", "ATTENDEE;CN=Bo:urn:uuid:1", "ATTENDEE;CN=Cy:tel:+431234",
			"ATTENDEE;CN=Cy:urn:uuid:2", "ATTENDEE:invalid:nomail", "ATTENDEE:urn:uuid:3",
		}, persons: "ana@example.org", unlisted: 4},
		{
			name: "an organiser without address", lines: []string{"ORGANIZER;CN=Bo:urn:uuid:1", "ATTENDEE:mailto:ana@example.org"},
			persons: "ana@example.org", unlisted: 1, theirs: true,
		},
		{name: "who attends too", lines: []string{"ORGANIZER;CN=Bo:urn:uuid:1", "ATTENDEE;CN=Bo:urn:uuid:1"}, unlisted: 1, theirs: true},
		{name: "a crowd without addresses", lines: slices.Repeat([]string{"ATTENDEE:invalid:nomail"}, 300), unlisted: 100},
		{name: "things", lines: []string{
			"ATTENDEE;CUTYPE=ROOM:mailto:a@example.com", "ATTENDEE;CUTYPE=RESOURCE:mailto:b@example.com", "ATTENDEE;CUTYPE=GROUP:mailto:c@example.com",
			"ATTENDEE;ROLE=NON-PARTICIPANT:mailto:d@example.com", "ATTENDEE;CUTYPE=INDIVIDUAL:mailto:c_188@resource.calendar.google.com",
			"ORGANIZER;CN=Private:mailto:xyz@group.calendar.google.com", "ATTENDEE:mailto:Room-12@example.com", "ATTENDEE:mailto:conf.room.blue@example.com",
			"ATTENDEE:mailto:boardroom@example.com", "ATTENDEE;CUTYPE=ROOM;CN=Blue:urn:uuid:4",
		}, things: 9},
		{name: "Bo on vacation", theirs: true},
		{name: "Vacation plans", lines: []string{"ATTENDEE:mailto:bo@example.com"}, persons: "bo@example.com"},
		{name: "persons", lines: []string{
			"ATTENDEE;CUTYPE=INDIVIDUAL:mailto:a@example.com", "ATTENDEE;CUTYPE=UNKNOWN:mailto:b@example.com", "ATTENDEE;CUTYPE=X-CREW:mailto:c@example.com",
			"ATTENDEE;ROLE=OPT-PARTICIPANT:mailto:d@example.com", "ATTENDEE:mailto:adrian.room@example.com", "ATTENDEE:mailto:roomer@example.com",
			"ATTENDEE:mailto:calendar@google.example",
		}, persons: "a@example.com b@example.com c@example.com d@example.com adrian.room@example.com roomer@example.com calendar@google.example"},
	}
	srv, s, c := faulty(t, caldavtest.Faults{})
	for i, tt := range tests {
		srv.Store("work", fmt.Sprint(i, ".ics"), meetingObject(fmt.Sprint(i), "20260512", tt.name, tt.lines...))
	}
	b := newBook()
	b.read(t, s, c)
	for i, tt := range tests {
		all := b.meetings[c.Href+fmt.Sprint(i, ".ics")]
		if len(all) != 1 {
			t.Errorf("%s: %d meetings", tt.name, len(all))
			continue
		}
		var persons []string
		things := 0
		for _, p := range all[0].People {
			if p.Thing {
				things++
			} else {
				persons = append(persons, p.Address)
			}
		}
		if got := strings.Join(persons, " "); got != tt.persons || things != tt.things || all[0].Unlisted != tt.unlisted || all[0].Theirs != tt.theirs {
			t.Errorf("%s: persons %q, %d things, %d without an address, theirs %t; want %q, %d, %d, %t", tt.name,
				got, things, all[0].Unlisted, all[0].Theirs, tt.persons, tt.things, tt.unlisted, tt.theirs)
		}
	}
}

// What stands in a calendar that one can only read is not by one's own hand,
// unless it says so.
func TestReadOnlyCalendar(t *testing.T) {
	srv := startServer(t)
	srv.AddCalendar(caldavtest.Calendar{Name: "team", Title: "Team", ReadOnly: true})
	srv.Store("team", "a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	srv.Store("team", "b.ics", meetingObject("b@example.com", "20260512", "Talk", "ORGANIZER:mailto:me@example.com", "ATTENDEE:mailto:ana@example.org"))
	s, _ := openServer(t, srv)
	list, err := s.Calendars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := newBook()
	b.read(t, s, list[slices.IndexFunc(list, func(c caldav.Collection) bool { return c.Name == "Team" })])
	got := map[string]bool{}
	for _, all := range b.meetings {
		for _, m := range all {
			got[m.Title] = m.Theirs
		}
	}
	if diff := cmp.Diff(map[string]bool{"Lunch": true, "Talk": false}, got); diff != "" {
		t.Errorf("Theirs mismatch (-want +got):\n%s", diff)
	}
}

// Entries of syncd, and what programs make of copies of them, are no meetings.
func TestCopiesOfEntriesAreNoMeetings(t *testing.T) {
	tests := []struct {
		uid, description string
		meeting          bool
	}{
		{uid1, "", false},
		{"a", "Write to Ana.\\n" + caldav.Marker, false},
		{"b", "Write to Ana.\\n" + caldav.Marker + "\\nShe likes tea.", false},
		{"c", "<html-blob>Write to Ana.<br>" + caldav.Marker + "</html-blob>", false},
		{"d", "<p>Write to Ana.</p><p>--- syncd:&nbsp\\;your notes below this line stay ---</p>", false},
		{"e", "Write to Ana. " + caldav.Marker, false},
		{"f", "> " + caldav.Marker, false},
		{"g", "— syncd: your notes below this line stay —", false},
		{"h", "&#45\\;&#45\\;- syncd: your notes below this line stay", false},
		{"i", "How syncd works: your notes stay", true},
		{"j", "--- agenda: your notes", true},
	}
	srv, s, c := faulty(t, caldavtest.Faults{})
	for i, tt := range tests {
		srv.Store("work", fmt.Sprint(i, ".ics"), meetingObject(tt.uid, "20260512", "Call Ana", "DESCRIPTION:"+tt.description))
	}
	b := newBook()
	b.read(t, s, c)
	for i, tt := range tests {
		if got := len(b.meetings[c.Href+fmt.Sprint(i, ".ics")]) == 1; got != tt.meeting {
			t.Errorf("%s %q is a meeting: %t, want %t", tt.uid, tt.description, got, tt.meeting)
		}
	}
}

// What says that the user is away, and what does not.
func TestAbsenceCounts(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	srv.AddCalendar(caldavtest.Calendar{Name: "h", Title: "School holidays"})
	tests := []struct {
		title string
		want  bool
		lines []string
	}{
		{"Vacation", true, nil},
		{"🏖 VACATION in Graz", true, []string{"TRANSP:TRANSPARENT"}},
		{"Out-of-office", true, []string{"STATUS:TENTATIVE"}},
		{"Ana: out\u00a0of  office", true, nil},
		{"Elternzeit (Teil 2)", true, nil},
		{"Überstundenabbau", true, nil},
		{"U\u0308berstundenabbau", true, nil},
		{"Congés d'été", true, nil},
		{"CONGES", true, nil},
		{"Férias", true, nil},
		{"İzin", true, nil},
		{"休暇", true, nil},
		{"Sick leave", true, []string{"ORGANIZER:mailto:ana@example.org", "ATTENDEE;PARTSTAT=ACCEPTED:mailto:ANA@example.org"}},
		{"PTO", true, []string{"ATTENDEE:mailto:ana@example.org"}},

		{"Giveaway", false, nil},
		{"Urlaubsantrag", false, nil},
		{"Ferienwohnung", false, nil},
		{"Office", false, nil},
		{"", false, nil},
		{"Ana's birthday", false, nil},
		{"Holidays with Bo", false, []string{"ORGANIZER:mailto:ana@example.org", "ATTENDEE:mailto:bo@example.com"}},
		{"Holidays of the team", false, []string{"ATTENDEE;CUTYPE=GROUP:mailto:team@example.org"}},
		{"Holidays of somebody", false, []string{"ATTENDEE;CN=Bo:urn:uuid:1"}},
		{"Holidays of whom", false, []string{"ORGANIZER;CN=Bo:urn:uuid:1"}},
		{"Vacation offered", false, []string{"ATTENDEE;PARTSTAT=DECLINED:mailto:ana@example.org"}},
		{"Vacation called off", false, []string{"STATUS:CANCELLED"}},
		{"Private vacation", false, []string{"CLASS:PRIVATE"}},
		{"Confidential vacation", false, []string{"CLASS:CONFIDENTIAL"}},
		{"Vacation copied", false, []string{"DESCRIPTION:You met.\\n" + caldav.Marker}},
	}
	for i, test := range tests {
		srv.Store("work", strconv.Itoa(i)+".ics", allDay(strconv.Itoa(i)+"@example.com", "20260706", "20260707", test.title, test.lines...))
	}
	timed := strconv.Itoa(len(tests))
	srv.Store("work", timed+".ics", meetingObject(timed+"@example.com", "20260706", "Vacation planning"))
	produced := strings.Replace(allDay("p@example.com", "20260706", "20260707", "Vacation"), "PRODID:-//example//EN", "PRODID:-//example//Holidays//EN", 1)
	srv.Store("work", "p.ics", produced)
	srv.Store("h", "a.ics", allDay("a@example.com", "20260706", "20260707", "Holidays"))
	b := newBook()
	b.read(t, s, c)
	list, err := s.Calendars(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b.cursor = ledger.Cursor{}
	b.known = map[string]string{}
	b.read(t, s, list[slices.IndexFunc(list, func(c caldav.Collection) bool { return c.Name == "School holidays" })])
	n := 0
	for i, test := range tests {
		got := b.absences[c.Href+strconv.Itoa(i)+".ics"]
		if n += len(got); (len(got) == 1) != test.want {
			t.Errorf("%q with %v: %v, want an absence: %v", test.title, test.lines, got, test.want)
		}
	}
	for _, got := range b.absences {
		n -= len(got)
	}
	if n != 0 {
		t.Errorf("other absences in %v", b.absences)
	}
}

// The whole of a recurrence within a year from now is read, and no more.
func TestWindow(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	srv.Store("work", "a.ics", meetingObject("a@example.com", "20100105", "Every month", "RRULE:FREQ=MONTHLY"))
	b := newBook()
	b.read(t, s, c)
	list := b.meetings[c.Href+"a.ics"]
	if len(list) == 0 {
		t.Fatal("no meetings")
	}
	first, last := list[0].Start, list[len(list)-1].Start
	if want := time.Date(2010, 1, 5, 12, 0, 0, 0, time.UTC); !first.Equal(want) {
		t.Errorf("first = %v, want %v", first, want)
	}
	if want := time.Date(2027, 5, 5, 12, 0, 0, 0, time.UTC); !last.Equal(want) {
		t.Errorf("last = %v, want %v", last, want)
	}
}

// attendees are lines that invite so many.
func attendees(n int) []string {
	var lines []string
	for i := range n {
		lines = append(lines, fmt.Sprintf("ATTENDEE:mailto:p%d@example.com", i))
	}
	return lines
}

// dailies is an object with so many series, each of a meeting every day since 2016.
func dailies(n int) string {
	var b strings.Builder
	b.WriteString("BEGIN:VCALENDAR\r\n")
	for i := range n {
		fmt.Fprintf(&b, "BEGIN:VEVENT\r\nUID:%d\r\nDTSTART:20160101T120000Z\r\nRRULE:FREQ=DAILY\r\nEND:VEVENT\r\n", i)
	}
	return b.String() + "END:VCALENDAR\r\n"
}

// An invitation may come from anyone: however many days, people and series it
// names, what is read of it is bounded, the latest first.
func TestHugeInvitations(t *testing.T) {
	daily := append(attendees(2000), "RRULE:FREQ=DAILY", "ORGANIZER:mailto:Susan@example.org",
		"ATTENDEE;PARTSTAT=ACCEPTED:mailto:susan@example.org")
	srv, s, c := faulty(t, caldavtest.Faults{})
	srv.Store("work", "people.ics", meetingObject("a@example.com", "20160101", "All hands", daily...))
	srv.Store("work", "series.ics", dailies(300))
	srv.Store("work", "uid.ics", meetingObject(strings.Repeat("x", 2000), "20260512", "Long UID", "RRULE:FREQ=DAILY"))
	srv.Store("work", "address.ics", meetingObject("b@example.com", "20260512", "Long address", "ATTENDEE:mailto:"+strings.Repeat("x", 400)+"@example.com"))
	b := newBook()
	b.read(t, s, c)
	if len(b.skipped) > 0 || len(b.known) != 4 {
		t.Errorf("%d objects, skipped %v", len(b.known), b.skipped)
	}
	hands := b.meetings[c.Href+"people.ics"]
	if n := len(hands); n != 1000 {
		t.Fatalf("%d meetings of 2,000 people, want 1,000 with 100 each", n)
	}
	if want := time.Date(2027, 5, 13, 12, 0, 0, 0, time.UTC); !hands[len(hands)-1].Start.Equal(want) || !hands[0].Start.Equal(want.AddDate(0, 0, -999)) {
		t.Errorf("from %v to %v, want 1,000 days to %v", hands[0].Start, hands[len(hands)-1].Start, want)
	}
	susan := ledger.Participant{Address: "susan@example.org", Role: ledger.RoleOrganizer, Status: "ACCEPTED"}
	for _, m := range hands {
		if len(m.People) != 100 || m.People[0] != susan || &m.People[0] != &hands[0].People[0] {
			t.Fatalf("%s: %d people from %v on, want 100 from the organiser on, stored once", m.RecurrenceID, len(m.People), m.People[0])
		}
	}
	if n := len(b.meetings[c.Href+"series.ics"]); n != 5000 {
		t.Errorf("%d meetings of 300 series, want 5,000", n)
	}
	if got := b.since[c.Href+"people.ics"]; !got.Equal(hands[0].Start) {
		t.Errorf("the object tells of meetings since %v, want the first, %v", got, hands[0].Start)
	}
	if b.since[c.Href+"series.ics"].IsZero() || !b.since[c.Href+"address.ics"].IsZero() {
		t.Errorf("objects tell of meetings since %v, want a time only where some were left out", b.since)
	}
	if n := len(b.meetings[c.Href+"uid.ics"]); n != 0 {
		t.Errorf("%d meetings with a UID of 2,000 octets", n)
	}
	if m := b.meetings[c.Href+"address.ics"]; len(m) != 1 || len(m[0].People) != 0 {
		t.Errorf("%v, want nobody at an address of 400 octets", m)
	}
}

// Rooms do not push persons out of what is kept of a large meeting, and a large
// meeting stays one.
func TestManyRooms(t *testing.T) {
	var lines []string
	for i := range 150 {
		lines = append(lines, fmt.Sprintf("ATTENDEE;CUTYPE=ROOM:mailto:room%d@example.com", i))
	}
	srv, s, c := faulty(t, caldavtest.Faults{})
	srv.Store("work", "a.ics", meetingObject("a@example.com", "20260512", "Fair", append(lines, attendees(20)...)...))
	b := newBook()
	b.read(t, s, c)
	persons := 0
	all := b.meetings[c.Href+"a.ics"][0].People
	for _, p := range all {
		if !p.Thing {
			persons++
		}
	}
	if len(all) != 100 || persons != 20 {
		t.Errorf("%d persons of %d, want 20 of 100", persons, len(all))
	}
}

// A batch ends before its objects are too much together.
func TestHugeBatch(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	const objects = 60
	for i := range objects {
		srv.Store("work", fmt.Sprintf("%d.ics", i), dailies(20))
	}
	b := newBook()
	most, read := 0, 0
	for batch, err := range s.Changes(t.Context(), c, b.cursor, nil, b.at, berlin) {
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, o := range batch.Objects {
			n += len(o.Meetings)
		}
		most, read, b.cursor = max(most, n), read+len(batch.Objects), batch.Cursor
	}
	if read != objects || most > 100_000 || !b.cursor.Complete {
		t.Errorf("%d objects in batches of up to %d meetings, complete %t; want %d and at most 100,000", read, most, b.cursor.Complete, objects)
	}
}

// A series that never changes goes on: after a month its new instances are read.
func TestExpandsAgain(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	srv.Store("work", "a.ics", meetingObject("a@example.com", "20260105", "Every month", "RRULE:FREQ=MONTHLY"))
	b := newBook()
	b.read(t, s, c)
	n := len(b.titles())
	b.at = stamp.AddDate(0, 0, 29)
	if b.read(t, s, c); len(b.titles()) != n || b.batches != 0 {
		t.Errorf("%d meetings by %d batches after 29 days, want %d by none", len(b.titles()), b.batches, n)
	}
	b.at = stamp.AddDate(0, 2, 0)
	if b.read(t, s, c); len(b.titles()) != n+2 {
		t.Errorf("%d meetings after two months, want %d", len(b.titles()), n+2)
	}
	if b.read(t, s, c); b.batches != 0 {
		t.Errorf("%d batches though nothing changed", b.batches)
	}
}

// secure starts a server with TLS.
func secure(t *testing.T, h http.Handler, certificates ...tls.Certificate) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.TLS = &tls.Config{Certificates: certificates}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// certified makes a certificate for this machine that is its own authority.
func certified(t *testing.T, from, to time.Time) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: to, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// greeting starts a server that says one line to whoever connects, and no more.
// Where that comes before the request, net/http logs it.
func greeting(t *testing.T, line string) (address string) {
	t.Helper()
	log.SetOutput(io.Discard)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			io.WriteString(c, line+"\r\n")
			go func() {
				defer c.Close()
				io.Copy(io.Discard, c)
			}()
		}
	}()
	return l.Addr().String()
}

// resolve has a name server that says this code about everything, so that no
// look-up leaves the machine.
func resolve(t *testing.T, code byte) {
	t.Helper()
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	before := net.DefaultResolver
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", l.LocalAddr().String())
	}}
	t.Cleanup(func() {
		net.DefaultResolver = before
		l.Close()
	})
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := l.ReadFrom(buf)
			if err != nil {
				return
			}
			buf[2], buf[3] = buf[2]|0x80, 0x80|code
			l.WriteTo(buf[:n], from)
		}
	}()
}

// What is wrong is said in one line of our own words.
func TestDialErrors(t *testing.T) {
	srv := startServer(t)
	tlsServer := secure(t, srv)
	day := 24 * time.Hour
	expired := secure(t, srv, certified(t, time.Now().Add(-9*day), time.Now().Add(-2*day)))
	early := secure(t, srv, certified(t, time.Now().Add(2*day), time.Now().Add(9*day)))
	page := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>Welcome</html>") }))
	t.Cleanup(page.Close)
	empty := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(empty.Close)
	release := make(chan struct{})
	silent := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	t.Cleanup(silent.Close)
	t.Cleanup(func() { close(release) })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	const certificate = "the server's certificate "
	tests := []struct{ name, url, want string }{
		{"port", "http://" + closed.Addr().String(), "/: nothing listens there (connection refused)"},
		{"unknown authority", tlsServer.URL, "/: " + certificate + "is signed by an unknown authority"},
		{"expired certificate", expired.URL, "/: " + certificate + "expired on " + expired.Certificate().NotAfter.Format(time.DateOnly)},
		{"early certificate", early.URL, "/: " + certificate + "is not valid before " + early.Certificate().NotBefore.Format(time.DateOnly)},
		{"certificate of another host", strings.Replace(tlsServer.URL, "127.0.0.1", "localhost", 1), ", not for localhost"},
		{"no TLS", strings.Replace(srv.URL, "http:", "https:", 1), "/: the server speaks no TLS on this port"},
		{"no TLS, a mail server", "https://" + greeting(t, "* OK ready"), "/: the server speaks no TLS on this port"},
		{"IMAP", "http://" + greeting(t, "* OK IMAP4rev1 ready"), "/: no web server answers there"},
		{"SMTP", "http://" + greeting(t, "220 mail.example.com ESMTP"), "/: no web server answers there"},
		{"SSH", "http://" + greeting(t, "SSH-2.0-Example"), "/: no web server answers there"},
		{"silence", silent.URL, "/: no answer in time"},
		{"plain over the network", "http://cal.example.com/", "plain HTTP"},
		{"web page", page.URL, "no CalDAV server"},
		{"nothing there", empty.URL + "/dav", "no CalDAV server"},
		{"no URL", "cal.example.com", "want https://host/path"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			a := caldav.Account{Name: "home", URL: test.url, User: srv.User, Password: password("open sesame"), Timeout: 10 * time.Second}
			switch test.name {
			case "silence":
				a.Timeout = 50 * time.Millisecond
			case "certificate of another host":
				a.RootCAs = x509.NewCertPool()
				a.RootCAs.AddCert(tlsServer.Certificate())
			}
			_, err := caldav.Dial(t.Context(), a, quiet)
			wantLine(t, err, test.want)
			if strings.HasPrefix(test.want, "/: ") && err != nil && !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("error %q, want it to end with %q", err, test.want)
			}
		})
	}
	for code, want := range map[byte]string{
		3: `account "home": https://cal.example.invalid/: there is no host cal.example.invalid`,
		2: `account "home": https://cal.example.invalid/: host cal.example.invalid cannot be looked up`,
	} {
		t.Run(fmt.Sprintf("name server says %d", code), func(t *testing.T) {
			resolve(t, code)
			a := caldav.Account{Name: "home", URL: "https://cal.example.invalid/", User: srv.User, Password: password("open sesame")}
			_, err := caldav.Dial(t.Context(), a, quiet)
			if err == nil || err.Error() != want {
				t.Errorf("error %v, want %s", err, want)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		ctx, cancel := context.WithCancelCause(t.Context())
		stop := errors.New("stopping")
		cancel(stop)
		a := caldav.Account{Name: "home", URL: srv.URL, User: srv.User, Password: password("open sesame")}
		_, err := caldav.Dial(ctx, a, quiet)
		wantError(t, "Dial()", err, stop)
		wantLine(t, err, "stopping")
	})
	t.Run("trusted certificate", func(t *testing.T) {
		roots := tlsServer.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		a := caldav.Account{Name: "home", URL: tlsServer.URL, User: srv.User, Password: password(srv.Password), RootCAs: roots}
		if _, err := caldav.Dial(t.Context(), a, quiet); err != nil {
			t.Error(err)
		}
	})
	t.Run("user name with a colon", func(t *testing.T) {
		a := caldav.Account{Name: "home", URL: srv.URL, User: "me:too", Password: password("open sesame")}
		_, err := caldav.Dial(t.Context(), a, quiet)
		wantError(t, "Dial()", err, webdav.ErrUserName)
		wantLine(t, err, "the user name holds a colon")
	})
	t.Run("no password", func(t *testing.T) {
		cause := errors.New("the command failed")
		a := caldav.Account{Name: "home", URL: srv.URL, Password: func(context.Context) (string, error) { return "", cause }}
		_, err := caldav.Dial(t.Context(), a, quiet)
		wantError(t, "Dial()", err, cause)
		if errors.Is(err, caldav.ErrAuth) {
			t.Error("a password that could not be read counts as a wrong one")
		}
	})
}

// wantLine wants an error of one line that names the account and the cause.
func wantLine(t *testing.T, err error, want string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	s := err.Error()
	if !strings.HasPrefix(s, `account "home": `) || !strings.Contains(s, want) || strings.Contains(s, "\n") || strings.Contains(s, "sesame") {
		t.Errorf("error %q, want one line with %q", s, want)
	}
}

// Whatever text comes from mail, it is read back as it was written, and adds
// nothing to the object.
func TestTextRoundTrip(t *testing.T) {
	_, s, c := faulty(t, caldavtest.Faults{})
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		d := draft(fmt.Sprintf("syncd-k3v9-rapid-%d", n))
		d.Shape.Summary = rapid.StringOf(awkward).Draw(t, "summary")
		d.Shape.Description = rapid.StringOf(awkward).Draw(t, "description")
		v, err := s.Create(context.Background(), c, d)
		if err != nil {
			t.Fatal(err)
		}
		e, err := s.Read(context.Background(), v.Href)
		if err != nil {
			t.Fatal(err)
		}
		if !caldav.Same(e.Shape, d.Shape) || e.Foreign || e.UID != d.UID {
			t.Fatalf("wrote %+v, read %+v\n%s", d.Shape, e.Shape, e.Raw)
		}
	})
}

var awkward = rapid.OneOf(rapid.RuneFrom([]rune("ab:;,\\\"\n\r\t <>&BEGINVT\u00a0é山👍\u202e\u200b\x00\x1f%=-^'")), rapid.Rune())

func TestDraftsWithoutLength(t *testing.T) {
	_, s, c := faulty(t, caldavtest.Faults{})
	d := draft(uid1)
	d.Shape.End = time.Time{}
	if e := create(t, s, c, d); e.Shape.End.Sub(e.Shape.Start) != 15*time.Minute {
		t.Errorf("length = %v, want 15 minutes", e.Shape.End.Sub(e.Shape.Start))
	}
	d = draft("syncd-k3v9-abcdefghijkmnpqr-2")
	d.Shape.AllDay, d.Shape.End = true, time.Time{}
	if e := create(t, s, c, d); !e.Shape.AllDay || e.Shape.End.Sub(e.Shape.Start) != 24*time.Hour {
		t.Errorf("entry = %+v, want one day", e.Shape)
	}
}

func TestRewriteWithoutAlarm(t *testing.T) {
	_, s, c := faulty(t, caldavtest.Faults{})
	e := create(t, s, c, draft(uid1))
	d := draft(uid1)
	d.Shape.Alarm = false
	v, err := s.Rewrite(t.Context(), e, d)
	if err != nil {
		t.Fatal(err)
	}
	if e, err = s.Read(t.Context(), v.Href); err != nil || e.Shape.Alarm {
		t.Errorf("Read() = %+v, %v, want no alarm", e, err)
	}
}

// An entry that the user moved keeps its time on a rewrite.
func TestRewriteKeepsTime(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	create(t, s, c, draft(uid1))
	raw := srv.Objects("work")[uid1+".ics"]
	raw = strings.NewReplacer("20260513T0900", "20260515T1400", "20260513T0915", "20260515T1415").Replace(raw)
	srv.Store("work", uid1+".ics", raw)
	e, err := s.Read(t.Context(), c.Href+uid1+".ics")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Rewrite(t.Context(), e, draft(uid1)); err != nil {
		t.Fatal(err)
	}
	if e, err = s.Read(t.Context(), e.Href); err != nil || !e.Shape.Start.Equal(time.Date(2026, 5, 15, 14, 0, 0, 0, berlin)) {
		t.Errorf("start = %v, %v", e.Shape.Start, err)
	}
}

// An alarm that mails somebody, as programs set them by themselves, makes an entry
// nobody else's; written again it is not (SPEC I4).
func TestAlarmThatMails(t *testing.T) {
	const alarm = "BEGIN:VALARM\r\nACTION:EMAIL\r\nTRIGGER:-PT1H\r\nSUMMARY:x\r\nDESCRIPTION:x\r\nATTENDEE:mailto:ana@example.com\r\nEND:VALARM\r\n"
	srv, s, c := faulty(t, caldavtest.Faults{})
	e := create(t, s, c, draft(uid1))
	raw := srv.Objects("work")[uid1+".ics"]
	srv.Store("work", uid1+".ics", strings.Replace(raw, "BEGIN:VALARM", alarm+"BEGIN:VALARM", 1))
	e, err := s.Read(t.Context(), e.Href)
	if err != nil || e.Foreign {
		t.Fatalf("Read() = %+v, %v", e, err)
	}
	if _, err := s.Rewrite(t.Context(), e, draft(uid1)); err != nil {
		t.Fatal(err)
	}
	if now := srv.Objects("work")[uid1+".ics"]; strings.Contains(now, "ATTENDEE") || strings.Count(now, "BEGIN:VALARM") != 1 {
		t.Errorf("written as\n%s", now)
	}
}

// What the user made recurring or shared since we read it is not ours to touch.
func TestForeignMeanwhile(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	e := create(t, s, c, draft(uid1))
	raw := srv.Objects("work")[uid1+".ics"]
	for _, line := range []string{"RRULE:FREQ=WEEKLY", "ATTENDEE:mailto:ana@example.com", "ORGANIZER:mailto:me@example.org"} {
		srv.Store("work", uid1+".ics", strings.Replace(raw, "BEGIN:VALARM", line+"\r\nBEGIN:VALARM", 1))
		got, err := s.Read(t.Context(), e.Href)
		if err != nil || !got.Foreign {
			t.Errorf("%s: Read() = %+v, %v, want foreign", line, got, err)
		}
		_, err = s.Rewrite(t.Context(), e, draft(uid1))
		wantError(t, "Rewrite()", err, caldav.ErrChanged)
		wantError(t, "Delete()", s.Delete(t.Context(), e), caldav.ErrChanged)
	}
}

func TestStopsWithContext(t *testing.T) {
	srv, s, c := faulty(t, caldavtest.Faults{})
	srv.Store("work", "a.ics", meetingObject("a@example.com", "20260512", "Lunch"))
	stop := errors.New("shutting down")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	_, err := s.Entries(ctx, c)
	wantError(t, "Entries()", err, stop)
	for _, err := range s.Changes(ctx, c, ledger.Cursor{}, nil, stamp, berlin) {
		wantError(t, "Changes()", err, stop)
	}
}

// What is private is not read, and one instance that is does not come back as
// its series has it.
func TestPrivateIsIgnored(t *testing.T) {
	event := func(uid, class string, lines ...string) string {
		return meetingObject(uid, "20260512", "Talk", append(lines, "CLASS:"+class)...)
	}
	override := "BEGIN:VEVENT\r\nUID:d\r\nRECURRENCE-ID:20260513T120000Z\r\nDTSTART:20260513T150000Z\r\nCLASS:PRIVATE\r\nSUMMARY:Talk\r\nEND:VEVENT\r\nEND:VCALENDAR"
	srv, s, c := faulty(t, caldavtest.Faults{})
	srv.Store("work", "a.ics", event("a", "PRIVATE"))
	srv.Store("work", "b.ics", event("b", "confidential"))
	srv.Store("work", "c.ics", event("c", "PUBLIC"))
	srv.Store("work", "d.ics", strings.Replace(event("d", "PUBLIC", "RRULE:FREQ=DAILY;COUNT=3"), "END:VCALENDAR", override, 1))
	srv.Store("work", "e.ics", event("e", "PRIVATE", "RRULE:FREQ=SECONDLY;COUNT=20000000"))
	b := newBook()
	b.read(t, s, c)
	var got []string
	for _, all := range b.meetings {
		for _, m := range all {
			got = append(got, m.UID+m.Start.Format(" 02 15:04"))
		}
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"c 12 12:00", "d 12 12:00", "d 14 12:00"}, got); diff != "" || len(b.skipped) > 0 {
		t.Errorf("meetings mismatch, skipped %v (-want +got):\n%s", b.skipped, diff)
	}
}
