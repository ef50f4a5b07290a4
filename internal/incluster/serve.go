package incluster

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/version"
)

const (
	// stopTimeout bounds how long requests may take to end.
	stopTimeout = 5 * time.Second
	// requestTimeout bounds a request from its first byte to the last one of the answer: API servers wait 30 s for a webhook at most.
	requestTimeout = 30 * time.Second
)

// monitoring serves what Kubernetes' probes and Prometheus ask.
func (p *process) monitoring() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok\n") })
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, version.String()+"\n") })
	mux.HandleFunc("GET /ready", func(w http.ResponseWriter, _ *http.Request) {
		if reason := p.notReady(); reason != "" {
			http.Error(w, reason, http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, "ready\n")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}

// notReady says what is missing, "" when nothing is.
func (p *process) notReady() string {
	switch {
	case p.ready.Load():
		return ""
	case p.control.Load() == nil:
		return "waiting for the certificate authority, or stopping: see the log"
	default:
		return "waiting for the configuration of the cluster, or stopping: see the log"
	}
}

// serveWebhooks serves the API server.
func (p *process) serveWebhooks(ctx context.Context) error {
	id := ca.Identity{TrustDomain: p.o.TrustDomain, Namespace: p.o.SystemNamespace, ServiceAccount: p.o.service()}
	serving := p.keeper.Authority().Serving(id, append(p.o.serverNames(), "localhost", "127.0.0.1")...)
	return serveHTTP(ctx, p.o.Webhook, p.webhooks(), &tls.Config{
		MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return serving.Certificate() },
	})
}

// serveHTTP serves until ctx is done.
func serveHTTP(ctx context.Context, l net.Listener, handler http.Handler, secure *tls.Config) error {
	server := &http.Server{
		Handler: handler, TLSConfig: secure, ReadHeaderTimeout: stopTimeout, ReadTimeout: requestTimeout, WriteTimeout: requestTimeout, IdleTimeout: 2 * time.Minute,
		ErrorLog: log.New(io.Discard, "", 0), // probes that hang up are no news
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		<-ctx.Done()
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
		defer cancel()
		if err := server.Shutdown(ending); err != nil {
			_ = server.Close()
		}
	}()
	var err error
	if secure == nil {
		err = server.Serve(l)
	} else {
		err = server.ServeTLS(l, "", "")
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving on %s: %w", l.Addr(), err)
	}
	<-stopped
	return nil
}
