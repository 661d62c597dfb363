package config

import (
	"crypto/x509"
	_ "embed" // the list of public mail providers
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
)

// check looks at what the values mean, alone and together, and fills in the
// defaults that depend on other values.
func (d *decoder) check(c *Config, private bool) {
	d.checkAccounts(c, private)
	d.checkMe(&c.Me)
	d.fillAddresses(c)
	d.checkFollowups(c)
	d.checkCircles(c)
	d.checkContacts(c)
	d.checkRules(c)
	d.checkRange("people.automatic", "automatic", c.People.Automatic, 0, 10000)
}

func (d *decoder) checkAccounts(c *Config, private bool) {
	if len(c.Accounts) == 0 && !d.given("account") {
		d.fail("", "there is no account; add [[account]] with user, password_command, imap.host and caldav.url")
	}
	names := map[string]int{} // name to line
	for i := range c.Accounts {
		a := &c.Accounts[i]
		path := fmt.Sprintf("account[%d]", i)
		if a.IMAP == nil && a.CalDAV == nil && a.CardDAV == nil &&
			!d.given(path+".imap") && !d.given(path+".caldav") && !d.given(path+".carddav") {
			d.fail(path, "this account has no server; add imap.host, caldav.url, carddav.url or several of them")
		}
		d.checkIMAP(a, path+".imap")
		if a.CalDAV != nil {
			d.checkDAV(path+".caldav", "calendar server", a.CalDAV.URL, a.CalDAV.CAFile)
		}
		if a.CardDAV != nil {
			d.checkDAV(path+".carddav", "server of address books", a.CardDAV.URL, a.CardDAV.CAFile)
		}
		d.nameAccount(a, path)
		where := path
		if d.given(path + ".name") {
			where = path + ".name"
		}
		if line, taken := names[a.Name]; taken && a.Name != "" {
			d.fail(where, "the account on line %d is called %q too; give this one another name", line, a.Name)
		} else {
			names[a.Name] = d.line(d.at(where))
		}
		d.checkLogins(a, path, private)
	}
}

// nameAccount names an account after its host where the file gives no name.
func (d *decoder) nameAccount(a *Account, path string) {
	switch {
	case d.given(path+".name") && strings.TrimSpace(a.Name) == "":
		d.fail(path+".name", "name is empty; give the account a name, or leave the key out")
	case strings.ContainsFunc(a.Name, unicode.IsControl):
		d.fail(path+".name", "name contains a control character")
	case a.Name != "":
	case a.IMAP != nil && a.IMAP.Host != "":
		a.Name = a.IMAP.Host
	case a.CalDAV != nil:
		a.Name = a.CalDAV.URL.host()
	case a.CardDAV != nil:
		a.Name = a.CardDAV.URL.host()
	}
}

func (d *decoder) checkIMAP(a *Account, path string) {
	s := a.IMAP
	if s == nil {
		for _, key := range []string{"folders", "exclude_folders", "sent"} {
			if p := strings.TrimSuffix(path, "imap") + key; d.given(p) {
				d.fail(p, "%s is about mail, but the account has no imap.host", key)
			}
		}
		return
	}
	switch {
	case s.Host == "" && d.given(path+".host"):
		d.fail(path+".host", "host is empty; write the name of the mail server, like \"imap.example.org\"")
	case s.Host == "" && !d.given(path+".host"):
		d.fail(path, "host is missing; write the name of the mail server, like host = \"imap.example.org\"")
	case !isHost(s.Host):
		d.fail(path+".host", "%q is not the name of a server; write it like \"imap.example.org\", and the port under port", s.Host)
	}
	if s.TLS == "" {
		s.TLS = TLS
	}
	if s.TLS == NoTLS && s.Host != "" && !loopback(s.Host) {
		d.fail(path+".tls", "tls = \"none\" would send the password in the clear to %s; it is for this machine only (localhost, 127.0.0.1, ::1)", s.Host)
	}
	switch {
	case d.given(path + ".port"):
		d.checkRange(path+".port", "port", s.Port, 1, 65535)
	case s.TLS == TLS:
		s.Port = 993
	default:
		s.Port = 143
	}
	d.checkCA(path+".ca_file", s.CAFile)
}

func (d *decoder) checkDAV(path, what string, address URL, ca Path) {
	if address == "" && !d.given(path+".url") {
		d.fail(path, "url is missing; write the address of the %s, like url = \"https://dav.example.org/\"", what)
	}
	d.checkCA(path+".ca_file", ca)
}

// checkLogins checks that each server has a user and one place of a password.
func (d *decoder) checkLogins(a *Account, path string, private bool) {
	own := d.checkSecret(path, private)
	type server struct {
		key   string
		login Login
	}
	var servers []server
	if a.IMAP != nil {
		servers = append(servers, server{path + ".imap", a.IMAP.Login})
	}
	if a.CalDAV != nil {
		servers = append(servers, server{path + ".caldav", a.CalDAV.Login})
	}
	if a.CardDAV != nil {
		servers = append(servers, server{path + ".carddav", a.CardDAV.Login})
	}
	kinds := map[string]string{"caldav": "calendar server", "carddav": "server of address books"}
	noUser, noSecret := false, false
	for _, s := range servers {
		secret := d.checkSecret(s.key, private)
		noUser = noUser || (a.User == "" && s.login.User == "" && !d.given(path+".user") && !d.given(s.key+".user"))
		noSecret = noSecret || (!own && !secret)
		if !strings.HasSuffix(s.key, ".imap") && strings.Contains(s.login.over(a.Login).User, ":") {
			d.fail(d.first(s.key+".user", path+".user"), "a user name for a %s cannot contain a colon", kinds[s.key[len(path)+1:]])
		}
	}
	switch {
	case noUser && noSecret:
		d.fail(path, "user and password are missing; add user, the name you log in with, and password_command, password_file, credential or password_env")
	case noUser:
		d.fail(path, "user is missing; write the name you log in with, often your address")
	case noSecret:
		d.fail(path, "the password is missing; add password_command, password_file, credential or password_env")
	}
}

// first returns the first of some paths that the file sets, or the last.
func (d *decoder) first(paths ...string) string {
	for _, p := range paths {
		if d.given(p) {
			return p
		}
	}
	return paths[len(paths)-1]
}

// checkSecret checks the keys of one login and reports whether one names a
// place of a password. Values are never shown.
func (d *decoder) checkSecret(path string, private bool) bool {
	set := ""
	for _, key := range []string{"password_command", "password_file", "password_env", "credential", "password"} {
		p := path + "." + key
		switch {
		case !d.given(p):
			continue
		case set != "":
			a, b := path+"."+set, p
			if d.at(b) < d.at(a) {
				a, b = b, a
			}
			d.fail(b, "two places for one password: %s on line %d and %s here; keep one",
				a[len(path)+1:], d.line(d.at(a)), b[len(path)+1:])
		case key == "password" && !private:
			d.fail(p, "a password may stand in this file only if nobody else may read it; run: chmod 600 %s, or use password_command", d.name)
		}
		set = key
	}
	return set != ""
}

func (d *decoder) checkMe(m *Me) {
	if m.WorkDays != nil && len(m.WorkDays) == 0 {
		d.fail("me.work_days", "work_days is empty, so no day would ever get an event; write some, like [\"mon\", \"tue\"]")
	}
	d.checkHolidays(m)
	for i, a := range m.Away {
		path := fmt.Sprintf("me.away[%d]", i)
		switch {
		case a.From == "" || a.To == "":
			if !d.given(path+".from") || !d.given(path+".to") {
				d.fail(path, "away needs both days: { from = 2027-08-02, to = 2027-08-13 }")
			}
		case a.From > a.To:
			d.fail(path+".to", "the time away ends on %s, before it begins on %s", a.To, a.From)
		}
	}
	if m.Timezone != "" {
		zone, err := loadZone(m.Timezone)
		if err != nil {
			d.fail("me.timezone", "timezone: %s", err)
		}
		m.Zone = zone
		return
	}
	if d.given("me.timezone") {
		d.fail("me.timezone", "timezone is empty; write a zone like \"Europe/Berlin\", or leave the key out to use the system's")
		return
	}
	m.Zone = SystemZone("/")
	m.Timezone = m.Zone.String()
}

//go:embed providers.txt
var providers string

// fillAddresses completes what is known about the user's own addresses.
func (d *decoder) fillAddresses(c *Config) {
	add := func(user string) {
		var a Address
		if a.UnmarshalText([]byte(user)) == nil && !slices.Contains(c.Me.Addresses, a) {
			c.Me.Addresses = append(c.Me.Addresses, a)
		}
	}
	for _, a := range c.Accounts {
		add(a.User)
		if a.IMAP != nil {
			add(a.IMAP.User)
		}
	}
	for i, a := range c.Me.Addresses {
		if p := fmt.Sprintf("me.addresses[%d]", i); d.given(p) && c.Me.excludes(a) {
			d.fail(p, "%s stands under not_me too", a)
		}
	}
	c.Me.Addresses = slices.DeleteFunc(c.Me.Addresses, c.Me.excludes)
	if len(c.Me.Addresses) == 0 {
		if len(c.Accounts) > 0 {
			d.fail(d.first("me.addresses", "me"), "none of your addresses is known, since no account's user is one; write me.addresses = [\"ana@example.org\"]")
		}
		return
	}
	if domain := c.Me.Addresses[0].domain(); !d.given("me.internal_domains") && !PublicProvider(string(domain)) {
		c.Me.InternalDomains = []Domain{domain}
	}
}

func (d *decoder) checkFollowups(c *Config) {
	f := &c.Followups
	d.chooseAccount(c)
	if strings.TrimSpace(f.Calendar) == "" {
		d.fail("followups.calendar", "calendar is empty; write the name of the calendar for follow-ups, or its URL")
	}
	if strings.Contains(f.Calendar, "://") {
		var u URL
		if err := u.UnmarshalText([]byte(f.Calendar)); err != nil {
			d.fail("followups.calendar", "calendar: %s", err)
		}
	}
	d.checkCeiling("followups.per_day", "per_day", f.PerDay, MaxPerDay)
	d.checkCeiling("followups.open", "open", f.Open, MaxOpen)
	rest := strings.Replace(f.Link, "{message_id}", "", 1)
	if rest == f.Link || strings.ContainsAny(rest, "{}") || strings.ContainsFunc(f.Link, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		d.fail("followups.link", "link must contain {message_id} once, no other braces and no spaces, like \"mid:{message_id}\"")
	}
}

// chooseAccount finds the account whose server holds the follow-up calendar.
func (d *decoder) chooseAccount(c *Config) {
	f := &c.Followups
	var names []string
	for i, a := range c.Accounts {
		switch {
		case a.CalDAV != nil:
			names = append(names, a.Name)
		case d.given(fmt.Sprintf("account[%d].caldav", i)):
			return // misspelt, and reported
		}
	}
	account := c.AccountNamed(f.Account)
	switch {
	case len(c.Accounts) == 0:
	case len(names) == 0:
		d.fail(d.first("followups.account", "account[0]"), "no account has a calendar server, so there is no place for follow-ups; add caldav.url to one")
	case !d.given("followups.account") && len(names) == 1:
		f.Account = names[0]
	case !d.given("followups.account"):
		d.fail("followups", "several accounts have calendars; say which one gets the follow-ups, like account = %q (known: %s)", names[0], strings.Join(names, ", "))
	case account == nil:
		d.fail("followups.account", "account: %s", choose(f.Account, names))
	case account.CalDAV == nil:
		d.fail("followups.account", "account %q has no calendar server; add caldav.url to it, or choose one of: %s", f.Account, strings.Join(names, ", "))
	}
}

func (d *decoder) checkCeiling(path, key string, value, ceiling int) {
	switch {
	case value > ceiling:
		d.fail(path, "%s is %d, but at most %d is possible", key, value, ceiling)
	case value < 1:
		d.fail(path, "%s is %d, but at least 1 is needed; to write nothing for a while, stop syncd", key, value)
	}
}

func (d *decoder) checkRange(path, key string, value, low, high int) {
	if value < low || value > high {
		d.fail(path, "%s is %d, but must be from %d to %d", key, value, low, high)
	}
}

func (c *Config) circleNames() []string { return slices.Sorted(maps.Keys(c.Circles)) }

func (d *decoder) checkCircles(c *Config) {
	home := map[AddressGlob]string{}
	for _, name := range c.circleNames() {
		circle, path := c.Circles[name], "circles."+name
		interval := time.Duration(circle.Interval)
		switch {
		case strings.TrimSpace(name) == "" || strings.ContainsFunc(name, unicode.IsControl):
			d.fail(path, "a circle needs a name")
		case !d.given(path+".interval") && interval == 0:
			d.fail(path, "interval is missing; say how often you want to hear from these people, like interval = \"30d\"")
		case interval < day || interval > 3650*day:
			if d.given(path+".interval") && interval != 0 {
				d.fail(path+".interval", "interval must be from \"1d\" to \"3650d\"")
			}
		}
		for i, g := range circle.Members {
			if other, taken := home[g]; taken && other != name {
				d.fail(fmt.Sprintf("%s.members[%d]", path, i), "%s is in circle %s already; a person is in one circle only", g, other)
			}
			home[g] = name
		}
	}
}

func (d *decoder) checkRules(c *Config) {
	known := slices.Sorted(maps.Keys(Defaults().Rules))
	for name := range c.Rules {
		if slices.Contains(known, name) {
			continue
		}
		words := make([]string, len(known))
		for i, k := range known {
			words[i] = string(k)
		}
		d.fail("rules."+string(name), "rule %s", choose(string(name), words))
	}
}

// checkCA looks into a file of certificates now, rather than at the first
// connection.
func (d *decoder) checkCA(path string, file Path) {
	if file == "" {
		return
	}
	data, err := readRegular(file)
	switch {
	case err != nil:
		d.fail(path, "ca_file: %s", err)
	case !x509.NewCertPool().AppendCertsFromPEM(data):
		d.fail(path, "ca_file: there is no certificate in %s; it must be in PEM form, beginning with -----BEGIN CERTIFICATE-----", file)
	}
}

// readRegular is readLimited for what must be a file, since others may never end.
func readRegular(path Path) ([]byte, error) {
	info, err := os.Stat(string(path))
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("open %s: not a file", path)
	}
	return readLimited(string(path))
}

// readLimited reads a file of at most sizeLimit bytes.
func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	data, err := io.ReadAll(io.LimitReader(f, sizeLimit+1))
	if err == nil && len(data) > sizeLimit {
		err = fmt.Errorf("%s is larger than 1 MiB", path)
	}
	return data, err
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}

// isHost reports whether s is a host name or an IP address without a port.
func isHost(s string) bool {
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	var d Domain
	return d.UnmarshalText([]byte(s)) == nil
}
