package agent

import (
	"context"
	"encoding/hex"
	"net/http"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/meshctl/meshctl/internal/agent/admin"
	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/agent/certs"
	"github.com/meshctl/meshctl/internal/agent/link"
	"github.com/meshctl/meshctl/internal/agent/tap"
	"github.com/meshctl/meshctl/internal/agent/traffic"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
	"github.com/meshctl/meshctl/internal/footprint"
)

// adminHTTP keeps no connection open: each would be one of Envoy's.
func adminHTTP() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

func (a *agent) admin() admin.Client {
	return admin.Client{Address: a.board.get().AdminAddress, HTTP: adminHTTP()}
}

// watchEnvoy keeps the admin address and the readiness on the board: closely until Envoy is ready, then now and then.
func (a *agent) watchEnvoy(ctx context.Context) {
	const starting, running = 50 * time.Millisecond, 5 * time.Second
	timer := time.NewTimer(0)
	defer timer.Stop()
	settled := false
	for {
		state, changed := a.board.watch()
		switch {
		case state.EnvoyPID == 0:
			timer.Stop()
		case state.Ready:
			timer.Reset(running)
		default:
			timer.Reset(starting)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-timer.C:
			if state.Ready && !settled {
				settled = true
				footprint.Settle()
			}
			a.lookAtEnvoy(ctx)
		}
	}
}

func (a *agent) lookAtEnvoy(ctx context.Context) {
	state := a.board.get()
	pid := state.EnvoyPID
	address := a.launcher.adminAddress()
	client := admin.Client{Address: address, HTTP: adminHTTP()}
	err := check(ctx, client, state.Ready)
	if err == nil && !state.Ready {
		err = a.listening(ctx, client, pid)
	}
	if ctx.Err() != nil {
		return
	}
	a.board.update(func(s *State) {
		// The Envoy that was asked may be gone by now.
		if s.EnvoyPID != pid {
			return
		}
		s.AdminAddress = address
		if s.Ready, s.Reason = err == nil, ""; err != nil {
			s.Reason = err.Error()
		}
	})
}

// check asks what is not known yet: once accepted, a configuration stays for the life of an Envoy.
func check(ctx context.Context, client admin.Client, wasReady bool) error {
	if wasReady {
		return client.Live(ctx)
	}
	return client.Ready(ctx)
}

// watchCertificate keeps the certificate on the board and the control plane informed of it.
func (a *agent) watchCertificate(ctx context.Context) {
	var reported *certs.Certificate
	for {
		state, changed := a.certs.Current()
		if c := state.Certificate; c != reported {
			reported = c
			a.link.SetCertificate(&agentapi.Certificate{
				SpiffeId: c.ID(), Issuer: c.Leaf().Issuer.String(), Serial: c.Leaf().SerialNumber.Text(16),
				NotBefore: c.Leaf().NotBefore.Unix(), NotAfter: c.Leaf().NotAfter.Unix(),
				Signer: hex.EncodeToString(c.Leaf().AuthorityKeyId), TrustedRoots: ca.Fingerprints(state.Issued),
			})
		}
		a.board.update(func(s *State) {
			if s.CertificateError = ""; state.Err != nil {
				s.CertificateError = state.Err.Error()
			}
			if c := state.Certificate; c != nil {
				s.Certificate = &Certificate{
					ID: c.ID(), Serial: c.Leaf().SerialNumber.Text(16), Issuer: c.Leaf().Issuer.String(), NotAfter: c.Leaf().NotAfter,
				}
			}
		})
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

// keepLink keeps the stream to the control plane, from the moment when there is something to register: an identity and an
// Envoy. When Envoy comes back at another admin address, the workload is registered anew.
func (a *agent) keepLink(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	registered := ""
	for {
		state, changed := a.board.watch()
		known := state.AdminAddress != "" && (a.o.Plaintext || state.Certificate != nil)
		switch {
		case known && registered == "":
			running.Go(func() { _ = a.link.Run(ctx) })
			registered = state.AdminAddress
		case known && registered != state.AdminAddress:
			a.link.Restart()
			registered = state.AdminAddress
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		}
	}
}

func (a *agent) connect() (*grpc.ClientConn, error) {
	return a.target.Connect(a.certs.ClientCertificate)
}

func (a *agent) linkOptions() link.Options {
	return link.Options{
		Connect:  a.connect,
		Register: a.register,
		Registered: func(r *agentapi.Registered) {
			a.board.update(func(s *State) { s.WorkloadEntry, s.RegistrationError = r.GetWorkloadEntry(), "" })
			a.probes.set(r.GetReadinessProbeJson())
		},
		Wanted: func(listens []*agentapi.Listen) map[string]uint32 {
			found, err := a.book.Allocate(listens)
			if err != nil {
				a.o.Log.Error("local ports of the proxy", "error", err)
			}
			a.board.update(func(s *State) { s.Bindings, s.Services = found, servicePorts(listens, found) })
			return found
		},
		Failed: func(reason string) {
			a.board.update(func(s *State) { s.RegistrationError = reason })
		},
		Rotate: a.certs.Rotate,
		Taps:   a.tap.Set, Tapped: a.tap.Reports(),
		Sample: a.traffic.Ask, Sampled: a.traffic.Answers(),
		Log: a.o.Log,
	}
}

// newTap is what shows requests of the running Envoy.
func (a *agent) newTap() *tap.Collector {
	return tap.New(tap.Options{
		Envoy: func() (int, admin.Client, <-chan struct{}) {
			state, changed := a.board.watch()
			return state.EnvoyPID, admin.Client{Address: state.AdminAddress, HTTP: adminHTTP()}, changed
		},
		Log: a.o.Log,
	})
}

// newSampler keeps its connection while somebody looks: to accept one costs Envoy as much as to answer.
func (a *agent) newSampler() *traffic.Sampler {
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: 1, IdleConnTimeout: 5 * time.Second}}
	return traffic.New(traffic.Options{Instance: a.instance, Envoy: func() (int, admin.Client) {
		state := a.board.get()
		return state.EnvoyPID, admin.Client{Address: state.AdminAddress, HTTP: client}
	}})
}

func (a *agent) register() *agentapi.Register {
	state := a.board.get()
	return &agentapi.Register{
		Type: a.o.proxyType(), Namespace: a.o.Namespace, Name: a.o.Name, ServiceAccount: a.o.ServiceAccount, Labels: a.o.Labels,
		Group: a.o.Group, Address: a.o.Address, Ports: a.o.Ports, Network: a.o.Network, Locality: a.o.Locality,
		Weight: a.o.Weight, AdminAddress: state.AdminAddress, StatusAddress: state.StatusAddress,
		AgentVersion: a.o.Version, NodeId: state.NodeID, Instance: a.instance,
		Redirected: a.o.Mode == bootstrap.ModeRedirect,
	}
}

// proxyType is Type as the control plane knows it.
func (o Options) proxyType() agentapi.ProxyType {
	if o.Type == bootstrap.TypeRouter {
		return agentapi.ProxyType_ROUTER
	}
	return agentapi.ProxyType_SIDECAR
}

// servicePorts lists the ports at which the program reaches services.
func servicePorts(listens []*agentapi.Listen, found map[string]uint32) []ServicePort {
	var out []ServicePort
	for _, l := range listens {
		if local := found[l.GetName()]; local != 0 && l.GetPurpose() == agentapi.Listen_SERVICE && l.GetHost() != "" {
			out = append(out, ServicePort{l.GetHost(), l.GetPort(), l.GetPortName(), l.GetProtocol(), local})
		}
	}
	return out
}
