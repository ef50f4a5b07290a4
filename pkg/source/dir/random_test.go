package dir

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/sourcetest"
)

// digests is a set in a form to compare.
func digests(s config.Set) []string {
	var out []string
	for _, key := range s.Keys() {
		o := s.Get(key)
		out = append(out, fmt.Sprint(key, o.Position(), o.Digest))
	}
	return out
}

// meddle does one of the things that people and tools do to a tree of files.
func meddle(t *testing.T, r *rand.Rand, root string, step int) {
	dirs := []string{"", "a", "b", "a/c"}
	pick := func() string { return filepath.Join(root, dirs[r.IntN(len(dirs))]) }
	file := func() string { return filepath.Join(pick(), fmt.Sprintf("%d.yaml", r.IntN(4))) }
	switch r.IntN(6) {
	case 0, 1:
		path := file()
		_ = os.RemoveAll(path)
		write(t, path, sourcetest.Service(fmt.Sprint("s", r.IntN(10)), step+1))
	case 2:
		_ = os.Remove(file())
	case 3:
		from, to := file(), file()
		if _, err := os.Stat(from); err == nil && os.MkdirAll(filepath.Dir(to), 0o755) == nil {
			_ = os.Rename(from, to)
		}
	case 4:
		if dir := pick(); dir != root {
			_ = os.RemoveAll(dir)
		}
	case 5:
		if dir := pick(); dir != root {
			_ = os.Rename(dir, filepath.Join(root, "b", fmt.Sprint("moved", r.IntN(2))))
		}
	}
}

// Whatever happens to the tree, the source ends up with what a fresh one reads.
func TestFollowingIsReadingAfresh(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			root := t.TempDir()
			followed := sourcetest.Record(t, fast(root))
			followed.Next()
			for round := range 12 {
				for step := range 1 + r.IntN(12) {
					meddle(t, r, root, 100*round+step)
				}
				fresh := sourcetest.Record(t, fast(root))
				fresh.Next()
				want := digests(fresh.Set)
				fresh.Stop()
				if len(want) == 0 && followed.Set.Len(config.Service) == 0 {
					continue
				}
				followed.Until(fmt.Sprintf("it is as %v", want), func() bool { return slices.Equal(digests(followed.Set), want) })
				if len(fresh.Problems) != len(followed.Problems) {
					followed.Until("the problems are the same", func() bool { return slices.Equal(fresh.Problems, followed.Problems) })
				}
			}
		})
	}
}
