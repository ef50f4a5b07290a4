// Package ports finds free local ports for Envoy's listeners and keeps them: across changes of what is wanted, crashes of
// Envoy and restarts of the agent.
package ports

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"sync"

	"github.com/meshctl/meshctl/internal/agentapi"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// Book records which port belongs to which listener. All methods may be called from any goroutine.
type Book struct {
	path string
	// outside is where listeners for other machines bind: the wildcard, unless the workload lives on loopback.
	outside netip.Addr

	mu    sync.Mutex
	ports map[string]uint32
	holds map[string]hold
}

// Open reads the book at path, which is created when missing. address is the workload's own: listeners for other proxies
// and clients are on loopback when it is.
func Open(path string, address netip.Addr) (*Book, error) {
	b := &Book{path: path, outside: netip.IPv4Unspecified(), ports: map[string]uint32{}, holds: map[string]hold{}}
	if address.IsLoopback() {
		b.outside = address
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return b, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ports of the listeners: %w", err)
	}
	// A damaged book costs the earlier ports, not the workload.
	_ = json.Unmarshal(data, &b.ports)
	return b, nil
}

// Allocate returns the port of each listener. A listener that has one keeps it; a new one gets its preferred port if that
// is free, else any free port. Those that are not wanted any more lose theirs. Each port stays reserved for Envoy until
// the next Allocate or Close. The map is complete also with an error, which then only says that it could not be saved or
// which listener has no port.
func (b *Book) Allocate(listens []*agentapi.Listen) (map[string]uint32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wanted := map[string]bool{}
	for _, l := range listens {
		wanted[l.GetName()] = true
	}
	for name, h := range b.holds {
		if !wanted[name] {
			h.release()
			delete(b.holds, name)
		}
	}
	var problems []error
	found := map[string]uint32{}
	// First those that have a port: nobody else's preference may take it.
	for _, l := range listens {
		if port := b.ports[l.GetName()]; port != 0 && b.keep(l, port) {
			found[l.GetName()] = port
		}
	}
	for _, l := range listens {
		if found[l.GetName()] != 0 {
			continue
		}
		port, err := b.take(l)
		if err != nil {
			problems = append(problems, fmt.Errorf("no local port for %s: %w", l.GetName(), err))
			continue
		}
		found[l.GetName()] = port
	}
	if !maps.Equal(found, b.ports) {
		b.ports = found
		problems = append(problems, b.save())
	}
	return maps.Clone(found), errors.Join(problems...)
}

// Ports returns the ports allocated last.
func (b *Book) Ports() map[string]uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return maps.Clone(b.ports)
}

// Close gives up the reservations; the book stays.
func (b *Book) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, h := range b.holds {
		h.release()
	}
	clear(b.holds)
}

// keep reserves the port that a listener had before.
func (b *Book) keep(l *agentapi.Listen, port uint32) bool {
	if _, held := b.holds[l.GetName()]; held {
		return true
	}
	return b.reserve(l, port, true) == nil
}

func (b *Book) take(l *agentapi.Listen) (uint32, error) {
	if p := l.GetPreferred(); p != 0 && p < 1<<16 && !slices.Contains(slices.Collect(maps.Values(b.ports)), p) {
		if b.reserve(l, p, false) == nil {
			return p, nil
		}
	}
	if err := b.reserve(l, 0, false); err != nil {
		return 0, err
	}
	return uint32(b.holds[l.GetName()].port), nil
}

func (b *Book) reserve(l *agentapi.Listen, port uint32, ours bool) error {
	address := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if l.GetPurpose() == agentapi.Listen_INBOUND || l.GetPurpose() == agentapi.Listen_GATEWAY {
		address = b.outside
	}
	h, err := reserve(netip.AddrPortFrom(address, uint16(port)), ours)
	if err == nil {
		b.holds[l.GetName()] = h
	}
	return err
}

func (b *Book) save() error {
	data, err := json.MarshalIndent(b.ports, "", "  ")
	if err == nil {
		err = meshstate.WriteFile(b.path, data)
	}
	if err != nil {
		return fmt.Errorf("ports not saved, a restart will choose others: %w", err)
	}
	return nil
}
