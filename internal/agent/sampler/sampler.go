// Package sampler reads what the agent's proxy has counted, when somebody asks for it through the control plane. In between nothing here runs.
package sampler

import (
	"context"
	"encoding/json"
	"strconv"

	"github.com/meshctl/meshctl/internal/agent/admin"
	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/pkg/traffic/sample"
)

// Sampler answers one question at a time; of those that come meanwhile, the last.
type Sampler struct {
	envoy   func() (pid int, client admin.Client)
	asked   chan uint64
	answers chan *agentapi.Sampled
}

// New returns a Sampler of the Envoy that envoy returns: its process, 0 while there is none, and the client of its admin interface.
func New(envoy func() (pid int, client admin.Client)) *Sampler {
	return &Sampler{envoy: envoy, asked: make(chan uint64, 1), answers: make(chan *agentapi.Sampled, 1)}
}

// Ask has Run answer a question; it does not wait.
func (s *Sampler) Ask(id uint64) { replace(s.asked, id) }

// Answers are for the control plane.
func (s *Sampler) Answers() <-chan *agentapi.Sampled { return s.answers }

// Run answers until ctx ends.
func (s *Sampler) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-s.asked:
			replace(s.answers, s.answer(ctx, id))
		}
	}
}

// replace puts a value into a channel of one, in place of an older one that nobody has taken.
func replace[T any](c chan T, v T) {
	for {
		select {
		case c <- v:
			return
		default:
		}
		select {
		case <-c:
		default:
		}
	}
}

func (s *Sampler) answer(ctx context.Context, id uint64) *agentapi.Sampled {
	pid, client := s.envoy()
	if pid == 0 {
		return &agentapi.Sampled{Id: id, Problem: "its Envoy does not run"}
	}
	taken, err := Take(ctx, client)
	if err != nil {
		return &agentapi.Sampled{Id: id, Problem: err.Error()}
	}
	taken.Epoch = strconv.Itoa(pid)
	encoded, err := json.Marshal(taken)
	if err != nil {
		return &agentapi.Sampled{Id: id, Problem: err.Error()}
	}
	return &agentapi.Sampled{Id: id, SampleJson: encoded}
}

// Take reads the counters of an Envoy: first which clusters have been used at all, then their endpoints.
func Take(ctx context.Context, client admin.Client) (sample.Sample, error) {
	answer, err := client.Statistics(ctx, sample.StatsFilter)
	if err != nil {
		return sample.Sample{}, err
	}
	taken, err := sample.ParseStats(answer)
	if err != nil {
		return taken, err
	}
	filter, used := taken.ClustersFilter()
	if !used {
		return taken, nil
	}
	if answer, err = client.Clusters(ctx, filter); err != nil {
		return taken, err
	}
	taken.Hosts, err = sample.ParseClusters(answer)
	return taken, err
}
