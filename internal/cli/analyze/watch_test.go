package analyze_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/meshctl/meshctl/internal/cli/analyze"
	"github.com/meshctl/meshctl/internal/cli/factory"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const route = `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: web, namespace: shop}
spec:
  hosts: [web]
  http:
  - route: [{destination: {host: web}}]
`

// TestWatchTellsWhatIsNewAndWhatIsGone drives the command by changes of files, each made when the answer to the one before is there.
func TestWatchTellsWhatIsNewAndWhatIsGone(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "web.yaml")
	save := func(text string) {
		t.Helper()
		if err := os.WriteFile(file+".new", []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	save(route)
	out, in := io.Pipe()
	lines := bufio.NewScanner(out)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	context.AfterFunc(ctx, func() { _ = out.CloseWithError(ctx.Err()) })
	f := factory.New()
	f.IO = genericiooptions.IOStreams{In: strings.NewReader(""), Out: in, ErrOut: in}
	cmd := analyze.NewCmd(f, nil)
	cmd.SetArgs([]string{"--watch", dir})
	ended := make(chan error, 1)
	go func() { ended <- cmd.ExecuteContext(ctx) }()
	await := func(part string) {
		t.Helper()
		for lines.Scan() {
			if strings.Contains(lines.Text(), part) {
				return
			}
		}
		t.Fatalf("no line with %q: %v", part, lines.Err())
	}
	await("nothing found in 1 object")
	save(route + "    timeuot: 1s\n")
	await(`(introduced) VirtualService shop/web: spec.http[0].timeuot: unknown field`)
	await("1 error in 1 object")
	save(route + "    timeuot: 1s\n    retires: {}\n")
	await("(introduced) VirtualService shop/web: spec.http[0].retires: unknown field")
	await("2 errors in 1 object")
	save(route + "    timeout: 1s\n")
	await("(fixed) VirtualService shop/web: spec.http[0].timeuot")
	await("nothing found in 1 object")
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("interrupted, it fails: %v", err)
	}
}
