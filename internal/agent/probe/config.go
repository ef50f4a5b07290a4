// Package probe asks a program whether it is ready, as the readiness probe of its WorkloadGroup says
// (https://istio.io/latest/docs/reference/config/networking/workload-group/#ReadinessProbe).
package probe

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Config is istio.networking.v1alpha3.ReadinessProbe under its JSON names; times are seconds.
type Config struct {
	InitialDelay     int32       `json:"initialDelaySeconds"`
	Timeout          int32       `json:"timeoutSeconds"`
	Period           int32       `json:"periodSeconds"`
	SuccessThreshold int32       `json:"successThreshold"`
	FailureThreshold int32       `json:"failureThreshold"`
	HTTP             *HTTPGet    `json:"httpGet"`
	TCP              *TCPSocket  `json:"tcpSocket"`
	Exec             *Exec       `json:"exec"`
	GRPC             *GRPCHealth `json:"grpc"`
}

// HTTPGet succeeds with a status from 200 to 399.
type HTTPGet struct {
	Path    string   `json:"path"`
	Port    uint32   `json:"port"`
	Host    string   `json:"host"`
	Scheme  string   `json:"scheme"`
	Headers []Header `json:"httpHeaders"`
}

// Header is one header of the request.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// TCPSocket succeeds when the port accepts a connection.
type TCPSocket struct {
	Host string `json:"host"`
	Port uint32 `json:"port"`
}

// Exec succeeds when the command ends with status 0.
type Exec struct {
	Command []string `json:"command"`
}

// GRPCHealth succeeds when grpc.health.v1.Health says SERVING.
type GRPCHealth struct {
	Port    uint32 `json:"port"`
	Service string `json:"service"`
}

// Target is where the program is.
type Target struct {
	// Host is used where the probe names none; 127.0.0.1 when empty.
	Host string
	// Ports maps the ports that a probe names to those on which the program really listens; others stay as they are.
	Ports map[uint32]uint32
	// Source is the local address of probes over the network; any when nil.
	Source net.IP
}

func (t Target) dialer() *net.Dialer {
	if t.Source == nil {
		return &net.Dialer{}
	}
	return &net.Dialer{LocalAddr: &net.TCPAddr{IP: t.Source}}
}

func (t Target) address(host string, port uint32) string {
	if host == "" {
		host = t.Host
	}
	if host == "" {
		host = "127.0.0.1"
	}
	if local, ok := t.Ports[port]; ok {
		port = local
	}
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}

// Parse reads a probe and makes its check. Fields that are not set have the documented defaults: timeout 1 s, period 10 s,
// thresholds 1 and 3.
func Parse(data []byte, target Target) (*Probe, error) {
	var c Config
	if err := json.Unmarshal(data, &c); err != nil {
		return nil, fmt.Errorf("readiness probe: %w", err)
	}
	check, err := c.check(target)
	if err != nil {
		return nil, fmt.Errorf("readiness probe: %w", err)
	}
	seconds := func(n, otherwise int32) time.Duration {
		if n < 1 {
			n = otherwise
		}
		return time.Duration(n) * time.Second
	}
	return &Probe{
		Check: check, Delay: seconds(c.InitialDelay, 0), Timeout: seconds(c.Timeout, 1), Period: seconds(c.Period, 10),
		Successes: max(int(c.SuccessThreshold), 1), Failures: orDefault(int(c.FailureThreshold), 3),
	}, nil
}

func orDefault(n, otherwise int) int {
	if n < 1 {
		return otherwise
	}
	return n
}

func (c Config) check(target Target) (Check, error) {
	switch {
	case c.HTTP != nil:
		scheme := strings.ToLower(c.HTTP.Scheme)
		if scheme == "" {
			scheme = "http"
		}
		if scheme != "http" && scheme != "https" {
			return nil, fmt.Errorf("httpGet.scheme %q: use HTTP or HTTPS", c.HTTP.Scheme)
		}
		path := "/" + strings.TrimPrefix(c.HTTP.Path, "/")
		url := scheme + "://" + target.address(c.HTTP.Host, c.HTTP.Port) + path
		if _, err := http.NewRequest(http.MethodGet, url, nil); err != nil {
			return nil, err
		}
		return httpCheck(target.dialer(), url, c.HTTP.Headers), nil
	case c.TCP != nil:
		return tcpCheck(target.dialer(), target.address(c.TCP.Host, c.TCP.Port)), nil
	case c.Exec != nil:
		if len(c.Exec.Command) == 0 {
			return nil, errors.New("exec.command is empty")
		}
		return execCheck(c.Exec.Command), nil
	case c.GRPC != nil:
		return grpcCheck(target.dialer(), target.address("", c.GRPC.Port), c.GRPC.Service), nil
	}
	return nil, errors.New("it has none of httpGet, tcpSocket, exec, grpc")
}
