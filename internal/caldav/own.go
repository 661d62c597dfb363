package caldav

import (
	"slices"
	"strings"
	"time"

	"syncd/internal/ical"
	"syncd/internal/ledger"
)

// maxOwnStarts bounds the occurrences of an event of the user's own.
const maxOwnStarts = 400

// IsOwn reports whether an entry is the user's own: none of syncd's, whichever
// instance wrote it, and no copy of one.
func (e Entry) IsOwn() bool {
	return e.UID != "" && len(e.UID) <= maxUID && !strings.HasPrefix(e.UID, ownUID) && !e.Marked
}

// Own reads an event of the user's own, with its occurrences that begin between
// from and to: at most 400, the first ones. It has none if it is cancelled. A
// rule that cannot be expanded counts for its first occurrence alone.
func (e Entry) Own(from, to time.Time, zone *time.Location) ledger.OwnEvent {
	own := ledger.OwnEvent{UID: e.UID, Href: e.Href, Title: ical.Line(e.Shape.Summary), Description: Normal(e.Shape.Description)}
	within := func(t time.Time) bool { return !t.Before(from) && t.Before(to) }
	if status(e.Shape) == "CANCELLED" || !e.Foreign && !within(e.Shape.Start) {
		return own
	}
	events := e.events()
	for i := range events {
		m := &events[i]
		if !m.RecurrenceID.IsZero() && len(events) > 1 {
			continue
		}
		own.Location, own.KnownAt = ical.Line(m.Location), m.Created
		if own.KnownAt.IsZero() {
			own.KnownAt = m.DTStamp // RFC 5545 section 3.8.7.2: of the last change
		}
		for _, p := range people(m) {
			if !p.Thing {
				own.People = append(own.People, p.Address)
			}
		}
	}
	list, err := ical.Expand(events, from, to, zone)
	if err != nil && within(e.Shape.Start) {
		own.Starts = []time.Time{e.Shape.Start.UTC()}
	}
	for _, i := range list {
		if start := i.Start.In(zone).UTC(); within(start) && !cancelled(i.Event) {
			own.Starts = append(own.Starts, start)
		}
	}
	slices.SortFunc(own.Starts, time.Time.Compare)
	own.Starts = own.Starts[:min(len(own.Starts), maxOwnStarts)]
	return own
}

// events are those of the object with the UID of the entry.
func (e Entry) events() []ical.Event {
	cal, err := ical.Parse(e.Raw)
	if err != nil { // it was read before
		return nil
	}
	all, _ := cal.Events()
	return slices.DeleteFunc(all, func(m ical.Event) bool { return m.UID != e.UID })
}
