package standalone

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// maxTail is how much of a process' output is remembered, in bytes.
const maxTail = 8 << 10

// output keeps what a process writes in a file and remembers the end of it. It never fails: a full disk must not stop the
// process.
type output struct {
	mu   sync.Mutex
	file *os.File // nil when it could not be opened
	tail []byte
}

// openOutput begins a new file at path; the one before is kept beside it as PATH.1.
func openOutput(path string) *output {
	o := &output{}
	if os.MkdirAll(filepath.Dir(path), 0o700) == nil {
		_ = os.Rename(path, path+".1")
		o.file, _ = os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	}
	return o
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_, _ = o.file.Write(data)
	}
	o.tail = append(o.tail, data...)
	if extra := len(o.tail) - maxTail; extra > 0 {
		o.tail = append([]byte(nil), o.tail[extra:]...)
	}
	return len(data), nil
}

// last is the last line that says something.
func (o *output) last() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(string(o.tail)), "\n")
	return strings.TrimSpace(lines[len(lines)-1])
}

func (o *output) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.file != nil {
		_ = o.file.Close()
		o.file = nil
	}
}
