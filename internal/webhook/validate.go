package webhook

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	admissionv1 "k8s.io/api/admission/v1"

	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
	"github.com/meshctl/meshctl/pkg/mesh"
)

// Judgement is what is wrong with an object, in the words of `meshctl analyze`, one line each.
type Judgement struct {
	// Errors are for what could never work: the object is refused.
	Errors []string
	// Warnings are told to whoever writes the object.
	Warnings []string
}

// judgingTime is how long one object may be judged: API servers wait 10 s by default.
const judgingTime = 5 * time.Second

// validate refuses configuration that could never work. What is deleted passes, and so does what this program does not know.
func (o Options) validate(_ *http.Request, request *admissionv1.AdmissionRequest) answer {
	if request.Operation != admissionv1.Create && request.Operation != admissionv1.Update || request.SubResource != "" || len(request.Object.Raw) == 0 {
		return answer{outcome: Skipped}
	}
	judgement := o.Validate(request.Object.Raw)
	a := answer{outcome: Accepted, warnings: judgement.Warnings}
	if len(judgement.Errors) > 0 {
		a.outcome, a.denied = Rejected, strings.Join(judgement.Errors, "; ")
	}
	return a
}

// Judge judges one object, in JSON, by itself: reading it, resolving it and the analyzers that need nothing else. Of the mesh it uses the
// MeshConfig only, so that the order in which objects arrive does not matter.
func Judge(object []byte, m *mesh.Snapshot, now time.Time) Judgement {
	read := config.Decoder{}.DecodeServed(object, "", "")
	if len(read.Objects)+len(read.Salvaged)+len(read.Problems) == 0 {
		return Judgement{}
	}
	kinds := judgedKinds(read)
	options := m.Options()
	key := config.Key{Kind: config.ConfigMap, Namespace: options.SystemNamespace, Name: options.ConfigName}
	if o := m.Set().Get(key); o != nil && !slices.Contains(kinds, config.ConfigMap) {
		read.Objects = append(read.Objects, o)
	}
	in := analyze.NewInput(read, options, now)
	// Whatever else there is, this object is not to be judged by it.
	in.Missing = func(kind config.Kind) bool { return kind != config.ConfigMap }
	ctx, cancel := context.WithTimeout(context.Background(), judgingTime)
	defer cancel()
	return judgement(analyze.Run(ctx, in, alone(kinds)), key)
}

func judgedKinds(read config.Result) (kinds []config.Kind) {
	for _, list := range [][]*config.Object{read.Objects, read.Salvaged} {
		for _, o := range list {
			kinds = append(kinds, o.Key.Kind)
		}
	}
	return kinds
}

// alone are the analyzers that judge objects of a kind by themselves: those that read nothing but them and the MeshConfig.
func alone(kinds []config.Kind) []*analyze.Analyzer {
	return slices.DeleteFunc(catalog.All(), func(a *analyze.Analyzer) bool {
		switch a.Name {
		case "schema", "resolution", "translation": // what these conclude from what is missing, they leave open
			return false
		}
		judges := false
		for _, kind := range a.Kinds {
			if slices.Contains(kinds, kind) {
				judges = true
			} else if kind != config.ConfigMap && !slices.Contains(a.Optional, kind) {
				return true
			}
		}
		return !judges
	})
}

func judgement(result analyze.Result, meshConfig config.Key) (out Judgement) {
	for _, d := range result.Diagnostics {
		switch {
		case d.Object == meshConfig:
			continue
		case d.Code == codes.ReferenceNotFound, d.Code == codes.UnknownKind:
			continue // it may come later; the API server knows the kind
		}
		text := fmt.Sprintf("%s %s: ", d.Level, d.Code)
		if d.Field != "" {
			text += d.Field + ": "
		}
		text += d.Message
		if d.Fix != "" {
			text += " (fix: " + d.Fix + ")"
		}
		switch d.Level {
		case codes.Error:
			out.Errors = append(out.Errors, text)
		case codes.Warning:
			out.Warnings = append(out.Warnings, text)
		}
	}
	return out
}
