package webdav_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	gowebdav "github.com/emersion/go-webdav"
	"github.com/google/go-cmp/cmp"

	"syncd/internal/webdav"
)

// serve starts a server on loopback and a client for it.
func serve(t *testing.T, h http.HandlerFunc) *webdav.Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return client(t, s.URL+"/dav/", webdav.Options{Authorize: webdav.Basic("alice", "secret")})
}

func client(t *testing.T, base string, o webdav.Options) *webdav.Client {
	t.Helper()
	c, err := webdav.New(base, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// library is go-webdav on a client. What is its own of an address does not
// count: At says where a request goes.
func library(c *webdav.Client) *gowebdav.Client {
	l, err := gowebdav.NewClient(c, "https://example.invalid/")
	if err != nil {
		panic(err)
	}
	return l
}

func get(ctx context.Context, c *webdav.Client, ref string) ([]byte, webdav.Answer, error) {
	var a webdav.Answer
	body, err := library(c).Open(webdav.At(ctx, ref, &a), "not/here")
	if err != nil {
		return nil, a, err
	}
	defer body.Close()
	data, err := io.ReadAll(body)
	return data, a, err
}

func put(ctx context.Context, c *webdav.Client, ref string, data []byte) (webdav.Answer, error) {
	var a webdav.Answer
	w, err := library(c).Create(webdav.At(ctx, ref, &a), "not/here")
	if err != nil {
		return a, err
	}
	if _, err := w.Write(data); err != nil {
		return a, err
	}
	err = w.Close()
	return a, err
}

func remove(ctx context.Context, c *webdav.Client, ref string) error {
	return library(c).RemoveAll(webdav.At(ctx, ref, &webdav.Answer{}), "not/here")
}

// quiet swallows what a server says about refused handshakes.
var quiet = log.New(io.Discard, "", 0)

// internet starts a TLS server that stands for every https host, and returns
// options that reach it. Its certificate is for example.com.
func internet(t *testing.T, h http.HandlerFunc) webdav.Options {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = quiet
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return webdav.Options{
		Authorize: webdav.Basic("alice", "secret"),
		TLS:       &tls.Config{RootCAs: roots},
		Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, s.Listener.Addr().String())
		},
	}
}

func TestNewRefuses(t *testing.T) {
	for base, want := range map[string]error{
		"http://example.com/":          webdav.ErrInsecure,
		"ftp://example.com/":           nil,
		"example.com":                  nil,
		"https://al:pw@example.com/":   nil,
		"http://127.0.0.1.example.com": webdav.ErrInsecure,
	} {
		_, err := webdav.New(base, webdav.Options{})
		if err == nil || want != nil && !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", base, err, want)
		}
		if err != nil && strings.Contains(err.Error(), "pw") {
			t.Errorf("%s: %v holds a secret", base, err)
		}
	}
}

func TestRequestHeaders(t *testing.T) {
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, ok := r.BasicAuth()
		if !ok || user != "alice" || password != "secret" || r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("headers %v", r.Header)
		}
		w.Header().Set("ETag", ` W/"1" `)
		w.Header().Set("Date", "Mon, 02 Mar 2026 10:00:00 GMT")
		_, _ = io.WriteString(w, "BEGIN:VCALENDAR")
	})
	body, a, err := get(t.Context(), c, "a%2Fb%40c.ics")
	if err != nil {
		t.Fatal(err)
	}
	got := []string{string(body), a.ETag, a.URL.EscapedPath(), a.Date.Format(time.RFC3339)}
	want := []string{"BEGIN:VCALENDAR", `W/"1"`, "/dav/a%2Fb%40c.ics", "2026-03-02T10:00:00Z"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Get() (-want +got):\n%s", diff)
	}
}

// The example of RFC 7617 section 2, one in UTF-8 of section 2.1, a user name
// that cannot be sent, and a password that could not be had.
func TestAuthorize(t *testing.T) {
	for _, test := range []struct{ user, password, want string }{
		{"Aladdin", "open sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
		{"test", "123\u00A3", "Basic dGVzdDoxMjPCow=="},
	} {
		if got, err := webdav.Basic(test.user, test.password)(t.Context()); err != nil || got != test.want {
			t.Errorf("Basic() = %q, %v; want %q", got, err, test.want)
		}
	}
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was made") }))
	defer s.Close()
	failure := errors.New("no password")
	for want, a := range map[error]webdav.Authorizer{
		webdav.ErrUserName: webdav.Basic("alice:b", "secret"),
		failure:            func(context.Context) (string, error) { return "", failure },
	} {
		err := remove(t.Context(), client(t, s.URL, webdav.Options{Authorize: a}), "/x")
		if !errors.Is(err, want) || strings.Contains(err.Error(), "alice") || strings.Contains(err.Error(), "secret") {
			t.Errorf("%v, want %v", err, want)
		}
	}
}

// All five redirects keep method, body and preconditions: RFC 9110 section
// 15.4 lets clients turn some into GET, which no DAV server means.
func TestRedirectKeepsMethod(t *testing.T) {
	for _, code := range []int{301, 302, 303, 307, 308} {
		var got []string
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got = append(got, r.Method+" "+r.URL.EscapedPath()+" "+string(body)+" "+r.Header.Get("If-Match"))
			if r.URL.Path == "/dav/old" {
				w.Header().Set("Location", "new%2F1")
				w.WriteHeader(code)
				return
			}
			w.Header().Set("ETag", `"2"`)
			w.WriteHeader(http.StatusCreated)
		})
		a, err := put(webdav.IfMatch(t.Context(), `"1"`), c, "old", []byte("x"))
		if err != nil || a.ETag != `"2"` || a.URL.EscapedPath() != "/dav/new%2F1" {
			t.Errorf("%d: %v, %v", code, a, err)
		}
		if diff := cmp.Diff([]string{`PUT /dav/old x "1"`, `PUT /dav/new%2F1 x "1"`}, got); diff != "" {
			t.Errorf("%d: requests (-want +got):\n%s", code, diff)
		}
	}
}

// I2: a redirect does not take a write out of the collection it is for, while
// what reads goes anywhere on the host.
func TestRedirectedWrites(t *testing.T) {
	const from = "/cal/my%20work/a.ics"
	for location, follow := range map[string]bool{
		"b.ics":                                        true,
		"/cal/my%20work/b.ics":                         true,
		"/c%61l/my%20work/a.ics":                       true, // another spelling
		"/cal/my%20work/sub/../c.ics":                  true,
		"/cal/my%20work/":                              false, // the collection itself
		"/cal/my%20work":                               false,
		"/cal/private/a.ics":                           false,
		"../private/a.ics":                             false,
		"/cal/my%20work/sub/a.ics":                     false,
		"/cal/my%20work/../private/a.ics":              false,
		"/cal/my%20work/%2e%2e":                        false,
		"/cal/my%20work/..%2Fprivate%2Fa":              false,
		"/cal/my%20work/x%2F..%2F..%2Fp.i":             false,
		"/cal%2Fmy%20work/a.ics":                       false,
		"/":                                            false,
		"https://example.com:8443/cal/my%20work/a.ics": false, // another server of the same domain
		"https://www.example.com/cal/my%20work/a.ics":  false,
	} {
		var got []string
		c := client(t, "https://example.com/", internet(t, func(w http.ResponseWriter, r *http.Request) {
			got = append(got, r.Method)
			if len(got) == 1 {
				w.Header().Set("Location", location)
				w.WriteHeader(http.StatusTemporaryRedirect)
			}
		}))
		for method, f := range map[string]func() error{
			"PUT":        func() error { _, err := put(t.Context(), c, from, []byte("x")); return err },
			"DELETE":     func() error { return remove(t.Context(), c, from) },
			"MKCALENDAR": func() error { return c.Mkcalendar(t.Context(), from, "x") },
			"GET":        func() error { _, _, err := get(t.Context(), c, from); return err },
		} {
			got = nil
			err := f()
			want := []string{method, method}
			if !follow && method != "GET" {
				want = want[:1]
			}
			if diff := cmp.Diff(want, got); diff != "" || errors.Is(err, webdav.ErrRedirected) != (len(want) == 1) {
				t.Errorf("%s to %s: %v, requests (-want +got):\n%s", method, location, err, diff)
			}
		}
	}
	// A collection may be asked for with and without its slash.
	made := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if made++; !strings.HasSuffix(r.URL.Path, "/") {
			w.Header().Set("Location", r.URL.Path+"/")
			w.WriteHeader(http.StatusMovedPermanently)
		}
	})
	if err := c.Mkcalendar(t.Context(), "new", "x"); err != nil || made != 2 {
		t.Errorf("MKCALENDAR: %v after %d requests", err, made)
	}
}

func TestRedirectLimits(t *testing.T) {
	hops := 0
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		hops++
		w.Header().Set("Location", "/dav/again")
		w.WriteHeader(http.StatusFound)
	})
	if _, _, err := get(t.Context(), c, ""); !errors.Is(err, webdav.ErrMalformed) || hops != 6 {
		t.Errorf("%v after %d requests, want ErrMalformed after 6", err, hops)
	}
	nowhere := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMovedPermanently) })
	if _, _, err := get(t.Context(), nowhere, ""); !errors.Is(err, webdav.ErrMalformed) {
		t.Errorf("no Location: %v", err)
	}
}

// Credentials follow a redirect inside the registrable domain, and nowhere else.
func TestRedirectHosts(t *testing.T) {
	tests := []struct {
		base, location string
		hosts          []string
		want           error
	}{
		{"https://example.com/", "https://p12-caldav.example.com/x", nil, nil},
		{"https://caldav.example.com/", "https://p12-caldav.example.com/x", nil, nil},
		{"https://example.com/", "https://example.com:8443/x", nil, nil},
		{"https://example.com/", "https://example.org/x", nil, webdav.ErrForeignHost},
		{"https://example.com/", "//caldav.example.com/x", nil, nil},
		{"https://example.com/", "//example.org/x", nil, webdav.ErrForeignHost},
		{"https://example.com/", "https://example.com.evil.example.org/x", nil, webdav.ErrForeignHost},
		{"https://a.github.io/", "https://b.github.io/x", []string{}, webdav.ErrForeignHost}, // a public suffix
		{"https://example.com/", "https://127.0.0.1/x", nil, webdav.ErrForeignHost},
		{"https://example.com/", "http://example.com/x", nil, webdav.ErrInsecure},
		{"https://example.com/", "http://localhost/x", nil, webdav.ErrInsecure},
		{"https://example.com/", "ftp://example.com/x", nil, webdav.ErrInsecure},
		{"https://example.com/", "https://mallory:pw@example.com/x", nil, nil}, // the user name is dropped
		{"https://caldav.example.com/", "https://www.example.com/x", []string{"www.example.com"}, nil},
	}
	for _, test := range tests {
		var seen []string
		o := internet(t, func(w http.ResponseWriter, r *http.Request) {
			if user, _, _ := r.BasicAuth(); user != "alice" {
				t.Errorf("%s: user %q", test.location, user)
			}
			seen = append(seen, r.Host+r.URL.Path)
			if r.URL.Path != "/x" {
				w.Header().Set("Location", test.location)
				w.WriteHeader(http.StatusFound)
			}
		})
		o.Hosts = test.hosts
		o.TLS.ServerName = "example.com" // whatever the host, so that only our rule decides
		c := client(t, test.base, o)
		_, _, err := get(t.Context(), c, "")
		if !errors.Is(err, test.want) || (err == nil) != (len(seen) == 2) {
			t.Errorf("%s to %s: %v, seen %v; want %v", test.base, test.location, err, seen, test.want)
		}
	}
}

// A port on this machine may be another person's, and hrefs are no licence either.
func TestForeignHref(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("asked the other server") }))
	defer other.Close()
	c := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	for _, ref := range []string{other.URL + "/x", "https://example.org/x"} {
		if _, _, err := get(t.Context(), c, ref); !errors.Is(err, webdav.ErrForeignHost) {
			t.Errorf("%s: %v, want ErrForeignHost", ref, err)
		}
	}
}

func TestTLS(t *testing.T) {
	o := internet(t, func(http.ResponseWriter, *http.Request) {})
	if err := remove(t.Context(), client(t, "https://example.com/", o), "x"); err != nil {
		t.Errorf("with the CA: %v", err)
	}
	if err := remove(t.Context(), client(t, "https://example.net/", o), "x"); err == nil {
		t.Error("a certificate for another name is taken")
	}
	o.TLS = nil
	err := remove(t.Context(), client(t, "https://example.com/", o), "x")
	if e := (*tls.CertificateVerificationError)(nil); !errors.As(err, &e) {
		t.Errorf("without the CA: %v, want a certificate error", err)
	}
	old := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	old.Config.ErrorLog = quiet
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.StartTLS()
	defer old.Close()
	roots := x509.NewCertPool()
	roots.AddCert(old.Certificate())
	c := client(t, old.URL, webdav.Options{TLS: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10}})
	if err := remove(t.Context(), c, "x"); err == nil {
		t.Error("TLS 1.1 is taken")
	}
}

func TestResolve(t *testing.T) {
	c := client(t, "https://example.com/dav.php/", webdav.Options{})
	for ref, want := range map[string]string{
		"":                             "https://example.com/dav.php/",
		"a%2Fb.ics":                    "https://example.com/dav.php/a%2Fb.ics",
		"/x/%40me/":                    "https://example.com/x/%40me/",
		" \n/x ":                       "https://example.com/x",
		"//calendars//a":               "https://example.com/calendars//a",
		"/100%.ics":                    "https://example.com/100%25.ics",
		"/a b é.ics":                   "https://example.com/a%20b%20%C3%A9.ics",
		"https://u:p@sub.example.com/": "https://sub.example.com/",
		"/x#y":                         "https://example.com/x",
	} {
		u, err := c.Resolve(ref)
		if err != nil || u.String() != want {
			t.Errorf("%q: %v, %v; want %s", ref, u, err, want)
		}
	}
}

func TestStatusErrors(t *testing.T) {
	const body = `<?xml version="1.0"?><d:error xmlns:d="DAV:"><d:valid-sync-token/></d:error>`
	tests := []struct {
		code      int
		body      string
		header    http.Header
		want      error
		condition string
		retry     time.Duration
	}{
		{code: 412, want: webdav.ErrChanged},
		{code: 404, want: webdav.ErrNotFound},
		{code: 410, want: webdav.ErrNotFound},
		{code: 401, want: webdav.ErrUnauthorized},
		{code: 403, body: body, want: webdav.ErrForbidden, condition: "valid-sync-token"},
		{code: 405, want: webdav.ErrNoSupport},
		{code: 501, body: "<html><error/></html>", want: webdav.ErrNoSupport},
		{code: 503, header: http.Header{"Retry-After": {"120"}}, retry: 2 * time.Minute},
		{code: 429, header: http.Header{"Retry-After": {"soon"}}},
		{code: 429, header: http.Header{"Retry-After": {"99999999"}}, retry: 24 * time.Hour},
		{code: 503, header: http.Header{"Retry-After": {"Mon, 02 Mar 2026 10:05:00 GMT"}, "Date": {"Mon, 02 Mar 2026 10:00:00 GMT"}}, retry: 5 * time.Minute},
		{code: 500, body: strings.Repeat("<a>", 100_000)},
	}
	sentinels := []error{webdav.ErrChanged, webdav.ErrNotFound, webdav.ErrUnauthorized, webdav.ErrForbidden, webdav.ErrNoSupport}
	for _, test := range tests {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			maps.Copy(w.Header(), test.header)
			w.WriteHeader(test.code)
			_, _ = io.WriteString(w, test.body)
		})
		_, _, err := get(t.Context(), c, "x")
		var got *webdav.StatusError
		if !errors.As(err, &got) {
			t.Errorf("%d: %v", test.code, err)
			continue
		}
		want := webdav.StatusError{Method: "GET", Path: "/dav/x", Code: test.code, Condition: test.condition, RetryAfter: test.retry}
		if diff := cmp.Diff(want, *got); diff != "" {
			t.Errorf("%d (-want +got):\n%s", test.code, diff)
		}
		for _, s := range sentinels {
			if errors.Is(err, s) != errors.Is(test.want, s) {
				t.Errorf("%d: errors.Is(%v) is %v", test.code, s, errors.Is(err, s))
			}
		}
	}
	err := &webdav.StatusError{Method: "PUT", Path: "/a", Code: 412, Condition: "no-conflict"}
	if got, want := err.Error(), "PUT /a: 412 Precondition Failed (no-conflict)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestPreconditions(t *testing.T) {
	asked := 0
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.Header.Get("If-None-Match") == "*" || r.Header.Get("If-Match") == "old" {
			w.WriteHeader(http.StatusPreconditionFailed)
		}
	})
	ctx := t.Context()
	if _, err := put(webdav.IfNoneMatchAny(ctx), c, "x", nil); !errors.Is(err, webdav.ErrChanged) {
		t.Errorf("create: %v, want ErrChanged", err)
	}
	if err := remove(webdav.IfMatch(ctx, "old"), c, "x"); !errors.Is(err, webdav.ErrChanged) {
		t.Errorf("an unquoted ETag is sent as it is: %v, want ErrChanged", err)
	}
	asked = 0
	for _, etag := range []string{"", `W/"1"`} {
		if _, err := put(webdav.IfMatch(ctx, etag), c, "x", nil); !errors.Is(err, webdav.ErrWeakETag) || asked != 0 {
			t.Errorf("ETag %q: %v, want ErrWeakETag and no request", etag, err)
		}
	}
}

func TestGetLimits(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"declared": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", strconv.Itoa(webdav.MaxObject+1))
		},
		"endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<16)); err != nil {
					return
				}
			}
		},
	} {
		if _, _, err := get(t.Context(), serve(t, h), "x"); !errors.Is(err, webdav.ErrTooLarge) {
			t.Errorf("%s: %v, want ErrTooLarge", name, err)
		}
	}
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Encoding", "gzip") })
	if _, _, err := get(t.Context(), c, "x"); !errors.Is(err, webdav.ErrMalformed) {
		t.Errorf("content encoding: %v, want ErrMalformed", err)
	}
	cut := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "half")
	})
	if _, _, err := get(t.Context(), cut, "x"); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("cut off: %v, want an unexpected EOF", err)
	}
}

func TestContextCause(t *testing.T) {
	stop := errors.New("stop")
	ctx, cancel := context.WithCancelCause(t.Context())
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel(stop)
		<-r.Context().Done()
	})
	if _, _, err := get(ctx, c, "x"); !errors.Is(err, stop) {
		t.Errorf("%v, want the cause", err)
	}
}

// An error of the network names the operation, but neither host nor secrets.
func TestNetworkError(t *testing.T) {
	broken := errors.New("broken wire")
	c := client(t, "https://example.com/", webdav.Options{
		Authorize: webdav.Basic("alice", "secret"),
		Dial:      func(context.Context, string, string) (net.Conn, error) { return nil, broken },
	})
	_, _, err := get(t.Context(), c, "x?token=abc")
	if got, want := err.Error(), "GET /x: broken wire"; !errors.Is(err, broken) || got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestMkcalendar(t *testing.T) {
	var body string
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body = r.Method + " " + string(b)
	})
	if err := c.Mkcalendar(t.Context(), "new/", `A & <B>`); err != nil {
		t.Fatal(err)
	}
	if want := "MKCALENDAR " + xml.Header + `<C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><displayname>A &amp; &lt;B&gt;</displayname>` +
		`<C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set></prop></set></C:mkcalendar>`; body != want {
		t.Errorf("got %s\nwant %s", body, want)
	}
}

// Xandikos answers a refused PUT with 207.
func TestRefusedInside207(t *testing.T) {
	body := ""
	c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusMultiStatus)
		_, _ = io.WriteString(w, body)
	})
	body = `<multistatus xmlns="DAV:"><response><href>/x</href><status>HTTP/1.1 412 Precondition Failed</status><error><no-uid-conflict/></error></response></multistatus>`
	_, err := put(t.Context(), c, "x", nil)
	var got *webdav.StatusError
	if !errors.Is(err, webdav.ErrChanged) || !errors.As(err, &got) || got.Condition != "no-uid-conflict" {
		t.Errorf("%v, want ErrChanged with its condition", err)
	}
	body = `<multistatus xmlns="DAV:"><response><href>/x</href><propstat><prop><displayname/></prop><status>HTTP/1.1 403</status></propstat></response></multistatus>`
	if err := c.Mkcalendar(t.Context(), "x", "y"); !errors.Is(err, webdav.ErrForbidden) {
		t.Errorf("%v, want ErrForbidden", err)
	}
	body = `<multistatus xmlns="DAV:"/>`
	if err := remove(t.Context(), c, "x"); err != nil {
		t.Errorf("nothing refused: %v", err)
	}
	body = `<multistatus xmlns="DAV:">`
	if err := remove(t.Context(), c, "x"); err == nil {
		t.Error("a cut answer is taken for a yes")
	}
}
