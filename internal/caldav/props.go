package caldav

import (
	"encoding/xml"
	"time"

	"syncd/internal/webdav"
)

const nsCalDAV = "urn:ietf:params:xml:ns:caldav"

// The properties we ask for, besides those webdav names.
var calData = xml.Name{Space: nsCalDAV, Local: "calendar-data"}

var service = webdav.Service{
	Many:       "calendars",
	WellKnown:  "/.well-known/caldav",
	Collection: xml.Name{Space: nsCalDAV, Local: "calendar"},
	Home:       xml.Name{Space: nsCalDAV, Local: "calendar-home-set"},
	Components: xml.Name{Space: nsCalDAV, Local: "supported-calendar-component-set"},
	Multiget:   xml.Name{Space: nsCalDAV, Local: "calendar-multiget"},
	Data:       calData,
	None:       ErrNotCalDAV,
}

// askSpan is a calendar-query report for the events of a time (RFC 4791 section
// 7.8.1), the one query that every server knows.
func askSpan(from, to time.Time) []byte {
	const form = "20060102T150405Z"
	return []byte(xml.Header + `<C:calendar-query xmlns:D="DAV:" xmlns:C="` + nsCalDAV + `"><D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter>` +
		`<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:time-range start="` + from.UTC().Format(form) + `" end="` + to.UTC().Format(form) +
		`"/></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>`)
}

// askUID is a calendar-query report for one event (RFC 4791 section 7.8.6).
func askUID(uid string) []byte {
	return []byte(xml.Header + `<C:calendar-query xmlns:D="DAV:" xmlns:C="` + nsCalDAV + `"><D:prop><D:getetag/><C:calendar-data/></D:prop><C:filter>` +
		`<C:comp-filter name="VCALENDAR"><C:comp-filter name="VEVENT"><C:prop-filter name="UID"><C:text-match collation="i;octet">` +
		webdav.Escape(uid) + `</C:text-match></C:prop-filter></C:comp-filter></C:comp-filter></C:filter></C:calendar-query>`)
}
