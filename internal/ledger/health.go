package ledger

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// SourceHealth is how reading one source goes.
type SourceHealth struct {
	Source SourceID
	OKAt   time.Time // last success; zero if none
	// FailingSince is when it first failed after that; zero while it works.
	FailingSince time.Time
	Error        string // "" while it works
	Read         int    // messages, meetings or cards taken, noise left out
	Noise        map[string]int
	Skipped      []Skip
	Total        int // messages or objects on the server; 0 if unknown
	Lowest       uint32
	Reached      time.Time // how far back the mail has been read
	Complete     bool
	Sent         bool   // holds sent mail
	SentBy       SentBy // how that was found out; "" if it does not
	// Listed says that the server's latest listing holds it; of a connection,
	// that there was one.
	Listed  bool
	Title   string   // as people see it; "" where no listing said
	Notices []string // of a connection: what there is to tell, though it works
}

// Listed is a mailbox, calendar or address book that is read, as its server lists it.
type Listed struct {
	Name  string // as in SourceID
	Title string // as people see it
}

// side is what is known of one side of an account beyond its sources.
type side struct {
	Listed  []Listed `json:"listed"` // nil before the first listing
	Notices []string `json:"notices"`
}

const cursorColumns = `uidvalidity, highest, lowest, reached_at, sync_token, ctag, complete`

var (
	qCursor  = query(`SELECT ` + cursorColumns + ` FROM source WHERE account = ? AND type = ? AND name = ?`)
	qObjects = query(`SELECT k.place, '' FROM source AS s JOIN skipped AS k ON k.source_id = s.id
			WHERE s.account = ?1 AND s.type = ?2 AND s.name = ?3
		UNION ALL SELECT o.href, o.etag FROM source AS s JOIN object AS o ON o.source_id = s.id
			WHERE s.account = ?1 AND s.type = ?2 AND s.name = ?3`)
)

// Cursor gives the ledger's position in a source; zero for one it has not read.
func (l *Ledger) Cursor(ctx context.Context, s SourceID) (c Cursor, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		c, err = readCursor(ctx, t, s)
		return err
	})
	if err != nil {
		return Cursor{}, fmt.Errorf("read cursor: %w", err)
	}
	return c, nil
}

func readCursor(ctx context.Context, t *tx, s SourceID) (Cursor, error) {
	var c Cursor
	var reached stamp
	_, err := t.one(ctx, qCursor, []any{s.Account, s.Type, s.Name},
		&c.UIDValidity, &c.Highest, &c.Lowest, &reached, &c.SyncToken, &c.CTag, &c.Complete)
	c.Reached = reached.Time
	return c, err
}

// Objects gives the ETags of the calendar objects or cards known of a source, by
// href; "" of those that could not be read, which are known too.
func (l *Ledger) Objects(ctx context.Context, s SourceID) (map[string]string, error) {
	out := map[string]string{}
	err := l.read(ctx, func(ctx context.Context, t *tx) error {
		return t.each(ctx, qObjects, []any{s.Account, s.Type, s.Name}, func(scan func(...any) error) error {
			var href, etag string
			err := scan(&href, &etag)
			out[href] = etag
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read objects: %w", err)
	}
	return out, nil
}

var (
	qSourceOK = query(`UPDATE source SET ok_at = ?, failed_at = NULL, error = '' WHERE account = ? AND type = ? AND name = ?`)
	qSourceNo = query(`UPDATE source SET failed_at = coalesce(failed_at, ?), error = ? WHERE account = ? AND type = ? AND name = ?`)
)

// SourceOK notes that a source was read without error.
func (l *Ledger) SourceOK(ctx context.Context, s SourceID, at time.Time) error {
	return l.setHealth(ctx, s, qSourceOK, at.Unix())
}

// SourceFailed notes why a source could not be read. The text must not hold a
// secret.
func (l *Ledger) SourceFailed(ctx context.Context, s SourceID, at time.Time, why string) error {
	return l.setHealth(ctx, s, qSourceNo, at.Unix(), why)
}

func (l *Ledger) setHealth(ctx context.Context, s SourceID, q string, args ...any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		if _, err := t.exec(ctx, qAddSource, s.Account, s.Type, s.Name); err != nil {
			return err
		}
		_, err := t.exec(ctx, q, append(args, s.Account, s.Type, s.Name)...)
		return err
	})
	if err != nil {
		return fmt.Errorf("note health of %s: %w", s.Type, err)
	}
	return nil
}

var (
	qHealth = query(`SELECT id, account, type, name, ok_at, failed_at, error, total, lowest, reached_at, complete, sent,
		coalesce(m.sent_by, ''), (SELECT count(*) FROM copy AS c WHERE c.source_id = source.id
			AND c.interaction_id NOT IN (SELECT interaction_id FROM calendar_mail)) +
			(SELECT count(*) FROM card AS v WHERE v.source_id = source.id)
		FROM source LEFT JOIN mailbox AS m ON m.source_id = source.id ORDER BY account, type, name`)
	qHealthNoise = query(`SELECT source_id, reason, count(*) FROM (SELECT source_id, reason FROM noise UNION ALL
		SELECT c.source_id, '` + noiseCalendar + `' FROM calendar_mail AS m JOIN copy AS c ON c.interaction_id = m.interaction_id)
		GROUP BY source_id, reason`)
	qHealthSkipped = query(`SELECT source_id, place, reason FROM skipped ORDER BY source_id, place`)
)

// Health tells how each source does.
func (l *Ledger) Health(ctx context.Context) ([]SourceHealth, error) {
	var out []SourceHealth
	err := l.read(ctx, func(ctx context.Context, t *tx) error {
		at := map[int64]int{}
		err := t.each(ctx, qHealth, nil, func(scan func(...any) error) error {
			h := SourceHealth{Noise: map[string]int{}}
			var id int64
			var ok, failed, reached stamp
			err := scan(&id, &h.Source.Account, &h.Source.Type, &h.Source.Name, &ok, &failed, &h.Error, &h.Total, &h.Lowest,
				&reached, &h.Complete, &h.Sent, &h.SentBy, &h.Read)
			h.OKAt, h.FailingSince, h.Reached = ok.Time, failed.Time, reached.Time
			at[id] = len(out)
			out = append(out, h)
			return err
		})
		if err != nil {
			return err
		}
		err = t.each(ctx, qHealthNoise, nil, func(scan func(...any) error) error {
			var id int64
			var reason string
			var n int
			err := scan(&id, &reason, &n)
			out[at[id]].Noise[reason] = n
			return err
		})
		if err != nil {
			return err
		}
		err = t.each(ctx, qHealthSkipped, nil, func(scan func(...any) error) error {
			var id int64
			var s Skip
			err := scan(&id, &s.Where, &s.Reason)
			out[at[id]].Skipped = append(out[at[id]].Skipped, s)
			return err
		})
		if err != nil {
			return err
		}
		if err := addSides(ctx, t, out); err != nil {
			return err
		}
		return addUnsent(ctx, t, out)
	})
	if err != nil {
		return nil, fmt.Errorf("read health: %w", err)
	}
	return out, nil
}

func (x side) same(y side) bool {
	return (x.Listed == nil) == (y.Listed == nil) && slices.Equal(x.Listed, y.Listed) && slices.Equal(x.Notices, y.Notices)
}

// sideKey is where meta keeps a side: JSON.
func sideKey(s SourceID) string { return "side:" + string(s.Type) + ":" + s.Account }

func getSide(ctx context.Context, t *tx, s SourceID) (x side, err error) {
	text, err := getMeta(ctx, t, sideKey(s))
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &x)
	}
	return x, err
}

// listed tells which sources of a connection the server's latest listing holds:
// all there are before the first one.
func listed(ctx context.Context, t *tx, s SourceID) (has func(name string) bool, err error) {
	x, err := getSide(ctx, t, s)
	if err != nil {
		return nil, err
	}
	return func(name string) bool {
		return x.Listed == nil || slices.ContainsFunc(x.Listed, func(l Listed) bool { return l.Name == name })
	}, nil
}

// SetListing notes which mailboxes, calendars or address books of a connection
// are read now.
// Each is a source from then on, read or not; those that are not listed any
// more keep what was read of them.
func (l *Ledger) SetListing(ctx context.Context, s SourceID, all []Listed) error {
	if all == nil {
		all = []Listed{}
	}
	return l.changeSide(ctx, s, func(x *side) { x.Listed = all })
}

// SetNotices notes what there is to tell of a connection, though it works.
func (l *Ledger) SetNotices(ctx context.Context, s SourceID, notices []string) error {
	return l.changeSide(ctx, s, func(x *side) { x.Notices = notices })
}

func (l *Ledger) changeSide(ctx context.Context, s SourceID, change func(*side)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Name = ""
	var old, x side
	err := l.read(ctx, func(ctx context.Context, t *tx) (err error) {
		old, err = getSide(ctx, t, s)
		return err
	})
	x = old
	if change(&x); err == nil && !x.same(old) {
		err = l.write(ctx, func(ctx context.Context, t *tx) error { return putSide(ctx, t, s, x) })
	}
	if err != nil {
		return fmt.Errorf("note listing of %s: %w", s.Type, err)
	}
	return nil
}

// What was never read and is not listed any more is forgotten: putSide adds
// what is.
var qDropUnread = query(`DELETE FROM source WHERE account = ? AND type = ? AND name <> '' AND complete = 0 AND uidvalidity = 0
	AND total = 0 AND reached_at IS NULL
	AND NOT EXISTS (SELECT 1 FROM copy AS c WHERE c.source_id = source.id)
	AND NOT EXISTS (SELECT 1 FROM noise AS n WHERE n.source_id = source.id)
	AND NOT EXISTS (SELECT 1 FROM object AS o WHERE o.source_id = source.id)
	AND NOT EXISTS (SELECT 1 FROM skipped AS k WHERE k.source_id = source.id)`)

func putSide(ctx context.Context, t *tx, s SourceID, x side) error {
	if _, err := t.exec(ctx, qDropUnread, s.Account, s.Type); err != nil {
		return err
	}
	for _, name := range append([]Listed{{}}, x.Listed...) {
		if _, err := t.exec(ctx, qAddSource, s.Account, s.Type, name.Name); err != nil {
			return err
		}
	}
	text, err := toJSON(x)
	if err != nil {
		return err
	}
	return setMeta(ctx, t, sideKey(s), text)
}

// addSides fills in what the sides of the accounts say.
func addSides(ctx context.Context, t *tx, all []SourceHealth) error {
	sides := map[SourceID]side{}
	for i := range all {
		h := &all[i]
		id := SourceID{Account: h.Source.Account, Type: h.Source.Type}
		x, known := sides[id]
		if !known {
			var err error
			if x, err = getSide(ctx, t, id); err != nil {
				return err
			}
			sides[id] = x
		}
		if h.Source.Name == "" {
			h.Listed, h.Notices = x.Listed != nil, x.Notices
			continue
		}
		if n := slices.IndexFunc(x.Listed, func(l Listed) bool { return l.Name == h.Source.Name }); n >= 0 {
			h.Listed, h.Title = true, x.Listed[n].Title
		}
	}
	return nil
}

// addUnsent tells of the accounts whose mail was all read without finding what
// the user sent (SPEC I14).
func addUnsent(ctx context.Context, t *tx, all []SourceHealth) error {
	for i := range all {
		h := &all[i]
		if h.Source.Type != Mailbox || h.Source.Name != "" || !h.Listed {
			continue
		}
		read, empty := false, ""
		for _, box := range all {
			if box.Source.Account != h.Source.Account || box.Source.Type != Mailbox || !box.Listed || box.Source.Name == "" {
				continue
			}
			if read = box.Complete; !read {
				break
			}
			if box.Sent {
				empty = cmp.Or(box.Title, box.Source.Name)
			}
		}
		if !read {
			continue
		}
		found, err := sentFound(ctx, t, h.Source.Account, forever)
		if err != nil {
			return err
		}
		if !found {
			h.Notices = append(slices.Clone(h.Notices), unsentNotice(h.Source.Account, empty))
		}
	}
	return nil
}

// unsentNotice says that sent mail was not found; folder is one that should
// hold it, "" if there is none.
func unsentNotice(account, folder string) string {
	if folder != "" {
		return fmt.Sprintf("the folder %q of the account %s holds no mail from you yet: nothing is said about replies; "+
			"if your sent mail is in another, name it with sent = \"…\"", folder, account)
	}
	return fmt.Sprintf("the sent mail of the account %s has not been found: nothing is said about replies; name its folder with sent = \"…\"", account)
}

// FirstRun is when the first run was complete; zero while it is not.
func (l *Ledger) FirstRun(ctx context.Context) (at time.Time, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		at, err = getMetaTime(ctx, t, metaFirstRun)
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("read first run: %w", err)
	}
	return at, nil
}

// SetFirstRun notes, once, that the first run was complete.
func (l *Ledger) SetFirstRun(ctx context.Context, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		before, err := getMetaTime(ctx, t, metaFirstRun)
		if err != nil || !before.IsZero() {
			return err
		}
		if err := l.journal.append(line{Type: lineFirstRun, At: at}); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		t.changed = true
		return setMetaTime(ctx, t, metaFirstRun, at)
	})
	if err != nil {
		return fmt.Errorf("note first run: %w", err)
	}
	return nil
}

var (
	qCalendarSeen    = query(`SELECT shared FROM calendar_seen WHERE url = ?`)
	qSetCalendarSeen = query(`INSERT INTO calendar_seen (url, shared, at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING`)
	qCalendarsSeen   = query(`SELECT url FROM calendar_seen ORDER BY at, url`)
)

// SeenCalendar is a follow-up calendar that was seen once.
type SeenCalendar struct {
	URL   string
	Names []string // it has had; none where only the journal knows of it
}

// CalendarsSeen lists the follow-up calendars there have been, oldest first.
func (l *Ledger) CalendarsSeen(ctx context.Context) (all []SeenCalendar, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		err := t.each(ctx, qCalendarsSeen, nil, func(scan func(...any) error) error {
			var c SeenCalendar
			err := scan(&c.URL)
			all = append(all, c)
			return err
		})
		for i := range all {
			if err == nil {
				all[i].Names, err = calendarNames(ctx, t, all[i].URL)
			}
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read calendars: %w", err)
	}
	return all, nil
}

// calendarKey is where meta keeps the names of a follow-up calendar: JSON.
func calendarKey(url string) string { return "calendar:" + url }

func calendarNames(ctx context.Context, t *tx, url string) (names []string, err error) {
	text, err := getMeta(ctx, t, calendarKey(url))
	if err == nil && text != "" {
		err = json.Unmarshal([]byte(text), &names)
	}
	return names, err
}

// AddCalendarName notes what a follow-up calendar is called now.
func (l *Ledger) AddCalendarName(ctx context.Context, url, name string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		names, err := calendarNames(ctx, t, url)
		if err != nil || slices.Contains(names, name) {
			return err
		}
		text, err := toJSON(append(names, name))
		if err != nil {
			return err
		}
		return setMeta(ctx, t, calendarKey(url), text)
	})
	if err != nil {
		return fmt.Errorf("note calendar: %w", err)
	}
	return nil
}

// CalendarSeen says whether the follow-up calendar was seen before, and whether
// it held other events then.
func (l *Ledger) CalendarSeen(ctx context.Context, url string) (known, shared bool, err error) {
	err = l.read(ctx, func(ctx context.Context, t *tx) error {
		known, err = t.one(ctx, qCalendarSeen, []any{url}, &shared)
		return err
	})
	if err != nil {
		return false, false, fmt.Errorf("read calendar: %w", err)
	}
	return known, shared, nil
}

// SetCalendarSeen notes, once, that the follow-up calendar exists and whether
// it holds other events.
func (l *Ledger) SetCalendarSeen(ctx context.Context, url string, shared bool, at time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.write(ctx, func(ctx context.Context, t *tx) error {
		var before bool
		known, err := t.one(ctx, qCalendarSeen, []any{url}, &before)
		if err != nil || known {
			return err
		}
		if err := l.journal.append(line{Type: lineCalendarSeen, URL: url, Shared: shared, At: at}); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
		t.changed = true
		_, err = t.exec(ctx, qSetCalendarSeen, url, shared, at.Unix())
		return err
	})
	if err != nil {
		return fmt.Errorf("note calendar: %w", err)
	}
	return nil
}
