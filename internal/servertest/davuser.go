package servertest

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// DAVUser is one user of a DAV server.
type DAVUser struct {
	Name     string
	Password string
	URL      string // where discovery starts
	Home     string // the URL of their calendars, with a slash at the end
	Books    string // the URL of their address books, with a slash at the end

	dav    *DAV
	client *http.Client
}

// NewUser makes a user. At Radicale they have no collections; at Xandikos the
// calendar Home+"calendar/" and the address book Books+"addressbook/".
func (d *DAV) NewUser(t testing.TB) *DAVUser {
	t.Helper()
	name := nextUser()
	if err := d.kind.addUser(name); err != nil {
		t.Fatalf("make user %s: %v", name, err)
	}
	// The harness itself does not judge certificates: that is the tests' part.
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(transport.CloseIdleConnections)
	return &DAVUser{
		Name: name, Password: Password(name), URL: d.URL,
		Home: d.origin + d.kind.home(name), Books: d.origin + d.kind.books(name),
		dav: d, client: &http.Client{Transport: transport},
	}
}

// Requests are the requests that clients made as this user, in the order of their
// answers; those of DAVUser's own methods are left out.
func (u *DAVUser) Requests() []Request { return u.dav.front.of(u.Name) }

// Writes are those of Requests that may have changed something, as "PUT /path".
func (u *DAVUser) Writes() []string {
	var list []string
	for _, r := range u.Requests() {
		if !slices.Contains([]string{"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT"}, r.Method) {
			list = append(list, r.Method+" "+r.Path)
		}
	}
	return list
}

// Log is what the server behind the recorder logged so far. Radicale's is for all
// its users.
func (u *DAVUser) Log() string { return u.dav.kind.output(u.Name) }

// Group is the process group of the server behind the recorder, to measure what
// it takes.
func (u *DAVUser) Group() int { return u.dav.kind.group(u.Name) }

// MakeCalendar makes a calendar for events and returns its URL.
func (u *DAVUser) MakeCalendar(t testing.TB, name string) string {
	t.Helper()
	const body = `<C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop>` +
		`<displayname>%s</displayname><C:supported-calendar-component-set><C:comp name="VEVENT"/>` +
		`</C:supported-calendar-component-set></prop></set></C:mkcalendar>`
	target := u.Home + name + "/"
	u.do(t, "MKCALENDAR", target, "application/xml", fmt.Sprintf(body, name))
	return target
}

// MakeAddressBook makes an address book (RFC 6352 section 6.3.1) and returns its URL.
func (u *DAVUser) MakeAddressBook(t testing.TB, name string) string {
	t.Helper()
	const body = `<mkcol xmlns="DAV:" xmlns:R="urn:ietf:params:xml:ns:carddav"><set><prop><resourcetype>` +
		`<collection/><R:addressbook/></resourcetype><displayname>%s</displayname></prop></set></mkcol>`
	target := u.Books + name + "/"
	u.do(t, "MKCOL", target, "application/xml", fmt.Sprintf(body, name))
	return target
}

// Put writes an object as the user would from another program. Its media type
// follows the name: .vcf is a card, all else an event.
func (u *DAVUser) Put(t testing.TB, target, body string) {
	t.Helper()
	media := "text/calendar; charset=utf-8"
	if strings.HasSuffix(target, ".vcf") {
		media = "text/vcard; charset=utf-8"
	}
	u.do(t, http.MethodPut, target, media, body)
}

// Get reads an object; ok is false where there is none.
func (u *DAVUser) Get(t testing.TB, target string) (body string, ok bool) {
	t.Helper()
	status, body := u.send(t, http.MethodGet, target, "", "")
	if status == http.StatusNotFound || status == http.StatusGone {
		return "", false
	}
	if status != http.StatusOK {
		t.Fatalf("GET %s: %d\n%s", target, status, body)
	}
	return body, true
}

// Delete removes an object or a whole collection as the user would.
func (u *DAVUser) Delete(t testing.TB, target string) {
	t.Helper()
	u.do(t, http.MethodDelete, target, "", "")
}

func (u *DAVUser) do(t testing.TB, method, target, media, body string) {
	t.Helper()
	if status, answer := u.send(t, method, target, media, body); status < 200 || status > 299 {
		t.Fatalf("%s %s: %d\n%s", method, target, status, answer)
	}
}

func (u *DAVUser) send(t testing.TB, method, target, media, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(u.Name, u.Password)
	r.Header.Set("User-Agent", ownTag)
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	answer, err := u.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}
