package webdav

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"iter"
	"net/http"
	"strings"
	"time"
)

// PerRequest is how many objects one multiget asks for.
const PerRequest = 50

// Item is an object as a listing names it.
type Item struct {
	Href string // verbatim
	ETag string // as given, weak ones too; "" if missing
}

// Object is an object that Fetch read, or why it could not.
type Object struct {
	Item
	Data []byte
	Err  error // ErrNotFound, or what the server answered
}

// List returns everything in a collection, complete or an error, and the
// server's clock.
func (h *Home) List(ctx context.Context, c Collection) ([]Item, time.Time, error) {
	var items []Item
	there := false // the collection itself, which RFC 4918 section 9.1 puts into the answer
	a, err := h.Propfind(ctx, c.URL, "1", aboutVersions, func(r Response) error {
		switch {
		case !r.found(): // an object we may not see, or that went meanwhile
		case r.IsA(davCollection):
			there = true
		case !strings.HasSuffix(r.Href, "/"):
			items = append(items, Item{Href: r.Href, ETag: r.ETag()})
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	if !there { // Xandikos answers 207 for a collection that is gone
		if _, _, err := h.Collection(ctx, c.URL); err != nil {
			return nil, time.Time{}, err
		}
	}
	return items, a.Date, nil
}

// errEnough ends an answer that nobody wants to read on.
var errEnough = errors.New("enough")

// Fetch reads objects as they arrive, PerRequest at a time by multiget; what an
// answer leaves out is asked for one by one. An error that concerns all of them
// ends it.
func (h *Home) Fetch(ctx context.Context, c Collection, items []Item) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for len(items) > 0 {
			n := min(len(items), PerRequest)
			switch err := h.fetch(ctx, c, items[:n], func(o Object) bool { return yield(o, nil) }); {
			case errors.Is(err, errEnough):
				return
			case err != nil:
				yield(Object{}, err)
				return
			}
			items = items[n:]
		}
	}
}

// fetch gives each of the items to f, until that has enough.
func (h *Home) fetch(ctx context.Context, c Collection, items []Item, f func(Object) bool) error {
	open := map[string]Item{} // not given yet
	for _, i := range items {
		open[Canonical(i.Href)] = i
	}
	_, err := h.Report(ctx, c.URL, "1", h.askObjects(items), func(r Response) error {
		i, wanted := open[Canonical(r.Href)]
		data := r.Raw(h.service.Data)
		if !wanted || data == "" {
			return nil
		}
		delete(open, Canonical(r.Href))
		if etag := r.ETag(); etag != "" {
			i.ETag = etag
		}
		o := Object{Item: i, Data: []byte(data)}
		if len(data) > MaxObject {
			o = Object{Item: i, Err: ErrTooLarge}
		}
		if !f(o) {
			return errEnough
		}
		return nil
	})
	if err != nil {
		if ctx.Err() != nil || isDenied(err) || errors.Is(err, errEnough) {
			return err
		}
		// One object can spoil the answer for all: a control character that XML
		// cannot hold, an exception in the server's parser.
		h.log.DebugContext(ctx, "multiget failed, reading one by one", "account", h.account, "error", err)
	}
	for _, i := range items {
		if _, left := open[Canonical(i.Href)]; !left {
			continue
		}
		delete(open, Canonical(i.Href))
		o, err := h.fetchOne(ctx, c, i)
		if err != nil {
			return err
		}
		if !f(o) {
			return errEnough
		}
	}
	return nil
}

// fetchOne reads one object by GET. What the server says about this object is
// in the result; that it cannot be asked is the error.
func (h *Home) fetchOne(ctx context.Context, c Collection, i Item) (Object, error) {
	data, a, err := h.Get(ctx, Absolute(c.URL, i.Href))
	switch {
	case err == nil:
		if a.ETag != "" {
			i.ETag = a.ETag
		}
		return Object{Item: i, Data: data}, nil
	case errors.Is(err, ErrNotFound):
		return Object{Item: i, Err: ErrNotFound}, nil
	case IsAnswer(err):
		return Object{Item: i, Err: err}, nil
	}
	return Object{}, err
}

// Get reads an object of at most MaxObject octets.
func (c *Client) Get(ctx context.Context, ref string) ([]byte, Answer, error) {
	resp, err := c.read(ctx, ref, request{method: http.MethodGet})
	if err != nil {
		return nil, Answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	data, err := io.ReadAll(resp.Body)
	return data, answerOf(resp), err
}

// askObjects is a multiget report (RFC 4791 section 7.9, RFC 6352 section 8.7).
func (h *Home) askObjects(list []Item) []byte {
	var b strings.Builder
	name, data := h.service.Multiget.Local, h.service.Data.Local
	b.WriteString(xml.Header + `<C:` + name + ` xmlns:D="DAV:" xmlns:C="` + h.service.Data.Space +
		`"><D:prop><D:getetag/><C:` + data + `/></D:prop>`)
	for _, i := range list {
		b.WriteString(`<D:href>` + Escape(i.Href) + `</D:href>`)
	}
	b.WriteString(`</C:` + name + `>`)
	return []byte(b.String())
}

// Escape writes text as it goes into XML.
func Escape(s string) string {
	var b strings.Builder
	// A Builder never fails; what XML cannot hold becomes U+FFFD.
	_ = xml.EscapeText(&b, []byte(s))
	return b.String()
}

// isDenied says that the server does not want to be asked now, whatever about.
func isDenied(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && (status.Code == http.StatusUnauthorized ||
		status.Code == http.StatusTooManyRequests || status.Code == http.StatusServiceUnavailable)
}
