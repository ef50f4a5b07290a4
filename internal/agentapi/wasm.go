package agentapi

// Environment variables of a Wasm module by which the control plane tells the agent how to fetch the module. They are Istio's, and
// never reach the module.
const (
	// WasmPullSecret names the secret with the credentials for the image.
	WasmPullSecret = "ISTIO_META_WASM_IMAGE_PULL_SECRET"
	// WasmPolicy is WasmPullAlways when the image or file is to be fetched again for every WasmVersion.
	WasmPolicy     = "ISTIO_META_WASM_IMAGE_PULL_POLICY"
	WasmPullAlways = "Always"
	// WasmVersion changes with the object that asks for the module.
	WasmVersion = "ISTIO_META_WASM_PLUGIN_RESOURCE_VERSION"

	// WasmAnyDigest stands for no digest where Envoy's API requires one; it is Istio's word, too.
	WasmAnyDigest = "nil"
)
