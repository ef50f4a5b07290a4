// Package workloads has the analyzers of what runs in the mesh and how it gets there: namespaces and injection, annotations,
// the ports of Services and pods, webhooks.
package workloads

import (
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
)

// Analyzers returns the analyzers of this package.
func Analyzers() []*analyze.Analyzer {
	return []*analyze.Analyzer{
		namespaceInjection(), podProxy(), podUser(), podImage(), podPorts(), annotations(), servicePorts(), deploymentServices(),
		proxyImages(), webhookRules(), webhookAddresses(), meshNetworks(), configMaps(),
	}
}

// controlPlane reports whether an object is part of a control plane's installation, which is not judged like an
// application.
func controlPlane(o *config.Object) bool {
	_, marked := o.Meta.Labels["istio"]
	return marked || o.Meta.Labels["release"] == "istio"
}
