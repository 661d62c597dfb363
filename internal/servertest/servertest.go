// Package servertest starts real mail and calendar servers from Debian packages
// for tests: Dovecot, Radicale and Xandikos, on loopback ports of their own,
// without systemd and without root.
//
// A server is started by the first test that asks for it and shared by the tests
// of that binary; every test takes a user of its own with NewUser. Servers end
// with the test binary, however it ends: a watchdog holds a pipe to it and stops
// the server when that pipe closes.
//
// A server that is not installed skips the test, unless the environment variable
// SYNCD_REQUIRE (a comma-separated list such as "dovecot,radicale,xandikos")
// names it: then the test fails.
package servertest

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
)

// Password is the password of a user made by NewUser, on every server.
func Password(user string) string { return "pw-" + user }

// userCount numbers the users of one test binary, so that no two tests share one.
var userCount atomic.Int64

func nextUser() string { return "user" + strconv.FormatInt(userCount.Add(1), 10) }

// need looks for the program of a server. Without it the test is skipped, or fails
// if SYNCD_REQUIRE names the server.
func need(t testing.TB, server, path, pkg string) {
	t.Helper()
	if _, err := exec.LookPath(path); err == nil {
		return
	}
	missing := fmt.Sprintf("%s is not installed: apt-get install %s", server, pkg)
	if slices.Contains(strings.Split(os.Getenv("SYNCD_REQUIRE"), ","), server) {
		t.Fatal(missing)
	}
	t.Skip(missing)
}

// account is the system account that servers run under: the caller's, or nobody
// where the caller is root, since Dovecot delivers no mail as root.
type account struct {
	uid, gid    uint32
	user, group string
	drop        bool // the caller is root and must become this account
}

func serverAccount() (account, error) {
	u, err := user.Current()
	drop := os.Getuid() == 0
	if drop {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return account{}, fmt.Errorf("find an account for the server: %w", err)
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		return account{}, fmt.Errorf("find the group of %s: %w", u.Username, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("user id of %s: %w", u.Username, err)
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return account{}, fmt.Errorf("group id of %s: %w", u.Username, err)
	}
	return account{uid: uint32(uid), gid: uint32(gid), user: u.Username, group: g.Name, drop: drop}, nil
}

// dataDir makes a directory that belongs to a. It is in /dev/shm where possible:
// the servers sync often, and the path of a Unix socket may have 108 bytes only.
func dataDir(a account) (string, error) {
	dir, err := os.MkdirTemp("/dev/shm", "syncd-")
	if err != nil {
		dir, err = os.MkdirTemp("", "syncd-")
	}
	if err != nil {
		return "", err
	}
	return dir, a.own(dir)
}

// own gives the files at the paths to a.
func (a account) own(paths ...string) error {
	if !a.drop {
		return nil
	}
	for _, p := range paths {
		if err := os.Chown(p, int(a.uid), int(a.gid)); err != nil {
			return err
		}
	}
	return nil
}

// freePorts finds n loopback ports that nobody listens on. Another process may
// take one before the server does, so a start is tried more than once.
func freePorts(n int) ([]int, error) {
	ports := make([]int, 0, n)
	for range n {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
