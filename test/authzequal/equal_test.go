// Package authzequal_test holds the evaluator of pkg/authz against live Envoys that run what pkg/translate makes of the same policies.
package authzequal_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/authz"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// set is the policies of one workload with the requests that are tried on it.
type set struct {
	name     string
	config   *mesh.Config
	workload *mesh.Workload
	requests []authz.Request
}

// agree runs an Envoy for all sets and compares its verdicts with the evaluator's.
func agree(t *testing.T, a *authority, sets []set) {
	t.Helper()
	var listeners []*listenerv3.Listener
	for _, s := range sets {
		listeners = append(listeners, listener(t, s.name, s.config, s.workload))
	}
	authorizes := &authorizer{}
	addresses := startEnvoy(t, a, listeners, authorizes)
	var allowed, denied, asked, wrong, number atomic.Int32
	lookup := func(host string) *mesh.Service {
		if host != authorizerHost {
			return nil
		}
		return authorizerService()
	}
	next := make(chan set)
	var clients sync.WaitGroup
	for range 8 {
		clients.Go(func() {
			for s := range next {
				policies := authz.Compile(s.config, s.workload, mesh.Sidecar, lookup)
				for _, r := range s.requests {
					d := policies.Check(r)
					mark := fmt.Sprintf("%s: %d", askHeader, number.Add(1))
					got := a.ask(addresses[s.name], s.dialled(r), mark)
					_, external := authorizes.asked.Load(mark)
					switch {
					case got.allowed && d.Verdict == authz.Allowed && !external:
						allowed.Add(1)
					case got.allowed && d.Verdict == authz.Depends && external:
						asked.Add(1)
					case !got.allowed && d.Verdict == authz.Denied && got.status == d.Status:
						denied.Add(1)
					default:
						if wrong.Add(1) <= 10 {
							t.Errorf("%s: Envoy: %v\nevaluator: %s %d: %s %s\nrequest: %s\npolicies: %s", s.name, got, d.Verdict, d.Status, d.Reason, text(d.By), text(r), describe(s))
						}
					}
				}
			}
		})
	}
	for _, s := range sets {
		next <- s
	}
	close(next)
	clients.Wait()
	t.Logf("%d sets of policies, %d requests allowed, %d denied, %d left to the external authorizer, %d differ", len(sets), allowed.Load(), denied.Load(), asked.Load(), wrong.Load())
	if total := allowed.Load() + denied.Load(); allowed.Load() < total/10 || denied.Load() < total/10 {
		t.Errorf("the requests say little: %d allowed, %d denied", allowed.Load(), denied.Load())
	}
}

// dialled is the request of a client that knows who takes plaintext only.
func (s set) dialled(r authz.Request) authz.Request {
	if s.workload.PeerAuthn.ModeOf(r.Port) == mesh.Disabled {
		r.Peer = ""
	}
	return r
}

func text(v any) string {
	out, _ := json.Marshal(v)
	return string(out)
}

func describe(s set) string {
	out := fmt.Sprintf("%v normalization=%v aliases=%v", s.workload.PeerAuthn, s.config.Mesh.GetPathNormalization().GetNormalization(), s.config.Mesh.GetTrustDomainAliases())
	for _, list := range []mesh.Attached{s.workload.AuthzPolicies, s.workload.RequestAuthns} {
		for _, o := range list {
			spec, _ := protojson.Marshal(o.Spec.(proto.Message))
			out += fmt.Sprintf("\n  %s %v %s", o.Key, o.Meta.Annotations, spec)
		}
	}
	return out
}

func baseConfig() *mesh.Config { return mesh.Build(config.Set{}, mesh.Options{}).Config() }

// TestVerdicts tries generated requests on generated policies.
func TestVerdicts(t *testing.T) {
	if testing.Short() {
		t.Skip("starts an Envoy")
	}
	envoytest.Binary(t)
	const sets, requests = 250, 16
	a := newAuthority(t)
	base := baseConfig()
	var all []set
	for i := range sets {
		g := generator{rand.New(rand.NewPCG(uint64(i), 1))}
		s := set{name: fmt.Sprintf("set-%d", i), config: g.mesh(base), workload: g.workload()}
		for range requests {
			s.requests = append(s.requests, g.request())
		}
		all = append(all, s)
	}
	agree(t, a, all)
}
