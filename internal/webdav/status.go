package webdav

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// What callers branch on; a *StatusError is one of them or none.
var (
	ErrChanged      = errors.New("changed meanwhile")             // 412
	ErrNotFound     = errors.New("not there any more")            // 404, 410
	ErrUnauthorized = errors.New("user name or password refused") // 401
	ErrForbidden    = errors.New("not allowed")                   // 403
	ErrNoSupport    = errors.New("not supported by the server")   // 405, 501
)

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = 24 * time.Hour

// StatusError is an answer that says no.
type StatusError struct {
	Method, Path string
	Code         int
	Condition    string        // local name of the precondition in a DAV:error body, as "valid-sync-token"
	RetryAfter   time.Duration // zero if the server did not say
}

func (e *StatusError) Error() string {
	s := fmt.Sprintf("%s %s: %d %s", e.Method, e.Path, e.Code, http.StatusText(e.Code))
	if e.Condition != "" {
		s += " (" + e.Condition + ")"
	}
	s = strings.TrimSpace(s)
	for _, plain := range []error{ErrNotFound, ErrUnauthorized} {
		if e.Is(plain) {
			return plain.Error() + ": " + s
		}
	}
	return s
}

// Is makes errors.Is work with the sentinels of this package.
func (e *StatusError) Is(target error) bool {
	switch e.Code {
	case http.StatusPreconditionFailed:
		return target == ErrChanged
	case http.StatusNotFound, http.StatusGone:
		return target == ErrNotFound
	case http.StatusUnauthorized:
		return target == ErrUnauthorized
	case http.StatusForbidden:
		return target == ErrForbidden
	case http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return target == ErrNoSupport
	}
	return false
}

// statusError reads an answer that says no, and closes it.
func statusError(method, path string, resp *http.Response) error {
	defer func() { _ = resp.Body.Close() }()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, maxErrorBody))
	e := &StatusError{Method: method, Path: path, Code: resp.StatusCode, RetryAfter: retryAfter(resp.Header)}
	// Only a document that begins as DAV:error is one (RFC 4918 section 16).
	d := decoder{dec: newDecoder(bytes.NewReader(body), nil)}
	for {
		tok, err := d.token()
		if err != nil {
			return e
		}
		if start, ok := tok.(xml.StartElement); ok {
			if start.Name == davName("error") {
				if n, err := d.node(start); err == nil {
					e.Condition = condition(n)
				}
			}
			return e
		}
	}
}

// condition returns the name of the first element in a DAV:error.
func condition(n *Node) string {
	if n == nil || len(n.Children) == 0 || len(n.Children[0].Name.Local) > 100 {
		return ""
	}
	return n.Children[0].Name.Local
}

// retryAfter reads the header in both forms (RFC 9110 section 10.2.3); a date
// counts from the server's own clock.
func retryAfter(h http.Header) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if n, err := strconv.Atoi(v); err == nil {
		return time.Duration(min(max(n, 0), int(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	now := date(h)
	if now.IsZero() {
		now = time.Now()
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

// date returns the server's clock, or zero.
func date(h http.Header) time.Time {
	t, err := http.ParseTime(h.Get("Date"))
	if err != nil {
		return time.Time{}
	}
	return t
}
