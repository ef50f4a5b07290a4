// Package exitcode is the one list of the exit codes of meshctl, and how errors carry them.
package exitcode

import (
	"errors"
	"fmt"
)

// Code is what the process exits with. The numbers are part of the public interface.
type Code int

const (
	// OK means done, nothing found.
	OK Code = 0
	// Failure means that it could not be done.
	Failure Code = 1
	// Usage means that the command line is wrong; nothing was tried.
	Usage Code = 2
	// Findings means done, and what was looked for was found: a difference, a rejected proxy, a diagnostic at or above the
	// threshold.
	Findings Code = 3
)

// Error is an error with an exit code. Without Err there is nothing to say: the command has already said it.
type Error struct {
	Code Code
	Err  error
}

func (e *Error) Error() string {
	if e.Err == nil {
		return ""
	}
	return e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// Usagef is an error of the command line.
func Usagef(format string, args ...any) error {
	return &Error{Usage, fmt.Errorf(format, args...)}
}

// Found is the error of a command whose output is the finding.
func Found() error { return &Error{Code: Findings} }

// Of returns the code that err stands for.
func Of(err error) Code {
	var e *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &e):
		return e.Code
	default:
		return Failure
	}
}
