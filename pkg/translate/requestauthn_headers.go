package translate

import (
	mutationrulesv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyheadersv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	security "istio.io/api/security/v1beta1"

	"github.com/meshctl/meshctl/pkg/authz/rules"
)

const earlyHeaderMutation = "envoy.http.early_header_mutation.header_mutation"

// withoutForgedClaims takes from every request the headers that only a verified token fills. Envoy's filter does that itself, but when a
// gateway has chosen a route by them and an external authorizer has seen them.
func (t traffic) withoutForgedClaims(out *hcmv3.HttpConnectionManager) {
	if t.class == outbound {
		return
	}
	var list []*security.JWTRule
	for _, r := range t.policies.JWT {
		list = append(list, r.Rule)
	}
	names := rules.FilledByTokens(list)
	if len(names) == 0 {
		return
	}
	mutation := &earlyheadersv3.HeaderMutation{}
	for _, name := range names {
		mutation.Mutations = append(mutation.Mutations, &mutationrulesv3.HeaderMutation{Action: &mutationrulesv3.HeaderMutation_Remove{Remove: name}})
	}
	out.EarlyHeaderMutationExtensions = append(out.EarlyHeaderMutationExtensions, extension(earlyHeaderMutation, mutation))
}
