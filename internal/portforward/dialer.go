// Package portforward connects to ports of pods through the API server, as `kubectl port-forward` does
// (https://kubernetes.io/docs/reference/kubectl/generated/kubectl_port-forward/), without a listener on this machine.
package portforward

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"
	"k8s.io/streaming/pkg/httpstream"
)

const protocol = "portforward.k8s.io"

// Dialer connects to pods of a cluster. Its methods are safe for concurrent use.
type Dialer struct {
	Config *rest.Config
}

// DialPod connects to a TCP port of a pod, as a program in the pod would reach it at 127.0.0.1. Each connection has a request of its own to
// the API server: a WebSocket, or SPDY where that is refused (before Kubernetes 1.31, and by some proxies). ctx bounds the dialling only.
//
// A port at which nothing listens is found out by the kubelet, after DialPod has returned: it is an error of the first Read.
func (d Dialer) DialPod(ctx context.Context, namespace, pod string, port int) (net.Conn, error) {
	address := addr(fmt.Sprintf("%s.%s:%d", pod, namespace, port))
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		c, err := d.dial(namespace, pod, port, address)
		done <- result{c, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, fmt.Errorf("connect to port %d of pod %s/%s: %w", port, namespace, pod, r.err)
		}
		return r.conn, nil
	case <-ctx.Done():
		// client-go's dialers take no context; they end by time limits of their own.
		go func() {
			if r := <-done; r.err == nil {
				_ = r.conn.Close()
			}
		}()
		return nil, fmt.Errorf("connect to port %d of pod %s/%s: %w", port, namespace, pod, ctx.Err())
	}
}

func (d Dialer) dial(namespace, pod string, port int, address addr) (net.Conn, error) {
	dialer, err := d.dialer(namespace, pod)
	if err != nil {
		return nil, err
	}
	connection, _, err := dialer.Dial(protocol)
	if err != nil {
		return nil, reason(err)
	}
	headers := http.Header{}
	headers.Set(corev1.PortHeader, strconv.Itoa(port))
	headers.Set(corev1.PortForwardRequestIDHeader, "0")
	headers.Set(corev1.StreamType, corev1.StreamTypeError)
	failures, err := connection.CreateStream(headers)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	_ = failures.Close() // this side writes nothing to it
	headers.Set(corev1.StreamType, corev1.StreamTypeData)
	data, err := connection.CreateStream(headers)
	if err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return newConn(connection, data, failures, address), nil
}

func (d Dialer) dialer(namespace, pod string) (httpstream.Dialer, error) {
	config := rest.CopyConfig(d.Config)
	config.GroupVersion, config.APIPath = &corev1.SchemeGroupVersion, "/api"
	base, path, err := rest.DefaultServerUrlFor(config)
	if err != nil {
		return nil, err
	}
	at := base.JoinPath(path, "namespaces", url.PathEscape(namespace), "pods", url.PathEscape(pod), "portforward")
	websocket, err := portforward.NewSPDYOverWebsocketDialerForStreaming(at, config)
	if err != nil {
		return nil, err
	}
	transport, upgrader, err := spdy.RoundTripperFor(config)
	if err != nil {
		return nil, err
	}
	fallback := spdy.NewDialerForStreaming(upgrader, &http.Client{Transport: transport}, http.MethodPost, at)
	return portforward.NewFallbackDialerForStreaming(websocket, fallback, refusesWebSockets), nil
}

// refusesWebSockets tells a server that does not know WebSockets from one that refuses the user or the pod.
func refusesWebSockets(err error) bool {
	var status *apierrors.StatusError
	if errors.As(reason(err), &status) && status.ErrStatus.Code != http.StatusBadRequest {
		return false
	}
	return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
}

// reason is why an upgrade failed, without the words around it.
func reason(err error) error {
	var failure *httpstream.UpgradeFailureError
	if errors.As(err, &failure) && failure.Cause != nil {
		return failure.Cause
	}
	return err
}
