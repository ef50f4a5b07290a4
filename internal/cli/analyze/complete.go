package analyze

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/pkg/analyze/catalog"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// completions are what a shell offers for the values of flags.
func (o *Options) completions(cmd *cobra.Command) {
	for flag, choices := range map[string]func() []string{
		"analyzer": func() []string {
			var out []string
			for _, a := range catalog.All() {
				out = append(out, a.Name+"\t"+a.Doc)
			}
			return out
		},
		"explain": func() []string {
			var out []string
			for _, d := range codes.All() {
				out = append(out, string(d.Code)+"\t"+d.Title)
			}
			return out
		},
		"kinds":   kindNames,
		"fail-on": func() []string { return []string{"error", "warning", "info"} },
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
			return continued(typed, choices()), cobra.ShellCompDirectiveNoFileComp
		})
	}
	for _, flag := range []string{"namespace", "default-namespace", "system-namespace", "suppress", "reason"} {
		_ = cmd.RegisterFlagCompletionFunc(flag, cobra.NoFileCompletions)
	}
}

// continued puts before each choice the part of a list that is typed already.
func continued(typed string, choices []string) []string {
	before := typed[:strings.LastIndexByte(typed, ',')+1]
	out := make([]string, len(choices))
	for i, c := range choices {
		out[i] = before + c
	}
	return out
}
