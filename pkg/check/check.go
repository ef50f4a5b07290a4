// Package check looks at a cluster before and after an installation: named checks in categories, each of which says what is wrong and what to
// do about it. Nothing is changed; the probes of admission are dry runs.
package check

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// State is how a check ended.
type State string

// The states, from the best to the worst.
const (
	OK State = "ok"
	// Skipped checks could not be made, for the reason in the message.
	Skipped State = "skipped"
	Warning State = "warning"
	Error   State = "error"
)

// Result is what a check found.
type Result struct {
	State State `json:"state"`
	// Message says what is wrong, or what is of interest where all is well.
	Message string `json:"message,omitempty"`
	// Details are the places, a line each.
	Details []string `json:"details,omitempty"`
	// Hint says what to do.
	Hint string `json:"hint,omitempty"`
}

// Check is one question about a cluster.
type Check struct {
	ID    string // stable, e.g. "crd-owners"
	Title string // what is true when all is well
	// Needed: without it the checks of later categories make no sense.
	Needed bool
	Run    func(context.Context) Result
}

// Category is a group of checks that run at the same time.
type Category struct {
	Name   string
	Checks []Check
}

// Finding is the result of a check with its name.
type Finding struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	Result
}

// Group is the findings of a category.
type Group struct {
	Category string    `json:"category"`
	Checks   []Finding `json:"checks"`
}

// checkTimeout bounds one check. The probes of admission take the longest: a webhook may have 10 s.
const checkTimeout = 20 * time.Second

// Run makes the checks, category by category, and tells emit of each that is done. The order of the findings is that of the checks.
func Run(ctx context.Context, categories []Category, emit func(Group)) []Group {
	var all []Group
	failed := ""
	for _, c := range categories {
		g := Group{Category: c.Name, Checks: make([]Finding, len(c.Checks))}
		var running sync.WaitGroup
		for i, check := range c.Checks {
			running.Go(func() { g.Checks[i] = Finding{check.ID, check.Title, check.once(ctx, failed)} })
		}
		running.Wait()
		for i, check := range c.Checks {
			if check.Needed && g.Checks[i].State == Error && failed == "" {
				failed = check.ID
			}
		}
		all = append(all, g)
		if emit != nil {
			emit(g)
		}
	}
	return all
}

func (c Check) once(ctx context.Context, failed string) Result {
	if failed != "" {
		return Result{State: Skipped, Message: "not tried, since " + failed + " failed"}
	}
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	return c.Run(ctx)
}

// Worst returns the worst state of all findings.
func Worst(groups []Group) State {
	worst := OK
	for _, g := range groups {
		for _, f := range g.Checks {
			if rank(f.State) > rank(worst) {
				worst = f.State
			}
		}
	}
	return worst
}

func rank(s State) int {
	for i, known := range []State{OK, Skipped, Warning, Error} {
		if s == known {
			return i
		}
	}
	return 0
}

func good(format string, args ...any) Result {
	return Result{State: OK, Message: fmt.Sprintf(format, args...)}
}

func found(s State, details []string, hint, format string, args ...any) Result {
	return Result{State: s, Message: fmt.Sprintf(format, args...), Details: details, Hint: hint}
}

// failure is the result of a check that could not be made.
func failure(err error) Result {
	if errors.Is(err, context.DeadlineExceeded) {
		return Result{State: Error, Message: err.Error(), Hint: "the cluster is slow or unreachable: try again"}
	}
	return Result{State: Error, Message: err.Error()}
}
