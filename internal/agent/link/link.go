// Package link is the agent's stream to the control plane: it registers the workload, learns the listeners that its Envoy
// should have, and reports where they are and how the program is.
package link

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/meshctl/meshctl/internal/agentapi"
)

// Options of a Client.
type Options struct {
	// Connect returns a connection to the control plane; it is closed after each stream.
	Connect func() (*grpc.ClientConn, error)
	// Register returns the first message of each stream.
	Register func() *agentapi.Register
	// Registered is told the server's answer.
	Registered func(*agentapi.Registered)
	// Wanted finds a port for each listener; the map goes back to the server.
	Wanted func([]*agentapi.Listen) map[string]uint32
	// Failed is told why there is no stream; may be nil.
	Failed func(reason string)
	// Rotate is asked to renew the workload's certificate.
	Rotate func()
	// Taps is told who wants to see requests of the proxy: nobody when a stream ends. It may be nil; Tapped are the answers.
	Taps   func([]*agentapi.Tap)
	Tapped <-chan *agentapi.Tapped
	// Sample is asked for what the proxy has counted; it must not wait and may be nil. Sampled are the answers.
	Sample  func(*agentapi.Sample)
	Sampled <-chan *agentapi.Sampled
	// Log may be nil.
	Log *slog.Logger
}

const (
	retryFirst = 100 * time.Millisecond
	retryMost  = 3 * time.Second
	// A stream that lived so long was a good one: the next begins without delay.
	goodAfter = 10 * time.Second
	// The server must answer a registration within this time.
	answerWithin = 10 * time.Second
)

// Client keeps one stream open. SetHealth, SetCertificate and Restart may be called from any goroutine.
type Client struct {
	o       Options
	restart chan struct{}

	mu sync.Mutex
	// What the server should know; the messages are replaced, never modified.
	health      *agentapi.Health
	certificate *agentapi.Certificate
	// wake closes when one of them changes.
	wake chan struct{}
}

// New returns a Client; Run connects it.
func New(o Options) *Client {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Failed == nil {
		o.Failed = func(string) {}
	}
	if o.Taps == nil {
		o.Taps = func([]*agentapi.Tap) {}
	}
	if o.Sample == nil {
		o.Sample = func(*agentapi.Sample) {}
	}
	return &Client{o: o, restart: make(chan struct{}, 1), wake: make(chan struct{})}
}

// SetHealth reports the program's health now and after each reconnection.
func (c *Client) SetHealth(healthy bool, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.health != nil && c.health.GetHealthy() == healthy && c.health.GetReason() == reason {
		return
	}
	c.health = &agentapi.Health{Healthy: healthy, Reason: reason}
	close(c.wake)
	c.wake = make(chan struct{})
}

// SetCertificate reports the workload's certificate now and after each reconnection.
func (c *Client) SetCertificate(certificate *agentapi.Certificate) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.certificate = certificate
	close(c.wake)
	c.wake = make(chan struct{})
}

// Restart registers anew, because what Register returns has changed.
func (c *Client) Restart() {
	select {
	case c.restart <- struct{}{}:
	default:
	}
}

// Run keeps the stream until ctx ends. A control plane that is away is no error: the agent and its Envoy go on without it.
func (c *Client) Run(ctx context.Context) error {
	retry := retryFirst
	for ctx.Err() == nil {
		began := time.Now()
		err := c.converse(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if errors.Is(err, errRestart) {
			continue
		}
		if time.Since(began) > goodAfter {
			retry = retryFirst
		}
		c.o.Failed(describe(err))
		c.o.Log.Warn("no stream to the control plane, trying again", "in", retry, "error", describe(err))
		timer := time.NewTimer(time.Duration(float64(retry) * (0.75 + rand.Float64()/2)))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-c.restart:
		}
		timer.Stop()
		retry = min(2*retry, retryMost)
	}
	return nil
}

var errRestart = errors.New("registration changed")

func describe(err error) string {
	if s, ok := status.FromError(err); ok {
		return fmt.Sprintf("%s: %s", s.Code(), s.Message())
	}
	return err.Error()
}

// converse is the life of one stream.
func (c *Client) converse(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := c.o.Connect()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	stream, err := agentapi.NewAgentClient(conn).Connect(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Register{Register: c.o.Register()}}); err != nil {
		_, err = stream.Recv()
		return err
	}
	defer c.o.Taps(nil)
	messages, failed := receive(ctx, stream)
	s := &session{c: c, stream: stream}
	answer := time.NewTimer(answerWithin)
	defer answer.Stop()
	for {
		wake, err := s.report()
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-c.restart:
			return errRestart
		case <-answer.C:
			if !s.registered {
				return fmt.Errorf("the control plane did not answer the registration within %s", answerWithin)
			}
		case <-wake:
		case m := <-messages:
			if err := s.handle(m); err != nil {
				return err
			}
		case m := <-c.o.Tapped:
			if err := stream.Send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Tapped{Tapped: m}}); err != nil {
				return err
			}
		case m := <-c.o.Sampled:
			if err := stream.Send(&agentapi.FromAgent{Message: &agentapi.FromAgent_Sampled{Sampled: m}}); err != nil {
				return err
			}
		}
	}
}

type stream = grpc.BidiStreamingClient[agentapi.FromAgent, agentapi.FromServer]

func receive(ctx context.Context, stream stream) (<-chan *agentapi.FromServer, <-chan error) {
	messages, failed := make(chan *agentapi.FromServer), make(chan error, 1)
	go func() {
		for {
			m, err := stream.Recv()
			if err != nil {
				failed <- err
				return
			}
			select {
			case messages <- m:
			case <-ctx.Done():
				return
			}
		}
	}()
	return messages, failed
}
