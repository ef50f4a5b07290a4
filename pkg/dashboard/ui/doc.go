// Package ui is the dashboard as a value: a message and a state make the next state and a screen. It does no I/O itself; what it needs from
// elsewhere it asks for through the functions of Source, in commands of Bubble Tea, each with a deadline.
package ui
