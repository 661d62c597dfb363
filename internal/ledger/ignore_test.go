package ledger_test

import (
	"testing"

	"syncd/internal/ledger"
)

// The patterns mean what they do in the configuration (config.Glob).
func TestFolderMatches(t *testing.T) {
	tests := []struct {
		pattern  string
		yes, not []string
	}{
		{"Archive", []string{"Archive", "ARCHIVE"}, []string{"", "Archive/2026", "My Archive"}},
		{"archive*", []string{"Archive", "Archive/2026/a"}, []string{"Archiv", "My Archive"}},
		{"*news", []string{"news", "a/News", "news/news"}, []string{"newsnew", "news "}},
		{"*", []string{"", "INBOX"}, nil},
		{"**", []string{"", "INBOX"}, nil},
		{"a*b*b", []string{"abb", "a-bb", "AB-B", "abcbab"}, []string{"ab", "abba"}},
		{"ab*ba", []string{"abba", "ab-ba"}, []string{"aba", "ab"}},
		{"?", []string{"a", "ä"}, []string{"", "ab"}},
		{"*?x", []string{"ax", "xx"}, []string{"x"}},
		{"n?chstes/*", []string{"Nächstes/1", "NÄCHSTES/"}, []string{"Nächstes"}},
		{"[Gmail]/S*", []string{"[Gmail]/Spam"}, []string{"G/Spam", "[gmail]"}},
		{"a.c", []string{"a.c"}, []string{"abc"}},
		{`a\*`, []string{`a\`, `a\b`}, []string{"a*"}},
	}
	for _, tt := range tests {
		for _, name := range tt.yes {
			if !ledger.FolderMatches(tt.pattern, name) {
				t.Errorf("%q does not match %q", tt.pattern, name)
			}
		}
		for _, name := range tt.not {
			if ledger.FolderMatches(tt.pattern, name) {
				t.Errorf("%q matches %q", tt.pattern, name)
			}
		}
	}
}
