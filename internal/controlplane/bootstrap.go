package controlplane

import (
	"encoding/json"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
)

// bootstrapPatches returns what EnvoyFilters change in the bootstrap of a workload's proxy. They are tried on one like it: its agent adds
// ports and names, which makes no difference to them.
func (c *ControlPlane) bootstrapPatches(p registry.Proxy) (string, []config.Problem) {
	proxy := meshProxy(p)
	proxy.Metadata = map[string]string{"ISTIO_VERSION": bootstrap.IstioVersion, "NAME": p.Name, "NAMESPACE": p.Namespace, "SERVICE_ACCOUNT": p.ServiceAccount}
	program := c.catalog.Program(proxy)
	node := bootstrap.Node{Type: bootstrap.TypeSidecar, Address: "127.0.0.1", Name: p.Name, Namespace: p.Namespace, Labels: p.Labels, Mode: bootstrap.ModeNone}
	if p.Type == agentapi.ProxyType_ROUTER {
		node.Type = bootstrap.TypeRouter
	}
	doc, err := bootstrap.Render(bootstrap.Input{Node: node, XDS: bootstrap.Server{Host: "127.0.0.1", Port: 15012, Name: "istiod"}, SDSPath: "/sds"})
	if err != nil {
		c.log.Error("bootstrap to try patches on", "error", err)
		return "", nil
	}
	accepted, problems := program.Bootstrap(doc, func(doc []byte, p envoyfilter.BootstrapPatch) ([]byte, error) {
		one, err := patchOf(p)
		if err != nil {
			return nil, err
		}
		return bootstrap.Merge(doc, []bootstrap.Patch{one})
	})
	var list []bootstrap.Patch
	for _, p := range accepted {
		one, err := patchOf(p)
		if err != nil { // it was read a moment ago
			continue
		}
		list = append(list, one)
	}
	if len(list) == 0 {
		return "", problems
	}
	encoded, err := json.Marshal(list)
	if err != nil {
		c.log.Error("patches of a bootstrap", "error", err)
		return "", problems
	}
	return string(encoded), problems
}

func patchOf(p envoyfilter.BootstrapPatch) (bootstrap.Patch, error) {
	out := bootstrap.Patch{ReplaceLists: p.ReplaceLists}
	err := json.Unmarshal(p.Value, &out.Value)
	return out, err
}
