package imap

import (
	"cmp"
	"context"
	_ "embed" // folders.txt
	"errors"
	"slices"
	"strings"
	"sync"

	goimap "github.com/emersion/go-imap/v2"

	"syncd/internal/ledger"
)

// Use is what a mailbox is for (RFC 6154), as far as that matters here.
type Use string

// The uses.
const (
	UseNone      Use = ""
	UseSent      Use = "sent"
	UseDrafts    Use = "drafts"
	UseJunk      Use = "junk"
	UseTrash     Use = "trash"
	UseAll       Use = "all"
	UseFlagged   Use = "flagged"
	UseImportant Use = "important"
	UseUnsent    Use = "unsent" // by name only: outboxes and templates
)

// Mailbox is a folder of the account.
type Mailbox struct {
	Name      string // for display
	Raw       string // as the server spells it
	Use       Use
	UseByName bool   // the server did not tell the use: the name did
	Named     bool   // Account.Sent names it, so its use is UseSent
	Left      string // why it is not read; empty if it is

	// What STATUS said; 0 if it did not.
	UIDValidity, UIDNext, Messages uint32
}

// maxMailboxes bounds what is kept of a listing.
const maxMailboxes = 20_000

//go:embed folders.txt
var foldersText string

// useNames gives the use of a folder by its name in lower case.
var useNames = sync.OnceValue(func() map[string]Use {
	names := map[string]Use{}
	for line := range strings.Lines(foldersText) {
		if use, list, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && !strings.HasPrefix(use, "#") {
			for name := range strings.SplitSeq(list, ", ") {
				names[name] = Use(use)
			}
		}
	}
	return names
})

// Mailboxes lists the account's folders with their use, and says which are
// read: those of the personal namespace without \Junk, \Trash, \Drafts,
// \Flagged, \Important and \All, and without outboxes and templates; on Gmail,
// where every message is in \All, that alone. Account.Folders and ExcludeFolders
// overrule it, but nothing unsent is read for a wildcard: no mark tells it from
// what was sent.
//
// Where it costs no round trip per folder the state of each comes along.
func (s *Session) Mailboxes(ctx context.Context) ([]Mailbox, error) {
	if err := s.leave(ctx); err != nil {
		return nil, err
	}
	all, err := s.list(ctx)
	if err != nil {
		return nil, err
	}
	s.namespaces(ctx)
	prefix := s.prefix(all)
	boxes := make([]Mailbox, 0, len(all))
	for _, l := range all {
		b := Mailbox{Name: displayName(l.Mailbox), Raw: l.Mailbox, Use: useOf(l.Attrs)}
		b.state(l.Status)
		switch {
		case slices.Contains(l.Attrs, goimap.MailboxAttrNoSelect), slices.Contains(l.Attrs, goimap.MailboxAttrNonExistent):
			b.Left = "holds no messages"
		case slices.ContainsFunc(s.foreign, func(p string) bool { return p != "" && strings.HasPrefix(l.Mailbox, p) }):
			b.Left = "belongs to somebody else"
		}
		boxes = append(boxes, b)
	}
	guessUses(boxes, all, prefix)
	s.choose(boxes)
	for i := range boxes {
		// The library keeps a STATUS only if it comes right after its LIST.
		if b := &boxes[i]; b.Left == "" && all[i].Status == nil {
			if err := s.status(ctx, b); err != nil {
				return nil, err
			}
		}
	}
	// INBOX and Sent first: what is in them says most.
	slices.SortStableFunc(boxes, func(a, b Mailbox) int { return cmp.Compare(a.order(), b.order()) })
	return boxes, nil
}

func (b *Mailbox) order() int {
	switch {
	case b.Left != "":
		return 3
	case b.Use == UseSent:
		return 0
	case b.Raw == "INBOX":
		return 1
	}
	return 2
}

// unsent reports whether what is in the mailbox was written and not sent.
func (b *Mailbox) unsent() bool { return b.Use == UseDrafts || b.Use == UseUnsent }

// SentBy tells how the mailbox was found to hold sent mail, "" if it does not.
func (b *Mailbox) SentBy() ledger.SentBy {
	switch {
	case b.Use != UseSent:
		return ""
	case b.Named:
		return ledger.SentByConfiguration
	case b.UseByName:
		return ledger.SentByName
	}
	return ledger.SentByUse
}

// state takes over what STATUS said.
func (b *Mailbox) state(st *goimap.StatusData) {
	if st == nil {
		return
	}
	b.UIDValidity, b.UIDNext = st.UIDValidity, uint32(st.UIDNext)
	if st.NumMessages != nil {
		b.Messages = *st.NumMessages
	}
}

var stateItems = &goimap.StatusOptions{NumMessages: true, UIDNext: true, UIDValidity: true}

// list asks for all mailboxes, with special use and state where the server can
// give them in the same answer (RFC 6154, RFC 5258, RFC 5819).
func (s *Session) list(ctx context.Context) (all []*goimap.ListData, err error) {
	var extended *goimap.ListOptions
	if s.g.can("LIST-EXTENDED") && (s.g.can("SPECIAL-USE") || s.g.can("LIST-STATUS")) {
		extended = &goimap.ListOptions{ReturnSpecialUse: s.g.can("SPECIAL-USE")}
		if s.g.can("LIST-STATUS") {
			extended.ReturnStatus = stateItems
		}
	}
	ask := func() error {
		all = nil
		seen := map[string]bool{}
		c := s.client.List("", "*", extended)
		for l := c.Next(); l != nil; l = c.Next() {
			l.Mailbox = fromLibrary(l.Mailbox)
			if seen[l.Mailbox] {
				continue
			}
			if len(all) == maxMailboxes {
				s.g.anomaly("too many mailboxes")
				continue
			}
			seen[l.Mailbox] = true
			all = append(all, l)
		}
		return c.Close()
	}
	err = s.do(ctx, "LIST", ask)
	if extended != nil && errors.As(err, new(*Error)) {
		extended = nil // what is advertised is not always understood
		err = s.do(ctx, "LIST", ask)
	}
	return all, err
}

// leave closes the open mailbox, whose state a server may tell as it was when
// it was opened (RFC 3501 section 6.3.10 forbids to ask). Without UNSELECT
// (RFC 3691) a NOOP brings it up to date.
func (s *Session) leave(ctx context.Context) error {
	if !s.opened {
		return nil
	}
	verb, send := "NOOP", s.client.Noop
	if s.g.can("UNSELECT") {
		verb, send = "UNSELECT", s.client.Unselect
	}
	err := s.do(ctx, verb, func() error { return send().Wait() })
	if s.opened = verb == "NOOP"; errors.As(err, new(*Error)) {
		return nil
	}
	return err
}

// namespaces asks once for the prefixes of other people's and shared
// mailboxes. A server that does not know or misspells the answer has none; a
// broken connection shows at the next command.
func (s *Session) namespaces(ctx context.Context) {
	if s.asked || !s.g.can("NAMESPACE") {
		return
	}
	s.asked = true
	_ = s.do(ctx, "NAMESPACE", func() error {
		spaces, err := s.client.Namespace().Wait()
		if err != nil {
			return err
		}
		for _, n := range slices.Concat(spaces.Other, spaces.Shared) {
			own := func(p goimap.NamespaceDescriptor) bool { return p.Prefix == n.Prefix }
			if !slices.ContainsFunc(spaces.Personal, own) {
				s.foreign = append(s.foreign, n.Prefix)
			}
		}
		return nil
	})
}

// prefix is what stands before the user's own folders: "INBOX." on some
// servers.
func (s *Session) prefix(all []*goimap.ListData) string {
	for _, l := range all {
		if l.Mailbox == "INBOX" && l.Delim != 0 {
			return "INBOX" + string(l.Delim)
		}
	}
	return ""
}

// useOf reads the attributes of a LIST response, in any case.
func useOf(attrs []goimap.MailboxAttr) Use {
	for _, attr := range attrs {
		a := strings.ToLower(string(attr))
		switch u := Use(strings.TrimPrefix(a, `\`)); u {
		case UseSent, UseDrafts, UseJunk, UseTrash, UseAll, UseFlagged, UseImportant:
			if strings.HasPrefix(a, `\`) {
				return u
			}
		case UseNone, UseUnsent:
		}
		if a == `\spam` { // XLIST, before RFC 6154
			return UseJunk
		}
	}
	return UseNone
}

// guessUses gives a use by name to top-level folders, for the uses that the
// server gave to none.
func guessUses(boxes []Mailbox, all []*goimap.ListData, prefix string) {
	told := map[Use]bool{}
	for _, b := range boxes {
		told[b.Use] = true
	}
	for i := range boxes {
		b := &boxes[i]
		name := b.Name
		if prefix != "" && len(name) > len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			name = name[len(prefix):]
		}
		if d := all[i].Delim; b.Use != UseNone || b.Left != "" || d != 0 && strings.ContainsRune(name, d) {
			continue
		}
		if use := useNames()[strings.ToLower(name)]; use != UseNone && !told[use] {
			b.Use, b.UseByName = use, true
		}
	}
}

// choose says of each mailbox why it is not read.
func (s *Session) choose(boxes []Mailbox) {
	gmail := s.g.can("X-GM-EXT-1") && slices.ContainsFunc(boxes, func(b Mailbox) bool { return b.Use == UseAll && b.Left == "" })
	for i := range boxes {
		b := &boxes[i]
		if s.account.Sent != "" {
			if b.Use == UseSent {
				b.Use, b.UseByName = UseNone, false
			}
			if strings.EqualFold(b.Name, s.account.Sent) || b.Raw == s.account.Sent {
				b.Use, b.Named = UseSent, true
			}
		}
		switch {
		case b.Left != "":
		case s.account.ExcludeFolders != nil && s.account.ExcludeFolders(b.Name):
			b.Left = "excluded by exclude_folders"
		case s.account.Folders != nil:
			if !s.account.Folders(b.Name) {
				b.Left = "not in folders"
			} else if b.unsent() && (s.account.Spelled == nil || !s.account.Spelled(b.Name)) {
				b.Left = "holds unsent mail; read only if folders names it in full"
			}
		case gmail:
			if b.Use != UseAll {
				b.Left = "all its mail is in another folder"
			}
		default:
			switch b.Use {
			case UseDrafts, UseUnsent, UseJunk, UseTrash, UseAll, UseFlagged, UseImportant:
				b.Left = "special use: " + string(b.Use)
			case UseNone, UseSent:
			}
		}
	}
}

// status asks for the state of one mailbox, where LIST could not tell. A
// refusal concerns that mailbox alone and shows when it is opened.
func (s *Session) status(ctx context.Context, b *Mailbox) error {
	err := s.do(ctx, "STATUS", func() error {
		st, err := s.client.Status(toLibrary(b.Raw), stateItems).Wait()
		if err == nil {
			b.state(st)
		}
		return err
	})
	if errors.As(err, new(*Error)) {
		return nil
	}
	return err
}

// moved reports whether there is something to read behind the cursor. Unknown
// counts as moved.
func (b *Mailbox) moved(cur ledger.Cursor) bool {
	return !cur.Complete || b.UIDNext == 0 || b.UIDValidity == 0 ||
		b.UIDValidity != cur.UIDValidity || b.UIDNext-1 > cur.Highest
}
