package setup_test

import (
	"fmt"
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
		"none":          {folder: "Out", want: "warn home sent: no folder with your sent mail was found"},
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
