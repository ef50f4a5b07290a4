package proxyconfig_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/types/known/anypb"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"

	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

// dumpOf makes a dump of sections written as JSON.
func dumpOf(t testing.TB, sections ...string) *proxyconfig.Dump {
	t.Helper()
	d, err := proxyconfig.Parse(strings.NewReader(`{"configs":[` + strings.Join(sections, ",") + `]}`))
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func clusters(active, warming string) string {
	return `{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","dynamic_active_clusters":[` + active +
		`],"dynamic_warming_clusters":[` + warming + `]}`
}

func cluster(body string) string {
	return `{"version_info":"1","cluster":{"@type":"` + proxyconfig.ClusterType + `",` + body + `}}`
}

func routes(body string) string {
	return `{"@type":"type.googleapis.com/envoy.admin.v3.RoutesConfigDump","dynamic_route_configs":[{"route_config":{"@type":"` +
		proxyconfig.RouteType + `",` + body + `}}]}`
}

func listeners(body string) string {
	return `{"@type":"type.googleapis.com/envoy.admin.v3.ListenersConfigDump","dynamic_listeners":[{"name":"l",` + body + `}]}`
}

func listener(state, body string) string {
	return `"` + state + `":{"listener":{"@type":"` + proxyconfig.ListenerType + `","name":"l",` + body + `}}`
}

func endpoints(cla string) string {
	return `{"@type":"type.googleapis.com/envoy.admin.v3.EndpointsConfigDump","dynamic_endpoint_configs":[{"endpoint_config":{"@type":"` +
		proxyconfig.EndpointType + `",` + cla + `}}]}`
}

func lb(address, more string) string {
	return `{"endpoint":{"address":{"socket_address":{"address":"` + address + `","port_value":1}}}` + more + `}`
}

// paths renders differences as "kind type name: path=want->have".
func paths(differences []proxyconfig.Difference) []string {
	var out []string
	for _, d := range differences {
		head := d.Kind + " " + d.Type + " " + d.Name
		if len(d.Paths) == 0 {
			out = append(out, head)
		}
		for _, p := range d.Paths {
			want, _ := json.Marshal(p.Want)
			have, _ := json.Marshal(p.Have)
			out = append(out, head+": "+p.Path+"="+string(want)+"->"+string(have))
		}
	}
	return out
}

func TestDiff(t *testing.T) {
	vh := func(name, domains, route string) string {
		return `{"name":"` + name + `","domains":[` + domains + `],"routes":[` + route + `]}`
	}
	toA, toB := `{"match":{"prefix":"/"},"route":{"cluster":"a"}}`, `{"match":{"prefix":"/"},"route":{"cluster":"b"}}`
	for name, c := range map[string]struct {
		want, have []string
		diff       []string
	}{
		"nothing": {},
		"orders without meaning": {
			want: []string{routes(`"name":"9080","virtual_hosts":[` + vh("a", `"x","y"`, toA) + `,` + vh("b", `"z"`, toB) + `]`)},
			have: []string{routes(`"name":"9080","virtual_hosts":[` + vh("b", `"z"`, toB) + `,` + vh("a", `"y","x"`, toA) + `]`)},
		},
		"order of routes": {
			want: []string{routes(`"name":"9080","virtual_hosts":[` + vh("a", `"x"`, toA+","+toB) + `]`)},
			have: []string{routes(`"name":"9080","virtual_hosts":[` + vh("a", `"x"`, toB+","+toA) + `]`)},
			diff: []string{
				`changed route 9080: virtual_hosts[a].routes[0].route.cluster="a"->"b"`,
				`changed route 9080: virtual_hosts[a].routes[1].route.cluster="b"->"a"`,
			},
		},
		"spelling and defaults": {
			want: []string{clusters(cluster(`"name":"a","connectTimeout":"5s","respectDnsTtl":false,"type":3,"lbPolicy":"ROUND_ROBIN","altStatName":""`), "")},
			have: []string{clusters(cluster(`"name":"a","connect_timeout":"5s","type":"EDS"`), "")},
		},
		"explicit zero of a wrapper is no default": {
			want: []string{clusters(cluster(`"name":"a","per_connection_buffer_limit_bytes":0`), "")},
			have: []string{clusters(cluster(`"name":"a"`), "")},
			diff: []string{`changed cluster a: per_connection_buffer_limit_bytes=0->null`},
		},
		"missing and extra": {
			want: []string{clusters(cluster(`"name":"a"`), "")},
			have: []string{clusters(cluster(`"name":"b"`), "")},
			diff: []string{"missing cluster a", "extra cluster b"},
		},
		"warming": {
			want: []string{clusters(cluster(`"name":"a","type":"EDS"`), "")},
			have: []string{clusters("", cluster(`"name":"a","type":"EDS"`))},
			diff: []string{"warming cluster a"},
		},
		"warming over an active one": {
			want: []string{clusters(cluster(`"name":"a","type":"EDS"`), "")},
			have: []string{clusters(cluster(`"name":"a"`), cluster(`"name":"a","type":"EDS"`))},
			diff: []string{"warming cluster a"},
		},
		"draining": {
			have: []string{listeners(listener("draining_state", `"stat_prefix":"x"`))},
			diff: []string{"draining listener l"},
		},
		"refused": {
			want: []string{listeners(listener("active_state", `"stat_prefix":"new"`))},
			have: []string{listeners(listener("active_state", `"stat_prefix":"old"`) + `,"error_state":{"details":"no such filter"}`)},
			diff: []string{`rejected listener l: stat_prefix="new"->"old"`},
		},
		"static resources are nobody's intention": {
			have: []string{`{"@type":"type.googleapis.com/envoy.admin.v3.ClustersConfigDump","static_clusters":[` + cluster(`"name":"xds"`) + `]}`},
		},
		"routes that no listener asks for": {
			want: []string{routes(`"name":"9080"`), listeners(listener("active_state", `"stat_prefix":"x"`))},
			have: []string{listeners(listener("active_state", `"stat_prefix":"x"`))},
		},
		"what Envoy adds to endpoints": {
			want: []string{endpoints(`"cluster_name":"a","endpoints":[{"lb_endpoints":[` + lb("10.0.0.1", "") + "," + lb("10.0.0.2", "") + `]}]`)},
			have: []string{endpoints(`"cluster_name":"a","policy":{"overprovisioning_factor":140},"endpoints":[{"locality":{},"load_balancing_weight":0,"lb_endpoints":[` +
				lb("10.0.0.2", `,"health_status":"UNHEALTHY","load_balancing_weight":1`) + "," + lb("10.0.0.1", `,"health_status":"HEALTHY","metadata":{},"load_balancing_weight":1`) + `]}]`)},
		},
		"endpoints": {
			want: []string{endpoints(`"cluster_name":"a","endpoints":[{"lb_endpoints":[` + lb("10.0.0.1", `,"load_balancing_weight":7`) + `]}]`)},
			have: []string{endpoints(`"cluster_name":"a","endpoints":[{"lb_endpoints":[` + lb("10.0.0.1", "") + "," + lb("10.0.0.2", "") + `]}]`)},
			diff: []string{
				`changed endpoint a: priority 0 10.0.0.1:1.weight=7->1`,
				`changed endpoint a: priority 0 10.0.0.2:1=null->{"weight":1}`,
			},
		},
		"no endpoints are as good as no assignment": {
			want: []string{endpoints(`"cluster_name":"a"`)},
		},
		"endpoints of a DNS cluster come with the cluster": {
			want: []string{clusters(cluster(`"name":"a","type":"STRICT_DNS"`), "")},
			have: []string{clusters(cluster(`"name":"a","type":"STRICT_DNS"`), ""), endpoints(`"cluster_name":"a","endpoints":[{"lb_endpoints":[` + lb("10.0.0.1", "") + `]}]`)},
		},
		"an extension that only one side can decode": {
			want: []string{clusters(cluster(`"name":"a","typed_extension_protocol_options":{"x":{"@type":"type.googleapis.com/acme.Unknown"}}`), "")},
			have: []string{clusters(cluster(`"name":"a","typed_extension_protocol_options":{"x":{"@type":"type.googleapis.com/acme.Unknown","depth":3}}`), "")},
		},
		"an extension that neither side knows": {
			want: []string{clusters(cluster(`"name":"a","typed_extension_protocol_options":{"x":{"@type":"type.googleapis.com/acme.Unknown","depth":2}}`), "")},
			have: []string{clusters(cluster(`"name":"a","typed_extension_protocol_options":{"x":{"@type":"type.googleapis.com/acme.Unknown","depth":3}}`), "")},
			diff: []string{"changed cluster a: typed_extension_protocol_options.x.depth=2->3"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := paths(proxyconfig.Diff(dumpOf(t, c.want...), dumpOf(t, c.have...)))
			if diff := cmp.Diff(c.diff, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestDiffSecrets(t *testing.T) {
	section := func(names ...string) string {
		var list []string
		for _, n := range names {
			list = append(list, `{"name":"`+n+`","secret":{"@type":"`+proxyconfig.SecretType+`","name":"`+n+`"}}`)
		}
		return `{"@type":"type.googleapis.com/envoy.admin.v3.SecretsConfigDump","dynamic_active_secrets":[` + strings.Join(list, ",") + `]}`
	}
	uses := func(name, source string) string {
		return clusters(cluster(`"name":"`+name+`","transport_socket":{"name":"tls","typed_config":{"@type":"type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",`+
			`"common_tls_context":{"tls_certificate_sds_secret_configs":[{"name":"`+name+`","sds_config":{`+source+`}}]}}}`), "")
	}
	want := dumpOf(t, section("kubernetes://shop"))
	want.Clusters = dumpOf(t, uses("default", `"path_config_source":{"path":"/sds"}`)).Clusters
	have := dumpOf(t, section("default", "old"), uses("default", `"path_config_source":{"path":"/sds"}`))
	got := paths(proxyconfig.Diff(want, have))
	if diff := cmp.Diff([]string{"missing secret kubernetes://shop", "extra secret old"}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestUnified(t *testing.T) {
	want := dumpOf(t, clusters(cluster(`"name":"a","connect_timeout":"5s"`), ""))
	have := dumpOf(t, clusters(cluster(`"name":"a","connect_timeout":"9s"`)+","+cluster(`"name":"b"`), ""))
	got, err := proxyconfig.Unified(proxyconfig.Diff(want, have), "control plane", "envoy")
	if err != nil {
		t.Fatal(err)
	}
	const expected = `cluster a: changed
--- control plane
+++ envoy
@@ -1,3 +1,3 @@
 '@type': type.googleapis.com/envoy.config.cluster.v3.Cluster
-connect_timeout: 5s
+connect_timeout: 9s
 name: a
cluster b: extra
--- control plane
+++ envoy
@@ -0,0 +1,2 @@
+'@type': type.googleapis.com/envoy.config.cluster.v3.Cluster
+name: b
`
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFromResourcesKeepsUnknownExtensions(t *testing.T) {
	c := &clusterv3.Cluster{Name: "a", TypedExtensionProtocolOptions: map[string]*anypb.Any{
		"x": {TypeUrl: "type.googleapis.com/acme.Unknown", Value: []byte{8, 1}},
	}}
	a, err := anypb.New(c)
	if err != nil {
		t.Fatal(err)
	}
	d, err := proxyconfig.FromResources(map[string][]*anypb.Any{proxyconfig.ClusterType: {a}})
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Clusters) != 1 || d.Clusters[0].Name != "a" {
		t.Fatalf("%+v", d.Clusters)
	}
	if !bytes.Contains(marshal(t, d), []byte("acme.Unknown")) {
		t.Errorf("the extension is gone: %s", marshal(t, d))
	}
	back := &clusterv3.Cluster{}
	if err := dumpOf(t, clusters(cluster(`"name":"b","connect_timeout":"5s","of_a_later_version":1`), "")).Clusters[0].Decode(back); err != nil || back.GetConnectTimeout().GetSeconds() != 5 {
		t.Errorf("decoded %v, %v", back, err)
	}
}

func marshal(t testing.TB, d *proxyconfig.Dump) []byte {
	t.Helper()
	data, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
