package sds

import (
	"os"
	"path/filepath"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
)

const (
	// rootPrefix begins the name of authorities in a file, as Istio's agent names them: "file-root:/etc/ca.pem". A list of the
	// certificates that they revoked may follow: "file-root:/etc/ca.pem~/etc/ca.crl".
	rootPrefix = "file-root:"
	// certPrefix begins the name of a certificate and its key: "file-cert:/etc/cert.pem~/etc/key.pem".
	certPrefix = "file-cert:"
	// system stands for the authorities that this machine trusts.
	system = "system"
)

// systemRoots are where distributions keep the authorities that a machine trusts.
var systemRoots = []string{
	"/etc/ssl/certs/ca-certificates.crt",                // Debian, Ubuntu, Alpine
	"/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", // Fedora, RHEL
	"/etc/pki/tls/certs/ca-bundle.crt",
	"/etc/ssl/ca-bundle.pem", // SUSE
	"/etc/ssl/cert.pem",      // macOS, BSD
}

// fileSecret returns the secret that a DestinationRule names by files of this machine; false while they are not there. Envoy reads
// the files itself, and again when they are replaced.
func fileSecret(name string) (secret, bool) {
	if path, ok := strings.CutPrefix(name, rootPrefix); ok {
		path, revoked, listed := strings.Cut(path, "~")
		if path == system {
			path = firstFile(systemRoots)
		}
		if !isFile(path) || listed && !isFile(revoked) {
			return secret{}, false
		}
		context := &tlsv3.CertificateValidationContext{TrustedCa: fromFile(path), WatchedDirectory: watched(path)}
		if listed {
			context.Crl = fromFile(revoked)
		}
		return encode([]byte(path+revoked), &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_ValidationContext{ValidationContext: context}})
	}
	pair, ok := strings.CutPrefix(name, certPrefix)
	cert, key, two := strings.Cut(pair, "~")
	if !ok || !two || !isFile(cert) || !isFile(key) {
		return secret{}, false
	}
	return encode([]byte(pair), &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
		CertificateChain: fromFile(cert), PrivateKey: fromFile(key), WatchedDirectory: watched(cert),
	}}})
}

func firstFile(paths []string) string {
	for _, path := range paths {
		if isFile(path) {
			return path
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return filepath.IsAbs(path) && err == nil && info.Mode().IsRegular()
}

func fromFile(path string) *corev3.DataSource {
	return &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
}

func watched(path string) *corev3.WatchedDirectory {
	return &corev3.WatchedDirectory{Path: filepath.Dir(path)}
}
