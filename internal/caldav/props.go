package caldav

import (
	"encoding/xml"
	"slices"
	"strings"

	"syncd/internal/webdav"
)

const (
	nsDAV    = "DAV:"
	nsCalDAV = "urn:ietf:params:xml:ns:caldav"
)

// The properties we ask for, besides those webdav names.
var (
	davCollection  = xml.Name{Space: nsDAV, Local: "collection"}
	davPrincipal   = xml.Name{Space: nsDAV, Local: "current-user-principal"}
	davPrivileges  = xml.Name{Space: nsDAV, Local: "current-user-privilege-set"}
	davReports     = xml.Name{Space: nsDAV, Local: "supported-report-set"}
	calCalendar    = xml.Name{Space: nsCalDAV, Local: "calendar"}
	calHome        = xml.Name{Space: nsCalDAV, Local: "calendar-home-set"}
	calComponents  = xml.Name{Space: nsCalDAV, Local: "supported-calendar-component-set"}
	calData        = xml.Name{Space: nsCalDAV, Local: "calendar-data"}
	serverTag      = xml.Name{Space: "http://calendarserver.org/ns/", Local: "getctag"}
	aboutVersions  = []xml.Name{webdav.GetETag, webdav.ResourceType}
	aboutCalendars = []xml.Name{
		webdav.ResourceType, webdav.DisplayName, calComponents, davPrivileges, davReports, webdav.SyncToken, serverTag,
	}
	aboutUser = append([]xml.Name{davPrincipal, calHome}, aboutCalendars...)
)

// syncCollection is the report of RFC 6578.
const syncCollection = "sync-collection"

// found says whether the server answered for this resource at all.
func found(r webdav.Response) bool { return r.Status == 0 || r.Status/100 == 2 }

// writable says whether we may create entries. A server that tells nothing
// about privileges (RFC 3744 is optional) is tried.
func writable(r webdav.Response) bool {
	list, said := r.Privileges()
	return !said || slices.ContainsFunc(list, func(n xml.Name) bool {
		return n.Space == nsDAV && slices.Contains([]string{"all", "write", "write-content", "bind"}, n.Local)
	})
}

// calendarOf reads a collection at an absolute address. RFC 4791 section 5.2.3:
// no component set means that any component is allowed.
func calendarOf(r webdav.Response, href, address string) Collection {
	c := Collection{
		URL: address, Href: href, Name: r.Text(webdav.DisplayName), Components: r.Components(calComponents),
		Writable: writable(r), SyncToken: r.Text(webdav.SyncToken), CTag: r.Text(serverTag),
	}
	for _, report := range r.Reports() {
		c.Reports = append(c.Reports, report.Local)
	}
	if c.Name == "" {
		c.Name = lastSegment(address)
	}
	return c
}

func lastSegment(address string) string {
	parts := strings.Split(strings.Trim(canonical(address), "/"), "/")
	return parts[len(parts)-1]
}

const namespaces = ` xmlns:D="` + nsDAV + `" xmlns:C="` + nsCalDAV + `"`

// askChanges is a sync-collection report (RFC 6578 section 3.2).
func askChanges(token string) []byte {
	return []byte(xml.Header + `<D:sync-collection` + namespaces + `><D:sync-token>` + escape(token) +
		`</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>`)
}

// askObjects is a calendar-multiget report (RFC 4791 section 7.9).
func askObjects(list []item) []byte {
	var b strings.Builder
	b.WriteString(xml.Header + `<C:calendar-multiget` + namespaces + `><D:prop><D:getetag/><C:calendar-data/></D:prop>`)
	for _, i := range list {
		b.WriteString(`<D:href>` + escape(i.href) + `</D:href>`)
	}
	b.WriteString(`</C:calendar-multiget>`)
	return []byte(b.String())
}

// askUID is a calendar-query report for one event (RFC 4791 section 7.8.6).
func askUID(uid string) []byte {
	return []byte(xml.Header + `<C:calendar-query` + namespaces + `><D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter>` +
		`<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:prop-filter name="UID"><C:text-match collation="i;octet">` +
		escape(uid) + `</C:text-match></C:prop-filter></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>`)
}

func escape(s string) string {
	var b strings.Builder
	// A Builder never fails; what XML cannot hold becomes U+FFFD.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
