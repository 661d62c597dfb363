package caldav

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	gowebdav "github.com/emersion/go-webdav"

	"syncd/internal/webdav"
)

// open makes the HTTP client of an account, and go-webdav on top of it.
func (s *Session) open(a Account) error {
	dav, err := webdav.New(a.URL, webdav.Options{
		Authorize: func(ctx context.Context) (string, error) {
			password, err := a.Password(ctx)
			if err != nil {
				return "", err
			}
			return webdav.Basic(a.User, password)(ctx)
		},
		TLS:     &tls.Config{RootCAs: a.RootCAs, MinVersion: tls.VersionTLS12},
		Hosts:   a.Hosts,
		Timeout: a.Timeout,
	})
	if err != nil {
		return err
	}
	s.dav = dav
	s.objects, err = gowebdav.NewClient(dav, a.URL)
	return err
}

func (s *Session) propfind(ctx context.Context, address, depth string, props []xml.Name, f func(webdav.Response) error) (webdav.Answer, error) {
	a, err := s.dav.Propfind(ctx, address, depth, props, f)
	return a, reading(err)
}

func (s *Session) report(ctx context.Context, address, depth string, body []byte, f func(webdav.Response) error) (webdav.Answer, error) {
	a, err := s.dav.Report(ctx, address, depth, body, f)
	return a, reading(err)
}

// get, put and remove are go-webdav's. It takes the path for the address, without
// escapes, and sends its own spelling of it to one host; so it is told the path
// for the sake of its interface, and webdav.At says where to go.
//
// The rest of a conversation is ours (docs/architecture.md says why): the library
// never sees what a server says in XML, nor what it stores as iCalendar.

func (s *Session) get(ctx context.Context, address string) (data []byte, etag string, err error) {
	var a webdav.Answer
	body, err := s.objects.Open(webdav.At(ctx, address, &a), pathOf(address))
	if err != nil {
		return nil, "", reading(err)
	}
	defer func() { _ = body.Close() }()
	data, err = io.ReadAll(body) // webdav.Client has bounded it
	return data, a.ETag, err
}

// put stores an object as it is: gocaldav.PutCalendarObject would write it anew,
// with the lines unfolded and line ends in parameters let through.
func (s *Session) put(ctx context.Context, address string, data []byte) (etag string, err error) {
	var a webdav.Answer
	w, err := s.objects.Create(webdav.At(ctx, address, &a), pathOf(address))
	if err != nil {
		return "", writing(err)
	}
	_, err = w.Write(data)
	// A request that ends early fails the Write; why, says Close.
	if failed := w.Close(); failed != nil {
		err = failed
	}
	return a.ETag, writing(err)
}

// version asks for the ETag of one object.
func (s *Session) version(ctx context.Context, address string) (etag string, err error) {
	status := 0
	_, err = s.propfind(ctx, address, "0", aboutVersions, func(r webdav.Response) error {
		etag, status = r.ETag(), r.Status
		return nil
	})
	if err == nil && (status == http.StatusNotFound || status == http.StatusGone) {
		err = ErrGone
	}
	return etag, err
}

// create stores an object only if there is none.
func (s *Session) create(ctx context.Context, address string, data []byte) (etag string, err error) {
	return s.put(webdav.IfNoneMatchAny(ctx), address, data)
}

// replace stores an object only if it has that ETag; "" means that the server
// gives none that could be compared.
func (s *Session) replace(ctx context.Context, address, etag string, data []byte) (string, error) {
	return s.put(ifMatch(ctx, etag), address, data)
}

// remove deletes an object only if it has that ETag, as in replace.
func (s *Session) remove(ctx context.Context, address, etag string) error {
	return writing(s.objects.RemoveAll(webdav.At(ifMatch(ctx, etag), address, &webdav.Answer{}), pathOf(address)))
}

func ifMatch(ctx context.Context, etag string) context.Context {
	if etag == "" {
		return ctx
	}
	return webdav.IfMatch(ctx, etag)
}

// reading puts an error of a request that reads into our words.
func reading(err error) error {
	switch {
	case errors.Is(err, webdav.ErrNotFound):
		return fmt.Errorf("%w: %w", ErrGone, err)
	case errors.Is(err, webdav.ErrUnauthorized):
		return fmt.Errorf("%w: %w", ErrAuth, err)
	}
	return err
}

// writing puts an error of a request that writes into our words. What may pass
// by itself (a login, a lock, an overload, a fault of the server) is no refusal.
func writing(err error) error {
	var status *webdav.StatusError
	switch {
	case errors.Is(err, webdav.ErrChanged):
		return fmt.Errorf("%w: %w", ErrChanged, err)
	case errors.Is(err, webdav.ErrRedirected):
		return fmt.Errorf("%w: %w", ErrNotOwn, err)
	case !errors.As(err, &status), errors.Is(err, webdav.ErrNotFound), errors.Is(err, webdav.ErrUnauthorized):
		return reading(err)
	}
	switch code := status.Code; {
	case code == http.StatusLocked, code == http.StatusTooManyRequests:
		return err
	case code/100 == 4, code == http.StatusNotImplemented, code == http.StatusInsufficientStorage:
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// isDenied says that the server does not want to be asked now, whatever about.
func isDenied(err error) bool {
	var status *webdav.StatusError
	return errors.As(err, &status) && (status.Code == http.StatusUnauthorized ||
		status.Code == http.StatusTooManyRequests || status.Code == http.StatusServiceUnavailable)
}

// isAnswer says that the server answered, if not as hoped: another request may
// fare better.
func isAnswer(err error) bool {
	var status *webdav.StatusError
	return errors.As(err, &status) && !isDenied(err) ||
		errors.Is(err, webdav.ErrTooLarge) || errors.Is(err, webdav.ErrMalformed)
}

// noCalDAV says that an answer is not that of a CalDAV server, so that another
// address may be tried.
func noCalDAV(err error) error {
	var status *webdav.StatusError
	if errors.As(err, &status) && status.Code/100 == 5 && status.Code != http.StatusNotImplemented {
		return err // it may pass
	}
	if isAnswer(err) && !errors.Is(err, ErrNotCalDAV) {
		return fmt.Errorf("%w there: %w", ErrNotCalDAV, err)
	}
	return err
}

// explained is an error in words of ours, without those of the library.
type explained struct {
	says  string
	cause error
}

func (e *explained) Error() string { return e.says }
func (e *explained) Unwrap() error { return e.cause }

// cause says what a person can mend, where the error is one of those.
func cause(err error) error {
	if says := explain(err); says != "" {
		return &explained{says, err}
	}
	return err
}

func explain(err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		host     x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		dns      *net.DNSError
		deadline net.Error
	)
	const certificate = "the server's certificate "
	switch {
	case errors.As(err, &host):
		return certificate + fmt.Sprintf("is for %s, not for %s", certNames(host.Certificate), host.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if strings.Contains(invalid.Detail, " is before ") {
			return certificate + "is not valid before " + invalid.Cert.NotBefore.Format(time.DateOnly)
		}
		return certificate + "expired on " + invalid.Cert.NotAfter.Format(time.DateOnly)
	case errors.As(err, &unknown):
		return certificate + "is signed by an unknown authority"
	case errors.As(err, &invalid):
		return certificate + "is not accepted: " + invalid.Error()
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the server speaks no TLS on this port"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no host " + dns.Name
	case errors.As(err, &dns):
		return "host " + dns.Name + " cannot be looked up"
	case errors.As(err, &deadline) && deadline.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there (connection refused)"
	case noHTTP(err.Error()):
		return "no web server answers there"
	}
	return ""
}

// noHTTP knows what net/http says, without a type, of an answer that is none,
// and of one that came before the request: mail servers greet.
func noHTTP(says string) bool {
	return strings.Contains(says, ": malformed HTTP ") || strings.HasSuffix(says, ": readLoopPeekFailLocked: %!w(<nil>)")
}

func certNames(c *x509.Certificate) string {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = []string{c.Subject.CommonName}
	}
	const few = 5
	if len(names) > few {
		names = append(names[:few:few], "…")
	}
	return short(strings.Join(names, ", "))
}

// canonical is an href in a form that can be compared: servers spell the same
// path with and without percent signs. An escaped slash stays one.
func canonical(href string) string {
	path := strings.TrimSpace(href)
	if u, err := url.Parse(path); err == nil {
		path = u.EscapedPath()
	}
	parts := strings.Split(path, "/")
	for i, p := range parts {
		if d, err := url.PathUnescape(p); err == nil {
			parts[i] = strings.ReplaceAll(d, "/", "%2F")
		}
	}
	return strings.Join(parts, "/")
}

// resolve makes an href absolute without touching its spelling: %2F in a name
// is no slash, and some servers escape nothing at all.
func resolve(base, href string) string {
	href = strings.TrimSpace(href)
	switch {
	case strings.HasPrefix(href, "http://"), strings.HasPrefix(href, "https://"):
		return href
	case strings.HasPrefix(href, "/"):
		return origin(base) + "/" + strings.TrimLeft(href, "/")
	}
	return slash(base) + href
}

func slash(address string) string { return strings.TrimSuffix(address, "/") + "/" }

// origin is scheme, host and port of an absolute URL.
func origin(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		scheme, rest, _ := strings.Cut(address, "://")
		host, _, _ := strings.Cut(rest, "/")
		return strings.ToLower(scheme + "://" + host)
	}
	return strings.ToLower(u.Scheme + "://" + u.Host)
}

// pathOf is the path of an absolute URL as it is spelled.
func pathOf(address string) string {
	_, rest, _ := strings.Cut(address, "://")
	_, path, _ := strings.Cut(rest, "/")
	return "/" + path
}
