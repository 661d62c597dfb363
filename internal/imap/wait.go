package imap

import (
	"context"
	"fmt"
	"time"
)

// idleFor is how long one IDLE lasts: RFC 2177 asks for less than half an
// hour, address translation on the way often for less than ten minutes.
const idleFor = 9 * time.Minute

// Wait returns when INBOX has news or after d, whichever is first. Where the
// server has no IDLE it just waits.
func (s *Session) Wait(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	if !s.g.can("IDLE") {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			return nil
		}
	}
	box, err := s.examine(ctx, "INBOX")
	if err != nil {
		return fmt.Errorf("account %q: wait: %w", s.account.Name, err)
	}
	news := func() bool { // EXISTS of EXAMINE is none
		now, counted := s.g.messages()
		return counted && now > box.NumMessages
	}
	for !news() {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		if err := s.idle(ctx, min(left, idleFor), news); err != nil {
			return fmt.Errorf("account %q: wait: %w", s.account.Name, err)
		}
	}
	return nil
}

// idle waits in IDLE (RFC 2177) for news, or for d at most, or until the server
// ends it.
func (s *Session) idle(ctx context.Context, d time.Duration, news func() bool) error {
	return s.do(ctx, "IDLE", func() error {
		idle, err := s.client.Idle()
		if err != nil {
			return err
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		for over := false; !over && !news(); {
			select {
			case <-timer.C:
				over = true
			case <-s.client.Closed():
				over = true
			case <-s.g.news:
				over = !s.g.busy()
			}
		}
		_ = idle.Close() // Wait gives the same error
		return idle.Wait()
	})
}
