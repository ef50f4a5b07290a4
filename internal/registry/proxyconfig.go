package registry

import (
	"context"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/ca"
)

const (
	maxAnnotations    = 256
	maxAnnotationSize = 256 << 10 // bytes of all together, as in Kubernetes
)

// ProxyConfig answers what a workload's Envoy is to be started with; see agent.proto. The workload need not be
// registered: it asks before its Envoy runs.
func (r *Registry) ProxyConfig(ctx context.Context, in *agentapi.ProxyConfigRequest) (*agentapi.ProxyConfigResponse, error) {
	id, err := ca.PeerIdentity(ctx)
	if err != nil {
		return nil, status.Errorf(codes.Unauthenticated, "agent refused: %v", err)
	}
	if err := validateProxyConfig(in); err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "request for a ProxyConfig refused: %v", err)
	}
	select {
	case <-r.o.Ready:
	case <-ctx.Done():
		return nil, status.Error(codes.Unavailable, "the control plane has read no configuration yet: ask again")
	}
	register := &agentapi.Register{
		Namespace: in.GetNamespace(), Name: in.GetName(), ServiceAccount: in.GetServiceAccount(), Labels: in.GetLabels(), Group: in.GetGroup(),
		Type: in.GetType(),
	}
	group, err := r.groupOf(register)
	if err != nil {
		return nil, err
	}
	p := describe(register, group)
	if err := r.authorize(p, id); err != nil {
		return nil, err
	}
	p.Annotations = overlay(p.Annotations, in.GetAnnotations())
	proxy, problems := r.o.ProxyConfig(p)
	out := &agentapi.ProxyConfigResponse{}
	for _, problem := range problems {
		out.Problems = append(out.Problems, problem.Error())
		r.o.Log.Warn("annotation of a workload", "severity", problem.Severity.String(), "problem", problem.Error())
	}
	patches, refused := r.o.Bootstrap(p)
	out.BootstrapPatchesJson = patches
	for _, problem := range refused {
		r.o.Log.Warn("patch of a workload's bootstrap", "severity", problem.Severity.String(), "problem", problem.Error())
	}
	if proxy != nil {
		data, err := protojson.Marshal(proxy)
		if err != nil {
			return nil, status.Errorf(codes.Internal, "ProxyConfig of workload %s/%s: %v", p.Namespace, p.Name, err)
		}
		out.ProxyConfigJson = string(data)
	}
	return out, nil
}

// authorize holds what a workload claims to its certificate.
func (r *Registry) authorize(p Proxy, id ca.Identity) error {
	claimed := ca.Identity{TrustDomain: r.o.TrustDomain, Namespace: p.Namespace, ServiceAccount: p.ServiceAccount}
	if claimed == id {
		return nil
	}
	return status.Errorf(codes.PermissionDenied, "workload %s/%s refused: its certificate is for %s, but it claims namespace %q and service account %q (%s); use a join token for that service account",
		p.Namespace, p.Name, id, p.Namespace, p.ServiceAccount, claimed)
}

func validateProxyConfig(in *agentapi.ProxyConfigRequest) error {
	if err := checkName("namespace", in.GetNamespace(), 63, ""); err != nil {
		return err
	}
	if err := checkName("name", in.GetName(), 253, "."); err != nil {
		return err
	}
	if len(in.GetServiceAccount()) > maxText || len(in.GetGroup()) > maxText {
		return fmt.Errorf("service account or group has more than %d bytes", maxText)
	}
	if len(in.GetAnnotations()) > maxAnnotations {
		return fmt.Errorf("%d annotations, more than %d", len(in.GetAnnotations()), maxAnnotations)
	}
	size := 0
	for key, value := range in.GetAnnotations() {
		size += len(key) + len(value)
	}
	if size > maxAnnotationSize {
		return fmt.Errorf("annotations of %d bytes, more than %d", size, maxAnnotationSize)
	}
	return checkLabels(in.GetLabels())
}
