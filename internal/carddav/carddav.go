// Package carddav reads address books (RFC 6352) and the cards in them (vCard
// 2.1, 3.0 and 4.0). It writes nothing (SPEC I2): no request of it is other than
// PROPFIND, REPORT or GET.
package carddav

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/webdav"
)

// The errors a caller tells apart. They wrap what the server said.
var (
	// ErrAuth says that the server refused the user name or the password.
	ErrAuth = webdav.ErrUnauthorized
	// ErrGone says that an address book does not exist.
	ErrGone = webdav.ErrNotFound
	// ErrNotCardDAV says that discovery found no address books at an address.
	ErrNotCardDAV = errors.New("no CardDAV server")
)

const nsCardDAV = "urn:ietf:params:xml:ns:carddav"

var service = webdav.Service{
	Many:       "address books",
	WellKnown:  "/.well-known/carddav",
	Collection: xml.Name{Space: nsCardDAV, Local: "addressbook"},
	Home:       xml.Name{Space: nsCardDAV, Local: "addressbook-home-set"},
	Multiget:   xml.Name{Space: nsCardDAV, Local: "addressbook-multiget"},
	Data:       xml.Name{Space: nsCardDAV, Local: "address-data"},
	None:       ErrNotCardDAV,
}

// Account says where an account's address books are.
type Account = webdav.Account

// Collection is an address book.
type Collection = webdav.Collection

// Session is a discovered account.
type Session struct {
	account string
	log     *slog.Logger
	home    *webdav.Home
}

// Dial finds the address books of an account (RFC 6764 section 6). Its errors
// are one line that names the account and the cause.
func Dial(ctx context.Context, a Account, log *slog.Logger) (*Session, error) {
	home, err := webdav.Find(ctx, service, a, log)
	if err != nil {
		return nil, err
	}
	return &Session{account: a.Name, log: log, home: home}, nil
}

// Close closes idle connections.
func (s *Session) Close() { s.home.Close() }

// AddressBooks returns the address books of the account.
func (s *Session) AddressBooks(ctx context.Context) ([]Collection, error) {
	return s.home.Collections(ctx)
}

// Changes reads what changed in an address book since the cursor, in batches of
// as many cards as one request asks for. known holds the ETags of the cards the
// ledger has, by href; they are what the changes are relative to where the
// server keeps no history.
//
// Only the last batch carries the new cursor, so that an interrupted reading is
// done again. It holds no mark of the server's if the server failed at a card:
// such a card is asked for again the next time. Where nothing changed and the
// cursor is still good there is no batch. Nothing is concluded from an answer
// that failed or broke off.
func (s *Session) Changes(ctx context.Context, c Collection, cursor ledger.Cursor, known map[string]string, at time.Time) iter.Seq2[ledger.Batch, error] {
	return func(yield func(ledger.Batch, error) bool) {
		fail := func(err error) { yield(ledger.Batch{}, fmt.Errorf("read address book %s: %w", c.URL, err)) }
		d, err := s.home.Changes(ctx, c, webdav.Mark{SyncToken: cursor.SyncToken, CTag: cursor.CTag}, known, false)
		if err != nil {
			fail(err)
			return
		}
		next := ledger.Cursor{SyncToken: d.Now.SyncToken, CTag: d.Now.CTag, Complete: true}
		if len(d.Changed) == 0 && len(d.Gone) == 0 && next == cursor {
			return
		}
		empty := ledger.Batch{
			Source: ledger.SourceID{Account: s.account, Type: ledger.AddressBook, Name: c.URL},
			Cursor: cursor, At: at, Total: uint32(min(d.Total, 1<<31)), //nolint:gosec // bounded
		}
		b, n := empty, 0
		for o, err := range s.home.Fetch(ctx, c, d.Changed, known) {
			if err != nil {
				fail(err)
				return
			}
			if n == webdav.PerRequest {
				if !yield(b, nil) {
					return
				}
				b, n = empty, 0
			}
			if webdav.Failed(o.Err) { // the next listing tells of it again
				next.SyncToken, next.CTag = "", ""
			}
			s.take(ctx, o, known, &b)
			n++
		}
		b.Cursor = next
		b.Gone = append(b.Gone, d.Gone...)
		yield(b, nil)
	}
}

// take puts a card into a batch, or why it could not be read.
func (s *Session) take(ctx context.Context, o webdav.Object, known map[string]string, b *ledger.Batch) {
	if errors.Is(o.Err, webdav.ErrNotFound) { // deleted since it was listed
		if _, had := known[o.Href]; had {
			b.Gone = append(b.Gone, o.Href)
		}
		return
	}
	var (
		card ledger.Card
		lost []string
	)
	err := o.Err
	if err == nil {
		card, lost, err = Read(o.Data)
	}
	if err != nil {
		b.Skipped = append(b.Skipped, ledger.Skip{Where: o.Href, Reason: err.Error()})
		return
	}
	if len(lost) > 0 {
		s.log.DebugContext(ctx, "card read in part", "account", s.account, "href", o.Href, "lost", lost)
	}
	card.Href, card.ETag = o.Href, o.ETag
	if card.UID == "" {
		card.UID = o.Href
	}
	b.Cards = append(b.Cards, card)
}
