package caldav

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"syncd/internal/ical"
	"syncd/internal/ledger"
)

// length is how long an entry is, unless its shape says.
const length = 15 * time.Minute

// readEntry reads an object of the follow-up calendar. is says whether it holds
// an event at all.
func readEntry(v Version, data []byte, zone *time.Location) (e Entry, is bool, err error) {
	cal, err := ical.Parse(data)
	if err != nil {
		return Entry{}, false, err
	}
	events, err := eventsOf(cal)
	if err != nil || len(events) == 0 {
		return Entry{}, false, err
	}
	m := events[0]
	for _, other := range events {
		if other.RecurrenceID.IsZero() {
			m = other
			break
		}
	}
	return Entry{
		Version: v,
		UID:     m.UID,
		Shape: ledger.Shape{
			Start: m.Start.In(zone), End: m.End.In(zone), AllDay: m.Start.IsDate(),
			Summary: m.Summary, Description: description(m), Status: m.Status, Alarm: m.Alarms > 0,
		},
		Sequence: m.Sequence,
		Marked:   marked(m.Description),
		CopyOf:   copyOf(m),
		Foreign:  foreign(events, m),
		Raw:      data,
	}, true, nil
}

// foreign says whether an event recurs or involves others.
func foreign(events []ical.Event, m ical.Event) bool {
	return len(events) > 1 || !m.RecurrenceID.IsZero() || len(m.RRules)+len(m.RDates) > 0 ||
		m.Raw.Prop("ATTENDEE") != nil || m.Raw.Prop("ORGANIZER") != nil
}

// write returns the object for a draft. RFC 5545 would let us name attendees;
// ical.Entry does not, so that no server ever mails anyone.
func (d Draft) write() ([]byte, error) {
	zone := d.Zone
	if zone == nil {
		zone = time.UTC
	}
	start, end := d.Shape.Start.In(zone), d.Shape.End.In(zone)
	e := ical.Entry{
		UID: d.UID, Sequence: d.Sequence, Stamp: d.Stamp,
		Summary: d.Shape.Summary, Description: d.Shape.Description, URL: d.URL,
		Status: status(d.Shape), Transp: "TRANSPARENT", Class: "PRIVATE",
		Categories: []string{"Follow-up"}, Alarm: d.Shape.Alarm, Marker: d.UID,
	}
	if d.Shape.AllDay {
		if !end.After(start) {
			end = start.AddDate(0, 0, 1)
		}
		e.Start, e.End = ical.OnDate(start.Date()), ical.OnDate(end.Date())
	} else {
		if !end.After(start) {
			end = start.Add(length)
		}
		e.Start, e.End = ical.At(start), ical.At(end)
	}
	return ical.Write(e)
}

// Create writes a new entry under a name made from its UID. If something is
// there already, whatever the server thinks of If-None-Match (RFC 9110 section
// 13.1.2), it returns ErrChanged.
func (s *Session) Create(ctx context.Context, c Collection, d Draft) (Version, error) {
	href := c.URL + url.PathEscape(d.UID) + ".ics"
	if err := s.mayWrite(href); err != nil {
		return Version{}, fmt.Errorf("create entry: %w", err)
	}
	data, err := d.write()
	if err != nil {
		return Version{}, fmt.Errorf("create entry: %w", err)
	}
	switch _, _, err := s.get(ctx, href); {
	case err == nil:
		return Version{}, fmt.Errorf("create entry: %w", ErrChanged)
	case !errors.Is(err, ErrGone):
		return Version{}, fmt.Errorf("create entry: look before: %w", err)
	}
	etag, err := s.create(ctx, href, data)
	if err != nil {
		return Version{}, fmt.Errorf("create entry: %w", err)
	}
	return s.written(ctx, c, d.UID, href, etag), nil
}

// written finds out where and in which version an object is after a PUT: some
// servers store it under another name, some give no ETag or a weak one.
func (s *Session) written(ctx context.Context, c Collection, uid, href, etag string) Version {
	v := Version{Href: s.verbatim(c, href), ETag: strong(etag)}
	if v.ETag != "" {
		return v
	}
	switch etag, err := s.version(ctx, href); {
	case err == nil:
		v.ETag = strong(etag)
	case errors.Is(err, ErrGone):
		if e, err := s.Find(ctx, c, uid); err == nil {
			return e.Version
		}
	}
	return v
}

// verbatim spells an address in the collection as the server spells the
// collection.
func (s *Session) verbatim(c Collection, address string) string {
	if rest, ok := strings.CutPrefix(address, c.URL); ok && c.Href != "" {
		return c.Href + rest
	}
	return address
}

// Read reads an entry of the calendar named in Own. It returns ErrGone if there
// is none.
func (s *Session) Read(ctx context.Context, href string) (Entry, error) {
	return s.readAt(ctx, href, s.address(href))
}

func (s *Session) readAt(ctx context.Context, href, address string) (Entry, error) {
	data, etag, err := s.get(ctx, address)
	if err != nil {
		return Entry{}, fmt.Errorf("read entry: %w", err)
	}
	e, is, err := readEntry(Version{Href: href, ETag: strong(etag)}, data, s.zone)
	if err == nil && !is {
		err = errNoEvent
	}
	if err != nil {
		return Entry{}, fmt.Errorf("read entry: %w", err)
	}
	return e, nil
}

// current reads an entry again and returns ErrChanged unless it says what it
// said when the caller read it. A precondition alone is not trusted, since some
// servers ignore it, and an equal ETag is not equal content where ETags count.
func (s *Session) current(ctx context.Context, e Entry) (Entry, string, error) {
	address := s.address(e.Href)
	if err := s.mayWrite(address); err != nil {
		return Entry{}, "", err
	}
	now, err := s.Read(ctx, e.Href)
	if err != nil {
		return Entry{}, "", err
	}
	if now.UID != e.UID || now.Foreign != e.Foreign || !Same(now.Shape, e.Shape) {
		return Entry{}, "", ErrChanged
	}
	return now, address, nil
}

// Rewrite gives an entry the title, the description and the link of a draft.
// Everything else in the object stays as it is: its times, the alarms, colours
// and properties that people and their programs put there. Without an alarm in
// the draft the alarms go. It returns ErrChanged if the entry is not as e says.
func (s *Session) Rewrite(ctx context.Context, e Entry, d Draft) (Version, error) {
	set := ical.Fields{
		Summary: &d.Shape.Summary, Description: &d.Shape.Description, URL: &d.URL,
		Stamp: &d.Stamp, LastModified: &d.Stamp, Sequence: &d.Sequence, RemoveAlarms: !d.Shape.Alarm,
	}
	v, err := s.edit(ctx, e, set)
	if err != nil {
		return Version{}, fmt.Errorf("rewrite entry: %w", err)
	}
	return v, nil
}

// Move gives an entry another start, that of the draft; its length and everything
// else in the object stay as they are. It returns ErrChanged if the entry is not
// as e says.
func (s *Session) Move(ctx context.Context, e Entry, d Draft) (Version, error) {
	start, end, err := moved(e, d)
	if err != nil {
		return Version{}, fmt.Errorf("move entry: %w", err)
	}
	set := ical.Fields{Start: &start, End: &end, Stamp: &d.Stamp, LastModified: &d.Stamp, Sequence: &d.Sequence}
	v, err := s.edit(ctx, e, set)
	if err != nil {
		return Version{}, fmt.Errorf("move entry: %w", err)
	}
	return v, nil
}

// moved are the times of a draft on the clocks of the entry's own zones.
func moved(e Entry, d Draft) (start, end ical.Time, err error) {
	cal, err := ical.Parse(e.Raw)
	if err != nil {
		return start, end, err
	}
	events, err := eventsOf(cal)
	if err != nil || len(events) == 0 {
		return start, end, errors.Join(err, errNoEvent)
	}
	on := func(old ical.Time, t time.Time) ical.Time {
		switch {
		case old.IsDate():
			return ical.OnDate(t.Date())
		case old.IsFloating():
			return ical.Floating(t)
		}
		return ical.At(t.In(old.Zone()))
	}
	return on(events[0].Start, d.Shape.Start), on(events[0].End, d.Shape.End), nil
}

// Tick takes the alarms of an entry away and gives it that title; "" leaves the
// one it has. Everything else in the object stays as it is. It returns ErrChanged
// if the entry is not as e says.
func (s *Session) Tick(ctx context.Context, e Entry, summary string) (Version, error) {
	sequence := 0
	set := ical.Fields{Sequence: &sequence, RemoveAlarms: true}
	if summary != "" {
		set.Summary = &summary
	}
	v, err := s.edit(ctx, e, set)
	if err != nil {
		return Version{}, fmt.Errorf("tick entry: %w", err)
	}
	return v, nil
}

func (s *Session) edit(ctx context.Context, e Entry, set ical.Fields) (Version, error) {
	now, address, err := s.current(ctx, e)
	if err != nil {
		return Version{}, err
	}
	// Clients take the higher SEQUENCE for the newer version (RFC 5546 section 2.1.4).
	sequence := max(*set.Sequence, now.Sequence+1)
	set.Sequence = &sequence
	data, err := ical.Edit(now.Raw, now.UID, set)
	if err != nil {
		return Version{}, err
	}
	etag, err := s.replace(ctx, address, now.ETag, data)
	if err != nil {
		return Version{}, err
	}
	return s.written(ctx, s.owned(), e.UID, address, etag), nil
}

// Delete removes an entry. It returns ErrChanged if the entry is not as e says,
// ErrGone if it is not there.
func (s *Session) Delete(ctx context.Context, e Entry) error {
	now, address, err := s.current(ctx, e)
	if err == nil {
		err = s.remove(ctx, address, now.ETag)
	}
	if err != nil {
		return fmt.Errorf("delete entry: %w", err)
	}
	return nil
}

// strong is an ETag that If-Match can use (RFC 9110 section 13.1.1), else "".
func strong(etag string) string {
	etag = strings.TrimSpace(etag)
	if strings.HasPrefix(etag, "W/") {
		return ""
	}
	return etag
}

// counter says whether an ETag looks like a number of writes: such ones restart
// when an object is deleted and created again (SOGo), so that an equal one
// proves nothing.
func counter(etag string) bool {
	digits := strings.Trim(etag, `"`)
	return len(digits) < 10 && strings.Trim(digits, "0123456789") == ""
}
