package translate

import (
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	rbacv3 "github.com/envoyproxy/go-control-plane/envoy/config/rbac/v3"
	templatev3 "github.com/envoyproxy/go-control-plane/envoy/extensions/path/match/uri_template/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"

	"github.com/meshctl/meshctl/pkg/authz/rules"
)

const templateMatcher = "envoy.path.match.uri_template.uri_template_matcher"

// permissionKit makes what rules say of what is asked for.
func permissionKit() kit[*rbacv3.Permission] {
	return kit[*rbacv3.Permission]{
		anything: &rbacv3.Permission{Rule: &rbacv3.Permission_Any{Any: true}},
		not: func(p *rbacv3.Permission) *rbacv3.Permission {
			return &rbacv3.Permission{Rule: &rbacv3.Permission_NotRule{NotRule: p}}
		},
		all: func(list []*rbacv3.Permission) *rbacv3.Permission {
			return &rbacv3.Permission{Rule: &rbacv3.Permission_AndRules{AndRules: &rbacv3.Permission_Set{Rules: list}}}
		},
		either: func(list []*rbacv3.Permission) *rbacv3.Permission {
			return &rbacv3.Permission{Rule: &rbacv3.Permission_OrRules{OrRules: &rbacv3.Permission_Set{Rules: list}}}
		},
		match: permission,
	}
}

// permission matches one value.
func permission(c rules.Constraint, v string) *rbacv3.Permission {
	switch c.Attribute {
	case rules.Host:
		return &rbacv3.Permission{Rule: &rbacv3.Permission_Header{Header: headerPattern(":authority", v, true)}}
	case rules.Method:
		return &rbacv3.Permission{Rule: &rbacv3.Permission_Header{Header: headerPattern(":method", v, false)}}
	case rules.Path:
		return pathPermission(v)
	case rules.DestinationIP:
		return &rbacv3.Permission{Rule: &rbacv3.Permission_DestinationIp{DestinationIp: addressRange(v)}}
	case rules.DestinationPort:
		port, _ := rules.Port(v)
		return &rbacv3.Permission{Rule: &rbacv3.Permission_DestinationPort{DestinationPort: port}}
	case rules.ServerName:
		return &rbacv3.Permission{Rule: &rbacv3.Permission_RequestedServerName{RequestedServerName: pattern(v)}}
	case rules.FilterMetadata:
		return &rbacv3.Permission{Rule: &rbacv3.Permission_SourcedMetadata{SourcedMetadata: &rbacv3.SourcedMetadata{
			MetadataMatcher: metadata(c.Key[0], c.Key[1:], filterValue(v)),
		}}}
	}
	return nothing()
}

// nothing matches no request: it stands where a constraint has no meaning, which rules.Parse excludes.
func nothing() *rbacv3.Permission {
	return &rbacv3.Permission{Rule: &rbacv3.Permission_NotRule{NotRule: &rbacv3.Permission{Rule: &rbacv3.Permission_Any{Any: true}}}}
}

// pathPermission matches a path without its query.
func pathPermission(v string) *rbacv3.Permission {
	switch {
	case rules.IsTemplate(v):
		template := strings.NewReplacer(rules.OneSegment, "*", rules.AnySegments, "**").Replace(v)
		return &rbacv3.Permission{Rule: &rbacv3.Permission_UriTemplate{UriTemplate: &corev3.TypedExtensionConfig{
			Name: templateMatcher, TypedConfig: pack(&templatev3.UriTemplateMatchConfig{PathTemplate: template}),
		}}}
	case v == "*":
		return &rbacv3.Permission{Rule: &rbacv3.Permission_Header{Header: headerPattern(":path", v, false)}}
	}
	return &rbacv3.Permission{Rule: &rbacv3.Permission_UrlPath{UrlPath: &matcherv3.PathMatcher{Rule: &matcherv3.PathMatcher_Path{Path: pattern(v)}}}}
}

// filterValue matches what a filter noted: text, or with "[v]" an element of a list.
func filterValue(v string) *matcherv3.ValueMatcher {
	if strings.HasPrefix(v, "[") && strings.HasSuffix(v, "]") && len(v) > len("[]") {
		return listOf(textValue(pattern(v[1 : len(v)-1])))
	}
	return textValue(pattern(v))
}
