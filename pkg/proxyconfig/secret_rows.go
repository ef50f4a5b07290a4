package proxyconfig

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"time"
)

// SecretRow is one secret: a certificate chain or a bundle of trusted roots, never a key.
type SecretRow struct {
	Name        string    `json:"name"`
	Type        string    `json:"type"`   // "Cert Chain", "CA" or "Other"
	Status      string    `json:"status"` // "ACTIVE", "WARMING", "STATIC"
	Valid       bool      `json:"valid"`
	Serial      string    `json:"serial,omitempty"` // hexadecimal
	NotAfter    time.Time `json:"notAfter,omitzero"`
	NotBefore   time.Time `json:"notBefore,omitzero"`
	SPIFFE      string    `json:"spiffe,omitempty"` // the URI names of the certificate, e.g. spiffe://cluster.local/ns/a/sa/b
	Issuer      string    `json:"issuer,omitempty"`
	Fingerprint string    `json:"fingerprint,omitempty"` // SHA-256 of the certificate
	Error       string    `json:"error,omitempty"`       // why the certificate cannot be read
}

// SecretRows returns the rows of the secrets that f selects; now decides which certificates are valid. A bundle has one
// row a certificate; of a chain only the leaf is shown.
func (d *Dump) SecretRows(f Filter, now time.Time) []SecretRow {
	rows := []SecretRow{}
	for _, r := range d.Secrets {
		for _, row := range secretRows(r) {
			row.Valid = row.Serial != "" && !now.Before(row.NotBefore) && !now.After(row.NotAfter)
			if match(f.Name, row.Name) && match(f.Status, row.Status) && match(f.Type, row.Type) {
				rows = append(rows, row)
			}
		}
	}
	return rows
}

func secretRows(r Resource) []SecretRow {
	base := SecretRow{Name: r.Name, Type: "Other", Status: string(r.State), Error: r.Error}
	var source Tree
	limit := -1
	switch {
	case object(r.Body, "tls_certificate") != nil:
		base.Type, source, limit = "Cert Chain", object(r.Body, "tls_certificate", "certificate_chain"), 1
	case object(r.Body, "validation_context") != nil:
		base.Type, source = "CA", object(r.Body, "validation_context", "trusted_ca")
	}
	certificates, problem := readCertificates(source, limit)
	base.Error = first(base.Error, problem)
	if len(certificates) == 0 {
		return []SecretRow{base}
	}
	rows := make([]SecretRow, len(certificates))
	for i, c := range certificates {
		rows[i] = base
		rows[i].describe(c)
	}
	return rows
}

func (r *SecretRow) describe(c *x509.Certificate) {
	r.Serial = c.SerialNumber.Text(16)
	r.NotAfter, r.NotBefore = c.NotAfter.UTC(), c.NotBefore.UTC()
	r.Issuer = c.Issuer.String()
	sum := sha256.Sum256(c.Raw)
	r.Fingerprint = hex.EncodeToString(sum[:])
	for _, uri := range c.URIs {
		if r.SPIFFE != "" {
			r.SPIFFE += ","
		}
		r.SPIFFE += uri.String()
	}
}

// readCertificates reads up to limit (-1: all) certificates of an envoy.config.core.v3.DataSource.
func readCertificates(source Tree, limit int) (certificates []*x509.Certificate, problem string) {
	data := []byte(text(source, "inline_string"))
	if encoded := text(source, "inline_bytes"); encoded != "" {
		var err error
		if data, err = base64.StdEncoding.DecodeString(encoded); err != nil {
			return nil, "certificate is not base64"
		}
	}
	for len(data) > 0 && len(certificates) != limit {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return certificates, "certificate cannot be read: " + err.Error()
		}
		certificates = append(certificates, c)
	}
	return certificates, ""
}
