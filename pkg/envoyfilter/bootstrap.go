package envoyfilter

import (
	"errors"
	"fmt"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/pkg/config"
)

// BootstrapPatch is a part of an envoy.config.bootstrap.v3.Bootstrap to be merged into a proxy's.
type BootstrapPatch struct {
	// Value in proto3 JSON with the original field names.
	Value        []byte
	ReplaceLists bool
}

// Bootstrap returns the patches that can be merged into a bootstrap like doc (proto3 JSON), in their order. The proxies merge
// documents and know nothing of types: mergeJSON is how. A patch whose merged document is not what the merged messages are, or that Envoy
// would refuse, is left out and reported.
func (g *Program) Bootstrap(doc []byte, mergeJSON func(doc []byte, p BootstrapPatch) ([]byte, error)) ([]BootstrapPatch, []config.Problem) {
	if g == nil || len(g.bootstrap) == 0 {
		return nil, nil
	}
	var out []BootstrapPatch
	var problems []config.Problem
	for _, p := range g.bootstrap {
		value, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(p.value)
		patch := BootstrapPatch{Value: value, ReplaceLists: p.replacesLists()}
		var next []byte
		if err == nil {
			next, err = mergeJSON(doc, patch)
		}
		if err == nil {
			err = checkBootstrap(doc, next, p)
		}
		if err != nil {
			problems = append(problems, p.problem(config.Error, "patch.value", "left out of the bootstrap: "+err.Error(), ""))
			continue
		}
		out, doc = append(out, patch), next
	}
	return out, problems
}

// checkBootstrap compares the merged document with the merged message, and holds it to Envoy's rules.
func checkBootstrap(before, after []byte, p *Patch) error {
	want, got := &bootstrapv3.Bootstrap{}, &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal(before, want); err != nil {
		return fmt.Errorf("the bootstrap cannot be read: %s", cause(err))
	}
	if err := protojson.Unmarshal(after, got); err != nil {
		return fmt.Errorf("the bootstrap would be none: %s", cause(err))
	}
	merge(want, p.value, p.replacesLists())
	if !proto.Equal(want, got) {
		return errors.New("it sets something of which the bootstrap has another form")
	}
	return validate(got)
}
