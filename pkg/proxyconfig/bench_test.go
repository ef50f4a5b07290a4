package proxyconfig_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

// large is the dump of a sidecar that knows n services of ten endpoints each.
func large(n int) []byte {
	var clusterList, hosts, assignments []string
	for i := range n {
		host := fmt.Sprintf("svc-%d.default.svc.cluster.local", i)
		name := "outbound|80||" + host
		clusterList = append(clusterList, cluster(`"name":"`+name+`","type":"EDS","connect_timeout":"5s","metadata":{"filter_metadata":{"meshctl":{"from":"DestinationRule/default/a"}}}`))
		hosts = append(hosts, `{"name":"`+host+`","domains":["`+host+`"],"routes":[{"match":{"prefix":"/"},"route":{"cluster":"`+name+`"}}]}`)
		var lbs []string
		for j := range 10 {
			lbs = append(lbs, lb(fmt.Sprintf("10.%d.%d.%d", i/256, i%256, j), `,"health_status":"HEALTHY"`))
		}
		assignments = append(assignments, `{"endpoint_config":{"@type":"`+proxyconfig.EndpointType+`","cluster_name":"`+name+`","endpoints":[{"lb_endpoints":[`+strings.Join(lbs, ",")+`]}]}}`)
	}
	return []byte(`{"configs":[` + clusters(strings.Join(clusterList, ","), "") + "," +
		routes(`"name":"80","virtual_hosts":[`+strings.Join(hosts, ",")+`]`) + "," +
		`{"@type":"type.googleapis.com/envoy.admin.v3.EndpointsConfigDump","dynamic_endpoint_configs":[` + strings.Join(assignments, ",") + `]}]}`)
}

func BenchmarkParse(b *testing.B) {
	data := large(10_000)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		if _, err := proxyconfig.Parse(bytes.NewReader(data)); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDiff(b *testing.B) {
	data := large(10_000)
	d, err := proxyconfig.Parse(bytes.NewReader(data))
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if found := proxyconfig.Diff(d, d); len(found) != 0 {
			b.Fatal(found)
		}
	}
}
