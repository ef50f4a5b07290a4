package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/meshctl/meshctl/internal/agent/metrics"
)

// status is the agent's HTTP server, with the paths of Istio's agent: /healthz/ready, /stats/prometheus, /quitquitquit, /app-health/.
func (a *agent) status() (http.Handler, error) {
	merged := metrics.New(metrics.Options{
		Envoy: func() string {
			if address := a.board.get().AdminAddress; address != "" {
				return "http://" + address + "/stats/prometheus"
			}
			return ""
		},
		Application: a.o.ApplicationMetrics,
		Self:        a.o.peer(),
		Own:         a.ownMetrics,
		Log:         a.o.Log,
	})
	mux := http.NewServeMux()
	mux.Handle("GET /stats/prometheus", merged)
	mux.Handle("GET /metrics", merged)
	mux.HandleFunc("GET /healthz/ready", a.ready)
	mux.HandleFunc("POST /quitquitquit", a.quitHandler)
	probes, err := a.o.AppProbes.handler(a.probes.target())
	if err != nil {
		return nil, err
	}
	mux.Handle("GET "+appHealth, probes)
	mux.Handle("GET "+appLifecycle, probes)
	return mux, nil
}

func (a *agent) ready(w http.ResponseWriter, r *http.Request) {
	state := a.board.get()
	var err error
	switch {
	case state.Draining:
		err = errors.New("draining")
	case !state.Ready: // also while Envoy says that it is: its listeners may be missing
		err = errors.New(state.Reason)
	default:
		err = a.admin().Live(r.Context())
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ready")
}

func (a *agent) quitHandler(w http.ResponseWriter, r *http.Request) {
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !peer.Addr().Unmap().IsLoopback() {
		http.Error(w, "only from this machine", http.StatusForbidden)
		return
	}
	fmt.Fprintln(w, "draining")
	a.quit()
}

func (a *agent) ownMetrics(w io.Writer) {
	state := a.board.get()
	fmt.Fprintf(w, "# TYPE istio_agent_envoy_restarts_total counter\nistio_agent_envoy_restarts_total %d\n", state.Restarts)
	if c := state.Certificate; c != nil {
		fmt.Fprintf(w, "# TYPE istio_agent_cert_expiry_seconds gauge\nistio_agent_cert_expiry_seconds{resource_name=\"default\"} %.0f\n",
			time.Until(c.NotAfter).Seconds())
	}
}

// serveStatus serves until ctx ends.
func (a *agent) serveStatus(ctx context.Context, listener net.Listener) error {
	handler, err := a.status()
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
	stopped := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stopped()
	if err := server.Serve(listener); err != nil && ctx.Err() == nil {
		return fmt.Errorf("status server: %w", err)
	}
	return nil
}
