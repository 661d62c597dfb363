// Package webdav is the HTTP under CalDAV and CardDAV (RFC 4918): requests with
// credentials and preconditions, redirects that keep the method, multistatus
// answers read response by response, typed errors, and limits on everything a
// server sends. Credentials go only where Options allow; errors hold neither
// them nor what a server wrote beyond the name of a condition.
//
// It is also what lies under go-webdav: a Client is an HTTPClient for it. On it
// stands a Home, which finds the collections of an account and reads what changed
// in them, the same for both services.
package webdav

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Limits on answers.
const (
	MaxObject = 1 << 20 // octets of one object

	maxMultistatus = 1 << 30 // streamed
	maxResponse    = 4 << 20 // one response in it
	maxDepth       = 32
	maxHops        = 5
	maxErrorBody   = 64 << 10
)

const (
	dialTimeout     = 30 * time.Second
	headerTimeout   = 4 * time.Minute // Radicale reads every object before it answers for the first time
	defaultTimeout  = 5 * time.Minute
	idleConnTimeout = 90 * time.Second
)

// ErrInsecure is returned instead of speaking plain HTTP to a host that is not
// this machine, ErrForeignHost instead of following a server to a host that
// must not see the credentials, ErrTooLarge for an answer over its limit,
// ErrMalformed for one that cannot be read, ErrWeakETag instead of sending a
// weak or empty ETag with If-Match (RFC 9110 section 13.1.1), and ErrRedirected
// instead of writing into another collection than the caller named.
var (
	ErrInsecure    = errors.New("refused: plain HTTP is allowed to this machine only")
	ErrForeignHost = errors.New("refused: not a host that the configuration names")
	ErrTooLarge    = errors.New("answer too large")
	ErrMalformed   = errors.New("malformed answer")
	ErrWeakETag    = errors.New("weak or missing ETag cannot be a precondition")
	ErrRedirected  = errors.New("refused: a write was redirected to another collection")
)

// Authorizer returns the value of the Authorization header for one request, or
// "" for none.
type Authorizer func(ctx context.Context) (header string, err error)

// ErrUserName is returned for a user name with a colon, which would move a part
// of it into the password (RFC 7617 section 2).
var ErrUserName = errors.New("the user name holds a colon, which HTTP Basic cannot carry")

// Basic authorizes with a user name and a password, in UTF-8 (RFC 7617).
func Basic(user, password string) Authorizer {
	return func(context.Context) (string, error) {
		if strings.Contains(user, ":") {
			return "", ErrUserName
		}
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password)), nil
	}
}

// Options says how to reach a server.
type Options struct {
	Authorize Authorizer  // nil: no credentials
	TLS       *tls.Config // extra roots; nil: the system's. At least TLS 1.2 in any case
	Hosts     []string    // that may see the credentials besides the base's registrable domain
	Timeout   time.Duration
	UserAgent string
	// Dial opens connections; nil: the network.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client speaks to one server. Its methods take URLs relative to the base, in
// the spelling of the server; they may be called concurrently.
type Client struct {
	base *url.URL
	opts Options
	http *http.Client
}

// New returns a client for the server at base, an absolute http or https URL.
func New(base string, o Options) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, errors.New("not an http or https URL")
	}
	if u.User != nil {
		return nil, errors.New("the URL must not hold a user name or password")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.UserAgent == "" {
		o.UserAgent = "syncd"
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{Timeout: dialTimeout}).DialContext
	}
	conf := &tls.Config{MinVersion: tls.VersionTLS12}
	if o.TLS != nil {
		conf = o.TLS.Clone()
		conf.MinVersion = max(conf.MinVersion, tls.VersionTLS12)
	}
	c := &Client{base: u, opts: o, http: &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  http.ProxyFromEnvironment,
			DialContext:            o.Dial,
			TLSClientConfig:        conf,
			TLSHandshakeTimeout:    dialTimeout,
			ResponseHeaderTimeout:  headerTimeout,
			IdleConnTimeout:        idleConnTimeout,
			MaxResponseHeaderBytes: 256 << 10,
			DisableCompression:     true,
			ForceAttemptHTTP2:      true,
		},
	}}
	if err := c.allowed(u); err != nil {
		return nil, err
	}
	return c, nil
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Base returns the URL that references are relative to.
func (c *Client) Base() *url.URL {
	u := *c.base
	return &u
}

// Resolve returns the URL of a reference as a server spells it, without
// changing how its path is escaped.
func (c *Client) Resolve(ref string) (*url.URL, error) {
	ref = strings.TrimSpace(ref)
	if strings.HasPrefix(ref, "//") {
		// RFC 4918 section 8.3 has no network paths: a doubled slash is a slip.
		ref = "/" + strings.TrimLeft(ref, "/")
	}
	u, err := url.Parse(ref)
	if err != nil {
		// A bare % is the one mistake worth mending.
		if u, err = url.Parse(strings.ReplaceAll(ref, "%", "%25")); err != nil {
			return nil, fmt.Errorf("%w: bad URL", ErrMalformed)
		}
	}
	u = c.base.ResolveReference(u)
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u, nil
}

// allowed reports whether credentials may go to that URL (SPEC I13).
func (c *Client) allowed(u *url.URL) error {
	switch {
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("%w: %s", ErrInsecure, u.Hostname())
	case u.Scheme != "http" && u.Scheme != "https":
		return fmt.Errorf("%w: scheme %.20q", ErrMalformed, u.Scheme)
	case c.base.Scheme == "https" && u.Scheme == "http":
		return fmt.Errorf("%w: from https to http", ErrInsecure)
	case sameHost(c.base, u) || slices.ContainsFunc(c.opts.Hosts, func(h string) bool { return strings.EqualFold(h, u.Hostname()) }):
		return nil
	}
	return fmt.Errorf("%w: %s", ErrForeignHost, u.Hostname())
}

// sameHost reports whether two URLs are of one host, or of one registrable
// domain. On addresses and on this machine the port counts too: another port
// may be another person's.
func sameHost(a, b *url.URL) bool {
	if strings.EqualFold(a.Host, b.Host) {
		return true
	}
	x, y := strings.ToLower(a.Hostname()), strings.ToLower(b.Hostname())
	if isAddress(x) || isAddress(y) || loopback(x) || loopback(y) {
		return false
	}
	if x == y {
		return true
	}
	dx, err1 := publicsuffix.EffectiveTLDPlusOne(x)
	dy, err2 := publicsuffix.EffectiveTLDPlusOne(y)
	return err1 == nil && err2 == nil && dx == dy
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || strings.EqualFold(host, "localhost")
}

type preconditionKey struct{}

type precondition struct{ header, value string }

// IfMatch makes the next writing request succeed only while the resource has
// that ETag; else it fails with ErrChanged.
func IfMatch(ctx context.Context, etag string) context.Context {
	return context.WithValue(ctx, preconditionKey{}, precondition{"If-Match", etag})
}

// IfNoneMatchAny makes the next writing request succeed only if there is no
// such resource; else it fails with ErrChanged.
func IfNoneMatchAny(ctx context.Context) context.Context {
	return context.WithValue(ctx, preconditionKey{}, precondition{"If-None-Match", "*"})
}

// request is what is sent, again after each redirect.
type request struct {
	method string
	header http.Header
	body   []byte
}

func (r request) writes() bool {
	switch r.method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, "PROPFIND", "REPORT":
		return false
	}
	return true
}

// beside reports whether two URLs are of resources in one collection, in any
// spelling of their paths (SPEC I2).
func beside(a, b *url.URL) bool {
	parents, name := segments(a)
	others, other := segments(b)
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host) && slices.Equal(parents, others) && named(name) && named(other)
}

// segments splits a path into the names above a resource and its own. A slash at
// the end, as collections have it, belongs to none.
func segments(u *url.URL) (parents []string, name string) {
	list := strings.Split(strings.TrimSuffix(u.EscapedPath(), "/"), "/")
	for i, s := range list {
		if plain, err := url.PathUnescape(s); err == nil {
			list[i] = plain
		}
	}
	last := len(list) - 1
	return list[:last], list[last]
}

// named reports whether a segment is a name, and no way elsewhere even to a
// server that takes an escaped slash for one.
func named(segment string) bool {
	return segment != "" && !slices.ContainsFunc(strings.Split(segment, "/"), func(s string) bool { return s == "." || s == ".." })
}

// do sends the request and follows redirects (RFC 9110 section 15.4) with the
// same method and body, which WebDAV needs after any of the five codes, one that
// writes only inside the collection it is for. An answer that is an error is
// read and returned as a *StatusError.
func (c *Client) do(ctx context.Context, ref string, r request) (*http.Response, error) {
	u, err := c.Resolve(ref)
	if err != nil {
		return nil, err
	}
	first := u
	for range maxHops + 1 {
		if err := c.allowed(u); err != nil {
			return nil, err
		}
		resp, err := c.send(ctx, u, r)
		if err != nil {
			return nil, err
		}
		switch resp.StatusCode {
		case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
			location := resp.Header.Get("Location")
			discard(resp)
			if location == "" {
				return nil, fmt.Errorf("%s %s: %w: redirect to nowhere", r.method, u.Path, ErrMalformed)
			}
			next, err := u.Parse(location)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w: redirect to no URL", r.method, u.Path, ErrMalformed)
			}
			next.User, next.Fragment, next.RawFragment = nil, "", ""
			if u.Scheme == "https" && next.Scheme != "https" {
				return nil, fmt.Errorf("%s %s: %w: redirected from https", r.method, u.Path, ErrInsecure)
			}
			if r.writes() && !beside(first, next) {
				return nil, fmt.Errorf("%s %s: %w", r.method, u.Path, ErrRedirected)
			}
			u = next
			continue
		}
		if resp.StatusCode/100 != 2 {
			return nil, statusError(r.method, u.Path, resp)
		}
		if e := resp.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
			discard(resp)
			return nil, fmt.Errorf("%s %s: %w: unrequested content encoding", r.method, u.Path, ErrMalformed)
		}
		return resp, nil
	}
	return nil, fmt.Errorf("%s %s: %w: more than %d redirects", r.method, u.Path, ErrMalformed, maxHops)
}

func (c *Client) send(ctx context.Context, u *url.URL, r request) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(r.body))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", r.method, u.Path, err)
	}
	if r.header != nil {
		req.Header = r.header.Clone()
	}
	req.Header.Set("User-Agent", c.opts.UserAgent)
	req.Header.Set("Accept-Encoding", "identity")
	if c.opts.Authorize != nil {
		auth, err := c.opts.Authorize(ctx)
		if err != nil {
			return nil, fmt.Errorf("authorize: %w", err)
		}
		if auth != "" {
			req.Header.Set("Authorization", auth)
		}
	}
	resp, err := c.http.Do(req)
	if err == nil {
		return resp, nil
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err // without the URL
	}
	return nil, fmt.Errorf("%s %s: %w", r.method, u.Path, err)
}

// discard reads a little, so that the connection can be used again.
func discard(resp *http.Response) {
	_, _ = io.CopyN(io.Discard, resp.Body, maxErrorBody)
	_ = resp.Body.Close()
}
