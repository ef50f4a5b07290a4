package envoyfilter_test

import (
	"strings"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

// TestExtensionConfigs: a filter asks for its configuration (ECDS); what defines it can be replaced.
func TestExtensionConfigs(t *testing.T) {
	const lua = `{name: greet, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua, default_source_code: {inline_string: "function envoy_on_request(h)\n h:headers():replace('x-greet', 'VALUE')\nend"}}}`
	const use = `{name: greet, config_discovery: {config_source: {ads: {}, initial_fetch_timeout: 0s, resource_api_version: V3}, type_urls: ["type.googleapis.com/envoy.extensions.filters.http.lua.v3.Lua"]}}`
	both(t, map[string]string{}, func(t *testing.T, m *meshtest.Traffic) {
		insert := at("HTTP_FILTER", "context: SIDECAR_INBOUND, listener: {"+router+"}", "INSERT_BEFORE", use)
		m.Case("added", filter("server", at("EXTENSION_CONFIG", "", "ADD", strings.ReplaceAll(lua, "VALUE", "one"))+insert), func(t *testing.T) {
			seen(t, m, "http://server/", "x-greet", "one")
		})
		m.Case("changed", filter("server", at("EXTENSION_CONFIG", "", "ADD", strings.ReplaceAll(lua, "VALUE", "two"))+insert), func(t *testing.T) {
			seen(t, m, "http://server/", "x-greet", "two")
		})
		m.Case("replaced", filter("server", at("EXTENSION_CONFIG", "", "ADD", strings.ReplaceAll(lua, "VALUE", "two"))+insert+at("EXTENSION_CONFIG", "", "REPLACE", strings.ReplaceAll(lua, "VALUE", "three"))), func(t *testing.T) {
			seen(t, m, "http://server/", "x-greet", "three")
		})
		m.Case("twice", filter("server", at("EXTENSION_CONFIG", "", "ADD", strings.ReplaceAll(lua, "VALUE", "first"))+insert+at("EXTENSION_CONFIG", "", "ADD", strings.ReplaceAll(lua, "VALUE", "second"))), func(t *testing.T) {
			seen(t, m, "http://server/", "x-greet", "first")
			complained(t, m, "is already defined by EnvoyFilter/default/patch-server")
		})
		m.Case("missing", filter("server", insert), func(t *testing.T) {
			untouched(t, m)
			complained(t, m, `asks for the extension configuration "greet", and nothing defines it`)
		})
	})
}
