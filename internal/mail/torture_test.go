package mail_test

import (
	"bytes"
	"html"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/mail"
)

var (
	// noMail are files that lie among the messages: expected results, and parts
	// taken out of messages.
	noMail      = regexp.MustCompile(`\.(?:xml|out|golden|png|json|doc|dat|bin|md|noindex|noupdate|ignore)$|_decoded[_0-9]*\.txt$|-body\.txt$|french-fable|/output/|sample_output|/files/|ARTISTIC-LICENSE|README|/size-\d$`)
	mailboxFile = regexp.MustCompile(`\.mbox$|/mailbox/|/mbox/`)
)

// messagesIn gives the messages of a folder of the corpora by the path of their
// file; a mailbox file holds several.
func messagesIn(t *testing.T, dir string) map[string][][]byte {
	t.Helper()
	out := map[string][][]byte{}
	root := corpus(t, dir)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || noMail.MatchString(path) {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(root, path)
		out[name] = [][]byte{raw}
		if mailboxFile.MatchString(path) && bytes.HasPrefix(raw, []byte("From ")) {
			out[name] = mbox(raw)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mbox(raw []byte) (all [][]byte) {
	raw = bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	for i, m := range bytes.Split(append([]byte("\n\n"), raw...), []byte("\n\nFrom ")) {
		if i > 0 {
			_, m, _ = bytes.Cut(m, []byte("\n"))
			all = append(all, m)
		}
	}
	return all
}

var addressField = regexp.MustCompile(`(?im)^(from|to|cc|bcc):[ \t]*([^\r\n]*[^\r\n\t :;][^\r\n]*)\r?$`)

// outcome says how a message was read, as a scan does it: skipped without a
// sender, partly read where something was guessed or left out, and why.
func outcome(raw []byte) (reasons []string, skipped bool) {
	h := mail.Parse(raw, received)
	if len(h.From) == 0 && len(h.Sender) == 0 && h.Noise == "" {
		return []string{"no sender"}, true
	}
	add := func(reason string, when bool) {
		if when {
			reasons = append(reasons, reason)
		}
	}
	fields := map[string][]mail.Address{"from": h.From, "to": h.To, "cc": h.Cc, "bcc": h.Bcc}
	all := slices.Concat(h.From, h.To, h.Cc, h.Bcc)
	add("address picked out of broken syntax", slices.ContainsFunc(all, func(a mail.Address) bool { return a.Loose }))
	head, _, _ := bytes.Cut(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), []byte("\n\n"))
	lost := false
	for _, m := range addressField.FindAllSubmatch(head, -1) {
		group := bytes.Contains(m[2], []byte(":")) && !bytes.Contains(m[2], []byte("@"))
		lost = lost || !group && len(fields[strings.ToLower(string(m[1]))]) == 0
	}
	add("address field without an address", lost)
	add("no Message-ID: made from content", h.Synthetic)
	add("date "+string(h.DateFrom)+": time of arrival", h.DateFrom != mail.DateFromHeader)
	text := h.Subject
	for _, a := range all {
		text += a.Name
	}
	add("characters that nothing tells how to read", strings.ContainsAny(text, "\ufffd") || strings.Contains(text, "=?"))
	return reasons, false
}

// TestReadPartlySkipped prints, for docs/accuracy.md, how the odd mail of the
// corpora was read. None is skipped that names a sender.
func TestReadPartlySkipped(t *testing.T) {
	sender := regexp.MustCompile(`(?im)^(?:from|sender)[ \t]*:[^\n]*[^ \t<>@"]@[a-z0-9]`)
	for _, dir := range []string{"torture", "automated", "lists", "enron"} {
		files, total := 0, 0
		counts := map[string]int{}
		reasons := map[string]int{}
		for name, messages := range messagesIn(t, dir) {
			files++
			for _, raw := range messages {
				total++
				why, skipped := outcome(raw)
				switch {
				case skipped:
					counts["skipped"]++
					head, _, _ := bytes.Cut(bytes.TrimLeft(bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n")), "\n"), []byte("\n\n"))
					if sender.Match(head) {
						t.Errorf("%s names a sender and is skipped", name)
					}
				case why == nil:
					counts["read"]++
				default:
					counts["partly"]++
				}
				for _, r := range why {
					reasons[r]++
				}
			}
		}
		t.Logf("%s: %d files, %d messages: %d read, %d partly, %d skipped", dir, files, total, counts["read"], counts["partly"], counts["skipped"])
		for _, r := range slices.Sorted(maps.Keys(reasons)) {
			t.Logf("%5d %s", reasons[r], r)
		}
		if total < 300 || counts["read"] == 0 {
			t.Errorf("%s: only %d messages", dir, total)
		}
	}
}

// stated is what an expected parse says of a header.
type stated struct {
	From, To, Cc []mail.Address
	Subject, ID  string
	Date         string
	Fingerprint  string
}

func statedBy(h mail.Header) stated {
	s := stated{From: h.From, To: h.To, Cc: h.Cc, Subject: h.Subject, Date: h.Date.String() + string(h.DateFrom), Fingerprint: h.Fingerprint}
	if !h.Synthetic {
		s.ID = h.MessageID
	}
	return s
}

// TestHeadersAsMime4jReadsThem compares with the fields that mime4j expects in
// its own test messages.
func TestHeadersAsMime4jReadsThem(t *testing.T) {
	field := regexp.MustCompile(`(?s)<field>\r?\n?(.*?)</field>`)
	compared := 0
	root := corpus(t, "torture/james-mime4j/core/src/test/resources")
	files, err := filepath.Glob(filepath.Join(root, "*", "*.msg"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		expected, err := os.ReadFile(strings.TrimSuffix(path, ".msg") + ".xml")
		if err != nil {
			continue
		}
		head, _, _ := strings.Cut(string(expected), "</header>")
		var block []string
		for _, m := range field.FindAllStringSubmatch(head, -1) {
			block = append(block, html.UnescapeString(strings.TrimRight(m[1], "\r\n")))
		}
		compared++
		if diff := cmp.Diff(statedBy(parse(block...)), statedBy(mail.Parse(raw, received))); diff != "" {
			t.Errorf("%s mismatch (-mime4j +got):\n%s", filepath.Base(path), diff)
		}
	}
	if compared < 50 {
		t.Errorf("%d messages compared, want at least 50", compared)
	}
	t.Logf("%d headers compared with mime4j's", compared)
}

// TestHeadersAsEnmimeWritesThem compares with the messages that enmime writes
// from its own test messages, and with what its tests say of them.
func TestHeadersAsEnmimeWritesThem(t *testing.T) {
	read := func(name string) mail.Header {
		raw, err := os.ReadFile(corpus(t, "torture/enmime/"+name))
		if err != nil {
			t.Fatal(err)
		}
		return mail.Parse(raw, received)
	}
	for _, name := range []string{"parser-raw-content-html-option", "parser-raw-content-text-option"} {
		want := statedBy(read("encode/" + name + ".raw"))
		for _, written := range []string{"-false", "-true"} {
			if diff := cmp.Diff(want, statedBy(read("encode/"+name+written+".raw.golden"))); diff != "" {
				t.Errorf("%s%s mismatch (-read +written):\n%s", name, written, diff)
			}
		}
	}
	type stated struct {
		Subject  string
		From, To []mail.Address
	}
	james, greg := []mail.Address{{Name: "James Hillyerd", Address: "james@makita.skynet"}}, []mail.Address{{Address: "greg@inbucket"}}
	for name, want := range map[string]stated{
		"encode/build-qp-addr-headers.golden": {
			"RFC 2047",
			[]mail.Address{{Name: "Olle Järnefors", Address: "ojarnef@admin.kth.se"}},
			[]mail.Address{{Name: "Patrik Fältström", Address: "paf@nada.kth.se"}, {Name: "Keld Jørn Simonsen", Address: "keld@dkuug.dk"}},
		},
		// enmime gives "Weiß foo" its angle brackets back to front and finds no
		// address; the one that is written there is meant.
		"encode/utf8-to.raw.golden": {
			"test utf8 to",
			[]mail.Address{{Address: "foo@bar.com", Loose: true}},
			[]mail.Address{{Name: "Jøhn Døe", Address: "bar@baz.com"}},
		},
		// enmime puts a comma between the two in From; an unquoted "A <a@x> via
		// B <b@x>" looks the same, so that the last is taken and marked.
		"mail/malformed-multiple-address-header-values.raw": {
			"Test",
			[]mail.Address{{Name: "Bob Dunite <bob@extern> Bobby Dunite", Address: "bobby@extern", Loose: true}},
			[]mail.Address{{Address: "alice@intern"}},
		},
		"mail/qp-utf8-header.raw": {
			"MIME UTF8 Test ¢ More Text",
			[]mail.Address{{Name: "James Hillyerd", Address: "jamehi03@jamehi03lx.noa.com"}, {Name: "André Pirard", Address: "pirard@vm1.ulg.ac.be"}},
			[]mail.Address{{Name: "Mirosław Marczak", Address: "marczak@inbucket.com"}},
		},
		"mail/qp-ascii-header.raw":        {"Test QP Subject!", []mail.Address{{Name: "James Hillyerd", Address: "james@hillyerd.com"}}, []mail.Address{{Address: "greg@inbucket.com"}}},
		"low-quality/empty-header.raw":    {"plain text", james, greg},
		"low-quality/bad-header-wrap.raw": {"Attachment", james, greg},
		// The first line begins with a space: enmime takes the field for a field.
		"low-quality/bad-header-start.raw": {"plain text", james, greg},
	} {
		h := read(name)
		if diff := cmp.Diff(want, stated{h.Subject, h.From, h.To}); diff != "" {
			t.Errorf("%s mismatch (-enmime +got):\n%s", name, diff)
		}
	}
}
