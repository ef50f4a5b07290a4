package extension

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// newClient returns the client for modules and images. It goes to no link-local address: those serve a machine's own metadata, which
// no URL in a configuration may read.
func newClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, Control: func(_, address string, _ syscall.RawConn) error {
		return reachable(address)
	}}
	return &http.Client{Transport: &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, TLSHandshakeTimeout: 10 * time.Second,
		ResponseHeaderTimeout: 20 * time.Second, MaxIdleConnsPerHost: 1, IdleConnTimeout: 5 * time.Second, ForceAttemptHTTP2: true,
	}}
}

// metadataServices are those of clouds that are not link-local.
var metadataServices = [...]netip.Addr{netip.MustParseAddr("100.100.100.200"), netip.MustParseAddr("fd00:ec2::254")}

func reachable(address string) error {
	peer, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	ip := peer.Addr().Unmap().WithZone("")
	if ip.IsLinkLocalUnicast() || ip == metadataServices[0] || ip == metadataServices[1] {
		return fmt.Errorf("%s serves a machine's metadata, no modules", ip)
	}
	return nil
}

// download writes the module at a URL to w.
func download(ctx context.Context, client *http.Client, url string, w io.Writer) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New("the server answered " + response.Status)
	}
	return unpack(w, response.Body)
}
