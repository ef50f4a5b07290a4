package inject_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/inject"
)

func TestReadInjector(t *testing.T) {
	read := func(values, config string) inject.Injector {
		return inject.ReadInjector(&corev1.ConfigMap{Data: map[string]string{"values": values, "config": config}})
	}
	all := read(`{"global": {"hub": "docker.io/istio", "tag": "1.27.0", "variant": "distroless", "proxy": {"image": "proxyv2"}, "multiCluster": {"clusterName": "east"}},
		"sidecarInjectorWebhook": {"enableNamespacesByDefault": true}}`,
		"policy: disabled\nneverInjectSelector: [{matchLabels: {build: a}}]\nalwaysInjectSelector: [{matchLabels: {build: b}}, {}]\n")
	if all.Image != "docker.io/istio/proxyv2:1.27.0" || all.Variant != "distroless" || all.Cluster != "east" {
		t.Errorf("got %+v", all)
	}
	if p := all.Policy; !p.ByDefault || !p.Disabled || len(p.Never) != 1 || len(p.Always) != 2 {
		t.Errorf("got %+v", p)
	}
	for values, want := range map[string]string{
		`{"global": {"hub": "h", "tag": 1.27}}`:                           "h/proxyv2:1.27",
		`{"global": {"hub": "h", "tag": "t", "proxy": {"image": "a/b"}}}`: "a/b",
		`{"global": {"hub": "h"}}`:                                        "",
		`{"global": 3}`:                                                   "",
		`no JSON`:                                                         "",
		``:                                                                "",
	} {
		if got := read(values, ": [").Image; got != want {
			t.Errorf("%s: %q, want %q", values, got, want)
		}
	}
	for revision, want := range map[string]string{"": "istio-sidecar-injector", "default": "istio-sidecar-injector", "canary": "istio-sidecar-injector-canary"} {
		if got := inject.ConfigMapOf(revision); got != want {
			t.Errorf("%q: %s, want %s", revision, got, want)
		}
	}
}
