package telemetry_test

import (
	"context"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"testing"

	"github.com/meshctl/meshctl/internal/bookinfo"
	"github.com/meshctl/meshctl/internal/meshtest"
	"github.com/meshctl/meshctl/samples"
)

// shop is Bookinfo with one version of each service, behind the gateway of the demo.
type shop struct {
	*meshtest.Mesh
	gateway *meshtest.Workload
	// all are the gateway and the sidecars, by the name of their workload.
	all map[string]*meshtest.Workload
	// client calls the gateway at url, which has no path.
	client *http.Client
	url    string
}

// newShop runs one, with more files in the directory.
func newShop(t *testing.T, files map[string]string) *shop {
	t.Helper()
	all := map[string]string{}
	check(t, fs.WalkDir(samples.Demo(), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(samples.Demo(), path)
		all[path] = string(text)
		return err
	}))
	for name, text := range files {
		all[name] = text
	}
	s := &shop{Mesh: meshtest.New(t, all), all: map[string]*meshtest.Workload{}}
	gateway := meshtest.Gateway("istio-ingressgateway")
	gateway.ServiceAccount = "istio-ingressgateway-service-account"
	s.gateway = s.Start(gateway)
	s.all[gateway.Name] = s.gateway
	for service, version := range map[string]string{bookinfo.Productpage: "v1", bookinfo.Details: "v1", bookinfo.Reviews: "v2", bookinfo.Ratings: "v1"} {
		s.all[service+"-"+version] = s.run(service, version)
	}
	s.Settle()
	s.client = s.gateway.ClientOf(&http.Transport{})
	s.url = fmt.Sprintf("http://127.0.0.1:%d", s.gateway.Port("gateway|8080"))
	return s
}

// run runs a service behind its sidecar until the test ends.
func (s *shop) run(service, version string) *meshtest.Workload {
	t := s.T()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	o := meshtest.Sidecar(service+"-"+version, "app="+service, "version="+version)
	o.ServiceAccount, o.Ports = "bookinfo-"+service, map[uint32]uint32{bookinfo.Port: meshtest.ListenPort(listener)}
	w := s.Start(o)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	proxy := &url.URL{Scheme: "http", Host: fmt.Sprintf("127.0.0.1:%d", w.Port("http_proxy"))}
	go func() {
		done <- bookinfo.Run(ctx, bookinfo.Options{Service: service, Version: version, Listener: listener, Proxy: proxy})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// page waits until the page comes with all its parts: the stars are those of ratings.
func (s *shop) page(t *testing.T, headers ...string) {
	t.Helper()
	meshtest.Await(t, s.client, meshtest.Request{URL: s.url + "/productpage", Headers: headers}, func(a meshtest.Answer) error {
		if a.Status != http.StatusOK {
			return fmt.Errorf("want 200")
		}
		return nil
	})
}
