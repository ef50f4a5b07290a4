package controlplane_test

import (
	"fmt"
	"strings"
	"testing"

	networking "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/internal/controlplane"
	"github.com/meshctl/meshctl/internal/controlplane/controlplanetest"
	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source"
	"github.com/meshctl/meshctl/pkg/source/memory"
)

// TestConfiguration: objects without a file are given out whole but for secrets, and those of broken files are named.
func TestConfiguration(t *testing.T) {
	entry := config.New(config.Object{
		Key: config.Key{Kind: config.WorkloadEntry, Namespace: "a", Name: "vm"}, APIVersion: "networking.istio.io/v1",
		Meta: config.Meta{Annotations: map[string]string{"meshctl.io/unhealthy": "true"}},
		Spec: &networking.WorkloadEntry{Address: "10.0.0.9", Ports: map[string]uint32{"http": 80}},
	})
	secret := config.New(config.Object{
		Key: config.Key{Kind: config.Secret, Namespace: "a", Name: "tls"}, APIVersion: "v1",
		Spec: &corev1.Secret{Data: map[string][]byte{"tls.key": []byte("sesame")}},
	})
	p := controlplanetest.Start(t, map[string]string{"shop.yaml": shop, "route.yaml": route("5s")}, func(o *controlplane.Options) {
		o.Layers = append([]source.Source{memory.New(entry, secret)}, o.Layers...)
	})
	envoytest.Eventually(t, "the objects without a file", func() error {
		got, err := p.API.Configuration(t.Context())
		if err != nil || len(got.Objects) != 2 || len(got.OfBrokenFiles) != 0 || len(got.ConfigDirs) != 1 || got.ConfigDirs[0] != p.Dir {
			return fmt.Errorf("%+v, %w", got, err)
		}
		all := ""
		var read config.Result
		for _, object := range got.Objects {
			all += string(object)
			read.Add(config.Decoder{}.DecodeServed(object, "", ""))
		}
		if strings.Contains(all, "sesame") || strings.Contains(all, "c2VzYW1l") {
			t.Error("a secret leaves the control plane")
		}
		for _, o := range read.Objects {
			if o.Key == entry.Key && o.Digest == entry.Digest {
				return nil
			}
		}
		t.Errorf("the entry reads differently: %s: %v", all, read.Problems)
		return nil
	})
	p.Write("route.yaml", "kind: [")
	envoytest.Eventually(t, "the object of the broken file", func() error {
		got, err := p.API.Configuration(t.Context())
		if err != nil || len(got.OfBrokenFiles) != 1 || got.OfBrokenFiles[0].Kind != "VirtualService" || !strings.HasSuffix(got.OfBrokenFiles[0].File, "route.yaml") {
			return fmt.Errorf("%+v, %w", got.OfBrokenFiles, err)
		}
		return nil
	})
}
