package caldav

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/webdav"
)

// refresh is how old the expansion of recurrences may get: an object that never
// changes still has instances that come within a year from now.
const refresh = 30 * 24 * time.Hour

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
// done again. It holds no mark of the server's if the server failed at an
// object: such an object is asked for again the next time. Where nothing changed
// and the cursor is still good there is no batch. Nothing is concluded from an
// answer that failed or broke off.
func (s *Session) Changes(ctx context.Context, c Collection, cursor ledger.Cursor, known map[string]string,
	at time.Time, zone *time.Location,
) iter.Seq2[ledger.Batch, error] {
	return func(yield func(ledger.Batch, error) bool) {
		d, next, err := s.delta(ctx, c, cursor, known, at)
		if err != nil {
			yield(ledger.Batch{}, fmt.Errorf("read calendar %s: %w", c.URL, err))
			return
		}
		if len(d.Changed) == 0 && len(d.Gone) == 0 && next == unzoned(cursor) {
			return
		}
		empty := ledger.Batch{
			Source: ledger.SourceID{Account: s.account.Name, Type: ledger.Calendar, Name: c.URL},
			Cursor: cursor, At: at, Total: uint32(min(d.Total, 1<<31)), //nolint:gosec // bounded
		}
		b, size, n := empty, 0, 0
		for o, err := range s.home.Fetch(ctx, c, d.Changed, known) {
			if err != nil {
				yield(ledger.Batch{}, fmt.Errorf("read calendar %s: %w", c.URL, err))
				return
			}
			if n == webdav.PerRequest || size >= fullBatch {
				if !yield(b, nil) {
					return
				}
				b, size, n = empty, 0, 0
			}
			if webdav.Failed(o.Err) { // the next listing tells of it again
				next.SyncToken, next.CTag = "", ""
			}
			size += readObject(c, o, known, zone, &b)
			n++
		}
		b.Cursor = next
		b.Gone = append(b.Gone, d.Gone...)
		yield(b, nil)
	}
}

// readObject puts an object into a batch, or why it could not be read, and
// returns its weight.
func readObject(c Collection, f webdav.Object, known map[string]string, zone *time.Location, b *ledger.Batch) int {
	if errors.Is(f.Err, ErrGone) { // deleted since it was listed
		if _, had := known[f.Href]; had {
			b.Gone = append(b.Gone, f.Href)
		}
		return 0
	}
	var o ledger.Object
	err := f.Err
	if err == nil {
		o, err = object(c, f.Href, f.ETag, f.Data, b.At, zone)
	}
	if err != nil {
		b.Skipped = append(b.Skipped, ledger.Skip{Where: f.Href, Reason: err.Error()})
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

// delta finds out what changed and what the cursor is then.
func (s *Session) delta(ctx context.Context, c Collection, cursor ledger.Cursor, known map[string]string, at time.Time) (webdav.Delta, ledger.Cursor, error) {
	next := ledger.Cursor{Complete: true, Reached: cursor.Reached.UTC()}
	since := webdav.Mark{SyncToken: cursor.SyncToken, CTag: cursor.CTag}
	anew := !cursor.Complete || at.Sub(cursor.Reached) >= refresh
	if anew {
		since, next.Reached = webdav.Mark{}, at.UTC().Truncate(time.Second)
	}
	d, err := s.home.Changes(ctx, c, since, known, cursor.Complete && anew)
	next.SyncToken, next.CTag = d.Now.SyncToken, d.Now.CTag
	return d, next, err
}
