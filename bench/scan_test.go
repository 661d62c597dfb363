package bench_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"syncd/internal/mail"
	"syncd/internal/servertest"
)

// scan reads generated mail with syncd, as bytes, and with mbsync and notmuch.
func scan(b *bench) {
	s := servertest.Dovecot(b)
	for _, full := range []int{50_000, 200_000} {
		n := b.size(full)
		b.Run(strconv.Itoa(n), func(t *testing.T) {
			scanMailbox(b.in(t), s, n)
		})
	}
}

// mailUser makes a user with n messages, of whose sessions no log is kept.
func mailUser(b *bench, s *servertest.IMAP, n int) string {
	b.Helper()
	user := s.NewUser(b)
	root := filepath.Dir(filepath.Dir(s.Home(user)))
	if err := os.RemoveAll(filepath.Join(root, "rawlog", user)); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { os.RemoveAll(s.Home(user)) })
	fill(b, s, user, n)
	return user
}

// side is one side of a comparison and the server beside it.
type side struct{ own, server usage }

func scanMailbox(b *bench, s *servertest.IMAP, n int) {
	user := mailUser(b, s, n)
	a := account{imap: net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), user: user, dav: servertest.Radicale(b).NewUser(b)}
	a.dav.MakeCalendar(b, "Follow-ups")
	measure := func(fn func() usage) (m side) {
		m.server = beside(s.Group(), func() { m.own = fn() })
		return m
	}
	raw := func() side { return measure(func() usage { return drain(b, a) }) }
	first := func() side {
		return measure(func() usage { u, _ := a.sync(b, tempDir(b)); return u })
	}

	// The first look at a mailbox also numbers its messages, which is nobody's
	// part of the comparison.
	drain(b, a)
	forget(b, s, user)
	coldRaw := raw()
	forget(b, s, user)
	cold := first()
	warmRaw, warm := raw(), first()
	for range 2 { // the best of three, each beside the other
		warmRaw, warm = better(warmRaw, raw()), better(warm, first())
	}
	rows := [][]string{{fmt.Sprintf("%d messages", n), "time", "messages", "processor", "Dovecot's", "memory", "Dovecot's"}}
	row := func(name string, m side) {
		memory := ""
		if m.own.peak > 0 {
			memory = mebibytes(m.own.peak)
		}
		rows = append(rows, []string{
			name, short(m.own.wall), rate(n, m.own.wall), short(m.own.cpu), short(m.server.cpu), memory, mebibytes(m.server.peak),
		})
	}
	row("raw read, cold", coldRaw)
	row("syncd, cold", cold)
	row("raw read, warm", warmRaw)
	row("syncd, warm", warm)
	others, ok := otherTools(b, a, measure)
	if ok {
		row("mbsync", others[0])
		row("notmuch new", others[1])
	}
	b.out.table(rows)
	b.out.line("  syncd takes %.1f times the raw read warm (at most 4, goal 2), %.1f times cold (at most 1.5)",
		ratio(warm, warmRaw), ratio(cold, coldRaw))
	if ok {
		both := others[0].own.wall + others[1].own.wall
		b.out.line("  mbsync and notmuch new take %.1f times syncd (at least 20)", both.Seconds()/warm.own.wall.Seconds())
	}
}

func better(a, b side) side {
	if b.own.wall < a.own.wall {
		return b
	}
	return a
}

func ratio(a, b side) float64 { return a.own.wall.Seconds() / b.own.wall.Seconds() }

// account is what syncd reads.
type account struct {
	imap string // host and port
	user string
	dav  *servertest.DAVUser
	url  string // of the calendars, if not the server's own
}

// sync runs "syncd sync", without the follow-up calendar, on the ledger in state.
func (a account) sync(b *bench, state string) (usage, string) {
	b.Helper()
	config := filepath.Join(state, "config.toml")
	if err := os.WriteFile(config, []byte(a.config()), 0o600); err != nil {
		b.Fatal(err)
	}
	return run(b, nil, b.syncd(), "--config", config, "--state", filepath.Join(state, "ledger"), "sync", "--dry-run")
}

func (a account) config() string {
	url, host, port := a.url, "", ""
	if url == "" {
		url = a.dav.URL
	}
	text := fmt.Sprintf("[me]\nname = \"Ana Lima\"\naddresses = [%q]\ntimezone = \"UTC\"\n[followups]\ncalendar = \"Follow-ups\"\n", myAddress)
	if a.imap != "" {
		host, port, _ = net.SplitHostPort(a.imap)
		text += fmt.Sprintf("[[account]]\nname = \"mail\"\nuser = %q\npassword = %q\nimap = { host = %q, port = %s, tls = \"none\" }\n",
			a.user, servertest.Password(a.user), host, port)
	}
	return text + fmt.Sprintf("[[account]]\nname = \"dav\"\nuser = %q\npassword = %q\ncaldav = { url = %q }\n", a.dav.Name, a.dav.Password, url)
}

// chunk is how many messages syncd asks for at once.
const chunk = 1000

// drain sends the commands of a first scan and throws the answers away.
func drain(b *bench, a account) usage {
	b.Helper()
	start := time.Now()
	conn, err := net.Dial("tcp", a.imap)
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	c := &rawConn{T: b.T, conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
	c.until("* OK")
	c.ask("LOGIN " + a.user + " " + servertest.Password(a.user))
	for _, box := range []string{"INBOX", "Sent"} {
		_, answer, _ := strings.Cut(c.ask("EXAMINE "+box), "[UIDNEXT ")
		answer, _, _ = strings.Cut(answer, "]")
		next, err := strconv.Atoi(answer)
		if err != nil {
			b.Fatal(err)
		}
		for high := next - 1; high > 0; high -= chunk {
			c.ask(fmt.Sprintf("UID FETCH %d:%d (UID INTERNALDATE BODY.PEEK[HEADER.FIELDS (%s)])",
				max(1, high-chunk+1), high, strings.Join(mail.Fields, " ")))
		}
	}
	return usage{wall: time.Since(start)}
}

// rawConn throws away what a server sends.
type rawConn struct {
	*testing.T
	conn net.Conn
	r    *bufio.Reader
	n    int
}

func (c *rawConn) ask(command string) (head string) {
	c.n++
	tag := "R" + strconv.Itoa(c.n)
	if _, err := fmt.Fprintf(c.conn, "%s %s\r\n", tag, command); err != nil {
		c.Fatal(err)
	}
	return c.until(tag + " OK")
}

// until reads to a line that begins so, and gives the start of what came.
func (c *rawConn) until(begin string) string {
	var head bytes.Buffer
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			c.Fatalf("%s: %v", begin, err)
		}
		if head.Len() < 4096 {
			head.Write(line)
		}
		if bytes.HasPrefix(line, []byte(begin)) {
			return head.String()
		}
	}
}

// otherTools runs mbsync and notmuch where they are installed.
func otherTools(b *bench, a account, measure func(func() usage) side) (m [2]side, ok bool) {
	b.Helper()
	for _, name := range []string{"mbsync", "notmuch"} {
		if _, err := exec.LookPath(name); err != nil {
			b.out.line("  without mbsync and notmuch: %s is not installed", name)
			return m, false
		}
	}
	dir := tempDir(b)
	host, port, _ := net.SplitHostPort(a.imap)
	mbsyncrc := fmt.Sprintf(`FSync no

IMAPAccount bench
Host %s
Port %s
User %s
Pass %s
SSLType None
AuthMechs LOGIN

IMAPStore far
Account bench

MaildirStore near
Path %s/mail/
Inbox %[5]s/mail/INBOX
SubFolders Verbatim

Channel bench
Far :far:
Near :near:
Patterns INBOX Sent
Create Near
Sync Pull
SyncState *
`, host, port, a.user, servertest.Password(a.user), dir)
	notmuchrc := fmt.Sprintf("[database]\npath=%s/mail\n[user]\nname=Ana Lima\nprimary_email=%s\n[new]\ntags=new\n", dir, myAddress)
	for name, text := range map[string]string{"mbsyncrc": mbsyncrc, "notmuchrc": notmuchrc} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			b.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "mail"), 0o700); err != nil {
		b.Fatal(err)
	}
	m[0] = measure(func() usage { u, _ := run(b, nil, "mbsync", "-c", filepath.Join(dir, "mbsyncrc"), "bench"); return u })
	m[1] = measure(func() usage {
		u, _ := run(b, []string{"NOTMUCH_CONFIG=" + filepath.Join(dir, "notmuchrc")}, "notmuch", "new", "--quiet")
		return u
	})
	return m, true
}
