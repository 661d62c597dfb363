package webdav

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"slices"
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

// maxFailing is how many objects in a row may fail before it is looked whether
// the server gives any.
const maxFailing = 10

// Fetch reads objects as they arrive, PerRequest at a time by multiget; what an
// answer leaves out is asked for one by one. An error that concerns all of them
// ends it. known are objects that were read before, by href.
//
// Where the server fails at an object it is asked once more when the others have
// been read, and then given with an error of which Failed speaks, so that it may
// be asked again another time. If the server does not even give what it gave
// before, it is the server that fails, and that ends it.
func (h *Home) Fetch(ctx context.Context, c Collection, items []Item, known map[string]string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		f := fetching{Home: h, at: c, items: items, known: known, give: func(o Object) bool { return yield(o, nil) }}
		if err := f.all(ctx); err != nil && !errors.Is(err, errEnough) {
			yield(Object{}, err)
		}
	}
}

// fetching is a Fetch under way.
type fetching struct {
	*Home
	at    Collection
	items []Item
	known map[string]string
	give  func(Object) bool // says whether more is wanted

	read   string // href of an object that was read
	failed []Item // at which the server failed
	row    int    // how many of them came last, one after the other
	cause  error  // of the last
}

func (f *fetching) all(ctx context.Context) error {
	for some := range slices.Chunk(f.items, PerRequest) {
		if err := f.some(ctx, some); err != nil {
			return err
		}
	}
	if len(f.failed) == 0 {
		return nil
	}
	if err := f.well(ctx); err != nil {
		return err
	}
	for _, i := range f.failed {
		o, err := f.fetchOne(ctx, f.at, i)
		if err == nil {
			err = f.hand(o)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// hand gives an object to the caller.
func (f *fetching) hand(o Object) error {
	if o.Err == nil {
		f.read, f.row = o.Href, 0
	}
	if !f.give(o) {
		return errEnough
	}
	return nil
}

// some gives each of a few items to the caller, or notes that the server failed
// at it.
func (f *fetching) some(ctx context.Context, items []Item) error {
	open := map[string]Item{} // not given yet
	for _, i := range items {
		open[Canonical(i.Href)] = i
	}
	_, err := f.Report(ctx, f.at.URL, "1", f.askObjects(items), func(r Response) error {
		i, wanted := open[Canonical(r.Href)]
		data := r.Raw(f.service.Data)
		if !wanted || data == "" {
			return nil
		}
		delete(open, Canonical(r.Href))
		if etag := r.ETag(); etag != "" {
			i.ETag = etag
		}
		if len(data) > MaxObject {
			return f.hand(Object{Item: i, Err: ErrTooLarge})
		}
		return f.hand(Object{Item: i, Data: []byte(data)})
	})
	if err != nil {
		if ctx.Err() != nil || isDenied(err) || errors.Is(err, errEnough) {
			return err
		}
		// One object can spoil the answer for all: a control character that XML
		// cannot hold, an exception in the server's parser.
		f.log.DebugContext(ctx, "multiget failed, reading one by one", "account", f.account, "error", err)
	}
	for _, i := range items {
		if _, left := open[Canonical(i.Href)]; !left {
			continue
		}
		delete(open, Canonical(i.Href))
		if err := f.one(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func (f *fetching) one(ctx context.Context, i Item) error {
	o, err := f.fetchOne(ctx, f.at, i)
	switch {
	case err != nil:
		return err
	case !Failed(o.Err):
		return f.hand(o)
	}
	f.failed, f.cause = append(f.failed, i), o.Err
	if f.row++; f.row < maxFailing {
		return nil
	}
	f.row = 0
	return f.well(ctx)
}

// well returns nil if the server still gives an object that it gave before.
func (f *fetching) well(ctx context.Context) error {
	before := []string{f.read}
	if f.read == "" {
		before = f.others()
	}
	for _, href := range before {
		o, err := f.fetchOne(ctx, f.at, Item{Href: href})
		if err != nil {
			return err
		}
		if !Failed(o.Err) {
			return nil
		}
	}
	return fmt.Errorf("the server fails at every object: %w", f.cause)
}

// others are a few of the known objects, none of those to be fetched.
func (f *fetching) others() (hrefs []string) {
	asked := map[string]bool{}
	for _, i := range f.items {
		asked[Canonical(i.Href)] = true
	}
	for _, href := range slices.Sorted(maps.Keys(f.known)) {
		if !asked[Canonical(href)] {
			hrefs = append(hrefs, href)
		}
	}
	return hrefs[:min(3, len(hrefs))]
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

// Failed says that an error is the server's failure, which says nothing of what
// was asked for.
func Failed(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && (status.Code == http.StatusRequestTimeout ||
		status.Code >= http.StatusInternalServerError && status.Code != http.StatusNotImplemented)
}
