package daemon

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"syncd/internal/config"
	"syncd/internal/ledger"
	"syncd/internal/planner"
)

// patience is how long the first run waits for a source that does not answer.
const patience = time.Hour

// horizon is how far back mail has to be in before anything is written, in months.
const horizon = 24

// firstRun notes when the last 24 months of every source that answers were first
// in.
func (d *Daemon) firstRun(ctx context.Context) error {
	health, err := d.ledger.Health(ctx)
	if err != nil || !Covered(d.config(), health, d.now()) {
		return err
	}
	return d.ledger.SetFirstRun(ctx, d.now())
}

// Covered reports whether the last 24 months of every source that answers are
// in. Until then nothing is written; nor while a lost ledger is being read anew.
// A side of an account that was not asked yet is waited for, and so is one that
// fails, for as long as patience.
func Covered(cfg *config.Config, health []ledger.SourceHealth, now time.Time) bool {
	some := false
	for _, a := range cfg.Accounts {
		for id, there := range map[ledger.SourceID]bool{
			{Account: a.Name, Type: ledger.Mailbox}:     a.IMAP != nil,
			{Account: a.Name, Type: ledger.Calendar}:    a.CalDAV != nil,
			{Account: a.Name, Type: ledger.AddressBook}: a.CardDAV != nil,
		} {
			if !there {
				continue
			}
			x := sideOf(health, id, now)
			if !x.whole && !x.silent(now) {
				return false
			}
			some = some || x.read > 0 && id.Type != ledger.AddressBook // cards alone are no history
		}
	}
	return some
}

// Plan is what the next pass makes of a snapshot of the ledger. Where everything
// is in and none has noted that yet, the first run is complete with that pass;
// without it nothing is to be written, and nothing ends for want of evidence.
func Plan(snap planner.Snapshot, cfg *config.Config, health []ledger.SourceHealth, now time.Time) planner.Result {
	switch {
	case !Covered(cfg, health, now):
		snap.FirstRunAt = time.Time{}
	case snap.FirstRunAt.IsZero():
		snap.FirstRunAt = now
	}
	snap.Whole = whole(cfg, health)
	return hold(planner.Plan(snap, cfg.Policy(), now), cfg, health, now)
}

// whole reports whether all history of what the servers list is in. What a server
// does not list any more, or the configuration leaves out, is not waited for;
// where none has listed anything yet, nothing is known to be left out.
func whole(cfg *config.Config, health []ledger.SourceHealth) bool {
	listed := map[ledger.SourceID]bool{}
	for _, h := range health {
		if h.Source.Name == "" {
			listed[h.Source] = h.Listed
		}
	}
	some := false
	for _, h := range health {
		connection := h.Source
		connection.Name = ""
		if h.Source.Name == "" || !Current(cfg, h.Source) || listed[connection] && !h.Listed {
			continue
		}
		if !h.Complete {
			return false
		}
		some = true
	}
	return some
}

// side is how far one side of an account has been read.
type side struct {
	connection ledger.SourceHealth
	whole      bool // all that the server lists is in, back to the horizon; of mail at least one mailbox
	read       int  // mailboxes, calendars or address books so far
}

// sideOf sums up a connection and what its server lists. What it does not list
// any more is not waited for.
func sideOf(health []ledger.SourceHealth, id ledger.SourceID, now time.Time) side {
	var x side
	missing := 0
	for _, h := range health {
		switch {
		case h.Source.Account != id.Account || h.Source.Type != id.Type:
		case h.Source.Name == "":
			x.connection = h
		case !h.Listed:
		case h.Complete || id.Type == ledger.Mailbox && !h.Reached.IsZero() && !h.Reached.After(now.AddDate(0, -horizon, 0)):
			x.read++
		default:
			missing++
		}
	}
	// INBOX always exists (RFC 3501 section 5.1): without any mailbox the mail
	// was not looked at, for want of an answer or of a folder that is to be read.
	x.whole = x.connection.Listed && missing == 0 && (x.read > 0 || id.Type != ledger.Mailbox)
	return x
}

// silent says that the server has not answered for so long that it is not
// waited for.
func (x side) silent(now time.Time) bool {
	return x.connection.Error != "" && now.Sub(x.connection.FailingSince) >= patience
}

// Current says whether a source belongs to the configuration: what was read of
// others stays in the ledger, but nobody waits for them.
func Current(cfg *config.Config, id ledger.SourceID) bool {
	a := cfg.AccountNamed(id.Account)
	switch {
	case a == nil:
		return false
	case id.Type == ledger.Mailbox:
		return a.IMAP != nil
	case id.Type == ledger.AddressBook:
		return a.CardDAV != nil
	case id.Type == ledger.FollowUps:
		return a.Name == cfg.Followups.Account
	}
	return a.CalDAV != nil
}

// hold holds back what would be written blindly: while an account's mail cannot be
// read, nobody can say that there was no word since a meeting or a mail. Rules
// about replies rest on the mail of an account itself, and have nothing to say of
// one that was never read.
func hold(r planner.Result, cfg *config.Config, health []ledger.SourceHealth, now time.Time) planner.Result {
	blind, first := map[string]string{}, ""
	for _, a := range cfg.Accounts {
		if a.IMAP == nil {
			continue
		}
		x := sideOf(health, ledger.SourceID{Account: a.Name, Type: ledger.Mailbox}, now)
		switch {
		case x.read == 0:
			blind[a.Name] = fmt.Sprintf("the mail of the account %s could not be read yet", a.Name)
		case x.silent(now):
			blind[a.Name] = fmt.Sprintf("the mail of the account %s could not be read since %s", a.Name,
				x.connection.FailingSince.In(cfg.Me.Zone).Format("2 January 15:04"))
		}
		first = cmp.Or(first, blind[a.Name])
	}
	var kept []planner.FollowUp
	for _, f := range r.FollowUps {
		why := first
		if f.Rule == planner.ReplyOwed || f.Rule == planner.Awaiting {
			why = ""
			if len(f.Evidence) > 0 {
				why = blind[f.Evidence[0].Account]
			}
		}
		if why == "" || f.Status != planner.StatusWrite {
			kept = append(kept, f)
			continue
		}
		f.Status = planner.StatusHeld
		r.Held = append(r.Held, planner.Held{FollowUp: f, HeldBecause: why})
	}
	r.FollowUps = kept
	return r
}
