package proxyconfig

// diffSecrets compares certificates, never keys. A proxy gets its own certificate from its agent: secrets that come from
// elsewhere than the control plane are compared only when the control plane means to give them.
func diffSecrets(want, have *Dump) []Difference {
	foreign := foreignSecrets(have)
	wanted, running := certificates(want), certificates(have)
	for name := range running {
		if _, ok := wanted[name]; !ok && foreign[name] {
			delete(running, name)
		}
	}
	var out []Difference
	for name := range union(wanted, running) {
		w, meant := wanted[name]
		h, there := running[name]
		d := Difference{Type: Kind(SecretType), Name: name, Kind: Changed, want: w, have: h}
		switch {
		case !there:
			d.Kind = Missing
		case !meant:
			d.Kind = Extra
		default:
			if d.Paths = diffTrees(w, h); d.Paths == nil {
				continue
			}
		}
		out = append(out, d)
	}
	return out
}

// certificates reduces each secret to what identifies its certificates.
func certificates(d *Dump) map[string]Tree {
	out := map[string]Tree{}
	for _, r := range d.Secrets {
		if !r.Dynamic() {
			continue
		}
		var list []any
		for _, row := range secretRows(r) {
			list = append(list, Tree{
				"type": row.Type, "sha256": row.Fingerprint, "serial": row.Serial,
				"not_before": row.NotBefore.String(), "not_after": row.NotAfter.String(),
			})
		}
		out[r.Name] = Tree{"certificates": list}
	}
	return out
}

// foreignSecrets are those that the dump's own listeners and clusters get from elsewhere than the aggregated stream.
func foreignSecrets(d *Dump) map[string]bool {
	out := map[string]bool{}
	for _, list := range [][]Resource{d.Listeners, d.Clusters} {
		for _, r := range list {
			walk(r.Body, func(t Tree) {
				if config := object(t, "sds_config"); config != nil && config["ads"] == nil {
					out[text(t, "name")] = true
				}
			})
		}
	}
	return out
}
