package imap

import (
	"errors"
	"strings"
	"unicode"
)

// Errors that a caller branches on. Any other error of a session may go away
// by itself.
var (
	// ErrAuth means that the server refused user name or password.
	ErrAuth = errors.New("login refused")
	// ErrUnavailable means that the server is there but does not serve now.
	ErrUnavailable = errors.New("server not available")
	// ErrInsecure means that going on would have sent the password, or mail,
	// unprotected. It lasts until configuration or server change.
	ErrInsecure = errors.New("connection not protected")
	// ErrCertificate means that the server's certificate cannot be trusted.
	ErrCertificate = errors.New("certificate")
)

// Error is a command that the server answered with NO or BAD. The connection
// stays usable.
type Error struct {
	Command string // without arguments
	Status  string // NO or BAD
	Code    string // response code in upper case, empty if none
	Text    string
}

func (e *Error) Error() string {
	s := e.Command + ": " + e.Status
	if e.Code != "" {
		s += " [" + e.Code + "]"
	}
	if e.Text != "" {
		s += " " + e.Text
	}
	return s
}

// Is tells a refused login from a server that is not available (RFC 5530).
func (e *Error) Is(target error) bool {
	temporary := false
	switch e.Code {
	case "UNAVAILABLE", "INUSE", "LIMIT", "SERVERBUG", "CONTACTADMIN":
		temporary = true
	}
	login := e.Command == "LOGIN" || e.Command == "AUTHENTICATE"
	switch target {
	case ErrUnavailable:
		return temporary
	case ErrInsecure:
		return login && e.Code == "PRIVACYREQUIRED"
	case ErrAuth:
		return login && !temporary && e.Code != "PRIVACYREQUIRED" && e.Status == "NO"
	}
	return false
}

// maxText bounds what is kept of a server's words.
const maxText = 200

// status is a status response (RFC 3501 section 7.1).
type status struct {
	status string // OK, NO, BAD, BYE, PREAUTH
	code   string // in upper case
	arg    string // of the code
	text   string
}

// parseStatus reads a status response. A code that cannot be read, such as
// Exchange's [Error="…" Proxy=…], is a code without meaning.
func parseStatus(r response) status {
	st := status{status: r.kind}
	text := strings.TrimSpace(string(r.rest))
	if strings.HasPrefix(text, "[") {
		if end := closingBracket(text); end > 0 {
			code := text[1:end]
			text = text[end+1:]
			st.code, st.arg, _ = strings.Cut(code, " ")
			st.code = strings.ToUpper(printable(st.code))
		}
	}
	st.text = printable(text)
	return st
}

// closingBracket finds the end of a response code; a bracket in quotes is none.
func closingBracket(s string) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"':
			quoted = !quoted
		case s[i] == ']' && !quoted:
			return i
		}
	}
	return strings.IndexByte(s, ']')
}

// printable makes a server's words fit for a line of a log.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, ""))
	if r := []rune(s); len(r) > maxText {
		s = string(r[:maxText]) + "…"
	}
	return strings.TrimSpace(s)
}
