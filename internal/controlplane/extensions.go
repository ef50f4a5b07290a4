package controlplane

import (
	"slices"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/xdsserver"
)

// agentName is the user agent of the streams on which agents ask for what they fetch for their proxies: extensions.
const agentName = "mesh-agent"

// statuses are the streams of proxies, and by node what their agents ask for.
func (c *ControlPlane) statuses() (proxies []xdsserver.ProxyStatus, fetched map[string][]adminapi.TypeSync) {
	fetched = map[string][]adminapi.TypeSync{}
	for _, status := range slices.Concat(c.secure.Status(), c.plain.Status()) {
		if status.UserAgent != agentName {
			proxies = append(proxies, status)
			continue
		}
		if s, ok := status.Session.(*session); ok {
			for _, t := range status.Types {
				fetched[status.Node] = append(fetched[status.Node], c.typeSync(s.View(), t))
			}
		}
	}
	return proxies, fetched
}

// addFetched adds what a proxy's agent asks for. What the proxy asks for itself as well is in sync when both are.
func addFetched(p *adminapi.Proxy, fetched []adminapi.TypeSync) {
	for _, t := range fetched {
		i := slices.IndexFunc(p.Sync, func(own adminapi.TypeSync) bool { return own.Type == t.Type })
		switch {
		case i < 0:
			p.Sync = append(p.Sync, t)
		case p.Sync[i].State == adminapi.Synced || t.State == adminapi.Rejected:
			p.Sync[i] = t
		}
	}
}
