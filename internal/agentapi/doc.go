// Package agentapi is the protocol between mesh-agent and meshd, generated from agent.proto.
package agentapi

//go:generate protoc --go_out=. --go_opt=paths=source_relative --go-grpc_out=. --go-grpc_opt=paths=source_relative agent.proto
