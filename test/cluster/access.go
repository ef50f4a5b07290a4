package cluster

import (
	"os"
	"path/filepath"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Config lets a user of some groups in. "system:masters" may do everything; others only what RBAC lets them.
func (c *Cluster) Config(user string, groups ...string) (*rest.Config, error) {
	p, err := c.trust.client(user, time.Time{}, groups...)
	if err != nil {
		return nil, err
	}
	ca, err := os.ReadFile(c.file("ca.crt"))
	if err != nil {
		return nil, err
	}
	return &rest.Config{
		Host: c.URL, QPS: -1, TLSClientConfig: rest.TLSClientConfig{CAData: ca, CertData: p.cert, KeyData: p.key},
	}, nil
}

// Kubeconfig writes a kubeconfig for a user into dir and returns its path. Its one context is called "test". A certificate that
// expires in the past is not refused here.
func (c *Cluster) Kubeconfig(dir, user string, expires time.Time, groups ...string) (string, error) {
	p, err := c.trust.client(user, expires, groups...)
	if err != nil {
		return "", err
	}
	config := clientcmdapi.NewConfig()
	config.Clusters["test"] = &clientcmdapi.Cluster{Server: c.URL, CertificateAuthority: c.file("ca.crt")}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{ClientCertificateData: p.cert, ClientKeyData: p.key}
	config.Contexts["test"] = &clientcmdapi.Context{Cluster: "test", AuthInfo: user}
	config.CurrentContext = "test"
	path := filepath.Join(dir, user+".kubeconfig")
	return path, clientcmd.WriteToFile(*config, path)
}
