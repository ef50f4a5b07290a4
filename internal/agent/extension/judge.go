package extension

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/meshctl/meshctl/internal/agent/trial"
	"github.com/meshctl/meshctl/internal/meshstate"
)

// judgeTimeout bounds a trial: compiling a large module takes seconds.
const judgeTimeout = time.Minute

// Judge has an Envoy of its own, which validates a configuration and ends, load what the proxy is about to be given: what it refuses, or
// what ends it, never reaches the proxy.
type Judge struct {
	envoy, dir string
	// mu lets one trial run at a time: each needs the memory of an Envoy.
	mu sync.Mutex
}

// NewJudge returns a Judge with the Envoy at a path, which keeps what it accepted in a directory.
func NewJudge(envoy, dir string) *Judge { return &Judge{envoy: envoy, dir: dir} }

type object = map[string]any

const types = "type.googleapis.com/envoy.extensions.filters."

// Module tries the module at a path. It is remembered by its digest.
func (j *Judge) Module(ctx context.Context, path, digest string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	accepted, mark := filepath.Join(j.dir, digest+".accepted"), j.mark()
	if before, err := os.ReadFile(accepted); err == nil && string(before) == mark {
		return nil
	}
	err := j.try(ctx, object{
		"@type": types + "network.wasm.v3.Wasm",
		"config": object{"name": "trial", "vm_config": object{
			"runtime": "envoy.wasm.runtime.v8", "code": object{"local": object{"filename": path}},
		}},
	})
	if err == nil {
		err = meshstate.WriteFile(accepted, []byte(mark))
	}
	return err
}

// Script tries the code of a Lua filter.
func (j *Judge) Script(ctx context.Context, code string) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.try(ctx, object{
		"@type": types + "network.http_connection_manager.v3.HttpConnectionManager", "stat_prefix": "trial", "route_config": object{},
		"http_filters": []any{
			object{"name": "trial", "typed_config": object{"@type": types + "http.lua.v3.Lua", "default_source_code": object{"inline_string": code}}},
			object{"name": "router", "typed_config": object{"@type": types + "http.router.v3.Router"}},
		},
	})
}

// mark tells an Envoy from the next: another one judges anew.
func (j *Judge) mark() string {
	info, err := os.Stat(j.envoy)
	if err != nil {
		return j.envoy
	}
	return fmt.Sprintf("%s %d %s", j.envoy, info.Size(), info.ModTime().UTC().Format(time.RFC3339Nano))
}

// try validates a listener with the filter.
func (j *Judge) try(ctx context.Context, filter object) error {
	filters := []any{object{"name": "trial", "typed_config": filter}}
	if !strings.Contains(filter["@type"].(string), "http_connection_manager") {
		filters = append(filters, object{"name": "echo", "typed_config": object{"@type": types + "network.echo.v3.Echo"}})
	}
	config, err := json.Marshal(object{"static_resources": object{"listeners": []any{object{
		"name": "trial", "filter_chains": []any{object{"filters": filters}},
		"address": object{"socket_address": object{"address": "127.0.0.1", "port_value": 0}},
	}}}})
	if err != nil {
		return err
	}
	file := filepath.Join(j.dir, "trial.json")
	if err := meshstate.WriteFile(file, config); err != nil {
		return err
	}
	err = trial.Run(ctx, j.envoy, file, judgeTimeout)
	var refused *trial.Refused
	switch {
	case !errors.As(err, &refused):
		return err
	case onlyUnconfigured(refused.Messages):
		return nil
	}
	return errors.New("Envoy refuses it: " + verdict(refused.Messages))
}

// onlyUnconfigured reports whether all that a module refused is to be started or configured as here, without what its proxy has: whether
// it likes its own configuration is for the proxy to find out.
func onlyUnconfigured(messages []string) bool {
	output := strings.Join(messages, " ")
	return strings.Contains(output, "Failed to configure base Wasm plugin") || strings.Contains(output, "Failed to start base Wasm")
}

// verdict joins what Envoy said, without what it says of every failure.
func verdict(messages []string) string {
	var said []string
	for _, message := range messages {
		message = strings.TrimPrefix(message, "Wasm VM failed ")
		if strings.HasPrefix(message, "Plugin ") || strings.HasPrefix(message, "Unable to create Wasm plugin") {
			continue
		}
		said = append(said, message)
	}
	const most = 500
	text := strings.Join(said, "; ")
	return strings.ToValidUTF8(text[:min(len(text), most)], "?")
}
