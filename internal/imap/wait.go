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
	if !s.c.caps["IDLE"] {
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-timer.C:
			return nil
		}
	}
	known := false // EXISTS of EXAMINE is no news
	var count uint32
	s.opened = true
	if err := s.c.run(ctx, "EXAMINE", command("EXAMINE INBOX"), func(r response) {
		if r.kind == "EXISTS" {
			count, known = r.num, true
		}
	}); err != nil {
		return fmt.Errorf("account %q: wait: %w", s.account.Name, err)
	}
	for news := false; !news; {
		left := time.Until(end)
		if left <= 0 {
			return nil
		}
		err := s.c.idle(ctx, min(left, idleFor), func(r response) bool {
			if r.kind == "EXISTS" && (!known || r.num > count) {
				news = true
			}
			return news
		})
		if err != nil {
			return fmt.Errorf("account %q: wait: %w", s.account.Name, err)
		}
	}
	return nil
}
