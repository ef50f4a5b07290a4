// Package meshgen writes the configuration of large meshes, for tests and measurements. What it writes is right: an
// analyzer that finds anything in it is wrong.
package meshgen

import (
	"bytes"
	"fmt"
	"text/template"
)

// ObjectsPerService are the mesh's own objects that each service has, and DocumentsPerService all its documents.
const (
	ObjectsPerService   = 6
	DocumentsPerService = ObjectsPerService + 3
)

// File is one file of the configuration: everything of a service, or what a namespace or the mesh has once.
type File struct {
	// Name is a relative path with slashes.
	Name string
	Data []byte
}

// Options say how large the mesh is.
type Options struct {
	Services int
	// Namespaces that the services are spread over. Default: one for every 50 services.
	Namespaces int
}

// Services returns how many services make at least so many mesh objects.
func Services(objects int) int { return (objects + ObjectsPerService - 1) / ObjectsPerService }

// Mesh returns the files of a mesh: each service has a Service, a Deployment and a Pod, and a VirtualService with three
// routes, a DestinationRule with two subsets, a PeerAuthentication, a RequestAuthentication, an AuthorizationPolicy and a
// ServiceEntry. Each namespace has a Sidecar that imports two namespaces, and a service behind the mesh's gateway, which
// has a certificate.
func Mesh(o Options) ([]File, error) {
	if o.Namespaces == 0 {
		o.Namespaces = 1 + o.Services/50
	}
	var g generator
	certificate, key, err := credential("*.shop.example")
	if err != nil {
		return nil, err
	}
	g.write("mesh.yaml", "mesh", map[string]any{"Certificate": certificate, "Key": key})
	for i := range o.Namespaces {
		g.write(fmt.Sprintf("%s/namespace.yaml", namespace(i)), "namespace", map[string]any{
			"Namespace": namespace(i), "Next": namespace((i + 1) % o.Namespaces), "First": service(i),
		})
	}
	for i := range o.Services {
		n := i % o.Namespaces
		g.write(fmt.Sprintf("%s/%s.yaml", namespace(n), service(i)), "service", map[string]any{
			"Name": service(i), "Namespace": namespace(n), "Caller": caller(i, o.Namespaces), "Index": i,
			"Address": fmt.Sprintf("10.%d.%d.%d", 1+i>>16, i>>8&255, i&255), "Virtual": fmt.Sprintf("172.%d.%d.%d", 20+i>>16, i>>8&255, i&255),
		})
	}
	return g.files, g.err
}

// caller is who may call a service: of every two of a namespace, the gateway calls the first one, and that calls the second.
func caller(i, namespaces int) string {
	if i/namespaces%2 == 0 {
		return "istio-system/sa/istio-ingressgateway"
	}
	return namespace(i%namespaces) + "/sa/" + service(i-namespaces)
}

func namespace(i int) string { return fmt.Sprintf("team-%03d", i) }
func service(i int) string   { return fmt.Sprintf("shop-%05d", i) }

type generator struct {
	files []File
	err   error
}

func (g *generator) write(name, section string, data any) {
	var b bytes.Buffer
	if err := templates().ExecuteTemplate(&b, section, data); err != nil && g.err == nil {
		g.err = err
	}
	g.files = append(g.files, File{name, b.Bytes()})
}

func templates() *template.Template {
	return template.Must(template.New("").Parse(text))
}
