package imaptest_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/imap/imaptest"
)

// client sends commands over a real socket and gives the lines of the answer.
type client struct {
	t *testing.T
	c net.Conn
	r *bufio.Reader
}

func connect(t *testing.T, s *imaptest.Server) *client {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Close()
		l.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	k := &client{t, c, bufio.NewReader(c)}
	k.line()
	return k
}

func (k *client) line() string {
	k.t.Helper()
	l, err := k.r.ReadString('\n')
	if err != nil {
		k.t.Fatal(err)
	}
	return strings.TrimRight(l, "\r\n")
}

// do gives everything up to the tagged line, without the tag.
func (k *client) do(command string) []string {
	k.t.Helper()
	fmt.Fprintf(k.c, "x %s\r\n", command)
	var lines []string
	for {
		l := k.line()
		if tagged, ok := strings.CutPrefix(l, "x "); ok {
			return append(lines, tagged)
		}
		lines = append(lines, l)
	}
}

func TestServer(t *testing.T) {
	s := imaptest.New("bob", "secret")
	s.Create("Sent", `\Sent`)
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for _, id := range []string{"1@example.org", "2@example.org"} {
		if _, err := s.Append("INBOX", imaptest.Message{Raw: "Message-ID: <" + id + ">\nTo: bob@example.com,\n carol@example.com\nX: y\n\nHello world\n", At: at, Flags: []string{`\Seen`}}); err != nil {
			t.Fatal(err)
		}
	}
	k := connect(t, s)
	for _, tt := range []struct {
		command string
		want    []string
	}{
		{"LIST \"\" *", []string{"BAD log in first"}},
		{"LOGIN bob wrong", []string{"NO [AUTHENTICATIONFAILED] wrong user or password"}},
		{"LOGIN bob \"secret\"", []string{"OK [CAPABILITY " + strings.Join(imaptest.DefaultCapabilities, " ") + "] welcome"}},
		{"LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS (UIDNEXT MESSAGES))", []string{
			`* LIST () "/" "INBOX"`, `* STATUS "INBOX" (UIDNEXT 3 MESSAGES 2)`, `* LIST (\Sent) "/" "Sent"`, `* STATUS "Sent" (UIDNEXT 1 MESSAGES 0)`, "OK done",
		}},
		{"STATUS inbox (UIDVALIDITY)", []string{`* STATUS "INBOX" (UIDVALIDITY 1)`, "OK done"}},
		{"EXAMINE Nowhere", []string{"NO [NONEXISTENT] no such mailbox"}},
		{"EXAMINE INBOX", []string{
			`* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)`, "* 2 EXISTS", "* 0 RECENT", "* OK [UIDVALIDITY 1] UIDs valid", "* OK [UIDNEXT 3] next", "OK [READ-ONLY] done",
		}},
		{"UID FETCH 2:* (FLAGS INTERNALDATE RFC822.SIZE)", []string{`* 2 FETCH (UID 2 FLAGS (\Seen) INTERNALDATE " 2-Mar-2026 09:00:00 +0000" RFC822.SIZE 92)`, "OK done"}},
		{"UID FETCH 1 (BODY.PEEK[HEADER.FIELDS (TO)])", []string{"* 1 FETCH (UID 1 BODY[HEADER.FIELDS (TO)] {44}", "To: bob@example.com,", " carol@example.com", "", ")", "OK done"}},
		{"UID FETCH 1 BODY.PEEK[TEXT]<0.5>", []string{"* 1 FETCH (UID 1 BODY[TEXT]<0> {5}", "Hello)", "OK done"}},
		{"FETCH * UID", []string{"* 2 FETCH (UID 2)", "OK done"}},
		{"UID SEARCH HEADER Message-ID <2@example.org>", []string{"* SEARCH 2", "OK done"}},
		{"UID SEARCH UID 1:*", []string{"* SEARCH 1 2", "OK done"}},
		{"SELECT INBOX", []string{"NO [NOPERM] this server is only read"}},
		{"UID STORE 1 +FLAGS (\\Seen)", []string{"NO [NOPERM] this server is only read"}},
		{"UID FETCH 1 BODY[]", []string{"NO [NOPERM] this server is only read"}},
		{"XYZZY", []string{"BAD unknown command"}},
	} {
		if diff := cmp.Diff(tt.want, k.do(tt.command)); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", tt.command, diff)
		}
	}
	if diff := cmp.Diff([]string{"SELECT INBOX", `UID STORE 1 +FLAGS (\Seen)`, "UID FETCH 1 BODY[]"}, s.Refused()); diff != "" {
		t.Errorf("Refused() mismatch (-want +got):\n%s", diff)
	}

	fmt.Fprint(k.c, "x IDLE\r\n")
	if got := k.line(); got != "+ idling" {
		t.Errorf("IDLE: %q", got)
	}
	if _, err := s.Append("INBOX", imaptest.Message{Raw: "To: bob@example.com\n\n", At: at}); err != nil {
		t.Fatal(err)
	}
	if got := k.line(); got != "* 3 EXISTS" {
		t.Errorf("IDLE: %q", got)
	}
	fmt.Fprint(k.c, "DONE\r\n")
	if got := k.line(); got != "x OK done" {
		t.Errorf("DONE: %q", got)
	}
	if got := k.do("LOGOUT"); len(got) != 2 {
		t.Errorf("LOGOUT: %q", got)
	}
}
