package proxyconfig

import (
	"strings"
)

// Filter selects rows and resources. The zero value selects everything; each field that is set must match. Fields that
// a type does not have are ignored, as istioctl's flags are per type.
type Filter struct {
	FQDN      string // clusters: the host, or a part of it
	Port      int    // clusters, listeners, endpoints
	Subset    string // clusters
	Direction string // clusters, listeners: "inbound" or "outbound"
	Address   string // listeners, endpoints: an IP address or the path of a socket
	Type      string // listeners: "HTTP", "TCP", "HTTP+TCP"; clusters: "EDS", "STRICT_DNS", ...
	Name      string // routes, listeners, secrets, extensions: the exact name
	Cluster   string // endpoints: the exact name
	Status    string // endpoints: "healthy", "unhealthy", ...; secrets: "active", "warming"
	// VirtualHost: routes of one virtual host only, by its name or one of its domains.
	VirtualHost string
}

func match(want, got string) bool { return want == "" || strings.EqualFold(want, got) }

func matchPort(want, got int) bool { return want == 0 || want == got }

func matchAny(want string, got []string) bool {
	if want == "" {
		return true
	}
	for _, g := range got {
		if strings.EqualFold(want, g) {
			return true
		}
	}
	return false
}
