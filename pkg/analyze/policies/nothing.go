package policies

import (
	"regexp"
	"strings"
	"sync"

	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func allowNothing() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "authorizationpolicy-nothing",
		Doc:   "ALLOW policies without rules that do not look as if they were meant to allow nothing",
		Codes: []codes.Code{codes.AllowNothing},
		Kinds: []config.Kind{config.AuthzPolicy, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			root := p.Config().Mesh.GetRootNamespace()
			for _, pol := range authorization.Of(p) {
				spec, _ := pol.object.Spec.(*security.AuthorizationPolicy)
				if pol.Action != rules.Allow || len(spec.GetRules()) > 0 || spec.GetProvider() != nil || meant(pol.object.Key.Name) {
					continue
				}
				f := analyze.Finding{Code: codes.AllowNothing, Object: pol.object, Field: "spec"}
				switch {
				case len(mesh.SelectorOf(pol.object)) > 0:
					f.Message = "the policy selects " + text(mesh.SelectorOf(pol.object)) + " and has no rules: nobody is allowed to call these workloads"
				case targeted(pol.object):
					f.Message = "the policy names its target and has no rules: nobody is allowed to call it"
				case pol.object.Key.Namespace == root:
					f.Message = "a policy without rules in the root namespace: nobody is allowed to call anything in the whole mesh"
				case promising(pol.object.Key.Name):
					f.Message = "the name promises to allow something, but there are no rules: nobody is allowed to call any workload in the namespace"
				default: // an empty spec for a namespace is how Istio's documentation writes it
					continue
				}
				p.Report(f)
			}
		},
	}
}

var (
	// meantWords say in a policy's name that it is to allow nothing.
	meantWords = sync.OnceValue(func() *regexp.Regexp {
		return regexp.MustCompile(`(?i)(deny|denied|nothing|none|nobody|no-one|block|lock|close|forbid|reject|isolat|quarantine)`)
	})
	// promisingWords say that it is to allow something.
	promisingWords = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(?i)(allow|permit|viewer|access|grant|admit)`) })
)

func meant(name string) bool { return meantWords().MatchString(strings.ReplaceAll(name, "_", "-")) }

func promising(name string) bool { return promisingWords().MatchString(name) }
