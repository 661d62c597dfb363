// Package auth turns configured secrets into credentials: a password from a
// command, a file, a systemd credential, the environment or the configuration
// itself. Nothing in it prints a secret: its types mask themselves in logs and
// in every fmt verb, and its errors name the place a secret comes from, never
// what was found there.
//
// An error from [Credentials.Password] means that no password could be had. It
// is never a sign that a password was wrong; only the server can say that.
package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// Mask stands wherever a secret would have been printed.
const Mask = "***"

// ErrUnavailable is in every error of [Credentials.Password], except that of a
// done context: the secret could not be read. Trying again may help; counting
// it as a refused login would be wrong.
var ErrUnavailable = errors.New("password not available")

// ErrCommand is in the error of a password command that failed, ran out of
// time or printed nothing. Such an error is an [ErrUnavailable] too.
var ErrCommand = errors.New("password_command")

// Credentials are the login of one account at one server. The password is read
// when it is first asked for and kept until Forget. They are safe for
// concurrent use; callers that arrive while a command runs wait for it.
type Credentials struct {
	account string
	user    string
	secret  Secret

	// reading holds a token while the secret is being read. A channel instead
	// of a mutex, so that waiting for a slow command ends with the caller's
	// context.
	reading chan struct{}

	mu       sync.Mutex // guards the two below
	known    bool
	password string
}

// NewCredentials returns the credentials of user, with a password that comes
// from secret. The account's name is for errors only.
func NewCredentials(account, user string, secret Secret) *Credentials {
	return &Credentials{account: account, user: user, secret: secret, reading: make(chan struct{}, 1)}
}

// User returns the login name.
func (c *Credentials) User() string { return c.user }

// Password returns the password, from memory if it was read before.
func (c *Credentials) Password(ctx context.Context) (string, error) {
	if password, ok := c.remembered(); ok {
		return password, nil
	}
	select {
	case c.reading <- struct{}{}:
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
	defer func() { <-c.reading }()
	if password, ok := c.remembered(); ok {
		return password, nil
	}
	password, err := c.secret.read(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		return "", fmt.Errorf("%w: %w", ErrUnavailable, err) // who connects names the account
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.password, c.known = password, true
	return password, nil
}

func (c *Credentials) remembered() (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.password, c.known
}

// Forget drops the remembered password. Call it when a server refused the
// login, so that the next attempt reads the secret anew: it may have changed.
func (c *Credentials) Forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.password, c.known = "", false
}

// String returns the account's name and a mask.
func (c *Credentials) String() string { return c.account + ":" + Mask }

// Format prints what String returns, whatever the verb.
func (c *Credentials) Format(f fmt.State, _ rune) { mask(f, c.String()) }

// LogValue implements [slog.LogValuer].
func (c *Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText keeps encoders from looking inside.
func (c *Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// mask writes s for a formatter. A fmt.State takes every write.
func mask(f fmt.State, s string) { _, _ = io.WriteString(f, s) }
