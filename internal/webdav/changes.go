package webdav

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// maxPages bounds how often a truncated sync-collection answer is continued.
const maxPages = 1000

// syncCollection is the report of RFC 6578.
const syncCollection = "sync-collection"

// errImplausible is a sync-collection answer that cannot be right.
var errImplausible = errors.New("implausible answer to sync-collection")

// Mark is a state of a collection, as it calls it itself; zero: none.
type Mark struct {
	SyncToken string // RFC 6578
	CTag      string
}

// Delta is what changed in a collection.
type Delta struct {
	Changed []Item
	Gone    []string // as the caller knows them
	Now     Mark     // what this is up to
	Total   int      // objects in the collection; 0 if unknown
}

// Changes finds out what changed in a collection since a mark: by
// sync-collection where there is a token, else by the collection's tag and the
// objects' ETags, of which known holds those that the caller has, by href. With
// all, which wants no mark, everything in the collection counts as changed.
// Nothing is concluded from an answer that failed or broke off.
func (h *Home) Changes(ctx context.Context, c Collection, since Mark, known map[string]string, all bool) (Delta, error) {
	if since.SyncToken != "" {
		d, err := h.synced(ctx, c, since, known)
		if err == nil || !IsAnswer(err) && !errors.Is(err, errImplausible) {
			return d, err
		}
		h.log.DebugContext(ctx, "sync token of no use, listing instead", "account", h.account, "error", err)
	}
	// The tags are read before the listing: what changes in between is then
	// reported again, not lost.
	now, is, err := h.Collection(ctx, c.URL)
	if err != nil {
		return Delta{}, err
	}
	if !is {
		return Delta{}, fmt.Errorf("%w: it is none of the %s any more", ErrNotFound, h.service.Many)
	}
	mark := Mark{CTag: now.CTag}
	if slices.Contains(now.Reports, syncCollection) {
		mark.SyncToken = now.SyncToken
	}
	if now.CTag != "" && now.CTag == since.CTag {
		return Delta{Now: mark}, nil
	}
	d, err := h.compared(ctx, c, known, all)
	d.Now = mark
	return d, err
}

// compared lists the collection and compares it with what is known. With all
// everything listed counts as changed.
func (h *Home) compared(ctx context.Context, c Collection, known map[string]string, all bool) (Delta, error) {
	items, _, err := h.List(ctx, c)
	if err != nil {
		return Delta{}, err
	}
	d := diff(items, known, all)
	if len(d.Gone) == 0 || 2*len(d.Gone) < len(known) {
		return d, nil
	}
	// Half a collection or more has vanished at once: that is believed only if a
	// second listing says so too and the objects themselves are not there.
	if items, _, err = h.List(ctx, c); err != nil {
		return Delta{}, err
	}
	again := diff(items, known, all)
	if !slices.Equal(again.Gone, d.Gone) {
		return Delta{}, errors.New("two listings in a row disagree about what is gone")
	}
	for _, href := range again.Gone[:min(3, len(again.Gone))] {
		o, err := h.fetchOne(ctx, c, Item{Href: href})
		if err != nil {
			return Delta{}, err
		}
		if !errors.Is(o.Err, ErrNotFound) {
			return Delta{}, errors.New("the listing leaves out objects that are there")
		}
	}
	return again, nil
}

// diff compares a complete listing with what is known. Without an ETag an
// object counts as changed.
func diff(items []Item, known map[string]string, all bool) Delta {
	d := Delta{Total: len(items)}
	listed := map[string]bool{}
	etags := map[string]string{}
	for href, etag := range known {
		etags[Canonical(href)] = etag
	}
	for _, i := range items {
		key := Canonical(i.Href)
		listed[key] = true
		if etag, had := etags[key]; all || !had || etag == "" || etag != i.ETag {
			d.Changed = append(d.Changed, i)
		}
	}
	for href := range known {
		if !listed[Canonical(href)] {
			d.Gone = append(d.Gone, href)
		}
	}
	slices.Sort(d.Gone)
	return d
}

// synced asks for the changes since a token (RFC 6578).
func (h *Home) synced(ctx context.Context, c Collection, since Mark, known map[string]string) (Delta, error) {
	names := map[string]string{} // as the caller knows them
	for href := range known {
		names[Canonical(href)] = href
	}
	changed, gone := map[string]Item{}, map[string]bool{}
	token := since.SyncToken
	for range maxPages {
		next, more, err := h.page(ctx, c, token, func(r Response, tombstone bool) error {
			key := Canonical(r.Href)
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
			changed[key] = Item{Href: r.Href, ETag: etag}
			return nil
		})
		if err != nil {
			return Delta{}, err
		}
		if next == "" || more && next == token {
			return Delta{}, errImplausible
		}
		if token = next; !more {
			d := settled(changed, gone, names)
			d.Now.SyncToken = token
			if len(changed) == 0 && len(gone) == 0 {
				d.Now.CTag = since.CTag
			}
			return d, nil
		}
	}
	return Delta{}, errImplausible
}

func settled(changed map[string]Item, gone map[string]bool, names map[string]string) Delta {
	var d Delta
	for _, i := range changed {
		d.Changed = append(d.Changed, i)
	}
	slices.SortFunc(d.Changed, func(a, b Item) int { return strings.Compare(a.Href, b.Href) })
	for key := range gone {
		if href, had := names[key]; had {
			d.Gone = append(d.Gone, href)
		}
	}
	slices.Sort(d.Gone)
	return d
}

// page asks for one sync-collection answer. more says that the server cut it
// short (RFC 6578 section 3.6).
func (h *Home) page(ctx context.Context, c Collection, token string, each func(r Response, tombstone bool) error) (next string, more bool, err error) {
	self := Canonical(c.URL)
	a, err := h.Report(ctx, c.URL, "0", askChanges(token), func(r Response) error {
		switch {
		case Canonical(r.Href) == self:
			more = more || r.Status == http.StatusInsufficientStorage
			return nil
		case strings.HasSuffix(r.Href, "/"):
			return nil
		case r.Status == http.StatusNotFound || r.Status == http.StatusGone:
			return each(r, true)
		case !r.found():
			return nil
		}
		return each(r, false)
	})
	return a.SyncToken, more, err
}

// askChanges is a sync-collection report (RFC 6578 section 3.2).
func askChanges(token string) []byte {
	return []byte(xml.Header + `<D:sync-collection xmlns:D="DAV:"><D:sync-token>` + Escape(token) +
		`</D:sync-token><D:sync-level>1</D:sync-level><D:prop><D:getetag/></D:prop></D:sync-collection>`)
}
