//go:build tools

// Package fortio pins the load generator of the end-to-end tests.
package fortio

import _ "fortio.org/fortio"
