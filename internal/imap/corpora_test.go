package imap_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"syncd/internal/imap"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
	"syncd/internal/mail"
)

// corpora is where real mail lies that is not part of the project.
const corpora = "../../../shared/corpora/mail"

func corpus(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(corpora, path))
	if err != nil {
		t.Skipf("the corpus is absent: %v", err)
	}
	return b
}

// readBoxes scans the mailboxes into a fresh ledger and gives whom it takes for no
// person: role, shared and list addresses, and senders by their habits.
func readBoxes(t *testing.T, me []string, boxes map[string][]imaptest.Message) map[string]bool {
	t.Helper()
	s := imaptest.New("bob", password)
	t.Cleanup(s.Close)
	s.Create("Sent", `\Sent`)
	for name, messages := range boxes {
		if _, err := s.Append(name, messages...); err != nil {
			t.Fatal(err)
		}
	}
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Me: ledger.Me{Addresses: me}, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: s.Dial})
	for name := range boxes {
		for b, err := range session.Scan(t.Context(), mailbox(t, session, name), ledgerCursor) {
			if err == nil {
				err = l.Append(t.Context(), b)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	offices := map[string]bool{}
	for c, err := range l.Contacts(t.Context(), true) {
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range c.Addresses {
			offices[a] = c.Role
		}
	}
	return offices
}

// TestEasyHamThroughTheLedger reads 2,500 mails as one mailbox and counts, per
// label, what was called noise: by its marks, or by what its sender is. No
// person may be (SPEC section 6 allows one in two hundred).
func TestEasyHamThroughTheLedger(t *testing.T) {
	labels := map[string][2]string{} // label, and how it was drawn
	for line := range strings.Lines(string(corpus(t, "spamassassin/easy-ham-1.labels.tsv"))) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) >= 3 {
			labels[filepath.Base(f[0])] = [2]string{f[1], f[2]}
		}
	}
	z, err := gzip.NewReader(bytes.NewReader(corpus(t, "spamassassin/easy-ham-1.tar.gz")))
	if err != nil {
		t.Fatal(err)
	}
	received := time.Date(2002, 12, 1, 0, 0, 0, 0, time.UTC)
	var names []string
	var inbox []imaptest.Message
	for r := tar.NewReader(z); ; {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(raw) == 0 {
			continue
		}
		if _, after, ok := bytes.Cut(raw, []byte("\n")); ok && bytes.HasPrefix(raw, []byte("From ")) {
			raw = after
		}
		names = append(names, filepath.Base(e.Name))
		inbox = append(inbox, imaptest.Message{At: received, Raw: string(raw)})
	}
	offices := readBoxes(t, []string{"yyyy@spamassassin.taint.org", "zzzz@spamassassin.taint.org"}, map[string][]imaptest.Message{"INBOX": inbox})
	by := map[string]int{}
	marked := map[mail.Noise]int{}
	type count struct{ total, marks, sender, nobodys, left int }
	counts := map[string]*count{}
	for i, m := range inbox {
		h := mail.Parse([]byte(m.Raw), received)
		label := labels[names[i]]
		if marked[h.Noise]++; h.Noise == "" && len(h.From) > 0 && offices[h.From[0].Address] {
			by[h.From[0].Address]++
		}
		for _, key := range []string{label[0], label[0] + " drawn at random"} {
			if label[0] == "" || key != label[0] && label[1] != "random" {
				continue
			}
			if counts[key] == nil {
				counts[key] = &count{}
			}
			c := counts[key]
			switch c.total++; {
			case h.Noise != "":
				c.marks++
			case len(h.From) > 0 && offices[h.From[0].Address]:
				c.sender++
			case len(h.To)+len(h.Cc)+len(h.Bcc) == 0: // to nobody: never direct, moves no clock
				c.nobodys++
			default:
				c.left++
				if label[0] != "person" && key == label[0] {
					t.Logf("taken for a person's: %s", names[i])
				}
			}
		}
	}
	t.Logf("all %d: by marks %v, by sender %v", len(inbox), marked, by)
	t.Logf("%-24s %8s %8s %8s %8s %8s", "label", "messages", "by marks", "sender", "to none", "left")
	for _, key := range []string{"person", "list", "robot", "bulk", "list drawn at random", "robot drawn at random", "bulk drawn at random"} {
		if c := counts[key]; c != nil {
			t.Logf("%-24s %8d %8d %8d %8d %8d", key, c.total, c.marks, c.sender, c.nobodys, c.left)
		}
	}
	// docs/accuracy.md has the figures.
	if len(inbox) != 2500 {
		t.Errorf("%d messages, want 2500", len(inbox))
	}
	if c := counts["person"]; c == nil || c.total != 44 || c.left != c.total {
		t.Errorf("people: %+v, want 44 and none lost", c)
	}
	for label, most := range map[string]count{"list": {total: 207, nobodys: 18}, "robot": {total: 82, left: 1}, "bulk": {total: 6}} {
		if c := counts[label]; c == nil || c.total != most.total || c.nobodys > most.nobodys || c.left > most.left {
			t.Errorf("%s: %+v, want no more left than %+v", label, c, most)
		}
	}
}

// TestTwoWayCounterpartsAreKept lists, of three real mailboxes, every message to
// the owner from somebody they wrote to that was called noise, and why. Nothing
// but automatic answers may be.
func TestTwoWayCounterpartsAreKept(t *testing.T) {
	// docs/accuracy.md has the figures: counterparts, automatic answers of theirs, and
	// those of them who are taken for an office.
	type figures struct{ people, answers, offices int }
	wants := map[string]figures{"whitt-m": {61, 1, 1}, "ruscitti-k": {57, 0, 0}, "blair-l": {129, 11, 0}}
	for _, name := range slices.Sorted(maps.Keys(wants)) {
		var truth struct {
			Owner  struct{ Own []string }
			Scopes struct {
				All struct {
					ByContent struct {
						Counterparts map[string]struct{ Sent, Received int }
					} `json:"by_content"`
				}
			}
		}
		if err := json.Unmarshal(corpus(t, "enron/"+name+".truth.json"), &truth); err != nil {
			t.Fatal(err)
		}
		twoWay := map[string]bool{}
		for a, c := range truth.Scopes.All.ByContent.Counterparts {
			twoWay[a] = c.Sent > 0 && c.Received > 0
		}
		boxes := enron(t, name)
		offices := readBoxes(t, truth.Owner.Own, boxes)
		kept, noise := map[string]int{}, map[string][]string{}
		for _, messages := range boxes {
			for _, m := range messages {
				h := mail.Parse([]byte(m.Raw), m.At)
				toOwner := slices.ContainsFunc(h.To, func(a mail.Address) bool { return slices.Contains(truth.Owner.Own, a.Address) })
				if len(h.From) == 0 || !twoWay[h.From[0].Address] || !toOwner {
					continue
				}
				switch a := h.From[0].Address; {
				case h.Noise != "":
					noise[a] = append(noise[a], fmt.Sprintf("%s: %q", h.Noise, h.Subject))
				default:
					kept[a]++
				}
			}
		}
		var got figures
		lost := 0
		for _, a := range slices.Sorted(maps.Keys(twoWay)) {
			if !twoWay[a] {
				continue
			}
			got.people++
			for _, why := range noise[a] {
				t.Logf("%s: %s: %s (%d others kept)", name, a, why, kept[a])
				if got.answers++; !strings.HasPrefix(why, string(mail.Autoreply)) {
					lost++
				}
			}
			if offices[a] {
				got.offices++
				t.Logf("%s: %s is taken for an office", name, a)
			}
		}
		t.Logf("%s: %d two-way counterparts, %d of their messages called noise, %d of these no automatic answers", name, got.people, got.answers, lost)
		if got != wants[name] || lost > 0 {
			t.Errorf("%s: %+v and %d messages lost, want %+v and none", name, got, lost, wants[name])
		}
	}
}

// TestNamesOfOffices counts how many of the local parts that others list as
// those of offices and programs are told, as noise or as role addresses.
func TestNamesOfOffices(t *testing.T) {
	for list, want := range map[string][2]int{"no-reply-list": {18, 18}, "admin-list": {119, 261}} { // docs/accuracy.md
		var names []string
		if err := json.Unmarshal(corpus(t, "../lists/reserved-addresses/"+list+".json"), &names); err != nil {
			t.Fatal(err)
		}
		var inbox []imaptest.Message
		noise := map[string]bool{}
		for i, n := range names {
			m := imaptest.Message{At: sent, Raw: fmt.Sprintf("From: %s@example.org\nTo: bob@example.com\nMessage-ID: <%d@example.org>\nSubject: a\n\n", n, i)}
			noise[n] = mail.Parse([]byte(m.Raw), sent).Noise != ""
			inbox = append(inbox, m)
		}
		offices := readBoxes(t, []string{"bob@example.com"}, map[string][]imaptest.Message{"INBOX": inbox})
		told := 0
		var others []string
		for _, n := range names {
			if noise[n] || offices[n+"@example.org"] {
				told++
			} else {
				others = append(others, n)
			}
		}
		t.Logf("%s: %d of %d told; not: %s", list, told, len(names), strings.Join(others, " "))
		if got := [2]int{told, len(names)}; got != want {
			t.Errorf("%s: %d of %d told, want %d of %d", list, told, len(names), want[0], want[1])
		}
	}
}

var sentFolder = regexp.MustCompile(`^_?sent`)

// enron gives one of the mailboxes, in two.
func enron(t *testing.T, name string) map[string][]imaptest.Message {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpora, "enron", name, "*.mbox"))
	if err != nil || files == nil {
		t.Skipf("the corpus is absent: %s, %v", name, err)
	}
	boxes := map[string][]imaptest.Message{}
	for _, f := range files {
		box := "INBOX"
		if sentFolder.MatchString(filepath.Base(f)) {
			box = "Sent"
		}
		for _, m := range mbox(t, corpus(t, filepath.Join("enron", name, filepath.Base(f)))) {
			m.At = time.Date(2002, 12, 1, 0, 0, 0, 0, time.UTC)
			boxes[box] = append(boxes[box], m)
		}
	}
	return boxes
}
