package mesh

import (
	"fmt"
	"math"
	"net/netip"
	"strings"

	"google.golang.org/protobuf/types/known/durationpb"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// checker collects what is wrong with the settings of one object that lead to clusters. The translation leaves out what an error
// names; nothing here changes the object.
type checker struct {
	object   *config.Object
	problems []config.Problem
}

func (c *checker) fail(field, message, fix string) {
	c.problems = append(c.problems, problem(c.object, config.Error, field, message, fix))
}

func (c *checker) warn(field, message, fix string) {
	c.problems = append(c.problems, problem(c.object, config.Warning, field, message, fix))
}

// refuse reports what Istio's validation refuses although it is in force here.
func (c *checker) refuse(field, message, fix string) {
	p := problem(c.object, config.Warning, field, message, fix)
	p.Code = codes.SchemaError
	c.problems = append(c.problems, p)
}

// question reports what Istio's validation warns of.
func (c *checker) question(field, message, fix string) {
	p := problem(c.object, config.Warning, field, message, fix)
	p.Code = codes.SchemaWarning
	c.problems = append(c.problems, p)
}

// schema returns the problems with the code of an invalid document for what is left out: it is in the object itself, whatever else there is.
func (c *checker) schema() []config.Problem {
	for i, p := range c.problems {
		if p.Code == config.Unresolved(config.Error) {
			c.problems[i].Code = codes.SchemaError
		}
	}
	return c.problems
}

// deprecated reports a field that still works and that Istio replaced.
func (c *checker) deprecated(field string, set bool, instead string) {
	if set {
		p := problem(c.object, config.Warning, field, "is deprecated; it still has its effect", "use "+instead)
		p.Code = codes.Deprecated
		c.problems = append(c.problems, p)
	}
}

// checkDestination reports the values of a DestinationRule that Istio's reference or Envoy does not allow.
func checkDestination(o *config.Object, spec *networking.DestinationRule) []config.Problem {
	c := &checker{object: o}
	c.policy("spec.trafficPolicy", spec.GetTrafficPolicy(), nil)
	for i, s := range spec.GetSubsets() {
		field := fmt.Sprintf("spec.subsets[%d]", i)
		if s.GetName() == "" {
			c.fail(field+".name", "a subset without a name cannot be routed to", "give it a name")
		}
		c.policy(field+".trafficPolicy", s.GetTrafficPolicy(), spec.GetTrafficPolicy().GetOutlierDetection())
	}
	return c.problems
}

// policy checks one trafficPolicy; inherited is the outlier detection that holds where it has none.
func (c *checker) policy(field string, t *networking.TrafficPolicy, inherited *networking.OutlierDetection) {
	if t == nil {
		return
	}
	detection := t.GetOutlierDetection()
	if detection == nil {
		detection = inherited
	}
	c.loadBalancer(field+".loadBalancer", t.GetLoadBalancer(), detection != nil)
	c.pool(field+".connectionPool", t.GetConnectionPool())
	c.outlier(field+".outlierDetection", t.GetOutlierDetection())
	c.clientTLS(field+".tls", t.GetTls())
	c.tunnel(field+".tunnel", t.GetTunnel())
	c.budget(field+".retryBudget", t.GetRetryBudget())
	ports := map[uint32]bool{}
	for i, p := range t.GetPortLevelSettings() {
		at := fmt.Sprintf("%s.portLevelSettings[%d]", field, i)
		switch n := p.GetPort().GetNumber(); {
		case n == 0 || n > math.MaxUint16:
			c.fail(at+".port.number", fmt.Sprintf("port %d is not between 1 and 65535; the settings are left out", n), "write the number of a port of the service")
		case ports[n]:
			c.warn(at+".port.number", fmt.Sprintf("port %d has settings already; these are left out", n), "merge the two")
		default:
			ports[n] = true
		}
		c.loadBalancer(at+".loadBalancer", p.GetLoadBalancer(), p.GetOutlierDetection() != nil)
		c.pool(at+".connectionPool", p.GetConnectionPool())
		c.outlier(at+".outlierDetection", p.GetOutlierDetection())
		c.clientTLS(at+".tls", p.GetTls())
	}
}

func (c *checker) tunnel(field string, t *networking.TrafficPolicy_TunnelSettings) {
	if t == nil {
		return
	}
	if p := t.GetProtocol(); p != "" && p != "CONNECT" && p != "POST" {
		c.fail(field+".protocol", fmt.Sprintf("%q is no way to tunnel; connections are not tunnelled", p), "write CONNECT or POST")
	}
	if !TunnelHost(t.GetTargetHost()) {
		c.fail(field+".targetHost", fmt.Sprintf("%q is neither a name nor an IP address; connections are not tunnelled", t.GetTargetHost()), "write for example www.example.com")
	}
	if p := t.GetTargetPort(); p == 0 || p > math.MaxUint16 {
		c.fail(field+".targetPort", fmt.Sprintf("port %d is not between 1 and 65535; connections are not tunnelled", p), "write for example 443")
	}
}

// TunnelHost reports whether a tunnel may lead to a host: a name without a wildcard, or an IP address.
func TunnelHost(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.Zone() == ""
	}
	if host == "" || len(host) > 253 {
		return false
	}
	for label := range strings.SplitSeq(strings.TrimSuffix(host, "."), ".") {
		if label == "" || strings.Trim(strings.ToLower(label), "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	return true
}

func (c *checker) budget(field string, b *networking.TrafficPolicy_RetryBudget) {
	if b == nil {
		return
	}
	if p := b.GetPercent(); p != nil && !Percentage(p.GetValue()) {
		c.fail(field+".percent", fmt.Sprintf("%v is not between 0 and 100; the default of 20 holds", p.GetValue()), "write for example 20")
	}
	c.duration(field+".budgetInterval", b.GetBudgetInterval(), 0, "write for example 10s")
}

// Percentage reports whether a number is one from 0 to 100.
func Percentage(p float64) bool { return p >= 0 && p <= 100 }

// duration reports a duration that is set and shorter than a number of milliseconds.
func (c *checker) duration(field string, d *durationpb.Duration, least int64, fix string) {
	switch {
	case d == nil:
	case d.CheckValid() != nil || d.AsDuration().Milliseconds() < least || d.AsDuration() < 0:
		c.fail(field, fmt.Sprintf("must be at least %dms; it is left out", least), fix)
	}
}
