package servertest_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"syncd/internal/servertest"
)

const letter = "From: Ana Lopez <ana@example.org>\nTo: me@example.com\nSubject: Hello\n\nHello.\n"

func TestDovecotKeepsWhatIsAppended(t *testing.T) {
	s := servertest.Dovecot(t)
	user := s.NewUser(t)
	at := time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
	s.Append(t, user, "INBOX",
		servertest.Message{Raw: letter, At: at, Flags: []string{`\Seen`}},
		servertest.Message{Raw: letter})
	s.Append(t, user, "Projects", servertest.Message{Raw: letter})

	got := strings.Join(s.Do(t, user, "EXAMINE INBOX", "FETCH 1 (FLAGS INTERNALDATE)", "STATUS Projects (MESSAGES)"), "\n")
	for _, want := range []string{"* 2 EXISTS", "* 2 RECENT", `\Seen`, "02-Mar-2026 09:30:00 +0000", "Projects (MESSAGES 1)"} {
		if !strings.Contains(got, want) {
			t.Errorf("answers lack %q:\n%s", want, got)
		}
	}
	if got := s.Doveadm(t, "fetch", "-u", user, "hdr.subject", "mailbox", "Projects"); !strings.Contains(got, "Hello") {
		t.Errorf("doveadm fetch: got %q, want the subject", got)
	}
}

func TestDovecotUsersAreApart(t *testing.T) {
	s := servertest.Dovecot(t)
	first, second := s.NewUser(t), s.NewUser(t)
	s.Append(t, first, "INBOX", servertest.Message{Raw: letter})
	got := strings.Join(s.Do(t, second, "STATUS INBOX (MESSAGES)"), "\n")
	if !strings.Contains(got, "(MESSAGES 0)") {
		t.Errorf("second user: got %s, want no message", got)
	}
}

// A client is seen with all its commands, and the harness is not.
func TestDovecotCommands(t *testing.T) {
	s := servertest.Dovecot(t)
	user := s.NewUser(t)
	s.Append(t, user, "INBOX", servertest.Message{Raw: letter})
	conn, err := net.Dial("tcp", net.JoinHostPort(s.Host, strconv.Itoa(s.Port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("a1 LOGIN " + user + " " + servertest.Password(user) + "\r\na2 EXAMINE INBOX\r\na3 LOGOUT\r\n")); err != nil {
		t.Fatal(err)
	}
	for buf := make([]byte, 4096); ; {
		if _, err := conn.Read(buf); err != nil {
			break // LOGOUT closes the connection
		}
	}
	want := []string{"a2 EXAMINE INBOX", "a3 LOGOUT"}
	if diff := cmp.Diff(want, s.Commands(t, user)); diff != "" {
		t.Errorf("Commands() mismatch (-want +got):\n%s", diff)
	}
}

func TestDovecotCertificates(t *testing.T) {
	for _, kind := range []servertest.Cert{servertest.Valid, servertest.Expired, servertest.WrongHost, servertest.SelfSigned} {
		t.Run(string(kind), func(t *testing.T) {
			s := servertest.DovecotWith(t, servertest.IMAPOptions{Cert: kind})
			err := handshake(t, net.JoinHostPort(s.Host, strconv.Itoa(s.TLSPort)), s.CAFile)
			checkVerdict(t, kind, err)
		})
	}
}

func TestDovecotOptions(t *testing.T) {
	s := servertest.DovecotWith(t, servertest.IMAPOptions{
		Capabilities: "IMAP4rev1 UNSELECT", NoSpecialUse: true, Prefix: "INBOX.",
	})
	user := s.NewUser(t)
	got := strings.Join(s.Do(t, user, "CAPABILITY", `LIST "" "*"`), "\n")
	if want := "* CAPABILITY IMAP4rev1 UNSELECT\n"; !strings.Contains(got, want) {
		t.Errorf("answers lack %q:\n%s", want, got)
	}
	if want := `"." INBOX.Sent`; !strings.Contains(got, want) {
		t.Errorf("answers lack %q:\n%s", want, got)
	}
	if strings.Contains(got, `\Sent`) {
		t.Errorf("a special use is shown:\n%s", got)
	}
}

func TestDAV(t *testing.T) {
	servers := map[string]func(testing.TB) *servertest.DAV{
		"radicale": servertest.Radicale, "xandikos": servertest.Xandikos,
	}
	for name, server := range servers {
		t.Run(name, func(t *testing.T) {
			s := server(t)
			u, other := s.NewUser(t), s.NewUser(t)
			event := u.MakeCalendar(t, "work") + "lunch.ics"
			u.Put(t, event, lunch)
			card := u.MakeAddressBook(t, "friends") + "ana.vcf"
			u.Put(t, card, ana)
			for target, want := range map[string]string{event: "SUMMARY:Lunch with Ana Lopez", card: "FN:Ana Lopez"} {
				if got, ok := u.Get(t, target); !ok || !strings.Contains(got, want) {
					t.Errorf("GET %s: got %q, want %q in it", target, got, want)
				}
			}
			if got := status(t, "PROPFIND", u.URL, u.Name, "wrong"); got != http.StatusUnauthorized {
				t.Errorf("wrong password: got status %d, want 401", got)
			}
			if got := status(t, "PROPFIND", u.URL, u.Name, u.Password); got != http.StatusMultiStatus {
				t.Errorf("right password: got status %d, want 207", got)
			}
			if got := status(t, http.MethodGet, event, other.Name, other.Password); got == http.StatusOK {
				t.Errorf("another user reads the event")
			}
			u.Delete(t, event)
			if got, ok := u.Get(t, event); ok {
				t.Errorf("deleted event is still there: %q", got)
			}
			checkRequests(t, u)
		})
	}
}

func checkRequests(t *testing.T, u *servertest.DAVUser) {
	t.Helper()
	var got []int
	for _, r := range u.Requests() {
		if r.Method != "PROPFIND" {
			t.Errorf("recorded a request of the harness: %s %s", r.Method, r.Path)
		}
		got = append(got, r.Status)
	}
	if want := []int{401, 207}; !slices.Equal(got, want) {
		t.Errorf("Requests(): got statuses %v, want %v", got, want)
	}
	if !strings.Contains(u.Log(), "PROPFIND") {
		t.Errorf("the server's log does not name the request:\n%s", u.Log())
	}
}

func TestDAVCertificates(t *testing.T) {
	for _, kind := range []servertest.Cert{servertest.Valid, servertest.Expired, servertest.WrongHost, servertest.SelfSigned} {
		t.Run(string(kind), func(t *testing.T) {
			s := servertest.RadicaleWith(t, servertest.DAVOptions{Cert: kind})
			address := strings.TrimSuffix(strings.TrimPrefix(s.URL, "https://"), "/")
			checkVerdict(t, kind, handshake(t, address, s.CAFile))
			s.NewUser(t).MakeCalendar(t, "work")
		})
	}
}

// A private server is gone after its test, with its data.
func TestPrivateServersEnd(t *testing.T) {
	var dir, address string
	t.Run("private", func(t *testing.T) {
		s := servertest.DovecotWith(t, servertest.IMAPOptions{})
		dir, address = filepath.Dir(s.CAFile), net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	})
	if t.Failed() || dir == "" {
		t.Skip("no server was started")
	}
	if conn, err := net.Dial("tcp", address); err == nil {
		conn.Close()
		t.Errorf("the server still answers at %s", address)
	}
	if left, err := filepath.Glob(dir); err != nil || len(left) > 0 {
		t.Errorf("data left behind: %v, %v", left, err)
	}
}

func handshake(t *testing.T, address, caFile string) error {
	t.Helper()
	pool, err := servertest.Pool(caFile)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, ServerName: "localhost"})
	if err != nil {
		return err
	}
	return conn.Close()
}

func checkVerdict(t *testing.T, kind servertest.Cert, err error) {
	t.Helper()
	var (
		invalid   x509.CertificateInvalidError
		hostname  x509.HostnameError
		authority x509.UnknownAuthorityError
	)
	ok := map[servertest.Cert]bool{
		servertest.Valid:      err == nil,
		servertest.Expired:    errors.As(err, &invalid) && invalid.Reason == x509.Expired,
		servertest.WrongHost:  errors.As(err, &hostname),
		servertest.SelfSigned: errors.As(err, &authority),
	}[kind]
	if !ok {
		t.Errorf("%s certificate: handshake ended with %v", kind, err)
	}
}

func status(t *testing.T, method, target, user, password string) int {
	t.Helper()
	const body = `<propfind xmlns="DAV:"><prop><resourcetype/></prop></propfind>`
	r, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth(user, password)
	r.Header.Set("Content-Type", "application/xml")
	r.Header.Set("Depth", "0")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

const lunch = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//example.com//test//EN\r\nBEGIN:VEVENT\r\n" +
	"UID:lunch@example.com\r\nDTSTAMP:20260301T080000Z\r\nDTSTART:20260302T120000Z\r\nDTEND:20260302T130000Z\r\n" +
	"SUMMARY:Lunch with Ana Lopez\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"

const ana = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:ana@example.com\r\nN:Lopez;Ana;;;\r\nFN:Ana Lopez\r\n" +
	"EMAIL:ana@example.org\r\nEND:VCARD\r\n"
