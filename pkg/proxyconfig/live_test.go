package proxyconfig_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"sigs.k8s.io/yaml"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/fault/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/listener/tls_inspector/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"

	"github.com/meshctl/meshctl/internal/envoytest"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
)

// stage copies testdata/envoy to a directory, with the certificate that it refers to.
func stage(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	files, err := filepath.Glob("testdata/envoy/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no input", err)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		data = bytes.ReplaceAll(data, []byte("DIR/"), []byte(dir+"/"))
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	writeCertificate(t, dir)
	return dir
}

func writeCertificate(t *testing.T, dir string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(0xbeef), Subject: pkix.Name{Organization: []string{"cluster.local"}},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		URIs: []*url.URL{{Scheme: "spiffe", Host: "cluster.local", Path: "/ns/default/sa/productpage"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{
		"cert.pem": {Type: "CERTIFICATE", Bytes: der}, "key.pem": {Type: "PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// intended reads the discovery files as the resources of a control plane.
func intended(t *testing.T, dir string) map[string][]*anypb.Any {
	t.Helper()
	out := map[string][]*anypb.Any{}
	for _, file := range []string{"lds.yaml", "cds.yaml", "rds.yaml", "eds.yaml", "eds-v1.yaml", "ecds.yaml"} {
		data, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil {
			t.Fatal(err)
		}
		data, err = yaml.YAMLToJSON(data)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range splitResources(t, data) {
			a := &anypb.Any{}
			if err := protojson.Unmarshal(r, a); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			out[a.TypeUrl] = append(out[a.TypeUrl], a)
		}
	}
	return out
}

func splitResources(t *testing.T, data []byte) [][]byte {
	t.Helper()
	var file struct {
		Resources []map[string]any `json:"resources"`
	}
	if err := yaml.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	var out [][]byte
	for _, r := range file.Resources {
		one, err := yaml.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if one, err = yaml.YAMLToJSON(one); err != nil {
			t.Fatal(err)
		}
		out = append(out, one)
	}
	return out
}

// TestLiveEnvoy: what a real Envoy says of the configuration in testdata/envoy is what the golden dump says, and shows no
// difference to what it was given, but for the one listener that it refuses.
func TestLiveEnvoy(t *testing.T) {
	dir := stage(t)
	bootstrap, err := os.ReadFile(filepath.Join(dir, "bootstrap.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	envoy := envoytest.Start(t, bootstrap)
	envoy.WaitReady(t)
	envoy.WaitStat(t, "listener_manager.lds.update_rejected", 1)
	dump := bytes.ReplaceAll(envoy.ConfigDump(t), []byte(dir), []byte("/etc/envoy"))
	statuses, err := envoytest.Get(envoy.Admin, "/clusters?format=json")
	if err != nil {
		t.Fatal(err)
	}
	if *capture {
		for name, data := range map[string][]byte{"config_dump.json": dump, "clusters.json": statuses} {
			if err := os.WriteFile(filepath.Join(sidecar, name), data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	live, err := proxyconfig.Parse(bytes.NewReader(dump))
	if err != nil {
		t.Fatal(err)
	}
	saved := parseFile(t, filepath.Join(sidecar, "config_dump.json"))
	live.Bootstrap.LastUpdated = saved.Bootstrap.LastUpdated
	if diff := cmp.Diff(string(summary(t, saved, nil, proxyconfig.Filter{})), string(summary(t, live, nil, proxyconfig.Filter{}))); diff != "" {
		t.Errorf("-golden dump +live Envoy:\n%s", diff)
	}
	want, err := proxyconfig.FromResources(replacePaths(t, intended(t, dir), dir))
	if err != nil {
		t.Fatal(err)
	}
	assertOnlyRefused(t, proxyconfig.Diff(want, live))
}

func replacePaths(t *testing.T, in map[string][]*anypb.Any, dir string) map[string][]*anypb.Any {
	t.Helper()
	out := map[string][]*anypb.Any{}
	for typeURL, list := range in {
		for _, a := range list {
			data, err := protojson.Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			b := &anypb.Any{}
			if err := protojson.Unmarshal(bytes.ReplaceAll(data, []byte(dir), []byte("/etc/envoy")), b); err != nil {
				t.Fatal(err)
			}
			out[typeURL] = append(out[typeURL], b)
		}
	}
	return out
}

func assertOnlyRefused(t *testing.T, differences []proxyconfig.Difference) {
	t.Helper()
	if len(differences) == 1 && differences[0].Kind == proxyconfig.Refused && differences[0].Name == "0.0.0.0_7777" &&
		strings.Contains(differences[0].Message, "same matching rules") {
		return
	}
	text, err := proxyconfig.Unified(differences, "meant", "live")
	if err != nil {
		t.Fatal(err)
	}
	t.Error(fmt.Sprintf("want only the refused listener, got %d differences:\n", len(differences)) + text)
}
