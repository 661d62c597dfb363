package caldav

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/webdav"
)

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
	items, date, err := s.home.List(ctx, c)
	if err != nil {
		return Listing{}, fmt.Errorf("list entries: %w", err)
	}
	l := Listing{Date: date}
	fresh := map[string]cached{}
	var unknown []webdav.Item
	before := map[string]string{}
	for _, i := range items {
		old, ok := s.known(c, i)
		if !ok {
			unknown = append(unknown, i)
			continue
		}
		before[i.Href], fresh[webdav.Canonical(i.Href)] = i.ETag, old
		if old.event {
			l.Entries = append(l.Entries, old.entry)
		}
	}
	for o, err := range s.home.Fetch(ctx, c, unknown, before) {
		if err != nil {
			return Listing{}, fmt.Errorf("read entries: %w", err)
		}
		s.takeEntry(o, &l, fresh)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.URL == s.own.URL {
		s.cache = fresh
	}
	return l, nil
}

// known returns what the session remembers of an object in this version.
func (s *Session) known(c Collection, i webdav.Item) (cached, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, ok := s.cache[webdav.Canonical(i.Href)]
	return old, ok && c.URL == s.own.URL && strong(i.ETag) != "" && !counter(i.ETag) && old.etag == i.ETag
}

// takeEntry puts an object that was read into a listing, unless it was deleted
// since it was listed.
func (s *Session) takeEntry(o webdav.Object, l *Listing, fresh map[string]cached) {
	if errors.Is(o.Err, ErrGone) {
		return
	}
	var e Entry
	var is bool
	err := o.Err
	if err == nil {
		e, is, err = readEntry(Version{Href: o.Href, ETag: strong(o.ETag)}, o.Data, s.zone)
	}
	l.Failed = l.Failed || webdav.Failed(err)
	if err != nil {
		l.Skipped = append(l.Skipped, ledger.Skip{Where: o.Href, Reason: err.Error()})
		return
	}
	fresh[webdav.Canonical(o.Href)] = cached{etag: o.ETag, entry: e, event: is}
	if is {
		l.Entries = append(l.Entries, e)
	}
}

// Find looks for an event by UID in any calendar. It returns ErrGone if it is
// not there.
func (s *Session) Find(ctx context.Context, c Collection, uid string) (Entry, error) {
	var all []Entry
	_, err := s.home.Report(ctx, c.URL, "1", askUID(uid), func(r webdav.Response) error {
		e, is, err := readEntry(Version{Href: r.Href, ETag: strong(r.ETag())}, []byte(r.Raw(calData)), s.zone)
		if err == nil && is {
			all = append(all, e)
		}
		return nil
	})
	if err != nil && !webdav.IsAnswer(err) {
		return Entry{}, fmt.Errorf("find entry: %w", err)
	}
	if i := withUID(all, uid); i >= 0 { // some servers ignore the filter
		return all[i], nil
	}
	// iCloud knows no query by UID; it answers with nothing.
	failed := webdav.Failed(err) && c.URL != s.owned().URL
	all, failure := s.likely(ctx, c, uid)
	i := withUID(all, uid)
	switch {
	case failure != nil:
		return Entry{}, fmt.Errorf("find entry: %w", failure)
	case i >= 0:
		return all[i], nil
	case failed: // it may be there under any name
		return Entry{}, fmt.Errorf("find entry: %w", err)
	}
	return Entry{}, fmt.Errorf("find entry: %w", ErrGone)
}

// Copied reports whether any calendar holds an entry of ours, or a copy of it, in a
// span of time: programs that move one to another calendar may give it another
// UID.
func (s *Session) Copied(ctx context.Context, c Collection, uid, code string, from, to time.Time) (bool, error) {
	found := false
	_, err := s.home.Report(ctx, c.URL, "1", askSpan(from, to), func(r webdav.Response) error {
		e, is, err := readEntry(Version{Href: r.Href, ETag: strong(r.ETag())}, []byte(r.Raw(calData)), s.zone)
		found = found || err == nil && is && (e.UID == uid || e.CopyOf == uid || e.CopyOf == code)
		return nil
	})
	if !found && err != nil && (!webdav.IsAnswer(err) || webdav.Failed(err)) {
		return false, fmt.Errorf("look for a copy: %w", err)
	}
	return found, nil
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
		if err == nil && l.Failed && withUID(l.Entries, uid) < 0 {
			err = errors.New("the server does not give some of the entries")
		}
		return l.Entries, err
	}
	e, err := s.readAt(ctx, c.Href+url.PathEscape(uid)+".ics", c.URL+url.PathEscape(uid)+".ics")
	if err != nil {
		if errors.Is(err, ErrGone) || webdav.IsAnswer(err) && !webdav.Failed(err) {
			return nil, nil
		}
		return nil, err
	}
	return []Entry{e}, nil
}
