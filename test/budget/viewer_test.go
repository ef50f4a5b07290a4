package budget

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/internal/trafficfeed"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// services of the mesh that somebody looks at, each with one workload that calls the others.
const watched = 10

// TestViewer measures what one viewer of the traffic costs a mesh: all Envoys, agents and the control plane, and the viewer itself,
// with nobody looking and with somebody who looks every second, in turns.
func TestViewer(t *testing.T) {
	var yaml strings.Builder
	for i := range watched {
		fmt.Fprintf(&yaml, "---\napiVersion: v1\nkind: Service\nmetadata: {name: web-%d, namespace: default}\nspec: {selector: {app: web-%[1]d}, ports: [{name: http, port: 80, targetPort: 8080}]}\n", i)
	}
	m := meshtest.New(t, map[string]string{"services.yaml": yaml.String()})
	program := meshtest.StartProgram(t, "web")
	var workloads []*meshtest.Workload
	for i := range watched {
		o := meshtest.Sidecar(fmt.Sprintf("web-%d", i))
		o.Ports, o.Stats = program.Ports(), usual()
		workloads = append(workloads, m.Start(o))
	}
	m.Settle()
	for i, w := range workloads {
		for step := range 3 {
			meshtest.Expect(t, w.Client(), fmt.Sprintf("http://web-%d/", (i+step+1)%watched), 200, "web GET /")
		}
	}
	envoys := func() (total time.Duration) {
		for _, w := range workloads {
			total += cpu(t, w.State().EnvoyPID)
		}
		return total
	}
	feed := trafficfeed.New(m.Plane.API, "", 0)
	phases := [...]func(ctx context.Context){
		func(ctx context.Context) { <-ctx.Done() },
		func(ctx context.Context) {
			for ctx.Err() == nil {
				if _, err := feed.Next(ctx, traffic.Longest); err != nil && ctx.Err() == nil {
					t.Error(err)
					return
				}
			}
		},
	}
	var proxies, rest [2][]float64
	for range max(*rounds/4, 1) {
		for i, run := range phases {
			beforeProxies, beforeRest, begin := envoys(), own(t), time.Now()
			ctx, cancel := context.WithTimeout(context.Background(), 10**phase)
			run(ctx)
			cancel()
			percent := 100 / time.Since(begin).Seconds()
			proxies[i] = append(proxies[i], percent*(envoys()-beforeProxies).Seconds())
			rest[i] = append(rest[i], percent*(own(t)-beforeRest).Seconds())
		}
	}
	a, b := median(proxies[1])-median(proxies[0]), median(rest[1])-median(rest[0])
	fmt.Printf("a viewer of %d proxies at 1 Hz: %.2f %% of a core: Envoys %.2f %%, agents, control plane and viewer %.2f %% (nobody looks: %.2f %%, %.2f %%)\n",
		watched, a+b, a, b, median(proxies[0]), median(rest[0]))
}

// usual is what proxies record that nobody tells otherwise, and the handshakes that secured looks for.
func usual() bootstrap.Stats {
	return bootstrap.Stats{Matcher: bootstrap.Matcher{Prefixes: []string{"listener.0.0.0.0_0.ssl"}}}
}

// own is what this process has used.
func own(t *testing.T) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
