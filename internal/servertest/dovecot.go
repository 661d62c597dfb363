package servertest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// IMAP is a running Dovecot. It speaks plain IMAP and STARTTLS on Port and
// implicit TLS on TLSPort, and knows every user whose password is Password(user).
type IMAP struct {
	Host    string // 127.0.0.1
	Port    int
	TLSPort int
	CAFile  string // the authority that signed its certificate, in PEM

	account account
	dir     string
	process *process
}

// IMAPOptions says how a Dovecot differs from the shared one.
type IMAPOptions struct {
	Capabilities string // the list to show, "" for Dovecot's own; what is hidden still works
	Cert         Cert   // "" is Valid
	NoSpecialUse bool   // folders bear no special use
	Prefix       string // of the personal namespace, such as "INBOX."; then the separator is "."
	Settings     string // more lines for dovecot.conf
}

var sharedDovecot = sync.OnceValues(func() (*IMAP, error) { return startDovecot(IMAPOptions{}) })

// Dovecot returns the Dovecot that the tests of this binary share.
func Dovecot(t testing.TB) *IMAP {
	t.Helper()
	need(t, "dovecot", "/usr/sbin/dovecot", "dovecot-imapd")
	s, err := sharedDovecot()
	if err != nil {
		t.Fatalf("start dovecot: %v", err)
	}
	return s
}

// DovecotWith starts a Dovecot for this test alone.
func DovecotWith(t testing.TB, o IMAPOptions) *IMAP {
	t.Helper()
	need(t, "dovecot", "/usr/sbin/dovecot", "dovecot-imapd")
	s, err := startDovecot(o)
	if err != nil {
		t.Fatalf("start dovecot: %v", err)
	}
	t.Cleanup(s.Stop)
	return s
}

// Stop ends the server before its time, with all its mail. Only for a server from
// DovecotWith.
func (s *IMAP) Stop() { s.process.stop() }

func startDovecot(o IMAPOptions) (*IMAP, error) {
	version, err := exec.Command("/usr/sbin/dovecot", "--version").Output()
	if err != nil {
		return nil, fmt.Errorf("ask for its version: %w", err)
	}
	if !strings.HasPrefix(string(version), "2.3.") {
		return nil, fmt.Errorf("version %s: only the configuration of 2.3 is known here", strings.TrimSpace(string(version)))
	}
	var failed error
	for range 3 { // another process may take a port that was free
		s, err := tryDovecot(o)
		if err == nil {
			return s, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func tryDovecot(o IMAPOptions) (*IMAP, error) {
	a, err := serverAccount()
	if err != nil {
		return nil, err
	}
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	dir, err := dataDir(a)
	if err != nil {
		return nil, err
	}
	s := &IMAP{
		Host: "127.0.0.1", Port: ports[0], TLSPort: ports[1],
		CAFile: filepath.Join(dir, "ca.pem"), account: a, dir: dir,
	}
	if err := s.configure(o); err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	s.process, err = start(a, dir, "/usr/sbin/dovecot", "-F", "-c", s.path("dovecot.conf"))
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	for _, port := range ports {
		if err := s.process.listening("tcp4", "127.0.0.1:"+strconv.Itoa(port)); err != nil {
			err = fmt.Errorf("%w\n%s", err, s.Log())
			s.Stop()
			return nil, err
		}
	}
	return s, nil
}

func (s *IMAP) path(name string) string { return filepath.Join(s.dir, name) }

func (s *IMAP) configure(o IMAPOptions) error {
	if o.Cert == "" {
		o.Cert = Valid
	}
	if err := writeCerts(s.dir, o.Cert); err != nil {
		return err
	}
	for _, d := range []string{"run", "state", "home", "rawlog"} {
		if err := errors.Join(os.Mkdir(s.path(d), 0o755), s.account.own(s.path(d))); err != nil {
			return err
		}
	}
	conf := s.path("dovecot.conf")
	if err := os.WriteFile(conf, []byte(s.settings(o)), 0o644); err != nil {
		return err
	}
	return s.account.own(conf, s.path("ca.pem"), s.path("cert.pem"), s.path("key.pem"))
}

// settings writes dovecot.conf. Every chroot is emptied and every user is the same
// account, because the server does not run as root.
func (s *IMAP) settings(o IMAPOptions) string {
	var b strings.Builder
	fmt.Fprintf(&b, dovecotBase, s.dir, s.account.user, s.account.group, s.account.uid, s.account.gid, s.Port, s.TLSPort)
	if o.Capabilities != "" {
		fmt.Fprintf(&b, "imap_capability = %s\n", o.Capabilities)
	}
	separator := "/"
	if o.Prefix != "" {
		separator = "."
	}
	fmt.Fprintf(&b, "namespace inbox {\n  inbox = yes\n  separator = %s\n  prefix = %s\n", separator, o.Prefix)
	for _, name := range []string{"Drafts", "Sent", "Junk", "Trash", "Archive"} {
		fmt.Fprintf(&b, "  mailbox %s {\n    auto = subscribe\n", name)
		if !o.NoSpecialUse {
			fmt.Fprintf(&b, "    special_use = \\%s\n", name)
		}
		b.WriteString("  }\n")
	}
	b.WriteString("}\n" + o.Settings + "\n")
	return b.String()
}

const dovecotBase = `# 1 directory, 2 user, 3 group, 4 uid, 5 gid, 6 port, 7 TLS port
base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/dovecot.log
instance_name = servertest
protocols = imap
listen = 127.0.0.1
default_internal_user = %[2]s
default_internal_group = %[3]s
default_login_user = %[2]s
first_valid_uid = 1
ssl = yes
ssl_cert = <%[1]s/cert.pem
ssl_key = <%[1]s/key.pem
disable_plaintext_auth = no
auth_mechanisms = plain login
auth_username_format = %%Ln
auth_failure_delay = 0
auth_verbose = yes
mail_max_userip_connections = 100
mail_home = %[1]s/home/%%Ln
mail_location = maildir:~/Maildir
mail_fsync = never
protocol imap {
  rawlog_dir = %[1]s/rawlog/%%Ln
}
passdb {
  driver = static
  args = password=pw-%%Ln
}
userdb {
  driver = static
  args = uid=%[4]d gid=%[5]d home=%[1]s/home/%%Ln
}
service anvil {
  chroot =
  # No auth penalty: a wrong password must not slow the next test down.
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service imap-login {
  chroot =
  service_count = 0
  inet_listener imap {
    port = %[6]d
  }
  inet_listener imaps {
    port = %[7]d
    ssl = yes
  }
}
service imap {
  process_min_avail = 2
}
`

// NewUser makes a user with empty folders INBOX, Sent, Drafts, Junk, Trash and
// Archive.
func (s *IMAP) NewUser(t testing.TB) string {
	t.Helper()
	name := nextUser()
	for _, d := range []string{s.Home(name), s.path("rawlog/" + name)} {
		if err := errors.Join(os.Mkdir(d, 0o755), s.account.own(d)); err != nil {
			t.Fatalf("make user %s: %v", name, err)
		}
	}
	return name
}

// Home is the user's home; the mail is in Home(user)/Maildir.
func (s *IMAP) Home(user string) string { return s.path("home/" + user) }

// Group is the process group of the server, to measure what it takes.
func (s *IMAP) Group() int { return s.process.group }

// Doveadm runs doveadm and returns what it prints. The test fails if it fails.
func (s *IMAP) Doveadm(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.Command("/usr/bin/doveadm", append([]string{"-c", s.path("dovecot.conf")}, args...)...)
	cmd.Dir = s.dir
	if s.account.drop {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: s.account.uid, Gid: s.account.gid}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("doveadm %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// Log is what the server logged so far, logins among it.
func (s *IMAP) Log() string {
	b, err := os.ReadFile(s.path("dovecot.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Commands are the lines that clients sent for the user after login, tags
// included, session by session; those of Append and Do are left out. A test that
// says what a client must never send reads them here.
func (s *IMAP) Commands(t testing.TB, user string) []string {
	t.Helper()
	files, err := filepath.Glob(s.path("rawlog/" + user + "/*.in"))
	if err != nil {
		t.Fatal(err)
	}
	sort.Strings(files)
	var lines []string
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, clientLines(string(b))...)
	}
	return lines
}

// clientLines removes the time stamp that Dovecot puts before each line.
func clientLines(rawlog string) []string {
	var lines []string
	for line := range strings.Lines(rawlog) {
		line = strings.TrimRight(line, "\r\n")
		if _, rest, stamped := strings.Cut(line, " "); stamped {
			line = rest
		}
		if strings.HasPrefix(line, ownTag) {
			return nil
		}
		lines = append(lines, line)
	}
	return lines
}
