package caldavtest

import (
	"net/http"
	"time"
)

// Faults are the ways in which the server can misbehave. In parentheses is
// where each was seen.
type Faults struct {
	IgnoreIfNoneMatch     bool // PUT overwrites whatever is there (SOGo, Google)
	IgnoreIfMatch         bool // PUT overwrites what has changed (SOGo on a deleted object)
	IgnoreIfMatchOnDelete bool // DELETE removes what has changed (SOGo)
	NoETagOnPut           bool // the answer to PUT names no version (sabre, Cyrus)
	WeakETags             bool // every ETag is weak
	CounterETags          bool // ETags count writes and restart after a deletion (SOGo)
	NoETags               bool // getetag is missing everywhere

	NoSyncCollection bool // REPORT sync-collection is unknown
	NoCTag           bool // getctag and sync-token are missing
	SyncTokenExpired bool // 403 valid-sync-token for every token but the empty one
	SyncTokenError   int  // this status, without a reason, for every token but the empty one (Xandikos: 500)
	SyncEverything   bool // a token is answered with everything and no tombstones (DAViCal, SOGo)
	SyncPage         int  // sync-collection answers are truncated to so many (RFC 6578 section 3.6)

	RefusedPut207 bool     // PUT is refused in a 207 body (Xandikos)
	NoMkcalendar  bool     // MKCALENDAR is unknown (Google)
	GlobalUIDs    bool     // a UID may exist once in all calendars (Cyrus, Nextcloud)
	RenameHrefs   bool     // PUT stores under another name (iCloud)
	Drop          []string // properties that are not stored (Google: URL, COLOR, CATEGORIES)
	EmptyListing  bool     // listings are complete and empty
	StaleListing  int      // listings are as of so many changes ago (purelymail)
	// LateListing has listings as of so long ago by the server's clock (purelymail:
	// up to three minutes).
	LateListing time.Duration
	// KeepDeleted has deleted objects kept in a bin, and a PUT of the UID of one
	// refused with 400 (Nextcloud). See Restore.
	KeepDeleted bool
	// Stored is what is kept of the body of a PUT (Google: see Client.Save).
	Stored          func(object string) string
	HalfMultistatus bool   // multistatus bodies end in the middle
	MultigetMissing bool   // multiget leaves out every second object (DAViCal)
	BadObject       string // the object of this name is served as garbage

	Status500     bool   // every request is answered 500
	LoseAnswer    bool   // PUT and DELETE are done, then the connection is dropped
	LoseOnly      string // only the answers to this method are lost
	ResetMultiget bool   // the connection is reset in the middle of the answer to a multiget
	Redirect      int    // every request is redirected once with this status
	RedirectTo    string // only requests that write are redirected, to this path or URL
	HomeSet       string // calendar-home-set names this URL (iCloud: another host)

	// Answer decides about a request before it is acted on: 0 goes on, anything
	// else is the status of the answer.
	Answer func(r *http.Request) int
}

// garbage is what a broken object looks like.
const garbage = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n<html>502 Bad Gateway</html>\r\n"
