package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	utilnet "k8s.io/apimachinery/pkg/util/net"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/yaml"
)

// object is what must be known of a document to find its place.
type object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	} `json:"metadata"`
}

// Apply creates or changes the objects of a stream of YAML documents, one after the other, with all rights. Namespaces must exist.
func (c *Cluster) Apply(ctx context.Context, stream []byte) error { return Apply(ctx, c.admin, stream) }

// Apply creates or changes the objects of a stream of YAML documents, one after the other. Namespaces must exist.
func Apply(ctx context.Context, to *rest.Config, stream []byte) error {
	a := applier{base: to.Host, places: map[string]place{}}
	var err error
	if a.client, err = rest.HTTPClientFor(to); err != nil {
		return err
	}
	defer utilnet.CloseIdleConnectionsFor(a.client.Transport)
	for _, text := range bytes.Split(append([]byte("\n"), stream...), []byte("\n---\n")) {
		var o object
		if err := yaml.Unmarshal(text, &o); err != nil {
			return err
		}
		if o.Kind == "" {
			continue
		}
		if err := a.apply(ctx, o, text); err != nil {
			return fmt.Errorf("%s %s/%s: %w", o.Kind, o.Metadata.Namespace, o.Metadata.Name, err)
		}
	}
	return nil
}

type applier struct {
	client *http.Client
	base   string
	places map[string]place // by apiVersion and kind
}

// place is where objects of a kind are.
type place struct {
	path, resource string
	namespaced     bool
}

func (a applier) apply(ctx context.Context, o object, text []byte) error {
	at, err := a.place(ctx, o)
	if err != nil {
		return err
	}
	url := a.base + at.path
	if at.namespaced {
		namespace := o.Metadata.Namespace
		if namespace == "" {
			namespace = "default"
		}
		url += "/namespaces/" + namespace
	}
	url += "/" + at.resource + "/" + o.Metadata.Name + "?fieldManager=test&force=true"
	_, err = a.send(ctx, http.MethodPatch, url, text)
	return err
}

// place asks until the kind is there: one that has just been defined is served a moment later.
func (a applier) place(ctx context.Context, o object) (place, error) {
	key := o.APIVersion + " " + o.Kind
	if at, known := a.places[key]; known {
		return at, nil
	}
	path := "/api/" + o.APIVersion
	if strings.Contains(o.APIVersion, "/") {
		path = "/apis/" + o.APIVersion
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var list struct {
			Resources []struct {
				Name, Kind string
				Namespaced bool
			}
		}
		data, err := a.send(ctx, http.MethodGet, a.base+path, nil)
		if err == nil {
			err = json.Unmarshal(data, &list)
		}
		if err == nil {
			for _, r := range list.Resources {
				if r.Kind == o.Kind && !strings.Contains(r.Name, "/") {
					a.places[key] = place{path, r.Name, r.Namespaced}
					return a.places[key], nil
				}
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return place{}, fmt.Errorf("the server has no such kind (%w)", err)
		}
	}
}

func (a applier) send(ctx context.Context, method, url string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/apply-patch+yaml")
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode >= 300 {
		err = fmt.Errorf("%s: %s", response.Status, data)
	}
	return data, err
}

// Definitions returns the CustomResourceDefinitions of Istio and of the Gateway API's standard channel, of the versions that the main
// module uses.
func Definitions(ctx context.Context) ([]byte, error) {
	var out []byte
	for module, pattern := range map[string]string{"istio.io/api": "kubernetes/customresourcedefinitions.gen.yaml", "sigs.k8s.io/gateway-api": "config/crd/standard/*.yaml"} {
		dir, err := goList(ctx, "-m", "-f", "{{.Dir}}", module)
		if err != nil {
			return nil, err
		}
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			return nil, fmt.Errorf("no %s in %s: %w", pattern, dir, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			out = append(append(out, "\n---\n"...), data...)
		}
	}
	return out, nil
}
