package registry

import (
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	networking "istio.io/api/networking/v1alpha3"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/config"
)

// groups is a configuration with WorkloadGroups.
type groups struct {
	mu   sync.Mutex
	all  map[string]*networking.WorkloadGroup
	wish func(*Options)
}

func (g *groups) set(name string, group *networking.WorkloadGroup) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.all[name] = group
}

func newGroups() *groups {
	g := &groups{all: map[string]*networking.WorkloadGroup{}}
	g.wish = func(o *Options) {
		o.Group = func(namespace, name string) *networking.WorkloadGroup {
			g.mu.Lock()
			defer g.mu.Unlock()
			return g.all[namespace+"/"+name]
		}
	}
	return g
}

func reviewsGroup() *networking.WorkloadGroup {
	return &networking.WorkloadGroup{
		Metadata: &networking.WorkloadGroup_ObjectMeta{
			Labels: map[string]string{"app": "group", "team": "red"}, Annotations: map[string]string{"note": "vm"},
		},
		Template: &networking.WorkloadEntry{
			ServiceAccount: "bookinfo-reviews", Ports: map[string]uint32{"http": 9080}, Network: "lan", Locality: "r/z", Weight: 3,
			Labels: map[string]string{"app": "template", "version": "v0"},
		},
		Probe: &networking.ReadinessProbe{PeriodSeconds: 5, HealthCheckMethod: &networking.ReadinessProbe_HttpGet{
			HttpGet: &networking.HTTPHealthCheckConfig{Path: "/health", Port: 9080},
		}},
	}
}

func grouped() *agentapi.Register {
	in := reviews()
	in.Group, in.Ports, in.Labels = "reviews", nil, map[string]string{"version": "v1"}
	return in
}

func TestGroupFillsTheGaps(t *testing.T) {
	g := newGroups()
	g.set("default/reviews", reviewsGroup())
	p := start(t, g.wish)
	in := grouped()
	id := identityOf(in)
	in.ServiceAccount, in.Weight = "", 9
	a := p.dial(t, true, id)
	a.register(in)
	registered, wanted := a.registered()
	var probe networking.ReadinessProbe
	if err := protojson.Unmarshal([]byte(registered.GetReadinessProbeJson()), &probe); err != nil || probe.GetHttpGet().GetPath() != "/health" {
		t.Errorf("probe %q: %v", registered.GetReadinessProbeJson(), err)
	}
	if l := wanted.GetListens(); len(l) != 1 || l[0].GetPort() != 9080 {
		t.Errorf("wanted %v", l)
	}
	a.bind(map[string]uint32{"inbound|9080": 41000})
	o := p.entries.wait(t, "reviews-v1", "has the group's port name", bound("http", 41000))
	e := spec(o)
	if e.GetPorts()["9080"] != 41000 || e.GetNetwork() != "lan" || e.GetLocality() != "r/z" || e.GetWeight() != 9 || e.GetServiceAccount() != "bookinfo-reviews" {
		t.Errorf("entry %v", e)
	}
	if l := e.GetLabels(); l["app"] != "template" || l["version"] != "v1" || l["team"] != "red" {
		t.Errorf("labels %v", l)
	}
	if m := o.Meta.Annotations; m["note"] != "vm" || m[AnnotationGroup] != "reviews" || m[AnnotationUnhealthy] != "true" {
		t.Errorf("annotations %v; want it unhealthy until its probe succeeds", m)
	}
	a.health(true, "")
	p.entries.wait(t, "reviews-v1", "is healthy", func(o *config.Object) bool { return o.Meta.Annotations[AnnotationUnhealthy] == "" })
}

func TestMissingGroup(t *testing.T) {
	for name, p := range map[string]*plane{"none of that name": start(t, newGroups().wish), "none at all": start(t, nil)} {
		if err := p.connect(t, grouped()).refusal(); status.Code(err) != codes.NotFound || !strings.Contains(err.Error(), `WorkloadGroup "reviews" in namespace "default"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestGroupChanges(t *testing.T) {
	g := newGroups()
	g.set("default/reviews", reviewsGroup())
	p := start(t, g.wish)
	a := p.up(t, grouped())
	changed := reviewsGroup()
	changed.Template.Network = "wan"
	changed.Template.Ports["admin"] = 9081
	g.set("default/reviews", changed)
	p.registry.Refresh()
	p.entries.wait(t, "reviews-v1", "has the new network", func(o *config.Object) bool { return spec(o).GetNetwork() == "wan" })
	if m := a.receive(); len(m.GetWanted().GetListens()) != 2 {
		t.Errorf("received %v", m)
	}
	unfit := reviewsGroup()
	unfit.Template.ServiceAccount = "another" // the agent named its own: no matter
	unfit.Template.Network = "third"
	g.set("default/reviews", unfit)
	p.registry.Refresh()
	p.entries.wait(t, "reviews-v1", "has the third network", func(o *config.Object) bool { return spec(o).GetNetwork() == "third" })
	g.set("default/reviews", nil)
	p.registry.Refresh()
	if o := p.entries.entry("reviews-v1"); o == nil || spec(o).GetNetwork() != "third" {
		t.Error("a deleted group took its workload along")
	}
	// Not even the agent's return needs it: a restarted control plane may read its configuration late.
	again := p.connect(t, grouped())
	again.registered()
}

func TestGroupChangeThatDoesNotFit(t *testing.T) {
	g := newGroups()
	g.set("default/reviews", reviewsGroup())
	p := start(t, g.wish)
	in := grouped()
	id := identityOf(in)
	in.ServiceAccount = "" // the group's
	a := p.dial(t, true, id)
	a.register(in)
	a.registered()
	a.bind(map[string]uint32{"inbound|9080": 41000})
	p.entries.wait(t, "reviews-v1", "is bound", bound("9080", 41000))
	other := reviewsGroup()
	other.Template.ServiceAccount = "another"
	g.set("default/reviews", other)
	p.registry.Refresh()
	if got := spec(p.entries.entry("reviews-v1")).GetServiceAccount(); got != "bookinfo-reviews" {
		t.Errorf("the entry claims service account %q, which the workload is not", got)
	}
}

// TestGroupProbeChanges: a running agent is told of another probe without registering anew.
func TestGroupProbeChanges(t *testing.T) {
	g := newGroups()
	g.set("default/reviews", reviewsGroup())
	p := start(t, g.wish)
	a := p.up(t, grouped())
	changed := reviewsGroup()
	changed.Probe = &networking.ReadinessProbe{HealthCheckMethod: &networking.ReadinessProbe_TcpSocket{TcpSocket: &networking.TCPHealthCheckConfig{Port: 9777}}}
	g.set("default/reviews", changed)
	p.registry.Refresh()
	if got := a.receive().GetRegistered().GetReadinessProbeJson(); !strings.Contains(got, "9777") {
		t.Errorf("the agent was told of the probe %q", got)
	}
	changed = reviewsGroup()
	changed.Probe = nil
	g.set("default/reviews", changed)
	p.registry.Refresh()
	if m := a.receive().GetRegistered(); m == nil || m.GetReadinessProbeJson() != "" {
		t.Errorf("the agent was told %v of a probe that is gone", m)
	}
}
