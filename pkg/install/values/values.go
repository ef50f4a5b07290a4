// Package values works out what an installation is rendered from: the defaults of the charts, a profile, files and single
// settings, each laid over the one before. It reads Istio's spellings: Helm values, IstioOperator resources
// (https://istio.io/latest/docs/reference/config/istio.operator.v1alpha1/), and the paths of istioctl's --set.
//
// Nothing is ignored: what is not known, or known but not supported, is an error or a warning with its place.
package values

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/meshctl/meshctl/internal/version"
	"github.com/meshctl/meshctl/manifests"
	"github.com/meshctl/meshctl/pkg/config"
)

// DefaultProfile is the profile of an installation that names none.
const DefaultProfile = "default"

// DefaultNamespace is the system namespace of an installation that names none.
const DefaultNamespace = "istio-system"

// Components of an installation, in the order in which they are installed.
const (
	Base            = "Base"
	Pilot           = "Pilot"
	IngressGateways = "IngressGateways"
	EgressGateways  = "EgressGateways"
)

// Options say what to install. The zero value is the default profile.
type Options struct {
	// Profile is the name of a profile; it goes before the one that a file names, and a "profile=" in Sets goes before both.
	Profile string
	// Files are laid over the profile in their order.
	Files []File
	// Sets are single settings PATH=VALUE, laid over everything else in their order.
	Sets []string
	// Revision and Namespace, when they are not empty, go before what files say.
	Revision, Namespace string
	// KubeVersion is that of the cluster, for example "v1.35.2"; empty is the newest that is known.
	KubeVersion string
}

// File is a file of values, or one with an IstioOperator resource.
type File struct {
	Name string // for messages
	Data []byte
}

// Values are what an installation is rendered from.
type Values struct {
	Profile string
	// Namespace is the system namespace; Revision is empty for the control plane without a name.
	Namespace, Revision string
	KubeVersion         string
	// Upgrade says that an earlier release is there. What the control plane has taken over since is left alone then.
	Upgrade bool
	// InstallBase and InstallPilot say whether these components are part of the installation.
	InstallBase, InstallPilot bool
	// Gateways are those that are installed.
	Gateways []Gateway
	// Tree are the Helm values of the charts base and istiod, under Istio's names.
	Tree map[string]any
	// Overlays are changes to single objects after they have been rendered.
	Overlays []Overlay
}

// Gateway is one gateway to install.
type Gateway struct {
	// Component is IngressGateways or EgressGateways.
	Component string
	// Name is that of its objects; Namespace is where they are.
	Name, Namespace string
	// Values are the Helm values of the chart gateway.
	Values map[string]any
}

// Warning says that something is not as its author may expect.
type Warning struct {
	Position config.Position // of the file; for a single setting, File is the setting
	Path     string          // for example "values.pilot.env.PILOT_TRACE_SAMPLING"
	Message  string
}

// String is the warning in one line: "file:line:column: path: message".
func (w Warning) String() string { return place(w.Position, w.Path) + w.Message }

func place(at config.Position, path string) string {
	out := ""
	if at.String() != "" {
		out = at.String() + ": "
	}
	if path != "" {
		out += path + ": "
	}
	return out
}

// Profiles are the names of the profiles, in alphabetical order.
func Profiles() []string {
	entries, err := fs.ReadDir(manifests.FS, "profiles")
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name()[:len(e.Name())-len(".yaml")])
	}
	return names
}

// Load works out the values of an installation. The error joins all errors that there are, one a line.
func Load(o Options) (Values, []Warning, error) {
	b, err := newBuilder()
	if err != nil {
		return Values{}, nil, err
	}
	layers, err := o.layers(b)
	if err != nil {
		return Values{}, nil, err
	}
	for _, l := range layers {
		b.apply(l)
	}
	v := b.finish(o)
	if len(b.problems) > 0 {
		return Values{}, b.warnings, errors.Join(b.problems...)
	}
	return v, b.warnings, nil
}

// layers returns the profile, the files, the flags and the settings, in this order.
func (o Options) layers(b *builder) ([]layer, error) {
	var over, all []layer
	var problems []error
	for _, f := range o.Files {
		ls, err := readFile(f)
		problems = append(problems, err)
		over = append(over, ls...)
	}
	profile := DefaultProfile
	for _, l := range over {
		profile = cmp.Or(l.text("profile"), profile)
	}
	profile = cmp.Or(o.Profile, profile)
	for _, flag := range []struct{ path, value string }{{"revision", o.Revision}, {"namespace", o.Namespace}} {
		if flag.value != "" {
			over = append(over, setting("--"+flag.path, []step{{name: flag.path}}, scalar(flag.value)))
		}
	}
	for _, text := range o.Sets {
		l, err := readSet(text)
		problems = append(problems, err)
		if err == nil {
			over = append(over, l)
			profile = cmp.Or(l.text("profile"), profile)
		}
	}
	base, err := readProfile(profile)
	problems = append(problems, err)
	all = slices.Concat(base, over)
	b.profile = profile
	return all, errors.Join(problems...)
}

func readProfile(name string) ([]layer, error) {
	path := "profiles/" + name + ".yaml"
	data, err := fs.ReadFile(manifests.FS, path)
	if err != nil || !slices.Contains(Profiles(), name) {
		return nil, unknownProfile(name)
	}
	return readFile(File{path, data})
}

func unknownProfile(name string) error {
	message := fmt.Sprintf("there is no profile %q; there are %s", name, strings.Join(Profiles(), ", "))
	if strings.ContainsAny(name, "/.") {
		message += "; give a file with -f"
	}
	return errors.New(message)
}

// tag is the release whose images are installed when no tag is given.
func tag() string { return version.String() }
