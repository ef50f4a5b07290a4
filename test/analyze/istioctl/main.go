//go:build tools

// Package main pins the istioctl that `make bench` compares with. It is a module of its own, so that nothing of it reaches
// the product.
package main

import _ "istio.io/istio/istioctl/cmd/istioctl"
