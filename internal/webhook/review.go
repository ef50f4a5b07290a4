package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"runtime/debug"
	"strings"
	"unicode/utf8"

	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// maxBody is more than an API server sends: it takes objects of 3 MiB, and reviews of updates hold two.
	maxBody = 8 << 20
	// Kubernetes cuts warnings off: each, and all together.
	maxWarning, maxWarnings = 256, 4096
)

// serve reads a review, has it judged and writes the answer. A fault of ours denies the request with a message.
func (o Options) serve(path string, judge func(*http.Request, *admissionv1.AdmissionRequest) answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := o.Now()
		review, status, err := readReview(w, r)
		if err != nil {
			o.Observe(path, Failed, o.Now().Sub(began))
			http.Error(w, err.Error(), status)
			return
		}
		a := o.judged(r, review.Request, judge)
		o.Observe(path, a.outcome, o.Now().Sub(began))
		if a.denied != "" {
			o.Log.Warn("denied", "path", path, uid(review.Request.UID), "kind", review.Request.Kind.Kind,
				"namespace", review.Request.Namespace, "name", review.Request.Name, "reason", a.denied)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(admissionv1.AdmissionReview{TypeMeta: review.TypeMeta, Response: a.response(review.Request)})
	})
}

func (o Options) judged(r *http.Request, request *admissionv1.AdmissionRequest, judge func(*http.Request, *admissionv1.AdmissionRequest) answer) (a answer) {
	defer func() {
		if failed := recover(); failed != nil { // one object must not end the control plane
			o.Log.Error("a review failed", uid(request.UID), "error", failed, "stack", string(debug.Stack()))
			a = answer{outcome: Failed, denied: "the control plane failed on this object; its log says where, please report it"}
		}
	}()
	return judge(r, request)
}

// readReview returns the HTTP status with the error.
func readReview(w http.ResponseWriter, r *http.Request) (*admissionv1.AdmissionReview, int, error) {
	if r.Method != http.MethodPost {
		return nil, http.StatusMethodNotAllowed, errors.New("POST an AdmissionReview")
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		return nil, http.StatusUnsupportedMediaType, fmt.Errorf("content type %q: send application/json", r.Header.Get("Content-Type"))
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, http.StatusRequestEntityTooLarge, fmt.Errorf("the review is larger than %d bytes", maxBody)
	}
	if err != nil {
		return nil, http.StatusBadRequest, fmt.Errorf("the review cannot be read: %w", err)
	}
	review, err := decodeReview(body)
	if err != nil {
		return nil, http.StatusBadRequest, err
	}
	return review, http.StatusOK, nil
}

func decodeReview(body []byte) (*admissionv1.AdmissionReview, error) {
	var review admissionv1.AdmissionReview
	if err := json.Unmarshal(body, &review); err != nil {
		return nil, fmt.Errorf("the body is no AdmissionReview: %w", err)
	}
	if review.APIVersion != admissionv1.SchemeGroupVersion.String() || review.Kind != "AdmissionReview" {
		return nil, fmt.Errorf("%s %s is not supported: send an AdmissionReview of %s", review.APIVersion, review.Kind, admissionv1.SchemeGroupVersion)
	}
	if review.Request == nil {
		return nil, errors.New("the AdmissionReview has no request")
	}
	return &review, nil
}

func (a answer) response(request *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
	out := &admissionv1.AdmissionResponse{UID: request.UID, Allowed: a.denied == "", Warnings: shortened(a.warnings)}
	if a.denied != "" {
		out.Result = &metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: http.StatusUnprocessableEntity, Message: a.denied}
		return out
	}
	if len(a.patch) > 0 {
		kind := admissionv1.PatchTypeJSONPatch
		out.Patch, out.PatchType = a.patch, &kind
	}
	return out
}

// shortened makes warnings such that API servers hand them on.
func shortened(warnings []string) (out []string) {
	total := 0
	for _, text := range warnings {
		text = strings.Join(strings.Fields(text), " ")
		if len(text) > maxWarning {
			cut := maxWarning - len("...")
			for !utf8.RuneStart(text[cut]) {
				cut--
			}
			text = text[:cut] + "..."
		}
		if total += len(text); total > maxWarnings {
			return out
		}
		out = append(out, text)
	}
	return out
}
