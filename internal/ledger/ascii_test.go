package ledger_test

import (
	"strings"
	"testing"

	"syncd/internal/ledger"
)

func TestASCII(t *testing.T) {
	for address, want := range map[string]string{
		" Ana@Example.COM ":           "ana@example.com",
		"bo@Bücher.example":           "bo@xn--bcher-kva.example",
		"bo@xn--bcher-kva.example":    "bo@xn--bcher-kva.example",
		"jörg@example.com":            "jörg@example.com",
		"a_b+c@my_host.example.com":   "a_b+c@my_host.example.com",
		"root@localhost":              "root@localhost",
		"ana":                         "",
		"@example.com":                "",
		"ana@":                        "",
		"ana@\u00ad":                  "",
		"ana hall@example.com":        "",
		"ana@example.com@example.org": "",
		"ana\x00@example.com":         "",
		"":                            "",
		strings.Repeat("a", 320) + "@example.com": "",
	} {
		if got := ledger.ASCII(address); got != want {
			t.Errorf("ASCII(%q) = %q, want %q", address, got, want)
		}
	}
}
