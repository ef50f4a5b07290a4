package envoyfilters

import (
	"fmt"

	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

func operations() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "envoyfilter-operations",
		Doc:   "operations that are ignored, or hang on the order of EnvoyFilters",
		Codes: []codes.Code{codes.RelativeWithoutPriority, codes.WrongReplace, codes.WrongAdd, codes.WrongRemove, codes.RelativeWithVersion},
		Kinds: []config.Kind{config.EnvoyFilter},
		Run: func(p *analyze.Pass) {
			for _, o := range p.All(config.EnvoyFilter) {
				spec, ok := o.Spec.(*networking.EnvoyFilter)
				if !ok {
					continue
				}
				for i, patch := range spec.GetConfigPatches() {
					if f := judgeOperation(patch, spec.GetPriority()); f != nil {
						f.Object, f.Field = o, fmt.Sprintf("spec.configPatches[%d].patch.operation", i)
						p.Report(*f)
					}
				}
			}
		},
	}
}

// judgeOperation returns what is wrong with an operation, nil when nothing is.
func judgeOperation(patch *networking.EnvoyFilter_EnvoyConfigObjectPatch, priority int32) *analyze.Finding {
	operation, to := patch.GetPatch().GetOperation(), patch.GetApplyTo()
	routes := to == networking.EnvoyFilter_ROUTE_CONFIGURATION || to == networking.EnvoyFilter_HTTP_ROUTE
	switch operation {
	case networking.EnvoyFilter_Patch_ADD:
		if routes {
			return &analyze.Finding{Code: codes.WrongAdd, Message: fmt.Sprintf("ADD is documented to be ignored for a %s", to)}
		}
		return nil
	case networking.EnvoyFilter_Patch_REMOVE:
		if routes {
			return &analyze.Finding{Code: codes.WrongRemove, Message: fmt.Sprintf("REMOVE is documented to be ignored for a %s", to)}
		}
	case networking.EnvoyFilter_Patch_REPLACE:
		switch to {
		case networking.EnvoyFilter_HTTP_FILTER, networking.EnvoyFilter_NETWORK_FILTER, networking.EnvoyFilter_VIRTUAL_HOST:
		default:
			return &analyze.Finding{Code: codes.WrongReplace, Message: fmt.Sprintf("REPLACE is defined for filters of listeners and for virtual hosts, not for a %s", to)}
		}
	case networking.EnvoyFilter_Patch_INSERT_BEFORE, networking.EnvoyFilter_Patch_INSERT_AFTER:
	default:
		return nil
	}
	if priority != 0 {
		return nil
	}
	if version := patch.GetMatch().GetProxy().GetProxyVersion(); version != "" {
		return &analyze.Finding{
			Code:    codes.RelativeWithVersion,
			Message: fmt.Sprintf("%s is relative to what other EnvoyFilters leave, holds for proxies of version %s only, and there is no priority: after an upgrade the order may be another", operation, version),
		}
	}
	return &analyze.Finding{
		Code:    codes.RelativeWithoutPriority,
		Message: fmt.Sprintf("%s is relative to what other EnvoyFilters leave, and without a priority the order among them is that of their creation", operation),
	}
}
