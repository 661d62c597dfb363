package imap

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"

	goimap "github.com/emersion/go-imap/v2"

	"syncd/internal/ledger"
	"syncd/internal/mail"
)

const (
	chunkSize   = 1000   // messages in one FETCH and one batch
	firstSpan   = 20_000 // UIDs looked through at once, grown over empty stretches
	spanGrowth  = 8
	sparse      = chunkSize // fewer messages than this in a span make the next one larger
	maxPerSpan  = 4_000_000 // UIDs believed to be in one span
	singleBytes = 256 << 10 // of a header asked for alone
)

// errTooMany means that a server names more messages than there are UIDs.
var errTooMany = errors.New("the server lists more messages than it can hold")

// Scan reads what lies behind the cursor in one mailbox: first the mail that
// is newer, then on down to the oldest. It yields batches of up to 1,000
// messages, each with the cursor that stands for it, so that an interrupted
// scan goes on from the last one that was kept. A mailbox that has not moved
// is not opened.
//
// A UIDVALIDITY that changed starts over, with Batch.Reset on the first batch.
//
// Whether b is one that should be read (Mailbox.Left) is the caller's to see.
//
// An error ends the scan of this mailbox. If it is an *Error the session can
// go on with the next.
func (s *Session) Scan(ctx context.Context, b Mailbox, cur ledger.Cursor) iter.Seq2[ledger.Batch, error] {
	return func(yield func(ledger.Batch, error) bool) {
		if !b.moved(cur) {
			return
		}
		w := &walk{s: s, box: b, cur: cur, yield: yield}
		defer s.logAnomalies(ctx, s.Anomalies(), b)
		if err := w.run(ctx); err != nil && !errors.Is(err, errStopped) {
			yield(ledger.Batch{}, fmt.Errorf("account %q: mailbox %q: %w", s.account.Name, b.Name, err))
		}
	}
}

// logAnomalies says which responses had to be dropped since before.
func (s *Session) logAnomalies(ctx context.Context, before map[string]int, b Mailbox) {
	for kind, n := range s.Anomalies() {
		if n > before[kind] {
			s.log.WarnContext(ctx, "responses dropped", "account", s.account.Name, "mailbox", b.Raw, "kind", kind, "count", n-before[kind])
		}
	}
}

// errStopped means that the caller wants no more batches.
var errStopped = errors.New("stopped")

// walk is one scan of one mailbox.
type walk struct {
	s     *Session
	box   Mailbox
	cur   ledger.Cursor
	yield func(ledger.Batch, error) bool

	messages uint32 // in the mailbox
	counted  bool   // the server said how many
	reset    bool   // not yet told
	last     ledger.Cursor
}

func (w *walk) run(ctx context.Context) error {
	top, err := w.open(ctx)
	if err != nil {
		return err
	}
	if w.counted && w.messages == 0 { // nothing to ask for; some servers answer BAD to a FETCH here
		if w.cur.Highest = max(w.cur.Highest, top); w.cur.Lowest != 1 {
			w.cur.Lowest = 1
		}
		return w.finish()
	}
	if err := w.newer(ctx, top); err != nil {
		return err
	}
	if err := w.older(ctx); err != nil {
		return err
	}
	return w.finish()
}

// open examines the mailbox, adjusts the cursor to its UIDVALIDITY and gives
// the highest UID there can be.
func (w *walk) open(ctx context.Context) (top uint32, err error) {
	validity, next, err := w.examine(ctx)
	if err != nil {
		return 0, err
	}
	if validity == 0 {
		validity = w.box.UIDValidity
	}
	// A server without UIDVALIDITY promises nothing about its UIDs, so what
	// was read of it before cannot be told from what was not.
	if validity != w.cur.UIDValidity || validity == 0 {
		w.reset = w.cur.Highest != 0 || w.cur.UIDValidity != 0
		w.cur = ledger.Cursor{UIDValidity: validity}
	} else {
		w.last = w.cur
	}
	switch {
	case next != 0:
		top = next - 1
	case w.counted && w.messages == 0:
	default: // RFC 3501 section 6.3.1 asks for UIDNEXT; not all servers give it
		if top, err = w.highest(ctx); err != nil {
			return 0, err
		}
	}
	if w.cur.Highest == 0 && w.cur.Lowest == 0 {
		w.cur.Highest, w.cur.Lowest = top, top+1
	}
	return top, nil
}

// examine opens the mailbox read-only.
func (w *walk) examine(ctx context.Context) (validity, next uint32, err error) {
	box, err := w.s.examine(ctx, w.box.Raw)
	if err != nil {
		return 0, 0, err
	}
	w.messages, w.counted = w.s.g.messages()
	return box.UIDValidity, uint32(box.UIDNext), nil
}

// examine opens a mailbox; this is the only way in which one is opened.
func (s *Session) examine(ctx context.Context, raw string) (box *goimap.SelectData, err error) {
	s.opened = true
	err = s.do(ctx, "EXAMINE", func() error {
		box, err = s.client.Select(toLibrary(raw), &goimap.SelectOptions{ReadOnly: true}).Wait()
		return err
	})
	return box, err
}

// highest asks for the UID of the last message; where that gives none, for all
// of them.
func (w *walk) highest(ctx context.Context) (top uint32, err error) {
	see := func(f fetched) { top = max(top, f.uid) }
	if w.counted {
		err = w.s.fetch(ctx, goimap.SeqSetNum(w.messages), nil, see)
	}
	if err == nil && top == 0 {
		err = w.s.fetch(ctx, goimap.UIDSet{{Start: 1}}, nil, see)
	}
	return top, err
}

// fetched is what a FETCH response says of one message, as far as syncd asks.
type fetched struct {
	uid      uint32
	internal time.Time // zero if missing or unreadable
	section  []byte    // the header, or the beginning of the message
	flagged  bool      // the flags were told
	answered bool
}

// fetch asks for UIDs and, with a section, for dates and that. The guard lets no
// response through that is without the section then.
func (s *Session) fetch(ctx context.Context, set goimap.NumSet, section *goimap.FetchItemBodySection, each func(fetched)) error {
	ask := &goimap.FetchOptions{UID: true}
	if section != nil {
		ask.InternalDate, ask.BodySection = true, []*goimap.FetchItemBodySection{section}
	}
	return s.do(ctx, "FETCH", func() error {
		c := s.client.Fetch(set, ask)
		for m := c.Next(); m != nil; m = c.Next() {
			got, err := m.Collect()
			if err != nil {
				continue // Close says why
			}
			f := fetched{uid: uint32(got.UID), internal: got.InternalDate.UTC()}
			for _, part := range got.BodySection {
				f.section = part.Bytes
			}
			each(f)
		}
		return c.Close()
	})
}

// newer reads upwards from the cursor, so that what was taken stays in one
// piece.
func (w *walk) newer(ctx context.Context, top uint32) error {
	for span := uint32(firstSpan); w.cur.Highest < top; {
		low := w.cur.Highest + 1
		high := low + min(span-1, top-low)
		chunks, err := w.chunks(ctx, low, high, &span)
		if err != nil {
			return err
		}
		for _, c := range chunks {
			w.cur.Highest = c.high
			if err := w.take(ctx, c); err != nil {
				return err
			}
		}
		w.cur.Highest = high
	}
	return nil
}

// older reads downwards to the oldest message.
func (w *walk) older(ctx context.Context) error {
	for span := uint32(firstSpan); w.cur.Lowest > 1; {
		high := w.cur.Lowest - 1
		low := high - min(span, high) + 1
		chunks, err := w.chunks(ctx, low, high, &span)
		if err != nil {
			return err
		}
		for _, c := range slices.Backward(chunks) {
			w.cur.Lowest = c.low
			w.cur.Complete = w.cur.Complete || c.low == 1
			if err := w.take(ctx, c); err != nil {
				return err
			}
		}
		w.cur.Lowest = low
	}
	return nil
}

// chunk is a range of UIDs and the messages that are in it.
type chunk struct {
	low, high uint32
	uids      []uint32
}

// chunks looks through the UIDs from low to high and divides them so that no
// chunk holds more than chunkSize messages. Together the chunks cover the
// whole range, so that a message whose UID was lost in a malformed answer is
// still asked for. A range with few messages makes the next one larger.
func (w *walk) chunks(ctx context.Context, low, high uint32, span *uint32) ([]chunk, error) {
	before := w.s.Anomalies()["malformed FETCH"]
	uids, err := w.uids(ctx, low, high)
	if err != nil {
		return nil, err
	}
	if len(uids) < sparse {
		*span = grow(*span)
	}
	if len(uids) == 0 && w.s.Anomalies()["malformed FETCH"] == before {
		return nil, nil
	}
	all := []chunk{{low: low, high: high}}
	for part := range slices.Chunk(uids, chunkSize) {
		if last := &all[len(all)-1]; last.uids != nil {
			last.high = part[0] - 1
			all = append(all, chunk{low: part[0], high: high})
		}
		all[len(all)-1].uids = part
	}
	return all, nil
}

func grow(span uint32) uint32 {
	if span > 1<<28 {
		return 1 << 31
	}
	return span * spanGrowth
}

// finish yields the cursor once more if it moved over UIDs that are no more.
func (w *walk) finish() error {
	w.cur.Complete = w.cur.Complete || w.cur.Lowest <= 1
	if w.cur == w.last && !w.reset {
		return nil
	}
	return w.give(ledger.Batch{})
}

// give completes a batch and yields it.
func (w *walk) give(b ledger.Batch) error {
	b.Source = ledger.SourceID{Account: w.s.account.Name, Type: ledger.Mailbox, Name: w.box.Raw}
	b.Cursor, b.Total, b.Reset = w.cur, w.messages, w.reset
	b.Use, b.Sent, b.SentBy = string(w.box.Use), w.box.Use == UseSent, w.box.SentBy()
	w.reset, w.last = false, w.cur
	if !w.yield(b, nil) {
		return errStopped
	}
	return nil
}

// uids asks which messages there are. It is what received headers are
// compared with, and it costs a fiftieth of them.
func (w *walk) uids(ctx context.Context, low, high uint32) ([]uint32, error) {
	var uids []uint32
	err := w.s.fetch(ctx, uidRange(low, high), nil, func(f fetched) {
		if uids = append(uids, f.uid); len(uids) == maxPerSpan {
			w.s.g.hangUp(errTooMany)
		}
	})
	slices.Sort(uids)
	return slices.Compact(uids), err
}

func uidRange(low, high uint32) goimap.UIDSet {
	return goimap.UIDSet{{Start: goimap.UID(low), Stop: goimap.UID(high)}}
}

// The sections that are asked for, both without setting \Seen: the fields that
// matter, and the beginning of the whole header.
var (
	headerFields = &goimap.FetchItemBodySection{Specifier: goimap.PartSpecifierHeader, HeaderFields: mail.Fields, Peek: true}
	headerStart  = &goimap.FetchItemBodySection{Specifier: goimap.PartSpecifierHeader, Partial: &goimap.SectionPartial{Size: singleBytes}, Peek: true}
)

// take reads the headers of a chunk and yields them.
func (w *walk) take(ctx context.Context, c chunk) error {
	var b ledger.Batch
	seen := make(map[uint32]bool, len(c.uids))
	err := w.s.fetch(ctx, uidRange(c.low, c.high), headerFields, func(f fetched) {
		seen[f.uid] = true
		w.add(&b, f)
	})
	if lost(err) {
		return err
	}
	for _, uid := range c.uids {
		if !seen[uid] {
			if err := w.alone(ctx, &b, uid); err != nil {
				return err
			}
		}
	}
	for _, skip := range b.Skipped {
		w.s.log.WarnContext(ctx, "message skipped", "account", w.s.account.Name, "mailbox", w.box.Raw, "uid", skip.Where, "reason", skip.Reason)
	}
	return w.give(b)
}

// alone asks again for one message whose answer was lost, malformed or refused.
func (w *walk) alone(ctx context.Context, b *ledger.Batch, uid uint32) error {
	reason, err := w.s.alone(ctx, uid, headerStart, func(f fetched) { w.add(b, f) })
	if err == nil && reason != "" {
		w.skip(b, uid, reason)
	}
	return err
}

// alone asks for a section of one message in the open mailbox. Where that cannot be
// had it says why, if the server is well and the message still there.
func (s *Session) alone(ctx context.Context, uid uint32, section *goimap.FetchItemBodySection, each func(fetched)) (reason string, err error) {
	found := false
	refused := s.fetch(ctx, uidRange(uid, uid), section, func(f fetched) {
		found = true
		each(f)
	})
	switch {
	case found:
		return "", nil
	case lost(refused):
		return "", refused
	}
	there := false
	err = s.fetch(ctx, uidRange(uid, uid), nil, func(f fetched) { there = there || f.uid == uid })
	switch {
	case err != nil || !there: // expunged meanwhile
		return "", err
	case refused != nil:
		return refused.Error(), nil //nolint:nilerr // a refusal is the reason, and no failure of the session
	}
	return "no readable answer", nil
}

func (w *walk) skip(b *ledger.Batch, uid uint32, reason string) {
	b.Skipped = append(b.Skipped, ledger.Skip{Where: strconv.FormatUint(uint64(uid), 10), Reason: reason})
}

// add turns a fetched header into a row.
func (w *walk) add(b *ledger.Batch, f fetched) {
	h := mail.Parse(f.section, f.internal)
	if len(h.From) == 0 {
		h.From = h.Sender
	}
	switch {
	case h.Date.IsZero():
		w.skip(b, f.uid, "no date")
		return
	case len(h.From) == 0 && h.Noise == "":
		w.skip(b, f.uid, "no sender")
		return
	}
	if at := f.internal; !at.IsZero() && (w.cur.Reached.IsZero() || at.Before(w.cur.Reached)) {
		w.cur.Reached = at
	}
	refs := h.References
	if h.InReplyTo != "" {
		refs = append(slices.DeleteFunc(refs, func(id string) bool { return id == h.InReplyTo }), h.InReplyTo)
	}
	b.Mail = append(b.Mail, ledger.Mail{
		UID: f.uid, ID: h.MessageID, At: h.Date, Subject: h.Subject, Topic: h.Topic, Reply: h.Reply, People: people(h), Refs: refs,
		Fingerprint: h.Fingerprint, Noise: string(h.Noise), Invite: h.Invite, Lists: h.ListAddresses, Delivered: h.Delivered,
	})
}

// people lists who is in a header, each address once per role.
func people(h mail.Header) []ledger.Participant {
	type part struct {
		role    ledger.Role
		address string
	}
	all := make([]ledger.Participant, 0, len(h.From)+len(h.To)+len(h.Cc)+len(h.Bcc))
	seen := make(map[part]bool, cap(all))
	add := func(role ledger.Role, list []mail.Address) {
		for _, a := range list {
			if p := (part{role, a.Address}); !seen[p] {
				seen[p] = true
				all = append(all, ledger.Participant{Address: a.Address, Name: a.Name, Role: role})
			}
		}
	}
	add(ledger.RoleFrom, h.From)
	add(ledger.RoleTo, h.To)
	add(ledger.RoleCc, h.Cc)
	add(ledger.RoleBcc, h.Bcc)
	return all
}
