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
	pages map[string]page
}

// page is one listener's line in the book.
type page struct {
	Port uint32 `json:"port"`
	// Outside says that others than the local program connect to it.
	Outside bool `json:"outside,omitempty"`

	hold hold
	// idle is a listener that is not wanted now.
	idle bool
}

// maxIdle bounds the ports that are kept for listeners that may come back.
const maxIdle = 256

// Open reads the book at path, which is created when missing, and reserves the ports in it at once: an Envoy may be told to
// listen on them before they are wanted again. A port that somebody else took meanwhile is forgotten. address is the
// workload's own: when it is on loopback, so are all listeners.
func Open(path string, address netip.Addr) (*Book, error) {
	b := &Book{path: path, outside: netip.IPv4Unspecified(), pages: map[string]page{}}
	if address.IsLoopback() {
		b.outside = address
	}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("ports of the listeners: %w", err)
	}
	var earlier map[string]page
	// A damaged book costs the earlier ports, not the workload.
	_ = json.Unmarshal(data, &earlier)
	for name, p := range earlier {
		if p.Port != 0 && p.Port < 1<<16 {
			_ = b.reserve(name, p, true)
		}
	}
	return b, nil
}

// Allocate returns the port of each listener. A listener that has one keeps it; a new one gets its preferred port if that
// is free, else any free port. Each port stays reserved for Envoy until the next Allocate or Close. With an error the map holds
// those that have a port.
//
// A listener for the local program keeps its port also while it is not wanted, as the program was told of it once; others
// give theirs up.
func (b *Book) Allocate(listens []*agentapi.Listen) (map[string]uint32, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.ports()
	wanted := map[string]bool{}
	for _, l := range listens {
		wanted[l.GetName()] = true
	}
	b.retire(wanted)
	var problems []error
	for _, l := range listens {
		if _, has := b.pages[l.GetName()]; has {
			continue
		}
		if err := b.take(l); err != nil {
			problems = append(problems, fmt.Errorf("no local port for %s: %w", l.GetName(), err))
		}
	}
	found := b.ports()
	if !maps.Equal(found, before) {
		problems = append(problems, b.save())
	}
	return found, errors.Join(problems...)
}

// retire marks the listeners that are not wanted, and drops those that are not to come back.
func (b *Book) retire(wanted map[string]bool) {
	idle := 0
	for name, p := range b.pages {
		if p.idle = !wanted[name]; p.idle {
			idle++
		}
		b.pages[name] = p
	}
	for name, p := range b.pages {
		if p.idle && (p.Outside || idle > maxIdle) {
			p.hold.release()
			delete(b.pages, name)
			idle--
		}
	}
}

// Ports returns the ports allocated last.
func (b *Book) Ports() map[string]uint32 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ports()
}

func (b *Book) ports() map[string]uint32 {
	found := map[string]uint32{}
	for name, p := range b.pages {
		if !p.idle {
			found[name] = p.Port
		}
	}
	return found
}

// Close gives up the reservations; the book stays.
func (b *Book) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.pages {
		p.hold.release()
	}
	clear(b.pages)
}

func (b *Book) take(l *agentapi.Listen) error {
	p := page{Outside: l.GetPurpose() == agentapi.Listen_INBOUND || l.GetPurpose() == agentapi.Listen_GATEWAY}
	if p.Port = l.GetPreferred(); p.Port != 0 && p.Port < 1<<16 && b.reserve(l.GetName(), p, false) == nil {
		return nil
	}
	p.Port = 0
	return b.reserve(l.GetName(), p, false)
}

func (b *Book) reserve(name string, p page, ours bool) error {
	address := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	if p.Outside {
		address = b.outside
	}
	h, err := reserve(netip.AddrPortFrom(address, uint16(p.Port)), ours)
	if err == nil {
		p.hold, p.Port = h, uint32(h.port)
		b.pages[name] = p
	}
	return err
}

func (b *Book) save() error {
	data, err := json.MarshalIndent(b.pages, "", "  ")
	if err == nil {
		err = meshstate.WriteFile(b.path, data)
	}
	if err != nil {
		return fmt.Errorf("ports not saved, a restart will choose others: %w", err)
	}
	return nil
}
