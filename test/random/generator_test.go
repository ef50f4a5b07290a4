package random_test

import (
	"strings"
	"testing"

	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/test/random"
)

// What the generator makes, the decoder takes.
func TestGeneratedObjectsDecode(t *testing.T) {
	good := 0
	for seed := range uint64(50) {
		text := random.New(seed, 5).Batch(50)
		if text != random.New(seed, 5).Batch(50) {
			t.Fatalf("seed %d makes another batch each time", seed)
		}
		objects, problems := config.Decode("random.yaml", strings.NewReader(text))
		good += len(objects)
		for _, p := range problems {
			t.Errorf("seed %d: %s", seed, p.Error())
		}
		for _, o := range objects {
			_, problems := config.DecodeMeshConfig(o)
			for _, p := range problems {
				t.Errorf("seed %d: %s", seed, p.Error())
			}
		}
	}
	t.Logf("%d objects", good)
}
