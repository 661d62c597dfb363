package webdav

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
)

type addressKey struct{}

type address struct {
	ref    string
	answer *Answer
}

// At makes the request that a library sends through Do go to ref, in the
// spelling of the server, and puts into a what came with the answer.
//
// go-webdav knows an address only as a path without escapes, on one host, and
// escapes it anew: a %2F in a name would become a slash, and the host that an
// href names (iCloud's do) would be forgotten. Of an answer it hides the ETag.
func At(ctx context.Context, ref string, a *Answer) context.Context {
	return context.WithValue(ctx, addressKey{}, address{ref, a})
}

// Do sends the request of a library the way this package sends its own: with
// credentials, under the precondition of IfMatch or IfNoneMatchAny if it
// writes, through redirects as far as it may, and within the same limits. It implements the
// HTTPClient of go-webdav. An answer that says no is a *StatusError.
//
// A PUT of no type is one of a calendar object. Its answer has no ETag if the
// server sent none, which means that what it stored may differ (RFC 4791
// section 5.3.4).
//
// The body of the answer to a read is an object of at most MaxObject octets,
// that of a write is empty. No XML gets through: go-webdav decodes it without
// a limit of size or depth, and enough nested elements end the process. A
// multistatus is for Propfind and Report.
func (c *Client) Do(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	to, ok := ctx.Value(addressKey{}).(address)
	if !ok {
		to = address{req.URL.String(), new(Answer)}
	}
	r := request{method: req.Method, header: req.Header.Clone()}
	if req.Body != nil {
		// Whoever writes into it waits until it is read or closed.
		defer func() { _ = req.Body.Close() }()
		var err error
		if r.body, err = io.ReadAll(req.Body); err != nil {
			return nil, fmt.Errorf("%s: read body: %w", req.Method, err)
		}
	}
	var (
		resp *http.Response
		err  error
	)
	if r.writes() {
		if req.Method == http.MethodPut && r.header.Get("Content-Type") == "" {
			r.header.Set("Content-Type", calendarType)
		}
		resp, err = c.write(ctx, to.ref, r)
	} else {
		resp, err = c.read(ctx, to.ref, r)
	}
	if err != nil {
		return nil, err
	}
	*to.answer = answerOf(resp)
	// go-webdav calls a PUT failed, though it was done, whose ETag it cannot unquote.
	if _, err := strconv.Unquote(to.answer.ETag); err != nil {
		resp.Header.Del("ETag")
	}
	return resp, nil
}

// read sends a request for an object and has all of it in the answer.
func (c *Client) read(ctx context.Context, ref string, r request) (*http.Response, error) {
	resp, err := c.do(ctx, ref, r)
	if err != nil {
		return nil, err
	}
	defer func(body io.Closer) { _ = body.Close() }(resp.Body)
	path := resp.Request.URL.Path
	switch {
	case resp.StatusCode == http.StatusMultiStatus:
		return nil, fmt.Errorf("%s %s: %w: a multistatus", r.method, path, ErrMalformed)
	case resp.ContentLength > MaxObject:
		return nil, fmt.Errorf("%s %s: %w", r.method, path, ErrTooLarge)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxObject+1))
	switch {
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", r.method, path, err)
	case len(body) > MaxObject:
		return nil, fmt.Errorf("%s %s: %w", r.method, path, ErrTooLarge)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}
