package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/pkg/authz/ask"
	"github.com/meshctl/meshctl/pkg/proxyconfig"
	"github.com/meshctl/meshctl/pkg/tap"
	"github.com/meshctl/meshctl/pkg/traffic"
)

// MaxWait is the longest time for which GET /v1/sync waits.
const MaxWait = 5 * time.Minute

// ErrUnknownProxy is what a Backend returns for an id that it does not know.
var ErrUnknownProxy = errors.New("unknown proxy")

// Backend is the control plane as the API sees it. Its methods are called concurrently.
type Backend interface {
	Status() Status
	// Configuration returns what is in use besides what the files say now.
	Configuration() (Configuration, error)
	// Proxies returns every known proxy in any order.
	Proxies() []Proxy
	// Config returns the resources that the proxy should run, by type URL; the handler takes the secrets out.
	Config(ctx context.Context, id string) (map[string][]*anypb.Any, error)
	// Rotate gets the proxy a new certificate and returns it once the proxy's agent has it.
	Rotate(ctx context.Context, id string) (Certificate, error)
	// WaitSync returns when every connected proxy runs what it should, or ctx ends.
	WaitSync(ctx context.Context) SyncReport
	// WorkloadGroup describes a group of the configuration; ErrUnknownGroup when there is none of that name.
	WorkloadGroup(namespace, name string) (WorkloadGroup, error)
	// Authorize answers who may call whom; an *ask.InputError says what is wrong with the question.
	Authorize(q ask.Query) ([]ask.Report, error)
	// Tap hands requests of the mesh to emit until ctx ends or emit fails; an *InputError says what is wrong with the question.
	Tap(ctx context.Context, r tap.Request, emit func(tap.Line) error) error
	// Traffic asks the proxies what they have counted: those that matter to a namespace, or all.
	Traffic(ctx context.Context, namespace string) (traffic.Report, error)
}

// Handler serves the API. It answers only requests that were addressed to this machine by number or as localhost and
// that no web page sent: a browser must not be made to read the mesh or to rotate certificates.
func Handler(b Backend) http.Handler {
	h := handler{b}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", h.status)
	mux.HandleFunc("GET /v1/configuration", h.configuration)
	mux.HandleFunc("GET /v1/proxies", h.proxies)
	mux.HandleFunc("GET /v1/proxies/{id}", h.proxy)
	mux.HandleFunc("GET /v1/proxies/{id}/config", h.config)
	mux.HandleFunc("POST /v1/proxies/{id}/rotate", h.rotate)
	mux.HandleFunc("GET /v1/sync", h.sync)
	mux.HandleFunc("GET /v1/workloadgroups/{namespace}/{name}", h.group)
	mux.HandleFunc("POST /v1/authz", h.authorize)
	mux.HandleFunc("GET /v1/tap", h.tap)
	mux.HandleFunc("GET /v1/traffic", h.traffic)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, http.StatusNotFound, &Error{Message: "no such resource: " + r.Method + " " + r.URL.Path})
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") != "" || !local(r.Host) {
			fail(w, http.StatusForbidden, &Error{Message: "this API answers programs on this machine only"})
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// local keeps DNS names of others out, which could be made to point here.
func local(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && ip.IsLoopback()
}

type handler struct{ backend Backend }

func (h handler) status(w http.ResponseWriter, _ *http.Request) {
	s := h.backend.Status()
	if s.Problems == nil {
		s.Problems = []Problem{}
	}
	if s.NotEnforced == nil {
		s.NotEnforced = []Origin{}
	}
	answer(w, s)
}

func (h handler) configuration(w http.ResponseWriter, r *http.Request) {
	c, err := h.backend.Configuration()
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	answer(w, c)
}

func (h handler) sorted() []Proxy {
	proxies := slices.Clone(h.backend.Proxies())
	slices.SortFunc(proxies, func(a, b Proxy) int { return strings.Compare(a.ID, b.ID) })
	return proxies
}

func (h handler) proxies(w http.ResponseWriter, _ *http.Request) {
	proxies := h.sorted()
	if proxies == nil {
		proxies = []Proxy{}
	}
	answer(w, proxies)
}

func (h handler) proxy(w http.ResponseWriter, r *http.Request) {
	for _, p := range h.backend.Proxies() {
		if p.ID == r.PathValue("id") {
			answer(w, p)
			return
		}
	}
	h.refuse(w, r, ErrUnknownProxy)
}

func (h handler) config(w http.ResponseWriter, r *http.Request) {
	resources, err := h.backend.Config(r.Context(), r.PathValue("id"))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	dump, err := proxyconfig.FromResources(resources)
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	answer(w, dump)
}

func (h handler) rotate(w http.ResponseWriter, r *http.Request) {
	c, err := h.backend.Rotate(r.Context(), r.PathValue("id"))
	if err != nil {
		h.refuse(w, r, err)
		return
	}
	answer(w, c)
}

func (h handler) sync(w http.ResponseWriter, r *http.Request) {
	wait := time.Duration(0)
	if s := r.URL.Query().Get("wait"); s != "" {
		var err error
		if wait, err = time.ParseDuration(s); err != nil || wait < 0 {
			fail(w, http.StatusBadRequest, &Error{Message: "wait must be a duration such as 10s"})
			return
		}
	}
	ctx, cancel := context.WithTimeout(r.Context(), min(wait, MaxWait))
	defer cancel()
	answer(w, h.backend.WaitSync(ctx))
}

// maxQuery bounds a question.
const maxQuery = 1 << 20

func (h handler) authorize(w http.ResponseWriter, r *http.Request) {
	var q ask.Query
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxQuery)).Decode(&q); err != nil {
		fail(w, http.StatusBadRequest, &Error{Message: "the question is not JSON: " + err.Error()})
		return
	}
	reports, err := h.backend.Authorize(q)
	var input *ask.InputError
	switch {
	case errors.As(err, &input):
		fail(w, http.StatusUnprocessableEntity, &Error{Message: err.Error()})
	case err != nil:
		h.refuse(w, r, err)
	default:
		answer(w, reports)
	}
}

func (h handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, ErrUnknownProxy):
		e := &Error{Message: "no proxy " + r.PathValue("id") + " is known"}
		for _, p := range h.sorted() {
			e.Candidates = append(e.Candidates, p.ID)
		}
		fail(w, http.StatusNotFound, e)
	case errors.Is(err, context.DeadlineExceeded):
		fail(w, http.StatusGatewayTimeout, &Error{Message: err.Error()})
	default:
		fail(w, http.StatusInternalServerError, &Error{Message: err.Error()})
	}
}

func answer(w http.ResponseWriter, v any) {
	data, err := json.Marshal(v)
	if err != nil {
		fail(w, http.StatusInternalServerError, &Error{Message: err.Error()})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data) // the client may have gone
}

func fail(w http.ResponseWriter, status int, e *Error) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(e) // the client may have gone
}
