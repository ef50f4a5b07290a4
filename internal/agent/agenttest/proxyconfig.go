package agenttest

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// Answer sets the ProxyConfig (JSON) that agents are given, and what is said to be wrong; before it, they are given none.
func (a *Agents) Answer(proxyConfig string, problems ...string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = &agentapi.ProxyConfigResponse{ProxyConfigJson: proxyConfig, Problems: problems}
}

// Asked returns every request for a ProxyConfig.
func (a *Agents) Asked() []*agentapi.ProxyConfigRequest {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]*agentapi.ProxyConfigRequest(nil), a.asked...)
}

// ProxyConfig implements agentapi.AgentServer.
func (a *Agents) ProxyConfig(_ context.Context, in *agentapi.ProxyConfigRequest) (*agentapi.ProxyConfigResponse, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.asked = append(a.asked, in)
	if a.answer == nil {
		return nil, status.Error(codes.Unimplemented, "no ProxyConfig here")
	}
	return a.answer, nil
}
