package daemon

import (
	"context"
	"errors"
	"time"

	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// askAgain is when a follow-up that could not be written meanwhile is asked about
// anew.
const askAgain = time.Hour

// settled plans, and asks the mailboxes once about each mail whose follow-up is
// about to be written: one that was marked as answered, or thrown away, wants none
// (SPEC section 2.1). What cannot be asked is written.
func (d *Daemon) settled(ctx context.Context) (planner.Result, error) {
	for {
		result, err := d.Plan(ctx)
		if err != nil {
			return result, err
		}
		ended := false
		for account, mails := range d.unasked(result) {
			err := d.fates(ctx, account, mails, &ended)
			if ctx.Err() != nil {
				return result, context.Cause(ctx)
			}
			if err != nil {
				d.log.WarnContext(ctx, "could not ask whether mail was answered", "account", account.Name, "error", err)
			}
		}
		if !ended {
			return result, nil
		}
	}
}

// unasked are the mails that follow-ups about to be written wait on, by account.
// They count as asked from here on.
func (d *Daemon) unasked(result planner.Result) map[*account][]string {
	d.mu.Lock()
	defer d.mu.Unlock()
	ask := map[*account][]string{}
	for _, f := range result.FollowUps {
		if f.Status != planner.StatusWrite || f.Rule != planner.ReplyOwed || d.now().Sub(d.asked[f.Key]) < askAgain {
			continue
		}
		d.asked[f.Key] = d.now()
		for i := range d.accounts {
			if a := &d.accounts[i]; a.IMAP != nil && len(f.Evidence) > 0 && a.Name == f.Evidence[0].Account {
				ask[a] = append(ask[a], f.Key.Evidence)
			}
		}
	}
	return ask
}

// fates asks an account about mails over a connection of its own: the one of its
// loop may be waiting for news.
func (d *Daemon) fates(ctx context.Context, a *account, mails []string, ended *bool) (err error) {
	s, err := d.dial(ctx, *a)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	boxes, err := s.Mailboxes(ctx)
	if err != nil {
		return err
	}
	for _, id := range mails {
		copies, err := d.ledger.Copies(ctx, id)
		if err != nil {
			return err
		}
		fate, err := s.Fate(ctx, boxes, copies, id)
		if err != nil {
			return err
		}
		if fate == ledger.NoFate {
			continue
		}
		if err := d.ledger.SetFate(ctx, id, fate, d.now()); err != nil {
			return err
		}
		*ended = true
	}
	return nil
}
