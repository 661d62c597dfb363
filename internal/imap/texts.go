package imap

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"

	"syncd/internal/ledger"
	"syncd/internal/mail"
	"syncd/internal/text"
)

const (
	textBatch = 50        // messages in one FETCH and one batch of readings
	textStart = 64 << 10  // of a message: its header and first text part, as a rule
	textMore  = 256 << 10 // where that was not enough
)

// Texts reads what the text of the wanted messages of a mailbox says, in the order
// in which they are wanted, and yields batches of up to 50 readings, without their
// time. It fetches the beginning of each message, never all of it, and holds one at
// a time. It does not ask for BODYSTRUCTURE, which the library reads without bounds.
//
// What cannot be read has a reading that says why. What the mailbox does not hold
// any more, or holds under another UIDVALIDITY, has none.
//
// An error ends the reading of this mailbox. If it is an *Error the session can
// go on with the next.
func (s *Session) Texts(ctx context.Context, b Mailbox, wanted []ledger.Unread) iter.Seq2[[]ledger.Reading, error] {
	return func(yield func([]ledger.Reading, error) bool) {
		defer s.logAnomalies(ctx, s.Anomalies(), b)
		fail := func(err error) {
			yield(nil, fmt.Errorf("account %q: mailbox %q: %w", s.account.Name, b.Name, err))
		}
		box, err := s.examine(ctx, b.Raw)
		if err != nil {
			fail(err)
			return
		}
		valid := slices.DeleteFunc(slices.Clone(wanted), func(u ledger.Unread) bool {
			return u.UIDValidity != box.UIDValidity || u.UID == 0
		})
		for part := range slices.Chunk(valid, textBatch) {
			readings, err := s.texts(ctx, b, part)
			if len(readings) > 0 && !yield(readings, nil) {
				return
			}
			if err != nil {
				fail(err)
				return
			}
		}
	}
}

// texts reads a batch of messages of the open mailbox, and once more, each alone,
// those of which nothing came or not enough.
func (s *Session) texts(ctx context.Context, b Mailbox, wanted []ledger.Unread) (readings []ledger.Reading, err error) {
	var set goimap.UIDSet
	byUID := make(map[uint32]ledger.Unread, len(wanted))
	for _, u := range wanted {
		set.AddNum(goimap.UID(u.UID))
		byUID[u.UID] = u
	}
	got := make(map[uint32]ledger.Reading, len(wanted))
	enough := make(map[uint32]bool, len(wanted))
	err = s.fetch(ctx, set, beginning(textStart), func(f fetched) {
		if u, asked := byUID[f.uid]; asked {
			got[f.uid], enough[f.uid] = read(u, f, textStart)
		}
	})
	if lost(err) {
		return nil, err
	}
	for _, u := range wanted {
		if !enough[u.UID] {
			if err := s.textAlone(ctx, b, u, got); err != nil {
				return readings, err
			}
		}
		if r, read := got[u.UID]; read {
			readings = append(readings, r)
		}
	}
	return readings, nil
}

// textAlone reads more of a message than the first time, or for the first time.
func (s *Session) textAlone(ctx context.Context, b Mailbox, u ledger.Unread, got map[uint32]ledger.Reading) error {
	reason, err := s.alone(ctx, u.UID, beginning(textMore), func(f fetched) {
		if f.uid == u.UID {
			got[u.UID], _ = read(u, f, textMore)
		}
	})
	if _, some := got[u.UID]; err == nil && reason != "" && !some {
		got[u.UID] = ledger.Reading{ID: u.ID, Failed: reason}
		s.log.WarnContext(ctx, "text not read", "account", s.account.Name, "mailbox", b.Raw, "uid", u.UID, "reason", reason)
	}
	return err
}

// beginning is the section for the first bytes of a message, header included,
// without setting \Seen.
func beginning(size int64) *goimap.FetchItemBodySection {
	return &goimap.FetchItemBodySection{Partial: &goimap.SectionPartial{Size: size}, Peek: true}
}

// read reads the beginning of a message, of which size bytes were asked for. It
// reports whether that was enough.
func read(u ledger.Unread, f fetched, size int) (r ledger.Reading, enough bool) {
	raw := f.section[:min(len(f.section), size)]
	b := mail.ReadBody(raw, len(raw) < size, f.internal)
	r = ledger.Reading{ID: u.ID, Attached: b.Attached, Failed: b.Unreadable}
	if u.Automatic {
		r.Dead = b.Unreachable
	}
	switch {
	case r.Failed != "":
	case len(raw) == 0:
		r.Failed = "the server gives nothing of it"
	case b.Open && b.Text == "":
		r.Failed = fmt.Sprintf("its text does not begin within %d KiB", size>>10)
	}
	r.Reading = text.Read(b.Text, text.Message{Date: b.Written, Reply: u.Reply, Automatic: u.Automatic, Others: u.Others, Reader: u.Reader, Opening: true})
	if r.Failed == "" && strings.TrimSpace(b.Text) == "" { // nothing but a file, or nothing at all
		r.Known = true
	}
	r.Linked = linked(r.New)
	if !r.Linked && b.Linked != "" {
		paragraphs, _ := text.New(b.Linked)
		r.Linked = linked(paragraphs)
	}
	return r, !b.Open
}

// linked reports whether new text holds a web address.
func linked(paragraphs []string) bool {
	return slices.ContainsFunc(paragraphs, func(p string) bool {
		p = strings.ToLower(p)
		return strings.Contains(p, "http://") || strings.Contains(p, "https://") || strings.Contains(p, "www.")
	})
}
