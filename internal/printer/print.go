package printer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"sigs.k8s.io/yaml"
)

// Print writes rows in the printer's format. No rows are an empty JSON or YAML list, or a table of the header alone.
func Print[T any](p *Printer, t Table[T], rows []T) error {
	switch p.Format {
	case FormatJSON, FormatYAML:
		if rows == nil {
			rows = []T{}
		}
		return Object(p, rows)
	case FormatName:
		return printNames(p.Out, t, rows)
	case FormatTable, FormatWide, "":
		return printTable(p, t, rows)
	default:
		return fmt.Errorf("unknown output format %q", p.Format)
	}
}

// Object writes one value as JSON (indented by two spaces, no HTML escapes, a final newline) or as YAML.
func Object(p *Printer, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	if p.Format == FormatYAML {
		y, err := yaml.JSONToYAML(b.Bytes())
		if err != nil {
			return fmt.Errorf("encode output: %w", err)
		}
		_, err = p.Out.Write(y)
		return err
	}
	_, err := p.Out.Write(b.Bytes())
	return err
}

func printNames[T any](w io.Writer, t Table[T], rows []T) error {
	if len(t.Columns) == 0 {
		return nil
	}
	for _, r := range rows {
		if _, err := fmt.Fprintln(w, Escape(t.Columns[0].Value(r))); err != nil {
			return err
		}
	}
	return nil
}
