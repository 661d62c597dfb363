package servertest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// ownTag begins the tags of the commands that this package sends itself.
const ownTag = "servertest"

// Message is one to put into a mailbox.
type Message struct {
	Raw   string    // header and body; lines may end in LF
	At    time.Time // INTERNALDATE; zero: the server's now
	Flags []string  // such as `\Seen`
}

// Append puts messages into the user's mailbox in their order, and makes the
// mailbox first if it is missing. They stay \Recent. The name is as the server
// writes it (modified UTF-7).
func (s *IMAP) Append(t testing.TB, user, mailbox string, messages ...Message) {
	t.Helper()
	c := s.login(t, user)
	defer c.close()
	if !strings.EqualFold(mailbox, "INBOX") {
		if _, err := c.command("CREATE "+quote(mailbox), ""); err != nil && !strings.Contains(err.Error(), "exists") {
			t.Fatal(err)
		}
	}
	for _, m := range messages {
		raw := strings.ReplaceAll(strings.ReplaceAll(m.Raw, "\r\n", "\n"), "\n", "\r\n")
		line := "APPEND " + quote(mailbox) + " (" + strings.Join(m.Flags, " ") + ")"
		if !m.At.IsZero() {
			line += m.At.Format(` "_2-Jan-2006 15:04:05 -0700"`)
		}
		if _, err := c.command(line, raw); err != nil {
			t.Fatal(err)
		}
	}
}

// Do logs in as the user, sends the commands one after the other and returns every
// line the server answered. The test fails if one is not answered OK.
func (s *IMAP) Do(t testing.TB, user string, commands ...string) []string {
	t.Helper()
	c := s.login(t, user)
	defer c.close()
	var lines []string
	for _, line := range commands {
		answer, err := c.command(line, "")
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, answer...)
	}
	return lines
}

// session is as much of an IMAP client as a test needs to prepare a mailbox. It is
// not syncd's own, which must not be able to write.
type session struct {
	conn net.Conn
	r    *bufio.Reader
	n    int
}

func (s *IMAP) login(t testing.TB, user string) *session {
	t.Helper()
	conn, err := net.Dial("tcp4", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	if err != nil {
		t.Fatal(err)
	}
	c := &session{conn: conn, r: bufio.NewReader(conn)}
	if _, err := c.r.ReadString('\n'); err != nil {
		t.Fatalf("greeting: %v", err)
	}
	if _, err := c.command("LOGIN "+user+" "+Password(user), ""); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *session) close() {
	_, _ = c.command("LOGOUT", "") // closing is enough
	_ = c.conn.Close()
}

// command sends one line, with a literal at its end unless that is empty, and
// returns the answer up to the tagged line, literals within it as lines.
func (c *session) command(line, literal string) ([]string, error) {
	c.n++
	tag := ownTag + strconv.Itoa(c.n)
	var b bytes.Buffer
	b.WriteString(tag + " " + line)
	if literal != "" {
		// RFC 7888: a non-synchronizing literal saves a round trip.
		fmt.Fprintf(&b, " {%d+}\r\n%s", len(literal), literal)
	}
	b.WriteString("\r\n")
	if _, err := c.conn.Write(b.Bytes()); err != nil {
		return nil, err
	}
	var lines []string
	for {
		answer, err := c.answer()
		if err != nil {
			return nil, fmt.Errorf("%.60s: %w", line, err)
		}
		lines = append(lines, answer)
		if status, ok := strings.CutPrefix(answer, tag+" "); ok {
			if !strings.HasPrefix(status, "OK") {
				return nil, fmt.Errorf("%.60s: %s", line, status)
			}
			return lines, nil
		}
	}
}

// answer reads one response with the literals in it.
func (c *session) answer() (string, error) {
	var whole strings.Builder
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return "", err
		}
		line = strings.TrimRight(line, "\r\n")
		whole.WriteString(line)
		size, ok := literalSize(line)
		if !ok {
			return whole.String(), nil
		}
		whole.WriteString("\r\n")
		if _, err := io.CopyN(&whole, c.r, size); err != nil {
			return "", err
		}
	}
}

// literalSize reads the {size} that ends a line before a literal.
func literalSize(line string) (int64, bool) {
	open := strings.LastIndexByte(line, '{')
	if open < 0 || !strings.HasSuffix(line, "}") {
		return 0, false
	}
	size, err := strconv.ParseInt(line[open+1:len(line)-1], 10, 32)
	return size, err == nil
}

func quote(mailbox string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(mailbox) + `"`
}
