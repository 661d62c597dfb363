package imap

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestGuardSendsNothingThatChanges asks the guard to send what would change a
// mailbox (SPEC I1), whoever should come to ask for it: it hangs up instead.
func TestGuardSendsNothingThatChanges(t *testing.T) {
	for _, tt := range []struct {
		line string
		sent bool
	}{
		{"T1 EXAMINE INBOX\r\n", true},
		{"T1 UID FETCH 1:* (UID BODY.PEEK[HEADER])\r\n", true},
		{"T1 UID FETCH 1:3,7 (UID INTERNALDATE BODY.PEEK[]<0.65536>)\r\n", true},
		{"T1 UID FETCH 1 (UID BODY.PEEK[])\r\n", false}, // all of it
		{"T1 UID FETCH 1 (UID BODY.PEEK[]<0.1048577>)\r\n", false},
		{"T1 UID FETCH 1 (UID BODY.PEEK[]<0.99999999999>)\r\n", false},
		{"T1 UID FETCH 1 (UID BODY.PEEK[1])\r\n", false},
		{"T1 UID FETCH 1 (UID BODY[]<0.65536>)\r\n", false},
		{"T1 UID FETCH 1 (UID RFC822)\r\n", false}, // sets \Seen
		{"T1 UID FETCH 1 (UID BODYSTRUCTURE)\r\n", false},
		{"T1 LIST \"\" \"*\"\r\n", true},
		{"T1 SELECT INBOX\r\n", false},
		{"T1 select INBOX\r\n", false},
		{"T1 UID STORE 1 +FLAGS (\\Seen)\r\n", false},
		{"T1 STORE 1 +FLAGS (\\Deleted)\r\n", false},
		{"T1 UID FETCH 1 (BODY[])\r\n", false},
		{"T1 FETCH 1 body[text]\r\n", false},
		{"T1 APPEND Sent {3}\r\n", false},
		{"T1 EXPUNGE\r\n", false},
		{"T1 CLOSE\r\n", false}, // expunges after SELECT (RFC 3501 section 6.4.2)
		{"T1 UID MOVE 1 Trash\r\n", false},
		{"T1 UID COPY 1 Trash\r\n", false},
		{"T1 CREATE New\r\n", false},
		{"AGJvYgBzZWNyZXQ=\r\n", false}, // outside of AUTHENTICATE
		{"\r\n", false},
	} {
		client, server := net.Pipe()
		g := newGuard(client, time.Second)
		got := make(chan string)
		go func() {
			line, _ := bufio.NewReader(server).ReadString('\n')
			got <- line
		}()
		_, err := io.WriteString(g, tt.line)
		client.Close()
		if words := strings.Fields(tt.line); err != nil && len(words) > 0 && strings.Contains(err.Error(), words[len(words)-1]) {
			t.Errorf("%q: the error repeats it: %v", tt.line, err)
		}
		if line := <-got; (line != "") != tt.sent || (err == nil) != tt.sent {
			t.Errorf("%q: %q was sent, error %v", tt.line, line, err)
		}
		server.Close()
	}
}
