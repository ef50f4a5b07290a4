// Command k8s is the control plane of a Kubernetes cluster in one binary: `k8s etcd FLAGS` and `k8s kube-apiserver FLAGS`.
// Tests run it; one binary, because the two share most of their code. It has its own module, so that nothing of
// Kubernetes' server code comes into the product's.
package main

import (
	"fmt"
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() {
	component := ""
	if len(os.Args) > 1 {
		component = os.Args[1]
		os.Args = os.Args[1:]
	}
	switch component {
	case "etcd":
		etcdmain.Main(os.Args)
	case "kube-apiserver":
		os.Exit(cli.Run(apiserver.NewAPIServerCommand()))
	default:
		fmt.Fprintln(os.Stderr, "usage: k8s etcd|kube-apiserver [FLAG]...")
		os.Exit(2)
	}
}
