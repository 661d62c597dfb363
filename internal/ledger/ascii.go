package ledger

import (
	"strings"
	"unicode"

	"golang.org/x/net/idna"
)

// maxAddress bounds an address, in octets (RFC 5321 section 4.5.3.1, and some).
const maxAddress = 320

// ASCII returns an address as Participant and Card hold it: in lower case, with
// the domain as A-labels (RFC 5890). What is no address gives "".
func ASCII(address string) string {
	local, domain, _ := strings.Cut(strings.ToLower(strings.TrimSpace(address)), "@")
	if local == "" || domain == "" || len(address) > maxAddress || strings.Contains(domain, "@") ||
		strings.ContainsFunc(local+domain, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return ""
	}
	if a, err := idna.Lookup.ToASCII(domain); err == nil {
		domain = a
	}
	if domain == "" { // nothing but characters that IDNA drops
		return ""
	}
	return local + "@" + domain
}
