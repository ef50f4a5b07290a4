//go:build linux

package node

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/meshctl/meshctl/test/cluster"
)

// startTimeout is how long a cluster or a node may take to become ready, on a machine with other things to do.
const startTimeout = 3 * time.Minute

// server is the process that runs the first node.
type server struct {
	*daemons
	trust  *trust
	admin  *rest.Config
	client *http.Client
	began  time.Time
	nodes  []*worker
}

func runServer(dir string, l *os.File) error {
	s, err := readSpec(dir)
	if err != nil {
		return err
	}
	srv := &server{daemons: newDaemons(member{spec: s}), began: time.Now()}
	if err := srv.isolate(); err != nil {
		return err
	}
	if err := os.Setenv("PATH", srv.path()); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := srv.up(ctx); err != nil {
		return err
	}
	if err := srv.serve(srv.control()); err != nil {
		return err
	}
	if _, err := io.WriteString(l, readyLine); err != nil && s.Tied {
		return err
	}
	if !s.Tied {
		select {} // until the cluster is taken down, from outside
	}
	_, _ = io.Copy(io.Discard, l) // until whoever started the cluster has ended
	return srv.endAll()
}

func (s *server) say(what string) {
	fmt.Printf("%6.2fs %s\n", time.Since(s.began).Seconds(), what)
}

// up starts everything, as far as possible at once.
func (s *server) up(ctx context.Context) error {
	if err := s.connectFirst(); err != nil {
		return err
	}
	var err error
	if s.trust, err = newTrust(s.spec); err != nil {
		return err
	}
	if err := s.trust.certifyNode(s.member); err != nil {
		return err
	}
	if s.admin, err = clientcmd.BuildConfigFromFlags("", s.spec.file(adminKubeconfig)); err != nil {
		return err
	}
	s.admin.QPS = -1
	if s.client, err = rest.HTTPClientFor(s.admin); err != nil {
		return err
	}
	s.say("isolated")
	work, inner := errgroup.WithContext(ctx)
	own := make(chan struct{}) // closed when the images of every cluster are loaded
	work.Go(func() error { return s.images(inner, own) })
	work.Go(func() error { return s.controlPlane(inner, own) })
	return work.Wait()
}

func (s *server) images(ctx context.Context, own chan<- struct{}) error {
	if err := s.containers(ctx); err != nil {
		return err
	}
	s.say("containerd answers")
	for i, archive := range s.Images {
		if err := s.load(ctx, archive); err != nil {
			return err
		}
		if i == ownImages-1 {
			close(own)
		}
	}
	s.say("images are loaded")
	return nil
}

func (s *server) controlPlane(ctx context.Context, images <-chan struct{}) error {
	if err := s.stores(); err != nil {
		return err
	}
	if err := s.await(ctx, "kube-apiserver", s.ready); err != nil {
		return err
	}
	s.say("kube-apiserver is ready")
	if err := s.controllers(); err != nil {
		return err
	}
	select {
	case <-images:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if err := s.kubelet(); err != nil {
		return err
	}
	if err := s.nodeReady(ctx, s.Name()); err != nil {
		return err
	}
	s.say("the node is ready")
	dns, err := s.render("coredns.yaml")
	if err != nil {
		return err
	}
	if err := cluster.Apply(ctx, s.admin, dns); err != nil {
		return err
	}
	for what, done := range map[string]func(context.Context) bool{
		"kube-proxy": s.proxyReady,
		"coredns": func(ctx context.Context) bool {
			return s.condition(ctx, "/apis/apps/v1/namespaces/kube-system/deployments/coredns", "Available")
		},
		"service accounts": func(ctx context.Context) bool {
			return answers(ctx, s.client, s.admin.Host+"/api/v1/namespaces/default/serviceaccounts/default")
		},
	} {
		if err := s.await(ctx, what, done); err != nil {
			return err
		}
		s.say(what + ": ready")
	}
	return nil
}

func (s *server) ready(ctx context.Context) bool {
	return answers(ctx, s.client, s.admin.Host+"/readyz")
}

func (s *server) nodeReady(ctx context.Context, name string) error {
	return s.await(ctx, name, func(ctx context.Context) bool { return s.condition(ctx, "/api/v1/nodes/"+name, "Ready") })
}

// condition says whether an object has a condition.
func (s *server) condition(ctx context.Context, path, kind string) bool {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.admin.Host+path, nil)
	if err != nil {
		return false
	}
	response, err := s.client.Do(request)
	if err != nil {
		return false
	}
	defer response.Body.Close()
	var object struct {
		Status struct {
			Conditions []struct{ Type, Status string }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&object); err != nil {
		return false
	}
	for _, c := range object.Status.Conditions {
		if c.Type == kind {
			return c.Status == "True"
		}
	}
	return false
}

// endAll ends every other process of the cluster, and leaves no group of theirs.
func (s *server) endAll() error {
	ctx, cancel := context.WithTimeout(context.Background(), downTimeout)
	defer cancel()
	killOthers()
	return s.removeCgroups(ctx)
}
