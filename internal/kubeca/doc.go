// Package kubeca is the certificate authority of a mesh in Kubernetes: its key lives in a Secret that all replicas of the control plane
// share and follow, and service account tokens prove who asks for a first certificate.
package kubeca
