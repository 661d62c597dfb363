package imap_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"syncd/internal/imap"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
)

// FuzzScan puts bytes between two good answers. The scan must end, and if the
// bytes do not open a string, say goodbye or bear a tag, both are delivered.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"* 2 FETCH (UID 2 BODY[HEADER] {2}\r\n\r\nEXTRA)\r\n", "* 2 FETCH (UID 2 FLAGS (\\Seen [x\r\n", "* BYE\r\n", "+\r\n", "* 2\r\n", "\r\n",
		"* 2 FETCH (UID 2 BODY[HEADER] \"a\r\nb\")\r\n", "A1 OK\r\n* OK [\r\n", "* LIST (((\r\n", "* 2 FETCH (UID 2 BODY[HEADER]<0> NIL)\r\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, between string) {
		peer := &imaptest.Script{
			Greeting: "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n",
			Answers: []imaptest.Answer{
				{Command: "LIST", Reply: "* LIST () \"/\" INBOX\r\n%T OK done\r\n"},
				{Command: "EXAMINE", Reply: "* 3 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 4]\r\n%T OK done\r\n"},
				{Command: "UID FETCH 1:3 (UID)", Reply: "* 1 FETCH (UID 1)\r\n* 3 FETCH (UID 3)\r\n%T OK done\r\n"},
				{Command: "UID FETCH 1:3", Reply: answer(1) + strings.ReplaceAll(between, "%T", "") + "\r\n" + answer(3) + "%T OK done\r\n"},
			},
		}
		session, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial, Timeout: 100 * time.Millisecond},
			credentials(), slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		defer session.Close(t.Context())
		got := map[uint32]bool{}
		for b, err := range session.Scan(t.Context(), imap.Mailbox{Name: "INBOX", Raw: "INBOX"}, ledger.Cursor{}) {
			if err == nil {
				for _, m := range b.Mail {
					got[m.UID] = true
				}
			} else if !strings.ContainsAny(between, "{\"A") && !strings.Contains(strings.ToUpper(between), "BYE") {
				t.Errorf("%q: %v", between, err)
			}
		}
		if !strings.ContainsAny(between, "{\"A") && !strings.Contains(strings.ToUpper(between), "BYE") && (!got[1] || !got[3]) {
			t.Errorf("%q: got %v, want 1 and 3", between, got)
		}
	})
}
