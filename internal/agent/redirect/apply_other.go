//go:build !linux

package redirect

import "errors"

var errLinux = errors.New("traffic redirection needs Linux: programs here use the proxy's local listeners")

// Text returns the rules in the language of nft(8); there are none on this system.
func (o Options) Text() string { return "" }

// Apply puts the rules in force; this system cannot.
func (o Options) Apply() error { return errLinux }

// Undo removes the rules; this system has none.
func Undo() error { return nil }
