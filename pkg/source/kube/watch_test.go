package kube_test

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/kube"
	"github.com/meshctl/meshctl/pkg/source/sourcetest"
)

// services is a server of Services that can be made to fail. Its streams end when it is closed, or told to.
type services struct {
	mu      sync.Mutex
	list    string                  // the answer to a list
	refused map[string]int          // by resourceVersion of a list, "" for the first one
	streams map[chan string]bool    // open watches
	watched chan struct{}           // a watch was opened
	answers map[string]http.Handler // what else is served
}

func newServices(list string) *services {
	return &services{list: list, refused: map[string]int{}, streams: map[chan string]bool{}, watched: make(chan struct{}, 100)}
}

func (s *services) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	other := s.answers[r.URL.Path]
	switch {
	case r.URL.Path == "/api/v1":
		say(`{"resources":[{"name":"services","kind":"Service","verbs":["list"]},{"name":"secrets","kind":"Secret","verbs":["list"]}]}`)(w, r)
	case other != nil:
		other.ServeHTTP(w, r)
	case r.URL.Path != "/api/v1/services":
		refuse(http.StatusNotFound)(w, r)
	case r.URL.Query().Get("watch") == "":
		s.mu.Lock()
		list, code := s.list, s.refused[r.URL.Query().Get("resourceVersion")]
		s.mu.Unlock()
		if code != 0 {
			refuse(code)(w, r)
			return
		}
		say(list)(w, r)
	default:
		s.stream(w, r)
	}
}

func (s *services) stream(w http.ResponseWriter, r *http.Request) {
	events := make(chan string, 10)
	s.mu.Lock()
	s.streams[events] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.streams, events)
		s.mu.Unlock()
	}()
	_ = http.NewResponseController(w).Flush()
	s.watched <- struct{}{}
	for {
		select {
		case <-r.Context().Done():
			return
		case event := <-events:
			if event == "" {
				return
			}
			fmt.Fprintln(w, event)
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// send writes an event to every watch; the empty one ends them.
func (s *services) send(event string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for stream := range s.streams {
		stream <- event
	}
}

func (s *services) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *services) watchedNow(t *testing.T) {
	t.Helper()
	select {
	case <-s.watched:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody watches")
	}
}

func service(name string) config.Key {
	return config.Key{Kind: config.Service, Namespace: "shop", Name: name}
}

func watch(t *testing.T, s *services, o kube.Options, kinds ...config.Kind) *sourcetest.Recorder {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return sourcetest.Record(t, dial(t, server.URL, o).Watch(kinds))
}

// TestAnExpiredWatch loses what happened meanwhile, and emits exactly the difference.
func TestAnExpiredWatch(t *testing.T) {
	for name, expire := range map[string]func(*services){
		"by an event": func(s *services) {
			s.send(`{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old"}}`)
		},
		"forgotten by the list": func(s *services) {
			s.set(func() { s.refused["9"] = http.StatusGone })
			s.send(`{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old"}}`)
		},
		"restored from a backup": func(s *services) {
			s.set(func() { s.refused["9"] = http.StatusGatewayTimeout })
			s.send(`{"type":"ERROR","object":{"kind":"Status","status":"Failure","reason":"Expired","code":410,"message":"too old"}}`)
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newServices(page("", "a", "b"))
			r := watch(t, s, kube.Options{}, config.Service)
			if b := r.Next(); !b.Full || len(b.Upserts) != 2 {
				t.Fatalf("got %v", b)
			}
			s.watchedNow(t)
			s.set(func() { s.list = strings.Replace(page("", "b", "c"), `"9"`, `"20"`, 1) })
			expire(s)
			r.Until("the difference is there", func() bool { return r.Set.Get(service("a")) == nil && r.Set.Get(service("c")) != nil })
			if b := r.Last; b.Full || len(b.Upserts) > 1 || len(b.Deletes) > 1 {
				t.Errorf("got %v", b)
			}
		})
	}
}

// TestAServerThatRestarts keeps what is known while it is away.
func TestAServerThatRestarts(t *testing.T) {
	s := newServices(page("", "a"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	start := func(l net.Listener) *httptest.Server {
		server := &httptest.Server{Listener: l, Config: &http.Server{Handler: s}}
		server.Start()
		return server
	}
	server := start(listener)
	r := sourcetest.Record(t, dial(t, server.URL, kube.Options{}).Watch(justServices))
	r.Next()
	s.watchedNow(t)
	server.CloseClientConnections()
	server.Close()
	s.set(func() { s.list = page("", "a", "b") })
	if listener, err = net.Listen("tcp", listener.Addr().String()); err != nil {
		t.Skip("the port went to somebody else:", err)
	}
	t.Cleanup(start(listener).Close)
	s.watchedNow(t)
	s.send(`{"type":"ADDED","object":{"kind":"Service","apiVersion":"v1","metadata":{"name":"c","namespace":"shop","resourceVersion":"21"},"spec":{"ports":[{"port":80}]}}}`)
	r.Until("what is new is there", func() bool { return r.Set.Get(service("c")) != nil })
	if b := r.Last; b.Full || len(b.Deletes) > 0 || r.Set.Get(service("a")) == nil {
		t.Errorf("got %v", b)
	}
}

// TestBookmarksAndBrokenObjects says nothing of the ones and tells of the others.
func TestBookmarksAndBrokenObjects(t *testing.T) {
	s := newServices(page("", "a"))
	r := watch(t, s, kube.Options{}, config.Service)
	r.Next()
	s.watchedNow(t)
	s.send(`{"type":"BOOKMARK","object":{"kind":"Service","apiVersion":"v1","metadata":{"resourceVersion":"30"}}}`)
	s.send(`{"type":"MODIFIED","object":{"kind":"Service","apiVersion":"v1","metadata":{"name":"a","namespace":"shop","resourceVersion":"31"},"spec":{"ports":3}}}`)
	if b := r.Next(); len(b.Problems) != 1 || len(b.Deletes) != 1 || b.Deletes[0] != service("a") {
		t.Errorf("got %v", b)
	}
	s.send(`{"type":"MODIFIED","object":{"kind":"Service","apiVersion":"v1","metadata":{"name":"a","namespace":"shop","resourceVersion":"32"},"spec":{"ports":[{"port":80}]}}}`)
	if b := r.Next(); len(b.Problems) != 0 || len(b.Upserts) != 1 {
		t.Errorf("got %v", b)
	}
}

// TestAKindThatIsRefused becomes a Problem, and the others come; once it may be read it does.
func TestAKindThatIsRefused(t *testing.T) {
	for _, code := range []int{http.StatusForbidden, http.StatusInternalServerError} {
		s := newServices(page("", "a"))
		s.answers = map[string]http.Handler{"/api/v1/secrets": refuse(code)}
		r := watch(t, s, kube.Options{RefusedPatience: 50 * time.Millisecond}, config.Service, config.Secret)
		if b := r.Next(); !b.Full || len(b.Upserts) != 1 || len(b.Problems) != 1 || !strings.Contains(b.Problems[0].Message, "Secret objects cannot be read: ") {
			t.Errorf("%d: got %v", code, b)
		}
		r.Stop()
	}
}

// TestRefusalsOfAStartingServer are waited out: the first batch has everything.
func TestRefusalsOfAStartingServer(t *testing.T) {
	s := newServices(page("", "a"))
	s.refused[""] = http.StatusForbidden
	asked := make(chan struct{}, 100)
	s.answers = map[string]http.Handler{"/api/v1/secrets": http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		say(`{"metadata":{"resourceVersion":"1"},"items":[]}`)(w, r)
	})}
	r := watch(t, s, kube.Options{RefusedPatience: time.Minute}, config.Service, config.Secret)
	<-asked
	s.set(func() { delete(s.refused, "") })
	if b := r.Next(); !b.Full || len(b.Upserts) != 1 || len(b.Problems) != 0 {
		t.Errorf("got %v", b)
	}
}
