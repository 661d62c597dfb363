package config

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Contact is what the user says of one person.
type Contact struct {
	Addresses []Address `toml:"addresses"` // all of one person
	Cards     []string  `toml:"cards"`     // UIDs of cards of that person
	Name      string    `toml:"name"`
	Circle    string    `toml:"circle"`
	Mute      bool      `toml:"mute"`
	Ignore    bool      `toml:"ignore"`
	NotSameAs []Address `toml:"not_same_as"` // of somebody else
}

// checkContacts checks what is said of people, alone and against each other.
func (d *decoder) checkContacts(c *Config) {
	home := map[Address]int{} // address to the line of its contact
	cards := map[string]int{} // UID to the same
	circles := c.circlesOf()
	for i, p := range c.Contacts {
		path := fmt.Sprintf("contact[%d]", i)
		d.checkContact(c, &p, path)
		for j, a := range p.Addresses {
			where := fmt.Sprintf("%s.addresses[%d]", path, j)
			line, taken := home[a]
			other := circles[a]
			switch {
			case taken && line == d.line(d.at(path)):
				d.fail(where, "%s stands here twice", a)
			case taken:
				d.fail(where, "%s is in the [[contact]] on line %d too; keep all addresses of a person in one", a, line)
			case c.Me.holds(a):
				d.fail(where, "%s is an address of yours; if it is not, list it under me.not_me", a)
			case p.Circle != "" && other != "" && other != p.Circle:
				d.fail(where, "%s is in circle %s already; a person is in one circle only", a, other)
			}
			home[a] = d.line(d.at(path))
		}
		for j, uid := range p.Cards {
			if line, taken := cards[uid]; taken {
				d.fail(fmt.Sprintf("%s.cards[%d]", path, j), "the card %q stands in the [[contact]] on line %d already", uid, line)
			}
			cards[uid] = d.line(d.at(path))
		}
	}
}

// circlesOf are the circles of the addresses that circles list as members.
func (c *Config) circlesOf() map[Address]string {
	out := map[Address]string{}
	for _, m := range c.CircleMembers() {
		out[Address(m.Pattern)] = m.Circle
	}
	return out
}

func (d *decoder) checkContact(c *Config, p *Contact, path string) {
	for i, uid := range p.Cards {
		if strings.TrimSpace(uid) == "" || strings.ContainsFunc(uid, unicode.IsControl) {
			d.fail(fmt.Sprintf("%s.cards[%d]", path, i), "%q is no UID of a card; syncd contact NAME --json shows those of a person", uid)
		}
	}
	switch {
	case len(p.Addresses) == 0 && len(p.Cards) > 0:
	case len(p.Addresses) == 0 && d.given(path+".addresses"):
		d.fail(path+".addresses", "addresses is empty; write the addresses of this person, like [\"ana@example.org\"]")
	case len(p.Addresses) == 0:
		d.fail(path, "addresses is missing; write the addresses of this person, like addresses = [\"ana@example.org\"]")
	}
	switch {
	case d.given(path+".name") && strings.TrimSpace(p.Name) == "":
		d.fail(path+".name", "name is empty; write what this person is called, or leave the key out")
	case strings.ContainsFunc(p.Name, unicode.IsControl):
		d.fail(path+".name", "name contains a control character")
	}
	if _, known := c.Circles[p.Circle]; d.given(path+".circle") && !known {
		d.fail(path+".circle", "circle %s", choose(p.Circle, c.circleNames()))
	}
	if p.Ignore && p.Circle != "" {
		d.fail(path+".ignore", "ignore leaves this person out, and circle = %q asks to stay in touch; keep one", p.Circle)
	}
	for i, a := range p.NotSameAs {
		where := fmt.Sprintf("%s.not_same_as[%d]", path, i)
		switch {
		case slices.Contains(p.Addresses, a):
			d.fail(where, "%s is one of this person's addresses too; keep one", a)
		case c.Me.holds(a):
			d.fail(where, "%s is an address of yours, which is nobody else's anyway", a)
		}
	}
}

// PublicProvider reports whether a domain is that of a provider at which
// anybody may have an address.
func PublicProvider(domain string) bool {
	return slices.Contains(strings.Fields(providers), domain)
}
