// Package session is the format of recorded dashboards: lines of JSON. The first is a Header, each further one a topology.Graph, in the order
// of time. What a crash has cut off ends a session like its end.
package session

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/meshctl/meshctl/pkg/topology"
)

const (
	// Format is what Header says of files that this package writes.
	Format = "meshctl-dashboard-session"
	// Version is the newest form of such files that this package reads, and the one that it writes.
	Version = 1
	// longest is how many bytes a line may have: that of a graph with 100,000 edges.
	longest = 256 << 20
)

// Header is the first line.
type Header struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Mesh    string    `json:"mesh,omitempty"`
	Started time.Time `json:"started"`
}

// Writer records graphs. Each is on its way to the file when Write returns.
type Writer struct {
	to      io.Writer
	header  Header
	started bool
}

// NewWriter returns one that has written nothing yet; the header goes out with the first graph, whose time it has.
func NewWriter(to io.Writer, mesh string) *Writer {
	return &Writer{to: to, header: Header{Format: Format, Version: Version, Mesh: mesh}}
}

// Write adds a graph. Numbers that cannot be are recorded as absent (see topology.Graph.Clean).
func (w *Writer) Write(g topology.Graph) error {
	if !w.started {
		w.header.Started = g.Time
		if err := w.line(w.header); err != nil {
			return err
		}
		w.started = true
	}
	return w.line(g.Clean())
}

func (w *Writer) line(v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("record: %w", err)
	}
	if _, err := w.to.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("record: %w", err)
	}
	return nil
}

// Reader reads a recorded session.
type Reader struct {
	Header Header

	from *bufio.Reader
	line int
}

// NewReader reads the header.
func NewReader(from io.Reader) (*Reader, error) {
	r := &Reader{from: bufio.NewReader(from)}
	b, err := r.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("not a recorded session: it is empty")
	case err != nil:
		return nil, err
	}
	if err := json.Unmarshal(b, &r.Header); err != nil || r.Header.Format != Format {
		return nil, fmt.Errorf("not a recorded session: the first line is not that of %q", Format)
	}
	if r.Header.Version < 1 || r.Header.Version > Version {
		return nil, fmt.Errorf("session of version %d: this meshctl reads up to %d", r.Header.Version, Version)
	}
	return r, nil
}

// Next returns the next graph; io.EOF after the last whole one.
func (r *Reader) Next() (topology.Graph, error) {
	var g topology.Graph
	b, err := r.next()
	if err != nil {
		return g, err
	}
	if err := json.Unmarshal(b, &g); err != nil {
		if _, end := r.from.Peek(1); end != nil && !bytes.HasSuffix(b, []byte("\n")) {
			return topology.Graph{}, io.EOF // cut off
		}
		return topology.Graph{}, fmt.Errorf("line %d of the session: %w", r.line, err)
	}
	return g, nil
}

// next returns a line that is not empty.
func (r *Reader) next() ([]byte, error) {
	for {
		r.line++
		var line []byte
		for {
			part, err := r.from.ReadSlice('\n')
			line = append(line, part...)
			if len(line) > longest {
				return nil, fmt.Errorf("line %d of the session has more than %d bytes", r.line, longest)
			}
			if errors.Is(err, bufio.ErrBufferFull) {
				continue
			}
			if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
				return nil, err
			}
			break
		}
		if len(bytes.TrimSpace(line)) > 0 {
			return line, nil
		}
	}
}
