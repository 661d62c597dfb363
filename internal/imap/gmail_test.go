package imap_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/imap"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
)

var owner = ledger.Me{Addresses: []string{"bob@example.com"}, Zone: time.UTC}

func emptyLedger(t *testing.T, me ledger.Me) *ledger.Ledger {
	t.Helper()
	l, err := ledger.Open(t.Context(), ledger.Options{Dir: t.TempDir(), Me: me})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func unchanged(*ledger.Mail) {}

// letter makes a message; marks are header lines that come before the others.
func letter(id string, n int, from, to, marks string) imaptest.Message {
	at := sent.Add(time.Duration(n) * time.Hour)
	return imaptest.Message{At: at, Raw: fmt.Sprintf("%sFrom: %s\nTo: %s\nDate: %s\nMessage-ID: <%s>\nSubject: Hello %s\n\nText\n",
		marks, from, to, at.Format(time.RFC1123Z), id, id)}
}

func put(t *testing.T, s *imaptest.Server, box string, messages ...imaptest.Message) {
	t.Helper()
	if _, err := s.Append(box, messages...); err != nil {
		t.Fatal(err)
	}
}

// directions tells whose each message is.
func directions(t *testing.T, l *ledger.Ledger) map[string]ledger.Direction {
	t.Helper()
	out := map[string]ledger.Direction{}
	for id, r := range rows(t, l) {
		out[id] = r.Direction
	}
	return out
}

func unsent(t *testing.T, l *ledger.Ledger) bool {
	t.Helper()
	s, err := l.Snapshot(t.Context(), sent.AddDate(0, 1, 0), time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return slices.Contains(s.Unsent, "work")
}

// On Gmail everything but spam and trash is in \All, which alone is read. What I
// sent bears no mark of delivery there; the account counts as having its sent
// mail found once there is some.
func TestGmailAllMail(t *testing.T) {
	const delivered = "Delivered-To: bob@example.com\nReturn-Path: <somebody@example.org>\n"
	s := server(t, 0)
	s.Capabilities = append(slices.Clone(imaptest.DefaultCapabilities), "X-GM-EXT-1")
	for name, use := range map[string]string{"All Mail": `\All`, "Sent Mail": `\Sent`, "Spam": `\Junk`, "Trash": `\Trash`} {
		s.Create("[Gmail]/"+name, use)
	}
	in := letter("in@x", 1, "ana@example.org", "bob@example.com", delivered)
	forged := letter("forged@x", 2, "bob@example.com", "bob@example.com, ana@example.org", delivered)
	put(t, s, "INBOX", in, forged)
	put(t, s, "[Gmail]/All Mail", in, forged)
	put(t, s, "[Gmail]/Spam", letter("spam@x", 3, "cy@example.net", "bob@example.com", delivered))
	put(t, s, "[Gmail]/Trash", letter("gone@x", 4, "bob@example.com", "ana@example.org", ""))

	l := emptyLedger(t, owner)
	session := open(t, s)
	takeAll(t, session, l, unchanged)
	if diff := cmp.Diff(map[string]ledger.Direction{"in@x": ledger.In, "forged@x": ledger.None}, directions(t, l)); diff != "" {
		t.Errorf("without sent mail: mismatch (-want +got):\n%s", diff)
	}
	if !unsent(t, l) {
		t.Error("sent mail counts as found, though none is there")
	}

	out := letter("out@x", 5, "bob@example.com", "ana@example.org", "")
	put(t, s, "[Gmail]/Sent Mail", out)
	put(t, s, "[Gmail]/All Mail", out)
	takeAll(t, session, l, unchanged)
	want := map[string]ledger.Direction{"in@x": ledger.In, "forged@x": ledger.None, "out@x": ledger.Out}
	if diff := cmp.Diff(want, directions(t, l)); diff != "" {
		t.Errorf("with sent mail: mismatch (-want +got):\n%s", diff)
	}
	if unsent(t, l) {
		t.Error("sent mail was not found among all the mail")
	}
}

// Elsewhere a Sent folder is found by its use, its name or the configuration,
// and where nothing tells, by its content.
func TestSentFolderIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		folder string
		uses   []string
		sent   string // of the account
		want   ledger.SentBy
	}{
		"use":           {folder: "Ausgang", uses: []string{`\Sent`}, want: ledger.SentByUse},
		"name":          {folder: "Gesendet", want: ledger.SentByName},
		"configuration": {folder: "Ausgang", sent: "Ausgang", want: ledger.SentByConfiguration},
		"content":       {folder: "Ausgang", want: ledger.SentByContent},
	} {
		t.Run(name, func(t *testing.T) {
			s := server(t, 1)
			s.Create(test.folder, test.uses...)
			for n := range 25 {
				put(t, s, test.folder, letter(fmt.Sprintf("out%d@x", n), n, "bob@example.com", "ana@example.org", ""))
			}
			l := emptyLedger(t, owner)
			account := imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: s.Dial, Sent: test.sent}
			takeAll(t, openAccount(t, account), l, unchanged)
			health, err := l.Health(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]ledger.SentBy{}
			for _, h := range health {
				got[h.Source.Name] = h.SentBy
			}
			if diff := cmp.Diff(map[string]ledger.SentBy{"INBOX": "", test.folder: test.want}, got); diff != "" || unsent(t, l) {
				t.Errorf("unsent: %v, found by: mismatch (-want +got):\n%s", unsent(t, l), diff)
			}
		})
	}
}

// Two folders get a new UIDVALIDITY at once, and with it one of them loses a
// message to the other: nothing is doubled.
func TestTwoFoldersRenewed(t *testing.T) {
	s := server(t, 0)
	s.Create("Archive")
	all := make([]imaptest.Message, 0, 6)
	for n := range 6 {
		all = append(all, letter(fmt.Sprintf("m%d@x", n), n, "ana@example.org", "bob@example.com", "Delivered-To: bob@example.com\n"))
	}
	put(t, s, "INBOX", all[:4]...)
	put(t, s, "Archive", all[3:]...)
	l := emptyLedger(t, owner)
	session := open(t, s)
	takeAll(t, session, l, unchanged)
	before := rows(t, l)
	for box, messages := range map[string][]imaptest.Message{"INBOX": all[:2], "Archive": all[2:]} {
		if err := s.Renew(box, messages...); err != nil {
			t.Fatal(err)
		}
	}
	takeAll(t, session, l, unchanged)
	after := rows(t, l)
	for _, all := range []map[string]ledger.InteractionRow{before, after} {
		for id, r := range all {
			r.Evidence.Folder = "" // the one that moved is known of both now
			all[id] = r
		}
	}
	if diff := cmp.Diff(before, after); diff != "" || len(after) != 6 {
		t.Errorf("%d messages, want 6; mismatch (-before +after):\n%s", len(after), diff)
	}
	totals, err := l.Totals(t.Context())
	if err != nil || totals.Mail != 6 {
		t.Errorf("%d mails, %v; want 6", totals.Mail, err)
	}
}
