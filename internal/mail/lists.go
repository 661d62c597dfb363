package mail

import (
	_ "embed" // the two lists
	"regexp"
	"strings"
	"sync"
)

//go:embed roles.txt
var rolesText string

//go:embed providers.txt
var providersText string

var (
	roles     = sync.OnceValue(func() map[string]bool { return words(rolesText) })
	providers = sync.OnceValue(func() map[string]bool { return words(providersText) })
)

// words reads a list: words apart by white space, lines that begin with # are
// comments.
func words(text string) map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		for w := range strings.FieldsSeq(line) {
			set[w] = true
		}
	}
	return set
}

// IsRole reports whether an address is that of an office, not of a person:
// info@, sales@, support@ and their like.
func IsRole(address string) bool {
	local, _, ok := strings.Cut(strings.ToLower(address), "@")
	if !ok {
		return false
	}
	local, _, _ = strings.Cut(local, "+")
	return roles()[local] || roles()[strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_.", r) {
			return -1
		}
		return r
	}, local)]
}

// countrySuffix is a top-level domain or a country's domain for companies.
var countrySuffix = regexp.MustCompile(`^(?:[a-z]{2,4}|(?:com?|net|ne)\.[a-z]{2})$`)

// PublicProvider reports whether a domain gives mail addresses to the public,
// so that sharing it says nothing about two people.
func PublicProvider(domain string) bool {
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	for {
		if providers()[domain] {
			return true
		}
		// "yahoo.*" stands for the provider under every country's domain.
		label, rest, ok := strings.Cut(domain, ".")
		if !ok {
			return false
		}
		if providers()[label+".*"] && countrySuffix.MatchString(rest) {
			return true
		}
		domain = rest
	}
}
