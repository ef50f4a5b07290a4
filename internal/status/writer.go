package status

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/meshctl/meshctl/internal/digest"
	"github.com/meshctl/meshctl/pkg/config"
	"github.com/meshctl/meshctl/pkg/mesh"
	"github.com/meshctl/meshctl/pkg/source/kube"
)

const (
	// fieldManager owns the fields of statuses.
	fieldManager = "meshctl-status"
	// settle is how long changes are collected before statuses are computed: people read them.
	settle = 500 * time.Millisecond
	// parallel writes run at a time, each no longer than callTimeout.
	parallel    = 4
	callTimeout = 10 * time.Second
	// retry is when what failed is tried again.
	retry = 10 * time.Second
)

// Writer writes statuses. Only one control plane of a mesh should run one.
type Writer struct {
	// Client reaches the cluster.
	Client dynamic.Interface
	// State returns the mesh and everything that is wrong with its objects now: what its snapshot says, and what could not be read.
	State func() (*mesh.Snapshot, []config.Problem)
	// Changed is sent to when State returns something else; it may lose sends while one waits.
	Changed <-chan struct{}
	// Mine reports whether it is for this control plane to write the status of an object; nil: of all.
	Mine func(*config.Object) bool
	Log  *slog.Logger

	written map[config.Key]config.Digest // of what Of returned, and of whom, so that it is not written again before the news of it is here
}

// Run writes until ctx ends. What cannot be written is logged and tried again.
func (w *Writer) Run(ctx context.Context) {
	w.written = map[config.Key]config.Digest{}
	for {
		pause := time.NewTimer(settle)
		select {
		case <-ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		var again <-chan time.Time
		if failed := w.once(ctx); failed > 0 {
			again = time.After(retry)
		}
		select {
		case <-ctx.Done():
			return
		case <-w.Changed:
		case <-again:
		}
	}
}

// once writes what differs, and returns how many objects could not be written.
func (w *Writer) once(ctx context.Context) (failed int) {
	snapshot, problems := w.State()
	set := snapshot.Set()
	type result struct {
		key    config.Key
		digest config.Digest
		err    error
	}
	var todo []Update
	for _, u := range Of(snapshot, problems) {
		o := set.Get(u.Key)
		if w.Mine != nil && (o == nil || !w.Mine(o)) {
			delete(w.written, u.Key) // another may write meanwhile
			continue
		}
		if w.written[u.Key] != digestOf(u, o) {
			todo = append(todo, u)
		}
	}
	results := make([]result, len(todo))
	var group errgroup.Group
	group.SetLimit(parallel)
	for i, u := range todo {
		group.Go(func() error {
			results[i] = result{u.Key, digestOf(u, set.Get(u.Key)), w.write(ctx, u)}
			return nil
		})
	}
	_ = group.Wait()
	for _, r := range results {
		switch {
		case r.err == nil || apierrors.IsNotFound(r.err):
			w.written[r.key] = r.digest
		case errors.Is(r.err, context.Canceled):
		default:
			failed++
			w.Log.WarnContext(ctx, "status not written", "object", r.key.String(), "error", r.err)
		}
	}
	for key := range w.written {
		if set.Get(key) == nil {
			delete(w.written, key)
		}
	}
	return failed
}

// digestOf tells apart what an object is to be told from the same for another one that has taken its place.
func digestOf(u Update, o *config.Object) config.Digest {
	data, err := json.Marshal(u.Status)
	if err != nil || o == nil {
		return config.Digest{}
	}
	born := o.Meta.Created.String()
	if m, ok := o.Spec.(metav1.Object); ok {
		born += string(m.GetUID())
	}
	return digest.Of(born + string(data))
}

func (w *Writer) write(ctx context.Context, u Update) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	status := plain(u.Status)
	stamp(status, metav1.Now())
	meta := map[string]any{"name": u.Key.Name}
	if u.Key.Namespace != "" {
		meta["namespace"] = u.Key.Namespace
	}
	data, err := json.Marshal(map[string]any{"apiVersion": u.APIVersion, "kind": u.Key.Kind.Name, "metadata": meta, "status": status})
	if err != nil {
		return err
	}
	group, version, _ := strings.Cut(u.APIVersion, "/")
	resource := w.Client.Resource(schema.GroupVersionResource{Group: group, Version: version, Resource: kube.Resource(u.Key.Kind)})
	force := true
	_, err = resource.Namespace(u.Key.Namespace).Patch(ctx, u.Key.Name, types.ApplyPatchType, data, metav1.PatchOptions{FieldManager: fieldManager, Force: &force}, "status")
	return err
}
