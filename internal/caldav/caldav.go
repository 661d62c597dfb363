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
type Collection = webdav.Collection

// Session is a discovered account.
type Session struct {
	account Account
	zone    *time.Location
	home    *webdav.Home
	objects *gowebdav.Client // on home

	mu    sync.Mutex
	own   Collection
	cache map[string]cached // the follow-up calendar by canonical href
}

// Dial finds the calendars of an account (RFC 6764 section 6). Its errors are
// one line that names the account and the cause.
func Dial(ctx context.Context, a Account, log *slog.Logger) (*Session, error) {
	s := &Session{account: a, zone: a.Zone}
	if s.zone == nil {
		s.zone = time.UTC
	}
	var err error
	s.home, err = webdav.Find(ctx, service, webdav.Account{
		Name: a.Name, URL: a.URL, User: a.User, Password: a.Password,
		RootCAs: a.RootCAs, Hosts: a.Hosts, Timeout: a.Timeout,
	}, log)
	if err != nil {
		return nil, err
	}
	if s.objects, err = gowebdav.NewClient(s.home, a.URL); err != nil {
		return nil, fmt.Errorf("account %q: %w", a.Name, err)
	}
	return s, nil
}

// Close closes idle connections.
func (s *Session) Close() { s.home.Close() }

// Calendars returns the calendars that may hold events.
func (s *Session) Calendars(ctx context.Context) ([]Collection, error) {
	list, err := s.home.Collections(ctx)
	return slices.DeleteFunc(list, func(c Collection) bool {
		return len(c.Components) > 0 && !slices.Contains(c.Components, "VEVENT")
	}), err
}

// Home is where new calendars are made; "" where it is not known.
func (s *Session) Home() string { return s.home.URL() }

// Own names the follow-up calendar: the only collection this session writes to.
func (s *Session) Own(c Collection) {
	c.URL = strings.TrimSuffix(c.URL, "/") + "/"
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
	name, ok := strings.CutPrefix(webdav.Canonical(address), webdav.Canonical(own.URL))
	if own.URL == "" || !ok || webdav.Origin(address) != webdav.Origin(own.URL) ||
		name == "" || name == "." || name == ".." || strings.Contains(name, "/") {
		return ErrNotOwn
	}
	return nil
}

// address is the URL of an href in the own calendar.
func (s *Session) address(href string) string {
	if own := s.owned(); own.URL != "" {
		return webdav.Absolute(own.URL, href)
	}
	return webdav.Absolute(s.home.URL(), href)
}

// Make creates a calendar for events in the home (RFC 4791 section 5.3.1) and
// returns it. It does not own it: that, and whether it may be made at all, is
// the caller's to say. Once another calendar is owned it returns ErrNotOwn.
func (s *Session) Make(ctx context.Context, name string) (Collection, error) {
	if s.owned().URL != "" {
		return Collection{}, fmt.Errorf("make calendar: %w", ErrNotOwn)
	}
	if s.home.URL() == "" {
		return Collection{}, fmt.Errorf("make calendar: %w: the account names a single calendar", ErrRefused)
	}
	address := s.home.URL() + url.PathEscape(slug(name)) + "/"
	switch _, _, err := s.home.Collection(ctx, address); {
	case err == nil:
		return Collection{}, fmt.Errorf("make calendar %s: %w: there is one", address, ErrChanged)
	case !errors.Is(err, ErrGone):
		return Collection{}, fmt.Errorf("make calendar %s: look before: %w", address, err)
	}
	if err := s.home.Mkcalendar(ctx, address, name); err != nil {
		return Collection{}, fmt.Errorf("make calendar %s: %w", address, writing(err))
	}
	c, _, err := s.home.Collection(ctx, address)
	if err != nil {
		return Collection{}, fmt.Errorf("make calendar %s: %w", address, err)
	}
	return c, nil
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
