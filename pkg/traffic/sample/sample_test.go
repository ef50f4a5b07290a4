package sample_test

import (
	"reflect"
	"testing"

	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

const clusters = `outbound|9080||reviews.default.svc.cluster.local::observability_name::outbound|9080||reviews.default.svc.cluster.local
outbound|9080||reviews.default.svc.cluster.local::default_priority::max_connections::4294967295
outbound|9080||reviews.default.svc.cluster.local::added_via_api::true
outbound|9080||reviews.default.svc.cluster.local::10.0.0.1:9080::cx_active::3
outbound|9080||reviews.default.svc.cluster.local::10.0.0.1:9080::cx_connect_fail::1
outbound|9080||reviews.default.svc.cluster.local::10.0.0.1:9080::cx_total::4
outbound|9080||reviews.default.svc.cluster.local::10.0.0.1:9080::rq_error::2
outbound|9080||reviews.default.svc.cluster.local::10.0.0.1:9080::rq_total::513
outbound|9080||reviews.default.svc.cluster.local::10.0.0.1:9080::hostname::
outbound|9080||reviews.default.svc.cluster.local::10.0.0.1:9080::health_flags::healthy
outbound|9080||reviews.default.svc.cluster.local::10.0.0.2:9080::cx_active::0
outbound|9080||reviews.default.svc.cluster.local::10.0.0.2:9080::rq_total::0
outbound|9080||reviews.default.svc.cluster.local::10.0.0.2:9080::health_flags::healthy
outbound|80||v6::[fd00::1]:80::rq_total::7
outbound|80||v6::[fd00::1]:80::health_flags::/failed_outlier_check
outbound|81||gone::10.0.0.9:81::rq_total::0
`

func TestHosts(t *testing.T) {
	want := []sample.Host{
		{Cluster: "outbound|9080||reviews.default.svc.cluster.local", Address: "10.0.0.1:9080", Requests: 513, Failed: 2, Opened: 4, Refused: 1, Connections: 3},
		{Cluster: "outbound|80||v6", Address: "[fd00::1]:80", Requests: 7, Ejected: true},
	}
	if got := sample.Hosts(clusters); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

const stats = `cluster.outbound|9080||reviews.default.svc.cluster.local.upstream_cx_rx_bytes_total: 9
cluster.outbound|9080||reviews.default.svc.cluster.local.upstream_cx_none_healthy: 2
cluster.outbound|9080||reviews.default.svc.cluster.local.ssl.handshake: 3
cluster.outbound|9080||reviews.default.svc.cluster.local.unknown: 3
http.inbound_0.0.0.0_9080.downstream_rq_total: 12
http.inbound_0.0.0.0_9080.downstream_rq_5xx: 1
fault_aborts.cluster_name.outbound|9080||reviews.default.svc.cluster.local: 5
tcp.inbound|9000||.downstream_cx_total: 6
cluster.outbound|9080||reviews.default.svc.cluster.local.upstream_rq_time:
  totals=0,0:10, 1,0.1:2, 46,1:1
  intervals=
  summary=P0(nan,0) P25(nan,0)
cluster.outbound|9080||reviews.default.svc.cluster.local.external.upstream_rq_time:
  totals=0,0:10
http.inbound_0.0.0.0_9080.downstream_rq_time: No recorded values
`

func TestCountersKeepWhatTheyLackFromTheSampleBefore(t *testing.T) {
	slow := sample.Histogram{{Lower: 10, Width: 1, Count: 3}}
	before := sample.Sample{
		Clusters: []sample.Cluster{{Name: "a", Sent: 1, Latency: slow}, {Name: "b", Latency: slow}, {Name: "c", Sent: 1}},
		Inbound:  []sample.Inbound{{Name: "in", Requests: 1, Connections: 2, Latency: slow}, {Name: "in", TCP: true, Opened: 1, Connections: 4}},
	}
	got := sample.Sample{
		Clusters: []sample.Cluster{{Name: "a", Sent: 5}, {Name: "d", Sent: 7}},
		Inbound:  []sample.Inbound{{Name: "in", Requests: 3}, {Name: "in", TCP: true, Opened: 6}, {Name: "new", TCP: true, Opened: 1}},
	}
	got.Keep(before)
	want := sample.Sample{
		Clusters: []sample.Cluster{{Name: "a", Sent: 5, Latency: slow}, {Name: "b", Latency: slow}, {Name: "c"}, {Name: "d", Sent: 7}},
		Inbound: []sample.Inbound{
			{Name: "in", Requests: 3, Connections: 2, Latency: slow}, {Name: "in", TCP: true, Opened: 6, Connections: 4}, {Name: "new", TCP: true, Opened: 1},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestStats(t *testing.T) {
	wantClusters := []sample.Cluster{{
		Name: "outbound|9080||reviews.default.svc.cluster.local", Received: 9, Homeless: 2, Handshakes: 3, Aborted: 5,
		Latency: sample.Histogram{{Lower: 0, Width: 0, Count: 10}, {Lower: 1, Width: 0.1, Count: 2}, {Lower: 46, Width: 1, Count: 1}},
	}}
	wantInbound := []sample.Inbound{
		{Name: "inbound_0.0.0.0_9080", Requests: 12, Failed: 1},
		{Name: "inbound|9000||", TCP: true, Opened: 6},
	}
	gotClusters, gotInbound := sample.Stats(stats)
	if !reflect.DeepEqual(gotClusters, wantClusters) {
		t.Errorf("clusters: got %+v, want %+v", gotClusters, wantClusters)
	}
	if !reflect.DeepEqual(gotInbound, wantInbound) {
		t.Errorf("inbound: got %+v, want %+v", gotInbound, wantInbound)
	}
}

// FuzzEnvoysAnswers: whatever answers, reading it neither fails nor makes bins that are none.
func FuzzEnvoysAnswers(f *testing.F) {
	f.Add(clusters)
	f.Add(stats)
	f.Add("a:\n  totals=1,1:1, 1,1\n")
	f.Fuzz(func(t *testing.T, text string) {
		for _, h := range sample.Hosts(text) {
			if h == (sample.Host{Cluster: h.Cluster, Address: h.Address}) {
				t.Errorf("%+v counts nothing", h)
			}
		}
		found, inbound := sample.Stats(text)
		var all []sample.Histogram
		for _, c := range found {
			all = append(all, c.Latency)
		}
		for _, i := range inbound {
			all = append(all, i.Latency)
		}
		for _, h := range all {
			for i, b := range h {
				if !(b.Lower >= 0) || !(b.Width >= 0) || b.Count == 0 || i > 0 && b.Lower <= h[i-1].Lower {
					t.Errorf("%+v in %v", b, h)
				}
			}
		}
	})
}
