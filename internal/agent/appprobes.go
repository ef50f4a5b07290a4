package agent

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/meshctl/meshctl/internal/agent/probe"
)

// AppProbes are the probes of a pod's programs that the injector pointed at the agent, by the path under which the kubelet asks for
// them: the kubelet has no certificate of the mesh, and a port that only loopback reaches is out of its reach. The probes are in the
// format of a pod's (https://kubernetes.io/docs/concepts/workloads/pods/probes/), with ports by number.
type AppProbes map[string]json.RawMessage

// Where the kubelet asks for probes and runs hooks, as with Istio's agent.
const appHealth, appLifecycle = "/app-health/", "/app-lifecycle/"

// parseAppProbes reads the JSON object that the injector writes.
func parseAppProbes(text string) (AppProbes, error) {
	var out AppProbes
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("--probes: %w", err)
	}
	for path := range out {
		if !strings.HasPrefix(path, appHealth) && !strings.HasPrefix(path, appLifecycle) {
			return nil, fmt.Errorf("--probes: path %q: give one below %s or %s", path, appHealth, appLifecycle)
		}
	}
	return out, nil
}

// handler runs the probe of a request's path against the program, where the kubelet's own would reach it.
func (a AppProbes) handler(target probe.Target) (http.Handler, error) {
	probes := map[string]http.Handler{}
	for path, config := range a {
		p, err := probe.Parse(config, target)
		if err != nil {
			return nil, fmt.Errorf("probe %s: %w", path, err)
		}
		probes[path] = appProbe(p)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h, found := probes[r.URL.Path]
		if !found {
			http.NotFound(w, r)
			return
		}
		h.ServeHTTP(w, r)
	}), nil
}

// appProbe answers 200 when the program is well, and 500 with the reason when it is not: the kubelet shows it in the pod's events.
func appProbe(p *probe.Probe) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := p.Once(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprintln(w, "ok")
	})
}
