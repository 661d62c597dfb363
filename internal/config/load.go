package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"unicode/utf8"
)

// sizeLimit bounds every file this package reads.
const sizeLimit = 1 << 20

// Load reads a configuration file. What is wrong with its content is in an
// [Errors]; what is wrong with the file itself is not.
func Load(path string) (*Config, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("read configuration: %s is a directory", path)
	}
	data, err := readLimited(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data, info.Mode().Perm()&0o077 == 0)
}

// Parse is Load for what was read already. The path is for messages and for
// relative paths in it; private says that only its owner may read the file, so
// that it may hold a password.
func Parse(path string, data []byte, private bool) (*Config, error) {
	if !utf8.Valid(data) {
		return nil, Errors{{File: path, Line: 1, Column: 1, Message: "this is not a text file in UTF-8"}}
	}
	d := &decoder{document: parse(path, data), places: map[string]int{}}
	c := Defaults()
	d.decode(d.root, reflect.ValueOf(c).Elem(), "", "")
	delete(d.places, "")
	c.resolvePaths(path)
	if len(d.errs) == 0 {
		d.checkRest()
	}
	// Values of a wrong type are still at their defaults; the checks below
	// would report the consequences. What is missing is known all the same.
	if !d.broken {
		d.check(c, private)
	}
	if len(d.errs) > 0 {
		return nil, d.errs.sorted()
	}
	return c, nil
}

// resolvePaths makes the paths in the configuration absolute.
func (c *Config) resolvePaths(path string) {
	dir := filepath.Dir(path)
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = "" // then ~/ is taken as it stands
	}
	resolve := func(paths ...*Path) {
		for _, p := range paths {
			*p = p.in(dir, home)
		}
	}
	for i := range c.Me.Holidays {
		if h := &c.Me.Holidays[i]; h.isFile() {
			resolve((*Path)(h))
		}
	}
	for i := range c.Accounts {
		a := &c.Accounts[i]
		resolve(&a.PasswordFile)
		if a.IMAP != nil {
			resolve(&a.IMAP.PasswordFile, &a.IMAP.CAFile)
		}
		if a.CalDAV != nil {
			resolve(&a.CalDAV.PasswordFile, &a.CalDAV.CAFile)
		}
		if a.CardDAV != nil {
			resolve(&a.CardDAV.PasswordFile, &a.CardDAV.CAFile)
		}
	}
}

// Find returns the path of the configuration where none was given:
// $XDG_CONFIG_HOME/syncd/config.toml (~/.config where that is not set), then
// /etc/syncd/config.toml. If there is neither, the error names both.
func Find() (string, error) {
	var tried []string
	if dir := xdg("XDG_CONFIG_HOME", ".config"); dir != "" {
		tried = append(tried, filepath.Join(dir, "syncd", "config.toml"))
	}
	tried = append(tried, "/etc/syncd/config.toml")
	for _, path := range tried {
		if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
			return path, nil // what else may be wrong with it, Load says
		}
	}
	return "", fmt.Errorf("there is no configuration: neither %s exists; begin with a copy of config.example.toml, or give --config PATH",
		strings.Join(tried, " nor "))
}

// StateDir returns the directory of the ledger where none was given:
// $STATE_DIRECTORY as systemd sets it, then $XDG_STATE_HOME/syncd
// (~/.local/state where that is not set).
func StateDir() (string, error) {
	// systemd.exec(5): several directories are separated by colons.
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); dir != "" {
		return dir, nil
	}
	if dir := xdg("XDG_STATE_HOME", ".local/state"); dir != "" {
		return filepath.Join(dir, "syncd"), nil
	}
	return "", errors.New("there is no place for the ledger: neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set; give --state DIR")
}

// xdg returns a base directory. A relative one is invalid and passed over (XDG
// Base Directory Specification).
func xdg(variable, fallback string) string {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir
	}
	if home, err := os.UserHomeDir(); err == nil {
		return filepath.Join(home, fallback)
	}
	return ""
}
