// Package wasmtest makes small proxy-wasm modules (ABI 0.2.1, https://github.com/proxy-wasm/spec) for tests, byte by byte: a few hundred
// bytes that Envoy compiles at once, which no compiler at hand would make.
package wasmtest

// Behaviour is what a module does.
type Behaviour struct {
	// Name tells modules apart that do the same: Envoy runs equal ones in one machine, and these know one configuration.
	Name string
	// Header, when not empty, is added to requests and responses with the plugin's configuration (JSON) as its value; HEADER-root with the
	// plugin's root id, and HEADER-environment with its environment, when it has one variable: "NAME=VALUE".
	Header string
	// Refuse has the module refuse its configuration, Crash trap at requests, and Close close new connections.
	Refuse, Crash, Close bool
	// Missing imports a function that no host has.
	Missing bool
}

// Values of the ABI.
const (
	requestHeaders   = 0
	responseHeaders  = 2
	pluginConfig     = 7
	streamDownstream = 2
)

// Addresses in the module's memory.
const (
	pointerAt   = 0 // results of the host: an address, or a count,
	sizeAt      = 4 // and a size
	namesAt     = 16
	variablesAt = 1024 // what the environment points to
	valuesAt    = 2048
	heapAt      = 8192
)

// Indices of functions: imports come first.
const (
	addHeader = iota
	getBuffer
	getProperty
	closeStream
	environSizes
	environ
)

// Indices of globals.
const (
	heap = iota
	configAt
	configSize
)

// Module returns a module in its binary form.
func Module(b Behaviour) []byte {
	m := &module{}
	m.importFunction("env", "proxy_add_header_map_value", 5, 1)
	m.importFunction("env", "proxy_get_buffer_bytes", 5, 1)
	m.importFunction("env", "proxy_get_property", 4, 1)
	m.importFunction("env", "proxy_close_stream", 1, 1)
	m.importFunction("wasi_snapshot_preview1", "environ_sizes_get", 2, 1)
	m.importFunction("wasi_snapshot_preview1", "environ_get", 2, 1)
	if b.Missing {
		m.importFunction("env", "no_such_function", 0, 0)
	}
	m.data(b.Name)
	m.global(heapAt)
	m.global(0)
	m.global(0)

	m.export("proxy_abi_version_0_2_1", 0, 0, nil)
	// The host's buffers follow each other; they are small.
	m.export("proxy_on_memory_allocate", 1, 1, code(getGlobal(heap), getGlobal(heap), getLocal(0), add, setGlobal(heap)))
	m.export("proxy_on_context_create", 2, 0, nil)
	m.export("proxy_on_vm_start", 2, 1, number(1))
	answer := number(1)
	if b.Refuse {
		answer = number(0)
	}
	m.export("proxy_on_configure", 2, 1, code(
		number(pluginConfig), number(0), getLocal(1), number(pointerAt), number(sizeAt), call(getBuffer), drop,
		number(0), load(pointerAt), setGlobal(configAt), number(0), load(sizeAt), setGlobal(configSize), answer))
	m.export("proxy_on_request_headers", 3, 1, b.headers(m, requestHeaders))
	m.export("proxy_on_response_headers", 3, 1, b.headers(m, responseHeaders))
	connection := number(0)
	if b.Close {
		connection = code(number(streamDownstream), call(closeStream), drop, number(1))
	}
	m.export("proxy_on_new_connection", 1, 1, connection)
	return m.binary()
}

// headers is the body of what the host calls for headers.
func (b Behaviour) headers(m *module, kind int) []byte {
	switch {
	case b.Crash:
		return trap
	case b.Header == "":
		return number(0)
	}
	root, property := m.data(b.Header+"-root"), m.data("plugin_root_id")
	name, environment := m.data(b.Header), m.data(b.Header+"-environment")
	return code(
		number(kind), name, getGlobal(configAt), getGlobal(configSize), call(addHeader), drop,
		property, number(pointerAt), number(sizeAt), call(getProperty), drop,
		number(kind), root, number(0), load(pointerAt), number(0), load(sizeAt), call(addHeader), drop,
		number(pointerAt), number(sizeAt), call(environSizes), drop,
		number(0), load(pointerAt), when(code(
			number(variablesAt), number(valuesAt), call(environ), drop,
			number(kind), environment, number(valuesAt), number(0), load(sizeAt), number(-1), add, call(addHeader), drop)),
		number(heapAt*2), setGlobal(heap),
		number(0))
}
