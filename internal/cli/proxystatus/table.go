package proxystatus

import (
	"strconv"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/printer"
)

func table(now time.Time) printer.Table[Row] {
	columns := []printer.Column[Row]{
		{Name: "NAME", Value: func(r Row) string { return r.ID }},
		{Name: "TYPE", Roomy: true, Value: func(r Row) string { return r.Type }},
		{Name: "CLUSTER/NAMESPACE", Roomy: true, Value: func(r Row) string {
			if r.Cluster == "" {
				return r.Namespace
			}
			return r.Cluster + "/" + r.Namespace
		}},
	}
	for _, t := range []struct {
		name string
		wide bool
	}{{"CDS", false}, {"LDS", false}, {"EDS", false}, {"RDS", false}, {"SDS", true}, {"ECDS", true}} {
		columns = append(columns, printer.Column[Row]{
			Name: t.name, Wide: t.wide,
			Value: func(r Row) string { return cell(syncOf(r, t.name), now) },
			Level: func(r Row) printer.Level { return level(syncOf(r, t.name).State) },
		})
	}
	return printer.Table[Row]{Columns: append(columns,
		printer.Column[Row]{Name: "CONTROL PLANE", Value: func(r Row) string { return controlPlane(r, now) }, Level: connection},
		printer.Column[Row]{Name: "ENVOY", Roomy: true, Value: func(r Row) string { return r.EnvoyVersion }},
		printer.Column[Row]{Name: "CERT EXPIRY", Roomy: true, Value: func(r Row) string { return expiry(r.Certificate, now) },
			Level: func(r Row) printer.Level { return expiryLevel(r.Certificate, now) }},
		printer.Column[Row]{Name: "NODE", Wide: true, Value: func(r Row) string { return r.NodeID }},
		printer.Column[Row]{Name: "ADMIN", Wide: true, Value: func(r Row) string { return r.AdminAddress }},
	)}
}

// syncOf returns the state of one type; a type of which the control plane says nothing was not sent.
func syncOf(r Row, name string) adminapi.TypeSync {
	for _, s := range r.Sync {
		if s.Type == name {
			return s
		}
	}
	return adminapi.TypeSync{Type: name, State: adminapi.NotSent}
}

func cell(s adminapi.TypeSync, now time.Time) string {
	if a := age(s.LastAck, now); a != "" && s.State != adminapi.NotSent {
		return string(s.State) + " (" + a + ")"
	}
	return string(s.State)
}

func level(s adminapi.SyncState) printer.Level {
	switch s {
	case adminapi.Synced:
		return printer.Good
	case adminapi.Stale:
		return printer.Warn
	case adminapi.Rejected:
		return printer.Bad
	default:
		return printer.Dim
	}
}

func controlPlane(r Row, now time.Time) string {
	if r.Connected {
		return r.Instance
	}
	if a := age(r.ConnectedSince, now); a != "" {
		return "disconnected (" + a + ")"
	}
	return "disconnected"
}

func connection(r Row) printer.Level {
	if r.Connected {
		return printer.Plain
	}
	return printer.Bad
}

func expiry(c *adminapi.Certificate, now time.Time) string {
	switch {
	case c == nil || c.NotAfter.IsZero():
		return ""
	case now.After(c.NotAfter):
		return "expired " + age(c.NotAfter, now) + " ago"
	default:
		return age(now, c.NotAfter)
	}
}

func expiryLevel(c *adminapi.Certificate, now time.Time) printer.Level {
	switch {
	case c == nil:
		return printer.Plain
	case now.After(c.NotAfter):
		return printer.Bad
	// Certificates are renewed at half life: less than a quarter left means that something does not work.
	case !c.NotBefore.IsZero() && c.NotAfter.Sub(now) < c.NotAfter.Sub(c.NotBefore)/4:
		return printer.Warn
	default:
		return printer.Plain
	}
}

// typeTable shows one proxy type by type.
func typeTable(now time.Time) printer.Table[adminapi.TypeSync] {
	return printer.Table[adminapi.TypeSync]{Columns: []printer.Column[adminapi.TypeSync]{
		{Name: "TYPE", Roomy: true, Value: func(s adminapi.TypeSync) string { return s.Type }},
		{Name: "STATE", Value: func(s adminapi.TypeSync) string { return string(s.State) },
			Level: func(s adminapi.TypeSync) printer.Level { return level(s.State) }},
		{Name: "RESOURCES", Value: func(s adminapi.TypeSync) string { return strconv.Itoa(s.Resources) }},
		{Name: "LAST SENT", Value: func(s adminapi.TypeSync) string { return age(s.LastSent, now) }},
		{Name: "LAST ACK", Value: func(s adminapi.TypeSync) string { return age(s.LastAck, now) }},
		{Name: "SENT VERSION", Wide: true, Value: func(s adminapi.TypeSync) string { return s.SentVersion }},
		{Name: "ACKED VERSION", Wide: true, Value: func(s adminapi.TypeSync) string { return s.AckedVersion }},
	}}
}

// Sheet is what the table shows of proxies, for screens.
func Sheet(status adminapi.Status, proxies []adminapi.Proxy, now time.Time) printer.Sheet {
	return printer.Flatten(table(now), newReport(status, proxies, false).Proxies, func(r Row) string { return r.ID })
}
