package webdav

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Service is what tells CalDAV and CardDAV apart for one who reads.
type Service struct {
	Many       string   // what a user calls its collections: "calendars"
	WellKnown  string   // where discovery may start (RFC 6764 section 5)
	Collection xml.Name // resource type of a collection
	Home       xml.Name // property of a principal: where its collections are
	Components xml.Name // property of a collection: what may be in it; zero if there is none
	Multiget   xml.Name // report that reads several objects
	Data       xml.Name // property in it: an object
	None       error    // says that there is no such service at an address
}

// Account says where an account's collections are.
type Account struct {
	Name     string // in the configuration
	URL      string // of a collection, a home, a principal or the server
	User     string
	Password func(context.Context) (string, error)
	RootCAs  *x509.CertPool // nil: the system's
	Hosts    []string       // other hosts that may see the credentials
	Timeout  time.Duration  // of one request; 0: five minutes
}

// Collection is a calendar or an address book.
type Collection struct {
	URL        string   // absolute, ends in a slash
	Href       string   // verbatim, as the server spells it
	Name       string   // displayname, else the last segment of the URL
	Components []string // none: any
	Readable   bool
	Writable   bool
	SyncToken  string // "" where the server keeps no history (RFC 6578)
	CTag       string // changes with the content; "" where there is none
	Reports    []string
}

// Home is where the collections of an account are, once found.
type Home struct {
	*Client
	service Service
	account string
	log     *slog.Logger
	url     string // of the collection that holds the others; "" if unknown
	single  string // URL of the only collection, where the account names one
}

// The properties we ask for, besides those with exported names.
var (
	davCollection = davName("collection")
	davPrincipal  = davName("current-user-principal")
	davPrivileges = davName("current-user-privilege-set")
	davReports    = davName("supported-report-set")
	serverTag     = xml.Name{Space: "http://calendarserver.org/ns/", Local: "getctag"}
	aboutVersions = []xml.Name{GetETag, ResourceType}
)

// Find finds the collections of an account (RFC 6764 section 6). Its errors are
// one line that names the account and the cause.
func Find(ctx context.Context, s Service, a Account, log *slog.Logger) (*Home, error) {
	h := &Home{service: s, account: a.Name, log: log}
	u, err := url.Parse(a.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("account %q: url %q: want https://host/path", a.Name, a.URL)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if h.Client, err = New(a.URL, a.options()); err == nil {
		err = h.discover(ctx, u.String())
	}
	if err != nil {
		return nil, fmt.Errorf("account %q: %s: %w", a.Name, u.Redacted(), Cause(err))
	}
	return h, nil
}

func (a Account) options() Options {
	return Options{
		Authorize: func(ctx context.Context) (string, error) {
			password, err := a.Password(ctx)
			if err != nil {
				return "", err
			}
			return Basic(a.User, password)(ctx)
		},
		TLS:     &tls.Config{RootCAs: a.RootCAs, MinVersion: tls.VersionTLS12},
		Hosts:   a.Hosts,
		Timeout: a.Timeout,
	}
}

// discover finds the home from the address given, then from the well-known one.
func (h *Home) discover(ctx context.Context, start string) error {
	first := h.from(ctx, start)
	if first == nil || !errors.Is(first, h.service.None) {
		return first
	}
	known := Origin(start) + h.service.WellKnown
	if start == known {
		return first
	}
	if err := h.from(ctx, known); err == nil || !errors.Is(err, h.service.None) {
		return err
	}
	return first
}

// from follows address, principal and home. Only Service.None means that it is
// worth looking elsewhere.
func (h *Home) from(ctx context.Context, address string) error {
	r, at, err := h.who(ctx, address)
	if err != nil {
		return err
	}
	if r.IsA(h.service.Collection) {
		h.single = slash(at)
	}
	homes := r.Hrefs(h.service.Home)
	if principals := r.Hrefs(davPrincipal); len(homes) == 0 && len(principals) > 0 {
		principal, there, err := h.who(ctx, Absolute(at, principals[0]))
		if err != nil && h.single == "" {
			return err
		}
		if err == nil {
			homes, at = principal.Hrefs(h.service.Home), there
		}
	}
	switch {
	case len(homes) > 0:
		h.url = slash(Absolute(at, homes[0]))
		return nil
	case h.single != "":
		return nil
	}
	return h.isHome(ctx, slash(at))
}

// isHome takes a collection that holds others for the home.
func (h *Home) isHome(ctx context.Context, address string) error {
	list, err := h.children(ctx, address)
	if err != nil {
		return h.none(err)
	}
	if len(list) == 0 {
		return fmt.Errorf("%w there: no %s found", h.service.None, h.service.Many)
	}
	h.url = address
	return nil
}

// who asks a resource what it is and to whom it belongs; at is where it is
// after redirects.
//
// go-webdav's FindCurrentUserPrincipal and Find…HomeSet would ask for one
// property each of what is one answer here, drop the host of a home (iCloud's is
// another), decode a %2F, and fail on a status without a reason or an href with
// white space around it. And they decode XML without limits.
func (h *Home) who(ctx context.Context, address string) (r Response, at string, err error) {
	props := append([]xml.Name{davPrincipal, h.service.Home}, h.about()...)
	r, a, err := h.ask(ctx, address, props)
	if errors.Is(err, ErrNotFound) {
		// RFC 6764 section 5 allows a redirect to /dav where only /dav/ is
		// answered (Xandikos), and people leave the slash out as well.
		path := PathOf(address)
		if status := (*StatusError)(nil); errors.As(err, &status) {
			path = status.Path
		}
		if !strings.HasSuffix(path, "/") {
			r, a, err = h.ask(ctx, Origin(address)+(&url.URL{Path: path + "/"}).EscapedPath(), props)
		}
	}
	if err != nil {
		return r, "", h.none(err)
	}
	return r, a.URL.String(), nil
}

// none says that an answer is not that of such a server, so that another address
// may be tried.
func (h *Home) none(err error) error {
	var status *StatusError
	if errors.As(err, &status) && status.Code/100 == 5 && !errors.Is(err, ErrNoSupport) {
		return err // it may pass
	}
	if IsAnswer(err) && !errors.Is(err, h.service.None) {
		return fmt.Errorf("%w there: %w", h.service.None, err)
	}
	return err
}

// about are the properties of a collection.
func (h *Home) about() []xml.Name {
	props := []xml.Name{ResourceType, DisplayName, davPrivileges, davReports, SyncToken, serverTag}
	if h.service.Components.Local != "" {
		props = append(props, h.service.Components)
	}
	return props
}

// ask reads properties of one resource. It returns ErrNotFound if there is none.
func (h *Home) ask(ctx context.Context, address string, props []xml.Name) (Response, Answer, error) {
	var first *Response
	a, err := h.Propfind(ctx, address, "0", props, func(r Response) error {
		if first == nil {
			first = &r
		}
		return nil
	})
	switch {
	case err != nil:
		return Response{}, a, err
	case first == nil:
		return Response{}, a, fmt.Errorf("%w: the answer names no resource", h.service.None)
	case !first.found(): // Xandikos says so inside a 207
		return Response{}, a, &StatusError{Method: "PROPFIND", Path: a.URL.Path, Code: first.Status}
	}
	return *first, a, nil
}

// found says whether the server answered for this resource at all.
func (r Response) found() bool { return r.Status == 0 || r.Status/100 == 2 }

// URL is where new collections are made; "" where it is not known.
func (h *Home) URL() string { return h.url }

// Collections returns the collections of the account.
func (h *Home) Collections(ctx context.Context) ([]Collection, error) {
	if h.single == "" {
		list, err := h.children(ctx, h.url)
		if err != nil {
			return nil, fmt.Errorf("account %q: list %s: %w", h.account, h.service.Many, Cause(err))
		}
		return list, nil
	}
	c, _, err := h.Collection(ctx, h.single)
	if err != nil {
		return nil, fmt.Errorf("account %q: read %s: %w", h.account, h.single, Cause(err))
	}
	return []Collection{c}, nil
}

// Collection asks a collection what it is now. It returns ErrNotFound if there
// is none; is says whether it is one of this service.
func (h *Home) Collection(ctx context.Context, address string) (c Collection, is bool, err error) {
	r, _, err := h.ask(ctx, address, h.about())
	if err != nil {
		return Collection{}, false, err
	}
	return h.collectionOf(r, PathOf(address), address), r.IsA(h.service.Collection), nil
}

// children lists the collections in another.
func (h *Home) children(ctx context.Context, address string) ([]Collection, error) {
	var list []Collection
	_, err := h.Propfind(ctx, address, "1", h.about(), func(r Response) error {
		if r.found() && r.IsA(h.service.Collection) { // one we may not see must not hide the others
			list = append(list, h.collectionOf(r, r.Href, slash(Absolute(address, r.Href))))
		}
		return nil
	})
	return list, err
}

// collectionOf reads a collection at an absolute address. RFC 4791 section 5.2.3:
// no component set means that any component is allowed.
func (h *Home) collectionOf(r Response, href, address string) Collection {
	c := Collection{
		URL: address, Href: href, Name: r.Text(DisplayName), Components: r.Components(h.service.Components),
		Readable: r.allows("all", "read"), Writable: r.allows("all", "write", "write-content", "bind"),
		SyncToken: r.Text(SyncToken), CTag: r.Text(serverTag),
	}
	for _, report := range r.Reports() {
		c.Reports = append(c.Reports, report.Local)
	}
	if c.Name == "" {
		c.Name = LastSegment(address)
	}
	return c
}

// allows says whether we have one of these privileges. A server that tells
// nothing about privileges (RFC 3744 is optional) is tried.
func (r Response) allows(privileges ...string) bool {
	list, said := r.Privileges()
	return !said || slices.ContainsFunc(list, func(n xml.Name) bool {
		return n.Space == davPrivileges.Space && slices.Contains(privileges, n.Local)
	})
}

// IsAnswer says that the server answered, if not as hoped: another request may
// fare better.
func IsAnswer(err error) bool {
	var status *StatusError
	return errors.As(err, &status) && !isDenied(err) || errors.Is(err, ErrTooLarge) || errors.Is(err, ErrMalformed)
}
