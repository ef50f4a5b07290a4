package extension

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	httpwasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/wasm/v3"
	networkwasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/wasm/v3"
	wasmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/wasm/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/meshctl/meshctl/internal/agentapi"
)

const (
	extensionType = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"

	// istioMeta begins the variables that are for the agent.
	istioMeta = "ISTIO_META_"
	// fetchTimeout bounds an attempt to fetch when the control plane sets no bound.
	fetchTimeout = 30 * time.Second
)

// plan is what the control plane asks for, understood.
type plan struct {
	config *corev3.TypedExtensionConfig
	// filter is the message in config; code the part of it that names the module. Both nil for filters that need nothing from us.
	filter proto.Message
	code   *corev3.AsyncDataSource
	// fetch and timeout say how to get the module; secret names the credentials.
	fetch   Request
	timeout time.Duration
	secret  string
	// script is the code of a Lua filter.
	script string
	// network and open say what stands in for the filter.
	network, open bool
}

// parse understands as much as it can: what we do not know is Envoy's business.
func parse(resource *discoveryv3.Resource) *plan {
	p := &plan{config: &corev3.TypedExtensionConfig{}}
	_ = resource.GetResource().UnmarshalTo(p.config)
	filter, _ := p.config.GetTypedConfig().UnmarshalNew()
	switch f := filter.(type) {
	case *httpwasmv3.Wasm:
		p.filter = f
		p.module(f.GetConfig())
	case *networkwasmv3.Wasm:
		p.filter, p.network = f, true
		p.module(f.GetConfig())
	case *luav3.Lua:
		p.script = f.GetDefaultSourceCode().GetInlineString()
	}
	return p
}

// module reads how to get a plugin's module, and takes away what is not for the plugin.
func (p *plan) module(c *wasmv3.PluginConfig) {
	p.open = c.GetFailurePolicy() == wasmv3.FailurePolicy_FAIL_OPEN
	remote := c.GetVmConfig().GetCode().GetRemote()
	if remote == nil {
		return
	}
	p.code = c.GetVmConfig().GetCode()
	p.timeout = remote.GetHttpUri().GetTimeout().AsDuration()
	if p.timeout <= 0 {
		p.timeout = fetchTimeout
	}
	p.fetch = Request{Name: p.config.GetName(), URL: remote.GetHttpUri().GetUri(), SHA256: remote.GetSha256()}
	if p.fetch.SHA256 == agentapi.WasmAnyDigest {
		p.fetch.SHA256 = ""
	}
	variables := c.GetVmConfig().GetEnvironmentVariables()
	if values := variables.GetKeyValues(); values[agentapi.WasmPolicy] == agentapi.WasmPullAlways {
		p.fetch.Version = values[agentapi.WasmVersion]
	}
	p.secret = variables.GetKeyValues()[agentapi.WasmPullSecret]
	for name := range variables.GetKeyValues() {
		if strings.HasPrefix(name, istioMeta) {
			delete(variables.KeyValues, name)
		}
	}
	if len(variables.GetKeyValues())+len(variables.GetHostEnvKeys()) == 0 {
		c.GetVmConfig().EnvironmentVariables = nil
	}
}

// load makes what Envoy is told. digest is that of the module, "" when there is none.
func (m *Manager) load(ctx context.Context, p *plan) (out *discoveryv3.Resource, digest string, err error) {
	switch {
	case p.script != "":
		if err := m.o.Judge.Script(ctx, p.script); err != nil {
			return nil, "", err
		}
	case p.code != nil:
		path, digest, err := m.fetch(ctx, p)
		if err != nil {
			return nil, digest, err
		}
		if err := m.o.Judge.Module(ctx, path, digest); err != nil {
			if ctx.Err() == nil { // a trial that was given up says nothing, and the next may be about to begin
				m.o.Store.Forget(digest)
			}
			return nil, "", fmt.Errorf("%s: %w", p.fetch.URL, err)
		}
		local := &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: path}}
		p.code.Specifier = &corev3.AsyncDataSource_Local{Local: local}
		if p.config.TypedConfig, err = packed(p.filter); err != nil {
			return nil, "", err
		}
		out, err = resourceOf(p.config)
		return out, digest, err
	}
	out, err = resourceOf(p.config)
	return out, "", err
}

func (m *Manager) fetch(ctx context.Context, p *plan) (path, digest string, err error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	request := p.fetch
	if p.secret != "" {
		if request.Credentials, err = m.secret(ctx, p.secret); err != nil {
			return "", "", err
		}
	}
	return m.o.Store.Fetch(ctx, request)
}

// standIn is what Envoy is told instead.
func (p *plan) standIn(name string) *discoveryv3.Resource {
	config := &corev3.TypedExtensionConfig{Name: name, TypedConfig: agentapi.StandIn(name, p.network, p.open)}
	resource, _ := resourceOf(config) // fails on names that are not UTF-8 only
	return resource
}

func packed(message proto.Message) (*anypb.Any, error) {
	out := &anypb.Any{}
	return out, anypb.MarshalFrom(out, message, proto.MarshalOptions{Deterministic: true})
}

func resourceOf(config *corev3.TypedExtensionConfig) (*discoveryv3.Resource, error) {
	body, err := packed(config)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(body.GetValue())
	return &discoveryv3.Resource{Name: config.GetName(), Version: hex.EncodeToString(sum[:8]), Resource: body}, nil
}
