//go:build !linux

package rig

import "errors"

func reexec() {}

func inNode() (int, error) { return 0, errors.New("a node runs on Linux only; set E2E_KUBECONFIG") }
