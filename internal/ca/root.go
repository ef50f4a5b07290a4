package ca

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"
)

const (
	// rootFile holds the certificate and the key of the mesh's own root in one file: they can never be of two ages.
	rootFile = "root-ca.pem"
	// rootTTL is ten years, as for the root that istiod makes.
	rootTTL = 10 * 365 * 24 * time.Hour
)

// Open returns the authority with the mesh's own root, which is made and stored at the first call and never replaced:
// a root that cannot be read is an error, since a new one would cut off every workload that has a certificate.
func Open(store *Store, o Options) (*Authority, error) {
	o = o.withDefaults()
	data, err := store.Read(rootFile)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = createRoot(store, o)
	}
	if err != nil {
		return nil, fmt.Errorf("root certificate: %w", err)
	}
	a, err := parseRoot(data, o)
	if err != nil {
		return nil, fmt.Errorf("root certificate %s: %w; restore the file, or move it away for a new root (every workload then needs a new join token)", store.Path(rootFile), err)
	}
	return a, nil
}

func createRoot(store *Store, o Options) ([]byte, error) {
	data, err := newRoot(o)
	if err != nil {
		return nil, err
	}
	if err := store.Create(rootFile, data); errors.Is(err, fs.ErrExist) {
		return store.Read(rootFile) // another process was first: one root for both
	} else if err != nil {
		return nil, err
	}
	return data, nil
}

func newRoot(o Options) ([]byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	now := o.Now()
	template := &x509.Certificate{
		Subject:               pkix.Name{Organization: []string{o.TrustDomain}, CommonName: "meshctl root"},
		NotBefore:             now.Add(-ClockSkew),
		NotAfter:              now.Add(rootTTL),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	secret, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	return slices.Concat(encodeCert(der), secret.Reveal()), nil
}

func parseRoot(data []byte, o Options) (*Authority, error) {
	certs, err := decodeCerts(data)
	if err != nil {
		return nil, err
	}
	key, err := decodeKey(data)
	if err != nil {
		return nil, err
	}
	return newAuthority(o, key, certs[0], nil, certs[:1])
}

// Names of a plugged-in CA's files, as Istio's secret "cacerts" has them.
const (
	pluggedCert  = "ca-cert.pem"
	pluggedKey   = "ca-key.pem"
	pluggedChain = "cert-chain.pem"
	pluggedRoot  = "root-cert.pem"
)

// OpenPlugged returns an authority that signs with an operator's own intermediate CA, in the files of Istio's
// "cacerts" secret (https://istio.io/latest/docs/tasks/security/cert-management/plugin-ca-cert/): ca-cert.pem,
// ca-key.pem, root-cert.pem and, when there are further intermediates, cert-chain.pem.
func OpenPlugged(files fs.FS, o Options) (*Authority, error) {
	read := map[string][]byte{}
	for _, name := range []string{pluggedCert, pluggedKey, pluggedChain, pluggedRoot} {
		data, err := fs.ReadFile(files, name)
		if err != nil && (name != pluggedChain || !errors.Is(err, fs.ErrNotExist)) {
			return nil, fmt.Errorf("plugged-in CA: %w", err)
		}
		read[name] = data
	}
	return ParsePlugged(read, o)
}

// ParsePlugged does what OpenPlugged does with the contents of the files, by name.
func ParsePlugged(read map[string][]byte, o Options) (*Authority, error) {
	o = o.withDefaults()
	key, err := decodeKey(read[pluggedKey])
	if err != nil {
		return nil, fmt.Errorf("plugged-in CA: %s: %w", pluggedKey, err)
	}
	certs := map[string][]*x509.Certificate{}
	for _, name := range []string{pluggedCert, pluggedChain, pluggedRoot} {
		if name == pluggedChain && len(bytes.TrimSpace(read[name])) == 0 {
			continue
		}
		if certs[name], err = decodeCerts(read[name]); err != nil {
			return nil, fmt.Errorf("plugged-in CA: %s: %w", name, err)
		}
	}
	chain := slices.Concat(certs[pluggedCert][1:], certs[pluggedChain])
	a, err := newAuthority(o, key, certs[pluggedCert][0], chain, certs[pluggedRoot])
	if err != nil {
		return nil, fmt.Errorf("plugged-in CA: %w", err)
	}
	return a, nil
}
