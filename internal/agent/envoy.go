package agent

import (
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
	// adminPort that the last life had: the next one tries it first, since others know it.
	adminPort uint16
}

func newLauncher(o Options, sdsPath string, status net.Addr) (*launcher, error) {
	l := &launcher{
		o: o, sdsPath: sdsPath, adminPort: o.AdminPort,
		config:      filepath.Join(o.StateDir, "bootstrap.json"),
		addressFile: filepath.Join(o.StateDir, "admin-address"),
	}
	if tcp, ok := status.(*net.TCPAddr); ok {
		l.statusPort = tcp.AddrPort().Port()
	}
	return l, l.write()
}

func (l *launcher) write() error {
	server, err := l.o.xds()
	if err != nil {
		return err
	}
	doc, err := bootstrap.Render(bootstrap.Input{
		Node: l.o.node(), AdminPort: l.adminPort, XDS: server, SDSPath: l.sdsPath, StatusPort: l.statusPort,
		HealthPort: l.o.HealthPort, PrometheusPort: l.o.PrometheusPort, Stats: l.o.Stats,
	})
	if err == nil {
		err = meshstate.WriteFile(l.config, doc)
	}
	if err != nil {
		return fmt.Errorf("write Envoy's bootstrap: %w", err)
	}
	return nil
}

// args prepares the next life and returns its arguments.
func (l *launcher) args() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.write(); err != nil {
		l.o.Log.Warn("Envoy starts with its earlier bootstrap", "error", err)
	}
	// An address that the last life left must not pass for that of the next.
	_ = os.Remove(l.addressFile)
	// Until it has shown that it can, this life may be one that cannot have the port.
	l.adminPort = l.o.AdminPort
	args := []string{
		"-c", l.config, "--admin-address-path", l.addressFile, "--disable-hot-restart",
		"--drain-time-s", strconv.Itoa(max(1, int(l.o.DrainDuration/time.Second))), "--drain-strategy", "immediate",
		// Envoy warns at every start of fields that it calls deprecated and that the API has no other words for.
		"-l", l.o.LogLevel, "--component-log-level", "misc:error",
	}
	if l.o.Concurrency > 0 {
		args = append(args, "--concurrency", strconv.Itoa(l.o.Concurrency))
	}
	return args
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
