package standalone

import (
	"fmt"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/internal/standalone"
)

func workloads(now time.Time) printer.Table[standalone.Workload] {
	type w = standalone.Workload
	return printer.Table[w]{Columns: []printer.Column[w]{
		{Name: "WORKLOAD", Value: func(x w) string { return x.Name + "." + x.Namespace }},
		{Name: "TYPE", Value: func(x w) string { return x.Type }},
		{Name: "HEALTH", Value: health, Level: func(x w) printer.Level { return level(x.Healthy) }},
		{Name: "SYNCED", Value: func(x w) string { return yes(x.Synced) }, Level: func(x w) printer.Level { return level(x.Synced) }},
		{Name: "PORTS", Value: portsOf},
		{Name: "HTTP PROXY", Value: func(x w) string { return dash(x.Proxy) }},
		{Name: "IDENTITY", Value: func(x w) string { return dash(x.Identity) }},
		{Name: "CERT EXPIRES", Value: func(x w) string { return expires(x, now) }, Level: func(x w) printer.Level {
			return level(x.CertificateError == "" && x.CertificateExpires.After(now))
		}},
		{Name: "ENVOY ADMIN", Wide: true, Value: func(x w) string { return dash(x.AdminAddress) }},
		{Name: "AGENT", Wide: true, Value: func(x w) string { return dash(x.StatusAddress) }},
		{Name: "RESTARTS", Wide: true, Value: func(x w) string { return fmt.Sprint(x.Restarts) }},
		{Name: "AGENT PID", Wide: true, Value: func(x w) string { return fmt.Sprint(x.AgentPID) }},
		{Name: "ENVOY PID", Wide: true, Value: func(x w) string { return fmt.Sprint(x.EnvoyPID) }},
	}}
}

func health(x standalone.Workload) string {
	if x.Healthy {
		return "healthy"
	}
	return "unhealthy: " + x.Reason
}

// portsOf shows where the program of a sidecar takes requests, or where a gateway does.
func portsOf(x standalone.Workload) string {
	var out []string
	for _, p := range x.Ports {
		out = append(out, p.String())
	}
	if len(out) == 0 {
		out = standalone.IngressURLs(x.Listeners)
	}
	return dash(strings.Join(out, ","))
}

func expires(x standalone.Workload, now time.Time) string {
	switch {
	case x.CertificateError != "":
		return x.CertificateError
	case x.CertificateExpires.IsZero():
		return "-"
	case now.After(x.CertificateExpires):
		return "expired"
	}
	return "in " + x.CertificateExpires.Sub(now).Round(time.Minute).String()
}

func level(good bool) printer.Level {
	if good {
		return printer.Good
	}
	return printer.Bad
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
