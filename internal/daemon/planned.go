package daemon

import (
	"context"
	"slices"

	"syncd/internal/caldav"
	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/reconcile"
)

// planned notes what the user plans by events of their own in the follow-up
// calendar (SPEC section 8.3). Where the calendar is shared they are meetings,
// and nothing is adopted. changed says that the plan must be made anew.
func (d *Daemon) planned(ctx context.Context, cfg *config.Config, cal *calendar, listing caldav.Listing) (changed bool, err error) {
	known, shared, err := d.ledger.CalendarSeen(ctx, cal.at.URL)
	switch {
	case err != nil || !known:
		return false, err
	case shared:
		return d.ledger.Adopt(ctx, ledger.OwnEvents{At: d.now()})
	}
	own := reconcile.Own(listing, d.now(), cfg.Me.Zone)
	own.Still = func(ctx context.Context, uid string) bool { return still(ctx, cal, listing, uid) }
	return d.ledger.Adopt(ctx, own)
}

// still reads an event again: a listing may be late, and its title is a decision
// of the user's.
func still(ctx context.Context, cal *calendar, listing caldav.Listing, uid string) bool {
	i := slices.IndexFunc(listing.Entries, func(e caldav.Entry) bool { return e.UID == uid })
	if i < 0 {
		return false
	}
	e, err := cal.Read(ctx, listing.Entries[i].Href)
	return err == nil && e.UID == uid && e.Shape.Summary == listing.Entries[i].Shape.Summary
}
