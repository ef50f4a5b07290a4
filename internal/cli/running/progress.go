package running

import (
	"fmt"
	"time"

	"github.com/meshctl/meshctl/internal/cli/factory"
	"github.com/meshctl/meshctl/internal/printer"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

const (
	// patience is how long nothing is said of something that may soon be done.
	patience = time.Second
	// often and seldom are how long to wait between two words on a terminal and in a log.
	often, seldom = 200 * time.Millisecond, 10 * time.Second
)

// progress tells on standard error how far a long listing is: in one line that changes on a terminal, else now and then in a new one.
type progress struct {
	to     *factory.Factory
	origin string
	began  time.Time
	last   time.Time
	shown  bool
}

func (p *progress) show(at kube.Progress) {
	now := p.to.Now()
	every := seldom
	if p.to.ErrTerminal {
		every = often
	}
	if now.Sub(p.began) < patience || now.Sub(p.last) < every {
		return
	}
	p.last = now
	line := fmt.Sprintf("%s: %d of %d kinds, %d objects", p.origin, at.Listed, at.Kinds, at.Objects)
	if !p.to.ErrTerminal {
		p.to.Say("%s", line)
		return
	}
	p.shown = true
	fmt.Fprint(p.to.IO.ErrOut, "\r\x1b[K"+printer.EscapeLines(line))
}

// end takes the line away.
func (p *progress) end() {
	if p.shown {
		p.shown = false
		fmt.Fprint(p.to.IO.ErrOut, "\r\x1b[K")
	}
}
