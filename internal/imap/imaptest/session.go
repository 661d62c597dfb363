package imaptest

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// session is one connection. A goroutine of its own reads lines, so that DONE
// is seen while the server is in IDLE.
type session struct {
	s     *Server
	conn  net.Conn
	lines chan string
	stop  chan struct{}

	mu     sync.Mutex // guards writing
	user   bool
	opened string // mailbox
	known  int    // messages the client was told of
}

func (c *session) serve() {
	c.lines, c.stop = make(chan string), make(chan struct{})
	defer close(c.stop)
	go c.read()
	c.send("* OK [CAPABILITY " + c.s.capabilities() + "] ready")
	for line := range c.lines {
		tag, rest, _ := strings.Cut(line, " ")
		verb, args, _ := strings.Cut(rest, " ")
		verb = strings.ToUpper(verb)
		if verb == "UID" {
			var sub string
			sub, args, _ = strings.Cut(args, " ")
			verb += " " + strings.ToUpper(sub)
		}
		if verb == "LOGIN" || verb == "AUTHENTICATE" {
			c.s.note(verb, false)
		} else {
			c.s.note(rest, false)
		}
		answer := c.command(verb, args, rest)
		c.send(tag + " " + answer)
		if verb == "LOGOUT" {
			return
		}
	}
}

// announced is a literal at the end of a line.
var announced = regexp.MustCompile(`\{(\d+)(\+?)\}$`)

// maxCommand bounds a command with its literals.
const maxCommand = 1 << 20

// read gives whole commands to c.lines, literals included.
func (c *session) read() {
	defer close(c.lines)
	r := bufio.NewReader(c.conn)
	var whole strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil || whole.Len() > maxCommand {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		whole.WriteString(line)
		if m := announced.FindStringSubmatch(line); m != nil {
			n, err := strconv.Atoi(m[1])
			if err != nil || n > maxCommand {
				return
			}
			if m[2] == "" {
				c.send("+ go on")
			}
			whole.WriteString("\r\n")
			if _, err := io.CopyN(&whole, r, int64(n)); err != nil {
				return
			}
			continue
		}
		select {
		case c.lines <- whole.String():
		case <-c.stop:
			return
		}
		whole.Reset()
	}
}

// send writes one response. An error shows when the next command is read.
func (c *session) send(response string) {
	response += "\r\n"
	if c.s.Mangle != nil {
		response = c.s.Mangle(response)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	_, _ = io.WriteString(c.conn, response) // see above
}

// command carries out one command and gives its tagged answer.
func (c *session) command(verb, args, whole string) string {
	switch verb {
	case "CAPABILITY":
		c.send("* CAPABILITY " + c.s.capabilities())
		return "OK done"
	case "NOOP", "CHECK":
		c.exists()
		return "OK done"
	case "LOGOUT":
		c.send("* BYE see you")
		return "OK done"
	case "LOGIN":
		w := words(args)
		return c.login(len(w) == 2 && w[0] == c.s.User && w[1] == c.s.Password)
	case "AUTHENTICATE":
		return c.authenticate(args)
	case "SELECT", "STORE", "UID STORE", "APPEND", "EXPUNGE", "UID EXPUNGE", "COPY", "UID COPY", "MOVE", "UID MOVE",
		"CREATE", "DELETE", "RENAME", "SUBSCRIBE", "UNSUBSCRIBE", "SETMETADATA", "SETACL":
		c.s.note(whole, true)
		return "NO [NOPERM] this server is only read"
	}
	if !c.user {
		return "BAD log in first"
	}
	switch verb {
	case "NAMESPACE":
		c.send(`* NAMESPACE (("" "/")) NIL NIL`)
		return "OK done"
	case "LIST":
		return c.list(args)
	case "STATUS":
		return c.status(args)
	case "EXAMINE":
		return c.examine(args)
	case "CLOSE", "UNSELECT":
		c.opened = ""
		return "OK done"
	case "FETCH", "UID FETCH":
		return c.fetch(args, verb == "UID FETCH", whole)
	case "UID SEARCH":
		return c.search(args)
	case "IDLE":
		return c.idle()
	}
	return "BAD unknown command"
}

func (c *session) login(ok bool) string {
	if c.user = ok; !ok {
		return "NO [AUTHENTICATIONFAILED] wrong user or password"
	}
	return "OK [CAPABILITY " + c.s.capabilities() + "] welcome"
}

// authenticate is AUTHENTICATE PLAIN (RFC 4616).
func (c *session) authenticate(args string) string {
	mechanism, initial, _ := strings.Cut(args, " ")
	if !strings.EqualFold(mechanism, "PLAIN") {
		return "NO [CANNOT] only PLAIN"
	}
	if initial == "" {
		c.send("+ ")
		initial = <-c.lines
	}
	b, err := base64.StdEncoding.DecodeString(initial)
	parts := strings.Split(string(b), "\x00")
	return c.login(err == nil && len(parts) == 3 && parts[1] == c.s.User && parts[2] == c.s.Password)
}

// list answers LIST, with SPECIAL-USE (RFC 6154) and STATUS (RFC 5819).
func (c *session) list(args string) string {
	selection, returns, _ := strings.Cut(args, " RETURN ")
	w := words(selection)
	if len(w) != 2 {
		return "BAD LIST needs a reference and a pattern"
	}
	pattern := regexp.QuoteMeta(w[0] + w[1])
	pattern = strings.NewReplacer(`\*`, ".*", "%", "[^/]*").Replace(pattern)
	re, err := regexp.Compile("^(?i:" + pattern + ")$")
	if err != nil {
		return "BAD pattern"
	}
	c.s.mu.Lock()
	boxes := make([]mailbox, 0, len(c.s.boxes))
	for _, b := range c.s.boxes {
		boxes = append(boxes, *b)
	}
	c.s.mu.Unlock()
	items := statusItems(returns)
	for _, b := range boxes {
		if !re.MatchString(b.name) {
			continue
		}
		attrs := ""
		if c.s.can("SPECIAL-USE") {
			attrs = strings.Join(b.attrs, " ")
		}
		c.send(fmt.Sprintf("* LIST (%s) \"/\" %s", attrs, quote(b.name)))
		if items != nil && !strings.Contains(attrs, `\Noselect`) {
			c.send(b.status(items))
		}
	}
	return "OK done"
}

var statusList = regexp.MustCompile(`(?i)\bSTATUS \(([^)]*)\)`)

// statusItems finds the items of RETURN (… STATUS (…)).
func statusItems(returns string) []string {
	if m := statusList.FindStringSubmatch(returns); m != nil {
		return strings.Fields(strings.ToUpper(m[1]))
	}
	return nil
}

func (c *session) status(args string) string {
	w := words(args)
	if len(w) < 2 {
		return "BAD STATUS needs a mailbox and items"
	}
	b, ok := c.s.view(w[0])
	if !ok {
		return "NO [NONEXISTENT] no such mailbox"
	}
	_, items, _ := strings.Cut(args, "(")
	c.send(b.status(strings.Fields(strings.ToUpper(strings.TrimSuffix(items, ")")))))
	return "OK done"
}

func (b *mailbox) status(items []string) string {
	var out []string
	for _, item := range items {
		switch item {
		case "MESSAGES":
			out = append(out, fmt.Sprintf("MESSAGES %d", len(b.messages)))
		case "UIDNEXT":
			out = append(out, fmt.Sprintf("UIDNEXT %d", b.next))
		case "UIDVALIDITY":
			out = append(out, fmt.Sprintf("UIDVALIDITY %d", b.validity))
		}
	}
	return "* STATUS " + quote(b.name) + " (" + strings.Join(out, " ") + ")"
}

func (c *session) examine(args string) string {
	w := words(args)
	c.opened = ""
	if len(w) == 0 {
		return "BAD EXAMINE needs a mailbox"
	}
	b, ok := c.s.view(w[0])
	if !ok {
		return "NO [NONEXISTENT] no such mailbox"
	}
	c.opened, c.known = b.name, len(b.messages)
	c.send(`* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)`)
	c.send(fmt.Sprintf("* %d EXISTS", len(b.messages)))
	c.send("* 0 RECENT")
	c.send(fmt.Sprintf("* OK [UIDVALIDITY %d] UIDs valid", b.validity))
	c.send(fmt.Sprintf("* OK [UIDNEXT %d] next", b.next))
	return "OK [READ-ONLY] done"
}

// exists tells of messages that arrived in the open mailbox.
func (c *session) exists() {
	if b, ok := c.s.view(c.opened); ok && len(b.messages) != c.known {
		c.known = len(b.messages)
		c.send(fmt.Sprintf("* %d EXISTS", c.known))
	}
}

// idle tells of new messages until DONE (RFC 2177).
func (c *session) idle() string {
	if !c.s.can("IDLE") {
		return "BAD unknown command"
	}
	c.send("+ idling")
	for {
		news := c.s.news()
		c.exists()
		select {
		case <-news:
		case line, ok := <-c.lines:
			if ok && !strings.EqualFold(line, "DONE") {
				return "BAD expected DONE"
			}
			return "OK done"
		}
	}
}

// words takes arguments apart: atoms, quoted strings and literals. A list is
// left out.
func words(s string) []string {
	var out []string
	for s = strings.TrimLeft(s, " "); s != ""; s = strings.TrimLeft(s, " ") {
		switch s[0] {
		case '"':
			var b strings.Builder
			i := 1
			for ; i < len(s) && s[i] != '"'; i++ {
				if s[i] == '\\' && i+1 < len(s) {
					i++
				}
				b.WriteByte(s[i])
			}
			out, s = append(out, b.String()), s[min(i+1, len(s)):]
		case '{':
			head, rest, _ := strings.Cut(s, "\r\n")
			n, err := strconv.Atoi(strings.Trim(head, "{+}"))
			if err != nil || n > len(rest) {
				return out
			}
			out, s = append(out, rest[:n]), rest[n:]
		default:
			w, rest, _ := strings.Cut(s, " ")
			out, s = append(out, w), rest
		}
	}
	return out
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
