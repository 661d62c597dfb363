package ledger

import (
	"cmp"
	"strings"
)

// spokenPrefix begins what stands for somebody whom the user named to "log" and
// of whom nothing else is known: a made-up UID of a card, "named:Susan Hall".
const spokenPrefix = "named:"

// Named gives what stands for a person of whom nothing but the name is known, in
// Decision.Who and in the configuration's cards of a contact.
func Named(name string) string { return spokenPrefix + strings.Join(strings.Fields(name), " ") }

// namedPerson gives the name back.
func namedPerson(who string) (name string, ok bool) { return strings.CutPrefix(who, spokenPrefix) }

// spokenOf reports whether the user named the contact, and takes that name where
// no card has one.
func (p *portrait) spokenOf(uids []string) (spoken bool) {
	for _, uid := range uids {
		if name, ok := namedPerson(uid); ok {
			p.cardName, spoken = cmp.Or(p.cardName, name), true
		}
	}
	return spoken
}
