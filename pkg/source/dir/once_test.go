package dir_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/source/dir"
)

const service = "apiVersion: v1\nkind: Service\nmetadata: {name: %s}\nspec: {ports: [{port: 80}]}\n"

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func names(r config.Result) []string {
	var out []string
	for _, o := range r.Objects {
		out = append(out, o.Key.Name)
	}
	return out
}

// troubled lists the base names of the files that have problems.
func troubled(r config.Result) []string {
	var out []string
	for _, p := range r.Problems {
		out = append(out, filepath.Base(p.Position.File))
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func TestReadKeepsWhatIsGoodBesideWhatIsNot(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "good.yaml"), fmt.Sprintf(service, "good"))
	write(t, filepath.Join(root, "sub", "also.yml"), fmt.Sprintf(service, "also"))
	write(t, filepath.Join(root, ".git", "hidden.yaml"), "{{")
	write(t, filepath.Join(root, "notes.txt"), "{{")
	write(t, filepath.Join(root, "empty.yaml"), "")
	write(t, filepath.Join(root, "junk.yaml"), "\x00\x01\xff\xfe")
	write(t, filepath.Join(root, "deep.yaml"), strings.Repeat("a: {", 10_000)+strings.Repeat("}", 10_000))
	write(t, filepath.Join(root, "bomb.yaml"), bomb())
	large, err := os.Create(filepath.Join(root, "large.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := large.Truncate(100 << 20); err != nil {
		t.Fatal(err)
	}
	_ = large.Close()
	for name, target := range map[string]string{"dangling.yaml": "nowhere", "loop": ".", "again.yaml": "good.yaml"} {
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(root, "pipe.yaml"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := dir.ReadInOrder(config.Decoder{}, []string{root, filepath.Join(root, "good.yaml")})
	if got, want := names(r), []string{"good", "also"}; !slices.Equal(got, want) {
		t.Errorf("objects %q, want %q", got, want)
	}
	want := []string{"bomb.yaml", "dangling.yaml", "deep.yaml", "junk.yaml", "large.yaml", "loop", "pipe.yaml"}
	if got := troubled(r); !slices.Equal(got, want) {
		t.Errorf("problems in %q, want %q", got, want)
		for _, p := range r.Problems {
			t.Log(p)
		}
	}
}

// bomb is a document that means more than a billion nodes.
func bomb() string {
	var b strings.Builder
	b.WriteString("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: bomb}\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 10; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	return b.String()
}

const unprivileged = "READ_WITHOUT_PERMISSION"

// TestReadWithoutPermission runs itself again as a user who may not read everything: root may.
func TestReadWithoutPermission(t *testing.T) {
	if root := os.Getenv(unprivileged); root != "" {
		r := dir.ReadInOrder(config.Decoder{}, []string{root})
		fmt.Println(names(r), troubled(r))
		return
	}
	root, err := os.MkdirTemp("", "permission")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	write(t, filepath.Join(root, "good.yaml"), fmt.Sprintf(service, "good"))
	write(t, filepath.Join(root, "mine.yaml"), fmt.Sprintf(service, "mine"))
	write(t, filepath.Join(root, "closed", "in.yaml"), fmt.Sprintf(service, "in"))
	for path, mode := range map[string]os.FileMode{"": 0o755, "mine.yaml": 0, "closed": 0} {
		if err := os.Chmod(filepath.Join(root, path), mode); err != nil {
			t.Fatal(err)
		}
	}
	// A copy that everybody may run: the test's own folder is its user's.
	self, err := os.ReadFile(os.Args[0])
	if err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(root, "test")
	if err := os.WriteFile(binary, self, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary, "-test.run=^TestReadWithoutPermission$", "-test.v")
	cmd.Env = append(os.Environ(), unprivileged+"="+root)
	cmd.Dir = root
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "[good] [closed mine.yaml]") {
		t.Errorf("%v\n%s", err, out)
	}
}
