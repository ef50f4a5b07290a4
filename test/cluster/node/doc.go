// Package node runs real Kubernetes clusters on one Linux machine, in namespaces of their own (network, mounts, processes, names, IPC, and with
// version 2 of control groups those): etcd, the control plane, kubelet, kube-proxy, containerd and CoreDNS, in about six seconds. Root is
// needed; outside of the namespaces nothing changes but the cluster's directory and its control groups. Processes of a cluster are the calling
// program itself, which therefore has to call Reexec first.
package node
