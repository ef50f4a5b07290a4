package mesh_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
)

// updates is what an Envoy says of what it was sent.
type updates struct {
	// cds and lds count answers, resources the clusters and listeners that those added, changed or removed, bytes everything that
	// came over its connections for discovery.
	cds, lds, resources, bytes int
}

func (m *mesh) updates() map[string]updates {
	m.t.Helper()
	out := map[string]updates{}
	proxies := m.proxies()
	for _, id := range m.ids() {
		var u updates
		for name, n := range m.counters(proxies[id].AdminAddress,
			`^cluster_manager\.(cds\.update_success|cluster_(added|modified|removed))$|^listener_manager\.(lds\.update_success|listener_(added|modified|removed))$|^cluster\.xds-grpc\.upstream_cx_rx_bytes_total$`) {
			switch {
			case strings.HasSuffix(name, "cds.update_success"):
				u.cds += n
			case strings.HasSuffix(name, "lds.update_success"):
				u.lds += n
			case strings.HasSuffix(name, "bytes_total"):
				u.bytes += n
			default:
				u.resources += n
			}
		}
		out[id] = u
	}
	return out
}

// onlyGateway gives workloads a view of the mesh without the services of their namespace.
const onlyGateway = `apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: %[1]s}
spec:
  workloadSelector: {labels: {app: %[1]s}}
  egress: [{hosts: [istio-system/*]}]
---
`

// weights is a route that only the namespace of reviews sees.
const weights = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  exportTo: ["."]
  http:
  - route:
    - destination: {host: reviews, subset: v1}
      weight: %d
    - destination: {host: reviews, subset: v3}
      weight: %d
`

// TestChange measures how fast a changed file is live, and counts who receives something for it.
func TestChange(t *testing.T) {
	t.Parallel()
	m := startDemo(t)
	m.put("scopes.yaml", fmt.Sprintf(onlyGateway, "ratings")+fmt.Sprintf(onlyGateway, "details"))
	m.put("reviews.yaml", fmt.Sprintf(weights, 50, 50))
	affected := []string{"productpage-v1.default", "reviews-v1.default", "reviews-v2.default", "reviews-v3.default"}
	proxies := m.proxies()
	live := func(id, weight string) bool {
		a, err := get(client, "http://"+proxies[id].AdminAddress+"/config_dump?resource=dynamic_route_configs")
		return err == nil && regexp.MustCompile(`"weight": `+weight+`\b`).MatchString(a.body)
	}
	for _, id := range affected {
		eventually(t, "the first route is live", func() error {
			if !live(id, "50") {
				return errNotYet
			}
			return nil
		})
	}
	m.settled()
	m.same()
	before, sent := m.updates(), m.sent()
	const changes = 25
	var took []time.Duration
	for i := range changes {
		one := 51 + i
		began := time.Now()
		m.put("reviews.yaml", fmt.Sprintf(weights, one, 100-one))
		took = append(took, m.untilAll(began, affected, func(id string) bool { return live(id, strconv.Itoa(one)) })...)
	}
	slices.Sort(took)
	t.Logf("%d changes, live in each of %d Envoys: p50 %s, p99 %s, last %s", changes, len(affected),
		took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	if p99 := took[len(took)*99/100]; p99 > 3*time.Second {
		t.Errorf("a change takes %s", p99)
	}
	m.settled()
	m.compareUpdates(affected, before, sent, changes)
	m.same()
	m.accepted()
}

// untilAll returns how long after began each proxy had the change.
func (m *mesh) untilAll(began time.Time, ids []string, has func(id string) bool) []time.Duration {
	m.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	took := make([]time.Duration, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			ticker := time.NewTicker(10 * time.Millisecond)
			defer ticker.Stop()
			for !has(id) {
				select {
				case <-ticker.C:
				case <-ctx.Done():
					m.t.Errorf("%s: not live after %s", id, patience)
					return
				}
			}
			took[i] = time.Since(began)
		})
	}
	all.Wait()
	return took
}

// sent is what the control plane sent last to each proxy, by type.
func (m *mesh) sent() map[string]map[string]adminapi.TypeSync {
	out := map[string]map[string]adminapi.TypeSync{}
	for id, p := range m.proxies() {
		out[id] = map[string]adminapi.TypeSync{}
		for _, s := range p.Sync {
			out[id][s.Type] = s
		}
	}
	return out
}

func (m *mesh) compareUpdates(affected []string, before map[string]updates, sent map[string]map[string]adminapi.TypeSync, changes int) {
	m.t.Helper()
	now, sentNow := m.updates(), m.sent()
	for _, id := range m.ids() {
		was, is := before[id], now[id]
		bytes := is.bytes - was.bytes
		was.bytes, is.bytes = 0, 0
		if was != is {
			m.t.Errorf("%s was sent clusters or listeners: %+v, before %+v", id, is, was)
		}
		if slices.Contains(affected, id) {
			m.t.Logf("%s: %d bytes a change", id, bytes/changes)
			delete(sent[id], "RDS")
			delete(sentNow[id], "RDS")
		} else if m.t.Logf("%s, not affected: %d bytes in all", id, bytes); bytes > 500 { // keep-alive
			m.t.Errorf("%s is not affected and received %d bytes", id, bytes)
		}
		if !maps.Equal(sent[id], sentNow[id]) {
			m.t.Errorf("%s was sent more than it needs: %+v, before %+v", id, sentNow[id], sent[id])
		}
	}
}
