package cluster

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Part is a module below mods whose programs are built together.
type Part string

// The parts.
const (
	// Knode is etcd, Kubernetes' components and kubectl in one binary, with a link for each.
	Knode      Part = "knode"
	Containerd Part = "containerd"
	Runc       Part = "runc"
	CNI        Part = "cni"
	CoreDNS    Part = "coredns"
	// Pod is what runs in the cluster's own containers.
	Pod Part = "pod"
	// Fortio generates load.
	Fortio Part = "fortio"
	// Prometheus is that of samples/addons; of its discoveries it has Kubernetes' only.
	Prometheus Part = "prometheus"
)

// NodeParts are the parts of a whole node.
func NodeParts() []Part { return []Part{Knode, Containerd, Runc, CNI, CoreDNS, Pod} }

// gitVersion is what Kubernetes says it is; the one in mods/knode/go.mod.
const gitVersion = "v1.36.3"

// program is a `go build`.
type program struct {
	out, pkg string
	tags     string
	ldflags  []string
	// cgo is needed for a C library; without it the program has less to offer.
	cgo bool
}

// recipe is how a part is built.
type recipe struct {
	programs []program
	links    []string // to the first program
}

func recipes() map[Part]recipe {
	const containerd, plugins = "github.com/containerd/containerd/v2/cmd/", "github.com/containernetworking/plugins/plugins/"
	return map[Part]recipe{
		Knode: {programs: []program{{out: "knode", pkg: ".", ldflags: kubernetesVersion()}},
			links: []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl"}},
		Containerd: {programs: []program{{out: "containerd", pkg: containerd + "containerd"},
			{out: "containerd-shim-runc-v2", pkg: containerd + "containerd-shim-runc-v2"}, {out: "ctr", pkg: containerd + "ctr"}}},
		Runc: {programs: []program{{out: "runc", pkg: "github.com/opencontainers/runc", tags: "seccomp,netgo,osusergo", cgo: true,
			ldflags: []string{"-extldflags", "-static", "-X", "main.version=1.5.2"}}}},
		CNI: {programs: []program{{out: "ptp", pkg: plugins + "main/ptp"}, {out: "loopback", pkg: plugins + "main/loopback"},
			{out: "host-local", pkg: plugins + "ipam/host-local"}, {out: "portmap", pkg: plugins + "meta/portmap"}}},
		CoreDNS: {programs: []program{{out: "coredns", pkg: "."}}},
		Pod:     {programs: []program{{out: "pod", pkg: "."}}},
		Fortio:  {programs: []program{{out: "fortio", pkg: "fortio.org/fortio"}}},
		Prometheus: {programs: []program{{out: "prometheus", pkg: "github.com/prometheus/prometheus/cmd/prometheus",
			tags: "netgo,remove_all_sd,enable_kubernetes_sd"}}},
	}
}

func kubernetesVersion() []string {
	major, rest, _ := strings.Cut(strings.TrimPrefix(gitVersion, "v"), ".")
	minor, _, _ := strings.Cut(rest, ".")
	const base = "k8s.io/component-base/version."
	return []string{"-X", base + "gitVersion=" + gitVersion, "-X", base + "gitMajor=" + major, "-X", base + "gitMinor=" + minor,
		"-X", "k8s.io/client-go/pkg/version.gitVersion=" + gitVersion}
}

// hash is of everything that decides what a part's programs are: their sources, the modules that go.sum pins, how they are built, and Go.
func (p Part) hash(source string) (string, error) {
	entries, err := os.ReadDir(source)
	if err != nil {
		return "", err
	}
	names := []string{}
	for _, e := range entries {
		if ext := filepath.Ext(e.Name()); ext == ".go" || ext == ".mod" || ext == ".sum" {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	h := sha256.New()
	fmt.Fprintf(h, "%s %s %s %+v\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, recipes()[p])
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			return "", err
		}
		fmt.Fprintln(h, name, len(data))
		h.Write(data)
	}
	return hex.EncodeToString(h.Sum(nil))[:16], nil
}
