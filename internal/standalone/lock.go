package standalone

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Holder is the process that holds a lock.
type Holder struct {
	PID       int       `json:"pid"`
	StartedAt time.Time `json:"startedAt"`
}

// HeldError says that another process runs the same thing.
type HeldError struct {
	What   string
	Holder Holder
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("%s is already running (process %d, since %s)", e.What, e.Holder.PID, e.Holder.StartedAt.Local().Format(time.DateTime))
}

// lock is an exclusive flock, which the kernel takes back however its holder ends: what a dead one left is never in the way.
type lock struct{ file *os.File }

// acquire takes the lock at path for what, or returns a *HeldError.
func acquire(path, what string) (*lock, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, explainDisk(filepath.Dir(path), err)
	}
	if err := flock(file); err != nil {
		defer file.Close()
		if holder, ok := readHolder(file); ok && errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, &HeldError{what, holder}
		}
		return nil, fmt.Errorf("%s: lock %s: %w", what, path, err)
	}
	l := &lock{file}
	if err := l.sign(); err != nil {
		l.release()
		return nil, explainDisk(filepath.Dir(path), err)
	}
	return l, nil
}

// flock waits a moment: somebody may just be looking whether the lock is held.
func flock(file *os.File) error {
	const every, most = 20 * time.Millisecond, 10
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for i := 0; ; i++ {
		err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EWOULDBLOCK) || i == most {
			return err
		}
		<-ticker.C
	}
}

func (l *lock) sign() error {
	data, err := json.Marshal(Holder{os.Getpid(), time.Now().UTC()})
	if err != nil {
		return err
	}
	if err := l.file.Truncate(0); err != nil {
		return err
	}
	_, err = l.file.WriteAt(append(data, '\n'), 0)
	return err
}

func (l *lock) release() { _ = l.file.Close() }

// holder returns who holds the lock at path; false when nobody does.
func holder(path string) (Holder, bool, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return Holder{}, false, nil
	}
	if err != nil {
		return Holder{}, false, explainDisk(filepath.Dir(path), err)
	}
	defer file.Close()
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_SH|syscall.LOCK_NB)
	if err == nil {
		return Holder{}, false, nil
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return Holder{}, false, fmt.Errorf("lock %s: %w", path, err)
	}
	h, ok := readHolder(file)
	return h, ok, nil
}

func readHolder(file *os.File) (Holder, bool) {
	var h Holder
	data, err := io.ReadAll(io.NewSectionReader(file, 0, 1024))
	return h, err == nil && json.Unmarshal(data, &h) == nil && h.PID > 0
}
