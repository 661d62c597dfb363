// Package imaptest serves IMAP4rev1 (RFC 3501) from memory, for tests and the
// demonstration: a mailbox store that can only be read, and a scripted peer
// that says what a broken or hostile server would.
package imaptest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"
)

// DefaultCapabilities are what a Server can do.
var DefaultCapabilities = []string{
	"IMAP4rev1", "AUTH=PLAIN", "SASL-IR", "IDLE", "NAMESPACE", "UNSELECT", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE",
}

// Server is an IMAP server of one user. Its methods are safe for concurrent
// use; its fields are set before the first connection.
type Server struct {
	User, Password string
	Capabilities   []string // nil: DefaultCapabilities
	// Mangle, if set, changes what the server is about to send, one whole
	// response at a time.
	Mangle func(response string) string

	mu       sync.Mutex
	boxes    []*mailbox
	changed  chan struct{} // closed and replaced when a message arrives
	commands []string
	refused  []string
	conns    map[net.Conn]bool
	done     bool
	wait     sync.WaitGroup
}

// Message is one message of a mailbox.
type Message struct {
	Raw   string // header and body, with CRLF or LF
	At    time.Time
	Flags []string
}

type mailbox struct {
	name     string
	attrs    []string
	validity uint32
	next     uint32
	messages []stored
}

type stored struct {
	uid uint32
	Message
}

// New makes a server with an empty INBOX.
func New(user, password string) *Server {
	s := &Server{User: user, Password: password, changed: make(chan struct{}), conns: map[net.Conn]bool{}}
	s.Create("INBOX")
	return s
}

// Create adds a mailbox. The name is as it goes over the wire, with "/" between
// levels; attributes are like `\Sent`.
func (s *Server) Create(name string, attributes ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boxes = append(s.boxes, &mailbox{name: name, attrs: attributes, validity: 1, next: 1})
}

// Append adds messages to a mailbox, wakes the clients that wait in IDLE and
// gives the UID of the last.
func (s *Server) Append(name string, messages ...Message) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(name)
	if b == nil {
		return 0, fmt.Errorf("append: no mailbox %q", name)
	}
	for _, m := range messages {
		m.Raw = strings.ReplaceAll(strings.ReplaceAll(m.Raw, "\r\n", "\n"), "\n", "\r\n")
		b.messages = append(b.messages, stored{b.next, m})
		b.next++
	}
	close(s.changed)
	s.changed = make(chan struct{})
	return b.next - 1, nil
}

// SetUID makes uid the next message's.
func (s *Server) SetUID(name string, uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.box(name); b != nil {
		b.next = uid
	}
}

// SetUIDValidity gives a mailbox a new UIDVALIDITY and its messages new UIDs.
func (s *Server) SetUIDValidity(name string, validity uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(name)
	if b == nil {
		return
	}
	b.validity, b.next = validity, 1
	for i := range b.messages {
		b.messages[i].uid = b.next
		b.next++
	}
}

// Remove takes a message away, as another client would.
func (s *Server) Remove(name string, uid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.box(name); b != nil {
		b.messages = slices.DeleteFunc(b.messages, func(m stored) bool { return m.uid == uid })
	}
}

// Commands are the lines that clients sent, without tags and literals; the
// arguments of a login are left out.
func (s *Server) Commands() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// Refused are the commands that would have changed something. A program that
// only reads leaves it empty.
func (s *Server) Refused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.refused)
}

// Serve answers the connections of a listener until that is closed.
func (s *Server) Serve(l net.Listener) error {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		if !s.start(c) {
			return nil
		}
	}
}

// Dial connects to the server without a network.
func (s *Server) Dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	if !s.start(server) {
		return nil, net.ErrClosed
	}
	return client, nil
}

// start serves one connection in the background.
func (s *Server) start(c net.Conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done {
		_ = c.Close() // nobody is told
		return false
	}
	s.conns[c] = true
	s.wait.Go(func() {
		(&session{s: s, conn: c}).serve()
		_ = c.Close() // the client may have done it already
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.conns, c)
	})
	return true
}

// Disconnect closes all connections, as a server that restarts would.
func (s *Server) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.Close() // that is all there is to do
	}
}

// Close ends all connections and waits for them. Listeners are their owner's.
func (s *Server) Close() {
	s.mu.Lock()
	s.done = true
	s.mu.Unlock()
	s.Disconnect()
	s.wait.Wait()
}

// box finds a mailbox; s.mu is held.
func (s *Server) box(name string) *mailbox {
	for _, b := range s.boxes {
		if b.name == name || b.name == "INBOX" && strings.EqualFold(name, "INBOX") {
			return b
		}
	}
	return nil
}

// view is a mailbox as it was at one moment.
func (s *Server) view(name string) (mailbox, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.box(name)
	if b == nil {
		return mailbox{}, false
	}
	v := *b
	v.messages = slices.Clone(b.messages)
	return v, true
}

func (s *Server) news() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Server) note(line string, refused bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if refused {
		s.refused = append(s.refused, line)
		return
	}
	s.commands = append(s.commands, line)
}

func (s *Server) capabilities() string {
	list := s.Capabilities
	if list == nil {
		list = DefaultCapabilities
	}
	return strings.Join(list, " ")
}

func (s *Server) can(capability string) bool {
	return slices.Contains(strings.Fields(s.capabilities()), capability)
}
