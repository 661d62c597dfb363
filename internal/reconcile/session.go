package reconcile

import (
	"cmp"
	"context"
	"net/url"

	"syncd/internal/caldav"
)

// In is the follow-up calendar of an account. The session must own the
// collection.
func In(s *caldav.Session, c caldav.Collection) Calendar { return collection{s, c} }

type collection struct {
	*caldav.Session
	collection caldav.Collection
}

func (c collection) Entries(ctx context.Context) (caldav.Listing, error) {
	return c.Session.Entries(ctx, c.collection)
}

func (c collection) Name(uid string) string {
	return cmp.Or(c.collection.Href, c.collection.URL) + url.PathEscape(uid) + ".ics"
}

func (c collection) Create(ctx context.Context, d caldav.Draft) (caldav.Version, error) {
	return c.Session.Create(ctx, c.collection, d)
}
