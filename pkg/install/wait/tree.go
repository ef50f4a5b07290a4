package wait

import (
	"fmt"
	"strings"
	"time"
)

// State is how far an object has come.
type State int

const (
	// Waiting is an object that is not ready yet.
	Waiting State = iota
	// Ready is one that is as it should be.
	Ready
	// Stuck is one that will not become ready by itself.
	Stuck
)

// Node is an object of the tree that is waited for: a workload, its ReplicaSet, a pod, a container.
type Node struct {
	Kind, Name string
	State      State
	Message    string
	Children   []Node
}

// Lines shows trees as indented lines, without the children of what is ready.
func Lines(nodes []Node, glyph func(State) string) []string {
	var out []string
	var add func(n Node, depth int)
	add = func(n Node, depth int) {
		line := fmt.Sprintf("%s%s %s %s", strings.Repeat("  ", depth), glyph(n.State), n.Kind, n.Name)
		if n.Message != "" {
			line += ": " + n.Message
		}
		out = append(out, line)
		if n.State == Ready {
			return
		}
		for _, below := range n.Children {
			add(below, depth+1)
		}
	}
	for _, n := range nodes {
		add(n, 0)
	}
	return out
}

// Problem is why something is not ready.
type Problem struct {
	// Where is the path to it, as in "Deployment istio-system/istiod, pod istiod-7d9, container discovery".
	Where string
	// Class tells kinds of problems apart, as in "image".
	Class string
	// Message is what is wrong and Hint what to do.
	Message, Hint string
	// Terminal problems do not pass by themselves once they have lasted for Grace.
	Terminal bool
	Grace    time.Duration

	// log is whose last lines say more.
	log *container
}

type container struct{ namespace, pod, name string }

func (p Problem) String() string {
	s := p.Where + ": " + p.Message
	if p.Hint != "" {
		s += ": " + p.Hint
	}
	return s
}

// key is the same as long as the problem is.
func (p Problem) key() string { return p.Where + "\x00" + p.Class }
