// Package adminapi is the control plane's read-only HTTP API for the CLI and the TUI: JSON over loopback TCP or a unix
// socket. The server is Handler over a Backend, the other end is Client. It never carries private keys.
//
//	GET  /v1/status                      Status
//	GET  /v1/configuration               Configuration
//	GET  /v1/proxies                     []Proxy
//	GET  /v1/proxies/{id}                Proxy
//	GET  /v1/proxies/{id}/config         what the proxy is meant to run, as an Envoy config dump
//	POST /v1/proxies/{id}/rotate         Certificate, the new one
//	GET  /v1/sync?wait=DURATION          SyncReport, once everything is in sync or the time is up
//	GET  /v1/workloadgroups/{ns}/{name}  WorkloadGroup
//	POST /v1/authz                       []ask.Report, the answers to an ask.Query
//	GET  /v1/tap?...                     tap.Line, one a line for as long as the connection lives, for a tap.Request
//	GET  /v1/traffic[?namespace=]        traffic.Report, what the proxies have counted
//
// Every error answer is an Error.
package adminapi

import (
	"encoding/json"
	"time"
)

// Status describes the control plane.
type Status struct {
	Instance   string    `json:"instance"` // name of this control plane instance
	Version    string    `json:"version"`
	Started    time.Time `json:"started"`
	ConfigDirs []string  `json:"configDirs,omitempty"`
	// Problems is everything wrong with the configuration now.
	Problems []Problem `json:"problems"`
	// NotEnforced are objects that were read and understood but have no effect in this version.
	NotEnforced []Origin `json:"notEnforced"`
	// Banners are lines that every user of the mesh should see.
	Banners []string `json:"banners,omitempty"`
}

// Configuration is what the mesh is made of, as far as it cannot be read in the files of ConfigDirs.
type Configuration struct {
	// ConfigDirs are the directories of files, absolute; later ones override earlier ones.
	ConfigDirs []string `json:"configDirs"`
	// Objects are those that no file holds, such as the WorkloadEntries of registered workloads, as Kubernetes documents. The values of
	// Secrets read "REDACTED".
	Objects []json.RawMessage `json:"objects"`
	// OfBrokenFiles are the objects in use from files that have an error now. Those of them that the files do not hold any more in a good
	// state are in use as they were before.
	OfBrokenFiles []Origin `json:"ofBrokenFiles"`
}

// Origin is an object of the configuration and where it is written. File is empty for objects not from files.
type Origin struct {
	Kind      string `json:"kind"` // e.g. "VirtualService"
	Namespace string `json:"namespace,omitempty"`
	Name      string `json:"name"`
	File      string `json:"file,omitempty"`
	Line      int    `json:"line,omitempty"`   // from 1; 0 when unknown
	Column    int    `json:"column,omitempty"` // from 1; 0 when unknown
}

// Problem is something wrong with an object.
type Problem struct {
	Origin
	Severity string `json:"severity"` // "warning" or "error"
	Code     string `json:"code"`     // e.g. "IST0106", see config.Codes
	Field    string `json:"field,omitempty"`
	Message  string `json:"message"`
	Fix      string `json:"fix,omitempty"`
}

// Proxy is one Envoy that the control plane knows.
type Proxy struct {
	// ID is unique in the mesh: "NAME.NAMESPACE", the third part of the node id.
	ID        string `json:"id"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
	Cluster   string `json:"cluster,omitempty"` // cluster id, as in ISTIO_META_CLUSTER_ID; empty in standalone mode
	Type      string `json:"type"`              // "sidecar", "router", "ztunnel", "waypoint", "grpc"
	NodeID    string `json:"nodeID"`
	Connected bool   `json:"connected"`
	// ConnectedSince is when the present stream began, or when the last one ended while not Connected.
	ConnectedSince time.Time `json:"connectedSince,omitzero"`
	Instance       string    `json:"instance"`                // the control plane instance that serves it
	EnvoyVersion   string    `json:"envoyVersion,omitempty"`  // as the node said, e.g. "1.40.0"
	AdminAddress   string    `json:"adminAddress,omitempty"`  // Envoy's admin: "host:port" or "unix:/path"
	StatusAddress  string    `json:"statusAddress,omitempty"` // the agent's health and metrics
	// Sync has one entry a resource type that the proxy asked for or should have asked for.
	Sync        []TypeSync   `json:"sync"`
	Certificate *Certificate `json:"certificate,omitempty"`
}

// SyncState says how what a proxy runs relates to what it should run.
type SyncState string

const (
	// Synced means that the proxy acknowledged the newest version.
	Synced SyncState = "SYNCED"
	// Stale means that a newer version was sent, or is due, and is not acknowledged yet.
	Stale SyncState = "STALE"
	// NotSent means that the control plane has nothing of this type for the proxy, or was not asked.
	NotSent SyncState = "NOT SENT"
	// Rejected means that the proxy refused the newest version and runs its last good one.
	Rejected SyncState = "REJECTED"
)

// TypeSync is the state of one resource type.
type TypeSync struct {
	Type         string    `json:"type"` // "CDS", "LDS", "EDS", "RDS", "SDS", "ECDS"
	State        SyncState `json:"state"`
	Resources    int       `json:"resources"` // how many the proxy should have
	SentVersion  string    `json:"sentVersion,omitempty"`
	AckedVersion string    `json:"ackedVersion,omitempty"`
	LastSent     time.Time `json:"lastSent,omitzero"`
	LastAck      time.Time `json:"lastAck,omitzero"`
	PendingSince time.Time `json:"pendingSince,omitzero"` // when the oldest unacknowledged change was made
	Nack         *Nack     `json:"nack,omitempty"`
}

// Nack is a refusal in the proxy's own words.
type Nack struct {
	Error    string    `json:"error"`
	Resource string    `json:"resource,omitempty"` // name of the refused resource, when it is known
	Time     time.Time `json:"time,omitzero"`
	From     []Origin  `json:"from,omitempty"` // the objects that the resource was made from
}

// Certificate describes a workload certificate, never its key.
type Certificate struct {
	SPIFFE    string    `json:"spiffe"`
	Issuer    string    `json:"issuer,omitempty"`
	Serial    string    `json:"serial"` // hexadecimal
	NotBefore time.Time `json:"notBefore,omitzero"`
	NotAfter  time.Time `json:"notAfter"`
	// Signer is the key identifier of the signer, TrustedRoots are the SHA-256 of the roots that came with the certificate; hexadecimal.
	Signer       string   `json:"signer,omitempty"`
	TrustedRoots []string `json:"trustedRoots,omitempty"`
}

// SyncReport answers the wait for synchronisation.
type SyncReport struct {
	Synced bool `json:"synced"`
	// Waiting names the connected proxies that are not in sync, when the time is up.
	Waiting []string `json:"waiting,omitempty"`
}

// Error is the body of every answer that is not a success.
type Error struct {
	Message string `json:"error"`
	// Candidates are proxies that could have been meant.
	Candidates []string `json:"candidates,omitempty"`
}

func (e *Error) Error() string { return e.Message }
