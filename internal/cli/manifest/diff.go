package manifest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/install/diff"
	"github.com/meshctl/meshctl/pkg/install/render"
)

// DiffOptions are those of `meshctl manifest diff`.
type DiffOptions struct {
	Factory *factory.Factory
	Output  factory.Output
	A, B    string
}

// Difference is an object that differs.
type Difference struct {
	APIVersion string       `json:"apiVersion"`
	Kind       string       `json:"kind"`
	Namespace  string       `json:"namespace,omitempty"`
	Name       string       `json:"name"`
	Change     string       `json:"change"` // added, removed or changed
	Fields     []diff.Field `json:"fields,omitempty"`
}

func newDiff(f *factory.Factory, runF func(context.Context, *DiffOptions) error) *cobra.Command {
	o := &DiffOptions{Factory: f}
	if runF == nil {
		runF = difference
	}
	cmd := &cobra.Command{
		Use:   "diff A B",
		Short: "Compare the objects of two manifests, field by field",
		Long: `Compare the objects of two manifests, field by field. A and B are files, directories of them, or - for standard input. The order of
objects, comments and the way in which the YAML is written do not count. Exit code 3 says that there are differences.

To compare with a cluster use ` + "`meshctl install --plan`" + `, which has the API server fill in its defaults first.`,
		Example: `  # What another profile would change
  meshctl manifest generate > a.yaml
  meshctl manifest generate --profile ha | meshctl manifest diff a.yaml -

  # What two releases differ in
  meshctl manifest diff old/ new/ -o json`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.A, o.B = args[0], args[1]
			return runF(cmd.Context(), o)
		},
	}
	o.Output.AddFlag(cmd, printer.FormatTable, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

func difference(_ context.Context, o *DiffOptions) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	if o.A == "-" && o.B == "-" {
		return exitcode.Usagef("only one of the two can be standard input")
	}
	before, err := readManifest(o.Factory, o.A)
	if err != nil {
		return err
	}
	after, err := readManifest(o.Factory, o.B)
	if err != nil {
		return err
	}
	found := compare(before, after)
	if p.Format.Structured() {
		err = printer.Print(p, printer.Table[Difference]{}, found)
	} else {
		writeText(o.Factory.IO.Out, found)
	}
	if err == nil && len(found) > 0 {
		return exitcode.Found()
	}
	return err
}

// identity is what makes two objects the same one, whatever version of its group it is written in.
type identity struct{ group, kind, namespace, name string }

func identityOf(o *unstructured.Unstructured) identity {
	return identity{o.GroupVersionKind().Group, o.GetKind(), o.GetNamespace(), o.GetName()}
}

func readManifest(f *factory.Factory, path string) (map[identity]*unstructured.Unstructured, error) {
	out := map[identity]*unstructured.Unstructured{}
	read := func(name string, in io.Reader) error {
		data, err := io.ReadAll(in)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		objects, err := render.Decode(string(data))
		for _, o := range objects {
			id := identityOf(o)
			if out[id] != nil {
				return fmt.Errorf("%s: %s %s is there twice", name, id.kind, id.name)
			}
			out[id] = o
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return nil
	}
	if path == "-" {
		return out, read(factory.StandardInput, f.IO.In)
	}
	err := filepath.WalkDir(path, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || name != path && !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(name)) {
			return err
		}
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		return read(name, file)
	})
	var failed *fs.PathError
	if errors.As(err, &failed) {
		err = fmt.Errorf("%s: %w", failed.Path, failed.Err)
	}
	return out, err
}

// compare returns what differs, in the order of the objects' names.
func compare(before, after map[identity]*unstructured.Unstructured) []Difference {
	found := []Difference{}
	add := func(id identity, o *unstructured.Unstructured, change string, fields []diff.Field) {
		found = append(found, Difference{o.GetAPIVersion(), id.kind, id.namespace, id.name, change, fields})
	}
	for id, old := range before {
		now := after[id]
		if now == nil {
			add(id, old, "removed", nil)
			continue
		}
		fields := diff.Objects(old, now)
		if old.GetAPIVersion() != now.GetAPIVersion() {
			fields = append([]diff.Field{{Path: "apiVersion", From: old.GetAPIVersion(), To: now.GetAPIVersion()}}, fields...)
		}
		if len(fields) > 0 {
			add(id, now, "changed", fields)
		}
	}
	for id, now := range after {
		if before[id] == nil {
			add(id, now, "added", nil)
		}
	}
	slices.SortFunc(found, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	return found
}

func writeText(out io.Writer, found []Difference) {
	sign := map[string]string{"added": "+", "removed": "-", "changed": "~"}
	for _, d := range found {
		name := d.Name
		if d.Namespace != "" {
			name = d.Namespace + "/" + d.Name
		}
		fmt.Fprintf(out, "%s %s %s\n", sign[d.Change], d.Kind, printer.Escape(name))
		for _, field := range d.Fields {
			writeField(out, field)
		}
	}
}

// writeField writes a change on one line, or texts of several lines one above the other.
func writeField(out io.Writer, f diff.Field) {
	from, to := diff.Text(f.From), diff.Text(f.To)
	switch {
	case f.From == nil:
		fmt.Fprintf(out, "    %s: + %s\n", f.Path, indented(to))
	case f.To == nil:
		fmt.Fprintf(out, "    %s: - %s\n", f.Path, indented(from))
	case strings.Contains(from+to, "\n"):
		for _, line := range changedLines(from, to) {
			fmt.Fprintf(out, "    %s: %s\n", f.Path, line)
		}
	default:
		fmt.Fprintf(out, "    %s: %s -> %s\n", f.Path, from, to)
	}
}

func indented(text string) string { return strings.ReplaceAll(text, "\n", "\n      ") }

// changedLines are the lines of two texts that are in one of them only, those of the first one with "-", those of the other with "+".
func changedLines(from, to string) []string {
	a, b := strings.Split(from, "\n"), strings.Split(to, "\n")
	var out []string
	for _, line := range a {
		if !slices.Contains(b, line) {
			out = append(out, "- "+strings.TrimSpace(line))
		}
	}
	for _, line := range b {
		if !slices.Contains(a, line) {
			out = append(out, "+ "+strings.TrimSpace(line))
		}
	}
	return out
}
