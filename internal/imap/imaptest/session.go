package imaptest

import (
	"bytes"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// session is the library's session in memory without what changes something,
// and with special use (RFC 6154), which the library's store does not keep.
type session struct {
	*imapmemserver.UserSession
	server *Server
	wire   *conn
}

func (c *session) Login(user, password string) error {
	if user != c.server.User || password != c.server.Password {
		return imapserver.ErrAuthFailed
	}
	return nil
}

func (c *session) List(w *imapserver.ListWriter, ref string, patterns []string, o *goimap.ListOptions) error {
	c.server.mu.Lock()
	boxes := slices.Clone(c.server.boxes)
	c.server.mu.Unlock()
	for _, b := range boxes {
		if !slices.ContainsFunc(patterns, func(p string) bool { return imapserver.MatchList(b.name, '/', ref, p) }) {
			continue
		}
		data := &goimap.ListData{Mailbox: b.name, Delim: '/'}
		if o.ReturnSpecialUse {
			data.Attrs = b.attrs
		}
		if o.ReturnStatus != nil {
			st, err := c.Status(b.name, o.ReturnStatus)
			if err != nil {
				return err
			}
			data.Status = st
		}
		if err := w.WriteList(data); err != nil {
			return err
		}
	}
	return nil
}

func (c *session) Select(name string, o *goimap.SelectOptions) (*goimap.SelectData, error) {
	if !o.ReadOnly {
		return nil, c.refuse()
	}
	return c.UserSession.Select(name, o)
}

func (c *session) Fetch(w *imapserver.FetchWriter, set goimap.NumSet, o *goimap.FetchOptions) error {
	// RFC 3501 section 6.4.5: without PEEK it would set \Seen.
	if slices.ContainsFunc(o.BodySection, func(s *goimap.FetchItemBodySection) bool { return !s.Peek }) {
		return c.refuse()
	}
	return c.UserSession.Fetch(w, set, o)
}

// Idle tells of new messages. The library's own misses one that comes between
// its "+" and the moment it begins to listen.
func (c *session) Idle(w *imapserver.UpdateWriter, stop <-chan struct{}) error {
	for {
		changed := c.server.change()
		if err := c.Poll(w, true); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-stop:
			return nil
		}
	}
}

// What changes something is refused and noted.

func (c *session) Create(string, *goimap.CreateOptions) error               { return c.refuse() }
func (c *session) Delete(string) error                                      { return c.refuse() }
func (c *session) Rename(string, string, *goimap.RenameOptions) error       { return c.refuse() }
func (c *session) Subscribe(string) error                                   { return c.refuse() }
func (c *session) Unsubscribe(string) error                                 { return c.refuse() }
func (c *session) Expunge(*imapserver.ExpungeWriter, *goimap.UIDSet) error  { return c.refuse() }
func (c *session) Copy(goimap.NumSet, string) (*goimap.CopyData, error)     { return nil, c.refuse() }
func (c *session) Move(*imapserver.MoveWriter, goimap.NumSet, string) error { return c.refuse() }
func (c *session) Append(string, goimap.LiteralReader, *goimap.AppendOptions) (*goimap.AppendData, error) {
	return nil, c.refuse()
}

func (c *session) Store(*imapserver.FetchWriter, goimap.NumSet, *goimap.StoreFlags, *goimap.StoreOptions) error {
	return c.refuse()
}

func (c *session) refuse() error {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.refused = append(c.server.refused, c.wire.last)
	return &goimap.Error{Type: goimap.StatusResponseTypeNo, Code: goimap.ResponseCodeNoPerm, Text: "this server is only read"}
}

// conn is the server's end of a connection. It notes the commands that come and
// changes the responses that go.
type conn struct {
	net.Conn
	server *Server
	out    []byte // of a response that is not whole
	in     []byte // of a command that is not whole
	last   string // command
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in = append(c.in, p[:n]...)
	for {
		end := whole(c.in)
		if end == 0 {
			return n, err
		}
		c.note(withoutLiterals(c.in[:end]))
		c.in = c.in[end:]
	}
}

// note keeps a command. What has no tag belongs to the one before: "DONE", and
// what AUTHENTICATE sends after it.
func (c *conn) note(line string) {
	_, command, tagged := strings.Cut(line, " ")
	if !tagged {
		return
	}
	if verb, _, _ := strings.Cut(command, " "); verb == "LOGIN" || verb == "AUTHENTICATE" {
		command = verb
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.commands = append(c.server.commands, command)
	c.last = command
}

func (c *conn) Write(p []byte) (int, error) {
	c.out = append(c.out, p...)
	for {
		end := whole(c.out)
		if end == 0 {
			return len(p), nil
		}
		response := c.server.advertise(string(c.out[:end]))
		c.out = c.out[end:]
		if c.server.Mangle != nil {
			response = c.server.Mangle(response)
		}
		if _, err := io.WriteString(c.Conn, response); err != nil {
			return 0, err
		}
	}
}

var advertised = regexp.MustCompile(`^(\* |\S+ OK \[|\* (?:OK|PREAUTH) \[)CAPABILITY [^\]\r\n]*`)

// advertise puts the capabilities that are wanted into a response that lists
// those of the library.
func (s *Server) advertise(response string) string {
	list := s.Capabilities
	if list == nil {
		list = DefaultCapabilities
	}
	return advertised.ReplaceAllString(response, "${1}CAPABILITY "+strings.ReplaceAll(strings.Join(list, " "), "$", "$$"))
}

// announced is a literal at the end of a line.
var announced = regexp.MustCompile(`\{(\d+)\+?\}\r\n$`)

// whole gives the length of the first line with its literals, 0 if it is not
// all there.
func whole(b []byte) int {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("\r\n"))
		if i < 0 {
			return 0
		}
		at += i + 2
		n := literalSize(b[:at])
		if n < 0 {
			return at
		}
		if at += n; at > len(b) {
			return 0
		}
	}
}

// literalSize is that of the literal that the end of b announces, -1 if there
// is none.
func literalSize(b []byte) int {
	m := announced.FindSubmatch(b[max(0, len(b)-32):])
	if m == nil {
		return -1
	}
	n, err := strconv.Atoi(string(m[1]))
	if err != nil {
		return -1
	}
	return n
}

func withoutLiterals(b []byte) string {
	var out strings.Builder
	for {
		i := bytes.Index(b, []byte("\r\n"))
		out.Write(b[:i])
		n := literalSize(b[:i+2])
		if n < 0 {
			return out.String()
		}
		b = b[i+2+n:]
	}
}
