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

// malformed is what servers were seen to send, or could. Most of it ends a
// connection of imapclient that is not guarded.
var malformed = []string{
	`* 2 FETCH (UID 2 ENVELOPE ("d" "two" (("Bob "x" B" NIL "b" "x.com")) NIL NIL NIL NIL NIL NIL "<2@x>"))`,
	`* 2 FETCH (UID 2 ENVELOPE ("d" "s" nil nil nil nil nil nil nil nil))`,
	`* 2 FETCH (UID 2 ENVELOPE NIL)`,
	`* 2 FETCH (UID 2 FLAGS NIL)`,
	`* 2 FETCH (UID 2 FLAGS (\Seen [Foo]))`,
	`* 2 FETCH (UID 2 FLAGS ("foo"))`,
	`* 2 FETCH (UID 2 INTERNALDATE NIL)`,
	`* 2 FETCH (UID 2 INTERNALDATE "00-Jan-0000 00:00:00 +0000")`,
	`* 2 FETCH (UID 2 RFC822.SIZE -1)`,
	`* 2 FETCH (UID 2 X-GM-MSGID 123)`,
	`* 2 FETCH (UID 4294967298)`,
	"* 9 FETCH (UID 9 RFC822.HEADER {2}\r\n\r\n)",
	"* 2 FETCH (UID 2 BODY[HEADER] {2}\r\n\r\nEXTRA)",
	"* 2 FETCH (UID 2 BODYSTRUCTURE " + strings.Repeat("(", 2000),
	`* VANISHED (EARLIER) 41,43`,
	`* LSUB () "/" INBOX`,
	`* XFOO bar`,
	``,
	` `,
	`*`,
	`garbage`,
	`+ what?`,
	`+`,
	`* OK`,
	`* OK [UIDNEXT 4294967296] ok`,
	`* OK [UIDVALIDITY -1] ok`,
	`* OK [HIGHESTMODSEQ -1] ok`,
	`* OK [PERMANENTFLAGS] ok`,
	`* OK [PERMANENTFLAGS (\Seen $has_cal [x] \*)] ok`,
	`* OK [BADCHARSET ("a]b")] x`,
	`* OK [COPYUID 1 2] x`,
	`* OK [ALERT what`,
	`* OK [Error="Microsoft.Exchange.Data.Storage.WrongServerException:Cross" AuthResultFromPopImapEnd=0 Proxy=X.COM:1993:SSL] hmm`,
	`* LIST () "/" "R&D"`,
	"* LIST () \"/\" \"Entw\xfcrfe\"",
	`* LIST () "/" "&BBAEMQQyACYEMwQ0BDU-"`,
	`* LIST () "" "A"`,
	`* LIST () "//" "A"`,
	`* LIST (\HasNoChildren \) "." "A"`,
	`* LIST NIL "." "A"`,
	"* LIST () \"/\" {3}\r\na\x00b",
	`* STATUS "R&D" (MESSAGES -1 UIDNEXT NIL)`,
	`* STATUS INBOX`,
	`* NAMESPACE (("" "//")) nil`,
	`* NAMESPACE (("" "/") ("#x" NIL "X" ("a"))) (("~" "")) ((NIL NIL))`,
	`* ID ("name" "Foo" "version" NIL)`,
	`* SEARCH 3 2  1 `,
	`* ESEARCH (TAG "T1") UID ALL`,
	`* CAPABILITY  IMAP4rev1 (X) "Y" IMAP4rev2 ENABLE`,
	`* FLAGS NIL`,
	`* many EXISTS`,
	`* EXISTS`,
	`* 99999999999 EXISTS`,
	`* 0 EXPUNGE`,
	`* THREAD (2)(3 6 (4 23)(44 7 96)`,
	`* QUOTA`,
	`* BYE`,
}

// TestMalformedAnswersAtEveryCommand sends all of these, less the goodbye, at
// every step of a session; what is not malformed arrives.
func TestMalformedAnswersAtEveryCommand(t *testing.T) {
	all := strings.Join(malformed[:len(malformed)-1], "\r\n")
	for where, command := range steps {
		t.Run(command, func(t *testing.T) {
			got, err := converse(t, where, all, "OK done", 10*time.Second)
			if err != nil {
				t.Error(err)
			}
			for uid := uint32(1); uid <= 3; uid++ {
				if !got[uid] {
					t.Errorf("message %d did not arrive", uid)
				}
			}
		})
	}
}

// FuzzGuard says anything before the end of any command, and ends it with
// anything. Whatever the guard lets through, imapclient must be able to read.
func FuzzGuard(f *testing.F) {
	for i, line := range malformed {
		f.Add(uint8(i), line, "OK done")
		f.Add(uint8(5), line, "NO [X] no")
	}
	for i, end := range []string{
		"OK", "NO", "BAD", "OK [CAPABILITY IMAP4rev1 (] hi", "NO [COPYUID x] a", "NO [APPENDUID] a", "OK [", "NO [[", "NO []", "NO [x]y", "NO [A B]  c",
		`OK [Error="Microsoft.Exchange:Cross Server access" Proxy=X:1993:SSL] AUTHENTICATE completed.`, "PREAUTH", "OK [CLOSED] x", "NO \x1b[31m", "OK \xff{5}",
	} {
		f.Add(uint8(i), "* OK hi", end)
	}
	f.Fuzz(func(t *testing.T, where uint8, text, end string) {
		_, err := converse(t, int(where)%len(steps), text, end, 20*time.Millisecond)
		if err != nil && strings.Contains(err.Error(), "makes no sense") {
			t.Errorf("%q at %s, then %q: %v", text, steps[int(where)%len(steps)], end, err)
		}
	})
}

// steps are the commands of converse.
var steps = []string{"CAPABILITY", "LOGIN", "LIST", "NAMESPACE", "STATUS", "EXAMINE", "UID FETCH 1:3 (UID)", "UID FETCH 1:3 (UID INTERNALDATE BODY.PEEK[]", "UID FETCH 1:3 (UID INTERNALDATE", "IDLE", "DONE"}

// converse goes through all that a session does, with a peer that says more at
// one step. It gives the messages that arrived and the first error.
func converse(t *testing.T, where int, text, end string, timeout time.Duration) (map[uint32]bool, error) {
	t.Helper()
	replies := map[string]string{
		"CAPABILITY": "* CAPABILITY IMAP4rev1 NAMESPACE IDLE LIST-EXTENDED SPECIAL-USE\r\n", "LIST": "* LIST () \"/\" INBOX\r\n",
		"NAMESPACE": "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n", "STATUS": "* STATUS INBOX (UIDNEXT 4)\r\n",
		"EXAMINE":             "* 3 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 4]\r\n",
		"UID FETCH 1:3 (UID)": "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n", "UID FETCH 1:3 (UID INTERNALDATE": answer(1) + answer(2) + answer(3),
		"UID FETCH 1:3 (UID INTERNALDATE BODY.PEEK[]": beginning(1) + beginning(2) + beginning(3),
	}
	peer := &imaptest.Script{Greeting: "* OK hi\r\n"}
	for i, command := range steps {
		more, last := "", "%T OK done\r\n"
		if i == where {
			more, last = text+"\r\n", "%T "+end+"\r\n"+last // junk, unless end is none
		}
		if command == "IDLE" {
			last = "+ idling\r\n"
		}
		peer.Answers = append(peer.Answers, imaptest.Answer{Command: command, Reply: more + replies[command] + last})
	}
	session, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial, Timeout: timeout},
		credentials(), slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer session.Close(t.Context())
	boxes, err := session.Mailboxes(t.Context())
	if err != nil {
		return nil, err
	}
	got := map[uint32]bool{}
	for _, b := range boxes {
		for batch, err := range session.Scan(t.Context(), b, ledger.Cursor{}) {
			if err != nil {
				return got, err
			}
			for _, m := range batch.Mail {
				got[m.UID] = true
			}
		}
		readings := 0
		for read, err := range session.Texts(t.Context(), b, wantedUIDs(imap.Mailbox{UIDValidity: 1}, 1, 2, 3)) {
			if err != nil {
				return got, err
			}
			readings += len(read)
		}
		if readings > 3 {
			t.Errorf("%d readings of 3 messages", readings)
		}
	}
	return got, session.Wait(t.Context(), time.Millisecond)
}

// FuzzScan puts bytes between two good answers. The scan must end, and if the
// bytes do not open a string, say goodbye or bear a tag, both are delivered.
func FuzzScan(f *testing.F) {
	for _, seed := range []string{
		"* 2 FETCH (UID 2 BODY[HEADER] {2}\r\n\r\nEXTRA)\r\n", "* 2 FETCH (UID 2 FLAGS (\\Seen [x\r\n", "* BYE\r\n", "+\r\n", "* 2\r\n", "\r\n",
		"* 2 FETCH (UID 2 BODY[HEADER] \"a\r\nb\")\r\n", "T1 OK\r\n* OK [\r\n", "* LIST (((\r\n", "* 2 FETCH (UID 2 BODY[HEADER]<0> NIL)\r\n",
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
			} else if !strings.ContainsAny(between, "{\"T") && !strings.Contains(strings.ToUpper(between), "BYE") {
				t.Errorf("%q: %v", between, err)
			}
		}
		if !strings.ContainsAny(between, "{\"T") && !strings.Contains(strings.ToUpper(between), "BYE") && (!got[1] || !got[3]) {
			t.Errorf("%q: got %v, want 1 and 3", between, got)
		}
	})
}
