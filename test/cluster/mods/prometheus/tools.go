//go:build tools

// Package prometheus pins the Prometheus that samples/addons installs: Debian's has no discovery of pods.
package prometheus

import _ "github.com/prometheus/prometheus/cmd/prometheus"
