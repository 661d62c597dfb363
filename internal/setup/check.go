// Package setup finds out what a configuration leads to: it tries every server
// and says, in a user's words, what it found.
package setup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"syncd/internal/auth"
	"syncd/internal/caldav"
	"syncd/internal/config"
	"syncd/internal/imap"
	"syncd/internal/ledger"
)

// Finding is one thing Check found.
type Finding struct {
	Account string `json:"account,omitempty"`
	// Topic is what it is about: mail, folders, sent, calendars, address books,
	// follow-ups, you, organisation, time, texts.
	Topic string `json:"topic"`
	Text  string `json:"text"`
	// Failed says that this has to be mended; Warn that it deserves a look.
	Failed bool `json:"failed,omitempty"`
	Warn   bool `json:"warn,omitempty"`
}

// Check connects to everything and reports what it finds through say, as it
// finds it. l may be nil where there is no ledger yet.
func Check(ctx context.Context, cfg *config.Config, l *ledger.Ledger, log *slog.Logger, say func(Finding)) error {
	c := &checker{cfg: cfg, ledger: l, log: log, say: say}
	if l != nil {
		var err error
		if c.seen, err = l.CalendarsSeen(ctx); err != nil {
			return err
		}
	}
	c.you(ctx)
	for _, a := range cfg.Accounts {
		c.account(ctx, a)
	}
	if !c.foundFollowUps {
		c.missingCalendar()
	}
	return ctx.Err()
}

// checker collects what the findings of different accounts have in common.
type checker struct {
	cfg            *config.Config
	ledger         *ledger.Ledger
	log            *slog.Logger
	say            func(Finding)
	foundFollowUps bool
	seen           []ledger.SeenCalendar
	calendars      []caldav.Collection // of the account of the follow-ups
	unreachable    bool                // that account could not be looked at
}

// you reports who the user is, their organisation and their time.
func (c *checker) you(ctx context.Context) {
	c.identities(ctx)
	internal := make([]string, len(c.cfg.Me.InternalDomains))
	for i, d := range c.cfg.Me.InternalDomains {
		internal[i] = string(d)
	}
	text := "nobody counts as a colleague (internal_domains is empty)"
	if len(internal) > 0 {
		text = "people at " + strings.Join(internal, ", ") + " count as colleagues and get no follow-ups (internal_domains)"
	}
	c.say(Finding{Topic: "organisation", Text: text})
	c.otherDomains(ctx)
	zone := Finding{Topic: "time", Text: "your time zone is " + c.cfg.Me.Zone.String()}
	if isUTC(c.cfg.Me.Zone) {
		zone.Text += "; if you do not live by UTC, set timezone in [me]"
		zone.Warn = true
	}
	c.say(zone)
	c.texts()
}

// texts says what of the texts of mails is used.
func (c *checker) texts() {
	text := "syncd reads what you and the people you know wrote to each other in the last 60 days, for promises, questions, thanks and introductions, "
	switch p := c.cfg.Privacy; {
	case !p.ReadText:
		text = "no text of a mail is read (read_text), so there are no follow-ups about promises, thanks and introductions"
	case p.StoreText:
		text += "and keeps the sentences that a follow-up shows (read_text, store_text)"
	default:
		text += "and keeps no sentence (store_text)"
	}
	c.say(Finding{Topic: "texts", Text: text})
}

// otherDomains asks whether the user's other domains are of their organisation.
func (c *checker) otherDomains(ctx context.Context) {
	if c.ledger == nil {
		return
	}
	all, err := c.ledger.OtherDomains(ctx)
	if err != nil {
		c.say(Finding{Topic: "organisation", Text: err.Error(), Failed: true})
	}
	for _, o := range all {
		if o.Contacts == 0 || config.PublicProvider(o.Domain) {
			continue
		}
		people := fmt.Sprintf("%d contacts there get", o.Contacts)
		if o.Contacts == 1 {
			people = "1 contact there gets"
		}
		c.say(Finding{Topic: "organisation", Warn: len(c.cfg.Me.InternalDomains) > 0, Text: fmt.Sprintf(
			"you have an address at %s too; %s follow-ups unless you add the domain to internal_domains in [me]", o.Domain, people)})
	}
}

// isUTC reports whether a zone is UTC under whatever name: Debian calls it
// Etc/UTC. London and Abidjan are not, for all that their clocks may agree.
func isUTC(zone *time.Location) bool {
	for _, month := range []time.Month{time.January, time.July} {
		name, offset := time.Date(2026, month, 1, 12, 0, 0, 0, zone).Zone()
		if name != "UTC" || offset != 0 {
			return false
		}
	}
	return true
}

func (c *checker) identities(ctx context.Context) {
	var all []ledger.Identity
	if c.ledger != nil {
		var err error
		if all, err = c.ledger.Identities(ctx); err != nil {
			c.say(Finding{Topic: "you", Text: err.Error(), Failed: true})
		}
	}
	if len(all) == 0 {
		for _, a := range c.cfg.Me.Addresses {
			all = append(all, ledger.Identity{Address: string(a), Why: "configured"})
		}
	}
	if len(all) == 0 {
		c.say(Finding{Topic: "you", Text: "none of your addresses is known: add them under addresses in [me]", Failed: true})
	}
	hint := "; if it is not, put it under not_me in [me]"
	for _, i := range all {
		text := fmt.Sprintf("%s is you: %s", i.Address, i.Why)
		if !slices.Contains(c.cfg.Me.Addresses, config.Address(i.Address)) {
			text, hint = text+hint, "" // once is enough
		}
		c.say(Finding{Topic: "you", Text: text})
	}
}

func (c *checker) account(ctx context.Context, a config.Account) {
	logins := a.Credentials()
	if a.IMAP != nil {
		if err := c.mail(ctx, a, logins.IMAP); err != nil {
			c.say(Finding{Account: a.Name, Topic: "mail", Text: err.Error(), Failed: true})
		}
	}
	if a.CalDAV != nil {
		if err := c.dav(ctx, a, logins.CalDAV); err != nil {
			c.unreachable = c.unreachable || a.Name == c.cfg.Followups.Account
			c.say(Finding{Account: a.Name, Topic: "calendars", Text: err.Error(), Failed: true})
		}
	}
	if a.CardDAV != nil {
		if err := c.addressBooks(ctx, a, logins.CardDAV); err != nil {
			c.say(Finding{Account: a.Name, Topic: "address books", Text: err.Error(), Failed: true})
		}
	}
}

func (c *checker) missingCalendar() {
	f := c.cfg.Followups
	switch {
	case c.unreachable:
		// the account's own finding says why
	case Gone(f.Calendar, c.calendars, c.seen):
		c.say(Finding{Account: f.Account, Topic: "follow-ups", Failed: true, Text: fmt.Sprintf(
			"the calendar %q is gone; nothing is written until it is back, or another one is named in [followups]", f.Calendar)})
	case f.CreateCalendar:
		c.say(Finding{Account: f.Account, Topic: "follow-ups", Text: fmt.Sprintf("the calendar %q is not there yet; it will be made (create_calendar)", f.Calendar)})
	default:
		names := make([]string, len(c.calendars))
		for i, cal := range c.calendars {
			names[i] = fmt.Sprintf("%q", cal.Name)
		}
		c.say(Finding{Account: f.Account, Topic: "follow-ups", Failed: true, Text: fmt.Sprintf(
			"there is no calendar %q; there are: %s. Make one in your calendar app, or set create_calendar = true in [followups]",
			f.Calendar, strings.Join(names, ", "))})
	}
}

// mail tries the mail server and reports its folders.
func (c *checker) mail(ctx context.Context, a config.Account, login *auth.Credentials) (err error) {
	s, err := Mail(ctx, a, login, c.log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close(ctx)) }()
	c.say(Finding{Account: a.Name, Topic: "mail", Text: fmt.Sprintf("%s answers, and the login as %s works", a.IMAP.Host, login.User())})
	boxes, err := s.Mailboxes(ctx)
	if err != nil {
		return fmt.Errorf("account %q: list the mailboxes: %w", a.Name, err)
	}
	var read, left []string
	for _, b := range boxes {
		if b.Left != "" {
			left = append(left, fmt.Sprintf("%s (%s)", b.Name, b.Left))
			continue
		}
		read = append(read, b.Name)
	}
	if none := NoFolder(boxes); none != nil {
		c.say(Finding{Account: a.Name, Topic: "folders", Text: none.Error(), Failed: true})
		return nil
	}
	c.say(Finding{Account: a.Name, Topic: "folders", Text: list(read, "folder is read", "folders are read")})
	if len(left) > 0 {
		c.say(Finding{Account: a.Name, Topic: "folders", Text: list(left, "folder is left out", "folders are left out")})
	}
	return c.sent(ctx, a, boxes)
}

// sent reports where the account's sent mail is, and how that was found out.
func (c *checker) sent(ctx context.Context, a config.Account, boxes []imap.Mailbox) error {
	how := map[ledger.SentBy]string{
		ledger.SentByConfiguration: `as sent = "…" in the account says`, ledger.SentByUse: "as the server says",
		ledger.SentByName: "by its name", ledger.SentByContent: "by its content: most of it is from you",
	}
	k, err := c.known(ctx, a.Name)
	if err != nil {
		return err
	}
	var found []string
	for _, b := range boxes {
		by := b.SentBy()
		if by == "" && k.sent[b.Raw] {
			by = ledger.SentByContent
		}
		switch {
		case b.Left != "":
		case by != "":
			found = append(found, fmt.Sprintf("%s (%s)", b.Name, how[by]))
		case b.Use == imap.UseAll:
			found = append(found, b.Name+" (among all other mail)")
		}
	}
	if len(found) == 0 {
		text := "no folder with your sent mail was found"
		if a.Sent != "" {
			text = fmt.Sprintf("the folder %q, which should hold your sent mail, is not there or is not read", a.Sent)
		}
		if a.Sent == "" && !k.scanned {
			text += " yet, and the first scan may still find it by what is in it"
		}
		c.say(Finding{Account: a.Name, Topic: "sent", Warn: true, Text: text + "; until one is named (sent = \"…\" in the account), nothing is said about replies"})
		return nil
	}
	c.say(Finding{Account: a.Name, Topic: "sent", Text: "your sent mail is in " + strings.Join(found, ", ")})
	for _, text := range k.notices {
		c.say(Finding{Account: a.Name, Topic: "sent", Warn: true, Text: text})
	}
	return nil
}

// known is what the ledger says of an account's mail.
type known struct {
	sent    map[string]bool // the mailboxes taken for Sent folders by what is in them, as the server spells them
	scanned bool            // all were read
	notices []string
}

func (c *checker) known(ctx context.Context, account string) (known, error) {
	k := known{sent: map[string]bool{}}
	if c.ledger == nil {
		return k, nil
	}
	health, err := c.ledger.Health(ctx)
	if err != nil {
		return k, err
	}
	read, unread := 0, 0
	for _, h := range health {
		switch {
		case h.Source.Account != account || h.Source.Type != ledger.Mailbox:
			continue
		case h.Source.Name == "":
			k.notices = h.Notices
			continue
		case h.Complete:
			read++
		case h.Listed:
			unread++
		}
		if h.SentBy == ledger.SentByContent {
			k.sent[h.Source.Name] = true
		}
	}
	k.scanned = read > 0 && unread == 0
	return k, nil
}

// dav tries the calendar server and reports its calendars.
func (c *checker) dav(ctx context.Context, a config.Account, login *auth.Credentials) error {
	s, err := Calendars(ctx, c.cfg, a, login, c.log)
	if err != nil {
		return err
	}
	all, err := s.Calendars(ctx)
	if err != nil {
		return err
	}
	var own caldav.Collection
	if a.Name == c.cfg.Followups.Account {
		c.calendars = all
		own, c.foundFollowUps = FollowUps(c.cfg, all, c.seen)
	}
	var read []string
	for _, cal := range all {
		switch {
		case cal.URL == own.URL && cal.Writable:
			c.say(Finding{Account: a.Name, Topic: "follow-ups", Text: fmt.Sprintf("the calendar %q gets the follow-ups", cal.Name)})
			if err := c.separate(ctx, a, s, cal); err != nil {
				return err
			}
		case cal.URL == own.URL:
			c.say(Finding{Account: a.Name, Topic: "follow-ups", Failed: true, Text: fmt.Sprintf("the calendar %q cannot be written to with this login", cal.Name)})
		case IsRead(a, cal):
			read = append(read, cal.Name)
		}
	}
	c.say(Finding{Account: a.Name, Topic: "calendars", Text: list(read, "calendar is read for meetings", "calendars are read for meetings")})
	return nil
}

// addressBooks tries the server of address books and reports them.
func (c *checker) addressBooks(ctx context.Context, a config.Account, login *auth.Credentials) error {
	s, err := AddressBooks(ctx, a, login, c.log)
	if err != nil {
		return err
	}
	defer s.Close()
	all, err := s.AddressBooks(ctx)
	if err != nil {
		return err
	}
	var read, closed []string
	for _, b := range all {
		switch {
		case IsReadBook(a, b):
			read = append(read, b.Name)
		case !b.Readable:
			closed = append(closed, b.Name)
		}
	}
	c.say(Finding{Account: a.Name, Topic: "address books", Text: list(read, "address book is read", "address books are read"), Warn: len(read) == 0})
	if len(closed) > 0 {
		c.say(Finding{
			Account: a.Name, Topic: "address books",
			Text: list(closed, "address book cannot be read with this login", "address books cannot be read with this login"),
		})
	}
	return nil
}

// separate says how to keep follow-ups apart, where their calendar holds other
// events: when it was first seen, or now if it never was.
func (c *checker) separate(ctx context.Context, a config.Account, s *caldav.Session, cal caldav.Collection) error {
	known, shared := false, false
	if c.ledger != nil {
		var err error
		if known, shared, err = c.ledger.CalendarSeen(ctx, cal.URL); err != nil {
			return err
		}
	}
	if !known {
		l, err := s.Entries(ctx, cal)
		if err != nil {
			return err
		}
		shared = slices.ContainsFunc(l.Entries, func(e caldav.Entry) bool { return !strings.HasPrefix(e.UID, "syncd-") })
		if !shared && l.Failed {
			c.say(Finding{Account: a.Name, Topic: "follow-ups", Warn: true, Text: fmt.Sprintf(
				"the server does not give some of what is in the calendar %q: whether it holds other events is not known yet", cal.Name)})
		}
	}
	if shared {
		c.say(Finding{Account: a.Name, Topic: "follow-ups", Warn: true, Text: fmt.Sprintf(
			"the calendar %q holds other events too: they are read as meetings, and what you plan by one of them holds no follow-up back. To keep follow-ups apart, make a calendar for them alone in your calendar app and name it in [followups]: calendar = \"…\"",
			cal.Name)})
	}
	return nil
}

// list counts and names things: "2 folders are read: INBOX, Sent".
func list(names []string, one, many string) string {
	switch len(names) {
	case 0:
		return "no " + one
	case 1:
		return "1 " + one + ": " + names[0]
	}
	return fmt.Sprintf("%d %s: %s", len(names), many, strings.Join(names, ", "))
}
