package kube

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/meshctl/meshctl/pkg/config"
)

// choice knows which Secrets and ConfigMaps the mesh may read: those that objects name. Nothing of any other is kept in memory.
type choice struct {
	mu     sync.Mutex
	names  map[string]int // how many objects name it
	by     map[config.Key][]string
	stores map[config.Kind]*store
}

func newChoice() *choice {
	return &choice{names: map[string]int{}, by: map[config.Key][]string{}, stores: map[config.Kind]*store{}}
}

// add makes a store hear of names.
func (c *choice) add(s *store) {
	if !selective(s.kind) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stores = maps.Clone(c.stores) // others read it without the lock
	c.stores[s.kind] = s
}

// classDefaults labels ConfigMaps with what is deployed for the Gateways of a class; nothing names them.
const classDefaults = "gateway.istio.io/defaults-for-class"

// selective kinds are read only where they are named.
func selective(kind config.Kind) bool { return kind == config.Secret || kind == config.ConfigMap }

// naming kinds refer to Secrets and ConfigMaps.
func naming(kind config.Kind) bool {
	switch kind {
	case config.Gateway, config.DestinationRule, config.K8sGateway, config.ListenerSet, config.Ingress, config.WasmPlugin, config.TrafficExtension, config.BackendTLSPolicy:
		return true
	}
	return false
}

// wants reports whether an object of a selective kind may be read.
func (c *choice) wants(key config.Key) bool {
	if key.Kind == config.ConfigMap && (key.Name == "istio" || strings.HasPrefix(key.Name, "istio-") && key.Name != "istio-ca-root-cert") {
		return true // the mesh's own: its configuration, the injector's
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[key.Name] > 0
}

// note says which names an object has now; nil for one that is gone. What is named for the first time is fetched, what is no longer
// named is forgotten.
func (c *choice) note(key config.Key, names []string) {
	if !naming(key.Kind) {
		return
	}
	c.mu.Lock()
	touched := map[string]bool{}
	for _, n := range names {
		if c.names[n]++; c.names[n] == 1 {
			touched[n] = true
		}
	}
	for _, n := range c.by[key] {
		if c.names[n]--; c.names[n] == 0 {
			delete(c.names, n)
			touched[n] = !touched[n]
		}
	}
	if c.by[key] = names; len(names) == 0 {
		delete(c.by, key)
	}
	stores := c.stores
	c.mu.Unlock()
	for n, moved := range touched {
		if !moved { // named before and after
			continue
		}
		for _, s := range stores {
			s.chose(n)
		}
	}
}

// referred lists the names of Secrets and ConfigMaps in an object. Names with a namespace, or with a scheme before it, count by their
// last part: who may use what is judged later.
func referred(data []byte) []string {
	var object struct{ Spec any }
	if json.Unmarshal(data, &object) != nil {
		return nil
	}
	var out []string
	add := func(v any) {
		if s, ok := v.(string); ok && s != "" {
			s = s[strings.LastIndexByte(s, '/')+1:]
			out = append(out, s, s+"-cacert")
		}
	}
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for field, value := range v {
				switch field {
				case "credentialName", "caCertCredentialName", "secretName", "imagePullSecret":
					add(value)
				case "parametersRef":
					if ref, ok := value.(map[string]any); ok {
						add(ref["name"])
					}
				case "credentialNames", "certificateRefs", "caCertificateRefs":
					list, _ := value.([]any)
					for _, e := range list {
						if ref, ok := e.(map[string]any); ok {
							e = ref["name"]
						}
						add(e)
					}
				default:
					walk(value)
				}
			}
		case []any:
			for _, e := range v {
				walk(e)
			}
		}
	}
	walk(object.Spec)
	slices.Sort(out)
	return slices.Compact(out)
}

// decoder returns what reads the objects of a resource.
func (r *following) decoder(of resource) decode {
	return func(data []byte, m metav1.ObjectMeta) (config.Result, []string) {
		key := config.Key{Kind: of.kind, Namespace: m.Namespace, Name: m.Name}
		if selective(of.kind) && !r.chosen.wants(key) && m.Labels[classDefaults] == "" {
			return config.Result{}, nil
		}
		var names []string
		if naming(of.kind) {
			names = referred(data)
		}
		return r.cluster.o.Decoder.DecodeServed(data, of.apiVersion, of.kind.Name), names
	}
}

// fetch reads one object that is wanted now, and was not before. The first batch waits for it.
func (r *following) fetch(ctx context.Context, l *lister, s *store, key config.Key) {
	r.feed.hold(1)
	r.parts.Go(func() {
		defer r.feed.hold(-1)
		before := s.version(key)
		path := strings.TrimSuffix(l.resource.path, "/"+plural(l.resource.path)) + "/namespaces/" + url.PathEscape(key.Namespace) + "/" + plural(l.resource.path) + "/" + url.PathEscape(key.Name)
		backoff := newBackoff()
		for ctx.Err() == nil && s.version(key) == before { // else the watch was faster
			err := r.cluster.get(ctx, r.cluster.o.PageTimeout, path, nil, func(body io.Reader) error {
				data, err := io.ReadAll(body)
				if err != nil {
					return err
				}
				i, err := l.read(data)
				if err == nil {
					s.fetched(i, before)
				}
				return err
			})
			if err == nil || errors.Is(err, errNotFound) || errors.Is(err, errForbidden) {
				return
			}
			sleep(ctx, backoff.Step())
		}
	})
}

func plural(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }
