package setup

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"

	"syncd/internal/auth"
	"syncd/internal/caldav"
	"syncd/internal/carddav"
	"syncd/internal/config"
	"syncd/internal/imap"
	"syncd/internal/ledger"
)

// Mail connects to the mail server of an account and logs in.
func Mail(ctx context.Context, a config.Account, login *auth.Credentials, log *slog.Logger) (*imap.Session, error) {
	roots, err := certificates(a.IMAP.CAFile)
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", a.Name, err)
	}
	spelled := slices.DeleteFunc(slices.Clone(a.Folders), func(g config.Glob) bool { return !g.Literal() })
	account := imap.Account{
		Name: a.Name, Host: a.IMAP.Host, Port: a.IMAP.Port, TLS: imap.TLSMode(a.IMAP.TLS),
		Folders: matcher(a.Folders), Spelled: matcher(spelled), ExcludeFolders: matcher(a.ExcludeFolders), Sent: a.Sent, RootCAs: roots,
	}
	s, err := imap.Dial(ctx, account, login, log)
	if said, ok := errors.AsType[*imap.Error](err); ok && errors.Is(err, imap.ErrAuth) {
		return nil, fmt.Errorf("account %q: %s: user name or password refused: %w", a.Name, a.IMAP.Host, said)
	}
	return s, err
}

// NoFolder is an error if none of an account's folders is read: then nothing is
// known of its mail.
func NoFolder(all []imap.Mailbox) error {
	const most = 4 // are named
	var left []string
	for _, b := range all {
		if b.Left == "" {
			return nil
		}
		left = append(left, fmt.Sprintf("%s (%s)", b.Name, b.Left))
	}
	switch n := len(left); {
	case n == 0:
		return errors.New("no folder is read: the server lists none")
	case n > most:
		left = append(left[:most], fmt.Sprintf("and %d more", n-most))
	}
	return errors.New("no folder is read: all are left out: " + strings.Join(left, ", "))
}

// Calendars finds the calendars of an account.
func Calendars(ctx context.Context, cfg *config.Config, a config.Account, login *auth.Credentials, log *slog.Logger) (*caldav.Session, error) {
	roots, err := certificates(a.CalDAV.CAFile)
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", a.Name, err)
	}
	return caldav.Dial(ctx, caldav.Account{
		Name: a.Name, URL: string(a.CalDAV.URL), User: login.User(), Password: login.Password,
		RootCAs: roots, Zone: cfg.Me.Zone,
	}, log)
}

// AddressBooks finds the address books of an account.
func AddressBooks(ctx context.Context, a config.Account, login *auth.Credentials, log *slog.Logger) (*carddav.Session, error) {
	roots, err := certificates(a.CardDAV.CAFile)
	if err != nil {
		return nil, fmt.Errorf("account %q: %w", a.Name, err)
	}
	return carddav.Dial(ctx, carddav.Account{
		Name: a.Name, URL: string(a.CardDAV.URL), User: login.User(), Password: login.Password, RootCAs: roots,
	}, log)
}

// FollowUps chooses among an account's calendars the one that [followups] means,
// by its name or its URL. Of several of one name it is the one that was written
// to last, else the first.
func FollowUps(cfg *config.Config, all []caldav.Collection, seen []ledger.SeenCalendar) (c caldav.Collection, found bool) {
	var meant []caldav.Collection
	for _, c := range all {
		if name := cfg.Followups.Calendar; c.Name == name || c.URL == name || c.URL == name+"/" {
			meant = append(meant, c)
		}
	}
	if len(meant) == 0 {
		return c, false
	}
	for _, old := range slices.Backward(seen) {
		for _, c := range meant {
			if c.URL == old.URL {
				return c, true
			}
		}
	}
	return meant[0], true
}

// Gone reports whether a calendar that is not there was seen once: then it is
// never made again (SPEC I2). Of one that only the journal knows the name is not
// known.
func Gone(name string, all []caldav.Collection, seen []ledger.SeenCalendar) bool {
	return slices.ContainsFunc(seen, func(old ledger.SeenCalendar) bool {
		there := slices.ContainsFunc(all, func(c caldav.Collection) bool { return c.URL == old.URL })
		return slices.Contains(old.Names, name) || old.URL == name || old.URL == name+"/" || len(old.Names) == 0 && !there
	})
}

// IsRead says whether the calendar filter of an account lets c through.
func IsRead(a config.Account, c caldav.Collection) bool { return among(a.CalDAV.Calendars, c.Name) }

// IsReadBook says whether an address book may be read, and is to be.
func IsReadBook(a config.Account, c carddav.Collection) bool {
	return c.Readable && among(a.CardDAV.AddressBooks, c.Name)
}

// among says whether any of the patterns matches, or there is none.
func among(patterns []config.Glob, name string) bool {
	match := matcher(patterns)
	return match == nil || match(name)
}

// certificates reads a PEM file of certificates to trust; nil for none.
func certificates(path config.Path) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(string(path))
	if err != nil {
		return nil, fmt.Errorf("ca_file: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("ca_file %s holds no certificate", path)
	}
	return pool, nil
}

// matcher says whether any of the patterns matches; nil for none.
func matcher(patterns []config.Glob) func(string) bool {
	if len(patterns) == 0 {
		return nil
	}
	return func(name string) bool {
		return slices.ContainsFunc(patterns, func(g config.Glob) bool { return g.Match(name) })
	}
}
