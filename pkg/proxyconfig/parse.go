package proxyconfig

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	adminv3 "github.com/envoyproxy/go-control-plane/envoy/admin/v3"
)

// MaxSize is the most that Parse reads, in bytes. A sidecar that knows 10,000 services has a dump of some 100 MB.
const MaxSize = 1 << 30

// Parse reads a config dump in Envoy's JSON form, as /config_dump writes it (field names in either spelling). Sections
// and extensions that this program does not know are kept as they are. The error says why the input is no dump.
func Parse(r io.Reader) (*Dump, error) {
	root, err := readObject(r)
	if err != nil {
		return nil, fmt.Errorf("read config dump: %w", err)
	}
	root = normalize(root, (&adminv3.ConfigDump{}).ProtoReflect().Descriptor())
	redact(root)
	configs, ok := root["configs"].([]any)
	if !ok {
		if _, empty := root["configs"]; !empty && len(root) == 0 {
			return &Dump{}, nil // a dump of nothing
		}
		return nil, errors.New(`read config dump: the document has no "configs": it is not what Envoy's /config_dump answers`)
	}
	d := &Dump{}
	for _, c := range configs {
		section, ok := c.(Tree)
		if !ok {
			return nil, errors.New(`read config dump: "configs" holds something else than sections`)
		}
		d.addSection(section)
	}
	d.sort()
	return d, nil
}

func readObject(r io.Reader) (Tree, error) {
	dec := json.NewDecoder(io.LimitReader(r, MaxSize))
	dec.UseNumber()
	var root Tree
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errors.New("it is empty")
		}
		return nil, fmt.Errorf("it is not a JSON object: %w", err)
	}
	if dec.More() {
		return nil, errors.New("something follows the JSON object")
	}
	return root, nil
}

// entry says where a list of a section keeps its resources (envoy/admin/v3/config_dump_shared.proto).
type entry struct {
	list  string // the field of the section
	body  string // the field of each element that holds the resource
	state State
}

func sections(kind string) (typeURL string, entries []entry) {
	switch kind {
	case "ClustersConfigDump":
		return ClusterType, []entry{
			{"static_clusters", "cluster", Static}, {"dynamic_active_clusters", "cluster", Active},
			{"dynamic_warming_clusters", "cluster", Warming},
		}
	case "RoutesConfigDump":
		return RouteType, []entry{
			{"static_route_configs", "route_config", Static}, {"dynamic_route_configs", "route_config", Active},
		}
	case "EndpointsConfigDump":
		return EndpointType, []entry{
			{"static_endpoint_configs", "endpoint_config", Static}, {"dynamic_endpoint_configs", "endpoint_config", Active},
		}
	case "SecretsConfigDump":
		return SecretType, []entry{
			{"static_secrets", "secret", Static}, {"dynamic_active_secrets", "secret", Active},
			{"dynamic_warming_secrets", "secret", Warming},
		}
	case "EcdsConfigDump":
		return ExtensionType, []entry{{"ecds_filters", "ecds_filter", Active}}
	default:
		return "", nil
	}
}

func (d *Dump) addSection(section Tree) {
	kind := text(section, "@type")
	kind = kind[strings.LastIndexByte(kind, '.')+1:]
	switch kind {
	case "BootstrapConfigDump":
		d.Bootstrap = &Resource{
			Type: bootstrapType, Name: "bootstrap", State: Static,
			LastUpdated: text(section, "last_updated"), Body: object(section, "bootstrap"),
		}
		return
	case "ListenersConfigDump":
		d.addListeners(section)
		return
	}
	typeURL, entries := sections(kind)
	if entries == nil {
		d.Other = append(d.Other, section)
		return
	}
	into := d.list(typeURL)
	for _, e := range entries {
		for _, item := range objects(section, e.list) {
			*into = append(*into, resource(typeURL, item, e.body, e.state))
		}
	}
}

// resource reads one element of a section, whose resource is in the field body.
func resource(typeURL string, item Tree, body string, state State) Resource {
	r := Resource{
		Type: typeURL, State: state, Body: object(item, body),
		Version: text(item, "version_info"), LastUpdated: text(item, "last_updated"),
	}
	r.Name = first(nameOf(r.Body), text(item, "name"))
	if failure := object(item, "error_state"); failure != nil {
		r.State = Failed
		r.Error = text(failure, "details")
		if r.Body == nil {
			r.Body = object(failure, "failed_configuration")
			r.Name = first(r.Name, nameOf(r.Body))
		}
	}
	return r
}

// addListeners is apart from the others because a dynamic listener holds up to four states of itself.
func (d *Dump) addListeners(section Tree) {
	for _, item := range objects(section, "static_listeners") {
		d.Listeners = append(d.Listeners, resource(ListenerType, item, "listener", Static))
	}
	for _, item := range objects(section, "dynamic_listeners") {
		name := text(item, "name")
		for _, s := range []struct {
			field string
			state State
		}{{"active_state", Active}, {"warming_state", Warming}, {"draining_state", Draining}} {
			if one := object(item, s.field); one != nil {
				r := resource(ListenerType, one, "listener", s.state)
				r.Name = first(name, r.Name)
				d.Listeners = append(d.Listeners, r)
			}
		}
		if failure := object(item, "error_state"); failure != nil {
			d.addFailedListener(name, failure)
		}
	}
}

// addFailedListener adds a refusal once: Envoy reports that of a new listener twice, one time without a timestamp.
func (d *Dump) addFailedListener(name string, failure Tree) {
	body := object(failure, "failed_configuration")
	r := Resource{
		Type: ListenerType, Name: first(name, nameOf(body)), State: Failed, Body: body,
		Version: text(failure, "version_info"), LastUpdated: text(failure, "last_update_attempt"),
		Error: text(failure, "details"),
	}
	for i, other := range d.Listeners {
		if other.State == Failed && other.Name == r.Name && other.Error == r.Error {
			d.Listeners[i].LastUpdated = first(other.LastUpdated, r.LastUpdated)
			return
		}
	}
	d.Listeners = append(d.Listeners, r)
}

// nameOf is the name by which discovery knows a resource.
func nameOf(body Tree) string { return first(text(body, "name"), text(body, "cluster_name")) }
