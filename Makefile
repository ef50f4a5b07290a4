# Everything a newcomer needs: `make demo` runs a whole mesh, `make test` runs every test there is.
GO        ?= go
LINT      := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
LDFLAGS   := -s -w -X github.com/meshctl/meshctl/internal/version.version=$(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# Without gRPC's request traces the linker may leave out methods that nothing calls: a quarter of mesh-agent.
TAGS      ?= grpcnotrace
FUZZTIME  ?= 10m
# Which fuzzers, as an extended regular expression of their names.
FUZZ      ?= Fuzz.*
# Packages whose tests run a second time under the race detector: those that share memory between goroutines.
RACE      := ./internal/cli/analyze/... ./pkg/analyze ./internal/agent/... ./internal/ca/... ./internal/controlplane/... ./internal/registry/... ./internal/xdsserver/... ./pkg/source/... ./pkg/xds/... \
             ./internal/kubeobject/... ./internal/kubeca ./internal/leader ./internal/revision ./internal/incluster ./internal/webhook ./internal/status ./internal/portforward ./internal/remote \
             ./internal/traffichub ./internal/trafficfeed ./internal/taphub ./pkg/tap ./pkg/dashboard/...

export CGO_ENABLED ?= 0
export GOFLAGS += -buildvcs=false

.PHONY: build bundle demo test test-race lint fuzz bench bench-analyze budget scale envoy cluster e2e golden clean

build: ## meshctl, meshd and mesh-agent in bin/
	$(GO) build -trimpath -tags $(TAGS) -ldflags '$(LDFLAGS)' -o bin/ ./cmd/...

bundle: build envoy ## meshctl in one file: with meshd, mesh-agent, Envoy, its libc and the sample application inside
	$(GO) run ./internal/bundle/prepare -binaries bin -envoy "$$(bin/meshctl envoy -o name)"
	$(GO) build -trimpath -tags $(TAGS),bundle -ldflags '$(LDFLAGS)' -o bin/bundle/meshctl ./cmd/meshctl

envoy: build ## the Envoy that the tests and the demo run
	bin/meshctl envoy --fetch

cluster: ## the Kubernetes that tests run: built once, then in the cache
	$(GO) run ./test/cluster/ctl build

demo: build ## a whole mesh on this machine; Ctrl-C ends it
	bin/meshctl demo

e2e: envoy cluster ## the mesh on a real Kubernetes node of this machine (root), or on the cluster that E2E_KUBECONFIG names
	E2E=1 $(GO) test -count=1 -timeout 20m ./test/e2e/...

test: envoy cluster ## every test there is; with E2E=1 those on a Kubernetes node, too
	$(GO) vet ./...
	E2E= E2E_KUBECONFIG= $(GO) test -p 4 ./... # most of them wait: for Envoys, API servers, events
	$(if $(E2E_KUBECONFIG)$(filter 1,$(E2E)),$(MAKE) e2e)
	$(MAKE) test-race
	$(MAKE) fuzz FUZZTIME=10s FUZZ='FuzzDecode|FuzzTranslate|FuzzYAMLToXDS|FuzzCheck|FuzzCompile|FuzzAnalyze'

test-race:
	CGO_ENABLED=1 $(GO) test -race -short $(RACE)

lint:
	@command -v golangci-lint >/dev/null || $(GO) install $(LINT)
	PATH="$$PATH:$$($(GO) env GOPATH)/bin" golangci-lint run ./...

fuzz: ## every fuzzer (or those that FUZZ names) for FUZZTIME each
	@for t in $$(grep -rlE '^func ($(FUZZ))\(' --include='*_test.go' . | xargs -n1 dirname | sort -u); do \
	  for f in $$(grep -hoE '^func ($(FUZZ))\(' $$t/*_test.go | sed 's/^func //; s/(.*//'); do \
	    echo "== $$t $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzzminimizetime 10x -fuzztime $(FUZZTIME) $$t || exit 1; done; done

bench: build ## the figures of docs/performance.md
	$(GO) test -run '^$$' -bench . -benchmem ./pkg/... ./internal/...
	$(MAKE) scale bench-analyze budget

bench-analyze: build ## meshctl analyze next to a current istioctl
	@cd test/analyze/istioctl && $(GO) build -o ../../../bin/istioctl istio.io/istio/istioctl/cmd/istioctl
	$(GO) run ./test/analyze -meshctl bin/meshctl -istioctl bin/istioctl

budget: envoy ## a pair of sidecars next to a hand-written pair of Envoys with the same mutual TLS; what a viewer costs
	$(GO) test -count=1 -v -run 'TestBudget|TestViewer' ./test/budget -args -phase 500ms -rounds 40

scale: build
	$(GO) run ./test/scale -meshd bin/meshd -services 500 -proxies 200

golden: ## rewrite golden files after an intended change; read the diff before committing it
	$(GO) test ./pkg/... ./internal/cli/analyze/report ./samples/addons/grafana ./test/cli/... ./test/dashboard -update

clean:
	rm -rf bin
