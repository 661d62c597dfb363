package servertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// DAV is a running Radicale or Xandikos. Between it and its clients stands a
// recorder in the test binary that passes everything on unchanged, keeps what was
// asked (see DAVUser.Requests) and adds what the server lacks: TLS and, for
// Xandikos, which knows neither passwords nor a second user, both of those.
type DAV struct {
	URL    string // where discovery starts
	CAFile string // the authority that signed its certificate; "" without TLS

	origin string
	front  *front
	kind   kind
}

// DAVOptions says how a server differs from the shared one.
type DAVOptions struct {
	Cert Cert // the server speaks TLS and shows this certificate; "": no TLS
}

var (
	sharedRadicale = sync.OnceValues(func() (*DAV, error) { return startRadicale(DAVOptions{}) })
	sharedXandikos = sync.OnceValues(func() (*DAV, error) { return startXandikos(DAVOptions{}) })
)

// Radicale returns the Radicale that the tests of this binary share.
func Radicale(t testing.TB) *DAV {
	t.Helper()
	need(t, "radicale", "/usr/bin/radicale", "radicale")
	return running(t, "radicale", sharedRadicale)
}

// RadicaleWith starts a Radicale for this test alone.
func RadicaleWith(t testing.TB, o DAVOptions) *DAV {
	t.Helper()
	need(t, "radicale", "/usr/bin/radicale", "radicale")
	d := running(t, "radicale", func() (*DAV, error) { return startRadicale(o) })
	t.Cleanup(d.stop)
	return d
}

// Xandikos returns the Xandikos that the tests of this binary share. Each user has
// a process of their own behind it.
func Xandikos(t testing.TB) *DAV {
	t.Helper()
	need(t, "xandikos", "/usr/bin/xandikos", "xandikos")
	return running(t, "xandikos", sharedXandikos)
}

// XandikosWith starts a Xandikos for this test alone.
func XandikosWith(t testing.TB, o DAVOptions) *DAV {
	t.Helper()
	need(t, "xandikos", "/usr/bin/xandikos", "xandikos")
	d := running(t, "xandikos", func() (*DAV, error) { return startXandikos(o) })
	t.Cleanup(d.stop)
	return d
}

// kind is what differs between the servers.
type kind interface {
	backend
	addUser(name string) error
	home(name string) string  // the path of a user's calendars
	books(name string) string // the path of a user's address books
	output(name string) string
	group(name string) int // the process group that serves a user
	stop()
}

func startDAV(k kind, o DAVOptions, root string) (*DAV, error) {
	f, origin, caFile, err := newFront(k, o.Cert)
	if err != nil {
		k.stop()
		return nil, err
	}
	return &DAV{URL: origin + root, CAFile: caFile, origin: origin, front: f, kind: k}, nil
}

// stop ends the server with all its data.
func (d *DAV) stop() {
	_ = d.front.server.Close()
	d.kind.stop()
	if d.CAFile != "" {
		_ = os.RemoveAll(filepath.Dir(d.CAFile))
	}
}

func running(t testing.TB, server string, started func() (*DAV, error)) *DAV {
	t.Helper()
	d, err := started()
	if err != nil {
		t.Fatalf("start %s: %v", server, err)
	}
	return d
}

// radicaleUsers is how many users Radicale knows; it reads its password file once.
const radicaleUsers = 2000

const radicaleConf = `[server]
hosts = 127.0.0.1:%[2]d
max_connections = 100
[auth]
type = htpasswd
htpasswd_filename = %[1]s/htpasswd
htpasswd_encryption = plain
delay = 0
[rights]
type = owner_only
[storage]
filesystem_folder = %[1]s/storage
[web]
type = none
[logging]
level = info
mask_passwords = True
`

// radicaleServer is the one process of a Radicale.
type radicaleServer struct {
	process *process
	address string
}

func (s *radicaleServer) host(*http.Request) (string, int) { return s.address, 0 }

func (s *radicaleServer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, network, address)
}

func (s *radicaleServer) addUser(string) error     { return nil }
func (s *radicaleServer) home(name string) string  { return "/" + name + "/" }
func (s *radicaleServer) books(name string) string { return "/" + name + "/" }
func (s *radicaleServer) output(string) string     { return s.process.output() }
func (s *radicaleServer) group(string) int         { return s.process.group }
func (s *radicaleServer) stop()                    { s.process.stop() }

func startRadicale(o DAVOptions) (*DAV, error) {
	var failed error
	for range 3 { // another process may take a port that was free
		s, err := tryRadicale()
		if err == nil {
			return startDAV(s, o, "/")
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func tryRadicale() (*radicaleServer, error) {
	a, err := serverAccount()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	dir, err := dataDir(a)
	if err != nil {
		return nil, err
	}
	conf, passwords := filepath.Join(dir, "config"), filepath.Join(dir, "htpasswd")
	var users strings.Builder
	for i := range radicaleUsers {
		name := "user" + strconv.Itoa(i+1)
		users.WriteString(name + ":" + Password(name) + "\n")
	}
	if err := errors.Join(
		os.WriteFile(conf, fmt.Appendf(nil, radicaleConf, dir, ports[0]), 0o644),
		os.WriteFile(passwords, []byte(users.String()), 0o644),
		a.own(conf, passwords),
	); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	p, err := start(a, dir, "/usr/bin/radicale", "--config", conf)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	address := "127.0.0.1:" + strconv.Itoa(ports[0])
	if err := p.listening("tcp4", address); err != nil {
		p.stop()
		return nil, err
	}
	return &radicaleServer{process: p, address: address}, nil
}

// xandikosServer is one process for each user.
type xandikosServer struct {
	mu    sync.Mutex
	users map[string]xandikosUser
}

type xandikosUser struct {
	process *process
	socket  string
}

func startXandikos(o DAVOptions) (*DAV, error) {
	return startDAV(&xandikosServer{users: map[string]xandikosUser{}}, o, "/dav/")
}

func (s *xandikosServer) home(string) string  { return "/dav/user/calendars/" }
func (s *xandikosServer) books(string) string { return "/dav/user/contacts/" }

func (s *xandikosServer) user(name string) (xandikosUser, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.users[name]
	return u, ok
}

func (s *xandikosServer) addUser(name string) error {
	a, err := serverAccount()
	if err != nil {
		return err
	}
	dir, err := dataDir(a)
	if err != nil {
		return err
	}
	socket := filepath.Join(dir, "socket")
	p, err := start(a, dir, "/usr/bin/xandikos", "-l", socket, "--route-prefix", "/dav",
		"--current-user-principal", "/user/", "--defaults", "-d", filepath.Join(dir, "data"))
	if err != nil {
		return errors.Join(err, os.RemoveAll(dir))
	}
	if err := p.listening("unix", socket); err != nil {
		p.stop()
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[name] = xandikosUser{process: p, socket: socket}
	return nil
}

// host is the user's name, once the password is right.
func (s *xandikosServer) host(r *http.Request) (string, int) {
	name, password, _ := r.BasicAuth()
	if _, known := s.user(name); !known || password != Password(name) {
		return "", http.StatusUnauthorized
	}
	return name, 0
}

func (s *xandikosServer) dial(ctx context.Context, _, address string) (net.Conn, error) {
	name, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	u, _ := s.user(name)
	return new(net.Dialer).DialContext(ctx, "unix", u.socket)
}

func (s *xandikosServer) output(name string) string {
	u, ok := s.user(name)
	if !ok {
		return ""
	}
	return u.process.output()
}

func (s *xandikosServer) group(name string) int {
	u, ok := s.user(name)
	if !ok {
		return 0
	}
	return u.process.group
}

func (s *xandikosServer) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.users {
		u.process.stop()
	}
}
