package mail_test

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"unicode/utf8"

	"syncd/internal/mail"
)

// corpora is where real mail lies that is not part of the project.
const corpora = "../../../shared/corpora/mail"

func corpus(t *testing.T, path string) string {
	t.Helper()
	path = filepath.Join(corpora, path)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("the corpus is absent: %v", err)
	}
	return path
}

// TestTortureMail reads malformed and odd mail of eight projects: no message
// may panic, and one with a From that names an address must give it.
func TestTortureMail(t *testing.T) {
	plainFrom := regexp.MustCompile(`(?im)^from:[^\n]*?([a-z0-9]+@[a-z0-9]+\.(?:com|org|net|de|uk))>?\s*$`)
	seen := 0
	err := filepath.WalkDir(corpus(t, "torture"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		h := mail.Parse(raw, received)
		head, _, _ := bytes.Cut(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
		if m := plainFrom.FindSubmatch(head); m != nil && !bytes.HasPrefix(head, []byte("\n")) {
			if seen++; len(h.From) == 0 {
				t.Errorf("%s: no From, though the header names %s", path, m[1])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 100 {
		t.Errorf("%d messages with a From, want at least 100", seen)
	}
}

// TestTortureBodies reads the bodies of the same messages and of bounces, and each
// of them cut: a text stays within its bounds.
func TestTortureBodies(t *testing.T) {
	texts := 0
	for _, dir := range []string{"torture", "automated/sisimai-bounces"} {
		for name, all := range messagesIn(t, dir) {
			for _, raw := range all {
				if b := mail.ReadBody(raw, true, received); b.Text != "" {
					texts++
				} else if b.Open {
					t.Errorf("%s: open, though it is whole", name)
				}
				for n := range 8 {
					if b := mail.ReadBody(raw[:len(raw)*n/8], false, received); len(b.Text) > 32<<10 || !utf8.ValidString(b.Text) {
						t.Errorf("%s: cut in two, a text of %d bytes", name, len(b.Text))
					}
				}
			}
		}
	}
	if texts < 1000 {
		t.Errorf("%d texts, want at least 1000", texts)
	}
}

// TestBouncesThatPass: what the next try may deliver says nothing of an address.
func TestBouncesThatPass(t *testing.T) {
	permanent := regexp.MustCompile(`(?mi)^status: *5`)
	gone := 0
	for name, all := range messagesIn(t, "automated/sisimai-bounces") {
		for _, raw := range all {
			addresses := mail.ReadBody(raw, true, received).Unreachable
			if len(addresses) > 0 && !permanent.Match(raw) {
				t.Errorf("%s: %q do not exist, though no status says so", name, addresses)
			}
			gone += len(addresses)
		}
	}
	if gone < 100 {
		t.Errorf("%d addresses that do not exist, want at least 100", gone)
	}
}

// TestEnronOwnersAreFound counts the mail each owner sent. Their addresses are
// the ones that net/mail rejects.
func TestEnronOwnersAreFound(t *testing.T) {
	for _, name := range []string{"whitt-m", "ruscitti-k", "blair-l"} {
		var truth struct {
			Total int `json:"messages_total"`
			Owner struct{ Own []string }
			Scope struct {
				All struct {
					ByID struct{ Totals struct{ Sent, Received int } } `json:"by_message_id"`
				}
			} `json:"scopes"`
		}
		b, err := os.ReadFile(corpus(t, "enron/"+name+".truth.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(b, &truth); err != nil {
			t.Fatal(err)
		}
		own := map[string]bool{}
		for _, a := range truth.Owner.Own {
			own[a] = true
		}
		total, sent, without := 0, 0, 0
		for _, block := range mboxes(t, "enron/"+name) {
			h := mail.Parse(block, received)
			total++
			switch {
			case len(h.From) == 0:
				without++
			case own[h.From[0].Address] && slices.ContainsFunc(slices.Concat(h.To, h.Cc, h.Bcc), func(a mail.Address) bool { return !own[a.Address] }):
				sent++ // the truth counts mail with a counterpart
			}
		}
		want := truth.Scope.All.ByID.Totals.Sent
		if total != truth.Total || sent != want || without != 0 {
			t.Errorf("%s: %d messages, %d sent, %d without From, want %d, %d, 0", name, total, sent, without, truth.Total, want)
		}
	}
}

// mboxes gives the messages of every mbox in a directory.
func mboxes(t *testing.T, dir string) [][]byte {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus(t, dir), "*.mbox"))
	if err != nil {
		t.Fatal(err)
	}
	var all [][]byte
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, mbox(raw)...)
	}
	return all
}

// TestBouncesAreNoise holds the marks to real bounces and automatic answers.
// Five in the corpus were written by people: three forward a bounce, two are
// ordinary mail that a program must not take for one.
func TestBouncesAreNoise(t *testing.T) {
	total, people := 0, 0
	reasons := map[mail.Noise]int{}
	for name, messages := range messagesIn(t, "automated") {
		for _, raw := range messages {
			if len(bytes.TrimSpace(raw)) == 0 {
				continue
			}
			total++
			noise := mail.Parse(raw, received).Noise
			if reasons[noise]++; noise == "" {
				people++
				t.Log(filepath.Base(name))
			}
		}
	}
	t.Logf("%d of %d without a mark; by mark: %v", people, total, reasons)
	if total < 700 || people > 5 {
		t.Errorf("%d of %d automatic messages bear no mark, want the 5 that people wrote", people, total)
	}
}
