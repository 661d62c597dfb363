package servertest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"sync"
)

// Request is one that a client made.
type Request struct {
	User   string // by the Authorization header; "" without one
	Method string
	Path   string
	Header http.Header
	Body   string
	Status int // of the answer
}

// backend is what stands behind a front.
type backend interface {
	// host names the server that answers r, or the status to refuse it with.
	host(r *http.Request) (name string, refused int)
	// dial connects to the server of that name.
	dial(ctx context.Context, network, address string) (net.Conn, error)
}

// front is the recorder before a DAV server.
type front struct {
	backend backend
	proxy   *httputil.ReverseProxy
	server  *http.Server

	mu       sync.Mutex
	requests []Request
}

// recordKey finds the *Request in the context of a request that is passed on.
type recordKey struct{}

// newFront listens on a loopback port, with TLS if there is a certificate kind, and
// returns its origin (scheme, host and port) and the file of the authority.
func newFront(b backend, kind Cert) (f *front, origin, caFile string, err error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, "", "", err
	}
	f = &front{backend: b}
	f.proxy = &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) {
			p.Out.URL.Scheme = "http"
			p.Out.URL.Host, _ = b.host(p.In)
			p.Out.Host = p.In.Host
		},
		ModifyResponse: func(r *http.Response) error {
			if rec, ok := r.Request.Context().Value(recordKey{}).(*Request); ok {
				rec.Status = r.StatusCode
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) {
			if rec, ok := r.Context().Value(recordKey{}).(*Request); ok {
				rec.Status = http.StatusBadGateway
			}
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
		Transport: &http.Transport{DialContext: b.dial, DisableCompression: true},
	}
	quiet := log.New(io.Discard, "", 0) // a client that hangs up is part of a test
	f.proxy.ErrorLog = quiet
	f.server = &http.Server{Handler: f, ErrorLog: quiet}
	if kind == "" {
		go f.server.Serve(l) // returns when the server is closed
		return f, "http://" + l.Addr().String(), "", nil
	}
	config, caFile, err := tlsConfig(kind)
	if err != nil {
		return nil, "", "", errors.Join(err, l.Close())
	}
	go f.server.Serve(tls.NewListener(l, config))
	return f, "https://" + l.Addr().String(), caFile, nil
}

func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, _, _ := r.BasicAuth()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client hung up
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	rec := &Request{User: user, Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Body: string(body)}
	defer func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.requests = append(f.requests, *rec)
	}()
	if _, rec.Status = f.backend.host(r); rec.Status != 0 {
		w.Header().Set("WWW-Authenticate", `Basic realm="servertest"`)
		w.WriteHeader(rec.Status)
		return
	}
	f.proxy.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), recordKey{}, rec)))
}

// of are the requests of one user so far.
func (f *front) of(user string) []Request {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(f.requests), func(r Request) bool {
		return r.User != user || r.Header.Get("User-Agent") == ownTag
	})
}

// tlsConfig makes certificates of the kind. The authority's file stays after the
// function; its directory is removed by stop.
func tlsConfig(kind Cert) (*tls.Config, string, error) {
	dir, err := os.MkdirTemp("", "syncd-tls-")
	if err != nil {
		return nil, "", err
	}
	if err := writeCerts(dir, kind); err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(dir))
	}
	c, err := tls.LoadX509KeyPair(filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
	if err != nil {
		return nil, "", errors.Join(err, os.RemoveAll(dir))
	}
	return &tls.Config{Certificates: []tls.Certificate{c}, MinVersion: tls.VersionTLS12}, filepath.Join(dir, "ca.pem"), nil
}

// Pool reads the authority of a server for a client that is to trust it.
func Pool(caFile string) (*x509.CertPool, error) {
	b, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(b)
	if block == nil {
		return nil, fmt.Errorf("%s: no PEM block", caFile)
	}
	c, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", caFile, err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(c)
	return pool, nil
}
