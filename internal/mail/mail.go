// Package mail reads the header block of a message (RFC 5322), however broken,
// into addresses, dates, message ids and the marks of automatic mail, and the
// beginning of a body (RFC 2045) into its first text.
//
// Parse and ReadBody never fail: what cannot be read is left out, and a value that had to
// be guessed says so (Address.Loose, Header.DateFrom, Header.Synthetic).
package mail

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Fields are the header fields that Parse looks at; a source needs to fetch no
// others.
var Fields = []string{
	"Date", "From", "Sender", "To", "Cc", "Bcc", "Subject",
	"Message-ID", "In-Reply-To", "References", "Content-Type", "Content-Class",
	"List-Id", "List-Unsubscribe", "List-Post", "List-Subscribe", "List-Help", "List-Owner",
	"Mailing-List", "X-Mailing-List", "X-BeenThere", "X-MLServer", "Precedence", "Auto-Submitted",
	"X-Autoreply", "X-Autorespond", "X-Failed-Recipients", "Feedback-ID",
	"Return-Path", "Delivered-To", "X-Original-To", "Authentication-Results",
}

// maxBlock bounds the header block; what comes after it is not read.
const maxBlock = 256 << 10

// maxReferences bounds References; the first, which names the thread, and the
// last ones are kept.
const maxReferences = 100

// Header is what a header block says.
type Header struct {
	From, Sender, To, Cc, Bcc []Address

	Subject     string   // decoded, on one line, without control and bidi characters
	Topic       string   // the subject without marks of answers and forwarding
	Reply       bool     // the subject bears a mark of an answer
	MessageID   string   // without angle brackets; never empty
	Synthetic   bool     // the message has no Message-ID: this one is made from its content
	InReplyTo   string   // without angle brackets; empty when absent
	References  []string // without angle brackets, oldest first
	ContentType string   // media type in lower case; empty when absent

	Date     time.Time // UTC, whole seconds; zero if neither Date nor INTERNALDATE is usable
	DateFrom DateFrom

	Noise         Noise    // empty: as far as the header tells, a person wrote it
	ListAddresses []string // addresses of mailing lists named by List-Post and List-Id
	Delivered     bool     // bears a mark of delivery, so it was not just stored by its author

	// Invite is the title of the meeting that the subject speaks of as calendar
	// programs do ("Accepted: Lunch"); empty if it does not. The message is
	// calendar mail if there is such a meeting (SPEC section 3.3).
	Invite string

	// Fingerprint is the same for two copies of one message, even under
	// another or no Message-ID: From, Date to the second, Subject, recipients.
	Fingerprint string
}

// Parse reads a header block. Lines after the first empty one are ignored.
// internalDate is the server's INTERNALDATE; zero if unknown.
func Parse(block []byte, internalDate time.Time) Header {
	f := split(block[:min(len(block), maxBlock)])
	h := Header{
		From:        firstAddresses(f["from"]),
		Sender:      firstAddresses(f["sender"]),
		To:          addresses(f["to"]),
		Cc:          addresses(f["cc"]),
		Bcc:         addresses(f["bcc"]),
		Subject:     clean(decodeWords(f.first("subject")), maxSubject),
		ContentType: mediaType(f.first("content-type")),
		Delivered:   f.has("return-path") || f.has("delivered-to") || f.has("x-original-to") || f.has("authentication-results"),
	}
	h.Topic, h.Reply = Topic(h.Subject)
	h.Date, h.DateFrom = date(f.first("date"), internalDate)
	h.InReplyTo = firstID(messageIDs(f["in-reply-to"]))
	h.References = references(f["references"])
	h.Noise = noise(f, h)
	h.ListAddresses = listAddresses(f)
	h.Invite = invite(h.Subject)
	h.Fingerprint = hash(h.fingerprint())
	if h.MessageID = ownID(f["message-id"]); h.MessageID == "" {
		h.MessageID, h.Synthetic = "x-syncd:"+h.Fingerprint[:32], true
	}
	return h
}

// fingerprint lists what makes two copies of a message the same. Bcc is only
// in the author's copy, so it counts only where nothing else is there.
func (h *Header) fingerprint() string {
	var to []string
	for _, a := range slices.Concat(h.To, h.Cc) {
		to = append(to, a.Address)
	}
	if len(to) == 0 {
		for _, a := range h.Bcc {
			to = append(to, a.Address)
		}
	}
	slices.Sort(to)
	var from string
	if len(h.From) > 0 {
		from = h.From[0].Address
	}
	return strings.Join([]string{
		strconv.FormatInt(h.Date.Unix(), 10), from,
		strings.Join(slices.Compact(to), ","), strings.ToLower(h.Subject),
	}, "\n")
}

func hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// mediaType gives the type of a Content-Type value, without its parameters.
func mediaType(v string) string {
	t, _, _ := strings.Cut(v, ";")
	t = strings.ToLower(strings.TrimSpace(t))
	if strings.Count(t, "/") != 1 || strings.ContainsAny(t, " \t\"") {
		return ""
	}
	return t
}
