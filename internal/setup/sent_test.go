package setup_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"syncd/internal/caldav/caldavtest"
	"syncd/internal/ledger"
)

func TestCheckTellsWhereSentMailIs(t *testing.T) {
	for name, test := range map[string]struct {
		folder string
		uses   []string
		line   string // of the configuration
		want   string
	}{
		"use":           {folder: "Out", uses: []string{`\Sent`}, want: "home sent: your sent mail is in Out (as the server says)"},
		"name":          {folder: "Gesendet", want: "home sent: your sent mail is in Gesendet (by its name)"},
		"configuration": {folder: "Out", line: `sent = "Out"`, want: `home sent: your sent mail is in Out (as sent = "…" in the account says)`},
		"all":           {folder: "Everything", uses: []string{`\All`}, line: `folders = ["*"]`, want: "home sent: your sent mail is in Everything (among all other mail)"},
		"none":          {folder: "Out", want: "warn home sent: no folder with your sent mail was found yet, and the first scan may still find it by what is in it; until one is named"},
		"misspelt":      {folder: "Out", line: `sent = "Outt"`, want: `warn home sent: the folder "Outt", which should hold your sent mail, is not there`},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
			s.mail.Create(test.folder, test.uses...)
			want(t, s.check(t, right+"\n"+test.line, ""), test.want)
		})
	}
}

func TestCheckTellsSentMailByContent(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
	s.mail.Create("Out")
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Me: ledger.Me{Addresses: []string{"robin@example.org"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	b := ledger.Batch{
		Source: ledger.SourceID{Account: "home", Type: ledger.Mailbox, Name: "Out"},
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: 20, Lowest: 1, Complete: true},
	}
	for n := range 20 {
		b.Mail = append(b.Mail, ledger.Mail{
			UID: uint32(n + 1), ID: fmt.Sprint(n, "@example.org"), At: time.Date(2026, 3, 2, 9, n, 0, 0, time.UTC), Fingerprint: fmt.Sprint(n),
			People: []ledger.Participant{{Address: "robin@example.org", Role: ledger.RoleFrom}, {Address: "ana@example.net", Role: ledger.RoleTo}},
		})
	}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	s.ledger = l
	want(t, s.check(t, right, ""), "home sent: your sent mail is in Out (by its content: most of it is from you)")
}

// After the first scan there is no more to hope for; and an address that was found
// in it may be a wrong one.
func TestCheckAfterTheFirstScan(t *testing.T) {
	s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Me: ledger.Me{Addresses: []string{"robin@example.org"}, Internal: []string{"example.net"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	b := ledger.Batch{
		Source: ledger.SourceID{Account: "old", Type: ledger.Mailbox, Name: "Sent"}, Sent: true,
		Cursor: ledger.Cursor{UIDValidity: 1, Highest: 20, Lowest: 1, Complete: true},
	}
	for n := range 6 {
		from := []string{"robin@example.net", "robin+shop@example.net"}[n%2]
		b.Mail = append(b.Mail, ledger.Mail{
			UID: uint32(n + 1), ID: fmt.Sprint(n, "@example.org"), At: time.Date(2026, 3, 2, 9, n, 0, 0, time.UTC), Fingerprint: fmt.Sprint(n),
			People: []ledger.Participant{{Address: from, Role: ledger.RoleFrom}, {Address: "ana@example.com", Role: ledger.RoleTo}},
		})
	}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	b = ledger.Batch{Source: ledger.SourceID{Account: "home", Type: ledger.Mailbox, Name: "INBOX"}, Cursor: ledger.Cursor{UIDValidity: 1, Complete: true}}
	if err := l.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	s.ledger = l
	got := s.check(t, right, "")
	want(t, got, "robin@example.org is you: configured", "warn home sent: no folder with your sent mail was found; until one is named")
	if n := strings.Count(got, "not_me"); n != 1 {
		t.Errorf("not_me is named %d times, want once: %q", n, got)
	}
}

func TestCheckReadsUnsentMailOnlyByItsFullName(t *testing.T) {
	for folders, line := range map[string]string{
		`["*"]`:           "home folders: 1 folder is left out: Drafts (holds unsent mail; read only if folders names it in full)",
		`["*", "drafts"]`: "home folders: 2 folders are read: INBOX, Drafts",
	} {
		s := start(t, caldavtest.Calendar{Name: "f", Title: "Follow-ups"})
		s.mail.Create("Drafts", `\Drafts`)
		want(t, s.check(t, right+"\nfolders = "+folders, ""), line)
	}
}
