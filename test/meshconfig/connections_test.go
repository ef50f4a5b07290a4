package meshconfig_test

import (
	"fmt"
	"testing"

	"github.com/meshctl/meshctl/internal/meshtest"
)

func TestConnectionSettings(t *testing.T) {
	r := start(t)
	settings := func(text string) string {
		return mesh("defaultConfig: {connectionSettings: {" + text + "}}")
	}
	status := func(want int) func(meshtest.Answer) error {
		return func(a meshtest.Answer) error {
			if a.Status != want {
				return fmt.Errorf("status %d, want %d", a.Status, want)
			}
			return nil
		}
	}
	path := func(want string) func(meshtest.Answer) error {
		return func(a meshtest.Answer) error {
			if a.Echo.Path != want {
				return fmt.Errorf("status %d, path %q, want %q", a.Status, a.Echo.Path, want)
			}
			return nil
		}
	}
	underscore := []string{"x_y=z"}
	r.Case("underscores rejected", settings("httpHeadersWithUnderscoresAction: HEADERS_WITH_UNDERSCORES_REJECT_REQUEST"), func(t *testing.T) {
		r.at(t, r.edge, "/", underscore, status(400))
	})
	r.Case("underscores dropped", settings("httpHeadersWithUnderscoresAction: HEADERS_WITH_UNDERSCORES_DROP_HEADER"), func(t *testing.T) {
		r.at(t, r.edge, "/", underscore, is("x_y", "", echoed))
	})
	r.Case("underscores allowed", settings("httpHeadersWithUnderscoresAction: HEADERS_WITH_UNDERSCORES_ALLOW"), func(t *testing.T) {
		r.at(t, r.edge, "/", underscore, is("x_y", "z", echoed))
	})
	r.Case("slashes merged", settings("httpMergeSlashes: true"), func(t *testing.T) { r.at(t, r.edge, "/a//b", nil, path("/a/b")) })
	r.Case("slashes kept", settings("httpMergeSlashes: false"), func(t *testing.T) { r.at(t, r.edge, "/a//b", nil, path("/a//b")) })
	r.Case("escaped slashes rejected", settings("httpPathWithEscapedSlashesAction: REJECT_REQUEST"), func(t *testing.T) {
		r.at(t, r.edge, "/a%2Fb", nil, status(400))
	})
	r.Case("escaped slashes forwarded", settings("httpPathWithEscapedSlashesAction: UNESCAPE_AND_FORWARD"), func(t *testing.T) {
		r.at(t, r.edge, "/a%2Fb", nil, path("/a/b"))
	})
	r.Case("edge", settings("profile: EDGE, httpMaxConcurrentStreams: 7"), func(t *testing.T) {
		r.at(t, r.edge, "/", underscore, status(400))
		r.at(t, r.edge, "/a%2Fb", nil, status(307))
		runs(t, r.edge, listeners, `"max_concurrent_streams": 7`, `"initial_stream_window_size": 65536`, `"initial_connection_window_size": 1048576`,
			`"stream_idle_timeout": "300s"`, `"request_timeout": "300s"`, `"idle_timeout": "3600s"`, `"per_connection_buffer_limit_bytes": 32768`)
		runs(t, r.edge, clusters, `"per_connection_buffer_limit_bytes": 32768`)
	})
	r.Case("limit of a stream", settings("httpMaxStreamDuration: 0.2s"), func(t *testing.T) {
		r.at(t, r.edge, "/slow", nil, status(504))
	})
	r.Case("idle stream", settings("httpStreamIdleTimeout: 0.1s"), func(t *testing.T) { r.at(t, r.edge, "/slow", nil, status(504)) })
	r.Case("all others", settings("httpIdleTimeout: 11s, httpMaxConnectionDuration: 12s, httpDrainTimeout: 13s, httpRequestTimeout: 14s, httpRequestHeadersTimeout: 15s, "+
		"http2InitialStreamWindowSize: 70000, http2InitialConnectionWindowSize: 80000, listenerPerConnectionBufferLimitBytes: 90000, clusterPerConnectionBufferLimitBytes: 100000"), func(t *testing.T) {
		runs(t, r.edge, listeners, `"idle_timeout": "11s"`, `"max_connection_duration": "12s"`, `"drain_timeout": "13s"`, `"request_timeout": "14s"`,
			`"request_headers_timeout": "15s"`, `"initial_stream_window_size": 70000`, `"initial_connection_window_size": 80000`, `"per_connection_buffer_limit_bytes": 90000`)
		runs(t, r.edge, clusters, `"per_connection_buffer_limit_bytes": 100000`)
		runs(t, r.web, listeners, `"per_connection_buffer_limit_bytes": 90000`)
	})
}
