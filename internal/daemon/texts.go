package daemon

import (
	"context"
	"fmt"
	"slices"

	"syncd/internal/imap"
	"syncd/internal/ledger"
)

// texts reads what the wanted mails of a mailbox say, newest first, and keeps each
// batch as it comes, so that it goes on where it was cut.
func (d *Daemon) texts(ctx context.Context, name string, s *imap.Session, b imap.Mailbox, p *pulse) error {
	id := ledger.SourceID{Account: name, Type: ledger.Mailbox, Name: b.Raw}
	wanted, err := d.ledger.Unread(ctx, id, d.now())
	if err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	if wanted = d.notMissed(id, wanted); len(wanted) == 0 {
		return nil
	}
	bare := !d.config().Privacy.StoreText
	read := map[string]bool{}
	for readings, err := range s.Texts(ctx, b, wanted) {
		p.Within(0)
		if err != nil {
			return err
		}
		for i := range readings {
			readings[i].At, readings[i].Bare = d.now(), bare
			read[readings[i].ID] = true
		}
		if err := d.ledger.Heard(ctx, readings); err != nil {
			return fmt.Errorf("account %q: %w", name, err)
		}
		d.progress(Progress{Account: name, Name: "texts of " + b.Name, Done: len(read), Total: len(wanted)})
	}
	d.miss(id, slices.DeleteFunc(wanted, func(u ledger.Unread) bool { return read[u.ID] }))
	return nil
}

// miss notes messages that a mailbox does not hold any more. They are looked for
// again when syncd starts anew, and meanwhile in the other mailboxes they are in.
func (d *Daemon) miss(box ledger.SourceID, gone []ledger.Unread) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, u := range gone {
		d.missed[ledger.Copy{Source: box, UIDValidity: u.UIDValidity, UID: u.UID}] = true
	}
}

func (d *Daemon) notMissed(box ledger.SourceID, all []ledger.Unread) []ledger.Unread {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(all, func(u ledger.Unread) bool {
		return d.missed[ledger.Copy{Source: box, UIDValidity: u.UIDValidity, UID: u.UID}]
	})
}
