package webdav

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"strings"
)

const calendarType = "text/calendar; charset=utf-8"

// Propfind asks for properties (RFC 4918 section 9.1). depth is "0" or "1".
func (c *Client) Propfind(ctx context.Context, ref, depth string, props []xml.Name, f func(Response) error) (Answer, error) {
	var b bytes.Buffer
	b.WriteString(xml.Header + `<propfind xmlns="DAV:"><prop>`)
	for _, p := range props {
		b.WriteString("<" + p.Local + ` xmlns="`)
		_ = xml.EscapeText(&b, []byte(p.Space)) // a Buffer does not fail
		b.WriteString(`"/>`)
	}
	b.WriteString(`</prop></propfind>`)
	return c.Multistatus(ctx, "PROPFIND", ref, depth, b.Bytes(), f)
}

// Report sends a REPORT (RFC 3253 section 3.6).
func (c *Client) Report(ctx context.Context, ref, depth string, body []byte, f func(Response) error) (Answer, error) {
	return c.Multistatus(ctx, "REPORT", ref, depth, body, f)
}

// Get returns an object of at most MaxObject octets.
func (c *Client) Get(ctx context.Context, ref string) ([]byte, Answer, error) {
	resp, err := c.do(ctx, ref, request{method: http.MethodGet})
	if err != nil {
		return nil, Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	a := answerOf(resp)
	if resp.ContentLength > MaxObject {
		return nil, a, fmt.Errorf("GET %s: %w", a.URL.Path, ErrTooLarge)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxObject+1))
	switch {
	case ctx.Err() != nil:
		return nil, a, context.Cause(ctx)
	case err != nil:
		return nil, a, fmt.Errorf("GET %s: %w", a.URL.Path, err)
	case len(body) > MaxObject:
		return nil, a, fmt.Errorf("GET %s: %w", a.URL.Path, ErrTooLarge)
	}
	return body, a, nil
}

// Put stores a calendar object, under the precondition of IfMatch or
// IfNoneMatchAny. Its answer has no ETag if the server sent none, which means
// that what it stored may differ (RFC 4791 section 5.3.4).
func (c *Client) Put(ctx context.Context, ref string, body []byte) (Answer, error) {
	return c.write(ctx, http.MethodPut, ref, calendarType, body)
}

// Delete deletes a resource, under the precondition of IfMatch.
func (c *Client) Delete(ctx context.Context, ref string) error {
	_, err := c.write(ctx, http.MethodDelete, ref, "", nil)
	return err
}

// Mkcalendar makes a calendar for events (RFC 4791 section 5.3.1).
func (c *Client) Mkcalendar(ctx context.Context, ref, name string) error {
	var b bytes.Buffer
	b.WriteString(xml.Header + `<C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><displayname>`)
	_ = xml.EscapeText(&b, []byte(name)) // a Buffer does not fail
	b.WriteString(`</displayname><C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set></prop></set></C:mkcalendar>`)
	_, err := c.write(ctx, "MKCALENDAR", ref, "application/xml; charset=utf-8", b.Bytes())
	return err
}

// write sends a request that changes something. A 207 is an answer that says no
// if any status in it does: so Xandikos refuses a PUT.
func (c *Client) write(ctx context.Context, method, ref, contentType string, body []byte) (Answer, error) {
	h := http.Header{}
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	if p, ok := ctx.Value(preconditionKey{}).(precondition); ok {
		if p.value == "" || strings.HasPrefix(p.value, "W/") {
			return Answer{}, fmt.Errorf("%s: %w", method, ErrWeakETag)
		}
		h.Set(p.header, p.value)
	}
	resp, err := c.do(ctx, ref, request{method: method, header: h, body: body})
	if err != nil {
		return Answer{}, err
	}
	defer discard(resp)
	a := answerOf(resp)
	if resp.StatusCode != http.StatusMultiStatus {
		return a, nil
	}
	refused := &StatusError{Method: method, Path: a.URL.Path}
	err = readMultistatus(resp.Body, &a, func(r Response) error {
		code := r.Status
		for _, missing := range r.Missing {
			code = max(code, missing)
		}
		if code >= 300 && refused.Code == 0 {
			refused.Code, refused.Condition = code, r.Condition
		}
		return nil
	})
	switch {
	case err != nil:
		return a, fmt.Errorf("%s %s: %w", method, a.URL.Path, err)
	case refused.Code != 0:
		return a, refused
	}
	return a, nil
}

// Features is what OPTIONS says about a resource.
type Features struct {
	Classes []string // of the DAV header, lower case: "calendar-access", …
	Methods []string // of the Allow header, upper case
}

// Options asks what the server offers (RFC 4918 section 10.1).
func (c *Client) Options(ctx context.Context, ref string) (Features, error) {
	resp, err := c.do(ctx, ref, request{method: http.MethodOptions})
	if err != nil {
		return Features{}, err
	}
	defer discard(resp)
	return Features{
		Classes: headerList(resp.Header["Dav"], strings.ToLower),
		Methods: headerList(resp.Header["Allow"], strings.ToUpper),
	}, nil
}

func headerList(values []string, to func(string) string) []string {
	var list []string
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, to(part))
			}
		}
	}
	return list
}
