package caldavtest

import (
	"bytes"
	"crypto/subtle"
	"encoding/xml"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"

	gowebdav "github.com/emersion/go-webdav"
	gocaldav "github.com/emersion/go-webdav/caldav"
	gocarddav "github.com/emersion/go-webdav/carddav"
)

// limit is the size of the largest request the server takes. It also bounds how
// deep the XML is nested that go-webdav reads without a limit of its own.
const limit = 1 << 20

// moved prefixes the paths to which Faults.Redirect sends.
const moved = "/moved"

// ServeHTTP implements [http.Handler]. Requests are answered one at a time.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.now != nil {
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	}
	a := s.answer(r, body)
	lost := s.faults.LoseAnswer && (r.Method == http.MethodPut || r.Method == http.MethodDelete) || s.faults.LoseOnly == r.Method
	entry := Request{
		Method: r.Method, Path: r.URL.EscapedPath(), Depth: r.Header.Get("Depth"),
		IfMatch: r.Header.Get("If-Match"), IfNoneMatch: r.Header.Get("If-None-Match"),
		Status: a.status, Body: string(body),
	}
	if lost {
		entry.Status = 0
	}
	s.requests = append(s.requests, entry)
	if lost {
		panic(http.ErrAbortHandler) // net/http drops the connection without a word
	}
	if a.status == http.StatusMultiStatus && s.faults.HalfMultistatus {
		a.body.Truncate(a.body.Len() / 2)
	}
	if s.faults.ResetMultiget && bytes.Contains(body, []byte("-multiget")) {
		a.reset(w)
		return
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = a.body.WriteTo(w) // a client that is gone needs no answer
	}
}

// reset sends half of the answer and resets the connection.
func (a *reply) reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	// The client may be gone at any of these, which is as good.
	_, _ = fmt.Fprintf(conn, "HTTP/1.1 %d Multi-Status\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s",
		a.status, a.header.Get("Content-Type"), a.body.Len(), a.body.Bytes()[:a.body.Len()/2])
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // so Close resets
	}
	_ = conn.Close()
}

func reads(method string) bool {
	return strings.Contains(" GET HEAD OPTIONS PROPFIND REPORT ", " "+method+" ")
}

// reply is an answer before it is sent. It implements [http.ResponseWriter].
type reply struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *reply) Header() http.Header { return a.header }

func (a *reply) WriteHeader(code int) {
	if a.status == 0 {
		a.status = code
	}
}

func (a *reply) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func text(code int, contentType, body string) *reply {
	a := &reply{status: code, header: http.Header{"Content-Type": {contentType}}}
	a.body.WriteString(body)
	return a
}

func status(code int) *reply {
	return text(code, "text/plain; charset=utf-8", http.StatusText(code)+"\n")
}

// refusal is an error with a precondition (RFC 4918 section 16).
func refusal(condition string) *reply {
	return xmlReply(http.StatusForbidden, `<D:error xmlns:D="DAV:" xmlns:C="`+nsCalDAV+`">`+condition+`</D:error>`)
}

func xmlReply(code int, body string) *reply {
	return text(code, "application/xml; charset=utf-8", xml.Header+body+"\n")
}

// answer is what stands before the server proper: faults and the login.
func (s *Server) answer(r *http.Request, body []byte) *reply {
	if s.faults.Status500 {
		return status(http.StatusInternalServerError)
	}
	if s.faults.Answer != nil {
		if code := s.faults.Answer(r); code != 0 {
			return status(code)
		}
	}
	user, password, _ := r.BasicAuth()
	if user != s.User || subtle.ConstantTimeCompare([]byte(password), []byte(s.Password)) != 1 {
		a := status(http.StatusUnauthorized)
		a.header.Set("WWW-Authenticate", `Basic realm="calendars"`)
		return a
	}
	path, redirected := strings.CutPrefix(r.URL.Path, moved)
	location := moved + r.URL.EscapedPath()
	if to := s.faults.RedirectTo; to != "" {
		location, redirected = to, reads(r.Method) || strings.HasSuffix(to, r.URL.EscapedPath())
	}
	if s.faults.Redirect != 0 && !redirected {
		a := status(s.faults.Redirect)
		a.header.Set("Location", location)
		return a
	}
	if len(body) > limit {
		return refusal(`<C:max-resource-size/>`)
	}
	if slices.Contains([]string{s.Home(), s.Books(), s.Principal()}, path+"/") {
		path += "/" // the library would know nothing there
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		if path != wellKnown && path != wellKnownCards {
			return s.get(path)
		}
	case http.MethodOptions:
		a := s.library(r, r.Method, path, body, nil)
		if !s.faults.NoMkcalendar {
			a.header.Set("Allow", a.header.Get("Allow")+", MKCALENDAR")
		}
		return a
	case http.MethodPut:
		return s.put(r, path, body)
	case http.MethodDelete:
		return s.delete(r, path)
	case "MKCALENDAR":
		return s.mkcalendar(r, path, body)
	case "REPORT":
		return s.report(r, path, body)
	}
	return s.library(r, r.Method, path, body, nil)
}

const (
	wellKnown      = "/.well-known/caldav"
	wellKnownCards = "/.well-known/carddav"
)

// library has go-webdav answer. What it says of resources is completed, and
// misrepresented as the faults demand.
func (s *Server) library(r *http.Request, method, path string, body []byte, components []string) (a *reply) {
	defer func() {
		if p := recover(); p != nil { // of go-ical
			a = text(http.StatusBadRequest, "text/plain; charset=utf-8", fmt.Sprintln(p))
		}
	}()
	r = r.Clone(r.Context())
	r.Method, r.URL.Path, r.URL.RawPath = method, path, ""
	r.Body = io.NopCloser(bytes.NewReader(body))
	// The library insists on a type, and curl calls everything a form.
	if t := r.Header.Get("Content-Type"); t == "" || t == "application/x-www-form-urlencoded" {
		r.Header.Set("Content-Type", "application/xml")
		if method == http.MethodPut {
			r.Header.Set("Content-Type", "text/calendar")
		}
	}
	b := &backend{s: s, body: string(body), components: components, handed: map[string]object{}}
	a = &reply{header: http.Header{}}
	if path == wellKnownCards || strings.HasPrefix(path, s.Books()) {
		(&gocarddav.Handler{Backend: cards{b}}).ServeHTTP(a, r)
	} else {
		(&gocaldav.Handler{Backend: b}).ServeHTTP(a, r)
	}
	if etag := a.header.Get("ETag"); etag != "" && s.faults.WeakETags {
		a.header.Set("ETag", "W/"+etag)
	}
	if a.status == http.StatusMultiStatus {
		return b.completed(a.body.Bytes(), method == "REPORT")
	}
	return a
}

// find returns the calendar or address book at or above a path, and the name of the object in
// it, "" for the calendar itself.
func (s *Server) find(path string) (c *calendar, name string) {
	for home, cards := range map[string]bool{s.Home(): false, s.Books(): true} {
		rest, ok := strings.CutPrefix(path, home)
		segment, name, _ := strings.Cut(rest, "/")
		if c := s.calendars[segment]; ok && c != nil && c.cards == cards {
			return c, name
		}
	}
	return nil, ""
}

func (s *Server) object(path string) (o object, ok bool) {
	if c, name := s.find(path); c != nil {
		o, ok = c.objects[name]
	}
	return o, ok
}

// get serves an object as it was stored. The library would write it anew, in
// another length than it announces.
func (s *Server) get(path string) *reply {
	o, ok := s.object(path)
	if !ok {
		return status(http.StatusNotFound)
	}
	c, name := s.find(path)
	a := text(http.StatusOK, c.mediaType(), s.faults.served(name, o))
	if !s.faults.NoETags {
		a.header.Set("ETag", s.faults.etag(o))
	}
	return a
}

func (f Faults) served(name string, o object) string {
	if f.BadObject != "" && f.BadObject == name {
		return garbage
	}
	return o.data
}

func (s *Server) put(r *http.Request, path string, body []byte) *reply {
	f := s.faults
	if f.RefusedPut207 {
		var a answers
		a.failed(path, http.StatusForbidden)
		return a.reply("")
	}
	r = r.Clone(r.Context())
	if f.IgnoreIfMatch {
		r.Header.Del("If-Match")
	}
	if f.IgnoreIfNoneMatch {
		r.Header.Del("If-None-Match")
	}
	_, existed := s.object(path)
	a := s.library(r, r.Method, path, body, nil)
	switch {
	case a.status == http.StatusCreated && existed:
		a.status = http.StatusNoContent
	case bytes.Contains(a.body.Bytes(), []byte(errBinned.Error())):
		a.status = http.StatusBadRequest
	case a.status == http.StatusBadRequest:
		return refusal(`<C:valid-calendar-data/>`)
	case a.status == http.StatusConflict && bytes.Contains(a.body.Bytes(), []byte("-calendar-")):
		a.status = http.StatusForbidden // RFC 4918 section 16: it will not do a second time either
	}
	return a
}

// delete checks the precondition, which the library ignores.
func (s *Server) delete(r *http.Request, path string) *reply {
	o, exists := s.object(path)
	match := gowebdav.ConditionalMatch(r.Header.Get("If-Match"))
	if exists && !s.faults.IgnoreIfMatchOnDelete && !s.faults.allows(match, "", o, exists) {
		return status(http.StatusPreconditionFailed)
	}
	return s.library(r, r.Method, path, nil, nil)
}

// asked is what there is in the body of a request that the library cannot read.
type asked struct {
	XMLName    xml.Name
	Token      string   `xml:"DAV: sync-token"`
	Props      elements `xml:"DAV: prop"`
	Title      string   `xml:"set>prop>displayname"`
	Components []struct {
		Name string `xml:"name,attr"`
	} `xml:"set>prop>supported-calendar-component-set>comp"`
}

// mkcalendar is an extended MKCOL to the library (RFC 5689).
func (s *Server) mkcalendar(r *http.Request, path string, body []byte) *reply {
	if s.faults.NoMkcalendar {
		return status(http.StatusMethodNotAllowed)
	}
	var q asked
	if len(body) > 0 && xml.Unmarshal(body, &q) != nil {
		return status(http.StatusBadRequest)
	}
	var components []string
	for _, c := range q.Components {
		components = append(components, c.Name)
	}
	return s.library(r, "MKCOL", path, []byte(`<mkcol xmlns="DAV:"><set><prop><resourcetype><collection/><calendar xmlns="`+nsCalDAV+
		`"/></resourcetype><displayname>`+escape(q.Title)+`</displayname></prop></set></mkcol>`), components)
}

func (s *Server) report(r *http.Request, path string, body []byte) *reply {
	c, name := s.find(path)
	if c == nil || name != "" {
		return status(http.StatusNotFound)
	}
	var q asked
	if xml.Unmarshal(body, &q) != nil {
		return status(http.StatusBadRequest)
	}
	switch {
	case !c.cards && (q.XMLName == cal("calendar-multiget") || q.XMLName == cal("calendar-query")), c.cards && q.XMLName == card("addressbook-multiget"):
		return s.library(r, r.Method, path, body, nil)
	case q.XMLName == dav("sync-collection") && !s.faults.NoSyncCollection:
		return s.sync(c, q)
	}
	return refusal(`<D:supported-report/>`)
}
