package tap

import (
	"fmt"
	"slices"
	"strings"
)

// Ref names workloads, services or whatever else takes part in requests, as a user does: KIND/NAME, KIND/NAME.NAMESPACE, or a NAME that
// may be of any kind.
type Ref struct {
	Kind string // one of the kinds below; empty is any
	Name string
}

// kinds of Ref with the other words for them.
var kinds = [...]struct {
	kind  string
	words []string
}{
	{"workload", []string{"wl", "deployment", "deployments", "deploy", "statefulset", "sts", "daemonset", "ds", "job", "cronjob", "workloads", "workloadgroup", "wg"}},
	{"pod", []string{"po", "pods", "proxy", "instance"}},
	{"service", []string{"svc", "services", "host"}},
	{"gateway", []string{"gw", "gateways"}},
	{"namespace", []string{"ns", "namespaces"}},
	{"serviceaccount", []string{"sa", "serviceaccounts"}},
}

// ParseRef reads KIND/NAME[.NAMESPACE] or NAME[.NAMESPACE].
func ParseRef(text string) (Ref, error) {
	kind, name, found := strings.Cut(text, "/")
	if !found {
		kind, name = "", text
	}
	if name == "" || strings.ContainsAny(name, "/ \t\n") {
		return Ref{}, fmt.Errorf("%q: give KIND/NAME, such as deploy/reviews-v1, svc/reviews or ns/default", text)
	}
	if !found {
		return Ref{Name: name}, nil
	}
	for _, k := range kinds {
		if kind == k.kind || slices.Contains(k.words, kind) {
			return Ref{k.kind, name}, nil
		}
	}
	return Ref{}, fmt.Errorf("%q: there is no kind %q here; use workload (or deploy, sts, ...), pod, svc, gateway, ns or sa", text, kind)
}

// String is what ParseRef reads.
func (r Ref) String() string {
	if r.Kind == "" {
		return r.Name
	}
	return r.Kind + "/" + r.Name
}

// Member is what a Ref may mean: somebody who takes part in requests.
type Member struct {
	Instance, Workload, Namespace, ServiceAccount string
	// Services are hosts: "reviews.default.svc.cluster.local".
	Services []string
	Gateway  bool
}

// Means reports whether a member is what the user named; namespace is that of names which say none, empty for any.
func (r Ref) Means(m Member, namespace string) bool {
	if r.Kind == "namespace" {
		return m.Namespace == r.Name
	}
	named := func(name string) bool {
		return name != "" && (r.Name == name && (namespace == "" || namespace == m.Namespace) || m.Namespace != "" && r.Name == name+"."+m.Namespace)
	}
	any := r.Kind == ""
	return (any || r.Kind == "workload") && named(m.Workload) ||
		(any || r.Kind == "pod") && named(m.Instance) ||
		r.Kind == "gateway" && m.Gateway && (named(m.Workload) || named(m.Instance)) ||
		r.Kind == "serviceaccount" && named(m.ServiceAccount) ||
		(any || r.Kind == "service") && slices.ContainsFunc(m.Services, func(host string) bool { return r.meansHost(host, namespace) })
}

// meansHost compares with a whole host name, with NAME.NAMESPACE of one in the cluster, and with its NAME in a namespace.
func (r Ref) meansHost(host, namespace string) bool {
	if host == r.Name {
		return true
	}
	short, rest, _ := strings.Cut(host, ".")
	of, suffix, _ := strings.Cut(rest, ".")
	if !strings.HasPrefix(suffix, "svc") {
		return false
	}
	return r.Name == short && (namespace == "" || namespace == of) || r.Name == short+"."+of || r.Name == short+"."+of+".svc"
}
