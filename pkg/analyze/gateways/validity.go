package gateways

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// soon is how long before its end a certificate is reported.
const soon = 30 * 24 * time.Hour

func date(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// validity reports certificates of a chain that have expired or do so soon: the one that ends first.
func (c *certificateCheck) validity(secret *config.Object, r reference) {
	if c.told[secret.Key] {
		return
	}
	c.told[secret.Key] = true
	chain := c.parse(secret).chain
	first, which := chain[0], "its certificate"
	for _, x := range chain[1:] {
		if x.NotAfter.Before(first.NotAfter) {
			first, which = x, "an intermediate certificate of its chain"
		}
	}
	user, _ := c.written(r.gateway, r.field)
	if user == nil {
		return
	}
	f := analyze.Finding{
		Object:  secret,
		Related: []analyze.Related{{Object: user.Key, Position: user.Position(), Message: "serves with it"}},
	}
	switch left := first.NotAfter.Sub(c.Now()); {
	case left < 0:
		f.Code = codes.CertificateExpired
		f.Message = fmt.Sprintf("%s expired on %s, and %s serves with it; clients refuse the connection", which, date(first.NotAfter), user.Key)
	case c.Now().Before(chain[0].NotBefore):
		f.Code = codes.CertificateExpired
		f.Message = fmt.Sprintf("its certificate is not valid before %s, and %s serves with it; clients refuse the connection", date(chain[0].NotBefore), user.Key)
	case left < soon:
		f.Code = codes.CertificateExpiring
		f.Message = fmt.Sprintf("%s expires on %s, and %s serves with it", which, date(first.NotAfter), user.Key)
	default:
		return
	}
	f.Field = certificateField(secret)
	c.Report(f)
}

// certificateField is where a Secret has its certificate.
func certificateField(secret *config.Object) string {
	own := secret.Position()
	for _, field := range []string{"data[tls.crt]", "stringData[tls.crt]", "data[cert]", "stringData[cert]"} {
		if at := secret.FieldPosition(field); at != own && at.Line > own.Line {
			return field
		}
	}
	return ""
}

// names reports hosts of a server that none of its certificates covers.
func (c *certificateCheck) names(gateway *config.Object, s *networking.Server, index int, secrets []*config.Object) {
	var leaves []*x509.Certificate
	for _, secret := range secrets {
		leaves = append(leaves, c.parse(secret).chain[0])
	}
	for j, h := range s.Hosts {
		if _, rest, ok := strings.Cut(h, "/"); ok {
			h = rest
		}
		h = strings.ToLower(h)
		if h == "*" || covered(leaves, h) {
			continue
		}
		r := reference{gateway: gateway, server: s, field: fmt.Sprintf("%s.hosts[%d]", serverField(index), j)}
		c.report(r, analyze.Finding{
			Code:    codes.CertificateNames,
			Message: fmt.Sprintf("the certificate in the Secret %s is for %s, not for %s; clients refuse the connection", full(secrets[0]), namesOf(leaves), h),
			Fix:     "use a certificate with the host among its DNS names, or correct the host",
			Related: []analyze.Related{{Object: secrets[0].Key, Position: secrets[0].Position(), Message: "the Secret"}},
		})
	}
}

// covered reports whether some certificate is for a host, or for any of the hosts that a wildcard stands for.
func covered(leaves []*x509.Certificate, host string) bool {
	suffix, wildcard := strings.CutPrefix(host, "*")
	for _, leaf := range leaves {
		if !wildcard && leaf.VerifyHostname(host) == nil {
			return true
		}
		for _, name := range leaf.DNSNames {
			if wildcard && strings.HasSuffix(strings.ToLower(name), suffix) {
				return true
			}
		}
	}
	return false
}

// namesOf are the names of certificates, for people.
func namesOf(leaves []*x509.Certificate) string {
	var out []string
	for _, leaf := range leaves {
		out = append(out, leaf.DNSNames...)
		for _, ip := range leaf.IPAddresses {
			out = append(out, ip.String())
		}
	}
	if len(out) == 0 {
		return "no host at all (it has no subject alternative names)"
	}
	return few(out)
}
