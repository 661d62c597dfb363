// Package imaptest serves IMAP4rev1 (RFC 3501) from memory, for tests and the
// demonstration: the library's own server, made read-only, and a scripted peer
// that says what a broken or hostile server would.
package imaptest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// DefaultCapabilities are what a Server can do.
var DefaultCapabilities = []string{
	"IMAP4rev1", "AUTH=PLAIN", "SASL-IR", "IDLE", "NAMESPACE", "UNSELECT", "UIDPLUS", "LIST-EXTENDED", "LIST-STATUS", "SPECIAL-USE",
}

// Server is an IMAP server of one user. Its methods are safe for concurrent
// use; its fields are set before the first connection.
type Server struct {
	User, Password string
	Capabilities   []string // nil: DefaultCapabilities
	// Mangle, if set, changes what the server is about to send, one whole
	// response at a time.
	Mangle func(response string) string

	user   *imapmemserver.User
	server *imapserver.Server
	pipes  *pipes
	serve  sync.WaitGroup

	mu       sync.Mutex
	boxes    []box         // in the order of their creation
	changed  chan struct{} // closed and replaced when a message arrives
	commands []string
	refused  []string
}

// Message is one message of a mailbox.
type Message struct {
	Raw   string // header and body, with CRLF or LF
	At    time.Time
	Flags []string
}

// box is what the library's store does not keep of a mailbox.
type box struct {
	name  string
	attrs []goimap.MailboxAttr
}

// New makes a server with an empty INBOX.
func New(user, password string) *Server {
	s := &Server{
		User: user, Password: password, user: imapmemserver.NewUser(user, password),
		pipes:   &pipes{accepted: make(chan net.Conn), ready: make(chan struct{}), done: make(chan struct{})},
		changed: make(chan struct{}),
	}
	s.server = imapserver.New(&imapserver.Options{
		NewSession: func(c *imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			wire := c.NetConn().(*conn) // Dial and Serve make no other
			return &session{UserSession: imapmemserver.NewUserSession(s.user), server: s, wire: wire}, nil, nil
		},
		Caps: goimap.CapSet{
			goimap.CapIMAP4rev1: {}, goimap.CapNamespace: {}, goimap.CapUIDPlus: {},
			goimap.CapListExtended: {}, goimap.CapListStatus: {}, goimap.CapSpecialUse: {},
		},
		Logger:       log.New(io.Discard, "", 0),
		InsecureAuth: true, // of a loopback, or of no network at all
	})
	s.serve.Go(func() { _ = s.server.Serve(s.pipes) })
	<-s.pipes.ready // the library's Close must not come in between
	s.Create("INBOX")
	return s
}

// Create adds a mailbox, with "/" between levels; attributes are like `\Sent`.
// It panics if there is one of that name.
func (s *Server) Create(name string, attributes ...string) {
	if err := s.user.Create(name, nil); err != nil {
		panic(err)
	}
	b := box{name: name}
	for _, a := range attributes {
		b.attrs = append(b.attrs, goimap.MailboxAttr(a))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.boxes = append(s.boxes, b)
}

// Append adds messages to a mailbox, wakes the clients that wait in IDLE and
// gives the UID of the last.
func (s *Server) Append(name string, messages ...Message) (uint32, error) {
	var last uint32
	for _, m := range messages {
		raw := strings.ReplaceAll(strings.ReplaceAll(m.Raw, "\r\n", "\n"), "\n", "\r\n")
		o := &goimap.AppendOptions{Time: m.At}
		for _, f := range m.Flags {
			o.Flags = append(o.Flags, goimap.Flag(f))
		}
		done, err := s.user.Append(name, literal{strings.NewReader(raw)}, o)
		if err != nil {
			return 0, fmt.Errorf("append to mailbox %q: %w", name, err)
		}
		last = uint32(done.UID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
	return last, nil
}

// change is closed when the next message arrives.
func (s *Server) change() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// literal is a message on its way into the store.
type literal struct{ *strings.Reader }

// Renew puts a new mailbox with these messages in the place of one, so that
// UIDVALIDITY is another.
func (s *Server) Renew(name string, messages ...Message) error {
	if err := s.user.Delete(name); err != nil {
		return fmt.Errorf("renew mailbox %q: %w", name, err)
	}
	if err := s.user.Create(name, nil); err != nil {
		return fmt.Errorf("renew mailbox %q: %w", name, err)
	}
	_, err := s.Append(name, messages...)
	return err
}

// Remove takes a message out of a mailbox, as another client would.
func (s *Server) Remove(name string, uid uint32) error {
	other := imapmemserver.NewUserSession(s.user)
	if _, err := other.Select(name, &goimap.SelectOptions{}); err != nil {
		return fmt.Errorf("remove from mailbox %q: %w", name, err)
	}
	set := goimap.UIDSetNum(goimap.UID(uid))
	deleted := &goimap.StoreFlags{Op: goimap.StoreFlagsAdd, Silent: true, Flags: []goimap.Flag{goimap.FlagDeleted}}
	err := other.Store(nil, set, deleted, nil)
	if err == nil {
		err = other.Expunge(nil, &set)
	}
	return errors.Join(err, other.Unselect())
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
		select {
		case s.pipes.accepted <- &conn{Conn: c, server: s}:
		case <-s.pipes.done:
			_ = c.Close() // nobody is told
		}
	}
}

// Dial connects to the server without a network.
func (s *Server) Dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case s.pipes.accepted <- &conn{Conn: server, server: s}:
		return client, nil
	case <-s.pipes.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// Close ends all connections. Listeners are their owner's.
func (s *Server) Close() {
	_ = s.server.Close() // it may have been closed before
	s.serve.Wait()
}

// pipes is the listener of the library's server; Dial and Serve feed it.
type pipes struct {
	accepted      chan net.Conn
	started, over sync.Once
	ready, done   chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	p.started.Do(func() { close(p.ready) })
	select {
	case c := <-p.accepted:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.over.Do(func() { close(p.done) })
	return nil
}

func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "memory", Net: "pipe"} }
