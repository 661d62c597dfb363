package ledger

import (
	"time"

	"syncd/internal/planner"
)

// Kind is the kind of an interaction.
type Kind string

// The kinds.
const (
	KindMail    Kind = "mail"
	KindMeeting Kind = "meeting"
	KindCall    Kind = "call"
	KindNote    Kind = "note"
)

// Direction is who addressed whom.
type Direction string

// The directions. Mail that is nobody's (a forged From, mail between my own
// addresses) has none.
const (
	Out    Direction = "out"
	In     Direction = "in"
	Mutual Direction = "mutual"
	None   Direction = ""
)

// Role is a participant's part in an interaction.
type Role string

// The roles.
const (
	RoleFrom      Role = "from"
	RoleTo        Role = "to"
	RoleCc        Role = "cc"
	RoleBcc       Role = "bcc"
	RoleOrganizer Role = "organizer"
	RoleAttendee  Role = "attendee"
	// RoleNamed is that of a contact whom the title or place of an event of the
	// user's own names. The ledger works it out.
	RoleNamed Role = "named"
)

// Participant is an address in an interaction.
type Participant struct {
	Address string // lower case, A-label domain
	Name    string // display name, "" if none
	Role    Role
	Status  string // PARTSTAT in upper case, attendees only
	Thing   bool   // CUTYPE says room, resource or group: not a person
}

// SourceID names what a batch was read from.
type SourceID struct {
	Account string // name in the configuration
	Type    SourceType
	Name    string // mailbox name as the server spells it, or collection URL
}

// SourceType is the protocol side of a source.
type SourceType string

// The types of sources.
const (
	Mailbox  SourceType = "mailbox"
	Calendar SourceType = "calendar"
	// AddressBook is a collection of cards.
	AddressBook SourceType = "address book"
	// FollowUps is the calendar that syncd writes to.
	FollowUps SourceType = "follow-ups"
)

// Cursor is the ledger's position in one source. It is stored with the rows it
// stands for, in one transaction.
type Cursor struct {
	UIDValidity uint32 // mailbox, RFC 3501 section 2.3.1.1
	Highest     uint32 // highest UID taken
	Lowest      uint32 // every UID from here to Highest was taken; 1 when the scan reached the bottom
	// Reached is the INTERNALDATE of the oldest message taken so far, or when
	// the recurrences of a calendar were last expanded; zero if none.
	Reached time.Time

	SyncToken string // collection, RFC 6578
	CTag      string // getctag, where there is no sync-collection

	Complete bool // the source was read to its end at least once
}

// Batch is what a source read in one go. Append takes it in one transaction.
type Batch struct {
	Source SourceID
	Cursor Cursor
	At     time.Time // when it was read; decides what lay ahead when it vanished

	Mail    []Mail
	Objects []Object // calendar objects added or changed
	Cards   []Card   // cards added or changed
	Gone    []string // hrefs of calendar objects or cards that a complete answer no longer holds
	Skipped []Skip
	// Sent says that this mailbox holds the user's sent mail, and SentBy how
	// that was found out; "" is taken for the special use. What the latest batch
	// says holds.
	Sent   bool
	SentBy SentBy
	// Use is what the server or its name says that the mailbox is for, in lower
	// case: sent, drafts, trash, all, …; "" if nobody does.
	Use string
	// Total is how many messages or objects the source holds; 0 if unknown.
	Total uint32
	// Reset says that the cursor's UIDVALIDITY is new and the copies known
	// from this mailbox are void.
	Reset bool
	// Unsettled says that summaries are not to be worked out yet: more batches
	// follow, from this source or others, and then Settle.
	Unsettled bool
}

// Mail is one copy of a message as its mailbox holds it.
type Mail struct {
	UID         uint32
	ID          string // Message-ID without angle brackets, or synthetic
	At          time.Time
	Subject     string
	Topic       string        // Subject without marks of answers and forwarding; follows from it
	Reply       bool          // Subject bears a mark of an answer; follows from it
	People      []Participant // from, to, cc, bcc
	Refs        []string      // References, oldest first, and last of all In-Reply-To
	Fingerprint string        // equal for the same message under another Message-ID
	Noise       string        // why it is no person's word, "" if it is
	Invite      string        // title of the meeting that calendar mail speaks of, "" for other mail; follows from Subject
	Lists       []string      // addresses in List-Post and List-Id
	Delivered   bool          // bears a mark of delivery
}

// Object is a calendar object with what is in it.
type Object struct {
	Href, ETag string
	Meetings   []MeetingInstance
	Since      time.Time // there are too many meetings: those before it were left out; zero if none were
	Absences   []Absence
}

// Card is a vCard (RFC 6350) in an address book: a person, or with Members a
// group of them or, with none in it, a company, place or thing.
type Card struct {
	Href, ETag string
	UID        string // as the card gives it; its href where it has none
	Name       string // FN, else made of N; "" if neither says anything
	Nicknames  []string
	Addresses  []string      // lower case, A-label domain, each once, in order
	Groups     []string      // CATEGORIES
	Circle     string        // named by a line "syncd: network" in NOTE, lower case; "" if none
	Birthday   planner.DayOf // BDAY
	Wedding    planner.DayOf // ANNIVERSARY
	Org, Title string
	Rev        time.Time // REV; zero if unknown
	// Members are the UIDs of those in a group, whose name is Name (RFC 6350
	// section 6.6.5, and Apple's X-ADDRESSBOOKSERVER-MEMBER); nil for a person,
	// and for nobody else.
	Members []string
}

// Absence is an all-day event that speaks of absence, with at most one person.
// It is the user's own if that is them.
type Absence struct {
	From, To string    // civil dates, 2026-05-12, both included
	Person   string    // address as in Participant, "" if there is none
	KnownAt  time.Time // as in MeetingInstance
}

// MeetingInstance is one occurrence of an event (RFC 5545).
type MeetingInstance struct {
	UID          string
	RecurrenceID string // "" for an event that does not recur
	Start, End   time.Time
	AllDay       bool
	Title        string
	Location     string
	People       []Participant // organizer and attendees, each once
	Unlisted     int           // people in it without an address
	// Theirs says that it is no meeting by the user's own hand though it has no
	// organizer: that one has no address, it is in a calendar that the user can
	// only read, or it has no people and tells of somebody's absence.
	Theirs    bool
	Cancelled bool
	Series    bool      // an occurrence of a recurring event
	KnownAt   time.Time // CREATED, else Start: when one could know of it
}

// Skip is a message or object that could not be read.
type Skip struct {
	Where  string // UID or href
	Reason string
}

// Me says who the user is. Append and Rebuild need it to tell directions.
type Me struct {
	Name      string   // the user's own, "" if not configured
	Addresses []string // configured, and the accounts' own
	NotMe     []string
	Internal  []string // domains of the user's own organisation
	// Ignore are globs of addresses, and IgnoreFolders of mailboxes by the name
	// people see, whose mail makes no contact and no interaction.
	Ignore        []string
	IgnoreFolders []string
	People        []Person // [[contact]] and circle members of the configuration
	Circles       []string // names of the circles; on a card the first counts
	Zone          *time.Location
}

// Person is what the configuration says of somebody.
type Person struct {
	Addresses []string // globs allowed where Name is empty
	Cards     []string // UIDs of cards of the same person
	Name      string
	Circle    string
	Muted     bool
	Ignored   bool     // as if Ignore named the addresses
	Apart     []string // addresses of somebody else, whatever a card says
}

// PlacementState is where an entry stands between us and the server.
type PlacementState string

// The states of a placement. Intended and deleting are written before the
// request, the others after its answer (SPEC section 9).
const (
	Intended  PlacementState = "intended"  // PUT of a new entry is about to be sent
	Placed    PlacementState = "placed"    // the server holds it
	Rewriting PlacementState = "rewriting" // PUT of a changed entry is about to be sent
	Deleting  PlacementState = "deleting"  // DELETE is about to be sent
	TakenOver PlacementState = "taken"     // the user made it theirs: never touched again
	Closed    PlacementState = "closed"    // ended; the entry is gone or ticked
)

// Shape is what an entry says, compared by meaning.
type Shape struct {
	Start, End  time.Time
	AllDay      bool
	Summary     string
	Description string
	Status      string // CONFIRMED, CANCELLED, …
	Alarm       bool
}

// Field is a part of a Shape.
type Field uint8

// The fields the user may set; what they set is theirs.
const (
	FieldTime Field = 1 << iota
	FieldSummary
	FieldDescription
)

// Placement is the ledger's memory of an entry.
type Placement struct {
	UID        string
	Key        planner.Key
	Generation int
	State      PlacementState
	Href       string    // as the server spells it; "" before the first answer, and once a closed one has left the calendar
	ETag       string    // "" where unknown or weak
	Due        time.Time // as known when it was written; zero after a wiped ledger
	Slot       time.Time
	CreatedAt  time.Time
	Sequence   int
	Wrote      Shape              // what syncd last wrote
	Seen       Shape              // what it last saw
	Theirs     Field              // the fields the user set
	MoveTo     time.Time          // where the user asked for it to be moved; zero once it is there
	Noted      string             // the user's lines in it, as they were recorded last
	Because    []string           // the reasons, as written
	Evidence   []planner.Evidence // what it rests on, the key's own first

	// Earlier are hashes of lines that stood in texts that syncd wrote before and
	// not in the last. Reconcile makes them and bounds their number.
	Earlier []string

	// MissingAt is when the first of the complete listings did not hold the entry.
	// Zero when it was there.
	MissingAt time.Time

	EndedAt time.Time
	Outcome planner.Outcome // "" while open
	EndedBy planner.Evidence
	EndWhy  string

	// Commanded says that the user ended it with a command: its entry need not
	// show it. It follows from the decisions and is not stored with the rest.
	Commanded bool
}

// Open reports whether the follow-up has not ended.
func (p Placement) Open() bool { return p.Outcome == "" }

// AskedAt is when the calendar was asked for the entry, the last time if it had to
// be written again.
func (p Placement) AskedAt() time.Time { return later(p.CreatedAt, p.MissingAt) }

// Purged reports whether it ended because the user had all entries removed.
func (p Placement) Purged() bool { return p.EndedBy.Type == planner.Gesture && p.EndedBy.ID == purge }
