// Package caldav reads meetings from CalDAV calendars (RFC 4791) and writes
// syncd's own entries.
//
// Writes go to one calendar only, the one named in [Session.Own]; anything else
// is an error before a request is made, and where the server redirects a write to
// something else, that is not followed. Every write carries a precondition and,
// since some servers ignore those, the object is read and compared first. A
// write that would overrule somebody returns [ErrChanged].
package caldav

import (
	"context"
	"crypto/x509"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	gowebdav "github.com/emersion/go-webdav"

	"syncd/internal/webdav"
)

// Account says where an account's calendars are.
type Account struct {
	Name     string // in the configuration
	URL      string // of a calendar, a home, a principal or the server
	User     string
	Password func(context.Context) (string, error)
	RootCAs  *x509.CertPool // nil: the system's
	Hosts    []string       // other hosts that may see the credentials
	Timeout  time.Duration  // of one request; 0: five minutes
	// Zone is that of entries without one of their own; nil: UTC.
	Zone *time.Location
}

// Collection is a calendar.
type Collection struct {
	URL        string // absolute, ends in a slash
	Href       string // verbatim, as the server spells it
	Name       string // displayname, else the last segment of the URL
	Components []string
	Writable   bool
	SyncToken  string // "" where the server keeps no history (RFC 6578)
	CTag       string // changes with the content; "" where there is none
	Reports    []string
}

// Session is a discovered account.
type Session struct {
	account Account
	zone    *time.Location
	log     *slog.Logger
	dav     *webdav.Client
	objects *gowebdav.Client // on dav
	home    string           // URL of the collection that holds the calendars; "" if unknown
	single  string           // URL of the only calendar, where the account names one

	mu    sync.Mutex
	own   Collection
	cache map[string]cached // the follow-up calendar by canonical href
}

const wellKnown = "/.well-known/caldav"

// Dial finds the calendars of an account (RFC 6764 section 6). Its errors are
// one line that names the account and the cause.
func Dial(ctx context.Context, a Account, log *slog.Logger) (*Session, error) {
	s := &Session{account: a, log: log, zone: a.Zone}
	if s.zone == nil {
		s.zone = time.UTC
	}
	u, err := url.Parse(a.URL)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return nil, fmt.Errorf("account %q: caldav url %q: want https://host/path", a.Name, a.URL)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	if err = s.open(a); err == nil {
		err = s.discover(ctx, u.String())
	}
	if err != nil {
		return nil, fmt.Errorf("account %q: %s: %w", a.Name, u.Redacted(), cause(err))
	}
	return s, nil
}

// Close closes idle connections.
func (s *Session) Close() { s.dav.Close() }

// discover finds the home from the address given, then from the well-known one.
func (s *Session) discover(ctx context.Context, start string) error {
	first := s.from(ctx, start)
	if first == nil || !errors.Is(first, ErrNotCalDAV) {
		return first
	}
	known := origin(start) + wellKnown
	if start == known {
		return first
	}
	if err := s.from(ctx, known); err == nil || !errors.Is(err, ErrNotCalDAV) {
		return err
	}
	return first
}

// from follows address, principal and home. Only ErrNotCalDAV means that it is
// worth looking elsewhere.
func (s *Session) from(ctx context.Context, address string) error {
	r, at, err := s.who(ctx, address)
	if err != nil {
		return err
	}
	if r.IsA(calCalendar) {
		s.single = slash(at)
	}
	homes := r.Hrefs(calHome)
	if principals := r.Hrefs(davPrincipal); len(homes) == 0 && len(principals) > 0 {
		principal, there, err := s.who(ctx, resolve(at, principals[0]))
		if err != nil && s.single == "" {
			return err
		}
		if err == nil {
			homes, at = principal.Hrefs(calHome), there
		}
	}
	switch {
	case len(homes) > 0:
		s.home = slash(resolve(at, homes[0]))
		return nil
	case s.single != "":
		return nil
	}
	return s.isHome(ctx, slash(at))
}

// isHome takes a collection that holds calendars for the home.
func (s *Session) isHome(ctx context.Context, address string) error {
	list, err := s.children(ctx, address)
	if err != nil {
		return noCalDAV(err)
	}
	if len(list) == 0 {
		return fmt.Errorf("%w there: no calendars found", ErrNotCalDAV)
	}
	s.home = address
	return nil
}

// who asks a resource what it is and to whom it belongs; at is where it is
// after redirects.
//
// go-webdav's FindCurrentUserPrincipal and FindCalendarHomeSet would ask for one
// property each of what is one answer here, drop the host of a home (iCloud's is
// another), decode a %2F, and fail on a status without a reason or an href with
// white space around it. And they decode XML without limits.
func (s *Session) who(ctx context.Context, address string) (r webdav.Response, at string, err error) {
	r, a, err := s.ask(ctx, address, aboutUser)
	if errors.Is(err, ErrGone) {
		// RFC 6764 section 5 allows a redirect to /dav where only /dav/ is
		// answered (Xandikos), and people leave the slash out as well.
		path := pathOf(address)
		if status := (*webdav.StatusError)(nil); errors.As(err, &status) {
			path = status.Path
		}
		if !strings.HasSuffix(path, "/") {
			r, a, err = s.ask(ctx, origin(address)+(&url.URL{Path: path + "/"}).EscapedPath(), aboutUser)
		}
	}
	if err != nil {
		return r, "", noCalDAV(err)
	}
	return r, a.URL.String(), nil
}

// about asks a collection what it is now.
func (s *Session) about(ctx context.Context, address string) (webdav.Response, error) {
	r, _, err := s.ask(ctx, address, aboutCalendars)
	return r, err
}

// ask reads properties of one resource. It returns ErrGone if there is none.
func (s *Session) ask(ctx context.Context, address string, props []xml.Name) (webdav.Response, webdav.Answer, error) {
	var first *webdav.Response
	a, err := s.propfind(ctx, address, "0", props, func(r webdav.Response) error {
		if first == nil {
			first = &r
		}
		return nil
	})
	switch {
	case err != nil:
		return webdav.Response{}, a, err
	case first == nil:
		return webdav.Response{}, a, fmt.Errorf("%w: the answer names no resource", ErrNotCalDAV)
	case !found(*first): // Xandikos says so inside a 207
		return webdav.Response{}, a, reading(&webdav.StatusError{Method: "PROPFIND", Path: a.URL.Path, Code: first.Status})
	}
	return *first, a, nil
}

// Calendars returns the calendars that may hold events.
func (s *Session) Calendars(ctx context.Context) ([]Collection, error) {
	if s.single != "" {
		r, err := s.about(ctx, s.single)
		if err != nil {
			return nil, fmt.Errorf("account %q: read calendar: %w", s.account.Name, cause(err))
		}
		return []Collection{calendarOf(r, pathOf(s.single), s.single)}, nil
	}
	list, err := s.children(ctx, s.home)
	if err != nil {
		return nil, fmt.Errorf("account %q: list calendars: %w", s.account.Name, cause(err))
	}
	return slices.DeleteFunc(list, func(c Collection) bool {
		return len(c.Components) > 0 && !slices.Contains(c.Components, "VEVENT")
	}), nil
}

// Home is where new calendars are made; "" where it is not known.
func (s *Session) Home() string { return s.home }

// children lists the calendars in a collection, those without events too.
func (s *Session) children(ctx context.Context, address string) ([]Collection, error) {
	var list []Collection
	_, err := s.propfind(ctx, address, "1", aboutCalendars, func(r webdav.Response) error {
		if found(r) && r.IsA(calCalendar) { // one we may not see must not hide the others
			list = append(list, calendarOf(r, r.Href, slash(resolve(address, r.Href))))
		}
		return nil
	})
	return list, err
}

// Own names the follow-up calendar: the only collection this session writes to.
func (s *Session) Own(c Collection) {
	c.URL = slash(c.URL)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.own, s.cache = c, nil
}

func (s *Session) owned() Collection {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.own
}

// mayWrite returns ErrNotOwn unless the address is that of an object right in
// the own calendar.
func (s *Session) mayWrite(address string) error {
	own := s.owned()
	name, ok := strings.CutPrefix(canonical(address), canonical(own.URL))
	if own.URL == "" || !ok || origin(address) != origin(own.URL) ||
		name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return ErrNotOwn
	}
	return nil
}

// address is the URL of an href in the own calendar.
func (s *Session) address(href string) string {
	if own := s.owned(); own.URL != "" {
		return resolve(own.URL, href)
	}
	return resolve(s.home, href)
}

// Make creates a calendar for events in the home (RFC 4791 section 5.3.1) and
// returns it. It does not own it: that, and whether it may be made at all, is
// the caller's to say. Once another calendar is owned it returns ErrNotOwn.
func (s *Session) Make(ctx context.Context, name string) (Collection, error) {
	if s.owned().URL != "" {
		return Collection{}, fmt.Errorf("make calendar: %w", ErrNotOwn)
	}
	if s.home == "" {
		return Collection{}, fmt.Errorf("make calendar: %w: the account names a single calendar", ErrRefused)
	}
	address := s.home + url.PathEscape(slug(name)) + "/"
	switch _, err := s.about(ctx, address); {
	case err == nil:
		return Collection{}, fmt.Errorf("make calendar %s: %w: there is one", address, ErrChanged)
	case !errors.Is(err, ErrGone):
		return Collection{}, fmt.Errorf("make calendar %s: look before: %w", address, err)
	}
	if err := s.dav.Mkcalendar(ctx, address, name); err != nil {
		return Collection{}, fmt.Errorf("make calendar %s: %w", address, writing(err))
	}
	r, err := s.about(ctx, address)
	if err != nil {
		return Collection{}, fmt.Errorf("make calendar %s: %w", address, err)
	}
	return calendarOf(r, pathOf(address), address), nil
}

// slug is a name as a path segment.
func slug(name string) string {
	var b strings.Builder
	for _, r := range strings.ToLower(name) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	if s := strings.Trim(b.String(), "-"); s != "" {
		return s
	}
	return "follow-ups"
}
