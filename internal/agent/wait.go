package agent

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"time"
)

// waitCommand returns once the proxy of this pod is ready: a program that is started after it finds its network. Flags and defaults
// are those of Istio's pilot-agent wait.
func waitCommand(ctx context.Context, args []string, stderr io.Writer) error {
	s := flag.NewFlagSet("wait", flag.ContinueOnError)
	url := s.String("url", "http://localhost:15021/healthz/ready", "where the proxy says that it is ready")
	timeout := s.Int("timeoutSeconds", 60, "how many seconds to wait at most")
	period := s.Int("periodMillis", 100, "milliseconds between two questions")
	request := s.Int("requestTimeoutMillis", 500, "milliseconds that one answer may take")
	if err := parse(s, args, stderr); err != nil {
		return err
	}
	if *timeout <= 0 || *period <= 0 || *request <= 0 {
		return usageError{errors.New("wait: times must be positive")}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(*timeout)*time.Second)
	defer cancel()
	return awaitReady(ctx, *url, time.Duration(*period)*time.Millisecond, time.Duration(*request)*time.Millisecond)
}

func awaitReady(ctx context.Context, url string, period, each time.Duration) error {
	client := &http.Client{Timeout: each}
	defer client.CloseIdleConnections()
	ticker := time.NewTicker(period)
	defer ticker.Stop()
	for {
		err := askReady(ctx, client, url)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the proxy is not ready: %w", err)
		case <-ticker.C:
		}
	}
}

func askReady(ctx context.Context, client *http.Client, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return usageError{err}
	}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10))
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s says %s: %s", url, answer.Status, text)
	}
	return nil
}
