package webdav

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Names of properties that several callers ask for.
var (
	GetETag      = davName("getetag")
	SyncToken    = davName("sync-token")
	ResourceType = davName("resourcetype")
	DisplayName  = davName("displayname")

	nameHref  = davName("href")
	nameError = davName("error")
)

// Response is what a multistatus says about one href.
type Response struct {
	Href      string // as the server spells it, but for white space around it
	Status    int    // of the response as a whole; 0 if only its properties have one
	Condition string // of a DAV:error in it
	// Props holds the properties that were found, Missing the status of the others.
	Props   map[xml.Name]*Node
	Missing map[xml.Name]int
}

// Text returns the trimmed text of a property, or "".
func (r Response) Text(name xml.Name) string {
	if n := r.Props[name]; n != nil {
		return strings.TrimSpace(n.Text)
	}
	return ""
}

// Raw returns the text of a property as it is, for calendar-data.
func (r Response) Raw(name xml.Name) string {
	if n := r.Props[name]; n != nil {
		return n.Text
	}
	return ""
}

// ETag returns the ETag as an opaque string: weak, unquoted or empty as may be.
func (r Response) ETag() string { return r.Text(GetETag) }

// Hrefs returns the hrefs in a property such as calendar-home-set.
func (r Response) Hrefs(name xml.Name) []string {
	var list []string
	if n := r.Props[name]; n != nil {
		for _, c := range n.Children {
			if href := strings.TrimSpace(c.Text); c.Name == nameHref && href != "" {
				list = append(list, href)
			}
		}
	}
	return list
}

// Elements returns the names of the elements in a property such as resourcetype.
func (r Response) Elements(name xml.Name) []xml.Name {
	var list []xml.Name
	if n := r.Props[name]; n != nil {
		for _, c := range n.Children {
			list = append(list, c.Name)
		}
	}
	return list
}

// IsA reports whether the resource is of that type.
func (r Response) IsA(name xml.Name) bool {
	return r.Props[ResourceType].Child(name) != nil
}

// Components returns the names in a supported-calendar-component-set
// (RFC 4791 section 5.2.3), upper case. None means the server does not say.
func (r Response) Components(name xml.Name) []string {
	var list []string
	if n := r.Props[name]; n != nil {
		for _, c := range n.Children {
			for _, a := range c.Attr {
				if c.Name.Local == "comp" && a.Name.Local == "name" {
					list = append(list, strings.ToUpper(strings.TrimSpace(a.Value)))
				}
			}
		}
	}
	return list
}

// Privileges returns what current-user-privilege-set allows (RFC 3744 section
// 5.5); ok is false where the server does not say.
func (r Response) Privileges() (list []xml.Name, ok bool) {
	n := r.Props[davName("current-user-privilege-set")]
	if n == nil {
		return nil, false
	}
	for _, p := range n.Children {
		for _, c := range p.Children {
			list = append(list, c.Name)
		}
	}
	return list, true
}

// Reports returns the names in supported-report-set (RFC 3253 section 3.1.5),
// with or without the wrappers around each, which Xandikos leaves out.
func (r Response) Reports() []xml.Name {
	var list []xml.Name
	n := r.Props[davName("supported-report-set")]
	if n == nil {
		return nil
	}
	todo := []*Node{n}
	for len(todo) > 0 {
		n, todo = todo[0], todo[1:]
		for _, c := range n.Children {
			if c.Name == davName("supported-report") || c.Name == davName("report") {
				todo = append(todo, c)
			} else {
				list = append(list, c.Name)
			}
		}
	}
	return list
}

// Answer is what came with an answer, besides its responses.
type Answer struct {
	URL       *url.URL  // that answered, after redirects; hrefs are relative to it
	Date      time.Time // the server's clock; zero if it did not say
	ETag      string    // opaque; empty if the server sent none
	SyncToken string    // of a sync-collection (RFC 6578 section 6.2)
}

func answerOf(resp *http.Response) Answer {
	return Answer{URL: resp.Request.URL, Date: date(resp.Header), ETag: strings.TrimSpace(resp.Header.Get("ETag"))}
}

// Multistatus sends a request whose answer is a multistatus (RFC 4918 section
// 13) and calls f for each href in it as it arrives. An error of f ends it and
// is returned. After any error the answer was not seen to its end, and nothing
// may be concluded from what is not in it. depth may be empty.
func (c *Client) Multistatus(ctx context.Context, method, ref, depth string, body []byte, f func(Response) error) (Answer, error) {
	h := http.Header{"Content-Type": {xmlType}}
	if depth != "" {
		h.Set("Depth", depth)
	}
	resp, err := c.do(ctx, ref, request{method: method, header: h, body: body})
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := answerOf(resp)
	if resp.StatusCode != http.StatusMultiStatus {
		return a, fmt.Errorf("%s %s: %w: status %d instead of a multistatus", method, a.URL.Path, ErrMalformed, resp.StatusCode)
	}
	err = readMultistatus(resp.Body, &a, f)
	var own callerError
	switch {
	case err == nil:
		return a, nil
	case errors.As(err, &own):
		return a, own.error
	case ctx.Err() != nil:
		return a, context.Cause(ctx)
	}
	return a, fmt.Errorf("%s %s: %w", method, a.URL.Path, err)
}

// callerError tells an error of the callback from one of the answer.
type callerError struct{ error }

func readMultistatus(body io.Reader, a *Answer, f func(Response) error) error {
	limit := &allowance{left: maxResponse}
	d := decoder{dec: newDecoder(&allowance{r: body, left: maxMultistatus}, limit)}
	inside := false
	for {
		tok, err := d.token()
		if err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return nil // every other end is read with its start
		case xml.StartElement:
			if !inside {
				if t.Name != davName("multistatus") {
					return fmt.Errorf("%w: no multistatus", ErrMalformed)
				}
				inside = true
				continue
			}
			n, err := d.node(t)
			if err != nil {
				return err
			}
			switch t.Name {
			case davName("response"):
				for _, r := range responses(n) {
					if err := f(r); err != nil {
						return callerError{err}
					}
				}
			case SyncToken:
				a.SyncToken = strings.TrimSpace(n.Text)
			}
			limit.left = maxResponse
		}
	}
}

// responses reads a DAV:response: one for each of its hrefs.
func responses(n *Node) []Response {
	r := Response{Props: map[xml.Name]*Node{}, Missing: map[xml.Name]int{}}
	var hrefs []string
	for _, c := range n.Children {
		switch c.Name {
		case nameHref:
			hrefs = append(hrefs, strings.TrimSpace(c.Text))
		case davName("status"):
			r.Status = statusCode(c.Text)
		case nameError:
			r.Condition = condition(c)
		case davName("propstat"):
			r.propstat(c)
		}
	}
	list := make([]Response, len(hrefs))
	for i, href := range hrefs {
		list[i] = r
		list[i].Href = href
	}
	return list
}

func (r *Response) propstat(n *Node) {
	code := http.StatusOK // where the server forgot it
	if s := n.Child(davName("status")); s != nil {
		code = statusCode(s.Text)
	}
	if e := n.Child(nameError); e != nil && r.Condition == "" {
		r.Condition = condition(e)
	}
	prop := n.Child(davName("prop"))
	if prop == nil {
		return
	}
	for _, p := range prop.Children {
		if code/100 == 2 {
			r.Props[p.Name] = p
		} else {
			r.Missing[p.Name] = code
		}
	}
}

// statusCode reads "HTTP/1.1 404 Not Found", also without its reason or its
// version; 0 if there is no code.
func statusCode(s string) int {
	for field := range strings.FieldsSeq(s) {
		if n, err := strconv.Atoi(field); err == nil && n >= 100 && n < 600 {
			return n
		}
	}
	return 0
}
