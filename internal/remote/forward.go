package remote

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/internal/adminapi"
)

// PodOf returns a ready pod that one of the label selectors selects, the first by name: in the first of the namespaces that has one. An empty
// namespace means all of them.
func (c *Cluster) PodOf(ctx context.Context, namespaces, selectors []string) (namespace, pod string, err error) {
	unready := 0
	for _, n := range namespaces {
		for _, s := range selectors {
			pods, err := c.pods(ctx, n, s)
			if err != nil {
				return "", "", err
			}
			slices.SortFunc(pods, func(a, b corev1.Pod) int {
				return strings.Compare(a.Namespace+"/"+a.Name, b.Namespace+"/"+b.Name)
			})
			for _, p := range pods {
				if Ready(p) {
					return p.Namespace, p.Name, nil
				}
				unready++
			}
		}
	}
	if unready > 0 {
		return "", "", fmt.Errorf("cluster %s: none of %d pods with label %s is ready", c.Name, unready, strings.Join(selectors, " or "))
	}
	return "", "", fmt.Errorf("cluster %s has no pod with label %s", c.Name, strings.Join(selectors, " or "))
}

// DialEnvoy connects to the admin interface of a proxy's Envoy.
func (c *Cluster) DialEnvoy(ctx context.Context, p adminapi.Proxy) (net.Conn, error) {
	port := envoyPort
	if told, err := netip.ParseAddrPort(p.AdminAddress); err == nil {
		port = int(told.Port())
	}
	return c.Dialer.DialPod(ctx, p.Namespace, p.Name, port)
}

// DialAdmin connects to the admin API of a replica of the control plane.
func (c *Cluster) DialAdmin(ctx context.Context, i Instance) (net.Conn, error) {
	return c.Dialer.DialPod(ctx, c.System, i.Pod, adminPort)
}
