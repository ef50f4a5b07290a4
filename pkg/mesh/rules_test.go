package mesh

import (
	"fmt"
	"testing"
)

// services makes Kubernetes Services named "name.namespace" with port 80.
func services(names ...string) string {
	out := ""
	for _, n := range names {
		var name, ns string
		for i := range n {
			if n[i] == '.' {
				name, ns = n[:i], n[i+1:]
			}
		}
		out += "\n---\napiVersion: v1\nkind: Service\nmetadata: {name: " + name + ", namespace: " + ns + "}\nspec: {ports: [{name: http, port: 80}]}"
	}
	return out
}

func destinationRule(name, namespace, spec string) string {
	return fmt.Sprintf("\n---\napiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: %s, namespace: %s}\nspec: %s", name, namespace, spec)
}

func virtualService(name, namespace, spec string) string {
	return fmt.Sprintf("\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: %s, namespace: %s}\nspec: %s", name, namespace, spec)
}

// ruleNames names the rules in force as "namespace/name", joined.
func ruleNames(r *DestinationRule) string {
	out := ""
	if r != nil {
		for _, k := range r.From {
			out += k.Namespace + "/" + k.Name + " "
		}
	}
	return out
}

func TestDestinationRulePrecedence(t *testing.T) {
	root := destinationRule("root", "istio-system", `{host: "*.local"}`)
	service := destinationRule("svc", "prod", "{host: web}")
	client := destinationRule("own", "test", "{host: web.prod.svc.cluster.local}")
	for _, c := range []struct{ name, rules, client, labels, want string }{
		{"none", "", "test", "", ""},
		{"root", root, "test", "", "istio-system/root "},
		{"service before root", root + service, "test", "", "prod/svc "},
		{"client before service", root + service + client, "test", "", "test/own "},
		{"another client's rule is no concern", service + client, "dev", "", "prod/svc "},
		{"a private rule of the service", root + destinationRule("svc", "prod", `{host: web, exportTo: ["."]}`), "test", "", "istio-system/root "},
		{"a private rule counts at home", root + destinationRule("svc", "prod", `{host: web, exportTo: ["."]}`), "prod", "", "prod/svc "},
		{"a client's wildcard before the service's exact rule", service + destinationRule("own", "test", `{host: "*.svc.cluster.local"}`), "test", "", "test/own "},
		{"the most specific of a level", destinationRule("a", "prod", `{host: "*.svc.cluster.local"}`) + destinationRule("b", "prod", `{host: "*.prod.svc.cluster.local"}`), "test", "", "prod/b "},
		{"star", destinationRule("a", "prod", `{host: "*"}`), "test", "", "prod/a "},
		{"a selector that matches", client + destinationRule("sel", "test", "{host: web.prod.svc.cluster.local, workloadSelector: {matchLabels: {app: x}}}"), "test", "app=x", "test/sel "},
		{"a selector that does not match", client + destinationRule("sel", "test", "{host: web.prod.svc.cluster.local, workloadSelector: {matchLabels: {app: x}}}"), "test", "app=y", "test/own "},
		{"a selector holds in its namespace only", destinationRule("sel", "prod", "{host: web, workloadSelector: {matchLabels: {app: x}}}"), "test", "app=x", ""},
		{"a mesh-wide rule does not hide the service's from the root namespace", root + service, "istio-system", "", "prod/svc "},
		{"a mesh-wide rule counts in the root namespace", root, "istio-system", "", "istio-system/root "},
		{"a private rule of the root namespace goes first there", root + service + destinationRule("own", "istio-system", `{host: "*.local", exportTo: ["."]}`), "istio-system", "", "istio-system/own "},
		{"a name without a dot is of the rule's namespace", destinationRule("own", "test", "{host: web}"), "test", "", ""},
		{"two labels are no short name", destinationRule("own", "test", "{host: web.prod}"), "test", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := build(t, services("web.prod")+c.rules)
			p := sidecarIn(c.client)
			if c.labels != "" {
				p = sidecarIn(c.client, c.labels)
			}
			if got := ruleNames(scopeOf(s, p).Service("web.prod.svc.cluster.local").Rule); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestDestinationRulesMerge(t *testing.T) {
	s := build(t, services("web.prod")+
		destinationRule("a, creationTimestamp: \"2024-01-01T00:00:00Z\"", "prod", "{host: web, subsets: [{name: v1, labels: {version: v1}}]}")+
		destinationRule("b, creationTimestamp: \"2024-01-02T00:00:00Z\"", "prod", "{host: web.prod.svc.cluster.local, trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v1, labels: {version: other}}, {name: v2}]}")+
		destinationRule("c, creationTimestamp: \"2024-01-03T00:00:00Z\"", "prod", "{host: web, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}"))
	r := scopeOf(s, sidecarIn("test")).Service("web.prod.svc.cluster.local").Rule
	if got := ruleNames(r); got != "prod/a prod/b prod/c " {
		t.Errorf("from %q", got)
	}
	if len(r.Spec.Subsets) != 2 || r.Spec.Subsets[0].Labels["version"] != "v1" || r.Spec.TrafficPolicy.LoadBalancer.GetSimple().String() != "RANDOM" {
		t.Errorf("%v", r.Spec)
	}
}

// virtualNames names the VirtualServices of web.prod for a client.
func virtualNames(s *Snapshot, p Proxy) string {
	out := ""
	for _, v := range scopeOf(s, p).Service("web.prod.svc.cluster.local").Virtual {
		out += v.Object.Key.Namespace + "/" + v.Object.Key.Name + " "
	}
	return out
}

const toWeb = "http: [{route: [{destination: {host: web.prod.svc.cluster.local}}]}]"

func TestVirtualServices(t *testing.T) {
	for _, c := range []struct{ name, yaml, client, want string }{
		{"none", "", "test", ""},
		{"short name of its own namespace", virtualService("v", "prod", "{hosts: [web], "+toWeb+"}"), "test", "prod/v "},
		{"short name of another namespace", virtualService("v", "test", "{hosts: [web], "+toWeb+"}"), "test", ""},
		{"full name, case does not matter", virtualService("v", "test", "{hosts: [WEB.prod.svc.cluster.local], "+toWeb+"}"), "dev", "test/v "},
		{"two labels are no short name", virtualService("v", "test", "{hosts: [web.prod], "+toWeb+"}"), "test", ""},
		{"mesh gateway named", virtualService("v", "prod", "{hosts: [web], gateways: [mesh, gw], "+toWeb+"}"), "test", "prod/v "},
		{"another gateway only", virtualService("v", "prod", "{hosts: [web], gateways: [gw], "+toWeb+"}"), "test", ""},
		{"private, from outside", virtualService("v", "prod", `{hosts: [web], exportTo: ["."], `+toWeb+"}"), "test", ""},
		{"private, at home", virtualService("v", "prod", `{hosts: [web], exportTo: ["."], `+toWeb+"}"), "prod", "prod/v "},
		{"mesh-wide default of exportTo", virtualService("v", "prod", "{hosts: [web], "+toWeb+"}") + meshYAML(`defaultVirtualServiceExportTo: ["."]`), "test", ""},
		{"exact before wildcards, specific before general", virtualService("w", "prod", `{hosts: ["*.local"], `+toWeb+"}") +
			virtualService("v", "prod", "{hosts: [web], "+toWeb+"}") + virtualService("x", "prod", `{hosts: ["*.prod.svc.cluster.local"], `+toWeb+"}"), "test", "prod/v prod/x prod/w "},
		{"the oldest first", virtualService("a, creationTimestamp: \"2024-01-02T00:00:00Z\"", "prod", "{hosts: [web], "+toWeb+"}") +
			virtualService("b, creationTimestamp: \"2024-01-01T00:00:00Z\"", "prod", "{hosts: [web], "+toWeb+"}"), "test", "prod/b prod/a "},
		{"the same age: by name, then namespace", virtualService("b", "a", "{hosts: [web.prod.svc.cluster.local], "+toWeb+"}") +
			virtualService("a", "z", "{hosts: [web.prod.svc.cluster.local], "+toWeb+"}") + virtualService("a", "prod", "{hosts: [web], "+toWeb+"}"), "test", "prod/a z/a a/b "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := virtualNames(build(t, services("web.prod")+c.yaml), sidecarIn(c.client)); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestNames(t *testing.T) {
	s := build(t, services("web.prod", "other.prod")+virtualService("v", "prod", `
  hosts: [web]
  gateways: [mesh, gw, other/gw2, ./gw3, old.ns.svc.cluster.local]
  http:
  - match: [{gateways: [gw]}, {gateways: [mesh]}]
    route: [{destination: {host: web}}, {destination: {host: other.prod}}, {destination: {host: api.example.com}}]
    mirror: {host: other}
    mirrors: [{destination: {host: other}}]
  tcp: [{route: [{destination: {host: other}}]}]
  tls: [{match: [{sniHosts: [web]}], route: [{destination: {host: other}}]}]`))
	spec := scopeOf(s, sidecarIn("prod")).Service("web.prod.svc.cluster.local").Virtual[0].Spec
	equal(t, "gateways", spec.Gateways, []string{"mesh", "prod/gw", "other/gw2", "prod/gw3", "ns/old"})
	var hosts []string
	for _, d := range spec.Http[0].Route {
		hosts = append(hosts, d.Destination.Host)
	}
	hosts = append(hosts, spec.Http[0].Mirror.Host, spec.Http[0].Mirrors[0].Destination.Host, spec.Tcp[0].Route[0].Destination.Host, spec.Tls[0].Route[0].Destination.Host)
	const other = "other.prod.svc.cluster.local"
	equal(t, "destinations", hosts, []string{"web.prod.svc.cluster.local", "other.prod", "api.example.com", other, other, other, other})
	if n := len(spec.Http[0].Match); n != 1 || len(spec.Http[0].Match[0].Gateways) != 0 {
		t.Errorf("matches of another gateway stay: %v", spec.Http[0].Match)
	}
}

func TestSourceMatches(t *testing.T) {
	s := build(t, services("web.prod")+virtualService("v", "prod", `
  hosts: [web]
  http:
  - {name: labels, match: [{sourceLabels: {app: x}, uri: {prefix: /a}}, {sourceLabels: {app: y}}], route: [{destination: {host: web}}]}
  - {name: namespace, match: [{sourceNamespace: test}], route: [{destination: {host: web}}]}
  - {name: gateway, match: [{gateways: [gw]}], route: [{destination: {host: web}}]}
  - {name: default, route: [{destination: {host: web}}]}`))
	for _, c := range []struct {
		p    Proxy
		want []string
	}{
		{sidecarIn("prod", "app=x", "version=v1"), []string{"labels", "default"}},
		{sidecarIn("prod", "app=y"), []string{"labels", "default"}},
		{sidecarIn("prod"), []string{"default"}},
		{sidecarIn("test", "app=z"), []string{"namespace", "default"}},
	} {
		var got []string
		for _, r := range scopeOf(s, c.p).Services[0].Virtual[0].Spec.Http {
			got = append(got, r.Name)
		}
		equal(t, fmt.Sprint(c.p.Namespace, c.p.Labels), got, c.want)
	}
	x, y, none := s.ScopeKey(sidecarIn("prod", "app=x")), s.ScopeKey(sidecarIn("prod", "app=y")), s.ScopeKey(sidecarIn("prod", "app=other"))
	if x == y || x == none || y == none {
		t.Error("proxies with different routes share a scope")
	}
	if s.ScopeKey(sidecarIn("prod")) != none {
		t.Error("proxies with the same routes do not share a scope")
	}
	if r := scopeOf(s, sidecarIn("prod", "app=x")).Services[0].Virtual[0].Spec.Http[0]; len(r.Match) != 1 || r.Match[0].Uri.GetPrefix() != "/a" || r.Match[0].SourceLabels != nil {
		t.Errorf("matches %v", r.Match)
	}
}

func TestHostsWithoutService(t *testing.T) {
	s := build(t, services("web.prod")+virtualService("v", "prod", `{hosts: [made.up.example.com, web, "*.example.org"], `+toWeb+"}"))
	var got []string
	for _, h := range scopeOf(s, sidecarIn("test")).Hosts {
		got = append(got, h.Host)
	}
	equal(t, "hosts", got, []string{"*.example.org", "made.up.example.com"})
}

func TestVirtualServiceProblems(t *testing.T) {
	for _, c := range []struct {
		name, yaml string
		want       []string
	}{
		{"missing host", services("web.prod") + virtualService("v", "prod", "{hosts: [web], http: [{route: [{destination: {host: wbe}}]}]}"),
			[]string{"test.yaml:11:59: VirtualService/prod/v: spec.http[0].route[0].destination.host: no service has the host wbe.prod.svc.cluster.local; requests get 503 (fix: create a Service or ServiceEntry, or correct the name)"}},
		{"missing subset", services("web.prod") + virtualService("v", "prod", "{hosts: [web], http: [{route: [{destination: {host: web, subset: v9}}]}]}"),
			[]string{`test.yaml:11:72: VirtualService/prod/v: spec.http[0].route[0].destination.subset: no DestinationRule for web.prod.svc.cluster.local defines the subset "v9"; requests get 503 (fix: add the subset to a DestinationRule)`}},
		{"missing port", services("web.prod") + virtualService("v", "prod", "{hosts: [web], http: [{route: [{destination: {host: web, port: {number: 81}}}]}]}"),
			[]string{"test.yaml:11:79: VirtualService/prod/v: spec.http[0].route[0].destination.port.number: web.prod.svc.cluster.local has no port 81; requests get 503 (fix: use one of its ports: 80)"}},
		{"missing gateway", services("web.prod") + virtualService("v", "prod", "{hosts: [web], gateways: [gw], "+toWeb+"}"),
			[]string{"test.yaml:11:33: VirtualService/prod/v: spec.gateways[0]: there is no Gateway prod/gw (fix: create it, or correct the name)"}},
		{"rival", services("web.prod") + virtualService("v", "prod", "{hosts: [web], "+toWeb+"}") + virtualService("w", "prod", "{hosts: [web], "+toWeb+"}"),
			[]string{
				"test.yaml:11:16: VirtualService/prod/v: spec.hosts[0]: VirtualService/prod/w routes web.prod.svc.cluster.local as well, and only the oldest VirtualService of a host counts on sidecars; the other's routes have no effect (fix: merge the two, remove one, or limit them to different namespaces by exportTo)",
				"test.yaml:16:16: VirtualService/prod/w: spec.hosts[0]: VirtualService/prod/v already routes web.prod.svc.cluster.local, and only the oldest VirtualService of a host counts on sidecars (fix: merge the two, remove one, or limit them to different namespaces by exportTo)",
			}},
		{"rivals that do not meet", services("web.prod") + virtualService("v", "prod", `{hosts: [web], exportTo: ["."], `+toWeb+"}") +
			virtualService("w", "test", `{hosts: [web.prod.svc.cluster.local], exportTo: ["."], `+toWeb+"}"), nil},
		{"subset of a wildcard rule", services("web.prod") + virtualService("v", "prod", "{hosts: [web], http: [{route: [{destination: {host: web, subset: v1}}]}]}") +
			destinationRule("d", "istio-system", `{host: "*.local", subsets: [{name: v1}]}`), nil},
	} {
		t.Run(c.name, func(t *testing.T) { equal(t, "problems", messages(build(t, c.yaml)), c.want) })
	}
}
