package inject

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/meshctl/meshctl/pkg/inject"
)

// file injects all workloads of a text of documents. What it does not change it returns byte for byte.
func (o *Options) file(path string, data []byte, with injection) ([]byte, error) {
	var out bytes.Buffer
	for _, d := range documents(data) {
		text, err := o.document(name(path), d, with)
		if err != nil {
			return nil, err
		}
		out.Write(text)
	}
	return out.Bytes(), nil
}

// document is a piece of a file, from its first line.
type document struct {
	line int
	text []byte
}

// documents cuts a file before the lines that start a document.
func documents(data []byte) []document {
	var out []document
	current := document{line: 1}
	line := 1
	for text := range bytes.Lines(data) {
		if line > 1 && (bytes.Equal(bytes.TrimRight(text, " \t\r\n"), []byte("---")) || bytes.HasPrefix(text, []byte("--- "))) {
			out = append(out, current)
			current = document{line: line}
		}
		current.text = append(current.text, text...)
		line++
	}
	return append(out, current)
}

// document returns the text of one, changed where it has workloads.
func (o *Options) document(file string, d document, with injection) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(d.text, &root); err != nil {
		return nil, fmt.Errorf("%s:%d: no YAML: %s", file, d.line, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if root.Kind != yaml.DocumentNode || root.Content[0].Kind != yaml.MappingNode {
		return d.text, nil
	}
	changed, err := o.object(root.Content[0], with)
	if err != nil {
		var at *placedError
		if errors.As(err, &at) {
			return nil, fmt.Errorf("%s:%d: %w", file, d.line+at.line-1, at.err)
		}
		return nil, fmt.Errorf("%s:%d: %w", file, d.line, err)
	}
	if !changed {
		return d.text, nil
	}
	return encode(&root, d.text)
}

// placedError knows the line of its document.
type placedError struct {
	line int
	err  error
}

func (e *placedError) Error() string { return e.err.Error() }

// object injects a workload, or those of a list.
func (o *Options) object(n *yaml.Node, with injection) (changed bool, err error) {
	var head struct {
		Kind     string
		Metadata struct{ Name, Namespace string }
	}
	if n.Decode(&head) != nil {
		return false, nil // no Kubernetes object
	}
	if strings.HasSuffix(head.Kind, "List") {
		for _, item := range sequence(field(n, "items")) {
			one, err := o.object(item, with)
			if err != nil {
				return false, err
			}
			changed = changed || one
		}
		return changed, nil
	}
	template := n
	for _, step := range path(head.Kind) {
		template = field(template, step)
	}
	if path(head.Kind) == nil || template == nil {
		return false, nil
	}
	w := workload{kind: head.Kind, name: head.Metadata.Name, namespace: head.Metadata.Namespace}
	return o.template(template, w, with)
}

// path leads from a workload to its pod; nil for what is none.
func path(kind string) []string {
	switch kind {
	case "Pod":
		return []string{}
	case "Deployment", "DaemonSet", "StatefulSet", "ReplicaSet", "ReplicationController", "Job", "DeploymentConfig", "Rollout":
		return []string{"spec", "template"}
	case "CronJob":
		return []string{"spec", "jobTemplate", "spec", "template"}
	}
	return nil
}

// workload is what a pod belongs to.
type workload struct{ kind, name, namespace string }

func (w workload) String() string {
	if w.namespace == "" {
		return w.kind + " " + w.name
	}
	return w.kind + " " + w.namespace + "/" + w.name
}

// template injects one pod or template, or takes the proxy out of it.
func (o *Options) template(n *yaml.Node, w workload, with injection) (bool, error) {
	fail := func(err error) error { return &placedError{n.Line, fmt.Errorf("%s: %w", w, err)} }
	var tree any
	if err := n.Decode(&tree); err != nil {
		return false, fail(err)
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		return false, fail(err)
	}
	var pod corev1.Pod
	if err := json.Unmarshal(raw, &pod); err != nil {
		return false, fail(err)
	}
	after, err := o.changed(&pod, w, with)
	if err != nil || after == nil {
		if err != nil {
			err = fail(err)
		}
		return false, err
	}
	rebased, err := inject.Rebase(raw, &pod, after)
	if err != nil {
		return false, fail(err)
	}
	var old, wanted any
	if err := errors.Join(json.Unmarshal(raw, &old), json.Unmarshal(rebased, &wanted)); err != nil {
		return false, fail(err)
	}
	return true, change(n, old, wanted)
}

// changed returns what the pod becomes; nil when it stays.
func (o *Options) changed(pod *corev1.Pod, w workload, with injection) (*corev1.Pod, error) {
	if o.Undo {
		if _, injected := inject.Injected(pod.Annotations); !injected {
			return nil, nil
		}
		o.Factory.Say("%s: the proxy is taken out", w)
		return inject.Undo(pod), nil
	}
	verdict := inject.Admit(inject.Candidate{
		Namespace: w.namespace, Labels: pod.Labels, Annotations: pod.Annotations, HostNetwork: pod.Spec.HostNetwork,
	}, with.settings.Policy)
	if !verdict.Inject {
		o.Factory.Say("%s: not injected: %s", w, verdict.Reason)
		return nil, nil
	}
	owner := w.name
	if w.kind == "Pod" || pod.Labels["service.istio.io/workload-name"] != "" {
		owner = "" // the pod says so itself
	}
	out, err := inject.Pod(inject.PodInput{
		Pod: pod, Namespace: w.namespace, Workload: owner, Settings: with.settings, Mesh: with.mesh, Revision: o.Revision, NativeSidecars: o.NativeSidecars,
	})
	if err != nil {
		return nil, err
	}
	for _, warning := range out.Warnings {
		o.Factory.Say("warning: %s: %s", w, warning)
	}
	o.Factory.Say("%s: injected", w)
	return out.Pod, nil
}
