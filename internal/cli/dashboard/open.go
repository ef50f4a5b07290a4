package dashboard

import (
	"context"
	"fmt"
	"os/exec"
	"runtime"

	"github.com/meshctl/meshctl/internal/cli/factory"
)

// browser says what to do with a URL besides printing it.
type browser struct {
	program string
	none    bool
}

// open shows a URL in a browser. That there is none is no failure: the URL has been printed.
func (b browser) open(ctx context.Context, f *factory.Factory, url string) {
	if b.none {
		return
	}
	program, args := b.program, []string{url}
	if program == "" {
		program, args = opener(f.Getenv("BROWSER"), url)
	}
	cmd := exec.CommandContext(context.WithoutCancel(ctx), program, args...) // a browser outlives this
	if err := cmd.Start(); err != nil {
		f.Say("cannot open a browser (%v): open the address above, or name a program with --browser", err)
		return
	}
	go func() { _ = cmd.Wait() }()
}

// opener is the program that opens what the desktop opens it with.
func opener(chosen, url string) (program string, args []string) {
	switch {
	case chosen != "":
		return chosen, []string{url}
	case runtime.GOOS == "darwin":
		return "open", []string{url}
	case runtime.GOOS == "windows":
		return "rundll32", []string{"url.dll,FileProtocolHandler", url}
	}
	return "xdg-open", []string{url}
}

// announce prints the URL and opens it.
func (b browser) announce(ctx context.Context, f *factory.Factory, url string) {
	fmt.Fprintln(f.IO.Out, url)
	b.open(ctx, f, url)
}
