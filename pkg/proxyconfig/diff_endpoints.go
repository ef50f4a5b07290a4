package proxyconfig

import "fmt"

// diffEndpoints compares the endpoints of the clusters that get them by discovery (EDS). Envoy reports the endpoints of
// every cluster, with weights, health and localities filled in; an assignment without endpoints is one that is not there.
func diffEndpoints(want, have *Dump) []Difference {
	wanted, running := assignments(want), assignments(have)
	var out []Difference
	for name := range union(wanted, running) {
		paths := diffTrees(wanted[name], running[name])
		if len(paths) == 0 {
			continue
		}
		d := Difference{Type: Kind(EndpointType), Name: name, Kind: Changed, Paths: paths, want: wanted[name], have: running[name]}
		switch {
		case len(running[name]) == 0:
			d.Kind, d.Paths = Missing, nil
		case len(wanted[name]) == 0:
			d.Kind, d.Paths = Extra, nil
		}
		out = append(out, d)
	}
	return out
}

func union(a, b map[string]Tree) map[string]bool {
	out := make(map[string]bool, len(a))
	for k := range a {
		out[k] = true
	}
	for k := range b {
		out[k] = true
	}
	return out
}

// assignments gives a tree of endpoints by assignment name.
func assignments(d *Dump) map[string]Tree {
	others := map[string]bool{}
	for _, c := range d.Clusters {
		if clusterType(c.Body) != "EDS" {
			others[c.Name] = true
		}
	}
	out := map[string]Tree{}
	for _, r := range d.Endpoints {
		if r.Dynamic() && !others[r.Name] {
			out[r.Name] = assignment(r.Body)
		}
	}
	return out
}

// assignment reduces a ClusterLoadAssignment to what was configured, keyed by where each endpoint stands.
func assignment(body Tree) Tree {
	out := Tree{}
	if f := number(body, "policy", "overprovisioning_factor"); f != 0 && f != 140 {
		out["overprovisioning_factor"] = f
	}
	for _, group := range objects(body, "endpoints") {
		place := fmt.Sprintf("priority %d", number(group, "priority"))
		if l := locality(object(group, "locality")); l != "" {
			place += " " + l
		}
		for _, e := range objects(group, "lb_endpoints") {
			host, port := address(object(e, "endpoint", "address"))
			out[place+" "+hostPort(host, port)] = endpointOf(group, e)
		}
	}
	return out
}

func endpointOf(group, e Tree) Tree {
	out := Tree{"weight": max(number(e, "load_balancing_weight"), 1)}
	if w := number(group, "load_balancing_weight"); w != 0 {
		out["locality_weight"] = w
	}
	// What discovery cannot say is what Envoy found out by itself.
	switch h := health(e); h {
	case "HEALTHY", "UNHEALTHY", "DEGRADED", "TIMEOUT":
	default:
		out["health"] = h
	}
	if m := object(e, "metadata"); len(m) > 0 {
		out["metadata"] = m
	}
	return out
}
