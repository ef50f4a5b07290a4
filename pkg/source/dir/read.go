package dir

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/config/codes"
)

// content is what reading a file gave.
type content struct {
	err    error
	readAt time.Time
	sum    xxh3.Uint128
	empty  bool
	// result is empty when the content is that of before.
	result config.Result
}

// same reports whether a file reads as it did before.
func (c content) same(old *file) bool {
	return old != nil && c.err == nil && old.readable && c.sum == old.sum && !old.hollow
}

// readAll reads and decodes files on all processors.
func readAll(d config.Decoder, paths []string, known map[string]*file) []content {
	out := make([]content, len(paths))
	var next atomic.Int64
	var wait sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), len(paths)) {
		wait.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(paths); i = next.Add(1) - 1 {
				out[i] = read(d, paths[i], known[paths[i]])
			}
		})
	}
	wait.Wait()
	return out
}

func read(d config.Decoder, path string, old *file) content {
	c := content{readAt: time.Now()}
	limit := d.Limits.FileBytes
	if limit <= 0 {
		limit = 64 << 20
	}
	f, err := os.Open(path)
	if err != nil {
		c.err = err
		return c
	}
	defer func() { _ = f.Close() }()
	data, err := readFile(f, limit)
	if err != nil {
		c.err = err
		return c
	}
	c.sum, c.empty = xxh3.Hash128(data), len(data) == 0
	if !c.same(old) {
		c.result = d.DecodeBytes(path, data)
	}
	return c
}

// readFile reads one byte more than the limit at most.
func readFile(f *os.File, limit int) ([]byte, error) {
	var buffer bytes.Buffer
	if info, err := f.Stat(); err == nil {
		buffer.Grow(int(min(info.Size(), int64(limit))) + bytes.MinRead)
	}
	_, err := buffer.ReadFrom(io.LimitReader(f, int64(limit)+1))
	return buffer.Bytes(), err
}

// file builds what is in use from now on: the good objects, and for the broken ones what was in use before.
func (c content) file(path string, info os.FileInfo, old *file) *file {
	f := &file{path: path, info: info, readAt: c.readAt, sum: c.sum, readable: c.err == nil, objects: map[config.Key]*config.Object{}}
	before := map[config.Key]*config.Object{}
	if old != nil {
		before = old.objects
	}
	if c.empty && len(before) > 0 && !old.hollow {
		f.objects, f.problems, f.hollow = before, old.problems, true
		return f
	}
	if c.err != nil {
		f.objects = before
		message := "cannot be read: " + plain(c.err).Error()
		if len(before) > 0 {
			message += fmt.Sprintf("; its %d objects stay in use as they were", len(before))
		}
		f.problems = []config.Problem{{Position: config.Position{File: path}, Severity: config.Error, Code: codes.Unreadable, Message: message}}
		return f
	}
	objects, repeated := config.Distinct(c.result.Objects)
	for _, o := range objects {
		if was := before[o.Key]; was != nil && was.SameText(o) {
			o = was
		}
		f.objects[o.Key] = o
	}
	f.problems = append(slices.Clone(c.result.Problems), repeated...)
	kept := f.keep(c.result, before)
	for i := range f.problems {
		if p := &f.problems[i]; p.Severity == config.Error && kept[p.Object] {
			p.Message += "; its last good version stays in use"
		}
	}
	return f
}

// keep takes over the objects of before whose documents are broken now, and all that are missing when a broken document
// does not say which object it is. It returns those whose key is known.
func (f *file) keep(r config.Result, before map[config.Key]*config.Object) map[config.Key]bool {
	kept := map[config.Key]bool{}
	for _, key := range r.Broken {
		if o := before[key]; o != nil && f.objects[key] == nil {
			f.objects[key] = o
			kept[key] = true
		}
	}
	if r.Unidentified {
		for key, o := range before {
			if f.objects[key] == nil {
				f.objects[key] = o
			}
		}
	}
	return kept
}
