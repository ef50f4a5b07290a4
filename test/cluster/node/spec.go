//go:build linux

package node

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/meshctl/meshctl/test/cluster"
)

// The addresses of every cluster. Each has network namespaces of its own, so that they do not clash.
const (
	serverIP   = "10.250.0.1"
	serviceIP  = "10.96.0.1"
	dnsIP      = "10.96.0.10"
	servicesIn = "10.96.0.0/16"
	podsIn     = "10.244.0.0/16"
	apiServer  = "https://" + serverIP + ":6443"
)

// spec is what the processes of a cluster know of it.
type spec struct {
	Dir   string
	ID    string // in the names of its cgroups
	Parts map[cluster.Part]string
	// Images are archives that every node gets.
	Images []string
	// Tied ends the cluster with the process that started it.
	Tied bool
}

func (s *spec) file(names ...string) string {
	return filepath.Join(append([]string{s.Dir}, names...)...)
}

func (s *spec) program(p cluster.Part, name string) string { return filepath.Join(s.Parts[p], name) }

// path is where programs are found in a node.
func (s *spec) path() string {
	dirs := []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"}
	for _, dir := range s.Parts {
		dirs = append(dirs, dir)
	}
	return strings.Join(dirs, ":")
}

func readSpec(dir string) (*spec, error) {
	data, err := os.ReadFile(filepath.Join(dir, "cluster.json"))
	if err != nil {
		return nil, err
	}
	s := &spec{}
	return s, json.Unmarshal(data, s)
}

func (s *spec) write() error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return os.WriteFile(s.file("cluster.json"), data, 0o600)
}

// member is a node. The one with index 0 is the control plane, too.
type member struct {
	*spec
	index int
}

// Name is the node's in Kubernetes.
func (m member) Name() string { return fmt.Sprintf("node-%d", m.index+1) }

// nodeDir is where the node keeps everything.
func nodeDir(dir, name string) string { return filepath.Join(dir, "nodes", name) }

// values are for the templates in config.
func (m member) values() map[string]string {
	dir := nodeDir(m.Dir, m.Name())
	return map[string]string{
		"Name": m.Name(), "Dir": dir, "Shared": m.Dir, "Socket": filepath.Join(dir, "containerd.sock"), "IP": m.ip(), "DNS": dnsIP,
		"PodCIDR": fmt.Sprintf("10.244.%d.0/24", m.index), "PodsCIDR": podsIn, "CgroupRoot": m.cgroupRoot(),
		"PodImage": PodImage, "DNSImage": dnsImage, "Runc": m.program(cluster.Runc, "runc"), "Plugins": m.Parts[cluster.CNI],
	}
}

// ip is the node's address: the first has one of its own, the others the far end of a link to it.
func (m member) ip() string {
	if m.index == 0 {
		return serverIP
	}
	return fmt.Sprintf("10.250.%d.2", m.index)
}

func (m member) gateway() string { return fmt.Sprintf("10.250.%d.1", m.index) }

//go:embed config
var configs embed.FS

func (m member) render(name string) ([]byte, error) {
	t, err := template.ParseFS(configs, "config/"+name)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, m.values())
	return out.Bytes(), err
}

// put renders a file of config into the node's directory.
func (m member) put(name, to string) (string, error) {
	data, err := m.render(name)
	if err != nil {
		return "", err
	}
	path := filepath.Join(nodeDir(m.Dir, m.Name()), to)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, data, 0o644)
}
