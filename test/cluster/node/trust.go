//go:build linux

package node

import (
	"os"
	"path/filepath"
	"time"

	"github.com/meshctl/meshctl/test/cluster"
	"github.com/meshctl/meshctl/test/cluster/pki"
)

// adminKubeconfig lets everybody who may read it do everything.
const adminKubeconfig = "kubeconfig"

// trust makes the certificates of a cluster.
type trust struct {
	spec *spec
	ca   *pki.Authority
}

func newTrust(s *spec) (*trust, error) {
	if err := os.MkdirAll(s.file("pki"), 0o700); err != nil {
		return nil, err
	}
	t := &trust{spec: s}
	var err error
	if t.ca, err = pki.New("test cluster"); err != nil {
		return nil, err
	}
	front, err := pki.New("front proxy")
	if err != nil {
		return nil, err
	}
	server, err := t.ca.Server("kube-apiserver", nil, []string{"kubernetes", "kubernetes.default", "kubernetes.default.svc",
		"kubernetes.default.svc.cluster.local", "localhost", "127.0.0.1", serverIP, serviceIP})
	if err != nil {
		return nil, err
	}
	aggregator, err := front.Client("front-proxy-client", time.Time{})
	if err != nil {
		return nil, err
	}
	kubelets, err := t.ca.Client("kube-apiserver-kubelet-client", time.Time{}, "system:masters")
	if err != nil {
		return nil, err
	}
	for name, p := range map[string]pki.Pair{
		"ca": t.ca.Own(), "front-proxy-ca": front.Own(), "apiserver": server, "front-proxy-client": aggregator, "apiserver-kubelet": kubelets,
		"accounts": server,
	} {
		if err := writePair(s.file("pki", name), p); err != nil {
			return nil, err
		}
	}
	for path, user := range map[string]string{"controller-manager": "system:kube-controller-manager", "scheduler": "system:kube-scheduler"} {
		if err := t.kubeconfig(s.file("pki", path+".kubeconfig"), user); err != nil {
			return nil, err
		}
	}
	return t, t.kubeconfig(s.file(adminKubeconfig), "admin", "system:masters")
}

// certifyNode writes what a node's kubelet and kube-proxy need into its directory.
func (t *trust) certifyNode(m member) error {
	dir := nodeDir(m.Dir, m.Name())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	user := "system:node:" + m.Name()
	p, err := t.ca.Server(user, []string{"system:nodes"}, []string{m.Name(), m.ip()})
	if err != nil {
		return err
	}
	if err := writePair(filepath.Join(dir, "kubelet"), p); err != nil {
		return err
	}
	if err := cluster.WriteKubeconfig(filepath.Join(dir, "kubelet.kubeconfig"), apiServer, user, t.ca.Own().Cert, p); err != nil {
		return err
	}
	return t.kubeconfig(filepath.Join(dir, "kube-proxy.kubeconfig"), "system:kube-proxy")
}

func (t *trust) kubeconfig(path, user string, groups ...string) error {
	p, err := t.ca.Client(user, time.Time{}, groups...)
	if err != nil {
		return err
	}
	return cluster.WriteKubeconfig(path, apiServer, user, t.ca.Own().Cert, p)
}

func writePair(path string, p pki.Pair) error {
	if err := os.WriteFile(path+".crt", p.Cert, 0o644); err != nil {
		return err
	}
	return os.WriteFile(path+".key", p.Key, 0o600)
}
