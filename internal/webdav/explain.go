package webdav

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
	"unicode"
)

// explained is an error in words of ours, without those of the library.
type explained struct {
	says  string
	cause error
}

func (e *explained) Error() string { return e.says }
func (e *explained) Unwrap() error { return e.cause }

// Cause says what a person can mend, where the error is one of those.
func Cause(err error) error {
	if says := explain(err); says != "" {
		return &explained{says, err}
	}
	return err
}

func explain(err error) string {
	var (
		unknown  x509.UnknownAuthorityError
		host     x509.HostnameError
		invalid  x509.CertificateInvalidError
		record   tls.RecordHeaderError
		dns      *net.DNSError
		deadline net.Error
	)
	const certificate = "the server's certificate "
	switch {
	case errors.As(err, &host):
		return certificate + fmt.Sprintf("is for %s, not for %s", certNames(host.Certificate), host.Host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		if strings.Contains(invalid.Detail, " is before ") {
			return certificate + "is not valid before " + invalid.Cert.NotBefore.Format(time.DateOnly)
		}
		return certificate + "expired on " + invalid.Cert.NotAfter.Format(time.DateOnly)
	case errors.As(err, &unknown):
		return certificate + "is signed by an unknown authority"
	case errors.As(err, &invalid):
		return certificate + "is not accepted: " + invalid.Error()
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return "the server speaks no TLS on this port"
	case errors.As(err, &dns) && dns.IsNotFound:
		return "there is no host " + dns.Name
	case errors.As(err, &dns):
		return "host " + dns.Name + " cannot be looked up"
	case errors.As(err, &deadline) && deadline.Timeout():
		return "no answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there (connection refused)"
	case noHTTP(err.Error()):
		return "no web server answers there"
	}
	return ""
}

// noHTTP knows what net/http says, without a type, of an answer that is none,
// and of one that came before the request: mail servers greet.
func noHTTP(says string) bool {
	return strings.Contains(says, ": malformed HTTP ") || strings.HasSuffix(says, ": readLoopPeekFailLocked: %!w(<nil>)")
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
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, fmt.Sprintf("%.500s", strings.Join(names, ", ")))
}
