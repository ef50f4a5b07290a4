package xds

import (
	"fmt"
	"slices"
	"weak"

	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/zeebo/xxh3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/envoyfilter"
)

// memo remembers which resource an Input led to, so that a resource is translated and encoded once, whatever number of scopes
// want it. It holds resources weakly: what no view uses any more is forgotten.
type memo struct {
	entries map[memoKey]weak.Pointer[entry]
	sweepAt int // size at which dead entries are removed next
}

type memoKey struct {
	kind  string // the feature, e.g. "cluster": Inputs of different features may digest alike
	input config.Digest
}

// entry is what one Input leads to.
type entry struct {
	resources []*Resource
	problems  []config.Problem
	outcomes  []envoyfilter.Outcome
	parts     []*entry // entries that this one is made of: the memo holds them weakly
}

const firstSweep = 4096

func newMemo() *memo {
	return &memo{entries: map[memoKey]weak.Pointer[entry]{}, sweepAt: firstSweep}
}

// get returns the entry for an input, making it with build the first time.
func (m *memo) get(kind string, input any, build func() *entry) *entry {
	key := memoKey{kind, config.Digest(digest.Of(input))}
	if e := m.entries[key].Value(); e != nil {
		return e
	}
	e := build()
	m.entries[key] = weak.Make(e)
	if len(m.entries) >= m.sweepAt {
		m.sweep()
	}
	return e
}

func (m *memo) sweep() {
	for k, p := range m.entries {
		if p.Value() == nil {
			delete(m.entries, k)
		}
	}
	m.sweepAt = max(firstSweep, 2*len(m.entries))
}

// encode makes a Resource of a message. Encoding is deterministic so that equal content has an equal version.
func encode(name, typeURL string, message proto.Message, from ...config.Key) *Resource {
	bytes, err := proto.MarshalOptions{Deterministic: true}.Marshal(message)
	if err != nil {
		// Only a string that is not UTF-8 can get here, and Decode refuses those.
		panic("xds: " + name + ": " + err.Error())
	}
	return NewResource(name, &anypb.Any{TypeUrl: typeURL, Value: bytes}, from...)
}

// origins are the objects that people wrote, each once.
func origins(from []config.Key) []config.Key {
	if !slices.ContainsFunc(from, config.Key.Derived) {
		return from
	}
	var out []config.Key
	for _, k := range from {
		if k = k.Origin(); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// NewResource returns the resource with an encoded message as its content, which must not be changed afterwards. Its version is the
// content's hash, 16 hexadecimal digits.
func NewResource(name string, content *anypb.Any, from ...config.Key) *Resource {
	version := fmt.Sprintf("%016x", xxh3.Hash(content.GetValue()))
	frame, value := newFrame(name, version, content)
	content.Value = value // equal bytes, kept once
	return &Resource{
		Name: name, Version: version, Any: content, From: origins(from), frame: frame,
		Delta: &discovery.Resource{Name: name, Version: version, Resource: content},
	}
}
