package authz_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestHTTP(t *testing.T) {
	meshtest.BothModes(t, map[string]string{"services.yaml": services}, members(), func(t *testing.T, m *meshtest.Traffic) {
		for _, group := range []map[string]testcase{actions(), sources(), operations(), conditions()} {
			for _, name := range slices.Sorted(maps.Keys(group)) {
				m.Case(name, group[name].yaml, func(t *testing.T) { tries(t, m, group[name].tries...) })
			}
		}
	})
}

// testcase is policies and what they mean.
type testcase struct {
	yaml  string
	tries []try
}

func all(spec string) string { return policy("p", spec) }

func actions() map[string]testcase {
	const getOnly = `{rules: [{to: [{operation: {methods: [GET]}}]}]}`
	return map[string]testcase{
		"no policy":                 {"", []try{get("/")}},
		"ALLOW without rules":       {all(`{}`), []try{denied("/")}},
		"ALLOW with an empty rule":  {all(`{rules: [{}]}`), []try{get("/")}},
		"DENY without rules":        {all(`{action: DENY}`), []try{get("/")}},
		"DENY with an empty rule":   {all(`{action: DENY, rules: [{}]}`), []try{denied("/")}},
		"ALLOW is the default":      {all(getOnly), []try{get("/"), denied("/").with("PUT")}},
		"rules are alternatives":    {all(`{rules: [{to: [{operation: {methods: [PUT]}}]}, {to: [{operation: {paths: [/a]}}]}]}`), []try{get("/a"), get("/b").with("PUT"), denied("/b")}},
		"policies are alternatives": {policy("a", getOnly) + policy("b", `{rules: [{to: [{operation: {methods: [PUT]}}]}]}`), []try{get("/"), get("/").with("PUT"), denied("/").with("POST")}},
		"DENY goes before ALLOW":    {policy("a", `{rules: [{}]}`) + policy("b", `{action: DENY, rules: [{to: [{operation: {paths: [/secret]}}]}]}`), []try{get("/"), denied("/secret")}},
		"a mesh-wide DENY": {policyIn("istio-system", "m", `{action: DENY, rules: [{to: [{operation: {paths: [/mesh]}}]}]}`) + policy("a", `{rules: [{}]}`),
			[]try{get("/"), denied("/mesh")}},
		"another workload's policy":  {all(`{selector: {matchLabels: {app: other}}}`), []try{get("/")}},
		"another namespace's policy": {policyIn("other", "p", `{}`), []try{get("/")}},
		"the workload's own policy":  {all(`{selector: {matchLabels: {app: server}}, action: DENY, rules: [{}]}`), []try{denied("/")}},
		"AUDIT decides nothing":      {all(`{action: AUDIT, rules: [{}]}`), []try{get("/")}},
	}
}

func sources() map[string]testcase {
	from := func(source string) string { return all(`{rules: [{from: [{source: ` + source + `}]}]}`) }
	mine, its := get("/"), get("/").by("bystander")
	notMine, notIts := denied("/"), denied("/").by("bystander")
	return map[string]testcase{
		"principals":                           {from(`{principals: [cluster.local/ns/default/sa/client]}`), []try{mine, notIts}},
		"principals, prefix":                   {from(`{principals: ["cluster.local/ns/default/*"]}`), []try{mine, notIts}},
		"principals, suffix":                   {from(`{principals: ["*/sa/client"]}`), []try{mine, notIts}},
		"principals, present":                  {from(`{principals: ["*"]}`), []try{mine, its}},
		"notPrincipals":                        {from(`{notPrincipals: [cluster.local/ns/default/sa/client]}`), []try{notMine, its}},
		"namespaces":                           {from(`{namespaces: [other]}`), []try{notMine, its}},
		"namespaces, inside":                   {from(`{namespaces: ["o*r"]}`), []try{notMine, its}},
		"notNamespaces":                        {from(`{notNamespaces: [other]}`), []try{mine, notIts}},
		"serviceAccounts":                      {from(`{serviceAccounts: [client, other/nobody]}`), []try{mine, notIts}},
		"serviceAccounts with a namespace":     {from(`{serviceAccounts: [other/bystander]}`), []try{notMine, its}},
		"notServiceAccounts":                   {from(`{notServiceAccounts: [client]}`), []try{notMine, its}},
		"trustDomains":                         {from(`{trustDomains: [cluster.local]}`), []try{mine, its}},
		"trustDomains of others":               {from(`{trustDomains: [other]}`), []try{notMine, notIts}},
		"notTrustDomains":                      {from(`{notTrustDomains: ["cluster*"]}`), []try{notMine, notIts}},
		"fields all hold":                      {from(`{namespaces: [default], notPrincipals: ["*/sa/client"]}`), []try{notMine, notIts}},
		"sources are alternatives":             {all(`{rules: [{from: [{source: {namespaces: [other]}}, {source: {principals: ["*/sa/client"]}}]}]}`), []try{mine, its}},
		"requestPrincipals without a token":    {from(`{requestPrincipals: ["*"]}`), []try{notMine}},
		"notRequestPrincipals without a token": {from(`{notRequestPrincipals: ["*"]}`), []try{mine}},
		"remoteIpBlocks":                       {from(`{remoteIpBlocks: [192.0.2.0/24]}`), []try{notMine, get("/", "x-forwarded-for=192.0.2.7")}},
		"notRemoteIpBlocks":                    {from(`{notRemoteIpBlocks: [192.0.2.7]}`), []try{mine, denied("/", "x-forwarded-for=192.0.2.7")}},
	}
}

func operations() map[string]testcase {
	to := func(operation string) string { return all(`{rules: [{to: [{operation: ` + operation + `}]}]}`) }
	return map[string]testcase{
		"methods":         {to(`{methods: [PUT, "P*"]}`), []try{get("/").with("PUT"), get("/").with("POST"), denied("/")}},
		"notMethods":      {to(`{notMethods: [GET]}`), []try{get("/").with("PUT"), denied("/")}},
		"paths":           {to(`{paths: [/a, "/b/*", "*/c"]}`), []try{get("/a"), get("/a?q"), get("/b/x"), get("/x/c"), denied("/a/"), denied("/"), denied("/A")}},
		"paths, present":  {to(`{paths: ["*"]}`), []try{get("/"), get("/%FF")}},
		"notPaths":        {to(`{notPaths: [/a]}`), []try{denied("/a"), denied("/a?q"), get("/b")}},
		"normalized path": {to(`{notPaths: [/a]}`), []try{denied("/x/../a"), denied("/%61")}},
		"paths, templates": {to(`{paths: ["/foo/{*}", "/bar/{*}/baz/{**}", "/end/{**}/"]}`), []try{
			get("/foo/x"), denied("/foo/x/y"), denied("/foo/"), get("/bar/x/baz/"), get("/bar/x/baz/y/z"), denied("/bar/x/y"), get("/end/a/"), get("/end/a/b.txt/"), denied("/end"),
		}},
		"notPaths, template": {to(`{notPaths: ["/{**}"]}`), []try{denied("/"), denied("/a/b")}},
		"hosts": {to(`{hosts: [Server.default, "server.*", "*:80"]}`), []try{
			get("/"), get("/").to("SERVER.default"), get("/").to("server.default.svc"), get("/").to("server.default:80"),
		}},
		"notHosts":                      {to(`{notHosts: [SERVER.default]}`), []try{denied("/"), get("/").to("server.default:80")}},
		"ports":                         {to(`{ports: ["8080"]}`), []try{get("/")}},
		"ports of the service":          {to(`{ports: ["80"]}`), []try{denied("/")}},
		"notPorts":                      {to(`{notPorts: ["8080"]}`), []try{denied("/")}},
		"notPorts, other":               {to(`{notPorts: ["80"]}`), []try{get("/")}},
		"fields all hold in operations": {to(`{methods: [GET], paths: [/a]}`), []try{get("/a"), denied("/b"), denied("/a").with("PUT")}},
	}
}

func conditions() map[string]testcase {
	when := func(conditions string) string { return all(`{rules: [{when: [` + conditions + `]}]}`) }
	mine, its := get("/"), get("/").by("bystander")
	notMine, notIts := denied("/"), denied("/").by("bystander")
	return map[string]testcase{
		"request.headers":                          {when(`{key: "request.headers[X-Who]", values: [me, "pre*", "*post"]}`), []try{get("/", "x-who=me"), get("/", "x-who=prefix"), get("/", "x-who=a post"), denied("/", "x-who=you"), notMine}},
		"request.headers, present":                 {when(`{key: "request.headers[x-who]", values: ["*"]}`), []try{get("/", "x-who=1"), get("/", "x-who=\xff"), denied("/", "x-who="), notMine}},
		"request.headers, notValues":               {when(`{key: "request.headers[x-who]", notValues: [you]}`), []try{mine, get("/", "x-who=me"), denied("/", "x-who=you")}},
		"request.headers, literal":                 {when(`{key: "request.headers[accept]", values: ["text/html,*/*;q=0.8"]}`), []try{get("/", "accept=text/html,*/*;q=0.8"), notMine}},
		"source.namespace":                         {when(`{key: source.namespace, values: [other]}`), []try{notMine, its}},
		"source.principal":                         {when(`{key: source.principal, notValues: [cluster.local/ns/default/sa/client]}`), []try{notMine, its}},
		"source.serviceAccount":                    {when(`{key: source.serviceAccount, values: [client]}`), []try{mine, notIts}},
		"source.trustDomain":                       {when(`{key: source.trustDomain, values: ["*"]}`), []try{mine}},
		"remote.ip":                                {when(`{key: remote.ip, values: [192.0.2.7]}`), []try{notMine, get("/", "x-forwarded-for=192.0.2.7")}},
		"destination.port":                         {when(`{key: destination.port, values: ["80", "8080"]}`), []try{mine}},
		"destination.port, other":                  {when(`{key: destination.port, notValues: ["8080"]}`), []try{notMine}},
		"connection.sni":                           {when(`{key: connection.sni, values: ["outbound_.80_._.server.default.svc.cluster.local"]}`), []try{mine}},
		"connection.sni, other":                    {when(`{key: connection.sni, values: ["*.example.com"]}`), []try{notMine}},
		"experimental.envoy.filters":               {when(`{key: "experimental.envoy.filters.http.nobody[key]", values: [x]}`), []try{notMine}},
		"experimental.envoy.filters, absent":       {when(`{key: "experimental.envoy.filters.http.nobody[key]", notValues: ["[x]"]}`), []try{mine}},
		"request.auth.claims without a token":      {when(`{key: "request.auth.claims[iss]", values: [x]}`), []try{notMine}},
		"conditions all hold":                      {when(`{key: source.namespace, values: [default]}, {key: "request.headers[a]", values: [b]}`), []try{notMine, get("/", "a=b"), denied("/", "a=b").by("bystander")}},
		"conditions narrow sources and operations": {all(`{rules: [{from: [{source: {namespaces: [default]}}], to: [{operation: {paths: [/a]}}], when: [{key: "request.headers[a]", values: [b]}]}]}`), []try{get("/a", "a=b"), denied("/a"), denied("/b", "a=b"), notIts}},
	}
}
