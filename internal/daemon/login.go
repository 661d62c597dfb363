package daemon

import (
	"errors"
	"fmt"
	"sync"

	"syncd/internal/auth"
	"syncd/internal/caldav"
	"syncd/internal/imap"
	"syncd/internal/ledger"
)

// refusals are how many wrong passwords a server sees before syncd stops, to
// keep accounts from being locked (SPEC section 12).
const refusals = 3

// login is a credential and what the servers that it opens made of it. Mail and
// calendars share one where user and password are the same. It lives until the
// configuration is reloaded.
type login struct {
	*auth.Credentials

	mu      sync.Mutex
	refused map[ledger.SourceType]int
	worked  map[ledger.SourceType]bool
	last    error // the latest refusal
}

func newLogin(c *auth.Credentials) *login {
	return &login{Credentials: c, refused: map[ledger.SourceType]int{}, worked: map[ledger.SourceType]bool{}}
}

// try connects, unless the credential was refused too often: then it returns
// that refusal again.
func (g *login) try(side ledger.SourceType, connect func() error) error {
	if err := g.shut(side); err != nil {
		return err
	}
	err := connect()
	g.note(side, err)
	if wrongPassword(err) {
		if shut := g.shut(side); shut != nil {
			return shut
		}
	}
	return err
}

func (g *login) note(side ledger.SourceType, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case err == nil:
		g.refused[side], g.worked[side] = 0, true
	case wrongPassword(err):
		g.Forget() // it may have changed where it comes from
		g.refused[side]++
		g.last = err
	}
}

// shut is the error of a side that is not tried any more. Where the credential
// has worked, what another server says of it does not count.
func (g *login) shut(side ledger.SourceType) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.refused[side]
	if !g.worked[side] {
		n = g.refused[ledger.Mailbox] + g.refused[ledger.Calendar]
	}
	if n < refusals {
		return nil
	}
	return fmt.Errorf("%w; %w", g.last, errPermanent)
}

func wrongPassword(err error) bool {
	return errors.Is(err, imap.ErrAuth) || errors.Is(err, caldav.ErrAuth)
}
