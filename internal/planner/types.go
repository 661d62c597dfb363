// Package planner decides which follow-ups should exist, why, in which slot and
// in which words, and when to ask again.
//
// It is pure: Plan takes a Snapshot of the ledger, a Policy and the time, and
// returns a Result with a reason for everything it wants and everything it
// passes over. The same inputs give the same answer whatever their order.
package planner

import (
	"time"
)

// ContactID names a contact in the ledger. It is derived from the contact's
// evidence, so it is the same after a rescan.
type ContactID string

// Rule names a reason for a follow-up (SPEC section 5.1).
type Rule string

// The rules.
const (
	FirstMeeting Rule = "first-meeting"
	ReplyOwed    Rule = "reply-owed"
	Awaiting     Rule = "awaiting"
	Fade         Rule = "fade"
	Cadence      Rule = "cadence"
	NewCards     Rule = "new-cards"

	PromiseMade   Rule = "promise" // of the user's
	TheirPromise  Rule = "their-promise"
	Thanks        Rule = "thanks"
	IntroReceived Rule = "intro-received"
	IntroGiven    Rule = "intro-given"
	CloseTheLoop  Rule = "close-the-loop"
	SecondStep    Rule = "second-step"
	Milestone     Rule = "milestone"
	HowDidItGo    Rule = "how-did-it-go"
	Dormant       Rule = "dormant"
	CardSweep     Rule = "card-sweep"
)

// EvidenceType says what kind of thing an Evidence points at.
type EvidenceType string

// The types of evidence.
const (
	Mail    EvidenceType = "mail"    // ID is a Message-ID without angle brackets
	Meeting EvidenceType = "meeting" // ID is an event UID, with /RECURRENCE-ID for an instance
	Card    EvidenceType = "card"    // ID is the UID of a vCard
	Gesture EvidenceType = "gesture" // ID is the UID of the entry the user acted on
	Note    EvidenceType = "note"    // ID is the ledger's id of what the user typed
)

// Evidence points at the thing in the world that a fact was read from. The zero
// value means there is none.
type Evidence struct {
	Type    EvidenceType
	ID      string
	At      time.Time // UTC
	Subject string    // subject or title as the source gives it
	Address string    // the contact's address in it, lower case
	Account string    // the account it was found in
	// Also are the Message-IDs under which the same mail is known besides ID,
	// sorted: which of them is ID may change as copies arrive.
	Also []string `json:",omitempty"`
	// Named says that the contact is named in the title or place of an event of
	// the user's own, and not invited to it.
	Named bool `json:",omitempty"`
}

// IsZero reports whether there is no evidence.
func (e Evidence) IsZero() bool { return e.Type == "" }

// Names are all the ids of the evidence.
func (e Evidence) Names() []string { return append([]string{e.ID}, e.Also...) }

// Snapshot is everything Plan knows about the world.
type Snapshot struct {
	Contacts []Contact
	Open     []Open     // entries that are in the calendar, or meant to be
	Leaving  []Open     // their follow-ups ended, and they are not known to be gone
	Ended    []Ended    // keys that ended before
	Written  []Written  // entries created during the last 14 days, whatever became of them
	Busy     []Interval // the user's own meetings from now on
	// Absent are the days of the user's own all-day events that speak of absence.
	Absent []DateRange
	// Adopted are the events that the user wrote into the follow-up calendar
	// about contacts.
	Adopted []Adopted

	// FirstRunAt is when the first run was complete: the last 24 months of
	// every source that answers were in. Zero while it is not; nothing is
	// written before.
	FirstRunAt time.Time
	// Begins is when the mail begins that is known, both ways: who appears soon after
	// need not be new. Zero: long ago.
	Begins time.Time
	// Whole says that all history of every source is in. Until then a contact
	// whose oldest known mail is older than 23 months is not new.
	Whole bool
	// Unsent lists the accounts whose sent mail was not found; no rule about
	// replies runs on their mail (SPEC I14).
	Unsent []string
	// Paused is until when the user paused writing. Zero: not paused; Forever:
	// until they resume it.
	Paused time.Time
	// Until is when time alone changes what the ledger says: a meeting that is
	// over then makes a contact of somebody. Zero: never.
	Until time.Time
}

// Forever is later than anything.
var Forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Contact is what the ledger knows about one person. Everything in it is
// independent of the present time. The ledger stores it as JSON, and reads that
// for every snapshot: what most contacts have not is left out there.
type Contact struct {
	ID        ContactID
	Name      string // "" when no name is known: then there is no event
	NameRead  bool   `json:",omitzero"` // the name was read from the address, first.last
	Addresses []string
	Circle    string `json:",omitzero"` // "" where only the automatic one applies
	Stage     int    // SPEC section 4: 0 seen, 1 an exchange, 2 exchanges in 4 weeks or met twice

	Internal bool `json:",omitzero"` // inside the user's own organisation
	Muted    bool `json:",omitzero"` // never to be followed up, by configuration or gesture
	// CircleBy and MutedBy are the line, command or card that says so; zero
	// where the configuration does, or nobody.
	CircleBy, MutedBy Evidence `json:",omitzero"`
	// CircleUnknown is the circle that the user put them into last, where the
	// configuration has none of that name; CircleUnknownBy is where they did.
	CircleUnknown   string   `json:",omitzero"`
	CircleUnknownBy Evidence `json:",omitzero"`
	Role            bool     `json:",omitzero"` // a role or shared address, or a mailing list
	Carded          bool     `json:",omitzero"` // has a card in an address book
	// Cards are the UIDs of their cards. Where a contact has no address, they
	// stand for it in keys.
	Cards []string `json:",omitzero"`

	// NewCard is the card of somebody that came after the first complete listing
	// of its address book, At when it was first seen. Zero if there is none.
	NewCard Evidence `json:",omitzero"`
	// Birthday and Wedding are those of the card.
	Birthday, Wedding DayOf `json:",omitzero"`
	// Apart are addresses that the user says belong to somebody else, though
	// the name is the same (not_same_as).
	Apart []string `json:",omitzero"`

	FirstAt time.Time // the oldest known direct interaction
	SeenAt  time.Time // the oldest of any weight: also a Cc, or a mail to many; cards are none
	Out, In int       // direct mails from me, and to me
	Met     int       `json:",omitzero"` // meetings that count and are over
	Threads int       // distinct threads of direct mail
	LastOut Evidence  `json:",omitzero"` // my last direct mail, or what the user reported
	LastIn  Evidence  `json:",omitzero"`
	// TogetherAt is when the last mail was that both were on: theirs, or whoever
	// wrote it, if it went to at most 30 people.
	TogetherAt time.Time `json:",omitzero"`
	LastMet    Evidence  `json:",omitzero"`
	Reported   bool      `json:",omitzero"` // LastOut is self-reported by the user; LastMet is where it is a Note

	// Meetings that count, oldest first: the first one ever and all that began
	// in the last 400 days or lie ahead.
	Meetings []Encounter `json:",omitzero"`

	Exchanges Exchanges `json:",omitzero"`

	// Unanswered are threads in which a direct mail of theirs asks me something and
	// neither I nor a colleague wrote since, newest first, at most 20. Where the text
	// was not read, they are those that they opened and we never wrote in.
	Unanswered []Turn `json:",omitzero"`
	// Outstanding are threads in which a direct mail of mine asks something and
	// nobody but me wrote since, newest first, at most 20. Where the text was not
	// read, they are those that I opened, with a question mark in the subject, and
	// nobody answered in. They belong to the first recipient in To.
	Outstanding []Turn `json:",omitzero"`
	// Facts are the lines the user wrote about them, in order of when they first
	// wrote each, at most 200: the newest.
	Facts []Fact `json:",omitzero"`

	// Promises are what I promised them, and Theirs what they promised me, in mail
	// whose text was read; newest first, at most 20 of each.
	Promises []Promise `json:",omitzero"`
	Theirs   []Promise `json:",omitzero"`
	// Introductions are those that they have a part in, newest first, at most 20.
	// Somebody who is no contact is in the snapshot if a contact introduced them to
	// me; then Candidate is set.
	Introductions []Introduction `json:",omitzero"`
	Candidate     bool           `json:",omitzero"`
	// Asked are my direct mails that ask something, written since their last word
	// and the last meeting, oldest first, at most 5: the newest. Gifts are none.
	Asked []Evidence `json:",omitzero"`
	// Away is their latest automatic answer that names a day of return.
	Away Away `json:",omitzero"`
	// Dead is the mail that says that none of their addresses is read any more: a
	// bounce, or "is no longer with us". Stop is a mail of theirs that asks not to
	// be written to, with no word from them since.
	Dead Evidence `json:",omitzero"`
	Stop Evidence `json:",omitzero"`
	// Gave is what I gave them last, the kind in a word: article, introduction or
	// tip; "": nothing is known.
	Gave string `json:",omitzero"`
	// Common are the addresses of those who most often were on mail and at meetings
	// with both of us, the most frequent first, at most 8.
	Common []string `json:",omitzero"`

	// Broadcaster says that their last three mails to me had no answer of
	// mine and answered nothing, with no word from me since (a broadcaster).
	Broadcaster bool `json:",omitzero"`

	// Answers counts the answers of theirs to direct mails of mine, and
	// AnswerTime is their median. Zero where the ledger does not know.
	Answers    int           `json:",omitzero"`
	AnswerTime time.Duration `json:",omitzero"`

	// DirectDays are the civil days, in the user's time zone, with at least one
	// direct interaction, newest first, at most 40.
	DirectDays []Date

	// Warmth is 2·out + 3·met with a half-life of 365 days as of WarmthAt, and
	// Heard the same sum of in. They order contacts and are never shown.
	Warmth   float64
	Heard    float64
	WarmthAt time.Time
}

// Encounter is a meeting that counts for a contact (SPEC section 2.2).
type Encounter struct {
	Evidence
	End       time.Time
	People    int  // me included
	Organised bool // by me
}

// Exchanges sums up the exchanges with a contact: a direct message of one side
// and one of the other within 30 days, or a meeting (SPEC section 3.4).
type Exchanges struct {
	Count   int
	Early   int       // in the 30 days that begin with the first
	First   time.Time // zero if there is none
	Last    Evidence
	Weeks   int           // distinct ISO weeks
	Rhythm  time.Duration // median gap between exchange days; 0 with fewer than 4
	LastDay Date
}

// Promise is something concrete that its writer said they would do (SPEC section
// 6.1).
type Promise struct {
	Evidence          // the mail it stands in
	ID       string   `json:"Hash"` // of the sentence in the mail, for the key; the ledger stores it beside the mail's
	Sentence string   // as written; "" where none is kept
	What     string   // from its verb on, as written; "" where none is kept
	For      Date     // the day it is for; "": none is named
	Kept     Evidence // my later mail in that thread with an attachment, a link or words of delivery; of theirs: their next direct mail
}

// Introduction is a mail in which people were made known to each other (SPEC section
// 6.3).
type Introduction struct {
	Evidence            // the mail
	By       string     // address of the introducer; "": me
	Of       []string   // addresses of those introduced but me, sorted: one to me, or two to each other
	Referred bool       `json:",omitzero"` // the mail is that of the one introduced, who names By
	Sentence string     // that says so, "" where none is kept
	Acted    Evidence   // my first direct mail to those introduced after it
	Replied  []Evidence // introductions of mine: the first mail of either to the other after it in that thread
}

// Away is an out-of-office answer.
type Away struct {
	Evidence
	Until Date // the day of return
}

// Turn is a thread that waits for somebody's word. With Read its text was read, and
// Evidence is the first message that asks something after the last word of the other
// side; else Evidence is the message that opened it.
type Turn struct {
	Evidence
	Read       bool       `json:",omitzero"`
	Sentence   string     `json:",omitzero"` // that asks, "" where none is kept
	For        Date       `json:",omitzero"` // a day that the question is about
	Language   string     `json:",omitzero"` // why it was not read: the language, "" is not known
	Asks       []Evidence `json:",omitzero"` // Unanswered only: later ones of theirs that ask, oldest first
	Recipients int        // distinct addresses in To
	Nudges     []Evidence // Outstanding only: my later messages in it, oldest first
	Mailing    bool       // the same subject went to more than 5 people that day
	Later      time.Time  // newest message in the thread
	// Accounts are all that the message was found in, where there are several.
	// The user may answer from any.
	Accounts []string `json:",omitempty"`
}

// Date is a civil date, "2026-05-12".
type Date string

// DayOf is a day that comes every year, such as a birthday. The zero value
// means there is none.
type DayOf struct {
	Year  int // 0: not known
	Month time.Month
	Day   int
}

// IsZero reports whether there is no such day.
func (d DayOf) IsZero() bool { return d == DayOf{} }

// Open is an entry in the calendar.
type Open struct {
	Key        Key
	Generation int
	UID        string
	Contact    ContactID // whose Addresses or Cards hold Key.Who now; "" if nobody's
	Slot       time.Time // when syncd placed it
	Start      time.Time // where it lies, or is to lie as the user asked
	Lies       time.Time // where it lies until it is moved to Start; zero if it is there
	AllDay     bool
	Touched    bool // moved, retitled or annotated by the user, or taken
	Taken      bool // made the user's own: it stays and counts for nothing
	CreatedAt  time.Time
	Again      time.Time // when the user took its end back; zero if they did not
	EvidenceAt time.Time // of what it rests on; zero where only the journal knows of it
	Title      string    // as the user sees it

	// What came after its evidence in the same thread: the first message that is
	// not mine, and the first that is mine or a colleague's.
	Reply, Word Evidence
}

// since is when that was written or happened which an entry rests on.
func (o Open) since() time.Time {
	if o.EvidenceAt.IsZero() {
		return o.CreatedAt
	}
	return o.EvidenceAt
}

// earliest is the earlier one of where it lies and where it is to lie.
func (o Open) earliest() time.Time {
	if !o.Lies.IsZero() && o.Lies.Before(o.Start) {
		return o.Lies
	}
	return o.Start
}

// Outcome is how a follow-up ended (SPEC section 4.7).
type Outcome string

// The outcomes. All but Withdrawn are final for a key.
const (
	Acted     Outcome = "acted"     // I wrote or met
	Answered  Outcome = "answered"  // they came first
	Done      Outcome = "done"      // said by the user
	Dismissed Outcome = "dismissed" // deleted by the user
	Expired   Outcome = "expired"   // left untouched
	Withdrawn Outcome = "withdrawn" // by policy: it may come back under a new generation
)

// Ended is a key that was open once.
type Ended struct {
	Key        Key
	Generation int
	Outcome    Outcome
	At         time.Time
}

// Written is an entry by the date it was created, for the budget.
type Written struct {
	Key  Key
	At   time.Time // when it was created
	Slot time.Time
}

// Interval is a span of time, End excluded.
type Interval struct{ Start, End time.Time }

// Policy is what the user configured. config fills it in.
type Policy struct {
	Zone      *time.Location
	WorkDays  [7]bool       // by time.Weekday
	WorkFrom  time.Duration // since midnight, 9h
	WorkTo    time.Duration // 17h
	Evening   time.Duration // from when the next day is filled, 18h
	Holidays  []Date
	Away      []DateRange
	PerDay    int // events created on one local date
	OpenAhead int // open events whose time is at most 7 days ahead
	Expire    int // business days an event stays untouched; 0: never

	Rules    map[Rule]RulePolicy
	Circles  []Circle // by name
	AutoMax  int      // contacts in the automatic circle, 150
	Neutral  bool     // initials in titles
	Link     string   // template for evidence; {message_id} is replaced
	OnMyMind string
}

// RulePolicy switches a rule on and sets its numbers.
type RulePolicy struct {
	On bool
}

// Circle is a group of contacts with an interval.
type Circle struct {
	Name     string
	Interval time.Duration
}

// DateRange is a span of civil dates, both included.
type DateRange struct{ From, To Date }

// Status is where a follow-up stands.
type Status string

// The states of a follow-up.
const (
	StatusOpen    Status = "open"    // in the calendar
	StatusWrite   Status = "write"   // to be written now, in Slot
	StatusWaiting Status = "waiting" // not due yet
	StatusHeld    Status = "held"    // passed over, see HeldBecause
)

// FollowUp is something to do about a contact by a time.
type FollowUp struct {
	Key        Key
	Generation int
	Contact    ContactID
	Name       string
	Rule       Rule
	Status     Status
	Due        time.Time // from evidence alone, never from now
	Slot       time.Time // chosen once, at release; zero while waiting
	Title      string
	Text       string     // the description, without marker and notes; only for open and write. "": leave it and the title as they are
	Because    []Reason   // shown to the user
	Evidence   []Evidence // what it rests on, the key's own first
	Also       []Line     // other follow-ups of the same contact
}

// Reason is one sentence of why, for the user, with the numbers in it.
type Reason string

// Line names another follow-up of the contact.
type Line struct {
	Key   Key
	Title string
	Due   time.Time
}

// Held is a follow-up that was considered and passed over.
type Held struct {
	FollowUp
	HeldBecause string
	// End is set when evidence ended the follow-up rather than holding it back.
	End *End
}

// End says how and by what a follow-up ended.
type End struct {
	Outcome  Outcome
	Evidence Evidence
	Why      string
}

// StateName is where a contact stands as a whole (SPEC section 3.2).
type StateName string

// The states of a contact, the first that applies.
const (
	StateMuted   StateName = "muted"
	StateOpen    StateName = "open"
	StateResting StateName = "resting"
	StateBooked  StateName = "booked"
	StateWaiting StateName = "waiting"
	StateClosed  StateName = "closed"
)

// State is the state of a contact, with its reason.
type State struct {
	Contact ContactID
	State   StateName
	Until   time.Time // resting, booked, waiting
	Why     string    // muted, resting, booked and closed
	Circle  string    // the circle that applies, "" for none
}

// Result is what Plan decided.
type Result struct {
	FollowUps []FollowUp // open, write and waiting, in order of Slot, Due and key
	Held      []Held     // considered and passed over, and why
	States    []State    // every contact with a circle or a first meeting
	Next      time.Time  // the answer cannot change before; zero: never
	Silent    string     // why nothing new may be written now, "" if it may
	Paused    bool       // the user paused the writing: nothing at all may be written
}
