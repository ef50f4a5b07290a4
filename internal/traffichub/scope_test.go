package traffichub

import (
	"slices"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/topology"
	"github.com/meshctl/meshctl/pkg/traffic"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// TestOnlyWhoMattersToANamespaceIsAsked: of five namespaces, one is looked at; one calls it, one is called by it, one is a gateway's whose
// destination is behind another gateway, one has nothing to do with it.
func TestOnlyWhoMattersToANamespaceIsAsked(t *testing.T) {
	h := New(Options{})
	var sessions []registry.Session
	for _, ns := range []string{"shop", "front", "db", "far", "other"} {
		sessions = append(sessions, registry.Session{Proxy: registry.Proxy{NodeID: ns, Name: "a", Namespace: ns}, Connected: true})
	}
	needed := func(at time.Duration) (ids []string, all bool) {
		who, all := h.needed(sessions, "shop", time.Unix(1000, 0).Add(at))
		for _, s := range who {
			ids = append(ids, s.Proxy.NodeID)
		}
		return ids, all
	}
	if ids, all := needed(0); !all || len(ids) != 5 {
		t.Fatalf("first: asks %q, all %v; nobody is known yet", ids, all)
	}
	calls := func(ns, cluster, address string) traffic.Proxy {
		return traffic.Proxy{
			ID: "a." + ns, Sample: sample.Sample{Hosts: []sample.Host{{Cluster: cluster, Address: address}}},
			Clusters: map[string]traffic.Cluster{"to shop": {Node: "workload/shop/web"}, "to db": {Node: "workload/db/sql"}},
		}
	}
	r := h.narrow("shop", traffic.Report{
		Proxies: []traffic.Proxy{
			calls("shop", "to db", "10.0.0.1:1"), calls("front", "to shop", "10.0.0.2:1"), calls("far", "to shop", "192.0.2.1:15443"), calls("other", "to db", "10.0.0.1:1"),
		},
		Silent:    []topology.Silent{{Proxy: "b.shop"}, {Proxy: "b.other"}},
		Addresses: map[string]traffic.Address{"10.0.0.1:1": {Node: "workload/db/sql", Proxy: "a.db"}, "10.0.0.2:1": {Node: "workload/shop/web", Proxy: "a.shop"}},
	})
	if proxies(r) != "a.shop a.front a.far" || silentOnes(r) != "b.shop: " {
		t.Errorf("the report has %q, silent: %q", proxies(r), silentOnes(r))
	}
	if ids, all := needed(everybody - 1); all || !slices.Equal(ids, []string{"shop", "front", "db", "far"}) {
		t.Errorf("then: asks %q, all %v", ids, all)
	}
	if ids, all := needed(everybody); !all || len(ids) != 5 {
		t.Errorf("after a while: asks %q, all %v; there may be somebody new", ids, all)
	}
	// A neighbour that does not answer once remains one, and while everybody is asked the others are known.
	if ids, all := needed(everybody + 1); all || len(ids) != 4 {
		t.Errorf("while everybody is asked: asks %q, all %v", ids, all)
	}
	r = h.narrow("shop", traffic.Report{
		Proxies: []traffic.Proxy{calls("shop", "to db", "10.0.0.1:1")}, Silent: []topology.Silent{{Proxy: "a.front"}, {Proxy: "a.other"}},
		Addresses: map[string]traffic.Address{"10.0.0.1:1": {Node: "workload/db/sql", Proxy: "a.db"}},
	})
	if ids, _ := needed(everybody + 1); !slices.Equal(ids, []string{"shop", "front", "db"}) || silentOnes(r) != "a.front: " {
		t.Errorf("then asks %q; silent: %q", ids, silentOnes(r))
	}
	if who, all := h.needed(sessions, "", time.Unix(1000, 0)); !all || len(who) != 5 {
		t.Errorf("a viewer of the whole mesh: asks %d, all %v", len(who), all)
	}
}
