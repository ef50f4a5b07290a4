//go:build linux

package node

// stores starts etcd and the API server. Nothing is kept, so that etcd need not wait for the disk.
func (s *server) stores() error {
	const client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
	if err := s.start("etcd", "--name=test", "--data-dir="+s.file("etcd"), "--unsafe-no-fsync", "--log-level=warn",
		"--listen-client-urls="+client, "--advertise-client-urls="+client,
		"--listen-peer-urls="+peer, "--initial-advertise-peer-urls="+peer, "--initial-cluster=test="+peer); err != nil {
		return err
	}
	pki := func(name string) string { return s.spec.file("pki", name) }
	return s.start("kube-apiserver", "--etcd-servers="+client, "--bind-address=0.0.0.0", "--secure-port=6443", "--advertise-address="+serverIP,
		"--tls-cert-file="+pki("apiserver.crt"), "--tls-private-key-file="+pki("apiserver.key"), "--client-ca-file="+pki("ca.crt"),
		"--cert-dir="+s.file("etc"), "--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--service-cluster-ip-range="+servicesIn, "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file="+pki("accounts.key"), "--service-account-signing-key-file="+pki("accounts.key"),
		"--kubelet-client-certificate="+pki("apiserver-kubelet.crt"), "--kubelet-client-key="+pki("apiserver-kubelet.key"),
		"--kubelet-certificate-authority="+pki("ca.crt"), "--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file="+pki("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-", "--proxy-client-cert-file="+pki("front-proxy-client.crt"),
		"--proxy-client-key-file="+pki("front-proxy-client.key"), "--enable-aggregator-routing=true")
}

// controllers starts what makes pods of workloads. The default limits of requests to the API server would cost seconds.
func (s *server) controllers() error {
	common := func(name string, more ...string) []string {
		config := "=" + s.spec.file("pki", name+".kubeconfig")
		return append(more, "--kubeconfig"+config, "--authentication-kubeconfig"+config, "--authorization-kubeconfig"+config,
			"--leader-elect=false", "--kube-api-qps=1000", "--kube-api-burst=2000", "--bind-address=127.0.0.1")
	}
	if err := s.start("kube-controller-manager", common("controller-manager",
		"--service-account-private-key-file="+s.spec.file("pki", "accounts.key"), "--root-ca-file="+s.spec.file("pki", "ca.crt"),
		"--cluster-signing-cert-file="+s.spec.file("pki", "ca.crt"), "--cluster-signing-key-file="+s.spec.file("pki", "ca.key"),
		"--use-service-account-credentials=true", "--controllers=*,tokencleaner", "--concurrent-deployment-syncs=10",
		"--node-monitor-grace-period=60s", "--cert-dir="+s.file("etc"))...); err != nil {
		return err
	}
	return s.start("kube-scheduler", common("scheduler", "--cert-dir="+s.file("etc"))...)
}
