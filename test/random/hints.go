package random

import "fmt"

// left are fields that would take the rest of the mesh down, as they are meant to, or change who it is.
var left = map[string]bool{
	"MeshConfig.trustDomain": true, "MeshConfig.rootNamespace": true, "MeshConfig.proxyListenPort": true,
	"MeshConfig.proxyInboundListenPort": true, "MeshConfig.discoverySelectors": true, "MeshConfig.ca": true,
	"MeshConfig.configSources": true, "WasmPlugin.sha256": true, "WasmConfig.sha256": true, "WasmPlugin.imagePullSecret": true,
	"WasmConfig.imagePullSecret": true, "MeshConfig.caCertificates": true,
}

// required are fields without which an object means nothing.
var required = map[string]bool{
	"VirtualService.hosts": true, "Destination.host": true, "HTTPRouteDestination.destination": true, "RouteDestination.destination": true,
	"HTTPMirrorPolicy.destination": true, "TLSRoute.match": true, "TLSMatchAttributes.sniHosts": true, "TLSRoute.route": true, "TCPRoute.route": true,
	"Delegate.name": true, "HTTPDirectResponse.status": true, "RegexRewrite.match": true, "HTTPRewrite.uri": true,
	"DestinationRule.host": true, "DestinationRule.trafficPolicy": true, "Subset.name": true, "Subset.labels": true,
	"TrafficPolicy.PortTrafficPolicy.port": true, "PortSelector.number": true, "TrafficPolicy.TunnelSettings.targetHost": true,
	"TrafficPolicy.TunnelSettings.targetPort": true, "LoadBalancerSettings.ConsistentHashLB.HTTPCookie.name": true,
	"WarmupConfiguration.duration": true, "ConnectionPoolSettings.HTTPSettings.ConnectionKeepalive.interval": true,
	"ConnectionPoolSettings.HTTPSettings.ConnectionKeepalive.timeout": true,
	"Gateway.servers": true, "Gateway.selector": true, "Server.port": true, "Server.hosts": true, "Port.number": true, "Port.protocol": true,
	"Port.name": true, "ServiceEntry.hosts": true, "ServiceEntry.ports": true, "ServiceEntry.resolution": true,
	"ServicePort.number": true, "ServicePort.name": true, "ServicePort.protocol": true, "WorkloadEntry.address": true,
	"SidecarPort.number": true, "SidecarPort.protocol": true, "SidecarPort.name": true,
	"IstioEgressListener.hosts": true, "IstioIngressListener.port": true, "IstioIngressListener.defaultEndpoint": true,
	"WorkloadGroup.template": true, "Rule.when": false, "Condition.key": true, "Condition.values": true, "JWTRule.issuer": true,
	"JWTRule.jwks": true, "JWTHeader.name": true, "ClaimToHeader.header": true, "ClaimToHeader.claim": true,
	"WasmPlugin.url": true, "WasmConfig.url": true, "LuaConfig.inlineCode": true, "LocalityLoadBalancerSetting.Distribute.from": true, "LocalityLoadBalancerSetting.Distribute.to": true,
	"LocalityLoadBalancerSetting.Failover.from": true, "LocalityLoadBalancerSetting.Failover.to": true,
	"PolicyTargetReference.kind": true, "PolicyTargetReference.name": true, "MeshConfig.ExtensionProvider.name": true,
	"EnvoyFilter.configPatches": true, "EnvoyFilter.EnvoyConfigObjectPatch.applyTo": true, "EnvoyFilter.EnvoyConfigObjectPatch.patch": true,
	"AuthorizationPolicy.rules": true,
}

// Module is the URL of every Wasm module: one for the test to put there.
const Module = "file:///plugin.wasm"

// tame are fields whose values are never odd: what is not there cannot be fetched, which is no fault of the configuration.
var tame = map[string]bool{"WasmPlugin.url": true, "WasmConfig.url": true}

type hint = func(g *Generator) any

// oneOf makes a hint of words.
func oneOf(words ...string) hint { return func(g *Generator) any { return g.pick(words...) } }

// someOf makes a hint of lists of words.
func someOf(words ...string) hint { return func(g *Generator) any { return g.some(words...) } }

// logText and logLabels are formats of access logs.
func logText(g *Generator) any {
	return g.pick("%PROTOCOL% %RESPONSE_CODE%", "plain", "%REQ(X-ID)%", "%NONSENSE%")
}

func logLabels(g *Generator) any {
	return object{"code": "%RESPONSE_CODE%", "deep": object{"path": logText(g)}}
}

func number(all ...int) hint { return func(g *Generator) any { return all[g.rand.IntN(len(all))] } }

func upTo(n int) hint { return func(g *Generator) any { return 1 + g.rand.IntN(n) } }

var (
	hosts      = []string{"web", "api.a", "web.default.svc.cluster.local", "api.a.svc.cluster.local", "db.default.svc.cluster.local", "www.example.com", "*.example.com", "tcp.example.org", "s1.random.test", "s2.random.test"}
	namespaces = []string{"default", "a", "istio-system"}
	regexes    = []string{".*", "/api/.*", "v[0-9]+", "(a|b)+", "^/x$", `[^/]+\.html`}
	paths      = []string{"/", "/api", "/api/*", "/a/b", "/*", "*/end", "/files/{*}/x", "/files/{**}"}
	headers    = []string{"x-user", "x-team", "cookie", "user-agent", ":authority", "x-b3-traceid"}
	portHint   = number(80, 443, 7000, 8080, 9000, 3306)
	localities = []string{"r1", "r1/z1", "r1/z1/s1", "r1/z2", "r2/z1", "r2/*"}
)

// hints make values of fields, by message and field, or by the field's name alone; "[]" stands for the keys of a map.
var hints = map[string]hint{
	"exportTo":                            oneOf("*", ".", "~", "a", "default"),
	"matchLabels":                         oneOf("web", "v1", "client"),
	"labels":                              oneOf("web", "v1", "v2"),
	"VirtualService.hosts":                someOf(hosts...),
	"VirtualService.gateways":             someOf("mesh", "gw-1", "istio-system/gw-2", "gw-3", "default/gw-4"),
	"HTTPMatchRequest.gateways":           someOf("mesh", "gw-1", "istio-system/gw-2"),
	"TLSMatchAttributes.gateways":         someOf("mesh", "gw-1", "istio-system/gw-2"),
	"L4MatchAttributes.gateways":          someOf("mesh", "gw-1", "istio-system/gw-2"),
	"HTTPMatchRequest.port":               portHint,
	"HTTPMatchRequest.headers[]":          oneOf(headers...),
	"HTTPMatchRequest.withoutHeaders[]":   oneOf(headers...),
	"HTTPMatchRequest.sourceNamespace":    oneOf(namespaces...),
	"StringMatch.regex":                   oneOf(regexes...),
	"StringMatch.prefix":                  oneOf("/", "/api", "x", "http"),
	"StringMatch.exact":                   oneOf("/", "/a/b", "GET", "https", "v1"),
	"Destination.host":                    oneOf(hosts...),
	"DestinationRule.host":                oneOf(hosts...),
	"Destination.subset":                  oneOf("v1", "v2", "v3"),
	"Subset.name":                         oneOf("v1", "v2", "v3"),
	"PortSelector.number":                 portHint,
	"Headers.HeaderOperations.set":        oneOf("x", "a b", "%REQ(x-user)%", "%%", "%DOWNSTREAM_REMOTE_ADDRESS%", "100%"),
	"Headers.HeaderOperations.set[]":      oneOf("x-a", "host", "x-envoy-retry-on", "content-type"),
	"Headers.HeaderOperations.add[]":      oneOf("x-a", "x-b", "set-cookie"),
	"Headers.HeaderOperations.remove":     someOf("x-a", "server", "x-b"),
	"HTTPRedirect.uri":                    oneOf("/new", "/", "/a?b=c"),
	"HTTPRedirect.redirectCode":           number(301, 302, 303, 307, 308),
	"HTTPRedirect.scheme":                 oneOf("http", "https"),
	"HTTPRedirect.port":                   portHint,
	"HTTPDirectResponse.status":           number(200, 403, 503, 599),
	"Delegate.name":                       oneOf("VirtualService-1", "VirtualService-2", "VirtualService-7"),
	"Delegate.namespace":                  oneOf(namespaces...),
	"HTTPRewrite.uri":                     oneOf("/", "/new/", "/x"),
	"HTTPRewrite.authority":               oneOf("www.example.com", "web:80"),
	"RegexRewrite.match":                  oneOf(regexes...),
	"RegexRewrite.rewrite":                oneOf("/x", `/\1`, `\0/y`),
	"HTTPRetry.attempts":                  number(0, 1, 3),
	"HTTPRetry.retryOn":                   oneOf("5xx", "gateway-error,reset", "503,504,connect-failure", "unavailable", "retriable-status-codes,429"),
	"HTTPFaultInjection.Abort.httpStatus": number(200, 400, 503), "HTTPFaultInjection.Abort.grpcStatus": oneOf("UNAVAILABLE", "ABORTED", "14"),
	"Percent.value":                             func(g *Generator) any { return []any{0.1, 1, 50, 100}[g.rand.IntN(4)] },
	"CorsPolicy.allowMethods":                   someOf("GET", "POST", "PUT"),
	"sniHosts":                                  someOf("secure.example.com", "*.example.com", "www.example.com", "*.example.org"),
	"destinationSubnets":                        someOf("10.1.0.0/16", "10.2.3.4", "2001:db8::/32", "0.0.0.0/0"),
	"L4MatchAttributes.sourceSubnet":            oneOf("10.0.0.0/8", "10.1.1.1"),
	"TLSMatchAttributes.port":                   portHint,
	"L4MatchAttributes.port":                    portHint,
	"weight":                                    number(0, 1, 10, 50, 100),
	"TrafficPolicy.TunnelSettings.targetHost":   oneOf("www.example.com", "10.1.2.3"),
	"TrafficPolicy.TunnelSettings.targetPort":   portHint,
	"TrafficPolicy.TunnelSettings.protocol":     oneOf("CONNECT", "POST"),
	"failoverPriority":                          someOf("topology.kubernetes.io/region", "topology.kubernetes.io/zone", "version=v1", "app"),
	"from":                                      oneOf(localities...),
	"to":                                        oneOf(localities...),
	"LocalityLoadBalancerSetting.Distribute.to": upTo(100), "LocalityLoadBalancerSetting.Distribute.to[]": oneOf(localities...),
	"LoadBalancerSettings.ConsistentHashLB.MagLev.tableSize": number(2, 101, 65537, 5000011, 100),
	"minimumRingSize": number(1, 1024, 8388608, 8388609),
	"LoadBalancerSettings.ConsistentHashLB.HTTPCookie.Attribute.name": oneOf("SameSite", "Secure", "HttpOnly"),
	"outlierDetectionHttpErrorCodes":                                  number(500, 503, 429),
	"credentialName":                                                  oneOf("gateway-cert", "gateway-mtls", "missing"),
	"credentialNames":                                                 someOf("gateway-cert", "gateway-mtls"),
	"sni":                                                             oneOf("secure.example.com", "x"),
	"subjectAltNames":                                                 someOf("spiffe://cluster.local/ns/default/sa/web", "www.example.com", "*.example.com"),
	"cipherSuites":                                                    someOf("ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256", "AES128-SHA", "NULL"),
	"ecdhCurves":                                                      someOf("P-256", "X25519", "P-384", "NOPE"),
	"serverCertificate":                                               oneOf("/etc/certs/cert.pem"), "privateKey": oneOf("/etc/certs/key.pem"),
	"clientCertificate": oneOf("/etc/certs/cert.pem"), "caCertificates": oneOf("/etc/certs/ca.pem", "system"), "caCrl": oneOf("/etc/certs/crl.pem"),
	"caCertCredentialName":   oneOf("gateway-mtls"),
	"verifyCertificateSpki":  oneOf("NvqYIYSbgK2vCJpQhObf77vv+bQWtc5ek5RIOwPiC9A="),
	"verifyCertificateHash":  oneOf("df6ff72fe9116521268f6f2dd4966f51df479883fe7037b39f75916ac3049d1a"),
	"Gateway.selector":       oneOf("ingressgateway"),
	"Gateway.selector[]":     oneOf("istio"),
	"Server.hosts":           someOf("*", "www.example.com", "*.example.com", "default/*", "./www.example.com", "*/secure.example.com"),
	"Server.bind":            oneOf("0.0.0.0", "127.0.0.1"),
	"Port.number":            portHint,
	"Port.protocol":          oneOf("HTTP", "HTTPS", "GRPC", "HTTP2", "TCP", "TLS", "MONGO"),
	"Port.name":              oneOf("http", "https", "tcp", "tls"),
	"ServiceEntry.hosts":     func(g *Generator) any { return g.some("www.example.com", "*.example.com", "tcp.example.org", g.host()) },
	"ServiceEntry.addresses": someOf("10.1.2.3", "10.1.3.0/24", "2001:db8::1"),
	"ServicePort.number":     portHint,
	"ServicePort.protocol":   oneOf("HTTP", "HTTPS", "GRPC", "TCP", "TLS", "HTTP2", "GRPC-WEB", "MYSQL", "UDP"),
	"ServicePort.name":       func(g *Generator) any { g.named++; return fmt.Sprintf("p%d", g.named) },
	"ServicePort.targetPort": portHint,
	"WorkloadEntry.address":  oneOf("10.1.2.3", "10.1.2.4", "2001:db8::2", "backend.example.com", "127.0.0.1"),
	"WorkloadEntry.ports":    portHint, "WorkloadEntry.locality": oneOf(localities...), "network": oneOf("n1", "n2", ""),
	"WorkloadEntry.ports[]":                oneOf("http", "tcp", "p1"),
	"SidecarPort.number":                   portHint,
	"SidecarPort.protocol":                 oneOf("HTTP", "TCP", "GRPC", "HTTPS"),
	"SidecarPort.name":                     oneOf("http", "tcp"),
	"IstioEgressListener.hosts":            someOf("./*", "*/*", "a/*", "istio-system/*", "~/*", "default/web.default.svc.cluster.local", "*/*.example.com"),
	"IstioEgressListener.bind":             oneOf("127.0.0.1", "0.0.0.0", "10.1.2.3"),
	"IstioIngressListener.bind":            oneOf("127.0.0.1", "0.0.0.0"),
	"IstioIngressListener.defaultEndpoint": oneOf("127.0.0.1:8080", "0.0.0.0:9000", ":8080", "unix:///tmp/x.sock"),
	"egressProxy":                          nil,
	"principals":                           oneOf("*", "cluster.local/ns/default/sa/web", "*/sa/api", "cluster.local/ns/a/*"), "notPrincipals": oneOf("cluster.local/ns/default/sa/web"),
	"requestPrincipals": oneOf("*", "issuer/subject", "issuer/*"), "notRequestPrincipals": oneOf("issuer/subject"),
	"Source.namespaces": oneOf(namespaces...), "Source.notNamespaces": oneOf(namespaces...),
	"serviceAccounts": oneOf("web", "default/web"), "notServiceAccounts": oneOf("a/api"),
	"ipBlocks": oneOf("10.0.0.0/8", "1.2.3.4", "2001:db8::/32"), "notIpBlocks": oneOf("10.1.0.0/16"), "remoteIpBlocks": oneOf("10.0.0.0/8"), "notRemoteIpBlocks": oneOf("10.1.1.1"),
	"Operation.hosts": oneOf("www.example.com", "*.example.com", "web*", "*"), "notHosts": oneOf("www.example.com"),
	"Operation.ports": oneOf("80", "8080"), "notPorts": oneOf("7000"), "methods": oneOf("GET", "POST", "*"), "notMethods": oneOf("DELETE"),
	"Operation.paths": oneOf(paths...), "notPaths": oneOf(paths...),
	"Condition.key": oneOf("request.headers[x-user]", "source.ip", "remote.ip", "source.namespace", "source.principal", "request.auth.principal", "request.auth.audiences",
		"request.auth.presenter", "request.auth.claims[iss]", "request.auth.claims[a][b]", "destination.ip", "destination.port", "connection.sni", "experimental.envoy.filters.a[b]"),
	"Condition.values": oneOf("10.0.0.1", "80", "default", "cluster.local/ns/default/sa/web", "x*", "*x", "*"), "notValues": oneOf("10.0.0.2", "81"),
	"PolicyTargetReference.kind": oneOf("Service", "Gateway"), "PolicyTargetReference.group": oneOf("", "gateway.networking.k8s.io"), "PolicyTargetReference.namespace": nil,
	"AuthorizationPolicy.ExtensionProvider.name": oneOf("ext-http", "ext-grpc", "missing"),
	"JWTRule.issuer":  oneOf("issuer", "https://accounts.example.com"),
	"JWTRule.jwks":    oneOf(`{"keys":[{"kty":"oct","kid":"a","k":"c2VjcmV0","alg":"HS256"}]}`),
	"JWTRule.jwksUri": oneOf("https://www.example.com/jwks", "http://jwks.a.svc.cluster.local:8080/keys"),
	"JWTHeader.name":  oneOf("authorization", "x-token"), "ClaimToHeader.header": oneOf("x-claim", "x-sub"), "ClaimToHeader.claim": oneOf("sub", "a.b"),
	"outputPayloadToHeader": oneOf("x-payload"),
	"MeshConfig.ExtensionProvider.EnvoyFileAccessLogProvider.LogFormat.text":                       logText,
	"MeshConfig.ExtensionProvider.EnvoyFileAccessLogProvider.LogFormat.labels":                     logLabels,
	"MeshConfig.ExtensionProvider.EnvoyOpenTelemetryLogProvider.LogFormat.text":                    logText,
	"MeshConfig.ExtensionProvider.EnvoyOpenTelemetryLogProvider.LogFormat.labels":                  logLabels,
	"MeshConfig.ExtensionProvider.ZipkinTracingProvider.port":                                      number(80, 80, 80, 8080),
	"MeshConfig.ExtensionProvider.OpenTelemetryTracingProvider.port":                               number(80, 80, 80, 8080),
	"MeshConfig.ExtensionProvider.SkyWalkingTracingProvider.port":                                  number(80, 80, 80, 8080),
	"MeshConfig.ExtensionProvider.DatadogTracingProvider.port":                                     number(80, 80, 80, 8080),
	"MeshConfig.ExtensionProvider.EnvoyHttpGrpcV3LogProvider.port":                                 number(80, 80, 80, 8080),
	"MeshConfig.ExtensionProvider.EnvoyTcpGrpcV3LogProvider.port":                                  number(80, 80, 80, 8080),
	"MeshConfig.ExtensionProvider.EnvoyOpenTelemetryLogProvider.port":                              number(80, 80, 80, 8080),
	"MeshConfig.ExtensionProvider.OpenTelemetryTracingProvider.DynatraceSampler.DynatraceApi.port": number(80, 80, 80, 8080),
	"MeshConfig.ExtensionProvider.name":                                                            oneOf("ext-http", "ext-grpc", "zipkin", "otel", "als"), "service": oneOf("api.a.svc.cluster.local", "a/api.a.svc.cluster.local", "www.example.com"),
	"port":                portHint,
	"WasmPlugin.url":      oneOf(Module),
	"Telemetry.targetRef": nil,
	"accessLogFile":       oneOf("/dev/stdout", "/dev/null", ""), "accessLogFormat": oneOf("%REQ(:METHOD)% %RESPONSE_CODE%\n", `{"a":"%PROTOCOL%"}`, "%NOPE%", ""),
	"serviceCluster": oneOf("x"), "trustDomainAliases": someOf("old.local", "other.local"),
	"address":                oneOf("collector.a:8080", "$(HOST_IP):9411", "x"),
	"defaultServiceExportTo": oneOf("*", "."), "defaultVirtualServiceExportTo": oneOf("*", "."), "defaultDestinationRuleExportTo": oneOf("*", "."),
	"inclusionRegexps": oneOf(".*", "cluster.*"), "extraStatTags": oneOf("request_host"),
	"inboundClusterStatName": oneOf("in_%SERVICE%_%SERVICE_PORT%"), "outboundClusterStatName": oneOf("out_%SERVICE_FQDN%_%SUBSET_NAME%_%SERVICE_PORT_NAME%"),
	"ServiceSettings.hosts":   someOf("*.cluster.local", "web.default.svc.cluster.local"),
	"minProtocolVersion":      oneOf("TLSV1_2", "TLSV1_3", "TLS_AUTO"),
	"EnvoyFilter.Patch.value": patch,
	"WasmConfig.url":          oneOf(Module), "LuaConfig.inlineCode": oneOf("function envoy_on_request(h) h:headers():add('x-lua', 'yes') end", "function envoy_on_response(h) end"),
}

// patch is the value of a patch: of a message that there is, of another than meant, or of none.
func patch(g *Generator) any {
	filter := func(name, kind string, config object) object {
		config["@type"] = "type.googleapis.com/envoy.extensions.filters." + kind
		return object{"name": name, "typed_config": config}
	}
	values := []object{
		{"connect_timeout": "3s"}, {"connect_timeout": "-3s"}, {"lb_policy": "MAGLEV"}, {"nonsense": 1}, {"name": "x"}, {"name": 5},
		{"per_connection_buffer_limit_bytes": 4096}, {"circuit_breakers": object{"thresholds": []any{object{"max_connections": 1}}}},
		{"route": object{"timeout": "2s"}}, {"route": object{"timeout": "2s", "cluster": "none"}}, {"match": object{"prefix": "/x"}},
		{"domains": []any{"a.example.com"}}, {"domains": []any{"*"}}, {"request_headers_to_remove": []any{"x-a"}},
		{"typed_config": object{"@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager", "server_name": "x"}},
		{"typed_config": object{"@type": "type.googleapis.com/no.such.Message"}},
		{"filter_chain_match": object{"server_names": []any{"*"}}}, {"listener_filters_timeout": "5s"}, {"dns_refresh_rate": "0s"}, {"admin": object{}},
		filter("envoy.filters.http.lua", "http.lua.v3.Lua", object{"default_source_code": object{"inline_string": "function envoy_on_request(h) end"}}),
		filter("envoy.filters.http.lua", "http.lua.v3.Lua", object{"inline_code": "not lua ("}),
		filter("envoy.filters.http.local_ratelimit", "http.local_ratelimit.v3.LocalRateLimit", object{"stat_prefix": "l", "token_bucket": object{"max_tokens": 1, "fill_interval": "1s"}}),
		filter("envoy.filters.http.local_ratelimit", "http.local_ratelimit.v3.LocalRateLimit", object{}),
		filter("envoy.filters.network.ratelimit", "network.echo.v3.Echo", object{}),
		filter("envoy.filters.http.router", "http.router.v3.Router", object{}),
		filter("envoy.filters.http.fault", "http.fault.v3.HTTPFault", object{"abort": object{"http_status": 7}}),
	}
	return values[g.rand.IntN(len(values))]
}
