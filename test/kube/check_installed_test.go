package kube_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	admission "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/remote"
	"github.com/meshctl/meshctl/pkg/check"
	"github.com/meshctl/meshctl/pkg/install/client"
)

// backend is a control plane of another version, one of whose proxies refused a listener.
type backend struct{ adminapi.Backend }

func (backend) Status() adminapi.Status { return adminapi.Status{Instance: "istiod-1", Version: "v1"} }

func (backend) Proxies() []adminapi.Proxy {
	return []adminapi.Proxy{{
		ID: "old.meshed", Name: "old", Namespace: "meshed", Type: "sidecar", Connected: true,
		Sync: []adminapi.TypeSync{{Type: "LDS", State: adminapi.Rejected, Nack: &adminapi.Nack{Error: "no such filter"}}},
	}, {ID: "gone.meshed", Name: "gone", Namespace: "meshed", Type: "sidecar", ConnectedSince: time.Unix(0, 0)}}
}

// toServer connects everything with one server.
type toServer string

func (s toServer) DialPod(ctx context.Context, _, _ string, _ int) (net.Conn, error) {
	var d net.Dialer
	return d.DialContext(ctx, "tcp", string(s))
}

// root returns a certificate in PEM that ends at a time.
func root(t *testing.T, end time.Time) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: time.Unix(0, 0), NotAfter: end, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func core(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Version: "v1", Resource: resource}
}

// installed fabricates an installation in which much is wrong, and returns the checks of it.
func installed(t *testing.T, now time.Time) map[string]check.Result {
	t.Helper()
	text, err := os.ReadFile("testdata/installed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	here, other := root(t, now.Add(10*24*time.Hour)), root(t, now.Add(10*24*time.Hour))
	objects := string(text) + fmt.Sprintf(`
---
{apiVersion: v1, kind: Secret, metadata: {name: istio-ca-secret, namespace: istio-system}, stringData: {root-cert.pem: %[1]q, ca-cert.pem: %[1]q}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: istio-ca-root-cert, namespace: istio-system}, data: {root-cert.pem: %[1]q}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: istio-ca-root-cert, namespace: meshed}, data: {root-cert.pem: %[2]q}}
`, here, other)
	webhooks := schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"}
	deployments := schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}
	during(t, objects,
		place{webhooks, "", "istio-sidecar-injector"}, place{webhooks, "", "istio-revision-tag-prod"}, place{deployments, "istio-system", "istiod"},
		place{core("pods"), "istio-system", "istiod-1"}, place{core("pods"), "meshed", "old"}, place{core("pods"), "meshed", "orphan"},
		place{core("services"), "istio-system", "istiod"}, place{core("secrets"), "istio-system", "istio-ca-secret"},
		place{core("configmaps"), "istio-system", "istio-ca-root-cert"}, place{core("configmaps"), "meshed", "istio-ca-root-cert"},
		place{core("configmaps"), "istio-system", "istio-sidecar-injector"})
	c, d := checked(t, now)
	patch := []byte(`{"status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}`)
	if _, err := d.Resource(core("pods")).Namespace("istio-system").Patch(t.Context(), "istiod-1", types.MergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	all := map[string]check.Result{}
	for _, g := range check.Run(t.Context(), check.After(c), nil) {
		for _, f := range g.Checks {
			all[f.ID] = f.Result
		}
	}
	return all
}

// checked returns the cluster for checks, with a control plane behind every pod.
func checked(t *testing.T, now time.Time) (*check.Cluster, dynamic.Interface) {
	t.Helper()
	config, err := shared.Config("admin", "system:masters")
	if err != nil {
		t.Fatal(err)
	}
	d, err := dynamic.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	api := httptest.NewServer(adminapi.Handler(backend{}))
	t.Cleanup(api.Close)
	c, err := client.New(config, client.Options{Patience: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return &check.Cluster{
		Client: c, System: "istio-system", Version: "v2", Now: now,
		Mesh: &remote.Cluster{Client: d, Dialer: toServer(api.Listener.Addr().String()), Name: "test", System: "istio-system"},
	}, d
}

func TestCheckOfAnInstallation(t *testing.T) {
	all := installed(t, time.Now())
	for id, want := range map[string]struct {
		state  check.State
		detail string
	}{
		"control-plane-exists":  {check.OK, ""},
		"control-plane-pods":    {check.Error, "istiod: 0 of 1 pods are ready"},
		"service-endpoints":     {check.Error, "Service istio-system/istiod"},
		"other-meshes":          {check.OK, ""},
		"authority-expiry":      {check.Warning, "root-cert.pem (CN=root) ends on "},
		"webhook-ca":            {check.Error, "istio-sidecar-injector object.sidecar-injector.istio.io has no caBundle"},
		"root-configmaps":       {check.Error, "namespace meshed has another root"},
		"webhook-overlap":       {check.OK, ""},
		"webhook-services":      {check.Error, "istio-revision-tag-prod rev.namespace.sidecar-injector.istio.io: Service istio-system/istiod-gone"},
		"injection":             {check.Error, ""},
		"validation":            {check.Warning, ""},
		"control-plane-version": {check.Warning, "istiod-1 (revision default) is v1"},
		"proxies-synced":        {check.Error, "old.meshed LDS: no such filter"},
		"proxy-versions":        {check.Error, "meshed/orphan of revision gone"},
	} {
		got := all[id]
		if got.State != want.state || want.detail != "" && !slices.ContainsFunc(got.Details, func(d string) bool { return strings.HasPrefix(d, want.detail) }) {
			t.Errorf("%s: %+v", id, got)
		}
		if got.State != check.OK && got.Hint == "" {
			t.Errorf("%s has no hint: %+v", id, got)
		}
	}
	if got := all["injection"]; !strings.Contains(got.Message, "failed calling webhook") || !strings.Contains(got.Hint, "15017") {
		t.Errorf("injection: %+v", got)
	}
}

// TestProbesOfAdmission has the API server call webhooks that work.
func TestProbesOfAdmission(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(admit))
	t.Cleanup(server.Close)
	ca := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}))
	configuration := func(kind, name, path, selector, group, resource string) string {
		return fmt.Sprintf(`
{apiVersion: admissionregistration.k8s.io/v1, kind: %s, metadata: {name: probed}, webhooks: [{name: %s, admissionReviewVersions: [v1],
  sideEffects: None, failurePolicy: Fail, clientConfig: {url: "%s%s", caBundle: %s}, objectSelector: %s,
  rules: [{apiGroups: [%q], apiVersions: ["*"], operations: [CREATE], resources: [%s]}]}]}
---`, kind, name, server.URL, path, ca, selector, group, resource)
	}
	group := func(resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: resource}
	}
	during(t, configuration("MutatingWebhookConfiguration", "object.sidecar-injector.istio.io", "/inject", `{matchLabels: {sidecar.istio.io/inject: "true"}}`, "", "pods")+
		configuration("ValidatingWebhookConfiguration", "rev.validation.istio.io", "/validate", `{}`, "networking.istio.io", "virtualservices"),
		place{group("mutatingwebhookconfigurations"), "", "probed"}, place{group("validatingwebhookconfigurations"), "", "probed"})
	c, _ := checked(t, time.Now())
	for _, category := range check.After(c) {
		for _, one := range category.Checks {
			if one.ID != "injection" && one.ID != "validation" {
				continue
			}
			if got := one.Run(t.Context()); got.State != check.OK {
				t.Errorf("%s: %+v", one.ID, got)
			}
		}
	}
}

// admit puts a proxy into pods and denies everything else.
func admit(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var review admission.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := &admission.AdmissionResponse{UID: review.Request.UID, Allowed: r.URL.Path == "/inject"}
	if answer.Allowed {
		kind := admission.PatchTypeJSONPatch
		answer.PatchType, answer.Patch = &kind, []byte(`[{"op": "add", "path": "/spec/containers/-", "value": {"name": "istio-proxy", "image": "meshctl.io/mesh-proxy:v1"}}]`)
	} else {
		answer.Result = &metav1.Status{Message: "could never work"}
	}
	review.Response, review.Request = answer, nil
	_ = json.NewEncoder(w).Encode(review) // the server may have gone
}
