// Package caldavtest is a CalDAV server (RFC 4791) in the process, on loopback,
// with everything in memory. It holds address books as well (RFC 6352), to be read. Without faults it is a decent server that calendar
// programs can use; with them it misbehaves the way servers in the field do.
//
// The protocol is go-webdav's handler on a backend of ours. Around it lies what
// that has not: logins, sync-collection (RFC 6578), getctag, MKCALENDAR, a
// precondition on DELETE, and objects byte for byte as they were stored; and the
// faults.
//
// It is written for tests and for the demonstration, and knows one user and no
// TLS.
package caldavtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Options says what server to start.
type Options struct {
	Addr           string // "127.0.0.1:0" if empty
	User, Password string // "me" and "secret" if empty
	Calendars      []Calendar
	AddressBooks   []AddressBook
	// Now is the clock behind the Date header and Faults.LateListing. Nil: the
	// system's.
	Now func() time.Time
}

// Calendar is a collection in the user's home.
type Calendar struct {
	Name       string   // last segment of its path
	Title      string   // displayname; Name if empty
	Components []string // VEVENT if empty
	ReadOnly   bool
}

// Request is a request the server answered.
type Request struct {
	Method, Path         string
	Depth                string
	IfMatch, IfNoneMatch string
	Status               int // 0 where the answer was lost
	Body                 string
}

// String is the request in one line, for tests.
func (r Request) String() string {
	s := r.Method + " " + r.Path
	if r.IfMatch != "" {
		s += " If-Match: " + r.IfMatch
	}
	if r.IfNoneMatch != "" {
		s += " If-None-Match: " + r.IfNoneMatch
	}
	return fmt.Sprintf("%s %d", s, r.Status)
}

// Server is a running server.
type Server struct {
	URL            string // "http://127.0.0.1:port"
	User, Password string

	now  func() time.Time
	http *http.Server
	done chan struct{}

	mu        sync.Mutex
	faults    Faults
	calendars map[string]*calendar // by name, address books too
	epoch     int                  // in every sync token; raised to make all of them void
	requests  []Request
}

// Start starts a server. It ends with ctx or with Close.
func Start(ctx context.Context, o Options) (*Server, error) {
	s := &Server{
		User: orElse(o.User, "me"), Password: orElse(o.Password, "secret"),
		now: o.Now, done: make(chan struct{}), calendars: map[string]*calendar{},
	}
	for _, c := range o.Calendars {
		s.AddCalendar(c)
	}
	for _, b := range o.AddressBooks {
		s.AddAddressBook(b)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", orElse(o.Addr, "127.0.0.1:0"))
	if err != nil {
		return nil, fmt.Errorf("start CalDAV server: %w", err)
	}
	s.URL = "http://" + l.Addr().String()
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 30 * time.Second}
	go func() {
		defer close(s.done)
		// Serve always returns an error; after Close it says nothing.
		_ = s.http.Serve(l)
	}()
	context.AfterFunc(ctx, func() { _ = s.http.Close() })
	return s, nil
}

func (s *Server) clock() time.Time {
	if s.now == nil {
		return time.Now()
	}
	return s.now()
}

// Close stops the server and waits until nothing of it runs.
func (s *Server) Close() error {
	err := s.http.Close()
	<-s.done
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

// Set makes the server misbehave as f says; the zero value ends it.
func (s *Server) Set(f Faults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = f
}

// Home is the path of the collection that holds the calendars. The library tells
// by the number of segments what a path is: one of a principal, two of a home.
func (s *Server) Home() string { return "/calendars/" + s.User + "/" }

// Principal is the path of the user's principal.
func (s *Server) Principal() string { return "/" + s.User + "/" }

// Path is the path of a calendar, or of an object in it.
func (s *Server) Path(calendar, object string) string {
	return s.Home() + calendar + "/" + object
}

// AddCalendar makes a calendar, as the user would in another program.
func (s *Server) AddCalendar(c Calendar) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c.Title = orElse(c.Title, c.Name)
	if len(c.Components) == 0 {
		c.Components = []string{"VEVENT"}
	}
	s.calendars[c.Name] = &calendar{Calendar: c, objects: map[string]object{}}
}

// RemoveCalendar removes a calendar or an address book with everything in it.
func (s *Server) RemoveCalendar(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calendars, name)
}

// Store puts an object into a calendar or an address book as another program
// would, whatever it holds: nothing is checked. The collection must exist.
func (s *Server) Store(calendar, object, data string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calendars[calendar].put(object, data, s.clock())
}

// Remove removes an object as another program would.
func (s *Server) Remove(calendar, object string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calendars[calendar].remove(object, s.clock())
}

// Restore takes what was deleted last with that UID out of the bin of a calendar
// and puts it back under a name, as the user would in the server's own pages. It
// reports whether there was such an object.
func (s *Server) Restore(calendar, uid, object string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.calendars[calendar]
	o, ok := c.bin[uid]
	if ok {
		delete(c.bin, uid)
		c.put(object, o.data, s.clock())
	}
	return ok
}

// Objects returns what a calendar or an address book holds: data by name.
func (s *Server) Objects(calendar string) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	if c := s.calendars[calendar]; c != nil {
		for name, o := range c.objects {
			all[name] = o.data
		}
	}
	return all
}

// Requests returns the requests since the start or the last Forget, in the order
// of their answers.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// Writes returns those of Requests that could change something.
func (s *Server) Writes() []Request {
	return slices.DeleteFunc(s.Requests(), func(r Request) bool { return reads(r.Method) })
}

// Forget empties the log of requests.
func (s *Server) Forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
