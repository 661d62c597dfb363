package text_test

import (
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/text"
)

const corpora = "../../../shared/corpora"

// corpus is the path of real data that is not part of the project.
func corpus(t *testing.T, path string) string {
	t.Helper()
	full := filepath.Join(corpora, path)
	if _, err := os.Stat(full); err != nil {
		t.Skipf("no corpus at %s", full)
	}
	return full
}

func readFile(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// The mails of Discourse beside what it takes for new. It keeps quoted lines that
// answers stand under, for people to read; here they never count, so they are left
// out of what is expected.
func TestQuotesOfDiscourse(t *testing.T) {
	dir := corpus(t, "text/quote/discourse")
	names, err := filepath.Glob(filepath.Join(dir, "emails", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	exact := 0
	for _, name := range names {
		base := filepath.Base(name)
		want := unmarked(readFile(t, filepath.Join(dir, "trimmed", base)))
		paragraphs, _ := text.New(readFile(t, name))
		got := strings.Join(strings.Fields(strings.Join(paragraphs, " ")), " ")
		if got == want {
			exact++
			continue
		}
		t.Logf("%s\n got  %q\n want %q", base, clip(got), clip(want))
	}
	t.Logf("%d of %d exact (%.2f)", exact, len(names), float64(exact)/float64(len(names)))
	if len(names) == 0 || float64(exact) < 0.9*float64(len(names)) {
		t.Errorf("%d of %d exact, want 0.90", exact, len(names))
	}
}

func unmarked(s string) string {
	var kept []string
	for line := range strings.Lines(s) {
		if !strings.HasPrefix(strings.TrimSpace(line), ">") {
			kept = append(kept, strings.Fields(line)...)
		}
	}
	return strings.Join(kept, " ")
}

func clip(s string) string { return s[:min(len(s), 300)] }

// The same answers as eleven programs send them.
func TestQuotesOfPrograms(t *testing.T) {
	names, _ := filepath.Glob(filepath.Join(corpus(t, "text/quote/talon/standard_replies"), "*.eml"))
	exact := 0
	for _, name := range names {
		paragraphs, _ := text.New(plain(t, name))
		got := strings.Join(strings.Fields(strings.Join(paragraphs, " ")), " ")
		if got == "Hello" {
			exact++
			continue
		}
		t.Logf("%s: got %q, want Hello", filepath.Base(name), clip(got))
	}
	t.Logf("%d of %d exact", exact, len(names))
	if exact < len(names) {
		t.Errorf("%d of %d exact", exact, len(names))
	}
}

// plain is the first text/plain part of a mail.
func plain(t *testing.T, name string) string {
	t.Helper()
	message, err := mail.ReadMessage(strings.NewReader(readFile(t, name)))
	if err != nil {
		t.Fatal(err)
	}
	return plainPart(message.Body, message.Header.Get("Content-Type"), message.Header.Get("Content-Transfer-Encoding"))
}

func plainPart(body io.Reader, contentType, encoding string) string {
	kind, params, _ := mime.ParseMediaType(contentType)
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, params["boundary"])
		for {
			part, err := parts.NextRawPart()
			if err != nil {
				return ""
			}
			found := plainPart(part, part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"))
			if found != "" {
				return found
			}
		}
	}
	if kind != "" && kind != "text/plain" {
		return ""
	}
	switch strings.ToLower(encoding) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	content, _ := io.ReadAll(body)
	return string(content)
}

func TestNew(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		want []string
		cut  text.Cut
	}{
		"answers between quotes": {
			"On Mon, 4 May 2026 at 10:00, Ana Lima <ana@example.org> wrote:\n> Can you come?\nYes.\n\n> And Bob?\nNo.",
			[]string{"Yes.", "No."},
			text.Cut{Quoted: 3},
		},
		"an unmarked quote that promises": {
			"Thanks!\n\nOn Mon, 4 May 2026 at 10:00, Ana Lima <ana@example.org> wrote:\n\nI will send you the deck by Friday.",
			[]string{"Thanks!"},
			text.Cut{Quoted: 2},
		},
		"Outlook": {
			"Fine.\n\n-----Original Message-----\nFrom: Ana\nSent: Monday\nTo: Bob\nSubject: Deck\n\nI will send it.",
			[]string{"Fine."},
			text.Cut{Quoted: 6},
		},
		"header block alone": {
			"Fine.\n\n________________\nVon: Ana\nGesendet: Montag\nAn: Bob\nBetreff: Deck\n\nIch schicke es.",
			[]string{"Fine."},
			text.Cut{Quoted: 6},
		},
		"forwarded": {
			"FYI\n\nBegin forwarded message:\n\nFrom: Ana\nI will send it.",
			[]string{"FYI"},
			text.Cut{Forwarded: 3},
		},
		"signature": {
			"See you.\n\nBob\n-- \nBob Stone\nExample Ltd",
			[]string{"See you.", "Bob"},
			text.Cut{Signature: 3},
		},
		"what free mail adds": {
			"Are you coming?\n\n__________________________________\nDo You Yahoo!?\nMake a great connection",
			[]string{"Are you coming?"},
			text.Cut{Signature: 3},
		},
		"what free mail adds above a quote": {
			"Yes.\n\n__________________________________\nDo You Yahoo!?\n\n-----Original Message-----\nFrom: Ana\nI will send it.",
			[]string{"Yes."},
			text.Cut{Signature: 2, Quoted: 3},
		},
		"signature without a mark": {
			"See you.\n\nBest regards,\nBob Stone\nHead of Sales\nExample Ltd\nTel. +1 202 555 0134\nbob@example.com",
			[]string{"See you.", "Best regards,\nBob Stone"},
			text.Cut{Signature: 4},
		},
		"a link at the end": {
			"The deck is here:\nhttps://example.com/deck",
			[]string{"The deck is here:\nhttps://example.com/deck"},
			text.Cut{},
		},
		"disclaimer": {
			"Hello\n\nThis message is confidential and meant for the intended recipient only. If you received this email in error, please notify the sender.",
			[]string{"Hello"},
			text.Cut{Disclaimer: 1},
		},
		"lines that only look like it": {
			"From here I wrote:\nTo do: milk\nOn this day\nI wrote something.",
			[]string{"From here I wrote:\nTo do: milk\nOn this day\nI wrote something."},
			text.Cut{},
		},
		"not seen": {"a\u202eb\x00c\u200b", []string{"abc"}, text.Cut{}},
	} {
		got, cut := text.New(test.body)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: New() mismatch (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(test.cut, cut); diff != "" {
			t.Errorf("%s: cut mismatch (-want +got):\n%s", name, diff)
		}
	}
}

// Ten megabytes of quotes cost what 32 KiB cost: the rest is not looked at.
func TestNewIsBounded(t *testing.T) {
	for _, line := range []string{"> quoted\n", "On 2026-05-04 x <a@b.example\n", "From: a\n\n", "From: a\n", "--\n", "x\n\n"} {
		body := strings.Repeat(line, 10<<20/len(line))
		paragraphs, cut := text.New(body)
		size := len(strings.Join(paragraphs, "")) + cut.Quoted + cut.Signature
		if size > 40<<10 {
			t.Errorf("%q: %d bytes and lines of 10 MB", line, size)
		}
	}
}

func FuzzNew(f *testing.F) {
	f.Add("Hi\n> a\nOn 2026-05-04 Ana <a@example.org> wrote:\nb\n-- \nBob")
	f.Add("-----Original Message-----\nFrom: a\nSent: b\nTo: c")
	f.Fuzz(func(t *testing.T, body string) {
		paragraphs, _ := text.New(body)
		at := 0
		folded := visible(body)
		for _, p := range paragraphs {
			i := strings.Index(folded[at:], visible(p))
			if i < 0 {
				t.Fatalf("%q is not in %q, or not there in order", p, body)
			}
			at += i
		}
	})
}

// visible is what is left of a text without white space and what is not seen.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, s)
}
