package cluster

import (
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/meshctl/meshctl/test/cluster/pki"
)

// certify writes what the server needs to its directory.
func (c *Cluster) certify() error {
	var err error
	if c.trust, err = pki.New("test cluster"); err != nil {
		return err
	}
	server, err := c.trust.Server("kube-apiserver", nil, []string{"127.0.0.1", "localhost", "kubernetes.default.svc"})
	if err != nil {
		return err
	}
	for name, data := range map[string][]byte{"ca.crt": c.trust.Own().Cert, "server.crt": server.Cert, "server.key": server.Key, "accounts.key": server.Key} {
		if err := os.WriteFile(c.file(name), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Config lets a user of some groups in. "system:masters" may do everything; others only what RBAC lets them.
func (c *Cluster) Config(user string, groups ...string) (*rest.Config, error) {
	p, err := c.trust.Client(user, time.Time{}, groups...)
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: c.URL, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: c.trust.Own().Cert, CertData: p.Cert, KeyData: p.Key},
	}, nil
}

// Kubeconfig writes a kubeconfig for a user into dir and returns its path. Its one context is called "test". A certificate that
// expires in the past is not refused here.
func (c *Cluster) Kubeconfig(dir, user string, expires time.Time, groups ...string) (string, error) {
	p, err := c.trust.Client(user, expires, groups...)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, user+".kubeconfig")
	return path, WriteKubeconfig(path, c.URL, user, c.trust.Own().Cert, p)
}

// WriteKubeconfig lets a user in at a server. The one context is called "test".
func WriteKubeconfig(path, server, user string, ca []byte, p pki.Pair) error {
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: ca}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: p.Cert, ClientKeyData: p.Key}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: user}
	config.CurrentContext = "test"
	return clientcmd.WriteToFile(*config, path)
}
