package authz

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/meshctl/meshctl/internal/cli/exitcode"
	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/authz"
	"github.com/meshctl/meshctl/pkg/authz/ask"
)

const (
	formatText printer.Format = "text"
	timeout                   = 10 * time.Second
)

// CheckOptions of `authz check`.
type CheckOptions struct {
	Factory *factory.Factory
	Mesh    factory.Mesh
	Output  factory.Output
	Query   ask.Query
	Files   []string
	Headers []string
	Claims  string
	Token   string
}

func checkCmd(f *factory.Factory, runF RunFunc) *cobra.Command {
	o := &CheckOptions{Factory: f}
	if runF == nil {
		runF = runCheck
	}
	cmd := &cobra.Command{
		Use: "check --from CALLER --to WORKLOAD [METHOD PATH]", Short: "Say whether a request is allowed, and which rule decides",
		Long: `Decide as the workload's proxy does whether it takes a request: by PeerAuthentication, RequestAuthentication and
AuthorizationPolicy. Shown are the verdict, the rule that decided with its file and line, the rule that comes closest to
allowing with what it misses, and what else would change the verdict.

WORKLOAD is "name", "name.namespace", "kind/name" (pod, deployment, statefulset, daemonset, workloadentry, workloadgroup)
or the value of the label app. CALLER is a workload, "namespace/account" or a SPIFFE id; without --from it is somebody
outside the mesh.

The mesh is that of the files given with -f, else the one that runs: on this machine, or in the cluster that --kubeconfig, --context or KUBECONFIG names. Without METHOD and PATH a port that
does not speak HTTP is meant. What is not given (a header, an address) is absent: no rule that asks for it matches, every
rule that excludes it does.

Exit codes: 0 allowed, or left to an external authorizer; 3 denied; 2 the question is wrong.`,
		Example: `  meshctl authz check --from productpage --to reviews GET /reviews/1
  meshctl authz check -f policies/ --from shop/cart --to web.shop POST /orders -H x-user:alice
  meshctl authz check --from spiffe://cluster.local/ns/ops/sa/admin --to db --port 5432
  meshctl authz check --plaintext --to web GET / -o json`,
		Args: o.arguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(cmd.Context(), timeout)
			defer cancel()
			return runF(ctx, o)
		},
	}
	o.Mesh.AddFlags(cmd, false)
	flags := cmd.Flags()
	flags.StringVar(&o.Query.From, "from", "", "who calls: a workload, NAMESPACE/ACCOUNT, or a SPIFFE id")
	flags.StringVar(&o.Query.To, "to", "", "the workload that is called")
	flags.StringVarP(&o.Query.Namespace, "namespace", "n", "default", "namespace of names that say none")
	flags.StringArrayVarP(&o.Files, "file", "f", nil, "read the mesh from a file, a directory or - instead of the running mesh; may be repeated")
	flags.Uint32Var(&o.Query.Port, "port", 0, "port of the workload, or of its service")
	flags.BoolVar(&o.Query.Plaintext, "plaintext", false, "the caller uses no mutual TLS")
	flags.StringVar(&o.Query.Host, "host", "", "host of the request, with the port if the client sends one")
	flags.StringArrayVarP(&o.Headers, "header", "H", nil, "a header NAME:VALUE of the request; may be repeated")
	flags.StringVar(&o.Claims, "claims", "", "claims of a valid token, as JSON")
	flags.StringVar(&o.Token, "jwt", "", "a token; its signature is not verified")
	flags.StringVar(&o.Query.SourceIP, "source-ip", "", "address from which the connection comes")
	flags.StringVar(&o.Query.RemoteIP, "remote-ip", "", "address of the original client (PROXY protocol; else x-forwarded-for counts)")
	flags.StringVar(&o.Query.DestinationIP, "destination-ip", "", "address to which the connection goes [the workload's]")
	flags.StringVar(&o.Query.SNI, "sni", "", "server name of the TLS handshake [what the mesh's proxies send]")
	cmd.MarkFlagsMutuallyExclusive("claims", "jwt")
	o.Output.AddFlag(cmd, formatText, printer.FormatTable, printer.FormatWide, printer.FormatJSON, printer.FormatYAML)
	return cmd
}

// arguments reads METHOD and PATH and what the flags give as text.
func (o *CheckOptions) arguments(_ *cobra.Command, args []string) error {
	switch len(args) {
	case 0:
	case 2:
		o.Query.Method, o.Query.Path = strings.ToUpper(args[0]), args[1]
		if !strings.HasPrefix(args[1], "/") {
			return exitcode.Usagef("PATH %q does not begin with /", args[1])
		}
	default:
		return exitcode.Usagef("give METHOD and PATH, or neither")
	}
	if o.Query.To == "" {
		return exitcode.Usagef("say with --to which workload is called")
	}
	o.Query.Headers = nil
	for _, h := range o.Headers {
		name, value, ok := strings.Cut(h, ":")
		if !ok || name == "" {
			return exitcode.Usagef("-H %q: write NAME:VALUE", h)
		}
		o.Query.Headers = append(o.Query.Headers, authz.Header{Name: strings.TrimSpace(name), Value: strings.TrimSpace(value)})
	}
	return o.token()
}

func (o *CheckOptions) token() error {
	if o.Claims != "" {
		if err := json.Unmarshal([]byte(o.Claims), &o.Query.Claims); err != nil {
			return exitcode.Usagef("--claims is not a JSON object: %v", err)
		}
	}
	if o.Token != "" {
		claims, err := authz.ParseToken(o.Token)
		if err != nil {
			return exitcode.Usagef("--jwt: %v", err)
		}
		o.Query.Claims = claims
	}
	return nil
}

func runCheck(ctx context.Context, o *CheckOptions) error {
	p, err := o.Factory.Printer(o.Output)
	if err != nil {
		return err
	}
	reports, err := o.answer(ctx)
	var input *ask.InputError
	if errors.As(err, &input) {
		return &exitcode.Error{Code: exitcode.Usage, Err: err}
	}
	if err != nil {
		return err
	}
	if o.Token != "" {
		o.Factory.Say("note: the signature of the token is not verified")
	}
	if p.Format == formatText {
		writeText(p, reports)
	} else if err := printer.Print(p, table(), reports); err != nil {
		return err
	}
	for _, r := range reports {
		if r.Verdict == authz.Denied {
			return exitcode.Found()
		}
	}
	return nil
}

func (o *CheckOptions) answer(ctx context.Context) ([]ask.Report, error) {
	if len(o.Files) > 0 {
		s, err := o.Factory.Snapshot(o.Files, o.Query.Namespace)
		if err != nil {
			return nil, err
		}
		return ask.Answer(s, o.Query, o.Factory.Now())
	}
	mesh, err := o.Factory.ControlPlane(ctx, o.Mesh)
	if err != nil {
		return nil, err
	}
	reports, err := mesh.Authorize(ctx, o.Query)
	return reports, mesh.Unreachable(err)
}
