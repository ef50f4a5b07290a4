// Package ask answers questions about authorization as people ask them: may this workload, or identity, call that one? It finds the
// workloads in a resolved mesh, completes what the question does not say, and has pkg/authz decide.
package ask

import (
	"cmp"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/meshctl/meshctl/pkg/authz"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Query is a question. What is empty is not known, unless it can be derived.
type Query struct {
	// From is the caller: a workload, "NAMESPACE/ACCOUNT", or a SPIFFE id; empty for a caller outside the mesh.
	From string `json:"from,omitempty"`
	// Plaintext says that the caller uses no mutual TLS, whoever it is.
	Plaintext bool `json:"plaintext,omitempty"`
	// To is the workload that is called, see Find.
	To string `json:"to"`
	// Namespace of names that say none; empty is "default".
	Namespace string `json:"namespace,omitempty"`
	// Port of the workload, or of a service in front of it.
	Port uint32 `json:"port,omitempty"`
	// Method and Path make it a request; without them it is one only on a port that speaks HTTP.
	Method  string         `json:"method,omitempty"`
	Path    string         `json:"path,omitempty"`
	Host    string         `json:"host,omitempty"`
	Headers []authz.Header `json:"headers,omitempty"`
	// Claims are those of a valid token.
	Claims map[string]any `json:"claims,omitempty"`
	// SourceIP, RemoteIP and DestinationIP are addresses; SNI is the server's name in the handshake.
	SourceIP      string `json:"sourceIP,omitempty"`
	RemoteIP      string `json:"remoteIP,omitempty"`
	DestinationIP string `json:"destinationIP,omitempty"`
	SNI           string `json:"sni,omitempty"`
}

// InputError is a question that cannot be answered as it is put.
type InputError struct{ Message string }

func (e *InputError) Error() string { return e.Message }

func inputf(format string, args ...any) error { return &InputError{fmt.Sprintf(format, args...)} }

// Answer decides for every workload that the question means.
func Answer(s *mesh.Snapshot, q Query, now time.Time) ([]Report, error) {
	q.Namespace = cmp.Or(q.Namespace, "default")
	if q.Port > 65535 {
		return nil, inputf("port %d is not between 1 and 65535", q.Port)
	}
	peer, caller, err := identify(s, q)
	if err != nil {
		return nil, err
	}
	targets, err := find(s, q.To, q.Namespace)
	if err != nil {
		return nil, err
	}
	var out []Report
	for _, t := range targets {
		report, err := answer(s, q, t, peer, caller, now)
		if err != nil {
			return nil, err
		}
		out = append(out, report)
	}
	return out, nil
}

func answer(s *mesh.Snapshot, q Query, t target, peer string, caller *target, now time.Time) (Report, error) {
	w := s.Workload(t.proxy())
	a := assumed{query: q, target: t, workload: w, request: authz.Request{Peer: peer, SNI: q.SNI, Now: now}}
	if err := a.addresses(caller); err != nil {
		return Report{}, err
	}
	if err := a.port(); err != nil {
		return Report{}, err
	}
	a.protocol()
	if len(q.Claims) > 0 && len(w.RequestAuthns) == 0 {
		a.note("no RequestAuthentication holds for %s: nobody looks at tokens", t)
	}
	lookup := func(host string) *mesh.Service { return s.Service(host, w.Namespace) }
	d := authz.Compile(s.Config(), w, t.proxy().Type, lookup).Check(a.request)
	return a.report(s, d), nil
}

// assumed is a request with what was taken for granted in making it.
type assumed struct {
	query    Query
	target   target
	workload *mesh.Workload
	request  authz.Request
	// service port that leads to the request's, if one is known.
	service *mesh.WorkloadPort
	notes   []string
}

func (a *assumed) note(format string, args ...any) {
	a.notes = append(a.notes, fmt.Sprintf(format, args...))
}

func (a *assumed) addresses(caller *target) error {
	source := a.query.SourceIP
	if source == "" && caller != nil {
		source = caller.address
	}
	for _, f := range []struct {
		name, value string
		into        *netip.Addr
	}{
		{"source", source, &a.request.Source},
		{"remote", a.query.RemoteIP, &a.request.Remote},
		{"destination", cmp.Or(a.query.DestinationIP, a.target.address), &a.request.Destination},
	} {
		if f.value == "" {
			continue
		}
		addr, err := netip.ParseAddr(f.value)
		if err != nil && (f.value == a.query.SourceIP || f.value == a.query.RemoteIP || f.value == a.query.DestinationIP) {
			return inputf("%q is not an IP address (%s)", f.value, f.name)
		}
		*f.into = addr
	}
	return nil
}

// port finds the workload's port: that of the question, else the only one, or the only one that speaks HTTP for a request.
func (a *assumed) port() error {
	ports := a.workload.Ports
	if a.target.edge { // its servers have the ports
		a.request.Port = a.query.Port
		return nil
	}
	if a.query.Port != 0 {
		a.request.Port = a.query.Port
		for i := range ports {
			if p := &ports[i]; p.Target == a.query.Port {
				a.service = p
				return nil
			}
		}
		for i := range ports {
			if p := &ports[i]; p.Port.Number == a.query.Port {
				a.service, a.request.Port = p, p.Target
				a.note("port %d of the service is port %d of the workload", a.query.Port, p.Target)
				return nil
			}
		}
		if len(ports) > 0 {
			a.note("no service leads to port %d of %s: its proxy detects the protocol", a.query.Port, a.target)
		}
		return nil
	}
	var fitting []*mesh.WorkloadPort
	for i := range ports {
		if a.query.Method == "" || ports[i].Protocol.IsHTTP() || ports[i].Protocol == mesh.Auto {
			fitting = append(fitting, &ports[i])
		}
	}
	switch {
	case len(fitting) == 1:
		a.service, a.request.Port = fitting[0], fitting[0].Target
	case len(fitting) > 1:
		return inputf("%s has %d ports (%s): choose one with a port", a.target, len(fitting), listPorts(fitting))
	case len(ports) > 0:
		return inputf("no port of %s speaks HTTP: leave method and path out, or name a port", a.target)
	}
	return nil
}

func listPorts(ports []*mesh.WorkloadPort) string {
	var out []string
	for _, p := range ports {
		out = append(out, fmt.Sprint(p.Target))
	}
	return strings.Join(out, ", ")
}

// protocol makes it a request, or a connection, as the proxy takes it.
func (a *assumed) protocol() {
	http := a.query.Method != "" || a.query.Path != ""
	switch {
	case a.target.edge:
	case a.service == nil:
	case a.service.Protocol.IsHTTP():
		http = true
	case a.service.Protocol != mesh.Auto:
		if http {
			a.note("port %d is %s: the proxy does not look at requests on it", a.request.Port, a.service.Protocol)
		}
		http = false
	}
	if http {
		a.request.HTTP = &authz.HTTP{Method: a.query.Method, Host: a.query.Host, Path: a.query.Path, Headers: a.query.Headers, Claims: a.query.Claims}
	}
	if a.request.Peer != "" && a.request.SNI == "" && a.service != nil && a.service.Service != nil {
		a.request.SNI = fmt.Sprintf("outbound_.%d_._.%s", a.service.Port.Number, a.service.Service.Host)
	}
}

// report says the decision with the places of everything that it names.
func (a *assumed) report(s *mesh.Snapshot, d *authz.Decision) Report {
	r := Report{
		Workload: a.target.String(), Account: a.target.identity(s), Port: a.request.Port, Protocol: "TCP", Source: cmp.Or(a.request.Peer, "plaintext"),
		Verdict: d.Verdict, Status: d.Status, Reason: d.Reason, Provider: d.Provider, Notes: append(a.notes, d.Notes...),
	}
	if a.request.HTTP != nil {
		r.Protocol = "HTTP"
		r.Request = strings.TrimSpace(a.query.Method + " " + a.query.Path)
	}
	p := places{s.Set()}
	r.By, r.Nearest = p.finding(d.By), p.finding(d.Nearest)
	for i := range d.Near {
		r.Near = append(r.Near, *p.finding(&d.Near[i]))
	}
	for _, t := range d.Turns {
		r.Turns = append(r.Turns, Turn{Verdict: t.Verdict, Rule: *p.finding(&t.Match), Conditions: p.conditions(t.Match.Object, t.Conditions), Breaks: t.Breaks})
	}
	for i := range d.Audited {
		r.Audited = append(r.Audited, *p.finding(&d.Audited[i]))
	}
	if d.Trial != nil {
		r.DryRun = &DryRun{Verdict: d.Trial.Verdict}
		for i := range d.Trial.Matching {
			r.DryRun.Matching = append(r.DryRun.Matching, *p.finding(&d.Trial.Matching[i]))
		}
	}
	return r
}
