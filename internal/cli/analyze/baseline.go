package analyze

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/baseline"
)

// baselineOptions are the flags about findings that are known.
type baselineOptions struct {
	file, write, reason string
}

func (o *Options) baselineFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.baseline.file, "baseline", "", "leave out the findings that this file lists, each with its reason")
	flags.StringVar(&o.baseline.write, "write-baseline", "", "write such a file with all there is to find; entries of it that still match are kept as they are")
	flags.StringVar(&o.baseline.reason, "reason", "", "with --write-baseline, the reason of new entries")
}

func (o *Options) baselineTogether() error {
	switch b := o.baseline; {
	case b.reason != "" && b.write == "":
		return exitcode.Usagef("--reason is that of new entries: it needs --write-baseline")
	case b.write == "":
		return nil
	case b.file != "":
		return exitcode.Usagef("--write-baseline keeps what is in its own file already: leave out --baseline")
	case o.Namespace != "" || len(o.Kinds)+len(o.Analyzers) > 0:
		return exitcode.Usagef("--write-baseline is about all there is to find: leave out --namespace, --kinds and --analyzer")
	case o.Base != "":
		return exitcode.Usagef("--write-baseline is about all there is to find: leave out --base")
	}
	return nil
}

// load reads the baseline, or the one that is to be renewed if there is one.
func (b baselineOptions) load() ([]baseline.Entry, error) {
	file := b.file
	if b.write != "" {
		file = b.write
	}
	if file == "" {
		return nil, nil
	}
	data, err := os.ReadFile(file)
	if b.write != "" && errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	entries, err := baseline.Parse(file, data)
	if err != nil {
		return nil, fmt.Errorf("baseline: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return entries, nil
}

// known takes the known findings out, and says which entries are of no use; or it makes all of them known.
func (o *Options) known(c choice, j judged, list []analyze.Diagnostic) (unknown []analyze.Diagnostic, known int, err error) {
	now := o.Factory.Now()
	if o.baseline.write != "" {
		if len(j.result.Failed)+len(j.skipped) > 0 {
			return nil, 0, errors.New("no baseline is written, because not every analyzer came to a result")
		}
		return nil, len(list), o.writeBaseline(c.baseline, list)
	}
	out := baseline.Apply(c.baseline, list, now)
	for _, e := range out.Expired {
		o.Factory.Say("note: %s:%d: %s has expired on %s (%s)", o.baseline.file, e.Line, e, e.Expires, e.Reason)
	}
	if o.Namespace == "" && len(o.Kinds)+len(o.Analyzers) == 0 { // else it is no wonder
		for _, e := range out.Unmatched {
			o.Factory.Say("note: %s:%d: %s matches no finding: remove it", o.baseline.file, e.Line, e)
		}
	}
	return out.New, out.Known, nil
}

func (o *Options) writeBaseline(old []baseline.Entry, list []analyze.Diagnostic) error {
	entries, made := baseline.Renew(old, list, strings.TrimSpace(o.baseline.reason), o.Factory.Now())
	if made > 0 && strings.TrimSpace(o.baseline.reason) == "" {
		return exitcode.Usagef("--write-baseline has %d new entries: say with --reason why they stay", made)
	}
	data, err := baseline.Format(entries)
	if err != nil {
		return err
	}
	if err := replaceFile(o.baseline.write, data); err != nil {
		return err
	}
	o.Factory.Say("%s: %d entries, %d of them new", o.baseline.write, len(entries), made)
	return nil
}
