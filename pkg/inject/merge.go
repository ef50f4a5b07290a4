package inject

import (
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
)

// listKeys are the lists of a container that are merged by a key, as Kubernetes' strategic merge patch does; other lists are replaced.
func listKeys() map[string]string {
	return map[string]string{"env": "name", "ports": "containerPort", "volumeMounts": "mountPath", "volumeDevices": "devicePath"}
}

// handlers are the fields of a probe or a hook of which only one may be set: one replaces the others.
func handlers() []string { return []string{"exec", "httpGet", "tcpSocket", "grpc", "sleep"} }

// mergeContainer lays what is set in over on base
// (https://kubernetes.io/docs/tasks/manage-kubernetes-objects/update-api-object-kubectl-patch/).
func mergeContainer(base, over *corev1.Container) (corev1.Container, error) {
	var out corev1.Container
	var trees [2]map[string]any
	for i, c := range []*corev1.Container{base, over} {
		data, err := json.Marshal(c)
		if err == nil {
			err = json.Unmarshal(data, &trees[i])
		}
		if err != nil {
			return out, fmt.Errorf("container %s: %w", c.Name, err)
		}
	}
	data, err := json.Marshal(mergeMaps(trees[0], trees[1]))
	if err == nil {
		err = json.Unmarshal(data, &out)
	}
	if err != nil {
		return out, fmt.Errorf("container %s: %w", base.Name, err)
	}
	return out, nil
}

// mergeMaps changes base.
func mergeMaps(base, over map[string]any) map[string]any {
	for _, h := range handlers() {
		if _, set := over[h]; set {
			for _, other := range handlers() {
				if other != h {
					delete(base, other)
				}
			}
		}
	}
	for name, value := range over {
		switch v := value.(type) {
		case map[string]any:
			if below, ok := base[name].(map[string]any); ok {
				value = mergeMaps(below, v)
			}
		case []any:
			if key := listKeys()[name]; key != "" {
				below, _ := base[name].([]any)
				value = mergeLists(below, v, key)
			}
		}
		base[name] = value
	}
	return base
}

func mergeLists(base, over []any, key string) []any {
	for _, item := range over {
		entry, ok := item.(map[string]any)
		i := 0
		for ; ok && i < len(base); i++ {
			if below, isMap := base[i].(map[string]any); isMap && below[key] == entry[key] {
				base[i] = replaceEntry(below, entry)
				break
			}
		}
		if !ok || i == len(base) {
			base = append(base, item)
		}
	}
	return base
}

// replaceEntry merges two entries of one list; a variable has either a value or a source of it.
func replaceEntry(below, entry map[string]any) map[string]any {
	if _, set := entry["value"]; set {
		delete(below, "valueFrom")
	}
	if _, set := entry["valueFrom"]; set {
		delete(below, "value")
	}
	return mergeMaps(below, entry)
}
