package reconcile

import (
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
)

// For how long before and after the present the user's own events are looked at.
// A follow-up is held for less before and after one (SPEC section 8.3).
const (
	ownBefore = 10 // days
	ownAfter  = 366
)

// Own gives the user's own events in the follow-up calendar: what they plan
// about people, which syncd only reads.
func Own(list caldav.Listing, now time.Time, zone *time.Location) ledger.OwnEvents {
	own := ledger.OwnEvents{At: now, All: list.Failed, Empty: len(list.Entries)+len(list.Skipped) == 0}
	from, to := now.AddDate(0, 0, -ownBefore), now.AddDate(0, 0, ownAfter)
	for _, s := range list.Skipped {
		own.Unread = append(own.Unread, s.Where)
	}
	for _, e := range list.Entries {
		if !e.IsOwn() {
			continue
		}
		event := e.Own(from, to, zone)
		bare := markedEnds(event.Title).rest
		event.Title, event.Done = plainlyDone(event.Title)
		if bare != event.Title {
			event.Bare = bare
		}
		own.Events = append(own.Events, event)
	}
	return own
}
