package ledger

import (
	"crypto/sha256"
	"encoding/base32"
	"log/slog"
	"path"
	"slices"
	"strings"
	"time"

	"syncd/internal/planner"
)

// Address is a mail address that masks itself in logs: the first letter and
// the domain remain.
type Address string

// LogValue implements slog.LogValuer.
func (a Address) LogValue() slog.Value {
	local, domain, ok := strings.Cut(string(a), "@")
	if !ok || local == "" {
		return slog.StringValue("***")
	}
	for _, r := range local {
		return slog.StringValue(string(r) + "***@" + domain)
	}
	return slog.StringValue("***@" + domain)
}

// fold gives the form in which addresses are compared: Gmail ignores dots.
func fold(address string) string {
	if _, card := cardUID(address); card {
		return address
	}
	a := strings.ToLower(strings.TrimSpace(address))
	local, domain := cutAddress(a)
	if domain == "gmail.com" || domain == "googlemail.com" {
		tag := ""
		if i := strings.IndexByte(local, '+'); i >= 0 {
			local, tag = local[:i], local[i:]
		}
		return strings.ReplaceAll(local, ".", "") + tag + "@" + domain
	}
	return a
}

// untagged takes a plus-tag away. It is for my own addresses only; other
// people's tags are kept (SPEC section 3.2).
func untagged(address string) string {
	local, domain := cutAddress(address)
	if i := strings.IndexByte(local, '+'); i > 0 {
		return local[:i] + "@" + domain
	}
	return address
}

func cutAddress(a string) (local, domain string) {
	i := strings.LastIndexByte(a, '@')
	if i < 0 {
		return a, ""
	}
	return a[:i], a[i+1:]
}

// lens is how the ledger tells people apart: the configuration and the
// identities read from the Sent folders, ready for comparison.
type lens struct {
	cfg   Me
	zone  *time.Location
	me    map[string]bool     // folded, without plus-tag …
	notMe map[string]bool     // … but for these; one without plus-tag stands for all of its tags
	joins unions              // folded addresses that the configuration makes one person's
	apart []apart             // those it makes different people's …
	named map[string]bool     // … and those a card lets go for it
	kin   map[string][]string // folded addresses named together, one way or the other

	ignore  []string        // globs of addresses
	folders map[int64]bool  // mailboxes that are ignored
	mates   map[string]bool // folded addresses of contacts that are ignored
}

func newLens(cfg Me, derived []Identity) *lens {
	n := &lens{
		cfg: cfg, zone: cfg.Zone, me: map[string]bool{}, notMe: map[string]bool{}, joins: unions{}, named: map[string]bool{}, kin: map[string][]string{},
		ignore: slices.Clone(cfg.Ignore), folders: map[int64]bool{}, mates: map[string]bool{},
	}
	if n.zone == nil {
		n.zone = time.UTC
	}
	n.cfg.People = slices.Clone(cfg.People)
	for i := range n.cfg.People {
		p := &n.cfg.People[i]
		p.Addresses = append(slices.Clone(p.Addresses), cardNodes(p.Cards)...)
	}
	for _, a := range cfg.Addresses {
		n.me[untagged(fold(a))] = true
	}
	for _, d := range derived {
		n.me[untagged(fold(d.Address))] = true
	}
	for _, a := range cfg.NotMe {
		n.notMe[fold(a)] = true
	}
	n.people()
	return n
}

// people reads who is one person and who is not.
func (n *lens) people() {
	for _, p := range n.cfg.People {
		literal := literals(p)
		if p.Ignored {
			n.ignore = append(n.ignore, p.Addresses...)
		}
		for _, a := range literal {
			n.joins.join(literal[0], a)
		}
		all := append(literal, foldAll(p.Apart)...)
		if len(all) == 1 {
			continue
		}
		for _, a := range all {
			n.kin[a] = append(n.kin[a], all...)
		}
	}
	for _, p := range n.cfg.People {
		literal := literals(p)
		for _, b := range foldAll(p.Apart) {
			if len(literal) == 0 {
				break
			}
			c := apart{one: n.joins.find(literal[0]), other: n.joins.find(b)}
			if c.one != c.other && !slices.Contains(n.apart, c) && !slices.Contains(n.apart, apart{c.other, c.one}) {
				n.apart = append(n.apart, c)
				n.named[c.other] = true
			}
		}
	}
}

func foldAll(addresses []string) []string {
	out := make([]string, len(addresses))
	for i, a := range addresses {
		out[i] = fold(a)
	}
	return out
}

// circle gives the first circle that one of some words names, "" if none does.
func (n *lens) circle(words ...string) string {
	for _, c := range n.cfg.Circles {
		if slices.ContainsFunc(words, func(w string) bool { return strings.EqualFold(strings.TrimSpace(w), c) }) {
			return c
		}
	}
	return ""
}

// literals are the addresses of p that are no globs, and its cards, folded and
// sorted.
func literals(p Person) []string {
	var out []string
	for _, a := range p.Addresses {
		if _, card := cardUID(a); card || !strings.ContainsAny(a, "*?[") {
			out = append(out, fold(a))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (n *lens) isMe(address string) bool {
	return n.me[untagged(fold(address))] && !n.isNotMe(address)
}

// isNotMe reports whether the configuration says that the address is not mine.
func (n *lens) isNotMe(address string) bool {
	a := fold(address)
	return n.notMe[a] || n.notMe[untagged(a)]
}

// internal reports whether the address lies in my own organisation.
func (n *lens) internal(address string) bool {
	_, domain := cutAddress(address)
	for _, d := range n.cfg.Internal {
		if domain == d || strings.HasSuffix(domain, "."+d) {
			return true
		}
	}
	return false
}

func matches(globs []string, address string) bool {
	for _, g := range globs {
		if fold(g) == fold(address) {
			return true
		}
		if _, card := cardUID(address); card {
			continue
		}
		if ok, err := path.Match(strings.ToLower(g), address); err == nil && ok {
			return true
		}
	}
	return false
}

// configured gathers what the configuration says of the holder of addresses.
func (n *lens) configured(addresses []string) (p Person, named bool) {
	for _, c := range n.cfg.People {
		if !slices.ContainsFunc(addresses, func(a string) bool { return matches(c.Addresses, a) }) {
			continue
		}
		lit := literals(c)
		named = named || slices.ContainsFunc(addresses, func(a string) bool { return slices.Contains(lit, fold(a)) })
		if p.Name == "" {
			p.Name = c.Name
		}
		if p.Circle == "" {
			p.Circle = c.Circle
		}
		p.Muted, p.Ignored = p.Muted || c.Muted, p.Ignored || c.Ignored
	}
	return p, named
}

// others gives the addresses of people that the configuration says the holder of
// addresses is not.
func (n *lens) others(addresses []string) (out []string) {
	own := foldAll(addresses)
	has := func(some []string) bool {
		return slices.ContainsFunc(foldAll(some), func(a string) bool { return slices.Contains(own, a) })
	}
	for _, p := range n.cfg.People {
		if len(p.Apart) > 0 && has(p.Addresses) {
			out = append(out, p.Apart...)
		}
		if has(p.Apart) {
			out = append(out, p.Addresses...)
		}
	}
	for i, a := range out {
		out[i] = strings.ToLower(a)
	}
	out = slices.DeleteFunc(out, func(a string) bool {
		_, card := cardUID(a)
		return card || slices.Contains(own, fold(a))
	})
	slices.Sort(out)
	return slices.Compact(out)
}

var idEncoding = base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)

// contactID makes the public id of a contact from its key.
func contactID(key string) planner.ContactID {
	sum := sha256.Sum256([]byte(key))
	return planner.ContactID("p" + idEncoding.EncodeToString(sum[:10])[:12])
}
