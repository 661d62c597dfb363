// Package config reads and checks the configuration, a TOML file, and knows
// every default.
//
// It is strict: an unknown key, a wrong type, an impossible value or a missing
// secret is an error, all of them at once, each with file, line, column and what
// to write instead. No error shows a secret or a neighbouring line.
package config

import (
	"slices"
	"time"

	"syncd/internal/auth"
	"syncd/internal/planner"
)

// Config is the whole configuration. What Load returns has every default filled
// in and every check passed.
type Config struct {
	Me        Me                    `toml:"me"`
	Accounts  []Account             `toml:"account"`
	Followups Followups             `toml:"followups"`
	Circles   map[string]Circle     `toml:"circles"`
	Rules     map[planner.Rule]Rule `toml:"rules"`
	People    People                `toml:"people"`
	Contacts  []Contact             `toml:"contact"`
	Privacy   Privacy               `toml:"privacy"`
	Log       Log                   `toml:"log"`
}

// Me is the user.
type Me struct {
	Name string `toml:"name"`
	// Addresses are the configured ones and then the logins of the accounts
	// that look like addresses, less NotMe.
	Addresses []Address `toml:"addresses"`
	// NotMe are addresses of others. One without a plus-tag stands for all of its
	// tags, one with a tag for itself alone.
	NotMe []Address `toml:"not_me"`
	// InternalDomains are those of the user's organisation. Where the file does
	// not say, it is the domain of the first address, unless that is a public
	// mail provider's.
	InternalDomains []Domain `toml:"internal_domains"`
	OnMyMind        string   `toml:"on_my_mind"`

	Timezone  string         `toml:"timezone"`
	Zone      *time.Location `toml:"-"` // of Timezone
	WorkDays  []Weekday      `toml:"work_days"`
	WorkHours Hours          `toml:"work_hours"`
	Holidays  []Holiday      `toml:"holidays"`
	Away      []Away         `toml:"away"`
	// HolidayDates are the days of Holidays, those in its files included, sorted.
	HolidayDates []planner.Date `toml:"-"`
}

// excludes reports whether an address stands under NotMe.
func (m *Me) excludes(a Address) bool {
	return slices.Contains(m.NotMe, a) || slices.Contains(m.NotMe, a.untagged())
}

// holds reports whether an address is the user's, under whatever plus-tag.
func (m *Me) holds(a Address) bool {
	own := func(mine Address) bool { return mine.untagged() == a.untagged() }
	return !m.excludes(a) && slices.ContainsFunc(m.Addresses, own)
}

// Away is a time in which the user does not work, both days included.
type Away struct {
	From Date `toml:"from"`
	To   Date `toml:"to"`
}

// Account is a login at a mail server, a calendar server, a server of address
// books, or several of them.
type Account struct {
	Name string `toml:"name"` // unique; the host where the file gives none
	Login
	Folders        []Glob `toml:"folders"` // empty: by special use (SPEC section 2.1)
	ExcludeFolders []Glob `toml:"exclude_folders"`
	Sent           string `toml:"sent"` // "": found by itself

	IMAP    *IMAP    `toml:"imap"`    // nil: no mail
	CalDAV  *CalDAV  `toml:"caldav"`  // nil: no calendars
	CardDAV *CardDAV `toml:"carddav"` // nil: no address books
}

// Login is a user name and the place of its password. At most one place is set.
type Login struct {
	User            string `toml:"user"`
	PasswordCommand Hidden `toml:"password_command"`
	PasswordFile    Path   `toml:"password_file"`
	PasswordEnv     string `toml:"password_env"`
	Credential      string `toml:"credential"`
	Password        Hidden `toml:"password"`
}

// Secret returns the place of the password; zero if there is none.
func (l Login) Secret() auth.Secret {
	switch {
	case l.PasswordCommand != "":
		return auth.Command(string(l.PasswordCommand))
	case l.PasswordFile != "":
		return auth.File(string(l.PasswordFile))
	case l.PasswordEnv != "":
		return auth.Environment(l.PasswordEnv)
	case l.Credential != "":
		return auth.Credential(l.Credential)
	case l.Password != "":
		return auth.Literal(string(l.Password))
	}
	return auth.Secret{}
}

// over returns the login with what it lacks taken from the account's.
func (l Login) over(account Login) Login {
	user := l.User
	if user == "" {
		user = account.User
	}
	if l.Secret().IsZero() {
		l = account
	}
	l.User = user
	return l
}

// IMAP says how mail is read.
type IMAP struct {
	Host string  `toml:"host"`
	Port int     `toml:"port"` // 993, or 143 without implicit TLS
	TLS  TLSMode `toml:"tls"`
	Login
	CAFile Path `toml:"ca_file"` // "": the system's certificates
}

// CalDAV says how calendars are read.
type CalDAV struct {
	URL URL `toml:"url"`
	Login
	CAFile    Path   `toml:"ca_file"`
	Calendars []Glob `toml:"calendars"` // by name; empty: all
}

// CardDAV says how address books are read.
type CardDAV struct {
	URL URL `toml:"url"`
	Login
	CAFile       Path   `toml:"ca_file"`
	AddressBooks []Glob `toml:"address_books"` // by name; empty: all
}

// Credentials are an account's logins at its servers, nil where it has none.
type Credentials struct{ IMAP, CalDAV, CardDAV *auth.Credentials }

// Credentials returns the account's logins. Those are the same whose user and
// password are, so that a password command runs once. Call it once per process:
// each call begins with nothing remembered.
func (a *Account) Credentials() Credentials {
	made := map[Login]*auth.Credentials{}
	credentials := func(server Login) *auth.Credentials {
		l := server.over(a.Login)
		if made[l] == nil {
			made[l] = auth.NewCredentials(a.Name, l.User, l.Secret())
		}
		return made[l]
	}
	var c Credentials
	if a.IMAP != nil {
		c.IMAP = credentials(a.IMAP.Login)
	}
	if a.CalDAV != nil {
		c.CalDAV = credentials(a.CalDAV.Login)
	}
	if a.CardDAV != nil {
		c.CardDAV = credentials(a.CardDAV.Login)
	}
	return c
}

// Followups says where follow-ups are written and how many.
type Followups struct {
	Account        string       `toml:"account"`
	Calendar       string       `toml:"calendar"` // name or URL
	CreateCalendar bool         `toml:"create_calendar"`
	PerDay         int          `toml:"per_day"`
	Open           int          `toml:"open"`
	Expire         BusinessDays `toml:"expire"` // 0: never
	Evening        Clock        `toml:"evening"`
	OnResolve      Resolve      `toml:"on_resolve"`
	TitleStyle     TitleStyle   `toml:"title_style"`
	AllDay         bool         `toml:"all_day"`
	Link           string       `toml:"link"`
}

// Ceilings that no configuration can lift (SPEC I5).
const (
	MaxPerDay = 10
	MaxOpen   = 30
)

// Circle is a group of people one wants to hear from at an interval.
type Circle struct {
	Interval Duration      `toml:"interval"`
	Members  []AddressGlob `toml:"members"`
}

// Rule switches a rule of the planner.
type Rule struct {
	Enabled bool `toml:"enabled"`
}

// People says whom to leave out.
type People struct {
	Ignore        []AddressGlob `toml:"ignore"`
	IgnoreFolders []Glob        `toml:"ignore_folders"`
	Automatic     int           `toml:"automatic"` // contacts in the automatic circle
}

// Privacy says what of the texts of mails is used.
type Privacy struct {
	ReadText  bool `toml:"read_text"`
	StoreText bool `toml:"store_text"` // the sentences that a rule rests on
}

// Log says what is logged and how.
type Log struct {
	Level  LogLevel  `toml:"level"`
	Format LogFormat `toml:"format"`
}

// Defaults returns the configuration of an empty file. It has no account and no
// time zone yet, so it is not complete.
func Defaults() *Config {
	return &Config{
		Me: Me{
			WorkDays:  []Weekday{1, 2, 3, 4, 5},
			WorkHours: Hours{Clock(9 * time.Hour), Clock(17 * time.Hour)},
		},
		Followups: Followups{
			Calendar: "Follow-ups", PerDay: 3, Open: 10, Expire: 5, Evening: Clock(18 * time.Hour),
			OnResolve: ResolveDelete, TitleStyle: TitleFull, Link: "mid:{message_id}",
		},
		Circles: map[string]Circle{
			"close":   {Interval: Duration(14 * day)},
			"active":  {Interval: Duration(30 * day)},
			"network": {Interval: Duration(90 * day)},
			"light":   {Interval: Duration(180 * day)},
			"yearly":  {Interval: Duration(365 * day)},
		},
		Rules: map[planner.Rule]Rule{
			planner.FirstMeeting:  {Enabled: true},
			planner.ReplyOwed:     {Enabled: true},
			planner.Awaiting:      {Enabled: true},
			planner.Fade:          {Enabled: true},
			planner.Cadence:       {Enabled: true},
			planner.NewCards:      {Enabled: true},
			planner.PromiseMade:   {Enabled: true},
			planner.TheirPromise:  {Enabled: true},
			planner.Thanks:        {Enabled: true},
			planner.IntroReceived: {Enabled: true},
			planner.IntroGiven:    {Enabled: true},
			planner.CloseTheLoop:  {Enabled: true},
			planner.SecondStep:    {Enabled: true},
			planner.Milestone:     {Enabled: true},
			planner.HowDidItGo:    {Enabled: true},
			planner.Dormant:       {Enabled: true},
			planner.CardSweep:     {Enabled: true},
		},
		People:  People{Automatic: 150},
		Privacy: Privacy{ReadText: true, StoreText: true},
		Log:     Log{Level: LogInfo, Format: LogText},
	}
}

// AutomaticCircle is the circle of those the user did not put into one
// (SPEC section 5.1). It can be configured but not removed.
const AutomaticCircle = "network"

// Policy returns what the planner needs to know.
func (c *Config) Policy() planner.Policy {
	p := planner.Policy{
		Zone:      c.Me.Zone,
		WorkFrom:  time.Duration(c.Me.WorkHours.From),
		WorkTo:    time.Duration(c.Me.WorkHours.To),
		Evening:   time.Duration(c.Followups.Evening),
		PerDay:    c.Followups.PerDay,
		OpenAhead: c.Followups.Open,
		Expire:    int(c.Followups.Expire),
		Rules:     map[planner.Rule]planner.RulePolicy{},
		AutoMax:   c.People.Automatic,
		Neutral:   c.Followups.TitleStyle == TitleNeutral,
		Link:      c.Followups.Link,
		OnMyMind:  c.Me.OnMyMind,
		Holidays:  c.Me.HolidayDates,
	}
	for _, w := range c.Me.WorkDays {
		p.WorkDays[w] = true
	}
	for _, a := range c.Me.Away {
		p.Away = append(p.Away, planner.DateRange{From: planner.Date(a.From), To: planner.Date(a.To)})
	}
	for name, r := range c.Rules {
		p.Rules[name] = planner.RulePolicy{On: r.Enabled}
	}
	for _, name := range c.circleNames() {
		p.Circles = append(p.Circles, planner.Circle{Name: name, Interval: time.Duration(c.Circles[name].Interval)})
	}
	return p
}

// AccountNamed returns the account with a name, nil if there is none.
func (c *Config) AccountNamed(name string) *Account {
	for i := range c.Accounts {
		if c.Accounts[i].Name == name {
			return &c.Accounts[i]
		}
	}
	return nil
}
