package budget

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const services = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80, targetPort: 8080}]}
`

// host is the service, by a name as long as those of real ones.
const host = "web.default.svc.cluster.local"

// For how long and how often each pair is loaded: just long enough to see that it works, unless somebody wants figures.
var (
	phase  = flag.Duration("phase", 100*time.Millisecond, "how long each phase lasts")
	rounds = flag.Int("rounds", 1, "how often the phases take turns")
)

// TestBudget loads a pair of sidecars with mutual TLS and everything that is on by default, and the bare pair, in turns. Times are
// printed, not judged: `make budget` makes the figures of docs/performance.md.
func TestBudget(t *testing.T) {
	backend := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(strings.Repeat("x", 1024))) }))
	t.Cleanup(backend.Close)
	address := backend.Listener.Addr().(*net.TCPAddr)

	m := meshtest.New(t, map[string]string{"services.yaml": services})
	web := meshtest.Sidecar("web")
	web.Ports = map[uint32]uint32{8080: uint32(address.Port)}
	caller := meshtest.Sidecar("client")
	web.Stats, caller.Stats = usual(), usual()
	server, client := m.Start(web), m.Start(caller)
	m.Settle()

	pairs := [...]pair{bare(t, m.Plane.Authority, address.String()), {
		address: client.Local(host, 80), client: client.State().EnvoyPID, server: server.State().EnvoyPID,
	}}
	var got [2]figures
	for range *rounds {
		for i, p := range pairs {
			got[i].flood(t, p)
		}
		for i, p := range pairs {
			got[i].pace(t, p)
		}
	}
	if err := secured(server); err != nil {
		t.Error(err)
	}
	fmt.Println("medians                   bare       mesh    ratio (of each round)")
	report("requests/s", 1, got[0].throughput, got[1].throughput)
	report("client CPU, us", 1e6, got[0].client, got[1].client)
	report("server CPU, us", 1e6, got[0].server, got[1].server)
	fmt.Println("all rounds, 1000 requests/s")
	for _, p := range []float64{0.5, 0.9, 0.99} {
		bare, mesh := 1e3*percentile(got[0].took, p), 1e3*percentile(got[1].took, p)
		fmt.Printf("p%g, ms %20.2f %10.2f %8.2f\n", 100*p, bare, mesh, mesh/bare)
	}
}

// secured makes sure that the requests went over mutual TLS and were counted.
func secured(server *meshtest.Workload) error {
	stats := string(server.Admin("/stats"))
	for _, part := range []string{"ssl.handshake: ", "istio_requests_total"} {
		if !strings.Contains(stats, part) {
			return fmt.Errorf("no %s among the statistics of the server", part)
		}
	}
	return nil
}

// pair is a proxy on the client's side, which listens at an address, and one on the server's, by their processes.
type pair struct {
	address        string
	client, server int
}

// figures of every round: requests a second, seconds of CPU a request; and the seconds that each request took at a fixed rate, of all rounds
// together: the 99th percentile of one round is a matter of a few requests, and of what else the machine did in that moment.
type figures struct{ throughput, client, server, took []float64 }

func (f *figures) flood(t *testing.T, p pair) {
	client, server := cpu(t, p.client), cpu(t, p.server)
	sent, took := load{t, p.address, 16}.flood(*phase)
	f.throughput = append(f.throughput, float64(sent)/took.Seconds())
	f.client = append(f.client, (cpu(t, p.client)-client).Seconds()/float64(sent))
	f.server = append(f.server, (cpu(t, p.server)-server).Seconds()/float64(sent))
}

func (f *figures) pace(t *testing.T, p pair) {
	f.took = append(f.took, load{t, p.address, 16}.pace(1000, *phase)...)
}

// cpu is what the threads of a process have used, to the nanosecond (https://docs.kernel.org/scheduler/sched-stats.html); proc_pid_stat(5)
// has hundredths of a second, which are too coarse for what a viewer costs. Threads that have ended are not in it: Envoy keeps its own.
func cpu(t *testing.T, pid int) (total time.Duration) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(threads) == 0 {
		t.Fatalf("threads of process %d: %v", pid, err)
	}
	for _, file := range threads {
		var running int64
		data, err := os.ReadFile(file)
		if err == nil {
			_, err = fmt.Sscan(string(data), &running)
		}
		if err != nil {
			t.Fatal(err)
		}
		total += time.Duration(running)
	}
	return total
}

func report(name string, scale float64, bare, mesh []float64) {
	ratios := make([]float64, len(bare))
	for i := range bare {
		ratios[i] = mesh[i] / bare[i]
	}
	fmt.Printf("%-18s %10.2f %10.2f %8.2f %.2f\n", name, scale*median(bare), scale*median(mesh), median(ratios), ratios)
}

func median(list []float64) float64 { return percentile(list, 0.5) }

func percentile(list []float64, p float64) float64 {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[int(p*float64(len(sorted)))]
}
