// Package webhook answers the admission webhooks of the mesh: /inject adds proxies to new pods, /validate judges mesh configuration with
// the code of `meshctl analyze` (https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/).
package webhook

import (
	"log/slog"
	"net/http"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Outcome is what became of a request.
type Outcome string

// The outcomes: of pods, of configuration, and of requests that cannot be answered.
const (
	Injected Outcome = "injected" // the pod was given a proxy
	Skipped  Outcome = "skipped"  // the pod is not to have one, or the object is none of ours
	Accepted Outcome = "accepted"
	Rejected Outcome = "rejected"
	Failed   Outcome = "failed" // a pod that cannot be injected as it asks, or a request that cannot be read
)

// Options of Handler. Settings and Mesh are required.
type Options struct {
	// Settings returns the injector's settings now; its error fails the injection.
	Settings func() (inject.Settings, error)
	// Mesh returns the mesh now, never nil.
	Mesh func() *mesh.Snapshot
	// Revision of this control plane; "" and "default" are the same.
	Revision string
	// NativeSidecars reports whether the cluster has them (Kubernetes 1.29 or later); when nil it has.
	NativeSidecars func() bool
	// Validate judges configuration; when nil, Judge does with the MeshConfig of Mesh.
	Validate func(object []byte) Judgement
	// Now decides about certificates; time.Now when nil.
	Now func() time.Time
	Log *slog.Logger
	// Observe is told of every answer: its path without parameters, what became of it, and how long it took. May be nil.
	Observe func(path string, outcome Outcome, took time.Duration)
}

const (
	pathInject   = "/inject"
	pathValidate = "/validate"
)

// Handler serves /inject, /inject/NAME/VALUE/... (cluster and net, as in Istio's injectionPath) and /validate. It answers every review
// that can be read, also dry runs: it changes nothing itself. The caller bounds connections; a request is bounded by its size.
func Handler(o Options) http.Handler {
	if o.NativeSidecars == nil {
		o.NativeSidecars = func() bool { return true }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(string, Outcome, time.Duration) {}
	}
	if o.Validate == nil {
		o.Validate = func(object []byte) Judgement { return Judge(object, o.Mesh(), o.Now()) }
	}
	mux := http.NewServeMux()
	inject := o.serve(pathInject, o.inject)
	mux.Handle(pathInject, inject)
	mux.Handle(pathInject+"/", inject)
	mux.Handle(pathValidate, o.serve(pathValidate, o.validate))
	return mux
}

// answer is what a review comes to.
type answer struct {
	outcome Outcome
	// denied says why the object is refused; empty lets it pass.
	denied   string
	warnings []string
	patch    []byte
}

func uid(s types.UID) slog.Attr { return slog.String("uid", string(s)) }
