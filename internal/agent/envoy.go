package agent

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/agent/bootstrap"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// launcher prepares each life of Envoy.
type launcher struct {
	o           Options
	sdsPath     string
	statusPort  uint16
	config      string
	addressFile string

	mu sync.Mutex
	// settings of the last life.
	settings settings
	// adminPort that the last life had: the next one tries it first, since others know it.
	adminPort uint16
}

func newLauncher(o Options, sdsPath string, status net.Addr) (*launcher, error) {
	l := &launcher{
		o: o, settings: o.settings(""), sdsPath: sdsPath, adminPort: o.AdminPort,
		config:      filepath.Join(o.StateDir, "bootstrap.json"),
		addressFile: filepath.Join(o.StateDir, "admin-address"),
	}
	if tcp, ok := status.(*net.TCPAddr); ok {
		l.statusPort = tcp.AddrPort().Port()
	}
	return l, l.write()
}

// render returns the bootstrap of the present settings with patches.
func (l *launcher) render(patches []bootstrap.Patch) ([]byte, error) {
	server, err := l.o.xds()
	if err != nil {
		return nil, err
	}
	return bootstrap.Render(bootstrap.Input{
		Node: l.node(), AdminPort: l.adminPort, XDS: server, SDSPath: l.sdsPath, StatusPort: l.statusPort,
		HealthPort: l.o.HealthPort, PrometheusPort: l.o.PrometheusPort, Stats: l.settings.stats,
		Runtime: l.settings.runtime, Patches: patches,
	})
}

func (l *launcher) write() error {
	doc, err := l.render(l.settings.patches)
	if err == nil {
		err = meshstate.WriteFile(l.config, doc)
	}
	if err != nil {
		return fmt.Errorf("write Envoy's bootstrap: %w", err)
	}
	return nil
}

// node is who the present life says it is.
func (l *launcher) node() bootstrap.Node {
	node := l.o.node()
	node.ProxyConfig, node.Metadata = l.settings.document, l.settings.metadata
	return node
}

// args prepares the next life and returns its arguments.
func (l *launcher) args(ctx context.Context, next settings) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.settings = next
	l.settings.patches = l.acceptable(ctx, next.patches)
	if err := l.write(); err != nil {
		l.o.Log.Warn("Envoy starts with its earlier bootstrap", "error", err)
	}
	// An address that the last life left must not pass for that of the next.
	_ = os.Remove(l.addressFile)
	// Until it has shown that it can, this life may be one that cannot have the port.
	l.adminPort = l.o.AdminPort
	return append([]string{
		"-c", l.config, "--admin-address-path", l.addressFile, "--disable-hot-restart", "-l", l.o.LogLevel,
	}, next.args()...)
}

// drainTime is how long open connections may take to end when the present life stops.
func (l *launcher) drainTime() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.settings.termination
}

// adminAddress is where the present life listens; empty while it does not.
func (l *launcher) adminAddress() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	data, err := os.ReadFile(l.addressFile)
	address := strings.TrimSpace(string(data))
	_, port, splitErr := net.SplitHostPort(address)
	number, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || splitErr != nil || portErr != nil {
		return ""
	}
	l.adminPort = uint16(number)
	return address
}
