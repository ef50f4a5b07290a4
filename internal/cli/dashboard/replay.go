package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/meshctl/meshctl/pkg/dashboard/session"
	"github.com/meshctl/meshctl/pkg/topology"
)

// longestPause is how long a replay waits at most between two pictures.
const longestPause = 5 * time.Second

// last is the last picture of a recorded session.
func last(path string) (g topology.Graph, err error) {
	f, err := os.Open(path)
	if err != nil {
		return g, err
	}
	defer f.Close()
	r, err := session.NewReader(f)
	if err != nil {
		return g, fmt.Errorf("%s: %w", path, err)
	}
	for found := false; ; found = true {
		next, err := r.Next()
		switch {
		case errors.Is(err, io.EOF) && found:
			return g, nil
		case errors.Is(err, io.EOF):
			return g, fmt.Errorf("%s: the session has no pictures", path)
		case err != nil:
			return g, fmt.Errorf("%s: %w", path, err)
		}
		g = next
	}
}

// player shows a recorded session at the speed at which it was recorded.
type player struct {
	path   string
	file   *os.File
	reader *session.Reader
	time   time.Time // of the last picture
}

func openPlayer(path string) (*player, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := session.NewReader(f)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), f.Close())
	}
	return &player{path: path, file: f, reader: r}, nil
}

func (p *player) Close() error { return p.file.Close() }

// next waits for the time of the next picture. After the last one it waits for ctx.
func (p *player) next(ctx context.Context, _ time.Duration) (topology.Graph, error) {
	g, err := p.reader.Next()
	if errors.Is(err, io.EOF) {
		<-ctx.Done()
		return g, ctx.Err()
	}
	if err != nil {
		return g, fmt.Errorf("%s: %w", p.path, err)
	}
	if !p.time.IsZero() {
		timer := time.NewTimer(min(max(g.Time.Sub(p.time), 0), longestPause))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return g, ctx.Err()
		}
	}
	p.time = g.Time
	return g, nil
}
