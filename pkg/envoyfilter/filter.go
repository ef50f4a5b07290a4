// Package envoyfilter applies EnvoyFilters to what was translated, to the semantics that Istio's API reference documents
// (https://istio.io/latest/docs/reference/config/networking/envoy-filter/).
//
// Compile reads an object's patches once. A Program is what holds for one proxy, in the order of application; it takes listeners, route
// configurations and clusters and returns them patched. Patches are applied one at a time, and each result is held to Envoy's rules: a
// patch whose result Envoy would refuse is left out there and reported, and the others go on.
package envoyfilter

import (
	"fmt"
	"regexp"
	"time"

	"google.golang.org/protobuf/proto"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Short names of the generated types.
type (
	applyTo   = networking.EnvoyFilter_ApplyTo
	operation = networking.EnvoyFilter_Patch_Operation
	// Context is the direction of traffic and the kind of proxy that a resource is for.
	Context = networking.EnvoyFilter_PatchContext
)

// Contexts that resources have; patches may have ANY besides.
const (
	Inbound  = networking.EnvoyFilter_SIDECAR_INBOUND
	Outbound = networking.EnvoyFilter_SIDECAR_OUTBOUND
	Gateway  = networking.EnvoyFilter_GATEWAY
)

// Filter is an EnvoyFilter whose patches have been read.
type Filter struct {
	Key      config.Key
	Priority int32
	Created  time.Time
	Digest   config.Digest
	// Patches that can be used, in the order of the object.
	Patches []*Patch
}

// Patch is one entry of configPatches.
type Patch struct {
	Key       config.Key
	Index     int
	applyTo   applyTo
	operation operation
	class     networking.EnvoyFilter_Patch_FilterClass
	match     *networking.EnvoyFilter_EnvoyConfigObjectMatch
	version   *regexp.Regexp
	value     proto.Message // nil for REMOVE
}

// field returns the path of a part of the patch within its object.
func (p *Patch) field(part string) string {
	path := fmt.Sprintf("spec.configPatches[%d]", p.Index)
	if part != "" {
		path += "." + part
	}
	return path
}

func (p *Patch) problem(severity config.Severity, part, message, fix string) config.Problem {
	return p.problemAt(severity, p.field(part), message, fix)
}

// problemAt takes the place as a full path.
func (p *Patch) problemAt(severity config.Severity, path, message, fix string) config.Problem {
	code := codes.UntranslatedError
	if severity == config.Warning {
		code = codes.UnresolvedWarning
	}
	return config.Problem{Object: p.Key, Field: path, Severity: severity, Code: code, Message: message, Fix: fix}
}

func (p *Patch) context() Context { return p.match.GetContext() }

// in reports whether the patch is for resources of a context.
func (p *Patch) in(c Context) bool {
	return p.context() == networking.EnvoyFilter_ANY || p.context() == c
}

func (p *Patch) merges() bool {
	return p.operation == networking.EnvoyFilter_Patch_MERGE || p.replacesLists()
}

func (p *Patch) replacesLists() bool {
	return p.operation == networking.EnvoyFilter_Patch_MERGE_AND_REPLACE_LIST
}

// copy returns the patch's value for use in a resource.
func copyOf[M proto.Message](p *Patch) M { return proto.Clone(p.value).(M) }
