package caldav

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strings"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/webdav"
)

// refresh is how old the expansion of recurrences may get: an object that never
// changes still has instances that come within a year from now.
const refresh = 30 * 24 * time.Hour

// maxPages bounds how often a truncated sync-collection answer is continued.
const maxPages = 1000

// errImplausible is a sync-collection answer that cannot be right.
var errImplausible = errors.New("implausible answer to sync-collection")

// delta is what changed in a collection since a cursor.
type delta struct {
	changed []item
	gone    []string // as the caller knows them
	cursor  ledger.Cursor
	total   int // objects in the collection; 0 if unknown
}

// Changes reads what changed in a calendar since the cursor, in batches.
// known holds the ETags of the objects the ledger has, by href; they are what
// the changes are relative to where the server keeps no history. Recurrences
// are expanded to one year after at; zone is that of times without one.
//
// Every 30 days everything is read anew for that; Cursor.Reached says when it was.
//
// A batch has at most as many objects as one request asks for, and ends early
// where they hold many meetings with many people.
//
// Only the last batch carries the new cursor, so that an interrupted reading is
// done again. Where nothing changed and the cursor is still good there is no
// batch. Nothing is concluded from an answer that failed or broke off.
func (s *Session) Changes(ctx context.Context, c Collection, cursor ledger.Cursor, known map[string]string,
	at time.Time, zone *time.Location,
) iter.Seq2[ledger.Batch, error] {
	return func(yield func(ledger.Batch, error) bool) {
		d, err := s.delta(ctx, c, cursor, known, at)
		if err != nil {
			yield(ledger.Batch{}, fmt.Errorf("read calendar %s: %w", c.URL, err))
			return
		}
		if len(d.changed) == 0 && len(d.gone) == 0 && d.cursor == unzoned(cursor) {
			return
		}
		empty := ledger.Batch{
			Source: ledger.SourceID{Account: s.account.Name, Type: ledger.Calendar, Name: c.URL},
			Cursor: cursor, At: at, Total: uint32(min(d.total, 1<<31)), //nolint:gosec // bounded
		}
		b, size := empty, 0
		for len(d.changed) > 0 {
			n := min(len(d.changed), perRequest)
			list, err := s.fetch(ctx, c, d.changed[:n])
			if err != nil {
				yield(ledger.Batch{}, fmt.Errorf("read calendar %s: %w", c.URL, err))
				return
			}
			d.changed = d.changed[n:]
			for _, f := range list {
				if size += readObject(c, f, known, zone, &b); size < fullBatch {
					continue
				}
				if !yield(b, nil) {
					return
				}
				b, size = empty, 0
			}
			if len(d.changed) > 0 {
				if !yield(b, nil) {
					return
				}
				b, size = empty, 0
			}
		}
		b.Cursor = d.cursor
		b.Gone = append(b.Gone, d.gone...)
		yield(b, nil)
	}
}

// readObject puts an object into a batch, or why it could not be read, and
// returns its weight.
func readObject(c Collection, f fetched, known map[string]string, zone *time.Location, b *ledger.Batch) int {
	if errors.Is(f.err, ErrGone) { // deleted since it was listed
		if _, had := known[f.href]; had {
			b.Gone = append(b.Gone, f.href)
		}
		return 0
	}
	var o ledger.Object
	err := f.err
	if err == nil {
		o, err = object(c, f.href, f.etag, f.data, b.At, zone)
	}
	if err != nil {
		b.Skipped = append(b.Skipped, ledger.Skip{Where: f.href, Reason: err.Error()})
		return 0
	}
	b.Objects = append(b.Objects, o)
	return weight(o)
}

// unzoned is a cursor that can be compared with another.
func unzoned(c ledger.Cursor) ledger.Cursor {
	c.Reached = c.Reached.UTC()
	return c
}

// delta finds out what changed: by sync-collection where there is a token, else
// by the collection's tag and the objects' ETags.
func (s *Session) delta(ctx context.Context, c Collection, cursor ledger.Cursor, known map[string]string, at time.Time) (delta, error) {
	cursor = unzoned(cursor)
	anew := !cursor.Complete || at.Sub(cursor.Reached) >= refresh
	if !anew && cursor.SyncToken != "" {
		d, err := s.synced(ctx, c, cursor, known)
		if err == nil || !isAnswer(err) && !errors.Is(err, errImplausible) {
			return d, err
		}
		s.log.DebugContext(ctx, "sync token of no use, listing instead", "account", s.account.Name, "error", err)
	}
	// The tags are read before the listing: what changes in between is then
	// reported again, not lost.
	r, err := s.about(ctx, c.URL)
	if err != nil {
		return delta{}, err
	}
	if !r.IsA(calCalendar) {
		return delta{}, fmt.Errorf("%w: it is no calendar any more", ErrGone)
	}
	now := calendarOf(r, c.Href, c.URL)
	next := ledger.Cursor{CTag: now.CTag, Complete: true, Reached: cursor.Reached}
	if slices.Contains(now.Reports, syncCollection) {
		next.SyncToken = now.SyncToken
	}
	if !anew && now.CTag != "" && now.CTag == cursor.CTag {
		return delta{cursor: next}, nil
	}
	if anew {
		next.Reached = at.UTC().Truncate(time.Second)
	}
	d, err := s.compared(ctx, c, known, cursor.Complete && anew)
	d.cursor = next
	return d, err
}

// compared lists the collection and compares it with what is known. With all
// everything listed counts as changed.
func (s *Session) compared(ctx context.Context, c Collection, known map[string]string, all bool) (delta, error) {
	items, _, err := s.list(ctx, c)
	if err != nil {
		return delta{}, err
	}
	d := diff(items, known, all)
	if len(d.gone) == 0 || 2*len(d.gone) < len(known) {
		return d, nil
	}
	// Half a calendar or more has vanished at once: that is believed only if a
	// second listing says so too and the objects themselves are not there.
	if items, _, err = s.list(ctx, c); err != nil {
		return delta{}, err
	}
	again := diff(items, known, all)
	if !slices.Equal(again.gone, d.gone) {
		return delta{}, errors.New("two listings in a row disagree about what is gone")
	}
	for _, href := range again.gone[:min(3, len(again.gone))] {
		f, err := s.fetchOne(ctx, c, item{href: href})
		if err != nil {
			return delta{}, err
		}
		if !errors.Is(f.err, ErrGone) {
			return delta{}, errors.New("the listing leaves out objects that are there")
		}
	}
	return again, nil
}

// diff compares a complete listing with what is known. Without an ETag an
// object counts as changed.
func diff(items []item, known map[string]string, all bool) delta {
	d := delta{total: len(items)}
	listed := map[string]bool{}
	etags := map[string]string{}
	for href, etag := range known {
		etags[canonical(href)] = etag
	}
	for _, i := range items {
		key := canonical(i.href)
		listed[key] = true
		if etag, had := etags[key]; all || !had || etag == "" || etag != i.etag {
			d.changed = append(d.changed, i)
		}
	}
	for href := range known {
		if !listed[canonical(href)] {
			d.gone = append(d.gone, href)
		}
	}
	slices.Sort(d.gone)
	return d
}

// synced asks for the changes since a token (RFC 6578).
func (s *Session) synced(ctx context.Context, c Collection, cursor ledger.Cursor, known map[string]string) (delta, error) {
	names := map[string]string{} // as the caller knows them
	for href := range known {
		names[canonical(href)] = href
	}
	changed, gone := map[string]item{}, map[string]bool{}
	token := cursor.SyncToken
	for range maxPages {
		next, more, err := s.page(ctx, c, token, func(r webdav.Response, tombstone bool) error {
			key := canonical(r.Href)
			delete(changed, key)
			delete(gone, key)
			if tombstone {
				gone[key] = true
				return nil
			}
			etag := r.ETag()
			if name, had := names[key]; had && etag != "" && known[name] == etag {
				// Nothing about it changed. A server that answers so sends
				// everything, deletions left out (DAViCal, SOGo).
				return errImplausible
			}
			changed[key] = item{href: r.Href, etag: etag}
			return nil
		})
		if err != nil {
			return delta{}, err
		}
		if next == "" || more && next == token {
			return delta{}, errImplausible
		}
		if token = next; !more {
			d := settled(changed, gone, names)
			d.cursor = ledger.Cursor{SyncToken: token, Complete: true, Reached: cursor.Reached}
			if len(changed) == 0 && len(gone) == 0 {
				d.cursor.CTag = cursor.CTag
			}
			return d, nil
		}
	}
	return delta{}, errImplausible
}

func settled(changed map[string]item, gone map[string]bool, names map[string]string) delta {
	var d delta
	for _, i := range changed {
		d.changed = append(d.changed, i)
	}
	slices.SortFunc(d.changed, func(a, b item) int { return strings.Compare(a.href, b.href) })
	for key := range gone {
		if href, had := names[key]; had {
			d.gone = append(d.gone, href)
		}
	}
	slices.Sort(d.gone)
	return d
}

// page asks for one sync-collection answer. more says that the server cut it
// short (RFC 6578 section 3.6).
func (s *Session) page(ctx context.Context, c Collection, token string, each func(r webdav.Response, tombstone bool) error) (next string, more bool, err error) {
	self := canonical(c.URL)
	a, err := s.report(ctx, c.URL, "0", askChanges(token), func(r webdav.Response) error {
		switch {
		case canonical(r.Href) == self:
			more = more || r.Status == http.StatusInsufficientStorage
			return nil
		case strings.HasSuffix(r.Href, "/"):
			return nil
		case r.Status == http.StatusNotFound || r.Status == http.StatusGone:
			return each(r, true)
		case !found(r):
			return nil
		}
		return each(r, false)
	})
	return a.SyncToken, more, err
}
