//go:build linux

package e2e_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/meshctl/meshctl/test/e2e/rig"
)

// envoys are clients of the admin interfaces of all Envoys on this machine, each in the network of its pod.
func envoys(t *testing.T) (clients []*http.Client) {
	t.Helper()
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	must(t, err)
	for _, file := range names {
		if name, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(name)) == "envoy" {
			transport := &http.Transport{DialContext: dialer(filepath.Join(filepath.Dir(file), "ns/net"))}
			t.Cleanup(transport.CloseIdleConnections)
			clients = append(clients, &http.Client{Transport: transport, Timeout: 5 * time.Second})
		}
	}
	return clients
}

// dialer connects from within a network namespace.
func dialer(namespace string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		done := make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread() // and never unlocked: the thread ends with its goroutine
			var file *os.File
			if file, err = os.Open(namespace); err != nil {
				return
			}
			defer file.Close()
			if err = unix.Setns(int(file.Fd()), unix.CLONE_NEWNET); err == nil {
				conn, err = new(net.Dialer).DialContext(ctx, network, address)
			}
		}()
		<-done
		return conn, err
	}
}

// spread changes the endpoint of the service and returns after what time each Envoy had it, as far as asking every 100 ms tells.
func spread(t *testing.T, clients []*http.Client, namespace, address string) []time.Duration {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rig.Apply(t, namespace, fmt.Sprintf(`apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: {name: watched, labels: {kubernetes.io/service-name: watched}}
addressType: IPv4
ports: [{name: http, port: 80, protocol: TCP}]
endpoints: [{addresses: [%s], conditions: {ready: true}}]
`, address))
	began := time.Now()
	delays := make([]time.Duration, len(clients))
	var all sync.WaitGroup
	for i, client := range clients {
		all.Go(func() {
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for !has(ctx, client, "::"+address+":80::") {
				select {
				case <-ctx.Done():
					t.Errorf("an Envoy does not have %s: %v", address, ctx.Err())
					return
				case <-tick.C:
				}
			}
			delays[i] = time.Since(began)
		})
	}
	all.Wait()
	return delays
}

// has asks an Envoy whether its clusters have an endpoint.
func has(ctx context.Context, client *http.Client, endpoint string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:15000/clusters", nil)
	if err != nil {
		return false
	}
	answer, err := client.Do(request)
	if err != nil {
		return false
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return err == nil && strings.Contains(string(body), endpoint)
}
