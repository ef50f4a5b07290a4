//go:build tools

// Package runc pins what starts the containers of the test cluster's nodes.
package runc

import _ "github.com/opencontainers/runc"
