package extension

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const (
	secretType = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

	// UserAgent is how the control plane tells the agent's stream from Envoy's.
	UserAgent = "mesh-agent"

	reconnectFirst = 250 * time.Millisecond
	reconnectMost  = 10 * time.Second
	maxResponse    = 16 << 20
)

// Run asks the control plane for what Envoy wants until ctx ends; there is no stream while Envoy wants nothing.
func (m *Manager) Run(ctx context.Context) error {
	defer m.work.Wait()
	retry := reconnectFirst
	for {
		for !m.wanted() {
			_, changed := m.Current()
			select {
			case <-ctx.Done():
				return nil
			case <-changed:
			}
		}
		began := time.Now()
		err := m.converse(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil || time.Since(began) > reconnectMost {
			retry = reconnectFirst
		}
		if err != nil {
			m.o.Log.Warn("no extensions from the control plane, trying again", "in", retry, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(float64(retry) * (0.75 + rand.Float64()/2))):
		}
		retry = min(2*retry, reconnectMost)
	}
}

func (m *Manager) wanted() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.extensions) > 0
}

type stream = grpc.BidiStreamingClient[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]

// converse is the life of one stream: it ends when Envoy wants nothing any more.
func (m *Manager) converse(ctx context.Context) error {
	node, err := m.o.Node()
	if err != nil {
		return err
	}
	node.UserAgentName = UserAgent
	conn, err := m.o.Connect()
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	streaming, cancel := context.WithCancel(ctx)
	defer cancel()
	st, err := discoveryv3.NewAggregatedDiscoveryServiceClient(conn).DeltaAggregatedResources(streaming, grpc.MaxCallRecvMsgSize(maxResponse))
	if err != nil {
		return err
	}
	messages, ended := receive(streaming, st)
	s := &session{m: m, stream: st, node: node, has: map[string]*extension{}, told: map[string]string{}}
	for m.wanted() {
		_, changed := m.Current()
		if err := s.report(); err != nil {
			return <-ended // what the server said
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-ended:
			return err
		case r := <-messages:
			s.handle(ctx, r)
		case <-changed:
		}
	}
	return nil
}

func receive(ctx context.Context, st stream) (<-chan *discoveryv3.DeltaDiscoveryResponse, <-chan error) {
	messages, ended := make(chan *discoveryv3.DeltaDiscoveryResponse), make(chan error, 1)
	go func() {
		for {
			r, err := st.Recv()
			if err != nil {
				ended <- err
				return
			}
			select {
			case messages <- r:
			case <-ctx.Done():
				ended <- ctx.Err()
				return
			}
		}
	}()
	return messages, ended
}

// session is what was said on one stream.
type session struct {
	m      *Manager
	stream stream
	node   *corev3.Node // goes with the first request
	// has are the extensions that were asked for, secrets the credentials; nil before the first request of the type.
	has     map[string]*extension
	secrets map[string]bool
	began   bool
	// unanswered are responses whose extensions are still being loaded.
	unanswered []unanswered
	// told is why extensions could not be loaded as the control plane was told, "" that they are.
	told map[string]string
}

type unanswered struct {
	nonce    string
	versions map[string]string
}

func (s *session) send(r *discoveryv3.DeltaDiscoveryRequest) error {
	r.Node, s.node = s.node, nil
	return s.stream.Send(r)
}

// report tells the control plane what is wanted, and what became of what it sent.
func (s *session) report() error {
	s.m.mu.Lock()
	wanted, secrets := maps.Clone(s.m.extensions), map[string]bool{}
	request := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: extensionType}
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		x := wanted[name]
		if x.plan != nil && x.plan.secret != "" {
			secrets[x.plan.secret] = true
		}
		told, again := s.told[name]
		again = again && x.state != pending && x.problem != told // it is sent once more, for another answer
		if s.has[name] == x && !again {
			continue
		}
		delete(s.told, name)
		request.ResourceNamesSubscribe = append(request.ResourceNamesSubscribe, name)
		if !s.began && x.asked != nil && x.state == loaded {
			if request.InitialResourceVersions == nil {
				request.InitialResourceVersions = map[string]string{}
			}
			request.InitialResourceVersions[name] = x.asked.GetVersion()
		}
	}
	s.m.mu.Unlock()
	for name := range s.has {
		if wanted[name] == nil {
			request.ResourceNamesUnsubscribe = append(request.ResourceNamesUnsubscribe, name)
			delete(s.told, name)
		}
	}
	s.has = wanted
	if len(request.GetResourceNamesSubscribe())+len(request.GetResourceNamesUnsubscribe()) > 0 {
		s.began = true
		if err := s.send(request); err != nil {
			return err
		}
	}
	if err := s.wantSecrets(secrets); err != nil {
		return err
	}
	return s.answer()
}

func (s *session) wantSecrets(wanted map[string]bool) error {
	request := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: secretType}
	for name := range wanted {
		if !s.secrets[name] {
			request.ResourceNamesSubscribe = append(request.ResourceNamesSubscribe, name)
		}
	}
	for name := range s.secrets {
		if !wanted[name] {
			request.ResourceNamesUnsubscribe = append(request.ResourceNamesUnsubscribe, name)
			s.m.update(func() { delete(s.m.secrets, name) })
		}
	}
	s.secrets = wanted
	if len(request.GetResourceNamesSubscribe())+len(request.GetResourceNamesUnsubscribe()) == 0 {
		return nil
	}
	return s.send(request)
}

// answer acknowledges the responses whose extensions are loaded, and refuses those with one that could not be.
func (s *session) answer() error {
	for len(s.unanswered) > 0 {
		problems, done := s.outcome(s.unanswered[0].versions)
		if !done {
			return nil
		}
		request := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: extensionType, ResponseNonce: s.unanswered[0].nonce}
		if len(problems) > 0 {
			request.ErrorDetail = &status.Status{Code: int32(codes.InvalidArgument), Message: strings.Join(problems, "; ")}
		}
		s.unanswered = s.unanswered[1:]
		if err := s.send(request); err != nil {
			return err
		}
	}
	return nil
}

func (s *session) outcome(versions map[string]string) (problems []string, done bool) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(versions)) {
		x := s.m.extensions[name]
		if x == nil || x.asked.GetVersion() != versions[name] {
			continue // no longer wanted, or another version is on its way
		}
		switch x.state {
		case pending:
			return nil, false
		case failed:
			problems = append(problems, name+": "+x.problem)
		}
		s.told[name] = x.problem
	}
	return problems, true
}

func (s *session) handle(ctx context.Context, r *discoveryv3.DeltaDiscoveryResponse) {
	if r.GetTypeUrl() == secretType {
		s.m.update(func() {
			for _, one := range r.GetResources() {
				secret := &tlsv3.Secret{}
				_ = one.GetResource().UnmarshalTo(secret) // what it is not, is empty
				s.m.secrets[one.GetName()] = secret.GetGenericSecret().GetSecret().GetInlineBytes()
			}
			for _, name := range r.GetRemovedResources() {
				s.m.secrets[name] = nil
			}
		})
		_ = s.send(&discoveryv3.DeltaDiscoveryRequest{TypeUrl: secretType, ResponseNonce: r.GetNonce()}) // a broken stream ends in Recv
		return
	}
	versions := map[string]string{}
	for _, one := range r.GetResources() {
		versions[one.GetName()] = one.GetVersion()
		s.m.ask(ctx, one.GetName(), one)
	}
	// What is removed, Envoy's present listener may still contain: it works until Envoy has the next one and asks no more.
	s.unanswered = append(s.unanswered, unanswered{r.GetNonce(), versions})
}
