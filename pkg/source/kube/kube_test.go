package kube_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/client-go/rest"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve is a cluster that serves Services, and whatever else answers gives.
func serve(t *testing.T, o kube.Options, answers map[string]http.HandlerFunc) *kube.Cluster {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/api/v1", say(`{"resources":[{"name":"services/status","kind":"Service","verbs":["get"]},{"name":"services","kind":"Service","verbs":["list"]},
		{"name":"secrets","kind":"Secret","verbs":["list"]},{"name":"pods","kind":"Pod","verbs":["get"]}]}`))
	for path, answer := range answers {
		mux.HandleFunc(path, answer)
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return dial(t, server.URL, o)
}

func dial(t *testing.T, address string, o kube.Options) *kube.Cluster {
	t.Helper()
	o.Name = "cluster test"
	c, err := kube.New(&rest.Config{Host: address}, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func say(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
}

func refuse(code int, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if len(header) > 0 {
			w.Header().Set(header[0], header[1])
		}
		w.WriteHeader(code)
		fmt.Fprintf(w, `{"kind":"Status","message":"because of %d"}`, code)
	}
}

func page(token string, names ...string) string {
	items := make([]string, len(names))
	for i, name := range names {
		items[i] = fmt.Sprintf(`{"metadata":{"name":%q,"namespace":"shop"},"spec":{"ports":[{"port":80}]}}`, name)
	}
	return fmt.Sprintf(`{"kind":"ServiceList","apiVersion":"v1","metadata":{"resourceVersion":"9","continue":%q},"items":[%s]}`, token, strings.Join(items, ","))
}

var justServices = []config.Kind{config.Service}

func TestAListThatTheServerForgotStartsAgain(t *testing.T) {
	var requests []string
	c := serve(t, kube.Options{Page: 2}, map[string]http.HandlerFunc{"/api/v1/services": func(w http.ResponseWriter, r *http.Request) {
		requests = append(requests, r.URL.RawQuery)
		switch r.URL.RawQuery {
		case "limit=2":
			say(page("old", "a", "b"))(w, r)
		case "continue=old&limit=2":
			refuse(http.StatusGone)(w, r)
		default:
			say(page("", "b", "c"))(w, r)
		}
	}})
	var last kube.Progress
	listing, err := c.List(t.Context(), justServices)
	if err != nil || listing.Listed[config.Service] != 2 || len(listing.Read.Objects) != 2 || listing.Read.Objects[1].Key.Name != "c" {
		t.Errorf("%v, %+v, %v, asked %q", err, listing, last, requests)
	}
}

func TestTroubleWithOneKindIsToldOfIt(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		reason kube.Reason
		want   string
	}{
		{"forbidden", refuse(http.StatusForbidden), kube.Forbidden, "forbidden: because of 403"},
		{"changes all the time", refuse(http.StatusGone), kube.Failed, "the list changed faster"},
		{"fault of the server", refuse(http.StatusInternalServerError), kube.Failed, "because of 500"},
		{"no list", say(`{"kind":"Status"}`), kube.Failed, "is no list"},
		{"no JSON", say(`<html>`), kube.Failed, "is no list"},
		{"broken off", say(page("", "a")[:60]), kube.Failed, "broke off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			listing, err := serve(t, kube.Options{}, map[string]http.HandlerFunc{
				"/api/v1/services": say(page("", "a")), "/api/v1/secrets": c.answer,
			}).List(t.Context(), []config.Kind{config.Service, config.Secret})
			if err != nil || len(listing.Read.Objects) != 1 || len(listing.Missing) != 1 {
				t.Fatalf("%v, %+v", err, listing)
			}
			if m := listing.Missing[0]; m.Kind != config.Secret || m.Reason != c.reason || !strings.Contains(m.Message, c.want) {
				t.Errorf("%+v", m)
			}
		})
	}
}

func TestVersionsAndVerbsThatAreNotServed(t *testing.T) {
	listing, err := serve(t, kube.Options{}, map[string]http.HandlerFunc{
		"/apis/networking.istio.io":         say(`{"versions":[{"version":"v9"},{"version":"v1beta1"}]}`),
		"/apis/networking.istio.io/v9":      say(`{"resources":[{"name":"sidecars","kind":"Sidecar","verbs":["list"]}]}`),
		"/apis/networking.istio.io/v1beta1": say(`{"resources":[{"name":"gateways","kind":"Gateway","verbs":["list"]}]}`),
		"/apis/networking.istio.io/v1beta1/gateways": say(
			`{"metadata":{},"items":[{"apiVersion":"networking.istio.io/v1beta1","kind":"Gateway","metadata":{"name":"g","namespace":"x"},"spec":{}}]}`),
	}).List(t.Context(), []config.Kind{config.Gateway, config.Sidecar, config.EnvoyFilter, config.TrafficSplit, config.Pod})
	if err != nil || len(listing.Read.Objects) != 1 || len(listing.Missing) != 2 {
		t.Fatalf("%v, %+v", err, listing)
	}
	if m := listing.Missing; m[0].Kind != config.Pod || m[1].Kind != config.Sidecar || !strings.Contains(m[1].Message, "serves it as v9") {
		t.Errorf("%+v", m)
	}
	for _, none := range []config.Kind{config.EnvoyFilter, config.TrafficSplit} {
		if n, listed := listing.Listed[none]; n != 0 || !listed {
			t.Errorf("%s: %d, %v", none, n, listed)
		}
	}
}

func TestABusyServerIsAskedAgain(t *testing.T) {
	var asked atomic.Int32
	listing, err := serve(t, kube.Options{}, map[string]http.HandlerFunc{"/api/v1/services": func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			refuse(http.StatusTooManyRequests, "Retry-After", "1")(w, r)
			return
		}
		say(page("", "a"))(w, r)
	}}).List(t.Context(), justServices)
	if err != nil || listing.Listed[config.Service] != 1 || asked.Load() != 2 {
		t.Errorf("%v, %+v, asked %d times", err, listing, asked.Load())
	}
}

func TestUnauthorized(t *testing.T) {
	_, err := serve(t, kube.Options{}, map[string]http.HandlerFunc{"/": refuse(http.StatusUnauthorized)}).List(t.Context(), []config.Kind{config.Gateway})
	if !errors.Is(err, kube.ErrUnauthorized) {
		t.Error(err)
	}
}

func TestAServerThatNeverAnswers(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // connections wait in the kernel
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, err = dial(t, "http://"+silent.Addr().String(), kube.Options{AnswerTimeout: 50 * time.Millisecond}).List(t.Context(), justServices)
	if !errors.Is(err, kube.ErrUnreachable) || !strings.Contains(err.Error(), "cluster test at "+silent.Addr().String()+" does not answer: timed out") {
		t.Error(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err = dial(t, "http://"+silent.Addr().String(), kube.Options{}).List(ctx, justServices); !errors.Is(err, kube.ErrUnreachable) {
		t.Error(err)
	}
}

func TestTheDeadlineLeavesOutWhatIsNotListed(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	listing, err := serve(t, kube.Options{}, map[string]http.HandlerFunc{
		"/api/v1/services": say(page("", "a")),
		"/api/v1/secrets":  func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
	}).List(ctx, []config.Kind{config.Service, config.Secret})
	if err != nil || listing.Listed[config.Service] != 1 || len(listing.Missing) != 1 || listing.Missing[0].Reason != kube.OutOfTime {
		t.Errorf("%v, %+v", err, listing)
	}
}

func TestCancelling(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	_, err := serve(t, kube.Options{}, map[string]http.HandlerFunc{"/api/v1/services": func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}}).List(ctx, justServices)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
