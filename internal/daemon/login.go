package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"syncd/internal/auth"
	"syncd/internal/imap"
	"syncd/internal/ledger"
	"syncd/internal/webdav"
)

// refusals are how many wrong passwords a server sees before syncd stops, to
// keep accounts from being locked (SPEC section 12).
const refusals = 3

// login is a credential and what the servers that it opens made of it. Mail,
// calendars and address books share one where user and password are the same. It lives until the
// configuration is reloaded.
type login struct {
	*auth.Credentials

	mu      sync.Mutex
	refused map[ledger.SourceType]int
	worked  map[ledger.SourceType]bool
	last    error         // the latest refusal
	flying  int           // tries that are under way
	landed  chan struct{} // closed when one of them ends
}

func newLogin(c *auth.Credentials) *login {
	return &login{
		Credentials: c, refused: map[ledger.SourceType]int{}, worked: map[ledger.SourceType]bool{},
		landed: make(chan struct{}),
	}
}

// try connects, unless the credential was refused too often: then it returns
// that refusal again.
func (g *login) try(ctx context.Context, side ledger.SourceType, connect func() error) error {
	for {
		wait, err := g.begin(side)
		if err != nil {
			return err
		}
		if wait == nil {
			break
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return g.end(side, connect())
}

// begin counts a try in. If those that are under way may be the last, it says
// for what to wait before asking again.
func (g *login) begin(side ledger.SourceType) (wait <-chan struct{}, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch n := g.against(side); {
	case n >= refusals:
		return nil, g.shut()
	case !g.worked[side] && n+g.flying >= refusals:
		return g.landed, nil
	}
	g.flying++
	return nil, nil
}

func (g *login) end(side ledger.SourceType, err error) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.flying--
	close(g.landed)
	g.landed = make(chan struct{})
	switch {
	case err == nil:
		g.refused[side], g.worked[side] = 0, true
	case wrongPassword(err):
		g.Forget() // it may have changed where it comes from
		g.refused[side]++
		g.last = err
		if g.against(side) >= refusals {
			return g.shut()
		}
	}
	return err
}

// against counts the refusals that speak against a side. Where the credential
// has worked, what another server says of it does not count.
func (g *login) against(side ledger.SourceType) int {
	if g.worked[side] {
		return g.refused[side]
	}
	all := 0
	for _, n := range g.refused {
		all += n
	}
	return all
}

func (g *login) shut() error { return fmt.Errorf("%w; %w", g.last, errPermanent) }

func wrongPassword(err error) bool {
	return errors.Is(err, imap.ErrAuth) || errors.Is(err, webdav.ErrUnauthorized)
}
