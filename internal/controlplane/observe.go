package controlplane

import (
	"github.com/meshctl/meshctl/internal/xdsserver"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Snapshot returns the resolved mesh of now, never nil.
func (c *ControlPlane) Snapshot() *mesh.Snapshot { return c.snapshot.Load() }

// Problems is everything that is wrong with the configuration now.
func (c *ControlPlane) Problems() []config.Problem { return c.problems() }

// Ready is closed when the first full configuration is served.
func (c *ControlPlane) Ready() <-chan struct{} { return c.views.ready }

// Stats is what a control plane counts.
type Stats struct {
	// Connected are the proxies with an xDS stream, by the Envoy version that they report.
	Connected map[string]int
	// Agents are the connected agents.
	Agents int
	// Totals are by short type ("CDS").
	Totals map[string]xdsserver.Total
	// Rejecting counts the resources that proxies refuse now, by short type.
	Rejecting map[string]int
	// Problems counts what is wrong with the configuration, by severity.
	Problems map[string]int
}

// Stats returns the counts of now.
func (c *ControlPlane) Stats() Stats {
	out := Stats{Connected: map[string]int{}, Totals: map[string]xdsserver.Total{}, Rejecting: map[string]int{}, Problems: map[string]int{}}
	for _, s := range []*xdsserver.Server{c.secure, c.plain} {
		for url, t := range s.Totals() {
			name := typeName(url)
			sum := out.Totals[name]
			out.Totals[name] = xdsserver.Total{Pushes: sum.Pushes + t.Pushes, Rejections: sum.Rejections + t.Rejections}
		}
	}
	proxies, _ := c.statuses()
	for _, p := range proxies {
		out.Connected[p.UserAgent]++
		for _, t := range p.Types {
			if n := len(t.Rejections); n > 0 {
				out.Rejecting[typeName(t.URL)] += n
			}
		}
	}
	out.Agents = len(c.registry.Sessions())
	for _, p := range c.problems() {
		out.Problems[p.Severity.String()]++
	}
	return out
}

func typeName(url string) string {
	if name := shortTypes[url]; name != "" {
		return name
	}
	return url
}
