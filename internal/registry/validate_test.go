package registry

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/meshctl/meshctl/internal/agentapi"
)

func TestValidate(t *testing.T) {
	if err := validate(reviews()); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		edit func(*agentapi.Register)
		want string
	}{
		"empty":               {func(r *agentapi.Register) { proto.Reset(r) }, "namespace"},
		"namespace with dot":  {func(r *agentapi.Register) { r.Namespace = "a.b" }, "namespace"},
		"no name":             {func(r *agentapi.Register) { r.Name = "" }, "name"},
		"name with tilde":     {func(r *agentapi.Register) { r.Name = "a~b" }, "name"},
		"upper case":          {func(r *agentapi.Register) { r.Name = "Reviews" }, "name"},
		"ends with dash":      {func(r *agentapi.Register) { r.Name = "a-" }, "name"},
		"no node id":          {func(r *agentapi.Register) { r.NodeId = "" }, "node id"},
		"another's node id":   {func(r *agentapi.Register) { r.NodeId = named("other").GetNodeId() }, "node id"},
		"router's node id":    {func(r *agentapi.Register) { r.NodeId = "router" + strings.TrimPrefix(r.NodeId, "sidecar") }, "node id"},
		"node id without IP":  {func(r *agentapi.Register) { r.NodeId = "sidecar~x~reviews-v1.default~default.svc.a" }, "node id"},
		"port 0":              {func(r *agentapi.Register) { r.Ports[0] = 1 }, "port 0:1"},
		"port 70000":          {func(r *agentapi.Register) { r.Ports[80] = 70000 }, "80:70000"},
		"unknown type":        {func(r *agentapi.Register) { r.Type = 9 }, "newer"},
		"label key":           {func(r *agentapi.Register) { r.Labels["a b"] = "c" }, "label"},
		"label prefix":        {func(r *agentapi.Register) { r.Labels["A_/b"] = "c" }, "label"},
		"label value":         {func(r *agentapi.Register) { r.Labels["a"] = strings.Repeat("x", 64) }, "label a"},
		"long reason to fail": {func(r *agentapi.Register) { r.Network = strings.Repeat("x", maxText+1) }, "network"},
		"many labels": {func(r *agentapi.Register) {
			for i := range maxLabels + 1 {
				r.Labels[fmt.Sprint("l", i)] = ""
			}
		}, "labels"},
		"many ports": {func(r *agentapi.Register) {
			for i := range uint32(maxPorts + 1) {
				r.Ports[i+1] = 1
			}
		}, "ports"},
	} {
		in := reviews()
		tc.edit(in)
		if err := validate(in); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", name, err, tc.want)
		}
	}
}

func TestCheckProxyAddress(t *testing.T) {
	for address, ok := range map[string]bool{
		"127.0.0.1": true, "::1": true, "vm-1.example.com": true, "": false, "127.0.0.1:80": false, "unix:///x": false, "a b": false,
	} {
		if err := checkProxy(Proxy{Address: address}); (err == nil) != ok {
			t.Errorf("address %q: %v", address, err)
		}
	}
	if err := checkProxy(Proxy{Type: agentapi.ProxyType_ROUTER}); err != nil {
		t.Errorf("a gateway without an address: %v", err)
	}
}

func TestCheckBindings(t *testing.T) {
	for name, ok := range map[string]bool{
		"inbound|80": true, "http_proxy": true, "inbound|": false, "inbound|x": false, "inbound|0": false,
		"inbound|65536": false, strings.Repeat("x", maxText+1): false,
	} {
		if err := checkBindings(map[string]uint32{name: 1}); (err == nil) != ok {
			t.Errorf("binding %.20q: %v", name, err)
		}
	}
}

// FuzzRegister: whatever passes as a registration makes a proxy and an entry without a panic.
func FuzzRegister(f *testing.F) {
	seed, err := proto.Marshal(reviews())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Fuzz(func(t *testing.T, data []byte) {
		in := &agentapi.Register{}
		if proto.Unmarshal(data, in) != nil || validate(in) != nil {
			return
		}
		p := describe(in, reviewsGroup())
		if checkProxy(p) != nil {
			return
		}
		bindings := map[string]uint32{}
		for _, l := range inboundOnly(p) {
			bindings[l.GetName()] = 41000
		}
		if err := checkBindings(bindings); err != nil {
			t.Errorf("bindings of %v: %v", p, err)
		}
		o := entry(standing{proxy: p, bindings: bindings, bound: true}, func(Proxy, uint32) []string { return nil })
		if (o != nil) != (p.Type == agentapi.ProxyType_SIDECAR || p.Address != "") {
			t.Errorf("entry %v of %v", o, p)
		}
	})
}
