// Package imap reads new mail of one account over IMAP4rev1 (RFC 3501) as
// batches for the ledger, what the texts of wanted mails say, and waits for more.
//
// It only reads: mailboxes are opened with EXAMINE, headers and the beginnings of
// messages come by BODY.PEEK, and no command exists here that could change a mailbox or a flag.
//
// A server's answer is never trusted. A response that is malformed or too
// large is dropped alone and counted, and the messages it belonged to are
// asked for again one by one; what still cannot be read is reported as a
// ledger.Skip and never stops a scan.
package imap

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"syscall"
	"time"

	goimap "github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
	"github.com/emersion/go-sasl"

	"syncd/internal/auth"
)

// TLSMode is how a connection is protected.
type TLSMode string

// The modes. None is accepted for loopback only.
const (
	TLS      TLSMode = "tls"      // from the first byte, port 993
	StartTLS TLSMode = "starttls" // by command before the login, port 143
	None     TLSMode = "none"
)

// defaultTimeout bounds the wait for one response.
const defaultTimeout = 60 * time.Second

// Account says which server to read and what of it. User and password are
// Dial's other argument.
type Account struct {
	Name string // in the configuration
	Host string
	Port int     // zero: the mode's usual one
	TLS  TLSMode // empty: TLS

	// Folders reports, by display name, the mailboxes to read; nil: chosen by
	// special use. ExcludeFolders takes away from either; nil: nothing.
	Folders, ExcludeFolders func(name string) bool
	// Spelled reports which of Folders are named in full, without a wildcard: only
	// so are mailboxes of unsent mail read. nil: none.
	Spelled func(name string) bool
	// Sent names the mailbox that holds the user's sent mail; empty: found by
	// special use or by its name.
	Sent string

	RootCAs *x509.CertPool // nil: the system's
	Timeout time.Duration  // for one response; zero: 60 s
	// Dialer connects; nil: TCP.
	Dialer func(ctx context.Context, network, address string) (net.Conn, error)
}

// Session is a connection that is logged in. One goroutine uses it at a time.
// After an error that is no *Error only Close is of use.
type Session struct {
	account Account
	log     *slog.Logger
	g       *guard
	client  *imapclient.Client
	broken  error
	opened  bool     // a mailbox is
	asked   bool     // for namespaces
	foreign []string // prefixes of other people's and shared mailboxes
}

// Dial connects and logs in. Its errors name the account and the cause in one
// line; see ErrAuth, ErrUnavailable, ErrInsecure and ErrCertificate.
func Dial(ctx context.Context, a Account, creds *auth.Credentials, log *slog.Logger) (*Session, error) {
	if a.Timeout == 0 {
		a.Timeout = defaultTimeout
	}
	if a.TLS == "" {
		a.TLS = TLS
	}
	if a.Port == 0 {
		a.Port = 143
		if a.TLS == TLS {
			a.Port = 993
		}
	}
	address := net.JoinHostPort(a.Host, strconv.Itoa(a.Port))
	s := &Session{account: a, log: log}
	if err := s.open(ctx, address, creds); err != nil {
		if s.g != nil {
			_ = s.close() // the first error is the one that matters
		}
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("account %q: %s: %w", a.Name, address, err)
	}
	return s, nil
}

func (s *Session) open(ctx context.Context, address string, creds *auth.Credentials) error {
	switch s.account.TLS {
	case TLS, StartTLS:
	case None:
		if !loopbackHost(s.account.Host) {
			return fmt.Errorf("%w: tls = \"none\" is allowed for loopback only", ErrInsecure)
		}
	default:
		return fmt.Errorf("%w: unknown TLS mode %q", ErrInsecure, s.account.TLS)
	}
	if err := s.connect(ctx, address); err != nil {
		return err
	}
	preauth, err := s.greet(ctx)
	if err != nil {
		return err
	}
	if s.account.TLS == StartTLS {
		// RFC 9051 section 7.1.4: PREAUTH would leave STARTTLS impossible.
		if preauth {
			return fmt.Errorf("%w: the server logs in by itself before STARTTLS", ErrInsecure)
		}
		if err := s.startTLS(ctx); err != nil {
			return err
		}
	}
	s.client = imapclient.New(s.g, nil)
	if err := s.do(ctx, "greeting", s.client.WaitGreeting); err != nil {
		return err
	}
	if err := s.needCaps(ctx); err != nil {
		return err
	}
	if preauth {
		return nil
	}
	return s.login(ctx, creds)
}

// connect opens the connection, with TLS if that comes first.
func (s *Session) connect(ctx context.Context, address string) error {
	dial := s.account.Dialer
	if dial == nil {
		dial = (&net.Dialer{Timeout: s.account.Timeout}).DialContext
	}
	raw, err := dial(ctx, "tcp", address)
	if err != nil {
		return s.explain(err)
	}
	s.g = newGuard(raw, s.account.Timeout)
	if tcp, ok := raw.RemoteAddr().(*net.TCPAddr); ok && s.account.TLS == None && !tcp.IP.IsLoopback() {
		return fmt.Errorf("%w: tls = \"none\" is allowed for loopback only, and this is %s", ErrInsecure, tcp.IP)
	}
	if s.account.TLS == TLS {
		return s.handshake(ctx)
	}
	return nil
}

func (s *Session) handshake(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, s.account.Timeout, fmt.Errorf("no TLS handshake within %s", s.account.Timeout))
	defer cancel()
	secure := tls.Client(s.g.Conn, &tls.Config{ServerName: s.account.Host, RootCAs: s.account.RootCAs, MinVersion: tls.VersionTLS12})
	if err := secure.HandshakeContext(ctx); err != nil {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return s.explain(err)
	}
	s.g.use(secure)
	return nil
}

// do runs a command of the library to its end and says what became of it.
func (s *Session) do(ctx context.Context, verb string, command func() error) error {
	if s.broken != nil {
		return s.broken
	}
	stop := context.AfterFunc(ctx, func() { _ = s.g.Close() }) // ends whatever waits
	defer stop()
	err := command()
	var refused *goimap.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return &Error{Command: verb, Status: string(refused.Type), Code: string(refused.Code), Text: strings.TrimSpace(refused.Text)}
	case ctx.Err() != nil:
		s.broken = context.Cause(ctx)
	default:
		s.broken = fmt.Errorf("%s: %w", verb, s.g.explain(err))
	}
	return s.broken
}

// greet reads the greeting.
func (s *Session) greet(ctx context.Context) (preauth bool, err error) {
	stop := context.AfterFunc(ctx, func() { _ = s.g.Close() })
	defer stop()
	kind, err := s.g.greet()
	if err != nil {
		why := s.g.explain(err)
		if s.account.TLS != TLS && !errors.Is(why, ErrUnavailable) {
			return false, fmt.Errorf("no IMAP greeting (does this port want tls = \"tls\"?): %w", why)
		}
		return false, fmt.Errorf("no IMAP greeting: %w", why)
	}
	switch kind {
	case "OK", "PREAUTH":
		return kind == "PREAUTH", nil
	case "BYE":
		return false, s.g.explain(nil)
	}
	return false, errors.New("the greeting is not IMAP's")
}

// startTLS switches to TLS (RFC 3501 section 6.2.1). It does so before there is
// an imapclient, which would put TLS above the guard.
func (s *Session) startTLS(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.g.Close() })
	defer stop()
	ask := func(verb string) error {
		err := s.g.ask(verb)
		if err == nil || errors.As(err, new(*Error)) {
			return err
		}
		return fmt.Errorf("%s: %w", verb, s.g.explain(err))
	}
	if !s.g.knows() {
		if err := ask("CAPABILITY"); err != nil {
			return err
		}
	}
	if !s.g.can("STARTTLS") {
		return fmt.Errorf("%w: the server does not offer STARTTLS", ErrInsecure)
	}
	if err := ask("STARTTLS"); err != nil {
		return err
	}
	if s.g.r.Buffered() > 0 {
		// Somebody put plaintext behind the OK to have it read as if it had
		// come through TLS.
		return fmt.Errorf("%w: plaintext after STARTTLS", ErrInsecure)
	}
	if err := s.handshake(ctx); err != nil {
		return err
	}
	s.g.welcome("OK") // the server does not greet again
	return nil
}

// needCaps asks for the capabilities unless the server told them.
func (s *Session) needCaps(ctx context.Context) error {
	if s.g.knows() {
		return nil
	}
	return s.do(ctx, "CAPABILITY", func() error {
		_, err := s.client.Capability().Wait()
		return err
	})
}

// login authenticates by AUTHENTICATE PLAIN (RFC 4616), or by LOGIN where that
// is all there is.
func (s *Session) login(ctx context.Context, creds *auth.Credentials) error {
	plain := s.g.can("AUTH=PLAIN")
	if !plain && s.g.can("LOGINDISABLED") {
		err := errors.New("the server offers no login with a password")
		if s.account.TLS == None {
			err = fmt.Errorf("%w: the server takes no password without TLS", ErrInsecure)
		}
		return err
	}
	password, err := creds.Password(ctx)
	if err != nil {
		return err
	}
	if plain {
		err = s.do(ctx, "AUTHENTICATE", func() error {
			return s.client.Authenticate(sasl.NewPlainClient("", creds.User(), password))
		})
	} else {
		err = s.do(ctx, "LOGIN", func() error { return s.client.Login(creds.User(), password).Wait() })
	}
	if err != nil {
		return redact(err, password)
	}
	return s.needCaps(ctx)
}

// redact keeps a password that the server repeated out of an error.
func redact(err error, password string) error {
	var e *Error
	if errors.As(err, &e) && password != "" {
		e.Text = strings.ReplaceAll(e.Text, password, auth.Mask)
	}
	return err
}

// explain turns an error of dialling or of the handshake into the one line a
// user needs.
func (s *Session) explain(err error) error {
	var (
		dns       *net.DNSError
		record    tls.RecordHeaderError
		host      x509.HostnameError
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		timeout   net.Error
	)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return fmt.Errorf("there is no host %s", s.account.Host)
	case errors.As(err, &host):
		return fmt.Errorf("%w is for %s, not for %s", ErrCertificate, certNames(host.Certificate), s.account.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if time.Now().Before(invalid.Cert.NotBefore) {
			return fmt.Errorf("%w is not valid before %s", ErrCertificate, invalid.Cert.NotBefore.Format(time.DateOnly))
		}
		return fmt.Errorf("%w expired on %s", ErrCertificate, invalid.Cert.NotAfter.Format(time.DateOnly))
	case errors.As(err, &authority):
		return fmt.Errorf("%w is signed by an unknown authority", ErrCertificate)
	case errors.As(err, &invalid):
		return fmt.Errorf("%w cannot be verified: %w", ErrCertificate, invalid)
	case errors.As(err, &record):
		return errors.New("the server does not speak TLS on this port (does it want tls = \"starttls\"?)")
	case errors.Is(err, syscall.ECONNREFUSED):
		return errors.New("nothing listens there (connection refused)")
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("no connection within %s", s.account.Timeout)
	}
	return err
}

func certNames(c *x509.Certificate) string {
	names := c.DNSNames
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		names = []string{c.Subject.CommonName}
	}
	const few = 5
	if len(names) > few {
		names = append(names[:few:few], "…")
	}
	return printable(strings.Join(names, ", "))
}

func loopbackHost(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// Capabilities lists what the server said it can do, in upper case.
func (s *Session) Capabilities() []string { return s.g.capabilityList() }

// Anomalies counts, by kind, the responses that were dropped because they
// could not be read.
func (s *Session) Anomalies() map[string]int { return s.g.anomalyCounts() }

// Usable reports whether the connection still is: an *Error leaves it so.
func (s *Session) Usable() bool { return s.broken == nil }

// Close says goodbye and closes the connection. A done ctx, or a server that
// does not answer, shortens it.
func (s *Session) Close(ctx context.Context) error {
	if s.Usable() {
		s.g.hurry(2 * time.Second)
		_ = s.do(ctx, "LOGOUT", func() error { return s.client.Logout().Wait() }) // closing is what counts
		s.broken = net.ErrClosed
	}
	if err := s.close(); err != nil {
		return fmt.Errorf("account %q: close: %w", s.account.Name, err)
	}
	return nil
}

// close closes the connection and waits until the library has let go of it.
func (s *Session) close() error {
	err := s.g.Close()
	if s.client != nil {
		<-s.client.Closed()
	}
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
