package random

// rules make the parts of a message fit each other, as an author would.
var rules = map[string]func(g *Generator, m object){
	"VirtualService": func(g *Generator, m object) {
		if m["http"] == nil && m["tls"] == nil && m["tcp"] == nil {
			m["http"] = []any{object{"route": []any{object{"destination": object{"host": "web"}}}}}
		}
	},
	"HTTPRoute": func(g *Generator, m object) {
		actions := []string{"route", "redirect", "directResponse", "delegate"}
		keep := g.pick("route", "route", "route", "redirect", "directResponse", "delegate")
		for _, a := range actions {
			if a != keep {
				delete(m, a)
			}
		}
		if m[keep] == nil {
			m["route"] = []any{object{"destination": object{"host": g.pick(hosts...)}}}
		}
	},
	"HTTPMatchRequest": func(g *Generator, m object) {
		if g.chance(60) { // of a mesh, not of one workload
			delete(m, "sourceLabels")
			delete(m, "sourceNamespace")
		}
	},
	"Sidecar":             func(g *Generator, m object) { delete(m, "inboundConnectionPool") },
	"Server":              server,
	"ClientTLSSettings":   func(g *Generator, m object) { certificates(m, "clientCertificate", m["mode"] == "MUTUAL") },
	"ServerTLSSettings":   func(g *Generator, m object) { m["credentialName"] = g.pick("gateway-cert", "gateway-mtls") },
	"IstioEgressListener": func(g *Generator, m object) { delete(m, "captureMode") },
	"Subset":              func(_ *Generator, m object) { m["labels"] = object{"version": m["name"]} },
	"AuthorizationPolicy": func(g *Generator, m object) {
		if m["action"] == "CUSTOM" && m["provider"] == nil {
			m["provider"] = object{"name": "ext-http"}
		}
		if m["selector"] != nil {
			delete(m, "targetRef")
			delete(m, "targetRefs")
		}
	},
}

// server makes protocol and tls of a gateway's server fit.
func server(g *Generator, m object) {
	port, ok := m["port"].(object)
	if !ok {
		return
	}
	switch port["protocol"] {
	case "HTTPS", "TLS":
		if m["tls"] == nil {
			m["tls"] = object{"mode": g.pick("SIMPLE", "MUTUAL", "PASSTHROUGH", "ISTIO_MUTUAL", "OPTIONAL_MUTUAL", "AUTO_PASSTHROUGH"), "credentialName": "gateway-cert"}
		}
	default:
		delete(m, "tls")
		if g.chance(20) && port["protocol"] != "TCP" {
			m["tls"] = object{"httpsRedirect": true}
		}
	}
}

// certificates leaves out files that only belong to another mode.
func certificates(m object, file string, wanted bool) {
	if !wanted {
		delete(m, file)
		delete(m, "privateKey")
	}
}
