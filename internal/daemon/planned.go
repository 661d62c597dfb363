package daemon

import (
	"context"

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
	return d.ledger.Adopt(ctx, reconcile.Own(listing, d.now(), cfg.Me.Zone))
}
