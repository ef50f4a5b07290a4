package inject

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/inject"
	"github.com/meshctl/meshctl/pkg/install/render"
	"github.com/meshctl/meshctl/pkg/install/values"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

// injection is what pods are injected with.
type injection struct {
	settings inject.Settings
	mesh     *mesh.Snapshot
}

// maxFile bounds the size of a file, in bytes.
const maxFile = 64 << 20

func (o *Options) read(path string) ([]byte, error) {
	from := o.Factory.IO.In
	if path != "-" {
		file, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		defer file.Close()
		from = file
	}
	data, err := io.ReadAll(io.LimitReader(from, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("larger than %d bytes", maxFile)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name(path), err)
	}
	return data, nil
}

func name(path string) string {
	if path == "-" {
		return factory.StandardInput
	}
	return path
}

// settings are those of the cluster, of a file or of a new installation.
func (o *Options) settings(ctx context.Context) (injection, error) {
	var maps map[string]*corev1.ConfigMap
	var more []*config.Object
	var err error
	if o.Kube.Given() {
		maps, more, err = o.installed(ctx)
	} else {
		maps, err = o.rendered()
	}
	if err != nil {
		return injection{}, err
	}
	injector, origin := maps[inject.ConfigMapOf(o.Revision)], "ConfigMap "+inject.ConfigMapOf(o.Revision)
	if o.InjectorConfig != "" {
		if injector, err = o.injectorFile(); err != nil {
			return injection{}, err
		}
		origin = o.InjectorConfig
	}
	if injector == nil {
		return injection{}, fmt.Errorf("%s has no %s: is the revision right (--revision), and its namespace (--system-namespace)?", o.System, origin)
	}
	settings, err := inject.ReadSettings(inject.DefaultSettings("", ""), injector.Data["config"], injector.Data["values"])
	if err != nil {
		return injection{}, fmt.Errorf("%s: %w", origin, err)
	}
	m, err := o.mesh(maps[meshName(o.Revision)], more)
	return injection{settings, m}, err
}

func meshName(revision string) string {
	if revision == "" || revision == "default" {
		return config.MeshConfigName
	}
	return config.MeshConfigName + "-" + revision
}

// mesh is that of the file --mesh-config, or else of the ConfigMap, with ProxyConfig resources.
func (o *Options) mesh(cm *corev1.ConfigMap, more []*config.Object) (*mesh.Snapshot, error) {
	data, origin := []byte(nil), o.MeshConfig
	if o.MeshConfig != "" {
		var err error
		if data, err = o.read(o.MeshConfig); err != nil {
			return nil, err
		}
	} else if cm != nil {
		data, origin = []byte(cm.Data[config.MeshConfigKey]), "ConfigMap "+cm.Name
	}
	if len(bytes.TrimSpace(data)) > 0 {
		object, err := config.MeshConfigObject(origin, data, o.System)
		if err != nil {
			return nil, err
		}
		more = append(more, object)
	}
	return mesh.Build(config.Set{}.With(config.Batch{Full: true, Upserts: more}), mesh.Options{SystemNamespace: o.System}), nil
}

func (o *Options) injectorFile() (*corev1.ConfigMap, error) {
	data, err := o.read(o.InjectorConfig)
	if err != nil {
		return nil, err
	}
	var cm corev1.ConfigMap
	if err := yaml.Unmarshal(data, &cm); err != nil {
		return nil, fmt.Errorf("%s: %w", o.InjectorConfig, err)
	}
	if cm.Data["values"] == "" {
		return nil, fmt.Errorf(`%s: is no ConfigMap of an injector: the key "values" is missing`, o.InjectorConfig)
	}
	return &cm, nil
}

// rendered are the ConfigMaps of a new installation.
func (o *Options) rendered() (map[string]*corev1.ConfigMap, error) {
	v, warnings, err := values.Load(values.Options{Sets: o.Sets, Revision: o.Revision, Namespace: o.System})
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		o.Factory.Say("warning: %s", w)
	}
	var text bytes.Buffer
	if err := render.Write(&text, v, values.Pilot); err != nil {
		return nil, err
	}
	objects, err := render.Decode(text.String())
	if err != nil {
		return nil, err
	}
	out := map[string]*corev1.ConfigMap{}
	for _, u := range objects {
		if u.GetKind() != config.ConfigMap.Name {
			continue
		}
		var cm corev1.ConfigMap
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &cm); err != nil {
			return nil, fmt.Errorf("ConfigMap %s: %w", u.GetName(), err)
		}
		out[cm.Name] = &cm
	}
	return out, nil
}

// installed are the ConfigMaps of the cluster's control planes, and the resources that pods are injected by.
func (o *Options) installed(ctx context.Context) (map[string]*corev1.ConfigMap, []*config.Object, error) {
	access, name, err := o.Factory.Kube(o.Kube).Load()
	if err != nil {
		return nil, nil, err
	}
	cluster, err := kube.New(access, kube.Options{Name: "cluster " + name})
	if err != nil {
		return nil, nil, err
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	listing, err := cluster.List(ctx, []config.Kind{config.ConfigMap, config.ProxyConfig})
	if err != nil {
		return nil, nil, err
	}
	for _, m := range listing.Missing {
		return nil, nil, fmt.Errorf("cluster %s: %s not read: %s", name, m.Kind, m.Message)
	}
	maps := map[string]*corev1.ConfigMap{}
	var more []*config.Object
	for _, object := range listing.Read.Objects {
		if cm, ok := object.Spec.(*corev1.ConfigMap); ok {
			if object.Key.Namespace == o.System {
				cm.Name = object.Key.Name
				maps[object.Key.Name] = cm
			}
			continue
		}
		more = append(more, object)
	}
	return maps, more, nil
}
