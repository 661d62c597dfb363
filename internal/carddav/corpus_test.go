package carddav_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"syncd/internal/carddav"
)

// inCorpora is where other people's cards are, if they are there at all.
const inCorpora = "../../../shared/corpora/vcf"

var (
	begins = regexp.MustCompile(`(?mi)^[ \t]*BEGIN[ \t]*:[ \t]*VCARD[ \t]*\r?$`)
	// A line that ends at an address, in a card that needs no mending.
	email = regexp.MustCompile(`(?mi)^([\w-]+\.)?EMAIL(;[^:\r\n]*)?:([^\s:;,<>=]+@[^\s:;,<>=]+)\r?\n[^ \t]`)
)

// exported divides a file that a program exported into its cards. A card in a
// card stays where it is.
func exported(data string) []string {
	at := begins.FindAllStringIndex(data, -1)
	if len(at) == 0 {
		return []string{data}
	}
	var cards []string
	for i, a := range at {
		end := len(data)
		if i+1 < len(at) {
			end = at[i+1][0]
		}
		if i > 0 && strings.HasSuffix(strings.ToUpper(strings.TrimSpace(data[:a[0]])), "AGENT:") {
			cards[len(cards)-1] += data[a[0]:end]
			continue
		}
		cards = append(cards, data[a[0]:end])
	}
	return cards
}

// TestCorpora reads every file: nothing panics, and no address is lost.
func TestCorpora(t *testing.T) {
	if _, err := os.Stat(inCorpora); err != nil {
		t.Skipf("no corpora: %v", err)
	}
	files, read, partly, skipped, addresses := 0, 0, 0, 0, 0
	err := filepath.WalkDir(inCorpora, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for i, one := range exported(string(data)) {
			where := fmt.Sprintf("%s card %d", strings.TrimPrefix(path, inCorpora+"/"), i+1)
			card, lost, err := carddav.Read([]byte(one))
			switch {
			case err != nil:
				skipped++
				t.Logf("skipped %s: %v", where, err)
				if begins.MatchString(one) {
					t.Errorf("%s: a card is skipped: %v", where, err)
				}
				continue
			case len(lost) > 0:
				partly++
				t.Logf("partly read %s: %s", where, strings.Join(lost, ", "))
			default:
				read++
			}
			if os.Getenv("SYNCD_SHOW") != "" {
				t.Logf("%s: %+v", where, card)
			}
			have := map[string]bool{}
			for _, a := range card.Addresses {
				have[a] = true
			}
			for _, m := range email.FindAllStringSubmatch(one, -1) {
				addresses++
				if a := strings.TrimPrefix(strings.ToLower(m[3]), "mailto:"); !have[a] {
					t.Errorf("%s: lost %s", where, a)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d files: %d cards read, %d read in part, %d skipped; %d addresses", files, read, partly, skipped, addresses)
	if files == 0 || addresses == 0 {
		t.Error("nothing was read")
	}
}
