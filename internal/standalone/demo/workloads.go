package demo

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/agent"
	"github.com/meshctl/meshctl/internal/bookinfo"
	"github.com/meshctl/meshctl/internal/standalone"
)

const (
	gatewayNamespace = "istio-system"
	gatewayName      = "istio-ingressgateway"
	namespace        = "default"
)

// workload is one of the demo's; without a service it is the gateway.
type workload struct{ service, version string }

func workloads() []workload {
	return []workload{
		{},
		{bookinfo.Productpage, "v1"}, {bookinfo.Details, "v1"},
		{bookinfo.Reviews, "v1"}, {bookinfo.Reviews, "v2"}, {bookinfo.Reviews, "v3"},
		{bookinfo.Ratings, "v1"},
	}
}

func (w workload) gateway() bool { return w.service == "" }

func (w workload) name() string {
	if w.gateway() {
		return gatewayName
	}
	return w.service + "-" + w.version
}

// drain is short: all go together, and the load has stopped before.
const drain = time.Second

// run runs one workload until ctx ends.
func (d *demo) run(ctx context.Context, w workload) error {
	started := sync.OnceFunc(d.starting.Done)
	defer started()
	o := standalone.WorkloadOptions{
		Name: w.name(), Agent: d.o.Programs.Agent, Envoy: d.envoy, Drain: drain,
		CertificateTTL: d.o.CertificateTTL,
		ReadyTimeout:   d.o.ReadyTimeout, Log: d.o.Log,
		Ready: func(agent.State) {
			d.o.Say("%s ready after %s", w.name(), d.age())
			started()
		},
	}
	if w.gateway() {
		o.Namespace, o.ServiceAccount, o.Gateway = gatewayNamespace, gatewayName+"-service-account", true
		o.Labels = map[string]string{"app": gatewayName, "istio": "ingressgateway"}
		stop := d.ingress.follow(d.join.Layout.Workload(o.Namespace, o.Name), d.mesh.SetIngressURLs, d.o.Say)
		defer stop()
	} else {
		listener, file, err := listen()
		if err != nil {
			return fmt.Errorf("%s: %w", w.name(), err)
		}
		// It stays open: requests wait in it while the program is started again.
		defer listener.Close()
		defer file.Close()
		log, err := openLog(d.join.Layout.Log(w.name()))
		if err != nil {
			return err
		}
		defer log.Close()
		o.Namespace, o.ServiceAccount = namespace, "bookinfo-"+w.service
		o.Labels = map[string]string{"app": w.service, "version": w.version}
		o.Ports = []standalone.Port{{Target: bookinfo.Port, Local: uint32(listener.Addr().(*net.TCPAddr).Port)}}
		o.Program = &standalone.Program{
			Args: []string{d.o.Self, "internal", "bookinfo", w.service, "--version", w.version}, Env: d.o.Env,
			Stdout: log, Stderr: log, Files: []*os.File{file}, Restart: true, Tied: true,
		}
	}
	_, err := standalone.RunWorkload(ctx, d.join, o)
	if ctx.Err() != nil {
		return nil // whatever it was, it is not why the demo ends
	}
	if err == nil {
		err = fmt.Errorf("%s ended", w.name())
	}
	return err
}

// listen opens a port before its program starts, so that nobody else can take it in between.
func listen() (net.Listener, *os.File, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	file, err := listener.(*net.TCPListener).File()
	if err != nil {
		_ = listener.Close()
		return nil, nil, err
	}
	return listener, file, nil
}

func openLog(path string) (*os.File, error) {
	_ = os.Rename(path, path+".1")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("log of a program: %w", err)
	}
	return file, nil
}
