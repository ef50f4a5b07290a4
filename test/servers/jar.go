package servers

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"
)

// The archive that runs by itself, and its content.
const (
	zipkinArtifact = "io.zipkin:zipkin-server:3.5.1:jar:exec"
	zipkinFile     = "zipkin-server-3.5.1-exec.jar"
	zipkinSHA256   = "7ac633a6832647e71e50012a5e3e91fbc7054414955261724526030faf271d8d"
	// copyGoal is the goal of Maven that fetches one artifact with nothing around it.
	copyGoal = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
	// fetchTimeout bounds the fetching of 130 MB.
	fetchTimeout = 5 * time.Minute
)

// zipkinJar returns the path of the archive in the user's cache (meshctl/zipkin-HASH below os.UserCacheDir). What is not there Maven fetches, from
// wherever it is configured to.
func zipkinJar(ctx context.Context) (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "meshctl", "zipkin-"+zipkinSHA256[:16])
	path := filepath.Join(dir, zipkinFile)
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	maven, err := exec.LookPath("mvn")
	if err != nil {
		return "", errors.New("mvn is not installed (maven)")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	unlock, err := lockedfile.MutexAt(dir + ".lock").Lock()
	if err != nil {
		return "", err
	}
	defer unlock()
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return path, err
	}
	temporary, err := os.MkdirTemp(dir, ".fetch-")
	if err != nil {
		return "", err
	}
	defer func() { _ = os.RemoveAll(temporary) }() // nothing once it has its name
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, maven, "--quiet", "--batch-mode", "-Dmaven.repo.local="+filepath.Join(temporary, "repository"),
		copyGoal, "-Dartifact="+zipkinArtifact, "-DoutputDirectory="+temporary)
	cmd.Dir, cmd.WaitDelay = temporary, time.Second
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("mvn: %w: %.1000s", err, out)
	}
	fetched := filepath.Join(temporary, zipkinFile)
	if err := verify(fetched, zipkinSHA256); err != nil {
		return "", err
	}
	return path, os.Rename(fetched, path)
}

func verify(path, want string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	hash := sha256.New()
	if _, err := io.Copy(hash, f); err != nil {
		return err
	}
	if got := hex.EncodeToString(hash.Sum(nil)); got != want {
		return fmt.Errorf("%s has the hash %s, not %s", filepath.Base(path), got, want)
	}
	return nil
}
