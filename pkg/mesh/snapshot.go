// Package mesh resolves configuration objects to what proxies need: services with endpoints, the rules that hold for them, and
// scopes of visibility. A Snapshot is immutable; Apply derives the next one and says what changed. The package is pure: the same
// objects give the same snapshot, on a server, in `plan` and in tests.
package mesh
