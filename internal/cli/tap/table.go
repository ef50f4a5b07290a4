package tap

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/tap"
)

// widths keep the columns still for requests as they mostly are.
var widths = map[string]int{"TIME": 12, "SOURCE": 16, "DESTINATION": 16, "METHOD": 4, "PATH": 24, "STATUS": 6, "TOOK": 7, "UPSTREAM": 8, "BYTES": 5}

const longest = 60 // cells of a path

// table describes events as one a row.
func table(r tap.Request) printer.Table[tap.Event] {
	column := func(name string, value func(tap.Event) string) printer.Column[tap.Event] {
		return printer.Column[tap.Event]{Name: name, Value: value}
	}
	wide := func(name string, value func(tap.Event) string) printer.Column[tap.Event] {
		return printer.Column[tap.Event]{Name: name, Value: value, Wide: true}
	}
	roomy := func(name string, value func(tap.Event) string) printer.Column[tap.Event] {
		return printer.Column[tap.Event]{Name: name, Value: value, Roomy: true}
	}
	status := column("STATUS", status)
	status.Level = level
	secured := roomy("MTLS", secured)
	secured.Level = func(e tap.Event) printer.Level {
		if e.Security == tap.Plaintext {
			return printer.Warn
		}
		return printer.Plain
	}
	return printer.Table[tap.Event]{Columns: []printer.Column[tap.Event]{
		column("TIME", func(e tap.Event) string { return e.Time.Local().Format("15:04:05.000") }),
		wide("SEEN BY", func(e tap.Event) string { return e.Proxy + " (" + string(e.Side) + ")" }),
		column("SOURCE", func(e tap.Event) string { return source(e, r.Namespace) }),
		column("DESTINATION", func(e tap.Event) string { return destination(e, r.Namespace) }),
		column("METHOD", func(e tap.Event) string {
			if e.Protocol == "TCP" {
				return "TCP"
			}
			return e.Method
		}),
		wide("HOST", func(e tap.Event) string { return e.Authority }),
		column("PATH", func(e tap.Event) string { return printer.Truncate(printer.Escape(e.Path), longest) }),
		status,
		column("TOOK", func(e tap.Event) string { return milliseconds(e.DurationMs) }),
		roomy("UPSTREAM", func(e tap.Event) string {
			if e.UpstreamMs == nil {
				return ""
			}
			return milliseconds(*e.UpstreamMs)
		}),
		secured,
		roomy("BYTES", func(e tap.Event) string { return fmt.Sprintf("%d/%d", e.Received, e.Sent) }),
		wide("TRIES", func(e tap.Event) string { return strconv.Itoa(e.Attempts) }),
		wide("REQUEST ID", func(e tap.Event) string { return e.RequestID }),
		wide("TRACE", func(e tap.Event) string { return e.TraceID }),
		wide("HEADERS", headers),
		column("WHY", func(e tap.Event) string { return e.Explain() }),
	}}
}

// who is a workload with its version, and its namespace unless all are of one.
func who(p tap.Peer, namespace string) string {
	name := p.Workload
	if name == "" {
		return ""
	}
	if p.Version != "" && !strings.HasSuffix(name, p.Version) {
		name += " " + p.Version
	}
	if p.Namespace != namespace && p.Namespace != "default" {
		name += "." + p.Namespace
	}
	return name
}

func source(e tap.Event, namespace string) string {
	if e.Gateway != "" {
		return caller(e, namespace) + " via " + e.Gateway
	}
	return caller(e, namespace)
}

func caller(e tap.Event, namespace string) string {
	if name := who(e.Source, namespace); name != "" {
		return name
	}
	if _, account, found := strings.Cut(e.Source.Identity, "/sa/"); found {
		return "sa/" + account
	}
	if host, _, err := net.SplitHostPort(e.Source.Address); err == nil {
		return host
	}
	return e.Source.Address
}

func destination(e tap.Event, namespace string) string {
	if name := who(e.Destination, namespace); name != "" {
		return name
	}
	if e.Destination.Service != "" {
		return e.Destination.Service
	}
	if e.Destination.Address != "" {
		return e.Destination.Address
	}
	return e.Authority
}

// status is the response's code with Envoy's flags, and the status of gRPC.
func status(e tap.Event) string {
	var parts []string
	switch {
	case e.Status != 0:
		parts = append(parts, strconv.Itoa(e.Status))
	case e.Protocol != "TCP":
		parts = append(parts, "none")
	}
	if e.GRPC != nil {
		parts = append(parts, "grpc-status "+strconv.Itoa(*e.GRPC))
	}
	return strings.Join(append(parts, e.Flags...), " ")
}

func level(e tap.Event) printer.Level {
	switch {
	case e.Failed():
		return printer.Bad
	case e.Status >= 400:
		return printer.Warn
	}
	return printer.Good
}

func secured(e tap.Event) string {
	switch e.Security {
	case tap.MutualTLS:
		return "yes"
	case tap.TLS:
		return "no, TLS"
	case tap.Plaintext:
		return "no"
	}
	return ""
}

func headers(e tap.Event) string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(e.Headers)) {
		out = append(out, name+"="+e.Headers[name])
	}
	return printer.Truncate(printer.Escape(strings.Join(out, " ")), longest)
}

func milliseconds(ms float64) string {
	switch {
	case ms >= 10_000:
		return fmt.Sprintf("%.1fs", ms/1000)
	case ms >= 100:
		return fmt.Sprintf("%.0fms", ms)
	}
	return fmt.Sprintf("%.1fms", ms)
}

// Columns is the table without rows, for screens.
func Columns() printer.Sheet {
	return printer.Flatten(table(tap.Request{}), nil, func(tap.Event) string { return "" })
}

// Line is a request as a row of Columns.
func Line(e tap.Event) printer.Line {
	return printer.Flatten(table(tap.Request{}), []tap.Event{e}, func(e tap.Event) string { return e.RequestID }).Rows[0]
}
