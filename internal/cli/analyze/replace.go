package analyze

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile gives a file another content at once: who reads it sees the old or the new one. Its mode and, as far as that is allowed,
// its owner stay; a symbolic link stays one.
func replaceFile(path string, data []byte) error {
	target, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		target = path
	case err != nil:
		return fmt.Errorf("writing %s: %w", path, err)
	}
	temp, err := os.CreateTemp(filepath.Dir(target), ".meshctl-*")
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer func() { _ = os.Remove(temp.Name()) }() // gone when all went well
	_, err = temp.Write(data)
	if err == nil {
		err = adopt(temp, target)
	}
	if err == nil {
		err = temp.Sync()
	}
	if closing := temp.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = os.Rename(temp.Name(), target)
	}
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// adopt gives a file the mode and owner of the one whose place it takes.
func adopt(temp *os.File, target string) error {
	info, err := os.Stat(target)
	if errors.Is(err, fs.ErrNotExist) {
		return temp.Chmod(0o644)
	}
	if err != nil {
		return err
	}
	if uid, gid, ok := owner(info); ok {
		_ = temp.Chown(uid, gid) // only root may give files away
	}
	return temp.Chmod(info.Mode().Perm())
}
