package admin

import (
	"context"
	"regexp"
	"strconv"
	"strings"
)

// Load is what Envoy is doing for its clients.
type Load struct {
	// Connections are open to its listeners, the admin interface left out.
	Connections int
	// Busy are those of the connections that are not HTTP, plus the HTTP requests that have no answer yet.
	Busy int
}

var (
	listenerStat = regexp.MustCompile(`^listener\.([^.]*(?:\.[^.]*){3}|\[.*\])_(\d+)\.downstream_cx_active$`)
	httpStat     = regexp.MustCompile(`^http\.(.+)\.downstream_(cx|rq)_active$`)
)

// Load returns Envoy's load. ports, when not nil, limits it to the listeners on these ports and to HTTP connection managers
// whose stat_prefix begins with "inbound".
func (c Client) Load(ctx context.Context, ports map[uint32]bool) (Load, error) {
	stats, err := c.stats(ctx, `^(listener|http)\..*\.downstream_(cx|rq)_active$`)
	if err != nil {
		return Load{}, err
	}
	return load(stats, ports), nil
}

func load(stats map[string]int, ports map[uint32]bool) Load {
	connections, http, requests := 0, 0, 0
	for name, value := range stats {
		if m := listenerStat.FindStringSubmatch(name); m != nil {
			port, _ := strconv.ParseUint(m[2], 10, 32)
			if ports == nil || ports[uint32(port)] {
				connections += value
			}
		}
		m := httpStat.FindStringSubmatch(name)
		if m == nil || m[1] == "admin" || (ports != nil && !strings.HasPrefix(m[1], "inbound")) {
			continue
		}
		if m[2] == "cx" {
			http += value
		} else {
			requests += value
		}
	}
	return Load{Connections: connections, Busy: max(0, connections-http) + requests}
}
