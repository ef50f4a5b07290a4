package envoyfilter

import (
	"fmt"
	"strings"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// checkRoute holds a route configuration to Envoy's rules; it must still have its name.
func checkRoute(r *routev3.RouteConfiguration, name string) error {
	if r.GetName() != name {
		return fmt.Errorf("its name would change to %q: leave name out of the value", r.GetName())
	}
	if err := validate(r); err != nil {
		return err
	}
	hosts, domains := map[string]bool{}, map[string]string{}
	for _, h := range r.GetVirtualHosts() {
		if hosts[h.GetName()] {
			return fmt.Errorf("there would be two virtual hosts %q", h.GetName())
		}
		hosts[h.GetName()] = true
		for _, d := range h.GetDomains() {
			d = strings.ToLower(d)
			if other, taken := domains[d]; taken {
				return fmt.Errorf("the domain %q would be of two virtual hosts, %q and %q", d, other, h.GetName())
			}
			if strings.Contains(strings.Trim(d, "*"), "*") || strings.Count(d, "*") > 1 {
				return fmt.Errorf("the domain %q: a wildcard may only begin or end it", d)
			}
			domains[d] = h.GetName()
		}
		for _, route := range h.GetRoutes() {
			if err := checkRouteAction(route); err != nil {
				return fmt.Errorf("route %q: %w", route.GetName(), err)
			}
		}
	}
	return nil
}

func checkRouteAction(r *routev3.Route) error {
	weighted := r.GetRoute().GetWeightedClusters()
	if weighted == nil {
		return nil
	}
	total := uint64(0)
	for _, c := range weighted.GetClusters() {
		total += uint64(c.GetWeight().GetValue())
	}
	if total == 0 || total > 1<<32-1 {
		return fmt.Errorf("the weights of its clusters sum up to %d", total)
	}
	return nil
}
