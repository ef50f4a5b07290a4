// Package metrics merges the Prometheus metrics of the agent, of Envoy and of the program into one page
// (https://prometheus.io/docs/instrumenting/exposition_formats/), line by line, without holding any of it.
package metrics

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
)

// longest is the length of a line that passes; one longer than this ends its source.
const longest = 64 << 10

// rewriter copies expositions into one.
type rewriter struct {
	out io.Writer
	// described holds the families whose HELP or TYPE went out: a second one makes the page invalid.
	described map[string]bool
	self      Peer
	// sums are the series of the family at hand that are made of several of Envoy's.
	sums *sums
}

// copy appends one exposition. It stops at a line that is too long and at the source's errors; what was written until then
// is whole lines.
func (w *rewriter) copy(in io.Reader) error {
	lines := bufio.NewReaderSize(in, longest)
	// What this source described: HELP and TYPE belong together, a repetition of either does not.
	here := map[string]bool{}
	defer func() { maps.Copy(w.described, here) }()
	w.sums = &sums{}
	defer func() { _ = w.sums.flush(w.out) }()
	for {
		line, err := lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return fmt.Errorf("a line is longer than %d bytes", longest)
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		if line = rename(bytes.TrimRight(line, "\r\n")); w.keep(line, here) && !w.sums.add(w.self, line) {
			if err := w.write(line); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// write writes a line after what was added up before it.
func (w *rewriter) write(line []byte) error {
	if err := w.sums.flush(w.out); err != nil {
		return err
	}
	_, err := w.out.Write(append(line, '\n'))
	return err
}

// keep leaves out blank lines, comments, OpenMetrics' "# EOF" and descriptions of families that have one already.
func (w *rewriter) keep(line []byte, here map[string]bool) bool {
	if len(line) == 0 {
		return false
	}
	if line[0] != '#' {
		return true
	}
	fields := bytes.Fields(line)
	if len(fields) < 3 || (string(fields[1]) != "TYPE" && string(fields[1]) != "HELP") {
		return false
	}
	family := string(fields[2])
	if w.described[family] || here[string(fields[1])+" "+family] {
		return false
	}
	here[string(fields[1])+" "+family], here[family] = true, true
	return true
}

var (
	envoyIstio = []byte("envoy_istio_")
	typeLine   = []byte("# TYPE envoy_istio_")
	helpLine   = []byte("# HELP envoy_istio_")
)

// rename gives Istio's standard metrics the names under which the world knows them: Envoy puts its own prefix before all.
func rename(line []byte) []byte {
	const described, prefix = len("# TYPE "), len("envoy_")
	switch {
	case bytes.HasPrefix(line, envoyIstio):
		return line[prefix:]
	case bytes.HasPrefix(line, typeLine), bytes.HasPrefix(line, helpLine):
		return append(line[:described:described], line[described+prefix:]...)
	}
	return line
}
