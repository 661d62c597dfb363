package caldavtest

import (
	"context"
	"maps"
	"net/http"
	"slices"

	"github.com/emersion/go-vcard"
	gowebdav "github.com/emersion/go-webdav"
	gocarddav "github.com/emersion/go-webdav/carddav"
)

// AddressBook is a collection of cards in the user's other home. Its name is none
// of a calendar's.
type AddressBook struct {
	Name   string // last segment of its path
	Title  string // displayname; Name if empty
	Hidden bool   // it is listed, and may not be read
}

// Books is the path of the collection that holds the address books.
func (s *Server) Books() string { return "/contacts/" + s.User + "/" }

// BookPath is the path of an address book, or of a card in it.
func (s *Server) BookPath(book, card string) string { return s.Books() + book + "/" + card }

// AddAddressBook makes an address book, as the user would in another program.
func (s *Server) AddAddressBook(b AddressBook) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calendars[b.Name] = &calendar{
		Calendar: Calendar{Name: b.Name, Title: orElse(b.Title, b.Name), ReadOnly: true},
		cards:    true, hidden: b.Hidden, objects: map[string]object{},
	}
}

// at is the path of a calendar or an address book, or of an object in it.
func (s *Server) at(c *calendar, object string) string {
	if c.cards {
		return s.BookPath(c.Name, object)
	}
	return s.Path(c.Name, object)
}

func (c *calendar) mediaType() string {
	if c.cards {
		return "text/vcard; charset=utf-8"
	}
	return "text/calendar; charset=utf-8; component=vevent"
}

// cards is the memory behind go-webdav's handler for address books. Nothing of
// it can be changed through the server.
type cards struct{ *backend }

var errReadOnly = gowebdav.NewHTTPError(http.StatusForbidden, nil)

// AddressBookHomeSetPath implements [gocarddav.Backend], as do the methods below.
func (b cards) AddressBookHomeSetPath(context.Context) (string, error) { return b.s.Books(), nil }

// ListAddressBooks returns all address books.
func (b cards) ListAddressBooks(context.Context) ([]gocarddav.AddressBook, error) {
	var list []gocarddav.AddressBook
	for _, name := range slices.Sorted(maps.Keys(b.s.calendars)) {
		if c := b.s.calendars[name]; c.cards {
			list = append(list, b.book(c))
		}
	}
	return list, nil
}

func (b cards) book(c *calendar) gocarddav.AddressBook {
	return gocarddav.AddressBook{Path: b.s.BookPath(c.Name, ""), Name: c.Title, ReadOnly: c.ReadOnly}
}

// GetAddressBook returns the address book at a path.
func (b cards) GetAddressBook(_ context.Context, path string) (*gocarddav.AddressBook, error) {
	c, name := b.s.find(path)
	if c == nil || name != "" {
		return nil, gowebdav.NewHTTPError(http.StatusNotFound, nil)
	}
	found := b.book(c)
	return &found, nil
}

// GetAddressObject returns the card at a path.
func (b cards) GetAddressObject(_ context.Context, path string, _ *gocarddav.AddressDataRequest) (*gocarddav.AddressObject, error) {
	o, ok := b.s.object(path)
	if !ok {
		return nil, gowebdav.NewHTTPError(http.StatusNotFound, nil)
	}
	handed := b.handCard(path, o)
	return &handed, nil
}

// ListAddressObjects returns the cards that listings show.
func (b cards) ListAddressObjects(_ context.Context, path string, _ *gocarddav.AddressDataRequest) ([]gocarddav.AddressObject, error) {
	var list []gocarddav.AddressObject
	c, _ := b.s.find(path)
	objects := b.s.listed(c)
	for _, name := range slices.Sorted(maps.Keys(objects)) {
		list = append(list, b.handCard(b.s.BookPath(c.Name, name), objects[name]))
	}
	return list, nil
}

// handCard is hand for a card: the library would write it anew with go-vcard.
func (b cards) handCard(path string, o object) gocarddav.AddressObject {
	b.handed[path] = o
	ao := gocarddav.AddressObject{Path: path, ContentLength: int64(len(o.data)), Card: vcard.Card{"VERSION": {{Value: "3.0"}}}}
	if !b.s.faults.NoETags {
		ao.ETag = b.s.faults.tag(o)
	}
	return ao
}

// CreateAddressBook and the methods below refuse.
func (b cards) CreateAddressBook(context.Context, *gocarddav.AddressBook) error { return errReadOnly }

// DeleteAddressBook implements [gocarddav.Backend].
func (b cards) DeleteAddressBook(context.Context, string) error { return errReadOnly }

// QueryAddressObjects implements [gocarddav.Backend].
func (b cards) QueryAddressObjects(context.Context, string, *gocarddav.AddressBookQuery) ([]gocarddav.AddressObject, error) {
	return nil, errReadOnly
}

// PutAddressObject implements [gocarddav.Backend].
func (b cards) PutAddressObject(context.Context, string, vcard.Card, *gocarddav.PutAddressObjectOptions) (*gocarddav.AddressObject, error) {
	return nil, errReadOnly
}

// DeleteAddressObject implements [gocarddav.Backend].
func (b cards) DeleteAddressObject(context.Context, string) error { return errReadOnly }
