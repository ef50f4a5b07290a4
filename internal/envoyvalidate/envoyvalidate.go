// Package envoyvalidate has the real Envoy judge what would be generated for the proxies of a mesh, and takes its verdict back to the
// objects behind it.
package envoyvalidate

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/agent/trial"
	"github.com/meshctl/meshctl/pkg/analyze"
	"github.com/meshctl/meshctl/pkg/analyze/generated"
)

// trialTimeout bounds one look at one file.
const trialTimeout = time.Minute

// Run validates every distinct configuration with the Envoy at a path and returns what it refuses as findings of MSH0303, in the order
// of analyze.Merge. Each is on the object behind the smallest part that Envoy refuses alone, and quotes Envoy. The error says why there is no
// verdict on some of it: ctx ended, or Envoy cannot be run; the findings until then are returned with it.
func Run(ctx context.Context, envoyPath string, in analyze.Input) ([]analyze.Diagnostic, error) {
	files := generated.Files(in)
	dir, err := os.MkdirTemp("", "meshctl-validate-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var mu sync.Mutex
	var out []analyze.Diagnostic
	var failures []error
	queue := make(chan int, len(files))
	for i := range files {
		queue <- i
	}
	close(queue)
	var group sync.WaitGroup
	for n := range min(runtime.GOMAXPROCS(0), len(files)) {
		group.Go(func() {
			j := &judge{ctx: ctx, envoy: envoyPath, file: filepath.Join(dir, fmt.Sprintf("%d.json", n))}
			for i := range queue {
				refused, err := j.refusals(files[i])
				mu.Lock()
				for _, r := range refused {
					out = append(out, r.diagnostic(in))
				}
				if err != nil {
					failures = append(failures, err)
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	group.Wait()
	out = analyze.Merge(out)
	if len(failures) > 0 {
		return out, failures[0]
	}
	return out, nil
}

// judge looks at files, one at a time.
type judge struct {
	ctx         context.Context
	envoy, file string
}

// refusal is a part that Envoy does not take.
type refusal struct {
	part generated.Part
	// words are Envoy's.
	words string
}

// refusals returns the parts of a file that Envoy refuses. Clusters come first: listeners may refer to them.
func (j *judge) refusals(f generated.File) ([]refusal, error) {
	words, err := j.try(f.Context, f.Clusters, f.Listeners)
	if words == "" || err != nil {
		return nil, err
	}
	bad, err := j.search(f.Clusters, f.Context)
	if err != nil {
		return bad, err
	}
	good := append([]generated.Part(nil), f.Context...)
	for _, c := range f.Clusters {
		if !concerns(bad, c) {
			good = append(good, c)
		}
	}
	more, err := j.search(f.Listeners, good)
	return append(bad, more...), err
}

func concerns(list []refusal, p generated.Part) bool {
	for _, r := range list {
		if r.part.Type == p.Type && string(r.part.JSON) == string(p.JSON) {
			return true
		}
	}
	return false
}

// search finds the parts that Envoy refuses beside what they refer to: first the one that it named, then by halves.
func (j *judge) search(parts, beside []generated.Part) ([]refusal, error) {
	var out []refusal
	for len(parts) > 0 {
		said, err := j.try(beside, parts)
		if err != nil || said == "" {
			return out, err
		}
		i := named(said, parts)
		if i >= 0 {
			alone, err := j.try(beside, parts[i:i+1])
			if err != nil {
				return out, err
			}
			if alone != "" {
				out = append(out, refusal{parts[i], alone})
				parts = append(append([]generated.Part(nil), parts[:i]...), parts[i+1:]...)
				continue
			}
		}
		if len(parts) == 1 {
			return append(out, refusal{parts[0], said}), nil
		}
		first, err := j.search(parts[:len(parts)/2], beside)
		out = append(out, first...)
		if err != nil {
			return out, err
		}
		rest, err := j.search(parts[len(parts)/2:], beside)
		return append(out, rest...), err
	}
	return out, nil
}

// named returns the part whose name stands in Envoy's words, -1 when none does.
func named(words string, parts []generated.Part) int {
	best := -1
	for i, p := range parts {
		if strings.Contains(words, p.Name) && (best < 0 || len(p.Name) > len(parts[best].Name)) {
			best = i
		}
	}
	return best
}

// try returns what Envoy says against the parts, nothing when it takes them.
func (j *judge) try(parts ...[]generated.Part) (string, error) {
	text, err := generated.Bootstrap(parts...)
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(j.file, text, 0o600); err != nil {
		return "", err
	}
	var refused *trial.Refused
	err = trial.Run(j.ctx, j.envoy, j.file, trialTimeout)
	switch {
	case err == nil:
		return "", nil
	case errors.As(err, &refused):
		return strings.Join(append(refused.Messages, ""), "; "), nil
	}
	return "", fmt.Errorf("no verdict from Envoy: %w", err)
}
