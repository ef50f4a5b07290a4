package factory_test

import (
	"testing"

	"github.com/meshctl/meshctl/internal/cli/factory"
)

func TestUnicode(t *testing.T) {
	for _, c := range []struct {
		environment map[string]string
		want        bool
	}{
		{nil, true},
		{map[string]string{"LANG": "en_US.UTF-8"}, true},
		{map[string]string{"LANG": "C.utf8", "TERM": "xterm-256color"}, true},
		{map[string]string{"LANG": "C"}, false},
		{map[string]string{"LANG": "POSIX"}, false},
		{map[string]string{"LANG": "de_DE.ISO-8859-1"}, false},
		{map[string]string{"LANG": "ja_JP.UTF-8", "LC_CTYPE": "ja_JP.eucJP"}, false},
		{map[string]string{"LANG": "C", "LC_ALL": "C.UTF-8"}, true},
		{map[string]string{"LANG": "en_US.UTF-8", "TERM": "linux"}, false},
		{map[string]string{"TERM": "dumb"}, false},
	} {
		f := factory.Factory{Getenv: func(name string) string { return c.environment[name] }}
		if got := f.Unicode(); got != c.want {
			t.Errorf("%v: %t", c.environment, got)
		}
	}
}
