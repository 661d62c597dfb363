package ledger

import (
	"time"

	"syncd/internal/text"
)

// Unread is a message whose text is wanted (SPEC section 2.1).
type Unread struct {
	UIDValidity uint32
	UID         uint32
	ID          string   // as in Mail
	Automatic   bool     // marked as an automatic answer or a report
	Reply       bool     // it answers another mail
	Others      []string // names, or addresses, of the people on it who are neither its writer nor the user
}

// Reading is what the text of a message says, as its source read it.
type Reading struct {
	ID           string    // as in Mail
	text.Reading           // dates are those of the writer's zone
	Attached     bool      // a file is with it
	Linked       bool      // the new text holds a web address
	Dead         []string  // reports only: addresses that could not be reached for good
	Failed       string    // why its text cannot be read; "" if it was
	At           time.Time // when it was read
}
