package webdav_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	gowebdav "github.com/emersion/go-webdav"
	gocaldav "github.com/emersion/go-webdav/caldav"
	"github.com/google/go-cmp/cmp"

	"syncd/internal/webdav"
)

// A request goes where At says, in that spelling; else where the library says.
func TestAt(t *testing.T) {
	var got []string
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) { got = append(got, r.Method+" "+r.RequestURI) })
	for _, ref := range []string{"/dav/a%2Fb%40c.ics", "//dav//d.ics", "/dav/50%.ics", "e f.ics"} {
		if err := remove(t.Context(), c, ref); err != nil {
			t.Errorf("%s: %v", ref, err)
		}
	}
	l, err := gowebdav.NewClient(c, c.Base().String())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.RemoveAll(t.Context(), "g.ics"); err != nil {
		t.Error(err)
	}
	want := []string{
		"DELETE /dav/a%2Fb%40c.ics", "DELETE /dav//d.ics", "DELETE /dav/50%25.ics", "DELETE /dav/e%20f.ics", "DELETE /dav/g.ics",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestPutType(t *testing.T) {
	var got []string
	c := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = append(got, r.Header.Get("Content-Type")+" "+string(body))
	})
	if _, err := put(t.Context(), c, "x", []byte("one")); err != nil {
		t.Error(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, c.Base().String(), strings.NewReader("two"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "text/vcard")
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if diff := cmp.Diff([]string{"text/calendar; charset=utf-8 one", "text/vcard two"}, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

// go-webdav reports a PUT as failed whose answer has an ETag that it cannot
// unquote, though the object is there.
func TestOddETagIsKeptFromTheLibrary(t *testing.T) {
	for etag, shown := range map[string]string{`"1"`: `"1"`, `W/"1"`: "", "1": "", `"a\b"`: `"a\b"`, `"a\c"`: "", "": ""} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("ETag", etag) })
		var a webdav.Answer
		ctx := webdav.At(t.Context(), "x", &a)
		req, err := http.NewRequestWithContext(ctx, http.MethodPut, "https://example.invalid/", strings.NewReader("x"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if got := resp.Header.Get("ETag"); got != shown || a.ETag != etag {
			t.Errorf("ETag %s: the library sees %q, want %q; the answer has %q", etag, got, shown, a.ETag)
		}
	}
}

// Elements nested deeply enough make go-webdav's decoder overflow the stack,
// which ends the process. None reaches it, whatever the status.
func TestNoXMLReachesTheLibrary(t *testing.T) {
	const depth = 3 << 20
	for _, code := range []int{207, 200, 403} {
		c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/xml")
			w.WriteHeader(code)
			_, _ = fmt.Fprint(w, `<multistatus xmlns="DAV:"><response><propstat><prop>`)
			_, _ = io.Copy(w, io.LimitReader(repeat("", "<a>"), 3*depth))
		})
		l, err := gocaldav.NewClient(c, c.Base().String())
		if err != nil {
			t.Fatal(err)
		}
		if p, err := l.FindCurrentUserPrincipal(t.Context()); err == nil {
			t.Errorf("%d: principal %q", code, p)
		} else if (code == 207) != errors.Is(err, webdav.ErrMalformed) {
			t.Errorf("%d: %v", code, err)
		}
	}
}
