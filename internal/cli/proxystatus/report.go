package proxystatus

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/meshctl/meshctl/internal/adminapi"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
)

// Report is what the command shows.
type Report struct {
	ControlPlane string            `json:"controlPlane"`
	Version      string            `json:"version"`
	Proxies      []Row             `json:"proxies"`
	NotEnforced  []adminapi.Origin `json:"notEnforced"`
	Banners      []string          `json:"banners,omitempty"`

	detailed bool
}

// Row is one proxy.
type Row struct {
	adminapi.Proxy
	// State is the worst of the proxy's types; STALE also while it is not connected.
	State adminapi.SyncState `json:"state"`
}

func newReport(s adminapi.Status, proxies []adminapi.Proxy, detailed bool) *Report {
	r := &Report{
		ControlPlane: s.Instance, Version: s.Version, NotEnforced: s.NotEnforced, Banners: s.Banners,
		Proxies: []Row{}, detailed: detailed,
	}
	for _, p := range proxies {
		r.Proxies = append(r.Proxies, Row{p, worst(p)})
	}
	slices.SortStableFunc(r.Proxies, func(a, b Row) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), strings.Compare(a.ID, b.ID))
	})
	return r
}

func worst(p adminapi.Proxy) adminapi.SyncState {
	state := adminapi.Synced
	if !p.Connected {
		state = adminapi.Stale
	}
	for _, s := range p.Sync {
		switch s.State {
		case adminapi.Rejected:
			return adminapi.Rejected
		case adminapi.Stale:
			state = adminapi.Stale
		}
	}
	return state
}

func rank(r Row) int {
	switch {
	case r.State == adminapi.Rejected:
		return 0
	case !r.Connected:
		return 1
	case r.State == adminapi.Stale:
		return 2
	default:
		return 3
	}
}

func (r *Report) print(p *printer.Printer, f *factory.Factory) error {
	now := f.Now()
	if p.Format.Structured() {
		return printer.Object(p, r)
	}
	if err := printer.Print(p, table(now), r.Proxies); err != nil {
		return err
	}
	if p.Format == printer.FormatName {
		return nil
	}
	if r.detailed {
		fmt.Fprintln(p.Out)
		if err := printer.Print(p, typeTable(now), r.Proxies[0].Sync); err != nil {
			return err
		}
	}
	for _, row := range r.Proxies {
		Rejections(p.Out, row.Proxy)
	}
	r.printNotEnforced(p, f)
	return nil
}

// Rejections gives each refusal of a proxy in Envoy's words, with what it came from.
func Rejections(w io.Writer, p adminapi.Proxy) {
	for _, s := range p.Sync {
		if s.Nack == nil {
			continue
		}
		fmt.Fprintf(w, "\n%s rejected %s", printer.Escape(p.ID), s.Type)
		if s.Nack.Resource != "" {
			fmt.Fprintf(w, " %s", printer.Escape(s.Nack.Resource))
		}
		fmt.Fprintf(w, ":\n  envoy: %s\n", indented(s.Nack.Error))
		for _, o := range s.Nack.From {
			fmt.Fprintf(w, "  from:  %s\n", printer.Escape(describe(o)))
		}
	}
}

// indented keeps the lines of Envoy's words apart, below each other.
func indented(s string) string {
	return strings.ReplaceAll(printer.EscapeLines(strings.TrimSpace(s)), "\n", "\n         ")
}

func (r *Report) printNotEnforced(p *printer.Printer, f *factory.Factory) {
	for _, b := range r.Banners {
		f.Say("%s", b)
	}
	for _, o := range r.NotEnforced {
		line := "not enforced: " + describe(o) + " has no effect in this version"
		if p.Format == printer.FormatWide {
			fmt.Fprintln(p.Out, printer.Escape(line))
		} else {
			f.Say("%s", line)
		}
	}
}

// describe writes "VirtualService default/reviews (reviews.yaml:3:1)".
func describe(o adminapi.Origin) string {
	s := o.Kind + " " + o.Name
	if o.Namespace != "" {
		s = o.Kind + " " + o.Namespace + "/" + o.Name
	}
	switch {
	case o.File != "" && o.Line > 0:
		s += fmt.Sprintf(" (%s:%d:%d)", o.File, o.Line, max(o.Column, 1))
	case o.File != "":
		s += " (" + o.File + ")"
	}
	return s
}

// age writes a duration in its largest unit, as kubectl does: "5s", "3m", "2h", "4d".
func age(t, now time.Time) string {
	if t.IsZero() {
		return ""
	}
	switch d := max(now.Sub(t), 0); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	default:
		return fmt.Sprintf("%dd", int(d.Hours()/24))
	}
}
