package internal_test

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

var cited = regexp.MustCompile(`\bRFC (\d{4,5})\b`)

// TestRFCsAreListed holds docs/rfcs.md to the code: every RFC that a source file
// cites is listed there, and none that no file cites.
func TestRFCsAreListed(t *testing.T) {
	inCode := map[string]string{}
	for _, f := range sources(t) {
		text, err := os.ReadFile(filepath.Join("..", f.path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range cited.FindAllSubmatch(text, -1) {
			inCode[string(m[1])] = f.path
		}
	}
	page, err := os.ReadFile("../docs/rfcs.md")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\| (\d{4,5}) \|`).FindAllSubmatch(page, -1) {
		listed[string(m[1])] = true
	}
	for _, n := range slices.Sorted(maps.Keys(inCode)) {
		if !listed[n] {
			t.Errorf("RFC %s, cited in %s, is not in docs/rfcs.md", n, inCode[n])
		}
	}
	for _, n := range slices.Sorted(maps.Keys(listed)) {
		if inCode[n] == "" {
			t.Errorf("docs/rfcs.md lists RFC %s, which no source file cites", n)
		}
	}
}
