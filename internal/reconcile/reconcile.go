// Package reconcile compares the follow-ups that are wanted with what the
// calendar holds, and makes the calendar agree without overruling the user
// (SPEC sections 8 and 9).
//
// Diff is pure: it takes what the planner wants, what the ledger remembers and
// what the server listed, and returns a Delta with a reason for every operation.
// Apply carries a Delta out. It tells the Book before each request and after
// each answer, so a crash anywhere is made good by the next Diff and Apply; and
// it reads an entry before it touches it, so a precondition that a server
// ignores (SERVERS: SOGo) costs the user nothing.
package reconcile

import (
	"context"
	"time"

	"syncd/internal/caldav"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// Calendar is the follow-up calendar. A *caldav.Session is one; tests inject
// faults here.
type Calendar interface {
	// Entries lists the calendar completely or fails.
	Entries(ctx context.Context) (caldav.Listing, error)
	// Read fetches one object; caldav.ErrGone if the server answers 404 or 410.
	Read(ctx context.Context, href string) (caldav.Entry, error)
	// Name is the href under which Create puts an entry with this UID.
	Name(uid string) string
	// Create writes a new entry; caldav.ErrChanged if there is one already.
	Create(ctx context.Context, d caldav.Draft) (caldav.Version, error)
	// Rewrite gives e the summary and the description of d, and takes its alarms
	// away if d has none. Times stay. caldav.ErrChanged if the server holds
	// something else than e.
	Rewrite(ctx context.Context, e caldav.Entry, d caldav.Draft) (caldav.Version, error)
	// Move gives e the start of d. Its length and all else stay.
	Move(ctx context.Context, e caldav.Entry, d caldav.Draft) (caldav.Version, error)
	// Tick takes the alarms away, and gives e that summary unless it is "".
	Tick(ctx context.Context, e caldav.Entry, summary string) (caldav.Version, error)
	// Delete removes an entry.
	Delete(ctx context.Context, e caldav.Entry) error
}

// Book remembers. A *ledger.Ledger is one. Every call is durable once it has
// returned, and doing it twice is the same as doing it once.
type Book interface {
	// Intend records what is about to be asked of the server; ledger.ErrPaused
	// if it is a new entry and the user paused the writing meanwhile.
	Intend(ctx context.Context, p ledger.Placement) error
	// Confirm records what is known to be so.
	Confirm(ctx context.Context, p ledger.Placement) error
	// Decide records what the user said.
	Decide(ctx context.Context, d []ledger.Decision) error
	// End records how the follow-up shown by the entry with this UID ended.
	End(ctx context.Context, uid string, end planner.End, at time.Time) error
}

// Resolve is what becomes of the entry of a follow-up that ended well.
type Resolve string

// The ways to resolve (SPEC section 8.5). Past entries and those with notes or
// a title of the user's are ticked either way.
const (
	ResolveDelete Resolve = "delete"
	ResolveTick   Resolve = "tick"
)

// Policy is what the user configured about entries. config fills it in.
type Policy struct {
	OnResolve Resolve
	AllDay    bool
	Link      string // template for the URL; {message_id} is replaced; "" is mid:
}

// Input is everything Diff knows.
type Input struct {
	Now      time.Time
	Instance string // this instance's id, in every UID of ours
	Zone     *time.Location
	Policy   Policy

	// Wanted are the follow-ups of the plan; those waiting or held are passed
	// over.
	Wanted []planner.FollowUp
	// Held are the plan's held follow-ups; those with an End have ended.
	Held []planner.Held
	// Silent is why nothing new may be written now, "" if it may (see
	// planner.Result).
	Silent string
	// Paused says that the user paused the writing: what they say is recorded, and
	// nothing is sent.
	Paused bool
	// Vanished is when the user last said that what was missing by then was
	// deleted by them; zero if they did not.
	Vanished time.Time
	// Placed is all the ledger and the journal know, ended ones included as far
	// as the calendar may still hold them (see Unplaced).
	Placed []ledger.Placement
	// Observed is a complete listing of the follow-up calendar.
	Observed caldav.Listing
	// Elsewhere holds the UIDs of our entries that were seen in other
	// calendars, where the user moved them.
	Elsewhere map[string]bool
}
