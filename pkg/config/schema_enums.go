package config

import (
	"reflect"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	gatewayv1 "sigs.k8s.io/gateway-api/apis/v1"
)

// words lists the values of an enumerated string type.
func words[T ~string](values ...T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// structEnums returns the closed enumerations of the Kubernetes and Gateway API types: what the API server would check,
// but Go's types do not say. Open ones (a listener's protocol may be a vendor's) are not here.
func structEnums() map[reflect.Type][]string {
	return map[reflect.Type][]string{
		reflect.TypeFor[corev1.Protocol]():                     words(corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP),
		reflect.TypeFor[corev1.ServiceType]():                  words(corev1.ServiceTypeClusterIP, corev1.ServiceTypeNodePort, corev1.ServiceTypeLoadBalancer, corev1.ServiceTypeExternalName),
		reflect.TypeFor[corev1.ServiceAffinity]():              words(corev1.ServiceAffinityNone, corev1.ServiceAffinityClientIP),
		reflect.TypeFor[corev1.ServiceInternalTrafficPolicy](): words(corev1.ServiceInternalTrafficPolicyCluster, corev1.ServiceInternalTrafficPolicyLocal),
		reflect.TypeFor[corev1.ServiceExternalTrafficPolicy](): words(corev1.ServiceExternalTrafficPolicyCluster, corev1.ServiceExternalTrafficPolicyLocal),
		reflect.TypeFor[corev1.IPFamily]():                     words(corev1.IPv4Protocol, corev1.IPv6Protocol),
		reflect.TypeFor[corev1.IPFamilyPolicy]():               words(corev1.IPFamilyPolicySingleStack, corev1.IPFamilyPolicyPreferDualStack, corev1.IPFamilyPolicyRequireDualStack),
		reflect.TypeFor[corev1.PullPolicy]():                   words(corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever),
		reflect.TypeFor[corev1.RestartPolicy]():                words(corev1.RestartPolicyAlways, corev1.RestartPolicyOnFailure, corev1.RestartPolicyNever),
		reflect.TypeFor[corev1.URIScheme]():                    words(corev1.URISchemeHTTP, corev1.URISchemeHTTPS),
		reflect.TypeFor[discoveryv1.AddressType]():             words(discoveryv1.AddressTypeIPv4, discoveryv1.AddressTypeIPv6, discoveryv1.AddressTypeFQDN),
		reflect.TypeFor[networkingv1.PolicyType]():             words(networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress),
		reflect.TypeFor[networkingv1.PathType]():               words(networkingv1.PathTypeExact, networkingv1.PathTypePrefix, networkingv1.PathTypeImplementationSpecific),

		reflect.TypeFor[gatewayv1.FromNamespaces]():                words(gatewayv1.NamespacesFromAll, gatewayv1.NamespacesFromSelector, gatewayv1.NamespacesFromSame, gatewayv1.NamespacesFromNone),
		reflect.TypeFor[gatewayv1.TLSModeType]():                   words(gatewayv1.TLSModeTerminate, gatewayv1.TLSModePassthrough),
		reflect.TypeFor[gatewayv1.PathMatchType]():                 words(gatewayv1.PathMatchExact, gatewayv1.PathMatchPathPrefix, gatewayv1.PathMatchRegularExpression),
		reflect.TypeFor[gatewayv1.HeaderMatchType]():               words(gatewayv1.HeaderMatchExact, gatewayv1.HeaderMatchRegularExpression),
		reflect.TypeFor[gatewayv1.QueryParamMatchType]():           words(gatewayv1.QueryParamMatchExact, gatewayv1.QueryParamMatchRegularExpression),
		reflect.TypeFor[gatewayv1.GRPCMethodMatchType]():           words(gatewayv1.GRPCMethodMatchExact, gatewayv1.GRPCMethodMatchRegularExpression),
		reflect.TypeFor[gatewayv1.GRPCHeaderMatchType]():           words(gatewayv1.GRPCHeaderMatchExact, gatewayv1.GRPCHeaderMatchRegularExpression),
		reflect.TypeFor[gatewayv1.HTTPMethod]():                    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"},
		reflect.TypeFor[gatewayv1.HTTPRouteFilterType]():           {"RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "RequestRedirect", "URLRewrite", "ExtensionRef", "CORS", "ExternalAuth"},
		reflect.TypeFor[gatewayv1.GRPCRouteFilterType]():           {"RequestHeaderModifier", "ResponseHeaderModifier", "RequestMirror", "ExtensionRef"},
		reflect.TypeFor[gatewayv1.HTTPPathModifierType]():          words(gatewayv1.FullPathHTTPPathModifier, gatewayv1.PrefixMatchHTTPPathModifier),
		reflect.TypeFor[gatewayv1.HTTPRouteExternalAuthProtocol](): {"HTTP", "GRPC"},
		reflect.TypeFor[gatewayv1.SubjectAltNameType]():            words(gatewayv1.HostnameSubjectAltNameType, gatewayv1.URISubjectAltNameType),
		reflect.TypeFor[gatewayv1.SessionPersistenceType]():        words(gatewayv1.CookieBasedSessionPersistence, gatewayv1.HeaderBasedSessionPersistence),
		reflect.TypeFor[gatewayv1.FrontendValidationModeType]():    {"AllowValidOnly", "AllowInsecureFallback"},
	}
}
