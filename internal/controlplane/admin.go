package controlplane

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/registry"
	"github.com/meshctl/meshctl/internal/version"
	"github.com/meshctl/meshctl/internal/xdsserver"
	"github.com/meshctl/meshctl/pkg/authz/ask"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/xds"
)

// Status implements adminapi.Backend.
func (c *ControlPlane) Status() adminapi.Status {
	out := adminapi.Status{
		Instance: c.o.Instance, Version: version.String(), Started: c.started, ConfigDirs: c.o.ConfigDirs,
		Problems: []adminapi.Problem{}, NotEnforced: []adminapi.Origin{},
	}
	for _, p := range c.problems() {
		out.Problems = append(out.Problems, adminapi.Problem{
			Origin: originAt(p.Object, p.Position), Severity: p.Severity.String(), Code: string(p.Code), Field: p.Field, Message: p.Message, Fix: p.Fix,
		})
	}
	idle := map[string]int{}
	for _, o := range c.snapshot.Load().NotEnforced() {
		out.NotEnforced = append(out.NotEnforced, originAt(o.Key, o.Position()))
		idle[o.Key.Kind.Name]++
	}
	for _, kind := range slices.Sorted(maps.Keys(idle)) {
		out.Banners = append(out.Banners, plural(idle[kind], kind)+" not enforced by this version")
	}
	return out
}

func originAt(key config.Key, at config.Position) adminapi.Origin {
	return adminapi.Origin{Kind: key.Kind.Name, Namespace: key.Namespace, Name: key.Name, File: at.File, Line: at.Line, Column: at.Column}
}

// origins looks up where objects are written.
func (c *ControlPlane) origins(keys []config.Key) []adminapi.Origin {
	set := c.snapshot.Load().Set()
	var out []adminapi.Origin
	for _, key := range keys {
		var at config.Position
		if o := set.Get(key); o != nil {
			at = o.Position()
		}
		out = append(out, originAt(key, at))
	}
	return out
}

// Proxies implements adminapi.Backend: those that are connected and those whose agent is.
func (c *ControlPlane) Proxies() []adminapi.Proxy {
	agents := map[string]registry.Session{}
	for _, a := range c.registry.Sessions() {
		agents[a.Proxy.NodeID] = a
	}
	var out []adminapi.Proxy
	statuses, fetched := c.statuses()
	for _, status := range statuses {
		s, ok := status.Session.(*session)
		if !ok {
			continue
		}
		p := c.connectedProxy(s, status)
		addFetched(&p, fetched[status.Node])
		if a, ok := agents[status.Node]; ok {
			addAgent(&p, a)
			delete(agents, status.Node)
		}
		out = append(out, p)
	}
	for _, a := range agents {
		p := adminapi.Proxy{
			ID: a.Proxy.Name + "." + a.Proxy.Namespace, Name: a.Proxy.Name, Namespace: a.Proxy.Namespace, Type: "sidecar",
			NodeID: a.Proxy.NodeID, ConnectedSince: a.Since, Instance: c.o.Instance,
		}
		if a.Proxy.Type == agentapi.ProxyType_ROUTER {
			p.Type = "router"
		}
		addAgent(&p, a)
		out = append(out, p)
	}
	return out
}

func (c *ControlPlane) connectedProxy(s *session, status xdsserver.ProxyStatus) adminapi.Proxy {
	p := adminapi.Proxy{
		ID: s.claimed.Name + "." + s.claimed.Namespace, Name: s.claimed.Name, Namespace: s.claimed.Namespace,
		Type: proxyTypes[s.claimed.Type], NodeID: status.Node, Connected: true, ConnectedSince: status.Connected,
		Instance: c.o.Instance, EnvoyVersion: strings.TrimPrefix(status.UserAgent, "envoy/"),
	}
	for _, t := range status.Types {
		p.Sync = append(p.Sync, c.typeSync(s.View(), t))
	}
	return p
}

var proxyTypes = map[mesh.ProxyType]string{mesh.Sidecar: "sidecar", mesh.Router: "router", mesh.Proxyless: "grpc"}

// shortTypes are the names under which operators know the resource types.
var shortTypes = map[string]string{
	xds.ClusterType: "CDS", xds.EndpointType: "EDS", xds.ListenerType: "LDS", xds.RouteType: "RDS", xds.SecretType: "SDS",
	xds.ExtensionType: "ECDS",
}

func (c *ControlPlane) typeSync(view *xds.View, t xdsserver.TypeStatus) adminapi.TypeSync {
	out := adminapi.TypeSync{
		Type: cmp.Or(shortTypes[t.URL], t.URL), State: adminapi.SyncState(t.State), Resources: view.Table(t.URL).Len(),
		SentVersion: t.SentVersion, AckedVersion: t.AckedVersion, LastSent: t.SentAt, LastAck: t.AckedAt,
	}
	if out.State == adminapi.Stale {
		out.PendingSince = t.SentAt
	}
	if len(t.Rejections) > 0 {
		r := t.Rejections[0]
		out.Nack = &adminapi.Nack{Error: r.Text, Resource: r.Resource, Time: r.At, From: c.origins(r.From)}
	}
	return out
}

func addAgent(p *adminapi.Proxy, a registry.Session) {
	p.AdminAddress, p.StatusAddress = a.AdminAddress, a.StatusAddress
	p.Certificate = certificateOf(a.Certificate)
}

func certificateOf(in *agentapi.Certificate) *adminapi.Certificate {
	if in == nil {
		return nil
	}
	return &adminapi.Certificate{
		SPIFFE: in.GetSpiffeId(), Issuer: in.GetIssuer(), Serial: in.GetSerial(),
		NotBefore: time.Unix(in.GetNotBefore(), 0).UTC(), NotAfter: time.Unix(in.GetNotAfter(), 0).UTC(),
		Signer: in.GetSigner(), TrustedRoots: in.GetTrustedRoots(),
	}
}

// Config implements adminapi.Backend.
func (c *ControlPlane) Config(_ context.Context, id string) (map[string][]*anypb.Any, error) {
	s := c.views.find(id)
	if s == nil {
		return nil, adminapi.ErrUnknownProxy
	}
	out := map[string][]*anypb.Any{}
	for _, url := range xds.Types {
		for r := range s.View().Table(url).All() {
			out[url] = append(out[url], r.Any)
		}
	}
	return out, nil
}

// Rotate implements adminapi.Backend.
func (c *ControlPlane) Rotate(ctx context.Context, id string) (adminapi.Certificate, error) {
	for _, a := range c.registry.Sessions() {
		if a.Proxy.Name+"."+a.Proxy.Namespace != id {
			continue
		}
		fresh, err := c.registry.Renew(ctx, a.Proxy.Namespace, a.Proxy.Name)
		if err != nil {
			return adminapi.Certificate{}, err
		}
		return *certificateOf(fresh), nil
	}
	return adminapi.Certificate{}, adminapi.ErrUnknownProxy
}

// Authorize implements adminapi.Backend.
func (c *ControlPlane) Authorize(q ask.Query) ([]ask.Report, error) {
	return ask.Answer(c.snapshot.Load(), q, time.Now())
}

// lookAgain is how long to wait before looking again at proxies that have just been given something new.
const lookAgain = 20 * time.Millisecond

// WaitSync implements adminapi.Backend.
func (c *ControlPlane) WaitSync(ctx context.Context) adminapi.SyncReport {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		for _, s := range []*xdsserver.Server{c.secure, c.plain} {
			_ = s.WaitSynced(ctx) // who is behind, the statuses below say
		}
		report, moving := c.syncReport()
		if !moving {
			return report
		}
		select {
		case <-ctx.Done():
			return report
		case <-tick.C:
		}
	}
}

// syncReport names the connected proxies that are not in sync; moving says that one of them only has to answer.
func (c *ControlPlane) syncReport() (report adminapi.SyncReport, moving bool) {
	report.Synced = true
	for _, p := range c.Proxies() {
		stale, rejected := false, false
		for _, t := range p.Sync {
			stale, rejected = stale || t.State == adminapi.Stale, rejected || t.State == adminapi.Rejected
		}
		if p.Connected && (stale || rejected) {
			report.Synced, report.Waiting = false, append(report.Waiting, p.ID)
			moving = moving || !rejected
		}
	}
	return report, moving
}
