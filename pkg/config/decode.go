package config

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/meshctl/meshctl/pkg/config/codes"
)

// Decoder reads objects from YAML and JSON. The zero value is ready to use.
type Decoder struct {
	// DefaultNamespace is the namespace of namespaced objects that name none. Default "default", as in kubectl.
	DefaultNamespace string
	// Limits bounds what a file may cost.
	Limits Limits
}

// Result is everything that one file says.
type Result struct {
	// Objects are the good ones, in the order of the file. A key may repeat: which one counts is the source's decision
	// (see Distinct).
	Objects []*Object
	// Problems are in the order of the file.
	Problems []Problem
	// Broken are the keys of documents that have an Error and are therefore not in Objects.
	Broken []Key
	// Salvaged are those of them that can be read but for the parts at fault: what they were meant to be, for judging other
	// objects by. They are not in force.
	Salvaged []*Object
	// Unidentified is set when the file has a broken document of which not even the name can be told.
	Unidentified bool
	// Foreign are the documents of API groups that do not concern a mesh.
	Foreign []Foreign
}

// Foreign is a document that is somebody else's business.
type Foreign struct {
	Position                          Position
	APIVersion, Kind, Namespace, Name string
}

// Decode reads a stream of YAML documents or JSON values with the default Decoder.
func Decode(name string, r io.Reader) ([]*Object, []Problem) { return Decoder{}.Decode(name, r) }

// Decode reads a stream of YAML documents or JSON values; name stands for the file in positions. An object with an Error
// among its problems is left out; the other documents are unaffected. Documents of foreign API groups pass in silence.
func (d Decoder) Decode(name string, r io.Reader) ([]*Object, []Problem) {
	result := d.DecodeReader(name, r)
	return result.Objects, result.Problems
}

// DecodeReader is DecodeBytes for a stream.
func (d Decoder) DecodeReader(name string, r io.Reader) Result {
	data, err := io.ReadAll(io.LimitReader(r, int64(d.Limits.withDefaults().FileBytes)+1))
	if err != nil {
		p := Problem{Position: Position{File: name}, Severity: Error, Code: codes.Unreadable, Message: "cannot be read: " + err.Error()}
		return Result{Problems: []Problem{p}, Unidentified: true}
	}
	return d.DecodeBytes(name, data)
}

// DecodeBytes is Decode for a whole file in memory. The objects may keep parts of data to find positions: it must
// not change.
func (d Decoder) DecodeBytes(name string, data []byte) Result {
	if d.DefaultNamespace == "" {
		d.DefaultNamespace = "default"
	}
	d.Limits = d.Limits.withDefaults()
	refuse := func(message, fix string) Result {
		p := Problem{Position: Position{File: name}, Severity: Error, Code: codes.Unreadable, Message: message, Fix: fix}
		return Result{Problems: []Problem{p}, Unidentified: true}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	switch {
	case len(data) > d.Limits.FileBytes:
		return refuse(fmt.Sprintf("larger than %d bytes", d.Limits.FileBytes), "split it into several files")
	case bytes.HasPrefix(data, []byte("\xff\xfe")) || bytes.HasPrefix(data, []byte("\xfe\xff")):
		return refuse("is UTF-16 text", "save it as UTF-8")
	case bytes.IndexByte(data[:min(len(data), 8000)], 0) >= 0:
		return refuse("is not a text file", "")
	}
	var docs []*document
	if looksLikeJSON(name, data) {
		docs = splitJSON(name, data)
	} else {
		docs = split(name, data)
	}
	return d.documents(docs, len(data))
}

// documents decodes all documents, on several processors where there is enough to do.
func (d Decoder) documents(docs []*document, size int) Result {
	var surplus *document
	if len(docs) > d.Limits.Documents {
		docs, surplus = docs[:d.Limits.Documents], docs[d.Limits.Documents]
	}
	results := make([]Result, len(docs))
	const worthwhile = 32 << 10
	workers := min(runtime.GOMAXPROCS(0), len(docs), 1+size/worthwhile)
	var next atomic.Int64
	var wait sync.WaitGroup
	work := func() {
		for i := next.Add(1) - 1; int(i) < len(docs); i = next.Add(1) - 1 {
			results[i] = d.document(docs[i])
		}
	}
	for range workers - 1 {
		wait.Go(work)
	}
	work()
	wait.Wait()
	var all Result
	for _, r := range results {
		all.Add(r)
	}
	withCode(all.Problems, codes.SchemaError)
	if surplus != nil {
		all.Unidentified = true
		all.Problems = append(all.Problems, Problem{
			Position: surplus.position(1, 1), Severity: Error, Code: codes.Unreadable,
			Message: fmt.Sprintf("more than %d documents in one file: this and the following are left out", d.Limits.Documents),
			Fix:     "split it into several files",
		})
	}
	return all
}

// Add appends what another file says.
func (r *Result) Add(o Result) {
	r.Objects = append(r.Objects, o.Objects...)
	r.Problems = append(r.Problems, o.Problems...)
	r.Broken = append(r.Broken, o.Broken...)
	r.Salvaged = append(r.Salvaged, o.Salvaged...)
	r.Foreign = append(r.Foreign, o.Foreign...)
	r.Unidentified = r.Unidentified || o.Unidentified
}

// fail records an Error about a document; key names it as far as it can be told.
func (r *Result) fail(p Problem) {
	p.Severity = Error
	r.Problems = append(r.Problems, p)
	r.lose(p.Object)
}

// lose notes that the document of this key is left out.
func (r *Result) lose(key Key) {
	if key.Name == "" {
		r.Unidentified = true
		return
	}
	r.Broken = append(r.Broken, key)
}
