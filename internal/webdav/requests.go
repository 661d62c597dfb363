package webdav

import (
	"bytes"
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
)

// The types of what is sent.
const (
	calendarType = "text/calendar; charset=utf-8"
	xmlType      = "application/xml; charset=utf-8"
)

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

// Mkcalendar makes a calendar for events (RFC 4791 section 5.3.1).
func (c *Client) Mkcalendar(ctx context.Context, ref, name string) error {
	var b bytes.Buffer
	b.WriteString(xml.Header + `<C:mkcalendar xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:caldav"><set><prop><displayname>`)
	_ = xml.EscapeText(&b, []byte(name)) // a Buffer does not fail
	b.WriteString(`</displayname><C:supported-calendar-component-set><C:comp name="VEVENT"/></C:supported-calendar-component-set></prop></set></C:mkcalendar>`)
	resp, err := c.write(ctx, ref, request{
		method: "MKCALENDAR", header: http.Header{"Content-Type": {xmlType}}, body: b.Bytes(),
	})
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// write sends a request that changes something and leaves no body in the answer.
// A 207 is an answer that says no if any status in it does: so Xandikos refuses a
// PUT.
func (c *Client) write(ctx context.Context, ref string, r request) (*http.Response, error) {
	if p, ok := ctx.Value(preconditionKey{}).(precondition); ok {
		if p.value == "" || strings.HasPrefix(p.value, "W/") {
			return nil, fmt.Errorf("%s: %w", r.method, ErrWeakETag)
		}
		r.header.Set(p.header, p.value)
	}
	resp, err := c.do(ctx, ref, r)
	if err != nil {
		return nil, err
	}
	defer func() {
		discard(resp)
		resp.Body = http.NoBody
	}()
	if resp.StatusCode != http.StatusMultiStatus {
		return resp, nil
	}
	a := answerOf(resp)
	refused := &StatusError{Method: r.method, Path: a.URL.Path}
	err = readMultistatus(resp.Body, &a, func(one Response) error {
		code := one.Status
		for _, missing := range one.Missing {
			code = max(code, missing)
		}
		if code >= 300 && refused.Code == 0 {
			refused.Code, refused.Condition = code, one.Condition
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", r.method, a.URL.Path, err)
	case refused.Code != 0:
		return nil, refused
	}
	return resp, nil
}
