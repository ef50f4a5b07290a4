package proxyconfig

import "encoding/json"

const adminType = "type.googleapis.com/envoy.admin.v3."

// MarshalJSON writes the dump in the form that Parse reads: Envoy's own.
func (d *Dump) MarshalJSON() ([]byte, error) {
	configs := []any{}
	if d.Bootstrap != nil {
		configs = append(configs, Tree{
			"@type": adminType + "BootstrapConfigDump", "bootstrap": d.Bootstrap.Body, "last_updated": d.Bootstrap.LastUpdated,
		})
	}
	for _, kind := range []string{"ClustersConfigDump", "EndpointsConfigDump", "RoutesConfigDump", "SecretsConfigDump", "EcdsConfigDump"} {
		typeURL, entries := sections(kind)
		if section := section(kind, *d.list(typeURL), entries); section != nil {
			configs = append(configs, section)
		}
	}
	if len(d.Listeners) > 0 {
		configs = append(configs, listenerSection(d.Listeners))
	}
	for _, o := range d.Other {
		configs = append(configs, o)
	}
	return json.Marshal(Tree{"configs": configs})
}

func section(kind string, resources []Resource, entries []entry) Tree {
	if len(resources) == 0 {
		return nil
	}
	out := Tree{"@type": adminType + kind}
	for _, r := range resources {
		e := entryOf(r.State, entries)
		item := r.meta()
		if r.State == Failed {
			item["name"] = r.Name
			item["error_state"] = Tree{"details": r.Error, "failed_configuration": r.Body}
		} else {
			item[e.body] = r.Body
		}
		if r.Type == SecretType {
			item["name"] = r.Name
		}
		list, _ := out[e.list].([]any)
		out[e.list] = append(list, item)
	}
	return out
}

// entryOf finds the list for a state; a refused resource stands among the last, the dynamic ones.
func entryOf(s State, entries []entry) entry {
	for _, e := range entries {
		if e.state == s {
			return e
		}
	}
	return entries[len(entries)-1]
}

func (r Resource) meta() Tree {
	t := Tree{}
	if r.Version != "" {
		t["version_info"] = r.Version
	}
	if r.LastUpdated != "" {
		t["last_updated"] = r.LastUpdated
	}
	return t
}

func listenerSection(listeners []Resource) Tree {
	var static, dynamic []any
	byName := map[string]Tree{}
	for _, r := range listeners {
		if r.State == Static {
			item := r.meta()
			item["listener"] = r.Body
			static = append(static, item)
			continue
		}
		item := byName[r.Name]
		if item == nil {
			item = Tree{"name": r.Name}
			byName[r.Name] = item
			dynamic = append(dynamic, item)
		}
		state := r.meta()
		state["listener"] = r.Body
		switch r.State {
		case Warming:
			item["warming_state"] = state
		case Draining:
			item["draining_state"] = state
		case Failed:
			item["error_state"] = Tree{"details": r.Error, "failed_configuration": r.Body, "version_info": r.Version, "last_update_attempt": r.LastUpdated}
		default:
			item["active_state"] = state
		}
	}
	return Tree{"@type": adminType + "ListenersConfigDump", "static_listeners": static, "dynamic_listeners": dynamic}
}
