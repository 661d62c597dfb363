package caldav

import (
	"time"

	"syncd/internal/ledger"
)

// Version identifies one state of an object on the server.
type Version struct {
	Href string // verbatim, as the server spells it
	ETag string // opaque; "" where the server gave none or a weak one
}

// Entry is an event in the follow-up calendar as the server holds it.
type Entry struct {
	Version
	UID      string
	Shape    ledger.Shape
	Sequence int
	Marked   bool   // the description bears syncd's marker
	CopyOf   string // the UID, or else the code, of the entry of syncd's that it is a copy of; "" if it is none or its own
	Foreign  bool   // recurs or invites someone: the user made it theirs
	Raw      []byte // the object as it was read, for Edit
}

// Listing is one complete answer about the follow-up calendar. An incomplete
// answer is an error, never a Listing.
type Listing struct {
	Entries []Entry
	Skipped []ledger.Skip
	Failed  bool      // the server failed at some of what was skipped: it may be anything
	Date    time.Time // the server's clock (HTTP Date); zero if it gave none
}

// Draft is an entry to be written (SPEC section 7).
type Draft struct {
	UID      string
	Shape    ledger.Shape
	Zone     *time.Location
	URL      string
	Sequence int
	Stamp    time.Time // DTSTAMP
}
