package standalone

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/meshctl/meshctl/internal/meshstate"
)

// Join is what a workload needs to know of the mesh that it joins.
type Join struct {
	// Layout of the directory in which workloads of the mesh keep their state on this machine.
	Layout Layout
	// XDSAddress is "host:port" of the control plane.
	XDSAddress  string
	TrustDomain string
	// Admin is the control plane's admin API where it can be reached, else empty.
	Admin string
	// Credentials make tokens and roots; when nil, TokenFile and RootFile are used as they are.
	Credentials         *Credentials
	TokenFile, RootFile string
}

// Local joins the mesh that runs on this machine with its state in dir. The error is meshstate.ErrNotFound when none does.
func Local(dir string) (Join, error) {
	state, err := meshstate.Load(dir)
	if err != nil {
		return Join{}, err
	}
	credentials, err := OpenCredentials(dir, state.TrustDomain)
	if err != nil {
		return Join{}, err
	}
	return Join{Layout: Layout{dir}, XDSAddress: reachable(state.XDSAddress), Admin: state.AdminAddress, TrustDomain: state.TrustDomain, Credentials: credentials}, nil
}

// reachable is the loopback address of one that listens on all.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return address
	}
	return net.JoinHostPort("127.0.0.1", port)
}

// Remote joins a mesh by the address of its control plane, with a token and roots that somebody copied here. State is kept in dir.
func Remote(dir, address, trustDomain, tokenFile, rootFile string) (Join, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		return Join{}, fmt.Errorf("control plane address %q: give HOST:PORT", address)
	}
	j := Join{Layout: Layout{dir}, XDSAddress: address, TrustDomain: trustDomain}
	for _, file := range []struct {
		what, path string
		to         *string
	}{{"token", tokenFile, &j.TokenFile}, {"root certificates", rootFile, &j.RootFile}} {
		if file.path == "" {
			return j, fmt.Errorf("to join from elsewhere, give a file with the %s (see `meshctl standalone token` and `root`)", file.what)
		}
		if _, err := os.Stat(file.path); err != nil {
			return j, fmt.Errorf("file with the %s: %w", file.what, err)
		}
		absolute, err := filepath.Abs(file.path)
		if err != nil {
			return j, err
		}
		*file.to = absolute
	}
	return j, nil
}

// files puts the credentials of a workload into its directory and returns how to renew them.
func (j Join) files(dir string, o WorkloadOptions) (root, token string, renew tokenFile, err error) {
	if j.Credentials == nil {
		return j.RootFile, j.TokenFile, tokenFile{}, nil
	}
	root, token = filepath.Join(dir, "root.pem"), filepath.Join(dir, "token")
	renew = tokenFile{token, o.Namespace, o.ServiceAccount, j.Credentials, o.Log}
	if err := meshstate.WriteFile(root, j.Credentials.Roots()); err != nil {
		return "", "", renew, explainDisk(dir, err)
	}
	return root, token, renew, renew.renew()
}

var errNoLocalPort = errors.New("a program needs a port for its calls, and the proxy gave none")
