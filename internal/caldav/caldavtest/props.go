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

// The namespaces.
const (
	nsDAV    = "DAV:"
	nsCalDAV = "urn:ietf:params:xml:ns:caldav"
	nsCards  = "urn:ietf:params:xml:ns:carddav"
	nsCS     = "http://calendarserver.org/ns/"
)

func dav(local string) xml.Name { return xml.Name{Space: nsDAV, Local: local} }
func cal(local string) xml.Name { return xml.Name{Space: nsCalDAV, Local: local} }

func card(local string) xml.Name { return xml.Name{Space: nsCards, Local: local} }

// properties are the XML inside each property of a resource.
type properties map[xml.Name]string

// answers collects the responses of a multistatus body (RFC 4918 section 13).
type answers struct{ b strings.Builder }

// found adds a response with those of the wanted properties that there are. None
// wanted means all.
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
		fmt.Fprintf(to, `<%s xmlns="%s">%s</%s>`, name.Local, escape(name.Space), value, name.Local)
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

func (a *answers) reply(tail string) *reply {
	return xmlReply(http.StatusMultiStatus, `<D:multistatus xmlns:D="DAV:" xmlns:C="`+nsCalDAV+`">`+"\n"+a.b.String()+tail+`</D:multistatus>`)
}

// href writes a path as it goes into an answer.
func href(path string) string { return (&url.URL{Path: path}).EscapedPath() }

func escape(s string) string {
	var b strings.Builder
	// Characters that XML 1.0 cannot hold become U+FFFD; a Builder never fails.
	_ = xml.EscapeText(&b, []byte(s))
	return strings.ReplaceAll(b.String(), "&#xA;", "\n") // a line is a line to curl
}

// elements are the children of an element, each with the XML in it.
type elements struct {
	All []struct {
		XMLName xml.Name
		Inner   string `xml:",innerxml"`
	} `xml:",any"`
}

func (e elements) names() []xml.Name {
	var list []xml.Name
	for _, one := range e.All {
		list = append(list, one.XMLName)
	}
	return list
}

// multistatus is the library's answer.
type multistatus struct {
	Responses []struct {
		Href      string `xml:"DAV: href"`
		Status    string `xml:"DAV: status"`
		Propstats []struct {
			Status string   `xml:"DAV: status"`
			Props  elements `xml:"DAV: prop"`
		} `xml:"DAV: propstat"`
	} `xml:"DAV: response"`
}

// completed writes the library's answer anew, with the properties that it does
// not know and, in a report, the data as they were stored.
func (b *backend) completed(body []byte, report bool) *reply {
	var q asked
	_ = xml.Unmarshal([]byte(b.body), &q) // which the library has read
	var m multistatus
	if err := xml.Unmarshal(body, &m); err != nil {
		return text(http.StatusInternalServerError, "text/plain; charset=utf-8", err.Error())
	}
	if len(m.Responses) == 0 && !report { // so it answers about what is not there
		return status(http.StatusNotFound)
	}
	var a answers
	for i, r := range m.Responses {
		u, err := url.Parse(r.Href)
		if err != nil || b.s.faults.MultigetMissing && strings.HasSuffix(q.XMLName.Local, "-multiget") && i%2 == 1 {
			continue
		}
		if fields := strings.Fields(r.Status); len(fields) > 1 {
			code, _ := strconv.Atoi(fields[1])
			a.failed(u.Path, code)
			continue
		}
		have := properties{}
		for _, p := range r.Propstats {
			for _, e := range p.Props.All {
				if strings.Contains(p.Status, " 200 ") {
					have[e.XMLName] = e.Inner
				}
			}
		}
		b.complete(u.Path, have)
		if !report { // RFC 4791 section 9.6: in reports only
			delete(have, cal("calendar-data"))
			delete(have, card("address-data"))
		}
		a.found(u.Path, have, q.Props.names())
	}
	return a.reply("")
}

func (b *backend) complete(path string, have properties) {
	if o, is := b.handed[path]; is {
		c, name := b.s.find(path)
		maps.Copy(have, b.s.faults.ofObject(c, name, o))
	} else if c, name := b.s.find(path); c != nil && name == "" {
		maps.Copy(have, b.s.ofCalendar(c))
	} else if path == b.s.Principal() {
		home := func(path string) string { return `<D:href xmlns:D="DAV:">` + escape(path) + `</D:href>` }
		have[card("addressbook-home-set")] = home(b.s.Books())
		if elsewhere := b.s.faults.HomeSet; elsewhere != "" {
			have[cal("calendar-home-set")], have[card("addressbook-home-set")] = home(elsewhere), home(elsewhere)
		}
	}
}

// ofCalendar are the properties the library has not.
func (s *Server) ofCalendar(c *calendar) properties {
	reports := []xml.Name{cal("calendar-multiget"), cal("calendar-query")}
	if c.cards {
		reports = []xml.Name{card("addressbook-multiget")}
	}
	if !s.faults.NoSyncCollection {
		reports = append(reports, dav("sync-collection"))
	}
	var b strings.Builder
	for _, r := range reports { // RFC 3253 section 3.1.5
		fmt.Fprintf(&b, `<D:supported-report xmlns:D="DAV:"><D:report><%s xmlns="%s"/></D:report></D:supported-report>`, r.Local, r.Space)
	}
	p := properties{dav("supported-report-set"): b.String()}
	if c.hidden {
		p[dav("current-user-privilege-set")] = `<D:privilege xmlns:D="DAV:"><D:read-free-busy/></D:privilege>`
	}
	if !s.faults.NoCTag {
		token := escape(s.token(s.seen(c)))
		p[xml.Name{Space: nsCS, Local: "getctag"}] = token
		if !s.faults.NoSyncCollection {
			p[dav("sync-token")] = token
		}
	}
	return p
}

func (f Faults) ofObject(c *calendar, name string, o object) properties {
	data := cal("calendar-data")
	if c.cards {
		data = card("address-data")
	}
	p := properties{
		dav("resourcetype"):   "",
		dav("getcontenttype"): c.mediaType(),
		data:                  escape(f.served(name, o)),
	}
	if !f.NoETags {
		p[dav("getetag")] = escape(f.etag(o))
	}
	return p
}

// seen is the version of a calendar that listings show.
func (s *Server) seen(c *calendar) int {
	if s.faults.LateListing > 0 {
		return c.version(s.clock().Add(-s.faults.LateListing))
	}
	return max(0, len(c.changes)-s.faults.StaleListing)
}

func (s *Server) listed(c *calendar) map[string]object {
	if c == nil || s.faults.EmptyListing {
		return nil
	}
	return c.asOf(s.seen(c))
}
