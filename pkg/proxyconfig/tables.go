package proxyconfig

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/printer"
)

// The tables say how rows are shown, by the CLI and the TUI alike. The first columns are those of istioctl.

func number0(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func stateLevel(s State) printer.Level {
	switch s {
	case Failed:
		return printer.Bad
	case Warming, Draining:
		return printer.Warn
	default:
		return printer.Plain
	}
}

// ListenerTable shows filter chains.
func ListenerTable() printer.Table[ListenerRow] {
	return printer.Table[ListenerRow]{Columns: []printer.Column[ListenerRow]{
		{Name: "ADDRESSES", Value: func(r ListenerRow) string { return strings.Join(r.Addresses, ",") }},
		{Name: "PORT", Value: func(r ListenerRow) string { return strconv.Itoa(r.Port) }},
		{Name: "MATCH", Value: func(r ListenerRow) string { return r.Match }},
		{Name: "DESTINATION", Value: listenerDestination, Level: func(r ListenerRow) printer.Level { return stateLevel(r.State) }},
		{Name: "NAME", Wide: true, Value: func(r ListenerRow) string { return r.Name }},
		{Name: "TYPE", Wide: true, Value: func(r ListenerRow) string { return r.Type }},
		{Name: "TLS", Wide: true, Value: func(r ListenerRow) string { return r.TLS }},
		{Name: "STATE", Wide: true, Value: func(r ListenerRow) string { return string(r.State) }},
		{Name: "ORIGIN", Wide: true, Value: func(r ListenerRow) string { return origins(r.Origins) }},
	}}
}

// A table that hides that a listener is not in use would mislead.
func listenerDestination(r ListenerRow) string {
	switch r.State {
	case Failed, Warming, Draining:
		return r.Destination + " (" + string(r.State) + ")"
	default:
		return r.Destination
	}
}

func origins(list []Origin) string {
	out := make([]string, len(list))
	for i, o := range list {
		out[i] = strings.TrimSuffix(o.Kind+"/"+o.Namespace, "/") + "/" + o.Name
	}
	return strings.Join(out, ",")
}

// RouteTable shows routes.
func RouteTable() printer.Table[RouteRow] {
	return printer.Table[RouteRow]{Columns: []printer.Column[RouteRow]{
		{Name: "NAME", Value: func(r RouteRow) string { return r.Name }},
		{Name: "VHOST NAME", Value: func(r RouteRow) string { return r.VirtualHost }},
		{Name: "DOMAINS", Value: func(r RouteRow) string { return domains(r.Domains) }},
		{Name: "MATCH", Value: func(r RouteRow) string { return r.Match }},
		{Name: "VIRTUAL SERVICE", Value: func(r RouteRow) string { return r.VirtualService }},
		{Name: "DESTINATION", Wide: true, Value: func(r RouteRow) string { return r.Destination }},
		{Name: "ROUTE", Wide: true, Value: func(r RouteRow) string { return r.Route }},
		{Name: "STATE", Wide: true, Value: func(r RouteRow) string { return string(r.State) }},
	}}
}

func domains(all []string) string {
	const shown = 2
	if len(all) <= shown {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s + %d more...", strings.Join(all[:shown], ", "), len(all)-shown)
}

// ClusterTable shows clusters.
func ClusterTable() printer.Table[ClusterRow] {
	return printer.Table[ClusterRow]{Columns: []printer.Column[ClusterRow]{
		{Name: "SERVICE FQDN", Value: func(r ClusterRow) string { return r.FQDN }},
		{Name: "PORT", Value: func(r ClusterRow) string { return number0(r.Port) }},
		{Name: "SUBSET", Value: func(r ClusterRow) string { return r.Subset }},
		{Name: "DIRECTION", Value: func(r ClusterRow) string { return r.Direction }},
		{Name: "TYPE", Value: func(r ClusterRow) string { return r.Type }},
		{Name: "DESTINATION RULE", Value: func(r ClusterRow) string { return r.DestinationRule }},
		{Name: "NAME", Wide: true, Value: func(r ClusterRow) string { return r.Name }},
		{Name: "STATE", Wide: true, Value: func(r ClusterRow) string { return string(r.State) },
			Level: func(r ClusterRow) printer.Level { return stateLevel(r.State) }},
		{Name: "ORIGIN", Wide: true, Value: func(r ClusterRow) string { return origins(r.Origins) }},
	}}
}

// EndpointTable shows endpoints.
func EndpointTable() printer.Table[EndpointRow] {
	return printer.Table[EndpointRow]{Columns: []printer.Column[EndpointRow]{
		{Name: "ENDPOINT", Value: func(r EndpointRow) string { return r.Endpoint }},
		{Name: "STATUS", Value: func(r EndpointRow) string { return r.Status }, Level: healthLevel},
		{Name: "OUTLIER CHECK", Value: func(r EndpointRow) string { return r.OutlierCheck }, Level: outlierLevel},
		{Name: "CLUSTER", Value: func(r EndpointRow) string { return r.Cluster }},
		{Name: "WEIGHT", Wide: true, Value: func(r EndpointRow) string { return strconv.Itoa(r.Weight) }},
		{Name: "PRIORITY", Wide: true, Value: func(r EndpointRow) string { return strconv.Itoa(r.Priority) }},
		{Name: "LOCALITY", Wide: true, Value: func(r EndpointRow) string { return r.Locality }},
		{Name: "REQUESTS", Wide: true, Value: func(r EndpointRow) string { return number0(r.Stats["rq_total"]) }},
		{Name: "ERRORS", Wide: true, Value: func(r EndpointRow) string { return number0(r.Stats["rq_error"]) }},
	}}
}

func healthLevel(r EndpointRow) printer.Level {
	switch r.Status {
	case "HEALTHY":
		return printer.Good
	case "DEGRADED", "DRAINING":
		return printer.Warn
	default:
		return printer.Bad
	}
}

func outlierLevel(r EndpointRow) printer.Level {
	if r.OutlierCheck == "FAILED" {
		return printer.Bad
	}
	return printer.Plain
}

// SecretTable shows certificates.
func SecretTable() printer.Table[SecretRow] {
	return printer.Table[SecretRow]{Columns: []printer.Column[SecretRow]{
		{Name: "RESOURCE NAME", Value: func(r SecretRow) string { return r.Name }},
		{Name: "TYPE", Value: func(r SecretRow) string { return r.Type }},
		{Name: "STATUS", Value: func(r SecretRow) string { return r.Status }},
		{Name: "VALID CERT", Value: func(r SecretRow) string { return strconv.FormatBool(r.Valid) }, Level: validLevel},
		{Name: "SERIAL NUMBER", Value: func(r SecretRow) string { return r.Serial }},
		{Name: "NOT AFTER", Value: func(r SecretRow) string { return instant(r.NotAfter) }},
		{Name: "NOT BEFORE", Value: func(r SecretRow) string { return instant(r.NotBefore) }},
		{Name: "SPIFFE ID", Value: func(r SecretRow) string { return r.SPIFFE }},
		{Name: "ISSUER", Wide: true, Value: func(r SecretRow) string { return r.Issuer }},
		{Name: "SHA256", Wide: true, Value: func(r SecretRow) string { return r.Fingerprint }},
	}}
}

func validLevel(r SecretRow) printer.Level {
	if r.Valid {
		return printer.Good
	}
	return printer.Bad
}

func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// ExtensionTable shows extension configurations.
func ExtensionTable() printer.Table[ExtensionRow] {
	return printer.Table[ExtensionRow]{Columns: []printer.Column[ExtensionRow]{
		{Name: "ECDS NAME", Value: func(r ExtensionRow) string { return r.Name }},
		{Name: "TYPE", Value: func(r ExtensionRow) string { return r.Type }},
		{Name: "STATE", Wide: true, Value: func(r ExtensionRow) string { return string(r.State) }},
	}}
}

// BootstrapTable shows the facts of the bootstrap.
func BootstrapTable() printer.Table[BootstrapRow] {
	return printer.Table[BootstrapRow]{Columns: []printer.Column[BootstrapRow]{
		{Name: "NAME", Value: func(r BootstrapRow) string { return r.Name }},
		{Name: "VALUE", Value: func(r BootstrapRow) string { return r.Value }},
	}}
}

// LogTable shows loggers.
func LogTable() printer.Table[LogRow] {
	return printer.Table[LogRow]{Columns: []printer.Column[LogRow]{
		{Name: "LOGGER", Value: func(r LogRow) string { return r.Logger }},
		{Name: "LEVEL", Value: func(r LogRow) string { return r.Level }},
	}}
}
