package caldavtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// limit is the size of the largest object the server takes.
const limit = 1 << 20

// moved prefixes the paths to which Faults.Redirect sends.
const moved = "/moved"

// ServeHTTP implements [http.Handler]. Requests are answered one at a time.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	body, err := io.ReadAll(io.LimitReader(r.Body, 4*limit))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.now != nil {
		w.Header().Set("Date", s.now().UTC().Format(http.TimeFormat))
	}
	a := s.answer(r, body)
	lost := s.faults.LoseAnswer && (r.Method == http.MethodPut || r.Method == http.MethodDelete)
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
		a.body = a.body[:len(a.body)/2]
	}
	for name, value := range a.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		_, _ = io.WriteString(w, a.body) // a client that is gone needs no answer
	}
}

// reply is an answer before it is sent.
type reply struct {
	status int
	header map[string]string
	body   string
}

func status(code int) reply {
	return reply{status: code, header: map[string]string{"Content-Type": "text/plain; charset=utf-8"}, body: http.StatusText(code) + "\n"}
}

// refusal is an error with a precondition (RFC 4918 section 16).
func refusal(code int, condition string) reply {
	return xmlReply(code, `<D:error xmlns:D="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav">`+condition+`</D:error>`)
}

func xmlReply(code int, body string) reply {
	return reply{
		status: code,
		header: map[string]string{"Content-Type": "application/xml; charset=utf-8"},
		body:   `<?xml version="1.0" encoding="utf-8"?>` + "\n" + body + "\n",
	}
}

func redirect(code int, to string) reply {
	a := status(code)
	a.header["Location"] = to
	return a
}

func (s *Server) answer(r *http.Request, body []byte) reply {
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
		a.header["WWW-Authenticate"] = `Basic realm="calendars"`
		return a
	}
	path, redirected := strings.CutPrefix(r.URL.Path, moved)
	if s.faults.Redirect != 0 && !redirected {
		return redirect(s.faults.Redirect, moved+r.URL.EscapedPath())
	}
	if path == "/.well-known/caldav" { // RFC 6764 section 5
		return redirect(http.StatusMovedPermanently, "/")
	}
	switch r.Method {
	case http.MethodOptions:
		a := status(http.StatusNoContent)
		a.body = ""
		a.header["DAV"] = "1, 3, calendar-access"
		a.header["Allow"] = "OPTIONS, GET, HEAD, PUT, DELETE, PROPFIND, REPORT, MKCALENDAR"
		return a
	case "PROPFIND":
		return s.propfind(path, r.Header.Get("Depth"), body)
	case "REPORT":
		return s.report(path, body)
	case "MKCALENDAR":
		return s.mkcalendar(path, body)
	case http.MethodGet, http.MethodHead:
		return s.get(path)
	case http.MethodPut:
		return s.put(path, r.Header, string(body))
	case http.MethodDelete:
		return s.delete(path, r.Header)
	}
	return status(http.StatusMethodNotAllowed)
}

// find returns the calendar at or above a path, and the name of the object in
// it, "" for the calendar itself.
func (s *Server) find(path string) (c *calendar, name string) {
	rest, ok := strings.CutPrefix(path, s.Home())
	if !ok {
		return nil, ""
	}
	segment, name, _ := strings.Cut(rest, "/")
	return s.calendars[segment], name
}

func (s *Server) get(path string) reply {
	c, name := s.find(path)
	if c == nil || name == "" {
		if c != nil || s.isCollection(path) {
			return status(http.StatusMethodNotAllowed)
		}
		return status(http.StatusNotFound)
	}
	o, ok := c.objects[name]
	if !ok {
		return status(http.StatusNotFound)
	}
	a := reply{
		status: http.StatusOK,
		header: map[string]string{"Content-Type": "text/calendar; charset=utf-8"},
		body:   s.faults.served(name, o),
	}
	if !s.faults.NoETags {
		a.header["ETag"] = s.faults.etag(o)
	}
	return a
}

func (f Faults) served(name string, o object) string {
	if f.BadObject != "" && f.BadObject == name {
		return garbage
	}
	return o.data
}

// precondition checks If-Match and If-None-Match (RFC 9110 section 13.2.2).
func (f Faults) precondition(h http.Header, o object, exists, ignoreMatch, ignoreNone bool) bool {
	if want := h.Get("If-Match"); want != "" && !ignoreMatch {
		// Strong comparison: a weak ETag never matches (RFC 9110 section 8.8.3.2).
		strong := f.etag(o) == want && !strings.HasPrefix(want, "W/")
		if !exists || want != "*" && !strong {
			return false
		}
	}
	if want := h.Get("If-None-Match"); want != "" && !ignoreNone && exists {
		return want != "*" && strings.TrimPrefix(want, "W/") != strings.TrimPrefix(f.etag(o), "W/")
	}
	return true
}

func (s *Server) put(path string, h http.Header, data string) reply {
	f := s.faults
	c, name := s.find(path)
	if c == nil || name == "" || strings.Contains(name, "/") {
		return status(http.StatusConflict)
	}
	if c.ReadOnly {
		return refusal(http.StatusForbidden, `<D:need-privileges/>`)
	}
	o, exists := c.objects[name]
	if !f.precondition(h, o, exists, f.IgnoreIfMatch, f.IgnoreIfNoneMatch) {
		return status(http.StatusPreconditionFailed)
	}
	if condition := c.refuses(data); condition != "" {
		return refusal(http.StatusForbidden, condition)
	}
	if f.RefusedPut207 {
		return xmlReply(http.StatusMultiStatus, `<D:multistatus xmlns:D="DAV:"><D:response><D:href>`+escape(href(path))+
			`</D:href><D:status>HTTP/1.1 403 Forbidden</D:status></D:response></D:multistatus>`)
	}
	if other := s.holder(c, name, data); other != "" {
		return refusal(http.StatusConflict, `<C:no-uid-conflict><D:href>`+escape(href(other))+`</D:href></C:no-uid-conflict>`)
	}
	if f.RenameHrefs && !exists {
		sum := sha256.Sum256([]byte(name))
		name = hex.EncodeToString(sum[:8]) + ".ics"
	}
	c.put(name, without(data, f.Drop))
	a := reply{status: http.StatusCreated, header: map[string]string{}}
	if exists {
		a.status = http.StatusNoContent
	}
	if !f.NoETagOnPut && !f.NoETags && !f.RenameHrefs {
		a.header["ETag"] = f.etag(c.objects[name])
	}
	return a
}

// refuses returns the precondition of RFC 4791 section 5.3.2.1 that the data
// does not meet.
func (c *calendar) refuses(data string) string {
	text := strings.TrimSpace(data)
	if len(data) > limit {
		return `<C:max-resource-size/>`
	}
	if !strings.HasPrefix(text, "BEGIN:VCALENDAR") || !strings.HasSuffix(text, "END:VCALENDAR") {
		return `<C:valid-calendar-data/>`
	}
	if method, _ := property(data, "METHOD"); method != "" {
		return `<C:valid-calendar-object-resource/>`
	}
	for _, kind := range []string{"VEVENT", "VTODO", "VJOURNAL"} {
		if part := component(data, kind); part != "" {
			if !slices.Contains(c.Components, kind) {
				return `<C:supported-calendar-component/>`
			}
			if uid, _ := property(part, "UID"); uid == "" {
				return `<C:valid-calendar-object-resource/>`
			}
			return ""
		}
	}
	return `<C:valid-calendar-object-resource/>`
}

// holder returns the path of another object with the same UID.
func (s *Server) holder(in *calendar, name, data string) string {
	uid, _ := property(data, "UID")
	for _, c := range s.calendars {
		if c != in && !s.faults.GlobalUIDs {
			continue
		}
		for n, o := range c.objects {
			if c == in && n == name {
				continue
			}
			if other, _ := property(o.data, "UID"); other == uid {
				return s.Path(c.Name, n)
			}
		}
	}
	return ""
}

func (s *Server) delete(path string, h http.Header) reply {
	c, name := s.find(path)
	switch {
	case c == nil:
		return status(http.StatusNotFound)
	case c.ReadOnly:
		return refusal(http.StatusForbidden, `<D:need-privileges/>`)
	case name == "":
		delete(s.calendars, c.Name)
		return reply{status: http.StatusNoContent}
	}
	o, exists := c.objects[name]
	if !exists {
		return status(http.StatusNotFound)
	}
	if !s.faults.precondition(h, o, exists, s.faults.IgnoreIfMatchOnDelete, false) {
		return status(http.StatusPreconditionFailed)
	}
	c.remove(name)
	return reply{status: http.StatusNoContent}
}

func (s *Server) mkcalendar(path string, body []byte) reply {
	if s.faults.NoMkcalendar {
		return status(http.StatusMethodNotAllowed)
	}
	name, ok := strings.CutPrefix(path, s.Home())
	name = strings.TrimSuffix(name, "/")
	if !ok || name == "" || strings.Contains(name, "/") {
		return refusal(http.StatusForbidden, `<C:calendar-collection-location-ok/>`)
	}
	if s.calendars[name] != nil {
		return refusal(http.StatusMethodNotAllowed, `<D:resource-must-be-null/>`)
	}
	q, err := parse(body)
	if err != nil {
		return status(http.StatusBadRequest)
	}
	c := Calendar{Name: name, Title: orElse(q.title, name), Components: q.components}
	if len(c.Components) == 0 {
		c.Components = []string{"VEVENT", "VTODO"}
	}
	s.calendars[name] = &calendar{Calendar: c, objects: map[string]object{}}
	return reply{status: http.StatusCreated}
}

// href writes a path as it goes into an answer or a header.
func href(path string) string { return (&url.URL{Path: path}).EscapedPath() }

// token names a version of a calendar.
func (s *Server) token(version int) string {
	return fmt.Sprintf("http://sync.example/%d/%d", s.epoch, version)
}
