// Command build builds the API server that tests run, unless it is in the cache, and prints where it is.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/meshctl/meshctl/test/cluster"
)

func main() {
	path, err := cluster.Build(context.Background(), os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(path)
}
