package planner

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"
)

// Key identifies a follow-up for ever: its rule and its evidence (SPEC section
// 5.1), never the contact, the due date or the title, so that merging contacts
// or changing the policy changes no identity.
type Key struct {
	Rule     Rule
	Evidence string // a Message-ID, an event UID, or what the rule's row names
	Who      string // the participant's address as the evidence gives it, or a card's UID
	Step     string // "" for rules with a single step
}

// String is the canonical form, as stored in the journal. Parts are escaped so
// that no evidence can imitate another key.
func (k Key) String() string {
	parts := []string{string(k.Rule), k.Evidence, k.Who, k.Step}
	for i, p := range parts {
		parts[i] = keyEscaper.Replace(p)
	}
	return strings.Join(parts, "|")
}

var (
	keyEscaper   = strings.NewReplacer("%", "%25", "|", "%7C", "\n", "%0A", "\r", "%0D")
	keyUnescaper = strings.NewReplacer("%25", "%", "%7C", "|", "%0A", "\n", "%0D", "\r")
)

// ParseKey reads what String wrote.
func ParseKey(s string) (Key, error) {
	p := strings.Split(s, "|")
	if len(p) != 4 || p[0] == "" {
		return Key{}, fmt.Errorf("key %q: want four parts", s)
	}
	for i := range p {
		p[i] = keyUnescaper.Replace(p[i])
	}
	return Key{Rule: Rule(p[0]), Evidence: p[1], Who: p[2], Step: p[3]}, nil
}

var keyEncoding = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// Hash is the part of the UID that stands for the key: 16 characters, lower
// case, without letters that look like digits.
func (k Key) Hash() string {
	sum := sha256.Sum256([]byte(k.String()))
	return keyEncoding.EncodeToString(sum[:10])
}

// Code is what a user types to name the follow-up: the first six characters of
// Hash.
func (k Key) Code() string { return k.Hash()[:6] }

// CodeOf is the code of the follow-up that an entry of syncd's shows, "" for
// another UID.
func CodeOf(uid string) string {
	if p := strings.Split(uid, "-"); len(p) == 4 && p[0] == "syncd" && len(p[2]) > 6 {
		return p[2][:6]
	}
	return ""
}

// UID is the iCalendar UID of the entry that shows the follow-up. A UID is
// never used again (SPEC I7): what may reopen does so under a new generation.
func UID(instance string, k Key, generation int) string {
	return fmt.Sprintf("syncd-%s-%s-%d", instance, k.Hash(), generation)
}
