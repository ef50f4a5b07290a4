package webhook_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	jsonpatch "gopkg.in/evanphx/json-patch.v4"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/internal/webhook"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

func options() webhook.Options {
	m := mesh.Build(config.Set{}, mesh.Options{})
	return webhook.Options{
		Settings: func() (inject.Settings, error) { return inject.DefaultSettings("example.com", "v1"), nil },
		Mesh:     func() *mesh.Snapshot { return m },
	}
}

// ask sends a review and returns the answer.
func ask(t *testing.T, o webhook.Options, path, kind string, operation admissionv1.Operation, object string) *admissionv1.AdmissionResponse {
	t.Helper()
	body := `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u1", "namespace": "shop", "dryRun": true,
		"operation": "` + string(operation) + `", "kind": {"version": "v1", "kind": "` + kind + `"}, "object": ` + object + `}}`
	code, text := post(t, o, path, "application/json", body)
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal([]byte(text), &review); code != http.StatusOK || err != nil || review.Response == nil || review.Response.UID != "u1" {
		t.Fatalf("status %d, %v: %s", code, err, text)
	}
	return review.Response
}

func post(t *testing.T, o webhook.Options, path, contentType, body string) (int, string) {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	w := httptest.NewRecorder()
	webhook.Handler(o).ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

const reviews = `{"metadata": {"generateName": "reviews-", "labels": {"app": "reviews"}, "annotations": {"proxy.istio.io/config": "concurrency: 3"}},
	"spec": {"containers": [{"name": "reviews", "image": "example.com/reviews", "unknownField": 1, "readinessProbe": {"tcpSocket": {"port": 80}}}],
	"initContainers": [{"name": "first", "image": "example.com/first", "alsoUnknown": {"a": 1}}]}}`

func TestInject(t *testing.T) {
	response := ask(t, options(), "/inject/cluster/c2/net/n--slash--2", "Pod", admissionv1.Create, reviews)
	if !response.Allowed || *response.PatchType != admissionv1.PatchTypeJSONPatch {
		t.Fatalf("%+v", response)
	}
	patch, err := jsonpatch.DecodePatch(response.Patch)
	if err != nil {
		t.Fatal(err)
	}
	text, err := patch.Apply([]byte(reviews))
	if err != nil {
		t.Fatal(err)
	}
	var pod corev1.Pod
	if err := json.Unmarshal(text, &pod); err != nil {
		t.Fatal(err)
	}
	var raw struct {
		Spec struct{ InitContainers, Containers []map[string]any }
	}
	if err := json.Unmarshal(text, &raw); err != nil {
		t.Fatal(err)
	}
	if len(pod.Spec.InitContainers) != 3 || pod.Spec.InitContainers[1].Name != inject.ProxyContainer {
		t.Errorf("init containers: %s", text)
	}
	if raw.Spec.Containers[0]["unknownField"] == nil || raw.Spec.InitContainers[2]["alsoUnknown"] == nil || raw.Spec.InitContainers[0]["alsoUnknown"] != nil {
		t.Errorf("fields that the program does not know: %s", text)
	}
	args := strings.Join(pod.Spec.InitContainers[1].Args, " ")
	for _, want := range []string{"--cluster-id=c2", "--network=n/2", "--concurrency=3", "--workload=reviews "} {
		if !strings.Contains(args, want) {
			t.Errorf("no %s in %s", want, args)
		}
	}
	if got := pod.Spec.Containers[0].ReadinessProbe; got.TCPSocket != nil || got.HTTPGet == nil {
		t.Errorf("probe: %+v", got)
	}
	old := ask(t, options(), "/inject/:ENV:ISTIO_META_CLUSTER_ID=c3:ENV:ISTIO_META_NETWORK=n3", "Pod", admissionv1.Create, reviews)
	if s := string(old.Patch); !strings.Contains(s, "--cluster-id=c3") || !strings.Contains(s, "--network=n3") {
		t.Errorf("variables in the path: %s", s)
	}
}

func TestInjectLeavesAlone(t *testing.T) {
	for name, object := range map[string]string{
		"the host's network": `{"spec": {"hostNetwork": true}}`,
		"one that refuses":   `{"metadata": {"annotations": {"sidecar.istio.io/inject": "false"}}}`,
	} {
		if r := ask(t, options(), "/inject", "Pod", admissionv1.Create, object); !r.Allowed || len(r.Patch) > 0 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := ask(t, options(), "/inject", "Deployment", admissionv1.Create, reviews); !r.Allowed || len(r.Patch) > 0 {
		t.Errorf("%+v", r)
	}
}

func TestInjectDenies(t *testing.T) {
	broken := options()
	broken.Settings = func() (inject.Settings, error) { return inject.Settings{}, errors.New("values: not JSON") }
	crashing := options()
	crashing.Mesh = func() *mesh.Snapshot { panic("no mesh") }
	wrong := strings.Replace(reviews, "concurrency: 3", "concurrency: x", 1)
	for _, c := range []struct {
		name, object, want string
		webhook.Options
	}{
		{"settings", reviews, "the injector's settings cannot be used: values: not JSON", broken},
		{"a crash", reviews, "the control plane failed on this object; its log says where, please report it", crashing},
		{"an annotation", wrong, `pod shop/reviews-* cannot be injected: annotation proxy.istio.io/config: must be a whole number, not "x"`, options()},
		{"no pod", `{"spec": 3}`, "the pod cannot be read: json: cannot unmarshal number into Go struct field Pod.spec of type v1.PodSpec", options()},
	} {
		if r := ask(t, c.Options, "/inject", "Pod", admissionv1.Create, c.object); r.Allowed || r.Result.Message != c.want {
			t.Errorf("%s: %+v", c.name, r.Result)
		}
	}
}

func TestWhatCannotBeRead(t *testing.T) {
	var seen []webhook.Outcome
	o := options()
	o.Observe = func(_ string, outcome webhook.Outcome, _ time.Duration) { seen = append(seen, outcome) }
	for _, c := range []struct {
		contentType, body string
		code              int
	}{
		{"text/plain", "{}", http.StatusUnsupportedMediaType},
		{"application/json", "", http.StatusBadRequest},
		{"application/json; charset=utf-8", `{"apiVersion": "admission.k8s.io/v1beta1", "kind": "AdmissionReview", "request": {}}`, http.StatusBadRequest},
		{"application/json", `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}`, http.StatusBadRequest},
		{"application/json", `{"a": "` + strings.Repeat("x", 8<<20) + `"}`, http.StatusRequestEntityTooLarge},
	} {
		if code, text := post(t, o, "/inject", c.contentType, c.body); code != c.code || text == "" {
			t.Errorf("%.60s: status %d: %s", c.body, code, text)
		}
	}
	if len(seen) != 5 || seen[0] != webhook.Failed {
		t.Errorf("observed %v", seen)
	}
}

func TestWarningsFit(t *testing.T) {
	o := options()
	o.Validate = func([]byte) webhook.Judgement {
		w := make([]string, 40)
		for i := range w {
			w[i] = strings.Repeat("ä\n", 400)
		}
		return webhook.Judgement{Warnings: w}
	}
	r := ask(t, o, "/validate", "VirtualService", admissionv1.Create, `{}`)
	total := 0
	for _, w := range r.Warnings {
		if total += len(w); len(w) > 256 || strings.ContainsAny(w, "\n\uFFFD") {
			t.Errorf("%d bytes: %q", len(w), w)
		}
	}
	if total > 4096 || len(r.Warnings) == 0 {
		t.Errorf("%d bytes in all", total)
	}
}

func FuzzHandler(f *testing.F) {
	head := `{"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": {"uid": "u", "operation": "CREATE", "kind": {"version": "v1", "kind": "Pod"}, "object": `
	f.Add("/inject", head+reviews+"}}")
	f.Add("/validate", head+`{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "a"}, "spec": {"hosts": ["a"], "http": [{"route": [{"destination": {"host": "a"}}]}]}}}}`)
	f.Add("/inject/cluster/", "{}")
	handler := webhook.Handler(options())
	f.Fuzz(func(t *testing.T, path, body string) {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \t\r\n\x00") || strings.Contains(path, "%") {
			return
		}
		r := httptest.NewRequest(http.MethodPost, "/inject", strings.NewReader(body))
		r.URL.Path = path
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if strings.Contains(w.Body.String(), "please report it") {
			t.Errorf("crashed on %s", body)
		}
	})
}
