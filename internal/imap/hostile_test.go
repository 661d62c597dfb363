package imap_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/auth"
	"syncd/internal/imap"
	"syncd/internal/imap/imaptest"
	"syncd/internal/ledger"
)

// header is what a well-behaved server answers for message n.
func header(n int) string {
	raw, _, _ := strings.Cut(message(n).Raw, "\n\n")
	return strings.ReplaceAll(raw, "\n", "\r\n") + "\r\n\r\n"
}

// answer is a whole FETCH response for message n.
func answer(n int) string {
	h := header(n)
	return fmt.Sprintf("* %d FETCH (UID %d INTERNALDATE \"02-Mar-2026 09:0%d:00 +0000\" BODY[HEADER.FIELDS (DATE FROM)] {%d}\r\n%s)\r\n", n, n, n, len(h), h)
}

// beginning is the answer for the beginning of the n-th message.
func beginning(n int) string {
	text := header(n) + "I'll send it.\r\n"
	return fmt.Sprintf("* %d FETCH (UID %d BODY[]<0> {%d}\r\n%s)\r\n", n, n, len(text), text)
}

// TestMalformedAnswersLoseNothingElse puts each malformed response into an
// otherwise good scan of three messages, in the place of the answer for the
// second one or before it. The second is then fetched alone; only where that
// answer is malformed too is it skipped. The other two always arrive.
func TestMalformedAnswersLoseNothingElse(t *testing.T) {
	h := header(2)
	quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(h) + `"`
	instead := map[string]string{
		"unescaped quote in ENVELOPE":    `* 2 FETCH (UID 2 ENVELOPE ("d" "two" (("Bob "x" B" NIL "b" "x.com")) NIL NIL NIL NIL NIL NIL "<2@x>"))` + "\r\n",
		"odd quote":                      `* 2 FETCH (UID 2 ENVELOPE ("d" "tw"o"))` + "\r\n",
		"ENVELOPE of nine fields":        `* 2 FETCH (UID 2 ENVELOPE ("d" "s" ((NIL NIL "b" "x.com")) NIL NIL NIL NIL NIL NIL))` + "\r\n",
		"ENVELOPE NIL":                   "* 2 FETCH (UID 2 ENVELOPE NIL)\r\n",
		"atom for a subject":             `* 2 FETCH (UID 2 ENVELOPE ("d" Hello nil nil nil))` + "\r\n",
		"header NIL":                     "* 2 FETCH (UID 2 BODY[HEADER] NIL)\r\n",
		"INTERNALDATE only":              "* 2 FETCH (UID 2 INTERNALDATE NIL)\r\n",
		"no UID":                         fmt.Sprintf("* 2 FETCH (BODY[HEADER] {%d}\r\n%s)\r\n", len(h), h),
		"literal shorter than its text":  "* 2 FETCH (UID 2 BODY[HEADER] {2}\r\n\r\nEXTRA)\r\n",
		"no closing parenthesis":         "* 2 FETCH (UID 2 BODY[HEADER] {2}\r\n\r\n\r\n",
		"text after the end":             fmt.Sprintf("* 2 FETCH (UID 2 BODY[HEADER] {%d}\r\n%s) more\r\n", len(h), h),
		"nothing":                        "",
		"empty line":                     "\r\n",
		"no item":                        "* 2 FETCH ()\r\n",
		"no list":                        "* 2 FETCH\r\n",
		"BODYSTRUCTURE nested too deep":  "* 2 FETCH (UID 2 BODYSTRUCTURE " + strings.Repeat("(", 500_000) + "\r\n",
		"line of more than 1 MiB":        "* 2 FETCH (UID 2 X \"" + strings.Repeat("a", 2<<20) + "\")\r\n",
		"literal of more than 1 MiB":     "* 2 FETCH (UID 2 BODY[HEADER] {1500000}\r\n" + strings.Repeat("a", 1500000) + ")\r\n",
		"literals of more than 4 MiB":    "* 2 FETCH (UID 2" + strings.Repeat(" X {900000}\r\n"+strings.Repeat("a", 900000), 5) + ")\r\n",
		"section without an end":         "* 2 FETCH (UID 2 BODY[HEADER {2}\r\n\r\n)\r\n",
		"bytes that are not text":        "* 2 FETCH (\x00\xff\xfe)\r\n",
		"another tag":                    "X7 FETCH (UID 2)\r\n",
		"number that is no number":       "* 2 FETCH (UID two BODY[HEADER] {0}\r\n)\r\n",
		"UID of more than 32 bits":       "* 2 FETCH (UID 4294967298 BODY[HEADER] {0}\r\n)\r\n",
		"UID of a message not asked for": "* 2 FETCH (UID 99 BODY[HEADER] {0}\r\n)\r\n",
	}
	harmless := map[string]string{
		"header as a quoted string":   "* 2 FETCH (UID 2 BODY[HEADER] " + quoted + ")\r\n",
		"UID after the literal":       fmt.Sprintf("* 2 FETCH (BODY[HEADER] {%d}\r\n%s UID 2)\r\n", len(h), h),
		"other case and order":        fmt.Sprintf("* 2 fetch (uid 2 body[header.fields (to FROM)] {%d}\r\n%s)\r\n", len(h), h),
		"RFC822.HEADER":               fmt.Sprintf("* 2 FETCH (UID 2 RFC822.HEADER {%d}\r\n%s)\r\n", len(h), h),
		"spaces doubled and missing":  fmt.Sprintf("*  2  FETCH  (UID  2 FLAGS (\\Seen  foo)  BODY[HEADER] {%d}\r\n%s  ) \r\n", len(h), h),
		"line feeds alone":            fmt.Sprintf("* 2 FETCH (UID 2 BODY[HEADER] {%d}\n%s)\n", len(h), h),
		"items nobody asked for":      fmt.Sprintf("* 2 FETCH (UID 2 X-GM-MSGID 12 MODSEQ (0) PREVIEW \"a\\\"b\" BODY[HEADER] {%d}\r\n%s)\r\n", len(h), h),
		"FLAGS with brackets":         fmt.Sprintf("* 2 FETCH (UID 2 FLAGS (\\Seen [Foo] \"bar\") BODY[HEADER] {%d}\r\n%s)\r\n", len(h), h),
		"FLAGS NIL":                   fmt.Sprintf("* 2 FETCH (UID 2 FLAGS NIL BODY[HEADER] {%d}\r\n%s)\r\n", len(h), h),
		"size below zero":             fmt.Sprintf("* 2 FETCH (UID 2 RFC822.SIZE -1 BODY[HEADER] {%d}\r\n%s)\r\n", len(h), h),
		"INTERNALDATE NIL":            fmt.Sprintf("* 2 FETCH (UID 2 INTERNALDATE NIL BODY[HEADER] {%d}\r\n%s)\r\n", len(h), h),
		"INTERNALDATE of no day":      fmt.Sprintf("* 2 FETCH (UID 2 INTERNALDATE \"00-Jan-0000 00:00:00 +0000\" BODY[HEADER] {%d}\r\n%s)\r\n", len(h), h),
		"INTERNALDATE with a colon":   fmt.Sprintf("* 2 FETCH (UID 2 INTERNALDATE \"01-Jan-2024 00:00:00 +00:00\" BODY[HEADER] {%d}\r\n%s)\r\n", len(h), h),
		"two answers":                 answer(2) + answer(2),
		"flags before":                "* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n" + answer(2),
		"flags after":                 answer(2) + "* 2 FETCH (UID 2 FLAGS (\\Seen))\r\n",
		"flags without UID":           "* 2 FETCH (FLAGS (\\Seen))\r\n" + answer(2),
		"VANISHED":                    "* VANISHED (EARLIER) 41,43\r\n" + answer(2),
		"unknown response":            "* XFOO bar {5}\r\nhello\r\n" + answer(2),
		"LSUB":                        "* LSUB () \"/\" INBOX\r\n" + answer(2),
		"unasked SEARCH":              "* SEARCH 3 2  1 \r\n" + answer(2),
		"ID with NIL":                 "* ID (\"name\" \"Foo\" \"version\" NIL)\r\n" + answer(2),
		"unasked continuation":        "+ what?\r\n" + answer(2),
		"Exchange's response code":    "* OK [Error=\"Microsoft.Exchange.Data.Storage.WrongServerException:Cross\" AuthResultFromPopImapEnd=0 Proxy=X.COM:1993:SSL] hmm\r\n" + answer(2),
		"bracket in a response code":  "* OK [BADCHARSET (\"a]b\")] x\r\n" + answer(2),
		"PERMANENTFLAGS with bracket": "* OK [PERMANENTFLAGS (\\Seen $has_cal [x] \\*)] ok\r\n" + answer(2),
		"PERMANENTFLAGS alone":        "* OK [PERMANENTFLAGS] ok\r\n" + answer(2),
		"UIDNEXT of 33 bits":          "* OK [UIDNEXT 4294967296] ok\r\n" + answer(2),
		"HIGHESTMODSEQ below zero":    "* OK [HIGHESTMODSEQ -1] ok\r\n" + answer(2),
		"code without an end":         "* OK [ALERT what\r\n" + answer(2),
		"brace at the end of a text":  "* OK see {5}\r\n" + answer(2),
		"OK without text":             "* OK\r\n" + answer(2),
		"EXPUNGE in between":          "* 9 EXPUNGE\r\n" + answer(2),
		"ALERT":                       "* NO [ALERT] quota\r\n" + answer(2),
		"junk line":                   "garbage\r\n" + answer(2),
	}
	for name, malformed := range instead {
		t.Run("once/"+name, func(t *testing.T) {
			s := server(t, 3)
			s.Mangle = replaceSecond(malformed, 1)
			wantScan(t, s, []string{"1", "2", "3"}, nil)
		})
		t.Run("always/"+name, func(t *testing.T) {
			s := server(t, 3)
			s.Mangle = replaceSecond(malformed, -1)
			wantScan(t, s, []string{"1", "3"}, []string{"2: no readable answer"})
		})
	}
	for name, odd := range harmless {
		t.Run("harmless/"+name, func(t *testing.T) {
			s := server(t, 3)
			s.Mangle = replaceSecond(odd, -1)
			wantScan(t, s, []string{"1", "2", "3"}, nil)
		})
	}
}

// replaceSecond puts text in the place of the header of message 2.
func replaceSecond(text string, times int) func(string) string {
	return func(r string) string {
		if !strings.HasPrefix(r, "* 2 FETCH (UID 2 ") || !strings.Contains(r, "BODY[HEADER") || times == 0 {
			return r
		}
		times--
		return text
	}
}

// wantScan scans INBOX and then asks the session for one thing more, to see
// that the connection is in step.
func wantScan(t *testing.T, s *imaptest.Server, subjects, skipped []string) {
	t.Helper()
	session := open(t, s)
	got := scan(t, session, "INBOX", ledger.Cursor{})
	wantSubjects(t, got, subjects)
	if diff := cmp.Diff(skipped, got.Skipped); diff != "" {
		t.Errorf("skipped mismatch (-want +got):\n%s", diff)
	}
	if !got.Cursor.Complete {
		t.Errorf("cursor %+v, want complete", got.Cursor)
	}
	if again := scan(t, session, "INBOX", got.Cursor); again.Batches != 0 {
		t.Errorf("a second scan gives %+v", again)
	}
}

// TestMalformedListOfUIDs loses answers of the question which messages there
// are; their headers are asked for all the same.
func TestMalformedListOfUIDs(t *testing.T) {
	for _, lost := range [][]string{{"1"}, {"3"}, {"1", "2", "3"}} {
		s := server(t, 3)
		s.Mangle = func(r string) string {
			for _, uid := range lost {
				if strings.HasSuffix(r, "(UID "+uid+")\r\n") {
					return "* 9 FETCH (UID\r\n"
				}
			}
			return r
		}
		wantScan(t, s, numbers(1, 3), nil)
	}
}

// TestMailboxWithoutEXISTS holds that nothing is concluded from an answer that
// is missing.
func TestMailboxWithoutEXISTS(t *testing.T) {
	s := server(t, 3)
	s.Mangle = func(r string) string {
		if strings.Contains(r, " EXISTS") {
			return "* many EXISTS\r\n"
		}
		return r
	}
	wantScan(t, s, numbers(1, 3), nil)
}

func TestAnomaliesAreCounted(t *testing.T) {
	s := server(t, 3)
	s.Mangle = replaceSecond("garbage\r\n* 2 FETCH (UID 2 BODY[HEADER] {2}\r\n\r\nEXTRA)\r\n", 1)
	session := open(t, s)
	scan(t, session, "INBOX", ledger.Cursor{})
	want := map[string]int{"malformed FETCH": 1, "unreadable line": 1}
	if diff := cmp.Diff(want, session.Anomalies()); diff != "" {
		t.Errorf("Anomalies() mismatch (-want +got):\n%s", diff)
	}
}

// TestRefusedFetch holds a refusal apart from a server that does not serve:
// the first loses one message, the second must not pass for a scan.
func TestRefusedFetch(t *testing.T) {
	refuse := func(text string, also bool) func(string) string {
		dropped := false
		return func(r string) string {
			switch {
			case strings.HasPrefix(r, "* 2 FETCH (UID 2 ") && strings.Contains(r, "BODY[HEADER"):
				dropped = true
				return ""
			case dropped && strings.Contains(r, " OK UID FETCH completed"):
				dropped = also
				tag, _, _ := strings.Cut(r, " ")
				return tag + " NO " + text + "\r\n"
			}
			return r
		}
	}
	s := server(t, 3)
	s.Mangle = refuse("some messages could not be read", false)
	wantScan(t, s, []string{"1", "3"}, []string{"2: FETCH: NO some messages could not be read"})

	for name, mangle := range map[string]func(string) string{
		"temporary": refuse("[UNAVAILABLE] try later", false), "every command": refuse("out of order", true),
	} {
		s := server(t, 3)
		session := open(t, s)
		box := mailbox(t, session, "INBOX")
		s.Mangle = mangle
		var failed error
		for b, err := range session.Scan(t.Context(), box, ledger.Cursor{}) {
			failed = err
			if err == nil {
				t.Errorf("%s: a batch with cursor %+v", name, b.Cursor)
			}
		}
		if !errors.As(failed, new(*imap.Error)) || errors.Is(failed, imap.ErrUnavailable) != (name == "temporary") {
			t.Errorf("%s: error %v", name, failed)
		}
	}
}

func TestConnectionThatBreaksDuringAScan(t *testing.T) {
	for name, tt := range map[string]struct{ reply, want string }{
		"closed":              {"", "the server closed the connection"},
		"goodbye":             {"* BYE Session expired, please login again\r\n", "the server hung up: Session expired, please login again"},
		"huge literal":        {"* 2 FETCH (UID 2 BODY[HEADER] {99999999999}\r\n", "announced a literal of 99999999999 bytes"},
		"only junk":           {strings.Repeat("junk\r\n", 10_001), "the server sends no IMAP"},
		"in mid of a literal": {"* 2 FETCH (UID 2 BODY[HEADER] {50}\r\nshort", "the server closed the connection"},
	} {
		t.Run(name, func(t *testing.T) {
			peer := &imaptest.Script{
				Greeting: "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n",
				Answers: []imaptest.Answer{
					{Command: "LIST", Reply: "* LIST () \"/\" INBOX\r\n%T OK done\r\n"},
					{Command: "EXAMINE", Reply: "* 3 EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 4]\r\n%T OK done\r\n"},
					{Command: "UID FETCH 1:3 (UID)", Reply: "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n%T OK done\r\n"},
					{Command: "UID FETCH", Reply: answer(1) + tt.reply, Hangup: true},
				},
			}
			session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
			var failed error
			for b, err := range session.Scan(t.Context(), mailbox(t, session, "INBOX"), ledger.Cursor{}) {
				if failed = err; err == nil {
					t.Errorf("a batch with cursor %+v", b.Cursor)
				}
			}
			if failed == nil || !strings.Contains(failed.Error(), tt.want) || !strings.Contains(failed.Error(), `account "work": mailbox "INBOX"`) {
				t.Errorf("error %v, want %q", failed, tt.want)
			}
			if session.Usable() {
				t.Error("the session is still usable")
			}
		})
	}
}

// TestListings holds the list of mailboxes to what servers send.
func TestListings(t *testing.T) {
	for name, tt := range map[string]struct {
		list string
		want []string
	}{
		"R&D as it is":             {`* LIST () "/" "R&D"`, []string{"INBOX", "R&D"}},
		"Latin-1":                  {"* LIST () \"/\" \"Entw\xfcrfe 2\"", []string{"INBOX", "Entw\ufffdrfe 2"}},
		"UTF-8":                    {`* LIST () "/" "Büro"`, []string{"INBOX", "Büro"}},
		"modified UTF-7":           {`* LIST () "/" "B&APw-ro &- &U,BTFw-"`, []string{"INBOX", "Büro & 台北"}},
		"ASCII in base64 (Yandex)": {`* LIST () "/" "&BBAEMQQyACYEMwQ0BDU-"`, []string{"INBOX", "Абв&где"}},
		"broken base64":            {`* LIST () "/" "&!!-x"`, []string{"INBOX", "&!!-x"}},
		"empty delimiter":          {`* LIST () "" "A"`, []string{"INBOX", "A"}},
		"no delimiter":             {`* LIST () NIL A`, []string{"INBOX", "A"}},
		"backslash and space":      {`* LIST (\HasNoChildren \) "." "A"`, []string{"INBOX", "A"}},
		"attributes NIL":           {`* LIST NIL "." "A"`, []string{"INBOX", "A"}},
		"literal":                  {"* LIST () \".\" {3}\r\nA B", []string{"INBOX", "A B"}},
		"backslash":                {`* LIST () "\\" "a\\b"`, []string{"INBOX", `a\b`}},
		"twice":                    {"* LIST () \"/\" A\r\n* LIST () \"/\" A", []string{"INBOX", "A"}},
		"not selectable":           {`* LIST (\NoSelect) "/" A`, []string{"INBOX"}},
		"not there":                {`* LIST (\NonExistent) "/" A`, []string{"INBOX"}},
		"malformed":                {"* LIST (\\Foo \"/\" A\r\n* LIST\r\n* LIST () \"/\" B", []string{"INBOX", "B"}},
		"lower-case special use":   {"* LIST (\\sent) \"/\" Out\r\n* LIST (\\trash) \"/\" Bin", []string{"Out", "INBOX"}},
		"uses by name":             {"* LIST () \".\" INBOX.Sent\r\n* LIST () \".\" INBOX.Trash\r\n* LIST () \".\" INBOX.Work.Trash", []string{"INBOX.Sent", "INBOX", "INBOX.Work.Trash"}},
		"all uses": {`* LIST (\Junk) "/" J` + "\r\n" + `* LIST (\Drafts) "/" D` + "\r\n" + `* LIST (\Flagged) "/" F` + "\r\n" +
			`* LIST (\Important) "/" I` + "\r\n" + `* LIST (\All) "/" A` + "\r\n" + `* LIST (\Archive) "/" R`, []string{"INBOX", "R"}},
	} {
		t.Run(name, func(t *testing.T) {
			delim := "/"
			if strings.Contains(tt.list, "INBOX.") {
				delim = "."
			}
			peer := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", Answers: []imaptest.Answer{
				{Command: "LIST", Reply: "* LIST () \"" + delim + "\" \"inbox\"\r\n" + tt.list + "\r\n%T OK done\r\n"},
			}}
			session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
			if diff := cmp.Diff(tt.want, read(t, session)); diff != "" {
				t.Errorf("mailboxes that are read mismatch (-want +got):\n%s", diff)
			}
		})
	}
}

// TestMailboxNamesComeBackAsSpelled holds commands to the server's own spelling
// of a name, modified UTF-7 or not.
func TestMailboxNamesComeBackAsSpelled(t *testing.T) {
	for _, name := range []string{"Work", "B&APw-ro", "R&-D", "R&D", "&BBAEMQQyACYEMwQ0BDU-", "&!!-x", "Entw\xfcrfe", "Büro", "a b]*%{5}", "\x01\x7f", `a\b"c`, "inbox2"} {
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
		peer := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1 IMAP4rev2] hi\r\n", Answers: []imaptest.Answer{
			{Command: "LIST", Reply: "* LIST () \"/\" " + quoted + "\r\n%T OK done\r\n"},
			{Command: "STATUS", Reply: "* STATUS " + quoted + " (UIDNEXT 1 UIDVALIDITY 7)\r\n%T OK done\r\n"},
		}}
		session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
		boxes, err := session.Mailboxes(t.Context())
		if err != nil || len(boxes) != 1 {
			t.Errorf("%q: mailboxes %v, error %v", name, boxes, err)
			continue
		}
		if b := boxes[0]; b.Raw != name || b.UIDValidity != 7 {
			t.Errorf("%q: listed as %q with UIDVALIDITY %d, want 7", name, b.Raw, b.UIDValidity)
		}
		for _, err := range session.Scan(t.Context(), boxes[0], ledger.Cursor{}) {
			if err != nil {
				t.Errorf("%q: %v", name, err)
			}
		}
		sent := strings.Join(peer.Commands(), "\n")
		if !strings.Contains(sent, "STATUS "+quoted+" (") || !strings.Contains(sent, "EXAMINE "+quoted+"\n") {
			t.Errorf("%q: the client sent\n%s", name, sent)
		}
	}
}

// TestStatesOutOfOrder reads a server that lists all mailboxes before it tells
// the state of any.
func TestStatesOutOfOrder(t *testing.T) {
	peer := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS] hi\r\n", Answers: []imaptest.Answer{
		{Command: "LIST", Reply: "* LIST () \"/\" INBOX\r\n* LIST () \"/\" A\r\n* STATUS INBOX (UIDNEXT 5 UIDVALIDITY 1)\r\n* STATUS A (UIDNEXT 6 UIDVALIDITY 1)\r\n%T OK done\r\n"},
		{Command: "STATUS INBOX", Reply: "* STATUS INBOX (UIDNEXT 5 UIDVALIDITY 1)\r\n%T OK done\r\n"},
	}}
	session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
	for name, next := range map[string]uint32{"INBOX": 5, "A": 6} {
		if b := mailbox(t, session, name); b.UIDNext != next {
			t.Errorf("%s: UIDNEXT %d, want %d", name, b.UIDNext, next)
		}
	}
}

// read lists the mailboxes that are read.
func read(t testing.TB, s *imap.Session) []string {
	t.Helper()
	boxes, err := s.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, b := range boxes {
		if b.Left == "" {
			names = append(names, b.Name)
		}
	}
	return names
}

func TestMailboxesOfOthersAreLeft(t *testing.T) {
	peer := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1 NAMESPACE] hi\r\n", Answers: []imaptest.Answer{
		{Command: "NAMESPACE", Reply: "* NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) ((\"Shared/\" \"/\" \"X-P\" (\"a\")))\r\n%T OK done\r\n"},
		{Command: "LIST", Reply: "* LIST () \"/\" INBOX\r\n* LIST () \"/\" \"Other Users/ana\"\r\n* LIST () \"/\" Shared/team\r\n%T OK done\r\n"},
	}}
	session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial})
	if diff := cmp.Diff([]string{"INBOX"}, read(t, session)); diff != "" {
		t.Errorf("mailboxes that are read mismatch (-want +got):\n%s", diff)
	}
}

func TestGmailIsReadFromAllMailAlone(t *testing.T) {
	s := server(t, 0)
	s.Capabilities = append([]string{"X-GM-EXT-1"}, imaptest.DefaultCapabilities...)
	s.Create("[Gmail]/All Mail", `\All`)
	s.Create("[Gmail]/Sent Mail", `\Sent`)
	s.Create("[Gmail]/Spam", `\Junk`)
	if diff := cmp.Diff([]string{"[Gmail]/All Mail"}, read(t, open(t, s))); diff != "" {
		t.Errorf("mailboxes that are read mismatch (-want +got):\n%s", diff)
	}
}

func TestFoldersAreChosenByConfiguration(t *testing.T) {
	s := server(t, 0)
	for _, name := range []string{"Sent", "Trash", "Work", "Work/Old", "Written", "Outbox"} {
		s.Create(name, map[string][]string{"Sent": {`\Sent`}, "Trash": {`\Trash`}, "Written": {`\Drafts`}}[name]...)
	}
	under := func(prefix string) func(string) bool {
		return func(name string) bool { return strings.HasPrefix(name, prefix) }
	}
	for name, tt := range map[string]struct {
		include, spelled, exclude func(string) bool
		want                      []string
	}{
		"by itself":  {nil, nil, nil, []string{"Sent", "INBOX", "Work", "Work/Old"}},
		"everything": {under(""), nil, nil, []string{"Sent", "INBOX", "Trash", "Work", "Work/Old"}},
		"drafts too": {under(""), under("Written"), nil, []string{"Sent", "INBOX", "Trash", "Work", "Work/Old", "Written"}},
		"the outbox": {under(""), under("Out"), under("Work"), []string{"Sent", "INBOX", "Trash", "Outbox"}},
		"some":       {under("Work"), nil, under("Work/"), []string{"Work"}},
		"without":    {nil, nil, under("Work"), []string{"Sent", "INBOX"}},
	} {
		session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: s.Dial, Folders: tt.include, Spelled: tt.spelled, ExcludeFolders: tt.exclude})
		if diff := cmp.Diff(tt.want, read(t, session)); diff != "" {
			t.Errorf("%s: mailboxes that are read mismatch (-want +got):\n%s", name, diff)
		}
	}
	session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: s.Dial, Sent: "work"})
	if b := mailbox(t, session, "Work"); b.Use != imap.UseSent {
		t.Errorf("use of the configured Sent mailbox is %q", b.Use)
	}
	if b := mailbox(t, session, "Sent"); b.Use == imap.UseSent {
		t.Error("two mailboxes for sent mail")
	}
}

func TestSilentServerIsGivenUp(t *testing.T) {
	peer := &imaptest.Script{Greeting: "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", Answers: []imaptest.Answer{{Command: "LIST", Silent: true}}}
	session := openAccount(t, imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial, Timeout: 50 * time.Millisecond})
	if _, err := session.Mailboxes(t.Context()); err == nil || !strings.Contains(err.Error(), "LIST: no answer within 50ms") {
		t.Errorf("Mailboxes: %v, want no answer", err)
	}
}

// TestRefusalBeforeThePassword meets servers that ask for the password and
// refuse the login in the same packet. What is sent too late must neither be
// taken for a command nor get into the error, which is the server's refusal.
func TestRefusalBeforeThePassword(t *testing.T) {
	const odd = "p\u00e9 and more" // LOGIN sends it as a literal
	for name, tt := range map[string]struct{ caps, command, password string }{
		"SASL":             {"IMAP4rev1 AUTH=PLAIN", "AUTHENTICATE", password},
		"long SASL":        {"IMAP4rev1 AUTH=PLAIN", "AUTHENTICATE", strings.Repeat(password, 500)},
		"literal":          {"IMAP4rev1", "LOGIN", odd},
		"initial response": {"IMAP4rev1 AUTH=PLAIN SASL-IR", "AUTHENTICATE", password},
	} {
		t.Run(name, func(t *testing.T) {
			for range 100 {
				peer := &imaptest.Script{Greeting: "* OK [CAPABILITY " + tt.caps + "] hi\r\n", Answers: []imaptest.Answer{
					{Command: tt.command, Reply: "+ \r\n%T NO [UNAVAILABLE] later\r\n"},
				}}
				_, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: peer.Dial, Timeout: 5 * time.Second},
					auth.NewCredentials("work", "bob", auth.Literal(tt.password)), slog.New(slog.DiscardHandler))
				if err == nil {
					t.Fatal("no error")
				}
				secret := base64.StdEncoding.EncodeToString([]byte("\x00bob\x00" + tt.password))
				for _, part := range []string{tt.password, secret, secret[:8], "p\u00e9"} {
					if strings.Contains(err.Error(), part) {
						t.Fatalf("the error holds %q: %v", part, err)
					}
				}
				if name == "initial response" {
					continue // a "+" after one is the library's to refuse
				}
				if want := tt.command + ": NO [UNAVAILABLE] later"; !errors.Is(err, imap.ErrUnavailable) || !strings.HasSuffix(err.Error(), want) {
					t.Fatalf("error %q, want %q", err, want)
				}
			}
		})
	}
}

// examined is the answer to EXAMINE of a mailbox with n messages.
func examined(n int) imaptest.Answer {
	return imaptest.Answer{Command: "EXAMINE", Reply: fmt.Sprintf("* %d EXISTS\r\n* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT %d]\r\n%%T OK done\r\n", n, n+1)}
}

// trickling goes through a session in a bubble, with a peer that sends lines
// a second apart, and gives the number of messages, the time and the error.
func trickling(t *testing.T, greeting string, answers ...imaptest.Answer) (messages int, took time.Duration, failed error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		peer := &imaptest.Script{Greeting: greeting, Answers: answers}
		var served sync.WaitGroup
		defer served.Wait()
		dial := func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			served.Go(func() { peer.Serve(server) })
			return client, nil
		}
		start := time.Now()
		defer func() { took = time.Since(start) }()
		session, err := imap.Dial(t.Context(), imap.Account{Name: "work", Host: "localhost", TLS: imap.None, Dialer: dial, Timeout: 10 * time.Second},
			credentials(), slog.New(slog.DiscardHandler))
		if err != nil {
			failed = err
			return
		}
		defer session.Close(t.Context())
		boxes, err := session.Mailboxes(t.Context())
		if err != nil {
			failed = err
			return
		}
		for _, b := range boxes {
			if b.Left != "" {
				continue
			}
			for batch, err := range session.Scan(t.Context(), b, ledger.Cursor{}) {
				if err != nil {
					failed = err
					return
				}
				messages += len(batch.Mail)
			}
		}
	})
	return messages, took, failed
}

// TestTricklingServerIsGivenUp meets servers that answer within the timeout
// again and again, and never with what was asked for.
func TestTricklingServerIsGivenUp(t *testing.T) {
	always := func(line string) func(int) string { return func(int) string { return line + "\r\n" } }
	each := func(format string) func(int) string {
		return func(n int) string { return fmt.Sprintf(format, n) + "\r\n" }
	}
	list := imaptest.Answer{Command: "LIST", Reply: "* LIST () \"/\" INBOX\r\n%T OK done\r\n"}
	uids := imaptest.Answer{Command: "UID FETCH 1:3 (UID)", Reply: "* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3)\r\n%T OK done\r\n"}
	for name, tt := range map[string]struct {
		command string
		trickle func(int) string
	}{
		"a mailbox again and again":        {"LIST", always(`* LIST () "/" INBOX`)},
		"states nobody asked for":          {"EXAMINE", each("* STATUS box%d (UIDNEXT 4)")},
		"mailboxes nobody asked for":       {"UID FETCH", each(`* LIST () "/" box%d`)},
		"junk":                             {"LIST", always("junk")},
		"still here":                       {"UID FETCH", always("* OK Still here")},
		"a message again and again":        {"UID FETCH", always("* 2 FETCH (UID 2)")},
		"messages nobody asked for":        {"UID FETCH 1:3 (UID)", func(n int) string { return fmt.Sprintf("* %d FETCH (UID %d)\r\n", n+3, n+3) }},
		"flags for headers":                {"UID FETCH 1:3 (UID I", each("* 2 FETCH (UID %d FLAGS ())")},
		"headers of others":                {"UID FETCH 1:3 (UID I", func(n int) string { return answer(n + 3) }},
		"more and more messages":           {"EXAMINE", each("* %d EXISTS")},
		"continuations":                    {"LIST", always("+ go on")},
		"capabilities":                     {"LOGIN", each("* CAPABILITY IMAP4rev1 X%d")},
		"continuations of a login":         {"LOGIN", always("+")},
		"pieces of a response without end": {"LIST", always("* LIST () {1}\r\na {1}")},
	} {
		t.Run(name, func(t *testing.T) {
			_, took, err := trickling(t, "* OK [CAPABILITY IMAP4rev1] hi\r\n",
				imaptest.Answer{Command: tt.command, Trickle: tt.trickle, Pause: time.Second}, list, examined(3), uids)
			if err == nil || !strings.HasSuffix(err.Error(), ": the server sends nothing of use: no progress within 30s") || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %v, want no progress", err)
			}
			if took > 40*time.Second {
				t.Errorf("given up after %s, want about 30s", took)
			}
		})
	}
	t.Run("greeting", func(t *testing.T) {
		_, _, err := trickling(t, strings.Repeat("junk\r\n", 20))
		if err == nil || !strings.Contains(err.Error(), "no answer within 10s") {
			t.Errorf("error %v, want no answer", err)
		}
	})
}

// TestUselessResponsesAreCounted meets a server that sends much of no use in no
// time.
func TestUselessResponsesAreCounted(t *testing.T) {
	_, _, err := trickling(t, "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n",
		imaptest.Answer{Command: "LIST", Trickle: func(int) string { return strings.Repeat("* LIST () \"/\" INBOX\r\n", 1000) }})
	if err == nil || !strings.HasSuffix(err.Error(), "LIST: the server sends nothing of use: 100000 responses") {
		t.Errorf("error %v, want too many responses", err)
	}
}

// TestSlowServerIsNotCut reads servers that take nearly the whole timeout for
// each response, in any order and with others in between, and get on.
func TestSlowServerIsNotCut(t *testing.T) {
	const n, pause = 50, 9 * time.Second
	upTo := func(last int, line func(n int) string) func(int) string {
		return func(i int) string {
			if i > last {
				return ""
			}
			return line(i)
		}
	}
	order := func(i int) int { return i*7%n + 1 }
	got, took, err := trickling(t, "* PREAUTH [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS] hi\r\n",
		imaptest.Answer{Command: "LIST", Pause: pause, Reply: "%T OK done\r\n", Trickle: upTo(2*n, func(i int) string {
			if i <= n {
				return fmt.Sprintf("* LIST (\\NoSelect) \"/\" box%d\r\n", i)
			}
			return fmt.Sprintf("* STATUS box%d (UIDNEXT 4)\r\n* LIST () \"/\" INBOX\r\n", i-n)
		})},
		imaptest.Answer{Command: "EXAMINE", Pause: pause, Reply: "* OK [UIDVALIDITY 1]\r\n* OK [UIDNEXT 51]\r\n%T OK done\r\n", Trickle: upTo(2, func(i int) string {
			return []string{"* FLAGS ()\r\n", "* 50 EXISTS\r\n"}[i-1]
		})},
		imaptest.Answer{Command: "UID FETCH 1:50 (UID)", Pause: pause, Reply: "%T OK done\r\n", Trickle: upTo(n, func(i int) string {
			return fmt.Sprintf("* %d FETCH (UID %d)\r\n", order(i), order(i))
		})},
		imaptest.Answer{Command: "UID FETCH 1:50", Pause: pause, Reply: "%T OK done\r\n", Trickle: upTo(2*n, func(i int) string {
			if i%2 == 0 {
				return "* OK Still here\r\n"
			}
			return answer(order(i / 2))
		})},
	)
	if err != nil || got != n {
		t.Errorf("%d messages, error %v; want %d", got, err, n)
	}
	if took < 5*n*pause {
		t.Errorf("the server took only %s", took)
	}
}

// TestLongListingIsNotCut lists more mailboxes than are kept.
func TestLongListingIsNotCut(t *testing.T) {
	var list strings.Builder
	for i := range 125_000 {
		fmt.Fprintf(&list, "* LIST (\\NoSelect) \"/\" box%d\r\n", i)
	}
	if _, _, err := trickling(t, "* PREAUTH [CAPABILITY IMAP4rev1] hi\r\n", imaptest.Answer{Command: "LIST", Reply: list.String() + "%T OK done\r\n"}); err != nil {
		t.Error(err)
	}
}
