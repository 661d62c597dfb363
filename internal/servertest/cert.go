package servertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// Cert says which certificate a server shows.
type Cert string

// The certificates a server may show. All but SelfSigned are signed by the
// authority in CAFile.
const (
	Valid      Cert = "valid"      // for localhost, 127.0.0.1 and ::1
	Expired    Cert = "expired"    // the same, until yesterday
	WrongHost  Cert = "wronghost"  // for other.example.net
	SelfSigned Cert = "selfsigned" // the right names, signed by itself
)

// writeCerts makes an authority (ca.pem) and a server certificate of the kind
// (cert.pem, key.pem) in dir.
func writeCerts(dir string, kind Cert) error {
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "servertest authority"},
		NotBefore: time.Now().AddDate(0, 0, -60), NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "localhost"},
		NotBefore: time.Now().AddDate(0, 0, -30), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback},
	}
	switch kind {
	case Expired:
		leaf.NotAfter = time.Now().AddDate(0, 0, -1)
	case WrongHost:
		leaf.Subject.CommonName, leaf.DNSNames, leaf.IPAddresses = "other.example.net", []string{"other.example.net"}, nil
	case Valid, SelfSigned:
	}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	issuer, issuerKey := ca, caKey
	if kind == SelfSigned {
		issuer, issuerKey = leaf, key
	}
	if err := writeCert(filepath.Join(dir, "ca.pem"), ca, ca, caKey, caKey); err != nil {
		return err
	}
	if err := writeCert(filepath.Join(dir, "cert.pem"), leaf, issuer, key, issuerKey); err != nil {
		return err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	return writePEM(filepath.Join(dir, "key.pem"), "EC PRIVATE KEY", der)
}

func writeCert(path string, c, issuer *x509.Certificate, key, issuerKey *ecdsa.PrivateKey) error {
	der, err := x509.CreateCertificate(rand.Reader, c, issuer, &key.PublicKey, issuerKey)
	if err != nil {
		return err
	}
	return writePEM(path, "CERTIFICATE", der)
}

func writePEM(path, kind string, der []byte) error {
	return os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644)
}
