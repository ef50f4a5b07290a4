package translate

import (
	"fmt"

	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	httprbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/rbac/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcprbacv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/rbac/v3"
	"google.golang.org/protobuf/proto"
	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/authz/rules"
	"github.com/meshctl/meshctl/pkg/config"
)

const (
	httpRBACFilter = "envoy.filters.http.rbac"
	tcpRBACFilter  = "envoy.filters.network.rbac"
	// tcpAuthzPrefix begins the statistics of TCP authorization, as in Istio: "tcp.rbac.denied".
	tcpAuthzPrefix = "tcp."
)

// httpAuthz are the filters of AuthorizationPolicies that the proxy decides itself: AUDIT, then DENY, then ALLOW (Istio, AuthorizationPolicy).
func (t traffic) httpAuthz() []*hcmv3.HttpFilter {
	var out []*hcmv3.HttpFilter
	for _, s := range t.authzSets(false) {
		out = append(out, httpFilter(httpRBACFilter, &httprbacv3.RBAC{
			Rules: s.enforced, ShadowRules: s.shadow, ShadowRulesStatPrefix: s.shadowPrefix(),
		}))
	}
	return out
}

// tcpAuthz is httpAuthz for connections that are no HTTP. Envoy decides at the first byte that the client sends.
func (t traffic) tcpAuthz() []*listenerv3.Filter {
	var out []*listenerv3.Filter
	for _, s := range t.authzSets(true) {
		out = append(out, networkFilter(tcpRBACFilter, &tcprbacv3.RBAC{
			StatPrefix: tcpAuthzPrefix, Rules: s.enforced, ShadowRules: s.shadow, ShadowRulesStatPrefix: s.shadowPrefix(),
		}))
	}
	return out
}

// authzSet is the rules of all policies with one action.
type authzSet struct {
	action rules.Action
	// enforced are nil when there is no policy; shadow are the dry runs, which only count.
	enforced, shadow *rbacv3.RBAC
}

// shadowPrefix begins the counters and the metadata of a dry run, as Istio's documentation names them.
func (s authzSet) shadowPrefix() string {
	switch {
	case s.shadow == nil:
		return ""
	case s.action == rules.Allow:
		return "istio_dry_run_allow_"
	default:
		return "istio_dry_run_deny_"
	}
}

// authzSets returns the rules that the proxy decides itself in the order in which it asks them.
func (t traffic) authzSets(tcp bool) []authzSet {
	var out []authzSet
	for _, action := range [...]rules.Action{rules.Audit, rules.Deny, rules.Allow} {
		s := authzSet{action: action}
		for _, o := range t.policies.Authz {
			p, ok := authzPolicy(o, action)
			if !ok || action == rules.Audit && p.DryRun {
				continue
			}
			into := &s.enforced
			if p.DryRun {
				into = &s.shadow
			}
			if *into == nil {
				*into = newRBAC(action)
			}
			t.addRules(*into, authzName(o.Key), p, tcp)
		}
		if s.enforced != nil || s.shadow != nil {
			out = append(out, s)
		}
	}
	return out
}

// authzPolicy reads an AuthorizationPolicy if it has the action. What is wrong with it the mesh reports.
func authzPolicy(o *config.Object, action rules.Action) (rules.Policy, bool) {
	spec, ok := o.Spec.(*security.AuthorizationPolicy)
	if !ok || spec.GetAction() != action {
		return rules.Policy{}, false
	}
	p, _ := rules.Parse(spec, o.Key.Namespace, o.Meta.Annotations)
	return p, true
}

// authzName begins the names of a policy's rules in Envoy, as in Istio: access logs and metadata show them.
func authzName(k config.Key) string { return fmt.Sprintf("ns[%s]-policy[%s]", k.Namespace, k.Name) }

func newRBAC(a rules.Action) *rbacv3.RBAC {
	out := &rbacv3.RBAC{Policies: map[string]*rbacv3.Policy{}}
	switch a {
	case rules.Allow:
		out.Action = rbacv3.RBAC_ALLOW
	case rules.Audit:
		out.Action = rbacv3.RBAC_LOG
	default:
		out.Action = rbacv3.RBAC_DENY
	}
	return out
}

// addRules adds what the rules of a policy match under its name.
func (t traffic) addRules(into *rbacv3.RBAC, name string, p rules.Policy, tcp bool) {
	m := ruleMatcher{traffic: t, widens: rules.Widens(p.Action), tcp: tcp}
	for i, r := range p.Rules {
		if policy := m.policy(r); policy != nil {
			into.Policies[fmt.Sprintf("%s-rule[%d]", name, i)] = policy
		}
	}
}

func httpFilter(name string, m proto.Message) *hcmv3.HttpFilter {
	return &hcmv3.HttpFilter{Name: name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: pack(m)}}
}

func networkFilter(name string, m proto.Message) *listenerv3.Filter {
	return &listenerv3.Filter{Name: name, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: pack(m)}}
}
