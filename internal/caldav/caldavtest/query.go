package caldavtest

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"time"
)

// The namespaces.
const (
	nsDAV    = "DAV:"
	nsCalDAV = "urn:ietf:params:xml:ns:caldav"
	nsCS     = "http://calendarserver.org/ns/"
)

// query is what a request body asks for, read leniently: an element counts
// wherever it is.
type query struct {
	root       xml.Name
	props      []xml.Name // nil: all
	hrefs      []string
	components []string // comp-filter or comp names below VCALENDAR
	uid        string   // text-match of a prop-filter on UID
	token      string
	title      string
	from, to   time.Time // time-range
}

// parse reads a request body. An empty one asks for everything.
func parse(body []byte) (query, error) {
	var q query
	d := xml.NewDecoder(bytes.NewReader(body))
	var path []xml.StartElement
	for {
		t, err := d.Token()
		if errors.Is(err, io.EOF) {
			return q, nil
		}
		if err != nil {
			return q, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if len(path) == 0 {
				q.root = t.Name
			}
			q.element(path, t)
			path = append(path, t.Copy())
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			q.text(path, strings.TrimSpace(string(t)))
		}
	}
}

func (q *query) element(path []xml.StartElement, e xml.StartElement) {
	switch {
	case len(path) == 2 && path[1].Name.Local == "prop":
		q.props = append(q.props, e.Name)
	case e.Name.Local == "comp-filter" || e.Name.Local == "comp":
		if name := attribute(e, "name"); name != "VCALENDAR" && name != "" {
			q.components = append(q.components, name)
		}
	case e.Name.Local == "time-range":
		q.from = when(attribute(e, "start"), "")
		q.to = when(attribute(e, "end"), "")
	}
}

func (q *query) text(path []xml.StartElement, s string) {
	if s == "" || len(path) == 0 {
		return
	}
	switch path[len(path)-1].Name.Local {
	case "href":
		q.hrefs = append(q.hrefs, s)
	case "sync-token":
		q.token += s
	case "displayname":
		q.title += s
	case "text-match":
		if len(path) > 1 && attribute(path[len(path)-2], "name") == "UID" {
			q.uid += s
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// matches says whether an object is in the answer to a calendar-query.
func (q query) matches(o object) bool {
	kind := "VEVENT"
	if len(q.components) > 0 {
		kind = q.components[0]
	}
	part := component(o.data, kind)
	if len(q.components) > 0 && part == "" {
		return false
	}
	if q.uid != "" {
		if uid, _ := property(part, "UID"); uid != q.uid {
			return false
		}
	}
	if q.from.IsZero() && q.to.IsZero() {
		return true
	}
	return overlaps(part, q.from, q.to)
}

func escape(s string) string {
	var b strings.Builder
	// Characters that XML 1.0 cannot hold become U+FFFD; a Builder never fails.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}
