package caldavtest

import (
	"encoding/xml"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// properties are the XML inside each property of a resource.
type properties map[xml.Name]string

// answers collects the responses of a multistatus body (RFC 4918 section 13).
type answers struct{ b strings.Builder }

// found adds a response with those of the wanted properties that there are.
func (a *answers) found(path string, have properties, wanted []xml.Name) {
	if wanted == nil {
		wanted = slices.SortedFunc(maps.Keys(have), func(x, y xml.Name) int {
			return strings.Compare(x.Space+x.Local, y.Space+y.Local)
		})
	}
	var ok, missing strings.Builder
	for _, name := range wanted {
		value, is := have[name]
		to := &ok
		if !is {
			to = &missing
		}
		fmt.Fprintf(to, `<p:%s xmlns:p="%s">%s</p:%s>`, name.Local, escape(name.Space), value, name.Local)
	}
	fmt.Fprintf(&a.b, "<D:response><D:href>%s</D:href>", escape(href(path)))
	if ok.Len() > 0 || missing.Len() == 0 {
		fmt.Fprintf(&a.b, "<D:propstat><D:prop>%s</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>", ok.String())
	}
	if missing.Len() > 0 {
		fmt.Fprintf(&a.b, "<D:propstat><D:prop>%s</D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>", missing.String())
	}
	a.b.WriteString("</D:response>\n")
}

// failed adds a response that is only a status.
func (a *answers) failed(path string, code int) {
	fmt.Fprintf(&a.b, "<D:response><D:href>%s</D:href><D:status>HTTP/1.1 %d %s</D:status></D:response>\n",
		escape(href(path)), code, http.StatusText(code))
}

func (a *answers) reply(tail string) reply {
	return xmlReply(http.StatusMultiStatus, `<D:multistatus xmlns:D="DAV:" xmlns:C="`+nsCalDAV+`">`+"\n"+a.b.String()+tail+`</D:multistatus>`)
}

func dav(local string) xml.Name { return xml.Name{Space: nsDAV, Local: local} }
func cal(local string) xml.Name { return xml.Name{Space: nsCalDAV, Local: local} }

func link(path string) string {
	return `<D:href xmlns:D="DAV:">` + escape(path) + `</D:href>`
}

func (s *Server) isCollection(path string) bool {
	return path == "/" || s.isPrincipal(path) || s.isHome(path)
}

func (s *Server) isPrincipal(path string) bool {
	return strings.TrimSuffix(path, "/") == strings.TrimSuffix(s.Principal(), "/")
}

func (s *Server) isHome(path string) bool {
	return strings.TrimSuffix(path, "/") == strings.TrimSuffix(s.Home(), "/")
}

// common are the properties every resource has.
func (s *Server) common() properties {
	return properties{
		dav("current-user-principal"): link(s.Principal()),
		dav("owner"):                  link(s.Principal()),
		dav("resourcetype"):           `<D:collection xmlns:D="DAV:"/>`,
	}
}

func (s *Server) ofPrincipal() properties {
	p := s.common()
	p[dav("resourcetype")] = `<D:collection xmlns:D="DAV:"/><D:principal xmlns:D="DAV:"/>`
	p[dav("displayname")] = escape(s.User)
	p[cal("calendar-home-set")] = link(orElse(s.faults.HomeSet, s.Home()))
	p[cal("calendar-user-address-set")] = link("mailto:" + s.User + "@example.org")
	return p
}

func (s *Server) ofCalendar(c *calendar) properties {
	p := s.common()
	p[dav("resourcetype")] = `<D:collection xmlns:D="DAV:"/><C:calendar xmlns:C="` + nsCalDAV + `"/>`
	p[dav("displayname")] = escape(c.Title)
	var comps strings.Builder
	for _, name := range c.Components {
		comps.WriteString(`<C:comp xmlns:C="` + nsCalDAV + `" name="` + escape(name) + `"/>`)
	}
	p[cal("supported-calendar-component-set")] = comps.String()
	p[dav("current-user-privilege-set")] = privileges(c.ReadOnly)
	reports := []string{"<C:calendar-multiget xmlns:C=\"" + nsCalDAV + "\"/>", "<C:calendar-query xmlns:C=\"" + nsCalDAV + "\"/>"}
	if !s.faults.NoSyncCollection {
		reports = append(reports, `<D:sync-collection xmlns:D="DAV:"/>`)
	}
	p[dav("supported-report-set")] = `<D:supported-report xmlns:D="DAV:"><D:report>` +
		strings.Join(reports, `</D:report></D:supported-report><D:supported-report xmlns:D="DAV:"><D:report>`) +
		`</D:report></D:supported-report>`
	if !s.faults.NoCTag {
		token := s.token(s.seen(c))
		p[xml.Name{Space: nsCS, Local: "getctag"}] = escape(token)
		if !s.faults.NoSyncCollection {
			p[dav("sync-token")] = escape(token)
		}
	}
	return p
}

func privileges(readOnly bool) string {
	names := []string{"read", "write", "write-content", "write-properties", "bind", "unbind"}
	if readOnly {
		names = names[:1]
	}
	var b strings.Builder
	for _, name := range names {
		b.WriteString(`<D:privilege xmlns:D="DAV:"><D:` + name + `/></D:privilege>`)
	}
	return b.String()
}

func (f Faults) ofObject(name string, o object, withData bool) properties {
	p := properties{
		dav("resourcetype"):     "",
		dav("getcontenttype"):   "text/calendar; charset=utf-8; component=vevent",
		dav("getcontentlength"): strconv.Itoa(len(o.data)),
	}
	if !f.NoETags {
		p[dav("getetag")] = escape(f.etag(o))
	}
	if withData {
		p[cal("calendar-data")] = escape(f.served(name, o))
	}
	return p
}

// seen is the version of a calendar that listings show.
func (s *Server) seen(c *calendar) int { return max(0, len(c.changes)-s.faults.StaleListing) }

func (s *Server) listed(c *calendar) map[string]object {
	if s.faults.EmptyListing {
		return nil
	}
	return c.asOf(s.seen(c))
}

func (s *Server) propfind(path, depth string, body []byte) reply {
	q, err := parse(body)
	if err != nil {
		return status(http.StatusBadRequest)
	}
	if depth != "0" && depth != "1" {
		return refusal(http.StatusForbidden, `<D:propfind-finite-depth/>`)
	}
	var a answers
	c, name := s.find(path)
	switch {
	case path == "/":
		a.found(path, s.common(), q.props)
	case s.isPrincipal(path):
		a.found(path, s.ofPrincipal(), q.props)
	case s.isHome(path):
		a.found(path, s.common(), q.props)
		if depth == "1" {
			for _, n := range slices.Sorted(maps.Keys(s.calendars)) {
				a.found(s.Path(n, ""), s.ofCalendar(s.calendars[n]), q.props)
			}
		}
	case c != nil && name == "":
		a.found(s.Path(c.Name, ""), s.ofCalendar(c), q.props)
		if depth == "1" {
			objects := s.listed(c)
			for _, n := range slices.Sorted(maps.Keys(objects)) {
				a.found(s.Path(c.Name, n), s.faults.ofObject(n, objects[n], false), q.props)
			}
		}
	default:
		o, ok := object{}, false
		if c != nil {
			o, ok = c.objects[name]
		}
		if !ok {
			return status(http.StatusNotFound)
		}
		a.found(path, s.faults.ofObject(name, o, false), q.props)
	}
	return a.reply("")
}

func (s *Server) report(path string, body []byte) reply {
	q, err := parse(body)
	if err != nil {
		return status(http.StatusBadRequest)
	}
	c, name := s.find(path)
	if c == nil || name != "" {
		return status(http.StatusNotFound)
	}
	switch {
	case q.root == cal("calendar-multiget"):
		return s.multiget(q)
	case q.root == cal("calendar-query"):
		var a answers
		objects := s.listed(c)
		for _, n := range slices.Sorted(maps.Keys(objects)) {
			if q.matches(objects[n]) {
				a.found(s.Path(c.Name, n), s.faults.ofObject(n, objects[n], true), q.props)
			}
		}
		return a.reply("")
	case q.root == dav("sync-collection") && !s.faults.NoSyncCollection:
		return s.sync(c, q)
	}
	return refusal(http.StatusForbidden, `<D:supported-report/>`)
}

func (s *Server) multiget(q query) reply {
	var a answers
	for i, h := range q.hrefs {
		if s.faults.MultigetMissing && i%2 == 1 {
			continue
		}
		u, err := url.Parse(h)
		if err != nil {
			a.failed(h, http.StatusBadRequest)
			continue
		}
		c, name := s.find(u.Path)
		if c == nil {
			a.failed(u.Path, http.StatusNotFound)
			continue
		}
		if o, ok := c.objects[name]; ok {
			a.found(u.Path, s.faults.ofObject(name, o, true), q.props)
		} else {
			a.failed(u.Path, http.StatusNotFound)
		}
	}
	return a.reply("")
}

// sync answers sync-collection (RFC 6578 section 3.2).
func (s *Server) sync(c *calendar, q query) reply {
	from, valid := s.version(c, q.token)
	if q.token != "" && s.faults.SyncTokenError != 0 {
		return status(s.faults.SyncTokenError)
	}
	if !valid || q.token != "" && s.faults.SyncTokenExpired {
		return refusal(http.StatusForbidden, `<D:valid-sync-token/>`)
	}
	to := s.seen(c)
	all := q.token == "" || s.faults.SyncEverything
	if !all && s.faults.SyncPage > 0 {
		to = min(to, from+s.faults.SyncPage)
	}
	objects := c.asOf(to)
	if s.faults.EmptyListing {
		objects = nil
	}
	var names []string
	if all {
		names = slices.Sorted(maps.Keys(objects))
	} else {
		names = slices.Sorted(maps.Keys(c.since(from, to)))
	}
	var a answers
	for _, n := range names {
		if o, ok := objects[n]; ok {
			a.found(s.Path(c.Name, n), s.faults.ofObject(n, o, true), q.props)
		} else {
			a.failed(s.Path(c.Name, n), http.StatusNotFound)
		}
	}
	if to < s.seen(c) {
		a.failed(s.Path(c.Name, ""), http.StatusInsufficientStorage)
	}
	return a.reply(`<D:sync-token>` + escape(s.token(to)) + `</D:sync-token>`)
}

// version reads a token.
func (s *Server) version(c *calendar, token string) (int, bool) {
	if token == "" {
		return 0, true
	}
	n, err := strconv.Atoi(strings.TrimPrefix(token, s.token(0)[:len(s.token(0))-1]))
	return n, err == nil && n >= 0 && n <= len(c.changes)
}

// ExpireTokens makes every sync token handed out so far void.
func (s *Server) ExpireTokens() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch++
}
