package caldav

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/webdav"
)

// perRequest is how many objects one multiget asks for.
const perRequest = 50

// item is an object as a listing names it.
type item struct {
	href string // verbatim
	etag string // as given, weak ones too; "" if missing
}

// list returns everything in a collection, complete or an error, and the
// server's clock.
func (s *Session) list(ctx context.Context, c Collection) ([]item, time.Time, error) {
	var items []item
	there := false // the collection itself, which RFC 4918 section 9.1 puts into the answer
	a, err := s.propfind(ctx, c.URL, "1", aboutVersions, func(r webdav.Response) error {
		switch {
		case !found(r): // an object we may not see, or that went meanwhile
		case r.IsA(davCollection):
			there = true
		case !strings.HasSuffix(r.Href, "/"):
			items = append(items, item{href: r.Href, etag: r.ETag()})
		}
		return nil
	})
	if err != nil {
		return nil, time.Time{}, err
	}
	if !there { // Xandikos answers 207 for a collection that is gone
		if _, err := s.about(ctx, c.URL); err != nil {
			return nil, time.Time{}, err
		}
	}
	return items, a.Date, nil
}

// fetched is an object that fetch read, or why it could not.
type fetched struct {
	item
	data []byte
	err  error // ErrGone, or what the server answered
}

// fetch reads objects, perRequest at most, by multiget; what the answer leaves
// out is asked for one by one. An error that concerns all of them is returned.
func (s *Session) fetch(ctx context.Context, c Collection, items []item) ([]fetched, error) {
	got := map[string]fetched{}
	_, err := s.report(ctx, c.URL, "1", askObjects(items), func(r webdav.Response) error {
		if data := r.Raw(calData); data != "" {
			got[canonical(r.Href)] = fetched{item: item{href: r.Href, etag: r.ETag()}, data: []byte(data)}
		}
		return nil
	})
	if err != nil {
		if ctx.Err() != nil || isDenied(err) {
			return nil, err
		}
		// One object can spoil the answer for all: a control character that XML
		// cannot hold, an exception in the server's parser.
		s.log.DebugContext(ctx, "multiget failed, reading one by one", "account", s.account.Name, "error", err)
	}
	list := make([]fetched, 0, len(items))
	for _, i := range items {
		f, ok := got[canonical(i.href)]
		if !ok {
			if f, err = s.fetchOne(ctx, c, i); err != nil {
				return nil, err
			}
		}
		f.href = i.href
		if f.etag == "" {
			f.etag = i.etag
		}
		list = append(list, f)
	}
	return list, nil
}

// fetchOne reads one object by GET. What the server says about this object is
// in the result; that it cannot be asked is the error.
func (s *Session) fetchOne(ctx context.Context, c Collection, i item) (fetched, error) {
	f := fetched{item: i}
	data, etag, err := s.get(ctx, resolve(c.URL, i.href))
	switch {
	case err == nil:
		f.data, f.etag = data, etag
	case errors.Is(err, ErrGone):
		f.err = ErrGone
	case isAnswer(err):
		f.err = err
	default:
		return f, err
	}
	return f, nil
}

// cached is an object of the follow-up calendar as it was read before.
type cached struct {
	etag  string
	entry Entry
	event bool // it holds an event
}

// Entries reads the whole follow-up calendar. Objects whose strong ETag has not
// changed since this session read them are not read again. It returns ErrGone
// if the calendar itself is not there.
func (s *Session) Entries(ctx context.Context, c Collection) (Listing, error) {
	items, date, err := s.list(ctx, c)
	if err != nil {
		return Listing{}, fmt.Errorf("list entries: %w", err)
	}
	l := Listing{Date: date}
	fresh := map[string]cached{}
	var unknown []item
	for _, i := range items {
		old, ok := s.known(c, i)
		if !ok {
			unknown = append(unknown, i)
			continue
		}
		fresh[canonical(i.href)] = old
		if old.event {
			l.Entries = append(l.Entries, old.entry)
		}
	}
	for len(unknown) > 0 {
		n := min(len(unknown), perRequest)
		if err := s.readEntries(ctx, c, unknown[:n], &l, fresh); err != nil {
			return Listing{}, fmt.Errorf("read entries: %w", err)
		}
		unknown = unknown[n:]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.URL == s.own.URL {
		s.cache = fresh
	}
	return l, nil
}

// known returns what the session remembers of an object in this version.
func (s *Session) known(c Collection, i item) (cached, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.cache[canonical(i.href)]
	return old, ok && c.URL == s.own.URL && strong(i.etag) != "" && !counter(i.etag) && old.etag == i.etag
}

func (s *Session) readEntries(ctx context.Context, c Collection, items []item, l *Listing, fresh map[string]cached) error {
	list, err := s.fetch(ctx, c, items)
	if err != nil {
		return err
	}
	for _, f := range list {
		if errors.Is(f.err, ErrGone) {
			continue // deleted since it was listed
		}
		var e Entry
		var is bool
		err := f.err
		if err == nil {
			e, is, err = readEntry(Version{Href: f.href, ETag: strong(f.etag)}, f.data, s.zone)
		}
		if err != nil {
			l.Skipped = append(l.Skipped, ledger.Skip{Where: f.href, Reason: err.Error()})
			continue
		}
		fresh[canonical(f.href)] = cached{etag: f.etag, entry: e, event: is}
		if is {
			l.Entries = append(l.Entries, e)
		}
	}
	return nil
}

// Find looks for an event by UID in any calendar. It returns ErrGone if it is
// not there.
func (s *Session) Find(ctx context.Context, c Collection, uid string) (Entry, error) {
	var all []Entry
	_, err := s.report(ctx, c.URL, "1", askUID(uid), func(r webdav.Response) error {
		e, is, err := readEntry(Version{Href: r.Href, ETag: strong(r.ETag())}, []byte(r.Raw(calData)), s.zone)
		if err == nil && is {
			all = append(all, e)
		}
		return nil
	})
	if err != nil && !isAnswer(err) {
		return Entry{}, fmt.Errorf("find entry: %w", err)
	}
	if i := withUID(all, uid); i >= 0 { // some servers ignore the filter
		return all[i], nil
	}
	// iCloud knows no query by UID; it answers with nothing.
	if all, err = s.likely(ctx, c, uid); err != nil {
		return Entry{}, fmt.Errorf("find entry: %w", err)
	}
	if i := withUID(all, uid); i >= 0 {
		return all[i], nil
	}
	return Entry{}, fmt.Errorf("find entry: %w", ErrGone)
}

func withUID(list []Entry, uid string) int {
	return slices.IndexFunc(list, func(e Entry) bool { return e.UID == uid })
}

// likely returns the entries among which one with that UID is to be found: all
// of the own calendar, and in a larger one the object that bears its name,
// which programs keep when they move an event.
func (s *Session) likely(ctx context.Context, c Collection, uid string) ([]Entry, error) {
	if c.URL == s.owned().URL {
		l, err := s.Entries(ctx, c)
		return l.Entries, err
	}
	e, err := s.readAt(ctx, c.Href+url.PathEscape(uid)+".ics", c.URL+url.PathEscape(uid)+".ics")
	if err != nil {
		if errors.Is(err, ErrGone) || isAnswer(err) {
			return nil, nil
		}
		return nil, err
	}
	return []Entry{e}, nil
}
