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
	_ = k.c.SetReadDeadline(time.Now().Add(5 * time.Second))
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
		{"LIST \"\" *", []string{"BAD [CLIENTBUG] This command is only valid in the authenticated state"}},
		{"LOGIN bob wrong", []string{"NO [AUTHENTICATIONFAILED] Authentication failed"}},
		{"LOGIN bob \"secret\"", []string{"OK [CAPABILITY " + strings.Join(imaptest.DefaultCapabilities, " ") + "] Logged in"}},
		{"LIST \"\" \"*\" RETURN (SPECIAL-USE STATUS (UIDNEXT MESSAGES))", []string{
			`* LIST () "/" INBOX`, `* STATUS INBOX (MESSAGES 2 UIDNEXT 3)`, `* LIST (\Sent) "/" "Sent"`, `* STATUS "Sent" (MESSAGES 0 UIDNEXT 1)`, "OK LIST completed",
		}},
		{"LIST \"\" S%", []string{`* LIST () "/" "Sent"`, "OK LIST completed"}},
		{"STATUS inbox (UIDVALIDITY)", []string{`* STATUS INBOX (UIDVALIDITY 1)`, "OK STATUS completed"}},
		{"EXAMINE Nowhere", []string{"NO [NONEXISTENT] No such mailbox"}},
		{"EXAMINE INBOX", []string{
			"* 2 EXISTS", "* 0 RECENT", "* OK [UIDVALIDITY 1] UIDs valid", "* OK [UIDNEXT 3] Predicted next UID",
			`* FLAGS (\seen)`, `* OK [PERMANENTFLAGS (\seen \*)] Permanent flags`, "OK [READ-ONLY] EXAMINE completed",
		}},
		{"UID FETCH 2:* (FLAGS INTERNALDATE RFC822.SIZE)", []string{`* 2 FETCH (UID 2 FLAGS (\seen) INTERNALDATE " 2-Mar-2026 09:00:00 +0000" RFC822.SIZE 92)`, "OK UID FETCH completed"}},
		{"UID FETCH 1 (BODY.PEEK[HEADER.FIELDS (TO)])", []string{`* 1 FETCH (UID 1 BODY[HEADER.FIELDS ("TO")] {44}`, "To: bob@example.com,", " carol@example.com", "", ")", "OK UID FETCH completed"}},
		{"UID FETCH 1 BODY.PEEK[TEXT]<0.5>", []string{"* 1 FETCH (UID 1 BODY[TEXT]<0> {5}", "Hello)", "OK UID FETCH completed"}},
		{"FETCH * UID", []string{"* 2 FETCH (UID 2)", "OK FETCH completed"}},
		{"UID SEARCH HEADER Message-ID <2@example.org>", []string{"* SEARCH 2", "OK UID SEARCH completed"}},
		{"UID SEARCH UID 1:*", []string{"* SEARCH 1 2", "OK UID SEARCH completed"}},
		{"UID STORE 1 +FLAGS (\\Seen)", []string{"NO [NOPERM] this server is only read"}},
		{"UID FETCH 1 BODY[]", []string{"NO [NOPERM] this server is only read"}},
		{"UID COPY 1 Sent", []string{"NO [NOPERM] this server is only read"}},
		{"EXPUNGE", []string{"NO [NOPERM] this server is only read"}},
		{"CREATE New", []string{"NO [NOPERM] this server is only read"}},
		{"SELECT INBOX", []string{"* OK [CLOSED] Previous mailbox is now closed", "NO [NOPERM] this server is only read"}},
		{"XYZZY", []string{"BAD Unknown command"}},
		{"EXAMINE Sent", []string{
			"* 0 EXISTS", "* 0 RECENT", "* OK [UIDVALIDITY 2] UIDs valid", "* OK [UIDNEXT 1] Predicted next UID",
			"* FLAGS ()", `* OK [PERMANENTFLAGS (\*)] Permanent flags`, "OK [READ-ONLY] EXAMINE completed",
		}},
	} {
		if diff := cmp.Diff(tt.want, k.do(tt.command)); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", tt.command, diff)
		}
	}
	if diff := cmp.Diff([]string{`UID STORE 1 +FLAGS (\Seen)`, "UID FETCH 1 BODY[]", "UID COPY 1 Sent", "EXPUNGE", "CREATE New", "SELECT INBOX"}, s.Refused()); diff != "" {
		t.Errorf("Refused() mismatch (-want +got):\n%s", diff)
	}

	fmt.Fprint(k.c, "x IDLE\r\n")
	if got := k.line(); got != "+ idling" {
		t.Errorf("IDLE: %q", got)
	}
	if _, err := s.Append("Sent", imaptest.Message{Raw: "To: bob@example.com\n\n", At: at}); err != nil {
		t.Fatal(err)
	}
	if got := k.line(); got != "* 1 EXISTS" {
		t.Errorf("IDLE: %q", got)
	}
	fmt.Fprint(k.c, "DONE\r\n")
	if got := k.line(); got != "x OK IDLE completed" {
		t.Errorf("DONE: %q", got)
	}
	if got := k.do("LOGOUT"); len(got) != 2 {
		t.Errorf("LOGOUT: %q", got)
	}
}
