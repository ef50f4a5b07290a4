package mesh

import "testing"

// The entry of an explicit workload maps targets to the ports of its proxy: those must not become targets themselves.
func TestPortsOfAnExplicitWorkloadAreNamedByTarget(t *testing.T) {
	s := build(t, `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: a}
spec:
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: 9080}]
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: web-1, namespace: a, annotations: {meshctl.io/bound-ports: "true"}}
spec: {address: 127.0.0.1, ports: {http: 41000, "9080": 41000}, labels: {app: web}}
`)
	p := Proxy{Mode: Explicit, Namespace: "a", Name: "web-1", Labels: map[string]string{"app": "web"}, AppPorts: map[uint32]uint32{9080: 9081}}
	ports := s.Workload(p).Ports
	if len(ports) != 1 || ports[0].Target != 9080 {
		t.Errorf("ports of the workload: %+v, want the target 9080", ports)
	}
	var inbound []string
	for _, l := range s.Listens(p) {
		if l.Purpose == Inbound {
			inbound = append(inbound, l.Name)
		}
	}
	equal(t, "inbound listeners", inbound, []string{"inbound|9080"})
	p.Mode, p.AppPorts = Redirected, nil
	if ports := s.Workload(p).Ports; len(ports) != 1 || ports[0].Target != 41000 {
		t.Errorf("ports of a redirected workload: %+v, want what its entry says", ports)
	}
}
