package caldav

import (
	"errors"

	"syncd/internal/webdav"
)

// The errors a caller tells apart. They wrap what the server said.
var (
	// ErrChanged says that the object is not as the caller last read it, or
	// that there is one where none was expected. Nothing was written.
	ErrChanged = errors.New("the entry was changed by someone else")
	// ErrGone says that the object, or the calendar itself, does not exist.
	ErrGone = webdav.ErrNotFound
	// ErrRefused says that the server does not want this write at all.
	ErrRefused = errors.New("the server refused")
	// ErrNotOwn says that a write outside the calendar named in Own was asked
	// for, or that the server redirects one there. Nothing was written.
	ErrNotOwn = errors.New("not the follow-up calendar")
	// ErrAuth says that the server refused the user name or the password.
	ErrAuth = webdav.ErrUnauthorized
	// ErrNotCalDAV says that discovery found no calendars at an address.
	ErrNotCalDAV = errors.New("no CalDAV server")
)
