package webdav_test

import (
	"bufio"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/webdav"
)

const caldav = "urn:ietf:params:xml:ns:caldav"

var calendarData = xml.Name{Space: caldav, Local: "calendar-data"}

// multistatus serves a body and reads it back.
func multistatus(t *testing.T, body io.Reader, f func(webdav.Response) error) (webdav.Answer, error) {
	t.Helper()
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != "REPORT" || r.Header.Get("Depth") != "1" || r.Header.Get("Content-Type") != "application/xml; charset=utf-8" {
			t.Errorf("%s %v", r.Method, r.Header)
		}
		w.WriteHeader(http.StatusMultiStatus)
		_, _ = io.Copy(w, body)
	})
	return c.Report(t.Context(), "", "1", []byte("<x/>"), f)
}

func collect(t *testing.T, body string) ([]webdav.Response, webdav.Answer, error) {
	t.Helper()
	var list []webdav.Response
	a, err := multistatus(t, strings.NewReader(body), func(r webdav.Response) error {
		list = append(list, r)
		return nil
	})
	return list, a, err
}

func TestMultistatus(t *testing.T) {
	list, a, err := collect(t, `<?xml version="1.0" encoding="iso-8859-1"?>
<D:multistatus xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">
 <D:response><D:href>
   /dav/a%2Fb%40x.ics
 </D:href><D:propstat><D:prop><D:getetag> W/"1" </D:getetag><C:calendar-data>BEGIN:VCALENDAR
SUMMARY:a &amp; b &#8;`+"\x01caf\xe9 \xc3\xa9 &unknown; \u00fe"+`
END:VCALENDAR
</C:calendar-data></D:prop><D:status>HTTP/1.1 200</D:status></D:propstat>
  <D:propstat><D:prop><D:displayname/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>
 <D:response><D:href>/dav/gone.ics</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>
 <D:response><D:href>/dav/</D:href><D:status>HTTP/1.1 507 Insufficient Storage</D:status><D:error><D:number-of-matches-within-limits/></D:error></D:response>
 <D:response><D:href>/dav/1</D:href><D:href>/dav/2</D:href><D:status>HTTP/1.1 423 Locked</D:status></D:response>
 <D:response><D:href>/dav/100%.ics</D:href><D:propstat><D:prop><D:getetag>unquoted</D:getetag></D:prop></D:propstat></D:response>
 <D:response><D:status>HTTP/1.1 200 OK</D:status></D:response>
 <X:unknown xmlns:X="x"><X:y/></X:unknown>
 <D:sync-token> http://example.com/sync/7 </D:sync-token>
</D:multistatus>`)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range list {
		got = append(got, fmt.Sprintf("%s %d %s %q %v", r.Href, r.Status, r.Condition, r.ETag(), r.Missing[webdav.DisplayName]))
	}
	want := []string{
		`/dav/a%2Fb%40x.ics 0  "W/\"1\"" 404`,
		`/dav/gone.ics 404  "" 0`,
		`/dav/ 507 number-of-matches-within-limits "" 0`,
		`/dav/1 423  "" 0`,
		`/dav/2 423  "" 0`,
		`/dav/100%.ics 0  "unquoted" 0`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("responses (-want +got):\n%s", diff)
	}
	if got, want := list[0].Raw(calendarData), "BEGIN:VCALENDAR\nSUMMARY:a & b   café é &unknown; þ\nEND:VCALENDAR\n"; got != want {
		t.Errorf("calendar-data %q, want %q", got, want)
	}
	if want := "http://example.com/sync/7"; a.SyncToken != want || a.Date.IsZero() || a.URL.Path != "/dav/" {
		t.Errorf("answer %+v, want the token %s", a, want)
	}
}

func TestStructuredProperties(t *testing.T) {
	list, _, err := collect(t, `<multistatus xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><response><href>/</href><propstat><prop>
<resourcetype><collection/><C:calendar/></resourcetype>
<C:calendar-home-set><href>/a/</href><href> https://p1.example.com/b/ </href></C:calendar-home-set>
<C:supported-calendar-component-set><C:comp name="vevent"/><C:comp name="VTODO"/></C:supported-calendar-component-set>
<current-user-privilege-set><privilege><read/></privilege><privilege><write-content/><bind/></privilege></current-user-privilege-set>
<supported-report-set><supported-report><report><sync-collection/></report></supported-report><report><C:calendar-query/></report><C:calendar-multiget/></supported-report-set>
</prop><status>HTTP/1.1 200 OK</status></propstat></response></multistatus>`)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d responses, %v", len(list), err)
	}
	r := list[0]
	dav := func(s string) xml.Name { return xml.Name{Space: "DAV:", Local: s} }
	cal := func(s string) xml.Name { return xml.Name{Space: caldav, Local: s} }
	privileges, ok := r.Privileges()
	got := []any{
		r.IsA(cal("calendar")), r.IsA(cal("schedule-inbox")), r.Elements(webdav.ResourceType), r.Hrefs(cal("calendar-home-set")),
		r.Components(cal("supported-calendar-component-set")), privileges, ok, r.Reports(),
	}
	want := []any{
		true, false,
		[]xml.Name{dav("collection"), cal("calendar")},
		[]string{"/a/", "https://p1.example.com/b/"},
		[]string{"VEVENT", "VTODO"},
		[]xml.Name{dav("read"), dav("write-content"), dav("bind")},
		true,
		[]xml.Name{cal("calendar-multiget"), cal("calendar-query"), dav("sync-collection")},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	var none webdav.Response
	if _, ok := none.Privileges(); ok || none.Reports() != nil || none.IsA(cal("calendar")) || none.Text(webdav.GetETag) != "" || none.Hrefs(webdav.ResourceType) != nil {
		t.Error("a response without properties has some")
	}
}

func TestPropfindBody(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		want := xml.Header + `<propfind xmlns="DAV:"><prop><getetag xmlns="DAV:"/><calendar-data xmlns="urn:ietf:params:xml:ns:caldav"/></prop></propfind>`
		if r.Method != "PROPFIND" || string(body) != want {
			t.Errorf("%s %s\nwant %s", r.Method, body, want)
		}
		w.WriteHeader(http.StatusMultiStatus)
		_, _ = io.WriteString(w, `<multistatus xmlns="DAV:"/>`)
	})
	if _, err := c.Propfind(t.Context(), "", "0", []xml.Name{webdav.GetETag, calendarData}, nil); err != nil {
		t.Error(err)
	}
}

func TestHostileMultistatus(t *testing.T) {
	const open = `<multistatus xmlns="DAV:">`
	tests := map[string]struct {
		body io.Reader
		want error
	}{
		"nesting":    {io.LimitReader(repeat(open+"<response>", "<a>"), 64<<20), webdav.ErrMalformed},
		"entities":   {strings.NewReader(`<!DOCTYPE m [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>` + open + `<response><href>&b;</href></response></multistatus>`), webdav.ErrMalformed},
		"long text":  {io.LimitReader(repeat(open+"<response><href>", "a"), 64<<20), webdav.ErrTooLarge},
		"long name":  {io.LimitReader(repeat(open+"<", "a"), 64<<20), webdav.ErrTooLarge},
		"attributes": {io.LimitReader(repeat(open+"<response ", `a="b" `), 64<<20), webdav.ErrTooLarge},
		"comment":    {io.LimitReader(repeat(open+"<!--", "a"), 64<<20), webdav.ErrTooLarge},
		"siblings":   {io.LimitReader(repeat(open+"<response>", "<a/>"), 64<<20), webdav.ErrTooLarge},
		"web page":   {strings.NewReader("<html><body>Log in</body></html>"), webdav.ErrMalformed},
		"no XML":     {strings.NewReader("sorry"), io.ErrUnexpectedEOF},
		"empty":      {strings.NewReader(""), io.ErrUnexpectedEOF},
		"cut off":    {strings.NewReader(open + "<response><href>/a</href></response>"), webdav.ErrMalformed},
		"cut inside": {strings.NewReader(open + "<response><href>/a</hr"), webdav.ErrMalformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := multistatus(t, test.body, func(webdav.Response) error { return nil })
			if !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

// repeat reads as head and then tail for ever.
func repeat(head, tail string) io.Reader {
	return io.MultiReader(strings.NewReader(head), &endless{text: []byte(strings.Repeat(tail, 1000))})
}

type endless struct {
	text []byte
	at   int
}

func (e *endless) Read(p []byte) (int, error) {
	n := copy(p, e.text[e.at:])
	e.at = (e.at + n) % len(e.text)
	return n, nil
}

// A long answer is read in little memory, response by response.
func TestMultistatusStreams(t *testing.T) {
	const responses = 1000
	one := `<response><href>/x</href><propstat><prop><calendar-data xmlns="` + caldav + `">` + strings.Repeat("a", 40_000) + `</calendar-data></prop><status>HTTP/1.1 200 OK</status></propstat></response>`
	parts := []io.Reader{strings.NewReader(`<multistatus xmlns="DAV:">`)}
	for range responses {
		parts = append(parts, strings.NewReader(one))
	}
	parts = append(parts, strings.NewReader(`</multistatus>`))
	seen, peak := 0, uint64(0)
	_, err := multistatus(t, io.MultiReader(parts...), func(r webdav.Response) error {
		if seen++; seen%250 == 0 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			peak = max(peak, m.HeapAlloc)
		}
		if n := len(r.Raw(calendarData)); n != 40_000 {
			t.Fatalf("%d octets", n)
		}
		return nil
	})
	if err != nil || seen != responses {
		t.Errorf("%d responses, %v", seen, err)
	}
	if peak > 20<<20 {
		t.Errorf("%d MiB in use while reading %d MiB", peak>>20, responses*40_000>>20)
	}
}

func TestMultistatusCallback(t *testing.T) {
	stop := errors.New("enough")
	_, err := multistatus(t, strings.NewReader(`<multistatus xmlns="DAV:"><response><href>/a</href></response><response><href>/b</href></response></multistatus>`),
		func(webdav.Response) error { return stop })
	if err != stop { //nolint:errorlint // exactly what the callback returned
		t.Errorf("%v, want %v itself", err, stop)
	}
	c := serve(t, func(http.ResponseWriter, *http.Request) {})
	if _, err := c.Report(t.Context(), "", "1", nil, nil); !errors.Is(err, webdav.ErrMalformed) {
		t.Errorf("200 instead of 207: %v, want ErrMalformed", err)
	}
}

func FuzzMultistatus(f *testing.F) {
	f.Add([]byte(`<multistatus xmlns="DAV:"><response><href>/a</href><propstat><prop><getetag>"1"</getetag></prop><status>HTTP/1.1 200 OK</status></propstat></response><sync-token>1</sync-token></multistatus>`))
	f.Add([]byte("<D:multistatus xmlns:D=\"DAV:\"><D:response><D:href>\xff&#0;&#x10ffff;&amp</D:href>"))
	f.Fuzz(func(t *testing.T, body []byte) {
		c := client(t, "http://localhost/", canned(body))
		_, _ = c.Report(t.Context(), "", "1", nil, func(r webdav.Response) error {
			_, _ = r.Privileges()
			_, _, _ = r.Reports(), r.Hrefs(webdav.ResourceType), r.ETag()
			if _, err := c.Resolve(r.Href); err == nil && strings.TrimSpace(r.Href) != r.Href {
				t.Errorf("href %q", r.Href)
			}
			return nil
		})
	})
}

// canned answers the one request of a connection with a multistatus.
func canned(body []byte) webdav.Options {
	return webdav.Options{Dial: func(context.Context, string, string) (net.Conn, error) {
		mine, theirs := net.Pipe()
		go func() {
			defer mine.Close()
			req, err := http.ReadRequest(bufio.NewReader(mine))
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = fmt.Fprintf(mine, "HTTP/1.1 207 Multi-Status\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", len(body))
			_, _ = mine.Write(body)
		}()
		return theirs, nil
	}}
}
