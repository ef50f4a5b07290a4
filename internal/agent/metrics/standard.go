package metrics

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Peer is one side of a connection, as the standard metrics name it.
type Peer struct {
	Workload, Namespace, App, Version, Cluster string
	// Principal is the SPIFFE id, which is no part of String.
	Principal string
}

// String is what endpoints carry as metadata and servers' proxies are told: "workload;namespace;app;version;cluster".
func (p Peer) String() string {
	return strings.Join([]string{p.Workload, p.Namespace, p.App, p.Version, p.Cluster}, ";")
}

// parsePeer is the inverse; what is not known is empty.
func parsePeer(text string) Peer {
	parts := strings.Split(text, ";")
	if len(parts) != 5 {
		return Peer{}
	}
	return Peer{Workload: parts[0], Namespace: parts[1], App: parts[2], Version: parts[3], Cluster: parts[4]}
}

// label is one of a series. Its value is as the exposition has it, escaped.
type label struct{ name, value string }

// sums adds up what has the same labels once Envoy's are turned into Istio's: two ports of a service are one.
type sums struct {
	order  []string
	values map[string]float64
}

// add takes a series that our tags mark; false leaves it to the caller.
func (s *sums) add(self Peer, line []byte) bool {
	open, end := bytes.IndexByte(line, '{'), bytes.LastIndex(line, []byte("} "))
	if open < 0 || end < open || !bytes.HasPrefix(line, []byte("istio_")) || !bytes.Contains(line, []byte(`mesh="`)) {
		return false
	}
	value, err := strconv.ParseFloat(string(bytes.TrimSpace(line[end+2:])), 64)
	labels, ok := parseLabels(string(line[open+1 : end]))
	if err != nil || !ok {
		return false
	}
	labels, ours := standard(self, labels)
	if !ours {
		return false
	}
	series := string(line[:open]) + "{" + writeLabels(labels) + "}"
	if s.values == nil {
		s.values = map[string]float64{}
	}
	if _, known := s.values[series]; !known {
		s.order = append(s.order, series)
	}
	s.values[series] += value
	return true
}

// flush writes what was added, in the order of its first appearance.
func (s *sums) flush(out io.Writer) error {
	for _, series := range s.order {
		if _, err := fmt.Fprintf(out, "%s %s\n", series, strconv.FormatFloat(s.values[series], 'f', -1, 64)); err != nil {
			return err
		}
	}
	s.order, s.values = nil, nil
	return nil
}

func parseLabels(text string) (out []label, ok bool) {
	for text != "" {
		name, rest, found := strings.Cut(text, `="`)
		if !found {
			return nil, false
		}
		end := 0
		for end < len(rest) && rest[end] != '"' {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		if end >= len(rest) {
			return nil, false
		}
		out = append(out, label{name, rest[:end]})
		text = strings.TrimPrefix(rest[end+1:], ",")
	}
	return out, true
}

func writeLabels(labels []label) string {
	var out strings.Builder
	for i, l := range labels {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteString(l.name + `="` + l.value + `"`)
	}
	return out.String()
}

// The tag of ours that holds what Istio's are made of, and the one with the names of those to leave out.
const (
	tagFields  = "mesh"
	tagRemoved = "mesh_removed"
)

// fields are those of our tag, in their order, separated by blanks: none of them has any but the last. "-" is Envoy's word for nothing.
type fields struct {
	side, cluster, principal, flags, code, grpc, peer string
}

func parseFields(text string) (fields, bool) {
	parts := strings.SplitN(text, " ", 7)
	if len(parts) < 7 {
		return fields{}, false
	}
	for i, part := range parts {
		if part == "-" {
			parts[i] = ""
		}
	}
	return fields{parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6]}, true
}

// protocol is Istio's request_protocol.
func (f fields) protocol() string {
	switch {
	case f.code == "":
		return "tcp"
	case f.grpc != "":
		return "grpc"
	}
	return "http"
}

// standard turns the tags that the proxy records into those of Istio (https://istio.io/latest/docs/reference/config/metrics/). Tags that
// Telemetry sets itself win. A series without our tag is none of ours: false.
func standard(self Peer, given []label) ([]label, bool) {
	var out []label
	var text string
	has := map[string]bool{}
	for _, l := range given {
		switch l.name {
		case tagFields:
			text = l.value
		case tagRemoved:
			for name := range strings.SplitSeq(l.value, ",") {
				has[name] = true
			}
		default:
			out, has[l.name] = append(out, l), true
		}
	}
	f, ok := parseFields(text)
	if !ok {
		return nil, false
	}
	add := func(name, value string) {
		if !has[name] {
			out = append(out, label{name, value})
		}
	}
	other, host := parsePeer(f.peer), clusterHost(f.cluster)
	if other.Principal = f.principal; f.principal == "" {
		self.Principal = "" // without mutual TLS it shows none
	}
	source, destination, reporter, security := self, other, "source", "unknown"
	if f.side == "server" {
		source, destination, reporter, security = other, self, "destination", "none"
		if f.principal != "" { // the client has shown a certificate of the mesh
			security = "mutual_tls"
		}
	}
	add("reporter", reporter)
	source.add("source", add)
	destination.add("destination", add)
	service(host, destination, add)
	add("request_protocol", f.protocol())
	add("response_flags", cmp.Or(f.flags, "-"))
	if f.code != "" {
		add("response_code", f.code)
		add("grpc_response_status", f.grpc)
	}
	add("connection_security_policy", security)
	return out, true
}

// add gives the tags of one side; "unknown" is Istio's word for what nobody knows.
func (p Peer) add(side string, add func(name, value string)) {
	for _, l := range [...]label{
		{"workload", p.Workload}, {"workload_namespace", p.Namespace}, {"app", p.App}, {"version", p.Version}, {"cluster", p.Cluster},
		{"canonical_service", p.App}, {"canonical_revision", cmp.Or(p.Version, "latest")}, {"principal", p.Principal},
	} {
		add(side+"_"+l.name, cmp.Or(l.value, "unknown"))
	}
}

// service gives the tags of the service: the cluster's, and on the server's side, where clusters have none, the workload's own.
func service(host string, destination Peer, add func(name, value string)) {
	name, namespace := host, destination.Namespace
	if before, _, inside := strings.Cut(host, ".svc."); inside {
		name, namespace, _ = strings.Cut(before, ".")
	}
	if host == "" && destination.App != "" {
		name, host = destination.App, destination.App+"."+destination.Namespace+".svc.cluster.local"
	}
	add("destination_service", cmp.Or(host, "unknown"))
	add("destination_service_name", cmp.Or(name, "unknown"))
	add("destination_service_namespace", cmp.Or(namespace, "unknown"))
}

// clusterHost is the host of "outbound|port|subset|host"; other clusters, such as PassthroughCluster, stand for themselves.
func clusterHost(cluster string) string {
	parts := strings.Split(cluster, "|")
	switch {
	case len(parts) == 4: // inbound clusters have an empty host
		return parts[3]
	case cluster == "dynamic_forward_proxy": // where nothing is redirected it does what PassthroughCluster does
		return "PassthroughCluster"
	}
	return cluster
}
