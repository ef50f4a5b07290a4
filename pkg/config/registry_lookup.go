package config

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// neighbours are the kinds of Kubernetes that live in the groups which we decode, but do not concern a mesh.
var neighbours = map[string][]string{
	"":             {"Binding", "ComponentStatus", "Event", "LimitRange", "PersistentVolume", "PersistentVolumeClaim", "PodTemplate", "ReplicationController", "ResourceQuota", "Status"},
	groupAdmission: {"MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"},
	groupApps:      {"ControllerRevision"},
	groupIngress:   {"IPAddress", "ServiceCIDR"},
}

// removedGroups are API groups that nobody serves any more, and what replaced them. Passing them in silence would leave
// an author believing in a policy that does not exist.
var removedGroups = map[string]string{
	"authentication.istio.io": groupSecurity + "/v1 PeerAuthentication and RequestAuthentication",
	"rbac.istio.io":           groupSecurity + "/v1 AuthorizationPolicy",
	"config.istio.io":         groupTelemetry + "/v1 Telemetry",
}

// Kinds returns every kind that the decoder reads, ordered by group and name.
func Kinds() []Kind {
	return slices.SortedFunc(maps.Keys(knownKinds().kinds), func(a, b Kind) int {
		return cmp.Or(cmp.Compare(a.Group, b.Group), cmp.Compare(a.Name, b.Name))
	})
}

// verdict is what the registry says about an apiVersion and kind.
type verdict struct {
	// entry is nil for foreign objects and for those with a complaint.
	entry *kindEntry
	// complaint is what is wrong; at says in which field ("apiVersion" or "kind").
	complaint, at, fix string
}

// lookup decides whose an object is.
func (r *registry) lookup(apiVersion, kind string) verdict {
	group, version := splitAPIVersion(apiVersion)
	if replacement := removedGroups[group]; replacement != "" {
		return verdict{complaint: "Istio removed the API group " + group, at: "apiVersion", fix: replacement}
	}
	if e := r.kinds[Kind{group, kind}]; e != nil {
		if slices.Contains(e.versions, version) {
			return verdict{entry: e}
		}
		if e.passing {
			return verdict{}
		}
		return verdict{complaint: kind + " has no version " + quote(version) + ", only " + choices(e.versions), at: "apiVersion", fix: e.preferred()}
	}
	if ours := r.groups[group]; ours != nil {
		return r.unknownKind(group, kind, ours)
	}
	return r.foreign(group, kind)
}

func (r *registry) unknownKind(group, kind string, ours []*kindEntry) verdict {
	if slices.Contains(neighbours[group], kind) {
		return verdict{}
	}
	if owner := r.owner(kind); owner != nil {
		return verdict{complaint: kind + " is not in API group " + quote(group), at: "apiVersion", fix: owner.preferred()}
	}
	var names []string
	for _, e := range ours {
		names = append(names, e.kind.Name)
	}
	fix := nearest(kind, names)
	if fix == "" {
		fix = "one of " + choices(names)
	}
	return verdict{complaint: "unknown kind " + quote(kind) + " in API group " + quote(group), at: "kind", fix: fix}
}

// foreign lets other people's groups pass, except those that are ours misspelt or in an old home.
func (r *registry) foreign(group, kind string) verdict {
	owner := r.owner(kind)
	switch {
	case group == "install.istio.io":
		return verdict{}
	case strings.HasSuffix(group, ".istio.io"):
		fix := nearest(group, slices.Sorted(maps.Keys(r.groups)))
		if owner != nil {
			fix = owner.preferred()
		}
		return verdict{complaint: "Istio has no API group " + quote(group), at: "apiVersion", fix: fix}
	case owner != nil && owner.kind.Group != "" && (group == "extensions" || distance(group, owner.kind.Group) <= 2):
		return verdict{complaint: quote(group) + " is not the API group of " + kind, at: "apiVersion", fix: owner.preferred()}
	default:
		return verdict{}
	}
}

// owner returns the only entry whose kind has this name in any group, or nil.
func (r *registry) owner(kind string) *kindEntry {
	var found *kindEntry
	for k, e := range r.kinds {
		if k.Name != kind || e.passing {
			continue
		}
		if found != nil {
			return nil
		}
		found = e
	}
	return found
}

func splitAPIVersion(apiVersion string) (group, version string) {
	if i := strings.LastIndexByte(apiVersion, '/'); i >= 0 {
		return apiVersion[:i], apiVersion[i+1:]
	}
	return "", apiVersion
}

// quote renders what somebody wrote in one bounded, printable line.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	return strconv.Quote(s)
}
