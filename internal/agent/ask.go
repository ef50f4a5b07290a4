package agent

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/meshstate"
)

const (
	// proxyConfigFile in Options.StateDir keeps the control plane's last answer.
	proxyConfigFile = "proxy-config.json"
	// askWithin bounds how long Envoy's start waits for the answer.
	askWithin = 2 * time.Second
)

// askProxyConfig returns the ProxyConfig with which the control plane wants Envoy to be started (JSON). When the control
// plane is away, it is the last one that it gave, empty when there was none.
func (a *agent) askProxyConfig(ctx context.Context) string {
	path := filepath.Join(a.o.StateDir, proxyConfigFile)
	last, err := os.ReadFile(path)
	if err != nil || !json.Valid(last) {
		last = nil
	}
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	answer, err := a.proxyConfig(ctx, last == nil)
	switch {
	case err == nil:
	case errors.Is(ctx.Err(), context.Canceled):
		return string(last)
	default:
		what := "the control plane's last one"
		if last == nil {
			what = "defaults"
		}
		level := a.o.Log.Warn
		if status.Code(err) == codes.Unimplemented {
			level = a.o.Log.Debug // a control plane of an earlier version
		}
		level("no ProxyConfig from the control plane, Envoy starts with another", "using", what, "error", err)
		return string(last)
	}
	for _, problem := range answer.GetProblems() {
		a.o.Log.Warn("annotation of this workload", "problem", problem)
	}
	given := answer.GetProxyConfigJson()
	if err := meshstate.WriteFile(path, []byte(given)); err != nil {
		a.o.Log.Warn("ProxyConfig not saved, a start without the control plane will not have it", "error", err)
	}
	return given
}

// proxyConfig asks once this workload has a certificate; patient waits for a control plane that is not there yet.
func (a *agent) proxyConfig(ctx context.Context, patient bool) (*agentapi.ProxyConfigResponse, error) {
	if err := a.certified(ctx); err != nil {
		return nil, err
	}
	conn, err := a.connect()
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return agentapi.NewAgentClient(conn).ProxyConfig(ctx, &agentapi.ProxyConfigRequest{
		Namespace: a.o.Namespace, Name: a.o.Name, ServiceAccount: a.o.ServiceAccount, Labels: a.o.Labels,
		Annotations: a.o.Annotations, Group: a.o.Group,
	}, grpc.WaitForReady(patient))
}

// certified waits for the certificate with which the control plane knows us.
func (a *agent) certified(ctx context.Context) error {
	for !a.o.Plaintext {
		state, changed := a.certs.Current()
		if state.Certificate != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			if state.Err != nil {
				return state.Err
			}
			return errors.New("no certificate yet")
		case <-changed:
		}
	}
	return nil
}
