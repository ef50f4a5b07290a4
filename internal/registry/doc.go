// Package registry is the control plane's side of the conversation with the agents (internal/agentapi): who is
// connected, on which local ports each proxy listens, and how each workload is.
//
// Every sidecar that registered and bound its ports becomes a WorkloadEntry, in the way of Istio's autoregistration
// (https://istio.io/latest/docs/reference/config/networking/workload-group/), which is handed to an Emitter. The entry
// outlives its stream for a grace period, and the process through State: neither a restarted agent nor a restarted
// control plane makes an endpoint blink.
package registry
