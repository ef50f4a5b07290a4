package policies

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func rulesContradict() *analyze.Analyzer {
	return &analyze.Analyzer{
		Name:  "authorizationpolicy-contradictions",
		Doc:   "rules that allow nobody: they contradict themselves, or a DENY policy takes back all that they allow",
		Codes: []codes.Code{codes.AdmitsNobody},
		Kinds: []config.Kind{config.AuthzPolicy, config.ConfigMap},
		Run: func(p *analyze.Pass) {
			denials := denying{}
			for _, pol := range authorization.Of(p) {
				if pol.Action == rules.Deny {
					denials.add(pol)
				}
			}
			for _, pol := range authorization.Of(p) {
				if pol.Action != rules.Allow {
					continue
				}
				for i, r := range pol.Rules {
					contradicts(p, pol, i, r, denials)
				}
			}
		},
	}
}

func contradicts(p *analyze.Pass, pol *policy, i int, r rules.Rule, denials denying) {
	f := analyze.Finding{Code: codes.AdmitsNobody, Object: pol.object, Field: ruleField(i)}
	if a, b, found := r.Contradiction(); found {
		f.Message = "no request is " + said(a) + " and " + said(b) + " at once: the rule admits nobody"
		if a.Attribute == b.Attribute && len(b.Values) == 0 {
			f.Message = "the rule asks for " + said(a) + " and excludes the same: it admits nobody"
		}
		p.Report(f)
		return
	}
	deny, j := denials.taking(p, pol, r)
	if deny == nil {
		return
	}
	f.Message = fmt.Sprintf("everything that the rule allows is denied by rules[%d] of the DENY policy %s/%s: it admits nobody", j, deny.object.Key.Namespace, deny.object.Key.Name)
	f.Fix = "narrow the DENY policy, which always comes first, or remove the rule"
	f.Related = []analyze.Related{{Object: deny.object.Key, Position: deny.object.FieldPosition(ruleField(j)), Message: "what denies it"}}
	p.Report(f)
}

// said describes a constraint in the words of the API.
func said(c rules.Constraint) string {
	name := map[rules.Attribute]string{
		rules.SourceIP: "from ipBlocks", rules.RemoteIP: "from remoteIpBlocks", rules.Namespace: "from namespaces", rules.ServiceAccount: "from serviceAccounts",
		rules.TrustDomain: "from trustDomains", rules.Principal: "from principals", rules.RequestPrincipal: "by requestPrincipals", rules.Host: "to hosts",
		rules.Method: "of methods", rules.Path: "to paths", rules.DestinationPort: "to ports", rules.Header: "with the header " + strings.Join(c.Key, ""),
	}[c.Attribute]
	if name == "" {
		name = "with"
	}
	values := c.Values
	if len(values) == 0 {
		values = c.NotValues
	}
	return name + " " + few(values)
}

// denying are the DENY policies by namespace and one of the labels that they select, "" where they select none.
type denying map[[2]string][]*policy

func (d denying) add(pol *policy) {
	if targeted(pol.object) {
		return
	}
	key := ""
	for k, v := range mesh.SelectorOf(pol.object) {
		key = max(key, k+"="+v)
	}
	at := [2]string{pol.object.Key.Namespace, key}
	d[at] = append(d[at], pol)
}

// taking returns the DENY policy, and its rule, that holds for every workload that an ALLOW policy holds for and denies all that a rule
// of it allows.
func (d denying) taking(p *analyze.Pass, allow *policy, r rules.Rule) (*policy, int) {
	if targeted(allow.object) {
		return nil, 0
	}
	labels := mesh.SelectorOf(allow.object)
	try := func(namespace, key string) (*policy, int) {
		for _, deny := range d[[2]string{namespace, key}] {
			if !mesh.Selects(mesh.SelectorOf(deny.object), labels) {
				continue
			}
			for j, denied := range deny.Rules {
				if r.Implies(denied) {
					return deny, j
				}
			}
		}
		return nil, 0
	}
	namespaces := []string{allow.object.Key.Namespace}
	if root := p.Config().Mesh.GetRootNamespace(); root != namespaces[0] {
		namespaces = append(namespaces, root)
	}
	for _, namespace := range namespaces {
		if deny, j := try(namespace, ""); deny != nil {
			return deny, j
		}
		for _, k := range slices.Sorted(maps.Keys(labels)) {
			if deny, j := try(namespace, k+"="+labels[k]); deny != nil {
				return deny, j
			}
		}
	}
	return nil, 0
}
