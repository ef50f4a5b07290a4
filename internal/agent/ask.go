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
	// bootstrapPatchesFile there keeps what it said about Envoy's bootstrap.
	bootstrapPatchesFile = "bootstrap-patches.json"
	// askWithin bounds how long Envoy's start waits for the answer.
	askWithin = 2 * time.Second
)

// askProxyConfig returns the ProxyConfig with which the control plane wants Envoy to be started (JSON), and the patches of its bootstrap
// (likewise). When the control plane is away, they are the last ones that it gave, empty when there were none.
func (a *agent) askProxyConfig(ctx context.Context) (proxyConfig, patches string) {
	path := filepath.Join(a.o.StateDir, proxyConfigFile)
	last, err := os.ReadFile(path)
	if err != nil || !json.Valid(last) {
		last = nil
	}
	patchPath := filepath.Join(a.o.StateDir, bootstrapPatchesFile)
	lastPatches, _ := os.ReadFile(patchPath)
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	answer, err := a.proxyConfig(ctx, last == nil)
	switch {
	case err == nil:
	case errors.Is(ctx.Err(), context.Canceled):
		return string(last), string(lastPatches)
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
		return string(last), string(lastPatches)
	}
	for _, problem := range answer.GetProblems() {
		a.o.Log.Warn("annotation of this workload", "problem", problem)
	}
	given := answer.GetProxyConfigJson()
	if err := meshstate.WriteFile(path, []byte(given)); err != nil {
		a.o.Log.Warn("ProxyConfig not saved, a start without the control plane will not have it", "error", err)
	}
	patches = answer.GetBootstrapPatchesJson()
	if err := meshstate.WriteFile(patchPath, []byte(patches)); err != nil {
		a.o.Log.Warn("patches of Envoy's bootstrap not saved, a start without the control plane will not have them", "error", err)
	}
	return given, patches
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
		Annotations: a.o.Annotations, Group: a.o.Group, Type: a.o.proxyType(),
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
