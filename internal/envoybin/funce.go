package envoybin

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	func_e "github.com/tetratelabs/func-e"
	"github.com/tetratelabs/func-e/api"
)

// funcEFetcher lets the func-e library download the release from its archive. Its only entry runs Envoy, so it is
// told to run `envoy --version`; all its state goes into the temporary directory.
func funcEFetcher() Fetcher {
	return Fetcher{
		Name: "release " + Version + " by func-e",
		Fetch: func(ctx context.Context, o Options, dir string) (string, error) {
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				return "", err
			}
			defer null.Close()
			err = func_e.Run(ctx, []string{"--version"}, api.HomeDir(dir), api.EnvoyVersion(Version),
				api.Out(o.Progress), api.EnvoyOut(null), api.EnvoyErr(null))
			path := filepath.Join(dir, "envoy-versions", Version, "bin", "envoy")
			if _, statErr := os.Stat(path); statErr != nil {
				if err == nil {
					err = fmt.Errorf("func-e left no binary at %s", path)
				}
				return "", err
			}
			return path, nil
		},
	}
}
