package install

import (
	"context"
	"errors"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/fluxcd/cli-utils/pkg/kstatus/status"

	"github.com/meshctl/meshctl/pkg/install/client"
	"github.com/meshctl/meshctl/pkg/install/inventory"
)

// Apply installs. Nothing is written before it is known that nothing stands against it; then the inventories are, with what was and what
// is to be, so that an interrupted installation can be run again. Applied twice it changes nothing.
func (i *Installer) Apply(ctx context.Context, r Request) (Result, error) {
	wanted := i.wanted(r)
	s, err := i.check(ctx, r, wanted)
	if err != nil {
		return Result{}, err
	}
	verdicts, err := i.examine(ctx, r, s, wanted)
	if err != nil {
		return Result{}, err
	}
	o := &operation{Installer: i, request: r, state: s, end: time.Now().Add(r.timeout())}
	o.note(verdicts)
	err = o.run(ctx, verdicts)
	if err != nil && r.Atomic {
		err = o.restore(ctx, wanted, err)
	}
	return o.result, err
}

// operation is one run of Apply.
type operation struct {
	*Installer
	request Request
	state   state
	end     time.Time
	result  Result
}

func (o *operation) note(verdicts []verdict) {
	for _, v := range verdicts {
		switch v.action {
		case Create:
			o.result.Created++
		case Change:
			o.result.Changed++
		case Keep:
			o.result.Unchanged++
		case Use:
			if owner := Owner(v.live); v.stage == stageDefinitions {
				o.result.Found = append(o.result.Found, Found{v.id, owner})
				o.step(fmt.Sprintf("%s was there before and is used as it is (it belongs to %s)", v.id, owner))
			}
		}
	}
}

func (o *operation) run(ctx context.Context, verdicts []verdict) error {
	at := map[stage][]verdict{}
	for _, v := range verdicts {
		at[v.stage] = append(at[v.stage], v)
	}
	if err := o.apply(ctx, at[stageNamespace]); err != nil {
		return err
	}
	goal := o.goal(verdicts)
	for _, set := range goal { // before anything else: what is not in an inventory is not ours
		if err := o.record(ctx, o.state.set(set.Set).With(set)); err != nil {
			return err
		}
	}
	for st := stageDefinitions; st < stages; st++ {
		if st == stageWebhooks && len(at[stageGateways]) > 0 && !o.request.Wait {
			if err := o.ready(ctx, at[stagePilot]); err != nil {
				return err
			}
		}
		if err := o.apply(ctx, at[st]); err != nil {
			return err
		}
		if err := o.arrived(ctx, st, at); err != nil {
			return err
		}
	}
	if o.request.Wait {
		if err := o.ready(ctx, verdicts); err != nil {
			return err
		}
	}
	return o.finish(ctx, verdicts, goal)
}

// arrived waits for what the next stage needs.
func (o *operation) arrived(ctx context.Context, st stage, at map[stage][]verdict) error {
	switch {
	case st == stageDefinitions:
		return o.established(ctx, at[st])
	case st == stagePilot && o.request.Wait:
		return o.ready(ctx, at[st])
	case st == stageWebhooks && len(at[stageGateways]) > 0:
		return o.ready(ctx, at[st])
	}
	return nil
}

// goal are the inventories as they will be.
func (o *operation) goal(verdicts []verdict) []inventory.Inventory {
	base, revision := inventory.New(inventory.Base), inventory.New(inventory.SetOf(o.request.Revision))
	for _, v := range verdicts {
		set := revision
		if v.set == inventory.Base {
			set = base
		}
		set.Objects[v.id] = v.origin
	}
	return []inventory.Inventory{base, revision}
}

func (o *operation) record(ctx context.Context, set inventory.Inventory) error {
	_, err := o.Client.Apply(ctx, set.ConfigMap(o.Namespace), client.ApplyOptions{Force: true})
	return err
}

var stageNames = map[stage]string{
	stageDefinitions: "definitions", stageAccess: "accounts and roles", stageConfiguration: "configuration", stagePilot: "control plane",
	stageWebhooks: "webhooks", stageGateways: "gateways",
}

func (o *operation) apply(ctx context.Context, verdicts []verdict) error {
	failed := make([]error, len(verdicts))
	ctx, cancel := context.WithDeadlineCause(ctx, o.end, errTime)
	defer cancel()
	changed := 0
	for _, v := range verdicts {
		if v.action == Create || v.action == Change {
			changed++
		}
	}
	if changed == 0 {
		return nil
	}
	each(verdicts, func(n int, v verdict) {
		if v.action == Create || v.action == Change {
			failed[n] = o.one(ctx, v)
		}
	})
	if err := errors.Join(compact(failed)...); err != nil {
		return err
	}
	if name := stageNames[verdicts[0].stage]; name != "" {
		o.step(fmt.Sprintf("applied %s (%d)", name, changed))
	}
	return nil
}

var errTime = errors.New("time is up")

// one applies one object. A kind that has only just been defined may take a moment to be served.
func (o *operation) one(ctx context.Context, v verdict) error {
	clock := time.NewTicker(100 * time.Millisecond)
	defer clock.Stop()
	for tries := 0; ; tries++ {
		_, err := o.put(ctx, v.desired, v.live, o.request.Force, false)
		const most = 50
		if !meta.IsNoMatchError(err) || tries == most {
			if err != nil {
				return explain(err)
			}
			return nil
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// established waits until the definitions that were applied are served.
func (o *operation) established(ctx context.Context, verdicts []verdict) error {
	failed := make([]error, len(verdicts))
	ctx, cancel := context.WithDeadlineCause(ctx, o.end, errTime)
	defer cancel()
	each(verdicts, func(n int, v verdict) {
		if v.action == Create || v.action == Change {
			failed[n] = o.defined(ctx, v)
		}
	})
	return errors.Join(compact(failed)...)
}

func (o *operation) defined(ctx context.Context, v verdict) error {
	clock := time.NewTicker(100 * time.Millisecond)
	defer clock.Stop()
	for {
		u, err := o.Client.Get(ctx, client.RefOf(v.object))
		if err != nil {
			return err
		}
		if u == nil {
			return fmt.Errorf("%s was deleted while it was waited for", v.id)
		}
		result, err := status.Compute(u)
		if err != nil {
			return fmt.Errorf("%s: %w", v.id, err)
		}
		switch result.Status {
		case status.CurrentStatus:
			return nil
		case status.FailedStatus:
			return fmt.Errorf("%s is not accepted: %s", v.id, result.Message)
		}
		select {
		case <-clock.C:
		case <-ctx.Done():
			return fmt.Errorf("%s is not served yet (%s): %w", v.id, result.Message, context.Cause(ctx))
		}
	}
}

// ready waits for workloads and webhooks until time is up.
func (o *operation) ready(ctx context.Context, verdicts []verdict) error {
	var refs []client.Ref
	for _, v := range verdicts {
		if workload(v.id.GroupKind) || v.id.Group == admissionGroup && hasWebhooks(v.object) {
			refs = append(refs, client.RefOf(v.object))
		}
	}
	if len(refs) == 0 {
		return nil
	}
	err := o.waiter().Ready(ctx, max(time.Until(o.end), time.Second), refs)
	if o.Progress != nil {
		o.Progress.Tree(nil)
	}
	return err
}

func hasWebhooks(u *unstructured.Unstructured) bool { return u.Object["webhooks"] != nil }

// finish takes away what is no longer wanted and writes the inventories as they are then.
func (o *operation) finish(ctx context.Context, verdicts []verdict, goal []inventory.Inventory) error {
	wanted := make([]desired, len(verdicts))
	for n, v := range verdicts {
		wanted[n] = v.desired
	}
	pruned := map[string][]inventory.ID{}
	for _, set := range o.state.pruned(o.request.Revision) {
		ids := o.state.prunable(set, wanted)
		pruned[set.Set] = ids
		if err := o.delete(ctx, ids, o.state.live); err != nil {
			return err
		}
		if o.result.Pruned += len(ids); len(ids) > 0 {
			o.step(fmt.Sprintf("took away what is no longer wanted (%d)", len(ids)))
		}
	}
	for _, set := range goal {
		if _, ours := pruned[set.Set]; !ours {
			set = o.state.set(set.Set).With(set) // others need what is in it
		}
		if err := o.record(ctx, o.keepDefinitions(set)); err != nil {
			return err
		}
	}
	return o.handOver(ctx, goal)
}

// keepDefinitions adds the definitions and namespaces of the old inventory, which are not pruned.
func (o *operation) keepDefinitions(set inventory.Inventory) inventory.Inventory {
	for id, origin := range o.state.set(set.Set).Objects {
		_, there := set.Objects[id]
		if st := stageOf("", id.GroupKind); !there && o.state.live[id] != nil && (st == stageNamespace || st == stageDefinitions) {
			set.Objects[id] = origin
		}
	}
	return set
}

// handOver takes from the inventories of other revisions what now belongs to this one, such as a gateway that changed sides.
func (o *operation) handOver(ctx context.Context, goal []inventory.Inventory) error {
	mine := goal[len(goal)-1]
	for _, name := range o.state.revisions() {
		if name == mine.Set {
			continue
		}
		other, lost := o.state.inventories[name], 0
		for id := range mine.Objects {
			if _, both := other.Objects[id]; both {
				delete(other.Objects, id)
				lost++
			}
		}
		if lost == 0 {
			continue
		}
		if err := o.record(ctx, other); err != nil {
			return err
		}
		o.step(fmt.Sprintf("took over %d objects from revision %s", lost, name))
	}
	return nil
}
